"""The shipped lawbook: sound, covered by its own cases, and scored on the casebook."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from carnet.law.casebook import read_cases
from carnet.law.checks import check_cases
from carnet.law.lawbook import lawbook_from_texts
from carnet.law.mutants import COMPARISON, THRESHOLD
from carnet.service.cli.law import run_cases
from carnet.service.cli.mutants import EQUIVALENT, KILLED, REFUSED, hunt_order

ROOT = Path(__file__).resolve().parents[2]
OWN = sorted((ROOT / "lawbook").glob("*/cases/*.yaml"))


@pytest.fixture(scope="module")
def own_cases():
    return [case for path in OWN for case in read_cases(path.read_text(encoding="utf-8"), str(path))]


def test_every_own_case_comes_out_as_it_says(book, own_cases):
    score = run_cases(own_cases, book)
    assert [(one.case.id, one.reasons) for one in score.results if one.outcome != "preferred"] == []


def test_every_rule_is_tested_on_each_side(book, own_cases):
    assert check_cases(book, own_cases) == []


def test_the_check_notices_when_a_case_is_taken_away(book, own_cases):
    fewer = [case for case in own_cases if case.id != "own-cn-g7-31"]
    assert {problem.rule for problem in check_cases(book, fewer)} == {"cn/guide_2026/g7"}
    none = check_cases(book, [])
    assert {one.rule for one in none} >= {rule.id for order in book.orders.values() for rule in order.rules}


def test_the_check_notices_a_first_day_beside_which_no_case_stands(book, own_cases):
    first = [case for case in own_cases if str(case.movement.date) != "2026-02-02"]
    found = {(one.rule, one.what) for one in check_cases(book, first)}
    assert ("cn/guide_2026/g7", "no own case on 2026-02-02, the day beside its first day") in found
    assert ("cn/prov_2021/art_3_4", "no own case on 2026-02-02, its last day") in found
    last = [case for case in own_cases if str(case.movement.date) != "2026-07-01"]
    assert ("xa/persons_before_assessment", "no own case on 2026-07-01, its first day of a value") in {
        (one.rule, one.what) for one in check_cases(book, last)
    }


def test_the_check_notices_what_nothing_reads(book, own_cases):
    texts = dict(book.texts)
    texts["xa/parameters.yaml"] += (
        "xa/idle:\n  description: Nobody reads it\n  compare: exceeds\n  values:\n    2024-03-01:\n"
        "      {value: 1, source: {instrument: recordings_act, article: art. 1}, certainty: official}\n"
    )
    texts["xa/index.yaml"] = texts["xa/index.yaml"].replace(
        "terms:", "terms:\n  idle: {fact: origin, is: XA}"
    )
    found = {(one.rule, one.what) for one in check_cases(lawbook_from_texts(texts), own_cases)}
    assert found == {
        ("xa/idle", "no condition reads this parameter"),
        ("xa: idle", "no condition uses this term"),
    }


@pytest.fixture(scope="module")
def score(book, shared):
    files = sorted((shared / "casebook").glob("*.yaml"))
    cases = [case for path in files for case in read_cases(path.read_text(encoding="utf-8"), path.name)]
    return run_cases(cases, book)


def test_the_casebook_of_the_modelled_orders_is_answered(score):
    mine = [one for one in score.results if one.outcome != "not modelled"]
    held = {"CH", "CN", "EU", "GB", "JP", "KR", "US"}
    assert {code for one in mine for code in one.case.jurisdictions} >= held
    preferred = sum(one.outcome == "preferred" for one in mine)
    assert preferred >= 0.9 * len(mine)
    weighty = [one for one in mine if one.case.certainty in {"official", "enforcement"}]
    assert [one.case.id for one in weighty if one.outcome == "failed"] == []


def test_the_register_holds_every_fact_of_the_casebook(book, shared):
    page = (shared / "casebook" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `([a-z0-9_]+)` \| (\w+)[^|]*\| (movement|exporter|recipient|content) \| ([\w-]+) ",
        page,
        re.MULTILINE,
    )
    assert len(rows) == 74
    for name, kind, scope, combines in rows:
        entry = book.register[name]
        assert (entry.type, entry.scope) == (kind, scope)
        assert entry.combines == ("none" if combines == "-" else combines)


def test_only_what_the_casebook_presumes_is_presumed(book):
    presumed = {name for name in book.register if book.register[name].presumed is not None}
    assert presumed == {
        "state_secret",
        "recipient_designated",
        "purpose_is_evasion",
        "notified_or_published_as_important",
    }


def test_the_vocabulary_is_the_public_one(shared):
    ours = (ROOT / "lawbook" / "vocabulary.yaml").read_text(encoding="utf-8")
    assert ours == (shared / "design" / "vocabulary.yaml").read_text(encoding="utf-8")


def test_every_rule_says_where_it_comes_from(book):
    for order in book.orders.values():
        for rule in order.rules:
            assert rule.cite
            assert rule.certainty in {"official", "draft", "secondary", "background"}
            assert rule.says
        for parameter in order.parameters.values():
            assert all(value.cite for value in parameter.values)


def test_no_rule_is_named_after_a_case(book, shared):
    ids = set(
        re.findall(
            r"^- id: (\S+)",
            "".join(p.read_text() for p in (shared / "casebook").glob("*.yaml")),
            re.MULTILINE,
        )
    )
    assert ids
    law = json.dumps(dict(book.texts))
    assert not [name for name in ids if name in law]


@pytest.mark.slow
@pytest.mark.parametrize("code", ["CN", "EU", "US", "GB", "CH", "JP", "KR"])
def test_every_mutant_of_a_number_is_caught_by_an_own_case(book, own_cases, code):
    fates = hunt_order(book, book.orders[code], list(own_cases), jobs=1, kinds=(THRESHOLD, COMPARISON))
    assert fates
    assert [
        f"{one.of}: {one.what}" for one in fates if one.outcome not in {KILLED, REFUSED, EQUIVALENT}
    ] == []

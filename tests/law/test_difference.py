"""Two lawbooks, two days, two editions: what differs in law, and whose answer is another."""

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from carnet.errors import InputError, LawbookError
from carnet.law.difference import between_books, between_days, between_editions, read_editions
from carnet.law.lawbook import EDITIONS, default_folder, load_lawbook
from carnet.service.cli.diff import diff

CASES = default_folder() / "xa" / "cases" / "recordings_act.yaml"


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """The shipped lawbook, and a copy to change."""
    folder = tmp_path / "new"
    shutil.copytree(default_folder(), folder, ignore=shutil.ignore_patterns("cases"))
    return default_folder(), folder


def edit(folder: Path, path: str, was: str, now: str) -> None:
    place = folder / path
    text = place.read_text("utf-8")
    assert was in text
    place.write_text(text.replace(was, now, 1), "utf-8")


def changes(two: tuple[Path, Path]):
    return between_books(load_lawbook(two[0]), load_lawbook(two[1]))


def test_the_same_law_in_other_lines_differs_in_nothing(two):
    edit(two[1], "xa/rules/recordings_act.yaml", "rules:\n", "# a remark\nrules:\n\n")
    assert changes(two) == ()


def test_a_value_that_changed_is_said_with_its_day_unit_and_source(two):
    edit(two[1], "xa/parameters.yaml", "value: 500", "value: 400")
    [one] = changes(two)
    assert (one.order, one.kind, one.id, one.what) == (
        "XA",
        "parameter",
        "xa/persons_before_assessment",
        "changed",
    )
    [(part, was, now)] = one.parts
    assert part == "from 2026-07-01"
    assert was.startswith("500 persons (")
    assert now.startswith("400 persons (")
    assert "art. 2; official" in now


def test_a_condition_that_changed_is_said_in_words(two):
    edit(
        two[1],
        "xa/rules/recordings_act.yaml",
        "{fact: emergency_for_life_or_property, is: true}",
        "{fact: emergency_for_life_or_property, is: false}",
    )
    [one] = changes(two)
    assert (one.id, [part for part, _, _ in one.parts]) == ("xa/recordings_act/art_15", ["condition"])
    assert "is true" in one.parts[0][1]
    assert "is false" in one.parts[0][2]


def test_rules_orders_terms_and_reach_are_told(two):
    edit(
        two[1], "xa/rules/recordings_act.yaml", "id: xa/recordings_act/art_20", "id: xa/recordings_act/art_21"
    )
    edit(two[1], "xa/index.yaml", "reach: {fact: places, includes: XA}", "reach: {fact: origin, is: XA}")
    edit(two[1], "xa/index.yaml", "{not: {fact: recipient_in, is: XA}}", "{not: {fact: destination, is: XA}}")
    shutil.rmtree(two[1] / "jp")
    found = {(one.order, one.kind, one.id, one.what) for one in changes(two)}
    assert found == {
        ("JP", "order", "Japan", "ended"),
        ("XA", "rule", "xa/recordings_act/art_20", "ended"),
        ("XA", "rule", "xa/recordings_act/art_21", "added"),
        ("XA", "term", "leaves", "changed"),
        ("XA", "reach", "reach", "changed"),
    }


def test_between_two_days_values_change_and_rules_begin_and_end():
    book = load_lawbook()
    found = between_days(book, date(2026, 6, 30), date(2026, 7, 1))
    mine = [one for one in found if one.order == "XA"]
    assert [(one.id, one.what) for one in mine] == [("xa/persons_before_assessment", "changed")]
    assert "1000" in mine[0].parts[0][1]
    found = {one.id: one.what for one in between_days(book, date(2026, 2, 2), date(2026, 2, 3))}
    assert found["cn/guide_2026/g7"] == "added"
    assert found["cn/prov_2021/art_3_4"] == "ended"
    assert found["cn/face_px"] == "added"


def test_the_answers_that_change_are_named(two, capsys):
    edit(two[1], "xa/parameters.yaml", "value: 500", "value: 499")
    old, new = map(str, two)
    diff(old, new, cases=[CASES], movements=[], lawbook=None, as_json=True)
    form = json.loads(capsys.readouterr().out)
    assert form["asked"] > 5
    verdicts = {
        one["of"]: tuple(one[when]["orders"]["XA"]["verdict"] for when in ("was", "is"))
        for one in form["answers"]
    }
    assert verdicts == {"case own-xa-500": ("permitted", "conditional")}
    diff(old, new, cases=[CASES], movements=[], lawbook=None, as_json=False)
    page = capsys.readouterr().out
    assert "XA verdict: permitted, now conditional" in page
    assert "0 added, 0 ended, 1 changed." in page
    diff(old, new, cases=[], movements=[], lawbook=None, as_json=False)
    assert "answers" not in capsys.readouterr().out


def test_editions_tell_same_changed_and_unknown(capsys):
    order = load_lawbook().orders["CN"]
    path = default_folder() / "cn" / EDITIONS
    items = read_editions(path.read_text("utf-8"), "here", order)
    found = between_editions(items, "guide_2025_draft", "guide_2026")
    by_item = {item.item.split(":")[0]: how for how, item in found}
    assert by_item["ID-G5"] == "changed"
    assert by_item["ID-G3"] == "the same in both"
    assert by_item["ID-CO2"] == "known of guide_2025_draft alone"
    assert by_item["ID-G7"] == "known of guide_2026 alone"
    diff("cn/guide_2025_draft", "cn/guide_2026", cases=[], movements=[], lawbook=None, as_json=False)
    assert "30 days or more in total (secondary; S14)" in capsys.readouterr().out
    diff("cn/guide_2025_draft", "cn/guide_2026", cases=[], movements=[], lawbook=None, as_json=True)
    assert len(json.loads(capsys.readouterr().out)["items"]) == len(found)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("2026-01-01", "lawbook", "a day is compared with a day"),
        ("cn/guide_2025_draft", "cn/nothing", "no two instruments"),
        ("cn/guide_2025_draft", "eu/gdpr", "no two instruments"),
        ("zz/one", "zz/two", "no two instruments"),
        ("eu/gdpr", "eu/dpf", "no editions"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_what_can(old, new, match):
    with pytest.raises(InputError, match=match):
        diff(old, new, cases=[], movements=[], lawbook=None, as_json=False)


def test_a_folder_that_is_no_lawbook_is_refused(tmp_path):
    with pytest.raises(LawbookError, match="no such folder"):
        diff(str(tmp_path / "a"), str(tmp_path / "b c"), cases=[], movements=[], lawbook=None, as_json=False)


@pytest.mark.parametrize(
    "item",
    [
        "{item: a}",
        "{item: a, rule: cn/none, guide_2026: {says: b, certainty: draft, source: c}}",
        "{item: a, guide_2026: {says: b, certainty: sure, source: c}}",
        "{item: a, guide_2026: {says: b, certainty: draft}}",
        "{item: a, guide_1999: {says: b, certainty: draft, source: c}}",
    ],
)
def test_careless_editions_are_refused(item):
    with pytest.raises(LawbookError):
        read_editions(f"editions: v1\nitems:\n- {item}\n", "here", load_lawbook().orders["CN"])

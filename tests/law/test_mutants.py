"""Mutants of the law: what is changed, what a case notices, and who may kill."""

from pathlib import Path

import pytest

from carnet.errors import LawbookError, MovementError
from carnet.law.casebook import read_cases
from carnet.law.lawbook import default_folder, load_lawbook
from carnet.law.mutants import COMPARISON, CONDITION, DATE, KINDS, THRESHOLD, mutants_of
from carnet.model.ids import LegalOrder
from carnet.service.cli.mutants import (
    EQUIVALENT,
    KILLED,
    PROGRAM,
    SURVIVED,
    hunt_order,
    read_equivalents,
    share,
    with_equivalents,
)

XA = LegalOrder("XA")


def cases_of(order: str) -> list:
    paths = sorted((default_folder() / order / "cases").glob("*.yaml"))
    return [case for path in paths for case in read_cases(path.read_text(encoding="utf-8"), str(path))]


def test_every_number_comparison_day_and_part_is_changed_once():
    book = load_lawbook()
    found = [(one.kind, one.of, one.what) for one in mutants_of(book.orders[XA])]
    assert len(found) == len(set(found))
    name = "xa/persons_before_assessment"
    value = book.orders[XA].parameters[name].values[-1].value
    assert (THRESHOLD, name, f"{value + 1} instead of {value}") in found
    assert (THRESHOLD, name, f"{value - 1} instead of {value}") in found
    assert {what for kind, of, what in found if (kind, of) == (COMPARISON, name)} == {
        "at_least instead of exceeds",
        "at_most instead of exceeds",
    }
    assert any(kind == DATE and "in force from" in what for kind, _, what in found)
    assert any(kind == CONDITION and what.startswith("without ") for kind, _, what in found)
    assert {kind for kind, _, _ in found} <= set(KINDS)


def test_mutating_leaves_the_lawbook_as_it_was():
    book = load_lawbook()
    before = repr(book.orders[XA].rules[0].when.value), book.orders[XA].turning_days()[:]
    list(mutants_of(book.orders[XA]))
    assert (repr(book.orders[XA].rules[0].when.value), book.orders[XA].turning_days()) == before


def test_the_cases_of_xanadu_notice_what_is_changed():
    book = load_lawbook()
    fates = hunt_order(book, book.orders[XA], cases_of("xa"), jobs=1)
    killed, whole = share(fates)
    assert whole > 30
    assert killed == whole
    threshold = [one for one in fates if one.kind == THRESHOLD]
    assert threshold
    assert {one.outcome for one in threshold} == {KILLED}


def test_without_the_case_at_the_number_its_mutants_survive():
    book = load_lawbook()
    name = "xa/persons_before_assessment"
    far = [case for case in cases_of("xa") if not 400 <= (case.movement.contents[0].persons or 0) <= 1100]
    fates = [one for one in hunt_order(book, book.orders[XA], far, jobs=1) if one.of == name]
    assert any(one.kind == THRESHOLD and one.outcome == SURVIVED for one in fates)


def test_a_case_that_a_program_made_is_told_apart():
    book = load_lawbook()
    path = default_folder() / "xa" / "cases" / "recordings_act.yaml"
    text = path.read_text(encoding="utf-8").replace("\ncases:", "\nmade_by: program\ncases:", 1)
    fates = hunt_order(book, book.orders[XA], list(read_cases(text, "copy")), jobs=1)
    assert {one.outcome for one in fates} >= {PROGRAM}
    assert all(one.outcome != KILLED for one in fates)


def test_only_survivors_can_be_called_equivalent(tmp_path: Path):
    book = load_lawbook()
    fates = hunt_order(book, book.orders[XA], [], jobs=1)
    one = fates[0]
    assert one.outcome == SURVIVED
    folder = tmp_path / "xa" / "cases" / "equivalent"
    folder.mkdir(parents=True)
    (folder / "named.yaml").write_text(
        f"equivalent:\n- of: {one.of}\n  what: ['{one.what}']\n  why: the rule says so anyway\n", "utf-8"
    )
    marked = with_equivalents(fates, read_equivalents(tmp_path))
    assert marked[0].outcome == EQUIVALENT
    killed = hunt_order(book, book.orders[XA], cases_of("xa"), jobs=1)
    named = {(fate.of, fate.what): "no" for fate in killed}
    after = with_equivalents(killed, named)
    assert [fate for fate in after if fate.outcome == KILLED] == [
        fate for fate in killed if fate.outcome == KILLED
    ]


def test_an_equivalent_without_reason_is_refused(tmp_path: Path):
    folder = tmp_path / "xa" / "cases" / "equivalent"
    folder.mkdir(parents=True)
    (folder / "named.yaml").write_text("equivalent:\n- of: xa/a\n  what: ['b']\n", "utf-8")
    with pytest.raises(LawbookError, match="why"):
        read_equivalents(tmp_path)


CASE = """
cases:
- id: a
  source: {document: d, item: i}
  jurisdictions: [XA]
  each: {at: [%s], values: %s}
  movement:
    movement: v1
    date: "2026-06-01"
    origin: XA
    destination: DE
    mode: transfer
    exporter: {established_in: XA}
    recipient: {established_in: DE, relation: affiliate}
    activity: other
    contents: [{name: item, data: image, persons: 1}]
  expect: {verdict: permitted}
"""


def test_a_case_for_each_value_is_one_case_a_value():
    read = read_cases(CASE % ("destination, recipient.established_in", "[FR, IT]"), "here")
    assert [case.id for case in read] == ["a-fr", "a-it"]
    assert [case.movement.recipient.established_in for case in read] == ["FR", "IT"]
    read = read_cases(CASE % ("'contents[0].persons'", "[1, 2]"), "here")
    assert [case.movement.contents[0].persons for case in read] == [1, 2]


@pytest.mark.parametrize(
    ("at", "values", "says"),
    [
        ("recipient.seat.town", "[FR]", "no place"),
        ("'contents[3].persons'", "[1]", "no place"),
        ("destination", "[]", "empty list"),
        ("destination", "[FR, FR]", "twice"),
    ],
)
def test_a_case_for_each_value_refuses_what_it_cannot_place(at: str, values: str, says: str):
    with pytest.raises((LawbookError, MovementError), match=says):
        read_cases(CASE % (at, values), "here")

"""The lawbook loads as it should, and refuses, with file, line and remedy, whatever it may not say."""

from __future__ import annotations

from datetime import date

import pytest

from carnet.errors import LawbookError
from carnet.law.lawbook import lawbook_from_texts, load_lawbook
from carnet.model.movement import parse_movement

RULES = "xa/rules/recordings_act.yaml"
PARAMETERS = "xa/parameters.yaml"
INDEX = "xa/index.yaml"


@pytest.fixture(scope="module")
def texts():
    whole = load_lawbook().texts
    return {path: text for path, text in whole.items() if "/" not in path or path.startswith("xa/")}


def test_texts_give_the_same_lawbook_back():
    book = load_lawbook()
    again = lawbook_from_texts(book.texts)
    assert again.digest == book.digest
    assert set(again.orders) == set(book.orders) >= {"CN", "EU", "US", "XA"}


def test_the_digest_follows_every_byte_and_no_case(texts):
    first = lawbook_from_texts(texts)
    assert lawbook_from_texts({**texts, RULES: texts[RULES] + "# a word\n"}).digest != first.digest
    assert lawbook_from_texts(dict(reversed(texts.items()))).digest == first.digest
    assert not any("cases" in path for path in load_lawbook().texts)


def test_a_folder_is_a_lawbook(tmp_path, texts):
    for path, text in texts.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    assert load_lawbook(tmp_path).digest == lawbook_from_texts(texts).digest
    with pytest.raises(LawbookError, match="no such folder"):
        load_lawbook(tmp_path / "nowhere")


def test_norway_is_a_member():
    law = load_lawbook().orders["EU"].on(date(2026, 1, 1))
    assert "NO" in law.countries
    assert len(law.countries) == 30


def test_a_parameter_changes_on_its_day(texts):
    parameter = lawbook_from_texts(texts).parameter("xa/persons_before_assessment")
    assert parameter is not None
    assert [
        parameter.on(date.fromisoformat(day)) and parameter.on(date.fromisoformat(day)).value
        for day in ("2024-02-29", "2024-03-01", "2026-06-30", "2026-07-01")
    ] == [None, 1000, 1000, 500]


@pytest.mark.parametrize(
    ("path", "old", "new", "says"),
    [
        (RULES, "title: Personal recordings", "titel: Personal recordings", "'titel' is not known"),
        (RULES, "title: Emergencies", "title: Emergencies\n  title: Again", "given twice"),
        (RULES, "when: {fact: persons, at_least: 1}", "when: {all: []}", "an empty 'all' says nothing"),
        (RULES, "when: {fact: persons, at_least: 1}", "when: {any: []}", "an empty 'any' says nothing"),
        (RULES, "{fact: persons, at_least: 1}", "{fact: people, at_least: 1}", "'people' is not registered"),
        (
            RULES,
            "exceeds: xa/persons_before_assessment",
            "at_least: xa/persons_before_assessment",
            "the law's word",
        ),
        (RULES, "exceeds: xa/persons_before_assessment", "exceeds: xa/nothing", "there is no parameter"),
        (
            RULES,
            "exception_to: xa/recordings_act/art_12_1",
            "exception_to: xa/recordings_act/art_99",
            "is not there",
        ),
        (
            RULES,
            "exception_to: xa/recordings_act/art_12_1",
            "exception_to: xa/recordings_act/art_15",
            "in a circle",
        ),
        (RULES, "id: xa/recordings_act/art_3\n", "id: xa/recordings_act/art_15\n", "is there twice"),
        (RULES, "classes: [map.sensitive_place]", "classes: [map.secret]", "no class of data"),
        (
            RULES,
            "when: {fact: persons, at_least: 1}",
            "when: {fact: persons, at_least: 1, at_most: 2}",
            "exactly one",
        ),
        (RULES, "{fact: persons, at_least: 1}", "{fact: persons, is: true}", "does not fit"),
        (RULES, "effect: {prohibits: true}", "effect: {prohibits: false}", "is only ever true"),
        (
            RULES,
            "effect: {prohibits: true}",
            "effect: {prohibits: true, permits: true}",
            "exactly one effect",
        ),
        (
            RULES,
            "{fact: persons, at_least: 1}",
            "{fact: persons, at_least: 1" + "0" * 400 + "}",
            "too large",
        ),
        (RULES, "{from: 2024-03-01}", "{from: 2024-03-01, until: 2024-02-29}", "before the first"),
        (RULES, "classes: [map.sensitive_place]", "classes: []", "never speaks"),
        (RULES, "id: xa/recordings_act/art_3\n", "id: eu/recordings_act/art_3\n", "not of this order"),
        (RULES, "certainty: official", "certainty: sure", "'sure' is not known"),
        (RULES, "  source: {instrument: recordings_act, article: art. 3}\n", "", "'source' is missing"),
        (
            RULES,
            "instrument: recordings_act, article: art. 3}",
            "instrument: other_act, article: art. 3}",
            "'other_act'",
        ),
        (RULES, "{from: 2024-03-01}", "{from: 2024-3-1}", "no day"),
        (RULES, "when: {term: leaves}", "when: {term: enters}", "'enters' is not known"),
        (
            RULES,
            "in_force: {from: 2024-03-01}\n  when:\n    all:",
            "in_force: {from: 2023-01-01}\n  when:\n    all:",
            "no value",
        ),
        (PARAMETERS, "source: {instrument: amending_order_4, article: art. 2}", "", "'source' is missing"),
        (PARAMETERS, "2026-07-01:", "2023-07-01:", "not in order"),
        (PARAMETERS, "compare: exceeds", "compare: more_than", "'more_than' is not known"),
        (INDEX, "law_from: 2024-03-01", "", "'law_from' is missing"),
    ],
)
def test_a_bad_lawbook_is_refused_with_its_place(texts, path, old, new, says):
    assert old in texts[path]
    with pytest.raises(LawbookError) as caught:
        lawbook_from_texts({**texts, path: texts[path].replace(old, new, 1)})
    assert says in caught.value.what
    assert path in (caught.value.where or "") or "facts.yaml" in (caught.value.where or "")
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["facts.yaml", "vocabulary.yaml", PARAMETERS])
def test_a_missing_file_is_named(texts, name):
    with pytest.raises(LawbookError, match=name):
        lawbook_from_texts({path: text for path, text in texts.items() if path != name})


def test_a_presumption_needs_its_reason(texts):
    facts = texts["facts.yaml"].replace("    presumed: false\n", "", 1)
    with pytest.raises(LawbookError, match="a presumption needs its reason"):
        lawbook_from_texts({**texts, "facts.yaml": facts})


def test_contradicting_rules_are_undecided_and_said(texts):
    from carnet.decide import decide

    extra = """
- id: xa/recordings_act/art_21
  title: Maps of anything may leave
  source: {instrument: recordings_act, article: art. 21}
  certainty: official
  in_force: {from: 2024-03-01}
  when: {term: leaves}
  effect: {permits: true}
  says: Maps may leave.
"""
    book = lawbook_from_texts({**texts, RULES: texts[RULES] + extra})
    movement = parse_movement(
        {
            "movement": "v1",
            "date": "2026-01-01",
            "origin": "XA",
            "destination": "XB",
            "exporter": {"established_in": "XA"},
            "recipient": {"established_in": "XB", "relation": "controller"},
            "activity": "other",
            "contents": [{"name": "a", "data": "map.sensitive_place", "persons": 0}],
        },
        source="t",
    )
    entry = decide(movement, book).entry("XA")
    assert entry is not None
    assert entry.verdict == "undecided"
    assert "art_20" in (entry.note or "")
    assert "art_21" in (entry.note or "")

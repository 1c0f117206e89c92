"""The check names what does not fit in the texts themselves, with its place and what to do."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from carnet.decide import decide
from carnet.law.consistency import check_texts
from carnet.law.lawbook import lawbook_from_texts, load_lawbook
from carnet.model.movement import parse_movement

RULES = "xa/rules/recordings_act.yaml"
BOOK = load_lawbook()
TEXTS = {path: text for path, text in BOOK.texts.items() if "/" not in path or path.startswith("xa/")}
RULE = """
- id: xa/recordings_act/{name}
  title: {name}
  source: {{instrument: recordings_act, article: art. 30}}
  certainty: official
  in_force: {{from: {start}{until}}}
{more}
  says: Something.
"""


def rule(name, more, start="2024-03-01", until=None):
    return RULE.format(name=name, start=start, until=f", until: {until}" if until else "", more=f"  {more}")


def found(*rules, **files):
    texts = dict(TEXTS)
    texts[RULES] += "".join(rules)
    for name, change in files.items():
        path = f"xa/{name}.yaml"
        texts[path] = change(texts[path])
    return [(one.rule, one.what) for one in check_texts(lawbook_from_texts(texts))]


def test_the_lawbook_fits():
    assert check_texts(BOOK) == []


def test_a_rule_that_begins_before_its_source():
    early = rule("a", "effect: {notes: true}", start="2024-02-29")
    ((name, what),) = found(early)
    assert name == "xa/recordings_act/a"
    assert "it is law from 2024-02-29, and Recordings Act from 2024-03-01" in what
    assert found(early.replace("2024-02-29", "2024-03-01")) == []
    reading = "  reading: {by: us, date: 2026-11-22, note: We think so.}\n"
    assert found(early + reading) == []
    older = "old_act: {short: Old Act, title: Old Act, certainty: official, in_force_from: 2020-01-01}\n"
    named = early.replace("article: art. 30}", 'article: art. 30, also: ["Old Act, art. 1"]}')
    assert found(named, instruments=lambda text: text + older) == []


@pytest.mark.parametrize(("begins", "problems"), [("2025-01-01", 0), ("2025-01-02", 1)])
def test_a_day_between_two_rules_of_one_article(begins, problems):
    first = rule("a", "effect: {prohibits: true}\n  classes: [audio]", until="2024-12-31")
    second = rule("b", "effect: {prohibits: true}\n  classes: [audio]", start=begins)
    out = found(first, second)
    assert len(out) == problems
    if problems:
        assert out[0][0] == "xa/recordings_act/a"
        assert "xa/recordings_act/b of the same article begins on 2025-01-02" in out[0][1]


def test_a_rule_that_ends_for_good_leaves_no_gap():
    assert found(rule("a", "effect: {prohibits: true}\n  classes: [audio]", until="2024-12-31")) == []


@pytest.mark.parametrize(("until", "problems"), [("2024-12-31", 0), ("2025-01-01", 1)])
def test_two_rules_that_say_the_same(until, problems):
    body = "effect: {prohibits: true}\n  classes: [audio]\n  when: {term: leaves}"
    out = found(rule("a", body, until=until), rule("b", body, start="2025-01-01"))
    assert len(out) == problems
    if problems:
        assert "it says what xa/recordings_act/a says on the same days" in out[0][1]


PERMIT = "effect: {{permits: true}}\n  classes: [{}]\n  when: {}"
BAN = "effect: {{prohibits: true}}\n  classes: [{}]\n  when: {}"


@pytest.mark.parametrize(
    ("permitted", "when", "prohibited", "unless", "problems"),
    [
        ("audio", "{term: leaves}", "audio", "{fact: persons, at_least: 1}", 1),
        ("audio", "{term: leaves}", "audio.cabin", "{fact: persons, at_least: 1}", 1),
        ("audio", "{term: leaves}", "map", "{fact: persons, at_least: 1}", 0),
        ("audio", "{fact: persons, is: 0}", "audio", "{fact: persons, is: 1}", 0),
        ("audio", "{fact: persons, fewer_than: 5}", "audio", "{fact: persons, at_least: 5}", 0),
        ("audio", "{fact: persons, at_most: 5}", "audio", "{fact: persons, at_least: 5}", 1),
        ("audio", "{fact: persons, at_most: 5}", "audio", "{fact: persons, exceeds: 5}", 0),
        ("audio", "{fact: destination, is: ZW}", "audio", "{fact: destination, is_one_of: [ZM, BW]}", 0),
        ("audio", "{fact: destination, is: ZW}", "audio", "{fact: destination, is_one_of: [ZW, BW]}", 1),
        ("audio", "{fact: state_secret, is: true}", "audio", "{not: {fact: state_secret, is: true}}", 0),
        ("audio", "{term: leaves}", "audio", "{all: [{not: {fact: origin, is: XA}}]}", 0),
    ],
)
def test_a_rule_that_permits_beside_one_that_prohibits(permitted, when, prohibited, unless, problems):
    out = found(rule("a", PERMIT.format(permitted, when)), rule("b", BAN.format(prohibited, unless)))
    assert len(out) == problems
    if problems:
        assert out[0][0] == "xa/recordings_act/a"
        assert "it permits what xa/recordings_act/b prohibits, from 2024-03-01 on" in out[0][1]


def test_what_permits_by_exception_or_on_other_days_contradicts_nothing():
    ban = rule("b", BAN.format("audio", "{term: leaves}"))
    permit = PERMIT.format("audio", "{term: leaves}")
    assert found(rule("a", permit + "\n  exception_to: xa/recordings_act/b"), ban) == []
    ended = rule("b", BAN.format("audio", "{term: leaves}"), until="2024-12-31")
    assert found(rule("a", permit, start="2025-01-01"), ended) == []


def test_a_contradiction_that_the_check_names_is_undecided():
    texts = dict(TEXTS)
    texts[RULES] += rule("a", "effect: {permits: true}\n  when: {term: leaves}")
    texts[RULES] += rule("b", "effect: {prohibits: true}\n  when: {term: leaves}")
    book = lawbook_from_texts(texts)
    assert len(check_texts(book)) == 2  # also with the ban on maps of sensitive places
    decision = decide(movement("XA", "ZW", date(2026, 8, 1)), book)
    assert {one.code: one.verdict.value for one in decision.jurisdictions}["XA"] == "undecided"


def test_a_text_of_law_that_nothing_names():
    idle = "idle_act:\n  short: Idle Act\n  title: Idle Act\n  certainty: official\n"
    ((name, what),) = found(instruments=lambda text: text + idle)
    assert name == "xa: idle_act"
    assert "nothing names this text of law" in what
    assert found(instruments=lambda text: text + idle + "  note: Repealed.\n") == []


def movement(origin, destination, day):
    return parse_movement(
        {
            "movement": "v1",
            "date": day.isoformat(),
            "origin": origin,
            "destination": destination,
            "exporter": {"id": "a:1", "established_in": origin},
            "recipient": {"id": "a:2", "established_in": destination, "relation": "affiliate"},
            "activity": "research_design",
            "contents": [
                {"name": "camera", "data": "image.exterior", "persons": 10},
                {"name": "speed", "data": "driving.dynamics", "persons": 0},
            ],
        },
        source="test",
    )


@pytest.mark.parametrize("code", sorted(BOOK.orders))
def test_every_day_on_which_something_changes_is_decided(code):
    """On each turning day, the day before, and both edges of the calendar: an answer, and no failure."""
    order = BOOK.orders[code]
    days = order.turning_days()
    assert days
    swept = {one for day in days for one in (day - timedelta(days=1), day)} | {
        date(1990, 1, 1),
        date(2060, 1, 1),
    }
    home = {"EU": "DE"}.get(str(code), str(code))
    for day in sorted(swept):
        for origin, destination in ((home, "ZW"), ("ZW", home)):
            decision = decide(movement(origin, destination, day), BOOK)
            entries = {str(one.code): one for one in decision.jurisdictions}
            assert str(code) in entries, day
            if day < order.law_from and entries[str(code)].verdict.value == "permitted":
                pytest.fail(f"{code} permits on {day}, before its first modelled day")

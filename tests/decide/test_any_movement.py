"""Whatever registered names and classes a movement uses, it gets an answer in the published form."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.decide import decide
from carnet.law.lawbook import load_lawbook
from carnet.model import movement as m
from carnet.model.decision import Verdict
from carnet.model.movement import parse_movement

BOOK = load_lawbook()
COUNTRIES = st.sampled_from(["CN", "DE", "US", "JP", "NO", "XA", "CH"])
DAYS = st.sampled_from(
    ["2018-05-24", "2021-11-01", "2024-03-21", "2024-06-01", "2026-02-02", "2026-02-03", "2031-12-28"]
)


def _value(name):
    kind = BOOK.register[name].type
    return {
        "bool": st.booleans(),
        "integer": st.sampled_from([0, 1, 15, 16, 31, 32, 30, 4999, 100_000]),
        "number": st.sampled_from([0, 0.5, 25, 26, 1999.5, 2000]),
        "list": st.lists(st.sampled_from(["lane_keeping", "other"]), max_size=2),
        "date": st.just("2026-01-01"),
    }.get(kind, st.just("word"))


def _facts(scope):
    names = [n for n in BOOK.register if BOOK.register[n].scope == scope and not BOOK.register[n].field]
    chosen = st.lists(st.sampled_from(names), max_size=4, unique=True) if names else st.just([])
    return chosen.flatmap(lambda some: st.fixed_dictionaries({name: _value(name) for name in some}))


def _some(names):
    return st.lists(st.sampled_from(names), max_size=2, unique=True)


CONTENT = st.fixed_dictionaries(
    {"data": st.sampled_from(sorted(BOOK.vocabulary.classes)), "facts": _facts("content")},
    optional={
        "persons": st.sampled_from([0, 1, 10_000, 100_001]),
        "persons_new_this_year": st.sampled_from([0, 1]),
        "vehicles": st.sampled_from([0, 1, 100_000]),
        "removed": _some(m.PARTS),
        "about": st.lists(COUNTRIES, max_size=2),
    },
)
SAFEGUARD = st.fixed_dictionaries(
    {"kind": st.sampled_from(m.SAFEGUARDS)},
    optional={
        "passed": DAYS,
        "until": DAYS,
        "outcome": st.sampled_from(m.OUTCOMES),
        "authority": st.sampled_from(["MIIT", "SAMR"]),
        "covers": st.fixed_dictionaries({}, optional={"purpose": st.just("p"), "data": st.just(["image"])}),
    },
)
MOVEMENT = st.fixed_dictionaries(
    {
        "movement": st.just("v1"),
        "date": DAYS,
        "origin": COUNTRIES,
        "destination": COUNTRIES,
        "exporter": st.fixed_dictionaries(
            {"established_in": COUNTRIES, "facts": _facts("exporter")},
            optional={
                "critical_infrastructure": st.booleans(),
                "free_trade_zone": st.sampled_from([None, "CN-BJ", "CN-SH-LG"]),
                "relation": st.just("data_subject"),
                "id": st.just("x:1"),
            },
        ),
        "recipient": st.fixed_dictionaries(
            {"established_in": COUNTRIES, "facts": _facts("recipient")},
            optional={
                "relation": st.sampled_from(m.RELATIONS),
                "located_in": COUNTRIES,
                "certified_under": st.sampled_from([[], ["eu-us-dpf"]]),
                "id": st.sampled_from(["x:1", "x:2"]),
            },
        ),
        "activity": st.sampled_from(m.ACTIVITIES),
        "facts": _facts("movement"),
        "contents": st.lists(CONTENT, min_size=1, max_size=3).map(
            lambda some: [{"name": f"c{number}", **one} for number, one in enumerate(some)]
        ),
    },
    optional={
        "held_in": COUNTRIES,
        "mode": st.sampled_from(m.MODES),
        "basis": _some(m.BASES),
        "safeguards": st.lists(SAFEGUARD, max_size=3),
        "year_to_date": st.fixed_dictionaries({}, optional={"persons": st.just(95_000)}),
        "totals": st.fixed_dictionaries({}, optional={"persons": st.sampled_from([0, 100_000])}),
        "history": st.just([]),
    },
)


@given(MOVEMENT)
@settings(max_examples=300, deadline=None)
def test_every_movement_gets_an_answer(form):
    decision = decide(parse_movement(form, source="t"), BOOK)
    json.dumps(decision.to_mapping(), allow_nan=False)
    if decision.verdict is Verdict.UNDECIDED:
        assert decision.missing
    if decision.verdict is Verdict.PERMITTED:
        assert all(not entry.routes and not entry.prerequisites for entry in decision.jurisdictions)
    if decision.verdict is Verdict.CONDITIONAL and not decision.routes_open:
        assert any(entry.routes or entry.prerequisites for entry in decision.jurisdictions)
    assert decide(parse_movement(form, source="t"), BOOK, explain=False).verdict is decision.verdict

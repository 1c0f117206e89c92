"""Bulk answers are the judge's, row by row: on mixed columns, with unknowns, at every threshold, under any frame."""

from __future__ import annotations

import numpy as np
import pytest

from carnet.bulk import FIELDS, Named, decide_many, row_movement
from carnet.decide import decide
from carnet.errors import InputError
from carnet.law.lawbook import load_lawbook
from carnet.model.movement import parse_movement

BOOK = load_lawbook()
CLASSES = tuple(sorted(BOOK.vocabulary.classes))
BASE = {
    "movement": "v1",
    "date": "2026-11-21",
    "origin": "CN",
    "destination": "DE",
    "exporter": {"established_in": "CN", "critical_infrastructure": False, "free_trade_zone": None},
    "recipient": {"established_in": "DE", "relation": "affiliate"},
    "activity": "driving_automation",
    "basis": ["consent"],
    "safeguards": [],
    "year_to_date": {"persons": 0, "persons_sensitive": 0},
    "history": [],
    "contents": [{"name": "c", "data": "text"}],
}
FRAMES = {
    "plain": {},
    "sent before": {
        "year_to_date": {"persons": 95_000, "persons_sensitive": 9_000},
        "totals": {"persons": 99_000},
    },
    "unknown before": {"year_to_date": {}},
    "history": {
        "history": [
            {"from": "2026-01-01", "to": "2026-06-01", "measure": measure, "value": value}
            for measure, value in (
                ("hours", 12.5),
                ("images", 700),
                ("vehicles", 60_000),
                ("persons", 20_000),
            )
        ]
    },
    "no history known": {"history": None},
    "to Norway from Germany": {
        "origin": "DE",
        "destination": "US",
        "exporter": {"established_in": "DE"},
        "recipient": {"established_in": "US", "relation": "processor"},
    },
    "to China from the United States": {
        "origin": "US",
        "destination": "CN",
        "exporter": {"established_in": "US"},
        "recipient": {"established_in": "CN"},
    },
}


def frame(name):
    form = {key: value for key, value in {**BASE, **FRAMES[name]}.items() if value is not None}
    return parse_movement(form, source="t")


def numbers_of_the_law(name):
    """Every number that some rule holds a fact against, and those next to it."""
    found = {0, 1}
    for order in BOOK.orders.values():
        for live in order.on(frame("plain").date).every:
            for leaf in live.when.leaves():
                if leaf.numeric and (leaf.fact == name or (name in FIELDS and leaf.fact.startswith("year."))):
                    found |= {max(0, int(leaf.value) + step) for step in (-1, 0, 1)}
                    found |= {
                        max(0, int(leaf.value) - sent + step) for sent in (95_000, 20_000) for step in (-1, 0)
                    }
    return sorted(found)


def columns(rows, seed):
    chance = np.random.default_rng(seed)

    def unknown(share):
        return chance.random(rows) < share

    def number(name):
        values = chance.choice(numbers_of_the_law(name), rows).astype(np.float64)
        values[unknown(0.25)] = np.nan
        return values

    out = {"data": Named(CLASSES, chance.integers(0, len(CLASSES), rows))}
    facts = [BOOK.register[name] for name in BOOK.register]
    asked = {
        leaf.fact
        for order in BOOK.orders.values()
        for live in order.on(frame("plain").date).every
        for leaf in live.when.leaves()
    }
    for name in FIELDS:
        out[name] = number(name)
    usable = [one for one in facts if one.scope == "content" and not one.field and one.name in asked]
    for one in chance.choice(np.array(usable, dtype=object), 12, replace=False):
        if one.numeric:
            out[one.name] = number(one.name)
        elif one.type == "bool":
            out[one.name] = np.ma.MaskedArray(chance.random(rows) < 0.5, unknown(0.4))
        elif one.type == "list":
            out[one.name] = [None if hide else ["lane_keeping"] for hide in unknown(0.5)]
    return out


def said(decision):
    return (
        decision.verdict,
        decision.routes,
        decision.routes_open,
        decision.completed,
        [
            (e.code, e.verdict, e.routes, e.prerequisites, e.completed, e.exemption)
            for e in decision.jurisdictions
        ],
        [content.determinations for content in decision.contents],
        {one.fact for one in decision.missing},
    )


@pytest.mark.parametrize("name", sorted(FRAMES))
def test_every_row_has_the_answer_that_the_judge_gives_it_alone(name):
    one = frame(name)
    table = columns(250, sorted(FRAMES).index(name))
    answers = decide_many(one, table, BOOK)
    assert len(answers) == 250
    for row in range(250):
        assert said(answers[row]) == said(decide(row_movement(one, table, row, BOOK), BOOK, explain=False)), (
            row
        )


def test_rows_that_no_rule_can_tell_apart_are_judged_once():
    table = {
        "data": Named(("customer.order",), np.zeros(5000, dtype=np.int8)),
        "persons": np.arange(5000) + 10,
    }
    assert len(decide_many(frame("plain"), table, BOOK).decisions) < 10


def test_lists_arrays_and_names_say_the_same():
    names = ["image.exterior", "customer.order", "image.exterior"]
    flags = [True, None, False]
    tables = [
        {"data": names, "persons": [3, None, 0], "sensitive_places": flags},
        {
            "data": np.array(names),
            "persons": np.array([3, np.nan, 0]),
            "sensitive_places": np.ma.MaskedArray([True, False, False], [False, True, False]),
        },
        {
            "data": Named(("customer.order", "image.exterior"), np.array([1, 0, 1])),
            "persons": np.ma.MaskedArray([3, 9, 0], [False, True, False]),
            "sensitive_places": Named((False, True), np.array([1, -1, 0])),
        },
    ]
    answers = [decide_many(frame("plain"), table, BOOK) for table in tables]
    for row in range(3):
        assert len({repr(said(one[row])) for one in answers}) == 1


@pytest.mark.parametrize(
    "table",
    [
        {"persons": [1]},
        {"data": ["text"], "persons": [1, 2]},
        {"data": ["text"], "no_such_fact": [1]},
        {"data": ["text"], "persons": [1.5]},
        {"data": ["text"], "persons": [-1]},
        {"data": [None], "persons": [1]},
    ],
)
def test_columns_that_cannot_be_read_are_refused(table):
    with pytest.raises(InputError):
        decide_many(frame("plain"), table, BOOK)

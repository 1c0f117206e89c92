"""The quick ways to an answer give the slow one's: functions for trees, the index, and what is remembered."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import carnet.decide as decide_module
from carnet.decide import decide
from carnet.errors import MovementError
from carnet.law.casebook import read_cases
from carnet.law.closures import closure
from carnet.law.conditions import EVERYTHING, MOVEMENT, All, Always, AnyOf, Leaf, Not, Stated, Term
from carnet.law.index import Index
from carnet.law.judge import Judge
from carnet.law.lawbook import load_lawbook
from carnet.law.memory import numbers_read
from carnet.law.situation import situation
from carnet.model.decision import Verdict
from carnet.model.movement import parse_movement

BOOK = load_lawbook()
FOLDER = Path(__file__).parents[2] / "lawbook"
CASES = [
    case.movement
    for path in sorted(FOLDER.glob("*/cases/*.yaml"))
    for case in read_cases(path.read_text("utf-8"), str(path))
]

FLAGS, WORDS, LISTS, NUMBERS = ("f1", "f2"), ("w1",), ("l1",), ("n1", "n2")
LEAF = st.one_of(
    st.builds(Leaf, st.sampled_from(FLAGS), st.just("is"), st.booleans()),
    st.builds(Leaf, st.sampled_from(WORDS), st.just("is"), st.sampled_from("ab")),
    st.builds(Leaf, st.sampled_from(WORDS), st.just("is_one_of"), st.frozensets(st.sampled_from("abc"))),
    st.builds(Leaf, st.sampled_from(LISTS), st.just("includes"), st.sampled_from("ab")),
    st.builds(Leaf, st.sampled_from(LISTS), st.just("includes_any"), st.frozensets(st.sampled_from("abc"))),
    st.builds(
        Leaf,
        st.sampled_from(NUMBERS),
        st.sampled_from(["at_least", "exceeds", "fewer_than", "at_most", "is"]),
        st.integers(0, 5),
        numeric=st.just(True),
    ),
)
CONDITION = st.recursive(
    LEAF | st.just(Always()),
    lambda part: st.one_of(
        st.builds(All, st.lists(part, min_size=1, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(part, min_size=1, max_size=3).map(tuple)),
        st.builds(Not, part),
        st.builds(Stated, part),
    ),
    max_leaves=8,
)
BOUNDS = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(lambda two: (min(two), max(two)))
VIEW = st.fixed_dictionaries(
    {},
    optional={name: st.booleans() for name in FLAGS}
    | {name: st.sampled_from("abc") for name in WORDS}
    | {name: st.lists(st.sampled_from("abc"), max_size=2).map(tuple) for name in LISTS}
    | dict.fromkeys(NUMBERS, BOUNDS),
)


class Asked:
    """Answers both ways of asking from one view."""

    def __init__(self, view):
        self.views, self.shared = [view], {}

    def member(self, at, fact, operator, operand):
        view = self.views[at]
        return view.get(fact, view.get((fact, operator, operand)))

    def number(self, at, fact, over):
        del over
        return self.views[at].get(fact, EVERYTHING)


@given(CONDITION, VIEW)
@settings(max_examples=400, deadline=None)
def test_a_function_says_what_its_tree_says(condition, view):
    asked = Asked(view)
    expected = condition.test(asked, 0)
    assert closure(condition)(asked, 0) is expected
    term = closure(Term("t", condition))
    assert [term(asked, 0), term(asked, 0)] == [expected, expected]


class Guarded:
    def __init__(self, when):
        self.when = when


@given(st.lists(CONDITION, min_size=1, max_size=6), VIEW, st.data())
@settings(max_examples=400, deadline=None)
def test_the_index_leaves_out_only_what_nothing_supplied_later_makes_true(conditions, view, data):
    rules = [Guarded(condition) for condition in conditions]
    chosen = Index(rules).possible(view, lambda *_: EVERYTHING).rules
    assert [rule for rule in rules if rule in chosen] == list(chosen)
    more = {name: value for name, value in data.draw(VIEW).items() if name not in view}
    for rule in rules:
        if rule not in chosen:
            assert rule.when.test(Asked(view), 0) is False
            assert rule.when.test(Asked(view | more), 0) is False


def varied(number):
    """Mix the lawbook's own cases, so that answers are remembered and met again."""
    chance = random.Random(number)
    one, other = chance.choice(CASES), chance.choice(CASES)
    several = [*one.contents, *other.contents][: chance.randint(1, 4)]
    contents = tuple(
        replace(
            content,
            name=f"c{at}",
            persons=chance.choice([content.persons, None, 0, 1, 99_999, 100_000]),
            facts={name: value for name, value in content.facts.items() if chance.random() < 0.8},
        )
        for at, content in enumerate(several)
    )
    return replace(
        one,
        contents=contents,
        year_to_date=chance.choice([one.year_to_date, other.year_to_date]),
        history=chance.choice([one.history, ()]),
        safeguards=chance.choice([one.safeguards, other.safeguards]),
    )


@pytest.mark.parametrize("part", range(4))
def test_a_remembered_answer_is_the_one_that_judging_anew_gives(part):
    for number in range(part * 40, part * 40 + 40):
        movement = varied(number)
        remembered = decide(movement, BOOK)
        forget(movement.date)
        fresh = decide(movement, BOOK)
        assert remembered == fresh
        assert decide(movement, BOOK) == fresh


def forget(day):
    BOOK.kinds.clear()
    BOOK.known.clear()
    for order in BOOK.orders.values():
        order.on(day).kept.clear()


def thresholds():
    numbers = {0, 1, 2}
    for order in BOOK.orders.values():
        law = order.on(date(2026, 11, 21))
        for name in (*law.content, None):
            for values in numbers_read(law, name).values():
                numbers |= {int(value) + step for value in values for step in (-1, 0, 1)}
    return sorted(number for number in numbers if number >= 0)


NUMBERS = thresholds()


def sibling(movement, chance):
    """Give a movement of the same kind: every number is another one, and the day is near."""

    def other(value, *, likely=0.6):
        if value is None or isinstance(value, bool) or not isinstance(value, int | float):
            return value
        return chance.choice(NUMBERS) if chance.random() < likely else value

    def others(facts):
        return {name: other(value) for name, value in facts.items()}

    year, totals = movement.year_to_date, movement.totals
    return replace(
        movement,
        date=movement.date + timedelta(days=chance.choice((-400, -1, 0, 0, 1))),
        facts=others(movement.facts),
        exporter=replace(movement.exporter, facts=others(movement.exporter.facts)),
        recipient=replace(movement.recipient, facts=others(movement.recipient.facts)),
        year_to_date=year
        and replace(year, persons=other(year.persons), persons_sensitive=other(year.persons_sensitive)),
        totals=totals and replace(totals, persons=other(totals.persons)),
        contents=tuple(
            replace(
                content,
                persons=other(content.persons),
                persons_new_this_year=other(content.persons_new_this_year),
                vehicles=other(content.vehicles),
                facts=others(content.facts),
            )
            for content in movement.contents
        ),
    )


@pytest.mark.parametrize("part", range(4))
def test_what_movements_of_one_kind_share_is_what_judging_each_anew_gives(part, monkeypatch):
    judged = []
    real = decide_module.situation
    monkeypatch.setattr(decide_module, "situation", lambda *asked: judged.append(1) or real(*asked))
    asked = 0
    for number in range(part * 25, part * 25 + 25):
        chance = random.Random(number)
        base = varied(number) if number % 2 else chance.choice(CASES)
        siblings = [base, *(sibling(base, chance) for _ in range(5))]
        # Each once more with one more person: mostly nothing that any rule can see.
        siblings += [nudged(one) for one in siblings for _ in range(2)]
        BOOK.kinds.clear()
        judged.clear()
        known = [decide(one, BOOK) for one in siblings]
        asked += len(siblings) - len(judged)
        bare = [decide(one, BOOK, explain=False) for one in siblings]
        for one, found, without in zip(siblings, known, bare, strict=True):
            forget(one.date)
            assert found == decide(one, BOOK)
            assert found.to_mapping() == decide(one, BOOK).to_mapping()
            assert without == decide(one, BOOK, explain=False)
    assert asked > 50


def nudged(movement):
    """Add a person to each content."""
    return replace(
        movement,
        contents=tuple(
            replace(content, persons=None if content.persons is None else content.persons + 1)
            for content in movement.contents
        ),
    )


@pytest.mark.parametrize("value", [True, -1, 2.5, "many"])
def test_a_number_of_the_wrong_type_is_refused_however_well_its_kind_is_known(value):
    def asked(number):
        return parse_movement(
            {
                "movement": "v1",
                "date": "2026-11-21",
                "origin": "CN",
                "destination": "DE",
                "exporter": {"established_in": "CN"},
                "recipient": {"established_in": "DE"},
                "activity": "driving_automation",
                "contents": [{"name": "c", "data": "image.exterior", "facts": {"faces_px_max": number}}],
            },
            source="t",
        )

    for number in (5, 6, 7):
        decide(asked(number), BOOK)
    wrong = replace(asked(5), contents=(replace(asked(5).contents[0], facts={"faces_px_max": value}),))
    with pytest.raises(MovementError):
        decide(wrong, BOOK)


def test_more_new_persons_than_there_are_contradict_however_well_the_kind_is_known():
    def asked(new):
        return parse_movement(
            {
                "movement": "v1",
                "date": "2026-11-21",
                "origin": "CN",
                "destination": "DE",
                "exporter": {
                    "established_in": "CN",
                    "critical_infrastructure": False,
                    "free_trade_zone": None,
                },
                "recipient": {"established_in": "DE"},
                "activity": "connected_operation",
                "year_to_date": {"persons": 0, "persons_sensitive": 0},
                "contents": [
                    {"name": "c", "data": "customer.order", "persons": 70_000, "persons_new_this_year": new}
                ],
            },
            source="t",
        )

    for new in (60_000, 61_000, 62_000, 70_000):
        assert "contents.c.persons_new_this_year" not in [
            one.fact for one in decide(asked(new), BOOK).missing
        ]
    wrong = decide(asked(70_001), BOOK)
    assert wrong.verdict is Verdict.UNDECIDED
    assert "contents.c.persons_new_this_year" in [one.fact for one in wrong.missing]
    assert "70001 of 70000 persons cannot be new" in (wrong.entry("CN").note or "")


def test_rules_that_are_left_out_are_false_by_the_tree():
    left_out = 0
    for movement in CASES[::3]:
        facts = situation(movement, movement.date, BOOK.register, BOOK.vocabulary)
        for order in BOOK.orders.values():
            judge = Judge(order.on(movement.date), facts)
            judge.look()
            about_all = [live for live in judge.law.about_all if live not in judge.about_all]
            for at, rules in ((MOVEMENT, about_all), *enumerate(judge.candidates)):
                for live in rules:
                    if at == MOVEMENT or live not in judge.live[at]:
                        assert live.when.test(judge, at) is False
                        left_out += 1
    assert left_out > 1000

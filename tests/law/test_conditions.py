"""Three-valued logic: Kleene's tables, and bounds of numbers."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.law.conditions import All, AnyOf, Atom, Leaf, Not, Stated, kleene_or

TRUTHS = (True, False, None)


@dataclass(frozen=True)
class Fixed:
    truth: bool | None

    def test(self, *_):
        return self.truth

    def atom(self, *_):
        return None if self.truth is not None else Atom("here", (True, False), ())

    def leaves(self, **_):
        return ()


class Known:
    """Stands for a judge that knows one number."""

    def __init__(self, bounds):
        self.bounds = bounds

    def number(self, *_):
        return self.bounds

    def key(self, *where):
        return where

    def names(self, *_):
        return ()


def completions(truths):
    return itertools.product(*[(True, False) if truth is None else (truth,) for truth in truths])


@pytest.mark.parametrize("truths", list(itertools.product(TRUTHS, repeat=3)))
def test_all_and_any_agree_with_their_completions(truths):
    parts = tuple(Fixed(truth) for truth in truths)
    for whole, meaning in ((All(parts), all), (AnyOf(parts), any)):
        answers = {meaning(one) for one in completions(truths)}
        found = whole.test(None, 0)
        assert found == (answers.pop() if len(answers) == 1 else None)
        assert (whole.atom(None, 0) is not None) == (None in truths)


@pytest.mark.parametrize("truth", TRUTHS)
def test_not_and_stated(truth):
    assert Not(Fixed(truth)).test(None, 0) is (None if truth is None else not truth)
    assert Stated(Fixed(truth)).test(None, 0) is (truth is True)
    assert Stated(Fixed(truth)).atom(None, 0) is None


@pytest.mark.parametrize(("left", "right"), list(itertools.product(TRUTHS, repeat=2)))
def test_kleene_or_is_any_of_two(left, right):
    assert kleene_or(left, right) is AnyOf((Fixed(left), Fixed(right))).test(None, 0)


OPERATORS = {
    "exceeds": lambda value, limit: value > limit,
    "at_least": lambda value, limit: value >= limit,
    "fewer_than": lambda value, limit: value < limit,
    "at_most": lambda value, limit: value <= limit,
    "is": lambda value, limit: value == limit,
}


@given(st.sampled_from(sorted(OPERATORS)), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_a_number_within_bounds_is_settled_exactly_when_all_its_values_agree(operator, low, more, limit):
    high = low + more
    leaf = Leaf("persons", operator, limit, numeric=True)
    answers = {OPERATORS[operator](value, limit) for value in range(low, high + 1)}
    asked = Known((low, high))
    found = leaf.test(asked, 0)
    assert found == (answers.pop() if len(answers) == 1 else None)
    if found is None:
        atom = leaf.atom(asked, 0)
        covered = [value for part in atom.candidates for value in range(int(part[0]), int(part[1]) + 1)]
        assert sorted(covered) == list(range(low, high + 1))
        assert all(leaf.test(Known(part), 0) is not None for part in atom.candidates)

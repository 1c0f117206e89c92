"""Conditions as Python functions: what `carnet.law.conditions` says by walking a tree, said by one call.

A function takes whoever is asked and the number of a content (`MOVEMENT` for the movement) and gives true,
false or unknown, as the tree does; tests hold the two against each other. Nothing is generated as text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from carnet.law.conditions import EVERYTHING, All, Always, AnyOf, Condition, Interval, Leaf, Not, Stated, Term

Truth = bool | None


class Views(Protocol):
    """What a function reads.

    Attributes:
        views: by content, and last of the movement: every fact by name, and what is assumed of comparisons.
        shared: what the order's terms were found to say, until something is assumed.
    """

    views: list[dict[Any, Any]]
    shared: dict[Any, Truth]

    def number(self, at: int, fact: str, over: tuple[str, ...] | None) -> Interval:
        """Give the bounds of a number that is combined."""

    def found(self, fact: str) -> Truth:
        """Give a truth that rests on other rules."""


Test = Callable[[Any, int], Truth]
"""Takes `Views` and a content's number."""

_ASK: dict[str, Callable[[Any, Any], bool]] = {
    "is": lambda value, operand: bool(value == operand),
    "is_one_of": lambda value, operand: value in operand,
    "includes": lambda value, operand: operand in value,
    "includes_any": lambda value, operand: not operand.isdisjoint(value),
    "before": lambda value, operand: bool(value < operand),
    "on_or_after": lambda value, operand: bool(value >= operand),
}


def closure(condition: Condition) -> Test:
    """Make a condition a function."""
    match condition:
        case Always():
            return _always
        case All(parts):
            return _all(tuple(map(closure, parts)))
        case AnyOf(parts):
            return _any(tuple(map(closure, parts)))
        case Not(part):
            return _not(closure(part))
        case Stated(part):
            return _stated(closure(part))
        case Term(name, part):
            return _term(name, closure(part))
        case Leaf():
            return _leaf(condition)
        case _:
            return condition.test


def _always(asked: Views, at: int) -> Truth:  # noqa: ARG001 - one face for all conditions
    return True


def _all(parts: tuple[Test, ...]) -> Test:
    if len(parts) == 1:
        return parts[0]

    def test(asked: Views, at: int) -> Truth:
        out: Truth = True
        for part in parts:
            found = part(asked, at)
            if found is False:
                return False
            if found is None:
                out = None
        return out

    return test


def _any(parts: tuple[Test, ...]) -> Test:
    if len(parts) == 1:
        return parts[0]

    def test(asked: Views, at: int) -> Truth:
        out: Truth = False
        for part in parts:
            found = part(asked, at)
            if found is True:
                return True
            if found is None:
                out = None
        return out

    return test


def _not(part: Test) -> Test:
    def test(asked: Views, at: int) -> Truth:
        found = part(asked, at)
        return None if found is None else not found

    return test


def _stated(part: Test) -> Test:
    def test(asked: Views, at: int) -> Truth:
        return part(asked, at) is True

    return test


def _term(name: str, part: Test) -> Test:
    def test(asked: Views, at: int) -> Truth:
        key = (name, at)
        shared = asked.shared
        if key in shared:
            return shared[key]
        found = shared[key] = part(asked, at)
        return found

    return test


def _leaf(leaf: Leaf) -> Test:
    fact, value = leaf.fact, leaf.value
    if leaf.derived:
        return lambda asked, _: asked.found(fact)
    if leaf.numeric:
        return _number(leaf)
    if isinstance(value, bool):

        def test_flag(asked: Views, at: int) -> Truth:
            found = asked.views[at].get(fact)
            return None if found is None else found is value

        return test_flag
    ask, assumed = _ASK[leaf.operator], (fact, leaf.operator, value)

    def test(asked: Views, at: int) -> Truth:
        view = asked.views[at]
        found = view.get(fact)
        if found is None:
            return view.get(assumed)
        return found if found is True or found is False else ask(found, value)

    return test


def _number(leaf: Leaf) -> Test:
    fact, over, value = leaf.fact, leaf.over, leaf.value
    compare = _COMPARE.get(leaf.operator, _same)
    if over is not None or fact.startswith("year."):
        return lambda asked, at: compare(asked.number(at, fact, over), value)
    return lambda asked, at: compare(asked.views[at].get(fact, EVERYTHING), value)


def _at_least(bounds: Interval, value: float) -> Truth:
    return True if bounds[0] >= value else False if bounds[1] < value else None


def _fewer_than(bounds: Interval, value: float) -> Truth:
    return False if bounds[0] >= value else True if bounds[1] < value else None


def _exceeds(bounds: Interval, value: float) -> Truth:
    return True if bounds[0] > value else False if bounds[1] <= value else None


def _at_most(bounds: Interval, value: float) -> Truth:
    return False if bounds[0] > value else True if bounds[1] <= value else None


def _same(bounds: Interval, value: float) -> Truth:
    low, high = bounds
    return True if low == high == value else False if value < low or value > high else None


_COMPARE = {"at_least": _at_least, "fewer_than": _fewer_than, "exceeds": _exceeds, "at_most": _at_most}

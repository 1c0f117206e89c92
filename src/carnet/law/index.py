"""Which rules can hold at all: an index over the one comparison of each rule that is met most rarely.

A comparison that is a part of a rule's `all` is a guard: where it is false the rule is false, and nothing that
is supplied later makes it true. Rules are looked up by the values of their guards, so that rules about other
countries, zones or numbers cost nothing. A guard that is unknown keeps its rules. Truths that rest on other
rules (`has.`, `found.`) are no guards, as they are not known when rules are looked up.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from carnet.law.conditions import MEMBER, All, Condition, Interval, Leaf, Stated, Term

Bounds = Callable[[str, tuple[str, ...] | None], Interval]
"""Gives the widest bounds that a number can have: of a fact, combined over classes if any are given."""


class Guarded(Protocol):
    """What is indexed."""

    @property
    def when(self) -> Condition:
        """The condition whose parts are guards."""


T = TypeVar("T", bound=Guarded)


def _conjuncts(condition: Condition) -> Iterable[Leaf]:
    match condition:
        case All(parts):
            for part in parts:
                yield from _conjuncts(part)
        case Term(_, part) | Stated(part):
            yield from _conjuncts(part)
        case Leaf() if not condition.derived and condition.value is not None:
            if condition.numeric or condition.operator in MEMBER:
                yield condition
        case _:
            return


class _Ladder:
    """Rules by the number that one fact must reach, or must stay below."""

    def __init__(self, rules: list[tuple[Leaf, int]]) -> None:
        self.steps: dict[str, tuple[list[float], list[int]]] = {}
        for operator in {leaf.operator for leaf, _ in rules}:
            mine = sorted((leaf.value, number) for leaf, number in rules if leaf.operator == operator)
            self.steps[operator] = ([value for value, _ in mine], [number for _, number in mine])

    def possible(self, bounds: Interval) -> Iterable[int]:
        low, high = bounds
        for operator, (values, numbers) in self.steps.items():
            match operator:
                case "at_least":
                    yield from numbers[: bisect.bisect_right(values, high)]
                case "exceeds":
                    yield from numbers[: bisect.bisect_left(values, high)]
                case "fewer_than":
                    yield from numbers[bisect.bisect_right(values, low) :]
                case "at_most":
                    yield from numbers[bisect.bisect_left(values, low) :]
                case _:
                    yield from numbers[bisect.bisect_left(values, low) : bisect.bisect_right(values, high)]


class Index(Generic[T]):
    """Rules by their guards."""

    def __init__(self, rules: Sequence[T]) -> None:
        self.rules = tuple(rules)
        guards = [tuple(_conjuncts(rule.when)) for rule in self.rules]
        often = Counter(_signature(leaf) for leaves in guards for leaf in dict.fromkeys(leaves))
        self.free: list[int] = []
        words: dict[str, list[tuple[Leaf, int]]] = {}
        numbers: dict[tuple[str, tuple[str, ...] | None], list[tuple[Leaf, int]]] = {}
        for number, leaves in enumerate(guards):
            if not leaves:
                self.free.append(number)
                continue
            leaf = min(leaves, key=lambda one: often[_signature(one)])
            if leaf.numeric:
                numbers.setdefault((leaf.fact, leaf.over), []).append((leaf, number))
            else:
                words.setdefault(leaf.fact, []).append((leaf, number))
        self.words = tuple((fact, *_buckets(found)) for fact, found in words.items())
        self.numbers = tuple((fact, over, _Ladder(found)) for (fact, over), found in numbers.items())
        self._several: dict[tuple[int, ...], tuple[T, ...]] = {}

    def possible(self, view: Mapping[Any, Any], bounds: Bounds) -> tuple[T, ...]:
        """Give the rules that are not false by their guard, in the order of the law."""
        found = list(self.free)
        for fact, listed, buckets, every in self.words:
            value = view.get(fact)
            if value is None:
                found += every
            elif not listed:
                found += buckets.get(value, ())
            else:
                for one in value:
                    found += buckets.get(one, ())
        for fact, over, ladder in self.numbers:
            found += ladder.possible(bounds(fact, over))
        key = tuple(sorted(set(found)))
        rules = self._several.get(key)
        if rules is None:
            if len(self._several) >= _REMEMBERED:
                self._several.clear()
            rules = self._several[key] = tuple(self.rules[number] for number in key)
        return rules


_REMEMBERED = 4096
"""So many selections of rules are kept, so that one selection is one object."""


def _signature(leaf: Leaf) -> tuple[Any, ...]:
    return (leaf.fact, leaf.operator, leaf.value, leaf.over)


def _buckets(rules: list[tuple[Leaf, int]]) -> tuple[bool, dict[Any, tuple[int, ...]], tuple[int, ...]]:
    listed = rules[0][0].operator in {"includes", "includes_any"}
    buckets: dict[Any, list[int]] = {}
    for leaf, number in rules:
        values = leaf.value if leaf.operator in {"is_one_of", "includes_any"} else (leaf.value,)
        for value in values:
            buckets.setdefault(value, []).append(number)
    return (
        listed,
        {value: tuple(found) for value, found in buckets.items()},
        tuple(number for _, number in rules),
    )

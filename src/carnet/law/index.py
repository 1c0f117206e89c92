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
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from carnet.law.conditions import EVERYTHING, MEMBER, All, Condition, Interval, Leaf, Stated, Term

Bounds = Callable[[str, tuple[str, ...] | None], Interval]
"""Gives the widest bounds that a number of the year, or one combined over classes, can have."""


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


_Find = Callable[[list[float], float], int]
_STEPS: Mapping[str, tuple[tuple[_Find, int], ...]] = {
    "at_least": ((bisect.bisect_right, 1),),
    "exceeds": ((bisect.bisect_left, 1),),
    "fewer_than": ((bisect.bisect_right, 0),),
    "at_most": ((bisect.bisect_left, 0),),
    "is": ((bisect.bisect_left, 0), (bisect.bisect_right, 1)),
}
"""How to find, among sorted steps, those that bounds (the lower is 0, the upper 1) pass or may pass."""


class _Ladder:
    """Rules by the number that one fact must reach, or must stay below."""

    def __init__(self, rules: list[tuple[Leaf, int]]) -> None:
        self.numbers: dict[str, list[int]] = {}
        self.finds: list[tuple[_Find, int, list[float]]] = []
        for operator in dict.fromkeys(leaf.operator for leaf, _ in rules):
            mine = sorted((leaf.value, number) for leaf, number in rules if leaf.operator == operator)
            values = [value for value, _ in mine]
            self.numbers[operator] = [number for _, number in mine]
            self.finds += [(find, end, values) for find, end in _STEPS[operator]]

    def cell(self, bounds: Interval) -> tuple[int, ...]:
        """Say between which steps the bounds lie; equal cells have the same rules."""
        return tuple([find(values, bounds[end]) for find, end, values in self.finds])

    def possible(self, cell: tuple[int, ...]) -> Iterable[int]:
        """Give the rules whose step is, or may be, passed."""
        steps = iter(cell)
        for operator, numbers in self.numbers.items():
            step = next(steps)
            if operator in {"at_least", "exceeds"}:
                yield from numbers[:step]
            elif operator in {"fewer_than", "at_most"}:
                yield from numbers[step:]
            else:
                yield from numbers[step : next(steps)]


@dataclass(slots=True, eq=False)
class Selection(Generic[T]):
    """Rules that may hold; there is one object for each choice, so that it is known by its identity.

    Attributes:
        reads: what was worked out of what they read, when first asked for.
    """

    rules: tuple[T, ...]
    reads: Any = None


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
        ladders = [(fact, over, _Ladder(found)) for (fact, over), found in numbers.items()]
        own = [one[1] is None and not one[0].startswith("year.") for one in ladders]
        self.own = tuple((fact, one) for (fact, _, one), mine in zip(ladders, own, strict=True) if mine)
        self.wide = tuple(one for one, mine in zip(ladders, own, strict=True) if not mine)
        self._facts = tuple(fact for fact, *_ in self.words)
        self._looked_up: dict[tuple[Any, ...], Selection[T]] = {}
        self._selections: dict[tuple[int, ...], Selection[T]] = {}

    def possible(self, view: Mapping[Any, Any], bounds: Bounds) -> Selection[T]:
        """Give the rules that are not false by their guard, in the order of the law."""
        key = (
            *map(view.get, self._facts),
            *[one.cell(view.get(fact, EVERYTHING)) for fact, one in self.own],
            *[one.cell(bounds(fact, over)) for fact, over, one in self.wide],
        )
        rules = self._looked_up.get(key)
        if rules is None:
            if len(self._looked_up) >= _REMEMBERED:
                self._looked_up.clear()
                self._selections.clear()
            rules = self._looked_up[key] = self._look_up(key)
        return rules

    def _look_up(self, key: tuple[Any, ...]) -> Selection[T]:
        found = list(self.free)
        for (_, listed, buckets, every), value in zip(self.words, key, strict=False):
            if value is None:
                found += every
            elif not listed:
                found += buckets.get(value, ())
            else:
                for one in value:
                    found += buckets.get(one, ())
        ladders = [*(one for _, one in self.own), *(one for _, _, one in self.wide)]
        for ladder, cell in zip(ladders, key[len(self.words) :], strict=True):
            found += ladder.possible(cell)
        chosen = tuple(sorted(set(found)))
        selection = self._selections.get(chosen)
        if selection is None:
            selection = Selection(tuple(self.rules[number] for number in chosen))
            self._selections[chosen] = selection
        return selection


_REMEMBERED = 4096
"""So many selections of rules are kept."""


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

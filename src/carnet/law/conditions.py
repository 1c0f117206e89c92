"""The closed language of conditions, compiled once: true, false, or unknown (`None`), by Kleene's tables.

`all`, `any`, `not`, `stated` (true only when known to be true: a ground that nobody states is not relied on),
`term` (a condition that the order's index defines), and comparisons in the words of statutes. A condition
that is unknown can name the atom that makes it so: the fact, and the values among which it must be split.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

Interval = tuple[float, float]
"""Closed interval of a number that is known only within bounds."""

EVERYTHING: Interval = (0, math.inf)
MOVEMENT = -1
"""The index that stands for the movement as a whole, where a content would have its number."""

NUMERIC = frozenset({"exceeds", "at_least", "fewer_than", "at_most"})
DATED = frozenset({"before", "on_or_after"})
MEMBER = frozenset({"is", "is_one_of", "includes", "includes_any"})
OPERATORS = NUMERIC | DATED | MEMBER


class ImpossibleError(Exception):
    """What is assumed cannot all be so: a sum is assumed that its parts do not reach."""


@dataclass(frozen=True, slots=True)
class Atom:
    """One unknown thing, with the values that it must be split into.

    Attributes:
        key: where the value stands in a situation.
        candidates: the values that the completions take in turn.
        names: what to ask for, as a person would name it in the movement.
    """

    key: Any
    candidates: tuple[Any, ...]
    names: tuple[tuple[str, str], ...]


class Asked(Protocol):
    """What a condition asks of a situation."""

    def member(self, at: int, fact: str, operator: str, operand: Any) -> Any:
        """Give the value of a fact, or what was assumed of this comparison with it; `None` is unknown."""

    def known(self, at: int, fact: str) -> Any:
        """Give the value of a non-numeric fact; `None` is unknown."""

    def number(self, at: int, fact: str, over: tuple[str, ...] | None) -> Interval:
        """Give the bounds of a number, combined over contents of the classes `over` if given."""

    def key(self, at: int, fact: str, over: tuple[str, ...] | None) -> Any:
        """Give the key under which a value, or a narrower interval, is assumed."""

    def derived(self, fact: str) -> tuple[bool | None, Atom | None]:
        """Give a truth that rests on other rules, with the atom that leaves it open."""

    def names(self, at: int, fact: str, over: tuple[str, ...] | None) -> tuple[tuple[str, str], ...]:
        """Name a fact for the list of what is missing."""


class Condition(Protocol):
    """A compiled condition."""

    def test(self, asked: Asked, at: int) -> bool | None:
        """Give true, false or unknown."""

    def atom(self, asked: Asked, at: int) -> Atom | None:
        """Give what leaves it unknown."""

    def leaves(self, *, open_only: bool = False) -> tuple[Leaf, ...]:
        """Give every comparison in it; `open_only` leaves out those whose unknown counts as not stated."""


@dataclass(frozen=True, slots=True)
class Always:
    """The condition that is always met."""

    def test(self, asked: Asked, at: int) -> bool | None:  # noqa: ARG002 - one face for all conditions
        """Give true."""
        return True

    def atom(self, asked: Asked, at: int) -> Atom | None:  # noqa: ARG002 - one face for all conditions
        """Give nothing."""
        return None

    def leaves(self, *, open_only: bool = False) -> tuple[Leaf, ...]:  # noqa: ARG002 - one face
        """Give nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class _Joined:
    """Conditions joined to one."""

    parts: tuple[Condition, ...]

    def atom(self, asked: Asked, at: int) -> Atom | None:
        """Ask the first unknown part."""
        return _first_atom(self.parts, asked, at)

    def leaves(self, *, open_only: bool = False) -> tuple[Leaf, ...]:
        """Give the comparisons of all parts."""
        return tuple(leaf for part in self.parts for leaf in part.leaves(open_only=open_only))


@dataclass(frozen=True, slots=True)
class All(_Joined):
    """Every part holds."""

    def test(self, asked: Asked, at: int) -> bool | None:
        """False as soon as one part is false."""
        out: bool | None = True
        for part in self.parts:
            found = part.test(asked, at)
            if found is False:
                return False
            if found is None:
                out = None
        return out


@dataclass(frozen=True, slots=True)
class AnyOf(_Joined):
    """At least one part holds."""

    def test(self, asked: Asked, at: int) -> bool | None:
        """True as soon as one part is true."""
        out: bool | None = False
        for part in self.parts:
            found = part.test(asked, at)
            if found is True:
                return True
            if found is None:
                out = None
        return out


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Condition

    def test(self, asked: Asked, at: int) -> bool | None:
        """Unknown stays unknown."""
        found = self.part.test(asked, at)
        return None if found is None else not found

    def atom(self, asked: Asked, at: int) -> Atom | None:
        """Ask the part."""
        return self.part.atom(asked, at)

    def leaves(self, *, open_only: bool = False) -> tuple[Leaf, ...]:
        """Give the comparisons of the part."""
        return self.part.leaves(open_only=open_only)


@dataclass(frozen=True, slots=True)
class Stated:
    """The part is known to hold: who relies on a ground has to state it."""

    part: Condition

    def test(self, asked: Asked, at: int) -> bool | None:
        """Unknown counts as not stated."""
        return self.part.test(asked, at) is True

    def atom(self, asked: Asked, at: int) -> Atom | None:  # noqa: ARG002 - one face for all conditions
        """Never unknown."""
        return None

    def leaves(self, *, open_only: bool = False) -> tuple[Leaf, ...]:
        """Give the comparisons of the part, none of which can leave the whole unknown."""
        return () if open_only else self.part.leaves()


@dataclass(frozen=True, slots=True)
class Term:
    """A condition that the order's index defines by name; what it says of a movement is asked once."""

    name: str
    part: Condition

    def test(self, asked: Asked, at: int) -> bool | None:
        """Say what it stands for."""
        return self.part.test(asked, at)

    def atom(self, asked: Asked, at: int) -> Atom | None:
        """Ask what it stands for."""
        return self.part.atom(asked, at)

    def leaves(self, *, open_only: bool = False) -> tuple[Leaf, ...]:
        """Give the comparisons of what it stands for."""
        return self.part.leaves(open_only=open_only)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One comparison.

    Attributes:
        value: the operand, resolved from a parameter if `parameter` names one.
        over: classes over which a number is combined; `None` takes the item's own value.
        numeric: the fact is a number, so equality is an interval question too.
    """

    fact: str
    operator: str
    value: Any
    parameter: str | None = None
    over: tuple[str, ...] | None = None
    numeric: bool = False
    derived: bool = False

    def test(self, asked: Asked, at: int) -> bool | None:
        """Compare; unknown where the fact is unknown or its bounds do not settle it."""
        if self.derived:
            return asked.derived(self.fact)[0]
        if self.numeric:
            return _compare(asked.number(at, self.fact, self.over), self.operator, self.value)
        value = asked.member(at, self.fact, self.operator, self.value)
        if value is None:
            return None
        if value is True or value is False:
            return value is self.value if self.value is True or self.value is False else value
        return self._holds(value)

    def _holds(self, value: Any) -> bool:
        match self.operator:
            case "is":
                return bool(value == self.value)
            case "is_one_of":
                return value in self.value
            case "includes":
                return self.value in value
            case "includes_any":
                return any(one in self.value for one in value)
            case "before":
                return bool(value < self.value)
            case _:
                return bool(value >= self.value)

    def atom(self, asked: Asked, at: int) -> Atom | None:
        """Name the fact, and split its values at this comparison."""
        if self.derived:
            return asked.derived(self.fact)[1]
        names = asked.names(at, self.fact, self.over)
        if self.numeric:
            bounds = asked.number(at, self.fact, self.over)
            key = asked.key(at, self.fact, self.over)
            return Atom(key, _split(bounds, self.operator, self.value), names)
        key = asked.key(at, self.fact, None)
        if isinstance(self.value, bool):
            return Atom(key, (True, False), names)
        return Atom((*key, self.operator, self.value), (True, False), names)

    def leaves(self, *, open_only: bool = False) -> tuple[Leaf, ...]:  # noqa: ARG002 - one face
        """Give itself."""
        return (self,)


def _first_atom(parts: tuple[Condition, ...], asked: Asked, at: int) -> Atom | None:
    for part in parts:
        if part.test(asked, at) is None:
            return part.atom(asked, at)
    return None


def _compare(bounds: Interval, operator: str, value: float) -> bool | None:
    low, high = bounds
    match operator:
        case "at_least":
            return True if low >= value else False if high < value else None
        case "fewer_than":
            return False if low >= value else True if high < value else None
        case "exceeds":
            return True if low > value else False if high <= value else None
        case "at_most":
            return False if low > value else True if high <= value else None
        case _:
            return True if low == high == value else False if value < low or value > high else None


def _below(value: float) -> float:
    return value - 1 if isinstance(value, int) else math.nextafter(value, -math.inf)


def _above(value: float) -> float:
    return value + 1 if isinstance(value, int) else math.nextafter(value, math.inf)


def _split(bounds: Interval, operator: str, value: float) -> tuple[Interval, ...]:
    low, high = bounds
    if operator in {"at_least", "fewer_than"}:
        return ((low, _below(value)), (value, high))
    if operator in {"exceeds", "at_most"}:
        return ((low, value), (_above(value), high))
    parts = ((low, _below(value)), (value, value), (_above(value), high))
    return tuple(part for part in parts if part[0] <= part[1])


def kleene_or(left: bool | None, right: bool | None) -> bool | None:  # noqa: FBT001 - a truth table
    """Give true if one is true, unknown if none is and one is unknown."""
    if left is True or right is True:
        return True
    return None if left is None or right is None else False

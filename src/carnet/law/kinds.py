"""Movements of one kind: alike in every word, apart only in numbers and in the day within one stretch of law.

Most questions of a node are of a kind that was asked before: the same parties, places, classes and answers, with
other counts. Of such a movement only the cell of each number has to be found: the cell between two numbers that
any rule, any implication or any sum of the law could compare it with. Where a movement of the kind with the same
cells was judged, its answer stands, and the sentences that name a number are said again with this one's.

It is the argument of `carnet.law.memory`, made once for all legal orders together and before anything is derived.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

from carnet.law.asking import Asking, Truth
from carnet.law.compiled import OrderLaw
from carnet.law.conditions import MOVEMENT, Condition, Interval
from carnet.law.explain import Pattern, Speech, default_of, pattern_of, plain_bounds
from carnet.law.judge import Judge
from carnet.law.lawbook import Order
from carnet.law.memory import Cuts, Years, cells_of, near, numbers_read, years_seen
from carnet.law.register import Register
from carnet.law.situation import Situation, too_many_new
from carnet.model.decision import ContentAnswer, Decision, Entry, Finding
from carnet.model.movement import Movement, Safeguard

REMEMBERED = 2048
"""Kinds that a lawbook keeps, and answers to them; then it forgets them all and begins anew."""

_OPEN = 2
"""So many open parts of a sum are worked out; where there are more, every part counts as it is."""

_COUNTS = ("persons", "persons_new_this_year", "vehicles")
_PLAIN = frozenset({bool, str, tuple})

Outline = tuple[tuple[Any, ...], list[Any]]
"""Everything in a movement that is no number, as a key, and its numbers in their order."""


def outline(movement: Movement, day: Any, register: Register) -> Outline | None:
    """Take the numbers out of a movement.

    Args:
        movement: the movement.
        day: what takes the place of its date in the key.
        register: says which facts are numbers.

    Returns: `None` where a value is not of the type that is registered, so that somebody must refuse it.
    """
    exporter, recipient = movement.exporter, movement.recipient
    year, totals, safeguards = movement.year_to_date, movement.totals, movement.safeguards
    key: list[Any] = [
        day,
        movement.origin,
        movement.destination,
        movement.held_in,
        movement.mode,
        movement.purpose,
        movement.activity,
        movement.agreement,
        movement.basis,
        exporter.established_in,
        exporter.id,
        exporter.roles,
        exporter.critical_infrastructure,
        exporter.free_trade_zone,
        exporter.relation,
        recipient.established_in,
        recipient.id,
        recipient.name,
        recipient.located_in,
        recipient.relation,
        recipient.owned_from,
        recipient.certified_under,
        None if movement.history is None else tuple([(one.measure, one.value) for one in movement.history]),
        None if year is None else (year.persons is None, year.persons_sensitive is None),
        None if totals is None else (totals.persons is None, totals.persons_sensitive is None),
        (movement.date, *map(_safeguard, safeguards)) if safeguards else safeguards,
    ]
    numbers: list[Any] = []
    good = (
        _facts(movement.facts, register, key, numbers)
        and _facts(exporter.facts, register, key, numbers)
        and _facts(recipient.facts, register, key, numbers)
    )
    for content in movement.contents:
        made_by = content.made_by
        key += (
            content.name,
            content.data,
            content.about,
            content.removed,
            None if made_by is None else (made_by.established_in, made_by.owned_from),
        )
        for value in (content.persons, content.persons_new_this_year, content.vehicles):
            key.append(value is None)
            if value is not None:
                good = good and value.__class__ is int and value >= 0
                numbers.append(value)
        # A content that contradicts itself is judged by itself.
        good = good and _facts(content.facts, register, key, numbers) and not too_many_new(content)
    return (tuple(key), numbers) if good else None


def _facts(facts: Any, register: Register, key: list[Any], numbers: list[Any]) -> bool:
    key.append(len(facts))
    kinds = register.number_classes
    for name, value in facts.items():
        kind = value.__class__
        allowed = kinds.get(name)
        key.append(name)
        if allowed is not None:
            if kind not in allowed or not value >= 0:
                return False
            numbers.append(value)
        elif kind in _PLAIN:
            key.append(value)
        else:
            return False
    return True


def _safeguard(one: Safeguard) -> tuple[Any, ...]:
    limits = one.covers
    covers = None if limits is None else (limits.recipient, limits.purpose, limits.data)
    return (one.kind, one.passed, one.until, one.outcome, one.authority, covers)


def _places(movement: Movement, register: Register) -> dict[tuple[int, str], int]:
    """Number the numbers of a movement as `outline` lists them."""
    out: dict[tuple[int, str], int] = {}
    for facts in (movement.facts, movement.exporter.facts, movement.recipient.facts):
        for name in facts:
            if name in register.numeric:
                out[MOVEMENT, name] = len(out)
    for at, content in enumerate(movement.contents):
        for name in _COUNTS:
            if getattr(content, name) is not None:
                out[at, name] = len(out)
        for name in content.facts:
            if name in register.numeric:
                out[at, name] = len(out)
    return out


@dataclass(frozen=True, slots=True)
class _Sum:
    """A number that is combined over contents and history.

    Attributes:
        parts: each the number's place, or -1 with its bounds.
    """

    adds: bool
    parts: tuple[tuple[int, float, float], ...]
    cuts: Cuts

    def cell(self, numbers: list[Any]) -> tuple[int, int]:
        """Say between which numbers of the law the whole lies."""
        lows = [0.0, *[low if at < 0 else numbers[at] for at, low, _ in self.parts]]
        highs = [0.0, *[high if at < 0 else numbers[at] for at, _, high in self.parts]]
        return cells_of(self.cuts, (sum(lows) if self.adds else max(lows), sum(highs)))


class Counting(Asking):
    """Counts the persons of the year of a movement whose contents are known to be what they are."""

    def __init__(
        self,
        movement: Movement,
        own: tuple[dict[Any, Any], ...],
        status: list[dict[str, Truth]],
        exempt: list[dict[str, Truth]],
    ) -> None:
        self.movement = movement
        self.count = len(movement.contents)
        self.own = own
        self.status = status
        self.exempt = exempt
        self.narrowed: dict[Any, Interval] = {}
        self._counts: dict[str, Interval] = {}


_Found = tuple[list[dict[str, Truth]], list[dict[str, Truth]]]
_YEAR = ("persons", "persons_new_this_year")


class Kind:
    """What the law can see of the numbers of one kind of movement.

    Attributes:
        places: which of the movement's numbers is which fact, by content number and name.
        years: orders that ask for persons of the year, by their place among those that have a say.
        usable: nothing in the law makes one number another one.
    """

    def __init__(self, facts: Situation, laws: Sequence[OrderLaw], reaches: Sequence[Condition]) -> None:
        register = facts.register
        self.places = _places(facts.movement, register)
        self.usable = not any(register[name].implied_by for name in _YEAR)
        self.years: list[tuple[int, Years]] = []
        self._found: dict[Any, tuple[_Found, ...]] = {}
        self._own = facts.own
        self._sums: list[_Sum] = []
        self._raw: list[int] = []
        numbers: dict[int, set[float]] = {at: set() for at in self.places.values()}
        self._imply(register, numbers)
        for leaf in (leaf for reach in reaches for leaf in reach.leaves()):
            if leaf.numeric and (MOVEMENT, leaf.fact) in self.places:
                numbers[self.places[MOVEMENT, leaf.fact]].add(leaf.value)
        sums: dict[tuple[str, tuple[str, ...]], set[float]] = {}
        alone: dict[str, set[float]] = {}
        for order, law in enumerate(laws):
            year: dict[str, Iterable[float]] = {}
            for at, name in (*enumerate(facts.classes), (MOVEMENT, None)):
                for (fact, over), values in numbers_read(law, name).items():
                    place = self.places.get((at, fact), self.places.get((MOVEMENT, fact)))
                    if over is not None:
                        sums.setdefault((fact, over), set()).update(values)
                    elif fact.startswith("year."):
                        year[fact] = values
                        self.usable &= at == MOVEMENT
                    else:
                        alone.setdefault(fact, set()).update(values)
                        if place is not None:
                            numbers[place].update(values)
            if year:
                self.years.append((order, tuple((fact, near(values)) for fact, values in year.items())))
        for (fact, over), combined in sums.items():
            self._add(facts, Asking(laws[0], facts), fact, over, combined, alone.get(fact, ()))
        self._cuts: list[Cuts] = [tuple(sorted(values)) for _, values in sorted(numbers.items())]
        self._persons = [(at, name, place) for (at, name), place in self.places.items() if name in _YEAR]
        said = [(order, fact) for order, years in self.years for fact, _ in years]
        self._year_places = {one: len(self.places) + number for number, one in enumerate(said)}
        self._day_place = len(self.places) + len(said)

    def _imply(self, register: Register, numbers: dict[int, set[float]]) -> None:
        """Cut at what settles other facts, and at what others say of a fact."""
        for entry in (one for entries in register.implied.values() for one in entries):
            for implied in entry.implied_by:
                for name, value in ((entry.name, implied.gives), (implied.fact, implied.value)):
                    for (_, fact), place in self.places.items():
                        if fact == name:
                            numbers[place].add(value)

    def _add(
        self,
        facts: Situation,
        asking: Asking,
        fact: str,
        over: tuple[str, ...],
        values: Iterable[float],
        alone: Iterable[float],
    ) -> None:
        """Take in a number that is combined; `alone` are the law's numbers for one content's own."""
        entry = facts.register[fact]
        self.usable &= not entry.implied_by
        places = [self.places.get((at, fact), -1) for at in asking.covered(over)]
        bounds = asking.parts(fact, over)
        open_parts = [(low, high) for low, high in bounds if low != high]
        if open_parts and (entry.type != "integer" or len(open_parts) > _OPEN):
            # The parts count each by itself.
            self._raw += [at for at in places if at >= 0 and at not in self._raw]
            return
        if open_parts:
            # An open part is split at the law's numbers for it, so what is known may fall short by those.
            ends = {0, *(end for one in open_parts for end in one if end < math.inf)}
            ends |= {end + step for end in alone for step in (-1, 0, 1)}
            short = {0.0}
            for _ in open_parts:
                short = {one + end for one in short for end in ends}
            values = {value + step - one for value in values for step in (-1, 0, 1) for one in short}
        parts = [(at, low, high) for at, (low, high) in zip(places, bounds, strict=True) if low == high]
        history = facts.movement.history
        if history is None:
            parts.append((-1, 0.0, math.inf))
        else:
            parts += [(-1, one.value, one.value) for one in history if one.measure == (entry.measure or fact)]
        self._sums.append(_Sum(entry.combines == "sum", tuple(parts), near(values)))

    def cells(self, numbers: list[Any]) -> tuple[Any, ...]:
        """Say between which numbers of the law those of a movement lie, persons of the year apart."""
        out: list[Any] = [
            bisect_left(cuts, number) + bisect_right(cuts, number)
            for cuts, number in zip(self._cuts, numbers, strict=True)
        ]
        out += [one.cell(numbers) for one in self._sums]
        out += [numbers[at] for at in self._raw]
        return tuple(out)

    def seen(self, movement: Movement, numbers: list[Any]) -> tuple[Any, list[Any]] | None:
        """Give this kind with what the law sees of a movement of it, and its numbers, those of the year and its day.

        Returns: `None` where no movement with the same cells was judged.
        """
        cells = self.cells(numbers)
        found = self._found.get(cells)
        if found is None:
            return None
        own: tuple[dict[Any, Any], ...] = ()
        if found:
            own = tuple([{name: one[name] for name in _YEAR if name in one} for one in self._own])
            for at, name, place in self._persons:
                own[at][name] = (numbers[place], numbers[place])
        key: list[Any] = [self, cells]
        values = list(numbers)
        for (_, years), (status, exempt) in zip(self.years, found, strict=True):
            counting = Counting(movement, own, status, exempt)
            key += years_seen(counting, years)
            values += [plain_bounds(counting.number(MOVEMENT, fact, None)) for fact, _ in years]
        values.append("" if movement.date is None else movement.date.isoformat())
        return tuple(key), values

    def judged(self, numbers: list[Any], judges: Sequence[Judge]) -> None:
        """Remember what contents were found to be."""
        if len(self._found) >= REMEMBERED:
            self._found.clear()
        cells = self.cells(numbers)
        self._found[cells] = tuple([(judges[order].status, judges[order].exempt) for order, _ in self.years])

    def place(self, order: int, judge: Judge, at: int, fact: str) -> int | None:
        """Say which of the values that `seen` gives a fact has; `None` where it is the same for all of the kind."""
        if fact == "date":
            return self._day_place
        if fact.startswith("year."):
            return self._year_places[order, fact]
        return self.places.get((at if fact in judge.facts.own[at] else MOVEMENT, fact))


@dataclass(frozen=True, slots=True)
class Spoken:
    """What one legal order said of a movement.

    Attributes:
        place: its place among those that have a say.
        judge: at rest.
    """

    place: int
    judge: Judge
    order: Order
    entry: Entry
    about_all: Speech
    contents: tuple[Speech, ...]


_Said = tuple[Finding | Pattern, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """The answer to all movements of a kind in whose numbers the law sees the same.

    Attributes:
        entries: what each legal order says, with its findings.
        contents: what each content is, with its findings.
    """

    decision: Decision
    entries: tuple[tuple[Entry, _Said], ...]
    contents: tuple[tuple[ContentAnswer, _Said], ...]

    @classmethod
    def of(cls, kind: Kind, decision: Decision, spoken: Sequence[Spoken]) -> Known:
        """Make it from one decision of the kind, and what spoke in it."""
        entries: list[tuple[Entry, _Said]] = []
        contents: list[list[Finding | Pattern]] = [[] for _ in decision.contents]
        for one in spoken:
            place = partial(kind.place, one.place, one.judge)
            about_all = tuple(
                [pattern_of(one.judge, live, MOVEMENT, said, place) for live, said in one.about_all]
            )
            entries.append((with_findings(one.entry, ()), about_all or (default_of(one.order),)))
            for at, speech in enumerate(one.contents):
                contents[at] += [pattern_of(one.judge, live, at, said, place) for live, said in speech]
        bare = [replace(one, findings=()) for one in decision.contents]
        return cls(decision, tuple(entries), tuple(zip(bare, map(tuple, contents), strict=True)))

    def say(self, day: date, values: list[Any]) -> Decision:
        """Give the decision, its sentences with other numbers."""
        first = self.decision
        entries = tuple([with_findings(one, _fill(said, values)) for one, said in self.entries])
        contents = tuple(
            [
                ContentAnswer(one.name, one.determination, one.determinations, _fill(said, values))
                for one, said in self.contents
            ]
        )
        return Decision(
            first.verdict,
            entries,
            contents,
            first.missing,
            first.assumed,
            first.certainty,
            day,
            first.lawbook,
            first.routes,
            first.completed,
            first.exceptional_routes,
            first.routes_open,
            first.not_modelled,
            first.laxest,
            first.span,
            first.cells,
        )


def _fill(said: _Said, values: list[Any]) -> tuple[Finding, ...]:
    return tuple([one.fill(values) if one.__class__ is Pattern else one for one in said])  # type: ignore[misc] # its class is asked


def with_findings(entry: Entry, findings: tuple[Finding, ...]) -> Entry:
    """Give an order's answer with other findings."""
    return Entry(
        entry.code,
        entry.verdict,
        entry.routes,
        entry.prerequisites,
        entry.completed,
        entry.exceptional_routes,
        entry.routes_open,
        entry.exemption,
        entry.duties,
        findings,
        entry.note,
    )

"""What an answer hangs on, as a key: two movements with one key get one answer from a legal order.

A rule sees a movement only through its comparisons. The key holds, for every rule that may hold, what those
comparisons can see: plain values as they are, known numbers as the cell between two thresholds in which they
lie, open numbers as their bounds. What contents are follows from that, and so do verdict, routes, what is
missing, and which rules speak; only the values in their sentences differ, and those are filled in each time.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from carnet.law.asking import Asking, Truth
from carnet.law.compiled import LiveRule, OrderLaw
from carnet.law.conditions import EVERYTHING, MOVEMENT, Interval, Leaf
from carnet.law.index import Selection

REMEMBERED = 8192
"""Answers that an order's law keeps; then it forgets them all and begins anew."""

Cuts = tuple[float, ...]
Years = tuple[tuple[str, Cuts], ...]


@dataclass(frozen=True, slots=True)
class Reads:
    """What some rules read.

    Attributes:
        rests_on_rules: some condition asks what other rules found.
    """

    plain: tuple[str, ...]
    numbers: tuple[tuple[str, Cuts], ...]
    combined: tuple[tuple[str, tuple[str, ...], Cuts], ...]
    years: Years
    rests_on_rules: bool


@dataclass(slots=True)
class Memory:
    """What an order's law remembers, by key."""

    answers: dict[Any, Any]
    contents: dict[Any, tuple[dict[str, Truth], dict[str, Truth]]]
    ways: tuple[str, ...]

    @classmethod
    def of(cls, law: OrderLaw) -> Memory:
        """Give the memory that belongs to a law."""
        found = law.kept.get("memory")
        if found is None:
            ways = [way for need in law.needs for way in (*need.routes, *need.done_by)]
            ways += [way for live in law.movement.get("offers", ()) for way in live.rule.detail["routes"]]
            names = tuple(f"safeguard.{way}" for way in dict.fromkeys(ways))
            found = law.kept["memory"] = cls({}, {}, names)
        return found

    def keep(self, key: Any, answer: Any) -> None:
        """Remember an answer."""
        if len(self.answers) >= REMEMBERED:
            self.answers.clear()
        self.answers[key] = answer


def _read_by(chosen: Selection[LiveRule]) -> Reads:
    if chosen.reads is None:
        chosen.reads = _reads(chosen.rules)
    return chosen.reads  # type: ignore[no-any-return] # set above, once


def _reads(rules: tuple[LiveRule, ...]) -> Reads:
    leaves: list[Leaf] = []
    plain: dict[str, None] = {}
    for live in rules:
        leaves += live.when.leaves()
        for _, condition in live.exceptions:
            leaves += condition.leaves()
        if live.rule.effect == "prerequisite" and live.rule.classes is not None:
            plain[f"safeguard.{live.rule.detail['what']}"] = None
    numbers: dict[tuple[str, tuple[str, ...] | None], set[float]] = {}
    rests = False
    for leaf in leaves:
        if leaf.derived:
            rests = True
        elif leaf.numeric:
            numbers.setdefault((leaf.fact, leaf.over), set()).add(leaf.value)
        else:
            plain[leaf.fact] = None
    cuts = {key: near(found) for key, found in numbers.items()}
    year = {fact: found for (fact, _), found in cuts.items() if fact.startswith("year.")}
    return Reads(
        tuple(plain),
        tuple((fact, cut) for (fact, over), cut in cuts.items() if over is None and fact not in year),
        tuple((fact, over, cut) for (fact, over), cut in cuts.items() if over is not None),
        tuple(year.items()),
        rests or bool(year),
    )


def near(values: Iterable[float]) -> Cuts:
    """Cut at some thresholds and next to them: there an open number is split, so that is a cell too."""
    out: set[float] = set()
    for value in values:
        out |= {value - 1, value, value + 1}
        out |= {math.nextafter(value, -math.inf), math.nextafter(value, math.inf)}
    return tuple(sorted(out))


_COUNTED = ("year.persons", "year.persons_sensitive")
Numbers = Mapping[tuple[str, tuple[str, ...] | None], frozenset[float]]
"""Thresholds by fact, and by the classes over which it is combined."""


def numbers_read(law: OrderLaw, name: str | None) -> Numbers:
    """Give every threshold in the rules about a class, or, for `None`, about the movement."""
    kept: dict[str | None, Numbers] = law.kept.setdefault("numbers", {})
    found = kept.get(name)
    if found is None:
        out: dict[tuple[str, tuple[str, ...] | None], set[float]] = {}
        for live in law.of_class(name).index.rules:
            # A sentence may name a count that its rule does not compare.
            for fact in _COUNTED:
                if f"{{{fact}}}" in live.rule.says:
                    out.setdefault((fact, None), set())
            for condition in (live.when, *(one for _, one in live.exceptions)):
                for leaf in condition.leaves():
                    if leaf.numeric:
                        out.setdefault((leaf.fact, leaf.over), set()).add(leaf.value)
        found = kept[name] = {key: frozenset(values) for key, values in out.items()}
    return found


def _cell(cuts: Cuts, value: float) -> int:
    """Number the thresholds and the spaces between them."""
    return bisect.bisect_left(cuts, value) + bisect.bisect_right(cuts, value)


def cells_of(cuts: Cuts, bounds: Interval) -> tuple[int, int]:
    """Number the thresholds and the spaces between them, for both ends of some bounds."""
    low = _cell(cuts, bounds[0])
    return (low, low if bounds[0] == bounds[1] else _cell(cuts, bounds[1]))


def key_of(judge: Asking, memory: Memory) -> Any:
    """Give the key of what an order can see of a movement, and find what the contents are.

    Returns: `None` where what a content is hangs on what others are: then nothing is remembered.
    """
    judge.prepare()
    views, movement = judge.views, judge.movement
    key: list[Any] = [movement.history is None]
    for at, chosen in enumerate(judge.chosen[:-1]):
        reads = _read_by(chosen)
        if reads.rests_on_rules:
            return None
        mine = (
            movement.contents[at].name,
            judge.facts.classes[at],
            chosen,
            *_seen(judge, at, reads),
            *map(views[at].get, memory.ways),
        )
        known = memory.contents.get(mine)
        if known is None:
            judge.look_at(at)
            if len(memory.contents) >= REMEMBERED:
                memory.contents.clear()
            memory.contents[mine] = (judge.status[at], judge.exempt[at])
        else:
            judge.status[at], judge.exempt[at] = known
        key.append(mine)
    judge.looked()
    reads = _read_by(judge.chosen[-1])
    key += (judge.chosen[-1], *_seen(judge, MOVEMENT, reads), *map(views[-1].get, memory.ways))
    if reads.years:
        key += years_seen(judge, reads.years)
    return tuple(key)


def _seen(judge: Asking, at: int, reads: Reads) -> list[Any]:
    view = judge.views[at]
    get = view.get
    out: list[Any] = list(map(get, reads.plain))
    for fact, cuts in reads.numbers:
        bounds = get(fact, EVERYTHING)
        low, high = bounds
        out.append(_cell(cuts, low) if low == high else bounds)
    for fact, over, cuts in reads.combined:
        parts = judge.parts(fact, over)
        # Where every part is known, only the whole can be open; else the parts count each by itself.
        known = all(low == high for low, high in parts)
        out.append(cells_of(cuts, judge.number(at, fact, over)) if known else (parts, _history(judge, fact)))
    return out


def _history(judge: Asking, fact: str) -> tuple[float, ...]:
    """Give the values of the history that add to a fact."""
    measure = judge.facts.register[fact].measure or fact
    return tuple(one.value for one in judge.movement.history or () if one.measure == measure)


def years_seen(judge: Asking, years: Years) -> list[Any]:
    """Give what rules can see of the persons of the year, once it is known what contents are."""
    out: list[Any] = []
    movement = judge.movement
    totals, year = movement.totals, movement.year_to_date
    persons = [own.get("persons", EVERYTHING) for own in judge.own[:-1]]
    fresh = [own.get("persons_new_this_year") for own in judge.own[:-1]]
    settled = all(low == high for low, high in persons) and all(
        status.get("personal", False) is not None
        and status.get("sensitive_personal", False) is not None
        and exempt.get("personal", False) is not None
        for status, exempt in zip(judge.status, judge.exempt, strict=True)
    )
    out += [one is None for one in fresh]
    out += [totals is None or totals.persons is None, totals is None or totals.persons_sensitive is None]
    for given in (None, None) if year is None else (year.persons, year.persons_sensitive):
        out.append(given if not given else True)
    if settled:
        out += [cells_of(cuts, judge.number(MOVEMENT, fact, None)) for fact, cuts in years]
    else:
        out += persons
        out += fresh
        out += [year and (year.persons, year.persons_sensitive)]
        out += [totals and (totals.persons, totals.persons_sensitive)]
    return out

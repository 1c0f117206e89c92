"""What `carnet law check` asks beyond what loading refuses: has every rule been put to a test?

Every rule needs own cases: one in which it fires, one in which it is silent, one in which it is unknown (where
a fact that it asks for can be unknown), and for every number a case exactly at it and one at the next value on
the other side; and every first and last day of a rule or value one on it and one beside it. A parameter or term that
nothing reads is named too. Own cases lie in `<order>/cases/` in the casebook's form, and must come out as they say.
What loading refuses, with file and line: unknown or duplicate keys, an empty `all` or `any`, a fact that is not
registered, a rule or value without source, a comparison that is not the parameter's, an exception to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from carnet.law.casebook import Case
from carnet.law.compiled import LiveRule
from carnet.law.conditions import MOVEMENT, NUMERIC, Always, Leaf
from carnet.law.confirmed import lapsed
from carnet.law.judge import Judge
from carnet.law.lawbook import Lawbook, Order
from carnet.law.reading import named_under
from carnet.law.situation import situation

_DAY = timedelta(days=1)
ALWAYS_KNOWN = frozenset(
    {
        "date",
        "origin",
        "held_in",
        "destination",
        "mode",
        "activity",
        "about",
        "content.about",
        "places",
        "recipient_in",
        "exporter.established_in",
        "exporter.relation",
        "recipient.established_in",
    }
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that the check does not let pass."""

    rule: str
    place: str
    what: str

    def to_mapping(self) -> dict[str, str]:
        """Give the JSON form."""
        return {"rule": self.rule, "place": self.place, "what": self.what}


@dataclass
class _Seen:
    """What own cases showed of one rule."""

    truths: set[bool | None] = field(default_factory=set)
    values: dict[tuple[str, float], set[float]] = field(default_factory=dict)


def check_cases(lawbook: Lawbook, cases: Sequence[Case]) -> list[Problem]:
    """Name every rule that the cases leave untested.

    Args:
        lawbook: the lawbook.
        cases: own cases of its orders; the outcome of each is judged elsewhere.
    """
    problems: list[Problem] = []
    for order in lawbook.orders.values():
        seen: dict[str, _Seen] = {rule.id: _Seen() for rule in order.rules}
        live: dict[str, LiveRule] = {}
        for case in cases:
            if order.code in case.jurisdictions:
                _watch(lawbook, order, case, seen, live)
        problems += [
            Problem(one.id, one.place, f"the comparison with the official text speaks for nothing: {why}")
            for one, why in lapsed(order.rules, order.parameters, order.confirmations)
        ]
        days = {one.movement.date for one in cases if order.code in one.jurisdictions}
        problems += [*_untested_days(order, days), *_orphans(order)]
        for rule in order.rules:
            problems += [Problem(rule.id, rule.place, what) for what in _lacks(rule.id, seen, live, lawbook)]
    return problems


def _untested_days(order: Order, days: set[date | None]) -> Iterator[Problem]:
    """Name first and last days of rules and values on which, or beside which, no own case stands."""
    turns: list[tuple[str, str, str, date, date]] = []
    for rule in order.rules:
        if rule.start is not None:
            turns.append((rule.id, rule.place, "first day", rule.start, rule.start - _DAY))
        if rule.end is not None:
            turns.append((rule.id, rule.place, "last day", rule.end, rule.end + _DAY))
    for name, parameter in order.parameters.items():
        turns += [
            (name, parameter.place, "first day of a value", one.start, one.start - _DAY)
            for one in parameter.values[1:]
        ]
    for name, place, what, at, beside in turns:
        if at not in days:
            yield Problem(name, place, f"no own case on {at}, its {what}")
        if beside not in days:
            yield Problem(name, place, f"no own case on {beside}, the day beside its {what}")


def _orphans(order: Order) -> Iterator[Problem]:
    """Name parameters and terms that nothing reads: a number beside the law is a number that nobody minds."""
    written = [rule.when.value for rule in order.rules if rule.when is not None]
    written += [node.value for node in order.terms.values()]
    written.append(order.reach.value)
    read = set(_texts(written)) | ({order.countries} if isinstance(order.countries, str) else set())
    for name, parameter in order.parameters.items():
        if name not in read:
            yield Problem(name, parameter.place, "no condition reads this parameter")
    for name, node in order.terms.items():
        if name not in set(named_under(written, "term")):
            yield Problem(f"{order.folder}: {name}", node.doc.where(node.path), "no condition uses this term")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        yield from _texts(list(value.values()))


def _watch(
    lawbook: Lawbook, order: Order, case: Case, seen: dict[str, _Seen], live_rules: dict[str, LiveRule]
) -> None:
    day = case.movement.date
    if day is None:
        return
    law = order.on(day)
    judge = Judge(law, situation(case.movement, day, lawbook.register, lawbook.vocabulary))
    judge.rest()
    exceptions = {
        rule.id: LiveRule(rule, condition, (), tuple(leaf.fact for leaf in condition.leaves()))
        for live in law.every
        for rule, condition in live.exceptions
    }
    for live in (*law.every, *exceptions.values()):
        live_rules.setdefault(live.rule.id, live)
        about_movement = live.rule.classes is None
        places = (
            [MOVEMENT]
            if about_movement
            else [at for at in range(judge.count) if live in judge.candidates[at]]
        )
        mine = seen[live.rule.id]
        for at in places:
            mine.truths.add(live.when.test(judge, at))
            for leaf in live.when.leaves():
                if _is_boundary(leaf):
                    low, high = judge.number(at, leaf.fact, leaf.over)
                    if low == high:
                        mine.values.setdefault((leaf.fact, leaf.value), set()).add(low)


def _is_boundary(leaf: Leaf) -> bool:
    return leaf.numeric and leaf.operator in NUMERIC and leaf.parameter is not None


def _lacks(name: str, seen: dict[str, _Seen], live_rules: dict[str, LiveRule], lawbook: Lawbook) -> list[str]:
    mine = seen[name]
    if not mine.truths:
        return ["no own case reaches the rule on a day on which it is in force"]
    live = live_rules[name]
    out: list[str] = []
    if True not in mine.truths:
        out.append("no own case in which the rule fires")
    if False not in mine.truths and not isinstance(live.when, Always):
        out.append("no own case in which the rule is silent")
    open_facts = {leaf.fact for leaf in live.when.leaves(open_only=True)} - ALWAYS_KNOWN
    open_facts -= {
        fact
        for fact in open_facts
        if fact in lawbook.register and lawbook.register[fact].presumed is not None
    }
    if open_facts and None not in mine.truths:
        out.append(f"no own case in which the rule is unknown ({', '.join(sorted(open_facts))})")
    for leaf in live.when.leaves():
        if _is_boundary(leaf):
            out += _sides(leaf, mine.values.get((leaf.fact, leaf.value), set()))
    return out


def _sides(leaf: Leaf, values: set[float]) -> list[str]:
    """Say which side of a number no case stands on; the number itself belongs to one of the two."""
    number = leaf.value
    other = number - 1 if leaf.operator in {"at_least", "fewer_than"} else number + 1
    out: list[str] = []
    if number not in values:
        out.append(f"no own case at {leaf.fact} = {number:,} ({leaf.parameter})")
    if other not in values:
        out.append(f"no own case at {leaf.fact} = {other:,}, on the other side of {leaf.parameter}")
    return out

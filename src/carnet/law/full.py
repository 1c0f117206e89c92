"""The full explanation: every condition of every candidate rule, with its truth and the value that was used.

It is made on demand, from what is known and nothing assumed. A candidate is a rule in force that speaks of the
movement, or of the class of one of its contents. Where a class has more than `LISTED` candidates, those that
are out by their guard (`carnet.law.index`) are counted instead of listed: there are too many to read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from carnet.errors import MovementError
from carnet.law.asking import Truth
from carnet.law.closures import Test, closure
from carnet.law.compiled import LiveRule
from carnet.law.conditions import MOVEMENT, Condition, Interval, Leaf
from carnet.law.judge import Judge
from carnet.law.lawbook import Lawbook
from carnet.law.reaching import Reaching
from carnet.law.situation import situation
from carnet.model.ids import LegalOrder
from carnet.model.movement import Movement

LISTED = 100
"""So many rules of a class are read one by one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One comparison of a rule.

    Attributes:
        operand: what the fact is compared with; of a parameter, its value on the day.
        used: the value of the fact; of a number that is not known, its bounds; `None` is unknown.
        truth: true, false, or `None` for unknown.
    """

    fact: str
    operator: str
    operand: Any
    parameter: str | None
    used: Any
    truth: Truth

    def to_mapping(self) -> dict[str, Any]:
        """Give the JSON form."""
        out = {"fact": self.fact, self.operator: _plain(self.operand), "used": _plain(self.used)}
        if self.parameter is not None:
            out["parameter"] = self.parameter
        return out | {"truth": self.truth}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One rule before one content, or before the movement.

    Attributes:
        truth: whether the rule holds, exceptions included.
        conditions: every comparison in it; whether they are joined by all, any or not is said by the rule's page.
        exceptions: the same of each rule that excepts it.
    """

    rule: str
    effect: str
    content: str | None
    truth: Truth
    conditions: tuple[Asked, ...]
    exceptions: tuple[tuple[str, tuple[Asked, ...]], ...]

    def to_mapping(self) -> dict[str, Any]:
        """Give the JSON form."""
        out: dict[str, Any] = {"rule": self.rule, "effect": self.effect}
        if self.content is not None:
            out["content"] = self.content
        out |= {"truth": self.truth, "conditions": [one.to_mapping() for one in self.conditions]}
        if self.exceptions:
            out["exceptions"] = [
                {"rule": rule, "conditions": [one.to_mapping() for one in asked]}
                for rule, asked in self.exceptions
            ]
        return out


@dataclass(frozen=True, slots=True)
class FullExplanation:
    """All candidates of one legal order.

    Attributes:
        out_by_guard: candidates that are not listed, as a comparison that they need is known to be false.
    """

    code: LegalOrder
    candidates: tuple[Candidate, ...]
    out_by_guard: int = 0

    def to_mapping(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "code": self.code,
            "candidates": [one.to_mapping() for one in self.candidates],
            "out_by_guard": self.out_by_guard,
        }


def explain_fully(movement: Movement, lawbook: Lawbook) -> tuple[FullExplanation, ...]:
    """Explain, for every legal order that has a say, each condition of each candidate rule.

    Args:
        movement: with its `date`, and with registered names, as `carnet.decide.decide` wants it.
        lawbook: the law to explain.

    Raises:
        MovementError: the movement has no date.
    """
    if movement.date is None:
        raise MovementError("the movement has no date", where=movement.source, remedy="add date: 2026-08-01")
    facts = situation(movement, movement.date, lawbook.register, lawbook.vocabulary)
    reaching = Reaching(facts)
    out: list[FullExplanation] = []
    for order in lawbook.orders.values():
        law = order.on(movement.date)
        if reaching.by(law) is not False:
            out.append(_order(order.code, Judge(law, facts)))
    return tuple(out)


def _order(code: LegalOrder, judge: Judge) -> FullExplanation:
    judge.rest()
    rows = _Rows(judge)
    out: list[Candidate] = []
    hidden = 0
    for at, name in ((MOVEMENT, None), *enumerate(judge.facts.classes)):
        every = judge.law.of_class(name).index.rules
        live = judge.about_all if name is None else judge.live[at]
        few = len(every) <= LISTED
        hidden += 0 if few else len(every) - len(live)
        out += [rows.candidate(one, at) for one in (every if few else live)]
    return FullExplanation(code, tuple(out), hidden)


@dataclass(frozen=True, slots=True)
class _Leaves:
    """Every comparison of a law, once, however many rules make it."""

    numbers: dict[Leaf, int]
    tests: list[tuple[Leaf, Test]]
    of: dict[LiveRule, tuple[tuple[int, ...], tuple[tuple[str, tuple[int, ...]], ...]]]

    def rule(self, live: LiveRule) -> tuple[tuple[int, ...], tuple[tuple[str, tuple[int, ...]], ...]]:
        """Number the comparisons of a rule, and those of each rule that excepts it."""
        found = self.of.get(live)
        if found is None:
            exceptions = tuple((rule.id, self._number(condition)) for rule, condition in live.exceptions)
            found = self.of[live] = (self._number(live.when), exceptions)
        return found

    def _number(self, condition: Condition) -> tuple[int, ...]:
        out: list[int] = []
        for leaf in condition.leaves():
            number = self.numbers.setdefault(leaf, len(self.tests))
            if number == len(self.tests):
                self.tests.append((leaf, closure(leaf)))
            out.append(number)
        return tuple(out)


class _Rows:
    """The comparisons of one order before one movement: each is made once for every content it differs for."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.leaves: _Leaves = judge.law.kept.setdefault("leaves", _Leaves({}, [], {}))
        self.made: dict[int, dict[int, Asked]] = {at: {} for at in (MOVEMENT, *range(judge.count))}

    def candidate(self, live: LiveRule, at: int) -> Candidate:
        """Give a rule with all that it asks."""
        judge = self.judge
        mine, exceptions = self.leaves.rule(live)
        return Candidate(
            live.rule.id,
            live.rule.effect,
            None if at == MOVEMENT else judge.movement.contents[at].name,
            judge.holds(live, at),
            self._asked(mine, at),
            tuple([(rule, self._asked(rows, at)) for rule, rows in exceptions]),
        )

    def _asked(self, rows: tuple[int, ...], at: int) -> tuple[Asked, ...]:
        made = self.made[at]
        return tuple([made[row] if row in made else self._make(row, at) for row in rows])

    def _make(self, row: int, at: int) -> Asked:
        judge = self.judge
        leaf, test = self.leaves.tests[row]
        fact = leaf.fact
        # What a content does not know of its own it has from the movement, as all others have.
        if at != MOVEMENT and fact not in judge.own[at]:
            whole = self.made[MOVEMENT]
            found = whole[row] if row in whole else self._make(row, MOVEMENT)
        elif leaf.derived:
            truth = judge.found(fact)
            found = Asked(fact, leaf.operator, leaf.value, None, truth, truth)
        else:
            used: Any = judge.number(at, fact, leaf.over) if leaf.numeric else judge.views[at].get(fact)
            found = Asked(fact, leaf.operator, leaf.value, leaf.parameter, used, test(judge, at))
        self.made[at][row] = found
        return found


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple) and len(value) == 2 and not isinstance(value[0], str):  # noqa: PLR2004 - bounds
        return _bounds(value)
    return list(value) if isinstance(value, tuple) else value


def _bounds(bounds: Interval) -> Any:
    low, high = bounds
    if low == high:
        return low
    return None if (low, high) == (0, math.inf) else {"from": low, "to": None if high == math.inf else high}

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
from carnet.law.asking import Reaching, Truth
from carnet.law.closures import Test, closure
from carnet.law.compiled import LiveRule
from carnet.law.conditions import MOVEMENT, Condition, Interval, Leaf
from carnet.law.judge import Judge
from carnet.law.lawbook import Lawbook
from carnet.law.situation import situation
from carnet.model.ids import LegalOrder
from carnet.model.movement import Movement

LISTED = 500


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
    out: list[Candidate] = []
    hidden = 0
    classes = zip(judge.candidates, judge.live, strict=True)
    places = [(MOVEMENT, judge.law.about_all, judge.about_all)]
    places += [(at, every, live) for at, (every, live) in enumerate(classes)]
    for at, every, live in places:
        few = len(every) <= LISTED
        hidden += 0 if few else len(every) - len(live)
        out += [_candidate(judge, one, at) for one in (every if few else live)]
    return FullExplanation(code, tuple(out), hidden)


_Row = tuple[Leaf, Test]


def _rows(judge: Judge, condition: Condition) -> tuple[_Row, ...]:
    kept: dict[int, tuple[Condition, tuple[_Row, ...]]] = judge.law.kept.setdefault("rows", {})
    found = kept.get(id(condition))
    if found is None:
        leaves = condition.leaves()
        # The condition is kept with its rows, so that its number stays its own.
        found = kept[id(condition)] = (condition, tuple((leaf, closure(leaf)) for leaf in leaves))
    return found[1]


def _asked(judge: Judge, condition: Condition, at: int) -> tuple[Asked, ...]:
    view = judge.views[at]
    out: list[Asked] = []
    for leaf, test in _rows(judge, condition):
        fact = leaf.fact
        if leaf.derived:
            truth = judge.found(fact)
            out.append(Asked(fact, leaf.operator, leaf.value, None, truth, truth))
            continue
        used: Any = judge.number(at, fact, leaf.over) if leaf.numeric else view.get(fact)
        out.append(Asked(fact, leaf.operator, leaf.value, leaf.parameter, used, test(judge, at)))
    return tuple(out)


def _candidate(judge: Judge, live: LiveRule, at: int) -> Candidate:
    return Candidate(
        live.rule.id,
        live.rule.effect,
        None if at == MOVEMENT else judge.movement.contents[at].name,
        judge.holds(live, at),
        _asked(judge, live.when, at),
        tuple([(rule.id, _asked(judge, condition, at)) for rule, condition in live.exceptions]),
    )


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

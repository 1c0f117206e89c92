"""What can be obtained so that a movement may go, and what the law says once it is.

The steps are what the law itself names for this movement and nothing else: first what each legal order wants
beforehand, then one of its routes. Each step is judged: what does not help the order that asked for it is not
kept, and `then` is the decision on the movement with the steps in place, as of its own day. Consent is no step,
as nobody can promise another's consent; where it would change an answer, that is said apart.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from carnet.decide import decide
from carnet.law.lawbook import Lawbook
from carnet.model.decision import ROUTE_STRICTNESS, Decision, Duty, Entry, Verdict
from carnet.model.ids import LegalOrder
from carnet.model.movement import SAFEGUARDS, Movement, Safeguard

MAX_ROUNDS = 8
"""Judgements that the steps of one option may take."""

BEFORE = "before it goes"
_BY = {"notice": "notice_given"}
"""Routes that are carried by a safeguard of another name. `consent` is left out on purpose."""
_CONSENTS = ("consent", "separate_consent")
_IMPACT = "transfer_impact_assessment"
MAX_CELLS_OF_CONSENT = 64
"""An answer that hangs on more cells of unknown facts is not asked again about consent."""


@dataclass(frozen=True, slots=True)
class Step:
    """One safeguard to be obtained.

    Attributes:
        orders: the legal orders that ask for it.
        name: as the decision names it.
        kind: as a movement names the safeguard.
        route: it is a route, and no prerequisite.
        instead: other routes of the same legal order that the decision names.
    """

    orders: tuple[LegalOrder, ...]
    name: str
    kind: str
    route: bool
    instead: tuple[str, ...] = ()

    @property
    def outcome(self) -> str | None:
        """The outcome that it must have; `None` where passing is enough."""
        return "adequate" if self.kind == _IMPACT else None

    def to_mapping(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "orders": list(self.orders),
            "what": self.name,
            "safeguard": self.kind,
            "as": "route" if self.route else "prerequisite",
            "outcome": self.outcome,
            "by": BEFORE,
            "instead": list(self.instead),
        }


@dataclass(frozen=True, slots=True)
class Consent:
    """A legal order whose answer the consent of the persons would change."""

    order: LegalOrder

    def to_mapping(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {"order": self.order, "basis": list(_CONSENTS)}


@dataclass(frozen=True, slots=True)
class Done:
    """What is to be done, in order, and the law's answer then.

    Attributes:
        movement: with the steps in place; judged, never sent.
        consents: what consent would change before anything is done.
    """

    steps: tuple[Step, ...]
    movement: Movement
    decision: Decision
    consents: tuple[Consent, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The verdict once everything is done."""
        return self.decision.verdict

    @property
    def duties(self) -> tuple[Duty, ...]:
        """What is owed then, before and after."""
        return self.decision.duties


def done(movement: Movement, now: Decision, lawbook: Lawbook) -> Done:
    """Say what to obtain, in order, and what the law says then.

    Args:
        movement: as it would be sent.
        now: the decision on it.
        lawbook: the law to apply.
    """
    movement, now = _without_safeguards(movement, now, lawbook)
    consents = _consents(movement, now, lawbook)
    steps: tuple[Step, ...] = ()
    tried: set[tuple[str, str]] = set()
    at = now
    for _ in range(MAX_ROUNDS):
        wanted = tuple(step for entry in at.jurisdictions if (step := _next(entry, at, tried)) is not None)
        if not wanted:
            break
        tried |= {(code, step.kind) for step in wanted for code in step.orders}
        then = decide(with_steps(movement, (*steps, *wanted)), lawbook, explain=False)
        kept = tuple(step for step in wanted if _helps(step, then))
        if len(kept) < len(wanted):
            then = decide(with_steps(movement, (*steps, *kept)), lawbook, explain=False) if kept else at
        steps, at = (*steps, *kept), then
    ordered = tuple(sorted(_once(steps), key=lambda step: step.route))
    return Done(ordered, with_steps(movement, ordered), at, consents)


def _without_safeguards(movement: Movement, now: Decision, lawbook: Lawbook) -> tuple[Movement, Decision]:
    """Take a movement that says nothing of safeguards, and lacks nothing else, for one that has none yet."""
    open_only = bool(now.missing) and all(one.fact.startswith("safeguard") for one in now.missing)
    if movement.safeguards is not None or now.verdict is not Verdict.UNDECIDED or not open_only:
        return movement, now
    bare = replace(movement, safeguards=())
    return bare, decide(bare, lawbook, explain=False)


def with_steps(movement: Movement, steps: tuple[Step, ...]) -> Movement:
    """Give the movement with what the steps bring, in force from its own day on."""
    if not steps:
        return movement
    have = movement.safeguards or ()
    more = tuple(Safeguard(step.kind, passed=movement.date, outcome=step.outcome) for step in _once(steps))
    return replace(movement, safeguards=(*have, *more))


def _once(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Make one step of what several legal orders ask for: it is obtained once."""
    out: dict[str, Step] = {}
    for step in steps:
        have = out.get(step.kind)
        out[step.kind] = step if have is None else replace(have, orders=(*have.orders, *step.orders))
    return tuple(out.values())


def _next(entry: Entry, now: Decision, tried: set[tuple[str, str]]) -> Step | None:
    """Give what one legal order wants first: what comes before any route, then the least strict route not tried yet.

    Of routes that are as strict, one that more legal orders name goes first, as it is obtained once for all of them.
    Where an unknown fact decides which route is open, one that does not carry either way is not kept.
    """
    if entry.verdict is not Verdict.CONDITIONAL:
        return None
    named = Counter(route for other in now.jurisdictions for route in other.routes)
    routes = sorted(entry.routes, key=lambda route: (ROUTE_STRICTNESS.get(route, 2), -named[route]))
    for name, route in (*((one, False) for one in entry.prerequisites), *((one, True) for one in routes)):
        kind = _BY.get(name, name)
        if kind in SAFEGUARDS and (entry.code, kind) not in tried:
            instead = tuple(other for other in entry.routes if other != name) if route else ()
            return Step((entry.code,), name, kind, route, instead)
    return None


def _helps(step: Step, after: Decision) -> bool:
    """Say whether a step did what its legal order wanted it for, and opened no new question."""
    entries = [after.entry(code) for code in step.orders]
    asked = [one.routes if step.route else one.prerequisites for one in entries if one is not None]
    closed = all(one is not None and one.verdict is not Verdict.UNDECIDED for one in entries)
    return closed and not any(step.name in names for names in asked)


def _consents(movement: Movement, now: Decision, lawbook: Lawbook) -> tuple[Consent, ...]:
    """Name the legal orders whose answer consent would change."""
    basis = movement.basis or ()
    if set(_CONSENTS) <= set(basis) or now.cells > MAX_CELLS_OF_CONSENT:
        return ()
    given = Safeguard("consent_obtained", passed=movement.date)
    asked = replace(
        movement,
        basis=tuple(dict.fromkeys((*basis, *_CONSENTS))),
        safeguards=None if movement.safeguards is None else (*movement.safeguards, given),
    )
    then = decide(asked, lawbook, explain=False)
    return tuple(
        Consent(entry.code) for entry in now.jurisdictions if _says(entry) != _says(then.entry(entry.code))
    )


def _says(entry: Entry | None) -> Any:
    if entry is None:
        return None
    duties = tuple(duty.id for duty in entry.duties)
    return entry.verdict, entry.routes, entry.prerequisites, entry.exceptional_routes, duties

"""What is known of a movement, by registered name: stated, presumed, implied, or contradicted.

Everything here is derived once for a movement, before any legal order is asked. Two statements that cannot
both be true (a part that is said to be out, and is measured) make the fact unknown between the two, and the
item undecided.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from carnet.law.conditions import EVERYTHING, MOVEMENT, Interval
from carnet.law.register import FactEntry, Implication, Register
from carnet.model.decision import Assumed
from carnet.model.movement import Content, Movement, Safeguard
from carnet.model.vocabulary import UNKNOWN_CLASS, Vocabulary, covers

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Situation:
    """The facts of a movement before any rule is asked.

    Attributes:
        values: by (content number or `MOVEMENT`, fact); numbers are intervals; an absent key is unknown.
        presumed: facts whose value is presumed, with the reason.
        claimed: facts whose value rests on a claim that a part is out, with the reason.
        contradicted: what contradicts what, or is not classified, by content number.
        assumptions: defaults of the document that were used.
        notes: safeguards that are presumed to hold or to cover.
    """

    movement: Movement
    day: date
    register: Register
    values: Mapping[Key, Any]
    presumed: Mapping[str, Assumed]
    claimed: Mapping[Key, Assumed]
    contradicted: Mapping[int, tuple[tuple[str, str], ...]]
    assumptions: tuple[Assumed, ...]
    safeguard_notes: Mapping[str, tuple[Assumed, ...]]
    classes: tuple[str, ...] = field(default=())


def bounds(value: float) -> Interval:
    """Give the interval of a known number."""
    return (value, value)


def _holds(implication: Implication, known: Mapping[str, Any], removed: tuple[str, ...] | None) -> bool:
    if implication.fact == "removed":
        return removed is not None and implication.value in removed
    value = known.get(implication.fact)
    if value is None:
        return False
    match implication.operator:
        case "is":
            return bool(value == implication.value)
        case "exceeds":
            return bool(value > implication.value)
        case _:
            return implication.value in value


class _Items:
    """Derives the facts of one content until nothing new follows."""

    def __init__(self, register: Register, removed: tuple[str, ...] | None, stated: dict[str, Any]) -> None:
        self.register = register
        self.removed = removed
        self.known = dict(stated)
        self.stated = frozenset(stated)
        self.claims: dict[str, Implication] = {}
        self.clashes: dict[str, tuple[Any, Any, str]] = {}

    def run(self, scope: str) -> None:
        entries = self.register.implied[scope]
        for _ in range(len(entries) + 1):
            before = len(self.known), len(self.clashes)
            for entry in entries:
                for implication in entry.implied_by:
                    if _holds(implication, self.known, self.removed):
                        self._take(entry, implication)
            if before == (len(self.known), len(self.clashes)):
                return

    def _take(self, entry: FactEntry, implication: Implication) -> None:
        have = self.known.get(entry.name)
        if have is None:
            self.known[entry.name] = implication.gives
            if implication.claim or implication.fact in self.claims:
                self.claims[entry.name] = implication
        elif have != implication.gives and entry.name not in self.clashes:
            self.clashes[entry.name] = (have, implication.gives, implication.because)


def _content_values(
    content: Content, number: int, register: Register, vocabulary: Vocabulary, values: dict[Key, Any]
) -> tuple[dict[Key, Assumed], tuple[tuple[str, str], ...]]:
    stated: dict[str, Any] = dict(content.facts)
    for name in ("persons", "persons_new_this_year", "vehicles"):
        given = getattr(content, name)
        if given is not None:
            stated[name] = given
    if content.removed is not None:
        stated["removed"] = content.removed
    if content.made_by is not None:
        maker = {
            "made_by.established_in": content.made_by.established_in,
            "made_by.owned_from": content.made_by.owned_from,
        }
        stated |= {name: value for name, value in maker.items() if value is not None}
    items = _Items(register, content.removed, stated)
    items.run("content")
    path = f"contents.{content.name}"
    for name, value in items.known.items():
        entry = register[name]
        if name in items.clashes:
            have, other, _ = items.clashes[name]
            if entry.numeric:
                values[number, name] = (min(have, other), max(have, other))
        else:
            values[number, name] = bounds(value) if entry.numeric else value
    if content.persons is None:
        nature = vocabulary[content.data].personal if content.data in vocabulary else "possible"
        if nature == "always":
            parts = vocabulary[content.data].identifying
            all_out = bool(parts) and content.removed is not None and set(parts) <= set(content.removed)
            values[number, "persons"] = EVERYTHING if all_out else (1, math.inf)
        elif nature == "never":
            values[number, "persons"] = (0, 0)
    claimed = {
        (number, name): Assumed(f"{path}.{name}", items.known[name], implication.because)
        for name, implication in items.claims.items()
        if name not in items.clashes
    }
    clashes = tuple(
        (f"{path}.{name}", f"{name} is given as {_said(have)}, and {because} says {_said(other)}")
        for name, (have, other, because) in items.clashes.items()
    )
    if content.data == UNKNOWN_CLASS:
        clashes += ((f"{path}.data", f"{content.name} is not classified yet"),)
    return claimed, clashes


def _said(value: Any) -> str:
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _covers(safeguard: Safeguard, movement: Movement, content: Content | None) -> bool | None:
    """Say whether a safeguard covers the movement and, if one is given, the content."""
    coverage = safeguard.covers
    if coverage is None:
        return True
    out: bool | None = True
    if coverage.recipient is not None:
        party = movement.recipient
        if party.id is None and party.name is None:
            out = None
        elif coverage.recipient not in {party.id, party.name}:
            return False
    if coverage.purpose is not None:
        if movement.purpose is None:
            out = None
        elif movement.purpose != coverage.purpose:
            return False
    if coverage.data is None or content is None:
        return out
    return out if any(covers(general, content.data) for general in coverage.data) else False


def _in_force(safeguard: Safeguard, day: date) -> bool | None:
    if safeguard.until is not None and safeguard.until < day:
        return False
    if safeguard.outcome == "refused":
        return False
    if safeguard.passed is None:
        return None
    return safeguard.passed <= day


def _better(left: bool | None, right: bool | None) -> bool | None:  # noqa: FBT001 - a truth table
    if left is True or right is True:
        return True
    return None if left is None or right is None else False


def _safeguards(movement: Movement, day: date, values: dict[Key, Any]) -> dict[str, tuple[Assumed, ...]]:
    from carnet.model.movement import SAFEGUARDS

    notes: dict[str, tuple[Assumed, ...]] = {}
    if movement.safeguards is None:
        return notes
    targets: list[tuple[int, Content | None]] = [(MOVEMENT, None), *enumerate(movement.contents)]
    for kind in SAFEGUARDS:
        mine = [one for one in movement.safeguards if one.kind == kind]
        for number, content in targets:
            state: bool | None = False
            for one in mine:
                force, reach = _in_force(one, day), _covers(one, movement, content)
                both = False if force is False or reach is False else None if None in (force, reach) else True
                state = _better(state, both)
            if state is not None:
                values[number, f"safeguard.{kind}"] = state
        said: list[Assumed] = []
        for one in mine:
            if one.covers is None:
                said.append(
                    Assumed(f"safeguards.{kind}.covers", "this movement", "the safeguard names no limits")
                )
            if one.until is None:
                said.append(
                    Assumed(f"safeguards.{kind}.until", "holds still", "the safeguard names no last day")
                )
        notes[kind] = tuple(said)
    tia = "transfer_impact_assessment"
    outcomes = [
        one.outcome for one in movement.safeguards if one.kind == tia and _in_force(one, day) is not False
    ]
    if not outcomes:
        values[MOVEMENT, f"safeguard.{tia}.outcome"] = "none"
    elif all(outcome is not None for outcome in outcomes):
        values[MOVEMENT, f"safeguard.{tia}.outcome"] = "gap_open" if "gap_open" in outcomes else outcomes[-1]
    reports = [one for one in movement.safeguards if one.kind == "report_to_authority"]
    live = [one for one in reports if _in_force(one, day) is True]
    if all(one.authority is not None for one in live) and len(live) == len(
        [one for one in reports if _in_force(one, day) is not False]
    ):
        values[MOVEMENT, "reported_to"] = tuple(one.authority for one in live if one.authority is not None)
    return notes


def _same_party(movement: Movement) -> bool | None:
    """Say whether both sides are one legal person: by relation or register number, never by name."""
    mine, theirs, relation = movement.exporter.id, movement.recipient.id, movement.recipient.relation
    if relation == "same_entity" or (mine is not None and mine == theirs):
        return True
    return None if relation is None and (mine is None or theirs is None) else False


def _movement_values(
    movement: Movement, day: date, register: Register, values: dict[Key, Any]
) -> tuple[Assumed, ...]:
    said: list[Assumed] = []
    recipient = movement.recipient

    def default(path: str, given: Any, other: Any, reason: str) -> Any:
        if given is not None:
            return given
        said.append(Assumed(path, other, reason))
        return other

    held = default("held_in", movement.held_in, movement.origin, "data lie where they were made unless said")
    inside = default("recipient.located_in", recipient.located_in, movement.destination, "readers sit there")
    mode = default("mode", movement.mode, "transfer", "a movement is a transfer unless said")
    about = {one for content in movement.contents for one in content.about or (movement.origin,)}
    if any(content.about is None for content in movement.contents):
        said.append(Assumed("contents.about", [movement.origin], "people live where the data were made"))
    flat: dict[str, Any] = {
        "date": day.isoformat(),
        "origin": movement.origin,
        "held_in": held,
        "destination": movement.destination,
        "mode": mode,
        "activity": movement.activity,
        "agreement": movement.agreement,
        "basis": movement.basis,
        "about": tuple(sorted(about)),
        "exporter.established_in": movement.exporter.established_in,
        "exporter.roles": movement.exporter.roles,
        "exporter.critical_infrastructure": movement.exporter.critical_infrastructure,
        "exporter.free_trade_zone": movement.exporter.free_trade_zone,
        "exporter.relation": movement.exporter.relation or "other",
        "recipient.established_in": recipient.established_in,
        "recipient.relation": recipient.relation,
        "recipient.owned_from": recipient.owned_from,
        "recipient.certified_under": recipient.certified_under,
        "recipient_in": inside,
        "same_party": _same_party(movement),
        "places": tuple(
            sorted(
                {
                    movement.origin,
                    held,
                    movement.destination,
                    movement.exporter.established_in,
                    recipient.established_in,
                    inside,
                }
                | about
            )
        ),
    }
    for facts in (movement.facts, movement.exporter.facts, recipient.facts):
        flat.update(facts)
    items = _Items(register, None, {name: value for name, value in flat.items() if value is not None})
    for scope in ("movement", "exporter", "recipient"):
        items.run(scope)
    for name, value in items.known.items():
        numeric = name in register and register[name].numeric
        values[MOVEMENT, name] = bounds(value) if numeric else value
    for name, (_, _, because) in items.clashes.items():
        values.pop((MOVEMENT, name), None)
        said.append(Assumed(name, None, f"two statements contradict each other: {because}"))
    return tuple(said)


def situation(movement: Movement, day: date, register: Register, vocabulary: Vocabulary) -> Situation:
    """Derive what is known of a movement on a day."""
    values: dict[Key, Any] = {}
    assumptions = _movement_values(movement, day, register, values)
    notes = _safeguards(movement, day, values)
    claimed: dict[Key, Assumed] = {}
    contradicted: dict[int, tuple[tuple[str, str], ...]] = {}
    filed = "SAMR" in values.get((MOVEMENT, "reported_to"), ())
    presumed = {e.name: Assumed(e.name, e.presumed, e.presumed_because or "") for e in register.presumed}
    for number, content in enumerate(movement.contents):
        claims, clashes = _content_values(content, number, register, vocabulary, values)
        values[number, "content.about"] = content.about or (movement.origin,)
        claimed |= claims
        if clashes:
            contradicted[number] = clashes
        if filed:
            values.setdefault((number, "samr_filed"), True)
        for name in presumed:
            if register[name].scope == "content":
                values.setdefault((number, name), register[name].presumed)
    for name in presumed:
        if register[name].scope != "content":
            values.setdefault((MOVEMENT, name), register[name].presumed)
    return Situation(
        movement,
        day,
        register,
        values,
        presumed,
        claimed,
        contradicted,
        assumptions,
        notes,
        tuple(content.data for content in movement.contents),
    )

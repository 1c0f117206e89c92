"""What is known of a movement, by registered name: stated, presumed, implied, or contradicted.

Everything here is derived once for a movement, before any legal order is asked. Two statements that cannot
both be true (a part that is said to be out, and is measured) make the fact unknown between the two, and the
item undecided.
"""

from __future__ import annotations

import bisect
import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from carnet.law.conditions import EVERYTHING, MOVEMENT
from carnet.law.register import FactEntry, Implication, Register
from carnet.model.decision import Assumed
from carnet.model.movement import SAFEGUARDS, Content, Movement, Safeguard
from carnet.model.vocabulary import UNKNOWN_CLASS, Vocabulary, covers

Key = tuple[Any, ...]
_REMEMBERED = 8192
_CARRIES = {"consent_obtained": "consent", "notice_given": "notice"}
"""Safeguards that complete a route of another name: what was obtained or given, and the way that this opens."""


@dataclass(frozen=True)
class Situation:
    """The facts of a movement before any rule is asked.

    Attributes:
        own: facts by name, of each content and, last, of the movement; numbers are intervals; absent is unknown.
        presumed: facts whose value is presumed, with the reason.
        claimed: facts whose value rests on a claim that a part is out, with the reason.
        contradicted: what contradicts what, or is not classified, by content number.
        assumptions: defaults of the document that were used.
        notes: safeguards that are presumed to hold or to cover.
    """

    movement: Movement
    day: date
    register: Register
    own: tuple[dict[str, Any], ...]
    presumed: Mapping[str, Assumed]
    claimed: Mapping[Key, Assumed]
    contradicted: Mapping[int, tuple[tuple[str, str], ...]]
    assumptions: tuple[Assumed, ...]
    safeguard_notes: Mapping[str, tuple[Assumed, ...]]
    classes: tuple[str, ...] = field(default=())

    @cached_property
    def stated(self) -> frozenset[str]:
        """Give the facts that the document states about the movement and its parties."""
        movement = self.movement
        return frozenset({*movement.facts, *movement.exporter.facts, *movement.recipient.facts})

    @cached_property
    def stated_anywhere(self) -> frozenset[str]:
        """Give the facts that the document states about anything."""
        return self.stated.union(*(content.facts for content in self.movement.contents))

    @cached_property
    def views(self) -> tuple[dict[str, Any], ...]:
        """Give what each content knows, the movement's facts among it, and last the movement's own."""
        whole = self.own[-1]
        return (*(whole | one for one in self.own[:-1]), whole)

    @cached_property
    def values(self) -> Mapping[Key, Any]:
        """Give all facts by (content number or `MOVEMENT`, fact)."""
        numbers = (*range(len(self.own) - 1), MOVEMENT)
        return {
            (at, name): value
            for at, facts in zip(numbers, self.own, strict=True)
            for name, value in facts.items()
        }


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

    def follow(self, *scopes: str) -> None:
        """Derive what follows; what followed from the same once follows again."""
        known, cells = self.known, self.register.premises(scopes)
        seen: list[Any] = [scopes, self.removed]
        for name, value in known.items():
            if name in cells:
                cuts = cells[name]
                seen += (name, value if cuts is None else bisect.bisect(cuts, value))
        key = tuple(seen)
        kept = self.register.followed
        found = kept.get(key)
        if found is not None:
            known.update(found[0])
            self.claims, self.clashes = found[1], found[2]
            return
        before = frozenset(known)
        for scope in scopes:
            self.run(scope)
        if len(kept) >= _REMEMBERED:
            kept.clear()
        new = {name: value for name, value in known.items() if name not in before}
        kept[key] = (new, self.claims, self.clashes)

    def run(self, scope: str) -> None:
        """Go over the entries in their order, again and again, but only those that something known speaks to."""
        entries = self.register.implied[scope]
        triggers = self.register.triggers[scope]
        this: list[int] = []
        after: set[int] = set()
        waiting: set[int] = set()

        def wake(name: str, now: int) -> None:
            for number in triggers.get(name, ()):
                if number <= now:
                    after.add(number)
                elif number not in waiting:
                    waiting.add(number)
                    heapq.heappush(this, number)

        for name in self.known:
            wake(name, -1)
        if self.removed is not None:
            wake("removed", -1)
        while this:
            number = heapq.heappop(this)
            waiting.discard(number)
            entry = entries[number]
            was = entry.name in self.known
            for implication in entry.implied_by:
                if _holds(implication, self.known, self.removed):
                    self._take(entry, implication)
            if not was and entry.name in self.known:
                wake(entry.name, number)
            if not this and after:
                this, waiting, after = sorted(after), set(after), set()

    def _take(self, entry: FactEntry, implication: Implication) -> None:
        have = self.known.get(entry.name)
        if have is None:
            self.known[entry.name] = implication.gives
            if implication.claim or implication.fact in self.claims:
                self.claims[entry.name] = implication
        elif have != implication.gives and entry.name not in self.clashes:
            self.clashes[entry.name] = (have, implication.gives, implication.because)


def too_many_new(content: Content) -> bool:
    """Say whether more persons are new than the content is about: one of the two numbers is wrong."""
    of, new = content.persons, content.persons_new_this_year
    return of is not None and new is not None and new > of


def _content_values(
    content: Content, number: int, register: Register, vocabulary: Vocabulary, values: dict[str, Any]
) -> tuple[dict[Key, Assumed], tuple[tuple[str, str], ...]]:
    stated: dict[str, Any] = dict(content.facts)
    if content.persons is not None:
        stated["persons"] = content.persons
    if content.persons_new_this_year is not None:
        stated["persons_new_this_year"] = content.persons_new_this_year
    if content.vehicles is not None:
        stated["vehicles"] = content.vehicles
    if content.removed is not None:
        stated["removed"] = content.removed
    if content.made_by is not None:
        maker = {
            "made_by.established_in": content.made_by.established_in,
            "made_by.owned_from": content.made_by.owned_from,
        }
        stated |= {name: value for name, value in maker.items() if value is not None}
    items = _Items(register, content.removed, stated)
    items.follow("content")
    path = f"contents.{content.name}"
    numeric = register.numeric
    for name, value in items.known.items():
        if name in items.clashes:
            have, other, _ = items.clashes[name]
            if name in numeric:
                values[name] = (min(have, other), max(have, other))
        else:
            values[name] = (value, value) if name in numeric else value
    if content.persons is None:
        nature = vocabulary[content.data].personal if content.data in vocabulary else "possible"
        if nature == "always":
            parts = vocabulary[content.data].identifying
            all_out = bool(parts) and content.removed is not None and set(parts) <= set(content.removed)
            values["persons"] = EVERYTHING if all_out else (1, math.inf)
        elif nature == "never":
            values["persons"] = (0, 0)
    claimed = {
        (number, name): Assumed(f"{path}.{name}", items.known[name], implication.because)
        for name, implication in items.claims.items()
        if name not in items.clashes
    }
    clashes = tuple(
        (f"{path}.{name}", f"{name} is given as {_said(have)}, and {because} says {_said(other)}")
        for name, (have, other, because) in items.clashes.items()
    )
    if too_many_new(content):
        values.pop("persons_new_this_year")
        said = f"{content.persons_new_this_year} of {content.persons} persons cannot be new"
        clashes += ((f"{path}.persons_new_this_year", said),)
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


_NO_SAFEGUARDS = {f"safeguard.{kind}": False for kind in SAFEGUARDS}
_NO_ROUTES = {f"safeguard.{route}": False for route in _CARRIES.values()}


def _standing(
    movement: Movement, day: date, kind: str, content: Content | None
) -> tuple[list[Safeguard], list[Safeguard]]:
    """Give the safeguards of a kind that are in force and cover this, and those of which one cannot tell."""
    sure: list[Safeguard] = []
    open_: list[Safeguard] = []
    for one in movement.safeguards or ():
        holds = (_in_force(one, day), _covers(one, movement, content)) if one.kind == kind else (False,)
        if False not in holds:
            (open_ if None in holds else sure).append(one)
    return sure, open_


def _outcome(of: list[Safeguard]) -> str | None:
    """Give what assessments found together: the worst of them, `none` where there is none."""
    found = [one.outcome for one in of]
    if "gap_open" in found:
        return "gap_open"
    return None if None in found else found[-1] if found else "none"


def _assessed(movement: Movement, day: date, values: dict[str, Any]) -> None:
    """Derive what the transfer impact assessment found: one of another transfer or of other data says nothing."""
    kind = "transfer_impact_assessment"
    found: list[str | None] = []
    about_persons: list[Content | None] = [one for one in movement.contents if one.persons != 0]
    for content in about_persons or [None]:
        sure, open_ = _standing(movement, day, kind, content)
        least, most = _outcome(sure), _outcome([*sure, *open_])
        found.append(least if least == most else None)
    # The worst of what the contents have: the one that nobody assessed holds up the others.
    for one in ("gap_open", None, "none", found[-1]):
        if one in found:
            if one is not None:
                values[f"safeguard.{kind}.outcome"] = one
            return


def _reported(movement: Movement, day: date, own: tuple[dict[str, Any], ...]) -> None:
    """Derive to whom a report was made that covers this; a report that may not count leaves it unknown."""
    for facts, content in zip(own[::-1], (None, *movement.contents[::-1]), strict=True):
        sure, open_ = _standing(movement, day, "report_to_authority", content)
        told = tuple(one.authority for one in sure if one.authority is not None)
        if not open_ and len(told) == len(sure):
            facts["reported_to"] = told


def _safeguards(
    movement: Movement, day: date, own: tuple[dict[str, Any], ...]
) -> dict[str, tuple[Assumed, ...]]:
    notes: dict[str, tuple[Assumed, ...]] = {}
    values = own[-1]
    # Whether one is in place is asked under its own name, so the route's name is never what is missing.
    values.update(_NO_ROUTES)
    if movement.safeguards is None:
        return notes
    values.update(_NO_SAFEGUARDS)
    present = {one.kind for one in movement.safeguards}
    for kind in SAFEGUARDS if present else ():
        if kind not in present:
            continue
        mine = [one for one in movement.safeguards if one.kind == kind]
        fact = f"safeguard.{kind}"
        del values[fact]
        for facts, content in zip(own[::-1], (None, *movement.contents[::-1]), strict=True):
            state: bool | None = False
            for one in mine:
                force, reach = _in_force(one, day), _covers(one, movement, content)
                both = False if force is False or reach is False else None if None in (force, reach) else True
                state = _better(state, both)
            if state is not None:
                facts[fact] = state
            if kind in _CARRIES:
                facts[f"safeguard.{_CARRIES[kind]}"] = state is True
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
    _assessed(movement, day, values)
    _reported(movement, day, own)
    return notes


def _same_party(movement: Movement) -> bool | None:
    """Say whether both sides are one legal person: by relation or register number, never by name."""
    mine, theirs, relation = movement.exporter.id, movement.recipient.id, movement.recipient.relation
    if mine is not None and mine == theirs:
        return True
    if relation == "same_entity":
        # Two numbers of one register are two legal persons: then the relation cannot be right, or a number is not.
        registers = {one.partition(":")[0] for one in (mine, theirs) if one is not None}
        return None if None not in (mine, theirs) and len(registers) == 1 else True
    return None if relation is None and (mine is None or theirs is None) else False


def _movement_values(
    movement: Movement, day: date, register: Register, values: dict[str, Any]
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
    items.follow("movement", "exporter", "recipient")
    numeric = register.numeric
    for name, value in items.known.items():
        values[name] = (value, value) if name in numeric else value
    for name, (_, _, because) in items.clashes.items():
        values.pop(name, None)
        said.append(Assumed(name, None, f"two statements contradict each other: {because}"))
    return tuple(said)


def situation(movement: Movement, day: date, register: Register, vocabulary: Vocabulary) -> Situation:
    """Derive what is known of a movement on a day."""
    own: tuple[dict[str, Any], ...] = tuple({} for _ in range(len(movement.contents) + 1))
    whole = own[-1]
    assumptions = _movement_values(movement, day, register, whole)
    notes = _safeguards(movement, day, own)
    claimed: dict[Key, Assumed] = {}
    contradicted: dict[int, tuple[tuple[str, str], ...]] = {}
    filed = "SAMR" in whole.get("reported_to", ())
    for number, content in enumerate(movement.contents):
        values = own[number]
        claims, clashes = _content_values(content, number, register, vocabulary, values)
        values["content.about"] = content.about or (movement.origin,)
        claimed |= claims
        if clashes:
            contradicted[number] = clashes
        if filed:
            values.setdefault("samr_filed", True)
        for name, presumed in register.presumed_of_contents:
            values.setdefault(name, presumed)
    for name, presumed in register.presumed_of_movement:
        whole.setdefault(name, presumed)
    return Situation(
        movement,
        day,
        register,
        own,
        register.presumptions,
        claimed,
        contradicted,
        assumptions,
        notes,
        tuple(content.data for content in movement.contents),
    )

"""The movement document, written from the catalog and never from memory.

Streams of all files of a recording are grouped by class of data, one content each. Facts are those that
classification measured, and those that an officer declared and signed; where both speak of one fact and
differ, both stand and the difference stops the movement (`MovementError`). What nobody measured or declared
is left out: unknown.

Heads are counted as the law's texts do. A recording's persons are unknown unless declared; they are nought
when every part that the vocabulary calls identifying was taken out of every class present and the check by a
different detector found none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from carnet.errors import RefusedError
from carnet.model.factsheet import FactSheet, ReadState, StreamFacts
from carnet.model.ids import Country, DataClass
from carnet.model.vocabulary import UNKNOWN_CLASS

_COMBINED_BY_MAXIMUM = ("faces_px_max", "plates_px_max")
_COMBINED_BY_SUM = ("hours", "images")
_COMBINED_BY_ANY = ("contains_faces", "contains_plates")
_OF_PLACES = ("sensitive_places", "military_area")
_ALWAYS_IDENTIFYING = ("location", "vehicle_id", "biometric", "identity", "image.cabin", "audio", "usage")
_UNLINKED_BY_VIN = ("driving", "diagnostics", "energy", "body", "ranging", "perception", "image")


@dataclass(frozen=True, slots=True)
class Undertaking:
    """What somebody wants to do: the part of a movement that no catalog knows."""

    receiver: str
    activity: str
    purpose: str
    title: str = ""
    basis: tuple[str, ...] | None = None
    agreement: str = "none"

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "receiver": self.receiver,
            "activity": self.activity,
            "purpose": self.purpose,
            "title": self.title,
            "basis": None if self.basis is None else list(self.basis),
            "agreement": self.agreement,
        }

    @classmethod
    def from_json(cls, form: Mapping[str, Any]) -> Undertaking:
        """Read the JSON form; raises `RefusedError` for an unknown or missing field."""
        known = {"receiver", "activity", "purpose", "title", "basis", "agreement"}
        if unknown := sorted(set(form) - known):
            raise RefusedError(f"unknown field {unknown[0]}", remedy=f"known are {', '.join(sorted(known))}")
        try:
            basis = form.get("basis")
            return cls(
                str(form["receiver"]),
                str(form["activity"]),
                str(form["purpose"]),
                str(form.get("title") or ""),
                None if basis is None else tuple(str(one) for one in basis),
                str(form.get("agreement") or "none"),
            )
        except KeyError as error:
            raise RefusedError(
                f"the field {error} is missing", remedy="say receiver, activity and purpose"
            ) from error


@dataclass(frozen=True, slots=True)
class Declared:
    """What officers declared and signed, in force on the day."""

    safeguards: tuple[Mapping[str, Any], ...] = ()
    contents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By class of data: `persons`, and `facts`."""
    movement_facts: Mapping[str, Any] = field(default_factory=dict)
    places_lists: tuple[str, ...] | None = None
    """Marks of the lists of sensitive places in force; None where nobody keeps such lists."""


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a recording was made from another: what was taken out, and what the check found."""

    removed: tuple[str, ...]
    residual: Mapping[str, Any]
    """`faces_px_max` and `plates_px_max` as the *different* detector measured them in the result."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What this exporter has sent since 1 January, from the node's own releases; `None` is unknown."""

    persons: int | None
    persons_sensitive: int | None
    windows: tuple[Mapping[str, Any], ...] = ()


def assemble(
    *,
    origin: Country,
    held_in: Country,
    exporter: Mapping[str, Any],
    recipient: Mapping[str, Any],
    destination: Country,
    undertaking: Undertaking,
    sheets: Sequence[FactSheet],
    derivation: Derivation | None,
    declared: Declared,
    sent: Sent,
    day: date,
) -> dict[str, Any]:
    """Write the movement document (movement: v1) of one recording.

    Raises:
        RefusedError: a file is blocked, so nobody knows what it holds; or a declaration contradicts a measurement.
    """
    blocked = [one for one in sheets if one.state is ReadState.BLOCKED]
    if blocked:
        raise RefusedError(
            f"{len(blocked)} of {len(sheets)} files cannot be read: {blocked[0].reason}",
            remedy="redact the recording (what cannot be read is left out), or give what is missing",
        )
    movement: dict[str, Any] = {
        "movement": "v1",
        "title": undertaking.title or f"One recording for {undertaking.purpose}",
        "date": day.isoformat(),
        "origin": origin,
        "held_in": held_in,
        "destination": destination,
        "mode": "transfer",
        "exporter": dict(exporter),
        "recipient": dict(recipient),
        "activity": undertaking.activity,
        "purpose": undertaking.purpose,
        "agreement": undertaking.agreement,
        "safeguards": [dict(one) for one in declared.safeguards],
        "history": [dict(one) for one in sent.windows],
        "contents": contents_of(origin, sheets, derivation, declared, day=day),
    }
    if sent.persons is not None and sent.persons_sensitive is not None:
        movement["year_to_date"] = {"persons": sent.persons, "persons_sensitive": sent.persons_sensitive}
    if undertaking.basis is not None:
        movement["basis"] = list(undertaking.basis)
    if declared.movement_facts:
        movement["facts"] = dict(declared.movement_facts)
    return movement


def contents_of(
    origin: Country,
    sheets: Sequence[FactSheet],
    derivation: Derivation | None = None,
    declared: Declared | None = None,
    *,
    day: date | None = None,
) -> list[dict[str, Any]]:
    """Write the contents of a movement: the streams of all files by class of data, with what is known of each.

    On a day, what was said of sensitive places under lists that have ended since, or under others than those in
    force, says no more that there are none.

    Raises:
        RefusedError: nothing was found, or a declaration contradicts a measurement.
    """
    declared = declared or Declared()
    streams: dict[DataClass, list[StreamFacts]] = {}
    beside: dict[DataClass, list[Mapping[str, Any]]] = {}
    for sheet in sheets:
        for stream in sheet.streams:
            for data in stream.data:
                streams.setdefault(data, []).append(stream)
        for outside in sheet.outside:
            streams.setdefault(outside.data, [])
            beside.setdefault(outside.data, []).append(dict(outside.facts))
    if not streams:
        raise RefusedError("nothing was found in this recording", remedy="describe it first")
    derivation = _believed(list(streams), derivation)
    nobody = _nobody_left(list(streams), derivation)
    contents = []
    for data, found in sorted(streams.items()):
        facts = _measured(found)
        told = _of_places([*(one.facts for one in found), *beside.get(data, ())], day, declared.places_lists)
        # What nobody understood may hold positions that nobody saw.
        facts |= {name: value for name, value in told.items() if value or data != UNKNOWN_CLASS}
        said = declared.contents.get(data, {})
        contents.append(_content(data, facts, origin, derivation, said, nobody=nobody))
    return contents


def _of_places(
    every: Sequence[Mapping[str, Any]], day: date | None, lists: tuple[str, ...] | None
) -> dict[str, Any]:
    """Combine what is known of sensitive places: one that touches is enough, and none only where all say so."""
    facts: dict[str, Any] = {}
    for name in _OF_PLACES:
        values = [one.get(name) for one in every]
        if True in values:
            facts[name] = True
        elif values and all(
            value is False and _holds(one, day, lists) for value, one in zip(values, every, strict=True)
        ):
            facts[name] = False
    return facts


def _holds(facts: Mapping[str, Any], day: date | None, lists: tuple[str, ...] | None) -> bool:
    """Whether what was said under some lists of places holds on a day, under those that are in force then."""
    if day is not None and str(facts.get("places_until", "")) < day.isoformat():
        return False
    return lists is None or set(facts.get("places_lists", ())) == set(lists)


def _believed(classes: Sequence[DataClass], derivation: Derivation | None) -> Derivation | None:
    """Give the derivation without what the new fact sheet contradicts: what is still found was not removed."""
    if derivation is None:
        return None
    still = {
        "vin": ("vehicle_id.vin",),
        "device_ids": ("vehicle_id.device",),
        "precise_location": ("location",),
        "names": ("identity",),
    }
    kept = tuple(
        part
        for part in derivation.removed
        if not any(
            one == found or one.startswith(f"{found}.") for found in still.get(part, ()) for one in classes
        )
    )
    return Derivation(kept, derivation.residual)


def _content(
    data: DataClass,
    facts: dict[str, Any],
    origin: Country,
    derivation: Derivation | None,
    declared: Mapping[str, Any],
    *,
    nobody: bool,
) -> dict[str, Any]:
    content: dict[str, Any] = {"name": data.replace(".", "_"), "data": data, "about": [origin], "vehicles": 1}
    if derivation is not None:
        removed = _removed_from(data, derivation.removed)
        if removed:
            content["removed"] = removed
        if data.startswith("image"):
            facts.update(derivation.residual)
            for part, flag in (("faces", "contains_faces"), ("plates", "contains_plates")):
                if derivation.residual.get(f"{part}_px_max") == 0:
                    facts[flag] = False
    for name, value in dict(declared.get("facts", {})).items():
        if name in facts and facts[name] != value:
            raise RefusedError(
                f"the declared {name} of {data} is not what was measured",
                remedy="the officer withdraws the declaration, or has it measured again",
            )
        facts[name] = value
    if nobody:  # what was declared was said of the recording that this one was made from
        content["persons"] = 0
    elif "persons" in declared:
        content["persons"] = declared["persons"]
    if facts:
        content["facts"] = facts
    return content


def _measured(streams: Sequence[StreamFacts]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for stream in streams:
        for name in _COMBINED_BY_MAXIMUM:
            if name in stream.facts:
                facts[name] = max(facts.get(name, 0), stream.facts[name])
        for name in _COMBINED_BY_SUM:
            if name in stream.facts:
                facts[name] = facts.get(name, 0) + stream.facts[name]
        for name in _COMBINED_BY_ANY:
            if name in stream.facts:
                facts[name] = bool(facts.get(name)) or bool(stream.facts[name])
    _forget_what_some_lack(facts, streams)
    return facts


def _forget_what_some_lack(facts: dict[str, Any], streams: Sequence[StreamFacts]) -> None:
    """A fact that says "none" for the class holds only if it was measured in every stream of it."""
    for name in (*_COMBINED_BY_MAXIMUM, *_COMBINED_BY_ANY):
        if name in facts and not facts[name] and any(name not in stream.facts for stream in streams):
            del facts[name]


def _removed_from(data: DataClass, removed: Sequence[str]) -> list[str]:
    """Which of the removed parts this class could have held."""
    fits = {
        "faces": ("image",),
        "plates": ("image", "vehicle_id.plate"),
        "vin": (*_UNLINKED_BY_VIN, "vehicle_id.vin"),
        "device_ids": (*_UNLINKED_BY_VIN, "vehicle_id.device"),
        "precise_location": ("image", "location", "driving"),
        "trip_ends": ("location",),
        "names": ("identity", "text"),
    }
    return [part for part in removed if any(data.startswith(prefix) for prefix in fits.get(part, ()))]


def _nobody_left(classes: Sequence[DataClass], derivation: Derivation | None) -> bool:
    if derivation is None or not {"faces", "plates", "vin", "precise_location"} <= set(derivation.removed):
        return False
    if any(one.startswith(_ALWAYS_IDENTIFYING) or one == "unknown" for one in classes):
        return False
    if any(one.startswith("image") for one in classes):
        found = [derivation.residual.get(name) for name in _COMBINED_BY_MAXIMUM]
        return found == [0, 0]
    return True

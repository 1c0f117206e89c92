"""Recordings that are being made: arriving from a vehicle, or redacted from another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from carnet.model.factsheet import FactSheet
from carnet.model.ids import Country, RecordingId
from carnet.model.recording import StoredObject
from carnet.vault.keys import RecordingKey, WrappedKey
from carnet.vault.store import Written


@dataclass
class Upload:
    """A recording that is arriving: in the vault, and in no catalog yet."""

    id: RecordingId
    origin: Country
    vehicle: str
    wrapped_vehicle: WrappedKey
    wrapped: WrappedKey
    key: RecordingKey
    items: list[tuple[str, Written]] = field(default_factory=list)
    derived_from: RecordingId | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file that is to be redacted."""

    object: StoredObject
    name: str
    sheet: FactSheet


@dataclass(frozen=True, slots=True)
class Redacted:
    """One file of a derived recording: sealed, described, and checked where people were taken out."""

    name: str
    written: Written
    report: dict[str, Any]
    sheet: FactSheet
    check: dict[str, Any] | None

"""The movement document as frozen values: the one question that the product answers.

`parse_movement` reads the public form (YAML 1.2 or JSON) and refuses by name, with place and remedy, whatever
the form does not know; `Movement.to_mapping` gives the form back. An absent field is `None` and means unknown,
never zero and never false. `exporter.free_trade_zone: null` means *in no zone* and is `NO_ZONE`.
Whether a class of data or a fact has a registered name is asked of the lawbook (`carnet.law.register`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from carnet.model.ids import Country, DataClass

FactValue = bool | int | float | str | tuple[str, ...]
Facts = Mapping[str, FactValue]

NO_ZONE = ""
"""What `free_trade_zone` holds when the document says `null`: the exporter sits in no zone."""

MODES = ("transfer", "remote_access", "processing_abroad")
ROLES = (
    "manufacturer",
    "supplier",
    "software_supplier",
    "telecom_operator",
    "automation_provider",
    "platform_operator",
    "dealer",
    "repairer",
    "mobility_service",
)
RELATIONS = ("affiliate", "processor", "controller", "authority", "data_subject", "same_entity")
ACTIVITIES = (
    "research_design",
    "manufacturing",
    "driving_automation",
    "software_update",
    "connected_operation",
    "sales",
    "after_sales",
    "human_resources",
    "vulnerability_handling",
    "incident_handling",
    "defect_recall",
    "subject_request",
    "other",
)
AGREEMENTS = ("brokerage", "vendor", "employment", "investment", "none")
BASES = (
    "consent",
    "separate_consent",
    "contract_necessity",
    "hr_necessity",
    "vital_interest",
    "legal_obligation",
    "public_interest",
    "legal_claims",
    "legitimate_interest",
)
SAFEGUARDS = (
    "security_assessment",
    "standard_contract",
    "certification",
    "scc",
    "bcr",
    "dpf",
    "adequacy_relied_on",
    "transfer_impact_assessment",
    "idta",
    "licence",
    "report_to_authority",
    "security_requirements",
    "geodata_approval",
    "equivalent_system",
    "consent_obtained",
    "notice_given",
    "local_copy",
)
OUTCOMES = ("adequate", "gap_closed", "gap_open", "refused")
MEASURES = (
    "persons",
    "persons_sensitive",
    "devices",
    "vehicles",
    "hours",
    "images",
    "days",
    "area_km2",
    "km",
)
PARTS = (
    "faces",
    "plates",
    "vin",
    "voice",
    "precise_location",
    "trip_ends",
    "names",
    "device_ids",
    "sensitive_places",
)


@dataclass(frozen=True, slots=True)
class Exporter:
    """Who sends, or lets look."""

    established_in: Country
    id: str | None = None
    name: str | None = None
    roles: tuple[str, ...] | None = None
    critical_infrastructure: bool | None = None
    free_trade_zone: str | None = None
    relation: str | None = None
    facts: Facts = field(default_factory=dict)
    extensions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who receives, or looks."""

    established_in: Country
    id: str | None = None
    name: str | None = None
    located_in: Country | None = None
    relation: str | None = None
    owned_from: tuple[Country, ...] | None = None
    certified_under: tuple[str, ...] | None = None
    facts: Facts = field(default_factory=dict)
    extensions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a safeguard covers; `None` in a field means that it does not limit there."""

    recipient: str | None = None
    purpose: str | None = None
    data: tuple[str, ...] | None = None
    extensions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Safeguard:
    """An instrument that is, or was, in place. The day in `until` is the last on which it holds."""

    kind: str
    passed: date | None = None
    until: date | None = None
    reference: str | None = None
    outcome: str | None = None
    covers: Coverage | None = None
    authority: str | None = None
    subject: str | None = None
    extensions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class YearToDate:
    """Distinct persons whose data this exporter sent abroad since 1 January, before this movement."""

    persons: int | None = None
    persons_sensitive: int | None = None
    extensions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Totals:
    """Distinct over all contents of this movement."""

    persons: int | None = None
    persons_sensitive: int | None = None
    devices: int | None = None
    extensions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """What went before, in another window than the calendar year; both days belong to it."""

    from_day: date
    to_day: date
    measure: str
    value: int | float
    recipient: str | None = None
    extensions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MadeBy:
    """Who made hardware or software."""

    established_in: Country | None = None
    owned_from: tuple[Country, ...] | None = None
    extensions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Content:
    """One kind of data in the movement."""

    name: str
    data: DataClass
    about: tuple[Country, ...] | None = None
    persons: int | None = None
    persons_new_this_year: int | None = None
    vehicles: int | None = None
    removed: tuple[str, ...] | None = None
    replaced: tuple[str, ...] | None = None
    made_by: MadeBy | None = None
    facts: Facts = field(default_factory=dict)
    extensions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Movement:
    """One thing somebody wants to do with vehicle data across a border.

    Attributes:
        date: the day whose law applies; `None` only where no default day was given when parsing.
        lines: where each path of the document stands; no part of the value.
    """

    origin: Country
    destination: Country
    exporter: Exporter
    recipient: Recipient
    activity: str
    contents: tuple[Content, ...]
    date: date | None = None
    title: str | None = None
    held_in: Country | None = None
    mode: str | None = None
    purpose: str | None = None
    agreement: str | None = None
    basis: tuple[str, ...] | None = None
    safeguards: tuple[Safeguard, ...] | None = None
    year_to_date: YearToDate | None = None
    totals: Totals | None = None
    history: tuple[HistoryEntry, ...] | None = None
    facts: Facts = field(default_factory=dict)
    extensions: Mapping[str, Any] = field(default_factory=dict)
    source: str = field(default="movement", compare=False)
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    def where(self, path: str) -> str:
        """Name the place of a path for a person."""
        line = self.lines.get(path)
        return f"{self.source}, line {line}, {path}" if line else f"{self.source}, {path}"

    def to_mapping(self) -> dict[str, Any]:
        """Give the document form, which `parse_movement` reads back to an equal value."""
        from carnet.model.movement_form import movement_to_mapping

        return movement_to_mapping(self)


def parse_movement(
    text_or_mapping: str | Mapping[str, Any], *, source: str, today: date | None = None
) -> Movement:
    """Read a movement document.

    Args:
        text_or_mapping: YAML 1.2 or JSON text, or the mapping that such a text holds.
        source: what to call it in messages: a path, or `standard input`.
        today: the day to take when the document gives no `date`; the judge has no clock.

    Raises:
        MovementError: an unknown field, a wrong type, a value outside its list, with the place.
        UnreadableError: the text is not YAML 1.2.
    """
    from carnet.model.movement_form import movement_from

    return movement_from(text_or_mapping, source=source, today=today)

"""Names that rules may ask for besides the registered facts: what the engine works out from a movement."""

from __future__ import annotations

from collections.abc import Mapping

from carnet.law.register import FactEntry
from carnet.model.movement import SAFEGUARDS

DERIVED: Mapping[str, FactEntry] = {
    entry.name: entry
    for entry in (
        FactEntry("places", "list", "movement", "every country with a part in the movement", "carnet"),
        FactEntry("recipient_in", "country", "movement", "where the reader sits", "requester"),
        FactEntry(
            "same_party", "bool", "movement", "exporter and recipient are one legal person", "requester"
        ),
        FactEntry("reported_to", "list", "movement", "authorities to which a report was made", "officer"),
        FactEntry(
            "year.persons",
            "integer",
            "movement",
            "distinct persons this year, sensitive ones not counted",
            "people ledger",
        ),
        FactEntry(
            "year.persons_sensitive",
            "integer",
            "movement",
            "distinct persons this year, sensitive data",
            "people ledger",
        ),
        FactEntry(
            "safeguard.transfer_impact_assessment.outcome",
            "text",
            "movement",
            "what the transfer impact assessment found",
            "officer",
        ),
        *(
            FactEntry(
                f"safeguard.{kind}",
                "bool",
                "movement",
                f"{kind.replace('_', ' ')} is in force and covers this",
                "officer",
            )
            for kind in SAFEGUARDS
        ),
    )
}
"""Names that the engine derives from the movement; they are asked for by the names they rest on."""

FOUND = frozenset(
    f"{when}.{what}"
    for when in ("has", "found")
    for what in ("important", "personal", "sensitive_personal", "ordinary_personal")
)
"""Truths that rest on other rules: `found` is what contents are; `has` leaves out those that are exempt."""

"""One drive near Shanghai, as a movement: the facts that a node must supply for the demo's three questions."""

from __future__ import annotations

from carnet.model.movement import Movement, parse_movement

OFFICER = {
    "sensitive_places": False,
    "sensitive_geography": False,
    "regional_economy_days": 0,
    "public_security_enforcement": False,
}
APPROVAL = {
    "kind": "geodata_approval",
    "passed": "2026-05-01",
    "until": "2029-05-01",
    "covers": {"data": ["image"], "purpose": "perception model training"},
}
CAMERA = {
    "name": "camera",
    "data": "image.exterior",
    "vehicles": 1,
    "facts": {**OFFICER, "faces_px_max": 60, "plates_px_max": 40, "hours": 0.02, "images": 300},
}
TRACK = {"name": "track", "data": "location.trajectory", "persons": 1, "vehicles": 1}
SIGNALS = {"name": "signals", "data": "driving.dynamics", "persons": 1, "vehicles": 1}
NUMBER = {"name": "number", "data": "vehicle_id.vin", "persons": 1, "vehicles": 1}
MASKED = {
    **CAMERA,
    "persons": 0,
    "removed": ["faces", "plates", "precise_location"],
    "facts": {**CAMERA["facts"], "faces_px_max": 0, "plates_px_max": 0},
}
BARE_SIGNALS = {**SIGNALS, "persons": 0, "removed": ["vin", "device_ids"]}


def drive(contents: list[dict[str, object]], safeguards: list[dict[str, object]]) -> Movement:
    """The movement from Shanghai to Frankfurt."""
    return parse_movement(
        {
            "movement": "v1",
            "date": "2026-11-21",
            "origin": "CN",
            "held_in": "CN",
            "destination": "DE",
            "mode": "transfer",
            "exporter": {
                "established_in": "CN",
                "roles": ["manufacturer"],
                "critical_infrastructure": False,
                "free_trade_zone": None,
            },
            "recipient": {"established_in": "DE", "relation": "affiliate"},
            "activity": "driving_automation",
            "purpose": "perception model training",
            "basis": [],
            "safeguards": safeguards,
            "year_to_date": {"persons": 0, "persons_sensitive": 0},
            "history": [],
            "contents": contents,
        },
        source="drive",
    )


RAW = drive([CAMERA, TRACK, SIGNALS, NUMBER], [])
RAW_APPROVED = drive([CAMERA, TRACK, SIGNALS, NUMBER], [APPROVAL])
WITH_TRACK = drive([MASKED, TRACK, BARE_SIGNALS], [])
CLEAN = drive([MASKED, BARE_SIGNALS], [APPROVAL])

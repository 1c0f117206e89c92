"""Export of a dossier from a node."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from carnet.catalog.schema import ALGORITHMS
from carnet.errors import LedgerError, RefusedError
from carnet.evidence.dossier import VERSION, seal_dossier
from carnet.evidence.statements import Kind, utc_text
from carnet.model.ids import RequestId
from carnet.service.declarations import Declarations
from carnet.service.movements import Movements
from carnet.service.node import Node
from carnet.service.offline import check_dossier
from carnet.transfer.gate import intent_number
from carnet.transfer.permit import open_permit
from carnet.transfer.request import State

__all__ = ["check_dossier", "export_dossier"]


def export_dossier(node: Node, movements: Movements, declarations: Declarations, request: RequestId) -> bytes:
    """Give the dossier of a released movement; raises `RefusedError` when it is not released yet."""
    row = movements.row(request)
    if State(row["state"]) is not State.RELEASED:
        raise RefusedError(
            f"the request is {row['state']}: a dossier is of a movement that was released",
            remedy="wait for the receipt: carnet movement show",
        )
    permit = json.loads(row["permit"])
    predicate = open_permit(permit, node.signer.public, now=None).predicate
    receiver = node.peers()[predicate["to"]["name"]]
    released = json.loads(row["released_movement"])
    intent = intent_number(node.catalog, request)
    if intent is None:
        raise LedgerError("the ledger holds no intent of this release", remedy="restore the node database")
    declared = declarations.envelopes(date.fromisoformat(released["date"]), intent)
    decision = json.loads(row["released_decision"])
    way = _way(node, row["recording"])
    note = node.catalog.seal()
    size = int(note.split("\n", 2)[1])
    people = {
        one["id"]: {"role": one["role"], "key": one["public_key"]}
        for one in node.catalog.rows("SELECT * FROM people")
        if one["role"] == "officer" or one["id"] in {row["requested_by"], row["approved_by"]}
    }
    parts = {
        "carnet_dossier": VERSION,
        "algorithms": ALGORITHMS,
        "made": utc_text(node.clock()),
        "node": {
            "name": node.config.name,
            "region": node.config.region,
            "key": node.signer.public.to_text(),
        },
        "receiver": {
            "name": receiver.name,
            "region": receiver.region,
            "key": receiver.signing_key.to_text(),
        },
        "people": people,
        "request": {
            "id": request,
            "undertaking": json.loads(row["body"]),
            "requested_by": row["requested_by"],
            "approved_by": row["approved_by"],
        },
        "approved": {"movement": json.loads(row["movement"]), "decision": json.loads(row["decision"])},
        "released": {"movement": released, "decision": decision},
        "derivation": _derivations(node, way),
        "lawbook": node.lawbook_texts(decision["law"]["lawbook"]),
        "declarations": declared,
        "approval": json.loads(row["approval"]),
        "permit": permit,
        "receipt": json.loads(row["receipt"]),
        "ledger": {"checkpoint": note, "entries": _entries(node, {request, *way}, size)},
    }
    return seal_dossier(parts, name=node.config.name, signer=node.signer, at=node.clock())


def _way(node: Node, recording: str) -> list[str]:
    """The recording, what it was made from, and so on back to what a vehicle sent."""
    way = [recording]
    while True:
        row = node.catalog.row("SELECT derived_from FROM recordings WHERE id=?", (way[-1],))
        if row is None or row["derived_from"] is None:
            return way
        way.append(row["derived_from"])


def _derivations(node: Node, way: Sequence[str]) -> list[Any]:
    """What was taken out at each step, the last first, by which tools, and what the check found.

    No boxes and no names of files: those are for people in the region.
    """
    told = []
    for recording in way:
        row = node.catalog.row("SELECT derivation FROM recordings WHERE id=?", (recording,))
        if row is not None and row["derivation"] is not None:
            form = json.loads(row["derivation"])
            checks = [{k: v for k, v in one.items() if k != "findings"} for one in form["checks"]]
            told.append(form | {"recording": recording, "checks": checks})
    return told


def _entries(node: Node, about: set[str], size: int) -> list[dict[str, Any]]:
    """The ledger entries that speak of this movement, each with its proof."""
    always = {Kind.NODE_MADE.value, Kind.PERSON_REGISTERED.value, Kind.PAIRED.value, Kind.DECLARED.value}
    found = []
    for entry in node.catalog.entries(0, size):
        said = entry.statement()
        predicate = said["predicate"]
        names = {predicate.get(name) for name in ("request", "release", "recording")}
        if said["predicateType"] in always or (names & about and said["predicateType"] != Kind.READ.value):
            proof = node.catalog.inclusion(entry.number, size)
            found.append(
                {
                    "number": entry.number,
                    "entry": base64.b64encode(entry.data).decode("ascii"),
                    "proof": [base64.b64encode(one).decode("ascii") for one in proof],
                }
            )
    return found

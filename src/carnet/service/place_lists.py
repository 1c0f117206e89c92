"""The lists of sensitive places of a node: handed in by its officer, kept sealed, used for every fact sheet.

A list is secret: it lies in the node's folder sealed under keys that the region's key wraps. The ledger and a dossier
know it by name and digest alone.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from carnet.errors import CarnetError, InputError, RefusedError, SignatureError
from carnet.evidence.signing import Envelope
from carnet.model.canonical import canonical_json, digest_of
from carnet.model.place_list import PlaceList, place_list_of
from carnet.service.node import Node, Person
from carnet.service.place_signing import NOT_SIGNED, Places, check_day, opened_list
from carnet.transfer.courier import write_whole
from carnet.transfer.request import Role
from carnet.vault.keys import RecordingKey, WrappedKey


class PlaceLists:
    """The lists that the officers of a node declared."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def keep(self, form: Any, person: Person) -> PlaceList:
        """Keep a signed list, sealed; it counts once the officer declares it (`places`). Gives the list.

        Raises:
            RefusedError: the person is no officer.
            InputError: the list is not hers, not in force or of another region.
        """
        if person.role is not Role.OFFICER:
            raise RefusedError(
                "only an officer declares", remedy="ask the officer who answers to the authorities"
            )
        source = "list"
        try:
            envelope = Envelope.from_json(form)
        except SignatureError as error:
            raise InputError("the list is not signed", where=source, remedy=NOT_SIGNED) from error
        made, _ = opened_list(envelope, source, {person.key.key_id: person.key})
        check_day(made, self._node.clock().date(), source)
        if made.region != self._node.config.region:
            raise InputError(
                "the list speaks of another region than the node's",
                where=f"{source}, region",
                remedy="hand it in at the node of that region",
            )
        region = self._node.region_key
        vehicle = region.new_vehicle_key()
        recording = region.new_recording_key(vehicle)
        text = canonical_json(envelope.to_json()).decode("ascii")
        sealed = region.recording_key(vehicle, recording).seal_text(text, "places")
        kept = {
            "places": "v1",
            "algorithms": ["AES-256-GCM", "AES-256-KW", "HKDF-SHA-256"],
            "keys": [base64.b64encode(one).decode("ascii") for one in (vehicle, recording)],
            "sealed": base64.b64encode(sealed).decode("ascii"),
        }
        path = self._path(made.digest)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        write_whole(path, canonical_json(kept))
        return made

    def check(self, body: Mapping[str, Any], until: str | None) -> None:
        """Raise `InputError` unless a declaration speaks of a list that is kept, and ends no later than it."""
        made = place_list_of(self._form(str(body["digest"])), "list")
        if made.id != body["list"] or until is None or until > made.until.isoformat():
            raise InputError(
                "the declaration is of another list, or holds longer than the list",
                where="declaration",
                remedy="use carnet places adopt",
            )

    def in_force(self, day: date) -> list[tuple[PlaceList, Any]]:
        """Give every list that an officer declared and that holds on a day, newest of a name, with its form."""
        rows = self._node.catalog.rows("SELECT * FROM declarations WHERE kind='places' ORDER BY rowid")
        found: dict[str, tuple[PlaceList, Any]] = {}
        for row in rows:
            if row["until"] is not None and row["until"] < day.isoformat():
                continue
            form = self._form(json.loads(row["body"])["digest"])
            made = place_list_of(form, "list")
            found.pop(made.id, None)
            if made.holds(day):
                found[made.id] = (made, form)
        return list(found.values())

    def told_today(self) -> Places:
        """Give what a worker is told today."""
        day = self._node.clock().date()
        return Places(tuple(canonical_json(form).decode("utf-8") for _, form in self.in_force(day)), day)

    def marks(self, day: date) -> tuple[str, ...]:
        """Give the marks of the lists in force on a day."""
        return tuple(made.mark for made, _ in self.in_force(day))

    def _path(self, digest: str) -> Path:
        return self._node.folder / "places" / f"{digest.removeprefix('sha256:')}.json"

    def _form(self, digest: str) -> Any:
        try:
            kept = json.loads(self._path(digest).read_bytes())
            vehicle, recording = (WrappedKey(base64.b64decode(one)) for one in kept["keys"])
            key: RecordingKey = self._node.region_key.recording_key(vehicle, recording)
            text = key.open_text(base64.b64decode(kept["sealed"]), "places")
        except CarnetError:
            raise
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                "a list of sensitive places that was declared is not here",
                where="places",
                remedy="hand it in again: carnet places adopt",
            ) from error
        form = Envelope.from_json(json.loads(text)).statement()["predicate"]["list"]
        if digest_of(form) != digest:
            raise InputError(
                "a kept list is not the one that was declared", where="places", remedy="hand it in again"
            )
        return form

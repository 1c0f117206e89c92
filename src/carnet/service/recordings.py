"""Jobs on recordings: ingest, describe, redact. Stories across rooms; each step can be done again.

Bytes are durable in the vault before the catalog names them, and the catalog's change commits with its ledger
entry; a crash in between leaves sealed bytes that nothing names, which `sweep` removes when the node starts.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, BinaryIO

from carnet.errors import InputError, RefusedError, VaultError
from carnet.evidence.statements import Kind, Subject, parse_utc, statement, utc_text
from carnet.formats.can_databases import SUFFIXES
from carnet.model.canonical import canonical_json
from carnet.model.factsheet import FactSheet, ReadState
from carnet.model.filename import check_file_name
from carnet.model.ids import Country, Digest, PersonId, RecordingId, new_recording_id
from carnet.model.recording import Recording, StoredObject
from carnet.model.vocabulary import check_classes
from carnet.service.feed import Feed
from carnet.service.looks import (
    AT_ONCE,
    check_source,
    countries,
    describe_source,
    dropped_whole,
    encoded,
    looks_at_pictures,
    reader_of,
    residual_of,
    summary_of,
    threads_each,
)
from carnet.service.node import Node
from carnet.service.place_lists import PlaceLists
from carnet.service.uploads import Redacted, Upload, Wanted
from carnet.service.workers import run_worker
from carnet.transfer.assemble import Derivation
from carnet.vault.keys import RecordingKey, WrappedKey
from carnet.vault.residency import check_residency
from carnet.vault.store import Written

_LARGEST_COMPANION = 8 << 20


class Recordings:
    """Jobs on the recordings of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._lists = PlaceLists(node)

    # Ingest ------------------------------------------------------------------------------------------------

    def begin(self, origin: Country, vehicle: str | None = None) -> Upload:
        """Begin to take in a recording; raises `ResidencyError` when it belongs elsewhere.

        Args:
            origin: the country where it was recorded, as the sender states it.
            vehicle: any stable label of the vehicle; kept only as a keyed token. Without one, the recording
                gets a vehicle key of its own.
        """
        check_residency(self._node.config.region, origin, ())
        identifier = new_recording_id()
        region = self._node.region_key
        token = region.vehicle_token(vehicle or identifier)
        row = self._node.catalog.row("SELECT wrapped_key FROM vehicles WHERE token=?", (token,))
        wrapped_vehicle = region.new_vehicle_key() if row is None else WrappedKey(row["wrapped_key"])
        wrapped = region.new_recording_key(wrapped_vehicle)
        key = region.recording_key(wrapped_vehicle, wrapped)
        return Upload(identifier, origin, token, wrapped_vehicle, wrapped, key)

    def add(
        self, upload: Upload, name: str, read: Callable[[int], bytes], expected_bytes: int | None = None
    ) -> Written:
        """Hash and seal one file of a recording; durable when it returns. An empty file is refused."""
        check_file_name(name)
        written = self._node.vault.write(upload.key, read, expected_bytes=expected_bytes)
        if written.bytes == 0:
            self._node.vault.delete(written.address)
            raise InputError("an empty file is no recording", remedy="send it again; nothing was kept of it")
        if expected_bytes is not None and written.bytes != expected_bytes:
            self._node.vault.delete(written.address)
            raise InputError(
                "fewer bytes came than were announced", remedy="send it again; nothing was kept of it"
            )
        upload.items.append((name, written))
        return written

    def finish(self, upload: Upload, person: PersonId) -> Recording:
        """Name the recording in the catalog and the ledger: from here on it is ingested."""
        if not upload.items:
            raise InputError("a recording has at least one file", remedy="send a file first")
        now = self._node.clock()
        subjects = [Subject(f"object-{n}", one.address) for n, (_, one) in enumerate(upload.items)]
        predicate = {
            "recording": upload.id,
            "origin": upload.origin,
            "bytes": sum(one.bytes for _, one in upload.items),
        }
        said = statement(Kind.INGESTED, subjects, predicate, actor=person, at=now)
        with self._node.catalog.change(said) as change:
            self._insert(change.execute, upload, utc_text(now), None)
        return self.get(upload.id)

    def give_up(self, upload: Upload) -> None:
        """Remove what an upload wrote."""
        for _, written in upload.items:
            self._node.vault.delete(written.address)

    def _insert(
        self,
        execute: Callable[[str, tuple[Any, ...]], object],
        upload: Upload,
        received: str,
        derivation: Mapping[str, Any] | None,
    ) -> None:
        execute("INSERT OR IGNORE INTO vehicles VALUES (?, ?)", (upload.vehicle, upload.wrapped_vehicle))
        execute(
            "INSERT INTO recordings VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
            (
                upload.id,
                upload.origin,
                received,
                upload.vehicle,
                upload.wrapped,
                upload.derived_from,
                None if derivation is None else canonical_json(derivation).decode(),
            ),
        )
        for number, (name, written) in enumerate(upload.items):
            execute(
                "INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)",
                (
                    upload.id,
                    number,
                    written.address,
                    written.bytes,
                    upload.key.seal_text(name, "name"),
                    upload.key.seal_text(written.content, "content"),
                ),
            )

    # Looking up --------------------------------------------------------------------------------------------

    def all(self) -> list[Recording]:
        """Give every recording, oldest first."""
        rows = self._node.catalog.rows(
            "SELECT id FROM recordings WHERE wrapped_key IS NOT NULL ORDER BY received, id"
        )
        return [self.get(RecordingId(one["id"])) for one in rows]

    def get(self, recording: RecordingId) -> Recording:
        """Give a recording; raises `InputError` when there is none."""
        row, key = self._row(recording), self.key(recording)
        objects = tuple(
            StoredObject(
                one["address"],
                one["bytes"],
                Digest(key.open_text(one["sealed_content"], "content")),
                one["number"],
            )
            for one in self._objects(recording)
        )
        derived = row["derived_from"]
        return Recording(
            recording,
            Country(row["origin"]),
            parse_utc(row["received"]),
            objects,
            None if derived is None else RecordingId(derived),
        )

    def _row(self, recording: RecordingId) -> Any:
        row = self._node.catalog.row("SELECT * FROM recordings WHERE id=?", (recording,))
        if row is None or row["wrapped_key"] is None:
            raise InputError("no recording of that id is here", remedy="carnet inventory lists them")
        return row

    def _objects(self, recording: RecordingId) -> Sequence[Any]:
        return self._node.catalog.rows(
            "SELECT * FROM objects WHERE recording=? ORDER BY number", (recording,)
        )

    def key(self, recording: RecordingId) -> RecordingKey:
        """Unwrap a recording's key."""
        row = self._row(recording)
        vehicle = self._node.catalog.row("SELECT wrapped_key FROM vehicles WHERE token=?", (row["vehicle"],))
        if vehicle is None:
            raise VaultError("the vehicle's key is gone", remedy="restore the node database")
        return self._node.region_key.recording_key(
            WrappedKey(vehicle["wrapped_key"]), WrappedKey(row["wrapped_key"])
        )

    def names(self, recording: RecordingId) -> tuple[str, ...]:
        """Give the files' own names: they came from outside, so they are opened only where they are needed."""
        key = self.key(recording)
        return tuple(key.open_text(one["sealed_name"], "name") for one in self._objects(recording))

    @contextmanager
    def open(self, recording: RecordingId, one: StoredObject) -> Iterator[BinaryIO]:
        """Open the content of an object for reading."""
        file = self._node.vault.open(self.key(recording), one.address, one.bytes)
        try:
            yield file
        finally:
            file.close()

    def sheets(self, recording: RecordingId) -> tuple[FactSheet, ...]:
        """Give the fact sheets; raises `RefusedError` when it was not described yet."""
        key = self.key(recording)
        found = []
        for one in self._objects(recording):
            if one["sheet_address"] is None:
                raise RefusedError("the recording is not described yet", remedy="describe it first")
            file = self._node.vault.open(key, one["sheet_address"], one["sheet_bytes"])
            with file:
                found.append(FactSheet.from_json(json.loads(file.read())))
        return tuple(found)

    def derivation(self, recording: RecordingId) -> Derivation | None:
        """Give how a recording was derived, or None when a vehicle sent it."""
        text = self._row(recording)["derivation"]
        if text is None:
            return None
        form = json.loads(text)
        return Derivation(tuple(form["removed"]), form["residual"])

    def pictures_from(self, recording: RecordingId) -> list[RecordingId]:
        """Give this recording, and those it was derived from without its pictures being searched again, in order.

        Those that were erased meanwhile are among them: what was found in their pictures still holds.
        """
        same = [recording]
        while (found := self._derived(same[-1])) is not None and not looks_at_pictures(found[1]["order"]):
            same.append(found[0])
        return same

    def _derived(self, recording: RecordingId) -> tuple[RecordingId, Mapping[str, Any]] | None:
        row = self._node.catalog.row(
            "SELECT derived_from, derivation FROM recordings WHERE id=?", (recording,)
        )
        if row is None or row["derivation"] is None:
            return None
        return RecordingId(row["derived_from"]), json.loads(row["derivation"])

    def checked(self, recording: RecordingId) -> bool:
        """Whether the pictures of this recording were searched again after people were taken out."""
        found = self._derived(recording)
        return found is not None and looks_at_pictures(found[1]["order"])

    # Describe ----------------------------------------------------------------------------------------------

    def describe(self, recording: RecordingId, person: PersonId) -> tuple[FactSheet, ...]:
        """Look at every file in a worker and keep the fact sheets.

        Raises:
            ResidencyError: a track in it lies in another country; the sheets are kept, nothing can be released.
        """
        found, key, names = self.get(recording), self.key(recording), self.names(recording)
        companions, places = self._companions(found, names), self._lists.told_today()
        sheets: list[FactSheet] = []
        kept: list[Written] = []
        for one, name in zip(found.objects, names, strict=True):
            with self.open(recording, one) as source:
                sheets.append(describe_source(source, name, companions, places=places))
            kept.append(self._keep_sheet(key, sheets[-1]))
        subjects = [Subject(f"object-{one.number}", one.address) for one in found.objects]
        predicate = {"recording": recording, "sheets": [one.address for one in kept]}
        said = statement(Kind.DESCRIBED, subjects, predicate, actor=person, at=self._node.clock())
        old = [one["sheet_address"] for one in self._objects(recording) if one["sheet_address"]]
        with self._node.catalog.change(said) as change:
            for one, sheet in zip(found.objects, kept, strict=True):
                change.execute(
                    "UPDATE objects SET sheet_address=?, sheet_bytes=? WHERE recording=? AND number=?",
                    (sheet.address, sheet.bytes, recording, one.number),
                )
        for address in old:
            self._node.vault.delete(address)
        check_residency(self._node.config.region, found.origin, countries(sheets))
        return tuple(sheets)

    def _keep_sheet(self, key: RecordingKey, sheet: FactSheet) -> Written:
        data = canonical_json(sheet.to_json())
        return self._node.vault.write(key, reader_of(data), expected_bytes=len(data))

    def _companions(self, recording: Recording, names: Sequence[str]) -> dict[str, bytes]:
        """Files that explain others, such as a CAN database."""
        companions = {}
        for one, name in zip(recording.objects, names, strict=True):
            if name.lower().endswith(tuple(SUFFIXES)) and one.bytes <= _LARGEST_COMPANION:
                with self.open(recording.id, one) as source:
                    companions[name] = source.read()
        return companions

    # Redact ------------------------------------------------------------------------------------------------

    def redact(
        self, recording: RecordingId, order: Mapping[str, Any], person: PersonId
    ) -> tuple[Recording, list[dict[str, Any]]]:
        """Make a new recording without what the order takes out; described and checked before it is named.

        What cannot be read is left out, and the derivation says so. Gives the recording, and the full report of
        each of its files, with names and boxes: for people in the region.

        Raises:
            RefusedError: nothing in the recording can be redacted.
        """
        check_classes(map(str, order.get("drop", ())), self._node.lawbook.vocabulary, where="drop")
        found = self.get(recording)
        names = self.names(recording)
        sheets = self.sheets(recording)
        companions = self._companions(found, names)
        upload = self.begin_derived(found)
        left_out: list[dict[str, Any]] = []
        wanted: list[Wanted] = []
        for one, name, sheet in zip(found.objects, names, sheets, strict=True):
            reason = sheet.reason if sheet.state is ReadState.BLOCKED else dropped_whole(sheet, order)
            if reason:
                left_out.append({"object": one.number, "reason": reason})
            else:
                wanted.append(Wanted(one, name, sheet))
        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                futures = [
                    pool.submit(self._redact_object, found, one, order, companions, upload) for one in wanted
                ]
                made = [future.result() for future in futures]
            upload.items = [(one.name, one.written) for one in made]
            if not made:
                raise RefusedError("nothing in this recording can be redacted", remedy="see the fact sheet")
            named = self._name_derived(upload, found, order, made, left_out, person)
            return named, [one.report for one in made]
        except BaseException:
            self.give_up(upload)
            raise

    def begin_derived(self, source: Recording) -> Upload:
        """Begin a recording made from another: same vehicle, a key of its own."""
        row = self._row(source.id)
        vehicle = self._node.catalog.row("SELECT wrapped_key FROM vehicles WHERE token=?", (row["vehicle"],))
        if vehicle is None:
            raise VaultError("the vehicle's key is gone", remedy="restore the node database")
        wrapped_vehicle = WrappedKey(vehicle["wrapped_key"])
        wrapped = self._node.region_key.new_recording_key(wrapped_vehicle)
        key = self._node.region_key.recording_key(wrapped_vehicle, wrapped)
        return Upload(
            new_recording_id(),
            source.origin,
            row["vehicle"],
            wrapped_vehicle,
            wrapped,
            key,
            derived_from=source.id,
        )

    @contextmanager
    def _open_written(self, upload: Upload, written: Written) -> Iterator[BinaryIO]:
        file = self._node.vault.open(upload.key, written.address, written.bytes)
        try:
            yield file
        finally:
            file.close()

    def _redact_object(
        self,
        recording: Recording,
        wanted: Wanted,
        order: Mapping[str, Any],
        companions: Mapping[str, bytes],
        upload: Upload,
    ) -> Redacted:
        """Redact one file in a worker, seal what comes out, describe and check it."""
        written, report = self._redact_into_vault(recording, wanted, order, companions, upload)
        new_name = str(report["out"])
        upload.items.append((new_name, written))
        check_file_name(new_name)  # after it was noted, so that it is removed when the name is wrong
        looked, places = looks_at_pictures(order), self._lists.told_today()
        with self._open_written(upload, written) as source:
            # Where people were taken out, the detector that masked does not judge: the check measures them.
            made = describe_source(source, new_name, companions, detect=not looked, places=places)
        check = None
        if looked:
            with self._open_written(upload, written) as source:
                check = check_source(source, new_name, report)
        return Redacted(new_name, written, report, made, check)

    def _redact_into_vault(
        self,
        recording: Recording,
        wanted: Wanted,
        order: Mapping[str, Any],
        companions: Mapping[str, bytes],
        upload: Upload,
    ) -> tuple[Written, dict[str, Any]]:
        feed = Feed()
        outcome: dict[str, Any] = {}

        def work() -> None:
            try:
                with self.open(recording.id, wanted.object) as source:
                    parameters = {
                        "name": wanted.name,
                        "sheet": wanted.sheet.to_json(),
                        "order": dict(order),
                        "companions": encoded(companions),
                        "threads": threads_each(),
                    }
                    outcome.update(run_worker("redact", source, parameters, sink=feed.put).result)
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that reads the feed
                feed.fail(error)
            else:
                feed.end()

        working = threading.Thread(target=work, daemon=True)
        working.start()
        try:
            written = self._node.vault.write(upload.key, feed.read)
        finally:
            feed.stop()
            working.join()
        return written, outcome

    def _name_derived(
        self,
        upload: Upload,
        source: Recording,
        order: Mapping[str, Any],
        made: Sequence[Redacted],
        left_out: Sequence[Mapping[str, Any]],
        person: PersonId,
    ) -> Recording:
        before = self.derivation(source.id)
        checks = [one.check for one in made if one.check is not None]
        looked = looks_at_pictures(order) or before is None
        derivation = {
            "order": dict(order),
            # What an earlier redaction took out stays out; its check stands where the pictures were not touched.
            "removed": sorted({*order.get("remove", ()), *(before.removed if before else ())}),
            "residual": residual_of(checks) if looked or before is None else dict(before.residual),
            "reports": [summary_of(one.report) for one in made],
            "checks": checks,
            "left_out": list(left_out),
        }
        now = self._node.clock()
        kept = [self._keep_sheet(upload.key, one.sheet) for one in made]
        subjects = [Subject(f"object-{n}", one.address) for n, (_, one) in enumerate(upload.items)]
        predicate = {
            "recording": upload.id,
            "derived_from": source.id,
            "removed": derivation["removed"],
            "residual": derivation["residual"],
            "sheets": [one.address for one in kept],
        }
        said = statement(Kind.REDACTED, subjects, predicate, actor=person, at=now)
        with self._node.catalog.change(said) as change:
            self._insert(change.execute, upload, utc_text(now), derivation)
            for number, sheet in enumerate(kept):
                change.execute(
                    "UPDATE objects SET sheet_address=?, sheet_bytes=? WHERE recording=? AND number=?",
                    (sheet.address, sheet.bytes, upload.id, number),
                )
        return self.get(upload.id)

    # Housekeeping ------------------------------------------------------------------------------------------

    def erase(self, recording: RecordingId, person: PersonId) -> None:
        """Erase a recording: its key first, so that nothing opens it any more, then its bytes."""
        found = self.get(recording)
        sheets = [one["sheet_address"] for one in self._objects(recording) if one["sheet_address"]]
        subjects = [Subject(f"object-{one.number}", one.address) for one in found.objects]
        said = statement(Kind.ERASED, subjects, {"recording": recording}, actor=person, at=self._node.clock())
        with self._node.catalog.change(said) as change:
            leaving = change.execute(
                "SELECT 1 FROM requests WHERE recording=? AND state='releasing'", (recording,)
            )
            if leaving.fetchone() is not None:
                raise RefusedError(
                    "the recording is leaving: its release is not settled yet",
                    remedy="wait for the receipt: carnet movement show",
                )
            change.execute("UPDATE recordings SET wrapped_key=NULL WHERE id=?", (recording,))
        for address in [one.address for one in found.objects] + sheets:
            self._node.vault.delete(address)

    def sweep(self) -> int:
        """Remove bytes that no catalog entry names, left by a crash; gives how many objects."""
        rows = self._node.catalog.rows(
            "SELECT address, sheet_address FROM objects JOIN recordings ON recordings.id = objects.recording "
            "WHERE wrapped_key IS NOT NULL"
        )
        named = [one["address"] for one in rows] + [
            one["sheet_address"] for one in rows if one["sheet_address"]
        ]
        return self._node.vault.sweep(named)

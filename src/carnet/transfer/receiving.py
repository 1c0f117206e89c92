"""The receiving side: what a node keeps of a release that a paired node sends, and the receipt it signs.

Segments arrive in order and stay sealed in the inbox until all are there; then they are opened, checked
against the permit, sealed into this node's vault, and recorded together with the receipt in one transaction.
Asking again gives the same receipt.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from carnet.catalog.database import Catalog
from carnet.errors import PeerError, RefusedError, TamperedError
from carnet.evidence.signing import Envelope, Signer, seal_envelope
from carnet.evidence.statements import Kind, Subject, statement, statement_bytes
from carnet.model.canonical import digest_of
from carnet.model.ids import RecordingId, new_recording_id
from carnet.transfer.courier import write_whole
from carnet.transfer.pairing import Card
from carnet.transfer.permit import Permit, open_permit
from carnet.transfer.sealing import SEALED_SEGMENT, OpenedObject, open_content_key, sealed_length
from carnet.vault.keys import RegionKey
from carnet.vault.store import Vault

_RELEASE = re.compile(r"req-[a-z2-7]{26}")


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is known of a release that is arriving: how many segments of each object are kept."""

    segments: Mapping[str, int]


class Receiver:
    """Takes releases from paired nodes."""

    def __init__(
        self,
        *,
        inbox: Path,
        catalog: Catalog,
        vault: Vault,
        region: RegionKey,
        signer: Signer,
        sealing_key: X25519PrivateKey,
        own: Card,
        peers: Callable[[], Mapping[str, Card]],
        clock: Callable[[], datetime],
    ) -> None:
        self._inbox = inbox
        self._catalog = catalog
        self._vault = vault
        self._region = region
        self._signer = signer
        self._sealing_key = sealing_key
        self._own = own
        self._peers = peers
        self._clock = clock

    def sender(self, fingerprint: str) -> Card:
        """Give the paired node whose certificate this is; raises `PeerError` if there is none."""
        for card in self._peers().values():
            if card.fingerprint == fingerprint:
                return card
        raise PeerError("this certificate is on no card that was paired", remedy="pair the nodes first")

    def state(self, release: str, sender: Card) -> Arrival | None:
        """Give how far a release has arrived, or None when nothing is known of it."""
        folder = self._folder(release)
        if self._receipt(release) is not None:
            permit_count = self._counts_of_done(release)
            return Arrival(permit_count)
        if not (folder / "permit.json").is_file():
            return None
        permit = self._permit(release, sender)
        return Arrival(self._held(permit))

    def accept_permit(self, release: str, form: Any, sender: Card) -> Arrival:
        """Keep a permit that is the sender's, for us, and names this release; raises if it is not."""
        permit = open_permit(form, sender.signing_key, now=self._clock())
        to = permit.predicate["to"]
        if permit.release != release or permit.sender != sender.name or to["name"] != self._own.name:
            raise RefusedError("the permit is for another release, sender or receiver")
        if permit.receiver_fingerprint != self._own.fingerprint:
            raise RefusedError("the permit names a certificate that is not ours", remedy="pair again")
        needed = sum(sealed_length(one.bytes) for one in permit.objects) * 2
        self._inbox.mkdir(parents=True, exist_ok=True, mode=0o700)
        if shutil.disk_usage(self._inbox).free < needed:
            raise PeerError("there is no room for this release", remedy="free space at the receiving node")
        folder = self._folder(release)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(folder / "permit.json", json.dumps(form).encode())
        return Arrival(self._held(permit))

    def keep_segment(self, release: str, number: int, index: int, data: bytes, sender: Card) -> Arrival:
        """Keep one sealed segment; they come in order, and one that is there already is not kept twice."""
        permit = self._permit(release, sender)
        wanted = next((one for one in permit.objects if one.number == number), None)
        if wanted is None or len(data) > SEALED_SEGMENT:
            raise RefusedError("the permit names no such object, or the segment is too long")
        path = self._folder(release) / f"{number}.part"
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.seek(0, 2)
            whole, rest = divmod(file.tell(), SEALED_SEGMENT)
            if rest and file.tell() != sealed_length(wanted.bytes):
                file.truncate(whole * SEALED_SEGMENT)  # a crash cut the last one
            if index == whole and index * SEALED_SEGMENT < sealed_length(wanted.bytes):
                file.seek(index * SEALED_SEGMENT)
                file.write(data)
            elif index > whole:
                raise RefusedError("a segment came before the one it follows")
        return Arrival(self._held(permit))

    def complete(self, release: str, sender: Card) -> dict[str, Any]:
        """Open, check and keep what arrived; gives the signed receipt, the same one however often asked.

        Raises:
            TamperedError: something is missing or is not what the permit names; nothing was kept.
        """
        if (done := self._receipt(release)) is not None:
            return done
        permit = self._permit(release, sender)
        key = open_content_key(release, permit.sealed_key, self._sealing_key)
        vehicle = self._region.new_vehicle_key()
        wrapped = self._region.new_recording_key(vehicle)
        own_key = self._region.recording_key(vehicle, wrapped)
        recording = new_recording_id()
        written = []
        try:
            for one in permit.objects:
                path = self._folder(release) / f"{one.number}.part"
                if not path.is_file() or path.stat().st_size != sealed_length(one.bytes):
                    raise TamperedError(f"object {one.number} has not arrived whole")
                with path.open("rb") as file:
                    opened = OpenedObject(key, bytes.fromhex(one.salt), cast("BinaryIO", file), one.bytes)
                    kept = self._vault.write(own_key, opened.read, expected_bytes=one.bytes)
                written.append(kept)
                if kept.content != f"sha256:{one.content}" or kept.bytes != one.bytes:
                    raise TamperedError(f"object {one.number} is not what the permit names")
            now = self._clock()
            receipt = self._sign_receipt(permit, recording, now)
            subjects = [Subject(f"object-{one.number}", one.content) for one in permit.objects]
            said = statement(
                Kind.RECEIVED, subjects, self._received(permit, recording), actor=self._own.name, at=now
            )
            with self._catalog.change(said) as change:
                token = f"release:{release}"
                change.execute("INSERT INTO vehicles VALUES (?, ?)", (token, vehicle))
                change.execute(
                    "INSERT INTO recordings VALUES (?, ?, ?, ?, ?, NULL, NULL, ?)",
                    (recording, permit.origin, said["predicate"]["time"], token, wrapped, release),
                )
                for one, kept in zip(permit.objects, written, strict=True):
                    change.execute(
                        "INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)",
                        (
                            recording, one.number, kept.address, kept.bytes,
                            own_key.seal_text(one.name, "name"), own_key.seal_text(kept.content, "content"),
                        ),
                    )  # fmt: skip
                change.execute(
                    "INSERT INTO arrivals VALUES (?, ?, ?)",
                    (
                        release,
                        recording,
                        json.dumps({"receipt": receipt.to_json(), "segments": self._held(permit)}),
                    ),
                )
        except BaseException:
            for kept in written:
                self._vault.delete(kept.address)
            raise
        self._catalog.seal()
        shutil.rmtree(self._folder(release), ignore_errors=True)
        return receipt.to_json()

    def _received(self, permit: Permit, recording: RecordingId) -> dict[str, Any]:
        return {
            "release": permit.release,
            "permit": digest_of(permit.envelope.to_json()),
            "from": permit.sender,
            "receiver": self._own.name,
            "recording": recording,
        }

    def _sign_receipt(self, permit: Permit, recording: RecordingId, now: datetime) -> Envelope:
        subjects = [Subject(f"object-{one.number}", one.content) for one in permit.objects]
        said = statement(
            Kind.RECEIVED, subjects, self._received(permit, recording), actor=self._own.name, at=now
        )
        return seal_envelope(statement_bytes(said), self._signer)

    def _folder(self, release: str) -> Path:
        if not _RELEASE.fullmatch(release):
            raise RefusedError("this is no release id")
        return self._inbox / release

    def _permit(self, release: str, sender: Card) -> Permit:
        path = self._folder(release) / "permit.json"
        if not path.is_file():
            raise RefusedError("no permit was sent for this release", remedy="send the permit first")
        return open_permit(json.loads(path.read_bytes()), sender.signing_key, now=self._clock())

    def _held(self, permit: Permit) -> dict[str, int]:
        counts = {}
        for one in permit.objects:
            path = self._folder(permit.release) / f"{one.number}.part"
            size = path.stat().st_size if path.is_file() else 0
            complete = size == sealed_length(one.bytes)
            counts[str(one.number)] = -(-size // SEALED_SEGMENT) if complete else size // SEALED_SEGMENT
        return counts

    def _arrival_row(self, release: str) -> dict[str, Any] | None:
        row = self._catalog.row("SELECT receipt FROM arrivals WHERE release=?", (release,))
        if row is None:
            return None
        form: dict[str, Any] = json.loads(row["receipt"])
        return form

    def _receipt(self, release: str) -> dict[str, Any] | None:
        row = self._arrival_row(release)
        return None if row is None else dict(row["receipt"])

    def _counts_of_done(self, release: str) -> dict[str, int]:
        row = self._arrival_row(release)
        return {} if row is None else dict(row["segments"])


def check_receipt(form: Any, permit: Permit, receiver: Card) -> Envelope:
    """Check that a receipt is the receiver's, for this permit and these contents; raises `PeerError` if not."""
    from carnet.errors import SignatureError
    from carnet.evidence.signing import open_envelope

    try:
        envelope = Envelope.from_json(form)
        said = open_envelope(envelope, {receiver.signing_key.key_id: receiver.signing_key})
        predicate = said["predicate"]
        named = {one["name"]: one["digest"]["sha256"] for one in said["subject"]}
        wanted = {f"object-{one.number}": one.content for one in permit.objects}
        if said["predicateType"] != Kind.RECEIVED.value or predicate["release"] != permit.release:
            raise SignatureError("it is for another release")
        if named != wanted or predicate["permit"] != digest_of(permit.envelope.to_json()):
            raise SignatureError("it names other contents or another permit")
    except (SignatureError, KeyError, TypeError) as error:
        raise PeerError(f"the receipt is not right: {error}", remedy="ask the receiving node") from error
    return envelope

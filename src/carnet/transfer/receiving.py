"""The receiving side: what a node keeps of a release that a paired node sends, and the receipt it signs.

Segments arrive in order and stay sealed in the inbox until all are there; then they are opened, checked
against the permit, sealed into this node's vault, and recorded together with the receipt in one transaction.
Asking again gives the same receipt.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast
from weakref import WeakValueDictionary

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from carnet.catalog.database import Catalog
from carnet.errors import InputError, PeerError, RefusedError, SignatureError, TamperedError
from carnet.evidence.signing import Envelope, Signer, open_envelope, seal_envelope, strict_base64
from carnet.evidence.statements import Kind, Subject, statement, statement_bytes
from carnet.model.canonical import digest_of
from carnet.model.filename import check_file_name
from carnet.model.ids import RecordingId, new_recording_id
from carnet.transfer.courier import write_whole
from carnet.transfer.pairing import Card
from carnet.transfer.permit import Permit, SealedObject, open_permit
from carnet.transfer.sealing import SEALED_SEGMENT, OpenedObject, open_content_key, sealed_length
from carnet.vault.keys import RecordingKey, RegionKey
from carnet.vault.store import Vault, Written

_RELEASE = re.compile(r"req-[a-z2-7]{26}")


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is known of a release that is arriving: how many segments of each object are kept."""

    segments: Mapping[str, int]


class _Turn:
    """Whose turn it is to work on a release; gone when nobody does."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


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
        self._lock = threading.Lock()
        self._locks: WeakValueDictionary[str, _Turn] = WeakValueDictionary()

    def sender(self, fingerprint: str) -> Card:
        """Give the paired node whose certificate this is; raises `PeerError` if there is none."""
        for card in self._peers().values():
            if card.fingerprint == fingerprint:
                return card
        raise PeerError("this certificate is on no card that was paired", remedy="pair the nodes first")

    def state(self, release: str, sender: Card) -> Arrival | None:
        """Give how far a release has arrived, or None when nothing is known of it."""
        folder = self._folder(release)
        if self._receipt(release, sender) is not None:
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
        if to["key"] != self._own.signing_key.key_id or permit.receiver_fingerprint != self._own.fingerprint:
            raise RefusedError("the permit names a key or certificate that is not ours", remedy="pair again")
        needed = sum(sealed_length(one.bytes) for one in permit.objects) * 2
        self._inbox.mkdir(parents=True, exist_ok=True, mode=0o700)
        if shutil.disk_usage(self._inbox).free < needed:
            raise PeerError("there is no room for this release", remedy="free space at the receiving node")
        folder = self._folder(release)
        with self._one_at_a_time(release):
            if self._receipt(release, sender) is not None:
                return Arrival(self._counts_of_done(release))
            if (folder / "permit.json").is_file():
                # Another permit has another content key, so what came under the old one is of no use any more;
                # and what another node sends under this id stays as it is: `_permit` refuses.
                if self._permit(release, sender, fresh=False).envelope == permit.envelope:
                    return Arrival(self._held(permit))
                for part in folder.glob("*.part"):
                    part.unlink()
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(folder / "permit.json", json.dumps(form).encode())
            return Arrival(self._held(permit))

    def keep_segment(self, release: str, number: int, index: int, data: bytes, sender: Card) -> Arrival:
        """Keep one sealed segment; they come in order, and one that is there already is not kept twice."""
        with self._one_at_a_time(release):
            if self._receipt(release, sender) is not None:
                return Arrival(self._counts_of_done(release))
            permit = self._permit(release, sender)
            wanted = next((one for one in permit.objects if one.number == number), None)
            length = 0 if wanted is None else sealed_length(wanted.bytes) - index * SEALED_SEGMENT
            if wanted is None or len(data) != min(SEALED_SEGMENT, length):
                raise RefusedError("the permit names no such segment, or it is not of its length")
            try:
                self._append(self._folder(release) / f"{number}.part", wanted, index, data)
            except OSError as error:
                raise PeerError("a segment could not be kept", remedy="free space at the receiver") from error
            return Arrival(self._held(permit))

    @staticmethod
    def _append(path: Path, wanted: SealedObject, index: int, data: bytes) -> None:
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.seek(0, 2)
            whole, rest = divmod(file.tell(), SEALED_SEGMENT)
            if rest and file.tell() != sealed_length(wanted.bytes):
                file.truncate(whole * SEALED_SEGMENT)  # a crash cut the last one
            if index == whole and file.tell() != sealed_length(wanted.bytes):
                file.seek(index * SEALED_SEGMENT)
                file.write(data)
            elif index > whole:
                raise RefusedError("a segment came before the one it follows")

    def complete(self, release: str, sender: Card) -> dict[str, Any]:
        """Open, check and keep what arrived; gives the signed receipt, the same one however often asked.

        Raises:
            TamperedError: something is not what the permit names; nothing was kept.
            PeerError: something has not arrived, or was damaged on this node's disk: send it again.
        """
        with self._one_at_a_time(release):
            if (done := self._receipt(release, sender)) is None:
                done = self._complete(release, sender)
        self._catalog.seal()
        shutil.rmtree(self._folder(release), ignore_errors=True)
        return done

    def _complete(self, release: str, sender: Card) -> dict[str, Any]:
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
                kept = self._keep_object(path, one, key, own_key)
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
                            own_key.seal_text(self._name(one, key), "name"),
                            own_key.seal_text(kept.content, "content"),
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
        return receipt.to_json()

    def _keep_object(
        self, path: Path, one: SealedObject, key: RecordingKey, own_key: RecordingKey
    ) -> Written:
        if not path.is_file() or path.stat().st_size != sealed_length(one.bytes):
            raise PeerError(f"object {one.number} has not arrived whole", remedy="send the rest")
        try:
            with path.open("rb") as file:
                opened = OpenedObject(key, bytes.fromhex(one.salt), cast("BinaryIO", file), one.bytes)
                return self._vault.write(own_key, opened.read, expected_bytes=one.bytes)
        except TamperedError as error:
            # The sender's courier hashes before it sends, so this happened here: a power cut, a bad disk.
            path.unlink(missing_ok=True)
            raise PeerError(f"object {one.number} did not survive here", remedy="send it again") from error

    @staticmethod
    def _name(one: SealedObject, key: RecordingKey) -> str:
        try:
            return check_file_name(key.open_text(strict_base64(one.sealed_name), f"name {one.number}"))
        except (ValueError, InputError) as error:
            raise TamperedError(f"the name of object {one.number} is none") from error

    def sweep(self) -> None:
        """Remove what is left of releases that are done: a crash came before it was cleared away."""
        if self._inbox.is_dir():
            for folder in self._inbox.iterdir():
                if self._arrival_row(folder.name) is not None:
                    shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _one_at_a_time(self, release: str) -> Iterator[None]:
        """Let one thread at a time work on a release: senders may ask twice at once."""
        with self._lock:
            turn = self._locks.setdefault(release, _Turn())
        with turn.lock:
            yield

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

    def _permit(self, release: str, sender: Card, *, fresh: bool = True) -> Permit:
        path = self._folder(release) / "permit.json"
        if not path.is_file():
            raise RefusedError("no permit was sent for this release", remedy="send the permit first")
        now = self._clock() if fresh else None
        return open_permit(json.loads(path.read_bytes()), sender.signing_key, now=now)

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

    def _receipt(self, release: str, sender: Card) -> dict[str, Any] | None:
        """The receipt of a release that is done; raises `RefusedError` when another node had sent it."""
        row = self._arrival_row(release)
        if row is None:
            return None
        receipt = dict(row["receipt"])
        if Envelope.from_json(receipt).statement()["predicate"]["from"] != sender.name:
            raise RefusedError("no permit was sent for this release", remedy="send the permit first")
        return receipt

    def _counts_of_done(self, release: str) -> dict[str, int]:
        row = self._arrival_row(release)
        return {} if row is None else dict(row["segments"])


def check_receipt(form: Any, permit: Permit, receiver: Card) -> Envelope:
    """Check that a receipt is the receiver's, for this permit and these contents; raises `PeerError` if not."""
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

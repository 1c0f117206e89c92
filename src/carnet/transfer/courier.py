"""The courier: the one process that opens a connection out of the region.

`python -m carnet.transfer.courier FOLDER` watches the outbox below the folder. It holds the node's TLS key and
no vault key; what it carries is sealed for the receiver. It checks every permit itself before it sends the
first byte: a permit that the gate did not sign, or bytes that the permit does not name, stay where they are.

The outbox is the agreement with the node, so that either may die at any moment:

    outbox/RELEASE/permit.json     written by the gate; the folder appears whole (renamed into place)
    outbox/RELEASE/0.sealed …      sealed segments, one after another
    outbox/RELEASE/receipt.json    written by the courier when the receiver has signed; then the node settles
    outbox/RELEASE/refused.json    written by the courier when it, or the receiver, refused; not tried again
    outbox/RELEASE/held.json       written by the node when the law changed: not a segment more until it is gone
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import ssl
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from carnet.errors import CarnetError, PeerError, SignatureError
from carnet.evidence.signing import PublicKey
from carnet.transfer.pairing import Card, read_card
from carnet.transfer.permit import Permit, SealedObject, open_permit
from carnet.transfer.sealing import SEALED_SEGMENT, sealed_length

PERMIT, RECEIPT, REFUSED, HELD = "permit.json", "receipt.json", "refused.json", "held.json"
_TIMEOUT_S = 30.0
_POLL_S = 0.1
_LONGEST_PAUSE_S = 30.0
_OK = 200


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all, durable when this returns."""
    temporary = path.with_name(path.name + ".partial")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        temporary.replace(path)
        os.fsync(
            handle
        )  # by handle: who waits for this file may already have settled it and removed the folder
    finally:
        os.close(handle)


def peer_context(card: Card, certificate: Path, key: Path) -> ssl.SSLContext:
    """Give a TLS 1.3 client context that trusts exactly the certificate on the peer's card."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # the certificate itself is pinned; its name says nothing more
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=card.certificate)
    context.load_cert_chain(certificate, key)
    return context


class Courier:
    """Carries releases from an outbox to the paired nodes."""

    def __init__(self, folder: Path, *, clock: Callable[[], datetime]) -> None:
        """Read the courier's own folder: `courier.json`, the TLS key and certificate.

        Raises:
            PeerError: a card in it is not right.
        """
        form = json.loads((folder / "courier.json").read_bytes())
        self.outbox = Path(form["outbox"])
        self._own_key = PublicKey.from_text(form["signing_key"])
        self._cards = {card.name: card for card in map(read_card, form["peers"])}
        self._certificate, self._key = folder / "tls.pem", folder / "tls.key"
        self._clock = clock

    def waiting(self) -> list[Path]:
        """Give the releases that have a permit, and neither receipt nor refusal nor are held, oldest first."""
        if not self.outbox.is_dir():
            return []
        found = []
        for one in self.outbox.iterdir():
            # What the gate still prepares begins with a dot: it may be renamed between any two of these questions.
            if one.name.startswith(".") or any((one / name).exists() for name in (RECEIPT, REFUSED, HELD)):
                continue
            with contextlib.suppress(FileNotFoundError):  # not handed over yet, or settled meanwhile
                (one / PERMIT).stat()
                found.append((one.stat().st_mtime_ns, one))
        return [one for _, one in sorted(found)]

    def carry(self, release: Path) -> None:
        """Carry one release; the receipt, or the refusal, is durable when this returns.

        Raises:
            PeerError: the peer could not be reached; try again later.
        """
        try:
            permit, card = self._check(release)
        except CarnetError as error:
            self._refuse(release, "courier", error.what)
            return
        except (ValueError, OSError, RecursionError) as error:
            self._refuse(release, "courier", f"it cannot be read: {type(error).__name__}")
            return
        context = peer_context(card, self._certificate, self._key)
        try:
            with httpx.Client(
                base_url=card.url, verify=context, timeout=_TIMEOUT_S, trust_env=False, follow_redirects=False
            ) as client:
                receipt = self._send(client, release, permit)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise PeerError(
                f"the node {card.name} answered with something else: {type(error).__name__}",
                remedy="see its log; it is tried again",
            ) from error
        except (httpx.HTTPError, OSError) as error:
            raise PeerError(
                f"the node {card.name} cannot be reached: {type(error).__name__}",
                remedy="start it, or check the address on its card; what was sent is kept there",
            ) from error
        if receipt is not None:
            write_whole(release / RECEIPT, json.dumps(receipt).encode())

    def _check(self, release: Path) -> tuple[Permit, Card]:
        permit = open_permit(json.loads((release / PERMIT).read_bytes()), self._own_key, now=self._clock())
        card = self._cards.get(permit.receiver)
        if card is None or card.fingerprint != permit.receiver_fingerprint or permit.release != release.name:
            raise SignatureError("the permit is for a node that is not paired, or for another release")
        for one in permit.objects:
            path = release / f"{one.number}.sealed"
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != one.sealed or path.stat().st_size != sealed_length(one.bytes):
                raise SignatureError(f"object {one.number} is not what the permit names")
        return permit, card

    def _send(self, client: httpx.Client, release: Path, permit: Permit) -> dict[str, Any] | None:
        """Send what the receiver does not have yet and give its receipt; None when it refused."""
        place = f"/v1/releases/{permit.release}"
        # Sent again each time: the receiver says what it has under this permit, and forgets what came under another.
        state = client.put(f"{place}/permit", json=permit.envelope.to_json())
        if not self._accepted(state, release):
            return None
        held: Mapping[str, int] = state.json()["segments"]
        for one in permit.objects:
            if not self._send_object(client, place, release, one, held.get(str(one.number), 0)):
                return None
        answer = client.post(f"{place}/complete")
        if not self._accepted(answer, release):
            return None
        receipt: dict[str, Any] = answer.json()
        return receipt

    def _send_object(
        self, client: httpx.Client, place: str, release: Path, one: SealedObject, held: int
    ) -> bool:
        with (release / f"{one.number}.sealed").open("rb") as file:
            file.seek(held * SEALED_SEGMENT)
            index = held
            while data := file.read(SEALED_SEGMENT):
                if (release / HELD).exists():
                    raise PeerError(
                        "the release is held: the law has changed since it was cleared",
                        remedy="the officer decides it again: carnet movement again",
                    )
                answer = client.put(f"{place}/objects/{one.number}/segments/{index}", content=data)
                if not self._accepted(answer, release):
                    return False
                index += 1
        return True

    def _accepted(self, answer: httpx.Response, release: Path) -> bool:
        """Whether the receiver took it; its refusal is kept, its trouble is tried again."""
        if answer.status_code == _OK:
            return True
        if answer.is_client_error:
            self._refuse(release, "receiver", f"status {answer.status_code}")
            return False
        raise PeerError(f"the receiver answered with status {answer.status_code}", remedy="see its log")

    def _refuse(self, release: Path, who: str, why: str) -> None:
        write_whole(release / REFUSED, json.dumps({"by": who, "why": why}).encode())


def run(folder: Path, *, clock: Callable[[], datetime], parent: int | None = None) -> None:
    """Carry whatever waits until the process is stopped, or its parent is gone."""
    courier = Courier(folder, clock=clock)
    pauses: dict[str, tuple[float, float]] = {}
    while parent is None or os.getppid() == parent:
        for release in courier.waiting():
            not_before, pause = pauses.get(release.name, (0.0, _POLL_S))
            if time.monotonic() < not_before:
                continue
            try:
                courier.carry(release)
                pauses.pop(release.name, None)
            except (
                PeerError,
                OSError,
            ) as error:  # a full disk, a release that is gone: the others still wait
                said = error if isinstance(error, PeerError) else type(error).__name__
                sys.stderr.write(f"courier: {said}\n")
                longer = min(pause * 2, _LONGEST_PAUSE_S)
                pauses[release.name] = (time.monotonic() + longer, longer)
        time.sleep(_POLL_S)


if __name__ == "__main__":
    run(Path(sys.argv[1]), clock=lambda: datetime.now(UTC), parent=os.getppid())

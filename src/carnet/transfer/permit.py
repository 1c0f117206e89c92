"""The permit: the signed statement that travels with a release, and what every reader of one checks.

It says what goes, from where to where, why, under which decision and lawbook, who approved, and proves that
the intent stands in the sender's ledger under a signed checkpoint. The courier checks it before the first
byte, the receiver before the first segment is kept, and the dossier's reader years later.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carnet.errors import SignatureError
from carnet.evidence import merkle
from carnet.evidence.checkpoint import open_checkpoint
from carnet.evidence.signing import Envelope, PublicKey, open_envelope, strict_base64
from carnet.evidence.statements import Kind, parse_utc


@dataclass(frozen=True, slots=True)
class SealedObject:
    """One object of a release, as it travels."""

    number: int
    bytes: int
    content: str
    """SHA-256 of the content, hexadecimal: what the receiver must find."""
    salt: str
    sealed: str
    """SHA-256 of all its sealed segments one after another, hexadecimal: what the courier checks."""
    name: str

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "number": self.number,
            "bytes": self.bytes,
            "content": self.content,
            "salt": self.salt,
            "sealed": self.sealed,
            "name": self.name,
        }


@dataclass(frozen=True, slots=True)
class Permit:
    """A permit whose signature, ledger proof and form were checked."""

    envelope: Envelope
    release: str
    sender: str
    receiver: str
    receiver_fingerprint: str
    origin: str
    expires: datetime
    sealed_key: bytes
    objects: tuple[SealedObject, ...]
    predicate: Mapping[str, Any]


def open_permit(form: Any, sender_key: PublicKey, *, now: datetime | None) -> Permit:
    """Check a permit in numbered steps; raises `SignatureError` or `LedgerError` at the one that fails.

    1. The envelope is signed by the sender.
    2. It is a permit, of version v1.
    3. The decision it rests on is `permitted`.
    4. The checkpoint in it is signed by the sender.
    5. The intent (`Releasing`) is in the ledger that the checkpoint covers, and names this release.
    6. It has not expired (left out when `now` is None: a dossier is read years later).

    Args:
        form: the envelope's JSON.
        sender_key: the key on the sender's card.
        now: the aware time now.
    """
    envelope = Envelope.from_json(form)
    statement = open_envelope(envelope, {sender_key.key_id: sender_key})  # (1)
    try:
        if statement["predicateType"] != Kind.PERMIT.value:  # (2)
            raise SignatureError("the envelope holds no permit")
        predicate = statement["predicate"]
        if predicate["verdict"] != "permitted":  # (3)
            raise SignatureError("the permit rests on a decision that does not permit")
        intent = predicate["intent"]
        checkpoint = open_checkpoint(intent["checkpoint"], sender_key)  # (4)
        entry = strict_base64(intent["entry"])
        proof = [strict_base64(one) for one in intent["proof"]]
        leaf = merkle.leaf_hash(entry)
        merkle.check_inclusion(leaf, intent["number"], checkpoint.size, proof, checkpoint.root)  # (5)
        _check_intent(entry, predicate["release"], sender_key)
        expires = parse_utc(predicate["expires"])
        if now is not None and now > expires:  # (6)
            raise SignatureError("the permit has expired", remedy="release again: the gate decides anew")
        objects = tuple(
            SealedObject(
                int(one["number"]), int(one["bytes"]), str(one["content"]), str(one["salt"]), str(one["sealed"]),
                str(one["name"]),
            )
            for one in predicate["objects"]
        )  # fmt: skip
        return Permit(
            envelope,
            str(predicate["release"]),
            str(predicate["from"]["name"]),
            str(predicate["to"]["name"]),
            str(predicate["to"]["certificate"]),
            str(predicate["origin"]),
            expires,
            strict_base64(predicate["sealed_key"]),
            objects,
            predicate,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SignatureError("the permit is not of version v1") from error


def _check_intent(entry: bytes, release: str, sender_key: PublicKey) -> None:
    import json

    inner = open_envelope(Envelope.from_json(json.loads(entry)), {sender_key.key_id: sender_key})
    predicate = inner["predicate"]
    if inner["predicateType"] != Kind.RELEASING.value or predicate["release"] != release:
        raise SignatureError("the ledger entry in the permit is not the intent of this release")


def intent_json(number: int, entry: bytes, checkpoint: str, proof: list[bytes]) -> dict[str, Any]:
    """Give the part of a permit that proves the intent."""
    return {
        "number": number,
        "entry": base64.b64encode(entry).decode("ascii"),
        "checkpoint": checkpoint,
        "proof": [base64.b64encode(one).decode("ascii") for one in proof],
    }

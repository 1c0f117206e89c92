"""The permit: the signed statement that travels with a release, and what every reader of one checks.

It says what goes, from where to where, why, under which decision and lawbook, who approved, and proves that
the intent stands in the sender's ledger under a signed checkpoint. The courier checks it before the first
byte, the receiver before the first segment is kept, and the dossier's reader years later.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carnet.errors import SignatureError
from carnet.evidence import merkle
from carnet.evidence.checkpoint import open_checkpoint
from carnet.evidence.signing import Envelope, PublicKey, open_envelope, strict_base64
from carnet.evidence.statements import Kind, parse_utc

_DIGEST = re.compile(r"[0-9a-f]{64}")


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
    sealed_name: str
    """The file's own name, sealed with the content key, base64: it may identify somebody, and a permit is shown."""

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "number": self.number,
            "bytes": self.bytes,
            "content": self.content,
            "salt": self.salt,
            "sealed": self.sealed,
            "sealed_name": self.sealed_name,
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
        _check_intent(entry, predicate, sender_key)
        expires = parse_utc(predicate["expires"])
        if now is not None and now > expires:  # (6)
            raise SignatureError("the permit has expired", remedy="release again: the gate decides anew")
        objects = tuple(_object(number, one) for number, one in enumerate(predicate["objects"]))
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
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise SignatureError("the permit is not of version v1") from error


def _object(number: int, form: Mapping[str, Any]) -> SealedObject:
    """Read one object; raises `ValueError` for a number out of order, a size below 0 or a digest that is none."""
    size = form["bytes"]
    content, salt, sealed = (str(form[name]) for name in ("content", "salt", "sealed"))
    if form["number"] != number or not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ValueError("number or size")
    if not all(_DIGEST.fullmatch(one) for one in (content, salt, sealed)):
        raise ValueError("digest")
    return SealedObject(number, size, content, salt, sealed, str(form.get("sealed_name", "")))


def _check_intent(entry: bytes, permit: Mapping[str, Any], sender_key: PublicKey) -> None:
    inner = open_envelope(Envelope.from_json(json.loads(entry)), {sender_key.key_id: sender_key})
    intent = inner["predicate"]
    same = ("release", "movement", "decision", "lawbook")
    if (
        inner["predicateType"] != Kind.RELEASING.value
        or any(intent[name] != permit[name] for name in same)
        or intent["to"] != permit["to"]["name"]
    ):
        raise SignatureError("the ledger entry in the permit is not the intent of this release")


def intent_json(number: int, entry: bytes, checkpoint: str, proof: list[bytes]) -> dict[str, Any]:
    """Give the part of a permit that proves the intent."""
    return {
        "number": number,
        "entry": base64.b64encode(entry).decode("ascii"),
        "checkpoint": checkpoint,
        "proof": [base64.b64encode(one).decode("ascii") for one in proof],
    }

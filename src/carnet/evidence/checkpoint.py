"""Checkpoints: the size and root of a ledger, signed, as C2SP tlog-checkpoint in a signed note.

The note's text is origin, size, root in base64 and, as an extension line, the time. The signature line holds
the four-byte key hash of the signed-note specification (SHA-256 of name, newline, 0x01 and the public key)
and the Ed25519 signature, so existing tools can check it.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime

from carnet.errors import LedgerError
from carnet.evidence.signing import PublicKey, Signer, strict_base64
from carnet.evidence.statements import parse_utc, utc_text

_EM_DASH = "\u2014"
_ALGORITHM = b"\x01"
_LINES = 4
_KEY_HASH = 4


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A ledger's size and root at a moment."""

    origin: str
    size: int
    root: bytes
    time: datetime

    def text(self) -> str:
        """Give the text that is signed."""
        root = base64.b64encode(self.root).decode("ascii")
        return f"{self.origin}\n{self.size}\n{root}\ntime {utc_text(self.time)}\n"


def _key_hash(origin: str, key: PublicKey) -> bytes:
    return hashlib.sha256(origin.encode("utf-8") + b"\n" + _ALGORITHM + key.raw).digest()[:_KEY_HASH]


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> str:
    """Give the signed note."""
    text = checkpoint.text()
    signature = _key_hash(checkpoint.origin, signer.public) + signer.sign(text.encode("utf-8"))
    return f"{text}\n{_EM_DASH} {checkpoint.origin} {base64.b64encode(signature).decode('ascii')}\n"


def open_checkpoint(note: str, key: PublicKey) -> Checkpoint:
    """Give the checkpoint of a note signed with this key; raises `LedgerError` or `SignatureError` if not."""
    text, separator, tail = note.partition("\n\n")
    text += "\n"
    lines = text.splitlines()
    try:
        if not separator or len(lines) != _LINES or not lines[3].startswith("time "):
            raise ValueError("shape")
        checkpoint = Checkpoint(
            lines[0], int(lines[1]), strict_base64(lines[2]), parse_utc(lines[3].removeprefix("time "))
        )
        dash, name, blob = tail.removesuffix("\n").split(" ")
        signature = strict_base64(blob)
    except ValueError as error:
        raise LedgerError("this is no signed checkpoint", remedy="ask the node for a new one") from error
    wanted = _key_hash(checkpoint.origin, key)
    if dash != _EM_DASH or name != checkpoint.origin or signature[:_KEY_HASH] != wanted:
        raise LedgerError("the checkpoint is signed by another key", where=checkpoint.origin)
    key.check(signature[_KEY_HASH:], text.encode("utf-8"))
    if checkpoint.text() != text or sign_tail(checkpoint.origin, signature) != tail:
        raise LedgerError("the checkpoint is not in its one form", where=checkpoint.origin)
    return checkpoint


def sign_tail(origin: str, signature: bytes) -> str:
    """Give the signature line of a note."""
    return f"{_EM_DASH} {origin} {base64.b64encode(signature).decode('ascii')}\n"

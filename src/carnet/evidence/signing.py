"""Ed25519 keys and DSSE envelopes: who said what, checkable by anyone with the public key.

Formats: private keys are PKCS #8 in PEM (RFC 5958), with a passphrase where a person holds them; public keys
are SubjectPublicKeyInfo in PEM. Envelopes are DSSE v1 (in-toto's envelope): the signature covers the
pre-authentication encoding of type and payload, so that neither can be exchanged. Base64 is strict: one byte
string has one spelling.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from carnet.errors import KeyFileError, SignatureError
from carnet.model.ids import KeyId

PAYLOAD_TYPE = "application/vnd.in-toto+json"
"""The payload type of every statement we sign."""


_LARGEST_KEY_FILE = 1 << 20


def strict_base64(text: str) -> bytes:
    """Decode base64 that has exactly one spelling; raises `ValueError` for any other."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64") from error
    if base64.b64encode(data).decode("ascii") != text:
        raise ValueError("base64 with stray bits")
    return data


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key that can check signatures."""

    raw: bytes

    @property
    def key_id(self) -> KeyId:
        """`ed25519:` and the SHA-256 of the key in DER."""
        return KeyId(f"ed25519:{hashlib.sha256(self._der()).hexdigest()}")

    def _key(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self.raw)

    def _der(self) -> bytes:
        return self._key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def check(self, signature: bytes, message: bytes) -> None:
        """Return nothing if the signature is right; raises `SignatureError` if not."""
        try:
            self._key().verify(signature, message)
        except InvalidSignature as error:
            raise SignatureError("the signature does not fit the message", where=self.key_id) from error

    def to_text(self) -> str:
        """Give the base64 of the 32 raw bytes, for hand-over files."""
        return base64.b64encode(self.raw).decode("ascii")

    @classmethod
    def from_text(cls, text: str) -> PublicKey:
        """Read what `to_text` gave; raises `KeyFileError` for anything else."""
        try:
            raw = strict_base64(text)
            Ed25519PublicKey.from_public_bytes(raw)
        except ValueError as error:
            raise KeyFileError("a public key is 32 bytes in base64", remedy="copy it again") from error
        return cls(raw)


class Signer:
    """An Ed25519 private key in use. Its bytes leave the object only sealed into a key file."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public = PublicKey(raw)
        self.key_id = self.public.key_id

    @classmethod
    def generate(cls) -> Signer:
        """Make a new key."""
        return cls(Ed25519PrivateKey.generate())

    def sign(self, message: bytes) -> bytes:
        """Give the 64 bytes of the signature."""
        return self._key.sign(message)

    def save(self, path: Path, passphrase: bytes | None = None) -> None:
        """Write the key file, readable by its owner alone; it never replaces one."""
        protection: serialization.KeySerializationEncryption = (
            serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
        )
        pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
        )
        write_private_file(path, pem)

    @classmethod
    def load(cls, path: Path, passphrase: bytes | None = None) -> Signer:
        """Open a key file; raises `KeyFileError` when others can read it or the passphrase is wrong."""
        pem = read_private_file(path)
        try:
            key = serialization.load_pem_private_key(pem, passphrase)
        except (ValueError, TypeError) as error:
            raise KeyFileError(
                "the key does not open with this passphrase, or is no private key",
                where=path.name,
                remedy="give the passphrase of the person whose key it is",
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFileError("the key is not Ed25519", where=path.name, remedy="make a new one")
        return cls(key)


def write_private_file(path: Path, data: bytes) -> None:
    """Write a new file with mode 0600, whole and durable; raises `KeyFileError` if one is there already."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeyFileError(
            "a key file is there already", where=path.name, remedy="choose another folder"
        ) from error
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def read_private_file(path: Path) -> bytes:
    """Read a key file; raises `KeyFileError` when it is missing or others can read it."""
    try:
        with path.open("rb") as file:  # one look at one file: nobody exchanges it in between
            status = os.fstat(file.fileno())
            data = file.read(_LARGEST_KEY_FILE)
    except OSError as error:
        raise KeyFileError(
            "the key file cannot be read", where=path.name, remedy="name the folder that holds it"
        ) from error
    if stat.S_IMODE(status.st_mode) & 0o077 or status.st_uid not in {os.geteuid(), 0}:
        raise KeyFileError(
            "the key file is open to others", where=path.name, remedy="chmod 600, and consider a new key"
        )
    return data


@dataclass(frozen=True, slots=True)
class Envelope:
    """A DSSE envelope with one signature or more."""

    payload: bytes
    signatures: tuple[tuple[KeyId, bytes], ...]
    payload_type: str = PAYLOAD_TYPE

    def to_json(self) -> dict[str, Any]:
        """Give the envelope as DSSE writes it."""
        return {
            "payloadType": self.payload_type,
            "payload": base64.b64encode(self.payload).decode("ascii"),
            "signatures": [
                {"keyid": key_id, "sig": base64.b64encode(signature).decode("ascii")}
                for key_id, signature in self.signatures
            ],
        }

    @classmethod
    def from_json(cls, form: Any) -> Envelope:
        """Read an envelope; raises `SignatureError` for any other shape."""
        try:
            if set(form) != {"payloadType", "payload", "signatures"} or not form["signatures"]:
                raise ValueError("keys")
            signatures = []
            for one in form["signatures"]:
                if set(one) != {"keyid", "sig"}:
                    raise ValueError("signature keys")
                signatures.append((KeyId(str(one["keyid"])), strict_base64(one["sig"])))
            return cls(strict_base64(form["payload"]), tuple(signatures), str(form["payloadType"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SignatureError("this is no DSSE envelope", remedy="ask for it again") from error

    def statement(self) -> dict[str, Any]:
        """Give the statement inside, unchecked: call `open_envelope` to trust it."""
        try:
            value = json.loads(self.payload)
        except (ValueError, RecursionError) as error:
            raise SignatureError("the payload is no JSON") from error
        if not isinstance(value, dict):
            raise SignatureError("the payload is no statement")
        return value


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """Give DSSE's pre-authentication encoding (PAE): what a signature covers."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal_envelope(payload: bytes, signer: Signer) -> Envelope:
    """Sign a payload."""
    signature = signer.sign(pre_authentication(PAYLOAD_TYPE, payload))
    return Envelope(payload, ((signer.key_id, signature),))


def open_envelope(envelope: Envelope, trusted: Mapping[KeyId, PublicKey]) -> dict[str, Any]:
    """Give the statement if every signature is right and of a trusted key; raises `SignatureError` if not.

    An empty list of trusted keys trusts nobody.
    """
    if envelope.payload_type != PAYLOAD_TYPE:
        raise SignatureError("the envelope holds something else than a statement")
    if not envelope.signatures:
        raise SignatureError("the envelope is not signed")
    message = pre_authentication(envelope.payload_type, envelope.payload)
    if len({key_id for key_id, _ in envelope.signatures}) != len(envelope.signatures):
        raise SignatureError("one key signed the envelope twice")
    for key_id, signature in envelope.signatures:
        key = trusted.get(key_id)
        if key is None:
            raise SignatureError(
                "signed with a key that is not trusted here", where=key_id, remedy="pair, or register the key"
            )
        key.check(signature, message)
    return envelope.statement()

"""Keys at rest: one per recording, wrapped by its vehicle's, wrapped by the region's.

The region key is a file outside the node's folder, refused when others can read it. Vehicle and recording keys
exist on disk only wrapped (AES key wrap, RFC 3394), in the node database. Erasing a recording is deleting its
wrapped key: nothing else on disk can open its objects.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import NewType

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from carnet.errors import KeyFileError, TamperedError
from carnet.evidence.signing import read_private_file, strict_base64, write_private_file

WrappedKey = NewType("WrappedKey", bytes)
_KEY_BYTES = 32
_NONCE_BYTES = 12


def derive(key: bytes, purpose: str, length: int = _KEY_BYTES, salt: bytes | None = None) -> bytes:
    """Derive bytes for one purpose from a key (HKDF-SHA-256, RFC 5869)."""
    return HKDF(hashes.SHA256(), length, salt, f"carnet v1 {purpose}".encode()).derive(key)


class RecordingKey:
    """The key of one recording, in use."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def object_key(self, salt: bytes) -> tuple[bytes, bytes]:
        """Give key (32 bytes) and base nonce (12 bytes) of one object, derived from its salt."""
        both = derive(self._raw, "object", _KEY_BYTES + _NONCE_BYTES, salt)
        return both[:_KEY_BYTES], both[_KEY_BYTES:]

    def seal_text(self, text: str, what: str) -> bytes:
        """Seal a text that came from outside, such as a file name."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(derive(self._raw, "text")).encrypt(nonce, text.encode("utf-8"), what.encode())
        return nonce + sealed

    def open_text(self, sealed: bytes, what: str) -> str:
        """Open what `seal_text` sealed; raises `TamperedError` if it was changed."""
        from cryptography.exceptions import InvalidTag

        try:
            aead = AESGCM(derive(self._raw, "text"))
            return aead.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], what.encode()).decode("utf-8")
        except (InvalidTag, ValueError) as error:
            raise TamperedError("a sealed text was changed", where=what) from error


class RegionKey:
    """The key of a region, in use. KMS and PKCS #11 take its place by wiring."""

    def __init__(self, raw: bytes) -> None:
        self._wrap = derive(raw, "wrap")
        self._address = derive(raw, "address")
        self._token = derive(raw, "token")

    @classmethod
    def create(cls, path: Path) -> RegionKey:
        """Make a new region key file."""
        import base64

        raw = secrets.token_bytes(_KEY_BYTES)
        form = {
            "carnet_key": "v1",
            "kind": "region",
            "algorithms": ["HKDF-SHA-256", "AES-256-KW", "HMAC-SHA-256"],
            "key": base64.b64encode(raw).decode("ascii"),
        }
        write_private_file(path, json.dumps(form).encode())
        return cls(raw)

    @classmethod
    def load(cls, path: Path, *, node_folder: Path) -> RegionKey:
        """Open a region key; raises `KeyFileError` when it lies inside the node's folder or is open to others."""
        if path.resolve().is_relative_to(node_folder.resolve()):
            raise KeyFileError(
                "the region key lies inside the node's folder",
                where=path.name,
                remedy="keep it where a copy of the node's folder does not take it along",
            )
        try:
            form = json.loads(read_private_file(path))
            if form.get("carnet_key") != "v1" or form.get("kind") != "region":
                raise ValueError("kind")
            raw = strict_base64(form["key"])
            if len(raw) != _KEY_BYTES:
                raise ValueError("length")
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise KeyFileError(
                "this is no region key file of version v1", where=path.name, remedy="name the right file"
            ) from error
        return cls(raw)

    def new_vehicle_key(self) -> WrappedKey:
        """Make a vehicle's key, wrapped."""
        return WrappedKey(aes_key_wrap(self._wrap, os.urandom(_KEY_BYTES)))

    def new_recording_key(self, vehicle: WrappedKey) -> WrappedKey:
        """Make a recording's key, wrapped by its vehicle's."""
        return WrappedKey(aes_key_wrap(self._unwrap(self._wrap, vehicle), os.urandom(_KEY_BYTES)))

    def recording_key(self, vehicle: WrappedKey, recording: WrappedKey) -> RecordingKey:
        """Unwrap a recording's key; raises `TamperedError` if either wrapping was changed."""
        return RecordingKey(self._unwrap(self._unwrap(self._wrap, vehicle), recording))

    @staticmethod
    def _unwrap(key: bytes, wrapped: WrappedKey) -> bytes:
        try:
            return aes_key_unwrap(key, wrapped)
        except InvalidUnwrap as error:
            raise TamperedError(
                "a wrapped key does not open with this region's key",
                remedy="check that the right region key is wired; restore the node database",
            ) from error

    def addressing(self) -> hmac.HMAC:
        """Start the keyed hash that gives an object's address from its ciphertext."""
        return hmac.new(self._address, digestmod=hashlib.sha256)

    def vehicle_token(self, label: str) -> str:
        """Give the token by which the node knows a vehicle: keyed, so that it confirms no guess."""
        return hmac.new(self._token, label.encode("utf-8"), hashlib.sha256).hexdigest()

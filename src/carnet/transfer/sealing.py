"""Segments sealed for one receiver: the courier carries them and can open none.

A fresh content key for each release is sealed to the receiver's X25519 key (HPKE, RFC 9180: X25519,
HKDF-SHA-256, AES-256-GCM) with the release's id as its context. Object keys are derived from it by salt, and
segments are those of the vault (`vault.segments`).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from carnet.errors import TamperedError
from carnet.vault.keys import RecordingKey
from carnet.vault.segments import SALT, SEGMENT, TAG, Segments, pieces, segment_count

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_KEY_BYTES = 32
SEALED_SEGMENT = SEGMENT + TAG


def _context(release: str) -> bytes:
    return f"carnet v1 release {release}".encode()


def new_content_key(release: str, receiver: X25519PublicKey) -> tuple[RecordingKey, bytes]:
    """Make a content key for a release: the key, and it sealed to the receiver."""
    raw = secrets.token_bytes(_KEY_BYTES)
    return RecordingKey(raw), _SUITE.encrypt(raw, receiver, _context(release))


def open_content_key(release: str, sealed: bytes, key: X25519PrivateKey) -> RecordingKey:
    """Open a content key; raises `TamperedError` if it was sealed for somebody else or for another release."""
    try:
        return RecordingKey(_SUITE.decrypt(sealed, key, _context(release)))
    except (InvalidTag, ValueError) as error:
        raise TamperedError("the content key is not sealed for this node and this release") from error


def seal_object(
    key: RecordingKey, source: BinaryIO, write: Callable[[bytes], object]
) -> tuple[str, str, int, str]:
    """Seal a file; gives salt and SHA-256 of the sealed segments, bytes and SHA-256 of the content (hexadecimal)."""
    salt = secrets.token_bytes(SALT)
    segments = Segments(*key.object_key(salt), salt)
    sealed_hash, content, size = hashlib.sha256(), hashlib.sha256(), 0
    for index, data, last in pieces(source.read):
        content.update(data)
        size += len(data)
        sealed = segments.seal(index, data, last=last)
        sealed_hash.update(sealed)
        write(sealed)
    return salt.hex(), sealed_hash.hexdigest(), size, content.hexdigest()


def sealed_length(content_bytes: int) -> int:
    """How long an object's segments are one after another."""
    return content_bytes + segment_count(content_bytes) * TAG


class OpenedObject:
    """Reads the content of a received object, segment by segment, checking each; `read` is the vault's source."""

    def __init__(self, key: RecordingKey, salt: bytes, source: BinaryIO, content_bytes: int) -> None:
        self._segments = Segments(*key.object_key(salt), salt)
        self._source = source
        self._count = segment_count(content_bytes)
        self._index = 0
        self._held = memoryview(b"")

    def read(self, size: int) -> bytes:
        """Give up to `size` bytes, nothing at the end."""
        if not self._held and self._index < self._count:
            sealed = self._source.read(SEALED_SEGMENT)
            last = self._index == self._count - 1
            self._held = memoryview(self._segments.open(self._index, sealed, last=last))
            self._index += 1
        piece, self._held = bytes(self._held[:size]), self._held[size:]
        return piece

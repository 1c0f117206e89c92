"""Sealed segments: AES-256-GCM over 1 MiB pieces, at rest and in transit.

An object's file is a header line, a salt, and its segments. Key and base nonce are derived from the salt; the
nonce of segment i is the base nonce exclusive-or i (as TLS 1.3 does, RFC 8446, 5.3); the associated data is
the object's salt, i and whether it is the last. So a segment cannot be moved, repeated, dropped or cut off
without the opening failing. An empty object has one empty last segment.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from carnet.errors import TamperedError

SEGMENT = 1 << 20
TAG = 16
SALT = 32
HEADER = b"carnet-object v1 AES-256-GCM HKDF-SHA-256 segment=1048576\n"


class Segments:
    """Seals and opens the segments of one object."""

    def __init__(self, key: bytes, base_nonce: bytes, salt: bytes) -> None:
        self._aead = AESGCM(key)
        self._base = int.from_bytes(base_nonce, "big")
        self._salt = salt

    def _nonce(self, index: int) -> bytes:
        return (self._base ^ index).to_bytes(12, "big")

    def _associated(self, index: int, *, last: bool) -> bytes:
        return self._salt + index.to_bytes(8, "big") + (b"\x01" if last else b"\x00")

    def seal(self, index: int, data: bytes | memoryview, *, last: bool) -> bytes:
        """Seal segment `index` (from 0); all but the last hold exactly `SEGMENT` bytes."""
        return self._aead.encrypt(self._nonce(index), data, self._associated(index, last=last))

    def open(self, index: int, sealed: bytes, *, last: bool) -> bytes:
        """Open a segment; raises `TamperedError` if it was changed, moved or cut."""
        try:
            return self._aead.decrypt(self._nonce(index), sealed, self._associated(index, last=last))
        except (InvalidTag, ValueError) as error:
            raise TamperedError(
                f"segment {index} is not what was sealed", remedy="restore the object from a copy"
            ) from error


def segment_count(content_bytes: int) -> int:
    """How many segments an object of so many bytes has."""
    return max(1, -(-content_bytes // SEGMENT))


def pieces(source: Callable[[int], bytes]) -> Iterator[tuple[int, bytes, bool]]:
    """Cut what `source(size)` reads into (index, data, last), each but the last of `SEGMENT` bytes."""
    index, held = 0, _fill(source)
    while True:
        following = _fill(source) if len(held) == SEGMENT else b""
        yield index, held, not following
        if not following:
            return
        index, held = index + 1, following


def _fill(source: Callable[[int], bytes]) -> bytes:
    data = source(SEGMENT)
    if len(data) in {0, SEGMENT}:
        return data
    parts, size = [data], len(data)
    while size < SEGMENT and (more := source(SEGMENT - size)):
        parts.append(more)
        size += len(more)
    return b"".join(parts)


class SealedFile(io.RawIOBase):
    """A seekable view of a sealed object: range reads open only the segments they need."""

    def __init__(self, file: io.BufferedIOBase, segments: Segments, start: int, content_bytes: int) -> None:
        self._file = file
        self._segments = segments
        self._start = start
        self._size = content_bytes
        self._count = segment_count(content_bytes)
        self._position = 0
        self._held: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; positions past the end read nothing."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Give the position."""
        return self._position

    def _segment(self, index: int) -> bytes:
        if self._held[0] != index:
            self._file.seek(self._start + index * (SEGMENT + TAG))
            last = index == self._count - 1
            length = (self._size - index * SEGMENT if last else SEGMENT) + TAG
            self._held = (index, self._segments.open(index, self._file.read(length), last=last))
        return self._held[1]

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # `io` says Buffer, which 3.11 cannot name
        """Read up to the buffer's length."""
        view = memoryview(buffer).cast("B")
        wanted = max(0, min(len(view), self._size - self._position))
        done = 0
        while done < wanted:
            index, offset = divmod(self._position, SEGMENT)
            data = self._segment(index)[offset : offset + wanted - done]
            view[done : done + len(data)] = data
            done += len(data)
            self._position += len(data)
        return done

    def close(self) -> None:
        """Close the file below."""
        if not self.closed:
            self._file.close()
            self._held = (-1, b"")
        super().close()

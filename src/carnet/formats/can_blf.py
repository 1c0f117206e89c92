"""Vector BLF logs: binary objects, most of them inside deflated containers.

After what Vector publishes about the format (binlog objects) and the public readers of it: a file header `LOGG`,
then objects `LOBJ` with size and kind. Containers (kind 10) hold a run of further objects, which may lie over
the border of two. Frames of CAN and CAN FD are read, comments and markers are texts, what the logger says about
the bus is passed over, and objects of any other kind are counted and make the log `partly`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

from carnet.formats.can_logs import FrameLog, Logged, frame

_FILE = struct.Struct("<4sL8BQQLL8H8H")
_OBJECT = struct.Struct("<4sHHLL")
_CONTAINER = struct.Struct("<H6xL4x")
_CLASSIC = struct.Struct("<HBBL")
_FLEXIBLE = struct.Struct("<HBBLLBBB5x")
_FLEXIBLE_64 = struct.Struct("<BBBBLLLLLLLHBBL")
_ERROR = struct.Struct("<HH")
_LARGEST = 64 << 20
_LARGEST_OBJECT = 16 << 20
_PIECE = 1 << 20
_PADDING = 8
_HOLDER = 10
_MESSAGES, _FLEXIBLES, _FLEXIBLES_64 = {1, 86}, {100}, {101}
_ERRORS, _ERRORS_64 = {2, 73}, {104}
# Statistics, driver states, the logger's own time and configuration: nothing of the bus's content.
_REMARKS = frozenset({3, 4, 5, 31, 32, 74, 90, 91, 115, 116})
_TEXTS = {65: "application text", 92: "event comment", 96: "marker"}
_LETTERS = bytes(n if n > 31 else 0 for n in range(256))  # noqa: PLR2004 -- control characters
_REMOTE, _REMOTE_64, _WIDE = 0x80, 0x10, 1 << 31


class BlfReader(FrameLog):
    """A BLF log."""

    format = "blf"

    def __init__(self, source: BinaryIO, length: int) -> None:
        super().__init__(source)
        self._length = length
        self._others: dict[int, int] = {}

    def _entries(self) -> Iterator[Logged]:
        self._others = {}
        self._source.seek(0)
        head = self._source.read(_FILE.size)
        if len(head) < _FILE.size:
            self.lose("the log is cut inside its header")
            return
        fields = _FILE.unpack(head)
        start = _moment(fields[14:22])
        yield from self._objects(self._inside(max(fields[1], 16)), start)
        if self._others:
            kinds = ", ".join(map(str, sorted(self._others)[:10]))
            total = sum(self._others.values())
            self.lose(f"{total} objects are of kinds that carnet does not read ({kinds})")

    def _inside(self, at: int) -> Iterator[bytes]:
        """Give the run of objects: what containers hold, and objects that stand outside of them."""
        while at + _OBJECT.size <= self._length:
            self._source.seek(at)
            head = self._source.read(_OBJECT.size)
            sign, header, _, size, kind = (
                _OBJECT.unpack(head) if len(head) == _OBJECT.size else (b"", 0, 0, 0, 0)
            )
            if sign != b"LOBJ" or size < _OBJECT.size:
                self.lose("there are bytes where an object should be: what follows is not read")
                return
            if at + size > self._length:
                self.lose("the last object is cut")
            if kind != _HOLDER:
                if size > _LARGEST_OBJECT:
                    self.lose("an object is larger than carnet reads")
                else:
                    self._source.seek(at)
                    yield self._source.read(size + size % 4)
            else:
                self._source.seek(at + max(header, _OBJECT.size))
                form = self._source.read(_CONTAINER.size)
                left = size - max(header, _OBJECT.size) - _CONTAINER.size
                if len(form) < _CONTAINER.size or left < 0:
                    self.lose("a container is cut")
                    return
                method, plain = _CONTAINER.unpack(form)
                yield from self._unpacked(method, plain, left)
            at += size + size % 4
        if at < self._length and self._length - at >= 4:  # noqa: PLR2004 -- less is padding
            self.lose("the last object is cut")

    def _unpacked(self, method: int, plain: int, left: int) -> Iterator[bytes]:
        if plain > _LARGEST or method not in {0, 2}:
            self.lose("a container is larger than carnet reads, or packed in a way that it does not know")
            return
        machine = zlib.decompressobj() if method else None
        while left > 0 and plain > 0:
            piece = self._source.read(min(_PIECE, left))
            if not piece:
                break
            left -= len(piece)
            try:
                while piece and plain > 0:
                    out = machine.decompress(piece, min(_PIECE, plain)) if machine else piece[:plain]
                    piece = machine.unconsumed_tail if machine else b""
                    plain -= len(out)
                    if out:
                        yield out
                    elif machine is None or machine.eof:
                        break
            except zlib.error:
                break
        if plain > 0:
            self.lose("a container does not unpack, or holds less than it announces")

    def _objects(self, pieces: Iterator[bytes], start: int) -> Iterator[Logged]:
        data = b""
        for piece in pieces:
            data += piece
            at = 0
            while at + _OBJECT.size + _PADDING <= len(data):
                # Objects are padded, by different rules of different writers.
                found = data.find(b"LOBJ", at, at + _PADDING + 4)
                if found < 0:
                    self.lose("there are bytes where an object should be: what follows is not read")
                    return
                _, header, _, size, kind = _OBJECT.unpack_from(data, found)
                if not _OBJECT.size <= size <= _LARGEST_OBJECT:
                    self.lose("an object is larger than carnet reads, or smaller than its header")
                    return
                if found + size > len(data):
                    break
                yield from self._object(kind, header, data[found : found + size], start)
                at = found + size
            data = data[at:]
        # The last objects, behind which there is no room for padding.
        while (at := data.find(b"LOBJ", 0, _PADDING + 4)) >= 0:
            _, header, _, size, kind = _OBJECT.unpack(data[at : at + _OBJECT.size].ljust(_OBJECT.size, b"\0"))
            if size < _OBJECT.size or at + size > len(data):
                break
            yield from self._object(kind, header, data[at : at + size], start)
            data = data[at + size :]
        if data.strip(b"\0"):
            self.lose("the last object is cut")

    def _object(self, kind: int, header: int, data: bytes, start: int) -> Iterator[Logged]:
        if kind in _REMARKS:
            return
        if len(data) < _OBJECT.size + 16 or not 32 <= header <= len(data):  # noqa: PLR2004 -- flags and time
            self.lose("an object is shorter than its kind")
            return
        flags = struct.unpack_from("<L", data, 16)[0]
        stamp = struct.unpack_from("<Q", data, 24)[0]
        time = start + stamp * (10_000 if flags == 1 else 1)
        body = data[header:]
        try:
            if kind in _TEXTS:
                self._text(_TEXTS[kind], _printable(body))
            elif (read := _frame(kind, body)) is not None:
                yield Logged(f"CAN {read[0]}", time, read[1])
            else:
                self._others[kind] = self._others.get(kind, 0) + 1
        except struct.error:
            self.lose("an object is shorter than its kind")


def _frame(kind: int, body: bytes) -> tuple[int, bytes] | None:
    """Read a frame as channel and bytes; None for an object of another kind; raises `struct.error`."""
    if kind in _MESSAGES:
        channel, flags, size, number = _CLASSIC.unpack_from(body)
        data = body[8 : 8 + min(size, 8)]
        return channel, _made(number, data, remote=bool(flags & _REMOTE))
    if kind in _FLEXIBLES:
        channel, flags, _, number, _, _, _, size = _FLEXIBLE.unpack_from(body)
        data = body[_FLEXIBLE.size : _FLEXIBLE.size + min(size, 64)]
        return channel, _made(number, data, remote=bool(flags & _REMOTE))
    if kind in _FLEXIBLES_64:
        fields = _FLEXIBLE_64.unpack_from(body)
        data = body[_FLEXIBLE_64.size : _FLEXIBLE_64.size + min(fields[2], 64)]
        return fields[0], _made(fields[4], data, remote=bool(fields[6] & _REMOTE_64))
    if kind in _ERRORS:
        return _ERROR.unpack_from(body)[0], frame(0, b"", error=True)
    if kind in _ERRORS_64:
        return body[0] if body else 0, frame(0, b"", error=True)
    return None


def _made(number: int, data: bytes, *, remote: bool) -> bytes:
    return frame(number & ~_WIDE, data, extended=bool(number & _WIDE), remote=remote)


def _printable(body: bytes) -> bytes:
    """Give the runs of printable characters: texts lie behind fields whose number differs by version."""
    return b" ".join(one for one in body.translate(_LETTERS).split(b"\0") if len(one) > 3)  # noqa: PLR2004 -- shorter ones are numbers


def _moment(fields: tuple[int, ...]) -> int:
    """Read a Windows SYSTEMTIME as ns since 1970-01-01, local time taken as UTC; 0 where it is none."""
    year, month, _, day, hour, minute, second, milli = fields
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return 0
    return max(int(moment.timestamp()) * 10**9 + milli * 10**6, 0)

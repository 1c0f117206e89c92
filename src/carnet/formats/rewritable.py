"""Sinks of which an early part may be written over: for containers whose start says where their end is.

A sink that offers `rewrite` is written to as it comes. For any other one, which takes bytes in order and never
again, the whole is held in memory up to a limit, and copied when it is finished.
"""

from __future__ import annotations

import io
from typing import IO, Any, Protocol, runtime_checkable

from carnet.errors import RedactionError

MOST_IN_MEMORY = 1 << 30


@runtime_checkable
class CanRewrite(Protocol):
    """A sink that can be written over where it was written before."""

    def rewrite(self, offset: int, data: bytes) -> None:
        """Write over a part that was written already."""


@runtime_checkable
class CanReread(CanRewrite, Protocol):
    """A sink that also gives back what was written."""

    def reread(self, offset: int, size: int) -> bytes:
        """Read a part that was written already."""


class Rewritable:
    """Writes to a sink, and over it."""

    def __init__(self, sink: IO[bytes]) -> None:
        self._sink = sink
        self._over = sink if isinstance(sink, CanRewrite) else None
        self._memory = io.BytesIO()
        self._length = 0

    def write(self, data: bytes | memoryview) -> int:
        """Write at the end; raises `RedactionError` when it would have to be held in memory and is too long."""
        size = memoryview(data).nbytes
        self._length += size
        if self._over is not None:
            self._sink.write(data)
        elif self._length > MOST_IN_MEMORY:
            raise RedactionError(
                "the new file is too long to be made in memory, and its place takes bytes in order only",
                where="output",
                remedy="split the recording, or redact it into a file",
            )
        else:
            self._memory.write(data)
        return size

    def tell(self) -> int:
        """Give how many bytes were written."""
        return self._length

    def rewrite(self, offset: int, data: bytes) -> None:
        """Write over what was written before."""
        if offset < 0 or offset + len(data) > self._length:
            raise ValueError("only what was written can be written over")
        if self._over is not None:
            self._over.rewrite(offset, data)
        else:
            self._memory.seek(offset)
            self._memory.write(data)
            self._memory.seek(0, io.SEEK_END)

    def finish(self) -> None:
        """Copy what was held to the sink."""
        if self._over is None:
            self._memory.seek(0)
            while block := self._memory.read(1 << 20):
                self._sink.write(block)


class PagedSink:
    """A sink written in any order up to its end, and read back: what a database needs."""

    def __init__(self, sink: IO[bytes]) -> None:
        # Without reading back it is held in memory, as on a sink that cannot be written over.
        self._reread = sink if isinstance(sink, CanReread) else None
        self._held = io.BytesIO()
        self._held_length = 0
        self._out = sink
        self._sink = Rewritable(sink) if self._reread is not None else None

    def length(self) -> int:
        """Give how long it is."""
        return self._held_length if self._sink is None else self._sink.tell()

    def put(self, offset: int, data: bytes) -> None:
        """Write at a place that is not behind the end."""
        end = self.length()
        over = data[: max(0, end - offset)]
        if self._sink is None:
            if offset + len(data) > MOST_IN_MEMORY:
                raise RedactionError(
                    "the new file is too long to be made in memory, and its place takes bytes in order only",
                    where="output",
                    remedy="split the recording, or redact it into a file",
                )
            self._held.seek(offset)
            self._held.write(data)
            self._held_length = max(end, offset + len(data))
            return
        if over:
            self._sink.rewrite(offset, over)
        if len(data) > len(over):
            self._sink.write(data[len(over) :])

    def get(self, offset: int, size: int) -> bytes:
        """Read what was written."""
        if self._reread is not None:
            return self._reread.reread(offset, size)
        self._held.seek(offset)
        return self._held.read(size)

    def finish(self) -> None:
        """Copy what was held to the sink."""
        if self._sink is None:
            self._held.seek(0)
            while block := self._held.read(1 << 20):
                self._out.write(block)


class RewritableFile(io.RawIOBase):
    """A file for libraries that seek back while they write; it cannot be read."""

    def __init__(self, sink: IO[bytes]) -> None:
        self._sink = Rewritable(sink)
        self._at = 0

    def writable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes: back, and forward to the end."""
        return True

    def tell(self) -> int:
        """Give the position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; behind the end, zeros fill the gap when something is written there."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._sink.tell()}[whence]
        self._at = max(0, base + offset)
        return self._at

    def write(self, data: Any) -> int:
        """Write at the position, over what is there and on behind the end."""
        piece = bytes(data)
        end = self._sink.tell()
        if self._at > end:
            self._sink.write(bytes(self._at - end))
            end = self._at
        over = piece[: end - self._at]
        if over:
            self._sink.rewrite(self._at, over)
        if len(piece) > len(over):
            self._sink.write(piece[len(over) :])
        self._at += len(piece)
        return len(piece)

    def finish(self) -> None:
        """Hand over what was held."""
        self._sink.finish()

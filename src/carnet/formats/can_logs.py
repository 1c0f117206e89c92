"""CAN logs as text: Vector ASC, PEAK TRC and tables of frames (CSV), a line at a time.

What a line says is a frame, a remark that a tool writes about the bus, or a text; a line that is none of them
is counted as lost and kept as a text outside, so nothing is left out silently.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from carnet.formats.can import frame_bytes
from carnet.formats.reader import GatheringReader, Message, OutsideText, Stream

LONGEST_LINE = 8192
_MOST_OUTSIDE = 1000
_LATEST_NS = (1 << 63) - 1


class Logged(NamedTuple):
    """One frame of a log: bus as the log names it, ns since 1970-01-01 UTC or the log's start, frame."""

    bus: str
    time_ns: int
    data: bytes


def frame(
    number: int, data: bytes, *, extended: bool | None = None, remote: bool = False, error: bool = False
) -> bytes:
    """Give a frame's bytes; an identifier above 11 bits is extended whatever the log says."""
    wide = number > 0x7FF if extended is None else extended or number > 0x7FF  # noqa: PLR2004 -- 11 bits
    return frame_bytes(number, data, extended=wide, remote=remote, error=error)


class FrameLog(GatheringReader):
    """A log of frames: one stream a bus."""

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source
        self._bad = 0

    @abstractmethod
    def _entries(self) -> Iterator[Logged]:
        """Give every frame; what is none goes to `_text` or `_skip`."""

    def _lines(self) -> Iterator[bytes]:
        self._source.seek(0)
        while line := self._source.readline(LONGEST_LINE):
            yield line.strip(b"\r\n \t\xef\xbb\xbf\0")

    def _text(self, where: str, text: bytes) -> None:
        """Keep a text that is no frame and that the format provides for."""
        if text.strip():
            if len(self._outside) < _MOST_OUTSIDE:
                self._outside[OutsideText(where, "", text)] = None
            else:
                self.lose("it has more texts than carnet looks through")

    def _skip(self, line: bytes) -> None:
        """Count a line that is nothing that carnet knows."""
        self._bad += 1
        if len(self._outside) < _MOST_OUTSIDE:
            self._outside[OutsideText("line that is no frame", "", line)] = None

    def messages(self) -> Iterator[Message]:
        """Give every frame in the order of the log."""
        self._bad = count = 0
        for bus, time_ns, data in self._entries():
            stream = self._streams.get(bus)
            if stream is None:
                stream = self._streams[bus] = Stream(bus, "can", encoding="frame", number=len(self._streams))
            count += 1
            time = min(max(time_ns, 0), _LATEST_NS)
            yield Message(stream, time, time, data, count)
        if self._bad:
            self.lose(f"{self._bad} lines are not frames")
        if not count:
            self.block("the log holds no frame")
        self._complete = True


def nanoseconds(text: bytes, unit: int) -> int:
    """Read a decimal number of a unit of so many ns exactly; raises `ValueError`."""
    whole, _, part = text.partition(b".")
    if not whole.isdigit() or len(whole) > 18 or not (part.isdigit() or not part):  # noqa: PLR2004 -- what 64 bits hold
        raise ValueError("no time")
    return int(whole) * unit + (int(part[:18]) * unit // 10 ** min(len(part), 18) if part else 0)

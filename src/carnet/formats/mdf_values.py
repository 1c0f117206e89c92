"""Values of variable length of an MDF file: found by their offset, in a window that moves along.

They lie in a row, each behind four bytes of its length (MDF 4.1, 5.19), either in a block of their own or among
the records of a group; a record holds the offset of its value. Offsets go up with the records, so a window is enough.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from carnet.formats.mdf_blocks import Blocks

_LONGEST = 16 << 20
_ROOM = 16 << 20
_MOST = 200_000


def entries(blocks: Blocks, at: int) -> Iterator[bytes]:
    """Give the values of a signal data block, or of a list of them."""
    rest = bytearray()
    for piece in blocks.data(at):
        rest += piece
        start = 0
        while start + 4 <= len(rest):
            size = int.from_bytes(rest[start : start + 4], "little")
            if size > _LONGEST:
                blocks.lose("a value of variable length is longer than carnet reads")
                return
            if start + 4 + size > len(rest):
                break
            yield bytes(rest[start + 4 : start + 4 + size])
            start += 4 + size
        del rest[:start]
    if rest.strip(b"\0"):
        blocks.lose("a value of variable length is cut")


class _Window:
    """The latest values of one row."""

    def __init__(self, source: Iterator[bytes] | None) -> None:
        self.source = source
        self.end = 0
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._room = _ROOM

    def put(self, value: bytes) -> None:
        self._kept[self.end] = value
        self.end += 4 + len(value)
        self._room -= len(value)
        while self._room < 0 or len(self._kept) > _MOST:
            _, old = self._kept.popitem(last=False)
            self._room += len(old)

    def get(self, offset: int) -> bytes | None:
        while self.source is not None and offset >= self.end:
            value = next(self.source, None)
            if value is None:
                self.source = None
                break
            self.put(value)
        return self._kept.get(offset)


class Values:
    """Rows of values by the place of their block or group."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._windows: dict[int, _Window] = {}

    def _window(self, at: int) -> _Window:
        if at not in self._windows:
            own = self._blocks.get(at, b"SD", b"DZ", b"DL", b"HL", b"DT") is not None
            self._windows[at] = _Window(entries(self._blocks, at) if own else None)
        return self._windows[at]

    def put(self, at: int, value: bytes) -> None:
        """Take the next value of a group's row."""
        self._window(at).put(value)

    def get(self, at: int, offset: int) -> bytes | None:
        """Give the value at an offset, or None where there is none."""
        return self._window(at).get(offset)

    def ready(self, at: int, offsets: list[int]) -> list[int]:
        """Give the first of these offsets up to the one whose value did not come yet."""
        window = self._window(at)
        if window.source is not None:
            return offsets
        for count, one in enumerate(offsets):
            if one >= window.end:
                return offsets[:count]
        return offsets

"""Items of a `meta` box (ISO/IEC 14496-12, 8.11): in HEIF pictures they hold EXIF and XMP, which FFmpeg skips.

Phones and cameras that write HEIC put the place of the picture there, and nowhere else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_FILE, _OWN = 0, 1
_MOST_ITEMS = 65536


@dataclass(frozen=True, slots=True)
class MetaItem:
    """An item: its four-letter kind, its media type where it has one, and where it lies.

    Attributes:
        kind: `Exif`, `mime`, `hvc1`, ...
        media_type: of a `mime` item, in lower case.
        pieces: offset and length of each piece; a length of 0 goes on to the end.
        own: whether offsets count within the box's own data (`idat`), not within the file.
    """

    kind: str
    media_type: str
    pieces: tuple[tuple[int, int], ...]
    own: bool


def inner_boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Give kind, start and end of the boxes in a piece of data; ends where a length is not possible."""
    at = start
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1 and at + 16 <= end:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        elif size == 0:
            size = end - at
        if size < head or at + size > end:
            return
        yield kind, at + head, at + size
        at += size


def items_of(meta: bytes) -> tuple[tuple[MetaItem, ...], bytes]:
    """Give the items that a `meta` box lists, and its own data (`idat`).

    Args:
        meta: the content of the box, behind its length and kind.

    Raises:
        ValueError: a list in it is not whole, or has items that a file of this length cannot have.
    """
    kinds: dict[int, tuple[str, str]] = {}
    places: dict[int, tuple[bool, tuple[tuple[int, int], ...]]] = {}
    own = b""
    # QuickTime's `meta` has no version and flags before its boxes.
    first = 0 if meta[4:8] == b"hdlr" else 4
    try:
        for kind, start, end in inner_boxes(meta, first, len(meta)):
            if kind == b"iinf":
                kinds = _kinds(meta, start, end)
            elif kind == b"iloc":
                places = _places(meta[start:end])
            elif kind == b"idat":
                own = meta[start:end]
    except struct.error as error:
        raise ValueError("a list of the items is not whole") from error
    return tuple(
        MetaItem(*kinds[number], places[number][1], places[number][0]) for number in kinds if number in places
    ), own


def _kinds(meta: bytes, start: int, end: int) -> dict[int, tuple[str, str]]:
    found: dict[int, tuple[str, str]] = {}
    count_bytes = 4 if any(meta[start : start + 1]) else 2
    for kind, at, stop in inner_boxes(meta, start + 4 + count_bytes, end):
        if kind != b"infe" or stop - at < 12 or meta[at] < 2:  # noqa: PLR2004 -- older versions name no kind
            continue
        wide = 4 if meta[at] > 2 else 2  # noqa: PLR2004 -- from version 3 on, numbers of 32 bits
        number = int.from_bytes(meta[at + 4 : at + 4 + wide], "big")
        behind = at + 4 + wide + 2
        _name, _, rest = meta[behind + 4 : stop].partition(b"\x00")
        found[number] = (
            meta[behind : behind + 4].decode("latin-1"),
            rest.split(b"\x00")[0].decode("latin-1").lower(),
        )
    return found


def _places(data: bytes) -> dict[int, tuple[bool, tuple[tuple[int, int], ...]]]:
    version = data[0] if data else 0
    sizes = int.from_bytes(data[4:6], "big")
    offset_bytes, length_bytes, base_bytes = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_bytes = sizes & 15 if version else 0
    wide = 4 if version > 1 else 2
    at = 6

    def number(count: int) -> int:
        nonlocal at
        if at + count > len(data):
            raise struct.error
        at += count
        return int.from_bytes(data[at - count : at], "big")

    found: dict[int, tuple[bool, tuple[tuple[int, int], ...]]] = {}
    for _ in range(min(number(wide), _MOST_ITEMS)):
        item = number(wide)
        method = number(2) & 15 if version else _FILE
        data_reference = number(2)
        base = number(base_bytes)
        pieces = []
        for _ in range(number(2)):
            number(index_bytes)
            offset = base + number(offset_bytes)
            pieces.append((offset, number(length_bytes)))
        # Items built from other items, or lying in another file, have no bytes of their own here.
        if method in {_FILE, _OWN} and not data_reference:
            found[item] = (method == _OWN, tuple(pieces))
    return found

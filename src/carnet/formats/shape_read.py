"""Reads ESRI shapes (SHP) and their index (SHX), after ESRI's Shapefile Technical Description of July 1998.

Areas are a map: one record each, with its size in points. Points and lines may be where somebody was: one record a
point, as latitude and longitude where the box fits on the globe in degrees, else as x and y.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from carnet.formats.reader import Message, OutsideText, Reader, Stream

SHP, SHX = "shp", "shx"
_HEAD, _RECORD = 100, 8
_CODE, _VERSION = 9994, 1000
_LARGEST_RECORD = 64 * 1024 * 1024
_NULL, _POINTS, _LINES, _AREAS, _MANY, _PATCHES = 0, {1, 11, 21}, {3, 13, 23}, {5, 15, 25}, {8, 18, 28}, 31
_KINDS = frozenset({_NULL, *_POINTS, *_LINES, *_AREAS, *_MANY, _PATCHES})
_MOST_LATITUDE, _MOST_LONGITUDE = 90.0, 180.0


def _is_shape(head: bytes) -> bool:
    return (
        len(head) >= _HEAD
        and struct.unpack_from(">I", head)[0] == _CODE
        and not any(head[4:24])
        and struct.unpack_from("<I", head, 28)[0] == _VERSION
        and struct.unpack_from("<I", head, 32)[0] in _KINDS
    )


def is_shx(head: bytes) -> bool:
    """Say whether first bytes are an index: its first entry points at the first record, 50 words on."""
    return _is_shape(head) and head[_HEAD : _HEAD + 4] == b"\x00\x00\x00\x32"


def is_shp(head: bytes) -> bool:
    """Say whether first bytes are shapes."""
    return _is_shape(head) and not is_shx(head)


class ShapeReader(Reader):
    """Shapes, or their index."""

    def __init__(self, source: BinaryIO, form: str, length: int) -> None:
        super().__init__()
        self.format = form
        self._source = source
        self._length = length
        source.seek(0)
        head = source.read(_HEAD)
        self._kind = int(struct.unpack_from("<I", head, 32)[0])
        self._said = 2 * int(struct.unpack_from(">I", head, 24)[0])
        box = struct.unpack_from("<4d", head, 36)
        self._degrees = all(map(math.isfinite, box)) and (
            max(map(abs, box[0::2])) <= _MOST_LONGITUDE and max(map(abs, box[1::2])) <= _MOST_LATITUDE
        )
        # Areas and the index tell of the ground alone.
        self._ground = form == SHX or self._kind in {_NULL, _PATCHES, *_AREAS}
        schema = "carnet/Shapes of areas" if self._ground else "carnet/Shapes"
        self._stream = Stream("shapes" if form == SHP else "index", "records", schema, encoding="json")

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The one stream."""
        return (self._stream,)

    def outside(self) -> tuple[OutsideText, ...]:
        """Give the box of points or lines, and what lies behind the end."""
        found = [] if self._ground else [OutsideText("header", "bounding box", b"", "position")]
        if self._said < self._length:
            self._source.seek(max(_HEAD, self._said))
            tail = self._source.read(4096).strip(b"\x00")
            if tail:
                found.append(OutsideText("bytes after the shapes", "", tail, "bytes"))
        return tuple(found)

    def messages(self) -> Iterator[Message]:
        """Give every shape: an area in one record, lines and points by point."""
        count = 0
        for record in self._index() if self.format == SHX else self._shapes():
            count += 1
            yield Message(self._stream, 0, 0, json.dumps(record).encode())
        if self._said > self._length:
            self.lose("the file is shorter than its header says")
        elif len(self.outside()) > (not self._ground):
            self.lose("there are bytes after the end of the shapes")
        if not count:
            self.block(self.reason or "there is no shape in it")
        self._complete = True

    def _index(self) -> Iterator[dict[str, Any]]:
        self._source.seek(_HEAD)
        for _ in range((min(self._said, self._length) - _HEAD) // _RECORD):
            offset, size = struct.unpack(">II", self._source.read(_RECORD))
            yield {"offset": 2 * offset, "length": 2 * size}

    def _shapes(self) -> Iterator[dict[str, Any]]:
        at, end = _HEAD, min(self._said, self._length)
        while at + _RECORD <= end:
            self._source.seek(at)
            _, words = struct.unpack(">II", self._source.read(_RECORD))
            size = 2 * words
            if size < 4 or size > _LARGEST_RECORD or at + _RECORD + size > end:  # noqa: PLR2004 -- the kind alone
                self.lose("a shape is cut or damaged: what stands behind it was not read")
                return
            try:
                yield from self._shape(self._source.read(size))
            except struct.error:
                self.lose("a shape does not hold what it says")
            at += _RECORD + size

    def _shape(self, data: bytes) -> Iterator[dict[str, Any]]:
        (kind,) = struct.unpack_from("<I", data)
        if kind in _POINTS:
            yield self._place(*struct.unpack_from("<2d", data, 4))
        elif kind in _MANY:
            (points,) = struct.unpack_from("<I", data, 36)
            yield from self._places(data, 40, points)
        elif kind in _LINES or kind in _AREAS or kind == _PATCHES:
            parts, points = struct.unpack_from("<2I", data, 36)
            start = 44 + (8 if kind == _PATCHES else 4) * parts
            if start + 16 * points > len(data):
                raise struct.error
            if self._ground:
                yield {"parts": parts, "points": points}
            else:
                yield from self._places(data, start, points)
        elif kind == _NULL:
            yield {"parts": 0, "points": 0}
        else:
            self.lose("a shape is of a kind that carnet does not know")

    def _places(self, data: bytes, start: int, count: int) -> Iterator[dict[str, Any]]:
        if start + 16 * count > len(data):
            raise struct.error
        for x, y in struct.iter_unpack("<2d", data[start : start + 16 * count]):
            yield self._place(x, y)

    def _place(self, x: float, y: float) -> dict[str, Any]:
        if not (math.isfinite(x) and math.isfinite(y)):
            return {"x": None, "y": None}
        return {"lat": y, "lon": x} if self._degrees else {"x": x, "y": y}

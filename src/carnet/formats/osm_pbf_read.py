"""Reads OpenStreetMap's PBF form: nodes with their places, ways and relations with their tags, who changed them.

The form is that of the OSM wiki's page "PBF Format" (fileformat.proto, osmformat.proto): blobs with a length in
front, each holding up to 16,000 things. Lengths are held against the form's own limits (64 KiB for a blob's
header, 32 MiB for its content) before anything is read or inflated. A reader of our own, since a map needs four
message types only and libosmium takes paths rather than seekable files.
"""

from __future__ import annotations

import itertools
import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from carnet.errors import UnreadableError
from carnet.formats.protobuf import number_of, varint, wire_fields
from carnet.formats.reader import Message, OutsideText, Reader, Stream

PBF = "osm-pbf"
_LARGEST_HEADER, _LARGEST_BLOB = 64 * 1024, 32 * 1024 * 1024
# A block holds 16,000 things as a rule, and 8,000 in one group: far below these.
_MOST_FIELDS, _LONGEST_LIST = 500_000, 4 * 1024 * 1024
_KNOWN = frozenset(
    {"OsmSchema-V0.6", "DenseNodes", "HistoricalInformation", "Sort.Type_then_ID", "LocationsOnWays"}
)
_NANO = 1e-9


def is_pbf(head: bytes) -> bool:
    """Say whether first bytes are the header of a first blob, named OSMHeader."""
    return head[4:15] == b"\x0a\x09OSMHeader" and head[:2] == b"\x00\x00"


def _signed(value: int) -> int:
    return value >> 1 ^ -(value & 1)


def _packed(data: bytes) -> list[int]:
    if len(data) > _LONGEST_LIST:
        raise UnreadableError("a list of the map is longer than carnet reads")
    values, at = [], 0
    while at < len(data):
        value, at = varint(data, at)
        values.append(value)
    return values


def _deltas(data: bytes) -> list[int]:
    total, values = 0, []
    for one in _packed(data):
        total += _signed(one)
        values.append(total)
    return values


class _Parts:
    """The fields of one message: numbers, and bytes of those that have a length, by field number."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._fields = list(itertools.islice(wire_fields(data), _MOST_FIELDS + 1))
        if len(self._fields) > _MOST_FIELDS:
            raise UnreadableError("a block of the map holds more than carnet reads")

    def all(self, number: int) -> list[bytes]:
        return [self._data[one.start : one.end] for one in self._fields if one.number == number]

    def bytes(self, number: int) -> bytes:
        return b"".join(self.all(number)[-1:])

    def number(self, number: int, default: int = 0) -> int:
        found = [one for one in self._fields if one.number == number]
        return number_of(self._data, found[-1]) if found else default


class OsmPbfReader(Reader):
    """A map in PBF; streams `nodes`, `ways` and `relations`, one record a thing, without time."""

    format = PBF

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source
        self._outside: tuple[OutsideText, ...] = ()
        self._streams = tuple(
            Stream(name, "records", "carnet/OSM", encoding="json", number=number)
            for number, name in enumerate(("nodes", "ways", "relations"))
        )
        self._seen: set[int] = set()

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams that hold something."""
        return tuple(one for one in self._streams if one.number in self._seen)

    def outside(self) -> tuple[OutsideText, ...]:
        """Give the header's box of coordinates, writing program and source."""
        self._read_all()
        return self._outside

    def messages(self) -> Iterator[Message]:
        """Give every node, way and relation as JSON."""
        count = 0
        try:
            for kind, data in self._blobs():
                if kind == "OSMHeader":
                    self._header(_Parts(data))
                elif kind == "OSMData":
                    for number, record in _things(_Parts(data)):
                        self._seen.add(number)
                        count += 1
                        yield Message(
                            self._streams[number],
                            0,
                            0,
                            json.dumps(record, ensure_ascii=False).encode("utf-8", "replace"),
                        )
                else:
                    self.lose("a blob of a kind that the form does not know was not read")
        except (UnreadableError, struct.error, IndexError, ValueError, OverflowError):
            self.lose("the map is cut or damaged: what stands behind that place was not read")
        if not count:
            self.block(self.reason or "the map holds nothing")
        self._complete = True

    def _blobs(self) -> Iterator[tuple[str, bytes]]:
        self._source.seek(0)
        while prefix := self._source.read(4):
            (size,) = struct.unpack(">I", prefix)
            if size > _LARGEST_HEADER:
                raise UnreadableError("the header of a blob is longer than the form allows")
            header = _Parts(self._exactly(size))
            length = header.number(3)
            if length > _LARGEST_BLOB:
                raise UnreadableError("a blob is longer than the form allows")
            blob = _Parts(self._exactly(length))
            kind = header.bytes(1).decode("utf-8", "replace")
            if raw := blob.bytes(1):
                yield kind, raw
            elif packed := blob.bytes(3):
                opened = zlib.decompressobj()
                try:
                    data = opened.decompress(packed, _LARGEST_BLOB)
                except zlib.error as error:
                    raise UnreadableError("a blob does not inflate") from error
                if not opened.eof:
                    raise UnreadableError("a blob is cut, or larger than the form allows")
                yield kind, data
            else:
                self.lose("a blob is compressed in a way that carnet does not open")

    def _exactly(self, size: int) -> bytes:
        data = self._source.read(size)
        if len(data) < size:
            raise UnreadableError("the map is cut")
        return data

    def _header(self, header: _Parts) -> None:
        found = [
            OutsideText("header", name, text)
            for number, name in ((16, "writing program"), (17, "source"), (34, "replication url"))
            if (text := header.bytes(number))
        ]
        if header.bytes(1):
            found.append(OutsideText("header", "bounding box", b"", "position"))
        for needed in header.all(4):
            if needed.decode("utf-8", "replace") not in _KNOWN:
                self.lose("the map needs a feature that carnet does not know")
        self._outside = tuple(found)


def _things(block: _Parts) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give the things of one block: 0 with a node, 1 with a way, 2 with a relation."""
    strings = [one.decode("utf-8", "replace") for one in _Parts(block.bytes(1)).all(1)]
    grain, north, east = block.number(17, 100), _wide(block.number(19)), _wide(block.number(20))

    def text(at: int) -> str:
        if at >= len(strings):
            raise UnreadableError("a string of the map does not exist")
        return strings[at]

    def tagged(keys: list[int], values: list[int]) -> dict[str, str]:
        return {text(key): text(value) for key, value in zip(keys, values, strict=True)}

    def changed(info: bytes) -> dict[str, Any]:
        parts = _Parts(info)
        who, name = parts.number(4), text(parts.number(5)) if strings else ""
        return {**({"uid": who} if who else {}), **({"user": name} if name else {})}

    for group in block.all(2):
        parts = _Parts(group)
        for dense in parts.all(2):
            for latitude, longitude, tags, who in _dense(_Parts(dense)):
                record: dict[str, Any] = {
                    "lat": (north + grain * latitude) * _NANO,
                    "lon": (east + grain * longitude) * _NANO,
                }
                if tags:
                    record["tags"] = tagged(tags[::2], tags[1::2])
                if who[0]:
                    record["uid"] = who[0]
                if who[1]:
                    record["user"] = text(who[1])
                yield 0, record
        for one in parts.all(1):
            node = _Parts(one)
            yield (
                0,
                {
                    "lat": (north + grain * _signed(node.number(8))) * _NANO,
                    "lon": (east + grain * _signed(node.number(9))) * _NANO,
                    "tags": tagged(_packed(node.bytes(2)), _packed(node.bytes(3))),
                    **changed(node.bytes(4)),
                },
            )
        for kind, field, members in ((1, 3, 8), (2, 4, 9)):
            for one in parts.all(field):
                thing = _Parts(one)
                yield (
                    kind,
                    {
                        "members": len(_packed(thing.bytes(members))),
                        "tags": tagged(_packed(thing.bytes(2)), _packed(thing.bytes(3))),
                        **changed(thing.bytes(4)),
                    },
                )


def _wide(value: int) -> int:
    """Give a 64-bit number with its sign, as int64 is written."""
    return value - (1 << 64) if value >> 63 else value


def _dense(dense: _Parts) -> Iterator[tuple[int, int, list[int], tuple[int, int]]]:
    """Give latitude and longitude in grains, tags as places in the strings, user number and name of each node."""
    latitudes, longitudes = _deltas(dense.bytes(8)), _deltas(dense.bytes(9))
    info = _Parts(dense.bytes(5))
    users, names = _deltas(info.bytes(4)), _deltas(info.bytes(5))
    said, at = _packed(dense.bytes(10)), 0
    for number, (latitude, longitude) in enumerate(zip(latitudes, longitudes, strict=True)):
        end = at
        while end < len(said) and said[end]:
            end += 2
        tags, at = said[at:end], end + 1
        who = (
            users[number] if number < len(users) else 0,
            names[number] if number < len(names) else 0,
        )
        yield latitude, longitude, tags, who

"""Reads ROS 1 bags, version 2.0: records in file order, whether or not their index is there.

Format: wiki.ros.org/Bags/Format/2.0. A record is a header of `name=value` fields and data, each with its length
before it. Chunks hold connections and messages, plain or compressed by bz2 or lz4; the index at the end is not
needed to read on, so that a bag of a recorder that died gives what is whole. Times are the recorder's, in ns.
"""

from __future__ import annotations

import bz2
import io
import struct
from collections.abc import Iterator
from typing import BinaryIO

from carnet.formats.reader import LONGEST, Message, OutsideText, Reader, Stream

MAGIC = b"#ROSBAG V2.0\n"
MESSAGE, HEADER, INDEX, CHUNK, CHUNK_INFO, CONNECTION = 2, 3, 4, 5, 6, 7
LONGEST_RECORD = 2 * 1024**3
LONGEST_CHUNK = 1024**3
LONGEST_HEADER = 16 * 1024**2
_LENGTH = struct.Struct("<I")
_PAIR = struct.Struct("<II")
_KNOWN_FIELDS = frozenset({"topic", "type", "md5sum", "message_definition", "latching"})
IMAGE_TYPES = frozenset(
    {
        "sensor_msgs/CompressedImage",
        "sensor_msgs/Image",
        "foxglove_msgs/CompressedImage",
        "foxglove_msgs/CompressedVideo",
        "foxglove_msgs/RawImage",
        "ffmpeg_image_transport_msgs/FFMPEGPacket",
    }
)


class BagError(Exception):
    """A record does not have the shape of its kind; caught in this module and in its tests."""


def read_fields(data: bytes) -> dict[str, bytes]:
    """Read a header's fields; raises `BagError` when it is cut."""
    fields: dict[str, bytes] = {}
    at = 0
    while at < len(data):
        if at + 4 > len(data):
            raise BagError("a record's header is cut")
        (length,) = _LENGTH.unpack_from(data, at)
        at += 4
        piece = data[at : at + length]
        name, found, value = piece.partition(b"=")
        if len(piece) != length or not found:
            raise BagError("a record's header is cut")
        fields[name.decode("utf-8", "replace")] = value
        at += length
    return fields


def number_in(fields: dict[str, bytes], name: str, size: int) -> int:
    """Read a number field; raises `BagError` when it is missing or of another size."""
    value = fields.get(name, b"")
    if len(value) != size:
        raise BagError("a record lacks a field")
    return int.from_bytes(value, "little")


def opened_chunk(kind: str, data: bytes, length: int) -> bytes:
    """Give a chunk's records; raises `BagError` when they are not `length` bytes or the kind is unknown."""
    import lz4.frame

    if length > LONGEST_CHUNK:
        raise BagError(f"a chunk says it holds {length} bytes; carnet opens at most {LONGEST_CHUNK}")
    try:
        if kind == "none":
            records = data
        elif kind == "bz2":
            records = bz2.BZ2Decompressor().decompress(data, length + 1)
        elif kind == "lz4":
            with lz4.frame.open(io.BytesIO(data)) as file:
                records = file.read(length + 1)
        else:
            raise BagError("a chunk is compressed in a way that carnet does not know")
    except (RuntimeError, ValueError, EOFError, OSError, MemoryError) as error:
        raise BagError("a chunk does not decompress") from error
    if len(records) != length:
        raise BagError("a chunk is not as long as it says")
    return records


class Bag1Reader(Reader):
    """A ROS 1 bag in file order."""

    format = "rosbag1"

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        # Asked for here so that a missing library is said when the file is opened.
        import lz4.frame

        del lz4
        self._source = source
        self._streams: dict[int, Stream] = {}
        self._outside: list[OutsideText] = []
        self._count = 0
        self._counted = 0
        self.compression = "none"

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Every connection seen, in order of its number; reads the file when nobody has."""
        self._read_all()
        return tuple(self._streams[number] for number in sorted(self._streams))

    def outside(self) -> tuple[OutsideText, ...]:
        """Names of the nodes that sent, and fields that the format does not know."""
        self._read_all()
        return tuple(self._outside)

    def messages(self) -> Iterator[Message]:
        """Give every whole message in file order."""
        self._source.seek(0)
        self._streams.clear()
        self._outside.clear()
        self._count = self._counted = 0
        self._complete = False
        if self._source.read(len(MAGIC)) != MAGIC:
            self.block("the file begins like a ROS bag but is not one of version 2.0")
            self._complete = True
            return
        indexed = False
        for head, data in self._records():
            try:
                fields = read_fields(head)
                kind = number_in(fields, "op", 1)
                if kind == HEADER:
                    indexed = self._head(fields)
                    if self._blocked:
                        break
                elif kind == CHUNK:
                    yield from self._chunk(fields, data)
                elif kind == CHUNK_INFO:
                    self._counted += sum(
                        _PAIR.unpack_from(data, at)[1] for at in range(0, len(data) - 7, _PAIR.size)
                    )
                else:
                    yield from self._record(kind, fields, data)
            except BagError as error:
                self.lose(f"{error}: it was not read")
        if not self._blocked:
            self._conclude(indexed=indexed)
        self._complete = True

    def _conclude(self, *, indexed: bool) -> None:
        if not indexed:
            self.lose("the bag was not closed: its index is missing")
        elif self._counted != self._count:
            self.lose("the file's own count of messages is not what was found")
        if self._count == 0:
            self.lose("the file holds no message")
            if not self._streams:
                self.block(self.reason or "the file holds no message and no connection")

    def _head(self, fields: dict[str, bytes]) -> bool:
        if fields.get("encryptor"):
            self.block("the bag is encrypted")
        return number_in(fields, "index_pos", 8) > 0

    def _records(self) -> Iterator[tuple[bytes, bytes]]:
        while True:
            length = self._source.read(4)
            if not length:
                return
            head = self._piece(length, LONGEST_HEADER)
            data = None if head is None else self._piece(self._source.read(4), LONGEST_RECORD)
            if head is None or data is None:
                self.lose("the file ends within a record: that record and all that followed are missing")
                return
            yield head, data

    def _piece(self, length: bytes, longest: int) -> bytes | None:
        if len(length) != _LENGTH.size:
            return None
        (count,) = _LENGTH.unpack(length)
        if count > longest:
            return None
        piece = self._source.read(count)
        return piece if len(piece) == count else None

    def _chunk(self, fields: dict[str, bytes], data: bytes) -> Iterator[Message]:
        kind = fields.get("compression", b"").decode("utf-8", "replace")
        records = opened_chunk(kind, data, number_in(fields, "size", 4))
        self.compression = kind
        at = 0
        while at < len(records):
            parts = []
            for _ in range(2):
                if at + 4 > len(records):
                    raise BagError("a chunk ends within a record")
                (count,) = _LENGTH.unpack_from(records, at)
                at += 4
                if count > len(records) - at:
                    raise BagError("a chunk ends within a record")
                parts.append(records[at : at + count])
                at += count
            try:
                inner = read_fields(parts[0])
                yield from self._record(number_in(inner, "op", 1), inner, parts[1])
            except BagError as error:
                self.lose(f"{error}: it was not read")

    def _record(self, kind: int, fields: dict[str, bytes], data: bytes) -> Iterator[Message]:
        if kind == MESSAGE:
            stream = self._streams.get(number_in(fields, "conn", 4))
            if stream is None:
                raise BagError("a message names a connection that the file does not hold")
            seconds, rest = _PAIR.unpack(number_in(fields, "time", 8).to_bytes(8, "little"))
            time_ns = seconds * 10**9 + rest
            self._count += 1
            yield Message(stream, time_ns, time_ns, data)
        elif kind == CONNECTION:
            self._connection(fields, data)
        elif kind != INDEX:
            self._outside.append(OutsideText(f"record of kind {kind}", "", data[:LONGEST], "bytes"))

    def _connection(self, fields: dict[str, bytes], data: bytes) -> None:
        number = number_in(fields, "conn", 4)
        if number in self._streams:
            return
        table = read_fields(data)
        topic = fields.get("topic", table.get("topic", b"")).decode("utf-8", "replace")
        schema = table.get("type", b"").decode("utf-8", "replace")
        definition = table.get("message_definition", b"")
        kind = "messages"
        if schema in IMAGE_TYPES:
            kind = "pictures"
        elif schema == "can_msgs/Frame":
            kind = "can"
        metadata = {
            name: value.decode("utf-8", "replace")
            for name, value in table.items()
            if name not in {"topic", "type", "message_definition"}
        }
        self._streams[number] = Stream(
            name=topic,
            kind=kind,
            schema=schema,
            schema_text=definition.decode("utf-8", "replace"),
            schema_encoding="ros1msg",
            encoding="ros1",
            number=number,
            metadata=metadata,
            schema_data=definition,
        )
        for name, value in table.items():
            if name not in _KNOWN_FIELDS and value:
                self._outside.append(OutsideText("connection header", name, value[:LONGEST]))

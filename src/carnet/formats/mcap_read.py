"""Reads MCAP: records in file order, with or without a summary, checking every CRC that is there.

The container is that of the MCAP specification (mcap.dev/spec): magic, records of one byte opcode, eight
bytes length and content, chunks of compressed records, a data end with a CRC, a summary, a footer, magic.
Cars lose power, so files are cut: what is whole is kept, and what was lost is said. `log_time` is when the
recorder got a message, `publish_time` when the sender sent it, both in ns as the recorder's clock had them.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from carnet.formats.reader import LONGEST, Message, OutsideText, Reader, Stream

MAGIC = b"\x89MCAP0\r\n"
LONGEST_RECORD = 2 * 1024**3
LONGEST_CHUNK = 1024**3
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK = 1, 2, 3, 4, 5, 6
ATTACHMENT, STATISTICS, METADATA, DATA_END = 9, 11, 12, 15
_RECORD = struct.Struct("<BQ")
_MESSAGE = struct.Struct("<HIQQ")

IMAGE_SCHEMAS = frozenset(
    {
        "sensor_msgs/CompressedImage",
        "sensor_msgs/Image",
        "foxglove.CompressedImage",
        "foxglove.CompressedVideo",
        "foxglove.RawImage",
        "foxglove_msgs/CompressedImage",
        "foxglove_msgs/CompressedVideo",
        "foxglove_msgs/RawImage",
        "ffmpeg_image_transport_msgs/FFMPEGPacket",
    }
)
"""Types whose messages are pictures, without ROS 2's `/msg/`."""

CAN_SCHEMAS = frozenset({"can_msgs/msg/Frame", "can_msgs/Frame"})


class McapError(Exception):
    """A record does not have the shape of its kind; caught in this module and in its tests."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema record: number (0 is none), name, encoding and text."""

    number: int
    name: str
    encoding: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """The header record: profile (`ros2`, ...) and the library that wrote the file."""

    profile: str
    library: str


class _Fields:
    """Takes MCAP's basic types off the front of a record."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        piece = self.data[self.at : self.at + count]
        if len(piece) != count:
            raise McapError("a record is shorter than its fields")
        self.at += count
        return piece

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def text(self) -> str:
        return self.take(self.number(4)).decode("utf-8", "replace")

    def table(self) -> dict[str, str]:
        end = self.number(4) + self.at
        if end > len(self.data):
            raise McapError("a map is longer than its record")
        table = {}
        while self.at < end:
            key = self.text()
            table[key] = self.text()
        return table


def decompress(kind: str, data: bytes, length: int) -> bytes:
    """Give a chunk's records; raises `McapError` when they are not `length` bytes or the kind is unknown."""
    if length > LONGEST_CHUNK:
        raise McapError(f"a chunk says it holds {length} bytes; carnet opens at most {LONGEST_CHUNK}")
    import lz4.frame
    import zstandard

    try:
        if kind == "":
            records = data
        elif kind == "zstd":
            records = zstandard.ZstdDecompressor().decompress(data, max_output_size=length)
        elif kind == "lz4":
            with lz4.frame.open(io.BytesIO(data)) as file:
                records = file.read(length + 1)
        else:
            raise McapError("a chunk is compressed in a way that carnet does not know")
    except (zstandard.ZstdError, RuntimeError, ValueError, EOFError, OSError, MemoryError) as error:
        raise McapError("a chunk does not decompress") from error
    if len(records) != length:
        raise McapError("a chunk is not as long as it says")
    return records


class McapReader(Reader):
    """An MCAP file in file order."""

    format = "mcap"

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        # Asked for here so that a missing library is said when the file is opened.
        import lz4.frame
        import zstandard

        del lz4, zstandard
        self._source = source
        self.header: Header | None = None
        self.schemas: dict[int, Schema] = {}
        self._channels: dict[int, Stream] = {}
        self._outside: list[OutsideText] = []
        self._count = 0

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Every channel seen, in order of its number; reads the file when nobody has."""
        self._read_all()
        return tuple(self._channels[number] for number in sorted(self._channels))

    def outside(self) -> tuple[OutsideText, ...]:
        """Header, metadata records, attachments and channel metadata; reads the file when nobody has."""
        self._read_all()
        return tuple(self._outside)

    def messages(self) -> Iterator[Message]:
        """Give every whole message in file order."""
        self._source.seek(0)
        self._channels.clear()
        self.schemas.clear()
        self._outside.clear()
        self._count = 0
        self._complete = False
        if self._source.read(len(MAGIC)) != MAGIC:
            self.block("the file begins like an MCAP but is not one of version 0")
            self._complete = True
            return
        yield from self._records()
        if self._count == 0 and not self._blocked:
            if self._channels or self._outside or not self._lost:
                self.lose("the file holds no message")
            if not self._channels:
                self.block(self.reason or "the file holds no message and no channel")
        self._complete = True

    def _records(self) -> Iterator[Message]:
        crc = zlib.crc32(MAGIC)
        ended = False
        while True:
            head = self._source.read(_RECORD.size)
            if head == MAGIC + head[len(MAGIC) :] and len(head) >= len(MAGIC) and ended:
                if head != MAGIC or self._source.read(1):
                    self._outside.append(OutsideText("bytes after the end", "", b"", "bytes", whole=False))
                    self.lose("there are bytes after the end of the MCAP")
                return
            if len(head) < _RECORD.size:
                self.lose("the file ends early: its last records or its footer are missing")
                return
            opcode, length = _RECORD.unpack(head)
            if length > LONGEST_RECORD:
                self.lose("a record's length is not possible: all that follows it was not read")
                return
            content = self._source.read(length)
            if len(content) != length:
                if opcode == CHUNK and not ended:
                    yield from self._cut_chunk(content)
                self.lose("the file ends within a record: that record and all that followed are missing")
                return
            try:
                if opcode == DATA_END:
                    expected = int.from_bytes(content[:4], "little")
                    if expected and expected != crc:
                        self.lose("the CRC of the data section is wrong")
                    ended = True
                elif not ended:
                    crc = zlib.crc32(content, zlib.crc32(head, crc))
                    yield from self._record(opcode, content)
                elif opcode == STATISTICS:
                    self._check_count(content)
            except McapError as error:
                self.lose(f"{error}: it was not read")

    def _check_count(self, content: bytes) -> None:
        if int.from_bytes(content[:8], "little") != self._count:
            self.lose("the file's own count of messages is not what was found")

    def _record(self, opcode: int, content: bytes) -> Iterator[Message]:
        if opcode == MESSAGE:
            yield self._message(content)
        elif opcode == CHUNK:
            yield from self._chunk(content)
        elif opcode == SCHEMA:
            fields = _Fields(content)
            number = fields.number(2)
            name, encoding = fields.text(), fields.text()
            self.schemas[number] = Schema(number, name, encoding, fields.take(fields.number(4)))
        elif opcode == CHANNEL:
            self._channel(content)
        elif opcode == HEADER:
            fields = _Fields(content)
            self.header = Header(fields.text(), fields.text())
            self._outside.append(OutsideText("header", "library", self.header.library.encode()))
        elif opcode == METADATA:
            fields = _Fields(content)
            name = fields.text()
            for key, value in fields.table().items():
                self._outside.append(OutsideText("metadata record", f"{name}.{key}", value.encode()))
        elif opcode == ATTACHMENT:
            self._attachment(content)
        elif opcode not in {FOOTER, 7, 8, 10, 13, 14}:
            self._outside.append(OutsideText(f"record of kind {opcode}", "", content[:LONGEST], "bytes"))

    def _channel(self, content: bytes) -> None:
        fields = _Fields(content)
        number, schema_number = fields.number(2), fields.number(2)
        topic, encoding, metadata = fields.text(), fields.text(), fields.table()
        if number in self._channels:
            return
        schema = self.schemas.get(schema_number)
        if schema_number and schema is None:
            self.lose("a channel names a schema that the file does not hold")
        name = schema.name if schema else None
        kind = "messages"
        if name is not None and name.replace("/msg/", "/", 1) in IMAGE_SCHEMAS:
            kind = "pictures"
        elif name in CAN_SCHEMAS:
            kind = "can"
        self._channels[number] = Stream(
            name=topic,
            kind=kind,
            schema=name,
            schema_text=schema.data.decode("utf-8", "replace") if schema else "",
            schema_encoding=schema.encoding if schema else "",
            encoding=encoding,
            number=number,
            metadata=metadata,
            schema_data=schema.data if schema else b"",
        )
        for key, value in metadata.items():
            if value not in {"", "[]"}:
                self._outside.append(OutsideText("channel metadata", key, value.encode()))

    def _attachment(self, content: bytes) -> None:
        fields = _Fields(content)
        fields.take(16)
        name, media = fields.text(), fields.text()
        data = fields.take(fields.number(8))
        expected = fields.number(4)
        if expected and zlib.crc32(content[:-4]) != expected:
            self.lose("the CRC of an attachment is wrong")
        kind = "picture" if media.startswith("image/") else "text"
        self._outside.append(
            OutsideText("attachment", name, data[:LONGEST], kind, whole=len(data) <= LONGEST)
        )

    def _message(self, content: bytes) -> Message:
        if len(content) < _MESSAGE.size:
            raise McapError("a message is shorter than its header")
        number, sequence, log_time, publish_time = _MESSAGE.unpack_from(content)
        stream = self._channels.get(number)
        if stream is None:
            raise McapError("a message names a channel that the file does not hold")
        self._count += 1
        return Message(stream, log_time, publish_time, content[_MESSAGE.size :], sequence)

    def _chunk(self, content: bytes) -> Iterator[Message]:
        fields = _Fields(content)
        fields.take(16)
        length, expected = fields.number(8), fields.number(4)
        kind = fields.text()
        records = decompress(kind, fields.take(fields.number(8)), length)
        if expected and zlib.crc32(records) != expected:
            # Damaged records may still parse, into values that nobody recorded: none of them is used.
            raise McapError("the CRC of a chunk is wrong")
        yield from self._inner(records)

    def _inner(self, records: bytes) -> Iterator[Message]:
        at, end = 0, len(records)
        while at < end:
            if end - at < _RECORD.size:
                raise McapError("a chunk ends within a record")
            opcode, length = _RECORD.unpack_from(records, at)
            at += _RECORD.size
            if length > end - at:
                raise McapError("a chunk ends within a record")
            content = records[at : at + length]
            at += length
            try:
                yield from self._record(opcode, content) if opcode != CHUNK else ()
            except McapError as error:
                self.lose(f"{error}: it was not read")

    def _cut_chunk(self, content: bytes) -> Iterator[Message]:
        """Keep the whole messages of an uncompressed or zstd chunk that the file's end cuts."""
        import zstandard

        try:
            fields = _Fields(content)
            fields.take(16)
            length = fields.number(8)
            fields.number(4)
            kind = fields.text()
            fields.number(8)
            rest = content[fields.at :]
            if kind == "zstd":
                with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(rest)) as stream:
                    rest = stream.read(min(length, LONGEST_CHUNK))
            elif kind:
                return
            yield from self._inner(rest)
        except (McapError, zstandard.ZstdError):
            return

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
from carnet.formats.runs import Run, runs_of

MAGIC = b"\x89MCAP0\r\n"
LONGEST_RECORD = 2 * 1024**3
LONGEST_CHUNK = 1024**3
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK = 1, 2, 3, 4, 5, 6
ATTACHMENT, STATISTICS, METADATA, DATA_END = 9, 11, 12, 15
_RECORD = struct.Struct("<BQ")
_RECORD_OF = struct.Struct("<BQH")
_MESSAGE = struct.Struct("<HIQQ")
_FOOTER = struct.Struct("<BQQQI")
_DATA_END = struct.Struct("<BQI")
# Messages are handed on in pieces of so many; smaller pieces are put together up to so many bytes.
_MOST_TOGETHER = 1 << 16
_TOGETHER = 1 << 20
_Piece = tuple["bytes | memoryview[int]", list[int], list[int]]

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


def decompress(kind: str, data: bytes | memoryview[int], length: int) -> bytes | memoryview[int]:
    """Give a chunk's records; raises `McapError` when they are not `length` bytes or the kind is unknown."""
    if length > LONGEST_CHUNK:
        raise McapError(f"a chunk says it holds {length} bytes; carnet opens at most {LONGEST_CHUNK}")
    import lz4.frame
    import zstandard

    records: bytes | memoryview[int]
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
        for data, starts, ends in self._pieces():
            for start, end in zip(starts, ends, strict=True):
                number, sequence, log_time, publish_time = _MESSAGE.unpack_from(data, start)
                payload = bytes(data[start + _MESSAGE.size : end])
                yield Message(self._channels[number], log_time, publish_time, payload, sequence)

    def runs(self) -> Iterator[Run]:
        """Give every whole message, many at once: each channel's in file order, channels by turns."""
        held: list[_Piece] = []
        size = 0
        for piece in self._pieces():
            if len(piece[0]) >= _TOGETHER:
                yield from runs_of(self._channels, *piece)
                continue
            held.append(piece)
            size += len(piece[0])
            if size >= _TOGETHER:
                yield from runs_of(self._channels, *_joined(held))
                held, size = [], 0
        if held:
            yield from runs_of(self._channels, *_joined(held))

    def _pieces(self) -> Iterator[_Piece]:
        """Give buffers with the places of the messages in them, in file order."""
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

    def _records(self) -> Iterator[_Piece]:
        crc = zlib.crc32(MAGIC) if self._says_crc() else None
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
                    if expected and crc is None:
                        crc = self._crc_until(self._source.tell() - _RECORD.size - length)
                    if expected and expected != crc:
                        self.lose("the CRC of the data section is wrong")
                    ended = True
                elif not ended:
                    if crc is not None:
                        crc = zlib.crc32(content, zlib.crc32(head, crc))
                    yield from self._record(opcode, content)
                elif opcode == STATISTICS:
                    self._check_count(content)
            except McapError as error:
                self.lose(f"{error}: it was not read")

    def _says_crc(self) -> bool:
        """Look ahead whether the file keeps a CRC of its data section; leaves the source behind the magic.

        Most writers keep none, and then nobody need calculate it. Where this is not told, there may be one.
        """
        end = self._source.seek(0, io.SEEK_END)
        footer = end - len(MAGIC) - _FOOTER.size
        says = True
        if footer > len(MAGIC):
            self._source.seek(footer)
            opcode, length, summary = _FOOTER.unpack(self._source.read(_FOOTER.size))[:3]
            place = (summary or footer) - _DATA_END.size
            if (opcode, length) == (FOOTER, _FOOTER.size - _RECORD.size) and len(MAGIC) <= place < footer:
                self._source.seek(place)
                says = self._source.read(_DATA_END.size) != _DATA_END.pack(DATA_END, 4, 0)
        self._source.seek(len(MAGIC))
        return says

    def _crc_until(self, end: int) -> int:
        """Calculate the CRC of the file's first bytes, where looking ahead was told that none would be needed."""
        back = self._source.tell()
        self._source.seek(0)
        crc = 0
        while end > 0 and (piece := self._source.read(min(end, _TOGETHER))):
            crc = zlib.crc32(piece, crc)
            end -= len(piece)
        self._source.seek(back)
        return crc

    def _check_count(self, content: bytes) -> None:
        if int.from_bytes(content[:8], "little") != self._count:
            self.lose("the file's own count of messages is not what was found")

    def _record(self, opcode: int, content: bytes) -> Iterator[_Piece]:
        if opcode == MESSAGE:
            self._check_message(content)
            self._count += 1
            yield content, [0], [len(content)]
        elif opcode == CHUNK:
            yield from self._chunk(content)
        else:
            self._other(opcode, content)

    def _other(self, opcode: int, content: bytes) -> None:
        """Take a record that is neither a message nor a chunk."""
        if opcode == SCHEMA:
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

    def _check_message(self, content: bytes) -> None:
        if len(content) < _MESSAGE.size:
            raise McapError("a message is shorter than its header")
        if int.from_bytes(content[:2], "little") not in self._channels:
            raise McapError("a message names a channel that the file does not hold")

    def _chunk(self, content: bytes) -> Iterator[_Piece]:
        fields = _Fields(content)
        fields.take(16)
        length, expected = fields.number(8), fields.number(4)
        kind = fields.text()
        size = fields.number(8)
        packed = memoryview(content)[fields.at : fields.at + size]
        if len(packed) != size:
            raise McapError("a record is shorter than its fields")
        records = decompress(kind, packed, length)
        if expected and zlib.crc32(records) != expected:
            # Damaged records may still parse, into values that nobody recorded: none of them is used.
            raise McapError("the CRC of a chunk is wrong")
        yield from self._inner(records)

    def _inner(self, records: bytes | memoryview[int]) -> Iterator[_Piece]:
        """Walk through the records of a chunk; what the chunk's end cuts raises when all before is given."""
        at, end = 0, len(records)
        starts: list[int] = []
        ends: list[int] = []
        channels, unpack = self._channels, _RECORD_OF.unpack_from
        while end - at >= _RECORD.size:
            if end - at >= _RECORD_OF.size:
                opcode, length, number = unpack(records, at)
            else:
                (opcode, length), number = _RECORD.unpack_from(records, at), None
            at += _RECORD.size
            if length > end - at:
                break
            if opcode == MESSAGE and length >= _MESSAGE.size and number in channels:
                starts.append(at)
                ends.append(at + length)
                if len(starts) >= _MOST_TOGETHER:
                    self._count += len(starts)
                    yield records, starts, ends
                    starts, ends = [], []
            elif opcode != CHUNK:
                content = bytes(records[at : at + length])
                try:
                    if opcode == MESSAGE:
                        self._check_message(content)
                    else:
                        self._other(opcode, content)
                except McapError as error:
                    self.lose(f"{error}: it was not read")
            at += length
        if starts:
            self._count += len(starts)
            yield records, starts, ends
        if at < end:
            raise McapError("a chunk ends within a record")

    def _cut_chunk(self, content: bytes) -> Iterator[_Piece]:
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


def _joined(pieces: list[_Piece]) -> _Piece:
    """Put small buffers together."""
    if len(pieces) == 1:
        return pieces[0]
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for data, begins, stops in pieces:
        starts += [at + one for one in begins]
        ends += [at + one for one in stops]
        at += len(data)
    return b"".join([data for data, _, _ in pieces]), starts, ends

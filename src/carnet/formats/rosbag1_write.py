"""Writes ROS 1 bags, version 2.0, as the reference recorder does: chunks, an index behind each, all of it at the end.

The first record says where the index stands, which is known last: it is written over at the end, so the sink
has to be one that can be written over (`Rewritable`), or the bag is held in memory until it is whole.
"""

from __future__ import annotations

import bz2
import struct
from collections.abc import Mapping
from typing import IO

from carnet.formats.reader import Message, Stream
from carnet.formats.rewritable import Rewritable
from carnet.formats.rosbag1_read import CHUNK, CHUNK_INFO, CONNECTION, HEADER, INDEX, MAGIC, MESSAGE
from carnet.formats.writer import MessageCopy

CHUNK_BYTES = 768 * 1024
_HEAD_BYTES = 4096
_LENGTH = struct.Struct("<I")


def fields_of(table: Mapping[str, bytes]) -> bytes:
    """Write a header's fields."""
    made = bytearray()
    for name, value in table.items():
        made += _LENGTH.pack(len(name.encode()) + 1 + len(value)) + name.encode() + b"=" + value
    return bytes(made)


def record(kind: int, table: Mapping[str, bytes], data: bytes) -> bytes:
    """Write a record."""
    head = fields_of({"op": bytes((kind,)), **table})
    return _LENGTH.pack(len(head)) + head + _LENGTH.pack(len(data)) + data


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def _time(time_ns: int) -> bytes:
    return struct.pack("<II", *divmod(time_ns, 10**9))


class Bag1Copy(MessageCopy):
    """A ROS 1 bag, compressed as its source is."""

    def __init__(self, sink: IO[bytes], compression: str) -> None:
        self._sink = Rewritable(sink)
        self._compression = compression
        self._numbers: dict[int, int] = {}
        self._connections: list[bytes] = []
        self._chunk = bytearray()
        self._index: dict[int, list[tuple[int, int]]] = {}
        self._infos: list[bytes] = []
        self._sink.write(MAGIC + self._head(0))

    def channel(self, stream: Stream, topic: str, metadata: Mapping[str, str]) -> None:
        """Take a connection over under a topic."""
        if stream.number in self._numbers:
            return
        number = self._numbers[stream.number] = len(self._numbers)
        name = topic.encode()
        table = {
            "topic": name,
            "type": (stream.schema or "").encode(),
            "message_definition": stream.schema_data,
            **{key: value.encode() for key, value in metadata.items()},
        }
        self._connections.append(record(CONNECTION, {"conn": _u32(number), "topic": name}, fields_of(table)))
        self._chunk += self._connections[-1]

    def message(self, message: Message, data: bytes) -> None:
        """Write a message of a connection that was taken over."""
        number = self._numbers[message.stream.number]
        self._index.setdefault(number, []).append((message.log_time_ns, len(self._chunk)))
        self._chunk += record(MESSAGE, {"conn": _u32(number), "time": _time(message.log_time_ns)}, data)
        self.written += 1
        if len(self._chunk) >= CHUNK_BYTES:
            self._end_chunk()

    def _end_chunk(self) -> None:
        if not self._index:
            return
        import lz4.frame

        start, data = self._sink.tell(), bytes(self._chunk)
        if self._compression == "bz2":
            packed = bz2.compress(data)
        elif self._compression == "lz4":
            packed = lz4.frame.compress(data)
        else:
            packed = data
        table = {"compression": self._compression.encode(), "size": _u32(len(data))}
        self._sink.write(record(CHUNK, table, packed))
        counts = bytearray()
        for number, entries in self._index.items():
            rows = b"".join(_time(at) + _u32(offset) for at, offset in entries)
            self._sink.write(
                record(INDEX, {"ver": _u32(1), "conn": _u32(number), "count": _u32(len(entries))}, rows)
            )
            counts += _u32(number) + _u32(len(entries))
        times = [at for entries in self._index.values() for at, _ in entries]
        info = {
            "ver": _u32(1),
            "chunk_pos": start.to_bytes(8, "little"),
            "start_time": _time(min(times)),
            "end_time": _time(max(times)),
            "count": _u32(len(self._index)),
        }
        self._infos.append(record(CHUNK_INFO, info, bytes(counts)))
        self._chunk.clear()
        self._index = {}

    def _head(self, index: int) -> bytes:
        table = {
            "index_pos": index.to_bytes(8, "little"),
            "conn_count": _u32(len(self._connections)),
            "chunk_count": _u32(len(self._infos)),
        }
        empty = record(HEADER, table, b"")
        return record(HEADER, table, b" " * (_HEAD_BYTES - len(empty)))

    def finish(self) -> None:
        """Write the last chunk, the connections and the index, and say at the start where they are."""
        self._end_chunk()
        index = self._sink.tell()
        for one in (*self._connections, *self._infos):
            self._sink.write(one)
        self._sink.rewrite(len(MAGIC), self._head(index))
        self._sink.finish()

"""ASAM MDF 4: measurements and bus logs, finished by their writer or not.

Records are given in file order. Frames of CAN bus logging (MDF 4.1, 7: `CAN_DataFrame`, `CAN_RemoteFrame`,
`CAN_ErrorFrame`) become one `can` stream a bus; every other group with records becomes a stream of kind
`messages` whose messages are runs of whole records (`mdf_layout.py`); texts of variable length are streams of
JSON records. Memory does not grow with the file.

Times are nanoseconds since 1970-01-01 UTC where the header knows its zone, else in the recorder's local time.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from carnet.formats.can import frame_bytes
from carnet.formats.mdf_blocks import FIRST, Block, Blocks
from carnet.formats.mdf_layout import (
    MASTER,
    VARIABLE,
    VIRTUAL,
    VIRTUAL_MASTER,
    Channel,
    Layout,
    coding_of,
    named,
    text_of,
)
from carnet.formats.mdf_texts import outside_texts
from carnet.formats.mdf_values import Values, entries
from carnet.formats.reader import Message, OutsideText, Reader, Stream

_BUS_LOGGING = "CAN_"
_FRAME, _REMOTE, _ERROR = "CAN_DataFrame", "CAN_RemoteFrame", "CAN_ErrorFrame"
_RUN = 256 << 10
_LONGEST_RECORD = 16 << 20
_MOST_CHANNELS = 100_000
_NS = 1_000_000_000
_CHANNEL = struct.Struct("<BBBBIIIIB")
# Gives messages, and at its end how many records it took.
_Taking = Generator[Message, None, int]
_GROUP = struct.Struct("<QQHH4xII")
_MOST_PARTS = 4


@dataclass(slots=True)
class _Group:
    """One channel group and what was found of it."""

    number: int
    name: str
    layout: Layout
    record: int
    announced: int
    bus: str
    variable: bool
    at: int
    held: bytearray = field(default_factory=bytearray)
    found: int = 0
    stream: Stream | None = None


class MdfReader(Reader):
    """A measurement file of version 4."""

    format = "mdf4"

    def __init__(self, source: BinaryIO, length: int) -> None:
        super().__init__()
        source.seek(0)
        head = source.read(FIRST)
        self._groups: list[_Group] = []
        self._data: list[tuple[Block, list[_Group]]] = []
        self._streams: dict[object, Stream] = {}
        self._described = 0
        self._texts: tuple[OutsideText, ...] = ()
        unfinished = struct.unpack_from("<H", head, 60)[0] if len(head) == FIRST else 0
        if len(head) < FIRST:
            self.block("the file is cut inside its first block")
            return
        if head[8:9] != b"4":
            self.block("an ASAM MDF file of a version that carnet does not read (it reads version 4)")
            return
        self._unfinished = unfinished if head.startswith(b"UnFinMF ") else 0
        self._blocks = Blocks(source, length, self._unfinished)
        self._blocks.walk()
        self._values = Values(self._blocks)
        header = self._blocks.get(FIRST, b"HD")
        if header is None:
            self.block("the header of the measurement is missing")
            return
        self._start_ns = _start_of(header)
        for block in self._blocks.chain(header.link(0), b"DG"):
            self._data.append((block, list(self._groups_of(block))))
        if unreached := self._blocks.unreached():
            self._blocks.lose(f"{unreached} bytes belong to no block that a link leads to")
        self._texts = outside_texts(self._blocks)
        self._report()

    def _report(self) -> None:
        for one in self._blocks.lost:
            self.lose(one)

    @property
    def streams(self) -> tuple[Stream, ...]:
        """One stream a CAN bus, one for each other group with records, one for each channel of texts."""
        if not self._blocked:
            self._read_all()
        return tuple(self._streams.values())

    def outside(self) -> tuple[OutsideText, ...]:
        """Header comment, file history, events, attachments, comments and names."""
        return self._texts

    def _stream(self, key: object, name: str, kind: str, encoding: str, layout: bytes = b"") -> Stream:
        if key not in self._streams:
            number = len(self._streams)
            self._streams[key] = Stream(name, kind, encoding=encoding, number=number, schema_data=layout)
        return self._streams[key]

    # What the file describes

    def _groups_of(self, block: Block) -> Iterator[_Group]:
        for one in self._blocks.chain(block.link(1), b"CG"):
            self._described += 1
            if len(one.fields) < _GROUP.size or self._described > _MOST_CHANNELS:
                self._blocks.lose("the description of a group is cut")
                continue
            record, count, flags, _, payload, invalid = _GROUP.unpack_from(one.fields)
            channels = tuple(self._channels(one.link(1)))
            size = payload + invalid
            variable = bool(flags & 1)
            inside = tuple(ch for ch in channels if ch.fits(payload) or variable)
            if len(inside) < len(channels):
                self._blocks.lose("a channel lies outside its record")
            names = {ch.name.partition(".")[0] for ch in channels}
            bus = next((kind for kind in (_FRAME, _REMOTE, _ERROR) if kind in names), "")
            name = self._blocks.text(one.link(2)) or self._blocks.text(one.link(5)) or bus
            group = _Group(
                len(self._groups),
                name if len(name) <= 120 and "<" not in name else "",  # noqa: PLR2004 -- a name, no comment
                Layout(size, payload, self._start_ns, inside),
                record,
                count,
                bus,
                variable,
                one.at,
            )
            self._groups.append(group)
            yield group

    def _channels(self, at: int, depth: int = 0) -> Iterator[Channel]:
        for block in self._blocks.chain(at, b"CN"):
            self._described += 1
            if self._described > _MOST_CHANNELS:
                self._blocks.lose("it describes more channels than carnet looks at")
                return
            if len(block.fields) < _CHANNEL.size:
                self._blocks.lose("the description of a channel is cut")
                return
            role, sync, kind, bit, byte, bits, flags, invalid, _ = _CHANNEL.unpack_from(block.fields)
            rule, numbers, unit = self._conversion(block.link(4))
            composed = self._blocks.get(block.link(1), b"CN", b"CA")
            channel = Channel(
                self._blocks.text(block.link(2), 1024),
                self._blocks.text(block.link(6), 256) or unit,
                self._blocks.text(block.link(7), 400),
                role,
                kind,
                byte,
                bit,
                bits,
                rule,
                numbers,
                sync,
                invalid if flags & 2 else -1,
                block.link(5) if role == VARIABLE else 0,
            )
            if composed is not None and composed.kind == b"CA":
                yield from _elements(channel, composed)
            else:
                yield channel
            if composed is not None and composed.kind == b"CN" and depth < _MOST_PARTS:
                yield from self._channels(composed.at, depth + 1)

    def _conversion(self, at: int) -> tuple[int, tuple[float, ...], str]:
        block = self._blocks.get(at, b"CC")
        if block is None or len(block.fields) < 24:  # noqa: PLR2004 -- the fixed fields of a `CC`
            return 0, (), ""
        kind, count = struct.unpack_from("<B5xH", block.fields)
        count = min(count, (len(block.fields) - 24) // 8)
        return kind, struct.unpack_from(f"<{count}d", block.fields, 24), self._blocks.text(block.link(1), 256)

    # What the file holds

    def messages(self) -> Iterator[Message]:
        """Give runs of records, frames and texts, group of data by group of data."""
        if self._blocked:
            return
        for group in self._groups:
            group.found = 0
            group.held.clear()
        self._values = Values(self._blocks)
        self._blocks.given.clear()
        count = 0
        for block, groups in self._data:
            for message in self._of_data(block, groups):
                count += 1
                yield message
        for group in self._groups:
            finished = not self._unfinished & 1
            if finished and not group.variable and group.found != group.announced:
                self.lose("a group announces another number of records than it holds")
        if not count:
            channels = sum(len(one.layout.channels) for one in self._groups)
            lost = "".join(f"; {one}" for one in self._blocks.lost)
            self.block(f"it lists {channels} channels and gives no sample{lost}")
        self._report()
        self._complete = True

    def _of_data(self, block: Block, groups: list[_Group]) -> Iterator[Message]:
        width = block.fields[0] if block.fields else 0
        pieces = self._blocks.data(block.link(2))
        variable = {one.at for one in groups if one.variable}
        usable = {one.record: one for one in groups if one.variable or 0 < one.layout.size <= _LONGEST_RECORD}
        if width not in {0, 1, 2, 4, 8} or (not width and len(groups) > 1):
            self.lose("data whose records cannot be told apart")
            return
        if len(usable) < len(groups) and any(one.announced for one in groups if one.record not in usable):
            self.lose("a group has records without a length, or longer than carnet reads")
        texts = dict(self._texts_of(groups))
        if width:
            yield from self._mixed(pieces, width, usable, texts)
        elif usable:
            (group,) = usable.values()
            yield from self._alone(pieces, group)
        elif any(True for _ in pieces):
            self.lose("there are bytes of records that no group describes")
        for group in groups:
            yield from self._flush(group, last=True)
        for at, channel in texts.items():
            if at not in variable:
                for value in entries(self._blocks, at):
                    yield from self._text(channel, value)

    def _texts_of(self, groups: list[_Group]) -> Iterator[tuple[int, tuple[_Group, Channel]]]:
        """Give channels of variable length by the place of their values, but for payloads of frames."""
        for group in groups:
            for channel in group.layout.channels:
                if channel.role == VARIABLE and not (
                    group.bus == _FRAME and channel.name.endswith("DataBytes")
                ):
                    yield channel.link, (group, channel)

    def _alone(self, pieces: Iterator[bytes], group: _Group) -> Iterator[Message]:
        for piece in pieces:
            group.held += piece
            yield from self._flush(group)

    def _mixed(
        self,
        pieces: Iterator[bytes],
        width: int,
        groups: dict[int, _Group],
        texts: dict[int, tuple[_Group, Channel]],
    ) -> Iterator[Message]:
        """Take records of several groups apart by the number in front of each."""
        rest = b""
        for piece in pieces:
            data = rest + piece
            at, end = 0, len(data)
            while at + width <= end:
                number = int.from_bytes(data[at : at + width], "little")
                group = groups.get(number)
                if group is None:
                    yield from self._stray(data[at:], pieces)
                    return
                start = at + width
                if group.variable:
                    if start + 4 > end:
                        break
                    size = int.from_bytes(data[start : start + 4], "little")
                    if size > _LONGEST_RECORD:
                        self.lose("a value of variable length is longer than carnet reads")
                        return
                    start += 4
                else:
                    size = group.layout.size
                if start + size > end:
                    break
                value = data[start : start + size]
                at = start + size
                if group.variable:
                    self._values.put(group.at, value)
                    if group.at in texts:
                        yield from self._text(texts[group.at], value)
                else:
                    group.held += value
                    if len(group.held) >= _RUN:
                        yield from self._flush(group)
            rest = data[at:]
        if rest:
            self.lose("the last record is cut")

    def _stray(self, data: bytes, pieces: Iterator[bytes]) -> Iterator[Message]:
        """Judge what stands where a record should: zeros are room that was never used."""
        yield from ()
        if data.strip(b"\0") or any(one.strip(b"\0") for one in pieces):
            self.lose("there are records of no group that the file describes: what follows them is not read")

    def _flush(self, group: _Group, *, last: bool = False) -> Iterator[Message]:
        """Give the whole records that a group holds back."""
        size = group.layout.size
        count = len(group.held) // size if size else 0
        if count and (last or len(group.held) >= _RUN):
            while count:
                data = bytes(group.held[: count * size])
                if group.bus == _FRAME:
                    taken = yield from self._frames(group, data, last=last)
                elif group.bus:
                    taken = yield from self._empty_frames(group, data)
                else:
                    taken = yield from self._records(group, data)
                del group.held[: taken * size]
                group.found += taken
                count = len(group.held) // size if last and taken else 0
        if last and group.held:
            self.lose("the last record is cut")
            group.held.clear()

    def _records(self, group: _Group, data: bytes) -> _Taking:
        if group.stream is None:
            group.stream = self._stream(
                group.number,
                group.name or f"group {group.number}",
                "messages",
                encoding="mdf4",
                layout=group.layout.to_bytes(),
            )
        rows = len(data) // group.layout.size
        times = self._times(group, group.layout.rows(data))
        yield Message(group.stream, int(times[0]), int(times[-1]), data, group.found, rows)
        return rows

    def _text(self, place: tuple[_Group, Channel], value: bytes) -> Iterator[Message]:
        group, channel = place
        stream = self._stream(
            (group.number, channel.name), group.name or f"group {group.number}", "records", "json"
        )
        coding = coding_of(channel)
        text = text_of(value, coding) if coding else value.decode("latin-1")
        yield Message(stream, 0, 0, json.dumps({channel.name: text[:_RUN]}).encode())

    def _times(self, group: _Group, rows: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Give times in ns; the start of the measurement where no channel counts seconds."""
        master = group.layout.master
        if master is None:
            return np.full(len(rows), self._start_ns, np.int64)
        seconds = np.nan_to_num(
            group.layout.numbers(master, rows, group.found), nan=0.0, posinf=0.0, neginf=0.0
        )
        # A counter that a damaged file lets run for centuries must not run over.
        span = np.clip(seconds, -(2**31), 2**31)
        times: NDArray[np.int64] = np.int64(self._start_ns) + np.rint(span * _NS).astype(np.int64)
        return times

    # Buses

    def _column(self, group: _Group, ending: str, rows: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        channel = named(group.layout.channels, ending)
        if channel is None or not channel.is_number:
            return None
        return np.nan_to_num(group.layout.numbers(channel, rows, group.found))

    def _bus(self, number: int) -> Stream:
        return self._stream(("bus", number), f"CAN {number}", "can", "frame")

    def _frames(self, group: _Group, data: bytes, *, last: bool) -> _Taking:
        layout = group.layout
        rows = layout.rows(data)
        number, payload = named(layout.channels, "ID"), named(layout.channels, "DataBytes")
        if number is None or not number.is_number or payload is None:
            group.bus = ""
            self.lose("a group of bus frames lacks identifiers or bytes")
            return (yield from self._records(group, data))
        ids = layout.raw(number, rows, group.found).astype(np.int64)
        wide = self._column(group, "IDE", rows)
        extended = (ids >> 31) & 1 if wide is None else wide != 0
        lengths = self._column(group, "DataLength", rows)
        if lengths is None:
            lengths = self._column(group, "DLC", rows)
        buses = self._column(group, "BusChannel", rows)
        times = self._times(group, rows).tolist()
        if payload.role == VARIABLE:
            offsets = layout.raw(payload, rows).tolist()
            ready = offsets if last else self._values.ready(payload.link, offsets)
            bodies = [self._values.get(payload.link, one) for one in ready]
            if None in bodies:
                self.lose("frames whose bytes are not where the file says")
        else:
            width = payload.bits // 8
            block = np.ascontiguousarray(rows[:, payload.byte : payload.byte + width]).tobytes()
            bodies = [block[at * width : at * width + width] for at in range(len(rows))]
        count = len(bodies)
        sizes = [64] * count if lengths is None else lengths.astype(np.int64).tolist()
        numbers = [0] * count if buses is None else buses.astype(np.int64).tolist()
        identifiers = (ids & 0x1FFFFFFF).tolist()
        flags = np.asarray(extended).astype(bool).tolist()
        streams = {one: self._bus(one) for one in dict.fromkeys(numbers[:count])}
        for at in range(count):
            body = bodies[at] or b""
            frame = frame_bytes(identifiers[at], body[: max(sizes[at], 0)], extended=flags[at])
            yield Message(streams[numbers[at]], times[at], times[at], frame, group.found + at)
        return count

    def _empty_frames(self, group: _Group, data: bytes) -> _Taking:
        """Give remote frames and error frames: they carry no bytes."""
        rows = group.layout.rows(data)
        buses = self._column(group, "BusChannel", rows)
        ids = self._column(group, "ID", rows)
        wide = self._column(group, "IDE", rows)
        times = self._times(group, rows).tolist()
        for at in range(len(rows)):
            frame = frame_bytes(
                0 if ids is None else int(ids[at]) & 0x1FFFFFFF,
                b"",
                extended=wide is not None and bool(wide[at]),
                remote=group.bus == _REMOTE,
                error=group.bus == _ERROR,
            )
            stream = self._bus(0 if buses is None else int(buses[at]))
            yield Message(stream, times[at], times[at], frame, group.found + at)
        return len(rows)


def _start_of(header: Block) -> int:
    """Give the start of the measurement: UTC where the header knows, else local time."""
    if len(header.fields) < 13:  # noqa: PLR2004 -- time, zone, daylight saving, flags
        return 0
    start: int = struct.unpack_from("<Q", header.fields)[0]
    return min(start, 2**62)


def _elements(channel: Channel, array: Block) -> Iterator[Channel]:
    """Give the first elements of an array that lies in the record, as channels of their own."""
    fixed = struct.Struct("<BBHIiI")
    if len(array.fields) < fixed.size:
        yield channel
        return
    _, storage, dimensions, _, step, _ = fixed.unpack_from(array.fields)
    room = len(array.fields) - fixed.size
    total = 1
    for at in range(min(dimensions, room // 8)):
        total *= struct.unpack_from("<Q", array.fields, fixed.size + 8 * at)[0]
    if storage or channel.role in {VARIABLE, VIRTUAL, MASTER, VIRTUAL_MASTER}:
        yield channel
        return
    for number in range(min(total, _MOST_PARTS)):
        place = channel.byte + number * step
        if place >= 0:
            fields = {name: getattr(channel, name) for name in channel.__slots__}
            yield Channel(**{**fields, "name": f"{channel.name}.{number}", "byte": place})

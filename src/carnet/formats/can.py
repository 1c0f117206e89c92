"""CAN: frames in recordings and candump logs.

A frame without its database is bytes without a meaning. Long messages (a VIN does not fit into one frame) are
put together again by `carnet.formats.can_transport`.
candump's log form is `(seconds.fraction) bus id#data`, `id##flags data` for CAN FD and `id#R` for remote frames.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from carnet.errors import UnreadableError
from carnet.formats.reader import GatheringReader, Message, OutsideText, Stream

if TYPE_CHECKING:
    from carnet.formats.records import BusFrames

_LINE = re.compile(
    rb"\((\d{1,12})\.(\d{1,9})\)[ \t]+(\S{1,64})[ \t]+([0-9A-Fa-f]{3,8})#(#[0-9A-Fa-f]|R[0-9A-Fa-f]?)?"
    rb"((?:[0-9A-Fa-f]{2})*)(?:[ \t]+[RT])?[ \t]*"
)
_LONGEST_LINE = 1024
_STANDARD_DIGITS = 3
_MOST_OPEN = 256


@dataclass(frozen=True, slots=True)
class CanFrame:
    """One frame: time in ns, identifier, whether it has 29 bits, payload; error and remote frames have none."""

    time_ns: int
    id: int
    extended: bool
    data: bytes
    error: bool = False


# SocketCAN's flags above the identifier (linux/can.h), as `frame_bytes` writes them.
_NUMBER = struct.Struct("<I").pack
_EXTENDED_FLAG, _REMOTE_FLAG, _ERROR_FLAG, _ID = 1 << 31, 1 << 30, 1 << 29, (1 << 29) - 1


def frame_bytes(
    number: int, data: bytes, *, extended: bool, remote: bool = False, error: bool = False
) -> bytes:
    """Give a frame as the message of a `can` stream of encoding `frame`: identifier with flags, and payload.

    Four bytes, little-endian, then the bytes of the payload: none for remote and error frames.
    """
    if remote or error:
        flags = extended * _EXTENDED_FLAG | remote * _REMOTE_FLAG | error * _ERROR_FLAG
        return _NUMBER(number & _ID | flags)
    return _NUMBER(number & _ID | _EXTENDED_FLAG if extended else number & _ID) + data


def frame_of_line(line: bytes) -> tuple[str, CanFrame] | None:
    """Read one line of a candump log as bus and frame; None when it is not one."""
    match = _LINE.fullmatch(line.strip(b"\r\n"))
    if match is None:
        return None
    seconds, fraction, bus, digits, flags, data = match.groups()
    time_ns = int(seconds) * 10**9 + int(fraction.ljust(9, b"0"))
    payload = b"" if flags and flags.startswith(b"R") else bytes.fromhex(data.decode())
    extended = len(digits) > _STANDARD_DIGITS
    return bus.decode("utf-8", "replace"), CanFrame(time_ns, int(digits, 16), extended, payload)


def frame_of_message(message: Message) -> CanFrame | None:
    """Read a message of a `can` stream: candump's form, `frame_bytes`' form or `can_msgs/msg/Frame`.

    Raises:
        UnreadableError: the bytes are not of that type.
    """
    if message.stream.encoding == "frame":
        if len(message.data) < 4:  # noqa: PLR2004 -- the identifier
            return None
        number = int.from_bytes(message.data[:4], "little")
        return CanFrame(
            message.log_time_ns,
            number & _ID,
            bool(number & _EXTENDED_FLAG),
            message.data[4:],
            bool(number & _ERROR_FLAG),
        )
    if message.stream.encoding == "candump":
        found = frame_of_line(message.data)
        return found[1] if found else None
    if message.stream.encoding == "cdr":
        return _frame_of_cdr(message)
    from carnet.formats.cdr import codec

    stream = message.stream
    value = codec(stream.schema or "", stream.schema_text, stream.encoding).decode(message.data)
    return CanFrame(
        message.log_time_ns, int(value.id), bool(value.is_extended), bytes(value.data)[: int(value.dlc)]
    )


def _frame_of_cdr(message: Message) -> CanFrame:
    """Read can_msgs/msg/Frame: header, uint32 id, three bools, uint8 dlc, uint8[8] data."""
    data = message.data
    try:
        order = "<" if data[1] & 1 else ">"
        (length,) = struct.unpack_from(f"{order}I", data, 12)
        at = 4 + ((16 + length - 4 + 3) & ~3)
        number, remote, extended, error, dlc = struct.unpack_from(f"{order}I???B", data, at)
        payload = data[at + 8 : at + 16]
    except (struct.error, IndexError) as bad:
        raise UnreadableError("a CAN frame is shorter than its type", where="message") from bad
    empty = remote or error
    return CanFrame(message.log_time_ns, number, extended, b"" if empty else payload[:dlc])


class CandumpReader(GatheringReader):
    """A candump log: one stream a bus; a message's bytes are its line."""

    format = "candump"

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source
        self._count = self._bad = 0
        self._lines: list[OutsideText] = []

    def messages(self) -> Iterator[Message]:
        """Give every frame in the order of its line."""
        self._begin()
        yield from self._messages(self._source)
        self._end()

    def runs(self) -> Iterator[BusFrames | Message]:
        """Give what `messages` gives, by column and bus where a block of the log holds nothing but classic frames.

        Frames of one bus stay in their order; of several buses, each comes after the other.
        """
        from carnet.formats.can_columns import CLASSIC, block_columns, blocks_of
        from carnet.formats.records import BusFrames

        self._begin()
        buses: dict[bytes, int] = {}
        by_column = True
        for text in blocks_of(self._source):
            frames = block_columns(text, buses) if by_column else None
            if frames is None or frames.bad or frames.data.shape[1] > CLASSIC or not len(frames):
                # Frames of CAN FD come again: reading them by column first would be in vain.
                by_column = frames is not None and frames.data.shape[1] == CLASSIC
                yield from self._messages(io.BytesIO(text))
                continue
            self._count += len(frames)
            for number in dict.fromkeys(frames.bus.tolist()):
                yield BusFrames.of(self._stream(frames.buses[number]), frames, number)
        self._end()

    def _begin(self) -> None:
        self._source.seek(0)
        self._count = self._bad = 0
        self._lines = []

    def _end(self) -> None:
        if self._bad:
            self.lose(f"{self._bad} lines are not frames")
        if not self._count:
            self.block("the log holds no frame")
        self._outside = dict.fromkeys(self._lines)
        self._complete = True

    def _stream(self, bus: str) -> Stream:
        return self._streams.setdefault(
            bus, Stream(bus, "can", encoding="candump", number=len(self._streams))
        )

    def _messages(self, source: BinaryIO) -> Iterator[Message]:
        while line := source.readline(_LONGEST_LINE):
            found = frame_of_line(line)
            if found is None:
                if line.strip():
                    self._bad += 1
                    if len(self._lines) < _MOST_OPEN:
                        self._lines.append(OutsideText("line that is no frame", "", line.rstrip(b"\r\n")))
                continue
            bus, frame = found
            self._count += 1
            time_ns = frame.time_ns
            yield Message(self._stream(bus), time_ns, time_ns, line.rstrip(b"\r\n"), self._count)

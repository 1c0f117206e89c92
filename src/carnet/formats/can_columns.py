"""CAN logs by column: a candump log of any length as arrays, a block of lines at a time.

`carnet.formats.can` reads line by line and is the reference; here the places of all lines' parts are found at once.
Lines of the usual form (`(seconds.fraction) bus id#data`, one blank between parts, classic frames) go the fast
way, every other line goes through the reference, so both give the same frames in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from carnet.formats.can import CanFrame, frame_of_line, frame_of_message
from carnet.formats.reader import Reader

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 1 << 20
CLASSIC, FLEXIBLE = 8, 64
"""The most bytes of a frame: classic CAN, and CAN FD (ISO 11898-1)."""

_PAD = 64
_LONGEST_BUS = 8
_LATEST_NS = (1 << 63) - 1
"""A time that a column cannot hold (after the year 2262) is no time of a log."""
_STANDARD_DIGITS, _EXTENDED_DIGITS = 3, 8
_TENS = 10 ** np.arange(19, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames by column, in the order of the log.

    Attributes:
        time_ns: N, nanoseconds since 1970-01-01 UTC as the log says, int64.
        bus: N, the number of the bus in `buses`, int32.
        id: N, the identifier, uint32.
        extended: N, whether it has 29 bits.
        length: N, how many bytes each payload has, uint8.
        data: N x W, payloads, zero behind their end, uint8; W is 8, or 64 where a frame of CAN FD is among them.
        buses: names of the buses.
        bad: lines that are not frames.
    """

    time_ns: NDArray[np.int64]
    bus: NDArray[np.int32]
    id: NDArray[np.uint32]
    extended: NDArray[np.bool_]
    length: NDArray[np.uint8]
    data: NDArray[np.uint8]
    buses: tuple[str, ...]
    bad: int = 0

    def __len__(self) -> int:
        return len(self.time_ns)

    @classmethod
    def joined(cls, parts: Sequence[Frames]) -> Frames:
        """Give blocks of one log as one: signals are decoded faster in long columns than in short ones."""
        width = max((one.data.shape[1] for one in parts), default=CLASSIC)

        def column(name: str) -> Any:
            return np.concatenate([getattr(one, name) for one in parts])

        data = np.zeros((sum(map(len, parts)), width), np.uint8)
        at = 0
        for one in parts:
            data[at : at + len(one), : one.data.shape[1]] = one.data
            at += len(one)
        return cls(
            column("time_ns"),
            column("bus"),
            column("id"),
            column("extended"),
            column("length"),
            data,
            max((one.buses for one in parts), key=len),
            sum(one.bad for one in parts),
        )

    def to_arrow(self) -> pa.RecordBatch:
        """Give an Arrow record batch: time_ns, bus, id, extended, data.

        Raises:
            ImportError: pyarrow is not installed (`carnet[tables]`).
        """
        import pyarrow as pa

        used = np.arange(self.data.shape[1]) < self.length[:, None]
        offsets = np.zeros(len(self) + 1, np.int32)
        np.cumsum(self.length, out=offsets[1:])
        data = pa.Array.from_buffers(
            pa.binary(),
            len(self),
            [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(self.data[used]))],
        )
        buses = pa.DictionaryArray.from_arrays(pa.array(self.bus), pa.array(list(self.buses), pa.string()))
        return pa.RecordBatch.from_arrays(
            [pa.array(self.time_ns), buses, pa.array(self.id), pa.array(self.extended), data],
            ["time_ns", "bus", "id", "extended", "data"],
        )


def candump_columns(source: BinaryIO, block: int = BLOCK) -> Iterator[Frames]:
    """Read a candump log block by block; memory does not grow with the log.

    Args:
        source: the log, read from where it stands.
        block: how many bytes to take at a time.
    """
    buses: dict[bytes, int] = {}
    for text in blocks_of(source, block):
        yield block_columns(text, buses)


def blocks_of(source: BinaryIO, block: int = BLOCK) -> Iterator[bytes]:
    """Give a log in blocks of whole lines, the last one with an end where it lacks one."""
    rest = b""
    while part := source.read(block):
        data = rest + part
        cut = data.rfind(b"\n") + 1
        if not cut and len(data) < block * 2:
            rest = data
            continue
        # A line longer than two blocks is no frame of anybody: it is cut, and counts as bad.
        cut = cut or len(data)
        rest = data[cut:]
        yield data[:cut]
    if rest:
        yield rest + b"\n"


def frame_columns(reader: Reader, rows: int = 1 << 16) -> Iterator[Frames]:
    """Give the frames of any recording with buses by column: ASC, BLF, TRC, MDF 4, tables, candump, MCAP, bags.

    Args:
        reader: an open recording; its `state` says afterwards what was lost.
        rows: how many frames a block has at most.

    Yields:
        Blocks of frames; `bad` counts messages of a bus that are no data or remote frames, such as error frames.
    """
    buses: dict[str, int] = {}
    held: list[tuple[int, CanFrame]] = []
    bad = 0
    for message in reader.messages():
        if message.stream.kind != "can":
            continue
        frame = frame_of_message(message)
        # A message of several frames, put together by a logger, is no frame either.
        if frame is None or frame.error or len(frame.data) > FLEXIBLE or frame.time_ns > _LATEST_NS:
            bad += 1
            continue
        held.append((buses.setdefault(message.stream.name, len(buses)), frame))
        if len(held) >= rows:
            yield _gathered(held, buses, bad)
            held, bad = [], 0
    if held or bad:
        yield _gathered(held, buses, bad)


def _gathered(held: Sequence[tuple[int, CanFrame]], buses: Mapping[str, int], bad: int) -> Frames:
    widest = max((len(one.data) for _, one in held), default=0)
    width = CLASSIC if widest <= CLASSIC else FLEXIBLE
    payloads = b"".join(one.data[:width].ljust(width, b"\0") for _, one in held)
    return Frames(
        np.array([one.time_ns for _, one in held], np.int64),
        np.array([bus for bus, _ in held], np.int32),
        np.array([one.id for _, one in held], np.uint32),
        np.array([one.extended for _, one in held], np.bool_),
        np.array([min(len(one.data), width) for _, one in held], np.uint8),
        np.frombuffer(payloads, np.uint8).reshape(-1, width),
        tuple(buses),
        bad,
    )


def block_columns(text: bytes, buses: dict[bytes, int]) -> Frames:
    """Read some whole lines of a candump log.

    Args:
        text: the lines.
        buses: names of buses with their numbers, in order of appearance; new ones are added.
    """
    # Padding lets every word lie inside the buffer.
    text = b"\n" * _PAD + text
    stop = len(text)
    text += b"\n" * _PAD
    signs = np.frombuffer(text, np.uint8)
    body = signs[_PAD:stop]

    def places(sign: str) -> NDArray[np.intp]:
        return np.flatnonzero(body == ord(sign)) + _PAD

    ends = places("\n")
    if not len(ends) or ends[-1] != stop - 1:
        ends = np.append(ends, stop)
    starts = np.concatenate((np.array([_PAD], np.intp), ends[:-1] + 1))
    ends = ends - ((ends > starts) & (signs[ends - 1] == ord("\r")))
    hash_at = _in_each(places("#"), starts, ends, 1)
    point = _in_each(places("."), starts, ends, 1)
    blanks = _in_each(places(" "), starts, ends, 2)
    if hash_at is None or point is None or blanks is None:
        return _slowly(text, starts, ends, buses)
    hash_at, point, blank, second = hash_at[:, 0], point[:, 0], blanks[:, 0], blanks[:, 1]
    digits, characters = hash_at - second - 1, ends - hash_at - 1
    seconds, fraction, name = point - starts - 1, blank - point - 2, second - blank - 1
    usual = (
        (signs[starts] == ord("("))
        & (starts < point)
        & (point < blank)
        & (blank < second)
        & (second < hash_at)
        & (hash_at < ends)
        & (signs[blank - 1] == ord(")"))
        & (seconds >= 1)
        & (seconds <= 12)  # noqa: PLR2004 - as the reference has it
        & (fraction >= 1)
        & (fraction <= 9)  # noqa: PLR2004 - nanoseconds
        & (name >= 1)
        & (name <= _LONGEST_BUS)
        & (digits >= _STANDARD_DIGITS)
        & (digits <= _EXTENDED_DIGITS)
        & (characters % 2 == 0)
        & (characters <= 2 * CLASSIC)
    )
    at = np.flatnonzero(usual)
    if not len(at):
        return _slowly(text, starts, ends, buses)
    if len(at) < len(starts):
        hash_at, point, blank, second, digits, characters, seconds, fraction, name = (
            one[at] for one in (hash_at, point, blank, second, digits, characters, seconds, fraction, name)
        )
    words = np.ndarray((len(signs) - 7,), "<u8", signs.data, strides=(1,))
    whole, good = _seconds(words, point, seconds)
    part, good_part = _decimal(words, blank - 1, np.minimum(fraction, 8))
    if (fraction > 8).any():  # noqa: PLR2004 - the ninth digit is nanoseconds
        last = signs[blank - 2] - np.uint8(ord("0"))
        nine = fraction > 8  # noqa: PLR2004 - as above
        head, good_head = _decimal(words, blank - 2, np.full(len(blank), 8))
        part = np.where(nine, head * 10 + last, part)
        good_part = np.where(nine, good_head & (last <= 9), good_part)  # noqa: PLR2004 - a digit
    identifier, good_id = _identifier(words, hash_at, digits)
    data, good_data = _payload(words, hash_at + 1, characters)
    number = _buses(words, blank + 1, name, buses)
    good &= good_part & good_id & good_data & (number >= 0) & (whole < _LATEST_NS // 10**9)
    time_ns = whole * 10**9 + part * _TENS[9 - fraction]
    if good.all() and len(at) == len(starts):
        return Frames(
            time_ns,
            number,
            identifier,
            digits > _STANDARD_DIGITS,
            (characters // 2).astype(np.uint8),
            data,
            _names(buses),
        )
    kept = np.flatnonzero(good)
    fast = Frames(
        time_ns[kept],
        number[kept],
        identifier[kept],
        (digits > _STANDARD_DIGITS)[kept],
        (characters // 2).astype(np.uint8)[kept],
        data[kept],
        _names(buses),
    )
    others = np.setdiff1d(np.arange(len(starts)), at[kept], assume_unique=True)
    slow_at, slow = _lines(text, starts, ends, others, buses)
    return _merged(fast, at[kept], slow, slow_at)


def _in_each(
    places: NDArray[np.intp], starts: NDArray[np.intp], ends: NDArray[np.intp], many: int
) -> NDArray[np.intp] | None:
    """Give the first places of a sign in each line: N x many; nothing where the text holds too few of them.

    A line that lacks the sign gets a place of another line: whoever asks compares it with the line's end.
    """
    if len(places) == many * len(starts):
        found = places.reshape(-1, many)
        if (found[:, 0] >= starts).all() and (found[:, -1] < ends).all():
            return found
    if len(places) < many:
        return None
    first = np.searchsorted(places, starts)
    chosen: NDArray[np.intp] = places[np.minimum(first[:, None] + np.arange(many), len(places) - 1)]
    return chosen


def _bytes(value: int) -> np.uint64:
    """Give a word of eight equal bytes."""
    return np.uint64(value * 0x0101010101010101)


def _front(count: NDArray[np.intp]) -> NDArray[np.uint64]:
    """Give words whose first `count` bytes (0 to 8) are ones."""
    return _FRONT[count]


_FRONT = np.array([(1 << 8 * many) - 1 for many in range(9)], np.uint64)
_U8, _U16, _U32, _U4 = np.uint64(8), np.uint64(16), np.uint64(32), np.uint64(4)


def _decimal(
    words: NDArray[np.uint64], ends: NDArray[np.intp], lengths: NDArray[np.intp]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Read decimal numbers of up to eight digits that end before places; and say which are none.

    Eight digits are read as one word: neighbours are added to pairs, pairs to fours, fours to the number.
    """
    outside = _front(8 - lengths)
    word = (words[ends - 8] & ~outside) | (_bytes(ord("0")) & outside)
    digit = word - _bytes(ord("0"))
    # A byte below "0" borrows from its neighbour, one above "9" has a bit beyond four when six is added.
    good = (((digit + _bytes(6)) | digit | (word ^ _bytes(0x30))) & _bytes(0xF0)) == 0
    digit = (digit * np.uint64(10) + (digit >> _U8)) & np.uint64(0x00FF00FF00FF00FF)
    digit = (digit * np.uint64(100) + (digit >> _U16)) & np.uint64(0x0000FFFF0000FFFF)
    digit = (digit * np.uint64(10000) + (digit >> _U32)) & np.uint64(0xFFFFFFFF)
    return digit.astype(np.int64), good


def _seconds(
    words: NDArray[np.uint64], ends: NDArray[np.intp], lengths: NDArray[np.intp]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Read decimal numbers of up to twelve digits."""
    low, good = _decimal(words, ends, np.minimum(lengths, 8))
    more = np.maximum(lengths - 8, 0)
    high, good_high = _decimal(words, ends - np.minimum(lengths, 8), more)
    return high * 10**8 + low, good & good_high


def _nibbles(word: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Read eight hexadecimal digits a word, first digit first; and say in which one is none.

    What was read is written again in small letters and compared, so nothing but a digit passes.
    """
    small = word | _bytes(0x20)
    value = (small & _bytes(0x0F)) + np.uint64(9) * ((small >> np.uint64(6)) & _bytes(1))
    letter = ((value + _bytes(6)) >> _U4) & _bytes(1)
    again = _bytes(ord("0")) + value + np.uint64(39) * letter
    # Only a letter may have been written large.
    raised = ((word ^ small) >> np.uint64(5)) & _bytes(1)
    return value, (again == small) & (((raised & ~letter) | (value & _bytes(0xF0))) == 0)


def _packed(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Put eight digits together to four bytes, the first two digits first."""
    value = ((value << _U4) | (value >> _U8)) & np.uint64(0x00FF00FF00FF00FF)
    value = (value | (value >> _U8)) & np.uint64(0x0000FFFF0000FFFF)
    return (value | (value >> _U16)) & np.uint64(0xFFFFFFFF)


def _identifier(
    words: NDArray[np.uint64], ends: NDArray[np.intp], lengths: NDArray[np.intp]
) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    outside = _front(8 - lengths)
    value, good = _nibbles((words[ends - 8] & ~outside) | (_bytes(ord("0")) & outside))
    return _packed(value).astype(np.uint32).byteswap(), good


def _payload(
    words: NDArray[np.uint64], starts: NDArray[np.intp], characters: NDArray[np.intp]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Read payloads of up to eight bytes: N x 8, zero behind their end; and say which are none."""
    halves = []
    good = np.ones(len(starts), np.bool_)
    for first in (0, 8):
        inside = _front(np.clip(characters - first, 0, 8))
        value, fine = _nibbles((words[starts + first] & inside) | (_bytes(ord("0")) & ~inside))
        halves.append(_packed(value))
        good &= fine
    whole = (halves[0] | (halves[1] << _U32)).astype("<u8")
    return whole.view(np.uint8).reshape(-1, CLASSIC), good


def _buses(
    words: NDArray[np.uint64], starts: NDArray[np.intp], lengths: NDArray[np.intp], buses: dict[bytes, int]
) -> NDArray[np.int32]:
    """Number the buses; one that is no plain word stays at -1 and goes through the reference."""
    names = words[starts] & _front(lengths)
    out = np.full(len(starts), -1, np.int32)
    left: NDArray[np.intp] | None = None
    while left is None or len(left):
        mine = names if left is None else names[left]
        same = mine == mine[0]
        name = int(mine[0]).to_bytes(8, "little").rstrip(b"\0")
        if name.isascii() and name.decode("ascii", "replace").isprintable():
            number = buses.setdefault(name, len(buses))
            if left is None and same.all():
                out[:] = number
                break
            out[np.flatnonzero(same) if left is None else left[same]] = number
        left = np.flatnonzero(~same) if left is None else left[~same]
    return out


def _names(buses: dict[bytes, int]) -> tuple[str, ...]:
    return tuple(one.decode("utf-8", "replace") for one in buses)


def _lines(
    text: bytes,
    starts: NDArray[np.intp],
    ends: NDArray[np.intp],
    which: NDArray[np.intp],
    buses: dict[bytes, int],
) -> tuple[NDArray[np.intp], Frames]:
    """Read lines one by one, as the reference does; gives the number of the line of each frame too."""
    found: list[tuple[int, int, Any]] = []
    bad = 0
    for number in which.tolist():
        line = text[starts[number] : ends[number]]
        read = frame_of_line(line)
        if read is None or read[1].time_ns > _LATEST_NS:
            bad += bool(line.strip())
            continue
        name, frame = read
        found.append((number, buses.setdefault(name.encode("utf-8", "replace"), len(buses)), frame))
    width = FLEXIBLE if any(len(frame.data) > CLASSIC for _, _, frame in found) else CLASSIC
    data = np.zeros((len(found), width), np.uint8)
    for row, (_, _, frame) in enumerate(found):
        payload = frame.data[:width]
        data[row, : len(payload)] = np.frombuffer(payload, np.uint8)
    frames = Frames(
        np.array([frame.time_ns for _, _, frame in found], np.int64),
        np.array([bus for _, bus, _ in found], np.int32),
        np.array([frame.id for _, _, frame in found], np.uint32),
        np.array([frame.extended for _, _, frame in found], np.bool_),
        np.array([min(len(frame.data), width) for _, _, frame in found], np.uint8),
        data,
        _names(buses),
        bad,
    )
    return np.array([number for number, _, _ in found], np.intp), frames


def _slowly(text: bytes, starts: NDArray[np.intp], ends: NDArray[np.intp], buses: dict[bytes, int]) -> Frames:
    return _lines(text, starts, ends, np.arange(len(starts)), buses)[1]


def _merged(fast: Frames, fast_at: NDArray[np.intp], slow: Frames, slow_at: NDArray[np.intp]) -> Frames:
    """Put frames back into the order of their lines."""
    order = np.argsort(np.concatenate((fast_at, slow_at)), kind="stable")
    width = slow.data.shape[1] if len(slow) else CLASSIC
    wide = np.zeros((len(fast), width), np.uint8)
    wide[:, :CLASSIC] = fast.data

    def both(one: NDArray[Any], other: NDArray[Any]) -> Any:
        return np.concatenate((one, other))[order]

    return Frames(
        both(fast.time_ns, slow.time_ns),
        both(fast.bus, slow.bus),
        both(fast.id, slow.id),
        both(fast.extended, slow.extended),
        both(fast.length, slow.length),
        both(wide, slow.data),
        slow.buses,
        slow.bad,
    )

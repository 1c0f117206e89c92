"""Signals of CAN frames by column: all frames of one message at once, with the values that cantools gives.

A signal of up to 64 bits is a piece of one word: shifted, masked, signed, scaled. `cantools` parses the database
and stays the reference; a signal that does not lie in one word is taken out of the payload, frame by frame.
Bits are numbered as a DBC does it (Vector, *DBC File Format Documentation*): little-endian signals by their lowest
bit, big-endian ones by their highest, in saw-tooth order.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from carnet.formats.can_columns import CLASSIC, Frames

if TYPE_CHECKING:
    import pyarrow as pa

_WORD = 64
_FLOATS = {16: ">e", 32: ">f", 64: ">d"}
_EXACT_BITS = 53
"""Whole numbers up to here are the same as floating-point numbers."""


@dataclass(frozen=True, slots=True)
class Column:
    """One signal of one message.

    Attributes:
        values: N, in the signal's unit; whole numbers where the database scales by whole numbers.
        present: N, whether the frame holds the signal (multiplexed ones are not in every frame); None: in all.
    """

    values: NDArray[Any]
    present: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """All frames of one message.

    Attributes:
        name: of the message; `id` its identifier, `extended` whether it has 29 bits.
        rows: which frames of the log these are, in their order.
        short: how many frames of this identifier are shorter than the message: they are in no column.
        signals: by name.
    """

    name: str
    id: int
    extended: bool
    rows: NDArray[np.intp]
    short: int
    signals: Mapping[str, Column]

    def to_arrow(self, frames: Frames) -> pa.RecordBatch:
        """Give an Arrow record batch: time_ns, bus, and a column a signal, empty where it is not present.

        Raises:
            ImportError: pyarrow is not installed (`carnet[tables]`).
        """
        import pyarrow as pa

        arrays: dict[str, Any] = {
            "time_ns": pa.array(frames.time_ns[self.rows]),
            "bus": pa.DictionaryArray.from_arrays(
                pa.array(frames.bus[self.rows]), pa.array(list(frames.buses), pa.string())
            ),
        }
        for name, column in self.signals.items():
            hidden = None if column.present is None else ~column.present
            arrays[name] = pa.array(column.values, mask=hidden)
        return pa.RecordBatch.from_arrays(list(arrays.values()), list(arrays))


class BusDecoder:
    """Decodes frames by one database (cantools' `Database`); made once, used for every block."""

    def __init__(self, database: Any) -> None:
        self._messages = {(one.frame_id, one.is_extended_frame): _Message(one) for one in database.messages}
        self._numbers = np.array(
            sorted(frame_id << 1 | extended for frame_id, extended in self._messages), np.int64
        )

    def decode(self, frames: Frames) -> Iterator[Decoded]:
        """Decode the frames that the database knows, message by message, in order of identifiers."""
        if not len(frames) or not len(self._numbers):
            return
        number = frames.id.astype(np.int64) << 1 | frames.extended
        if int(number.max()) < 1 << 12:
            # Standard identifiers fit into 16 bits, and those are sorted by counting.
            order = np.argsort(number.astype(np.uint16), kind="stable")
        else:
            order = np.argsort(number, kind="stable")
        ordered = number[order]
        edges = np.flatnonzero(np.diff(ordered)) + 1
        starts = np.concatenate((np.zeros(1, np.intp), edges))
        ends = np.append(edges, len(ordered))
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            key = int(ordered[start])
            message = self._messages.get((key >> 1, bool(key & 1)))
            if message is not None:
                yield message.decode(frames, order[start:end])


class _Message:
    """One message of a database, made ready."""

    def __init__(self, message: Any) -> None:
        self._message = message
        self.length = int(message.length)
        self._signals = [_Signal(one) for one in message.signals]
        names = {one.name: one for one in self._signals}
        # A multiplexer that is multiplexed itself comes before what hangs on it.
        self._order = sorted(self._signals, key=lambda one: _depth(one, names))

    def decode(self, frames: Frames, rows: NDArray[np.intp]) -> Decoded:
        long_enough = frames.length[rows] >= self.length
        short = int(len(rows) - np.count_nonzero(long_enough))
        if short:
            rows = rows[long_enough]
        data = frames.data[rows]
        words = _Words(data)
        raw: dict[str, NDArray[Any]] = {}
        present: dict[str, NDArray[np.bool_] | None] = {}
        columns: dict[str, Column] = {}
        for one in self._order:
            values = one.raw(words, data)
            there: NDArray[np.bool_] | None = None
            if one.multiplexer is not None:
                there = np.isin(raw[one.multiplexer], np.array(one.chosen_by, raw[one.multiplexer].dtype))
                above = present[one.multiplexer]
                there = there if above is None else there & above
            raw[one.name], present[one.name] = values, there
            columns[one.name] = Column(one.scaled(values), there)
        return Decoded(
            self._message.name,
            self._message.frame_id,
            self._message.is_extended_frame,
            rows,
            short,
            {one.name: columns[one.name] for one in self._signals},
        )


def _depth(signal: _Signal, names: Mapping[str, _Signal]) -> int:
    depth = 0
    while signal.multiplexer is not None and depth <= len(names):
        signal, depth = names[signal.multiplexer], depth + 1
    return depth


class _Words:
    """The payloads of some frames as words, each made once: by where it begins and by the order of its bytes."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self._data = data
        self._made: dict[tuple[int, bool], NDArray[np.uint64]] = {}

    def at(self, byte: int, *, big: bool) -> NDArray[np.uint64]:
        """Give the eight bytes from `byte` on as one number; behind the payload are zeros."""
        key = byte, big
        if key not in self._made:
            piece = self._data[:, byte : byte + CLASSIC]
            if piece.shape[1] < CLASSIC:
                wide = np.zeros((len(piece), CLASSIC), np.uint8)
                wide[:, : piece.shape[1]] = piece
                piece = wide
            words = np.ascontiguousarray(piece).view("<u8").reshape(-1)
            self._made[key] = words.byteswap() if big else words
        return self._made[key]


class _Signal:
    """One signal, made ready: where its bits lie and what they mean."""

    def __init__(self, signal: Any) -> None:
        self.name = str(signal.name)
        self.multiplexer = signal.multiplexer_signal
        self.chosen_by = list(signal.multiplexer_ids or ())
        self._length = int(signal.length)
        self._signed = bool(signal.is_signed)
        self._float = bool(signal.is_float)
        self._scale, self._offset = signal.conversion.scale, signal.conversion.offset
        self._big = signal.byte_order == "big_endian"
        start = int(signal.start)
        # The first bit, counted as the signal's own order of bytes runs.
        first = start // 8 * 8 + 7 - start % 8 if self._big else start
        self._first = first
        self._byte = 0 if first + self._length <= _WORD else first // 8
        inside = first - 8 * self._byte
        self._fits = inside + self._length <= _WORD
        self._shift = _WORD - inside - self._length if self._big else inside

    def raw(self, words: _Words, data: NDArray[np.uint8]) -> NDArray[Any]:
        """Give the number that stands in each frame, before it is scaled."""
        if not self._fits:
            return self._by_number(data)
        value = words.at(self._byte, big=self._big)
        if self._shift:
            value = value >> np.uint64(self._shift)
        if self._length < _WORD:
            value = value & np.uint64((1 << self._length) - 1)
        if self._float:
            kind = {16: np.float16, 32: np.float32, 64: np.float64}[self._length]
            width = {16: np.uint16, 32: np.uint32, 64: np.uint64}[self._length]
            return value.astype(width).view(kind).astype(np.float64)
        if self._signed:
            spare = np.int64(_WORD - self._length)
            return (value.view(np.int64) << spare) >> spare
        return value.view(np.int64) if self._length < _WORD else value

    def _by_number(self, data: NDArray[np.uint8]) -> NDArray[Any]:
        """Take the signal out of the whole payload as one number; numbers as Python has them.

        Not by cantools: it refuses the whole frame when another signal of it cannot be told.
        """
        order: Literal["big", "little"] = "big" if self._big else "little"
        shift = 8 * data.shape[1] - self._first - self._length if self._big else self._first
        mask, sign = (1 << self._length) - 1, 1 << self._length - 1
        out: list[Any] = []
        for row in data:
            value = int.from_bytes(row.tobytes(), order)
            value = (value >> shift if shift >= 0 else value << -shift) & mask
            if self._float:
                (number,) = struct.unpack(_FLOATS[self._length], value.to_bytes(self._length // 8, "big"))
                out.append(number)
            else:
                out.append(value - 2 * sign if self._signed and value & sign else value)
        return np.array(out, dtype=object)

    def scaled(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Give the numbers in the signal's unit, as cantools calculates them."""
        scale, offset = self._scale, self._offset
        if scale == 1 and offset == 0:
            return raw
        whole = float(scale).is_integer() and float(offset).is_integer() and not self._float
        if raw.dtype == object:
            return np.array([one * scale + offset for one in raw], dtype=object)
        if not whole and self._length > _EXACT_BITS and not self._float:
            # As cantools does: in whole numbers as far as the scale is one.
            return np.array([int(one) * scale + offset for one in raw], dtype=np.float64)
        if not whole:
            return raw * float(scale) + float(offset)
        largest = (1 << self._length) * abs(int(scale)) + abs(int(offset))
        if largest < 1 << 63:
            return raw.astype(np.int64) * int(scale) + int(offset)
        return np.array([int(one) * int(scale) + int(offset) for one in raw], dtype=object)

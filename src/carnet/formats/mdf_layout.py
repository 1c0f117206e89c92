"""Channels of an MDF group: where each lies in a record, and its values by column.

A layout travels with its stream as JSON (`Stream.schema_data`, encoding `mdf4`), so that whoever holds the
stream decodes its messages: a message is a run of whole records as the file has them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIXED, VARIABLE, MASTER, VIRTUAL_MASTER, SYNC, LONGEST, VIRTUAL = range(7)
_UNSIGNED, _SIGNED, _FLOAT, _TEXT, _BYTES = "u", "i", "f", "t", "b"
# Data types of a channel (MDF 4.1, 5.18): kind and byte order, or the coding of a text.
_TYPES: dict[int, tuple[str, str]] = {
    0: (_UNSIGNED, "<"),
    1: (_UNSIGNED, ">"),
    2: (_SIGNED, "<"),
    3: (_SIGNED, ">"),
    4: (_FLOAT, "<"),
    5: (_FLOAT, ">"),
    6: (_TEXT, "latin-1"),
    7: (_TEXT, "utf-8"),
    8: (_TEXT, "utf-16-le"),
    9: (_TEXT, "utf-16-be"),
}
_WORD = 64
_BYTE_ARRAY = 10
LINEAR, RATIONAL, INTERPOLATED, TABLE, RANGES = 1, 2, 4, 5, 6
_MOST_TEXT = 4096
_LETTERS = bytes(n if 32 < n < 127 else 32 for n in range(256))  # noqa: PLR2004 -- printable ASCII


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of a group.

    Attributes:
        name: as the file has it.
        unit: of its physical values, else empty.
        comment: what the file says about it.
        role: kind of channel (MDF 4.1: 0 fixed, 1 variable length, 2 master, ..., 6 virtual).
        type: data type (MDF 4.1, 5.18).
        byte, bit, bits: place in the record and width.
        rule: kind of conversion.
        numbers: its parameters.
        sync: what a master counts: 1 seconds, 2 radians, 3 metres, 4 index.
        invalid: number of its bit among the invalidation bits, or -1.
        link: where its variable values lie in the file.
    """

    name: str
    unit: str = ""
    comment: str = ""
    role: int = FIXED
    type: int = 0
    byte: int = 0
    bit: int = 0
    bits: int = 0
    rule: int = 0
    numbers: tuple[float, ...] = ()
    sync: int = 0
    invalid: int = -1
    link: int = 0

    @property
    def is_text(self) -> bool:
        """Whether its values in the record are text."""
        return self.role != VARIABLE and _TYPES.get(self.type, ("", ""))[0] == _TEXT

    @property
    def is_bytes(self) -> bool:
        """Whether its values in the record are bytes without a meaning of their own."""
        return self.role != VARIABLE and self.type == _BYTE_ARRAY and self.bits >= 8  # noqa: PLR2004 -- one byte

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers that can be computed."""
        kind = _TYPES.get(self.type, ("", ""))[0]
        return self.role in {VIRTUAL, VIRTUAL_MASTER} or (
            self.role != VARIABLE and kind in {_UNSIGNED, _SIGNED, _FLOAT} and 0 < self.bits <= _WORD
        )

    def fits(self, size: int) -> bool:
        """Whether it lies inside a record of this many bytes."""
        if self.role in {VIRTUAL, VIRTUAL_MASTER}:
            return True
        return self.bit < _WORD and self.byte + (self.bit + self.bits + 7) // 8 <= size


@dataclass(frozen=True, slots=True)
class Layout:
    """The records of a group.

    Attributes:
        size: bytes of a record with its invalidation bytes, without a record id.
        payload: bytes of a record without its invalidation bytes.
        start_ns: the time that masters count from, in ns since 1970-01-01 UTC.
        channels: the channels that lie inside.
    """

    size: int
    payload: int
    start_ns: int
    channels: tuple[Channel, ...]

    def to_bytes(self) -> bytes:
        """Give the layout as JSON."""
        return json.dumps(asdict(self)).encode()

    @property
    def master(self) -> Channel | None:
        """The channel that counts seconds, else None."""
        masters = (one for one in self.channels if one.role in {MASTER, VIRTUAL_MASTER})
        return next((one for one in masters if one.sync == 1 and one.is_number), None)

    def rows(self, data: bytes) -> NDArray[np.uint8]:
        """Give records as N x size bytes."""
        count = len(data) // self.size if self.size else 0
        return np.frombuffer(data, np.uint8, count * self.size).reshape(count, self.size)

    def numbers(self, channel: Channel, rows: NDArray[np.uint8], first: int = 0) -> NDArray[np.float64]:
        """Give the physical values of a channel: N, float64, NaN where the record says invalid.

        Args:
            channel: one with `is_number`.
            rows: N x size bytes.
            first: the number of the first record in its group, for virtual channels.
        """
        values: NDArray[np.float64] = converted(channel, self.raw(channel, rows, first).astype(np.float64))
        if channel.invalid >= 0:
            at = self.payload + channel.invalid // 8
            if at < self.size:
                bad = (rows[:, at] >> (channel.invalid % 8)) & 1
                values = np.where(bad, math.nan, values)
        return values

    def raw(self, channel: Channel, rows: NDArray[np.uint8], first: int = 0) -> NDArray[Any]:
        """Give the values as they lie in the records: N numbers, before any conversion."""
        count = len(rows)
        if channel.role in {VIRTUAL, VIRTUAL_MASTER}:
            return np.arange(first, first + count)
        kind, order = _TYPES.get(channel.type, (_UNSIGNED, "<"))
        taken = (channel.bit + channel.bits + 7) // 8
        part = rows[:, channel.byte : channel.byte + taken]
        if part.shape[1] < taken or not taken:
            return np.zeros(count, np.uint64)
        if kind == _FLOAT:
            if channel.bits not in {16, 32, 64}:
                return np.zeros(count, np.uint64)
            return np.ascontiguousarray(part).view(f"{order}f{channel.bits // 8}")[:, 0]
        if order == ">":
            part = part[:, ::-1]
        wide = np.zeros((count, 16), np.uint8)
        wide[:, :taken] = part
        words = wide.view("<u8")
        value = words[:, 0] >> np.uint64(channel.bit)
        if channel.bit:
            value = value | (words[:, 1] << np.uint64(_WORD - channel.bit))
        if channel.bits < _WORD:
            value = value & np.uint64((1 << channel.bits) - 1)
        if kind == _SIGNED:
            shift = np.int64(_WORD - channel.bits)
            return (value.view(np.int64) << shift) >> shift
        return value

    def texts(self, channel: Channel, rows: NDArray[np.uint8]) -> Iterable[str]:
        """Give the different texts of a channel that lies in the record; of bytes, what could be letters."""
        part = np.ascontiguousarray(rows[:, channel.byte : channel.byte + min(channel.bits // 8, _MOST_TEXT)])
        if not part.shape[1]:
            return ()
        if channel.is_bytes:
            return {bytes(one).translate(_LETTERS).decode("ascii").strip() for one in np.unique(part, axis=0)}
        coding = _TYPES[channel.type][1]
        return {text_of(bytes(one), coding) for one in np.unique(part, axis=0)} - {""}


def text_of(data: bytes, coding: str) -> str:
    """Give a text up to its end mark."""
    return data.decode(coding, "replace").partition("\0")[0].strip()


def coding_of(channel: Channel) -> str | None:
    """Give how a channel's texts are written, or None where it holds no text."""
    kind, coding = _TYPES.get(channel.type, ("", ""))
    return coding if kind == _TEXT else None


def converted(channel: Channel, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply a channel's conversion as far as it gives numbers; others leave the number as it is."""
    numbers = np.array(channel.numbers, np.float64)
    with np.errstate(all="ignore"):
        if channel.rule == LINEAR and len(numbers) >= 2:  # noqa: PLR2004 -- P1 + P2 x
            return np.asarray(numbers[0] + numbers[1] * values)
        if channel.rule == RATIONAL and len(numbers) >= 6:  # noqa: PLR2004 -- (P1 x2 + P2 x + P3) / (P4 x2 + P5 x + P6)
            above = numbers[0] * values**2 + numbers[1] * values + numbers[2]
            return np.asarray(above / (numbers[3] * values**2 + numbers[4] * values + numbers[5]))
    if channel.rule in {INTERPOLATED, TABLE} and len(numbers) >= 2:  # noqa: PLR2004 -- pairs
        keys, results = numbers[: len(numbers) // 2 * 2 : 2], numbers[1::2]
        if channel.rule == INTERPOLATED:
            return np.asarray(np.interp(values, keys, results))
        right = np.clip(np.searchsorted(keys, values), 0, len(keys) - 1)
        left = np.maximum(right - 1, 0)
        nearer = np.abs(values - keys[left]) <= np.abs(keys[right] - values)
        return np.asarray(results[np.where(nearer, left, right)])
    if channel.rule == RANGES and len(numbers) >= 4:  # noqa: PLR2004 -- from, to, value, and the default
        out = np.full(len(values), numbers[-1])
        for low, high, result in numbers[: len(numbers) // 3 * 3].reshape(-1, 3)[::-1]:
            out = np.where((values >= low) & (values <= high), result, out)
        return out
    return values


@lru_cache(maxsize=32)
def layout_of(data: bytes) -> Layout:
    """Read a layout from its JSON, as `Layout.to_bytes` wrote it."""
    found = json.loads(data)
    channels = (Channel(**{**one, "numbers": tuple(one["numbers"])}) for one in found.pop("channels"))
    return Layout(**found, channels=tuple(channels))


def named(channels: Sequence[Channel], ending: str) -> Channel | None:
    """Give the channel whose name ends with this part, as `ID` in `CAN_DataFrame.ID`."""
    return next((one for one in channels if one.name.rpartition(".")[2] == ending), None)

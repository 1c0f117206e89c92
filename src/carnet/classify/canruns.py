"""Which frames of many can tell a bus anything: the others need not be looked at one by one.

Every choice here is wide: a frame that is chosen without need costs time, one that is left out would cost a finding.
Frames are classic ones, of at most eight bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carnet.formats.can import CanFrame
from carnet.formats.can_columns import CLASSIC, Frames

_SINGLE, _FIRST, _CONSECUTIVE = 0, 1, 2


def keys_of(frames: Frames) -> NDArray[np.int64]:
    """Give one number for identifier and width: N."""
    return frames.id.astype(np.int64) << 1 | frames.extended


def frames_at(frames: Frames, rows: NDArray[Any]) -> Iterator[CanFrame]:
    """Give some frames one by one."""
    data = frames.data[rows].tobytes()
    columns = (frames.time_ns, frames.id, frames.extended, frames.length)
    for number, (time_ns, name, extended, length) in enumerate(
        zip(*(one[rows].tolist() for one in columns), strict=True)
    ):
        yield CanFrame(time_ns, name, extended, data[number * CLASSIC : number * CLASSIC + length])


def changed(keys: NDArray[np.int64], frames: Frames, known: Collection[int]) -> NDArray[np.intp]:
    """Give the frames whose payload is not that of the frame before them under the same key, in their order.

    Args:
        keys: from `keys_of`.
        frames: the frames.
        known: keys of which no more are needed.
    """
    rows = np.flatnonzero(~np.isin(keys, np.array(sorted(known), np.int64)))
    rows = rows[np.argsort(keys[rows], kind="stable")]
    words = np.ascontiguousarray(frames.data[rows]).view("<u8")[:, 0]
    ordered, lengths = keys[rows], frames.length[rows]
    new = np.ones(len(rows), np.bool_)
    new[1:] = (ordered[1:] != ordered[:-1]) | (words[1:] != words[:-1]) | (lengths[1:] != lengths[:-1])
    return np.sort(rows[new])


def of_long_messages(
    keys: NDArray[np.int64], frames: Frames, skip: int, already: Collection[int], room: int
) -> NDArray[np.intp]:
    """Give the frames that can be part of an ISO-TP message of more than one frame, in their order.

    Args:
        keys: from `keys_of`.
        frames: the frames.
        skip: bytes of address before the protocol's own; they are part of the key.
        already: keys, as this function makes them, under which a message is open.
        room: how many more messages may be open before the first is refused.
    """
    kind = frames.data[:, skip] >> 4
    longer = frames.length.astype(np.int64) - skip
    counts = ((kind == _SINGLE) | (kind == _CONSECUTIVE)) & (longer > 0) | (kind == _FIRST) & (longer > 2)  # noqa: PLR2004 -- as in IsoTp
    if not already and not (counts & (kind == _FIRST)).any():
        return np.zeros(0, np.intp)
    rows = np.flatnonzero(counts)
    under = long_keys(keys, frames, skip)[rows]
    order = np.argsort(under, kind="stable")
    rows, under, kind = rows[order], under[order], kind[rows[order]]
    at = np.arange(len(rows))
    begins = np.ones(len(rows), np.bool_)
    begins[1:] = under[1:] != under[:-1]
    opens = kind == _FIRST
    if int(opens.sum()) <= room:
        # One that is followed by another first or a single frame opens nothing that anybody continues.
        followed = np.zeros(len(rows), np.bool_)
        followed[:-1] = ~begins[1:] & (kind[1:] != _CONSECUTIVE)
        opens &= ~followed
    # The last frame under the same key that is not a continuation, before each.
    ends = np.where(kind != _CONSECUTIVE, at, -1)
    before = np.concatenate(([-1], np.maximum.accumulate(ends)[:-1])) if len(rows) else ends
    group = np.maximum.accumulate(np.where(begins, at, 0))
    has = before >= group
    going = has & opens[before]
    going |= np.isin(under, np.array(sorted(already), np.int64))
    return np.sort(rows[opens | going])


def long_keys(keys: NDArray[np.int64], frames: Frames, skip: int) -> NDArray[np.int64]:
    """Give the keys under which ISO-TP keeps messages, as numbers."""
    return keys << 8 | frames.data[:, 0] if skip else keys

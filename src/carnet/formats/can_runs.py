"""Frames of `can_msgs/msg/Frame` by column; `carnet.formats.can` stays the reference."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carnet.formats.can_columns import CLASSIC, Frames
from carnet.formats.runs import Run

_LENGTH_AT = 12
_FIELDS = 16
_LATEST_NS = 1 << 62


def frames_of_run(run: Run) -> Frames | None:
    """Give the frames of a run; remote and error frames have no payload.

    None where the messages do not all have the length, the order of bytes and the name of the frame of reference as
    long as the first: they are for the reference.
    """
    if run.stream.encoding != "cdr" or not len(run) or int(run.log_time_ns.max()) > _LATEST_NS:
        return None
    first = run.payload(0)
    if len(first) < _LENGTH_AT + 4 or (run.ends - run.starts != len(first)).any():
        return None
    order = "<" if first[1] & 1 else ">"
    (length,) = struct.unpack_from(f"{order}I", first, _LENGTH_AT)
    at = 4 + ((_LENGTH_AT + length + 3) & ~3)
    if at + _FIELDS > len(first):
        return None
    rows = np.arange(len(run))
    heads = run.gathered(rows, 0, _LENGTH_AT + 4)
    told = np.frombuffer(first[_LENGTH_AT : _LENGTH_AT + 4], np.uint8)
    if ((heads[:, 1] ^ first[1]) & 1).any() or (heads[:, _LENGTH_AT:] != told).any():
        return None
    fields = run.gathered(rows, at, _FIELDS)
    number: NDArray[Any] = np.ascontiguousarray(fields[:, :4]).view(f"{order}u4")[:, 0].astype(np.uint32)
    remote, extended, error = (fields[:, column] != 0 for column in (4, 5, 6))
    size = np.where(remote | error, 0, np.minimum(fields[:, 7], CLASSIC)).astype(np.uint8)
    # What lies behind a payload's end is not of it.
    data = np.where(np.arange(CLASSIC) < size[:, None], fields[:, 8:], 0).astype(np.uint8)
    bus = np.zeros(len(run), np.int32)
    return Frames(run.log_time_ns.astype(np.int64), bus, number, extended, size, data, ())

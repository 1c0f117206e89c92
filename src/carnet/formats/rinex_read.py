"""Reads RINEX (2 to 4) and compact RINEX: observations and ephemerides of satellite receivers, as text.

The header says in columns 61 to 80 what stands in columns 1 to 60 (IGS/RTCM, RINEX 3.05, table A2). Observations are
ranges to satellites: a place can be computed from them. Lines are not taken apart.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import BinaryIO

from carnet.formats.reader import Message, OutsideText, Reader, Stream

RINEX = "rinex"
_LABEL = 60
_FIRST = (b"RINEX VERSION / TYPE", b"CRINEX VERS   / TYPE")
_END, _PLACE = "END OF HEADER", "APPROX POSITION XYZ"
_LONGEST_LINE, _MOST_HEADER = 65_536, 2000
# What software writes about the form of the file.
_DULL = frozenset({"RINEX VERSION / TYPE", "CRINEX VERS   / TYPE", _END})


_PART = "it is said to be approximate, and the receiver may have moved"
# WGS 84: semi-major axis in metres and flattening. A receiver on the ground or in the air is so far from the centre.
_AXIS, _FLATTENING = 6_378_137.0, 1 / 298.257223563
_LOWEST_M, _HIGHEST_M = 6_300_000.0, 6_500_000.0


def is_rinex(head: bytes) -> bool:
    """Say whether first bytes are those of RINEX."""
    return head[_LABEL : _LABEL + 20] in _FIRST


class RinexReader(Reader):
    """A RINEX file: its header outside, its lines one stream."""

    format = RINEX

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source
        self._stream = Stream("observations", "records", "carnet/Rinex", encoding="json")
        self._outside: list[OutsideText] = []

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The one stream of lines."""
        return (self._stream,)

    def outside(self) -> tuple[OutsideText, ...]:
        """The lines of the header."""
        self._read_all()
        return tuple(self._outside)

    def messages(self) -> Iterator[Message]:
        """Give every line behind the header."""
        self._source.seek(0)
        self._outside.clear()
        in_header, count = True, 0
        while raw := self._source.readline(_LONGEST_LINE):
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            if not line.strip():
                continue
            if not in_header:
                count += 1
                yield Message(self._stream, 0, 0, json.dumps({"line": line}).encode(), count)
                continue
            label = line[_LABEL:].strip()
            in_header = label != _END and len(self._outside) < _MOST_HEADER
            if label == _PLACE and any(sign in "123456789" for sign in line[:_LABEL]):
                place = _place_of(line)
                self._outside.append(OutsideText("header", label, b"", "position", place=place, part=_PART))
            elif label not in _DULL and line[:_LABEL].strip():
                self._outside.append(OutsideText("header", "", line[:_LABEL].encode()))
        if in_header:
            self.lose("the header of the RINEX file has no end")
        if not count:
            self.block(self.reason or "the RINEX file holds no line behind its header")
        self._complete = True


def _place_of(line: str) -> tuple[float, float] | None:
    """Give latitude and longitude in degrees of geocentric x, y, z in metres (3F14.4); None for what is none.

    By one step of Bowring (*Survey Review* 23, 1976), on the ground exact to less than a millimetre.
    """
    try:
        x, y, z = (float(line[at : at + 14]) for at in (0, 14, 28))
    except ValueError:
        return None
    across = math.hypot(x, y)
    if not _LOWEST_M <= math.hypot(across, z) <= _HIGHEST_M:
        return None
    short = _AXIS * (1 - _FLATTENING)
    first = _FLATTENING * (2 - _FLATTENING)
    second = first / (1 - first)
    turned = math.atan2(z * _AXIS, across * short)
    latitude = math.atan2(
        z + second * short * math.sin(turned) ** 3, across - first * _AXIS * math.cos(turned) ** 3
    )
    return math.degrees(latitude), math.degrees(math.atan2(y, x))

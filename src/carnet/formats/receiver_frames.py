"""Frames that satellite receivers send, one after the other or mixed, with their checks.

u-blox UBX (interface description of generations 8 and later): B5 62, class, number, length, payload, two sums
after RFC 1145's Fletcher. NovAtel OEM7 (Commands and Logs Reference): AA 44 12 with a long header, AA 44 13 with
a short one, both with a CRC-32 that starts at 0 and is not inverted. RTCM 3 (10403.3): D3, ten bits of length,
CRC-24Q. A frame counts only when its check holds.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from itertools import accumulate

UBX, NOVATEL, RTCM = "ubx", "novatel", "rtcm"
LONGEST_FRAME = 65_536 + 256 + 4
# Six bits of an RTCM frame's length are zero.
_START = re.compile(rb"\xb5\x62|\xaa\x44[\x12\x13]|\xd3[\x00-\x03]")
_MOST_TRIED = 32
_SHORT, _LONG = 12, 25
_CRC24 = 0x1864CFB
_PRINTED = bytes([9, 10, 13, *range(32, 127)])


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: who made it, its number (class and number for UBX), GPS week and milliseconds, payload, length."""

    family: str
    number: int
    week: int
    milliseconds: int
    payload: bytes
    length: int


class CutFrameError(Exception):
    """The bytes end within what begins like a frame; caught by readers of frames."""


def next_start(data: bytes, at: int) -> int:
    """Give the next place at which a frame may begin, or the end."""
    found = _START.search(data, at)
    return found.start() if found else len(data)


def frame_at(data: bytes, at: int) -> Frame | None:
    """Give the frame that begins at a place, or None when none does or its check fails.

    Raises:
        CutFrameError: more bytes are wanted to tell.
    """
    if _START.match(data, at) is None:
        return None
    head = data[at : at + 28]
    try:
        if head[0] == 0xB5:  # noqa: PLR2004 -- UBX
            (size,) = struct.unpack_from("<H", head, 4)
            length = size + 8
        elif head[0] == 0xD3:  # noqa: PLR2004 -- RTCM
            length = (head[1] << 8 | head[2]) + 6
        elif head[2] == 0x12:  # noqa: PLR2004 -- the long header, whose length it says itself
            (size,) = struct.unpack_from("<H", head, 8)
            if head[3] < _LONG:
                return None
            length = head[3] + size + 4
        else:
            length = _SHORT + head[3] + 4
    except (struct.error, IndexError) as error:
        raise CutFrameError from error
    if at + length > len(data):
        raise CutFrameError
    return _checked(data[at : at + length])


def _checked(data: bytes) -> Frame | None:
    if data[0] == 0xB5:  # noqa: PLR2004 -- UBX
        body = data[2:-2]
        if data[-2] != sum(body) & 0xFF or data[-1] != sum(accumulate(body)) & 0xFF:
            return None
        return Frame(UBX, data[2] << 8 | data[3], 0, 0, data[6:-2], len(data))
    if data[0] == 0xD3:  # noqa: PLR2004 -- RTCM
        if _crc24(data[:-3]) != int.from_bytes(data[-3:], "big") or len(data) < 8:  # noqa: PLR2004 -- a type
            return None
        return Frame(RTCM, data[3] << 4 | data[4] >> 4, 0, 0, data[3:-3], len(data))
    if zlib.crc32(data[:-4], 0xFFFFFFFF) ^ 0xFFFFFFFF != int.from_bytes(data[-4:], "little"):
        return None
    if data[2] == 0x12:  # noqa: PLR2004 -- the long header
        (number,) = struct.unpack_from("<H", data, 4)
        week, milliseconds = struct.unpack_from("<HI", data, 14)
        return Frame(NOVATEL, number, week, milliseconds, data[data[3] : -4], len(data))
    number, week, milliseconds = struct.unpack_from("<HHI", data, 4)
    return Frame(NOVATEL, number, week, milliseconds, data[_SHORT:-4], len(data))


def _crc24_of(byte: int) -> int:
    crc = byte << 16
    for _ in range(8):
        crc = (crc << 1) ^ (_CRC24 if crc & 0x800000 else 0)
    return crc & 0xFFFFFF


_TABLE24 = tuple(map(_crc24_of, range(256)))


def _crc24(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFFFFFF) ^ _TABLE24[crc >> 16 ^ byte]
    return crc


def is_log(head: bytes) -> bool:
    """Say whether first bytes are of a receiver's log: frames whose checks hold, text at most before them."""
    at = 0
    for _ in range(_MOST_TRIED):
        place = next_start(head, at)
        if place == len(head) or head[at:place].translate(None, _PRINTED):
            return False
        try:
            frame = frame_at(head, place)
        except CutFrameError:
            frame = None
        if frame is not None and (frame.family != RTCM or place == 0):
            return True
        at = place + 1
    return False

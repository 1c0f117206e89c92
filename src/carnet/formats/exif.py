"""EXIF: what cameras write beside a picture, above all texts, a position and a thumbnail.

The form is TIFF (CIPA DC-008, Exif 2.32): byte order, directories of 12-byte entries, values elsewhere. Only
what may identify somebody is taken: text values, whether there is a position, the thumbnail.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from carnet.formats.reader import LONGEST, OutsideText

_EXIF_IFD, _GPS_IFD, _THUMB_AT, _THUMB_LENGTH = 0x8769, 0x8825, 0x0201, 0x0202
_MAKER_NOTE, _USER_COMMENT = 0x927C, 0x9286
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_ASCII, _BYTE, _UNDEFINED = 2, 1, 7
_XP_TAGS = range(0x9C9B, 0x9CA0)
_MOST_ENTRIES = 1000
_LATITUDE, _LONGITUDE = 2, 4
_FRACTIONS = 24


@dataclass(frozen=True, slots=True)
class Exif:
    """What was found: texts by tag number, position or not, thumbnail, whether all of it could be read.

    `place` is latitude and longitude in degrees where both stand there whole.
    """

    texts: tuple[tuple[int, bytes], ...]
    position: bool
    thumbnail: bytes
    whole: bool
    place: tuple[float, float] | None = None


def read_exif(data: bytes) -> Exif:
    """Read a TIFF block as EXIF holds it; never raises: what does not parse is `whole=False`."""
    texts: list[tuple[int, bytes]] = []
    position = False
    thumbnail = b""
    whole = True
    gps: dict[int, bytes] = {}
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        return Exif((), position=False, thumbnail=b"", whole=False)
    seen: set[int] = set()
    try:
        todo = [(struct.unpack_from(f"{order}I", data, 4)[0], "main")]
        while todo:
            at, kind = todo.pop()
            if at in seen or at == 0:
                continue
            seen.add(at)
            (count,) = struct.unpack_from(f"{order}H", data, at)
            if count > _MOST_ENTRIES:
                whole = False
                continue
            thumb = {}
            for number in range(count):
                entry = at + 2 + 12 * number
                tag, form, length = struct.unpack_from(f"{order}HHI", data, entry)
                size = _SIZES.get(form, 1) * length
                place = entry + 8 if size <= 4 else struct.unpack_from(f"{order}I", data, entry + 8)[0]  # noqa: PLR2004 -- a value of four bytes stands in its entry
                if place + size > len(data):
                    whole = False
                    continue
                value = data[place : place + size]
                if tag in {_EXIF_IFD, _GPS_IFD} and kind == "main":
                    todo.append(
                        (
                            struct.unpack_from(f"{order}I", data, entry + 8)[0],
                            "gps" if tag == _GPS_IFD else "exif",
                        )
                    )
                elif kind == "gps":
                    gps[tag] = value
                    position = position or (tag in {_LATITUDE, _LONGITUDE} and bool(value.strip(b"\x00")))
                elif tag in {_THUMB_AT, _THUMB_LENGTH}:
                    thumb[tag] = struct.unpack_from(f"{order}I", data, entry + 8)[0]
                elif tag in _XP_TAGS:
                    texts.append((tag, value.decode("utf-16-le", "replace").rstrip("\x00").encode()))
                elif form == _ASCII or tag in {_USER_COMMENT, _MAKER_NOTE}:
                    texts.append((tag, value.strip(b"\x00")))
            if len(thumb) == 2:  # noqa: PLR2004 -- both place and length
                thumbnail = data[thumb[_THUMB_AT] : thumb[_THUMB_AT] + thumb[_THUMB_LENGTH]]
            if kind == "main":
                todo.append((struct.unpack_from(f"{order}I", data, at + 2 + 12 * count)[0], "main"))
    except struct.error:
        whole = False
    return Exif(tuple(texts), position, thumbnail, whole, _place(gps, order) if position else None)


def exif_outside(data: bytes, where: str = "EXIF") -> tuple[list[OutsideText], bool]:
    """Give what EXIF says beside a picture: texts, place, thumbnail; and whether all of it could be read."""
    found = read_exif(data)
    made = [
        OutsideText(where, f"tag 0x{tag:04x}", text[:LONGEST], whole=len(text) <= LONGEST)
        for tag, text in found.texts
        if text.strip(b"\x00 ")
    ]
    if found.position:
        made.append(OutsideText(where, "GPS", b"", "position", place=found.place))
    if found.thumbnail:
        thumbnail = found.thumbnail[:LONGEST]
        made.append(
            OutsideText(f"{where} thumbnail", "", thumbnail, "picture", whole=thumbnail == found.thumbnail)
        )
    return made, found.whole


def _place(gps: dict[int, bytes], order: str) -> tuple[float, float] | None:
    """Give latitude and longitude in degrees: three fractions each, and a letter for the hemisphere."""
    found = []
    for tag, letters in ((_LATITUDE, b"NS"), (_LONGITUDE, b"EW")):
        value, letter = gps.get(tag, b""), gps.get(tag - 1, b"")[:1]
        if len(value) != _FRACTIONS or not letter or letter not in letters:
            return None
        parts = struct.unpack(f"{order}6I", value)
        if 0 in parts[1::2]:
            return None
        degrees = sum(parts[2 * at] / parts[2 * at + 1] / 60**at for at in range(3))
        found.append(-degrees if letter == letters[1:] else degrees)
    return found[0], found[1]

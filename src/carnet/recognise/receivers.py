"""Lines that satellite receivers write: NMEA 0183 sentences, and NovAtel's logs in ASCII.

NMEA 0183: `$`, talker and type, fields with commas, `*` and the exclusive or of what stands between as two
hexadecimal digits; latitude is ddmm.mmmm and a hemisphere. NovAtel OEM7: `#` or `%`, a name that ends in A, a
header, `;`, fields, `*` and a CRC-32; degrees are decimal.
"""

from __future__ import annotations

import re
from functools import reduce

_NMEA = re.compile(r"\$([A-Z]{2})(GGA|RMC|GLL|GNS),([^*\r\n$]{0,200})(?:\*([0-9A-Fa-f]{2}))?")
_UBLOX = re.compile(r"\$PUBX,00,([^*\r\n$]{0,300})(?:\*([0-9A-Fa-f]{2}))?")
_NOVATEL = re.compile(r"[#%]([A-Z0-9]{2,30})A,[^;\r\n]{0,300};([^*\r\n]{0,400})")
_DEGREES = re.compile(r"(\d{1,3})(\d{2}(?:\.\d{1,10})?)")
# Where latitude stands in the fields behind the type.
_AT = {"GGA": 1, "RMC": 2, "GLL": 0, "GNS": 1}
# Where latitude stands in the fields behind the semicolon.
_NOVATEL_AT = {
    "BESTPOS": 2,
    "PSRPOS": 2,
    "BESTGNSSPOS": 2,
    "RTKPOS": 2,
    "PPPPOS": 2,
    "MARKPOS": 2,
    "INSPVA": 2,
    "INSPVAS": 2,
    "INSPVAX": 2,
    "INSPOS": 2,
    "INSPOSS": 2,
}
_RAW = frozenset({"RANGE", "RANGECMP", "RANGECMP2", "RANGECMP4", "RAWEPHEM", "BESTXYZ", "PSRXYZ", "BESTUTM"})
_LINE = re.compile(r"\s*(?:[$!][A-Z]{2}[A-Z0-9]{3},|\$P[A-Z0-9]{3,}|[#%][A-Z0-9]{2,30}A,[^;]{10,}(?:;|$))")
_LONGEST_PREFIX = 80


def is_line(line: str) -> bool:
    """Say whether a line has the form of a sentence or a log."""
    return _LINE.match(line) is not None


def sentence_in(line: str) -> str:
    """Give a line from where an NMEA sentence begins in it: loggers write their own time before it."""
    at = line.find("$", 1, _LONGEST_PREFIX)
    return line[at:] if at > 0 and not is_line(line) and is_line(line[at:]) else line


def is_raw(line: str) -> bool:
    """Say whether a line is a log from which a place can be computed although no latitude stands in it."""
    match = _NOVATEL.match(line.lstrip())
    return match is not None and match[1] in _RAW


def place_of(line: str) -> tuple[str, float, float] | None:
    """Give type, latitude and longitude in degrees of a line that has a fix; None for any other line."""
    line = line.lstrip()
    match = _NMEA.match(line)
    if match is not None:
        kind, fields, at = match[2], match[3].split(","), _AT[match[2]]
        if match[4] and _sum(line[1 : match.end(3)]) != int(match[4], 16):
            return None
    else:
        match = _UBLOX.match(line)
        if match is None:
            return _place_of_novatel(line)
        kind, fields, at = "PUBX", match[1].split(","), 1
        if match[2] and _sum(line[1 : match.end(1)]) != int(match[2], 16):
            return None
    if len(fields) < at + 4:
        return None
    latitude, longitude = _degrees(fields[at], fields[at + 1]), _degrees(fields[at + 2], fields[at + 3])
    return (kind, latitude, longitude) if latitude is not None and longitude is not None else None


def _place_of_novatel(line: str) -> tuple[str, float, float] | None:
    match = _NOVATEL.match(line)
    at = _NOVATEL_AT.get(match[1]) if match is not None else None
    if match is None or at is None:
        return None
    fields = match[2].split(",")
    try:
        return match[1], float(fields[at]), float(fields[at + 1])
    except (ValueError, IndexError):
        return None


def _sum(text: str) -> int:
    return reduce(lambda total, sign: total ^ (ord(sign) & 0xFF), text, 0)


def _degrees(number: str, hemisphere: str) -> float | None:
    match = _DEGREES.fullmatch(number)
    if match is None or hemisphere not in {"N", "S", "E", "W"}:
        return None
    value = int(match[1]) + float(match[2]) / 60
    return -value if hemisphere in {"S", "W"} else value

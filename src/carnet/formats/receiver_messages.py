"""Messages of satellite receivers: names, what they are in law, and where the fields stand that tell it.

Sources: u-blox 8 / M8 and F9 interface descriptions, NovAtel OEM7 Commands and Logs Reference, RTCM 10403.3. Raw
data, from which a position can be computed, count as one: ranges, phases, subframes, ephemerides.
"""

from __future__ import annotations

import struct
from typing import Any

from carnet.formats.receiver_frames import NOVATEL, RTCM, UBX, Frame

# (field, place in the payload, form after `struct`, what it is multiplied with)
_Fields = tuple[tuple[str, int, str, float], ...]
_LLH_UBX: _Fields = (("longitude", 4, "i", 1e-7), ("latitude", 8, "i", 1e-7), ("height", 12, "i", 1e-3))
_PVT: _Fields = (
    ("longitude", 24, "i", 1e-7),
    ("latitude", 28, "i", 1e-7),
    ("height", 32, "i", 1e-3),
    ("speed", 60, "i", 1e-3),
)
_RAWX: _Fields = (("measurements", 11, "B", 1), ("pseudorange", 16, "d", 1), ("satellite", 37, "B", 1))
_POS: _Fields = (("latitude", 8, "d", 1), ("longitude", 16, "d", 1), ("height", 24, "d", 1))
_INS: _Fields = (("latitude", 12, "d", 1), ("longitude", 20, "d", 1), ("height", 28, "d", 1))
_XYZ: _Fields = (("x", 8, "d", 1), ("y", 16, "d", 1), ("z", 24, "d", 1))
_UTM: _Fields = (("northing", 16, "d", 1), ("easting", 24, "d", 1), ("height", 32, "d", 1))
_VEL: _Fields = (("speed", 16, "d", 1), ("heading", 24, "d", 1), ("climb", 32, "d", 1))
_ATT: _Fields = (("roll", 12, "d", 1), ("pitch", 20, "d", 1), ("heading", 28, "d", 1))
_RANGE: _Fields = (("observations", 0, "I", 1), ("satellite", 4, "H", 1), ("pseudorange", 8, "d", 1))
_P, _D, _L = "location.position", "driving.dynamics", "diagnostics.log"

# (class of message and number) -> (name, class in law, fields)
_UBX: dict[int, tuple[str, str, _Fields]] = {
    0x0101: ("NAV-POSECEF", _P, ()),
    0x0102: ("NAV-POSLLH", _P, _LLH_UBX),
    0x0103: ("NAV-STATUS", _L, ()),
    0x0104: ("NAV-DOP", _L, ()),
    0x0105: ("NAV-ATT", _D, ()),
    0x0106: ("NAV-SOL", _P, ()),
    0x0107: ("NAV-PVT", _P, _PVT),
    0x0109: ("NAV-ODO", _D, ()),
    0x0111: ("NAV-VELECEF", _D, ()),
    0x0112: ("NAV-VELNED", _D, ()),
    0x0113: ("NAV-HPPOSECEF", _P, ()),
    0x0114: ("NAV-HPPOSLLH", _P, (("longitude", 8, "i", 1e-7), ("latitude", 12, "i", 1e-7))),
    0x0120: ("NAV-TIMEGPS", _L, ()),
    0x0121: ("NAV-TIMEUTC", _L, ()),
    0x0122: ("NAV-CLOCK", _L, ()),
    0x0126: ("NAV-TIMELS", _L, ()),
    0x0130: ("NAV-SVINFO", _L, ()),
    0x0135: ("NAV-SAT", _L, ()),
    0x0136: ("NAV-COV", _L, ()),
    0x0139: ("NAV-GEOFENCE", _P, ()),
    0x013B: ("NAV-SVIN", _P, ()),
    0x013C: ("NAV-RELPOSNED", _P, ()),
    0x0143: ("NAV-SIG", _L, ()),
    0x0161: ("NAV-EOE", _L, ()),
    0x0210: ("RXM-RAW", _P, ()),
    0x0211: ("RXM-SFRB", _P, ()),
    0x0213: ("RXM-SFRBX", _P, ()),
    0x0214: ("RXM-MEASX", _P, ()),
    0x0215: ("RXM-RAWX", _P, _RAWX),
    0x0230: ("RXM-ALM", _P, ()),
    0x0231: ("RXM-EPH", _P, ()),
    0x0500: ("ACK-NAK", _L, ()),
    0x0501: ("ACK-ACK", _L, ()),
    0x063D: ("CFG-TMODE2", _P, ()),
    0x0671: ("CFG-TMODE3", _P, ()),
    0x0A04: ("MON-VER", "software.version", ()),
    0x0A09: ("MON-HW", _L, ()),
    0x0B01: ("AID-INI", _P, ()),
    0x0B30: ("AID-ALM", _P, ()),
    0x0B31: ("AID-EPH", _P, ()),
    0x0D01: ("TIM-TP", _L, ()),
    0x0D04: ("TIM-SVIN", _P, ()),
    0x1002: ("ESF-MEAS", _D, ()),
    0x1003: ("ESF-RAW", _D, ()),
    0x1010: ("ESF-STATUS", _L, ()),
    0x1014: ("ESF-ALG", _D, ()),
    0x1015: ("ESF-INS", _D, ()),
    0x1340: ("MGA-INI", _P, ()),
    0x210B: ("LOG-RETRIEVEPOS", _P, ()),
    0x2703: ("SEC-UNIQID", "vehicle_id.device", ()),
    0x2800: ("HNR-PVT", _P, (("longitude", 20, "i", 1e-7), ("latitude", 24, "i", 1e-7))),
}
_NOVATEL: dict[int, tuple[str, str, _Fields]] = {
    7: ("GPSEPHEM", _P, ()),
    8: ("IONUTC", _L, ()),
    37: ("VERSION", "vehicle_id.device", ()),
    41: ("RAWEPHEM", _P, ()),
    42: ("BESTPOS", _P, _POS),
    43: ("RANGE", _P, _RANGE),
    47: ("PSRPOS", _P, _POS),
    83: ("TRACKSTAT", _P, ()),
    93: ("RXSTATUS", _L, ()),
    99: ("BESTVEL", _D, _VEL),
    100: ("PSRVEL", _D, _VEL),
    101: ("TIME", _L, ()),
    140: ("RANGECMP", _P, ()),
    141: ("RTKPOS", _P, _POS),
    174: ("PSRDOP", _L, ()),
    181: ("MARKPOS", _P, _POS),
    241: ("BESTXYZ", _P, _XYZ),
    243: ("PSRXYZ", _P, _XYZ),
    263: ("INSATT", _D, _ATT),
    265: ("INSPOS", _P, _INS),
    267: ("INSVEL", _D, ()),
    268: ("RAWIMU", _D, ()),
    319: ("INSATTS", _D, _ATT),
    321: ("INSPOSS", _P, _INS),
    324: ("INSVELS", _D, ()),
    325: ("RAWIMUS", _D, ()),
    507: ("INSPVA", _P, _INS),
    508: ("INSPVAS", _P, _INS),
    723: ("GLOEPHEMERIS", _P, ()),
    726: ("BESTUTM", _P, _UTM),
    812: ("CORRIMUDATA", _D, ()),
    813: ("CORRIMUDATAS", _D, ()),
    971: ("HEADING", _D, ()),
    1163: ("PSRDOP2", _L, ()),
    1335: ("HEADING2", _D, ()),
    1429: ("BESTGNSSPOS", _P, _POS),
    1430: ("BESTGNSSVEL", _D, _VEL),
    1461: ("RAWIMUX", _D, ()),
    1462: ("RAWIMUSX", _D, ()),
    1465: ("INSPVAX", _P, _POS),
    1945: ("INSCONFIG", _L, ()),
    2051: ("INSSTDEV", _L, ()),
    2052: ("INSSTDEVS", _L, ()),
    2264: ("CORRIMUS", _D, ()),
    2265: ("IMURATECORRIMUS", _D, ()),
}
_FAMILIES = {UBX: _UBX, NOVATEL: _NOVATEL}
_INFORMATION, _UPDATE = 0x04, 0x09
# RTCM: observations, places of stations, ephemerides; the rest says how a receiver does.
_RTCM_POSITION = frozenset({*range(1001, 1013), 1019, 1020, *range(1041, 1047), *range(1071, 1138)})
_LONGEST_PAYLOAD = 4096

CLASSES: dict[str, str] = {
    f"{family}/{name}": data for family, table in _FAMILIES.items() for name, data, _ in table.values()
} | {"rtcm/observations": _P, "ubx/INF": _L, "ubx/UPD": "software.package"}
"""What each named message is in law."""


def name_of(frame: Frame) -> str:
    """Give the name of a frame's message, with its family; its number where no table has it."""
    if frame.family == RTCM:
        return "rtcm/observations" if frame.number in _RTCM_POSITION else f"rtcm/{frame.number}"
    known = _FAMILIES[frame.family].get(frame.number)
    if known is not None:
        return f"{frame.family}/{known[0]}"
    if frame.family == UBX:
        group = frame.number >> 8
        if group in {_INFORMATION, _UPDATE}:
            return "ubx/INF" if group == _INFORMATION else "ubx/UPD"
        return f"ubx/{group:02X}-{frame.number & 0xFF:02X}"
    return f"novatel/{frame.number}"


def values_of(frame: Frame) -> dict[str, Any]:
    """Give the fields of a frame that are known; the payload in hexadecimal digits where none is."""
    known = _FAMILIES.get(frame.family, {}).get(frame.number)
    values: dict[str, Any] = {}
    for field, at, form, scale in known[2] if known else ():
        try:
            (value,) = struct.unpack_from(f"<{form}", frame.payload, at)
        except struct.error:
            continue
        values[field] = value * scale if value == value and abs(value) != float("inf") else None  # noqa: PLR0124 -- nan
    if frame.family == UBX and frame.number >> 8 == _INFORMATION:
        return {"text": frame.payload.decode("ascii", "replace")}
    return values or {"payload": frame.payload[:_LONGEST_PAYLOAD].hex()}

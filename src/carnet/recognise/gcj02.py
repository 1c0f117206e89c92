"""WGS-84 to GCJ-02, where a rule asks for it: the shift of maps in mainland China.

The formula is the one in common use (published by reverse engineering, Krasovsky 1940 ellipsoid), not an official
text; it agrees with published pairs to a metre. Points outside of mainland China stay as they are, by the
country's outline: open converters that test a rough box shift Seoul and Taipei. The shift is a mapping rule and no
privacy measure: it is undone to a tenth of a millimetre (`from_gcj02`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from carnet.errors import RedactionError
from carnet.recognise.areas import in_mainland_china

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Degrees = NDArray[np.float64]

Datum = Literal["WGS-84", "GCJ-02"]
# Each round leaves less than a thousandth of what was off.
_ROUNDS = 8
_AXIS_M = 6_378_245.0
_ECCENTRICITY_SQUARED = 0.006_693_421_622_965_943_23


@dataclass(frozen=True, slots=True)
class Positions:
    """Positions that know their datum, so that none is shifted twice.

    Attributes:
        latitude: degrees, float64.
        longitude: degrees, float64, of the same length.
        datum: what the degrees refer to.
    """

    latitude: Degrees
    longitude: Degrees
    datum: Datum = "WGS-84"


def to_gcj02(positions: Positions) -> Positions:
    """Shift positions; raises `RedactionError` when that was done before."""
    if positions.datum == "GCJ-02":
        raise RedactionError(
            "these positions are GCJ-02 already", where="datum", remedy="shift WGS-84 positions, once"
        )
    inside = in_mainland_china(positions.latitude, positions.longitude)
    latitude, longitude = positions.latitude.copy(), positions.longitude.copy()
    north, east = _shift(latitude[inside], longitude[inside])
    latitude[inside] += north
    longitude[inside] += east
    return Positions(latitude, longitude, "GCJ-02")


def from_gcj02(positions: Positions) -> Positions:
    """Undo the shift, to less than a millimetre; raises `RedactionError` for positions that are not shifted."""
    if positions.datum != "GCJ-02":
        raise RedactionError(
            "these positions are WGS-84 already",
            where="datum",
            remedy="undo the shift of GCJ-02 positions, once",
        )
    latitude, longitude = positions.latitude.copy(), positions.longitude.copy()
    for _ in range(_ROUNDS):
        made = to_gcj02(Positions(latitude, longitude))
        latitude += positions.latitude - made.latitude
        longitude += positions.longitude - made.longitude
    return Positions(latitude, longitude)


def _waves(value: Degrees, terms: tuple[tuple[float, float], ...]) -> Degrees:
    total = np.zeros_like(value)
    for size, frequency in terms:
        total += size * np.sin(value * frequency * math.pi)
    return total * (2.0 / 3.0)


def _shift(latitude: Degrees, longitude: Degrees) -> tuple[Degrees, Degrees]:
    """Give the shift of points in mainland China, in degrees to the north and to the east."""
    x, y = longitude - 105.0, latitude - 35.0
    root, common = np.sqrt(np.abs(x)), _waves(x, ((20.0, 6.0), (20.0, 2.0)))
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + common
    north += _waves(y, ((20.0, 1.0), (40.0, 1 / 3), (160.0, 1 / 12), (320.0, 1 / 30)))
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + common
    east += _waves(x, ((20.0, 1.0), (40.0, 1 / 3), (150.0, 1 / 12), (300.0, 1 / 30)))
    radians = np.radians(latitude)
    magic = 1 - _ECCENTRICITY_SQUARED * np.sin(radians) ** 2
    meridian = _AXIS_M * (1 - _ECCENTRICITY_SQUARED) / (magic * np.sqrt(magic))
    parallel = _AXIS_M / np.sqrt(magic) * np.cos(radians)
    return np.degrees(north / meridian), np.degrees(east / parallel)

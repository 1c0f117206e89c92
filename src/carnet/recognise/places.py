"""Which country a point lies in, as far as coarse outlines can say it.

Outlines are Natural Earth 1:50m: good to a few kilometres, so a point within `MARGIN_KM` of two countries has
none, and a point at sea within the margin of one only has that one. Which territory belongs to whom for a law
is the lawbook's business, not this file's: the outlines have their own view of disputed borders.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from carnet.errors import InputError
from carnet.model.ids import Country

MARGIN_KM = 10.0
DATA_SHA256 = "c44d2c63c916c3ceacf786bc134176f25f0094bf864b35ab28ad774c6509abea"
_KM_PER_DEGREE = 111.195
# Bands of a quarter of a degree.
_BAND = 4
_MOST_LATITUDE, _MOST_LONGITUDE = 90.0, 180.0


@dataclass(frozen=True, slots=True)
class Outline:
    """One ring: its country, the box (west, south, east, north) and the points (longitude, latitude)."""

    code: str | None
    box: tuple[float, float, float, float]
    points: tuple[tuple[float, float], ...]


@cache
def _rings() -> tuple[Outline, ...]:
    packed = files("carnet.recognise").joinpath("data/countries.json.gz").read_bytes()
    if hashlib.sha256(packed).hexdigest() != DATA_SHA256:
        raise InputError(
            "the country outlines are not the ones that this release ships",
            where="recognise/data/countries.json.gz",
            remedy="install carnet again",
        )
    form = json.loads(gzip.decompress(packed))
    (sx, sy), (ox, oy) = form["grid"]["scale"], form["grid"]["origin"]
    shapes = []
    for shape in form["shapes"]:
        for flat in shape["rings"]:
            x = y = 0
            points: list[tuple[float, float]] = []
            for dx, dy in zip(flat[::2], flat[1::2], strict=True):
                x, y = x + dx, y + dy
                points.append((x * sx + ox, y * sy + oy))
            # One entry a ring: far territories must not make every country's box as wide as the world.
            xs, ys = [one[0] for one in points], [one[1] for one in points]
            shapes.append(Outline(shape["code"], (min(xs), min(ys), max(xs), max(ys)), tuple(points)))
    return tuple(shapes)


def outlines() -> tuple[Outline, ...]:
    """Give every ring of every country: holes are rings within rings.

    Raises:
        InputError: the outlines that ship with carnet have been changed.
    """
    return _rings()


Edge = tuple[float, float, float, float]


@cache
def _bands() -> tuple[dict[int, list[Edge]], ...]:
    """Give the edges of every ring by the bands of latitude that they touch: a point asks only those near it."""
    made = []
    for ring in _rings():
        bands: dict[int, list[Edge]] = {}
        x0, y0 = ring.points[-1]
        for x1, y1 in ring.points:
            for band in range(math.floor(min(y0, y1) * _BAND), math.floor(max(y0, y1) * _BAND) + 1):
                bands.setdefault(band, []).append((x0, y0, x1, y1))
            x0, y0 = x1, y1
        made.append(bands)
    return tuple(made)


def _inside(bands: dict[int, list[Edge]], x: float, y: float) -> bool:
    inside = False
    for x0, y0, x1, y1 in bands.get(math.floor(y * _BAND), ()):
        if (y0 > y) != (y1 > y) and x < (x1 - x0) * (y - y0) / (y1 - y0) + x0:
            inside = not inside
    return inside


def _near(bands: dict[int, list[Edge]], x: float, y: float) -> bool:
    """Say whether an edge of the ring is within the margin, on a plane about the point."""
    kx = math.cos(math.radians(y)) * _KM_PER_DEGREE
    ky = _KM_PER_DEGREE
    reach = MARGIN_KM / ky
    for band in range(math.floor((y - reach) * _BAND), math.floor((y + reach) * _BAND) + 1):
        for x0, y0, x1, y1 in bands.get(band, ()):
            ax, ay = (x0 - x) * kx, (y0 - y) * ky
            bx, by = (x1 - x) * kx, (y1 - y) * ky
            if (ax > MARGIN_KM and bx > MARGIN_KM) or (ax < -MARGIN_KM and bx < -MARGIN_KM):
                continue
            dx, dy = bx - ax, by - ay
            length = dx * dx + dy * dy
            share = 0.0 if length == 0 else max(0.0, min(1.0, -(ax * dx + ay * dy) / length))
            if math.hypot(ax + share * dx, ay + share * dy) <= MARGIN_KM:
                return True
    return False


def country_at(latitude: float, longitude: float) -> Country | None:
    """Give the country of a point in WGS-84 degrees; None near a border, at sea, or where nobody says.

    Raises:
        InputError: the outlines that ship with carnet have been changed.
    """
    if not (abs(latitude) <= _MOST_LATITUDE and abs(longitude) <= _MOST_LONGITUDE):
        return None
    dy = MARGIN_KM / _KM_PER_DEGREE
    dx = dy / max(0.01, math.cos(math.radians(latitude)))
    within: dict[str | None, int] = {}
    near: set[str | None] = set()
    for ring, bands in zip(_rings(), _bands(), strict=True):
        west, south, east, north = ring.box
        if west - dx <= longitude <= east + dx and south - dy <= latitude <= north + dy:
            if _inside(bands, longitude, latitude):
                within[ring.code] = within.get(ring.code, 0) + 1
            if _near(bands, longitude, latitude):
                near.add(ring.code)
    # An even count is a hole: a country that lies within another.
    candidates = {code for code, count in within.items() if count % 2} | near
    if len(candidates) != 1:
        return None
    code = candidates.pop()
    return Country(code) if code else None

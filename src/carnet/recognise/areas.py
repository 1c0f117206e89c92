"""Areas on the ground, and which of many points lie in them: circles, polygons, and mainland China.

Positions are WGS-84 degrees in arrays of float64. Distances are on a sphere of 6,371,008.8 m (mean radius of
GRS 80), good to half a percent of those on the ellipsoid, which is finer than any area here needs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from carnet.model.area import Area, Corner
from carnet.recognise.places import Outline, outlines

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Degrees = NDArray[np.float64]
    Flags = NDArray[np.bool_]

EARTH_M = 6_371_008.8
M_PER_DEGREE = EARTH_M * math.pi / 180
_MOST_LATITUDE, _MOST_LONGITUDE = 90.0, 180.0
_SMALLEST_COSINE = 1e-6
_OFFSHORE_M = 20_000.0
# Lines times edges that are looked at together: some 100 MB of memory.
_MOST_PAIRS = 500_000


def distance_m(latitude: Degrees, longitude: Degrees, other: Corner) -> Degrees:
    """Give the distance of each point from one place in metres (haversine)."""
    p, q = np.radians(latitude), math.radians(other[0])
    half = (
        np.sin((q - p) / 2) ** 2 + np.cos(p) * math.cos(q) * np.sin(np.radians(other[1] - longitude) / 2) ** 2
    )
    made: Degrees = 2 * EARTH_M * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    return made


def moved(
    latitude: Degrees, longitude: Degrees, north_m: Degrees, east_m: Degrees
) -> tuple[Degrees, Degrees]:
    """Give points moved by metres to the north and to the east; longitudes stay within -180 to 180."""
    there = np.clip(latitude + north_m / M_PER_DEGREE, -_MOST_LATITUDE, _MOST_LATITUDE)
    scale = M_PER_DEGREE * np.maximum(np.cos(np.radians(there)), _SMALLEST_COSINE)
    return there, wrapped(longitude + east_m / scale)


def wrapped(degrees: Degrees) -> Degrees:
    """Give longitudes, or their differences, within -180 to 180."""
    made: Degrees = (degrees + _MOST_LONGITUDE) % 360.0 - _MOST_LONGITUDE
    return made


def wrapped_one(degrees: float) -> float:
    """Give one longitude within -180 to 180."""
    return (degrees + _MOST_LONGITUDE) % 360.0 - _MOST_LONGITUDE


def inside_ring(latitude: Degrees, longitude: Degrees, ring: Sequence[Corner]) -> Flags:
    """Say which points lie within a closed ring of (latitude, longitude), by the even-odd rule.

    Points are sorted by latitude once, so that each edge looks only at those that it can cross: a country's
    outline over one drive costs little more than its few edges at that latitude.
    """
    order = np.argsort(latitude, kind="stable")
    y, x = latitude[order], longitude[order]
    odd = np.zeros(len(y), dtype=bool)
    corners = np.asarray(ring, dtype=np.float64)
    before = np.roll(corners, 1, axis=0)
    low = np.searchsorted(y, np.minimum(before[:, 0], corners[:, 0]), side="left")
    high = np.searchsorted(y, np.maximum(before[:, 0], corners[:, 0]), side="left")
    for at in np.flatnonzero(high > low):
        part = slice(low[at], high[at])
        (y0, x0), (y1, x1) = before[at], corners[at]
        odd[part] ^= x[part] < (x1 - x0) * (y[part] - y0) / (y1 - y0) + x0
    made = np.empty_like(odd)
    made[order] = odd
    return made


def in_mainland_china(latitude: Degrees, longitude: Degrees) -> Flags:
    """Say which points lie in mainland China, where maps are shifted: not Hong Kong, Macau or Taiwan.

    The outline is Natural Earth's 1:50m, good to a few kilometres, and with its own view of disputed borders: a
    point that near to a border may be told wrongly. Points off its coast (quays and new land) belong to it up to
    `_OFFSHORE_M`, unless another outline is nearer.
    """
    made = np.zeros(len(latitude), dtype=bool)
    open_points = np.zeros(len(latitude), dtype=bool)
    for one in outlines():
        if one.code == "CN":
            made ^= _within(latitude, longitude, one)
            open_points |= _beside(latitude, longitude, one)
    left = np.flatnonzero(open_points & ~made)
    for one in outlines():
        if one.code != "CN" and len(left):
            left = left[~_within(latitude[left], longitude[left], one)]
    if len(left):
        made[left] = _nearest_is_china(latitude[left], longitude[left])
    return made


def _within(latitude: Degrees, longitude: Degrees, outline: Outline) -> Flags:
    west, south, east, north = outline.box
    made = (latitude >= south) & (latitude <= north) & (longitude >= west) & (longitude <= east)
    near = np.flatnonzero(made)
    if len(near):
        made[near] = inside_ring(latitude[near], longitude[near], [(y, x) for x, y in outline.points])
    return made


def _beside(latitude: Degrees, longitude: Degrees, outline: Outline) -> Flags:
    """Say which points lie in a ring's box, grown by what may lie off its coast."""
    west, south, east, north = outline.box
    dy = _OFFSHORE_M / M_PER_DEGREE
    dx = dy / max(0.1, math.cos(math.radians(max(abs(south), abs(north)) + dy)))
    made: Flags = (latitude >= south - dy) & (latitude <= north + dy)
    return made & (longitude >= west - dx) & (longitude <= east + dx)


def _nearest_is_china(latitude: Degrees, longitude: Degrees) -> Flags:
    china = np.full(len(latitude), math.inf)
    others = np.full(len(latitude), math.inf)
    for one in outlines():
        near = np.flatnonzero(_beside(latitude, longitude, one))
        if len(near):
            least = china if one.code == "CN" else others
            found = _distance_to_ring(latitude[near], longitude[near], one)
            least[near] = np.minimum(least[near], found)
    made: Flags = (china <= _OFFSHORE_M) & (china < others)
    return made


def _distance_to_ring(latitude: Degrees, longitude: Degrees, outline: Outline) -> Degrees:
    """Give the distance of points from a ring's line in metres, on a plane about each point; far ones inf."""
    ring = np.asarray(outline.points)[:, ::-1]
    dy = _OFFSHORE_M / M_PER_DEGREE
    least = np.full(len(latitude), math.inf)
    scale = np.cos(np.radians(latitude))
    for before, after in zip(np.roll(ring, 1, axis=0), ring, strict=True):
        low, high = min(before[0], after[0]) - dy, max(before[0], after[0]) + dy
        near = np.flatnonzero((latitude >= low) & (latitude <= high))
        if not len(near):
            continue
        ay, ax = before[0] - latitude[near], (before[1] - longitude[near]) * scale[near]
        by, bx = after[0] - latitude[near], (after[1] - longitude[near]) * scale[near]
        length = (by - ay) ** 2 + (bx - ax) ** 2
        share = -(ay * (by - ay) + ax * (bx - ax)) / np.maximum(length, 1e-18)
        share = np.clip(share, 0.0, 1.0)
        found = np.hypot(ay + share * (by - ay), ax + share * (bx - ax)) * M_PER_DEGREE
        least[near] = np.minimum(least[near], found)
    return least


def in_area(area: Area, latitude: Degrees, longitude: Degrees) -> Flags:
    """Say which points lie in an area."""
    if area.radius_m is not None:
        return distance_m(latitude, longitude, area.corners[0]) <= area.radius_m
    # Corners relative to the first, so that a polygon may lie across the 180th meridian.
    west = area.corners[0][1]
    ring = [(y, wrapped_one(x - west)) for y, x in area.corners]
    return inside_ring(latitude, wrapped(longitude - west), ring)


def clearance_m(area: Area, latitude: Degrees, longitude: Degrees) -> Degrees:
    """Give how far within an area points lie: metres to its edge, 0 on it and outside."""
    within = in_area(area, latitude, longitude)
    if area.radius_m is not None:
        depth = area.radius_m - distance_m(latitude, longitude, area.corners[0])
        return np.where(within, np.maximum(depth, 0.0), 0.0)
    made = np.zeros(len(latitude))
    some = np.flatnonzero(within)
    if len(some):
        y, x = latitude[some], longitude[some]
        made[some] = _distance_to_edges(area, y, x, y, x)
    return made


def distance_of_lines_m(
    area: Area, latitude: Degrees, longitude: Degrees, to_latitude: Degrees, to_longitude: Degrees
) -> Degrees:
    """Give the distance of straight lines from an area in metres; 0 where one touches it or lies in it.

    Each line has a plane of its own about its middle, in which a degree of longitude is as long as there. A line and
    an edge are straight in degrees, hence straight in the plane. Good to half a percent of the distance within some
    ten kilometres of the line; what lies farther away is farther away.

    Args:
        area: the area.
        latitude: of where each line begins, in degrees.
        longitude: likewise.
        to_latitude: of where it ends; the beginning for a single point.
        to_longitude: likewise.
    """
    if area.radius_m is not None:
        centre = area.corners[0]
        ends = np.minimum(
            distance_m(latitude, longitude, centre), distance_m(to_latitude, to_longitude, centre)
        )
        y0, x0, y1, x1, middle, scale = _planes(latitude, longitude, to_latitude, to_longitude)
        cy = (centre[0] - middle[0]) * M_PER_DEGREE
        cx = wrapped(centre[1] - middle[1]) * scale
        between = _from_line(cy, cx, y0, x0, y1, x1)
        return np.maximum(np.minimum(ends, between) - area.radius_m, 0.0)
    made = np.zeros(len(latitude))
    some = np.flatnonzero(~in_area(area, latitude, longitude))
    if len(some):
        made[some] = _distance_to_edges(
            area, latitude[some], longitude[some], to_latitude[some], to_longitude[some]
        )
    return made


def _planes(
    latitude: Degrees, longitude: Degrees, to_latitude: Degrees, to_longitude: Degrees
) -> tuple[Degrees, Degrees, Degrees, Degrees, tuple[Degrees, Degrees], Degrees]:
    """Give lines in metres about their own middles, the middles in degrees, and metres per degree of longitude."""
    rise, run = (to_latitude - latitude) / 2, wrapped(to_longitude - longitude) / 2
    middle = latitude + rise, longitude + run
    scale = M_PER_DEGREE * np.maximum(np.cos(np.radians(middle[0])), _SMALLEST_COSINE)
    y, x = rise * M_PER_DEGREE, run * scale
    return -y, -x, y, x, middle, scale


def _from_line(py: Degrees, px: Degrees, ay: Degrees, ax: Degrees, by: Degrees, bx: Degrees) -> Degrees:
    """Give the distance of points from lines on a plane."""
    dy, dx = by - ay, bx - ax
    share = ((py - ay) * dy + (px - ax) * dx) / np.maximum(dy * dy + dx * dx, 1e-18)
    share = np.clip(share, 0.0, 1.0)
    made: Degrees = np.hypot(py - ay - share * dy, px - ax - share * dx)
    return made


def _distance_to_edges(
    area: Area, latitude: Degrees, longitude: Degrees, to_latitude: Degrees, to_longitude: Degrees
) -> Degrees:
    """Give the distance of lines from the edges of a polygon in metres."""
    ring = np.asarray(area.corners, dtype=np.float64)
    after = np.roll(ring, -1, axis=0)
    y0, x0, y1, x1, middle, scale = _planes(
        latitude[:, None], longitude[:, None], to_latitude[:, None], to_longitude[:, None]
    )
    made = np.empty(len(latitude))
    step = max(1, _MOST_PAIRS // len(ring))
    for start in range(0, len(latitude), step):
        some = slice(start, start + step)
        ay = (ring[:, 0] - middle[0][some]) * M_PER_DEGREE
        ax = wrapped(ring[:, 1] - middle[1][some]) * scale[some]
        by = ay + (after[:, 0] - ring[:, 0]) * M_PER_DEGREE
        bx = ax + wrapped(after[:, 1] - ring[:, 1]) * scale[some]
        p0, q0, p1, q1 = y0[some], x0[some], y1[some], x1[some]
        least = _from_line(p0, q0, ay, ax, by, bx)
        np.minimum(least, _from_line(p1, q1, ay, ax, by, bx), out=least)
        np.minimum(least, _from_line(ay, ax, p0, q0, p1, q1), out=least)
        np.minimum(least, _from_line(by, bx, p0, q0, p1, q1), out=least)
        least[_cross(p0, q0, p1, q1, ay, ax, by, bx)] = 0.0
        made[some] = least.min(axis=1)
    return made


def _cross(
    py: Degrees, px: Degrees, qy: Degrees, qx: Degrees, ay: Degrees, ax: Degrees, by: Degrees, bx: Degrees
) -> Flags:
    """Say which lines p-q cross which lines a-b within both."""

    def side(ty: Degrees, tx: Degrees, uy: Degrees, ux: Degrees, vy: Degrees, vx: Degrees) -> Degrees:
        return (uy - ty) * (vx - tx) - (ux - tx) * (vy - ty)

    apart: Flags = side(py, px, qy, qx, ay, ax) * side(py, px, qy, qx, by, bx) < 0
    return apart & (side(ay, ax, by, bx, py, px) * side(ay, ax, by, bx, qy, qx) < 0)

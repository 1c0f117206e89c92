"""Well-known binary geometry (OGC 06-103r4, and PostGIS' EWKB flags): the points of a shape, in order."""

from __future__ import annotations

import struct

MOST_POINTS = 100_000
"""Points of one shape that are given; a longer one is cut there."""

_DEEPEST = 6
_Z, _M, _SRID = 0x80000000, 0x40000000, 0x20000000
_POINT, _LINE, _POLYGON, _LAST = 1, 2, 3, 7
_DIMENSIONS = {0: 2, 1: 3, 2: 3, 3: 4}


def points_of(data: bytes) -> list[tuple[float, float]] | None:
    """Give the (x, y) of a shape, or None when the bytes are not exactly one shape."""
    points: list[tuple[float, float]] = []
    try:
        end = _shape(data, 0, points, 0)
    except (struct.error, IndexError, ValueError):
        return None
    return points if end == len(data) or len(points) >= MOST_POINTS else None


def _shape(data: bytes, at: int, points: list[tuple[float, float]], depth: int) -> int:
    if data[at] > 1 or depth > _DEEPEST:
        raise ValueError
    order = "<" if data[at] else ">"
    (code,) = struct.unpack_from(f"{order}I", data, at + 1)
    at += 9 if code & _SRID else 5
    plain = code & 0x0FFFFFFF
    numbers = _DIMENSIONS.get(plain // 1000, 0)
    numbers += bool(code & _Z) + bool(code & _M)
    kind = plain % 1000
    if not 2 <= numbers <= 4 or not _POINT <= kind <= _LAST:  # noqa: PLR2004 -- x and y, and at most z and m
        raise ValueError
    if kind == _POINT:
        return _points(data, at, 1, numbers, order, points)
    (count,) = struct.unpack_from(f"{order}I", data, at)
    at += 4
    if kind == _LINE:
        return _points(data, at, count, numbers, order, points)
    for _ in range(count):
        if len(points) >= MOST_POINTS:
            break
        if kind == _POLYGON:
            (inner,) = struct.unpack_from(f"{order}I", data, at)
            at = _points(data, at + 4, inner, numbers, order, points)
        else:
            at = _shape(data, at, points, depth + 1)
    return at


def _points(
    data: bytes, at: int, count: int, numbers: int, order: str, points: list[tuple[float, float]]
) -> int:
    size = 8 * numbers
    if count * size > len(data) - at:
        raise ValueError
    for place in range(at, at + min(count, MOST_POINTS) * size, size):
        x, y = struct.unpack_from(f"{order}dd", data, place)
        points.append((x, y))
    return at + count * size

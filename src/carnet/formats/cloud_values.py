"""Tells from first bytes whether they are a plain lidar sweep, and how many float32 make a point.

A point is x, y, z in metres, a strength of return that is never negative, perhaps a ring or an elongation, perhaps
a time. Read with a wrong width, coordinates come to stand where a strength should, and half of them are negative.
"""

from __future__ import annotations

import math
import struct

_WIDTHS = (4, 5, 6)
_FEWEST = 64
_FAR, _HIGH, _STRONGEST, _LAST_RING = 300.0, 100.0, 65_535.0, 256.0
_SMALLEST = 1e-6
_SPREAD = 1.0


def likely_width(head: bytes, length: int) -> int | None:
    """Give the floats of a point, or None where the evidence is not strong.

    Args:
        head: first bytes of the file.
        length: length of the whole file, or that of the head where nobody knows it.
    """
    numbers = struct.unpack(f"<{len(head) // 4}f", head[: len(head) // 4 * 4])
    fits = [width for width in _WIDTHS if _fits(numbers, width)]
    whole = [width for width in fits if length % (4 * width) == 0]
    return next(iter(whole or fits), None)


def _fits(numbers: tuple[float, ...], width: int) -> bool:
    rows = [numbers[at : at + width] for at in range(0, len(numbers) - width + 1, width)]
    if len(rows) < _FEWEST:
        return False
    for row in rows:
        if not all(math.isfinite(value) and (value == 0 or abs(value) >= _SMALLEST) for value in row):
            return False
        x, y, z, strength = row[:4]
        if abs(x) > _FAR or abs(y) > _FAR or abs(z) > _HIGH or not 0 <= strength <= _STRONGEST:
            return False
        if width > 4 and not 0 <= row[4] <= _LAST_RING:  # noqa: PLR2004 -- a ring or an elongation
            return False
    spreads = [max(line) - min(line) for line in list(zip(*rows, strict=True))[:3]]
    points = {row[:3] for row in rows}
    return max(spreads[:2]) >= _SPREAD and len(points) * 2 > len(rows)


def is_sweep(head: bytes) -> bool:
    """Say whether first bytes are strong evidence of a plain sweep."""
    return likely_width(head, 0) is not None

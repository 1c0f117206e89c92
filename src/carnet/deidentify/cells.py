"""Cells: a metric square grid, H3, and groups of at least k distinct subjects.

The square grid's rows are `size_m` high; each row has as many columns as fit around the earth at its middle, so
that no cell is narrower than `size_m`. H3 (Uber, optional: `carnet[h3]`) has cells of nearly equal area instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from carnet.errors import RedactionError, missing_extra
from carnet.recognise.areas import M_PER_DEGREE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Degrees = NDArray[np.float64]
    Integers = NDArray[np.int64]

SMALLEST_M, LARGEST_M = 1.0, 1_000_000.0
FINEST_H3, COARSEST_H3 = 15, 0
SIZES_M = (250.0, 500.0, 1_000.0, 2_000.0, 4_000.0, 8_000.0, 16_000.0, 32_000.0)
_COLUMN_BITS = 32


def _columns(row: Integers, size_m: float) -> Integers:
    middle = np.radians(np.clip((row + 0.5) * size_m / M_PER_DEGREE, -90, 90))
    made: Integers = np.maximum(1, np.floor(360 * M_PER_DEGREE * np.cos(middle) / size_m)).astype(np.int64)
    return made


def square_cell(latitude: Degrees, longitude: Degrees, size_m: float) -> tuple[Integers, Integers]:
    """Give row and column of each point's cell.

    Args:
        latitude: degrees, WGS-84.
        longitude: degrees, WGS-84.
        size_m: side of a cell in metres, 1 to 1,000,000.

    Raises:
        RedactionError: the size is out of range.
    """
    if not SMALLEST_M <= size_m <= LARGEST_M:
        raise RedactionError("a cell is 1 m to 1,000 km wide", where="cell_m")
    row = np.floor(latitude * M_PER_DEGREE / size_m).astype(np.int64)
    columns = _columns(row, size_m)
    column = np.floor((longitude + 180) / 360 * columns).astype(np.int64) % columns
    return row, column


def square_centre(row: Integers, column: Integers, size_m: float) -> tuple[Degrees, Degrees]:
    """Give latitude and longitude of the centres of cells, in degrees."""
    columns = _columns(row, size_m)
    return (
        np.clip((row + 0.5) * size_m / M_PER_DEGREE, -90, 90),
        (column + 0.5) * 360 / columns - 180,
    )


def to_squares(latitude: Degrees, longitude: Degrees, size_m: float) -> tuple[Degrees, Degrees]:
    """Give each point's cell centre; raises `RedactionError` as `square_cell` does."""
    return square_centre(*square_cell(latitude, longitude, size_m), size_m)


def to_h3(latitude: Degrees, longitude: Degrees, resolution: int) -> tuple[Degrees, Degrees]:
    """Give the centre of each point's H3 cell.

    Args:
        latitude: degrees, WGS-84.
        longitude: degrees, WGS-84.
        resolution: 0 (1,108 km from centre to corner) to 15 (half a metre).

    Raises:
        MissingExtraError: the library h3 is not installed.
        RedactionError: the resolution is out of range.
    """
    if not COARSEST_H3 <= resolution <= FINEST_H3:
        raise RedactionError("H3 has resolutions 0 to 15", where="h3_resolution")
    try:
        import h3
    except ImportError as error:
        raise missing_extra(
            error, "H3 cells need the library h3", remedy="pip install 'carnet[h3]', or use cell_m"
        ) from error
    # h3 takes one point a call: each different point is asked for once.
    points, back = np.unique(np.stack([latitude, longitude], axis=1), axis=0, return_inverse=True)
    centres: dict[str, tuple[float, float]] = {}
    made = np.empty_like(points)
    for at, (y, x) in enumerate(points):
        cell = h3.latlng_to_cell(float(y), float(x), resolution)
        if cell not in centres:
            centres[cell] = h3.cell_to_latlng(cell)
        made[at] = centres[cell]
    made = made[back.reshape(-1)]
    return made[:, 0], made[:, 1]


def to_crowds(
    latitude: Degrees,
    longitude: Degrees,
    subject: Integers,
    k: int,
    sizes_m: Sequence[float] = SIZES_M,
) -> tuple[Degrees, Degrees, Degrees]:
    """Coarsen each point until its group has at least k distinct subjects.

    Sizes are tried from fine to coarse. A point counts only in the group in which it comes out: a coarse cell
    minus the finer ones inside it, which anybody can subtract, still has k subjects. Subjects are counted, not
    points: a car that stands all night is one.

    Args:
        latitude: degrees, WGS-84.
        longitude: degrees, WGS-84.
        subject: who each point belongs to, as any number.
        k: how many distinct subjects a group has at least.
        sizes_m: sides of the square cells in metres, ascending.

    Returns:
        Latitude and longitude of the cell's centre and the cell's side in metres; NaN for points that even the
        coarsest cell leaves among fewer than k subjects: these must not be given away.

    Raises:
        RedactionError: k is not a number from 1.
    """
    if k < 1:
        raise RedactionError("a group has one subject or more", where="k")
    out = np.full((3, len(latitude)), math.nan)
    left = np.arange(len(latitude))
    for size in sizes_m:
        if not len(left):
            break
        row, column = square_cell(latitude[left], longitude[left], size)
        cells, cell = np.unique(row << _COLUMN_BITS | column, return_inverse=True)
        pairs = np.unique(np.stack([cell, subject[left]], axis=1), axis=0)
        enough = np.bincount(pairs[:, 0], minlength=len(cells))[cell] >= k
        out[:2, left[enough]] = square_centre(row[enough], column[enough], size)
        out[2, left[enough]] = size
        left = left[~enough]
    return out[0], out[1], out[2]

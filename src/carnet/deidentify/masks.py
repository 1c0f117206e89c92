"""Masks: a fixed grid of cell means over a box. What was inside a cell cannot be computed back.

A blur can be undone in part when its strength does not grow with the box; sixteen means cannot, whatever the
size. The grid is that of the Argoverse data set's faces (there 5 x 5), after Google Street View's lesson that
a mask must hold when the picture is enlarged (Frome et al., ICCV 2009).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carnet.detectors.box import Box

GROWN = 0.12
"""Share of its width and height by which a box is grown on each side before it is masked."""

CELLS = 4
"""Cells a side."""


def bounds(box: Box, width: int, height: int, grown: float = GROWN) -> tuple[int, int, int, int] | None:
    """Give left, top, right, bottom in whole pixels of the grown box inside the picture, rounded outwards."""
    larger = box.grown(grown)
    left, top = max(0, math.floor(larger.x)), max(0, math.floor(larger.y))
    right, bottom = min(width, math.ceil(larger.x + larger.w)), min(height, math.ceil(larger.y + larger.h))
    return (left, top, right, bottom) if right > left and bottom > top else None


def edges(start: int, stop: int, cells: int = CELLS) -> NDArray[np.intp]:
    """Give where cells begin and end along one side; a cell of one pixel would pass that pixel on."""
    return np.linspace(start, stop, max(1, min(cells, (stop - start) // 2)) + 1).astype(np.intp)


def mask_area(plane: NDArray[Any], area: tuple[int, int, int, int], cells: int = CELLS) -> None:
    """Put the mean of each of `cells` x `cells` parts of an area in place of its pixels.

    Args:
        plane: H x W or H x W x C, of whole numbers; changed in place.
        area: left, top, right, bottom in whole pixels, the last two exclusive.
        cells: how many parts a side; fewer where the area is smaller than that.
    """
    left, top, right, bottom = area
    across, down = edges(left, right, cells), edges(top, bottom, cells)
    for row in range(len(down) - 1):
        for column in range(len(across) - 1):
            cell = plane[down[row] : down[row + 1], across[column] : across[column + 1]]
            cell[...] = np.rint(cell.mean(axis=(0, 1))).astype(plane.dtype)


def mask_picture(image: NDArray[Any], boxes: Iterable[Box]) -> int:
    """Mask boxes in a picture of whole pixels (H x W or H x W x C), in place; gives how many lay inside it."""
    height, width = image.shape[:2]
    done = 0
    for box in boxes:
        area = bounds(box, width, height)
        if area is not None:
            mask_area(image, area)
            done += 1
    return done


def mask_planes(
    planes: Iterable[tuple[NDArray[Any], int, int]], boxes: Iterable[Box], width: int, height: int
) -> int:
    """Mask boxes in a picture of several planes, some of lower resolution, in place.

    Args:
        planes: for each plane its pixels and by how much it is smaller across and down (1 or 2).
        boxes: in pixels of the full picture.
        width: of the full picture.
        height: of the full picture.

    Returns:
        How many boxes lay inside the picture.
    """
    areas = [area for area in (bounds(box, width, height) for box in boxes) if area is not None]
    for plane, across, down in planes:
        for left, top, right, bottom in areas:
            mask_area(
                plane,
                (
                    left // across,
                    top // down,
                    min(plane.shape[1], -(-right // across)),
                    min(plane.shape[0], -(-bottom // down)),
                ),
            )
    return len(areas)

"""Masks: an even grey over a box. Nothing of what was there stays, not even its colour.

A blur can be undone in part when its strength does not grow with the box. A grid of cell means cannot, and looks
better; but whoever holds a photograph of the person masks it in the same way and compares: of 336 faces under 4 x 4
means he matched 332, under an even grey as many as by chance (`make attack`).
That a mask must hold when the picture is enlarged is Google Street View's lesson (Frome et al., ICCV 2009).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from carnet.detectors.box import Box

GROWN = 0.12
"""Share of its width and height by which a box is grown on each side before it is masked."""

_OPENCV_CHANNELS = 4

CELLS = 4
"""Cells a side, of a grid of means."""

SOLID = 0
"""In place of a number of cells: an even grey."""


def bounds(box: Box, width: int, height: int, grown: float = GROWN) -> tuple[int, int, int, int] | None:
    """Give left, top, right, bottom in whole pixels of the grown box inside the picture, rounded outwards."""
    larger = box.grown(grown)
    left, top = max(0, math.floor(larger.x)), max(0, math.floor(larger.y))
    right, bottom = min(width, math.ceil(larger.x + larger.w)), min(height, math.ceil(larger.y + larger.h))
    return (left, top, right, bottom) if right > left and bottom > top else None


def edges(start: int, stop: int, cells: int = CELLS) -> NDArray[np.intp]:
    """Give where cells begin and end along one side; a cell of one pixel would pass that pixel on."""
    parts = max(1, min(cells, (stop - start) // 2))
    return np.array([start + (stop - start) * part // parts for part in range(parts + 1)], dtype=np.intp)


def grey_of(plane: NDArray[Any]) -> int:
    """Give the middle of the values that a plane can have: of brightness grey, of colour none.

    Samples of more than eight bits are stored in sixteen; how many of them are used shows at the largest.
    """
    if plane.dtype.itemsize == 1:
        return 128
    return 1 << max(0, int(plane.max(initial=0)).bit_length() - 1)


def mask_area(plane: NDArray[Any], area: tuple[int, int, int, int], cells: int = SOLID) -> None:
    """Put an even grey, or the mean of each of `cells` x `cells` parts of an area, in place of its pixels.

    Args:
        plane: H x W or H x W x C, of whole numbers; changed in place.
        area: left, top, right, bottom in whole pixels, the last two exclusive.
        cells: `SOLID`, or how many parts a side; fewer where the area is smaller than that.
    """
    left, top, right, bottom = area
    if cells == SOLID:
        plane[top:bottom, left:right] = grey_of(plane)
        return
    across, down = edges(left, right, cells).tolist(), edges(top, bottom, cells).tolist()
    channels = 1 if plane.ndim == 2 else plane.shape[2]  # noqa: PLR2004 - height and width alone
    fast = plane.dtype in (np.uint8, np.uint16) and channels <= _OPENCV_CHANNELS
    for upper, lower in itertools.pairwise(down):
        for begin, end in itertools.pairwise(across):
            cell = plane[upper:lower, begin:end]
            mean = cv2.mean(cell)[:channels] if fast else cell.mean(axis=(0, 1))
            cell[...] = np.rint(mean) if channels > 1 or not fast else round(mean[0])


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


def copy_masked(
    target: Iterable[NDArray[Any]],
    source: Iterable[NDArray[Any]],
    chroma: tuple[int, int],
    boxes: Iterable[Box],
    size: tuple[int, int],
) -> None:
    """Copy a frame's three planes and mask boxes in the copy: a decoder may still need its own frame.

    Args:
        target: planes of the copy, brightness first.
        source: planes of the frame.
        chroma: how many pixels across and down share one sample of colour.
        boxes: in pixels of the frame.
        size: width and height of the frame.
    """
    planes = list(target)
    for plane, pixels in zip(planes, source, strict=True):
        plane[...] = pixels
    steps = ((1, 1), chroma, chroma)
    mask_planes(((plane, *step) for plane, step in zip(planes, steps, strict=True)), boxes, *size)

"""Where boxes go from one frame to the next: sparse optical flow on a small grey copy.

Method: Lucas and Kanade, *An Iterative Image Registration Technique*, IJCAI 1981, in Bouguet's pyramid form as
OpenCV has it. A box moves by the median of what a grid of points in it does, and grows by the median change of
their distances; a box whose points are lost goes on as it last moved.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]
"""N x 4: left, top, width, height, in pixels of the full picture."""

LONG_SIDE = 640
"""Pixels of the longer side of the grey copy."""

_POINTS = 4
_WINDOW, _LEVELS = (13, 13), 3
# Around a small box the larger window would see more of what is behind it.
_SMALL, _SMALL_WINDOW = 18, (7, 7)
_INNER = 0.12
_LEAST_SEEN = 5
_MOST_GROWN = 0.08
_ROUNDS = (3, 12, 0.03)
# Points on opposite sides and in opposite corners of the grid.
_PAIRS = (
    np.array([0, 1, 2, 3, 0, 4, 8, 12, 0, 3, 1, 4]),
    np.array([12, 13, 14, 15, 3, 7, 11, 15, 15, 12, 14, 11]),
)
_CUT_SIDE = (64, 36)
_CUT = 28.0
_CUT_SHAPE = 0.5


@dataclass(frozen=True, slots=True)
class Small:
    """The grey copy of a frame.

    Attributes:
        grey: H x W, 8 bits, the longer side at most `LONG_SIDE` pixels.
        scale: pixels of the full picture for one of the copy, across and down.
    """

    grey: NDArray[np.uint8]
    scale: tuple[float, float]


def small(luma: NDArray[np.uint8], long_side: int = LONG_SIDE) -> Small:
    """Make the grey copy of a brightness plane (H x W)."""
    height, width = luma.shape
    factor = min(1.0, long_side / max(width, height))
    across, down = max(1, round(width * factor)), max(1, round(height * factor))
    if (across, down) == (width, height):
        return Small(luma.copy(), (1.0, 1.0))
    grey = cv2.resize(luma, (across, down), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return Small(grey, (width / across, height / down))


def is_cut(before: Small, after: Small) -> bool:
    """Say whether another scene begins: pixels differ much, and so does what is left after a change of light.

    A car that drives at night under a lamp changes its brightness from frame to frame, and is no cut.
    """
    if before.grey.shape != after.grey.shape:
        return True
    one, other = (
        cv2.resize(copy.grey, _CUT_SIDE, interpolation=cv2.INTER_AREA).astype(np.float64)
        for copy in (before, after)
    )
    if float(np.abs(one - other).mean()) < _CUT:
        return False
    one, other = one - one.mean(), other - other.mean()
    norm = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return norm == 0 or float((one * other).sum()) / norm < _CUT_SHAPE


def moved(before: Small, after: Small, boxes: Boxes, last: Boxes | None = None) -> tuple[Boxes, Boxes]:
    """Carry boxes from one frame to the next one, or to the one before.

    Args:
        before: the frame where the boxes are.
        after: the frame where they shall be.
        boxes: N x 4.
        last: how each moved in the step before (N x 2, pixels), where that is known.

    Returns:
        The boxes there, and how each moved (N x 2, pixels); one whose points are lost moves as it last did.
    """
    count = len(boxes)
    held = np.zeros((count, 2)) if last is None else last
    if not count or before.grey.shape != after.grey.shape:
        return boxes.copy(), held.copy()
    scale = np.array(before.scale)
    steps = np.linspace(_INNER, 1 - _INNER, _POINTS)
    across, down = np.meshgrid(steps, steps)
    grid = np.stack([across.ravel(), down.ravel()], axis=1)
    points = (boxes[:, None, :2] + grid[None] * boxes[:, None, 2:]) / scale
    height, width = before.grey.shape
    inside = ((points >= 0) & (points <= np.array([width - 1, height - 1]))).all(axis=2)
    target, seen = points.copy(), np.zeros(points.shape[:2], dtype=np.bool_)
    narrow = (boxes[:, 2:] / scale).min(axis=1) < _SMALL
    for which, window in ((narrow, _SMALL_WINDOW), (~narrow, _WINDOW)):
        if not which.any():
            continue
        flat = points[which].reshape(-1, 1, 2).astype(np.float32)
        guess = (points[which] + (held / scale)[which, None]).reshape(-1, 1, 2).astype(np.float32)
        there, status, _error = cv2.calcOpticalFlowPyrLK(
            before.grey,
            after.grey,
            flat,
            guess,
            winSize=window,
            maxLevel=_LEVELS,
            criteria=_ROUNDS,
            flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )
        target[which] = there.reshape(-1, points.shape[1], 2)
        seen[which] = status.reshape(-1, points.shape[1]) > 0
    good = inside & seen
    enough = good.sum(axis=1) >= _LEAST_SEEN
    steps_made = held.copy()
    if enough.any():
        steps_made[enough] = _median(target - points, good[:, :, None])[enough] * scale
    grown = _growth(points, target, good)
    made = boxes.copy()
    made[:, :2] += steps_made + boxes[:, 2:] * (1 - grown[:, None]) / 2
    made[:, 2:] *= grown[:, None]
    return made, steps_made


def _growth(
    points: NDArray[np.float64], target: NDArray[np.float64], good: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Give the median change of the distances between points (N x K x 2), within what a step can bring."""
    first, second = _PAIRS
    was = np.linalg.norm(points[:, first] - points[:, second], axis=2)
    now = np.linalg.norm(target[:, first] - target[:, second], axis=2)
    usable = good[:, first] & good[:, second]
    change = _median(now / np.maximum(was, 1e-6), usable)
    grown = np.where(usable.sum(axis=1) >= _LEAST_SEEN, change, 1.0)
    return np.clip(grown, 1 - _MOST_GROWN, 1 + _MOST_GROWN)


def _median(values: NDArray[np.float64], good: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give the median over the second axis of what is good; 0 where nothing is."""
    count = np.broadcast_to(good, values.shape).sum(axis=1, keepdims=True)
    row = np.sort(np.where(good, values, np.inf), axis=1)
    low = np.take_along_axis(row, np.maximum(count - 1, 0) // 2, axis=1)
    high = np.take_along_axis(row, np.minimum(count // 2, values.shape[1] - 1), axis=1)
    made = np.where(count > 0, np.where(np.isfinite(low + high), (low + high) / 2, 0.0), 0.0)
    return np.asarray(made[:, 0], dtype=np.float64)

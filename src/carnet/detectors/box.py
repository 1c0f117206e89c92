"""What a detector says: boxes in pixels of the picture it was given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""H x W x 3, blue-green-red, 8 bits."""


@dataclass(frozen=True, slots=True)
class Box:
    """One finding: top left corner and size in pixels of the picture, and the detector's score (0 to 1)."""

    x: float
    y: float
    w: float
    h: float
    score: float

    def grown(self, share: float) -> Box:
        """Give the box with `share` of its width and height added on each of the four sides."""
        return Box(
            self.x - share * self.w,
            self.y - share * self.h,
            self.w * (1 + 2 * share),
            self.h * (1 + 2 * share),
            self.score,
        )

    def covered_by(self, other: Box) -> float:
        """Give the share (0 to 1) of this box that lies inside another one."""
        width = min(self.x + self.w, other.x + other.w) - max(self.x, other.x)
        height = min(self.y + self.h, other.y + other.h) - max(self.y, other.y)
        area = self.w * self.h
        return max(0.0, width) * max(0.0, height) / area if area > 0 else 0.0


def keep_best(corners: NDArray[np.float32], scores: NDArray[np.float32], overlap: float) -> NDArray[np.intp]:
    """Greedy non-maximum suppression.

    Args:
        corners: N x 4: left, top, right, bottom.
        scores: N.
        overlap: boxes whose intersection over union with a better one exceeds this are left out.

    Returns:
        Indices of the boxes that stay, best first.
    """
    areas = np.maximum(corners[:, 2] - corners[:, 0], 0) * np.maximum(corners[:, 3] - corners[:, 1], 0)
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while order.size:
        best = int(order[0])
        kept.append(best)
        rest = order[1:]
        width = np.minimum(corners[best, 2], corners[rest, 2]) - np.maximum(
            corners[best, 0], corners[rest, 0]
        )
        height = np.minimum(corners[best, 3], corners[rest, 3]) - np.maximum(
            corners[best, 1], corners[rest, 1]
        )
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        union = areas[best] + areas[rest] - shared
        order = rest[shared <= overlap * np.maximum(union, 1e-9)]
    return np.asarray(kept, dtype=np.intp)


def boxes_of(corners: NDArray[np.float32], scores: NDArray[np.float32], width: int, height: int) -> list[Box]:
    """Clip corners to the picture and give them as boxes; what has no area inside it is left out."""
    found = []
    limits = np.array([width, height, width, height], dtype=np.float32)
    for (left, top, right, bottom), score in zip(np.clip(corners, 0, limits), scores, strict=True):
        if right > left and bottom > top:
            found.append(Box(float(left), float(top), float(right - left), float(bottom - top), float(score)))
    return found


def best_boxes(
    passes: Iterable[tuple[NDArray[np.float32], NDArray[np.float32]]], overlap: float, width: int, height: int
) -> list[Box]:
    """Join what several looks at one picture found: the best of what overlaps, clipped to the picture.

    Args:
        passes: at least one pair of corners (N x 4: left, top, right, bottom, in pixels) and scores (N).
        overlap: see `keep_best`.
        width: of the picture, in pixels.
        height: likewise.

    Returns:
        Boxes, best first.
    """
    all_corners, all_scores = zip(*passes, strict=True)
    corners, scores = np.concatenate(all_corners), np.concatenate(all_scores)
    kept = keep_best(corners, scores, overlap)
    return boxes_of(corners[kept], scores[kept], width, height)


def as_bgr(picture: NDArray[np.generic]) -> Picture:
    """Give a decoded picture as H x W x 3 with 8 bits, whatever OpenCV made of the file.

    Grey pictures get three equal channels, an alpha channel is left out, 16-bit values keep their upper 8
    bits.

    Raises:
        ValueError: for an array that is no picture of 8 or 16 bits with 1, 3 or 4 channels.
    """
    if picture.dtype == np.uint16:
        picture = (picture >> 8).astype(np.uint8)  # type: ignore[operator] # an integer dtype, tested above
    if picture.dtype != np.uint8:
        raise ValueError("a picture has 8 or 16 bits a channel")
    pixels: Picture = picture.astype(np.uint8, copy=False)
    match pixels.shape:
        case (height, width) | (height, width, 1) if height and width:
            return np.repeat(pixels.reshape(height, width, 1), 3, axis=2)
        case (height, width, 3 | 4) if height and width:
            return np.ascontiguousarray(pixels[:, :, :3])
        case _:
            raise ValueError("a picture has height, width, and 1, 3 or 4 channels")

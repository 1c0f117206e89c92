"""Fisheye pictures, looked at through flat views: detectors learned from flat pictures.

Model: equidistant projection (Kannala and Brandt, *A Generic Camera Model*, IEEE TPAMI 2006, first term): a ray
at angle t from the axis falls at the distance f * t from the middle. Seven flat views of 94 degrees, one ahead
and six around it, cover what lies within 95 degrees of the axis; findings go back as boxes around their outlines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from carnet.deidentify.find import Finding
from carnet.detectors.box import Box, Picture

VIEW_DEG = 94.0
_AROUND, _TILT_DEG = 6, 60.0
_LARGEST_VIEW = 1600
_EDGE_POINTS = 9
_COVERED = 0.85
Rays = NDArray[np.float64]
"""... x 3: right, down, ahead."""


@dataclass(frozen=True, slots=True)
class Lens:
    """A picture's projection.

    Attributes:
        width: of the picture in pixels.
        height: likewise; the axis falls on the middle.
        fov_deg: the angle that the picture's width spans.
    """

    width: int
    height: int
    fov_deg: float

    @property
    def focal(self) -> float:
        """Pixels for one radian."""
        return self.width / math.radians(self.fov_deg)

    def pixels(self, rays: Rays) -> NDArray[np.float64]:
        """Give where rays fall (... x 2, across and down)."""
        across = np.hypot(rays[..., 0], rays[..., 1])
        away = self.focal * np.arctan2(across, rays[..., 2]) / np.maximum(across, 1e-12)
        middle = np.array([(self.width - 1) / 2, (self.height - 1) / 2])
        return np.asarray(rays[..., :2] * away[..., None] + middle)

    def rays(self, pixels: NDArray[np.float64]) -> Rays:
        """Give the rays that fall on pixels (... x 2)."""
        offset = pixels - np.array([(self.width - 1) / 2, (self.height - 1) / 2])
        away = np.hypot(offset[..., 0], offset[..., 1])
        angle = away / self.focal
        flat = offset * (np.sin(angle) / np.maximum(away, 1e-12))[..., None]
        return np.concatenate([flat, np.cos(angle)[..., None]], axis=-1)


@dataclass(frozen=True, slots=True)
class View:
    """A flat view: its side in pixels, the same scale as the lens has in its middle, and where it looks."""

    side: int
    turn: NDArray[np.float64]
    across: NDArray[np.float32]
    down: NDArray[np.float32]

    def rays(self, pixels: NDArray[np.float64]) -> Rays:
        """Give the rays through pixels of the view (... x 2)."""
        flat = (pixels - (self.side - 1) / 2) / (self.side / 2) * math.tan(math.radians(VIEW_DEG / 2))
        ahead = np.concatenate([flat, np.ones((*flat.shape[:-1], 1))], axis=-1)
        return np.asarray(ahead @ self.turn.T)


class Views:
    """The flat views of one lens."""

    def __init__(self, lens: Lens) -> None:
        self.lens = lens
        side = min(_LARGEST_VIEW, max(64, round(2 * lens.focal * math.tan(math.radians(VIEW_DEG / 2)))))
        self.views = tuple(self._view(side, turn) for turn in _turns())

    def _view(self, side: int, turn: NDArray[np.float64]) -> View:
        bare = View(side, turn, np.empty(0, np.float32), np.empty(0, np.float32))
        grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).astype(np.float64)
        there = self.lens.pixels(bare.rays(grid)).astype(np.float32)
        return replace(bare, across=there[..., 0].copy(), down=there[..., 1].copy())

    def find(self, image: Picture, find: Callable[[Picture], Iterable[Finding]]) -> list[Finding]:
        """Look at a picture through every view.

        Args:
            image: H x W x 3, of the lens's size.
            find: gives the findings of a flat picture.

        Returns:
            What was found, in pixels of the picture.
        """
        found: list[Finding] = []
        for view in self.views:
            flat = cv2.remap(image, view.across, view.down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
            for one in find(np.asarray(flat, dtype=np.uint8)):
                box = self._back(view, one.box)
                if box is not None and not any(
                    other.label == one.label and box.covered_by(other.box) >= _COVERED for other in found
                ):
                    found.append(Finding(one.label, box, one.by))
        return found

    def _back(self, view: View, box: Box) -> Box | None:
        """Give the box around a view's box in the picture; None where it lies outside."""
        part = np.linspace(0, 1, _EDGE_POINTS)
        ends = np.stack([np.zeros_like(part), np.ones_like(part)])
        edges = [np.stack([part, end], axis=1) for end in ends] + [
            np.stack([end, part], axis=1) for end in ends
        ]
        outline = np.concatenate(edges) * np.array([box.w, box.h]) + np.array([box.x, box.y])
        there = self.lens.pixels(view.rays(outline))
        left, top = np.maximum(there.min(axis=0), 0)
        right, bottom = np.minimum(there.max(axis=0), [self.lens.width, self.lens.height])
        if right - left < 1 or bottom - top < 1:
            return None
        return Box(float(left), float(top), float(right - left), float(bottom - top), box.score)


def _turns() -> list[NDArray[np.float64]]:
    """Give the rotations of the views: ahead, and around it, each kept upright."""
    made = [np.eye(3)]
    for number in range(_AROUND):
        way = 2 * math.pi * number / _AROUND
        tilt = math.radians(_TILT_DEG)
        yaw = math.atan2(math.sin(tilt) * math.cos(way), math.cos(tilt))
        pitch = -math.asin(math.sin(tilt) * math.sin(way))
        turn_y = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
        turn_x = np.array(
            [[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]]
        )
        made.append(turn_y @ turn_x)
    return made

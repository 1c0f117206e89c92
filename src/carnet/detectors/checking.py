"""Detectors that check a redaction: never the ones that masked.

Faces by BlazeFace, full range (Bazarevsky et al., *BlazeFace: Sub-millisecond Neural Face Detection on Mobile
GPUs*, 2019), on overlapping tiles, since it sees 192 x 192 pixels at a time. Plates by text detection with
differentiable binarisation (Liao et al., *Real-time Scene Text Detection with Differentiable Binarization*,
AAAI 2020; network of PP-OCRv4): a plate that can be read is text in the shape of a plate. It also reports
signs and adverts; what that means for a check is said where checks are made.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from carnet.detectors.box import Box, Picture, best_boxes, boxes_of
from carnet.detectors.network import DEFAULT_THREADS, Network, load_weights
from carnet.detectors.text import MULTIPLE, TEXT_SCALING, LineRules, lines
from carnet.model.factsheet import Tool

_TILE = 192
_FACE_STRIDE = 4
_FACE_OVERLAP = 0.3
_BATCH = 8


def _starts(length: int, tile: int) -> list[int]:
    """Left edges of tiles that overlap by at least a third and cover the whole length."""
    if length <= tile:
        return [0]
    count = -(-(length - tile) // (tile * 2 // 3)) + 1
    return [round(index * (length - tile) / (count - 1)) for index in range(count)]


class CheckingFaceDetector:
    """BlazeFace, full range, on the whole picture and on tiles of two sizes."""

    def __init__(self, threshold: float = 0.7, threads: int = DEFAULT_THREADS) -> None:
        weights = load_weights("blazeface_full_range.tflite")
        self._network = Network(weights, threads)
        self._threshold = threshold
        self.tool = Tool("blazeface-full-range", weights.version, weights.digest, threshold)
        cells = np.arange(_TILE // _FACE_STRIDE, dtype=np.float32) * _FACE_STRIDE + _FACE_STRIDE / 2
        y, x = np.meshgrid(cells, cells, indexing="ij")
        self._centres = np.stack([x.ravel(), y.ravel()], axis=1)

    def find(self, image: Picture) -> list[Box]:
        """Find faces.

        Args:
            image: H x W x 3, blue-green-red.

        Returns:
            Boxes in pixels of the picture, best first.
        """
        height, width = image.shape[:2]
        sides = {max(width, height)} | {side for side in (_TILE, 2 * _TILE) if side < max(width, height)}
        corners: list[NDArray[np.float32]] = [np.empty((0, 4), dtype=np.float32)]
        scores: list[NDArray[np.float32]] = [np.empty(0, dtype=np.float32)]
        for side in sorted(sides):
            places = [(x, y) for y in _starts(height, side) for x in _starts(width, side)]
            for first in range(0, len(places), _BATCH):
                self._look(image, places[first : first + _BATCH], side, corners, scores)
        return best_boxes(zip(corners, scores, strict=True), _FACE_OVERLAP, width, height)

    def _look(
        self,
        image: Picture,
        places: list[tuple[int, int]],
        side: int,
        corners: list[NDArray[np.float32]],
        scores: list[NDArray[np.float32]],
    ) -> None:
        blob = np.zeros((_BATCH, _TILE, _TILE, 3), dtype=np.float32)
        for index, (x, y) in enumerate(places):
            part = image[y : y + side, x : x + side]
            across, down = (max(1, round(length * _TILE / side)) for length in (part.shape[1], part.shape[0]))
            small = cv2.resize(part, (across, down), interpolation=cv2.INTER_AREA)
            blob[index, :down, :across] = small[:, :, ::-1] / 127.5 - 1
        # The network's own reshape knows one picture only: a batch comes out as one long list.
        places_out, logits = (one.reshape(_BATCH, -1, one.shape[-1]) for one in self._network(blob))
        for index, (x, y) in enumerate(places):
            likely = 1 / (1 + np.exp(-np.clip(logits[index, :, 0], -80, 80)))
            seen = np.nonzero(likely > self._threshold)[0]
            centre = self._centres[seen] + places_out[index, seen, 0:2]
            half = places_out[index, seen, 2:4] / 2
            found = np.concatenate([centre - half, centre + half], axis=1) * (side / _TILE)
            corners.append((found + np.array([x, y, x, y])).astype(np.float32))
            scores.append(likely[seen].astype(np.float32))


# A line of text is longer than it is high and fills its box; vehicles, boards and masks do neither.
# Measured on the development pictures and the masked sample: 61 of 62 plates, 3 findings in 40 frames.
_LINE = LineRules(shortest=1.5, longest=8.0, least_filled=0.7)
# Looks from near: heights of the text in them, room around it, their size, what share has to be found again.
# Measured: of 62 development plates 59 stay; of 16 findings on vehicles' rears and masks, in 130 frames, none.
_CLOSE_HEIGHTS, _ROOM, _CANVAS, _AGAIN = (48.0, 64.0), 0.35, (160, 544), 0.4


class CheckingPlateDetector:
    """Text that has the shape of a number plate, by PP-OCRv4's detector."""

    def __init__(self, threshold: float = 0.7, threads: int = DEFAULT_THREADS, longest: int = 1280) -> None:
        weights = load_weights("ppocr_v4_det.onnx")
        self._network = Network(weights, threads, TEXT_SCALING)
        self._threshold = threshold
        self._longest = longest
        self.tool = Tool("ppocr-v4-text", weights.version, weights.digest, threshold)

    def find(self, image: Picture) -> list[Box]:
        """Find text in the shape of a number plate (1.5 to 8 times as long as high).

        Args:
            image: H x W x 3, blue-green-red.

        Returns:
            Upright boxes around the text in pixels of the picture, best first.
        """
        height, width = image.shape[:2]
        factor = min(2.0, self._longest / max(width, height))
        across = max(MULTIPLE, round(width * factor / MULTIPLE) * MULTIPLE)
        down = max(MULTIPLE, round(height * factor / MULTIPLE) * MULTIPLE)
        resized = cv2.resize(image, (across, down), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
        corners, scores = lines(self._network, resized, self._threshold, _LINE)
        order = np.argsort(-scores, kind="stable")
        scale = np.array([width / across, height / down] * 2)
        found = boxes_of((corners[order] * scale).astype(np.float32), scores[order], width, height)
        return [one for one in found if all(self._seen_again(image, one, high) for high in _CLOSE_HEIGHTS)]

    def _seen_again(self, image: Picture, box: Box, high: float) -> bool:
        """Look from near, the text `high` pixels high: text stays text then, a vehicle's rear does not."""
        height, width = image.shape[:2]
        near = box.grown(_ROOM)
        left, top = max(0, int(near.x)), max(0, int(near.y))
        part = image[top : min(height, int(near.y + near.h) + 1), left : min(width, int(near.x + near.w) + 1)]
        factor = high / box.h
        across, down = (max(MULTIPLE, round(side * factor)) for side in (part.shape[1], part.shape[0]))
        close = cv2.resize(
            part, (across, down), interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        )
        canvas = np.full((*_CANVAS, 3), int(close.mean()), dtype=np.uint8)
        shown = close[: _CANVAS[0], : _CANVAS[1]]
        canvas[: shown.shape[0], : shown.shape[1]] = shown
        corners, scores = lines(self._network, canvas, self._threshold, _LINE)
        scale = np.array([part.shape[1] / across, part.shape[0] / down] * 2)
        again = boxes_of(
            (corners * scale + np.array([left, top, left, top])).astype(np.float32), scores, width, height
        )
        return any(box.covered_by(one) >= _AGAIN for one in again)

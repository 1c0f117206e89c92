"""Lines of text by differentiable binarisation.

Article: Liao et al., *Real-time Scene Text Detection with Differentiable Binarization*, AAAI 2020; networks of
PP-OCR. The network says of each pixel how likely it belongs to the shrunk middle of a line of text; connected
pixels make a line, which is then grown to its full size.

`TextDetector` (PP-OCRv6, small) looks for plates to mask. The check uses PP-OCRv4's network: other weights and
another architecture, but of one family and in part trained on the same pictures, so that what one does not
take for text the other may not take for text either.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from carnet.detectors.box import Box, Picture, boxes_of
from carnet.detectors.network import DEFAULT_THREADS, Network, Scaling, input_size, load_weights
from carnet.model.factsheet import Tool

MULTIPLE = 32
TEXT_SCALING = Scaling((127.5, 127.5, 127.5), (127.5, 127.5, 127.5))
"""What PP-OCR's networks are shown: each colour between -1 and 1."""

_PIXEL = 0.3
_UNCLIP = 1.6
_SMALLEST = 3.0


@dataclass(frozen=True, slots=True)
class LineRules:
    """What a line of text must look like: length by height, and share of its box that it fills."""

    shortest: float
    longest: float
    least_filled: float


def lines(
    network: Network, image: Picture, threshold: float, rules: LineRules
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Find lines of text in a picture whose sides are multiples of 32.

    Args:
        network: shown pictures by `TEXT_SCALING`, with one output of 1 x 1 x H x W.
        image: H x W x 3, blue-green-red.
        threshold: the least mean likelihood of a line.
        rules: for lines.

    Returns:
        Upright boxes around the grown lines (N x 4: left, top, right, bottom) and their scores (N).
    """
    likely = network(image)[0][0, 0]
    contours, _tree = cv2.findContours(
        (likely > _PIXEL).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE
    )
    corners, scores = [], []
    for contour in contours:
        middle, (one, other), turn = cv2.minAreaRect(contour)
        if min(one, other) < _SMALLEST:
            continue
        left, top, width, height = cv2.boundingRect(contour)
        inside = np.zeros((height, width), dtype=np.uint8)
        cv2.drawContours(inside, [contour], -1, 1, thickness=cv2.FILLED, offset=(-left, -top))
        score = float(cv2.mean(likely[top : top + height, left : left + width], mask=inside)[0])
        filled = cv2.contourArea(contour) / (one * other)
        grow = one * other * _UNCLIP / (2 * (one + other))
        sides = (one + 2 * grow, other + 2 * grow)
        long = max(sides) / min(sides)
        if score < threshold or filled < rules.least_filled or not rules.shortest <= long <= rules.longest:
            continue
        points = cv2.boxPoints((middle, sides, turn))
        corners.append([*points.min(axis=0), *points.max(axis=0)])
        scores.append(score)
    return np.array(corners, dtype=np.float32).reshape(-1, 4), np.array(scores, dtype=np.float32)


_RULES = LineRules(0.8, 9.0, 0.5)
LONG_SIDE = 1280


class TextDetector:
    """PP-OCRv6's detector: lines of text that may be a plate, or a row of one."""

    def __init__(self, threshold: float = 0.4, threads: int = DEFAULT_THREADS) -> None:
        weights = load_weights("ppocr_v6_det.onnx")
        self._network = Network(weights, threads, TEXT_SCALING)
        self._threshold = threshold
        self.tool = Tool("ppocr-v6-text", weights.version, weights.digest, threshold)

    def find(self, image: Picture, long_side: int = LONG_SIDE) -> list[Box]:
        """Find lines in a whole picture (H x W x 3, blue-green-red); boxes in its pixels, best first."""
        height, width = image.shape[:2]
        return self.find_in(image, Box(0, 0, width, height, 1.0), long_side)

    def find_in(self, image: Picture, part: Box, long_side: int) -> list[Box]:
        """Find lines in a part of a picture.

        Args:
            image: H x W x 3, blue-green-red.
            part: where to look; what lies outside the picture is left out.
            long_side: how many pixels the longer side of the part is made, at most twice its own.

        Returns:
            Upright boxes in pixels of the picture, best first.
        """
        height, width = image.shape[:2]
        left, top = max(0, int(part.x)), max(0, int(part.y))
        shown = image[
            top : min(height, int(part.y + part.h) + 1), left : min(width, int(part.x + part.w) + 1)
        ]
        if not shown.size:
            return []
        factor = min(2.0, long_side / max(shown.shape[:2]))
        across, down = input_size(shown.shape[1] * factor, shown.shape[0] * factor)
        resized = cv2.resize(
            shown, (across, down), interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        ).astype(np.uint8, copy=False)
        corners, scores = lines(self._network, resized, self._threshold, _RULES)
        order = np.argsort(-scores, kind="stable")
        scale = np.array([shown.shape[1] / across, shown.shape[0] / down] * 2)
        moved = corners[order] * scale + np.array([left, top, left, top])
        return boxes_of(moved.astype(np.float32), scores[order], width, height)

"""Number plates that nobody was issued, drawn in the manner of several countries, to be planted.

Proportions and colours follow the plates' public descriptions: GA 36 (China, 440 x 140 mm blue, 480 x 140 green),
Council Regulation (EC) No 2411/98 (blue band, 520 x 110 mm), North America (305 x 152 mm), Japan (330 x 165 mm).
Letters are drawn with OpenCV's own strokes: what a detector of plates sees is a plate, what a reader would read is
no number of anybody. Serials hold the letters I and O together, which no such country issues side by side.
"""

from __future__ import annotations

import random

import cv2
import numpy as np
from numpy.typing import NDArray

SURROUND = (0.35, 0.9)
"""Share of the plate's width and height by which the body that it is mounted on stands out on each side."""

_HEIGHT = 120
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
_TWO_LINES_BELOW = 2.6

# Ground and letters (blue-green-red), and whether a blue band stands at the left.
_KINDS = (
    ((168, 72, 16), (245, 245, 245), False),  # China
    ((120, 200, 140), (20, 20, 20), False),  # China, new energy
    ((240, 240, 240), (25, 25, 25), True),  # European Union
    ((60, 200, 245), (20, 20, 20), False),  # yellow: United Kingdom behind, Netherlands
    ((235, 235, 225), (110, 50, 30), False),  # North America
    ((240, 240, 240), (60, 100, 30), False),  # Japan
)


def draw_plate(proportion: float, chance: random.Random) -> NDArray[np.uint8]:
    """Draw a plate.

    Args:
        proportion: width over height; below 2.6 the number stands on two lines.
        chance: which kind, which number.

    Returns:
        H x W x 3, 8 bits, blue-green-red; H is 120.
    """
    ground, ink, band = chance.choice(_KINDS)
    width = max(_HEIGHT, round(_HEIGHT * proportion))
    plate = np.full((_HEIGHT, width, 3), ground, np.uint8)
    cv2.rectangle(plate, (3, 3), (width - 4, _HEIGHT - 4), ink, 3, cv2.LINE_AA)
    left = 8
    if band:
        left = round(width * 0.1)
        cv2.rectangle(plate, (0, 0), (left, _HEIGHT), (150, 60, 20), -1)
    serial = (
        "".join(chance.choice(_LETTERS) for _ in range(2)),
        "".join(str(chance.randrange(10)) for _ in range(chance.choice((2, 3)))),
    )
    if proportion < _TWO_LINES_BELOW:
        half = _HEIGHT // 2
        _write(plate, serial[0] + " IO", (left + 10, 10, width - left - 20, half - 16), ink)
        _write(
            plate,
            serial[1] + "8" + str(chance.randrange(10)),
            (left + 6, half, width - left - 12, half - 10),
            ink,
        )
    else:
        _write(plate, f"{serial[0]} IO{serial[1]}", (left + 8, 16, width - left - 18, _HEIGHT - 32), ink)
    return plate


def draw_mounted(proportion: float, chance: random.Random) -> NDArray[np.uint8]:
    """Draw a plate on a piece of car body, which stands out by `SURROUND` on each side; arguments as above."""
    plate = draw_plate(proportion, chance)
    height, width = plate.shape[:2]
    across, down = round(width * SURROUND[0]), round(height * SURROUND[1])
    paint = np.array([chance.uniform(15, 225)] * 3) + np.array([chance.uniform(-25, 25) for _ in range(3)])
    fall = np.linspace(chance.uniform(1.0, 1.25), chance.uniform(0.5, 0.9), height + 2 * down)
    body = np.broadcast_to(paint * fall[:, None, None], (height + 2 * down, width + 2 * across, 3))
    out: NDArray[np.uint8] = np.clip(body, 0, 255).astype(np.uint8)
    edge = round(height * 0.07)
    recess = slice(down - edge, down + height + edge), slice(across - edge, across + width + edge)
    out[recess] = (out[recess] * 0.6).astype(np.uint8)
    seam = down + height + round(down * 0.6)
    cv2.line(out, (0, seam), (out.shape[1], seam), (25, 25, 25), 3, cv2.LINE_AA)
    out[down : down + height, across : across + width] = plate
    return out


def _write(
    plate: NDArray[np.uint8], text: str, place: tuple[int, int, int, int], ink: tuple[int, int, int]
) -> None:
    """Write text so that it fills a place (left, top, width, height), as embossed letters do."""
    left, top, width, height = place
    font, thick = cv2.FONT_HERSHEY_DUPLEX, 6
    (across, up), below = cv2.getTextSize(text, font, 2.0, thick)
    line = np.zeros((up + below + 8, across + 8), np.uint8)
    cv2.putText(line, text, (4, up + 4), font, 2.0, 255, thick, cv2.LINE_AA)
    rows, columns = np.nonzero(line)
    line = line[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    fitted = cv2.resize(line, (width, height), interpolation=cv2.INTER_AREA)
    window = plate[top : top + height, left : left + width]
    share = fitted[: window.shape[0], : window.shape[1], None].astype(np.float32) / 255
    window[...] = np.rint(window * (1 - share) + np.array(ink, np.float32) * share).astype(np.uint8)

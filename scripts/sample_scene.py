"""What is drawn into the sample drive's pictures, and where: a small road world seen through a pinhole.

Boards with faces of the 1927 group photograph stand beside the road, and drawn vehicles carry invented
number plates. Everything has a place in metres and is projected with one camera, so that it grows and moves
from frame to frame as a thing beside a road does, and its box is known exactly.

Frame of reference: x to the right, y up from the road, z ahead of the camera, in metres; pictures are
960 x 540, BGR, 8 bit; boxes are [x, y, w, h] in pixels from the top left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH, HEIGHT = 960, 540
FOCAL = 800.0
VANISHING = (488.0, 311.0)
CAMERA_HEIGHT = 1.3
ADVANCE = 1.08  # metres for each source frame: 27 m/s at 25 frames a second
PIXELS_PER_METRE = 160

# Real number plates of the source video, unreadable already (at most 17 x 9 px), as centres at source frames;
# they are averaged away all the same. Found by following each car with template matching, looked at by eye.
REAL_PLATES: tuple[tuple[tuple[int, int, int], ...], ...] = (
    (
        (20, -8, 342),
        (30, 24, 338),
        (40, 52, 334),
        (50, 76, 333),
        (60, 97, 334),
        (70, 116, 332),
        (80, 134, 330),
        (90, 154, 330),
        (100, 173, 326),
        (110, 189, 327),
        (120, 205, 327),
        (130, 219, 328),
        (140, 231, 325),
        (150, 244, 325),
        (160, 255, 322),
        (170, 263, 323),
        (180, 271, 322),
        (190, 276, 320),
        (200, 282, 321),
        (210, 289, 321),
        (220, 296, 322),
    ),
    (
        (109, -10, 343),
        (119, 28, 337),
        (129, 62, 338),
        (139, 89, 334),
        (149, 114, 331),
        (159, 136, 328),
        (169, 155, 330),
        (179, 174, 326),
        (189, 188, 321),
        (199, 202, 323),
        (209, 214, 321),
        (220, 225, 322),
    ),
    (
        (156, -10, 326),
        (166, 22, 331),
        (176, 50, 327),
        (186, 73, 324),
        (196, 93, 324),
        (206, 112, 321),
        (216, 128, 326),
        (220, 135, 324),
    ),
)

# No Chinese plate is issued with the letters I and O in its serial (GA 36), so these are nobody's.
PLATES = {
    "lorry": "A I48O6",
    "van": "B 7O2I5",
    "parked-1": "C I09O3",
    "parked-2": "A O61I2",
    "parked-3": "D 3I8O4",
}


@dataclass(frozen=True)
class Thing:
    """One planted object: its picture, where it stands, and the part of it that the truth file names.

    `place(i)` gives (x, height of the lower edge, z) in metres at source frame i.
    """

    name: str
    label: str
    picture: NDArray[np.uint8]
    metres: tuple[float, float]
    mark: tuple[float, float, float, float]
    x: float
    base: float
    path: tuple[float, float, float, float]

    def depth(self, frame: float) -> float:
        """Distance ahead of the camera in metres: standing, or swinging about a mean when it drives along."""
        mean, swing, period, phase = self.path
        if period == 0:
            return mean - ADVANCE * frame
        return mean + swing * math.cos(2 * math.pi * frame / period + phase)


def draw_plate(text: str) -> NDArray[np.uint8]:
    """Draw a blue plate of 440 x 140 mm at one pixel a millimetre, with a simply drawn glyph for Shanghai."""
    plate = np.full((140, 440, 3), (168, 72, 16), np.uint8)
    cv2.rectangle(plate, (6, 6), (433, 133), (240, 240, 240), 4, cv2.LINE_AA)
    white = (245, 245, 245)
    strokes = (
        ((22, 34), (36, 44)),
        ((18, 62), (32, 72)),
        ((18, 112), (36, 86)),
        ((58, 24), (66, 36)),
        ((46, 44), (46, 78)),
        ((46, 44), (78, 44)),
        ((78, 44), (78, 66)),
        ((46, 66), (78, 66)),
        ((46, 78), (38, 112)),
    )
    for one, other in strokes:
        cv2.line(plate, one, other, white, 8, cv2.LINE_AA)
    at = 88
    for sign in text:
        if sign == " ":
            cv2.circle(plate, (at + 8, 72), 6, white, -1, cv2.LINE_AA)
            at += 22
            continue
        cv2.putText(plate, sign, (at, 108), cv2.FONT_HERSHEY_DUPLEX, 2.9, white, 8, cv2.LINE_AA)
        at += 56 if sign != "I" else 40
    return plate


def draw_rear(
    width: float, height: float, colour: tuple[int, int, int], plate: NDArray[np.uint8], plate_width: float
) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
    """Draw a vehicle's rear with its plate; gives the picture and the plate's box in metres from top left."""
    scale = PIXELS_PER_METRE
    rows, columns = round(height * scale), round(width * scale)
    shade = np.linspace(1.15, 0.72, rows)[:, None, None]
    body = np.clip(np.full((rows, columns, 3), colour, np.float64) * shade, 0, 255).astype(np.uint8)
    inset = columns // 9
    cv2.rectangle(body, (inset, rows // 12), (columns - inset, rows // 3), (52, 46, 40), -1)
    cv2.rectangle(body, (inset, rows // 12), (columns - inset, rows // 3), (30, 28, 26), 4)
    cv2.line(body, (columns // 2, rows // 3), (columns // 2, rows * 4 // 5), (40, 40, 40), 2)
    for side in (inset // 2, columns - inset // 2 - inset):
        top = rows * 11 // 20
        cv2.rectangle(body, (side, top), (side + inset, top + rows // 8), (40, 30, 190), -1)
        cv2.rectangle(body, (side, top + rows // 8), (side + inset, top + rows // 6), (60, 140, 230), -1)
    cv2.rectangle(body, (0, rows * 17 // 20), (columns, rows * 19 // 20), (64, 62, 60), -1)
    for side in (inset // 2, columns - inset // 2 - inset * 3 // 2):
        cv2.rectangle(body, (side, rows * 19 // 20), (side + inset * 3 // 2, rows), (20, 20, 20), -1)
    across, down = round(plate_width * scale), round(plate_width * scale * 140 / 440)
    left, top = (columns - across) // 2, rows * 17 // 20 - down - rows // 40
    body[top : top + down, left : left + across] = cv2.resize(
        plate, (across, down), interpolation=cv2.INTER_AREA
    )
    return body, (left / scale, top / scale, across / scale, down / scale)


def draw_board(
    photograph: NDArray[np.uint8], box: tuple[int, int, int, int]
) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
    """Cut a head and shoulders out of the photograph and frame it; gives the face's share of the board."""
    x, y, w, h = box
    across, down = w // 2, round(h * 0.45)
    top, left = max(0, y - down), max(0, x - across)
    cut = photograph[top : y + h + down, left : x + w + across].astype(np.float64)
    warm = np.clip(cut * (0.86, 0.93, 1.0) + 6, 0, 255).astype(np.uint8)
    rim = 10
    board = cv2.copyMakeBorder(warm, rim, rim, rim, rim, cv2.BORDER_CONSTANT, value=(222, 226, 228))
    rows, columns = board.shape[:2]
    return board, ((x - left + rim) / columns, (y - top + rim) / rows, w / columns, h / rows)


def things(photographs: list[tuple[NDArray[np.uint8], list[tuple[int, int, int, int]]]]) -> list[Thing]:
    """Set up the road world: one board a face, a lorry, a van and three parked cars."""
    world: list[Thing] = []
    faces = [(photograph, box) for photograph, boxes in photographs for box in boxes]
    for number, (photograph, box) in enumerate(faces):
        board, (fx, fy, fw, fh) = draw_board(photograph, box)
        face_height = (0.72, 0.6, 0.5)[number % 3]
        height = face_height / fh
        width = height * board.shape[1] / board.shape[0]
        world.append(
            Thing(
                f"face-{number + 1:02d}",
                "face",
                board,
                (width, height),
                (fx * width, fy * height, fw * width, fh * height),
                4.7 + 0.4 * (number % 2),
                2.5,
                (16.0 + 14.0 * number, 0, 0, 0),
            )
        )

    def vehicle(
        name: str,
        *,
        size: tuple[float, float],
        colour: tuple[int, int, int],
        plate: float,
        x: float,
        path: tuple[float, float, float, float],
    ) -> None:
        picture, mark = draw_rear(*size, colour, draw_plate(PLATES[name]), plate)
        world.append(Thing(name, "license_plate", picture, size, mark, x, 0.0, path))

    vehicle(
        "lorry",
        size=(2.4, 2.6),
        colour=(150, 140, 128),
        plate=1.5,
        x=0.1,
        path=(18.2, 11.8, 220, math.pi),
    )
    vehicle("van", size=(2.0, 2.0), colour=(196, 198, 200), plate=1.0, x=-3.7, path=(14.2, 6.0, 150, 0.6))
    for number, along in enumerate((58.0, 128.0, 205.0), start=1):
        colour = ((60, 70, 150), (120, 110, 60), (70, 70, 74))[number - 1]
        vehicle(f"parked-{number}", size=(1.8, 1.5), colour=colour, plate=0.9, x=3.7, path=(along, 0, 0, 0))
    return world


def paste(
    frame: NDArray[np.uint8], picture: NDArray[np.uint8], box: tuple[float, float, float, float]
) -> None:
    """Paste a picture into a frame at a box with fractions of a pixel, edges blended, a little softened."""
    x, y, w, h = box
    near = cv2.resize(picture, (max(2, round(2 * w)), max(2, round(2 * h))), interpolation=cv2.INTER_AREA)
    left, top = max(0, math.floor(x) - 2), max(0, math.floor(y) - 2)
    right, bottom = min(WIDTH, math.ceil(x + w) + 2), min(HEIGHT, math.ceil(y + h) + 2)
    if right <= left or bottom <= top:
        return
    move = np.array([[w / near.shape[1], 0, x - left], [0, h / near.shape[0], y - top]], np.float64)
    size = (right - left, bottom - top)
    cover = np.full(near.shape[:2], 255, np.uint8)
    moved = cv2.warpAffine(near, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    share = cv2.warpAffine(cover, move, size, flags=cv2.INTER_LINEAR).astype(np.float64) / 255
    share = cv2.GaussianBlur(share, (0, 0), 0.6)[:, :, None]
    moved = cv2.GaussianBlur(moved, (0, 0), 0.45)
    under = frame[top:bottom, left:right]
    frame[top:bottom, left:right] = np.clip(moved * share + under * (1 - share), 0, 255).astype(np.uint8)


def mask_real_plates(frame: NDArray[np.uint8], number: int) -> int:
    """Average away the source video's own number plates in source frame `number`; gives how many."""
    done = 0
    for marks in REAL_PLATES:
        numbers = [mark[0] for mark in marks]
        if not numbers[0] <= number <= numbers[-1]:
            continue
        x = round(float(np.interp(number, numbers, [mark[1] for mark in marks])))
        y = round(float(np.interp(number, numbers, [mark[2] for mark in marks])))
        left, top, right, bottom = max(0, x - 13), y - 7, x + 13, y + 7
        if right <= left:
            continue
        region = frame[top:bottom, left:right]
        small = cv2.resize(region, (max(1, (right - left) // 9), 2), interpolation=cv2.INTER_AREA)
        frame[top:bottom, left:right] = cv2.resize(
            small, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR
        )
        done += 1
    return done


def compose(frame: NDArray[np.uint8], number: int, world: list[Thing]) -> list[dict[str, Any]]:
    """Mask the real plates, plant every visible thing, farthest first; gives the truth of this frame."""
    mask_real_plates(frame, number)
    marks: list[tuple[Thing, tuple[float, float, float, float]]] = []
    on_top = np.zeros((HEIGHT, WIDTH), np.int16)
    for thing in sorted(world, key=lambda one: -one.depth(number)):
        z = thing.depth(number)
        near, far = (8.0, 48.0) if thing.label == "face" else (6.2, 48.0)
        if not near <= z <= far:
            continue
        unit = FOCAL / z
        across, up = thing.metres
        left = VANISHING[0] + unit * (thing.x - across / 2)
        top = VANISHING[1] - unit * (thing.base + up - CAMERA_HEIGHT)
        if thing.label == "face":
            foot = round(VANISHING[1] + unit * CAMERA_HEIGHT)
            for side in (left + 0.15 * unit * across, left + 0.85 * unit * across):
                start, end = (round(side), round(top + unit * up)), (round(side), foot)
                cv2.line(frame, start, end, (120, 124, 126), max(1, round(unit * 0.08)), cv2.LINE_AA)
        else:
            # The shadow under a vehicle ties it to the road.
            shade = (left - 0.1 * unit, top + unit * up - 0.06 * unit, unit * (across + 0.2), unit * 0.12)
            paste(frame, np.full((8, 32, 3), (38, 36, 36), np.uint8), shade)
        paste(frame, thing.picture, (left, top, unit * across, unit * up))
        rows = slice(max(0, round(top)), max(0, round(top + unit * up)))
        columns = slice(max(0, round(left)), max(0, round(left + unit * across)))
        on_top[rows, columns] = len(marks) + 1
        mx, my, mw, mh = (unit * part for part in thing.mark)
        marks.append((thing, (left + mx, top + my, left + mx + mw, top + my + mh)))
    truth = []
    for order, (thing, (x0, y0, x1, y1)) in enumerate(marks, start=1):
        cut = (max(0.0, x0), max(0.0, y0), min(float(WIDTH), x1), min(float(HEIGHT), y1))
        if cut[2] - cut[0] < 1 or cut[3] - cut[1] < 1:
            continue
        inside = on_top[int(cut[1]) : math.ceil(cut[3]), int(cut[0]) : math.ceil(cut[2])]
        seen = float((inside == order).mean()) * (cut[2] - cut[0]) * (cut[3] - cut[1])
        visible = round(seen / ((x1 - x0) * (y1 - y0)), 2)
        if visible > 0:
            box = [round(v, 1) for v in (cut[0], cut[1], cut[2] - cut[0], cut[3] - cut[1])]
            truth.append({"object": thing.name, "label": thing.label, "box": box, "visible": visible})
    return truth

"""Plants faces and plates in frames of a batch, as its own are, and asks the masking detectors for them.

What is planted has a place that is known exactly, so what the detectors miss can be counted; nothing else in a
recording can say that. Sizes, proportions (a turned head is narrower), blur and light are drawn from the batch's
own findings; a third is drawn at or below the size from which pictures of the road are specially protected, where
detectors are weakest. Blur is measured as the width of edges after Zhuo and Sim, *Defocus map estimation from a
single image*, Pattern Recognition 44 (2011): by how much edges weaken when they are blurred a little more.

The faces are those of a photograph of 1927, the plates are drawn. Who masks well what looks like this may mask
less well what does not: that is why a planted truth never stands alone (`carnet.deidentify.certificate`).
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import cv2
import numpy as np
from numpy.typing import NDArray

from carnet.deidentify.find import FACE, PLATE, Finding
from carnet.deidentify.masks import bounds
from carnet.deidentify.plates_drawn import SURROUND, draw_mounted
from carnet.detectors.box import Box, Picture
from carnet.errors import DetectorError

RELEASE_PX = 32
"""Height from which a face outside a car makes pictures important data in China (`cn/guide_2026`)."""

SMALLEST_PX = 16
"""Height of the smallest thing that is planted, and from which the printed bound speaks."""

SMALL_SHARE = 1 / 3
_LARGEST_PX = 400
_MOST_BLUR = 4.0
_LEAST_BLUR = 0.3
_OF_DIFFERENCE = 0.5
_LEAST_CONTRAST = 12.0
_REBLUR = 1.0
_TRIES = 40
_USUAL = {FACE: 0.8, PLATE: 4.0}
_PROPORTIONS = {FACE: (0.5, 1.1), PLATE: (1.2, 5.2)}


@dataclass(frozen=True, slots=True)
class Look:
    """How one finding looks.

    Attributes:
        height: in pixels.
        proportion: width over height.
        blur: width of its edges, as the deviation of a Gaussian in pixels.
        light: mean brightness, 0 to 255.
        contrast: deviation of brightness.
    """

    height: float
    proportion: float
    blur: float
    light: float
    contrast: float


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted thing: what it is, how high, and whether masks would cover enough of it."""

    label: str
    height: float
    covered: bool


@cache
def _faces() -> tuple[NDArray[np.uint8], ...]:
    """Load the faces to plant: pictures H x W, 8 bits; each face has a margin around it.

    Raises:
        DetectorError: the file is not the one on the list.
    """
    folder = resources.files("carnet.deidentify.planted")
    about = json.loads((folder / "faces.json").read_text(encoding="utf-8"))
    data = (folder / about["file"]).read_bytes()
    if hashlib.sha256(data).hexdigest() != about["sha256"]:
        raise DetectorError("the faces to plant are not the ones on the list", where=about["file"])
    sheet = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
    ends = np.cumsum(about["widths"])
    return tuple(
        np.ascontiguousarray(sheet[:, end - width : end], dtype=np.uint8)
        for width, end in zip(about["widths"], ends, strict=True)
    )


@cache
def _margin() -> float:
    text = (resources.files("carnet.deidentify.planted") / "faces.json").read_text(encoding="utf-8")
    return float(json.loads(text)["margin"])


def edge_width(piece: NDArray[np.uint8]) -> float:
    """Measure how blurred a piece of a picture is (H x W, 8 bits): the deviation of a Gaussian, in pixels."""
    grey = piece.astype(np.float32)
    softer = cv2.GaussianBlur(grey, (0, 0), _REBLUR)
    strength = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    weaker = np.hypot(cv2.Sobel(softer, cv2.CV_32F, 1, 0), cv2.Sobel(softer, cv2.CV_32F, 0, 1))
    edges = strength >= np.quantile(strength, 0.9)
    ratio = float(np.median(strength[edges] / np.maximum(weaker[edges], 1e-3)))
    # An edge that a Gaussian of deviation s made weakens by sqrt((s^2 + r^2) / s^2); the difference of pixels two
    # apart, by which the strength is measured, has softened it by a half already.
    squared = _REBLUR**2 / max(ratio * ratio - 1, (_REBLUR / _MOST_BLUR) ** 2) - _OF_DIFFERENCE
    return math.sqrt(min(max(squared, _LEAST_BLUR**2), _MOST_BLUR**2))


def look_of(image: Picture, box: Box) -> Look | None:
    """Measure how a finding looks, or give nothing where too little of it lies in the picture."""
    area = bounds(box, image.shape[1], image.shape[0], 0.0)
    if area is None or box.h <= 0 or min(area[2] - area[0], area[3] - area[1]) < 4:  # noqa: PLR2004 - pixels
        return None
    left, top, right, bottom = area
    grey = np.asarray(cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    return Look(box.h, box.w / box.h, edge_width(grey), float(grey.mean()), float(grey.std()))


def drawn_look(label: str, looks: Sequence[Look], chance: random.Random) -> Look:
    """Draw how a planted thing shall look: like one of the batch, a third of them small.

    Where the batch has no finding of the kind, heights are drawn from 16 to 200 px and the rest is usual; the
    certificate says so.
    """
    like = chance.choice(looks) if looks else None
    if chance.random() < SMALL_SHARE:
        height = SMALLEST_PX * (RELEASE_PX / SMALLEST_PX) ** chance.random()
    elif like is not None:
        height = like.height * chance.uniform(0.9, 1.1)
    else:
        height = math.exp(chance.uniform(math.log(SMALLEST_PX), math.log(200)))
    least, most = _PROPORTIONS[label]
    return Look(
        min(max(height, SMALLEST_PX), _LARGEST_PX),
        min(max(like.proportion if like else _USUAL[label] * chance.uniform(0.8, 1.0), least), most),
        like.blur if like else chance.uniform(0.4, 1.2),
        like.light if like else chance.uniform(50, 200),
        like.contrast if like else chance.uniform(20, 60),
    )


def plant(image: Picture, label: str, look: Look, at: tuple[float, float], chance: random.Random) -> Box:
    """Draw one thing into a picture, in place.

    Args:
        image: H x W x 3, 8 bits, blue-green-red; changed.
        label: `face` or `plate`.
        look: how it shall look.
        at: its top left corner in pixels.
        chance: which face, which number, how turned.

    Returns:
        Its box: of a plate the plate, of a face brow to chin.
    """
    if label == FACE:
        margin = (_margin(), _margin())
        grey = chance.choice(_faces())
        if chance.random() < 0.5:  # noqa: PLR2004 - either way round
            grey = np.ascontiguousarray(grey[:, ::-1])
        natural = grey.shape[1] / grey.shape[0]
        tone = np.array([chance.uniform(0.55, 0.85), chance.uniform(0.75, 0.95), 1.0], np.float32)
        sprite = grey[:, :, None].astype(np.float32) * tone
        sprite = _turned(sprite, chance.uniform(-1, 1) * max(0.0, 1 - look.proportion / natural))
    else:
        margin = SURROUND
        sprite = _turned(draw_mounted(look.proportion, chance).astype(np.float32), chance.uniform(-0.5, 0.5))
    inner = look.height * look.proportion, look.height
    width, height = (max(4, round(size * (1 + 2 * one))) for size, one in zip(inner, margin, strict=True))
    small = np.asarray(cv2.resize(sprite, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32)
    left, top = (round(place - one * size) for place, one, size in zip(at, margin, inner, strict=True))
    box = Box(left + margin[0] * inner[0], top + margin[1] * inner[1], *inner, 1.0)
    _put(image, _lit(small, margin, look), (left, top), round_=label == FACE, blur=look.blur)
    return box


def _lit(sprite: NDArray[np.float32], margin: tuple[float, float], look: Look) -> NDArray[np.float32]:
    """Give a thing the light and contrast of a look; of what surrounds it the light alone follows."""
    height, width = sprite.shape[:2]
    across, down = (
        round(size * one / (1 + 2 * one)) for size, one in zip((width, height), margin, strict=True)
    )
    bright = sprite[down : height - down, across : width - across].mean(axis=2)
    # It keeps at least a little of its own contrast: without any there would be nothing to find or to know.
    gain = max(look.contrast, _LEAST_CONTRAST) / (float(bright.std()) or 1.0)
    lit = (sprite - float(bright.mean())) * min(gain, 1.5) + look.light
    return np.asarray(np.clip(lit, 0, 255), dtype=np.float32)


def _put(
    image: Picture, sprite: NDArray[np.float32], at: tuple[int, int], *, round_: bool, blur: float
) -> None:
    """Put a picture into a larger one, in place, as blurred as what it shall look like."""
    height, width = sprite.shape[:2]
    left, top = at
    window = image[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)]
    rows = slice(max(0, -top), max(0, -top) + window.shape[0])
    columns = slice(max(0, -left), max(0, -left) + window.shape[1])
    shade = _oval(width, height) if round_ else np.ones((height, width), np.float32)
    share = shade[rows, columns, None]
    mixed = window * (1 - share) + sprite[rows, columns] * share
    if blur > _LEAST_BLUR:
        mixed = cv2.GaussianBlur(mixed, (0, 0), blur)
    window[...] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def _turned(sprite: NDArray[np.float32], by: float) -> NDArray[np.float32]:
    """Turn a flat thing about its upright axis: one side recedes by a share (-1 to 1) of a fifth of its height."""
    height, width = sprite.shape[:2]
    inset = abs(by) * height / 5
    left, right = (inset, 0.0) if by < 0 else (0.0, inset)
    start = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    end = np.array([[0, left], [width, right], [width, height - right], [0, height - left]], np.float32)
    form = cv2.getPerspectiveTransform(start, end)
    turned = cv2.warpPerspective(
        sprite, form, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(turned, dtype=np.float32)


def _oval(width: int, height: int) -> NDArray[np.float32]:
    """Give how much of each pixel a head covers: whole inside, soft at its edge."""
    y, x = np.ogrid[:height, :width]
    away = np.hypot((x + 0.5) / width * 2 - 1, (y + 0.5) / height * 2 - 1)
    return np.clip((1.0 - away) / 0.12, 0, 1).astype(np.float32)


def planted_truth(
    frames: Iterable[tuple[Picture, Sequence[Box]]],
    find: Callable[[Picture], Sequence[Finding]],
    looks: Mapping[str, Sequence[Look]],
    many: Mapping[str, int],
    enough: Mapping[str, float],
    seed: int,
) -> list[Planted]:
    """Plant things in frames and count which of them masks would cover.

    Args:
        frames: pictures (H x W x 3, 8 bits, blue-green-red) with the boxes of what is in them already.
        find: the masking detectors.
        looks: how the batch's own findings look, by label.
        many: how many of each label to plant in each frame.
        enough: the share of a thing that masks have to cover, by label.
        seed: of the draw.
    """
    chance = random.Random(seed)  # noqa: S311 - a repeatable draw
    out: list[Planted] = []
    for image, taken in frames:
        picture = image.copy()
        placed: list[tuple[str, Box]] = []
        used = [one.grown(0.3) for one in taken]
        for label, number in many.items():
            for _ in range(number):
                found = _placed(picture, label, looks.get(label, ()), used, chance)
                if found is not None:
                    placed.append((label, found))
                    used.append(found.grown(0.7 if label == FACE else 0.2))
        if not placed:
            continue
        masks = [bounds(one.box, picture.shape[1], picture.shape[0]) for one in find(picture)]
        cover = np.zeros(picture.shape[:2], dtype=np.bool_)
        for area in masks:
            if area is not None:
                cover[area[1] : area[3], area[0] : area[2]] = True
        for label, box in placed:
            inside = bounds(box, picture.shape[1], picture.shape[0], 0.0)
            share = 0.0 if inside is None else cover[inside[1] : inside[3], inside[0] : inside[2]].mean()
            out.append(Planted(label, box.h, float(share) >= enough[label]))
    return out


def _placed(
    picture: Picture, label: str, looks: Sequence[Look], used: Sequence[Box], chance: random.Random
) -> Box | None:
    """Plant one thing where nothing is yet; nothing where there is no room for it."""
    height, width = picture.shape[:2]
    for _ in range(_TRIES):
        look = drawn_look(label, looks, chance)
        across = look.height * look.proportion
        if across >= width * 0.8 or look.height >= height * 0.6:
            continue
        at = (chance.uniform(0, width - across), chance.uniform(0.15 * height, 0.95 * height - look.height))
        wanted = Box(at[0], at[1], across, look.height, 1.0).grown(0.5 if label == FACE else 0.1)
        if not any(_touch(wanted, one) for one in used):
            return plant(picture, label, look, at, chance)
    return None


def _touch(one: Box, other: Box) -> bool:
    return (
        one.x < other.x + other.w
        and other.x < one.x + one.w
        and one.y < other.y + other.h
        and other.y < one.y + one.h
    )

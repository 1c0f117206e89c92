"""Attack: match masked faces with pictures of the same persons.

Gallery: every face of some group photographs, as it is. Probe: the same face as another camera would have it:
scaled to 24 to 80 px, brighter or darker, blurred, with noise, found by a detector whose box is off by up to 6 %;
then masked by carnet. The attacker has four ways; chance is one in the number of faces.

- pixels: nearest gallery face by correlation of grey values at 16 x 16;
- principal components: the same over the components of the gallery that explain 95 %;
- faces recognised: cosine of histograms of gradients at 32 x 32, what classical recognisers look at;
- masked gallery: he masks every gallery face in the same way and compares the cells, colours and all, after taking
  their mean and scale out: nothing is lost on him that the mask lets through.

All of it is done on the unmasked probe too: an attack that finds nothing there would prove nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from attack_table import Row, show
from attack_tokens import RARE, poisson_above
from carnet.deidentify.masks import CELLS, SOLID, bounds, mask_area
from carnet.detectors import checking_face_detector
from carnet.detectors.box import Box

Picture = NDArray[np.uint8]
PROBES = 8
LEAST_PX, MOST_PX = 24, 80
MARGIN = 0.6
SMALLEST = 24


def pictures() -> list[tuple[Picture, list[Box]]]:
    """Give group photographs that may be used for this, with faces; nothing where they are not there."""
    root = Path(__file__).resolve().parent.parent
    named = os.environ.get("CARNET_SHARED")
    data = (Path(named) if named else root.parent / "shared") / "data"
    made = []
    manifest = data / "deid-eval" / "manifest.json"
    for one in json.loads(manifest.read_bytes()) if manifest.is_file() else ():
        boxes = [Box(b["x"], b["y"], b["w"], b["h"], 1.0) for b in one["boxes"] if b["label"] == "face"]
        if "group1927" in one["file"]:
            image = cv2.imread(str(next(manifest.parent.rglob(one["file"]))))
            made.append((image, boxes))
    group = data / "images" / "faces" / "bald_guys.jpg"
    if group.is_file():
        image = cv2.imread(str(group))
        found = [one for one in checking_face_detector().find(image) if min(one.w, one.h) >= SMALLEST]
        made.append((image, found))
    return made


def crops(image: Picture, boxes: list[Box]) -> list[tuple[Picture, Box]]:
    """Give each face with its surroundings, and where in that crop it is."""
    made = []
    for box in boxes:
        left, top = (max(0, round(a - MARGIN * s)) for a, s in ((box.x, box.w), (box.y, box.h)))
        right, bottom = round(box.x + (1 + MARGIN) * box.w), round(box.y + (1 + MARGIN) * box.h)
        crop = image[top:bottom, left:right].copy()
        made.append((crop, Box(box.x - left, box.y - top, box.w, box.h, 1.0)))
    return made


def face_of(crop: Picture, box: Box, size: int) -> NDArray[np.float64]:
    """Give the face's pixels at a size."""
    area = bounds(box, crop.shape[1], crop.shape[0], 0.0)
    if area is None:
        return np.zeros((size, size, 3))
    left, top, right, bottom = area
    return cv2.resize(crop[top:bottom, left:right], (size, size), interpolation=cv2.INTER_AREA).astype(
        np.float64
    )


def seen_again(crop: Picture, box: Box, chance: np.random.Generator) -> tuple[Picture, Box, Box]:
    """Give the face as another camera has it: the picture, where the face is, and where a detector says it is."""
    scale = chance.uniform(LEAST_PX, MOST_PX) / box.h
    size = (max(8, round(crop.shape[1] * scale)), max(8, round(crop.shape[0] * scale)))
    made = cv2.resize(crop, size, interpolation=cv2.INTER_AREA).astype(np.float64)
    made = cv2.GaussianBlur(made, (0, 0), chance.uniform(0.3, 1.2))
    made = made * chance.uniform(0.75, 1.25) + chance.uniform(-20, 20) + chance.normal(0, 4, made.shape)
    where = Box(box.x * scale, box.y * scale, box.w * scale, box.h * scale, 1.0)
    off = chance.uniform(-0.06, 0.06, 4)
    found = Box(
        where.x + off[0] * where.w,
        where.y + off[1] * where.h,
        where.w * (1 + off[2]),
        where.h * (1 + off[3]),
        1.0,
    )
    return np.clip(made, 0, 255).astype(np.uint8), where, found


def masked(picture: Picture, found: Box, cells: int = SOLID) -> Picture:
    """Give the picture as carnet leaves it; or, for the control, under a grid of cell means."""
    made = picture.copy()
    area = bounds(found, made.shape[1], made.shape[0])
    if area is not None:
        mask_area(made, area, cells)
    return made


def _even(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    flat = vector.ravel() - vector.mean()
    made: NDArray[np.float64] = flat / (np.linalg.norm(flat) + 1e-9)
    return made


def pixels(crop: Picture, box: Box) -> NDArray[np.float64]:
    """Grey values at 16 x 16."""
    return _even(face_of(crop, box, 16).mean(axis=2))


def gradients(crop: Picture, box: Box) -> NDArray[np.float64]:
    """Histograms of gradients: 8 directions in 4 x 4 parts of 32 x 32."""
    grey = face_of(crop, box, 32).mean(axis=2)
    dy, dx = np.gradient(grey)
    way = ((np.arctan2(dy, dx) + np.pi) / (2 * np.pi) * 8).astype(int) % 8
    size = np.hypot(dy, dx)
    parts = [
        np.bincount(way[y : y + 8, x : x + 8].ravel(), size[y : y + 8, x : x + 8].ravel(), 8)
        for y in range(0, 32, 8)
        for x in range(0, 32, 8)
    ]
    made: NDArray[np.float64] = np.concatenate([one / (np.linalg.norm(one) + 1e-9) for one in parts])
    return made / (np.linalg.norm(made) + 1e-9)


def cells(crop: Picture, box: Box) -> NDArray[np.float64]:
    """The colours of carnet's own cells, mean and scale taken out."""
    area = bounds(box, crop.shape[1], crop.shape[0])
    if area is None:
        return np.zeros(48)
    left, top, right, bottom = area
    return _even(
        cv2.resize(crop[top:bottom, left:right], (4, 4), interpolation=cv2.INTER_AREA).astype(np.float64)
    )


def components(gallery: list[NDArray[np.float64]]) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Give the projection on the gallery's principal components that explain 95 %."""
    table = np.stack(gallery)
    about = table.mean(axis=0)
    _, weight, axes = np.linalg.svd(table - about, full_matrices=False)
    count = int(np.searchsorted(np.cumsum(weight**2) / (weight**2).sum(), 0.95)) + 1
    return lambda one: _even(axes[:count] @ (one - about))


def rows(seed: int = 5) -> list[Row]:
    """Match every probe by every way, unmasked and masked."""
    chance = np.random.default_rng(seed)
    people = [one for image, boxes in pictures() for one in crops(image, boxes)]
    if not people:
        return [Row("masked faces | left out: no pictures beside this checkout", 0, 0)]
    raw = [pixels(*one) for one in people]
    project = components(raw)
    ways: dict[str, Callable[[Picture, Box], NDArray[np.float64]]] = {
        "pixels": pixels,
        "principal components": lambda crop, box: project(pixels(crop, box)),
        "histograms of gradients": gradients,
        "masked gallery": cells,
    }
    galleries = {name: np.stack([way(*one) for one in people]) for name, way in ways.items()}
    kinds = ("control: unmasked", f"control: under {CELLS} x {CELLS} cell means", "masked")
    hits = {(kind, name): 0 for kind in kinds for name in ways}
    for number, (crop, box) in enumerate(people):
        for _ in range(PROBES):
            picture, where, found = seen_again(crop, box, chance)
            shown = (picture, where), (masked(picture, found, CELLS), found), (masked(picture, found), found)
            for kind, (probe, place) in zip(kinds, shown, strict=True):
                for name, way in ways.items():
                    # Ties are broken by lot: a mask that says nothing must not be matched to the first.
                    scores = galleries[name] @ way(probe, place)
                    best = int(chance.choice(np.flatnonzero(scores >= scores.max() - 1e-12)))
                    hits[kind, name] += best == number
    of = len(people) * PROBES
    expected = float(PROBES)
    bar = next(n for n in range(of) if poisson_above(n, expected) < RARE) / of
    return [
        Row(
            f"{kind} face matched | {name}",
            count,
            of,
            bar if kind == "masked" else None,
            f"chance: 1 in {len(people)}",
        )
        for (kind, name), count in hits.items()
    ]


def main() -> None:
    """Print the table."""
    show(rows())


if __name__ == "__main__":
    main()

"""Planted truth: faces and plates put into road pictures, of known place, size, blur, yaw and light.

    python scripts/truth_planted.py [--instances 3000] [--setting release|fast]

Faces are those of a photograph in the public domain, plates are drawn in the manner of several countries
(`carnet.deidentify.planting`); a third of each is 16 to 32 px high, the size from which pictures of the road are
specially protected. Backgrounds are permissive road pictures. The set is made anew from a seed and kept nowhere.
"""

from __future__ import annotations

import argparse
import random
import sys

import cv2
import numpy as np

from truth_count import XYWH, Tally, masked
from truth_moving import ROADS, SAMPLE

BARS = {("plate", 16): 0.985, ("face", 16): 0.985}
WIDTH, HEIGHT = 1920, 1080
FACES, PLATES = 9, 9
_TRIES = 60


def roads() -> list[np.ndarray]:
    """Give road pictures of a frame's size; of the committed sample where the others are absent."""
    if ROADS.is_dir():
        pictures = [cv2.imread(str(one)) for one in sorted(ROADS.glob("lanelines_*.jpg"))]
    else:
        import av

        print("left out: road pictures beside the checkout (../shared/data); the sample's frames stand in")
        with av.open(str(SAMPLE)) as container:
            pictures = [one.to_ndarray(format="bgr24") for one in list(container.decode(video=0))[::12]]
    return [cv2.resize(one, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) for one in pictures]


def scene(road: np.ndarray, chance: random.Random) -> tuple[np.ndarray, list[tuple[str, XYWH]]]:
    """Plant faces and plates where they do not touch; gives the picture and the boxes."""
    from carnet.deidentify.planting import drawn_look, plant

    image = road.copy()
    if chance.random() < 0.5:  # noqa: PLR2004 - either way round
        image = np.ascontiguousarray(image[:, ::-1])
    image = np.clip(image.astype(np.float32) * chance.uniform(0.45, 1.2), 0, 255).astype(np.uint8)
    placed: list[tuple[str, XYWH]] = []
    for label in ["face"] * FACES + ["plate"] * PLATES:
        for _ in range(_TRIES):
            look = drawn_look(label, (), chance)
            wide, high = look.height * look.proportion, look.height
            x, y = chance.uniform(0, WIDTH - wide), chance.uniform(0.05 * HEIGHT, HEIGHT - high)
            # Room for the head around a face and the body around a plate.
            gap = high if label == "face" else 1.2 * high
            if x - gap < 0 or y - gap < 0 or x + wide + gap > WIDTH or y + high + gap > HEIGHT:
                continue
            if all(
                x - gap > ox + ow or ox > x + wide + gap or y - gap > oy + oh or oy > y + high + gap
                for _, (ox, oy, ow, oh) in placed
            ):
                box = plant(image, label, look, (x, y), chance)
                placed.append((label, (box.x, box.y, box.w, box.h)))
                break
    return image, placed


def main() -> int:
    """Plant, mask as the product does, and count."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--instances", type=int, default=3000, help="at least so many")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--setting", choices=("release", "fast"), default="release")
    asked = parser.parse_args()
    from carnet.deidentify.find import Finder
    from carnet.deidentify.order import RedactionOrder

    chance = random.Random(asked.seed)  # noqa: S311 - a repeatable draw
    pictures = roads()
    finder = Finder(RedactionOrder.from_json({"remove": ["faces", "plates"], "setting": asked.setting}))
    tally, count, made = Tally(), 0, 0
    while count < asked.instances:
        image, placed = scene(pictures[made % len(pictures)], chance)
        coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
        image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)
        tally.add(masked(finder.find(image), WIDTH, HEIGHT), placed)
        count += len(placed)
        made += 1
    held = tally.tell(f"planted, {asked.setting}, {count} instances in {made} pictures", BARS, None)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

"""Moving truth: faces and plates that move on their own, with occlusion, change of size, blur, entering, leaving.

    python scripts/truth_moving.py [--clips 9] [--frames 120] [--setting release|fast] [--misses]

Clips are made anew each time from a seed: faces in the public domain and drawn plates (`carnet.deidentify.planting`)
before road pictures, H.264 at 1080p30, redacted by the product as a file. A subject counts in a frame where at
least half of it is seen and it is 16 px high or more. Clips in which nothing moves but the camera are told apart.
"""

from __future__ import annotations

import argparse
import io
import math
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from truth_count import ENOUGH, Tally, masked, said, share_under  # beside this file

ROOT = Path(__file__).resolve().parent.parent
ROADS = ROOT.parent / "shared" / "data" / "images" / "dashcam"
SAMPLE = ROOT / "samples" / "shanghai_drive" / "front_camera.mp4"
WIDTH, HEIGHT, RATE = 1920, 1080, 30
BAR_FRAMES, BAR_SUBJECTS = 0.97, 0.03
LEAST_PX, LEAST_SEEN = 16, 0.5
FACES, PLATES, POSTS = 7, 4, 3
_SPRITE_PX = 128
Image = NDArray[np.uint8]


@dataclass(slots=True)
class Subject:
    """Something that moves: its picture, how much of each pixel it is, and its way."""

    label: str
    picture: NDArray[np.float32]
    share: NDArray[np.float32]
    inner: tuple[float, float, float, float]
    start: tuple[float, float]
    speed: tuple[float, float]
    sway: tuple[float, float, float]
    heights: tuple[float, float]
    first: int

    def at(self, frame: int, frames: int) -> tuple[float, float, float]:
        """Give middle and height at a frame."""
        swing = self.sway[0] * math.sin(self.sway[1] * frame + self.sway[2])
        part = frame / max(1, frames - 1)
        height = self.heights[0] * (self.heights[1] / self.heights[0]) ** part
        moved = frame - self.first
        return (
            self.start[0] + self.speed[0] * moved + swing,
            self.start[1] + self.speed[1] * moved + swing / 3,
            height,
        )


def backgrounds() -> list[Image]:
    """Give road pictures at 1.3 times the size of a frame; those of the sample where the others are absent."""
    if ROADS.is_dir():
        pictures = [cv2.imread(str(one)) for one in sorted(ROADS.glob("lanelines_*.jpg"))]
    else:
        import av

        print("  roads of the committed sample: ../shared is absent")
        with av.open(str(SAMPLE)) as container:
            pictures = [one.to_ndarray(format="bgr24") for one in list(container.decode(video=0))[::20]]
    size = (round(WIDTH * 1.3), round(HEIGHT * 1.3))
    return [np.asarray(cv2.resize(one, size, interpolation=cv2.INTER_CUBIC), np.uint8) for one in pictures]


def sprite(label: str, chance: random.Random) -> tuple[NDArray[np.float32], NDArray[np.float32], Any]:
    """Draw a face or plate; gives picture, share, and the box of what has to be masked in it (x, y, w, h)."""
    from carnet.deidentify.planting import Look, plant

    proportion = chance.uniform(0.62, 0.85) if label == "face" else chance.choice((2.0, 3.1, 3.4, 4.3))
    look = Look(_SPRITE_PX, proportion, 0.3, chance.uniform(70, 190), chance.uniform(25, 60))
    ground = np.full((4 * _SPRITE_PX, 12 * _SPRITE_PX, 3), 128, np.uint8)
    box = plant(ground, label, look, (4 * _SPRITE_PX, 1.5 * _SPRITE_PX), chance)
    # A head is half as wide and high again as its face; a plate brings a little of the car with it.
    room = box.grown(0.4 if label == "face" else 0.2)
    left, top, right, bottom = int(room.x), int(room.y), int(room.x + room.w), int(room.y + room.h)
    picture = ground[top:bottom, left:right].astype(np.float32)
    share = np.ones(picture.shape[:2], np.float32)
    if label == "face":
        high, wide = share.shape
        y, x = np.ogrid[:high, :wide]
        away = np.hypot((x + 0.5) / wide * 2 - 1, (y + 0.5) / high * 2 - 1)
        share = np.clip((1.0 - away) / 0.1, 0, 1).astype(np.float32)
    return picture, share, (box.x - left, box.y - top, box.w, box.h)


def subjects(chance: random.Random, frames: int, *, rigid: bool) -> list[Subject]:
    """Draw the subjects of a clip: some come in from a side, some leave, some are there all the time."""
    made = []
    for number in range(FACES + PLATES):
        label = "face" if number < FACES else "plate"
        picture, share, inner = sprite(label, chance)
        height = 16 * (90 / 16) ** chance.random() if label == "face" else 16 * (60 / 16) ** chance.random()
        grow = 1.0 if rigid else chance.uniform(0.7, 1.45)
        speed = (0.0, 0.0) if rigid else (chance.uniform(-9, 9), chance.uniform(-1.2, 1.2))
        sway = (
            (0.0, 0.0, 0.0)
            if rigid
            else (chance.uniform(0, 12), chance.uniform(0.05, 0.2), chance.uniform(0, 6))
        )
        begun = chance.randrange(frames)
        # At the frame `begun` it is somewhere well inside: before and after that it may be outside.
        place = (chance.uniform(0.1, 0.9) * WIDTH, (number + 0.7) / (FACES + PLATES + 1) * HEIGHT)
        made.append(
            Subject(
                label,
                picture,
                share,
                inner,
                place,
                speed,
                sway,
                (max(16.0, height), max(16.0, height * grow)),
                begun,
            )
        )
    return made


def clip(seed: int, frames: int, roads: list[Image], *, rigid: bool) -> Iterator[tuple[Image, list[Any]]]:
    """Make a clip: each frame, and what is seen in it as (subject, label, box)."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable draw
    road = roads[seed % len(roads)]
    cast = subjects(chance, frames, rigid=rigid)
    pan = chance.uniform(3, 6) if rigid else chance.uniform(-2, 2)
    shake = chance.uniform(0, 4)
    posts = [
        (chance.uniform(0, WIDTH), chance.uniform(-3, 3), chance.randrange(30, 90)) for _ in range(POSTS)
    ]
    noise = np.random.default_rng(seed)
    spare = road.shape[1] - WIDTH
    for frame in range(frames):
        swing = (pan * frame) % (2 * spare)
        left = min(int(swing if swing <= spare else 2 * spare - swing), spare)
        up = min(
            max(0, round((road.shape[0] - HEIGHT) / 2 + shake * math.sin(frame / 4))), road.shape[0] - HEIGHT
        )
        image = road[up : up + HEIGHT, left : left + WIDTH].copy()
        owner = np.full((HEIGHT, WIDTH), -1, np.int16)
        areas = []
        for number, one in enumerate(cast):
            x, y, height = one.at(frame, frames)
            if rigid:
                x, y = x + spare / 2 - left, y + (road.shape[0] - HEIGHT) / 2 - up
            areas.append(_draw(image, owner, number, one, (x, y, height)))
        for x, speed, wide in () if rigid else posts:
            at = round((x + speed * frame) % WIDTH)
            image[:, at : at + wide] = image[:, at : at + wide] // 4 + 20
            owner[:, at : at + wide] = -1
        dirt = noise.normal(0, 2.0, (HEIGHT // 2, WIDTH // 2, 1)).astype(np.float32).repeat(2, 0).repeat(2, 1)
        image = np.clip(image + dirt, 0, 255).astype(np.uint8)
        yield image, list(_seen(owner, cast, areas))


def _draw(
    image: Image, owner: NDArray[np.int16], number: int, one: Subject, at: tuple[float, float, float]
) -> Any:
    """Draw a subject between pixels, blurred along its way; gives its box and the pixels of it, None outside."""
    x, y, height = at
    scale = height / one.inner[3]
    left, top = x - (one.inner[0] + one.inner[2] / 2) * scale, y - (one.inner[1] + one.inner[3] / 2) * scale
    wide, high = one.picture.shape[1] * scale, one.picture.shape[0] * scale
    x0, y0, x1, y1 = (
        math.floor(left) - 4,
        math.floor(top) - 4,
        math.ceil(left + wide) + 4,
        math.ceil(top + high) + 4,
    )
    if x1 <= 0 or y1 <= 0 or x0 >= WIDTH or y0 >= HEIGHT:
        return None
    turn = np.array([[scale, 0, left - x0], [0, scale, top - y0]], np.float32)
    size = (x1 - x0, y1 - y0)
    soft = max(0.3, 0.4 / scale)
    picture = cv2.warpAffine(
        cv2.GaussianBlur(one.picture, (0, 0), soft), turn, size, borderMode=cv2.BORDER_REPLICATE
    )
    share = cv2.warpAffine(one.share, turn, size)
    streak = round(abs(one.speed[0]) / 3)
    if streak > 1:
        picture, share = (cv2.blur(layer, (streak, 1)) for layer in (picture, share))
    cx0, cy0, cx1, cy1 = max(0, x0), max(0, y0), min(WIDTH, x1), min(HEIGHT, y1)
    part = slice(cy0 - y0, cy1 - y0), slice(cx0 - x0, cx1 - x0)
    window = image[cy0:cy1, cx0:cx1]
    amount = share[part][..., None]
    window[...] = np.clip(window * (1 - amount) + picture[part] * amount, 0, 255).astype(np.uint8)
    inside = owner[cy0:cy1, cx0:cx1]
    inside[share[part] > 0.5] = number  # noqa: PLR2004 - more of it than of what is behind
    return (
        left + one.inner[0] * scale,
        top + one.inner[1] * scale,
        one.inner[2] * scale,
        one.inner[3] * scale,
    )


def _seen(owner: NDArray[np.int16], cast: list[Subject], areas: list[Any]) -> Iterator[tuple[int, str, Any]]:
    """Give the part of each subject's box that is seen, where that is at least half of it."""
    for number, (one, area) in enumerate(zip(cast, areas, strict=True)):
        if area is None:
            continue
        x, y, w, h = area
        left, top, right, bottom = (
            max(0, round(x)),
            max(0, round(y)),
            min(WIDTH, round(x + w)),
            min(HEIGHT, round(y + h)),
        )
        if right <= left or bottom <= top:
            continue
        own = owner[top:bottom, left:right] == number
        if h < LEAST_PX or own.sum() < LEAST_SEEN * w * h:
            continue
        rows, columns = np.nonzero(own.any(axis=1))[0], np.nonzero(own.any(axis=0))[0]
        yield (
            number,
            one.label,
            (left + columns[0], top + rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1),
        )


def measure(
    seed: int, frames: int, roads: list[Image], setting: str, *, rigid: bool, name_misses: bool
) -> Any:
    """Make, redact and judge one clip; gives hits and tries by label, subjects with a readable frame, shares."""
    import av

    from carnet.classify.describe import describe
    from carnet.deidentify.find import Finding
    from carnet.deidentify.order import RedactionOrder
    from carnet.deidentify.redact import redact
    from carnet.detectors.box import Box

    memory, truth = io.BytesIO(), []
    with av.open(memory, "w", format="mp4") as container:
        track = container.add_stream("libx264", rate=RATE)
        track.width, track.height, track.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        track.options = {"crf": "20", "preset": "veryfast"}
        for image, seen in clip(seed, frames, roads, rigid=rigid):
            truth.append(seen)
            for packet in track.encode(av.VideoFrame.from_ndarray(image, "bgr24")):
                container.mux(packet)
        for packet in track.encode(None):
            container.mux(packet)
    content = memory.getvalue()
    order = RedactionOrder.from_json({"remove": ["faces", "plates"], "setting": setting})
    sheet = describe(io.BytesIO(content), name="truth.mp4", detect=False)
    report = redact(io.BytesIO(content), io.BytesIO(), order, name="truth.mp4", sheet=sheet)
    by_frame: list[list[Finding]] = [[] for _ in truth]
    for region in report.outcome.regions:
        by_frame[region.frame].append(Finding(region.label, Box(*region.box, region.score)))
    tally, readable = Tally(), {}
    for index, (seen, found) in enumerate(zip(truth, by_frame, strict=True)):
        where = masked(found, WIDTH, HEIGHT)
        tally.add(where, [(label, box) for _, label, box in seen])
        for number, label, box in seen:
            hit = share_under(where, box) >= ENOUGH[label]
            readable[number] = readable.get(number, 0) + (not hit)
            if name_misses and not hit:
                print(
                    f"  seed {seed} frame {index}: {label} {number} at {[int(one) for one in box]} not masked"
                )
    return tally, readable


def main() -> int:
    """Measure moving clips and, apart, clips in which only the camera moves."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--clips", type=int, default=9, help="clips in which subjects move; one more only pans"
    )
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--setting", choices=("release", "fast"), default="release")
    parser.add_argument("--misses", action="store_true", help="name what is not masked")
    asked = parser.parse_args()
    roads = backgrounds()
    held = True
    for rigid in (False, True):
        seeds = range(asked.seed, asked.seed + (1 if rigid else asked.clips))
        tally, open_frames, tried = Tally(), 0, 0
        for seed in seeds:
            one, readable = measure(
                seed + (1000 if rigid else 0),
                asked.frames,
                roads,
                asked.setting,
                rigid=rigid,
                name_misses=asked.misses,
            )
            for key, (hits, of) in one.counts.items():
                tally.counts[key][0] += hits
                tally.counts[key][1] += of
            tally.outside += one.outside
            open_frames += sum(count > 0 for count in readable.values())
            tried += len(readable)
        title = "only the camera moves" if rigid else "subjects move on their own"
        bars = {} if rigid else {("face", 16): BAR_FRAMES, ("plate", 16): BAR_FRAMES}
        held &= tally.tell(
            f"{title}, {asked.setting}, {len(seeds)} clips of {asked.frames} frames", bars, None
        )
        good = rigid or open_frames <= BAR_SUBJECTS * tried
        held &= good
        word = "" if rigid else f"  bar {BAR_SUBJECTS:g}: {'held' if good else 'NOT HELD'}"
        print(f"  subjects with at least one readable frame: {said(open_frames, tried)}{word}", flush=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

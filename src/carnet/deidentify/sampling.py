"""Looks at a sample of frames for the certificate: which ones, what others find in them, whether masks hold there.

Each function reads one file from front to back and keeps no more than the sample, so that workers can do it.
The sample is drawn by what the redacted file is (a digest), so nobody chooses it; frames are told apart by stream
and time, because trimming gives the new file other numbers.
"""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import cv2
import numpy as np

from carnet import detectors
from carnet.deidentify.assurance import (
    ENOUGH,
    by_frame,
    held_areas,
    refuse_same_tool,
    share_of,
)
from carnet.deidentify.find import FACE, PLATE, Finder
from carnet.deidentify.frames import Frame, frames_of
from carnet.deidentify.masks import bounds
from carnet.deidentify.order import RedactionOrder, RedactionReport, Region
from carnet.deidentify.planting import Look, Planted, look_of, planted_truth
from carnet.detectors.box import Box, Picture
from carnet.errors import UnreadableError
from carnet.model.factsheet import Tool

_PARTS = {FACE: "faces", PLATE: "plates"}
_AT_ONCE = 4
"""How many faces, and how many plates, are planted in one frame at most."""
_QUALITY = 92

Place = tuple[str, int]
"""A frame: its stream and its time in nanoseconds."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The frames that were drawn from a redacted file.

    Attributes:
        frames: stream, number in the new file, time in ns; in file order.
        of: how many frames the file has.
        masked: share of each frame's pixels that lie under masks, of all frames.
    """

    frames: tuple[tuple[str, int, int], ...]
    of: int
    masked: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {"frames": [list(one) for one in self.frames], "of": self.of, "masked": list(self.masked)}

    @classmethod
    def from_json(cls, form: Mapping[str, Any]) -> Drawn:
        """Read the JSON form."""
        frames = tuple((str(stream), int(index), int(time)) for stream, index, time in form["frames"])
        return cls(frames, int(form["of"]), tuple(float(one) for one in form["masked"]))


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a detector that did not mask found in an original frame."""

    stream: str
    time_ns: int
    label: str
    box: Box

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        box = self.box
        return {
            "stream": self.stream,
            "time_ns": self.time_ns,
            "label": self.label,
            "box": [float(one) for one in (box.x, box.y, box.w, box.h, box.score)],
        }

    @classmethod
    def from_json(cls, form: Mapping[str, Any]) -> Sighting:
        """Read the JSON form."""
        return cls(str(form["stream"]), int(form["time_ns"]), str(form["label"]), Box(*form["box"]))


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen in the sampled frames of an original.

    Attributes:
        planted: what was planted, and whether the masking detectors found it.
        sightings: what the other detectors found.
        looks: how many findings of each label the planted ones were drawn after.
        judges: the detectors that did not mask.
    """

    planted: tuple[Planted, ...]
    sightings: tuple[Sighting, ...]
    looks: dict[str, int]
    judges: tuple[Tool, ...]

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "planted": [[one.label, one.height, one.covered] for one in self.planted],
            "sightings": [one.to_json() for one in self.sightings],
            "looks": dict(self.looks),
            "judges": [one.to_json() for one in self.judges],
        }

    @classmethod
    def from_json(cls, form: Mapping[str, Any]) -> Seen:
        """Read the JSON form."""
        return cls(
            tuple(
                Planted(str(label), float(height), bool(covered))
                for label, height, covered in form["planted"]
            ),
            tuple(Sighting.from_json(one) for one in form["sightings"]),
            {str(label): int(many) for label, many in form["looks"].items()},
            tuple(Tool.from_json(one) for one in form["judges"]),
        )


def seed_of(report: RedactionReport, purpose: str) -> int:
    """Give the seed for a draw from one redacted file: nobody can choose it without changing the file."""
    return int.from_bytes(hashlib.sha256(f"{purpose} {report.out_sha256}".encode()).digest()[:8], "big")


def draw_frames(source: BinaryIO, *, name: str, report: RedactionReport, many: int) -> Drawn:
    """Draw frames of a redacted file, each equally likely.

    Args:
        source: the redacted file, seekable.
        name: its name.
        report: what the redaction said.
        many: how many frames at most.

    Raises:
        UnreadableError: the file, or one of its pictures, cannot be read.
    """
    chance = random.Random(seed_of(report, "sample"))  # noqa: S311 - a repeatable draw
    masks = by_frame(report)
    kept: list[tuple[int, tuple[str, int, int]]] = []
    shares: list[float] = []
    for number, frame in enumerate(frames_of(source, name)):
        shares.append(_masked_share(frame, masks.get((frame.stream, frame.index), ())))
        entry = number, (frame.stream, frame.index, frame.time_ns)
        # Algorithm R (Vitter, ACM TOMS 11, 1985): every frame is equally likely, in one pass.
        if len(kept) < many:
            kept.append(entry)
        elif (at := chance.randrange(number + 1)) < many:
            kept[at] = entry
    return Drawn(tuple(frame for _, frame in sorted(kept)), len(shares), tuple(shares))


def _masked_share(frame: Frame, regions: Sequence[Region]) -> float:
    height, width = frame.image.shape[:2]
    cover = np.zeros((height, width), dtype=np.bool_)
    for region in regions:
        area = bounds(Box(*region.box, score=region.score), width, height)
        if area is not None:
            cover[area[1] : area[3], area[0] : area[2]] = True
    return float(cover.mean())


def look_at_original(
    source: BinaryIO,
    *,
    name: str,
    report: RedactionReport,
    drawn: Drawn,
    planted: int,
    threads: int = detectors.DEFAULT_THREADS,
    progress: Callable[[int, int], None] | None = None,
) -> Seen:
    """Look at the drawn frames as they were: with other detectors, and with things planted in them.

    Args:
        source: the original file, seekable.
        name: its name.
        report: what the redaction said; the masking detectors are made as it says.
        drawn: frames of the redacted file.
        planted: how many faces and how many plates to plant, each.
        threads: how many threads detectors may use.
        progress: told after each frame.

    Raises:
        RedactionError: a detector that masked would judge.
        UnreadableError: a drawn frame is not in the original.
    """
    judges = (detectors.checking_face_detector(threads), detectors.checking_plate_detector(threads))
    tools = tuple(one.tool for one in judges)
    refuse_same_tool(report.tools, tools)
    labels = labels_of(report)
    wanted = {(stream, time_ns): index for stream, index, time_ns in drawn.frames}
    regions = by_frame(report)

    def own(frame: Frame) -> list[Region]:
        return regions.get((frame.stream, wanted[frame.stream, frame.time_ns]), [])

    sightings: list[Sighting] = []
    looks: dict[str, list[Look]] = {label: [] for label in labels}
    total = 2 * len(wanted)
    for done, frame in enumerate(_wanted(source, name, wanted), 1):
        for label, judge in zip((FACE, PLATE), judges, strict=True):
            found = judge.find(frame.image) if label in labels else ()
            sightings += [Sighting(frame.stream, frame.time_ns, label, box) for box in found]
        for region in own(frame):
            look = look_of(frame.image, Box(*region.box, score=region.score))
            if look is not None and region.label in looks and region.by == "detector":
                looks[region.label].append(look)
        if progress is not None:
            progress(done, total)

    finder = Finder(
        RedactionOrder(_parts(labels), setting="fast" if report.setting == "fast" else "release"), threads
    )
    each = min(_AT_ONCE, -(-planted // max(1, len(wanted))))
    rounds = -(-planted // max(1, len(wanted) * each)) if each else 0

    def pictures() -> Iterator[tuple[Picture, list[Box]]]:
        for done, frame in enumerate(_wanted(source, name, wanted), 1):
            taken = [Box(*region.box, score=region.score) for region in own(frame)]
            for _ in range(rounds):
                yield frame.image, taken
            if progress is not None:
                progress(len(wanted) + done, total)

    grown = planted_truth(
        pictures(), finder.find, looks, dict.fromkeys(labels, each), ENOUGH, seed_of(report, "planted")
    )
    return Seen(tuple(grown), tuple(sightings), {label: len(some) for label, some in looks.items()}, tools)


def labels_of(report: RedactionReport) -> tuple[str, ...]:
    """Give the labels that a redaction masked."""
    return tuple(label for label, part in _PARTS.items() if part in report.removed)


def _parts(labels: Sequence[str]) -> frozenset[str]:
    return frozenset(_PARTS[label] for label in labels)


def shares_held(
    source: BinaryIO, *, name: str, report: RedactionReport, sightings: Sequence[Sighting]
) -> tuple[float, ...]:
    """Give of each sighting the share of its box that lies in masks which hold, in the redacted file.

    Args:
        source: the redacted file, seekable.
        name: its name.
        report: what the redaction said; its masks are measured, never believed.
        sightings: in frames of the original.

    Raises:
        UnreadableError: the file cannot be read, or one of the frames is not in it.
    """
    by_place: dict[Place, list[int]] = defaultdict(list)
    for number, one in enumerate(sightings):
        by_place[one.stream, one.time_ns].append(number)
    masks = by_frame(report)
    out = [0.0] * len(sightings)
    for frame in _wanted(source, name, by_place):
        held = held_areas(frame.image, masks.get((frame.stream, frame.index), ()))
        for number in by_place[frame.stream, frame.time_ns]:
            out[number] = share_of(sightings[number].box, held)
    return tuple(out)


def pictures_of(
    source: BinaryIO, *, name: str, wanted: Sequence[Place], sink: Callable[[bytes], object]
) -> tuple[tuple[str, int, int], ...]:
    """Write frames as JPEG, one after the other, for a person to look at.

    Args:
        source: an original or redacted file, seekable.
        name: its name.
        wanted: the frames.
        sink: takes the bytes.

    Returns:
        For each frame written its stream, time in ns and length in bytes, in the order of the file.

    Raises:
        UnreadableError: the file cannot be read, or one of the frames is not in it.
    """
    out: list[tuple[str, int, int]] = []
    for frame in _wanted(source, name, dict.fromkeys(wanted)):
        data = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
        sink(data)
        out.append((frame.stream, frame.time_ns, len(data)))
    return tuple(out)


def _wanted(source: BinaryIO, name: str, wanted: Mapping[Place, object]) -> Iterator[Frame]:
    """Give the wanted frames in file order; one that is not there is an error."""
    left = set(wanted)
    try:
        for frame in frames_of(source, name):
            place = frame.stream, frame.time_ns
            if place in left:
                left.remove(place)
                yield frame
                if not left:
                    return
    except UnreadableError:
        # A file that ends early may still hold every frame that is asked for.
        if left:
            raise
    if left:
        raise UnreadableError(
            f"{len(left)} of the frames are not in the file",
            where="sample",
            remedy="name the file that was redacted, and the file that came of it",
        )

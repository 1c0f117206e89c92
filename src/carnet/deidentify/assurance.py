"""Judges a redaction: by detectors that had no part in it, and by what was planted where.

**A different detector.** Faces by BlazeFace, plates by text detection. A finding counts as left over unless
at least half of it lies in masks that hold: a mask holds when the pixels of the new file are constant over its
cells but for what the codec adds (sixteen values cannot be read; measured on the file, never believed). Those
findings, the texture of masks, are counted apart. Text detection cannot tell a plate from a sign, so only text
in the proportions of a plate counts, and a road sign may count as a plate: the error is on the safe side.

**The truth file.** A planted box is covered when enough of it (0.7 of a face, 0.8 of a plate) lies in masks
that hold. Bounds are those of Clopper and Pearson, *Biometrika* 26 (1934), one-sided, 95 %. Frames of one thing
are alike, so the bound speaks of this file's instances, not of things never seen.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from carnet import detectors
from carnet.deidentify.find import FACE, PLATE, Finding
from carnet.deidentify.frames import frames_of
from carnet.deidentify.masks import CELLS, GROWN, bounds, edges
from carnet.deidentify.order import RedactionReport, Region
from carnet.deidentify.plan import check_sheet
from carnet.detectors.box import Box, Picture
from carnet.errors import RedactionError
from carnet.formats import open_recording
from carnet.model.factsheet import FactSheet, Tool
from carnet.model.shares import lower_bound

ENOUGH = {FACE: 0.7, PLATE: 0.8}
"""Share of a planted box that has to lie in masks."""

SIZES = (8, 16, 32)
"""Limits of the size classes, in pixels of height."""

_HOLDS = 6.0
_HALF = 0.5
_SEEN = 0.5
_LABELS = {"face": FACE, "license_plate": PLATE, "licence_plate": PLATE, "plate": PLATE}


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What detectors that did not mask found in the new file.

    Attributes:
        faces: findings left over; `plates` likewise.
        faces_px_max: longer side of the largest one left over, 0 when there is none.
        inside_masks: findings in masks that hold, by label: texture, nobody's face.
    """

    frames: int
    faces: int
    plates: int
    faces_px_max: int
    plates_px_max: int
    inside_masks: dict[str, int]
    findings: tuple[Region, ...]
    tools: tuple[Tool, ...]

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "frames": self.frames,
            "faces": self.faces,
            "plates": self.plates,
            "faces_px_max": self.faces_px_max,
            "plates_px_max": self.plates_px_max,
            "inside_masks": dict(self.inside_masks),
            "findings": [one.to_json() for one in self.findings],
            "tools": [one.to_json() for one in self.tools],
        }

    @classmethod
    def from_json(cls, form: dict[str, Any]) -> CheckReport:
        """Read the JSON form."""
        return cls(
            form["frames"],
            form["faces"],
            form["plates"],
            form["faces_px_max"],
            form["plates_px_max"],
            dict(form["inside_masks"]),
            tuple(Region.from_json(one) for one in form["findings"]),
            tuple(Tool.from_json(one) for one in form["tools"]),
        )


@dataclass(frozen=True, slots=True)
class TruthCount:
    """How many planted boxes of one label and size class were covered, of how many; with its lower bound."""

    label: str
    size: str
    covered: int
    of: int

    @property
    def lower_bound(self) -> float:
        """The 95 % lower bound of the share."""
        return lower_bound(self.covered, self.of)

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "label": self.label,
            "size": self.size,
            "covered": self.covered,
            "of": self.of,
            "lower_bound_95": round(self.lower_bound, 4),
        }


@dataclass(frozen=True, slots=True)
class TruthReport:
    """Planted boxes covered, by label and size; boxes less than half visible are counted apart.

    Attributes:
        missed: stream, frame and object of each visible planted box that is not covered.
        hardly_visible: planted boxes that were not judged.
        unfound_frames: frames of the truth file that the new file does not have (trimmed).
    """

    counts: tuple[TruthCount, ...]
    missed: tuple[tuple[str, int, str], ...]
    hardly_visible: int
    unfound_frames: int

    def total(self, label: str, least_px: int = 0) -> TruthCount:
        """Add up one label's size classes from a height on."""
        wanted = [one for one in self.counts if one.label == label and _smallest(one.size) >= least_px]
        return TruthCount(
            label, f">={least_px}", sum(one.covered for one in wanted), sum(one.of for one in wanted)
        )

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "counts": [one.to_json() for one in self.counts],
            "missed": [list(one) for one in self.missed],
            "hardly_visible": self.hardly_visible,
            "unfound_frames": self.unfound_frames,
        }


def check(
    source: BinaryIO,
    *,
    name: str,
    sheet: FactSheet | None = None,
    report: RedactionReport | None = None,
    progress: Callable[[int, int], None] | None = None,
    threads: int = detectors.DEFAULT_THREADS,
) -> CheckReport:
    """Look for people and plates in a new file with detectors that had no part in making it.

    Args:
        source: the new file, seekable.
        name: its name.
        sheet: its fact sheet, when there is one: a sheet of another format is refused.
        report: what the redaction said; without it every finding counts as left over.
        progress: told after each frame.
        threads: how many threads detectors may use.

    Raises:
        RedactionError: a detector that masked would be the one that judges.
        UnreadableError: the file or one of its pictures cannot be read.
    """
    tools = (detectors.checking_face_detector(threads), detectors.checking_plate_detector(threads))
    judges = tuple(one.tool for one in tools)
    if sheet is not None:
        check_sheet(sheet, open_recording(source, name).format or "")
    if report is not None:
        refuse_same_tool(report.tools, judges)
    masks = by_frame(report)
    counts = {FACE: 0, PLATE: 0}
    largest = {FACE: 0, PLATE: 0}
    inside = {FACE: 0, PLATE: 0}
    left: list[Region] = []
    frames = 0
    for frame in frames_of(source, name):
        held = held_areas(frame.image, masks.get((frame.stream, frame.index), ()))
        for label, detector in zip((FACE, PLATE), tools, strict=True):
            for box in detector.find(frame.image):
                if share_of(box, held) >= _HALF:
                    inside[label] += 1
                    continue
                counts[label] += 1
                largest[label] = max(largest[label], math.ceil(max(box.w, box.h)))
                left.append(Finding(label, box).region(frame.index, frame.stream))
        frames += 1
        if progress is not None:
            progress(frames, 0)
    return CheckReport(
        frames, counts[FACE], counts[PLATE], largest[FACE], largest[PLATE], inside, tuple(left), judges
    )


def refuse_same_tool(masked_by: Iterable[Tool], judges: Iterable[Tool]) -> None:
    """Refuse a judge that also masked: by its weights, and by its name where it has none.

    Raises:
        RedactionError: one tool is on both sides.
    """
    used = {one.digest or one.name for one in masked_by}
    if used & {one.digest or one.name for one in judges}:
        raise RedactionError(
            "the detector that masked would judge its own work",
            where="check",
            remedy="check with another detector",
        )


def by_frame(report: RedactionReport | None) -> dict[tuple[str, int], list[Region]]:
    """Give what was masked, by stream and number of the frame in the new file."""
    masks: dict[tuple[str, int], list[Region]] = defaultdict(list)
    for region in report.outcome.regions if report else ():
        masks[region.stream, region.frame].append(region)
    return masks


def held_areas(image: Picture, regions: Sequence[Region]) -> NDArray[np.bool_]:
    """Give where masks hold: the cells that a claimed mask consists of must be constant in brightness.

    Masks that overlap were put one upon another, so each pixel belongs to a cell of the last mask over it. A
    mask holds when its own pixels differ from their cells' means by at most `_HOLDS` of 255 in the mean:
    coding adds one to three, and the flattest plate that can be read has more than ten.
    """
    height, width = image.shape[:2]
    held = np.zeros((height, width), dtype=np.bool_)
    areas = [
        area
        for area in (bounds(Box(*one.box, score=one.score), width, height, GROWN) for one in regions)
        if area
    ]
    if not areas:
        return held
    cells = np.zeros((height, width), dtype=np.int32)
    for number, (left, top, right, bottom) in enumerate(areas):
        across, down = edges(left, right), edges(top, bottom)
        rows = np.repeat(np.arange(len(down) - 1), np.diff(down))
        columns = np.repeat(np.arange(len(across) - 1), np.diff(across))
        cells[top:bottom, left:right] = 1 + number * CELLS * CELLS + rows[:, None] * CELLS + columns
    bright = image.astype(np.float64) @ np.array([0.114, 0.587, 0.299])
    flat = cells.ravel()
    count = np.bincount(flat)
    means = np.bincount(flat, bright.ravel()) / np.maximum(count, 1)
    away = np.abs(bright - means[cells])
    owner = np.where(cells > 0, (cells - 1) // (CELLS * CELLS), -1)
    for number in range(len(areas)):
        own = owner == number
        if own.any() and float(away[own].mean()) <= _HOLDS:
            held |= own
    return held


def share_of(box: Box, held: NDArray[np.bool_]) -> float:
    """Give the share of a box's pixels that lie in an area."""
    height, width = held.shape
    area = bounds(box, width, height, 0.0)
    if area is None:
        return 0.0
    left, top, right, bottom = area
    return float(held[top:bottom, left:right].mean())


def judge_by_truth(
    original: BinaryIO,
    redacted: BinaryIO,
    truth: Mapping[str, Any],
    *,
    name: str,
    report: RedactionReport,
) -> TruthReport:
    """Judge by planted boxes.

    Args:
        original: the file before.
        redacted: the file after.
        truth: for each stream of this file its `frames`, each with `index` and `boxes` (`label`, `box`,
            `visible`, `object`), as in `samples/truth.json` under `streams`.
        name: the original's name.
        report: what the redaction said.

    Raises:
        RedactionError: the report is not of these files, or the truth names a stream that is not there.
        UnreadableError: one of the files cannot be read.
    """
    times = {(one.stream, one.time_ns): one.index for one in frames_of(original, name)}
    if any(not any(stream == known for known, _ in times) for stream in truth):
        raise RedactionError("the truth speaks of a stream that the file does not have", where="truth")
    planted = {
        (stream, int(frame["index"])): frame["boxes"]
        for stream, table in truth.items()
        for frame in table["frames"]
    }
    masks = by_frame(report)
    hits: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    missed: list[tuple[str, int, str]] = []
    hardly = 0
    for frame in frames_of(redacted, name):
        source_index = times.get((frame.stream, frame.time_ns))
        if source_index is None:
            raise RedactionError("the new file has a frame that the old one has not", where=frame.stream)
        held = held_areas(frame.image, masks.get((frame.stream, frame.index), ()))
        for entry in planted.pop((frame.stream, source_index), ()):
            if entry.get("visible", 1.0) < _SEEN:
                hardly += 1
                continue
            label = _LABELS[entry["label"]]
            covered = share_of(_planted(entry["box"]), held) >= ENOUGH[label]
            count = hits[label, size_class(entry["box"][3])]
            count[0] += covered
            count[1] += 1
            if not covered:
                missed.append((frame.stream, frame.index, str(entry.get("object", ""))))
    counts = tuple(TruthCount(label, size, *count) for (label, size), count in sorted(hits.items()))
    return TruthReport(counts, tuple(missed), hardly, len(planted))


def _planted(box: Sequence[float]) -> Box:
    x, y, w, h = (float(one) for one in box)
    return Box(x, y, w, h, 1.0)


def size_class(height: float) -> str:
    """Name the class of size that a height in pixels falls into."""
    below = [limit for limit in SIZES if limit <= height]
    above = [limit for limit in SIZES if limit > height]
    return f"{below[-1] if below else 0}-{above[0]}" if above else f">={SIZES[-1]}"


def _smallest(size: str) -> int:
    return int(size.removeprefix(">=").split("-")[0])

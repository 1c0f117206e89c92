"""Finds what must be masked in a frame, and carries findings over to the frames beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from carnet import detectors
from carnet.deidentify.order import RedactionOrder, Region
from carnet.detectors.box import Box
from carnet.model.factsheet import Tool

if TYPE_CHECKING:
    from carnet.deidentify.fisheye import Views
    from carnet.detectors.box import Picture
    from carnet.detectors.objects import RoadUserDetector
    from carnet.detectors.text import TextDetector

FACE, PLATE, PERSON = "face", "plate", "person"
_SAME = 0.7
_HALF = 0.5
# Chosen on the development pictures, for plates found and for what is masked beside them.
_PLATE_EDGE = 0.06
"""The plate detector's boxes end within the first and last character now and then: grown on each side."""
_LARGE_PLATE, _LARGEST_ALONE = 0.006, 0.06
"""Share of the picture from which a plate's text must be seen, and above which nothing is a plate without it."""
_LEAST_TEXT, _SURE_TEXT, _SHORT_LINE, _LONG_LINE, _SAME_PLATE = 0.15, 0.7, 1.0, 7.5, 0.8
_LARGEST_LINE = 0.03
"""Share of the picture above which a line of text alone is no plate: one so near the plate detector finds too."""
_ROW_GAP, _ROW_ALIKE = 1.5, 0.6
_SURE_USER, _LARGEST_USER = 0.6, 0.1
_LEAST_VEHICLE, _LEAST_PERSON = 100, 80
_UPRIGHT, _HEAD = 1.5, 0.22
_USUAL_SIDE, _NEAR_SIDE = 416, 832


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: what it is, where, and by what."""

    label: str
    box: Box
    by: str = "detector"

    def region(self, frame: int, stream: str) -> Region:
        """Give it as an entry of the report."""
        return Region(
            frame,
            stream,
            self.label,
            (self.box.x, self.box.y, self.box.w, self.box.h),
            self.box.score,
            self.by,
        )


class Finder:
    """The masking detectors that an order asks for.

    `release` asks more of them for plates: lines of text in the shape of a plate are plates, wherever they are; a
    large box of the plate detector in which there is no text is none; and where a vehicle shows no plate, or a
    person no face, the place where it ought to be is masked.
    """

    def __init__(self, order: RedactionOrder, threads: int = detectors.DEFAULT_THREADS) -> None:
        self._order, self._threads = order, threads
        self._faces = self._plates = None
        self._text: TextDetector | None = None
        self._users: RoadUserDetector | None = None
        if "faces" in order.remove:
            self._faces = detectors.face_detector(order.setting, threads)
        if "plates" in order.remove:
            self._plates = detectors.plate_detector(order.setting, threads)
        self._views: Views | None = None
        self._whole = order.pictures.whole_persons
        if (order.setting == "release" and order.looks_at_pictures) or self._whole:
            self._users = detectors.road_user_detector(threads)
            if self._plates is not None and order.setting == "release":
                self._text = detectors.text_detector(threads)

    def for_video(self) -> Finder:
        """Look at frames of a video from now on: a frame's neighbours help, so faces are enlarged less."""
        if self._faces is not None and self._order.setting == "release":
            self._faces = detectors.face_detector("video", self._threads)
        return self

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The detectors, for reports."""
        used = (self._faces, self._plates, self._text, self._users)
        return tuple(detector.tool for detector in used if detector is not None)

    def find(self, image: Picture, *, quick: bool = False) -> tuple[Finding, ...]:
        """Give every finding in one picture.

        Args:
            image: H x W x 3, blue-green-red.
            quick: leave out vehicles and persons: they were looked for a moment ago.
        """
        found = self._find_flat(image, quick=quick)
        angle = self._order.pictures.fisheye_fov_deg
        if angle is None:
            return tuple(found)
        from carnet.deidentify.fisheye import Lens, Views

        lens = Lens(image.shape[1], image.shape[0], angle)
        if self._views is None or self._views.lens != lens:
            self._views = Views(lens)
        return carried(found, self._views.find(image, lambda flat: self._find_flat(flat, quick=quick)), None)

    def _find_flat(self, image: Picture, *, quick: bool) -> list[Finding]:
        height, width = image.shape[:2]
        found: list[Finding] = []
        if self._faces is not None:
            found.extend(Finding(FACE, box) for box in self._faces.find(image))
        users = None
        if self._users is not None and (self._whole or not quick):
            users = self._users.look(image, _NEAR_SIDE if self._whole else _USUAL_SIDE)
        if users is not None and self._whole:
            found.extend(Finding(PERSON, box) for box in users.persons)
        if self._order.setting == "fast":
            users = None
        if self._plates is not None:
            boxes = self._plates.find(image)
            if self._text is None:
                plates = [box for box in boxes if box.w * box.h <= _LARGEST_ALONE * width * height]
            else:
                plates = join_plates(boxes, self._text.find(image), width, height)
            if users is not None:
                plates = [*plates, *missing_plates(users.vehicles, plates, width, height)]
            found.extend(Finding(PLATE, box) for box in plates)
        if self._faces is not None and users is not None:
            faces = [one.box for one in found if one.label == FACE]
            found.extend(Finding(FACE, box) for box in missing_faces(users.persons, faces, width, height))
        return found


def join_plates(boxes: Sequence[Box], lines: Sequence[Box], width: int, height: int) -> list[Box]:
    """Join what the plate detector and the text detector found.

    Args:
        boxes: of the plate detector.
        lines: of text, anywhere in the picture.
        width: of the picture, in pixels.
        height: likewise.

    Returns:
        Boxes of the plate detector, without large ones that hold no text, grown by what they are known to lack;
        and lines of text in the shape of a plate that those do not cover.
    """
    kept = []
    for box in boxes:
        large = box.w * box.h > _LARGE_PLATE * width * height
        text = sum(line.w * line.h * line.covered_by(box) for line in lines)
        if not large or text >= _LEAST_TEXT * box.w * box.h:
            kept.append(box.grown(_PLATE_EDGE))
    for line in rows_of(lines):
        like_a_plate = line.score >= _SURE_TEXT and _SHORT_LINE <= line.w / line.h <= _LONG_LINE
        large = line.w * line.h > _LARGEST_LINE * width * height
        if like_a_plate and not large and not any(line.covered_by(one) > _SAME_PLATE for one in kept):
            kept.append(line)
    return kept


def rows_of(lines: Sequence[Box]) -> list[Box]:
    """Join lines of text that stand side by side: a plate's gaps part its number into several.

    Args:
        lines: of text.

    Returns:
        A box around each row that has the length of a plate, and every other line as it is; largest first.
    """
    rows: list[Box] = []
    for line in sorted(lines, key=lambda one: one.x):
        for place, row in enumerate(rows):
            high, low = max(line.h, row.h), min(line.h, row.h)
            shared = min(line.y + line.h, row.y + row.h) - max(line.y, row.y)
            right = max(line.x + line.w, row.x + row.w)
            top, bottom = min(line.y, row.y), max(line.y + line.h, row.y + row.h)
            near = line.x - row.x - row.w <= _ROW_GAP * high
            alike = low >= _ROW_ALIKE * high and shared >= _ROW_ALIKE * low
            if near and alike and right - row.x <= _LONG_LINE * (bottom - top):
                rows[place] = Box(row.x, top, right - row.x, bottom - top, max(line.score, row.score))
                break
        else:
            rows.append(line)
    return sorted(rows, key=lambda one: -one.w * one.h)


def missing_plates(vehicles: Sequence[Box], plates: Sequence[Box], width: int, height: int) -> list[Box]:
    """Give the lower half of each vehicle that is large enough for a plate to be read, and shows none.

    A vehicle that fills much of the picture is left out: its plate would have been found, and half of it is a
    large part of the picture.
    """
    return [
        Box(one.x, one.y + one.h / 2, one.w, one.h / 2, one.score)
        for one in vehicles
        if one.score >= _SURE_USER
        and one.h >= _LEAST_VEHICLE
        and one.w * one.h <= _LARGEST_USER * width * height
        and not any(plate.covered_by(one) > _HALF for plate in plates)
    ]


def missing_faces(persons: Sequence[Box], faces: Sequence[Box], width: int, height: int) -> list[Box]:
    """Give the head of each person that is large enough for a face to be recognised, and shows none."""
    return [
        Box(one.x + one.w / 4, one.y, one.w / 2, one.h * _HEAD, one.score)
        for one in persons
        if one.score >= _SURE_USER
        and one.h >= _LEAST_PERSON
        and one.h >= _UPRIGHT * one.w
        and one.w * one.h <= _LARGEST_USER * width * height
        and not any(face.covered_by(one) > _HALF for face in faces)
    ]


def carried(
    own: Sequence[Finding], neighbours: Iterable[Finding], by: str | None = "track"
) -> tuple[Finding, ...]:
    """Give a frame's findings together with those of the frames beside it that it lacks.

    A detector misses a face now and then for a frame or two. What its neighbours found is masked here as
    well, unless this frame's own findings of the same kind cover it. They are marked with `by`, if given.
    """
    found = list(own)
    for other in neighbours:
        if not any(
            one.label == other.label and other.box.covered_by(one.box.grown(0.12)) >= _SAME for one in found
        ):
            found.append(Finding(other.label, other.box, by or other.by))
    return tuple(found)

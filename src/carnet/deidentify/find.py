"""Finds what must be masked in a frame, and carries findings over to the frames beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from carnet import detectors
from carnet.deidentify.order import RedactionOrder, Region
from carnet.model.factsheet import Tool

if TYPE_CHECKING:
    from carnet.detectors.box import Box, Picture

FACE, PLATE = "face", "plate"
_SAME = 0.7
_PLATE_EDGE = 0.06
"""The plate detector's boxes end within the first and last character now and then: grown on each side."""


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
    """The masking detectors that an order asks for."""

    def __init__(self, order: RedactionOrder, threads: int = detectors.DEFAULT_THREADS) -> None:
        self._detectors: list[tuple[str, detectors.Detector]] = []
        if "faces" in order.remove:
            self._detectors.append((FACE, detectors.face_detector(order.setting, threads)))
        if "plates" in order.remove:
            self._detectors.append((PLATE, detectors.plate_detector(order.setting, threads)))

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The detectors, for reports."""
        return tuple(detector.tool for _, detector in self._detectors)

    def find(self, image: Picture) -> tuple[Finding, ...]:
        """Give every finding in one picture (H x W x 3, blue-green-red)."""
        return tuple(
            Finding(label, box.grown(_PLATE_EDGE) if label == PLATE else box)
            for label, detector in self._detectors
            for box in detector.find(image)
        )


def carried(own: Sequence[Finding], neighbours: Iterable[Finding]) -> tuple[Finding, ...]:
    """Give a frame's findings together with those of the frames beside it that it lacks.

    A detector misses a face now and then for a frame or two. What its neighbours found is masked here as
    well, unless this frame's own findings of the same kind cover it.
    """
    found = list(own)
    for other in neighbours:
        if not any(
            one.label == other.label and other.box.covered_by(one.box.grown(0.12)) >= _SAME for one in found
        ):
            found.append(Finding(other.label, other.box, "track"))
    return tuple(found)

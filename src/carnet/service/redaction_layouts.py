"""Folders laid out as nuScenes or KITTI: which files hold places, what files are called, what is copied as it is.

A data set is recognised by its paths alone. Where places are to go, its poses, boxes and OXTS packets are made
without them, maps are left out, and names of logs, vehicles and days in file names become numbers; nothing else
of the layout changes, so that the loaders of the data set still read it. Point clouds of these layouts hold
distances around the car and no clock and no place: they are copied byte for byte, unless ranging is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from carnet.deidentify.drive_tables import NEEDS, TABLES
from carnet.model.ids import DataClass
from carnet.model.vocabulary import covers

if TYPE_CHECKING:
    from carnet.deidentify.order import RedactionOrder

_TABLE = re.compile(r"(?:^|.*/)v1\.0-\w+/(\w+)\.json")
_LOG = re.compile(r"n\d{3}-\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d[+p-]\d{4}")
_OXTS = re.compile(r"(?:^|.*/)oxts/data/\d+\.txt")
_KITTI = re.compile(r"(?:^|.*/)(?:oxts/data/\d+\.txt|image_0\d/data/\d+\.png)")
_DAY = re.compile(r"(?<!\d)\d{4}_\d\d_\d\d(?!\d)")
_POINTS = re.compile(
    r"(?:^|.*/)(?:(?:samples|sweeps)/(?:LIDAR|RADAR)_\w+/.*\.(?:pcd\.bin|pcd)|velodyne_points/data/\d+\.bin)"
)
_NUSCENES_FLOATS, _KITTI_FLOATS = 20, 16
"""Bytes of a point: five and four numbers of 32 bits."""


@dataclass(slots=True)
class Layout:
    """What a tree's paths say.

    Attributes:
        prefixes: what names of logs and days become; empty when places stay.
    """

    order: RedactionOrder
    nuscenes: bool = False
    kitti: bool = False
    prefixes: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, paths: Iterable[PurePosixPath], order: RedactionOrder) -> Layout:
        """Look at every path of a tree, relative to its root."""
        texts = sorted(one.as_posix() for one in paths)
        made = cls(order)
        made.nuscenes = any((found := _TABLE.fullmatch(one)) and found[1] == "sample_data" for one in texts)
        made.kitti = any(_KITTI.fullmatch(one) for one in texts)
        if made.hides_places:
            if made.nuscenes:
                made._number(_LOG, texts, "log")
            if made.kitti:
                made._number(_DAY, texts, "day")
        return made

    @property
    def hides_places(self) -> bool:
        """Whether places are to go."""
        return "precise_location" in self.order.remove

    def _number(self, pattern: re.Pattern[str], texts: Iterable[str], word: str) -> None:
        for text in texts:
            for found in pattern.findall(text):
                self.prefixes.setdefault(found, f"{word}{len(self.prefixes) + 1:04d}")

    def path(self, relative: PurePosixPath) -> PurePosixPath:
        """Give a file's path in the new tree, as far as the layout says."""
        text = relative.as_posix()
        for old, new in self.prefixes.items():
            text = text.replace(old, new)
        return PurePosixPath(text)

    def leaves_out(self, relative: PurePosixPath) -> str | None:
        """Say why a file is left out of this layout, or None."""
        if self.nuscenes and self.hides_places and "maps" in relative.parts[:-1]:
            return "a map says where the recording was made"
        if _POINTS.fullmatch(relative.as_posix()) and any(
            covers(one, DataClass("ranging")) or covers(DataClass("ranging"), one) for one in self.order.drop
        ):
            return "ranging is dropped as ordered"
        return None

    def task(self, relative: PurePosixPath) -> dict[str, Any] | None:
        """Give what has to be done with a file that is not redacted by its own format alone, or None."""
        text = relative.as_posix()
        table = _TABLE.fullmatch(text) if self.nuscenes else None
        if table and self.hides_places and table[1] in TABLES:
            return {"layout": "nuscenes", "table": table[1], "prefixes": self.prefixes}
        if self.kitti and self.hides_places and _OXTS.fullmatch(text):
            return {"layout": "oxts"}
        if (self.nuscenes or self.kitti) and _POINTS.fullmatch(text):
            size = 0
            if text.endswith(".bin"):
                size = _NUSCENES_FLOATS if text.endswith(".pcd.bin") else _KITTI_FLOATS
            return {"layout": "points", "bytes_a_point": size}
        return None


def beside(path: Path, task: Mapping[str, Any]) -> dict[str, Path]:
    """Give the other tables that a task needs, by name, where they are there."""
    if task.get("layout") != "nuscenes":
        return {}
    found = {name: path.with_name(f"{name}.json") for name in NEEDS.get(str(task["table"]), ())}
    return {name: one for name, one in found.items() if one.is_file()}

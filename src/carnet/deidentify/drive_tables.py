"""Positions in the text files of data sets: the tables of nuScenes, the OXTS packets of KITTI.

nuScenes (nuscenes.org/nuscenes#data-format) gives every sweep a global ego pose on a named map, and every box a
global place. Each is made relative to where the car was at its sample: boxes stay where they are around the car,
and no number says where the car was. Maps, the place's name and the log's vehicle and date go.
KITTI (Geiger et al., IJRR 2013) gives latitude, longitude and altitude in the first three of the 30 numbers of
an OXTS packet; they become `nan`, as do their accuracies.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from carnet.errors import UnreadableError

OXTS_VALUES = 30
_OXTS_PLACES = (0, 1, 2, 23)
LONGEST_TABLE = 512 * 1024 * 1024
NEEDS: dict[str, tuple[str, ...]] = {
    "ego_pose": ("sample_data", "ego_pose"),
    "sample_annotation": ("sample_data", "ego_pose"),
}
"""Which other tables say where a table's rows were: read beside it."""

TABLES = frozenset({"ego_pose", "sample_annotation", "sample_data", "log", "map"})
"""Tables in which a place or a name of a log stands."""

_NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan", re.IGNORECASE)
Row = dict[str, Any]


def without_places_in_oxts(data: bytes) -> bytes:
    """Give an OXTS packet without its place.

    Raises:
        UnreadableError: it is not 30 numbers.
    """
    words = data.split()
    if len(words) != OXTS_VALUES or not all(_NUMBER.fullmatch(one) for one in words):
        raise UnreadableError("an OXTS packet is not 30 numbers", where="oxts")
    for at in _OXTS_PLACES:
        words[at] = b"nan"
    return b" ".join(words) + (b"\n" if data.endswith(b"\n") else b"")


def rows_of(data: bytes, name: str) -> list[Row]:
    """Read a table.

    Raises:
        UnreadableError: it is no list of rows with tokens, or too long to be held.
    """
    if len(data) > LONGEST_TABLE:
        raise UnreadableError("a table is longer than is held in memory", where=f"{name}.json")
    try:
        rows = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("a table is not JSON", where=f"{name}.json") from error
    if not isinstance(rows, list) or not all(isinstance(one, dict) and "token" in one for one in rows):
        raise UnreadableError("a table is not a list of rows with tokens", where=f"{name}.json")
    return rows


def without_places_in_table(
    name: str, data: bytes, others: Mapping[str, bytes], prefixes: Mapping[str, str]
) -> bytes:
    """Give a table without places, its file names as the new tree has them.

    Args:
        name: of the table, without ending.
        data: its bytes.
        others: the tables of `NEEDS`, by name.
        prefixes: what each log's name in file names becomes.

    Raises:
        UnreadableError: a table is not what the format says.
    """
    rows = rows_of(data, name)
    try:
        if name == "ego_pose":
            centres, samples = _centres(others), _samples_of_poses(others)
            for row in rows:
                row["translation"] = _moved(row["translation"], centres[samples[row["token"]]])
        elif name == "sample_annotation":
            centres = _centres(others)
            for row in rows:
                row["translation"] = _moved(row["translation"], centres[row["sample_token"]])
        elif name == "sample_data":
            for row in rows:
                row["filename"] = renamed(str(row["filename"]), prefixes)
        elif name == "log":
            for row in rows:
                row["logfile"] = renamed(str(row["logfile"]), prefixes)
                row |= {"vehicle": "", "date_captured": "", "location": ""}
        elif name == "map":
            for row in rows:
                row["filename"] = ""
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableError(
            "a row of a table lacks a field, or names a row that is not there", where=f"{name}.json"
        ) from error
    return json.dumps(rows, ensure_ascii=False, indent=0).encode()


def renamed(text: str, prefixes: Mapping[str, str]) -> str:
    """Give a path with the names of logs replaced."""
    for old, new in prefixes.items():
        text = text.replace(old, new)
    return text


def _samples_of_poses(others: Mapping[str, bytes]) -> dict[str, str]:
    return {
        row["ego_pose_token"]: row["sample_token"] for row in rows_of(others["sample_data"], "sample_data")
    }


def _centres(others: Mapping[str, bytes]) -> dict[str, list[float]]:
    """Give for each sample where the car was: at its key frame of the lidar, else at its first key frame."""
    places = {row["token"]: row["translation"] for row in rows_of(others["ego_pose"], "ego_pose")}
    centres: dict[str, list[float]] = {}
    lidar: set[str] = set()
    for row in rows_of(others["sample_data"], "sample_data"):
        sample = row["sample_token"]
        is_lidar = "LIDAR" in str(row.get("filename", "")) and bool(row.get("is_key_frame"))
        if sample not in centres or (is_lidar and sample not in lidar):
            centres[sample] = places[row["ego_pose_token"]]
            if is_lidar:
                lidar.add(sample)
    return centres


def _moved(place: Sequence[Any], centre: Sequence[Any]) -> list[float]:
    moved = [round(float(a) - float(b), 6) for a, b in zip(place, centre, strict=True)]
    if len(moved) != 3 or not all(map(math.isfinite, moved)):  # noqa: PLR2004 - x, y, z
        raise ValueError("a place has three numbers")
    return moved

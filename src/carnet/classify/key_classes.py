"""What a kind of object key says of its contents: format by extension, classes by the words of its folders.

Names lie, so everything here is `possible`; what identifies in the name itself is another matter (`keys.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from carnet.recognise.names import class_of_name

_PACKED = frozenset({"gz", "zst", "bz2", "xz", "lz4"})
_ANY = "recording, of what its name does not say"

# extension: (format, class that it usually holds; None where the format holds anything)
_EXTENSIONS: dict[str, tuple[str, str | None]] = {
    **dict.fromkeys(("jpg", "jpeg"), ("jpeg", "image.exterior")),
    **{one: (one, "image.exterior") for one in ("png", "webp", "bmp", "tiff", "heic", "pgm", "ppm", "raw")},
    **dict.fromkeys(("tif",), ("tiff", "image.exterior")),
    **dict.fromkeys(("mp4", "mov", "m4v"), ("mp4", "image.exterior")),
    **dict.fromkeys(("mkv", "webm"), ("mkv", "image.exterior")),
    **{one: (one, "image.exterior") for one in ("avi", "h264", "h265", "hevc", "ts")},
    **{one: (one, "audio.cabin") for one in ("wav", "mp3", "flac", "ogg", "opus", "aac", "m4a")},
    **{one: (one, "ranging.lidar") for one in ("pcd", "las", "laz", "ply", "pcap", "velodyne", "e57")},
    **{one: (one, "location.trajectory") for one in ("gpx", "kml", "kmz", "tcx", "fit")},
    **{one: (one, "location.position") for one in ("nmea", "ubx", "rinex", "geojson", "obs")},
    **{one: (one, "map.road") for one in ("pbf", "osm", "xodr")},
    **{one: (one, "design.drawing") for one in ("dbc", "arxml", "kcd", "sym", "a2l", "cdd", "odx")},
    **{one: (one, "perception.scenario") for one in ("xosc",)},
    **dict.fromkeys(("bag",), ("rosbag1", None)),
    **dict.fromkeys(("db3",), ("rosbag2", None)),
    **dict.fromkeys(("mf4", "mdf"), ("mdf4", None)),
    **{
        one: (one, None)
        for one in ("mcap", "blf", "asc", "trc", "parquet", "arrow", "csv", "json", "ndjson", "txt")
    },
    **{
        one: (one, None)
        for one in ("zip", "tar", "tgz", "7z", "npy", "npz", "bin", "xml", "log", "avro", "orc", "pb")
    },
}
_LONGEST_EXTENSION = 8


@dataclass(frozen=True, slots=True)
class KeyClasses:
    """What a kind of key says: format by name (None: no extension that is known), classes and rules."""

    format: str | None
    data: tuple[str, ...]
    because: tuple[str, ...]


@lru_cache(maxsize=1 << 16)
def classes_of_segment(segment: str) -> tuple[str, str] | None:
    """Give class and rule of one folder or partition by its words; None when they tell nothing."""
    name, sign, _ = segment.partition("=")
    told = class_of_name(name if sign else segment, of="partition" if sign else "folder")
    return (str(told.data), told.rule) if told else None


def classes_of_key(kind: str) -> KeyClasses:
    """Judge a kind of key; without any hint its class is `unknown`."""
    *folders, leaf = kind.split("/")
    stem, _, extension = leaf.lower().rpartition(".")
    if extension in _PACKED and "." in stem:
        stem, _, extension = stem.rpartition(".")
    found: dict[str, str] = {}
    known = _EXTENSIONS.get(extension) if stem and len(extension) <= _LONGEST_EXTENSION else None
    named = [classes_of_segment(one) for one in (*folders, stem)]
    for one in named:
        if one is not None:
            found.setdefault(*one)
    if known is not None and known[1] is not None and not _said(known[1], found):
        found.setdefault(known[1], f"extension:{extension}")
    if not found:
        found["unknown"] = _ANY if known is not None else "name: tells nothing"
    return KeyClasses(
        known[0] if known else None, tuple(sorted(found)), tuple(found[one] for one in sorted(found))
    )


def _said(data: str, found: dict[str, str]) -> bool:
    """Say whether folders already name the part of a class that an extension leaves open: a cabin's pictures."""
    return any(one.partition(".")[0] == data.partition(".")[0] for one in found)

"""`metadata.yaml` of a ROS 2 bag, made anew from what its files hold after redaction.

Counts, times, durations, file names and topics are those of the new files; quality of service and type hashes
are taken over for topics that are still there. `custom_data` is free text of a recorder's owner, and goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from carnet.errors import RedactionError, UnreadableError

NAME = "metadata.yaml"
_ROOT = "rosbag2_bagfile_information"
_LONGEST = 16 * 1024 * 1024
_LAST_WITHOUT_FILES = 4
_NEWEST = 9
_DEFAULT_TOPIC: dict[str, Any] = {"serialization_format": "cdr", "offered_qos_profiles": ""}


def read_bag_metadata(path: Path) -> dict[str, Any] | None:
    """Read a bag's metadata; None when the file is no such thing.

    Raises:
        RedactionError: the bag is compressed by file or by message, which cannot be written again yet.
        UnreadableError: it looks like one and cannot be read.
    """
    if path.name != NAME or path.stat().st_size > _LONGEST:
        return None
    try:
        form = yaml.safe_load(path.read_bytes())
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError):
        return None
    if not isinstance(form, dict) or not isinstance(form.get(_ROOT), dict):
        return None
    found: dict[str, Any] = form[_ROOT]
    if found.get("compression_mode"):
        raise RedactionError(
            "the bag is compressed by file or by message",
            where=NAME,
            remedy="unpack it first: ros2 bag convert",
        )
    names = found.get("relative_file_paths")
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise UnreadableError("the bag's metadata names no files", where=NAME)
    return found


def new_bag_metadata(old: Mapping[str, Any], files: Sequence[tuple[str, Mapping[str, Any]]]) -> bytes:
    """Write the metadata of the new bag.

    Args:
        old: what `read_bag_metadata` gave.
        files: for each file of the bag, in order, its new name and the report of its redaction.

    Raises:
        RedactionError: no file of the bag is left.
    """
    if not files:
        raise RedactionError("no file of the bag is left", where=NAME)
    known = {
        str(one["topic_metadata"].get("name")): one["topic_metadata"]
        for one in old.get("topics_with_message_count") or ()
        if isinstance(one, dict) and isinstance(one.get("topic_metadata"), dict)
    }
    counts: dict[tuple[str, str], int] = {}
    rows = []
    for name, report in files:
        total = 0
        for stream in report["streams"]:
            count = stream["identical"] + stream["changed"]
            if count:
                key = (stream["name"], stream["schema"] or "")
                counts[key] = counts.get(key, 0) + count
            total += count
        first, last = report["span_ns"] or (0, 0)
        rows.append((name, first, last, total))
    first, last = min(one[1] for one in rows), max(one[2] for one in rows)
    given = old.get("version")
    version = given if isinstance(given, int) else _NEWEST
    made: dict[str, Any] = {
        "version": version,
        "storage_identifier": str(old.get("storage_identifier", "sqlite3")),
        "duration": {"nanoseconds": last - first},
        "starting_time": {"nanoseconds_since_epoch": first},
        "message_count": sum(counts.values()),
        "topics_with_message_count": [
            {"topic_metadata": _topic(name, kind, known.get(name)), "message_count": count}
            for (name, kind), count in sorted(counts.items())
        ],
        "compression_format": "",
        "compression_mode": "",
        "relative_file_paths": [one[0] for one in rows],
    }
    if version > _LAST_WITHOUT_FILES:
        made["files"] = [
            {
                "path": name,
                "starting_time": {"nanoseconds_since_epoch": start},
                "duration": {"nanoseconds": end - start},
                "message_count": count,
            }
            for name, start, end, count in rows
        ]
    if "custom_data" in old:
        made["custom_data"] = None
    if "ros_distro" in old:
        made["ros_distro"] = str(old["ros_distro"])
    text: str = yaml.safe_dump({_ROOT: made}, sort_keys=False, allow_unicode=True)
    return text.encode()


def _topic(name: str, kind: str, old: Mapping[str, Any] | None) -> dict[str, Any]:
    kept = {"serialization_format", "offered_qos_profiles", "type_description_hash"}
    taken = {key: value for key, value in (old or {}).items() if key in kept}
    return {"name": name, "type": kind, **_DEFAULT_TOPIC, **taken}

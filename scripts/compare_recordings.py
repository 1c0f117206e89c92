"""One recording before and after a redaction, message by message.

`python scripts/compare_recordings.py BEFORE AFTER [--json]` reads two recordings of messages (MCAP, ROS 1 bag,
`.db3` of a ROS 2 bag) side by side, in constant memory, and prints for each topic how many messages are
identical, changed and gone, and whether any is new or stands at another time. Messages are the same one when
topic and both times are; what is behind the messages (indexes, statistics, CRCs) is checked while reading.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from carnet.errors import CarnetError, UnreadableError
from carnet.formats import open_recording
from carnet.formats.reader import Message, Reader
from carnet.model.factsheet import ReadState

MESSAGES = {"mcap", "rosbag1", "rosbag2"}
COLUMNS = ("identical", "changed", "gone", "new")


def _key(message: Message) -> tuple[str, int, int]:
    return message.stream.name, message.log_time_ns, message.publish_time_ns


def compare(before: Reader, after: Reader) -> dict[str, Counter[str]]:
    """Count, for each topic, what became of its messages; the order of both is that of the file."""
    counts: dict[str, Counter[str]] = {}
    rest: Iterator[Message] = after.messages()
    there = next(rest, None)
    for message in before.messages():
        row = counts.setdefault(message.stream.name, Counter())
        if there is not None and _key(there) == _key(message):
            row["identical" if there.data == message.data else "changed"] += 1
            there = next(rest, None)
        else:
            row["gone"] += 1
    while there is not None:
        counts.setdefault(there.stream.name, Counter())["new"] += 1
        there = next(rest, None)
    for reader in (before, after):
        if reader.state is ReadState.BLOCKED:
            raise UnreadableError(reader.reason or "a recording cannot be read", where="recording")
    return counts


def _opened(path: Path, file: object) -> Reader:
    reader = open_recording(file, path.name)  # type: ignore[arg-type] # a file opened for bytes
    if reader.format not in MESSAGES:
        raise UnreadableError("this is no recording of messages", where=str(path))
    return reader


def main() -> int:
    """Compare two recordings, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--json", action="store_true", dest="as_json")
    told = parser.parse_args()
    try:
        with told.before.open("rb") as first, told.after.open("rb") as second:
            before, after = _opened(told.before, first), _opened(told.after, second)
            counts = compare(before, after)
            lost = {"before": before.reason, "after": after.reason}
    except (CarnetError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    if told.as_json:
        rows = [
            {"topic": topic, **{one: row[one] for one in COLUMNS}} for topic, row in sorted(counts.items())
        ]
        print(json.dumps({"topics": rows, "lost": lost}, indent=1))
        return 0
    width = max([5, *map(len, counts)])
    print(f"{'topic':<{width}}" + "".join(f"{one:>11}" for one in COLUMNS))
    for topic, row in sorted(counts.items()):
        print(f"{topic:<{width}}" + "".join(f"{row[one]:>11}" for one in COLUMNS))
    total = sum(counts.values(), Counter())
    print(f"{'':<{width}}" + "".join(f"{total[one]:>11}" for one in COLUMNS))
    for name, why in lost.items():
        if why:
            print(f"{name}: {why}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

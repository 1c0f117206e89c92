"""mcap and rosbags on the same recording of small messages; run by `bench_scan.py` in the peers' environment.

Both read every message with the chunks' CRCs checked, as far as they check, and decode the positions.
"""

from __future__ import annotations

import sys
import time
from importlib.metadata import version
from pathlib import Path

TOPIC = "/gnss/fix"


def main() -> None:
    """Read the recording with each, and print a line for each."""
    place = Path(sys.argv[1])
    from mcap.reader import make_reader
    from rosbags.highlevel import AnyReader
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    count, begun = 0, time.perf_counter()
    with place.open("rb") as source:
        for _, channel, message in make_reader(source, validate_crcs=True).iter_messages(
            log_time_order=False
        ):
            count += 1
            if channel.topic == TOPIC:
                store.deserialize_cdr(message.data, "sensor_msgs/msg/NavSatFix")
    print(f"mcap {version('mcap')}, positions by rosbags\t{count / (time.perf_counter() - begun) / 1e6:.2f}")
    count, begun = 0, time.perf_counter()
    with AnyReader([place], default_typestore=store) as reader:
        for connection, _, data in reader.messages():
            count += 1
            if connection.topic == TOPIC:
                reader.deserialize(data, connection.msgtype)
    print(f"rosbags {version('rosbags')}\t{count / (time.perf_counter() - begun) / 1e6:.2f}")


if __name__ == "__main__":
    main()

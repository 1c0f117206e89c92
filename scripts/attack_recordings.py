"""Attack: the same drives as recordings, through carnet's whole redaction, with every stream that is left.

Each drive becomes an MCAP with positions, speed and yaw rate, is described and redacted, and read again by the
reference library. Asked is whether any message of any stream lies before the first visible position or behind the
last one, whether carnet's own reader gives away another stretch than the rule says, and where speed and yaw rate
lead.
"""

from __future__ import annotations

import io

import numpy as np
from mcap.reader import make_reader
from mcap.writer import Writer
from numpy.typing import NDArray
from rosbags.typesys import Stores, get_typestore

from attack_home import (
    CLOSE_M,
    USUAL_M,
    Seen,
    Trip,
    by_reckoning,
    commuter,
    degrees,
    from_index,
    metres,
    squares,
)
from attack_table import Row, show
from carnet.classify.describe import describe
from carnet.deidentify.location_order import Keys, LocationOrder
from carnet.deidentify.order import RedactionOrder
from carnet.deidentify.redact import redact
from carnet.errors import RedactionError

STORE = get_typestore(Stores.ROS2_HUMBLE)
START_NS = 1_790_000_000_000_000_000
SECOND = 10**9
ORDER = RedactionOrder(frozenset({"trip_ends"}), location=LocationOrder(trip_ends_m=USUAL_M))
FIX, NUMBER = "sensor_msgs/msg/NavSatFix", "std_msgs/msg/Float64"


def recording(trip: Trip, noisy: NDArray[np.float64]) -> bytes:
    """Give a drive as an MCAP."""
    types = STORE.types
    out = io.BytesIO()
    writer = Writer(out)
    writer.start()
    channels = {}
    for topic, name in (("/gnss/fix", FIX), ("/vehicle/speed_mps", NUMBER), ("/vehicle/yaw_rate", NUMBER)):
        text, _ = STORE.generate_msgdef(name, ros_version=2)
        channels[topic] = writer.register_channel(
            topic, "cdr", writer.register_schema(name, "ros2msg", text.encode())
        )
    status = types["sensor_msgs/msg/NavSatStatus"](0, 1)
    latitude, longitude = degrees(noisy)
    for at in range(len(noisy)):
        now = START_NS + at * SECOND
        header = types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](now // SECOND, 0), "gnss")
        fix = types[FIX](header, status, latitude[at], longitude[at], 0.0, np.zeros(9), 0)
        values = (
            ("/gnss/fix", FIX, fix),
            ("/vehicle/speed_mps", NUMBER, types[NUMBER](float(trip.speed[at]))),
            ("/vehicle/yaw_rate", NUMBER, types[NUMBER](float(trip.yaw[at]))),
        )
        for topic, name, value in values:
            writer.add_message(channels[topic], now, bytes(STORE.serialize_cdr(value, name)), now)
    writer.finish()
    return out.getvalue()


def left_of(content: bytes, key: bytes) -> dict[str, dict[int, bytes]] | None:
    """Redact a drive; give what is left by topic and second, or None where nothing may be left."""
    sheet = describe(io.BytesIO(content), name="drive.mcap", detect=False)
    out = io.BytesIO()
    try:
        redact(io.BytesIO(content), out, ORDER, name="drive.mcap", sheet=sheet, keys=Keys(subject=key))
    except RedactionError:
        return None
    found: dict[str, dict[int, bytes]] = {}
    for _, channel, one in make_reader(io.BytesIO(out.getvalue())).iter_messages():
        found.setdefault(channel.topic, {})[(one.log_time - START_NS) // SECOND] = one.data
    return found


def rows(subjects: int = 20, days: int = 1, seed: int = 11) -> list[Row]:
    """Redact every drive of some commuters and look at what is left."""
    chance = np.random.default_rng(seed)
    leaks = others = drives = hits = 0
    for _ in range(subjects):
        home, trips = commuter(chance, days)
        key = chance.bytes(32)
        seen: list[Seen] = []
        for trip in trips:
            noisy = trip.xy + chance.normal(0, 3.0, trip.xy.shape)
            drives += 1
            by_rule = squares(trip, noisy, key, chance)
            left = left_of(recording(trip, noisy), key)
            if left is None:
                others += by_rule is not None
                continue
            fixes = left["/gnss/fix"]
            first, last = min(fixes), max(fixes)
            leaks += any(not first <= at <= last for topic in left.values() for at in topic)
            message = STORE.deserialize_cdr(fixes[first], FIX)
            place = metres(np.array([message.latitude]), np.array([message.longitude]))[0]
            others += by_rule is not None and float(np.hypot(*(place - by_rule.first))) > 1.0
            one = from_index(trip, noisy, first, streams=False)
            if one is not None:
                before = [at for at in left["/vehicle/speed_mps"] if at < first]
                seen.append(Seen(place, one.heading, trip.speed[before], trip.yaw[before]))
        hits += len(seen) > 0 and float(np.hypot(*(by_reckoning(seen) - home))) <= CLOSE_M
    return [
        Row("recordings with a message of any stream in the hidden stretch", leaks, drives, 0.0),
        Row("recordings that show another stretch than the rule", others, drives, 0.0),
        Row("home within 100 m | recordings, speed and yaw integrated back", hits, subjects, 0.01),
    ]


def main() -> None:
    """Print the table."""
    show(rows())


if __name__ == "__main__":
    main()

"""Drives made for tests of places: an MCAP whose positions, ranges, poses and dynamics all tell where it was."""

from __future__ import annotations

import io
import json
import math

import numpy as np
from mcap.writer import Writer
from rosbags.typesys import Stores, get_typestore

STORE = get_typestore(Stores.ROS2_HUMBLE)
START_NS = 1_790_000_000_000_000_000
HOME = (48.7000, 9.1000)
M_PER_DEGREE = 111_195.0


def _definition(name: str) -> bytes:
    text, _ = STORE.generate_msgdef(name, ros_version=2)
    return text.encode()


def line(count: int = 900, speed_mps: float = 15.0, home: tuple[float, float] = HOME):
    """One fix a second, eastwards from home: times in ns, latitudes, longitudes."""
    t = START_NS + np.arange(count, dtype=np.int64) * 10**9
    east = np.arange(count) * speed_mps
    y = np.full(count, home[0]) + 1e-6 * np.sin(np.arange(count))
    return t, y, home[1] + east / (M_PER_DEGREE * math.cos(math.radians(home[0])))


def nmea(latitude: float, longitude: float) -> str:
    def part(value, digits):
        degrees, minutes = int(abs(value)), (abs(value) % 1) * 60
        return f"{degrees:0{digits}d}{minutes:07.4f}"

    body = (
        f"GPRMC,123519.00,A,{part(latitude, 2)},{'N' if latitude >= 0 else 'S'},"
        f"{part(longitude, 3)},{'E' if longitude >= 0 else 'W'},022.4,084.4,230394,003.1,W"
    )
    total = 0
    for sign in body.encode():
        total ^= sign
    return f"${body}*{total:02X}"


def drive(t, y, x) -> bytes:
    """Write the drive: NavSatFix, JSON, NMEA, odometry, raw ranges, speed and a log text."""
    types = STORE.types
    out = io.BytesIO()
    writer = Writer(out)
    writer.start()

    def ros(topic: str, name: str) -> int:
        schema = writer.register_schema(name, "ros2msg", _definition(name))
        return writer.register_channel(topic, "cdr", schema)

    fix, odom = ros("/gnss/fix", "sensor_msgs/msg/NavSatFix"), ros("/odom", "nav_msgs/msg/Odometry")
    speed, text = ros("/vehicle/speed_mps", "std_msgs/msg/Float64"), ros("/gnss/nmea", "std_msgs/msg/String")
    raw_schema = writer.register_schema(
        "maker/msg/Observation", "ros2msg", b"uint8 sv\nfloat64 pseudorange\n"
    )
    raw = writer.register_channel("/receiver/obs", "cdr", raw_schema)
    schema = writer.register_schema("maker.Place", "jsonschema", b'{"type": "object"}')
    place = writer.register_channel("/app/place", "json", schema)
    header = types["std_msgs/msg/Header"]
    time = types["builtin_interfaces/msg/Time"]
    zero = types["geometry_msgs/msg/Vector3"](0.0, 0.0, 0.0)
    for at, latitude, longitude in zip(t.tolist(), y.tolist(), x.tolist(), strict=True):
        stamp = header(time(at // 10**9, at % 10**9), "gnss")
        value = types["sensor_msgs/msg/NavSatFix"](
            stamp,
            types["sensor_msgs/msg/NavSatStatus"](0, 1),
            latitude,
            longitude,
            412.5,
            np.full(9, 1.5),
            2,
        )
        writer.add_message(fix, at, bytes(STORE.serialize_cdr(value, "sensor_msgs/msg/NavSatFix")), at)
        pose = types["geometry_msgs/msg/Pose"](
            types["geometry_msgs/msg/Point"](longitude, latitude, 0.0),
            types["geometry_msgs/msg/Quaternion"](0.0, 0.0, 0.0, 1.0),
        )
        value = types["nav_msgs/msg/Odometry"](
            stamp,
            "base",
            types["geometry_msgs/msg/PoseWithCovariance"](pose, np.zeros(36)),
            types["geometry_msgs/msg/TwistWithCovariance"](
                types["geometry_msgs/msg/Twist"](zero, zero), np.zeros(36)
            ),
        )
        writer.add_message(odom, at, bytes(STORE.serialize_cdr(value, "nav_msgs/msg/Odometry")), at)
        value = types["std_msgs/msg/Float64"](15.0)
        writer.add_message(speed, at, bytes(STORE.serialize_cdr(value, "std_msgs/msg/Float64")), at)
        value = types["std_msgs/msg/String"](nmea(latitude, longitude))
        writer.add_message(text, at, bytes(STORE.serialize_cdr(value, "std_msgs/msg/String")), at)
        writer.add_message(
            raw, at, b"\x00\x01\x00\x00" + bytes([7]) + bytes(7) + np.float64(2.1e7).tobytes(), at
        )
        form = {"timestamp": at, "position": {"lat": latitude, "lng": longitude, "alt": 412.5}, "speed": 15.0}
        writer.add_message(place, at, json.dumps(form).encode(), at)
    writer.finish()
    return out.getvalue()

"""Texts in lists of ROS messages: key and value of diagnostics, names of joints, notes of detections."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcap.writer import Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from carnet.classify.describe import describe
from carnet.formats.cdr import letters_of, words_of

VIN = "1HGCM82633A004352"
STORE = get_typestore(Stores.ROS2_HUMBLE)
LISTED = "string[] names\nfloat64[] values\nstring note\n"
STORE.register(get_types_from_msg(LISTED, "fleet_msgs/msg/Listed"))
TYPES = STORE.types
LISTED_TYPE = "fleet_msgs/msg/Listed"


def mcap(name: str, text: str, payloads) -> bytes:
    out = io.BytesIO()
    writer = Writer(out)
    writer.start(profile="ros2")
    schema = writer.register_schema(name, "ros2msg", text.encode())
    channel = writer.register_channel("/d", "cdr", schema)
    for at, data in enumerate(payloads):
        writer.add_message(channel, at, data, at)
    writer.finish()
    return out.getvalue()


def listed(names, note="", encoding="cdr", *, little=True) -> bytes:
    made = TYPES[LISTED_TYPE](names=names, values=np.arange(3.0), note=note)
    if encoding == "ros1":
        return bytes(STORE.serialize_ros1(made, LISTED_TYPE))
    return bytes(STORE.serialize_cdr(made, LISTED_TYPE, little_endian=little))


def diagnostics(value: str) -> bytes:
    time = TYPES["builtin_interfaces/msg/Time"](sec=1, nanosec=0)
    status = TYPES["diagnostic_msgs/msg/DiagnosticStatus"](
        level=0,
        name="a",
        message="b",
        hardware_id="c",
        values=[TYPES["diagnostic_msgs/msg/KeyValue"](key="number", value=value)],
    )
    header = TYPES["std_msgs/msg/Header"](stamp=time, frame_id="x")
    name = "diagnostic_msgs/msg/DiagnosticArray"
    return bytes(STORE.serialize_cdr(TYPES[name](header=header, status=[status]), name))


@pytest.mark.parametrize("at", [0, 150])
def test_a_number_in_diagnostics_is_found(at):
    name = "diagnostic_msgs/msg/DiagnosticArray"
    text = STORE.generate_msgdef(name, ros_version=2)[0]
    payloads = [diagnostics(VIN if number == at else "fine") for number in range(200)]
    sheet = describe(io.BytesIO(mcap(name, text, payloads)), name="x")
    assert set(sheet.data) == {"diagnostics.log", "vehicle_id.vin"}
    assert ("text:vin in a list",) in {one.because for one in sheet.streams[0].fields}


def test_a_number_in_a_list_of_texts_is_found_and_one_beside_it_is_not_told_twice():
    payloads = [listed(["a", VIN if at == 90 else "b"]) for at in range(100)]
    sheet = describe(io.BytesIO(mcap(LISTED_TYPE, LISTED, payloads)), name="x")
    assert "vehicle_id.vin" in sheet.data
    payloads = [listed(["a"], note=VIN)] * 100
    found = describe(io.BytesIO(mcap(LISTED_TYPE, LISTED, payloads)), name="x").streams[0].fields
    assert [one.path for one in found if one.data == "vehicle_id.vin"] == ["note"]


@given(
    names=st.lists(st.text(st.characters(blacklist_characters="\0"), min_size=1), max_size=5),
    encoding=st.sampled_from(["cdr", "ros1"]),
    little=st.booleans(),
)
def test_every_text_of_printable_signs_is_given(names, encoding, little):
    found = list(words_of(listed(names, encoding=encoding, little=little), encoding))
    wanted = [one for one in names if len(one.encode()) >= 4 and not any(ord(sign) < 32 for sign in one)]
    missing = [one for one in wanted if one not in found]
    # A delete sign is no letter of a text.
    assert not [one for one in missing if "\x7f" not in one]


@given(st.binary(max_size=300), st.sampled_from(["cdr", "ros1"]))
def test_any_bytes_are_answered(data, encoding):
    assert all(isinstance(one, str) for one in words_of(data, encoding))


BYTES = {
    "uint8[] cells\n": lambda text: len(text).to_bytes(4, "little") + text,
    "uint8[17] cells\n": bytes,
    "int8[17] cells\n": bytes,
    "byte[<=17] cells\n": lambda text: len(text).to_bytes(4, "little") + text,
    "uint32 count\nchar[17] cells\nuint32 more\n": lambda text: bytes(4) + text + bytes(7),
}


@pytest.mark.parametrize("definition", BYTES)
@pytest.mark.parametrize("count", [1, 100])
def test_a_number_in_an_array_of_bytes_is_found(definition, count):
    payloads = [b"\x00\x01\x00\x00" + BYTES[definition](b"x" * 17)] * (count - 1)
    payloads.append(b"\x00\x01\x00\x00" + BYTES[definition](VIN.encode()))
    sheet = describe(io.BytesIO(mcap("fleet_msgs/msg/Cells", definition, payloads)), name="x")
    assert "vehicle_id.vin" in sheet.data
    assert VIN not in repr(sheet)


@given(st.binary(max_size=300))
def test_letters_are_runs_of_them(data):
    for one in letters_of(data):
        assert len(one) >= 8
        assert one.encode() in data

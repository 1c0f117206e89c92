"""An MCAP cut or flipped anywhere: told or refused, and no picture passes that was not looked at."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer

from carnet.classify.describe import describe
from carnet.deidentify.order import RedactionOrder
from carnet.deidentify.redact import redact
from carnet.errors import CarnetError
from carnet.formats import open_recording

FACES = RedactionOrder(frozenset({"faces"}), setting="fast")
JUNK = b"\xff\xd8\xff\xe0" + b"a picture that does not decode"
TEXT = (
    "std_msgs/Header header\nstring format\nuint8[] data\n" + "=" * 80 + "\nMSG: std_msgs/Header\n"
    "builtin_interfaces/Time stamp\nstring frame_id\n"
    + "=" * 80
    + "\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n"
)


@pytest.fixture(scope="module", params=[CompressionType.NONE, CompressionType.LZ4])
def small(request) -> bytes:
    out = io.BytesIO()
    writer = Writer(out, compression=request.param, chunk_size=200)
    writer.start(profile="ros2")
    schema = writer.register_schema("sensor_msgs/msg/CompressedImage", "ros2msg", TEXT.encode())
    camera = writer.register_channel("/camera", "cdr", schema)
    log = writer.register_channel("/log", "json", writer.register_schema("log", "jsonschema", b"{}"))
    data = b"\x00\x01\x00\x00" + struct.pack("<iI", 1, 0) + struct.pack("<I", 4) + b"cam\x00"
    data += struct.pack("<I", 5) + b"jpeg\x00\x00\x00\x00" + struct.pack("<I", len(JUNK)) + JUNK
    for number in range(4):
        writer.add_message(camera, number * 10**8, data, number * 10**8, number)
        writer.add_message(log, number * 10**8, b'{"n": 1}', number * 10**8, number)
    writer.finish()
    return out.getvalue()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_recording_is_told_or_refused(small, data):
    content = bytearray(small)
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    source = bytes(content[:cut])
    sink = io.BytesIO()
    try:
        sheet = describe(io.BytesIO(source), name="x.mcap", detect=False)
        report = redact(io.BytesIO(source), sink, FACES, name="x.mcap", sheet=sheet)
    except CarnetError:
        return
    made = sink.getvalue()
    if sheet.format != "mcap":
        # A few bytes of its start may be anything.
        assert b"does not decode" not in made
        return
    summary = make_reader(io.BytesIO(made), validate_crcs=True).get_summary()
    rows = list(make_reader(io.BytesIO(made), validate_crcs=True).iter_messages())
    assert summary.statistics.message_count == len(rows)
    assert all(b"does not decode" not in one.data for _, _, one in rows)
    assert open_recording(io.BytesIO(made), "x").reason is None
    if cut < len(content):
        assert report.outcome.truncated

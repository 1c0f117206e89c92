"""ROS bags: read, written again, read by the reference library; damaged in every way, never passed."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rosbags.rosbag1 import Reader as Reference
from rosbags.rosbag1 import Writer
from rosbags.typesys import Stores, get_typestore

from carnet.classify.describe import describe
from carnet.deidentify.frames import frames_of
from carnet.deidentify.order import RedactionOrder
from carnet.deidentify.redact import redact
from carnet.errors import CarnetError
from carnet.formats import open_recording
from carnet.formats.reader import Stream
from carnet.formats.rewritable import RewritableFile
from carnet.model.factsheet import ReadState

FACES = RedactionOrder(frozenset({"faces"}), setting="fast")
PLAIN = RedactionOrder(frozenset({"vin"}), setting="fast")
VIN = b"L00CARNE3T0000000"
STORE = get_typestore(Stores.ROS1_NOETIC)
FORMATS = {None: "none", Writer.CompressionFormat.BZ2: "bz2", Writer.CompressionFormat.LZ4: "lz4"}


def run(content: bytes, order: RedactionOrder, sink=None):
    sheet = describe(io.BytesIO(content), name="x.bag", detect=False)
    out = sink or io.BytesIO()
    report = redact(io.BytesIO(content), out, order, name="x.bag", sheet=sheet)
    return out.getvalue(), report


def bag(folder, pictures: list[bytes], compression=None) -> bytes:
    """A bag of the reference library: pictures and texts, one with a VIN in it."""
    path = folder / "made.bag"
    path.unlink(missing_ok=True)
    types = STORE.types
    writer = Writer(path)
    if compression is not None:
        writer.set_compression(compression)
    with writer:
        camera = writer.add_connection("/camera", "sensor_msgs/msg/CompressedImage", typestore=STORE)
        text = writer.add_connection("/text", "std_msgs/msg/String", typestore=STORE, callerid="/talker")
        for index, picture in enumerate(pictures):
            stamp = types["builtin_interfaces/msg/Time"](7, index)
            header = types["std_msgs/msg/Header"](index, stamp, "cam")
            value = types["sensor_msgs/msg/CompressedImage"](header, "jpeg", np.frombuffer(picture, np.uint8))
            at = 10**18 + index * 10**8 + 7
            writer.write(camera, at, STORE.serialize_ros1(value, "sensor_msgs/msg/CompressedImage"))
            said = f"vin {VIN.decode()}" if index == 1 else f"nothing {index}"
            value = types["std_msgs/msg/String"](said)
            writer.write(text, at + 1, STORE.serialize_ros1(value, "std_msgs/msg/String"))
    return path.read_bytes()


def reference(content: bytes, folder):
    path = folder / "read.bag"
    path.write_bytes(content)
    with Reference(path) as reader:
        rows = [(one.topic, one.msgtype, at, bytes(data)) for one, at, data in reader.messages()]
        connections = {
            (one.topic, one.msgtype, one.msgdef.data, one.digest, one.ext.callerid, one.ext.latching)
            for one in reader.connections
        }
        return rows, connections, (reader.message_count, reader.start_time, reader.end_time)


@pytest.fixture(scope="module")
def face(shared):
    return (shared / "data/images/faces/bald_guys.jpg").read_bytes()


@pytest.mark.parametrize("compression", FORMATS, ids=FORMATS.values())
def test_a_bag_comes_out_as_a_bag(face, tmp_path, compression):
    content = bag(tmp_path, [face, face[: len(face) // 2], face], compression)
    order = RedactionOrder(frozenset({"faces", "vin"}), setting="fast")
    made, report = run(content, order)
    before, after = reference(content, tmp_path), reference(made, tmp_path)
    assert after[1:] == before[1:]
    assert [one[:3] for one in after[0]] == [one[:3] for one in before[0]]
    same = [one[0] for old, one in zip(before[0], after[0], strict=True) if old == one]
    assert same == ["/text", "/text"]
    assert VIN not in made
    assert VIN not in b"".join(one[3] for one in after[0])
    assert open_recording(io.BytesIO(made), "x").compression == "none" or compression is not None
    reader = open_recording(io.BytesIO(made), "x")
    assert sum(1 for _ in reader.messages()) == 6
    assert (reader.state, reader.compression) == (ReadState.READ, FORMATS[compression])
    assert (report.outcome.frames, report.outcome.unreadable) == (3, 1)
    shapes = [one.image.shape for one in frames_of(io.BytesIO(made), "x")]
    assert shapes == [shapes[0]] * 3


@pytest.mark.parametrize("name", ["novatel_bestpos", "novatel_ins1", "novatel_align", "novatel_time"])
def test_real_bags_keep_every_message(shared, tmp_path, name):
    content = (shared / f"data/recordings/{name}.bag").read_bytes()
    made, report = run(content, PLAIN)
    assert reference(made, tmp_path) == reference(content, tmp_path)
    counts = [(one.identical, one.changed, one.gone) for one in report.outcome.streams]
    assert sum(one[0] for one in counts) == len(reference(content, tmp_path)[0])
    assert all(one[1:] == (0, 0) for one in counts)


def test_positions_go_whole_and_deviations_of_them_stay(shared, tmp_path):
    order = RedactionOrder(frozenset({"precise_location"}))
    made, report = run((shared / "data/recordings/novatel_bestpos.bag").read_bytes(), order)
    before = {
        one[0]
        for one in reference((shared / "data/recordings/novatel_bestpos.bag").read_bytes(), tmp_path)[0]
    }
    left = {one[0] for one in reference(made, tmp_path)[0]}
    assert "/novatel/oem7/bestpos" in before - left
    assert before - left == set(report.outcome.removed_streams)
    # No place can be computed from deviations, angles and the receiver's clock.
    made, report = run((shared / "data/recordings/novatel_ins1.bag").read_bytes(), order)
    assert "/novatel/oem7/insstdev" in {one[0] for one in reference(made, tmp_path)[0]}


def test_a_pipe_gives_the_same_bag_as_a_file(face, tmp_path):
    content = bag(tmp_path, [face])

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def readable(self) -> bool:
            return False

    over, once = run(content, FACES)[0], run(content, FACES, Pipe())[0]
    assert over == once


def test_a_cut_bag_gives_what_was_whole(face, tmp_path):
    content = bag(tmp_path, [face] * 30)
    made, report = run(content[: len(content) * 2 // 3], RedactionOrder(setting="fast"))
    rows, _, (count, _, _) = reference(made, tmp_path)
    assert 0 < len(rows) == count < 60
    assert report.outcome.truncated
    texts = [one for one in reference(content, tmp_path)[0] if one[0] == "/text"]
    assert [one for one in rows if one[0] == "/text"] == texts[: sum(one[0] == "/text" for one in rows)]


def test_an_encrypted_bag_is_blocked(shared):
    content = (shared / "data/recordings/novatel_time.bag").read_bytes()
    old = content[13 : 13 + 4 + struct.unpack_from("<I", content, 13)[0]]
    field = b"encryptor=rosbag/AesCbcEncryptor"
    head = old[4:] + struct.pack("<I", len(field)) + field
    changed = content.replace(old, struct.pack("<I", len(head)) + head, 1)
    reader = open_recording(io.BytesIO(changed), "x.bag")
    assert list(reader.messages()) == []
    assert (reader.state, reader.reason) == (ReadState.BLOCKED, "the bag is encrypted")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return bag(tmp_path_factory.mktemp("bags"), [b"\xff\xd8\xff\xe0" + bytes(30)] * 3)


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_a_damaged_bag_is_told_or_refused(small, data):
    content = bytearray(small)
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.integers(0, len(content)))
    reader = open_recording(io.BytesIO(bytes(content[:cut])), "x.bag")
    count = sum(1 for _ in reader.messages())
    assert count <= 6
    assert isinstance(reader.streams, tuple)
    assert all(isinstance(one, Stream) for one in reader.streams)
    # A few first letters that were changed are a text like any other.
    assert count == 6 or reader.state is not ReadState.READ or reader.format == "text"
    try:
        made, _report = run(bytes(content[:cut]), FACES)
    except CarnetError:
        return
    # These pictures do not decode: not one of them may come through.
    assert b"\xff\xd8\xff\xe0" + bytes(30) not in made


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.binary(min_size=1, max_size=20)), max_size=12))
def test_a_file_that_is_written_over_is_what_a_file_would_be(steps):
    plain, sink = io.BytesIO(), io.BytesIO()
    over = RewritableFile(sink)
    for at, data in steps:
        for one in (plain, over):
            one.seek(at)
            one.write(data)
    over.finish()
    assert sink.getvalue() == plain.getvalue()

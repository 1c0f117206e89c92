"""ROS 2 bags in SQLite: read, written again, read by the reference library, and damaged."""

from __future__ import annotations

import io
import sqlite3

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rosbags.rosbag2 import Reader as Reference
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

import carnet
from carnet.classify.describe import describe
from carnet.deidentify.order import RedactionOrder
from carnet.deidentify.redact import redact
from carnet.errors import CarnetError, RedactionError
from carnet.formats import open_recording
from carnet.model.factsheet import ReadState

STORE = get_typestore(Stores.ROS2_HUMBLE)
FACES = RedactionOrder(frozenset({"faces"}), setting="fast")
JUNK = b"\xff\xd8\xff\xe0" + bytes(30)


def bag(folder, pictures: list[bytes], storage=StoragePlugin.SQLITE3):
    """A bag of the reference library; its folder."""
    types = STORE.types
    with Writer(folder, version=9, storage_plugin=storage) as writer:
        camera = writer.add_connection("/camera", "sensor_msgs/msg/CompressedImage", typestore=STORE)
        text = writer.add_connection("/text", "std_msgs/msg/String", typestore=STORE)
        for index, picture in enumerate(pictures):
            header = types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](7, index), "cam")
            value = types["sensor_msgs/msg/CompressedImage"](header, "jpeg", np.frombuffer(picture, np.uint8))
            at = 10**18 + index * 10**8 + 7
            writer.write(camera, at, STORE.serialize_cdr(value, "sensor_msgs/msg/CompressedImage"))
            value = types["std_msgs/msg/String"](f"nothing {index}")
            writer.write(text, at + 1, STORE.serialize_cdr(value, "std_msgs/msg/String"))
    return folder


def reference(folder):
    with Reference(folder) as reader:
        rows = [(one.topic, one.msgtype, at, bytes(data)) for one, at, data in reader.messages()]
        topics = {
            (one.topic, one.msgtype, one.digest, one.msgdef.data, one.msgcount, str(one.ext))
            for one in reader.connections
        }
        return rows, topics, (reader.message_count, reader.start_time, reader.duration)


@pytest.fixture(scope="module")
def face(shared):
    return (shared / "data/images/faces/bald_guys.jpg").read_bytes()


@pytest.mark.parametrize("storage", StoragePlugin)
def test_a_bag_comes_out_as_a_bag(face, tmp_path, storage):
    before = bag(tmp_path / "drive", [face, face], storage)
    done = carnet.redact(before, tmp_path / "out", ["faces"], setting="fast", workers=1)
    old, new = reference(before), reference(tmp_path / "out")
    assert [one[:3] for one in new[0]] == [one[:3] for one in old[0]]
    assert new[1:] == old[1:]
    assert [a[0] for a, b in zip(old[0], new[0], strict=True) if a == b] == ["/text", "/text"]
    assert {one.name for one in (tmp_path / "out").iterdir()} == {one.name for one in before.iterdir()}
    (item,) = done.items
    assert item["changed"] == 2
    if storage is StoragePlugin.SQLITE3:
        with sqlite3.connect(tmp_path / "out" / "drive.db3") as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_what_is_dropped_is_not_in_the_metadata(face, tmp_path):
    before = bag(tmp_path / "drive", [face, face, face])
    carnet.redact(before, tmp_path / "out", [], drop=["image"], trim_head_s=0.05, workers=1)
    rows, topics, (count, _, _) = reference(tmp_path / "out")
    assert {one[0] for one in topics} == {"/text"} == {one[0] for one in rows}
    assert count == len(rows) == 2


def test_a_compressed_bag_is_refused_by_name(face, tmp_path):
    before = bag(tmp_path / "drive", [face])
    path = before / "metadata.yaml"
    path.write_text(
        path.read_text("utf-8").replace("compression_mode: ''", "compression_mode: message"), "utf-8"
    )
    assert "compression_mode: message" in path.read_text("utf-8")
    with pytest.raises(RedactionError, match="compressed"):
        carnet.redact(before, tmp_path / "out", ["faces"])


def without_definitions(path) -> None:
    with sqlite3.connect(path) as database:
        for one in ("message_definitions", "schema"):
            database.execute(f"DROP TABLE {one}")


def test_an_older_bag_without_definitions_is_masked_by_the_known_types(face, tmp_path):
    folder = bag(tmp_path / "drive", [face])
    without_definitions(folder / "drive.db3")
    content = (folder / "drive.db3").read_bytes()
    reader = open_recording(io.BytesIO(content), "x.db3")
    assert sum(1 for _ in reader.messages()) == 2
    made, report = run(content, FACES)
    assert report.outcome.changed == 1
    (tmp_path / "x.db3").write_bytes(made)
    with sqlite3.connect(tmp_path / "x.db3") as database:
        tables = {one for (one,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert tables == {"topics", "messages"} | tables & {"metadata"}


def run(content: bytes, order: RedactionOrder, sink=None):
    sheet = describe(io.BytesIO(content), name="x.db3", detect=False)
    out = sink or io.BytesIO()
    report = redact(io.BytesIO(content), out, order, name="x.db3", sheet=sheet)
    return out.getvalue(), report


def test_a_pipe_gives_the_same_bag_as_a_file(face, tmp_path):
    content = (bag(tmp_path / "drive", [face] * 3) / "drive.db3").read_bytes()

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def readable(self) -> bool:
            return False

    assert run(content, FACES)[0] == run(content, FACES, Pipe())[0]


def test_another_database_is_blocked():
    other = sqlite3.connect(":memory:")
    other.execute("CREATE TABLE people(name TEXT)")
    reader = open_recording(io.BytesIO(other.serialize()), "x.db3")
    assert list(reader.messages()) == []
    assert reader.state is ReadState.BLOCKED
    assert "not one of a ROS 2 bag" in (reader.reason or "")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = bag(tmp_path_factory.mktemp("bags") / "small", [JUNK] * 3)
    return (folder / "small.db3").read_bytes()


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_damaged_database_is_told_or_refused(small, data):
    content = bytearray(small)
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    reader = open_recording(io.BytesIO(bytes(content[:cut])), "x.db3")
    assert sum(1 for _ in reader.messages()) <= 6
    assert reader.state in ReadState
    try:
        made, _report = run(bytes(content[:cut]), FACES)
    except CarnetError:
        return
    assert JUNK not in made

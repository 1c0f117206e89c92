from __future__ import annotations

import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from carnet.formats import open_recording
from carnet.formats.sniff import foreign_name
from carnet.formats.text_files import TextReader
from carnet.model.factsheet import ReadState

STARTS = [
    b"\x89MCAP0\r\n",
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"\0\0\0\x14ftypisom",
    b"(1.0) can0 123#",
    b"",
]


@pytest.mark.parametrize("name", ["x.mcap", "x.jpg", "x", "x.dbc"])
def test_an_empty_file_is_blocked_whatever_its_name(name):
    reader = open_recording(io.BytesIO(b""), name)
    assert reader.state is ReadState.BLOCKED
    assert reader.reason == "the file is empty"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"#ROSBAG V1.2\n", "ROS 1 bag"),
        (b"Generic File", "compressed or encrypted"),
        (b"Salted__12345678", "encrypted by OpenSSL"),
        (bytes(100), "zero bytes"),
        (b"\x9a\x01\x02\x80", "no known kind, or encrypted"),
    ],
)
def test_foreign_files_are_named(head, name):
    assert name in foreign_name(head)
    reader = open_recording(io.BytesIO(head), "renamed.mcap")
    assert reader.state is ReadState.BLOCKED
    assert name in reader.reason


def test_files_of_other_formats_are_blocked_with_a_reason(shared):
    data = shared / "data"
    folders = ["mdf4", "gnss", "lidar", "osm", "asam", "api/bmw", "boundaries"]
    paths = [path for one in folders for path in sorted((data / one).iterdir()) if path.is_file()]
    assert len(paths) > 40
    for path in paths:
        with path.open("rb") as file:
            reader = open_recording(file, path.name)
            if isinstance(reader, TextReader):
                continue
            count = sum(1 for _ in reader.messages())
        # A file has messages, or it is blocked; either way it says what it lost.
        assert (reader.state is ReadState.BLOCKED) == (count == 0), path.name
        assert reader.reason or reader.state is ReadState.READ


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(STARTS), st.binary(max_size=400))
@example(b"(1.0) can0 123#", b"\n" * 10)
@example(b"\0\0\0\x14ftypisom", b"\xff" * 64)
def test_no_bytes_make_a_reader_raise_or_read_nothing(start, noise):
    reader = open_recording(io.BytesIO(start + noise), "x")
    count = sum(1 for _ in reader.messages())
    reader.outside()
    assert reader.state is not ReadState.READ or count
    assert reader.state is ReadState.READ or reader.reason

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
    b"GIF89a",
    b"II*\x00\x08\x00\x00\x00",
    b"MM\x00*\x00\x00\x00\x08",
    b"RIFF\x20\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00",
    b"BM" + bytes(12) + b"\x28\x00\x00\x00",
    b"P6 2 2 255\n",
    b"P2 2 2 255\n",
    b"<?xml version='1.0'?><a b='1'>",
    b"<!DOCTYPE a [<!ENTITY",
    b"\x00\x00\x00\x0d\x0a\x09OSMHeader\x18",
    b"PK\x03\x04",
    b"PK\x05\x06" + bytes(18),
    b"\x1f\x8b\x08\x00",
    b"BZh91AY&SY",
    b"\xfd7zXZ\x00\x00\x04",
    b"\x28\xb5\x2f\xfd\x04\x00",
    b"\x03\x7e\x0b\x16\x01\x00\x00\x00\x41\x00\x0b\x00"
    + bytes(20)
    + b"N".ljust(11, b"\0")
    + b"C"
    + bytes(4)
    + b"\x0a",
    b"\x00\x00\x27\x0a" + bytes(20) + b"\x00\x00\x00\x40\xe8\x03\x00\x00\x03" + bytes(67),
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
        (b"LASF\x00\x00\x11\x00" + bytes(90), "LAS or LAZ point cloud"),
        (b"\x0e\x10\xd9\x07\x35\x00\x00\x00.FIT\x12\x34", "FIT activity"),
        (b"DLT\x01\x65\x8b\x00\x00" + bytes(20), "AUTOSAR DLT"),
        (b"File created on 1/1/2026\n\n[header]\ntime\n\n[column names]\ntime lat\n\n[data]\n", "VBOX log"),
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


@pytest.mark.parametrize("text", [b"LASF is a format\n", b"report01.FIT was read\n", b"TDSm\n"])
def test_a_text_that_begins_like_a_foreign_file_is_a_text(text):
    reader = open_recording(io.BytesIO(text), "x")
    assert reader.format == "text"

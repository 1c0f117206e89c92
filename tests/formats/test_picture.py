from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.errors import UnreadableError
from carnet.formats import open_recording
from carnet.formats.exif import read_exif
from carnet.formats.picture import decode_picture
from carnet.model.factsheet import ReadState


def jpeg() -> bytes:
    rows = np.linspace(0, 255, 48 * 64 * 3).astype(np.uint8).reshape(48, 64, 3)
    return simplejpeg.encode_jpeg(rows, colorspace="BGR")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(*extra: bytes) -> bytes:
    rows = b"".join(b"\x00" + bytes(range(30)) for _ in range(10))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 10, 10, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + b"".join(extra)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def exif(order: str = "<") -> bytes:
    """Main directory: Artist, GPS directory with a latitude; second directory: a thumbnail."""
    mark = b"II*\x00" if order == "<" else b"MM\x00*"
    pack = lambda form, *values: struct.pack(order + form, *values)  # noqa: E731 -- the order is bound once
    thumb = jpeg()
    main_at, gps_at, second_at, text_at, rational_at, thumb_at = 8, 38, 56, 86, 100, 124
    data = mark + pack("I", main_at)
    data += pack("H", 2) + pack("HHII", 0x013B, 2, 9, text_at) + pack("HHII", 0x8825, 4, 1, gps_at)
    data += pack("I", second_at)
    data = data.ljust(gps_at, b"\0") + pack("H", 1) + pack("HHII", 2, 5, 3, rational_at) + pack("I", 0)
    data = data.ljust(second_at, b"\0") + pack("H", 2)
    data += pack("HHII", 0x0201, 4, 1, thumb_at) + pack("HHII", 0x0202, 4, 1, len(thumb)) + pack("I", 0)
    data = data.ljust(text_at, b"\0") + b"A. Driver"
    data = data.ljust(rational_at, b"\0") + pack("IIIIII", 31, 1, 7, 1, 13, 1)
    return data.ljust(thumb_at, b"\0") + thumb


def opened(data: bytes):
    reader = open_recording(io.BytesIO(data), "x.bin")
    list(reader.messages())
    return reader


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_gives_text_position_and_thumbnail(order):
    found = read_exif(exif(order))
    assert found.whole
    assert found.position
    assert (0x013B, b"A. Driver") in found.texts
    assert found.thumbnail == jpeg()


def test_a_jpeg_says_all_that_lies_beside_the_pixels():
    data = jpeg()
    data = data[:2] + segment(0xE1, b"Exif\0\0" + exif()) + segment(0xFE, b"hello") + data[2:]
    reader = opened(data)
    found = {(one.where, one.kind) for one in reader.outside()}
    assert {
        ("EXIF", "text"),
        ("EXIF", "position"),
        ("EXIF thumbnail", "picture"),
        ("comment", "text"),
    } <= found
    assert reader.state is ReadState.READ
    assert (reader.width, reader.height) == (64, 48)


def test_a_png_says_its_text_chunks():
    data = png(
        chunk(b"tEXt", b"Author\0somebody"),
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"packed")),
        chunk(b"iTXt", b"Title\0\x01\0\0\0" + zlib.compress(b"inner")),
        chunk(b"eXIf", exif()),
    )
    texts = {one.name: one.data for one in opened(data).outside()}
    assert texts["Author"] == b"somebody"
    assert texts["Comment"] == b"packed"
    assert texts["Title"] == b"inner"
    assert texts["GPS"] == b""


@pytest.mark.parametrize("make", [jpeg, png])
def test_bytes_behind_the_end_make_it_partly(make):
    reader = opened(make() + b"another file")
    assert reader.state is ReadState.PARTLY
    assert any(one.where == "bytes after the picture" for one in reader.outside())


@pytest.mark.parametrize("packed", [zlib.compress(bytes(6 << 20)), zlib.compress(b"cut" * 99)[:-8]])
def test_a_packed_text_that_is_not_read_to_its_end_makes_it_partly(packed):
    reader = opened(png(chunk(b"zTXt", b"Comment\0\0" + packed)))
    assert reader.state is ReadState.PARTLY
    assert "not read to its end" in reader.reason


@pytest.mark.parametrize("make", [jpeg, png])
def test_a_cut_picture_is_blocked(make):
    data = make()
    for length in range(8, len(data) - 1, 7):
        reader = opened(data[:length])
        assert reader.state is ReadState.BLOCKED, length
        assert reader.reason


def test_a_flipped_byte_in_a_png_is_noticed():
    data = bytearray(png())
    data[data.index(b"IDAT") + 8] ^= 1
    assert opened(bytes(data)).state is ReadState.BLOCKED


def test_a_picture_of_too_many_pixels_is_refused():
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    assert opened(bomb).state is ReadState.BLOCKED
    with pytest.raises(UnreadableError, match="more pixels"):
        decode_picture(bomb, "png")


def test_real_pictures_are_read(shared):
    paths = [
        *(shared / "data" / "images" / "dashcam").iterdir(),
        *(shared / "data" / "images" / "faces").iterdir(),
        *(shared / "data" / "images" / "street").iterdir(),
    ]
    assert len(paths) >= 16
    for path in paths:
        with path.open("rb") as file:
            reader = open_recording(file, "renamed.mcap")
            assert sum(1 for _ in reader.messages()) == 1, path.name
        assert reader.state is ReadState.READ


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from([jpeg, png]))
def test_no_damage_makes_a_picture_raise(data, make):
    raw = bytearray(make())
    for _ in range(data.draw(st.integers(1, 5))):
        raw[data.draw(st.integers(3, len(raw) - 1))] = data.draw(st.integers(0, 255))
    reader = opened(bytes(raw))
    assert reader.state is ReadState.READ or reader.reason


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.data())
def test_no_exif_makes_it_raise(noise, data):
    read_exif(noise)
    read_exif(b"II*\0" + noise)
    raw = bytearray(exif())
    raw[data.draw(st.integers(0, 123))] = data.draw(st.integers(0, 255))
    read_exif(bytes(raw))

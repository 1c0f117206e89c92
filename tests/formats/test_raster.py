from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.classify.describe import describe
from carnet.deidentify.order import RedactionOrder
from carnet.deidentify.redact import redact
from carnet.errors import RedactionError, UnreadableError
from carnet.formats import open_recording
from carnet.formats.raster import MOST_PIXELS, RASTERS, decode_raster, header_of
from carnet.formats.sniff import known_format
from carnet.model.factsheet import ReadState

cv2 = pytest.importorskip("cv2", reason="carnet[vision] is not installed")
ROWS = np.random.default_rng(5).integers(0, 256, (12, 16, 3)).astype(np.uint8)


def made(form: str) -> bytes:
    if form == "pnm":
        return b"P6 16 12 255\n" + ROWS[:, :, ::-1].tobytes()
    options = [cv2.IMWRITE_WEBP_QUALITY, 101] if form == "webp" else []
    return bytes(cv2.imencode(f".{form}", ROWS, options)[1])


def opened(data: bytes):
    return open_recording(io.BytesIO(data), "renamed")


@pytest.mark.parametrize("form", RASTERS)
def test_a_picture_is_read_whatever_its_name(form):
    data = made(form)
    assert known_format(data[:4096]) == form
    reader = opened(data)
    assert (reader.state, reader.format, reader.width, reader.height) == (ReadState.READ, form, 16, 12)
    (message,) = reader.messages()
    assert message.data == data
    if form != "gif":
        assert (decode_raster(data, form) == ROWS).all()


@pytest.mark.parametrize("form", RASTERS)
def test_a_cut_picture_is_never_read_and_empty(form):
    data = made(form)
    for cut in (*range(12, 60), len(data) // 2, len(data) - 1):
        reader = opened(data[:cut])
        assert reader.state is not ReadState.READ or list(reader.messages())
    assert opened(data[: len(data) // 2]).state is ReadState.BLOCKED


# A TIFF's parts lie anywhere: it has no end of its own.
@pytest.mark.parametrize("form", [one for one in RASTERS if one != "tiff"])
def test_bytes_behind_the_end_are_told(form):
    reader = opened(made(form) + b"VIN 1M8GDM9AXKP042788")
    assert reader.state is ReadState.PARTLY
    assert any(one.where == "bytes after the picture" for one in reader.outside())


def test_comments_of_a_pnm_are_outside():
    data = b"P5\n# by driver@example.com\n4 2\n# VIN 1M8GDM9AXKP042788\n255\n" + bytes(range(8))
    sheet = describe(io.BytesIO(data), name="x", detect=False)
    assert {"vehicle_id.vin", "identity.contact"} <= set(sheet.data)
    assert sheet.state is ReadState.READ


def test_grey_deep_and_plain_pnm_decode():
    grey = decode_raster(b"P5 2 2 100\n" + bytes([0, 50, 100, 200]), "pnm")
    assert grey[:, :, 0].tolist() == [[0, 127], [255, 255]]
    deep = decode_raster(b"P5 1 2 65535\n" + struct.pack(">HH", 0, 65535), "pnm")
    assert deep[:, 0].tolist() == [[0, 0, 0], [255, 255, 255]]
    assert opened(b"P2 2 2 255\n0 1 2 3\n").format == "pnm"
    assert opened(b"P2 2 2 in words\n").format != "pnm"


def test_a_place_in_a_picture_is_found():
    webp = made("webp")
    exif = b"II*\x00\x08\x00\x00\x00" + struct.pack("<HHHIII", 1, 0x8825, 4, 1, 26, 0)
    exif += struct.pack("<HHHIII", 1, 2, 5, 3, 44, 0) + struct.pack("<6I", 48, 1, 7, 1, 3, 1)
    chunk = b"EXIF" + struct.pack("<I", len(exif)) + exif
    data = webp[:4] + struct.pack("<I", len(webp) - 8 + len(chunk)) + webp[8:] + chunk
    assert "location.position" in describe(io.BytesIO(data), name="x", detect=False).data


def test_an_animation_is_partly():
    gif = made("gif")
    flags = gif[10]
    start = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    twice = gif[:-1] + gif[start:]
    reader = opened(twice)
    assert reader.state is ReadState.PARTLY
    assert "2 pictures" in reader.reason


def test_a_header_cannot_ask_for_memory():
    huge = 60_000
    heads = {
        "pnm": b"P6 999999999 999999999 255\n",
        "bmp": b"BM" + bytes(12) + struct.pack("<Iii", 40, huge, huge) + bytes(28),
        "gif": b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(20),
        "webp": b"RIFF"
        + struct.pack("<I", 22)
        + b"WEBPVP8X"
        + struct.pack("<I", 10)
        + b"\0" * 4
        + b"\xff" * 6,
    }
    for form, data in heads.items():
        assert opened(data).state is ReadState.BLOCKED
        with pytest.raises(UnreadableError, match="pixels"):
            header_of(data, form)
    assert huge * huge > MOST_PIXELS


def test_redaction_refuses_what_it_cannot_write():
    for form in RASTERS:
        data = made(form)
        sheet = describe(io.BytesIO(data), name="x", detect=False)
        with pytest.raises(RedactionError, match=f"does not redact {form} yet"):
            redact(io.BytesIO(data), io.BytesIO(), RedactionOrder(), name="x", sheet=sheet)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(RASTERS), st.integers(0, 400), st.integers(0, 255), st.binary(max_size=30))
def test_damage_never_makes_a_reader_raise(form, at, value, tail):
    data = bytearray(made(form) + tail)
    data[at % len(data)] = value
    reader = opened(bytes(data))
    count = sum(1 for _ in reader.messages())
    reader.outside()
    assert reader.state is not ReadState.READ or count
    assert reader.state is ReadState.READ or reader.reason

"""Single pictures: metadata gone, size kept, people masked, damage refused."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.classify.describe import describe
from carnet.deidentify.order import RedactionOrder
from carnet.deidentify.picture import turn
from carnet.deidentify.redact import redact
from carnet.errors import CarnetError, RedactionError, UnreadableError
from carnet.formats.picture_write import jpeg_orientation, strip_jpeg

ORDER = RedactionOrder(frozenset({"faces", "plates"}), setting="fast")


def run(content: bytes, name: str = "x.jpg", order: RedactionOrder = ORDER):
    sink = io.BytesIO()
    sheet = describe(io.BytesIO(content), name=name, detect=False)
    report = redact(io.BytesIO(content), sink, order, name=name, sheet=sheet)
    return sink.getvalue(), report


def pixels(content: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)


def with_segments(jpeg: bytes, orientation: int = 1) -> bytes:
    tiff = b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", 1)
    tiff += struct.pack("<HHII", 0x0112, 3, 1, orientation) + bytes(4) + b"GPS 31.12 121.19"
    exif = b"Exif\x00\x00" + tiff
    extra = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    extra += b"\xff\xfe" + struct.pack(">H", 24) + b"VIN L00CARNE3T0000000 "
    return jpeg[:2] + extra + jpeg[2:] + b"trailer with a secret"


@pytest.fixture(scope="module")
def people(shared):
    return (shared / "data/images/faces/bald_guys.jpg").read_bytes()


@pytest.fixture(scope="module")
def road(shared):
    return (shared / "data/images/dashcam/lanelines_solidWhiteCurve.jpg").read_bytes()


def test_people_are_masked_and_nothing_else_moves_far(people):
    made, report = run(with_segments(people))
    assert report.outcome.changed == 1
    assert report.outcome.regions
    before, after = pixels(people), pixels(made)
    assert before.shape == after.shape
    for word in (b"Exif", b"GPS", b"VIN", b"secret"):
        assert word not in made
    outside = np.ones(before.shape[:2], dtype=bool)
    for one in report.outcome.regions:
        x, y, w, h = one.box
        assert (
            before[int(y) : int(y + h), int(x) : int(x + w)]
            != after[int(y) : int(y + h), int(x) : int(x + w)]
        ).any()
        outside[max(0, int(y - 0.3 * h)) : int(y + 1.3 * h), max(0, int(x - 0.3 * w)) : int(x + 1.3 * w)] = (
            False
        )
    assert np.abs(before[outside].astype(int) - after[outside]).mean() < 3


def test_a_picture_without_people_keeps_every_pixel_and_is_stable(road):
    made, report = run(with_segments(road))
    assert report.outcome.changed == 0
    assert (pixels(made) == pixels(road)).all()
    assert b"Exif" not in made
    assert run(made)[0] == made


def test_masked_people_are_not_found_again(people):
    made, _ = run(people)
    again, report = run(made)
    del again
    first = run(people)[1].outcome.regions
    assert len(report.outcome.regions) <= len(first) // 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_comes_out_upright(road, orientation):
    small = cv2.imencode(".jpg", cv2.resize(pixels(road), (96, 54)))[1].tobytes()
    turned = with_segments(small, orientation)
    assert jpeg_orientation(turned) == orientation
    made, _ = run(turned)
    shown = cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == pixels(made).shape
    assert np.abs(shown.astype(int) - pixels(made)).mean() < 4
    assert jpeg_orientation(made) == 1


@given(st.integers(1, 8), st.integers(1, 6), st.integers(1, 6))
def test_turning_keeps_every_pixel(orientation, height, width):
    image = np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)
    made = turn(image, orientation)
    assert sorted(made.ravel()) == sorted(image.ravel())


def test_grey_stays_grey(people):
    grey = cv2.imencode(".jpg", cv2.cvtColor(pixels(people), cv2.COLOR_BGR2GRAY))[1].tobytes()
    made, report = run(grey)
    assert report.outcome.changed == 1
    assert pixels(made).ndim == 2


@pytest.mark.parametrize("channels", ["bgr", "bgra", "grey", "deep"])
def test_png_keeps_its_channels_and_depth(people, channels):
    image = pixels(people)
    image = {
        "bgr": image,
        "bgra": cv2.cvtColor(image, cv2.COLOR_BGR2BGRA),
        "grey": cv2.cvtColor(image, cv2.COLOR_BGR2GRAY),
        "deep": image.astype(np.uint16) * 257,
    }[channels]
    content = cv2.imencode(".png", image)[1].tobytes()
    text = b"tEXt" + b"Comment\x00L00CARNE3T0000000"
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    made, report = run(content[:33] + chunk + content[33:], "x.png")
    after = pixels(made)
    assert after.shape == image.shape
    assert after.dtype == image.dtype
    assert report.outcome.regions
    assert b"L00CARNE" not in made
    x, y, w, h = (int(one) for one in report.outcome.regions[0].box)
    assert len(np.unique(after[y : y + h, x : x + w].reshape(w * h, -1), axis=0)) <= 64


def test_a_moving_png_is_refused(road):
    content = cv2.imencode(".png", cv2.resize(pixels(road), (32, 18)))[1].tobytes()
    body = b"acTL" + struct.pack(">II", 2, 0)
    chunk = struct.pack(">I", 8) + body + struct.pack(">I", zlib.crc32(body))
    sheet = describe(io.BytesIO(content), name="x.png", detect=False)
    with pytest.raises(UnreadableError, match="animated"):
        redact(
            io.BytesIO(content[:33] + chunk + content[33:]), io.BytesIO(), ORDER, name="x.png", sheet=sheet
        )


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("form", [".jpg", ".png"])
def test_a_cut_picture_is_refused(road, share, form):
    content = cv2.imencode(form, cv2.resize(pixels(road), (192, 108)))[1].tobytes()
    with pytest.raises(CarnetError):
        run(content[: int(len(content) * share)], f"x{form}")


def test_a_flipped_png_is_refused(road):
    content = bytearray(cv2.imencode(".png", cv2.resize(pixels(road), (96, 54)))[1].tobytes())
    content[len(content) // 2] ^= 4
    with pytest.raises(CarnetError):
        run(bytes(content), "x.png")


@given(st.binary(max_size=300))
def test_stripping_never_fails_otherwise_than_it_says(noise):
    for data in (noise, b"\xff\xd8" + noise, b"\xff\xd8\xff\xe1" + noise):
        try:
            assert strip_jpeg(data).endswith(b"\xff\xd9")
        except UnreadableError:
            continue


def test_a_picture_cannot_be_trimmed(road):
    with pytest.raises(RedactionError, match="no start and end"):
        run(road, order=RedactionOrder(trim_head_s=1))

"""Point clouds: PCD in its three forms, plain sweeps by their values, and files that only look like them."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyarrow", reason="carnet[tables] is not installed")

from carnet.classify import describe
from carnet.formats.cloud_read import lzf

RANDOM = np.random.default_rng(5)


def sweep(rows=500, width=4):
    points = np.zeros((rows, width), "<f4")
    points[:, :3] = RANDOM.uniform((-60, -60, -3), (60, 60, 4), (rows, 3))
    points[:, 3] = RANDOM.uniform(0, 1, rows)
    if width > 4:
        points[:, 4] = np.arange(rows) % 32
    if width > 5:
        points[:, 5] = 1.55e15
    return points


def pcd(data: str, body: bytes, points=500, more=""):
    head = (
        f"# .PCD v0.7 - Point Cloud Data file format\n{more}VERSION 0.7\nFIELDS x y z intensity\nSIZE 4 4 4 4\n"
        f"TYPE F F F F\nCOUNT 1 1 1 1\nWIDTH {points}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\n"
        f"POINTS {points}\nDATA {data}\n"
    )
    return head.encode() + body


def stored(data: bytes) -> bytes:
    """LZF without any repeat."""
    return b"".join(
        bytes([len(data[at : at + 32]) - 1]) + data[at : at + 32] for at in range(0, len(data), 32)
    )


def compressed(points) -> bytes:
    plain = points.T.tobytes()
    packed = stored(plain)
    return struct.pack("<II", len(packed), len(plain)) + packed


def sheet_of(data):
    return describe(io.BytesIO(data), name="x", detect=False)


@pytest.mark.parametrize("start", ["VERSION .7\n", "VERSION 0.7\n", "VERSION 0.7\r\n"])
def test_a_cloud_without_the_usual_comment_is_no_text(start):
    text = pcd("ascii", b"1 2 3 4\n" * 5, 5).decode().partition("VERSION 0.7\n")[2]
    sheet = sheet_of((start + text).encode())
    assert (sheet.format, sheet.data) == ("pcd", ("ranging.lidar",))
    assert sheet_of(start.encode() + b"of our program, with notes\n").format == "text"


@pytest.mark.parametrize("form", ["ascii", "binary", "binary_compressed"])
def test_every_form_of_pcd(form):
    points = sweep()
    body = {
        "ascii": "\n".join(" ".join(map(str, row)) for row in points).encode(),
        "binary": points.tobytes(),
        "binary_compressed": compressed(points),
    }[form]
    sheet = sheet_of(pcd(form, body, more="# car 1M8GDM9AXKP042788\n"))
    assert (sheet.format, sheet.state) == ("pcd", "read")
    (stream,) = sheet.streams
    assert (stream.count, stream.data) == (500, ("ranging.lidar",))
    assert ("comment", "vehicle_id.vin") in {(one.where, one.data) for one in sheet.outside}


@pytest.mark.parametrize("width", [4, 5, 6])
def test_a_plain_sweep_is_likely_and_its_width_is_said(width):
    sheet = sheet_of(sweep(width=width).tobytes())
    assert (sheet.format, sheet.state) == ("sweep", "read")
    (stream,) = sheet.streams
    assert (stream.count, stream.data) == (500, ("ranging.lidar",))
    assert {one.certainty for one in stream.fields} == {"likely"}
    assert f"{width} float32" in stream.fields[0].because[0]


def test_other_floats_are_no_sweep():
    for data in (
        RANDOM.normal(0, 1, 5000).astype("<f4").tobytes(),
        RANDOM.uniform(0, 1e-9, 5000).astype("<f4").tobytes(),
        RANDOM.bytes(20_000),
        np.zeros(5000, "<f4").tobytes(),
        sweep()[:20].tobytes(),
    ):
        assert sheet_of(data).state == "blocked"


def test_a_sweep_that_ends_in_other_bytes_is_blocked_and_a_cut_one_is_partly_read():
    assert sheet_of(sweep().tobytes() + RANDOM.bytes(80_000)).state == "blocked"
    sheet = sheet_of(sweep().tobytes()[:-7])
    assert sheet.state == "partly"
    assert sheet.streams[0].count == 499


@pytest.mark.parametrize("form", ["binary", "binary_compressed"])
def test_a_cloud_that_lies_about_its_length(form):
    for points in (501, 2**39, 2**50):
        sheet = sheet_of(pcd(form, sweep().tobytes(), points))
        assert sheet.state in {"partly", "blocked"}
        assert sheet.reason


def test_lzf_repeats():
    assert lzf(b"\x02abc" + bytes([1 << 5, 2]), 6) == b"abcabc"
    assert lzf(b"\x00a" + bytes([7 << 5, 3, 0]), 13) == b"a" * 13
    assert lzf(b"\x00a" + bytes([7 << 5, 3, 0]), 12) is None
    assert lzf(bytes([1 << 5, 2]), 3) is None


@given(st.binary(max_size=200), st.integers(0, 2000))
def test_any_bytes_decompress_to_the_wanted_length_or_not_at_all(data, wanted):
    out = lzf(data, wanted)
    assert out is None or len(out) == wanted


@settings(max_examples=150, deadline=None)
@given(
    form=st.sampled_from(["ascii", "binary", "binary_compressed"]),
    flips=st.lists(st.tuples(st.integers(0, 500), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 1000),
)
def test_damage_never_crashes(form, flips, cut):
    points = sweep(20)
    data = bytearray(pcd(form, compressed(points) if form != "binary" else points.tobytes(), 20))
    for place, value in flips:
        data[place % len(data)] = value
    sheet = sheet_of(bytes(data[: cut or None]))
    assert sheet.state == "blocked" or sheet.streams
    assert sheet.state == "read" or sheet.reason

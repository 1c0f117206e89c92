"""NumPy arrays: columns of every form, pickles refused, headers that lie."""

from __future__ import annotations

import io
import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyarrow", reason="carnet[tables] is not installed")

from carnet.classify import describe


def drive(n=400):
    return np.array(
        [(31.12 + k * 1e-4 + 3e-7 * math.sin(k), 121.2 + k * 5e-5 + 3e-7 * math.cos(k)) for k in range(n)]
    )


def npy(array, **options):
    out = io.BytesIO()
    np.lib.format.write_array(out, array, **options)
    return out.getvalue()


def sheet_of(data):
    return describe(io.BytesIO(data), name="x", detect=False)


def with_header(header: str, body: bytes = b"") -> bytes:
    text = header.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["<f8", ">f8"])
def test_two_columns_that_move_are_a_track(order, kind):
    sheet = sheet_of(npy(np.asarray(drive(), dtype=kind, order=order)))
    assert (sheet.format, sheet.state) == ("npy", "read")
    (stream,) = sheet.streams
    assert (stream.count, stream.data) == (400, ("location.trajectory",))
    assert stream.facts["points"] == 400


def test_names_of_fields_are_names_of_columns():
    fields = np.zeros(
        30, [("pos", [("latitude", "f8"), ("longitude", "f8")]), ("speed", "f2"), ("plate", "U9")]
    )
    fields["pos"]["latitude"], fields["pos"]["longitude"] = drive(30).T
    fields["plate"] = "京A·12345"
    (stream,) = sheet_of(npy(fields)).streams
    assert [one.path for one in stream.fields if one.certainty == "certain"] == [
        "pos.latitude",
        "pos.longitude",
        "plate",
    ]
    assert {"driving.dynamics", "vehicle_id.plate"} < set(stream.data)


def test_pickles_are_blocked_and_not_opened():
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("opened",))

    sheet = sheet_of(npy(np.array([Trap(), None], object), allow_pickle=True))
    assert sheet.state == "blocked"
    assert "pickled" in sheet.reason


@pytest.mark.parametrize("shape", [(4, 5, 6), (3, 600), (2, 3, 4, 5)])
def test_grids_are_unknown(shape):
    (stream,) = sheet_of(npy(np.arange(math.prod(shape), dtype="u1").reshape(shape))).streams
    assert stream.data == ("unknown",)
    assert stream.count > 0


def test_a_cut_array_is_partly_read_and_an_empty_one_is_not():
    sheet = sheet_of(npy(drive())[:-1000])
    assert sheet.state == "partly"
    assert sheet.streams[0].count == 337
    assert sheet_of(npy(np.zeros((0, 3)))).state == "blocked"
    assert sheet_of(npy(drive()) + b"more").state == "partly"


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999, 2)}",
        "{'descr': '<f8', 'fortran_order': True, 'shape': (99999999999999, 2)}",
        "{'descr': '|V2000000000', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '|V0', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f8', 'shape': (1,)}",
        "__import__('os').system('true')",
        "(" * 3000,
        "",
    ],
)
def test_headers_that_lie_are_told(header):
    sheet = sheet_of(with_header(header, bytes(64)))
    assert sheet.state in {"blocked", "partly"}
    assert sheet.reason


@settings(max_examples=150, deadline=None)
@given(
    flips=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=4), cut=st.integers(0, 400)
)
def test_damage_never_crashes(flips, cut):
    data = bytearray(npy(drive(20)))
    for place, value in flips:
        data[place % len(data)] = value
    sheet = sheet_of(bytes(data[: cut or None]))
    assert sheet.state == "blocked" or sheet.streams
    assert sheet.state == "read" or sheet.reason

from __future__ import annotations

import io
import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.classify.describe import describe
from carnet.formats import open_recording
from carnet.model.factsheet import ReadState


def shapes(kind: int, *contents: bytes, box=(11.0, 48.0, 12.0, 49.0)) -> bytes:
    body = b"".join(
        struct.pack(">II", number, len(one) // 2) + one for number, one in enumerate(contents, start=1)
    )
    head = struct.pack(">I", 9994) + bytes(20) + struct.pack(">I", (100 + len(body)) // 2)
    return head + struct.pack("<II4d", 1000, kind, *box) + bytes(32) + body


def line(*points: tuple[float, float], kind: int = 3) -> bytes:
    head = struct.pack("<I4d", kind, 0, 0, 0, 0) + struct.pack("<3I", 1, len(points), 0)
    return head + b"".join(struct.pack("<2d", *one) for one in points)


def table(*rows: tuple[str, str], flag: bytes = b" ") -> bytes:
    columns = b"".join(
        name.ljust(11, b"\0") + b"C" + bytes(4) + bytes([size]) + bytes(15)
        for name, size in ((b"NAME", 10), (b"FAHRGESTNR", 20))
    )
    head = bytes([3, 126, 11, 22]) + struct.pack("<IHH", len(rows), 32 + len(columns) + 1, 31) + bytes(20)
    body = b"".join(flag + a.encode().ljust(10) + b.encode().ljust(20) for a, b in rows)
    return head + columns + b"\r" + body + b"\x1a"


LINES = shapes(3, line((11.5, 48.1), (11.51, 48.11), (11.52, 48.12)))
AREAS = shapes(5, line((11.5, 48.1), (11.6, 48.1), (11.5, 48.2), (11.5, 48.1), kind=5))
POINTS = shapes(1, struct.pack("<I2d", 1, 11.5, 48.1))
TABLE = table(("A", "1M8GDM9AXKP042788"), ("B", ""))


def scanned(data: bytes):
    return describe(io.BytesIO(data), name="x", detect=False)


def test_a_line_is_a_track_and_an_area_is_a_map():
    sheet = scanned(LINES)
    assert (sheet.format, sheet.state) == ("shp", ReadState.READ)
    assert "location.trajectory" in sheet.data
    assert sheet.streams[0].facts["points"] == 3
    areas = scanned(AREAS)
    assert (areas.state, set(areas.data)) == (ReadState.READ, {"map"})
    assert "location.position" in scanned(POINTS).data


def test_rows_of_a_table_are_looked_through_and_deleted_ones_too():
    for data in (TABLE, table(("A", "1M8GDM9AXKP042788"), flag=b"*")):
        sheet = scanned(data)
        assert (sheet.format, sheet.state) == ("dbf", ReadState.READ)
        assert "vehicle_id.vin" in sheet.data
    assert scanned(TABLE[:-15]).state is ReadState.PARTLY
    assert "after the rows" in scanned(TABLE + b"driver@example.com").reason


def test_real_boundaries(shared):
    said = {}
    for end in ("dbf", "shp", "shx"):
        sheet = scanned((shared / f"data/boundaries/naturalearth_lowres.{end}").read_bytes())
        said[sheet.format] = (sheet.state, sheet.streams[0].count)
        assert not any(one.startswith("location.") for one in sheet.data)
    # 177 countries, as the file's own header and `file` say.
    assert said == dict.fromkeys(("dbf", "shp", "shx"), (ReadState.READ, 177))


@pytest.mark.parametrize("data", [LINES, AREAS, POINTS, TABLE])
def test_hostile_lengths_and_cuts(data):
    for cut in range(30, len(data), 7):
        sheet = scanned(data[:cut])
        assert sheet.state is not ReadState.READ or sheet.streams
    far = bytearray(TABLE)
    far[8:10] = b"\xff\x7f"
    assert scanned(bytes(far)).state is ReadState.BLOCKED
    huge = bytearray(LINES)
    struct.pack_into("<I", huge, 100 + 8 + 40, 0xFFFFFFFF)
    assert scanned(bytes(huge)).state is ReadState.BLOCKED


def test_boxes_beyond_degrees_stay_plane():
    data = shapes(1, struct.pack("<I2d", 1, 691_000.0, 5_334_000.0), box=(6e5, 5e6, 7e5, 6e6))
    reader = open_recording(io.BytesIO(data), "x")
    assert [json.loads(one.data) for one in reader.messages()] == [{"x": 691000.0, "y": 5334000.0}]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([LINES, AREAS, POINTS, TABLE]), st.integers(0, 400), st.binary(max_size=6))
def test_damage_never_raises_and_is_never_read_and_empty(data, at, noise):
    at %= len(data)
    reader = open_recording(io.BytesIO(data[:at] + noise + data[at + len(noise) :]), "x")
    count = sum(1 for _ in reader.messages())
    reader.outside()
    assert reader.state is not ReadState.READ or count
    assert reader.state is ReadState.READ or reader.reason

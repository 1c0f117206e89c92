"""RINEX: raw observations are a position, the header names a place and a receiver; damage does not matter."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.classify import describe
from carnet.formats.rinex_read import RinexReader

HEADER = [
    ("     3.04           OBSERVATION DATA    M", "RINEX VERSION / TYPE"),
    ("car 1M8GDM9AXKP042788", "MARKER NAME"),
    ("  4075580.3111   931854.0543  4801568.2808", "APPROX POSITION XYZ"),
    ("", "END OF HEADER"),
]
BODY = ["> 2026 01 01 00 00  0.0000000  0  1", "G05  23190230.912 5 121866233.112 5"] * 5
RINEX = "\n".join([f"{text:60}{label}" for text, label in HEADER] + BODY).encode()


def sheet_of(data):
    return describe(io.BytesIO(data), name="x", detect=False)


def test_observations_are_a_position():
    sheet = sheet_of(RINEX)
    assert (sheet.format, sheet.state) == ("rinex", "read")
    (stream,) = sheet.streams
    assert (stream.count, stream.data) == (10, ("location.position",))
    outside = {(one.where, one.data) for one in sheet.outside}
    assert {("header APPROX POSITION XYZ", "location.position"), ("header", "vehicle_id.vin")} <= outside


def test_the_place_of_the_header_is_that_of_the_station():
    reader = RinexReader(io.BytesIO(RINEX))
    (place,) = [one.place for one in reader.outside() if one.kind == "position"]
    # Wettzell, by the coordinates that the network of stations publishes: 49.1442 N, 12.8789 E.
    assert place == pytest.approx((49.1442, 12.8789), abs=1e-4)


@pytest.mark.parametrize("values", ["1.0 2.0 3.0", "nan nan nan", "4075580.3111 931854.0543", "a b c"])
def test_a_header_without_a_place_has_none(values):
    line = "".join(f"{one:>14}" for one in values.split())
    data = RINEX.replace(b"  4075580.3111   931854.0543  4801568.2808".ljust(60), line.ljust(60).encode())
    assert [one.place for one in RinexReader(io.BytesIO(data)).outside() if one.kind == "position"] in (
        [None],
        [],
    )


def test_a_header_alone_is_not_read():
    assert sheet_of(RINEX[: RINEX.index(b"> 2026")]).state == "blocked"
    assert sheet_of(RINEX[:100]).state == "blocked"


@settings(max_examples=100, deadline=None)
@given(
    flips=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), max_size=6), cut=st.integers(0, 900)
)
def test_damage_never_crashes(flips, cut):
    data = bytearray(RINEX)
    for place, value in flips:
        data[place % len(data)] = value
    sheet = sheet_of(bytes(data[: cut or None]))
    assert sheet.state == "blocked" or sheet.streams
    assert sheet.state == "read" or sheet.reason

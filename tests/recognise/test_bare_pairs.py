"""Pairs of coordinates without a name, among rows of numbers that are none."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.recognise.text import recognise, recognise_each, spans

PAIRS = {
    "alone": "31.230416, 121.473701",
    "behind a time": "1618123456.1234 31.230416 121.473701",
    "behind a time of day": "at 2026-01-01T00:00:00.123456 31.230416 121.473701",
    "with a short height": "31.230416 121.473701 12.3",
    "with a height that is less exact": "31.230416 121.473701 12.3421",
    "with a word": "fix 31.230416 121.473701 12.342112",
    "in brackets": "[121.473701, 31.230416]",
    "in brackets on lines": "[\n  121.473701,\n  31.230416\n]",
    "a line in brackets": "[[121.473701,31.230416],[121.473801,31.230516]]",
    "GeoJSON with heights": '"coordinates":[[121.473701,31.230416,12.342112],[121.473701,31.230416,12.342112]]',
    "WKT": "LINESTRING (121.473701 31.230416, 121.473801 31.230516, 121.473901 31.230616)",
    "WKT with heights": "LINESTRING Z (31.473701 31.230416 5.123456, 12.473801 31.230516 5.123456)",
    "pairs with semicolons": "31.230416,121.473701;31.230516,121.473801;31.230616,121.473901",
    "pairs with spaces": "31.230416,121.473701 31.230516,121.473801 31.230616,121.473901",
    "pairs on lines": "31.230416 121.473701\n31.230516 121.473801\n31.230616 121.473901",
    "a table with its head": "lat lon alt\n31.230416 121.473701 12.345678\n31.230416 121.473701 12.345678",
    "a box": "bbox: 31.230416, 31.473701, 31.330416, 31.573701",
    "Chinese": "位置 31.230416 121.473701 12.345678",
}
ROWS = {
    "a mesh": "v 0.1234 0.5678 0.9012\nv 0.2345 0.6789 0.0123",
    "torques": "12.3456 13.4567 14.5678 15.6789 Nm",
    "torques with commas": "lateral torque 12.3456, 13.4567, 14.5678",
    "points in brackets": "[[1.1234,2.5678,3.9012],[1.2345,2.3456,3.4567]]",
    "a matrix on lines": "1.1234 2.5678 3.9012\n4.1234 5.5678 6.9012",
    "a matrix with semicolons": "[1.1234 2.5678 3.9012; 4.1234 5.5678 6.9012]",
    "a column": "12.3456\n13.4567\n14.5678\n15.6789",
    "an attitude behind a word": "position q 0.7071 0.0000 0.7071 0.0000",
}


def places(text):
    return {str(hit.data) for hit in recognise(text)} & {"location.position"}


@pytest.mark.parametrize("text", PAIRS.values(), ids=PAIRS)
def test_a_pair_is_found(text):
    assert places(text)


@pytest.mark.parametrize("text", ROWS.values(), ids=ROWS)
def test_a_row_of_numbers_is_no_pair(text):
    assert not places(text)


def test_the_span_of_a_pair_is_the_pair():
    text = "1618123456.1234 31.230416 121.473701 12.3"
    assert [text[one.start : one.end] for one in spans(text)] == ["31.230416 121.473701"]


def test_a_word_holds_for_its_own_text():
    row = "31.230416 121.473701 12.345678"
    assert not recognise_each(["latitude and longitude", "gps", row])
    assert not recognise("gps\n" + row), "for its own line"
    assert recognise_each(["x", "gps " + row])


exact = st.integers(4, 9)


@given(
    st.floats(-89.9, 89.9),
    st.floats(-179.9, 179.9),
    exact,
    exact,
    st.sampled_from([", ", ",", " ", ";", "\t", " ; "]),
    st.sampled_from(["", "at ", "12 ", "1.5 ", "a=3 "]),
)
def test_any_two_numbers_that_stand_alone_are_a_pair(latitude, longitude, first, second, sign, before):
    assert places(f"{before}{latitude:.{first}f}{sign}{longitude:.{second}f}\n")


@given(
    st.lists(st.floats(-99.0, 99.0), min_size=3, max_size=12),
    exact,
    st.sampled_from([", ", ",", " ", ";", "\n", "\t"]),
)
def test_any_row_of_numbers_is_none(numbers, decimals, sign):
    assert not places(sign.join(f"{one:.{decimals}f}" for one in numbers))


def test_a_long_line_of_numbers_is_read_once():
    text = "gps " + " ".join(f"{0.5 + k % 40 / 1000:.4f}" for k in range(100_000)) + " 31.2304 121.4737"
    began = time.perf_counter()
    assert places(text)
    assert time.perf_counter() - began < 5.0

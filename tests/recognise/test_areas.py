"""Distances of lines and points from areas, against a dense sample; and the shift of GCJ-02 undone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.classify.places import SHIFT_M
from carnet.model.area import Area
from carnet.recognise.areas import M_PER_DEGREE, clearance_m, distance_m, distance_of_lines_m, in_area
from carnet.recognise.gcj02 import Positions, from_gcj02, to_gcj02

offsets = st.floats(-0.02, 0.02)
latitudes, longitudes = st.floats(-80, 80), st.floats(-180, 180)


def around(latitude, longitude, ring):
    return tuple((latitude + y, (longitude + x + 180) % 360 - 180) for y, x in ring)


@settings(max_examples=200, deadline=None)
@given(
    latitudes,
    longitudes,
    st.lists(st.tuples(offsets, offsets), min_size=3, max_size=8),
    st.tuples(offsets, offsets),
    st.tuples(offsets, offsets),
)
def test_a_line_is_as_far_from_a_polygon_as_the_nearest_of_its_points(latitude, longitude, ring, begin, end):
    area = Area(around(latitude, longitude, ring))
    (y0, x0), (y1, x1) = around(latitude, longitude, [begin, end])
    line = [np.array([one]) for one in (y0, x0, y1, x1)]
    found = distance_of_lines_m(area, *line)[0]
    share = np.linspace(0, 1, 400)
    run = (x1 - x0 + 180) % 360 - 180
    y, x = y0 + share * (y1 - y0), x0 + share * run
    length = math.hypot((y1 - y0) * M_PER_DEGREE, run * M_PER_DEGREE)
    points = distance_of_lines_m(area, y, x, y, x)
    assert found <= points.min() * 1.01 + 0.5
    assert points.min() <= found * 1.01 + length / 399 + 0.5
    if in_area(area, y, x).any():
        assert found < 1e-6


@settings(max_examples=100, deadline=None)
@given(latitudes, longitudes, st.floats(1, 5000), st.tuples(offsets, offsets), st.tuples(offsets, offsets))
def test_a_line_is_as_far_from_a_circle_as_the_nearest_of_its_points(latitude, longitude, radius, begin, end):
    area = Area(((latitude, longitude),), radius)
    (y0, x0), (y1, x1) = around(latitude, longitude, [begin, end])
    found = distance_of_lines_m(area, *(np.array([one]) for one in (y0, x0, y1, x1)))[0]
    share = np.linspace(0, 1, 400)
    run = (x1 - x0 + 180) % 360 - 180
    far = distance_m(y0 + share * (y1 - y0), x0 + share * run, (latitude, longitude)) - radius
    length = math.hypot((y1 - y0) * M_PER_DEGREE, run * M_PER_DEGREE)
    assert abs(found - max(0.0, far.min())) <= max(0.0, far.min()) * 0.01 + length / 399 + 1


@given(latitudes, longitudes, st.floats(10, 50_000), st.floats(0, 1.2))
def test_clearance_is_nought_outside_and_the_way_to_the_edge_inside(latitude, longitude, radius, share):
    area = Area(((latitude, longitude),), radius)
    y = np.array([latitude + radius * share / M_PER_DEGREE])
    x = np.array([longitude])
    assert clearance_m(area, y, x)[0] == pytest.approx(
        max(0.0, radius * (1 - share)), abs=radius * 1e-6 + 1e-6
    )


def test_clearance_of_a_square_is_the_way_to_its_nearest_side():
    side = 0.1
    square = Area(((0, 0), (0, side), (side, side), (side, 0)))
    got = clearance_m(square, np.array([0.03, 0.05, 0.2]), np.array([0.05, 0.05, 0.05]))
    assert got == pytest.approx([0.03 * M_PER_DEGREE, 0.05 * M_PER_DEGREE, 0], rel=1e-3)


@settings(deadline=None)
@given(st.floats(22, 45), st.floats(85, 118))
def test_gcj02_is_undone(latitude, longitude):
    plain = Positions(np.array([latitude]), np.array([longitude]))
    shifted = to_gcj02(plain)
    back = from_gcj02(shifted)
    assert back.datum == "WGS-84"
    far = distance_m(shifted.latitude, shifted.longitude, (latitude, longitude))[0]
    assert far < SHIFT_M
    # At the outline a shifted point may lie on its other side.
    off = distance_m(back.latitude, back.longitude, (latitude, longitude))[0]
    assert off < 0.01 or off < SHIFT_M

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.classify import describe
from carnet.classify.pictures import Spread


@given(st.integers(1, 8), st.integers(0, 300))
def test_a_spread_is_even_and_bounded(most, count):
    spread = Spread(most)
    for number in range(count):
        spread.offer(number if spread.wants() else None)
    assert spread.count == count
    assert len(spread.items) < 2 * most or most == 1
    if count:
        assert spread.items[0] == 0
    steps = {b - a for a, b in zip(spread.items, spread.items[1:], strict=False)}
    assert len(steps) <= 1


@pytest.mark.slow
def test_faces_and_plates_of_real_pictures_are_measured(shared):
    face = (shared / "data" / "deid-eval" / "face_group1927_1.jpg").read_bytes()
    (stream,) = describe(io.BytesIO(face), name="a").streams
    assert stream.facts["contains_faces"] is True
    assert 90 <= stream.facts["faces_px_max"] <= 170
    assert stream.facts["images"] == 1
    road = (shared / "data" / "images" / "dashcam" / "lanelines_solidWhiteCurve.jpg").read_bytes()
    sheet = describe(io.BytesIO(road), name="a")
    assert len(sheet.tools) == 2
    assert all(one.digest for one in sheet.tools)
    assert "contains_faces" in sheet.streams[0].facts

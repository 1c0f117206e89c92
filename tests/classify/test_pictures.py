from __future__ import annotations

import io

import cv2
import numpy as np
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
    assert len(sheet.tools) == 3
    assert all(one.digest for one in sheet.tools)
    assert "contains_faces" in sheet.streams[0].facts


def test_persons_are_measured_and_never_denied(shared):
    street = shared / "data" / "images" / "street" / "bus.jpg"
    with street.open("rb") as source:
        facts = describe(source, name="x").streams[0].facts
    assert facts["contains_persons"] is True
    assert 300 < facts["persons_px_max"] < 700
    grey = cv2.imencode(".png", np.full((200, 300, 3), 120, np.uint8))[1].tobytes()
    facts = describe(io.BytesIO(grey), name="x").streams[0].facts
    assert facts["contains_faces"] is False
    assert "contains_persons" not in facts


def test_of_a_sample_the_share_is_told_with_its_error(shared):
    path = shared / "data" / "video" / "dashcam_lanelines_white_right.mp4"
    with path.open("rb") as source:
        (stream,) = [one for one in describe(source, name="x").streams if one.kind == "video"]
    looked = int(stream.fields[0].because[-1].split(" of ")[0].rsplit(" ", 1)[1])
    assert stream.count > looked
    low, high = map(float, str(stream.facts["faces_share"]).split(" to "))
    assert low == 0.0
    # None in n frames: at most 1 - 0.025 ** (1 / n) of them show one (Clopper and Pearson).
    assert high == pytest.approx(1 - 0.025 ** (1 / looked), abs=5e-4)


def test_of_few_frames_all_are_looked_at_and_no_share_is_told(shared):
    street = shared / "data" / "images" / "street" / "bus.jpg"
    with street.open("rb") as source:
        assert not any(name.endswith("_share") for name in describe(source, name="x").streams[0].facts)

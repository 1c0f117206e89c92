from __future__ import annotations

import io
import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet import detectors
from carnet.classify import describe
from carnet.classify.pictures import MOST_SIDE, Spread


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


def labelled(shared, kind, label):
    """Give pictures with the boxes (x, y, width, height in pixels) of one kind of the two labelled sets."""
    folder = shared / "data"
    for one in json.loads((folder / "images" / f"{kind}_gt.json").read_text("utf-8"))["images"]:
        yield cv2.imread(str(folder / one["file"])), [box["xywh"] for box in one["boxes"]]
    for one in json.loads((folder / "deid-eval" / "manifest.json").read_text("utf-8")):
        boxes = [[box[side] for side in "xywh"] for box in one["boxes"] if box["label"] == label]
        if boxes:
            yield cv2.imread(str(folder / "deid-eval" / one["file"])), boxes


def cuts(pictures, pixels, width, height):
    """Give what is around each labelled box, scaled so that its longer side has so many pixels."""
    for picture, boxes in pictures:
        for x, y, w, h in boxes:
            scale = pixels / max(w, h)
            if scale > 1:
                continue
            small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            left = max(0, min(small.shape[1] - width, int((x + w / 2) * scale - width / 2)))
            top = max(0, min(small.shape[0] - height, int((y + h / 2) * scale - height / 2)))
            cut = np.full((height, width, 3), 110, np.uint8)
            part = small[top : top + height, left : left + width]
            cut[: part.shape[0], : part.shape[1]] = part
            yield cut


def facts_of(picture):
    return describe(io.BytesIO(cv2.imencode(".png", picture)[1].tobytes()), name="x").streams[0].facts


@pytest.mark.parametrize(
    ("width", "height", "said"),
    [(31, 24, None), (32, 24, False), (24, 32, False), (2560, 48, False), (2561, 48, None), (48, 2561, None)],
)
def test_that_there_is_no_face_is_said_where_small_ones_are_found(width, height, said):
    facts = facts_of(np.full((height, width, 3), 120, np.uint8))
    assert facts.get("contains_faces") is said
    assert "contains_plates" not in facts


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(32, 32), (64, 48), (160, 120)])
def test_no_labelled_face_of_half_the_size_of_the_law_is_denied(shared, width, height):
    found = [
        facts_of(cut).get("contains_faces")
        for cut in cuts(labelled(shared, "faces", "face"), 16, width, height)
    ]
    assert found == [True] * 47


@pytest.mark.slow
def test_in_the_largest_pictures_that_are_denied_faces_of_16_pixels_are_found(shared):
    detector = detectors.face_detector("release", 2, any_size=True)
    one_by_one = list(cuts(labelled(shared, "faces", "face"), 16, 240, 180))
    canvas = np.full((1440, MOST_SIDE, 3), 110, np.uint8)
    for number, cut in enumerate(one_by_one):
        row, column = divmod(number, 10)
        canvas[row * 180 : row * 180 + 180, column * 240 : column * 240 + 240] = cut
    tiles = {(int(box.x + box.w / 2) // 240, int(box.y + box.h / 2) // 180) for box in detector.find(canvas)}
    assert {divmod(number, 10)[::-1] for number in range(len(one_by_one))} <= tiles


@pytest.mark.slow
def test_plates_of_the_size_of_the_law_are_missed_and_none_is_denied(shared):
    facts = [facts_of(cut) for cut in cuts(labelled(shared, "plates", "license_plate"), 16, 64, 48)]
    found = [one.get("contains_plates") for one in facts]
    assert found.count(None) > len(found) / 2  # measured: 153 of 178 are not found
    assert False not in found


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

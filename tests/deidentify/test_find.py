"""What several detectors say together: plates by text, and where a vehicle shows no plate or a person no face."""

from __future__ import annotations

import cv2
import numpy as np

from carnet.deidentify.find import FACE, PLATE, Finder, join_plates, missing_faces, missing_plates, rows_of
from carnet.deidentify.order import RedactionOrder
from carnet.detectors.box import Box, as_bgr

WIDTH, HEIGHT = 1920, 1080


def test_a_large_box_without_text_is_no_plate_and_a_small_one_needs_none():
    window, far, near = Box(100, 100, 300, 120, 0.9), Box(900, 500, 60, 16, 0.4), Box(600, 700, 260, 70, 0.6)
    line = Box(610, 705, 240, 60, 0.9)
    found = join_plates([window, far, near], [line], WIDTH, HEIGHT)
    assert len(found) == 2
    assert far.covered_by(found[0]) == 1
    assert near.covered_by(found[1]) == 1


def test_a_line_in_the_shape_of_a_plate_is_one_and_a_long_one_is_not():
    plate, sentence, pillar = Box(10, 10, 90, 25, 0.9), Box(10, 200, 900, 30, 0.9), Box(500, 10, 20, 90, 0.9)
    assert join_plates([], [plate, sentence, pillar], WIDTH, HEIGHT) == [plate]
    assert join_plates([], [Box(10, 10, 90, 25, 0.5)], WIDTH, HEIGHT) == []


def test_lettering_that_fills_part_of_the_picture_is_no_plate_by_its_text_alone():
    lettering = Box(300, 300, 475, 180, 0.97)
    assert join_plates([], [lettering], WIDTH, HEIGHT) == []
    assert len(join_plates([Box(305, 305, 460, 170, 0.6)], [lettering], WIDTH, HEIGHT)) == 1


def test_the_parts_of_a_number_make_one_row():
    left, right, below = Box(100, 100, 40, 26, 0.8), Box(150, 102, 60, 25, 0.75), Box(100, 160, 60, 25, 0.9)
    rows = rows_of([right, below, left])
    assert len(rows) == 2
    assert (rows[0].x, rows[0].y, rows[0].w, rows[0].h) == (100, 100, 110, 27)
    assert rows[1] == below
    apart = Box(400, 100, 40, 26, 0.8)
    assert sorted(rows_of([left, apart]), key=lambda one: one.x) == [left, apart]


def test_a_vehicle_without_a_plate_loses_its_lower_half():
    seen, unseen, far = (
        Box(100, 400, 300, 240, 0.9),
        Box(900, 400, 300, 240, 0.9),
        Box(1500, 500, 90, 60, 0.9),
    )
    (made,) = missing_plates([seen, unseen, far], [Box(200, 580, 80, 20, 0.9)], WIDTH, HEIGHT)
    assert (made.x, made.y, made.w, made.h) == (900, 520, 300, 120)
    assert missing_plates([Box(0, 100, 1900, 900, 0.9)], [], WIDTH, HEIGHT) == []


def test_a_person_without_a_face_loses_the_head():
    seen, unseen, far = Box(100, 200, 100, 300, 0.9), Box(500, 200, 100, 300, 0.9), Box(900, 200, 20, 60, 0.9)
    (made,) = missing_faces([seen, unseen, far], [Box(130, 210, 30, 40, 0.9)], WIDTH, HEIGHT)
    assert made.covered_by(Box(500, 200, 100, 100, 1)) == 1
    assert missing_faces([Box(0, 0, 100, 300, 0.3)], [], WIDTH, HEIGHT) == []


def test_a_finder_looks_for_what_the_order_names_and_says_with_what(shared):
    image = as_bgr(cv2.imread(str(shared / "data/images/faces/bald_guys.jpg"))[:640, :960])
    only_faces = Finder(RedactionOrder(frozenset({"faces"}), setting="fast"))
    assert {one.label for one in only_faces.find(image)} == {FACE}
    assert [one.name for one in only_faces.tools] == ["centerface-fast"]
    only_plates = Finder(RedactionOrder(frozenset({"plates"})))
    assert {one.label for one in only_plates.find(image)} <= {PLATE}
    assert [one.name for one in only_plates.tools] == ["clp-release", "ppocr-v6-text", "nanodet"]
    assert Finder(RedactionOrder(frozenset({"vin"}))).find(image) == ()
    moving = Finder(RedactionOrder(frozenset({"faces"}))).for_video()
    assert moving.tools[0].name == "centerface-video"


def test_a_written_sign_is_found_by_its_text():
    image = np.full((360, 640, 3), 120, dtype=np.uint8)
    cv2.rectangle(image, (200, 150), (420, 205), (245, 245, 245), -1)
    cv2.putText(image, "KA XY 1234", (206, 192), cv2.FONT_HERSHEY_SIMPLEX, 1.15, (10, 10, 10), 3)
    found = Finder(RedactionOrder(frozenset({"plates"}))).find(image)
    assert any(Box(206, 160, 208, 36, 1).covered_by(one.box.grown(0.12)) > 0.8 for one in found)

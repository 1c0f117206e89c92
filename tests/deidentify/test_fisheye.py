"""Fisheye pictures and whole persons: real detectors, on a real frame seen through a made lens."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.deidentify.find import Finder
from carnet.deidentify.fisheye import Lens, Views
from carnet.deidentify.order import RedactionOrder
from carnet.detectors.box import Box
from carnet.errors import RedactionError


def order(**more):
    return RedactionOrder.from_json({"remove": ["faces", "plates"], **more})


@pytest.fixture(scope="module")
def frame(samples):
    with av.open(str(samples / "shanghai_drive" / "front_camera.mp4")) as clip:
        return next(clip.decode(video=0)).to_ndarray(format="bgr24")


def through_a_lens(picture, lens, yaw_deg):
    """Show a flat picture, 80 degrees wide, turned to the side, as a fisheye lens would."""
    yaw = np.radians(yaw_deg)
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    grid = np.stack(np.meshgrid(np.arange(lens.width), np.arange(lens.height)), axis=-1).astype(float)
    rays = lens.rays(grid) @ turn
    ahead = rays[..., 2] > 0.05
    half = np.tan(np.radians(40)) / (picture.shape[1] / 2)
    middle = np.array([picture.shape[1], picture.shape[0]]) / 2
    flat = rays[..., :2] / np.where(ahead, rays[..., 2], 1)[..., None] / half + middle
    flat[~ahead] = -1e4
    flat = flat.astype(np.float32)
    return cv2.remap(picture, flat[..., 0], flat[..., 1], cv2.INTER_LINEAR), turn, half, middle


def test_faces_at_the_side_of_a_fisheye_picture_are_found_through_views(frame):
    lens = Lens(1920, 1920, 190.0)
    seen, turn, half, middle = through_a_lens(frame, lens, 45.0)
    flat = Finder(order(setting="fast")).find(frame)
    faces = [one.box for one in flat if one.label == "face"]
    assert faces
    found = Finder(order(pictures={"fisheye_fov_deg": 190.0})).find(seen)
    bare = Finder(order()).find(seen)

    def hits(findings):
        many = 0
        for box in faces:
            spot = (np.array([box.x + box.w / 2, box.y + box.h / 2]) - middle) * half
            x, y = lens.pixels((turn @ np.array([*spot, 1.0]))[None])[0]
            many += any(
                one.label == "face"
                and one.box.x <= x <= one.box.x + one.box.w
                and one.box.y <= y <= one.box.y + one.box.h
                for one in findings
            )
        return many

    assert hits(found) == len(faces)
    assert hits(found) >= hits(bare)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(60, 240), st.integers(64, 4000), st.integers(64, 3000), st.floats(0, 0.999), st.floats(0, 0.999)
)
def test_pixels_and_rays_are_inverse(angle, width, height, across, down):
    lens = Lens(width, height, angle)
    there = np.array([[across * width, down * height]])
    ray = lens.rays(there)
    away = np.hypot(*(there[0] - np.array([(width - 1) / 2, (height - 1) / 2]))) / lens.focal
    assert np.linalg.norm(ray) == pytest.approx(1.0)
    if away < np.pi * 0.999:
        assert lens.pixels(ray)[0] == pytest.approx(there[0], abs=1e-6 * max(width, height))


def test_views_cover_what_a_lens_of_190_degrees_sees():
    views = Views(Lens(640, 640, 190.0))
    seen = np.zeros((640, 640), bool)
    for view in views.views:
        inside = (view.across >= 0) & (view.across < 639.5) & (view.down >= 0) & (view.down < 639.5)
        seen[view.down[inside].round().astype(int), view.across[inside].round().astype(int)] = True
    seen = cv2.dilate(seen.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    y, x = np.ogrid[:640, :640]
    assert seen[np.hypot(x - 319.5, y - 319.5) < 318].all()


def test_a_box_of_the_view_ahead_goes_back_to_where_it_was():
    views = Views(Lens(1000, 1000, 180.0))
    side = views.views[0].side
    box = views._back(views.views[0], Box(side / 2 - 20, side / 2 - 10, 40, 20, 0.9))
    assert box is not None
    assert (box.x + box.w / 2, box.y + box.h / 2) == pytest.approx((500, 500), abs=1.5)
    assert 30 < box.w < 60


def test_whole_persons_are_masked_in_both_settings(shared):
    picture = cv2.imread(str(shared / "data" / "images" / "street" / "bus.jpg"))
    for setting in ("release", "fast"):
        found = Finder(order(setting=setting, pictures={"whole_persons": True})).find(picture, quick=True)
        persons = [one.box for one in found if one.label == "person"]
        assert len(persons) >= 3
        assert max(one.h for one in persons) > picture.shape[0] / 4
        assert all(one.label != "person" for one in Finder(order(setting=setting)).find(picture))


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"pictures": {"fisheye_fov_deg": 20}}, "no such angle"),
        ({"pictures": {"fisheye_fov_deg": float("nan")}}, "no such angle"),
        ({"pictures": {"fisheye_fov_deg": True}}, "wrong type"),
        ({"pictures": {"whole_persons": "yes"}}, "wrong type"),
        ({"pictures": {"zoom": 2}}, "whole_persons"),
        ({"pictures": []}, "whole_persons"),
        ({"remove": ["plates"], "pictures": {"whole_persons": True}}, "faces"),
    ],
)
def test_an_order_about_pictures_that_cannot_be_is_refused(form, says):
    with pytest.raises(RedactionError, match=says):
        RedactionOrder.from_json({"remove": ["faces"], **form})


def test_the_order_keeps_what_is_special_about_pictures():
    made = order(pictures={"whole_persons": True, "fisheye_fov_deg": 185})
    assert RedactionOrder.from_json(made.to_json()) == made
    assert "pictures" not in order().to_json()

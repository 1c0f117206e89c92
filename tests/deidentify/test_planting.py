"""Planted things stand where they are said to stand, and look as they are told to look."""

from __future__ import annotations

import random

import cv2
import numpy as np
import pytest

from carnet.deidentify import planting
from carnet.deidentify.find import FACE, PLATE, Finding
from carnet.deidentify.planting import (
    RELEASE_PX,
    SMALLEST_PX,
    Look,
    drawn_look,
    edge_width,
    look_of,
    plant,
    planted_truth,
)
from carnet.deidentify.plates_drawn import SURROUND, draw_plate
from carnet.detectors.box import Box
from carnet.errors import DetectorError

LOOK = Look(60, 0.8, 0.8, 120, 40)


def road(seed=1, size=(540, 960)):
    noise = np.random.default_rng(seed).integers(60, 180, (*size, 3)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 6)


@pytest.mark.parametrize("blur", [0.6, 1.0, 1.6, 2.4])
def test_the_width_of_edges_is_measured(blur):
    step = np.zeros((80, 80), np.float32)
    step[:, 40:] = 200
    step[30:50, :] = 90
    soft = cv2.GaussianBlur(step, (0, 0), blur).round().astype(np.uint8)
    assert edge_width(soft) == pytest.approx(blur, rel=0.35)


def test_a_flat_piece_has_a_width_all_the_same():
    assert 0 < edge_width(np.full((20, 20), 90, np.uint8)) <= 4.0


@pytest.mark.parametrize("label", [FACE, PLATE])
@pytest.mark.parametrize("seed", range(6))
def test_nothing_changes_but_around_the_box_that_is_given(label, seed):
    before = road(seed)
    after = before.copy()
    chance = random.Random(seed)
    look = LOOK if label == FACE else Look(30, 4.2, 0.6, 130, 45)
    box = plant(after, label, look, (300.0, 200.0), chance)
    assert (box.w, box.h) == pytest.approx((look.height * look.proportion, look.height), rel=0.02)
    assert (box.x, box.y) == pytest.approx((300, 200), abs=1)
    margin = SURROUND if label == PLATE else (planting._margin(),) * 2
    left, top = box.x - margin[0] * box.w - 2, box.y - margin[1] * box.h - 2
    right, bottom = box.x + (1 + margin[0]) * box.w + 2, box.y + (1 + margin[1]) * box.h + 2
    changed = np.argwhere((before != after).any(axis=2))
    assert len(changed) > box.w * box.h / 2
    assert left <= changed[:, 1].min()
    assert changed[:, 1].max() <= right
    assert top <= changed[:, 0].min()
    assert changed[:, 0].max() <= bottom


def test_a_thing_at_the_edge_stays_in_the_picture():
    image = road()
    for at in ((-30.0, -20.0), (940.0, 500.0), (-10.0, 530.0)):
        plant(image, FACE, LOOK, at, random.Random(1))
    assert image.shape == (540, 960, 3)


def test_what_is_planted_has_the_light_that_was_asked_for():
    for light in (60, 120, 180):
        image = road()
        box = plant(image, PLATE, Look(60, 4.0, 0.5, light, 30), (200.0, 200.0), random.Random(2))
        assert look_of(image, box).light == pytest.approx(light, abs=12)


def test_a_third_is_small_and_the_rest_is_like_the_batch():
    chance = random.Random(4)
    looks = [Look(150, 0.8, 1.0, 100, 30)]
    heights = [drawn_look(FACE, looks, chance).height for _ in range(3000)]
    small = [one for one in heights if one <= RELEASE_PX]
    assert 0.29 < len(small) / len(heights) < 0.38
    assert min(heights) >= SMALLEST_PX
    assert all(130 < one < 170 for one in heights if one > RELEASE_PX)


def test_without_any_finding_sizes_are_usual_ones():
    chance = random.Random(5)
    looks = [drawn_look(PLATE, (), chance) for _ in range(500)]
    assert {SMALLEST_PX <= one.height <= 200 for one in looks} == {True}
    assert {2.9 < one.proportion <= 4.0 for one in looks} == {True}


@pytest.mark.parametrize(("finds", "covered"), [(False, 0), (True, 1)])
def test_what_masks_would_cover_is_counted(finds, covered):
    taken = [Box(100, 200, 300, 200, 1.0)]

    def find(image):
        everything = Box(0, 0, image.shape[1], image.shape[0], 1.0)
        return [Finding(FACE, everything)] if finds else []

    planted = planted_truth(
        [(road(one), taken) for one in range(4)], find, {}, {FACE: 2, PLATE: 2}, {FACE: 0.7, PLATE: 0.8}, 9
    )
    assert len(planted) >= 12
    assert {one.covered for one in planted} == {bool(covered)}


def test_nothing_is_planted_on_what_is_there_already():
    seen = []

    def find(image):
        seen.append(image)
        return []

    before = road()
    taken = Box(200, 150, 500, 300, 1.0)
    planted_truth([(before, [taken])], find, {}, {FACE: 3}, {FACE: 0.7}, 3)
    (image,) = seen
    assert (image[150:450, 200:700] == before[150:450, 200:700]).all()
    assert (image != before).any()


def test_a_picture_without_room_gets_nothing():
    full = [Box(0, 0, 960, 540, 1.0)]
    assert planted_truth([(road(), full)], lambda _: [], {}, {FACE: 3}, {FACE: 0.7}, 3) == []


def test_a_draw_can_be_repeated():
    def once():
        return planted_truth(
            [(road(), [])], lambda _: [], {}, {FACE: 2, PLATE: 2}, {FACE: 0.7, PLATE: 0.8}, 7
        )

    assert once() == once()


def test_plates_carry_letters():
    for seed in range(20):
        chance = random.Random(seed)
        plate = draw_plate(chance.uniform(1.3, 5.0), chance)
        assert plate.shape[0] == 120
        assert plate.std() > 20


def test_other_faces_than_the_listed_ones_are_refused(monkeypatch, tmp_path):
    (tmp_path / "faces.json").write_text('{"file": "faces.jpg", "sha256": "0", "widths": []}')
    (tmp_path / "faces.jpg").write_bytes(b"x")
    monkeypatch.setattr(planting.resources, "files", lambda _: tmp_path)
    planting._faces.cache_clear()
    with pytest.raises(DetectorError, match="not the ones on the list"):
        planting._faces()
    planting._faces.cache_clear()

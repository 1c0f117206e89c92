"""What a detector saw in some frames is masked in the frames between: textures that move by known steps."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.deidentify.find import Finding
from carnet.deidentify.flow import LONG_SIDE, is_cut, moved, small
from carnet.deidentify.masks import GROWN
from carnet.deidentify.tracks import Tracker
from carnet.detectors.box import Box

WIDTH, HEIGHT = 640, 360


def texture(seed: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (height // 4, width // 4), dtype=np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


SCENE, PATCH = texture(1), texture(2, 48, 48)


def frame(x: float, y: float, side: int = 40, scene: np.ndarray = SCENE) -> np.ndarray:
    """A patch of `side` pixels at a place between pixels, before a scene that stands still."""
    made = scene.copy()
    patch = cv2.resize(PATCH, (side, side), interpolation=cv2.INTER_AREA)
    turn = np.array([[1, 0, x], [0, 1, y]], dtype=np.float32)
    there = cv2.warpAffine(patch, turn, (WIDTH, HEIGHT))
    where = cv2.warpAffine(np.full_like(patch, 255), turn, (WIDTH, HEIGHT))
    made[where > 127] = there[where > 127]
    return made


def at(x: float, y: float, side: float = 40, label: str = "face") -> Finding:
    return Finding(label, Box(x, y, side, side, 0.9))


def covered(box: Box, masks: tuple[Finding, ...]) -> float:
    steps = (np.arange(32) + 0.5) / 32
    across, down = np.meshgrid(box.x + steps * box.w, box.y + steps * box.h)
    inside = np.zeros_like(across, dtype=bool)
    for one in (mask.box.grown(GROWN) for mask in masks):
        inside |= (across >= one.x) & (across <= one.x + one.w) & (down >= one.y) & (down <= one.y + one.h)
    return float(inside.mean())


def follow(pictures: list[np.ndarray], seen: dict[int, list[Finding]], cuts: tuple[int, ...] = ()):
    tracker = Tracker()
    done: list[tuple[int, tuple[Finding, ...]]] = []
    for index, picture in enumerate(pictures):
        found = tuple(seen[index]) if index in seen else None
        done += tracker.add(index, small(picture), found, cut=index in cuts)
    done += tracker.finish()
    assert [index for index, _ in done] == list(range(len(pictures)))
    return [masks for _, masks in done]


@settings(max_examples=20, deadline=None)
@given(
    st.floats(-4, 4),
    st.floats(-4, 4),
    st.integers(28, 44),
    st.integers(100, 400),
    st.integers(100, 220),
)
def test_flow_follows_a_patch_over_a_scene_that_stands_still(dx, dy, side, x, y):
    box = np.array([[x, y, side, side]], dtype=float)
    there, motion = moved(small(frame(x, y, side)), small(frame(x + dx, y + dy, side)), box)
    assert np.abs(motion - [dx, dy]).max() < 2
    assert np.abs(there[0, 2:] - side).max() < side * 0.1


def test_the_grey_copy_of_a_large_frame_is_small_and_knows_its_scale():
    copy = small(cv2.resize(SCENE, (1920, 1080)))
    assert max(copy.grey.shape) == LONG_SIDE
    assert copy.scale == (3.0, 3.0)
    assert small(SCENE[:5, :3]).grey.shape == (5, 3)


def test_boxes_without_texture_go_on_as_they_moved():
    flat = small(np.full((HEIGHT, WIDTH), 90, dtype=np.uint8))
    there, motion = moved(flat, flat, np.array([[50.0, 50, 20, 20]]), np.array([[3.0, 1.0]]))
    assert np.isfinite(there).all()
    assert np.abs(motion).max() <= 3.5


@pytest.mark.parametrize("step", [1, 4, 8])
def test_every_frame_between_two_detections_is_masked(step):
    places = [(60 + step * n, 80 + n) for n in range(21)]
    masks = follow([frame(*one) for one in places], {n: [at(*places[n])] for n in (0, 10, 20)})
    assert all(covered(at(*place).box, found) > 0.9 for place, found in zip(places, masks, strict=True))
    assert masks[10][0].by == "detector"
    assert masks[5][0].by == "track"


def test_a_subject_that_moves_too_fast_for_flow_is_masked_on_its_straight_way():
    places = [(20 + 45 * n, 100) for n in range(11)]
    masks = follow(
        [frame(*one, side=24) for one in places], {n: [at(*places[n], 24)] for n in range(0, 11, 2)}
    )
    hit = [covered(at(*place, 24).box, found) > 0.9 for place, found in zip(places, masks, strict=True)]
    assert all(hit)


def test_what_comes_between_is_caught_backward_and_what_leaves_forward():
    gone = [SCENE] * 4
    coming = [frame(40 + 3 * n, 100) for n in range(10)]
    masks = follow([*gone, *coming, *gone], {0: [], 6: [at(46, 100)], 12: [at(64, 100)], 17: []})
    for n in range(10):
        assert covered(at(40 + 3 * n, 100).box, masks[4 + n]) > 0.9


def test_a_round_that_the_detector_misses_is_bridged():
    places = [(60 + 2 * n, 80) for n in range(31)]
    masks = follow(
        [frame(*one) for one in places],
        {0: [at(*places[0])], 10: [], 20: [], 30: [at(*places[30])]},
    )
    assert all(covered(at(*place).box, found) > 0.8 for place, found in zip(places, masks, strict=True))


def test_what_is_not_seen_again_is_let_go_after_two_rounds():
    masks = follow([frame(100, 100)] * 41, {0: [at(100, 100)], 10: [], 20: [], 30: [], 40: []})
    assert masks[30]
    assert not any(masks[31:])


def test_nothing_crosses_a_cut():
    other = texture(7)
    masks = follow([SCENE] * 5 + [other] * 5, {0: [], 4: [at(30, 30)], 5: [], 9: [at(90, 90)]}, cuts=(5,))
    assert all(one.box.x == pytest.approx(30, abs=1) for found in masks[:5] for one in found)
    assert all(masks[:5])
    assert all(one.box.x == pytest.approx(90, abs=1) for found in masks[5:] for one in found)
    assert all(masks[5:])


def test_two_subjects_that_cross_are_both_masked():
    def both(n: int) -> np.ndarray:
        return frame(100 + 6 * n, 100, scene=frame(220 - 6 * n, 104))

    masks = follow(
        [both(n) for n in range(21)],
        {n: [at(100 + 6 * n, 100), at(220 - 6 * n, 104)] for n in (0, 5, 15, 20)},
    )
    for n in range(21):
        assert covered(at(100 + 6 * n, 100).box, masks[n]) > 0.8
        assert covered(at(220 - 6 * n, 104).box, masks[n]) > 0.8


def test_labels_are_never_mixed():
    masks = follow([frame(100, 100)] * 11, {0: [at(100, 100)], 10: [at(100, 100, label="plate")]})
    for found in masks[1:10]:
        assert {one.label for one in found} == {"face", "plate"}


def test_a_cut_is_seen_and_a_change_of_light_or_place_is_none():
    scene = small(cv2.GaussianBlur(SCENE, (0, 0), 12))
    light = small(np.clip(scene.grey.astype(float) * 1.5 + 20, 0, 255).astype(np.uint8))
    aside = small(np.roll(scene.grey, 6, axis=1))
    stretched = cv2.normalize(cv2.GaussianBlur(SCENE, (0, 0), 12), None, 0, 255, cv2.NORM_MINMAX)
    other = cv2.normalize(cv2.GaussianBlur(texture(9), (0, 0), 12), None, 0, 255, cv2.NORM_MINMAX)
    assert is_cut(small(stretched), small(other))
    assert not is_cut(scene, light)
    assert not is_cut(scene, aside)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_every_frame_comes_out_once_in_order_whatever_was_seen(data):
    count = data.draw(st.integers(1, 18))
    cuts = data.draw(st.sets(st.integers(1, 17)))
    seen = {
        n: [at(*data.draw(st.tuples(st.floats(-20, 620), st.floats(-20, 340))), 30)]
        for n in data.draw(st.sets(st.integers(0, count - 1)))
    }
    pictures = [texture(n % 3, 64, 36) for n in range(count)]
    for n, found in enumerate(follow(pictures, seen, tuple(cuts))):
        assert all(np.isfinite([one.box.x, one.box.y, one.box.w, one.box.h]).all() for one in found)
        assert all(any(covered(one.box, found) > 0.9 for _ in (0,)) for one in seen.get(n, ()))


def test_a_subject_behind_a_post_keeps_its_size():
    """A post crosses a plate: what the detector sees of it is half a plate, and the whole of it stays masked."""
    whole, steps = Box(100, 150, 120, 36, 0.9), range(0, 37, 6)
    pictures = [frame(100 + 3 * index, 150) for index in range(37)]
    seen = {}
    for index in steps:
        x = 100 + 3 * index
        part = 18 <= index <= 24
        seen[index] = [Finding("plate", Box(x + (70 if part else 0), 150, 50 if part else 120, 36, 0.9))]
    masks = follow(pictures, seen)
    for index in range(37):
        there = Box(100 + 3 * index, whole.y, whole.w, whole.h, 1)
        assert covered(there, masks[index]) > 0.95, index


def test_a_subject_that_stays_small_is_small_after_some_rounds():
    pictures = [frame(100, 150) for _ in range(61)]
    seen = {
        index: [Finding("plate", Box(100, 150, 120 if index < 12 else 60, 36, 0.9))]
        for index in range(0, 61, 6)
    }
    masks = follow(pictures, seen)
    assert covered(Box(170, 150, 50, 36, 1), masks[60]) < 0.4
    assert covered(Box(100, 150, 60, 36, 1), masks[60]) > 0.95

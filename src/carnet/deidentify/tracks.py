"""Masks for every frame of a video from detections in some of them.

Between two frames that a detector saw, boxes are carried forward from the earlier and backward from the later
one, and the union is masked: what comes in between is caught backward, what leaves is caught forward. What the
detector saw before and does not see now stays for another round in both directions, so that a subject seen in
some key frames is masked in all frames between. Nothing is carried over a cut. Memory holds two rounds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from carnet.deidentify.find import Finding
from carnet.deidentify.flow import Boxes, Small, moved
from carnet.detectors.box import Box

ROUNDS = 2
"""Detector rounds for which a subject is carried on although the detector does not see it."""

HIDDEN_ROUNDS = 4
"""Detector rounds for which a subject that is seen in part keeps the size that it had."""

_PART, _INSIDE = 0.7, 0.6
_SAME_OVERLAP = 0.2
_SAME_DISTANCE = 4.0
_SAME_SIZE = 0.5
_COVERED = 0.85
_LOOSE = 1.6


@dataclass(slots=True)
class _Step:
    """A frame on its way: its grey copy, what the detector found (None: it did not look), what is masked."""

    index: int
    small: Small
    found: tuple[Finding, ...] | None
    cut: bool
    masks: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class _Subjects:
    """Boxes that travel in one direction.

    Attributes:
        boxes: N x 4.
        motion: N x 2, how each moved in the last step, in pixels.
        speed: N x 2, how each moved in a frame between two detections of it; NaN where there were none.
        unseen: for how many rounds the detector has not seen each.
        seen: N x 4, where each was last seen, and `seen_at` (N) the frame's number.
        hidden: for how many rounds only a part of each has been seen.
    """

    labels: list[str]
    scores: list[float]
    boxes: Boxes
    motion: Boxes
    speed: Boxes
    unseen: list[int]
    seen: Boxes
    seen_at: list[int]
    hidden: list[int]

    @classmethod
    def of(cls, findings: Sequence[Finding], at: int = 0) -> _Subjects:
        """Begin with what a detector found."""
        boxes = np.array([(one.box.x, one.box.y, one.box.w, one.box.h) for one in findings], dtype=np.float64)
        count = len(findings)
        return cls(
            [one.label for one in findings],
            [one.box.score for one in findings],
            boxes.reshape(-1, 4),
            np.zeros((count, 2)),
            np.full((count, 2), np.nan),
            [0] * count,
            boxes.reshape(-1, 4).copy(),
            [at] * count,
            [0] * count,
        )

    def kept(self, places: Sequence[int]) -> _Subjects:
        """Give some of them."""
        return _Subjects(
            [self.labels[one] for one in places],
            [self.scores[one] for one in places],
            self.boxes[list(places)].reshape(-1, 4),
            self.motion[list(places)].reshape(-1, 2),
            self.speed[list(places)].reshape(-1, 2),
            [self.unseen[one] for one in places],
            self.seen[list(places)].reshape(-1, 4),
            [self.seen_at[one] for one in places],
            [self.hidden[one] for one in places],
        )

    def joined(self, other: _Subjects) -> _Subjects:
        """Give both together."""
        return _Subjects(
            self.labels + other.labels,
            self.scores + other.scores,
            np.concatenate([self.boxes, other.boxes]),
            np.concatenate([self.motion, other.motion]),
            np.concatenate([self.speed, other.speed]),
            self.unseen + other.unseen,
            np.concatenate([self.seen, other.seen]),
            self.seen_at + other.seen_at,
            self.hidden + other.hidden,
        )

    def __len__(self) -> int:
        return len(self.labels)


class Tracker:
    """Takes frames in order, with findings for some of them, and gives each frame's masks once they are known."""

    def __init__(self, rounds: int = ROUNDS) -> None:
        self._rounds = rounds
        self._steps: deque[_Step] = deque()
        self._keys: deque[int] = deque()
        self._forward = _Subjects.of(())

    def add(
        self, index: int, small: Small, found: tuple[Finding, ...] | None, *, cut: bool = False
    ) -> list[tuple[int, tuple[Finding, ...]]]:
        """Take the next frame.

        Args:
            index: its number.
            small: its grey copy.
            found: what the detector found in it; None when it did not look.
            cut: whether another scene begins with it.

        Returns:
            Number and masks of every frame that is complete now, in order.
        """
        done: list[tuple[int, tuple[Finding, ...]]] = []
        if cut:
            done = self.finish()
        step = _Step(index, small, found, cut)
        self._steps.append(step)
        if found is None:
            return done
        step.masks.extend(found)
        if self._keys:
            self._round(step)
        else:
            self._forward = _Subjects.of(found, index)
            self._backward(len(self._steps) - 1, _Subjects.of(found))
        self._keys.append(index)
        if len(self._keys) > self._rounds + 1:
            self._keys.popleft()
            first = self._keys[0]
            while self._steps[0].index < first:
                done.append(_given(self._steps.popleft()))
        return done

    def finish(self) -> list[tuple[int, tuple[Finding, ...]]]:
        """Give every frame that is still there: the video, or the scene, ends here."""
        if self._steps and self._keys and self._steps[-1].index != self._keys[-1]:
            self._carry_forward(self._place(self._keys[-1]))
        done = [_given(one) for one in self._steps]
        self._steps.clear()
        self._keys.clear()
        self._forward = _Subjects.of(())
        return done

    def _place(self, index: int) -> int:
        return index - self._steps[0].index

    def _carry_forward(self, start: int) -> list[Boxes]:
        """Carry what travels forward from one place in the queue to its end; gives the boxes at each step."""
        made = []
        for place in range(start, len(self._steps) - 1):
            subjects = self._forward
            subjects.boxes, subjects.motion = moved(
                self._steps[place].small, self._steps[place + 1].small, subjects.boxes, subjects.motion
            )
            made.append(subjects.boxes)
            _mask(self._steps[place + 1], subjects)
        return made

    def _round(self, key: _Step) -> None:
        """Join the key frame that has just come with the one before it."""
        start, end = self._place(self._keys[-1]), len(self._steps) - 1
        old, begun = self._forward, self._forward.boxes
        found = key.found or ()
        here = _Subjects.of(found, key.index)
        masks_before = list(key.masks)
        self._carry_forward(start)
        # Where each would be had it gone on as before since it was last seen.
        ages = np.array([key.index - one for one in old.seen_at], dtype=np.float64)[:, None]
        speed = np.where(np.isnan(old.speed), 0.0, old.speed)
        expected = old.seen + np.pad(speed * ages, ((0, 0), (0, 2)))
        pairs = _pairs(old, here, expected)
        masks_before += self._hidden(old, here, pairs, expected)
        for one, new in pairs.items():
            step = (here.boxes[new] - old.seen[one]) / ages[one, 0]
            here.speed[new] = step[:2]
            origin = self._place(old.seen_at[one])
            self._straight(origin, max(0, origin + 1), end, old.seen[one], step, found[new])
            if np.isnan(old.speed[one]).all():
                # Now that its speed is known: where it must have been before it was first seen.
                known = np.pad(here.speed[new], (0, 2))
                self._straight(origin, max(0, origin - end + start), origin, old.seen[one], known, found[new])
        # In the key frame itself the detector's own box is the better one.
        key.masks = masks_before
        lost = [one for one in range(len(old)) if one not in pairs]
        for one in lost:
            old.unseen[one] += 1
            if not np.isnan(old.speed[one]).any():
                x, y, w, h = begun[one]
                like = Finding(old.labels[one], Box(x, y, w, h, old.scores[one]))
                origin = self._place(old.seen_at[one])
                known = np.pad(old.speed[one], (0, 2))
                self._straight(origin, start + 1, end + 1, old.seen[one], known, like)
        _mask(key, old.kept(lost))
        here.motion = np.where(np.isnan(here.speed), 0.0, here.speed)
        arrived = _Subjects.of(found)
        arrived.motion = -here.motion
        self._backward(end, arrived)
        self._forward = here.joined(old.kept([one for one in lost if old.unseen[one] <= self._rounds]))

    def _hidden(
        self, old: _Subjects, here: _Subjects, pairs: dict[int, int], expected: Boxes
    ) -> list[Finding]:
        """Find subjects of which only a part is seen: they keep the size that they had, for some rounds.

        Something stands before them: what the detector still finds is narrower, and its middle says nothing of
        how the subject moves. Their boxes in `here` become the whole ones.

        Args:
            old: subjects that travelled here, with their boxes as flow carried them.
            here: what the detector found.
            pairs: which of the first is which of the second.
            expected: N x 4, where the first would be had they gone on as before.

        Returns:
            Masks of the whole subjects in this frame.
        """
        masks = []
        for one, new in pairs.items():
            if old.hidden[one] >= HIDDEN_ROUNDS or np.isnan(old.speed[one]).any():
                continue
            whole = next(
                (box for box in (expected[one], old.boxes[one]) if _is_part(here.boxes[new], box)), None
            )
            if whole is None:
                continue
            here.boxes[new] = here.seen[new] = whole
            here.hidden[new] = old.hidden[one] + 1
            x, y, w, h = map(float, whole)
            masks.append(Finding(old.labels[one], Box(x, y, w, h, old.scores[one]), "track"))
        return masks

    def _straight(
        self,
        origin: int,
        first: int,
        end: int,
        box: NDArray[np.float64],
        step: NDArray[np.float64],
        like: Finding,
    ) -> None:
        """Mask a straight way.

        Args:
            origin: the place in the queue where the subject is in `box`.
            first: the first place to mask.
            end: the place after the last one to mask.
            box: left, top, width, height.
            step: what is added to each of the four in a frame.
            like: the finding that it is.
        """
        for place in range(first, end):
            x, y, w, h = box + step * (place - origin)
            if w > 0 and h > 0:
                _add(self._steps[place], Finding(like.label, Box(x, y, w, h, like.box.score), "track"))

    def _backward(self, end: int, subjects: _Subjects) -> None:
        """Carry boxes from a key frame back to the one before, and those unknown there through one round more."""
        place = end
        keys = {self._place(one) for one in self._keys}
        while place > 0 and len(subjects):
            before = self._steps[place - 1]
            subjects.boxes, subjects.motion = moved(
                self._steps[place].small, before.small, subjects.boxes, subjects.motion
            )
            place -= 1
            if place in keys and before.found is not None:
                known = _Subjects.of(before.found)
                pairs = _pairs(subjects, known, subjects.boxes)
                lost = [
                    one
                    for one in range(len(subjects))
                    if one not in pairs or _is_part(known.boxes[pairs[one]], subjects.boxes[one])
                ]
                subjects = subjects.kept(lost)
                for one in range(len(subjects)):
                    subjects.unseen[one] += 1
                _mask(before, subjects)
                subjects = subjects.kept(
                    [one for one in range(len(subjects)) if subjects.unseen[one] <= self._rounds]
                )
            else:
                _mask(before, subjects)


def _given(step: _Step) -> tuple[int, tuple[Finding, ...]]:
    return step.index, tuple(step.masks)


def _mask(step: _Step, subjects: _Subjects) -> None:
    for label, score, (x, y, w, h) in zip(subjects.labels, subjects.scores, subjects.boxes, strict=True):
        _add(step, Finding(label, Box(x, y, w, h, score), "track"))


def _add(step: _Step, new: Finding) -> None:
    """Put a mask into a frame: left out when another covers it, made one with another that hardly differs."""
    box = new.box
    for place, old in enumerate(step.masks):
        there = old.box
        if (
            old.label != new.label
            or box.x >= there.x + there.w
            or there.x >= box.x + box.w
            or box.y >= there.y + there.h
            or there.y >= box.y + box.h
        ):
            continue
        if box.covered_by(there) >= _COVERED:
            return
        if old.by == "track":
            both = _around(there, box)
            if both.w * both.h <= _LOOSE * max(there.w * there.h, box.w * box.h):
                step.masks[place] = Finding(old.label, both, "track")
                return
    step.masks.append(new)


def _is_part(seen: NDArray[np.float64], whole: NDArray[np.float64]) -> bool:
    """Say whether a box (4) lies in a larger one as a part of it: much smaller, and mostly inside."""
    low, high = np.maximum(seen[:2], whole[:2]), np.minimum(seen[:2] + seen[2:], whole[:2] + whole[2:])
    area = float(seen[2:].prod())
    shared = float(np.maximum(high - low, 0).prod())
    return area < _PART * float(whole[2:].prod()) and shared >= _INSIDE * area


def _around(one: Box, other: Box) -> Box:
    left, top = min(one.x, other.x), min(one.y, other.y)
    right, bottom = max(one.x + one.w, other.x + other.w), max(one.y + one.h, other.y + other.h)
    return Box(left, top, right - left, bottom - top, max(one.score, other.score))


def _pairs(travelled: _Subjects, seen: _Subjects, expected: Boxes) -> dict[int, int]:
    """Say which boxes that travelled are which boxes that were seen: nearest first, each once.

    Args:
        travelled: with their boxes as flow carried them.
        seen: what the detector found there.
        expected: N x 4, where the travelled ones would be had they gone on as before.
    """
    pairs: dict[int, int] = {}
    if not len(travelled) or not len(seen):
        return pairs
    same = np.array([[one == other for other in seen.labels] for one in travelled.labels])
    for worth_of in (_alike, _near):
        # What is left over on both sides may be one subject that moved faster than flow can follow.
        worth = np.maximum(worth_of(travelled.boxes, seen.boxes), worth_of(expected, seen.boxes))
        worth[~same] = 0
        worth[list(pairs)] = 0
        worth[:, list(pairs.values())] = 0
        while worth.max() > 0:
            one, other = (int(place) for place in np.unravel_index(int(worth.argmax()), worth.shape))
            pairs[one] = other
            worth[one] = 0
            worth[:, other] = 0
    return pairs


def _alike(ones: Boxes, others: Boxes) -> NDArray[np.float64]:
    """Give the overlap of each box with each other one (intersection over union), 0 where there is little."""
    one, other = ones[:, None], others[None]
    low = np.maximum(one[..., :2], other[..., :2])
    high = np.minimum(one[..., :2] + one[..., 2:], other[..., :2] + other[..., 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    overlap = shared / np.maximum(one[..., 2:].prod(axis=2) + other[..., 2:].prod(axis=2) - shared, 1e-9)
    return np.asarray(np.where(overlap >= _SAME_OVERLAP, overlap, 0.0))


def _near(ones: Boxes, others: Boxes) -> NDArray[np.float64]:
    """Give how near boxes of about one size are, 0 for those that are too far apart."""
    one, other = ones[:, None], others[None]
    areas = one[..., 2:].prod(axis=2), other[..., 2:].prod(axis=2)
    size = np.minimum(*areas) / np.maximum(np.maximum(*areas), 1e-9)
    apart = np.linalg.norm(one[..., :2] + one[..., 2:] / 2 - other[..., :2] - other[..., 2:] / 2, axis=2)
    limit = _SAME_DISTANCE * np.sqrt(np.maximum(*areas))
    good = (size >= _SAME_SIZE) & (apart < limit)
    return np.asarray(np.where(good, (1 - apart / np.maximum(limit, 1e-9)) * size, 0.0))

"""Pictures of one topic, looked at in order: every few of them by a detector, carried by flow through the rest.

The first of two passes over a recording: findings of every picture are known before anything is written.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carnet.deidentify.find import Finder, Finding
from carnet.deidentify.flow import Small, is_cut, small
from carnet.deidentify.tracks import Tracker
from carnet.deidentify.video import EVERY
from carnet.detectors.box import Picture

SLOWEST_HZ = 8.0
"""Below this rate things move too far from one picture to the next to be carried: each is looked at."""

_USUAL_HZ = 30.0
Done = list[tuple[int, tuple[Finding, ...]]]


@dataclass(slots=True)
class _Held:
    """The picture before this one: it is looked at after all when a cut follows."""

    image: Picture
    small: Small
    found: tuple[Finding, ...] | None
    cut: bool


class Watch:
    """Looks at the pictures of one topic."""

    def __init__(self, finder: Finder, setting: str, rate_hz: float) -> None:
        self._finder = finder
        self._every = max(1, round(EVERY["fast" if setting == "fast" else "release"] * rate_hz / _USUAL_HZ))
        self._tracker = Tracker()
        self._indices: list[int] = []
        self._held: _Held | None = None
        self._last: Small | None = None
        self._since = self._every
        self._looks = self._given = 0

    def add(self, index: int, image: Picture | None) -> Done:
        """Take the next picture; None for one that is not there, over which nothing is carried.

        Args:
            index: its number in the topic.
            image: H x W x 3, blue-green-red.

        Returns:
            Number and findings of every picture that is complete now.
        """
        if image is None:
            return self.finish()
        grey = small(np.ascontiguousarray(image[:, :, 1]))
        same_size = self._last is not None and self._last.grey.shape == grey.grey.shape
        done = [] if same_size or self._last is None else self.finish()
        cut = self._last is not None and is_cut(self._last, grey)
        done += self._release(cut=cut)
        self._since += 1
        held = _Held(image, grey, None, cut)
        if cut or self._since >= self._every:
            held.found = self._find(image)
            self._since = 0
        self._held, self._last = held, grey
        self._indices.append(index)
        return done

    def finish(self) -> Done:
        """Give every picture that is still there, and begin anew."""
        done = self._release(cut=True)
        done += self._named(self._tracker.finish())
        self._last = None
        self._since = self._every
        return done

    def _release(self, *, cut: bool) -> Done:
        held, self._held = self._held, None
        if held is None:
            return []
        if cut and held.found is None:
            held.found = self._find(held.image)
        number = self._given
        self._given += 1
        return self._named(self._tracker.add(number, held.small, held.found, cut=held.cut))

    def _named(self, done: Done) -> Done:
        """Put the topic's numbers in place of the tracker's, which have no gaps."""
        made = [(self._indices[at], found) for at, (_, found) in enumerate(done)]
        del self._indices[: len(done)]
        return made

    def _find(self, image: Picture) -> tuple[Finding, ...]:
        # Text, vehicles and persons every other time: what they add stays for a round.
        self._looks += 1
        return self._finder.find(image, quick=self._looks % 2 == 0)

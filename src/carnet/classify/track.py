"""Tracks: length and countries of a line of positions; coordinates never leave this file's values.

Positions are WGS-84 degrees; length is the haversine formula on a sphere of 6,371,008.8 m (mean radius of
GRS 80), summed over the points in order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from carnet.model.factsheet import FactValue
from carnet.recognise.places import country_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from carnet.classify.places import Passage

EARTH_M = 6_371_008.8
_MOST_LATITUDE, _MOST_LONGITUDE = 90.0, 180.0
_CELL = 20
_SHORTEST_KM = 0.05
_SKETCH_POINTS = 64
_SKETCH_LEFT_OUT = 0.15
_SKETCH_SHORTEST_KM = 2.0


def haversine_m(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Give the distance of two places in metres."""
    p, q = math.radians(latitude), math.radians(other_latitude)
    h = (
        math.sin((q - p) / 2) ** 2
        + math.cos(p) * math.cos(q) * math.sin(math.radians(other_longitude - longitude) / 2) ** 2
    )
    return 2 * EARTH_M * math.asin(math.sqrt(min(1.0, h)))


def is_place(latitude: float, longitude: float) -> bool:
    """Say whether two numbers can be a fix: finite, in range, not the zero that receivers send without one."""
    return (
        math.isfinite(latitude)
        and math.isfinite(longitude)
        and abs(latitude) <= _MOST_LATITUDE
        and abs(longitude) <= _MOST_LONGITUDE
        and not (latitude == 0 and longitude == 0)
    )


def _first_of(cells: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Give the distinct rows of an array, and where each stands first."""
    import numpy as np

    distinct, first = np.unique(cells, axis=0, return_index=True)
    return distinct, first


@dataclass(slots=True)
class Track:
    """Adds up a track, point by point; `passage`, where there is one, looks at each for sensitive places."""

    points: int = 0
    metres: float = 0.0
    _last: tuple[float, float] | None = None
    _cells: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)
    _line: list[tuple[float, float]] = field(default_factory=list)
    _every: int = 1
    passage: Passage | None = None

    def add(self, latitude: float, longitude: float) -> None:
        """Take one position in degrees; what cannot be a fix is left out."""
        if not is_place(latitude, longitude):
            return
        if self.passage is not None:
            self.passage.add(latitude, longitude)
        if self._last is not None:
            self.metres += haversine_m(*self._last, latitude, longitude)
        self._last = (latitude, longitude)
        if self.points % self._every == 0:
            self._line.append(self._last)
            if len(self._line) > 2 * _SKETCH_POINTS:
                del self._line[1::2]
                self._every *= 2
        self.points += 1
        # Countries are asked once for a cell of a twentieth of a degree.
        self._cells.setdefault(
            (math.floor(latitude * _CELL), math.floor(longitude * _CELL)), (latitude, longitude)
        )

    def leap(self) -> None:
        """What comes next does not go on from the last place: nobody is known to have driven between them.

        A passage is still looked at as if somebody had: the receiver may only have been off.
        """
        self._last = None

    def add_many(
        self, latitudes: NDArray[Any], longitudes: NDArray[Any], times: NDArray[Any] | None = None
    ) -> None:
        """Take a line of positions in degrees, both of one length; what cannot be a fix is left out.

        Args:
            latitudes: in degrees.
            longitudes: likewise.
            times: of each in ns, where every position has its own.
        """
        import numpy as np

        fix = (np.abs(latitudes) <= _MOST_LATITUDE) & (np.abs(longitudes) <= _MOST_LONGITUDE)
        fix &= (latitudes != 0) | (longitudes != 0)
        a, b = latitudes[fix], longitudes[fix]
        if not len(a):
            return
        if self.passage is not None:
            self.passage.add_many(a, b, None if times is None else times[fix])
        self._draw(a, b)
        if self._last is not None:
            a, b = np.concatenate(([self._last[0]], a)), np.concatenate(([self._last[1]], b))
        else:
            self.points += 1
        self.points += len(a) - 1
        p, q = np.radians(a), np.radians(b)
        h = np.sin(np.diff(p) / 2) ** 2 + np.cos(p[:-1]) * np.cos(p[1:]) * np.sin(np.diff(q) / 2) ** 2
        self.metres += float((2 * EARTH_M * np.arcsin(np.sqrt(np.minimum(1.0, h)))).sum())
        self._last = float(a[-1]), float(b[-1])
        cells = np.stack((np.floor(a * _CELL), np.floor(b * _CELL)), axis=1).astype(np.int64)
        for (row, column), at in zip(*_first_of(cells), strict=True):
            self._cells.setdefault((int(row), int(column)), (float(a[at]), float(b[at])))

    def _draw(self, latitudes: NDArray[Any], longitudes: NDArray[Any]) -> None:
        """Keep some of the points that come next, for the sketch."""
        at = -self.points % self._every
        while at < len(latitudes):
            room = 2 * _SKETCH_POINTS + 1 - len(self._line)
            some = slice(at, at + room * self._every, self._every)
            kept = list(zip(latitudes[some].tolist(), longitudes[some].tolist(), strict=True))
            self._line += kept
            at += len(kept) * self._every
            if len(self._line) > 2 * _SKETCH_POINTS:
                # The last that was kept is number `2 * _SKETCH_POINTS` times the step: it stays.
                last = self.points + at - self._every
                del self._line[1::2]
                self._every *= 2
                at = -(-(last + 1) // self._every) * self._every - self.points

    def no_line(self) -> None:
        """Remember that the order of the positions says nothing: between two of them lies no way."""
        if self.passage is not None:
            self.passage.is_line = False

    def only_part(self, why: str) -> None:
        """Remember that not every position was taken, and why."""
        if self.passage is not None:
            self.passage.only_part(why)

    @property
    def km(self) -> float:
        """Length in kilometres, to ten metres."""
        return round(self.metres / 1000, 2)

    @property
    def is_trajectory(self) -> bool:
        """Whether the points make a line rather than a place."""
        return self.points > 1 and self.km >= _SHORTEST_KM

    def sketch(self) -> str | None:
        """Give the shape of the track: `x,y` in hundredths of its own extent, north up, as SVG writes points.

        The first and last seventh are left out, and there is neither place nor scale; None below two kilometres.
        A shape can still be found on a map by who looks for it: it is drawn in the region's own report only.
        """
        cut = round(len(self._line) * _SKETCH_LEFT_OUT)
        line = self._line[cut : len(self._line) - cut]
        if self.km < _SKETCH_SHORTEST_KM or len(line) < _SKETCH_POINTS // 4:
            return None
        shrink = math.cos(math.radians(line[0][0]))
        places = [
            (longitude * shrink, -latitude)
            for latitude, longitude in line[:: len(line) // _SKETCH_POINTS or 1]
        ]
        left, top = (min(one[axis] for one in places) for axis in (0, 1))
        extent = max(max(one[axis] for one in places) - low for axis, low in ((0, left), (1, top)))
        if extent <= 0:
            return None
        return " ".join(
            f"{round((x - left) / extent * 100)},{round((y - top) / extent * 100)}" for x, y in places
        )

    def facts(self) -> dict[str, FactValue]:
        """Give points, km, sketch and countries; a country that the outlines cannot tell leaves `countries` out."""
        facts: dict[str, FactValue] = {"points": self.points, "km": self.km}
        shape = self.sketch()
        if shape is not None:
            facts["sketch"] = shape  # taken off again unless it was asked for
        countries = {country_at(*place) for place in self._cells.values()}
        named = tuple(sorted(one for one in countries if one is not None))
        if named and None not in countries:
            facts["countries"] = named
        return facts

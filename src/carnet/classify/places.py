"""Sensitive places: which entries of an officer's list the positions of a file touch.

Three answers. *Touched*: a position, or the straight line between two of a track, comes within `NEAR_M` of a place.
*None*: every position lies where lists in force are complete for the kinds that the law asks for, and nothing came
near. *Unknown*: everything else, with the reason: no list, ground that no list covers, a gap in the track through
which the car may have come near, positions of which only a sample was looked at, a file that was read partly, or a
datum that nothing fixes where maps are shifted (GCJ-02, mainland China).

Cameras and lidars show what lies farther off: a place counts for them within the list's `seen_within_m`. They have
no positions of their own, so they are told by those of the same file, at the same time where both have times.

No coordinate leaves this module: what it gives are names of entries, names of lists and days.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from carnet.classify.track import EARTH_M, Track
from carnet.model.area import Area
from carnet.model.factsheet import FactValue
from carnet.model.place_list import ASKED, PlaceList
from carnet.recognise.areas import clearance_m, distance_of_lines_m, in_area, wrapped
from carnet.recognise.gcj02 import Positions, from_gcj02
from carnet.recognise.places import country_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Degrees = NDArray[np.float64]
    Flags = NDArray[np.bool_]

NEAR_M = 50.0
"""How near a position has to come: receivers in towns are off by tens of metres."""

SHIFT_M = 800.0
"""More than GCJ-02 shifts any place of mainland China."""

_SLACK_M = 100.0
# A car's way through a gap in a track: half of what it can drive at 180 km/h, to either side.
_ASIDE_M_S = 25.0
# Times by which a car would be faster than this are no times.
_FASTEST_M_S = 100.0
# A line between two positions farther apart is no way that anybody drove.
_LONGEST_GAP_S, _LONGEST_GAP_M = 120.0, 1000.0
# How long the positions of a file may begin after its pictures, or end before them: within `_SLACK_M` of driving.
_APART_NS = 2 * 10**9
_FLUSH = 4096
_CELL = 20
_SHIFTED = frozenset({"CN"})


@dataclass(frozen=True, slots=True)
class _Place:
    """An entry in force, in WGS-84."""

    name: str
    kind: str
    area: Area
    seen_m: float


@dataclass(frozen=True, slots=True)
class _Ground:
    """Where a list is complete, and for what."""

    region: str
    covers: tuple[Area, ...]
    kinds: frozenset[str]
    seen_m: float


@dataclass(slots=True)
class _Hull:
    """From when to when something held, in ns; coarse on purpose: the whole between first and last."""

    first: int
    last: int

    def widen(self, first: int, last: int) -> None:
        self.first, self.last = min(self.first, first), max(self.last, last)


@dataclass(slots=True)
class _Found:
    """What one line of positions met.

    Attributes:
        touched: entries that a position or the way between two came to.
        near: entries that it may have come to.
        seen: entries from where sensors may have shown them, with the time.
        maybe_seen: the same for what may have been.
        open: kinds for which some position lies where no list is complete.
        open_seen: kinds for which what could be seen from some position lies there.
    """

    touched: set[int] = field(default_factory=set)
    near: set[int] = field(default_factory=set)
    seen: dict[int, _Hull] = field(default_factory=dict)
    maybe_seen: dict[int, _Hull] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    open_seen: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Way:
    """Lines between positions: from (y0, x0) to (y1, x1) in degrees, some time between `since` and `until` (ns)."""

    y0: Degrees
    x0: Degrees
    y1: Degrees
    x1: Degrees
    since: NDArray[np.int64]
    until: NDArray[np.int64]

    def gaps(self, passed_ns: NDArray[np.int64]) -> tuple[Degrees, Flags]:
        """Give how far beside each line the way may have led, and whether it led along the line.

        Args:
            passed_ns: the time from one position to the next, 0 where nobody knows.

        Returns:
            Metres, 0 for ways that are short; and flags.
        """
        p, q = np.radians(self.y0), np.radians(self.y1)
        h = np.sin((q - p) / 2) ** 2 + np.cos(p) * np.cos(q) * np.sin(np.radians(self.x1 - self.x0) / 2) ** 2
        length = 2 * EARTH_M * np.arcsin(np.sqrt(np.clip(h, 0, 1)))
        seconds = passed_ns / 1e9
        timed = (passed_ns > 0) & (length <= _FASTEST_M_S * seconds)
        aside: Degrees = np.where(timed, _ASIDE_M_S * seconds, length)
        straight = np.where(timed, seconds <= _LONGEST_GAP_S, length <= _LONGEST_GAP_M)
        return np.where(aside > NEAR_M, aside, 0.0), straight


class Passage:
    """One line of positions on its way past the places."""

    def __init__(self, watch: PlaceWatch, *, datum_known: bool) -> None:
        self._watch = watch
        self._datum_known = datum_known
        self.is_line = True
        self.points = 0
        self.part: str | None = None
        self.first: int | None = None
        self.last = 0
        self.found = _Found()
        self._buffer: list[tuple[float, float, int, int]] = []
        self._end: tuple[float, float, int, int] | None = None

    def add(self, latitude: float, longitude: float) -> None:
        """Take one position, at the time that the watch was told."""
        self._buffer.append((latitude, longitude, *self._watch.now))
        if len(self._buffer) >= _FLUSH:
            self.flush()

    def add_many(self, latitudes: Degrees, longitudes: Degrees, times: NDArray[np.int64] | None) -> None:
        """Take positions with their times in ns, or all within the time that the watch was told."""
        first, last = self._watch.now
        for start in range(0, len(latitudes), _FLUSH):
            some = slice(start, start + _FLUSH)
            count = len(latitudes[some])
            begins = np.full(count, first) if times is None else times[some]
            ends = np.full(count, last) if times is None else times[some]
            self.flush()
            self._look(np.asarray(latitudes[some]), np.asarray(longitudes[some]), begins, ends)

    def only_part(self, why: str) -> None:
        """Remember that not every position was seen, and why: `none` is not said of what is left."""
        self.part = self.part or why

    def forget(self) -> None:
        """Take back every position: they turned out to be none."""
        self.points, self.found, self._buffer = 0, _Found(), []

    def flush(self) -> None:
        """Look at the positions that wait."""
        if self._buffer:
            rows = self._buffer
            self._buffer = []
            self._look(
                np.array([one[0] for one in rows]),
                np.array([one[1] for one in rows]),
                np.array([one[2] for one in rows], np.int64),
                np.array([one[3] for one in rows], np.int64),
            )

    def _look(
        self, latitude: Degrees, longitude: Degrees, begins: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> None:
        self.points += len(latitude)
        low, high = int(begins.min()), int(ends.max())
        self.first = low if self.first is None else min(self.first, low)
        self.last = max(self.last, high)
        start = self._end or (float(latitude[0]), float(longitude[0]), int(begins[0]), int(ends[0]))
        y0, x0 = np.concatenate(([start[0]], latitude[:-1])), np.concatenate(([start[1]], longitude[:-1]))
        t0, t1 = np.concatenate(([start[2]], begins[:-1])), np.concatenate(([start[3]], ends[:-1]))
        self._end = float(latitude[-1]), float(longitude[-1]), int(begins[-1]), int(ends[-1])
        exact = (t0 == t1) & (begins == ends)
        if not self.is_line:
            y0, x0 = latitude, longitude
        way = _Way(y0, x0, latitude, longitude, np.minimum(t0, begins), np.maximum(t1, ends))
        aside, straight = way.gaps(np.where(exact, np.abs(begins - t0), 0))
        aside += 0.0 if self._datum_known else self._watch.shift_m
        self._meet(way, aside, straight)
        self._stand(latitude, longitude, aside)

    def _meet(self, way: _Way, aside: Degrees, straight: Flags) -> None:
        """Hold lines against the places; of a line that nobody drove for sure, its end alone is sure."""
        begin = np.where(straight, way.y0, way.y1), np.where(straight, way.x0, way.x1)
        for number in self._watch.around(way, float(aside.max())):
            place = self._watch.places[number]
            far = distance_of_lines_m(place.area, *begin, way.y1, way.x1)
            line = far if straight.all() else distance_of_lines_m(place.area, way.y0, way.x0, way.y1, way.x1)
            if (far <= NEAR_M).any():
                self.found.touched.add(number)
            elif (line <= NEAR_M + aside).any():
                self.found.near.add(number)
            sure = far <= place.seen_m + _SLACK_M
            since, until = way.since, way.until
            for flags, hulls in (
                (sure, self.found.seen),
                (~sure & (line <= place.seen_m + _SLACK_M + aside), self.found.maybe_seen),
            ):
                if flags.any():
                    first, last = int(since[flags].min()), int(until[flags].max())
                    hulls.setdefault(number, _Hull(first, last)).widen(first, last)

    def _stand(self, latitude: Degrees, longitude: Degrees, aside: Degrees) -> None:
        """Say for which kinds no list is complete where positions lie."""
        left = set(ASKED) - self.found.open
        left_seen = set(ASKED) - self.found.open_seen
        within = {kind: np.zeros(len(latitude), dtype=bool) for kind in left}
        within_seen = {kind: np.zeros(len(latitude), dtype=bool) for kind in left_seen}
        for ground in self._watch.grounds:
            if not ground.kinds & (left | left_seen):
                continue
            inside, inside_seen = self._watch.stands(ground, latitude, longitude, aside)
            for kind in ground.kinds:
                if kind in left:
                    within[kind] |= inside
                if kind in left_seen:
                    within_seen[kind] |= inside_seen
        self.found.open |= {kind for kind, flags in within.items() if not flags.all()}
        self.found.open_seen |= {kind for kind, flags in within_seen.items() if not flags.all()}


class _Map:
    """The places and the ground of all lists in force on a day: the same for every file of a scan."""

    def __init__(self, lists: Sequence[PlaceList], day: date) -> None:
        held = [one for one in lists if one.holds(day)]
        self.places = tuple(
            _Place(f"{one.id}/{place.id}", place.kind, _in_wgs84(place.area, one.datum), one.seen_within_m)
            for one in held
            for place in one.places
            if place.counts(day)
        )
        self.grounds = tuple(
            _Ground(
                one.region,
                tuple(_in_wgs84(area, one.datum) for area in one.covers),
                frozenset(one.complete_for) & set(ASKED),
                max((each.seen_within_m for each in held), default=0.0),
            )
            for one in held
        )
        self.shift_m = SHIFT_M if any(one.region in _SHIFTED for one in held) else 0.0
        self.marks = tuple(one.mark for one in held)
        ends = [one.until for one in held]
        # A place that counts from a later day on changes the answer on that day.
        ends += [
            place.since - timedelta(days=1)
            for one in held
            for place in one.places
            if place.since is not None and place.since > day
        ]
        self.until = min(ends, default=day)
        self.boxes = _boxes(self.places)


_maps: dict[tuple[date, tuple[str, ...]], _Map] = {}


def _map_of(lists: Sequence[PlaceList], day: date) -> _Map:
    """Give the map of some lists, made once for all files that a worker looks at."""
    key = day, tuple(one.digest for one in lists)
    if key not in _maps:
        _maps.clear()
        _maps[key] = _Map(lists, day)
    return _maps[key]


class PlaceWatch:
    """The places of all lists in force, and what the positions of one file meet."""

    def __init__(self, lists: Sequence[PlaceList], day: date) -> None:
        self.now = (0, 0)
        known = _map_of(lists, day)
        self.places, self.grounds, self.shift_m = known.places, known.grounds, known.shift_m
        self.marks, self.until, self._boxes = known.marks, known.until, known.boxes
        self._cells: dict[tuple[int, int], str | None] = {}
        self._passages: list[tuple[int | None, Passage]] = []

    def track(self, stream: int | None, *, datum_known: bool = False) -> Track:
        """Give a track of a stream, by its number, whose positions are watched; None is outside every stream."""
        passage = Passage(self, datum_known=datum_known)
        self._passages.append((stream, passage))
        return Track(passage=passage)

    def tracks_of(self, stream: int, *, datum_known: bool) -> partial[Track]:
        """Give what makes tracks of a stream."""
        return partial(self.track, stream, datum_known=datum_known)

    def around(self, way: _Way, more_m: float) -> Iterable[int]:
        """Give the places that may lie within reach of lines, by their boxes."""
        if not self.places:
            return ()
        x0, x1 = way.x0, way.x1
        south, north = min(way.y0.min(), way.y1.min()), max(way.y0.max(), way.y1.max())
        # About one point of the track, so that it may lie across the 180th meridian.
        start = float(x0[0])
        runs = np.concatenate((wrapped(x0 - start), wrapped(x1 - start)))
        middle, half = start + (runs.max() + runs.min()) / 2, (runs.max() - runs.min()) / 2
        reach = self._boxes[:, 4] + _SLACK_M + more_m
        tall = np.degrees(reach / EARTH_M)
        wide = tall / np.maximum(
            np.cos(np.radians(np.minimum(89.0, max(abs(south), abs(north)) + tall))), 0.01
        )
        near = (self._boxes[:, 0] - tall <= north) & (self._boxes[:, 1] + tall >= south)
        near &= np.abs(wrapped(self._boxes[:, 2] - middle)) <= self._boxes[:, 3] + wide + half
        found: list[int] = np.flatnonzero(near).tolist()
        return found

    def stands(
        self, ground: _Ground, latitude: Degrees, longitude: Degrees, aside: Degrees
    ) -> tuple[Flags, Flags]:
        """Say which positions lie where a list is complete, and of which all that can be seen does."""
        if not ground.covers:
            rows, columns = np.floor(latitude * _CELL), np.floor(longitude * _CELL)
            cells, back = np.unique(np.stack((rows, columns), axis=1), axis=0, return_inverse=True)
            # The outlines leave ten kilometres at borders to nobody: more than a cell is wide, or anybody sees.
            told = np.array([self._country(row, column) == ground.region for row, column in cells.tolist()])
            here = told[back.reshape(-1)]
            return here, here
        inside = np.zeros(len(latitude), dtype=bool)
        inside_seen = np.zeros(len(latitude), dtype=bool)
        for area in ground.covers:
            if not in_area(area, latitude, longitude).any():
                continue
            deep = clearance_m(area, latitude, longitude)
            inside |= deep > aside
            inside_seen |= deep > aside + ground.seen_m + _SLACK_M
        return inside, inside_seen

    def _country(self, row: float, column: float) -> str | None:
        cell = (int(row), int(column))
        if cell not in self._cells:
            self._cells[cell] = country_at((cell[0] + 0.5) / _CELL, (cell[1] + 0.5) / _CELL)
        return self._cells[cell]

    # What is told -------------------------------------------------------------------------------------------

    def own(self, stream: int | None) -> dict[str, FactValue] | None:
        """Give the facts of a stream's own positions; None where it has none."""
        mine = self._of(stream)
        if not mine:
            return None
        found = [one.found for one in mine]
        return self._facts(
            set().union(*(one.touched for one in found)),
            set().union(*(one.near for one in found)),
            set().union(*(one.open for one in found)),
            next((one.part for one in mine if one.part), None),
        )

    def unknown(self, why: str) -> dict[str, FactValue]:
        """Give the facts of a stream of which nothing is known."""
        return self._facts(set(), set(), set(), why)

    def seen_from(self, stream: int) -> dict[str, FactValue] | None:
        """Give what pictures in a stream may show, by the stream's own positions; None where it has none."""
        mine = self._of(stream)
        return self._seen(mine, None) if mine else None

    def seen_beside(
        self, first_ns: int, last_ns: int, *, still: bool, vehicles: frozenset[int]
    ) -> dict[str, FactValue]:
        """Give what a stream without positions may show, by the positions of the file at its time.

        Args:
            first_ns: when it begins, in the file's time.
            last_ns: when it ends.
            still: it is one picture, and what stands beside it is where it was taken.
            vehicles: numbers of the streams whose positions are the vehicle's way.
        """
        every = [one for _, one in self._passages if one.points or one.part]
        if not every:
            return self._facts(set(), set(), set(), "no position stands beside it")
        if still:
            return self._seen(every, None)
        told = self._seen(every, (first_ns, last_ns))
        beside = any(
            number in vehicles
            and one.first is not None
            and one.first - _APART_NS <= first_ns
            and last_ns <= one.last + _APART_NS
            and one.first != one.last
            for number, one in self._passages
        )
        if not beside and not told.get("sensitive_places"):
            return self._facts(set(), set(), set(), "the positions beside it are not of its whole time")
        return told

    def _of(self, stream: int | None) -> list[Passage]:
        mine = [one for number, one in self._passages if number == stream]
        for one in mine:
            one.flush()
        return [one for one in mine if one.points or one.part]

    def finish(self) -> None:
        """Look at every position that still waits."""
        for _, one in self._passages:
            one.flush()

    def _seen(self, passages: Sequence[Passage], span: tuple[int, int] | None) -> dict[str, FactValue]:
        def at_the_time(hulls: dict[int, _Hull]) -> set[int]:
            return {
                number
                for number, hull in hulls.items()
                if span is None or (hull.first - _APART_NS <= span[1] and span[0] <= hull.last + _APART_NS)
            }

        seen = set().union(*(at_the_time(one.found.seen) for one in passages))
        maybe = set().union(*(at_the_time(one.found.maybe_seen) for one in passages))
        openly = set().union(*(one.found.open_seen for one in passages))
        return self._facts(seen, maybe, openly, next((one.part for one in passages if one.part), None))

    def _facts(
        self, met: set[int], maybe: set[int], openly: set[str], part: str | None
    ) -> dict[str, FactValue]:
        """Give facts under the names of the lawbook, and what they rest on."""
        facts: dict[str, FactValue] = {"places_lists": self.marks, "places_until": self.until.isoformat()}
        maybe -= met
        if not self.marks:
            part = "no list of sensitive places is in force"
        if met:
            facts["sensitive_places"] = True
            facts["places_touched"] = tuple(sorted(self.places[one].name for one in met))
        elif part or maybe or openly:
            facts["places_unknown"] = part or (
                "its way may lead past a place, through a gap or for want of a datum"
                if maybe
                else "it lies where no list is complete for " + ", ".join(sorted(openly))
            )
        else:
            facts["sensitive_places"] = False
        kinds = {self.places[one].kind for one in met}
        if "military" in kinds:
            facts["military_area"] = True
        elif not (part or "military" in openly or any(self.places[one].kind == "military" for one in maybe)):
            facts["military_area"] = False
        return facts


def _in_wgs84(area: Area, datum: str) -> Area:
    if datum != "GCJ-02":
        return area
    corners = np.asarray(area.corners, dtype=np.float64)
    plain = from_gcj02(Positions(corners[:, 0], corners[:, 1], "GCJ-02"))
    pairs = zip(plain.latitude.tolist(), plain.longitude.tolist(), strict=True)
    return Area(tuple(pairs), area.radius_m, area.until)


def _boxes(places: Sequence[_Place]) -> Degrees:
    """Give of each place: south, north, the middle of its longitudes and half of them, and the reach in metres."""
    rows = []
    for one in places:
        ys = np.array([corner[0] for corner in one.area.corners])
        xs = np.array([corner[1] for corner in one.area.corners])
        runs = wrapped(xs - xs[0])
        middle, half = float(xs[0] + (runs.max() + runs.min()) / 2), float((runs.max() - runs.min()) / 2)
        reach = max(one.seen_m, NEAR_M) + (one.area.radius_m or 0.0)
        rows.append((ys.min(), ys.max(), middle, half, reach))
    return np.array(rows, dtype=np.float64).reshape(-1, 5)

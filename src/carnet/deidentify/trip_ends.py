"""Where trips begin and end, hidden so that a rule which everybody knows does not give them away.

Cutting a fixed distance leaves ends on a circle about the home, and a circle has a centre; a random distance that
is the same in every direction is a circle too, and one drawn anew each day averages out. So the ground is laid
out in squares whose grid is shifted by a secret of the subject; what is hidden is the whole square in which a trip
ends, and a margin about it. Whoever learns all four sides of it from months of trips knows the square, and within
the square nothing: the best guess is within 100 m by pi (100 m)² over the area, 0.2 % for 4,000 m. What still helps
him is that streets run straight: `make attack` measures it, and by it the usual side was chosen. The
margin keeps every visible point away from the end itself. (Hassan, Hussain, Bates: "Analysis of Privacy
Protections in Fitness Tracking Social Networks", USENIX Security 2018, shows what circles give away.)

What is hidden takes all streams of its interval along: speed and yaw rate integrate back to the door.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from carnet.deidentify.seeded import uniform
from carnet.errors import RedactionError
from carnet.recognise.areas import M_PER_DEGREE, distance_m, wrapped, wrapped_one

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Degrees = NDArray[np.float64]
    Nanoseconds = NDArray[np.int64]
    Flags = NDArray[np.bool_]

USUAL_M = (300.0, 4_300.0)
USUAL_STOP_S = 300.0
_STILL_M = 50.0
_STEP_NS = 1_000_000_000
_LARGEST_M = 50_000.0
FAR_PAST, FAR_FUTURE = -(1 << 62), 1 << 62

Interval = tuple[int, int]
"""First and last nanosecond of what is hidden, both included."""


@dataclass(frozen=True, slots=True)
class Square:
    """A square on the ground with its margin: centre in degrees, half its side in degrees of each."""

    latitude: float
    longitude: float
    half_latitude: float
    half_longitude: float

    def holds(self, latitude: Degrees, longitude: Degrees) -> Flags:
        """Say which points lie in it."""
        made: Flags = (np.abs(latitude - self.latitude) <= self.half_latitude) & (
            np.abs(wrapped(longitude - self.longitude)) <= self.half_longitude
        )
        return made


def check_distances(least_m: float, most_m: float) -> None:
    """Refuse distances that hide nothing; raises `RedactionError`."""
    if not (0 <= least_m < most_m <= _LARGEST_M):
        raise RedactionError(
            "trip ends are hidden by a least and a greater most distance in metres, up to 50 km",
            where="trip_ends_m",
            remedy=f"say, {USUAL_M[0]:.0f} and {USUAL_M[1]:.0f}",
        )


def hidden_square(latitude: float, longitude: float, key: bytes, least_m: float, most_m: float) -> Square:
    """Give the square that hides a place of a subject.

    Args:
        latitude: degrees, WGS-84.
        longitude: degrees, WGS-84.
        key: the subject's secret key, 32 bytes or more.
        least_m: how far every visible point is from the place, at least.
        most_m: along a parallel or a meridian the hidden stretch ends at most so far away.

    Returns:
        The same square for every place within it: its side is `most_m` - `least_m`, and `least_m` all round.

    Raises:
        RedactionError: the distances hide nothing.
    """
    check_distances(least_m, most_m)
    side = most_m - least_m
    up, along, _, _ = uniform(key, f"trip ends {side:.3f}")
    row = math.floor(latitude * M_PER_DEGREE / side + up)
    middle = (row + 0.5 - up) * side / M_PER_DEGREE
    # Every row lies at its own place along the parallel, so that corners of four squares do not line up.
    _, shift, _, _ = uniform(key, f"trip ends row {side:.3f}", row)
    scale = M_PER_DEGREE * max(math.cos(math.radians(middle)), 1e-3)
    column = math.floor(longitude * scale / side + along + shift)
    centre = wrapped_one((column + 0.5 - along - shift) * side / scale)
    half = side / 2 + least_m
    return Square(middle, centre, half / M_PER_DEGREE, half / scale)


def trip_ends(
    time_ns: Nanoseconds, latitude: Degrees, longitude: Degrees, stop_s: float = USUAL_STOP_S
) -> tuple[tuple[float, float], ...]:
    """Give the places where trips begin or end: first and last fix, both sides of a gap, and stops.

    Args:
        time_ns: ascending times of the fixes, in nanoseconds.
        latitude: degrees, WGS-84.
        longitude: degrees, WGS-84.
        stop_s: how long a gap or a stay within 50 m makes an end of one trip and the start of another.
    """
    if not len(time_ns):
        return ()
    stop_ns = round(stop_s * 1e9)
    ends = {0, len(time_ns) - 1}
    for gap in np.flatnonzero(np.diff(time_ns) >= stop_ns).tolist():
        ends |= {gap, gap + 1}
    places = [(float(latitude[at]), float(longitude[at])) for at in sorted(ends)]
    thin = _thinned(time_ns)
    t, y, x = time_ns[thin], latitude[thin], longitude[thin]
    until = np.searchsorted(t, t + stop_ns, side="left")
    at = 0
    while at < len(t) and until[at] < len(t):
        last = int(until[at])
        near = distance_m(y[at : last + 1], x[at : last + 1], (float(y[at]), float(x[at]))) <= _STILL_M
        if near.all():
            places.append((float(np.median(y[at : last + 1])), float(np.median(x[at : last + 1]))))
            at = last
        else:
            at += 1
    return tuple(dict.fromkeys(places))


def _thinned(time_ns: Nanoseconds) -> NDArray[np.intp]:
    """Give the index of the first fix of each second."""
    seconds = time_ns // _STEP_NS
    made: NDArray[np.intp] = np.flatnonzero(np.diff(seconds, prepend=seconds[0] - 1) != 0)
    return made


def hidden_intervals(time_ns: Nanoseconds, hidden: Flags) -> tuple[Interval, ...]:
    """Give the intervals in which nothing may be seen.

    Between a visible fix and a hidden one the border was crossed at an unknown moment, so an interval reaches from
    the visible fix before to the visible fix after it, without these two; where none is before or after, it is
    open, because nobody knows where the vehicle was before its first fix.

    Args:
        time_ns: ascending times of the fixes.
        hidden: which of the fixes must not be seen.
    """
    if not len(time_ns):
        return ()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], hidden, [False]]).astype(np.int8)))
    intervals = []
    for first, behind in zip(edges[::2], edges[1::2], strict=True):
        start = FAR_PAST if first == 0 else int(time_ns[first - 1]) + 1
        end = FAR_FUTURE if behind == len(time_ns) else int(time_ns[behind]) - 1
        intervals.append((start, end))
    return tuple(intervals)

"""Structure: which numbers are a position although nothing says so.

Two lines of numbers that move slowly within the range of latitude and longitude, with the many decimals that
receivers give, are a position under whatever name. Ranges to satellites are one too, since a receiver computes
its place from them: navigation satellites are 19,100 to 35,800 km high (GLONASS lowest, BeiDou and SBAS
geostationary highest), so a pseudo-range is 1.8e7 to 4.3e7 m, differs by satellite, and stands beside the
satellite's number.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from carnet.classify.track import Track
from carnet.recognise.names import words

MOST_SAMPLES = 20_000
"""Values of a field that are kept for this look."""

SAMPLED = "only the first of its positions were looked at"
"""Why nothing is said of places that were not met: what a track says that did not take every position."""

LARGEST_DEGREE = 180.0
_MOST_LATITUDE = 90.0
_SCALED = 1e7
_FEWEST_SAMPLES = 10
# A step between neighbours of at most half a kilometre, five decimals or more, some movement.
_LARGEST_STEP, _SMALLEST_RANGE, _LARGEST_RANGE = 0.005, 1e-5, 5.0
_DECIMALS = 4
_NEAR_ZERO = 0.5
# Several trips in one table leap from the end of one to the start of the next: one step in fifty at most.
_STEPS_PER_LEAP = 50
_WINDOW = 32
_FEWEST_IN_WINDOW = 8
_NEAREST_RANGE, _FARTHEST_RANGE = 1.8e7, 4.3e7
_RANGES_DIFFER = 5e5
_MOST_SATELLITES, _FEWEST_SATELLITES = 255, 4
_LATITUDES = frozenset(
    {" latitude ", " lat ", " gps latitude ", " gps lat ", " 纬度 ", " 緯度 ", " breitengrad "}
)
_LONGITUDES = frozenset(
    {" longitude ", " lon ", " lng ", " long ", " gps longitude ", " gps lon ", " gps lng "}
    | {" 经度 ", " 経度 ", " längengrad ", " laengengrad "}
)
# GeoJSON (RFC 7946): longitude first, in lists of lists.
_GEOJSON = re.compile(r"(?:.*\.)?coordinates(?:\.\d+)*\.([01])")
_UNIT = re.compile(r"\s*[(\[][^()\[\]]{0,20}[)\]]\s*\Z")
_X = frozenset({" x ", " e ", " east "})


def scale_of(line: Sequence[float]) -> float:
    """Give what a line of coordinates is divided by to be degrees: 1, or 1e7 as receivers pack them."""
    return _SCALED if max(map(abs, line)) > LARGEST_DEGREE else 1.0


def moves(line: Sequence[float], *, near_zero: bool = False) -> bool:
    """Say whether a line of numbers moves as a coordinate in degrees does, or in 1e-7 degrees.

    Args:
        line: values in their order.
        near_zero: take values near zero too, where anything is smooth: a longitude of London, beside its latitude.
    """
    if len(line) < _FEWEST_SAMPLES:
        return False
    largest = max(map(abs, line))
    whole = all(value.is_integer() for value in line)
    if whole and LARGEST_DEGREE < largest <= LARGEST_DEGREE * _SCALED:
        line = [value / _SCALED for value in line]
    elif whole or not largest <= LARGEST_DEGREE:
        return False
    if max(line) - min(line) < _SMALLEST_RANGE or (not near_zero and min(map(abs, line)) < _NEAR_ZERO):
        return False
    # Each value once: a car that stands says the same for long.
    distinct = set(line)
    if sum(round(value, _DECIMALS) != value for value in distinct) * 2 < len(distinct):
        return False
    runs = list(_runs(line))
    if any(max(run) - min(run) > _LARGEST_RANGE for run in runs):
        return False
    return (len(runs) - 1) * _STEPS_PER_LEAP <= len(line) and (
        (len(runs) == 1 and _goes_on(line)) or _windows_go_on(runs)
    )


def _goes_on(line: Sequence[float]) -> bool:
    """Say whether what a line gains is not lost again at the next step, as noise does."""
    return (max(line) - min(line)) * 4 >= sum(abs(b - a) for a, b in itertools.pairwise(line))


def _runs(line: Sequence[float]) -> Iterator[Sequence[float]]:
    """Cut a line where it leaps."""
    start = 0
    for at in range(1, len(line)):
        if abs(line[at] - line[at - 1]) > _LARGEST_STEP:
            yield line[start:at]
            start = at
    yield line[start:]


def _windows_go_on(runs: Sequence[Sequence[float]]) -> bool:
    """Say whether a line that comes back, as a drive about town does, goes on within most short windows."""
    on = off = 0
    for run in runs:
        for at in range(0, len(run), _WINDOW):
            window = run[at : at + _WINDOW]
            if len(window) < _FEWEST_IN_WINDOW or max(window) - min(window) < _SMALLEST_RANGE:
                continue
            if _goes_on(window):
                on += 1
            else:
                off += 1
    return on > 1 and on > 4 * off


def is_half_of_a_pair(path: str) -> bool:
    """Say whether a path's last word is latitude or longitude."""
    return _half(path) is not None


def _half(path: str) -> bool | None:
    """Say of a path whether it is a latitude; None where it is no half of a pair."""
    # Loggers write the unit behind the name: `Latitude (deg)`.
    name = words(_UNIT.sub("", path).rpartition(".")[2])
    if name in _LATITUDES or name in _LONGITUDES:
        return name in _LATITUDES
    place = _GEOJSON.fullmatch(path) if name in {" 0 ", " 1 "} else None
    return place[1] == "1" if place else None


def _beside(path: str) -> str:
    """Give what stands before a path's last word."""
    return _UNIT.sub("", path).rpartition(".")[0]


def pairs_by_name(paths: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Give the paths of latitude and longitude that stand beside each other by name."""
    halves = {path: half for path in paths if (half := _half(path)) is not None}
    longitudes: dict[str, str] = {}
    for path, is_latitude in halves.items():
        if not is_latitude:
            longitudes.setdefault(_beside(path), path)
    for path, is_latitude in halves.items():
        longitude = longitudes.get(_beside(path))
        if is_latitude and longitude is not None:
            yield path, longitude


def pairs_by_value(numbers: Mapping[str, Sequence[float]]) -> Iterator[tuple[str, str, float, float]]:
    """Give neighbouring fields that move like a position.

    Args:
        numbers: the values of each field by its path, in the order in which the fields stand.

    Yields:
        The paths of latitude and longitude, and what each is divided by to be degrees.
    """
    moving = {path: True for path, line in numbers.items() if moves(line)}
    if not moving:
        return
    moving |= {
        path: False for path, line in numbers.items() if path not in moving and moves(line, near_zero=True)
    }
    order = [path for path in numbers if path in moving]
    # Two that are sure before one that is sure beside one near zero.
    beside = sorted(itertools.pairwise(order), key=lambda two: not (moving[two[0]] and moving[two[1]]))
    taken: set[str] = set()
    for first, second in beside:
        if {first, second} & taken or not (moving[first] or moving[second]):
            continue
        if first.rpartition(".")[0] != second.rpartition(".")[0]:
            continue
        most = {path: max(map(abs, numbers[path])) / scale_of(numbers[path]) for path in (first, second)}
        latitude, longitude = first, second
        if most[first] > _MOST_LATITUDE or (
            words(first.rpartition(".")[2]) in _X and most[second] <= _MOST_LATITUDE
        ):
            latitude, longitude = second, first
        if most[latitude] > _MOST_LATITUDE:
            continue
        taken |= {first, second}
        yield latitude, longitude, scale_of(numbers[latitude]), scale_of(numbers[longitude])


def track_of(
    latitudes: Sequence[float],
    longitudes: Sequence[float],
    latitude_scale: float,
    longitude_scale: float,
    make_track: Callable[[], Track] = Track,
) -> Track:
    """Give the track of two lines of coordinates; where one is longer, which belong together is not known."""
    track = make_track()
    if len(latitudes) != len(longitudes):
        track.only_part(SAMPLED)
    for a, b in zip(latitudes, longitudes, strict=False):
        track.add(a / latitude_scale, b / longitude_scale)
    return track


def raw_ranges(numbers: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """Give the fields that hold ranges to satellites, where a field beside them numbers the satellites."""
    satellites = any(
        len(set(line)) >= _FEWEST_SATELLITES
        and all(value.is_integer() and 0 < value <= _MOST_SATELLITES for value in line)
        for line in numbers.values()
        if len(line) >= _FEWEST_SAMPLES
    )
    if satellites:
        yield from (path for path, line in numbers.items() if _is_ranges(line))


def _is_ranges(line: Sequence[float]) -> bool:
    if len(line) < _FEWEST_SAMPLES or max(line) - min(line) < _RANGES_DIFFER:
        return False
    inside = sum(_NEAREST_RANGE <= value <= _FARTHEST_RANGE for value in line)
    # A count that goes up in even steps is a counter, whatever its size.
    steps = {round(b - a, 3) for a, b in itertools.pairwise(line)}
    return inside * 20 >= len(line) * 19 and len(steps) * 2 > len(line)

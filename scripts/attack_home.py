"""Attack: find homes in twenty days of protected drives, knowing the rule.

Commuters are made: a home beside a street of a city with a grid of streets of 120 m (turned by an angle of its
own), a place of work, six other places; twenty days with a drive there and back, another errand on a third of them.
Routes are staircases, three in four of them the habitual one; the car parks up to 60 m from the door; fixes come
once a second with 3 m of noise, speed with 1 % and yaw rate with 0.05 degrees a second.

The attacker knows carnet's rule and distances, not the subject's key, and is told which drives begin and end at
home. He has six ways, and every one is printed; the bar is for the best of them. Two controls say that the attacks
work: nothing protected, and positions cut while speed and yaw rate stay.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attack_table import Row, show
from carnet.deidentify.laplace import epsilon_of, fresh_noise, remembered_noise
from carnet.deidentify.trip_ends import USUAL_M, hidden_intervals, hidden_square
from carnet.recognise.areas import M_PER_DEGREE

Array = NDArray[np.float64]
ORIGIN = (48.7, 9.1)
SCALE = M_PER_DEGREE * math.cos(math.radians(ORIGIN[0]))
BLOCK_M = 120.0
NOISE_M, SPEED_NOISE, YAW_NOISE = 3.0, 0.01, math.radians(0.05)
PARKING_M = 60.0
OTHERS = 6
EVEN, HABIT = 0.5, 0.75
FEWEST = 3
CLOSE_M = 100.0


@dataclass(frozen=True)
class Trip:
    """One drive in metres about the origin: x east, y north, speed in m/s and yaw rate in rad/s, once a second."""

    xy: Array
    speed: Array
    yaw: Array

    def turned_round(self) -> Trip:
        """Give the same drive from its end: for drives home."""
        return Trip(self.xy[::-1], self.speed[::-1], -self.yaw[::-1])


def staircase(chance: np.random.Generator, start: Array, end: Array, angle: float) -> Trip:
    """Drive from one place to another along a grid of streets that is turned by an angle."""
    c, s = math.cos(angle), math.sin(angle)
    turn = np.array([[c, s], [-s, c]])
    here, there = turn @ start, turn @ end
    steps = np.rint((there - here) / BLOCK_M).astype(int)
    moves = np.concatenate([np.zeros(abs(steps[0]), dtype=int), np.ones(abs(steps[1]), dtype=int)])
    # Runs of streets, not a turn at each corner.
    blocks = np.array_split(moves[chance.permutation(len(moves))], max(1, len(moves) // 6))
    order = np.concatenate([np.sort(one) if chance.random() < EVEN else np.sort(one)[::-1] for one in blocks])
    unit = np.sign(steps)
    corners = np.concatenate(
        [[here], here + np.cumsum(np.where(order[:, None] == [0, 1], unit * BLOCK_M, 0.0), axis=0)]
    )
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
    pace = chance.uniform(8.0, 14.0)
    along = np.arange(0.0, max(lengths[-1], pace), pace)
    xy = np.stack([np.interp(along, lengths, corners[:, axis]) for axis in (0, 1)], axis=1)
    xy = xy @ turn
    legs = np.diff(xy, axis=0, append=xy[-1:])
    legs[-1] = legs[-2] if len(legs) > 1 else legs[-1]
    heading = np.unwrap(np.arctan2(legs[:, 1], legs[:, 0]))
    return Trip(xy, np.hypot(*legs.T), np.diff(heading, append=heading[-1]))


def commuter(chance: np.random.Generator, days: int) -> tuple[Array, list[Trip]]:
    """Make one home and its drives, all of them told from the home outwards."""
    angle = chance.uniform(0, math.pi / 2)
    home = chance.uniform(-10_000, 10_000, 2)

    def somewhere(least: float, most: float) -> Array:
        distance, direction = chance.uniform(least, most), chance.uniform(0, 2 * math.pi)
        return home + distance * np.array([math.cos(direction), math.sin(direction)])

    places = [somewhere(5_000, 20_000), *(somewhere(3_500, 12_000) for _ in range(OTHERS))]
    seeds = chance.integers(0, 1 << 62, len(places))
    trips = []
    for _ in range(days):
        goals = [0, 0] + ([int(chance.integers(1, len(places)))] * 2 if chance.random() < 1 / 3 else [])
        for goal in goals:
            parked = home + chance.uniform(-PARKING_M, PARKING_M) * np.array(
                [math.cos(angle), math.sin(angle)]
            )
            route = np.random.default_rng(seeds[goal]) if chance.random() < HABIT else chance
            trips.append(staircase(route, parked, places[goal], angle))
    return home, trips


def degrees(xy: Array) -> tuple[Array, Array]:
    """Give latitudes and longitudes of places in metres."""
    return ORIGIN[0] + xy[:, 1] / M_PER_DEGREE, ORIGIN[1] + xy[:, 0] / SCALE


def metres(latitude: Array, longitude: Array) -> Array:
    """Give places in metres of latitudes and longitudes."""
    return np.stack([(longitude - ORIGIN[1]) * SCALE, (latitude - ORIGIN[0]) * M_PER_DEGREE], axis=1)


@dataclass(frozen=True)
class Seen:
    """What is seen of one drive: where it comes into view, its heading there, and what streams are left before it."""

    first: Array
    heading: float
    speed_before: Array
    yaw_before: Array


Protection = Callable[[Trip, Array, bytes, np.random.Generator], Seen | None]


def from_index(trip: Trip, noisy: Array, at: int, *, streams: bool) -> Seen | None:
    """See a drive from a fix on; `streams` says that speed and yaw rate were left in before it."""
    if at >= len(noisy) - 8:
        return None
    step = noisy[at + 6] - noisy[at]
    left = at if streams else 0
    return Seen(noisy[at], math.atan2(step[1], step[0]), trip.speed[:left], trip.yaw[:left])


def squares(
    trip: Trip, noisy: Array, key: bytes, _chance: np.random.Generator, *, streams: bool = False
) -> Seen | None:
    """What carnet does: the square about each end and all that lies in it."""
    y, x = degrees(noisy)
    hidden = np.zeros(len(y), dtype=bool)
    for at in (0, -1):
        hidden |= hidden_square(float(y[at]), float(x[at]), key, *USUAL_M).holds(y, x)
    intervals = hidden_intervals(np.arange(len(y), dtype=np.int64), hidden)
    return from_index(trip, noisy, intervals[0][1] + 1, streams=streams)


def first_beyond(noisy: Array, distance: float) -> int:
    """Give the index of the first fix farther than so from the start."""
    far = np.hypot(*(noisy - noisy[0]).T) > distance
    return int(np.argmax(far)) if far.any() else len(noisy)


def nothing(trip: Trip, noisy: Array, _key: bytes, _chance: np.random.Generator) -> Seen | None:
    """No protection."""
    return from_index(trip, noisy, 0, streams=False)


def positions_only(trip: Trip, noisy: Array, key: bytes, chance: np.random.Generator) -> Seen | None:
    """The squares, but speed and yaw rate stay: what must not be done."""
    return squares(trip, noisy, key, chance, streams=True)


def fixed_circle(trip: Trip, noisy: Array, _key: bytes, _chance: np.random.Generator) -> Seen | None:
    """Fixed 500 m cut off: what must not be done."""
    return from_index(trip, noisy, first_beyond(noisy, 500.0), streams=False)


def fresh_random(trip: Trip, noisy: Array, _key: bytes, chance: np.random.Generator) -> Seen | None:
    """300 to 1,500 m, drawn anew for each drive: what must not be done."""
    return from_index(trip, noisy, first_beyond(noisy, chance.uniform(300, 1500)), streams=False)


def fresh_laplace(trip: Trip, noisy: Array, _key: bytes, chance: np.random.Generator) -> Seen | None:
    """Planar Laplace noise of 289 m on average, drawn anew: what must not be done."""
    moved = metres(*fresh_noise(*degrees(noisy[:1]), epsilon_of(289.0), chance))
    return Seen(moved[0], 0.0, trip.speed[:0], trip.yaw[:0])


def kept_laplace(trip: Trip, noisy: Array, key: bytes, _chance: np.random.Generator) -> Seen | None:
    """The same noise, remembered for each place of 500 m."""
    moved = metres(*remembered_noise(*degrees(noisy[:1]), epsilon_of(289.0), key, 500.0))
    return Seen(moved[0], 0.0, trip.speed[:0], trip.yaw[:0])


# The attacker's ways ------------------------------------------------------------------------------------------


def by_median(seen: list[Seen]) -> Array:
    """The middle of the places where drives come into view."""
    return np.median([one.first for one in seen], axis=0)


def by_circle(seen: list[Seen]) -> Array:
    """The centre of the circle that fits these places best (Kasa's least squares)."""
    p = np.array([one.first for one in seen])
    about = p.mean(axis=0)
    q = p - about
    solved, *_ = np.linalg.lstsq(np.c_[2 * q, np.ones(len(q))], (q**2).sum(axis=1), rcond=None)
    return about + solved[:2]


def by_square(seen: list[Seen]) -> Array:
    """The centre of the square of known size on whose sides these places lie best."""
    p = np.array([one.first for one in seen])
    half = (USUAL_M[1] - USUAL_M[0]) / 2 + USUAL_M[0]
    low, high = p.max(axis=0) - half, p.min(axis=0) + half
    # Every seen place lies outside or on the border: centres are tried about what the sides allow.
    grid = np.linspace(0, 1, 41)
    best, found = math.inf, p.mean(axis=0)
    for u in grid:
        for v in grid:
            centre = low + (high - low) * np.array([u, v])
            reach = np.abs(p - centre).max(axis=1)
            cost = float(np.median(np.abs(reach - half)))
            if cost < best:
                best, found = cost, centre
    return found


def by_reckoning(seen: list[Seen]) -> Array:
    """Speed and yaw rate integrated back from the first visible place, as far as they were left in."""
    ends = []
    for one in seen:
        headings = one.heading - np.cumsum(one.yaw_before[::-1])
        steps = one.speed_before[::-1, None] * np.stack([np.cos(headings), np.sin(headings)], axis=1)
        ends.append(one.first - steps.sum(axis=0))
    return np.median(ends, axis=0)


def by_extension(seen: list[Seen]) -> Array:
    """Straight back along the heading, by the middle of the distances that the rule knows."""
    back = sum(USUAL_M) / 2
    return np.median(
        [one.first - back * np.array([math.cos(one.heading), math.sin(one.heading)]) for one in seen], axis=0
    )


def by_crossing(seen: list[Seen]) -> Array:
    """Where the straight lines back along all headings come nearest to each other."""
    total, moment = np.zeros((2, 2)), np.zeros(2)
    for one in seen:
        across = np.array([-math.sin(one.heading), math.cos(one.heading)])
        total += np.outer(across, across)
        moment += across * (across @ one.first)
    return np.linalg.lstsq(total, moment, rcond=None)[0]


WAYS: dict[str, Callable[[list[Seen]], Array]] = {
    "median of first fixes": by_median,
    "circle fit": by_circle,
    "square fit, knowing the rule": by_square,
    "speed and yaw integrated back": by_reckoning,
    "straight back by the mean distance": by_extension,
    "crossing of headings": by_crossing,
}


def attack(
    protection: Protection, ways: list[str], subjects: int, days: int, seed: int
) -> tuple[dict[str, list[float]], int, int]:
    """Give the errors in metres of each way, and how many drives were seen of how many."""
    chance = np.random.default_rng(seed)
    errors: dict[str, list[float]] = {way: [] for way in ways}
    shown = of = 0
    for _ in range(subjects):
        home, trips = commuter(chance, days)
        key = chance.bytes(32)
        seen = []
        for trip in trips:
            noisy = trip.xy + chance.normal(0, NOISE_M, trip.xy.shape)
            rough = Trip(
                trip.xy,
                trip.speed * (1 + chance.normal(0, SPEED_NOISE, trip.speed.shape)),
                trip.yaw + chance.normal(0, YAW_NOISE, trip.yaw.shape),
            )
            one = protection(rough, noisy, key, chance)
            of += 1
            if one is not None:
                shown += 1
                seen.append(one)
        for way in ways:
            error = math.inf if len(seen) < FEWEST else float(np.hypot(*(WAYS[way](seen) - home)))
            errors[way].append(error)
    return errors, shown, of


def rows(subjects: int, days: int, seed: int = 1) -> list[Row]:
    """Run every protection against its ways; the first block is carnet's."""
    plan: list[tuple[str, Protection, list[str], float | None]] = [
        (f"trip_ends_m {USUAL_M[0]:.0f}-{USUAL_M[1]:.0f}, all streams", squares, list(WAYS), 0.01),
        ("remembered noise, 289 m", kept_laplace, ["median of first fixes"], None),
        ("control: nothing", nothing, ["median of first fixes"], None),
        ("control: squares, speed and yaw left in", positions_only, ["speed and yaw integrated back"], None),
        ("control: 500 m cut off", fixed_circle, ["median of first fixes", "circle fit"], None),
        ("control: 300-1500 m drawn anew", fresh_random, ["median of first fixes", "circle fit"], None),
        ("control: fresh noise, 289 m", fresh_laplace, ["median of first fixes"], None),
    ]
    made = []
    for name, protection, ways, bar in plan:
        count = subjects if bar is not None else max(20, subjects // 5)
        errors, shown, of = attack(protection, ways, count, days, seed)
        for way in ways:
            hits = sum(error <= CLOSE_M for error in errors[way])
            note = f"median error {np.median(errors[way]):.0f} m; {shown} of {of} drives seen"
            made.append(Row(f"home within 100 m | {name} | {way}", hits, count, bar, note))
    return made


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--subjects", type=int, default=1000)
    parser.add_argument("--days", type=int, default=20)
    asked = parser.parse_args()
    show(rows(asked.subjects, asked.days))


if __name__ == "__main__":
    main()

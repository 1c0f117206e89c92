"""Cells, noise, areas, GCJ-02 and trip ends: published values, properties, and what an attacker gets."""

from __future__ import annotations

import csv
import itertools
import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.deidentify import cells, trip_ends
from carnet.deidentify.laplace import epsilon_of, fresh_noise, remembered_noise
from carnet.deidentify.location_order import LocationOrder
from carnet.deidentify.seeded import uniform
from carnet.errors import InputError, RedactionError
from carnet.model.area import Area
from carnet.recognise.areas import distance_m, in_area, in_mainland_china, inside_ring, moved
from carnet.recognise.gcj02 import Positions, to_gcj02

KEY = bytes(range(32))
latitudes, longitudes = st.floats(-85, 85), st.floats(-180, 180)


def one(*values):
    return tuple(np.array([value], dtype=np.float64) for value in values)


@given(latitudes, longitudes, st.floats(10, 50_000))
def test_a_cell_is_as_wide_as_it_says(latitude, longitude, size):
    y, x = cells.to_squares(*one(latitude, longitude), size)
    assert cells.to_squares(y, x, size) == (y, x)
    # Half the diagonal of the widest cell: a row near the pole rounds its columns down.
    row, _ = cells.square_cell(*one(latitude, longitude), size)
    columns = cells._columns(row, size)[0]
    width = 360 / columns * math.cos(math.radians(abs(y[0]))) * cells.M_PER_DEGREE
    assert width >= size * 0.999
    assert distance_m(*one(latitude, longitude), (y[0], x[0]))[0] <= math.hypot(size, width * 1.1) / 2 + 1


@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 300))
@settings(max_examples=30)
def test_every_group_has_k_subjects(seed, k, count):
    chance = np.random.default_rng(seed)
    y, x = 48 + chance.normal(0, 0.05, count), 9 + chance.normal(0, 0.05, count)
    subject = chance.integers(0, 12, count)
    made = np.stack(cells.to_crowds(y, x, subject, k), axis=1)
    kept = ~np.isnan(made[:, 0])
    assert (np.isnan(made[:, 2]) == ~kept).all()
    for group in np.unique(made[kept], axis=0):
        assert len(set(subject[(made == group).all(axis=1)].tolist())) >= k
    if len(set(subject.tolist())) < k:
        assert not kept.any()


def test_a_car_that_stands_all_night_is_one_subject():
    y, x = np.full(500, 48.7), np.full(500, 9.1)
    assert np.isnan(cells.to_crowds(y, x, np.zeros(500, dtype=np.int64), 2)[0]).all()


def test_h3_cells_are_those_of_the_library():
    h3 = pytest.importorskip("h3", reason="the library h3 is not installed: left out")
    y, x = cells.to_h3(np.array([31.2304, 31.2304, -33.9]), np.array([121.4737, 121.4737, 18.4]), 8)
    assert (y[0], x[0]) == (y[1], x[1]) == h3.cell_to_latlng(h3.latlng_to_cell(31.2304, 121.4737, 8))
    assert (y[2], x[2]) == h3.cell_to_latlng(h3.latlng_to_cell(-33.9, 18.4, 8))
    with pytest.raises(RedactionError, match="0 to 15"):
        cells.to_h3(y, x, 16)


def test_noise_has_the_radius_that_the_article_gives_it():
    epsilon = epsilon_of(289.0)
    assert epsilon == pytest.approx(math.log(4) / 200, rel=0.005)
    y, x = np.full(40_000, 48.7), np.full(40_000, 9.1)
    made = fresh_noise(y, x, epsilon, np.random.default_rng(3))
    radius = np.sort(distance_m(*made, (48.7, 9.1)))
    # Gamma(2): the share below r is 1 - (1 + epsilon r) exp(-epsilon r).
    expected = 1 - (1 + epsilon * radius) * np.exp(-epsilon * radius)
    assert np.abs(expected - np.linspace(0, 1, len(radius))).max() < 0.01
    memory = np.array(
        [
            distance_m(*remembered_noise(*one(48.7, 9 + n / 10), epsilon, KEY, 500.0), (48.7, 9 + n / 10))[0]
            for n in range(400)
        ]
    )
    assert memory.mean() == pytest.approx(2 / epsilon, rel=0.25)


def test_remembered_noise_does_not_average_out():
    chance = np.random.default_rng(5)
    y, x = 48.7001 + chance.normal(0, 3e-5, 500), 9.1003 + chance.normal(0, 3e-5, 500)
    epsilon = epsilon_of(300.0)
    fresh, kept = fresh_noise(y, x, epsilon, chance), remembered_noise(y, x, epsilon, KEY, 500.0)
    assert distance_m(*one(*(np.median(axis) for axis in fresh)), (48.7001, 9.1003))[0] < 40
    assert len(set(zip(*(axis.tolist() for axis in kept), strict=True))) <= 2
    assert remembered_noise(y, x, epsilon, b"x" * 32, 500.0)[0][0] != kept[0][0]


def test_chance_is_fixed_by_key_use_and_place():
    assert uniform(KEY, "a", 1, 2) == uniform(KEY, "a", 1, 2)
    others = {
        uniform(KEY, "a", 1, 2),
        uniform(KEY, "a", 12),
        uniform(KEY, "b", 1, 2),
        uniform(b"y" * 32, "a", 1, 2),
    }
    assert len(others) == 4
    drawn = np.array([uniform(KEY, "u", n) for n in range(4000)]).ravel()
    assert drawn.mean() == pytest.approx(0.5, abs=0.02)
    with pytest.raises(ValueError, match="32 bytes"):
        uniform(b"short", "a", 1)


@pytest.mark.parametrize(
    ("latitude", "longitude", "inside"),
    [
        (31.1774, 121.5272, True),  # Shanghai
        (22.5438, 113.9123, True),  # Shenzhen, on the bay
        (20.04, 110.34, True),  # Haikou
        (43.82, 87.61, True),  # Urumqi
        (29.65, 91.14, True),  # Lhasa
        (38.91, 121.60, True),  # Dalian
        (22.302, 114.177, False),  # Hong Kong
        (22.308, 113.918, False),  # Hong Kong, the airport
        (22.19, 113.54, False),  # Macau
        (25.033, 121.565, False),  # Taipei
        (37.5665, 126.978, False),  # Seoul
        (47.92, 106.92, False),  # Ulaanbaatar
        (43.115, 131.88, False),  # Vladivostok
        (21.03, 105.85, False),  # Hanoi
        (50.11, 8.68, False),
    ],
)
def test_only_mainland_china_is_shifted(latitude, longitude, inside):
    assert in_mainland_china(*one(latitude, longitude))[0] == inside
    made = to_gcj02(Positions(*one(latitude, longitude)))
    shift = distance_m(made.latitude, made.longitude, (latitude, longitude))[0]
    assert 100 < shift < 1000 if inside else shift == 0


def test_published_pairs_agree(shared):
    with (shared / "data" / "gcj02" / "vectors.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 3
    for row in rows:
        made = to_gcj02(Positions(*one(float(row["wgs84_lat"]), float(row["wgs84_lon"]))))
        assert made.latitude[0] == pytest.approx(float(row["gcj02_lat"]), abs=float(row["tolerance_deg"]))
        assert made.longitude[0] == pytest.approx(float(row["gcj02_lon"]), abs=float(row["tolerance_deg"]))


def test_nothing_is_shifted_twice():
    made = to_gcj02(Positions(*one(31.1774, 121.5272)))
    with pytest.raises(RedactionError, match="GCJ-02 already"):
        to_gcj02(made)


SQUARE = ((0.0, 0.0), (0.0, 2.0), (2.0, 2.0), (2.0, 0.0))


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=1, max_size=50))
def test_a_ring_holds_what_lies_within(points):
    y, x = (np.array(axis) for axis in zip(*points, strict=True))
    expected = (y > 0) & (y < 2) & (x > 0) & (x < 2)
    edge = np.isin(y, [0, 2]) | np.isin(x, [0, 2])
    assert (inside_ring(y, x, SQUARE) == expected)[~edge].all()


def test_areas_across_the_meridian_and_until_a_day():
    area = Area(((10.0, 179.5), (10.0, -179.5), (11.0, -179.5), (11.0, 179.5)), until=date(2026, 12, 31))
    y, x = np.array([10.5, 10.5, 10.5, 10.5]), np.array([179.9, -179.9, 179.0, 0.0])
    assert in_area(area, y, x).tolist() == [True, True, False, False]
    assert area.applies(date(2026, 12, 31))
    assert not area.applies(date(2027, 1, 1))
    assert Area.from_json(area.to_json()) == area
    circle = Area(((48.7, 9.1),), 500.0)
    assert in_area(circle, *moved(*one(48.7, 9.1), *one(499.0, 0.0)))[0]
    assert not in_area(circle, *moved(*one(48.7, 9.1), *one(0.0, 501.0)))[0]
    assert Area.from_json(circle.to_json()) == circle


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"corners": [[1, 2]]},
        {"corners": [[1, 2], [3, 4]]},
        {"corners": [[91, 2]], "radius_m": 5},
        {"corners": [[1, 2]], "radius_m": -5},
        {"corners": [[1, 2]], "radius_m": 5, "until": "soon"},
        {"corners": [[1, 2]], "radius_m": 5, "name": "x"},
        {"corners": "here"},
        {"corners": [[0, -100], [0, 100], [50, 0]]},
    ],
)
def test_what_is_no_area_is_refused(form):
    with pytest.raises(InputError):
        Area.from_json(form)
    with pytest.raises(RedactionError):
        LocationOrder.from_json({"places": [form]})


@given(latitudes, longitudes, st.binary(min_size=32, max_size=32), st.floats(0, 1000), st.floats(500, 5000))
def test_a_hidden_square_keeps_its_distances(latitude, longitude, key, least, side):
    made = trip_ends.hidden_square(latitude, longitude, key, least, least + side)
    assert made == trip_ends.hidden_square(latitude, longitude, key, least, least + side)
    again = trip_ends.hidden_square(made.latitude, made.longitude, key, least, least + side)
    assert again.latitude == pytest.approx(made.latitude, abs=1e-9)
    for north, east in ((1, 0), (-1, 0), (0, 1), (0, -1), (0.7, 0.7)):
        near = moved(*one(latitude, longitude), *one(north * (least - 2), east * (least - 2)))
        assert made.holds(*near)[0] or least < 3
    for north, east in ((1, 0), (-1, 0)):
        far = moved(*one(latitude, longitude), *one(north * (least + side + 2), east))
        assert not made.holds(*far)[0]


def test_the_square_says_nothing_about_where_in_it_the_place_is():
    chance = np.random.default_rng(9)
    inside = []
    for _ in range(2000):
        made = trip_ends.hidden_square(48.7, 9.1, chance.bytes(32), 300.0, 2300.0)
        inside.append(
            ((48.7 - made.latitude) / made.half_latitude, (9.1 - made.longitude) / made.half_longitude)
        )
    spread = np.array(inside) * (1300 / 1000)
    assert np.abs(spread).max() <= 1.0001
    # Uniform over the inner square: mean 0, variance 1/3, and no link between the axes.
    assert np.abs(spread.mean(axis=0)).max() < 0.05
    assert spread.var(axis=0) == pytest.approx([1 / 3, 1 / 3], abs=0.03)
    assert abs(np.corrcoef(spread.T)[0, 1]) < 0.08


@pytest.mark.parametrize("distances", [(300.0, 300.0), (-1.0, 5.0), (0.0, math.inf), (math.nan, 5.0)])
def test_distances_that_hide_nothing_are_refused(distances):
    with pytest.raises(RedactionError, match="distance"):
        trip_ends.hidden_square(48.7, 9.1, KEY, *distances)


def test_stops_gaps_and_both_ends_are_trip_ends():
    t = np.concatenate([np.arange(0, 100), np.arange(100, 500), np.arange(1000, 1100)]) * 10**9
    y = np.concatenate([48 + np.arange(100) * 1e-4, np.full(400, 48.01), 48.05 + np.arange(100) * 1e-4])
    x = np.full(len(t), 9.0)
    ends = [round(place[0], 4) for place in trip_ends.trip_ends(t, y, x)]
    assert ends == [48.0, 48.01, 48.05, 48.0599]
    assert trip_ends.trip_ends(t[:0], y[:0], x[:0]) == ()


@given(st.lists(st.booleans(), max_size=40))
def test_intervals_hide_every_hidden_fix_and_no_other(hidden):
    t = np.arange(len(hidden), dtype=np.int64) * 1000
    made = trip_ends.hidden_intervals(t, np.array(hidden, dtype=bool))
    found = [any(first <= at <= last for first, last in made) for at in t.tolist()]
    assert found == hidden
    if hidden and hidden[0]:
        assert made[0][0] < -(10**18)
    for (_, before), (after, _) in itertools.pairwise(made):
        assert before < after

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.recognise import places
from carnet.recognise.places import MARGIN_KM, country_at, outlines


@pytest.mark.parametrize(
    ("latitude", "longitude", "country"),
    [
        (31.1204, 121.1981, "CN"),  # west of Shanghai
        (31.2304, 121.4737, "CN"),
        (37.7210, -122.4723, "US"),
        (50.1109, 8.6821, "DE"),
        (35.6812, 139.7671, "JP"),
        (51.5072, -0.1276, "GB"),
        (37.5665, 126.9780, "KR"),
        (-25.7479, 28.2293, "ZA"),
        (25.0330, 121.5654, "TW"),
        (0.0, -30.0, None),  # the Atlantic
        (47.5596, 7.5886, None),  # Basel, three countries
        (22.5333, 114.1333, None),  # the border of Shenzhen and Hong Kong
        (-29.3167, 27.4833, None),  # Maseru, on the border of a country within another
        (-29.6, 28.4, "LS"),
        (91.0, 0.0, None),
        (math.nan, 0.0, None),
    ],
)
def test_countries_of_known_places(latitude, longitude, country):
    assert places.country_at(latitude, longitude) == country


def test_changed_outlines_are_refused(monkeypatch):
    places._rings.cache_clear()
    monkeypatch.setattr(places, "DATA_SHA256", "0" * 64)
    with pytest.raises(places.InputError, match="outlines"):
        places.country_at(0, 0)
    monkeypatch.undo()
    places._rings.cache_clear()
    assert places.country_at(50.1109, 8.6821) == "DE"


def beside_every_edge(latitude, longitude):
    """The same answer, asked of every edge of every ring."""
    kx, ky = math.cos(math.radians(latitude)) * 111.195, 111.195
    within, near = {}, set()
    for ring in outlines():
        west, south, east, north = ring.box
        dy = MARGIN_KM / ky
        dx = dy / max(0.01, math.cos(math.radians(latitude)))
        if not (west - dx <= longitude <= east + dx and south - dy <= latitude <= north + dy):
            continue
        crossings, close = 0, False
        for (x0, y0), (x1, y1) in zip((ring.points[-1], *ring.points), ring.points, strict=False):
            if (y0 > latitude) != (y1 > latitude):
                crossings += longitude < (x1 - x0) * (latitude - y0) / (y1 - y0) + x0
            ax, ay = (x0 - longitude) * kx, (y0 - latitude) * ky
            ex, ey = (x1 - x0) * kx, (y1 - y0) * ky
            long = ex * ex + ey * ey
            share = 0.0 if long == 0 else max(0.0, min(1.0, -(ax * ex + ay * ey) / long))
            close = close or math.hypot(ax + share * ex, ay + share * ey) <= MARGIN_KM
        within[ring.code] = within.get(ring.code, 0) + crossings % 2
        near |= {ring.code} if close else set()
    found = {code for code, count in within.items() if count % 2} | near
    return found.pop() if len(found) == 1 else None


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
        st.tuples(st.floats(46, 49), st.floats(5, 14)),
        st.builds(
            lambda corner, a, b: (corner[1] + a, corner[0] + b),
            st.sampled_from(sorted({one for ring in outlines() for one in ring.points})),
            st.floats(-0.15, 0.15),
            st.floats(-0.15, 0.15),
        ).filter(lambda place: abs(place[0]) <= 90 and abs(place[1]) <= 180),
    )
)
def test_the_edges_near_a_point_say_what_all_of_them_say(place):
    assert country_at(*place) == beside_every_edge(*place)

from __future__ import annotations

import math

import pytest

from carnet.recognise import places


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

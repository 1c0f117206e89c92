"""Places in recordings, by order: what is hidden, what is rewritten, and what is left beside it."""

from __future__ import annotations

import io
import json
import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcap.reader import make_reader
from place_drives import HOME, START_NS, STORE, drive, line, nmea

from carnet.classify.describe import describe
from carnet.deidentify.location_order import Keys, LocationOrder
from carnet.deidentify.order import RedactionOrder, RedactionReport
from carnet.deidentify.position_streams import places_of_nmea, rewrite_nmea
from carnet.deidentify.redact import redact
from carnet.errors import RedactionError
from carnet.model.area import Area
from carnet.recognise.areas import distance_m

KEYS = Keys(subject=bytes(range(32)), scope=bytes(range(32, 64)))
TRACK = line(600)


@pytest.fixture(scope="module")
def recording():
    content = drive(*TRACK)
    return content, describe(io.BytesIO(content), name="drive.mcap", detect=False)


def run(recording, order, keys=KEYS):
    out = io.BytesIO()
    report = redact(io.BytesIO(recording[0]), out, order, name="drive.mcap", sheet=recording[1], keys=keys)
    return out.getvalue(), report


def rows(content):
    found = {}
    for _, channel, one in make_reader(io.BytesIO(content), validate_crcs=True).iter_messages():
        found.setdefault(channel.topic, []).append((one.log_time, one.data))
    return found


def fixes(content):
    made = [
        STORE.deserialize_cdr(data, "sensor_msgs/msg/NavSatFix") for _, data in rows(content)["/gnss/fix"]
    ]
    return np.array([one.latitude for one in made]), np.array([one.longitude for one in made]), made


metres = st.floats(1, 20_000, allow_nan=False)
areas = st.builds(
    Area,
    st.tuples(st.tuples(st.floats(-90, 90), st.floats(-180, 180))),
    st.floats(1, 100_000),
    st.none() | st.dates(date(2020, 1, 1), date(2040, 1, 1)),
)
orders = st.one_of(
    st.builds(LocationOrder, trip_ends_m=st.tuples(st.floats(0, 900), st.floats(1000, 9000)), stop_s=metres),
    st.builds(LocationOrder, places=st.lists(areas, min_size=1, max_size=3).map(tuple)),
    st.builds(LocationOrder, cell_m=metres, hold_s=metres),
    st.builds(LocationOrder, h3_resolution=st.integers(0, 15)),
    st.builds(LocationOrder, noise_m=metres, place_m=metres, datum=st.sampled_from([None, "GCJ-02"])),
)


@given(orders)
def test_an_order_about_places_reads_back(place):
    assert LocationOrder.from_json(json.loads(json.dumps(place.to_json()))) == place
    parts = {"trip_ends"} if place.trip_ends_m else set()
    parts |= {"sensitive_places"} if place.places else set()
    order = RedactionOrder(frozenset(parts), replace=frozenset({"vin"}), location=place)
    assert RedactionOrder.from_json(json.loads(json.dumps(order.to_json()))) == order


@pytest.mark.parametrize(
    ("form", "word"),
    [
        ({"location": {"cells": 3}}, "cells"),
        ({"location": {"cell_m": 100, "noise_m": 100}}, "one way"),
        ({"location": {"cell_m": -5}}, "above 0"),
        ({"location": {"cell_m": "wide"}}, "type"),
        ({"location": {"trip_ends_m": [300, 1500]}}, "trip_ends"),
        ({"location": {"trip_ends_m": [1500, 300]}, "remove": ["trip_ends"]}, "greater"),
        ({"location": {"trip_ends_m": [1, 2, 3]}, "remove": ["trip_ends"]}, "type"),
        ({"location": {"places": [{"corners": [[1, 2]], "radius_m": 5}]}}, "sensitive_places"),
        ({"location": {"datum": "BD-09"}}, "GCJ-02"),
        ({"location": {"cell_m": 100}, "remove": ["precise_location"]}, "removed or rewritten"),
        ({"location": [1]}, "mapping"),
        ({"remove": ["sensitive_places"]}, "none is named"),
        ({"replace": ["faces"]}, "faces"),
        ({"replace": ["vin"], "remove": ["vin"]}, "both"),
    ],
)
def test_an_order_about_places_that_cannot_be_is_refused(form, word):
    with pytest.raises(RedactionError, match=word):
        RedactionOrder.from_json(form)


def test_trip_ends_take_every_stream_along(recording):
    order = RedactionOrder(frozenset({"trip_ends"}), location=LocationOrder(trip_ends_m=(300.0, 2300.0)))
    made, report = run(recording, order)
    before, after = rows(recording[0]), rows(made)
    assert set(after) == set(before)
    times = {topic: [at for at, _ in found] for topic, found in after.items()}
    assert len({tuple(found) for found in times.values()}) == 1
    for topic, found in after.items():
        assert set(found) <= set(before[topic])
    y, x, _ = fixes(made)
    away = distance_m(y, x, HOME)
    assert 300 < away.min() < 2700
    end = distance_m(y, x, (float(TRACK[1][-1]), float(TRACK[2][-1])))
    assert 300 < end.min() < 2700
    assert report.outcome.location["trip_ends"] == 2
    assert report.outcome.location["hidden_intervals"] == 2
    assert report.to_json()["removed"] == ["trip_ends"]
    assert RedactionReport.from_json(report.to_json()) == report
    again, _ = run(recording, order)
    assert rows(again) == after
    other, _ = run(recording, order, Keys(subject=b"y" * 32))
    assert rows(other) != after


def test_trip_ends_are_hidden_where_positions_are_removed_too(recording):
    order = RedactionOrder(
        frozenset({"trip_ends", "precise_location"}), location=LocationOrder(trip_ends_m=(300.0, 2300.0))
    )
    made, _ = run(recording, order)
    after = rows(made)
    assert set(after) == {"/vehicle/speed_mps"}
    assert min(at for at, _ in after["/vehicle/speed_mps"]) > START_NS + 20 * 10**9


def test_a_sensitive_place_is_passed_unseen_until_its_day(recording):
    middle = (float(TRACK[1][300]), float(TRACK[2][300]))
    for until, hidden in ((None, True), (date(2020, 1, 1), False)):
        order = RedactionOrder(
            frozenset({"sensitive_places"}), location=LocationOrder(places=(Area((middle,), 500.0, until),))
        )
        made, report = run(recording, order)
        y, x, _ = fixes(made)
        assert bool(distance_m(y, x, middle).min() > 500) is hidden
        assert report.outcome.location["expired_places"] == (0 if hidden else 1)
        speeds = {at for at, _ in rows(made)["/vehicle/speed_mps"]}
        assert (START_NS + 300 * 10**9 not in speeds) is hidden


def test_generalised_positions_leave_nothing_finer_in_their_streams(recording):
    made, report = run(recording, RedactionOrder(location=LocationOrder(cell_m=1000.0)))
    assert report.outcome.removed_streams == ("/odom", "/receiver/obs")
    y, x, messages = fixes(made)
    t, true_y, true_x = TRACK
    for at, (latitude, longitude) in enumerate(zip(y, x, strict=True)):
        first = at // 60 * 60
        assert (
            distance_m(true_y[first : first + 1], true_x[first : first + 1], (latitude, longitude))[0] < 710
        )
    assert len(set(zip(y.tolist(), x.tolist(), strict=True))) <= 10
    assert all(math.isnan(one.altitude) for one in messages)
    assert [one.header.stamp.sec for one in messages] == (t // 10**9).tolist()
    for (_, data), latitude in zip(rows(made)["/app/place"], y.tolist(), strict=True):
        form = json.loads(data)
        assert form["position"] == {"lat": latitude, "lng": form["position"]["lng"], "alt": None}
        assert form["speed"] is None
    for (_, data), latitude, longitude in zip(rows(made)["/gnss/nmea"], y, x, strict=True):
        (place,) = places_of_nmea(STORE.deserialize_cdr(data, "std_msgs/msg/String").data)
        assert place == pytest.approx((latitude, longitude), abs=2e-6)
    done = report.outcome.location
    assert done["generalised"] == {"cell_m": 1000.0, "hold_s": 60.0}
    # The speed that stays draws the track's length: no accuracy is claimed.
    assert done["finer_from"] == ["driving.dynamics"]
    assert done["horizontal_accuracy_m"] is None
    assert report.to_json()["removed"] == []


def test_an_accuracy_is_claimed_where_nothing_finer_stays(recording):
    order = RedactionOrder(drop=("driving", "unknown"), location=LocationOrder(cell_m=1000.0))
    made, report = run(recording, order)
    assert set(rows(made)) == {"/gnss/fix", "/gnss/nmea"}
    assert report.outcome.location["horizontal_accuracy_m"] == 1000.0


def test_places_get_remembered_noise(recording):
    order = RedactionOrder(location=LocationOrder(noise_m=300.0, place_m=1000.0))
    one, other = run(recording, order)[0], run(recording, order)[0]
    assert rows(one) == rows(other)
    with pytest.raises(RedactionError, match="subject key"):
        run(recording, order, keys=None)


def test_positions_are_shifted_once():
    track = line(5, home=(31.1774276, 121.5272106))
    content = drive(*track)
    sheet = describe(io.BytesIO(content), name="drive.mcap", detect=False)
    order = RedactionOrder(location=LocationOrder(datum="GCJ-02"), drop=("driving", "unknown"))
    made, report = run((content, sheet), order)
    y, x, messages = fixes(made)
    assert y[0] == pytest.approx(31.17530398, abs=1e-5)
    assert x[0] == pytest.approx(121.53154186, abs=1e-5)
    assert messages[0].altitude == 412.5
    assert report.outcome.location["datum"] == "GCJ-02"
    sheet = describe(io.BytesIO(made), name="drive.mcap", detect=False)
    with pytest.raises(RedactionError, match="already"):
        run((made, sheet), order)


def test_a_recording_without_places_cannot_hide_them(recording):
    made, _ = run(recording, RedactionOrder(frozenset({"precise_location"})))
    sheet = describe(io.BytesIO(made), name="drive.mcap", detect=False)
    order = RedactionOrder(frozenset({"trip_ends"}), location=LocationOrder(trip_ends_m=(300.0, 2300.0)))
    with pytest.raises(RedactionError, match="nothing in the recording says"):
        run((made, sheet), order)


def test_a_picture_cannot_hide_where_it_was_taken(samples):
    content = (samples / "shanghai_drive" / "front_camera.mp4").read_bytes()
    sheet = describe(io.BytesIO(content), name="c.mp4", detect=False)
    order = RedactionOrder(frozenset({"trip_ends"}), location=LocationOrder(trip_ends_m=(300.0, 2300.0)))
    with pytest.raises(RedactionError, match="mp4"):
        redact(io.BytesIO(content), io.BytesIO(), order, name="c.mp4", sheet=sheet, keys=KEYS)


def test_a_vin_is_exchanged_in_names_and_texts_and_zero_on_the_bus(samples):
    vin = "L00CARNE3T0000000"
    name = f"drive_{vin}.mcap"
    content = (samples / "shanghai_drive" / name).read_bytes()
    sheet = describe(io.BytesIO(content), name=name, detect=False)
    order = RedactionOrder(replace=frozenset({"vin"}))
    out = io.BytesIO()
    report = redact(io.BytesIO(content), out, order, name=name, sheet=sheet, keys=KEYS)
    payloads = b"".join(data for found in rows(out.getvalue()).values() for _, data in found)
    assert vin.encode() not in payloads
    assert vin[:8].encode() not in payloads
    form = report.to_json()
    assert form["replaced"] == ["vin"]
    assert "vin" not in form["removed"]
    with pytest.raises(RedactionError, match="scope key"):
        redact(io.BytesIO(content), io.BytesIO(), order, name=name, sheet=sheet)


@given(st.floats(0.001, 89), st.floats(-179.9, -0.001))
def test_a_sentence_reads_back_and_loses_what_stands_beside(latitude, longitude):
    text = nmea(latitude, longitude)
    (place,) = places_of_nmea(text)
    assert place == pytest.approx((latitude, longitude), abs=2e-6)
    made = rewrite_nmea(text, lambda _: (12.5, -45.25))
    assert list(places_of_nmea(made)) == [pytest.approx((12.5, -45.25), abs=1e-6)]
    assert "022.4" not in made
    assert rewrite_nmea("$GPGSV,3,1,11,03,03,111,00*74", lambda place: place) == ""
    assert list(places_of_nmea(rewrite_nmea(text, lambda _: None))) == []


@given(st.text(max_size=60))
def test_no_text_breaks_the_sentences(text):
    assert isinstance(rewrite_nmea(text, lambda place: place), str)

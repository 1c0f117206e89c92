"""What positions meet: lines and areas against a dense sample, gaps, ground that no list covers, datum, time."""

from __future__ import annotations

import io
import json
import sys
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.classify.describe import describe
from carnet.classify.place_facts import tell_streams
from carnet.classify.places import NEAR_M, PlaceWatch
from carnet.errors import InputError, MissingExtraError
from carnet.formats.reader import BlockedReader, Reader, Stream
from carnet.model.factsheet import StreamFacts
from carnet.model.ids import DataClass
from carnet.model.place_list import place_list_of
from carnet.recognise.areas import M_PER_DEGREE
from carnet.recognise.gcj02 import Positions, to_gcj02

DAY = date(2026, 11, 22)
ALL = ["military", "defence_industry", "party_government"]
S = 10**9


def a_list(*places, **changes):
    form = {
        "sensitive_places": "v1",
        "id": "test",
        "author": "wang",
        "region": "US",
        "datum": "WGS-84",
        "covers": "region",
        "complete_for": ALL,
        "from": "2026-01-01",
        "until": "2026-12-31",
        "seen_within_m": 300,
        "places": [
            {"id": f"p-{at}", "kind": "military", "source": "a test", **one} for at, one in enumerate(places)
        ],
    }
    return place_list_of({**form, **changes}, "test")


def circle(latitude, longitude, radius=100.0, **more):
    return {"corners": [[latitude, longitude]], "radius_m": radius, **more}


def drive(watch, points, *, stream=0, seconds=1, datum_known=True):
    """Follow points of (latitude, longitude), one every so many seconds."""
    track = watch.track(stream, datum_known=datum_known)
    for at, point in enumerate(points):
        watch.now = (at * seconds * S + S, at * seconds * S + S)
        track.add(*point)
    watch.finish()
    return watch.own(stream)


# A street in Kansas: far from every border.
HOME = (38.9, -98.5)


def street(count=60, step=0.0002):
    return [(HOME[0], HOME[1] + at * step) for at in range(count)]


# What a track meets -----------------------------------------------------------------------------------------


def test_a_track_that_meets_nothing_on_covered_ground_says_none():
    told = drive(PlaceWatch([a_list(circle(38.95, -98.5))], DAY), street())
    assert told["sensitive_places"] is False
    assert told["military_area"] is False
    assert told["places_until"] == "2026-12-31"
    assert "places_unknown" not in told


def test_a_drive_through_between_two_samples_is_not_missed():
    # Half a minute apart: no sample lies in the place, the way does.
    watch = PlaceWatch([a_list(circle(HOME[0], HOME[1] + 0.003, 40))], DAY)
    told = drive(watch, [HOME, (HOME[0], HOME[1] + 0.006)], seconds=30)
    assert told["sensitive_places"] is True
    assert told["places_touched"] == ("test/p-0",)
    assert told["military_area"] is True


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 58), st.floats(0, 1), st.floats(5, 200))
def test_wherever_a_place_lies_on_the_way_it_is_met(at, share, radius):
    points = street()
    place = circle(HOME[0], points[at][1] + share * 0.0002, radius)
    told = drive(PlaceWatch([a_list(place)], DAY), points)
    assert told["sensitive_places"] is True


@settings(max_examples=60, deadline=None)
@given(st.floats(0.0, 3000.0), st.integers(0, 3))
def test_near_is_near_and_far_is_none(beside, kind):
    name = [*ALL, "other"][kind]
    place = circle(HOME[0] + (beside + 100) / M_PER_DEGREE, HOME[1] + 0.005, 100, kind=name)
    told = drive(PlaceWatch([a_list(place)], DAY), street())
    if beside < NEAR_M - 1:
        assert told["sensitive_places"] is True
        assert told["military_area"] is (name == "military")
    elif beside > NEAR_M + 1:
        assert told["sensitive_places"] is False


def test_a_gap_through_which_the_car_may_have_come_near_is_unknown():
    place = circle(HOME[0] + 0.01, HOME[1] + 0.005)
    points = [HOME, (HOME[0], HOME[1] + 0.0002), (HOME[0], HOME[1] + 0.01)]
    sure = drive(PlaceWatch([a_list(place)], DAY), street())
    track = PlaceWatch([a_list(place)], DAY)
    gap = drive(track, points, seconds=100)
    assert sure["sensitive_places"] is False
    assert "sensitive_places" not in gap
    assert "gap" in gap["places_unknown"]


def test_what_lies_beyond_the_list_is_unknown():
    abroad = [(48.1, 11.5 + at * 1e-4) for at in range(20)]
    assert "complete" in drive(PlaceWatch([a_list()], DAY), abroad)["places_unknown"]
    ground = {"covers": [{"corners": [[38.8, -98.6], [38.8, -98.4], [39.0, -98.4], [39.0, -98.6]]}]}
    assert drive(PlaceWatch([a_list(**ground)], DAY), street())["sensitive_places"] is False
    out = [(HOME[0], HOME[1] + at * 0.001) for at in range(200)]
    assert "complete" in drive(PlaceWatch([a_list(**ground)], DAY), out)["places_unknown"]


def test_none_needs_every_kind_that_law_asks_for():
    some = a_list(complete_for=["military"])
    told = drive(PlaceWatch([some], DAY), street())
    assert "sensitive_places" not in told
    assert told["military_area"] is False
    assert "defence_industry, party_government" in told["places_unknown"]
    rest = a_list(id="rest", complete_for=["defence_industry", "party_government"])
    both = drive(PlaceWatch([some, rest], DAY), street())
    assert both["sensitive_places"] is False
    assert len(both["places_lists"]) == 2


def test_days_of_lists_and_entries():
    here = circle(*HOME)
    expired = a_list(here, until="2026-11-21")
    assert "no list" in drive(PlaceWatch([expired], DAY), street())["places_unknown"]
    over = drive(PlaceWatch([a_list({**here, "until": "2026-11-21"})], DAY), street())
    assert over["sensitive_places"] is False
    last = drive(PlaceWatch([a_list({**here, "until": "2026-11-22"})], DAY), street())
    assert last["sensitive_places"] is True
    coming = drive(PlaceWatch([a_list({**here, "from": "2026-12-01"})], DAY), street())
    assert coming["sensitive_places"] is False
    assert coming["places_until"] == "2026-11-30"


def test_a_datum_that_nothing_fixes_leaves_a_shift_in_china():
    home = (34.0, 108.9)
    points = [(home[0], home[1] + at * 1e-4) for at in range(50)]
    place = circle(home[0] + 0.006, home[1] + 0.003)
    lists = [a_list(place, region="CN")]
    assert drive(PlaceWatch(lists, DAY), points)["sensitive_places"] is False
    told = drive(PlaceWatch(lists, DAY), points, datum_known=False)
    assert "sensitive_places" not in told
    assert "datum" in told["places_unknown"]


def test_a_list_in_gcj02_is_undone():
    home = (34.0, 108.9)
    shifted = to_gcj02(Positions(np.array([home[0]]), np.array([home[1]])))
    place = circle(float(shifted.latitude[0]), float(shifted.longitude[0]), 20)
    points = [(home[0], home[1] + at * 1e-4) for at in range(20)]
    for datum, met in (("GCJ-02", True), ("WGS-84", False)):
        told = drive(PlaceWatch([a_list(place, region="CN", datum=datum)], DAY), points)
        assert told["sensitive_places"] is met


def test_many_at_once_say_what_one_by_one_says():
    places = [circle(HOME[0] + 0.0007 * (at % 7 - 3), HOME[1] + 0.01 * at, 30) for at in range(40)]
    points = [(HOME[0], HOME[1] + 0.0001 * at) for at in range(9000)]
    lists = [a_list(*places)]
    one = drive(PlaceWatch(lists, DAY), points)
    watch = PlaceWatch(lists, DAY)
    track = watch.track(0, datum_known=True)
    for start in range(0, 9000, 700):
        y, x = np.array(points[start : start + 700]).T
        track.add_many(y, x, np.arange(start, start + len(y)) * S + S)
    watch.finish()
    assert watch.own(0) == one
    assert len(one["places_touched"]) > 3


def test_over_the_180th_meridian():
    area = {"corners": [[-17.1, 179.9], [-17.1, -179.9], [-16.9, -179.9], [-16.9, 179.9]]}
    points = [(-17.0, (179.8 + at * 0.001 + 180) % 360 - 180) for at in range(400)]
    told = drive(PlaceWatch([a_list(area, region="FJ")], DAY), points)
    assert told["sensitive_places"] is True


# Beside pictures --------------------------------------------------------------------------------------------


def test_pictures_are_told_by_the_positions_at_their_time():
    watch = PlaceWatch([a_list(circle(HOME[0] + 0.003, HOME[1] + 0.001, 50))], DAY)
    # 200 s at some 17 m/s: the place is seen at the start alone.
    told = drive(watch, street(200))
    assert told["sensitive_places"] is False
    way = frozenset({0})
    early = watch.seen_beside(1 * S, 20 * S, still=False, vehicles=way)
    late = watch.seen_beside(150 * S, 190 * S, still=False, vehicles=way)
    after = watch.seen_beside(150 * S, 400 * S, still=False, vehicles=way)
    assert early["places_touched"] == ("test/p-0",)
    assert late["sensitive_places"] is False
    assert "time" in after["places_unknown"]
    nobody = watch.seen_beside(150 * S, 190 * S, still=False, vehicles=frozenset())
    assert "sensitive_places" not in nobody


# Whole files ------------------------------------------------------------------------------------------------


def test_a_real_drive_and_its_camera(shared):
    source = shared / "data" / "recordings" / "comma2k19_rav4_first40s.mcap"
    # A block of San Francisco across the drive, one a kilometre away, and the ground of the city.
    across = {"corners": [[37.7235, -122.48], [37.7245, -122.48], [37.7245, -122.46], [37.7235, -122.46]]}
    away = circle(37.735, -122.47, 50)
    facts = {}
    for name, places in (("across", [across]), ("away", [away]), ("none", [])):
        with source.open("rb") as file:
            sheet = describe(file, name="drive.mcap", detect=False, places=[a_list(*places)], day=DAY)
        facts[name] = {one.name: one.facts for one in sheet.streams}
    for stream in ("/gnss/fix", "/camera/front/image/compressed"):
        assert facts["across"][stream]["places_touched"] == ("test/p-0",)
        assert facts["away"][stream].get("sensitive_places") is False, stream
        assert facts["none"][stream].get("sensitive_places") is False
    assert "places_lists" not in facts["across"]["/imu/data_raw"]
    text = json.dumps(sheet.to_json())
    assert "37.72" not in text
    assert "122.4" not in text


def test_a_real_gpx_by_foot_and_car(shared):
    source = shared / "data" / "gnss" / "around_visnjan_with_car.gpx"
    on = circle(45.2734133229, 13.7141885050, 10)
    for place, met in ((on, True), (circle(45.6, 13.9), False)):
        with source.open("rb") as file:
            covers = [circle(45.27, 13.71, 90_000)]
            sheet = describe(file, name="a.gpx", places=[a_list(place, region="HR", covers=covers)], day=DAY)
        (facts,) = [one.facts for one in sheet.streams if "points" in one.facts]
        assert facts.get("sensitive_places") is met


def test_without_a_list_nothing_is_said(shared):
    with (shared / "data" / "gnss" / "around_visnjan_with_car.gpx").open("rb") as file:
        sheet = describe(file, name="a.gpx")
    assert not any("place" in name for one in sheet.streams for name in one.facts)


def test_a_list_is_asked_on_a_day():
    with pytest.raises(InputError, match="on a day"):
        describe(io.BytesIO(b"x"), name="x", places=[a_list()])


def test_without_numpy_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "carnet.classify.places", None)
    with pytest.raises(MissingExtraError, match="sensitive places"):
        describe(io.BytesIO(b"a text\n"), name="x", places=[a_list()], day=DAY)
    assert describe(io.BytesIO(b"a text\n"), name="x").state == "read"


def table(rows):
    return io.BytesIO(
        ("latitude,longitude,speed\n" + "".join(f"{y:.7f},{x:.7f},3\n" for y, x in rows)).encode()
    )


def test_a_table_of_positions():
    rows = street(120)
    for place, met in ((circle(*rows[60]), True), (circle(HOME[0] + 0.1, HOME[1]), False)):
        sheet = describe(table(rows), name="a.csv", places=[a_list(place)], day=DAY)
        assert sheet.streams[0].facts["sensitive_places"] is met


def test_a_file_that_was_read_partly_never_says_none(shared):
    data = (shared / "data" / "recordings" / "comma2k19_rav4_first40s.mcap").read_bytes()
    cut = io.BytesIO(data[: len(data) * 4 // 5])
    sheet = describe(cut, name="a.mcap", detect=False, places=[a_list()], day=DAY)
    assert sheet.state.value == "partly"
    (facts,) = [one.facts for one in sheet.streams if "points" in one.facts]
    assert "sensitive_places" not in facts
    assert "wholly" in facts["places_unknown"]


# Places beside the streams ----------------------------------------------------------------------------------


def jpeg_at(latitude, longitude):
    """A picture with a place in its EXIF: whole degrees and minutes, seconds in hundredths (CIPA DC-008)."""
    cv2 = pytest.importorskip("cv2", reason="the extra 'vision' is not installed: pictures are left out")
    import struct

    def fractions(value):
        whole = round(abs(value) * 360_000)
        return struct.pack("<6I", whole // 360_000, 1, whole % 360_000 // 6000, 1, whole % 6000, 100)

    entries = struct.pack("<HHII", 0x8825, 4, 1, 26)
    gps = struct.pack("<H", 4)
    gps += struct.pack("<HHI4s", 1, 2, 2, b"N\0\0\0" if latitude >= 0 else b"S\0\0\0")
    gps += struct.pack("<HHII", 2, 5, 3, 80)
    gps += struct.pack("<HHI4s", 3, 2, 2, b"E\0\0\0" if longitude >= 0 else b"W\0\0\0")
    gps += struct.pack("<HHII", 4, 5, 3, 104)
    body = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1) + entries + bytes(4) + gps + bytes(4)
    tiff = body.ljust(80, b"\0") + fractions(latitude) + fractions(longitude)
    block = b"Exif\0\0" + tiff
    data = cv2.imencode(".jpg", np.full((40, 60, 3), 120, np.uint8))[1].tobytes()
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]


@pytest.mark.parametrize(("latitude", "longitude"), [HOME, (-33.5, -70.6), (48.1, 11.5)])
def test_a_picture_is_told_by_its_exif(latitude, longitude):
    data = jpeg_at(latitude, longitude)
    ground = {"covers": [circle(latitude, longitude, 90_000)]}
    for place, met in (
        (circle(latitude + 0.003, longitude), True),
        (circle(latitude + 0.1, longitude), False),
    ):
        sheet = describe(
            io.BytesIO(data), name="a.jpg", detect=False, places=[a_list(place, **ground)], day=DAY
        )
        assert sheet.streams[0].facts["sensitive_places"] is met
        (beside,) = [dict(one.facts) for one in sheet.outside if one.data == "location.position"]
        assert beside["sensitive_places"] is False, (
            "the camera itself stood 230 m beyond the edge, or farther"
        )
        again = type(sheet).from_json(json.loads(json.dumps(sheet.to_json())))
        assert again == sheet
    inside = a_list(circle(latitude, longitude, 30), **ground)
    sheet = describe(io.BytesIO(data), name="a.jpg", detect=False, places=[inside], day=DAY)
    assert all(
        dict(one.facts)["sensitive_places"] for one in sheet.outside if one.data == "location.position"
    )


def test_a_video_with_one_place_in_its_header_stays_unknown_elsewhere(samples):
    data = (samples / "shanghai_drive" / "front_camera.mp4").read_bytes()
    for place, told in (((31.1204, 121.1981), True), ((31.5, 121.2), None)):
        lists = [a_list(circle(*place, 300), region="CN")]
        sheet = describe(io.BytesIO(data), name="a.mp4", detect=False, places=lists, day=DAY)
        beside = [dict(one.facts) for one in sheet.outside if one.data == "location.position"]
        # The atom `loci` and both texts of the container say the same place.
        assert [one.get("sensitive_places") for one in beside] == [told is True] * 3
        assert sheet.streams[0].facts.get("sensitive_places") is told


def test_what_others_drove_says_nothing_of_our_camera():
    reader = DescribedReader()
    camera = Stream("camera", "pictures", number=1)
    for data, told in (
        (("location.trajectory",), False),
        (("location.trajectory", "traffic.roadside"), None),
        (("location.destination", "location.trajectory"), None),
    ):
        watch = PlaceWatch([a_list()], DAY)
        track = watch.track(0, datum_known=True)
        for at, point in enumerate(street(200)):
            watch.now = (at * S + S, at * S + S)
            track.add(*point)
        facts = [
            StreamFacts("others", "messages", None, 200, (), tuple(map(DataClass, data))),
            StreamFacts("camera", "pictures", None, 9, (), (DataClass("image.exterior"),)),
        ]
        spans = [(Stream("others", "messages"), S, 200 * S), (camera, 10 * S, 100 * S)]
        tell_streams(watch, reader, spans, facts)
        assert facts[1].facts.get("sensitive_places") is told


class DescribedReader(BlockedReader):
    """A reader that has read everything."""

    def __init__(self):
        Reader.__init__(self)


# Samples ----------------------------------------------------------------------------------------------------


def wandering(count):
    """A way that never stands still, some 20 m a step."""
    turns = np.cumsum(np.random.default_rng(7).normal(0, 0.05, count))
    return HOME[0] + np.cumsum(1e-4 * np.cos(turns)), HOME[1] + np.cumsum(1e-4 * np.sin(turns))


def as_ndjson(latitudes, longitudes):
    return "\n".join(json.dumps({"u": y, "v": x}) for y, x in zip(latitudes, longitudes, strict=True))


def as_csv(latitudes, longitudes):
    return "u,v\n" + "\n".join(f"{y:.7f},{x:.7f}" for y, x in zip(latitudes, longitudes, strict=True))


@pytest.mark.parametrize("form", [as_ndjson, as_csv])
def test_positions_under_innocent_names_are_followed_to_their_end(form):
    latitudes, longitudes = wandering(21_500)
    data = form(latitudes.tolist(), longitudes.tolist()).encode()
    box = {"covers": [{"corners": [[30, -110], [30, -85], [48, -85], [48, -110]]}]}
    for place, met in ((circle(latitudes[-1], longitudes[-1], 20), True), (circle(31, -109), False)):
        sheet = describe(io.BytesIO(data), name="a", places=[a_list(place, **box)], day=DAY)
        (facts,) = [one.facts for one in sheet.streams if "points" in one.facts]
        assert facts["points"] == 21_500
        assert facts.get("sensitive_places") is met


@pytest.mark.parametrize("form", [as_ndjson, as_csv])
def test_what_moves_after_a_long_stand_is_found_and_never_said_to_be_all(form):
    latitudes, longitudes = (np.concatenate((np.full(25_000, line[0]), line)) for line in wandering(500))
    data = form(latitudes.tolist(), longitudes.tolist()).encode()
    box = {"covers": [{"corners": [[30, -110], [30, -85], [48, -85], [48, -110]]}]}
    sheet = describe(io.BytesIO(data), name="a", places=[a_list(circle(31, -109), **box)], day=DAY)
    (facts,) = [one.facts for one in sheet.streams if "points" in one.facts]
    assert facts["points"] >= 500
    assert "sensitive_places" not in facts


def test_a_table_is_followed_to_its_end():
    latitudes, longitudes = wandering(21_500)
    arrow = pytest.importorskip("pyarrow", reason="the extra 'tables' is not installed")
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra 'tables' is not installed")
    file = io.BytesIO()
    parquet.write_table(arrow.table({"u": latitudes, "v": longitudes}), file)
    data, end = file.getvalue(), (float(latitudes[-1]), float(longitudes[-1]))
    box = {"covers": [{"corners": [[30, -110], [30, -85], [48, -85], [48, -110]]}]}
    for place, met in ((circle(*end, 20), True), (circle(31, -109), False)):
        sheet = describe(io.BytesIO(data), name="a.parquet", places=[a_list(place, **box)], day=DAY)
        assert sheet.streams[0].facts["points"] == 21_500
        assert sheet.streams[0].facts.get("sensitive_places") is met


def test_a_list_in_a_message_is_no_whole_line():
    record = {"way": [{"latitude": HOME[0], "longitude": HOME[1] + at * 1e-4} for at in range(9)]}
    data = "\n".join(json.dumps(record) for _ in range(3)).encode()
    sheet = describe(io.BytesIO(data), name="a.ndjson", places=[a_list()], day=DAY)
    told = [one.facts.get("sensitive_places") for one in sheet.streams if "location" in " ".join(one.data)]
    assert told
    points = max(one.facts.get("points", 0) for one in sheet.streams)
    assert points >= 27 or False not in told


def test_an_approximate_place_of_a_receiver_touches_and_is_never_said_to_be_clear():
    header = [
        ("     3.04           OBSERVATION DATA    M", "RINEX VERSION / TYPE"),
        ("  4075580.3111   931854.0543  4801568.2808", "APPROX POSITION XYZ"),
        ("", "END OF HEADER"),
    ]
    body = ["> 2026 01 01 00 00  0.0000000  0  1", "G05  23190230.912 5 121866233.112 5"]
    data = "\n".join([f"{text:60}{label}" for text, label in header] + body).encode()
    ground = {"region": "DE", "covers": [circle(49.14, 12.88, 90_000)]}
    for place, met in ((circle(49.1442, 12.8789), True), (circle(49.5, 12.8789), None)):
        sheet = describe(io.BytesIO(data), name="a.23o", places=[a_list(place, **ground)], day=DAY)
        (beside,) = [dict(one.facts) for one in sheet.outside if one.data == "location.position"]
        assert beside.get("sensitive_places") is met
        assert "sensitive_places" not in sheet.streams[0].facts, "its ranges are not followed"

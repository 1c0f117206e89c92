"""The report of a scan: what it says is what the lawbook and the fact sheets say, and nothing of the data."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser

import pytest
from typer.testing import CliRunner

from carnet.classify.track import Track
from carnet.law.lawbook import load_lawbook
from carnet.model.factsheet import Certainty, FactSheet, FieldClass, ReadState, StreamFacts
from carnet.model.ids import Country, DataClass
from carnet.service.cli.scan import app
from carnet.service.cli.scan_text import MEANINGS
from carnet.service.pages.scan_html import scan_html
from carnet.service.pages.scan_plots import sizes_by_day
from carnet.service.scan_law import RegionLaw
from carnet.service.scan_report import scan_page

pytest.importorskip("cantools", reason="the extra 'recordings' is not installed: the report is left out")

BEGAN, ENDED = datetime(2026, 11, 22, 8, 0, tzinfo=UTC), datetime(2026, 11, 22, 8, 5, tzinfo=UTC)
VIN = "L00CARNE3T0000000"


@pytest.fixture(scope="module")
def book():
    return load_lawbook()


def sheet(*data, state=ReadState.READ, reason=None, name="stream", size=1000, **facts):
    fields = tuple(FieldClass("x", DataClass(one), Certainty.LIKELY, ("field:x",)) for one in data)
    stream = StreamFacts(name, "messages", None, 3, fields, tuple(map(DataClass, data)), facts)
    return FactSheet("mcap", size, state, reason, None, (stream,) if data else (), (), ())


def written(*items, region="CN", vehicles=None):
    shown = scan_page(
        items, region=region, vehicles=vehicles, began=BEGAN, ended=ENDED, hashed=False, meanings=MEANINGS
    )
    return scan_html(shown)


class Balanced(HTMLParser):
    """Fails where a tag is closed that is not open."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.links = []

    def handle_starttag(self, tag, attributes):
        if tag not in {"meta", "path", "rect", "circle", "br", "use", "polyline", "wbr"}:
            self.open.append(tag)
        self.links += [value for name, value in attributes if name in {"href", "src"}]
        assert "style" not in dict(attributes)

    def handle_startendtag(self, tag, attributes):
        assert tag
        self.links += [value for name, value in attributes if name in {"href", "src"}]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_sample_as_a_user_reports_it(samples, tmp_path):
    out = tmp_path / "report.html"
    run = CliRunner().invoke(
        app, [str(samples / "shanghai_drive"), "--region", "CN", "--vehicles", "1", "--html", str(out)]
    )
    assert run.exit_code == 0, run.output
    page = out.read_text("utf-8")
    assert "As it lies, this cannot leave China without a security assessment." in page
    assert VIN not in page
    assert "drive_vehicle.mcap" in page
    assert "/gnss/fix" in page
    assert not re.search(r"https?://|<script|@import|url\((?![#)])", page)
    reader = Balanced()
    reader.feed(page)
    assert reader.open == []
    assert all(one.startswith("#") for one in reader.links)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page
    assert not (tmp_path / "report.html.partial").exists()
    assert "No track of two kilometres or more" in page


def test_a_track_is_drawn_without_its_place(tmp_path):
    points = "".join(f'<trkpt lat="{31 + at / 1000}" lon="121.4737"/>' for at in range(400))
    gpx = f'<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>{points}</trkseg></trk></gpx>'
    (tmp_path / "drive.gpx").write_text(gpx, "utf-8")
    out = tmp_path / "r.html"
    run = CliRunner().invoke(app, [str(tmp_path / "drive.gpx"), "--html", str(out), "--json"])
    assert run.exit_code == 0, run.output
    assert "sketch" not in run.stdout
    page = out.read_text("utf-8")
    assert re.search(r'<polyline class="line"[^>]* points="0,100 ', page)
    assert "121.4" not in page


def test_the_json_keeps_no_shape_of_a_track(samples):
    run = CliRunner().invoke(app, [str(samples / "shanghai_drive"), "--json"])
    assert "sketch" not in run.stdout
    assert '"km"' in run.stdout


@pytest.mark.parametrize(
    ("data", "facts", "found"),
    [
        (("image.exterior",), {"faces_px_max": 40, "plates_px_max": 0}, "important"),
        (("image.exterior",), {"faces_px_max": 31, "plates_px_max": 15}, "undecided"),
        (("ranging.radar",), {}, "ordinary"),
        (("location.trajectory",), {}, "undecided"),
        (("unknown",), {}, "undecided"),
    ],
)
def test_a_file_is_what_the_lawbook_says(book, data, facts, found):
    law = RegionLaw(Country("CN"), book, date(2026, 11, 22))
    assert law.standing(sheet(*data, **facts)).strictest == found


def test_how_many_vehicles_there_are_decides_what_a_fleet_is(book):
    few = RegionLaw(Country("CN"), book, date(2026, 11, 22), 99_999)
    many = RegionLaw(Country("CN"), book, date(2026, 11, 22), 100_000)
    nobody = RegionLaw(Country("CN"), book, date(2026, 11, 22))
    speeds = sheet("driving.dynamics")
    assert "vehicles" in nobody.standing(speeds).unknown
    assert "vehicles" not in few.standing(speeds).unknown
    assert many.standing(speeds).strictest == "important"
    truths = {one.rule.id: one.truth for one in many.tests([speeds])}
    assert truths["cn/guide_2026/g9"] is True
    assert {one.rule.id: one.truth for one in few.tests([speeds])}["cn/guide_2026/g9"] is False


def test_without_people_places_and_numbers_a_speed_is_ordinary(book):
    law = RegionLaw(Country("CN"), book, date(2026, 11, 22), 1)
    standing = law.standing(sheet("driving.dynamics", "location.trajectory", "vehicle_id.vin"))
    assert standing.without == ("ordinary",)
    assert set(standing.parts) == {"location.*", "vehicle_id.*", "vin"}


def test_a_blocked_file_is_blocked_and_says_what_to_do():
    page = written(
        ("a.bin", sheet(state=ReadState.BLOCKED, reason="it is encrypted")), ("r", sheet("ranging.radar"))
    )
    assert "Some of it could not be read" in page
    assert "it is encrypted" in page
    assert "Ask for the key" in page
    assert "1 file, 1.0 kB" in page


def test_names_and_reasons_that_are_no_text_of_ours_stay_text():
    page = written(
        ("<script>alert(1)</script>.mcap", sheet("ranging.radar", name="<img src=x onerror=y>")),
        ("b", sheet(state=ReadState.PARTLY, reason="<b>lost</b>")),
    )
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;b&gt;lost" in page


def test_without_a_region_nothing_is_said_of_law():
    page = written(("a", sheet("location.position", countries=("CN", "DE"))), region=None)
    assert "Important data" not in page
    assert "nobody has said where it was recorded" in page
    assert page.count('class="oval"') == 2
    assert "not asked" in page
    assert written(("a", sheet("location.position")), region="BR").count("nobody has said where") == 1


def test_a_report_that_cannot_be_written_says_so(samples, tmp_path):
    from carnet.errors import UnreadableError

    run = CliRunner().invoke(
        app, [str(samples / "shanghai_drive" / "vehicle.dbc"), "--html", str(tmp_path / "no" / "r.html")]
    )
    assert isinstance(run.exception, UnreadableError)


def test_a_shape_has_neither_place_nor_ends():
    track = Track()
    for at in range(400):
        track.add(31.0 + at * 0.001, 121.0 + (at % 40) * 0.0002)
    assert track.km > 40
    points = [tuple(map(int, one.split(","))) for one in track.sketch().split()]
    assert max(max(one) for one in points) == 100
    assert min(min(one) for one in points) == 0
    moved = Track()
    for at in range(400):
        moved.add(11.0 + at * 0.001, 21.0 + (at % 40) * 0.0002)
    assert len(moved.sketch().split()) == len(points)
    short = Track()
    for at in range(100):
        short.add(31.0 + at * 0.0001, 121.0)
    assert short.sketch() is None


def test_plots_of_many_years_and_of_none():
    ns = 10**9
    early, late = 946_684_900 * ns, 1_764_000_000 * ns
    page = written(
        ("a", sheet("ranging.radar", start_ns=early, end_ns=early)),
        ("b", sheet("ranging.radar", start_ns=late, end_ns=late)),
    )
    assert "size by year" in page
    assert "No stream tells the day" in written(("a", sheet("ranging.radar")))


def test_sensitive_places_are_shown_by_name_and_would_be_taken_out(book):
    held = {"places_lists": ("cn-sh@00",), "places_until": "2026-12-31"}
    drive = sheet("image.exterior", sensitive_places=True, places_touched=("cn-sh/p-1",), **held)
    clear = sheet("image.exterior", sensitive_places=False, military_area=False, **held)
    open_ = sheet("ranging.lidar", places_unknown="no position stands beside it", **held)
    standing = RegionLaw(Country("CN"), book, date(2026, 11, 22), 1).standing(drive)
    assert standing.strictest == "important"
    assert "sensitive_places" in standing.parts
    assert "important" not in standing.without
    lidar = sheet("ranging.lidar", sensitive_places=True, places_touched=("cn-sh/p-1",), **held)
    after = RegionLaw(Country("CN"), book, date(2026, 11, 22), 1).standing(lidar)
    assert after.parts == ("sensitive_places",)
    page = written(("a.mcap", drive), ("b.mcap", clear), ("c.pcd", open_))
    assert "cn-sh/p-1" in page
    assert "No position stands beside it" in page
    assert page.count("敏感区域") == 1
    Balanced().feed(page)
    assert "敏感区域" not in written(("b.mcap", sheet("image.exterior")))


def test_a_no_for_one_content_never_stands_for_all(book):
    law = RegionLaw(Country("CN"), book, date(2026, 11, 22), 1)
    clear = sheet("location.position", sensitive_places=False, military_area=False)
    open_ = sheet("location.trajectory")
    for both in ([clear, open_], [open_, clear]):
        (one,) = (test for test in law.tests(both) if test.rule.title.startswith("Sensitive places, where"))
        assert one.truth is False
        assert all(asked.used is None for asked in one.used)


def test_tracks_from_elsewhere_have_a_law_of_their_own():
    says = "has another country of origin"
    assert says in written(("a", sheet("location.trajectory", countries=("CN", "DE"))))
    assert says not in written(("a", sheet("location.trajectory", countries=("CN",))))
    german = written(("a", sheet("location.trajectory", countries=("CN",))), region="DE")
    assert says in german
    assert ">DE</abbr>, said by the caller" in german


def test_a_wider_class_is_said_to_be_one_that_may_hold_it():
    page = written(("m.geojson", sheet("map")))
    assert "map occurs, and may be map.sensitive_place" in page
    assert "the ground itself" in page
    assert "map.sensitive_place occurs" in written(("m.geojson", sheet("map.sensitive_place")))


def test_what_is_not_named_is_counted(monkeypatch):
    monkeypatch.setattr("carnet.service.pages.scan_html._FACTS", 3)
    page = written(("a.mcap", sheet("image.exterior")), ("b.dbc", sheet("design.drawing")))
    named = page.partition("Nobody has said, and it would decide")[2].partition("</ul>")[0]
    assert named.count("<b>") == 3
    assert re.search(r"and [1-9]\d* other facts</li>$", named)


def test_streams_under_one_name_and_long_names():
    page = written(("a.json", sheet("body", "energy.battery", name="records")))
    assert page.count('<th scope="row" class="mono again">″</th>') == 1
    long = "schema:OpenDRIVE.header.geoReference"
    fields = (FieldClass("x", DataClass("map.road"), Certainty.LIKELY, (long, "a&b." + "c" * 30)),)
    stream = StreamFacts("s", "messages", None, 3, fields, (DataClass("map.road"),), {})
    page = written(("e.xodr", FactSheet("opendrive", 9, ReadState.READ, None, None, (stream,), (), ())))
    assert "schema:<wbr>OpenDRIVE.<wbr>header.<wbr>geoReference; a&amp;b." in page
    assert long in page.replace("<wbr>", "")


@pytest.mark.parametrize(
    ("days", "says", "amount"),
    [
        ((date(2026, 5, 1), date(2026, 5, 31)), "size by day, May 2026", "4.0 kB"),
        ((date(2026, 1, 3), date(2026, 5, 3)), "size by month, January 2026 to May 2026", "4.0 kB"),
        ((date(2000, 1, 3), date(2040, 5, 3)), "size by year", "4.0 kB"),
    ],
)
def test_every_day_is_in_one_bar(days, says, amount):
    first, last = days
    plot = sizes_by_day({first: 4000, last: 2000})
    assert f'<figcaption class="small quiet">When: {says}</figcaption>' in plot
    assert plot.count('<rect class="fill"') == 2
    assert f">{amount}</text>" in plot
    assert plot.count('text-anchor="middle"') <= 12


def test_of_many_files_the_strictest_are_written_out():
    radars = [(f"radar_{at:03}.mcap", sheet("ranging.radar")) for at in range(250)]
    page = written(*radars, ("zebra.mcap", sheet("image.exterior", faces_px_max=40, contains_faces=True)))
    assert page.index("<caption>zebra.mcap") < page.index("<caption>radar_000.mcap")
    assert "Files of the strictest kind come first." in page
    assert "51 more files in the same form" in page
    assert "Files of the strictest kind" not in written(*radars[:3])

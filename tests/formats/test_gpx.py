"""GPX: tracks, routes, way points and what is written about the person who made them; no entity is expanded."""

from __future__ import annotations

import io

from carnet.classify import describe

GPX = """<?xml version="1.0"?><gpx version="1.1" creator="a device" xmlns="http://www.topografix.com/GPX/1/1">
<metadata><author><name>Erika Mustermann</name><email id="erika" domain="example.org"/></author>
<bounds minlat="48.1" minlon="11.5" maxlat="48.2" maxlon="11.6"/></metadata>
<wpt lat="48.11" lon="11.51"><name>home</name></wpt>
<rte><rtept lat="48.2" lon="11.6"/></rte>
<trk><trkseg>{points}</trkseg></trk></gpx>"""
POINT = (
    '<trkpt lat="{}" lon="11.5"><time>2026-01-01T00:00:00Z</time><extensions><hr>70</hr></extensions></trkpt>'
)


def sheet_of(text):
    return describe(io.BytesIO(text.encode()), name="x", detect=False)


def test_a_track_with_a_heart_a_goal_and_an_author():
    sheet = sheet_of(GPX.format(points="".join(POINT.format(48.1 + k / 1e4) for k in range(50))))
    assert (sheet.format, sheet.state) == ("gpx", "read")
    (stream,) = sheet.streams
    assert stream.facts["points"] == 50
    assert stream.facts["countries"] == ("DE",)
    assert {
        "location.trajectory",
        "location.destination",
        "biometric.heart",
        "identity.name",
        "identity.contact",
    } < set(stream.data)


def test_nobody_drove_from_one_segment_to_the_next():
    points = "".join(POINT.format(48.1 + k / 1e4) for k in range(50))
    whole = sheet_of(GPX.format(points=points)).streams[0]
    later = points.replace("48.1", "52.1")
    two = sheet_of(GPX.format(points=f"{points}</trkseg><trkseg>{later}")).streams[0]
    assert two.facts["points"] == 100
    assert abs(two.facts["km"] - 2 * whole.facts["km"]) < 0.02
    other = sheet_of(GPX.format(points=f"{points}</trkseg></trk><trk><trkseg>{later}")).streams[0]
    assert other.facts == two.facts
    assert two.count == whole.count + 150


def test_entities_are_refused():
    bomb = (
        '<!DOCTYPE gpx [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><gpx><wpt lat="1.5" lon="2.5">&b;</wpt></gpx>'
    )
    sheet = sheet_of(bomb)
    assert sheet.state == "blocked"
    assert "entities" in sheet.reason


def test_a_cut_track_is_not_read_in_full():
    text = GPX.format(points="".join(POINT.format(48.1 + k / 1e4) for k in range(50)))
    sheet = sheet_of(text[: len(text) // 2])
    assert sheet.state in {"partly", "blocked"}
    assert sheet.reason

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.classify.describe import describe
from carnet.deidentify.order import RedactionOrder
from carnet.deidentify.redact import redact
from carnet.errors import RedactionError
from carnet.formats import open_recording
from carnet.model.factsheet import ReadState

ROAD = b"""<?xml version="1.0"?><!-- made by driver@example.com -->
<OpenDRIVE><header revMajor="1"><geoReference><![CDATA[EPSG:25832]]></geoReference></header>
<road name="A" length="1.5e+01"><geometry x="1.5" y="2.5"/></road></OpenDRIVE>"""


def opened(data: bytes):
    return open_recording(io.BytesIO(data), "renamed")


def records(data: bytes):
    return [json.loads(one.data) for one in opened(data).messages()]


def scanned(data: bytes):
    return describe(io.BytesIO(data), name="x", detect=False)


def test_elements_become_records_under_their_path():
    assert records(ROAD) == [
        {"header.geoReference": "EPSG:25832"},
        {"header": {"revMajor": "1"}},
        {"road.geometry": {"x": 1.5, "y": 2.5}},
        {"road": {"name": "A", "length": 15.0}},
    ]


def test_a_road_with_a_georeference_is_somewhere():
    sheet = scanned(ROAD)
    assert (sheet.format, sheet.state) == ("opendrive", ReadState.READ)
    assert {"location.position", "map.road", "identity.contact"} <= set(sheet.data)
    nowhere = scanned(ROAD.replace(b"EPSG:25832", b" "))
    assert not any(one.startswith("location.") for one in nowhere.data)


def test_a_scenario_names_its_author_and_places():
    sheet = scanned(
        b'<OpenSCENARIO><FileHeader author="J. Doe"/><Position><GeoPosition latitude="48.1" longitude="11.5"/>'
        b'</Position><Story name="S"/></OpenSCENARIO>'
    )
    assert sheet.format == "openscenario"
    assert {"identity.name", "location.position", "perception.scenario"} <= set(sheet.data)


def test_osm_has_places_and_people():
    sheet = scanned(
        b'<osm version="0.6"><node id="1" lat="48.1372" lon="11.5756" user="jd" uid="7">'
        b'<tag k="highway" v="stop"/></node></osm>'
    )
    assert {"location.position", "identity.account", "map.road"} <= set(sheet.data)


def test_other_xml_is_looked_through():
    sheet = scanned(b'<log xmlns:a="b"><a:car chassis_no="1"/><note>VIN 1M8GDM9AXKP042788</note></log>')
    assert (sheet.format, sheet.state) == ("xml", ReadState.READ)
    assert {one.path: one.data for one in sheet.streams[0].fields}["car.chassis_no"] == "vehicle_id.vin"
    assert "vehicle_id.vin" in sheet.data


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030", "shift_jis", "iso-8859-1"])
def test_encodings(encoding):
    word = "Fahrer" if encoding == "iso-8859-1" else "車"
    text = f'<?xml version="1.0" encoding="{encoding}"?><a><b c="{word}"/></a>'
    assert records(text.encode(encoding)) == [{"b": {"c": word}}]


def test_entities_are_refused_and_nothing_is_fetched(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("seen")
    bomb = b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]><a b="1"><c>&y;</c></a>'
    outside = f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{secret}">]><a b="1"><c>&x;</c></a>'.encode()
    for data in (bomb, outside):
        reader = opened(data)
        assert b"seen" not in b"".join(one.data for one in reader.messages())
        assert reader.state is ReadState.BLOCKED
        assert "entities" in reader.reason
    reader = opened(f'<!DOCTYPE a SYSTEM "file://{secret}"><a b="1"/>'.encode())
    assert len(list(reader.messages())) == 1


def test_depth_is_bounded():
    reader = opened(b"<a>" * 5000 + b"x")
    list(reader.messages())
    assert reader.state is ReadState.BLOCKED
    assert "deeper" in reader.reason


def test_long_texts_and_tags_are_refused_and_space_is_not():
    for data in (b"<a><b>" + b"x" * 17_000_000, b'<a b="' + b"x" * 18_000_000):
        reader = opened(data)
        assert list(reader.messages()) == []
        assert reader.state is ReadState.BLOCKED
        assert "longer" in reader.reason
    mixed = b"<a>" + b"t<b/>" * 60_000 + b" " * 17_000_000 + b"</a>"
    assert [len(one["root"]) for one in records(mixed)] == [60_000]


def test_a_cut_text_is_partly():
    reader = opened(ROAD[:-5])
    assert len(list(reader.messages())) == 4
    assert reader.state is ReadState.PARTLY


def test_nothing_said_is_blocked():
    reader = opened(b"<a><b/></a>")
    assert list(reader.messages()) == []
    assert reader.state is ReadState.BLOCKED


def test_html_is_a_text():
    reader = opened(b"<!DOCTYPE html>\n<html><p>1<br>2\n")
    assert reader.format == "text"
    assert len(list(reader.messages())) == 2


def test_many_names_are_all_classified():
    many = "".join(f'<n{at} v="1"/>' for at in range(700))
    sheet = scanned(f"<a>{many}<last latitude='48.13720' longitude='11.57560'/></a>".encode())
    assert len(sheet.streams[0].fields) < 510
    assert "location.position" in sheet.data
    assert sheet.streams[0].facts["points"] == 1


def test_redaction_refuses_it():
    sheet = scanned(ROAD)
    with pytest.raises(RedactionError, match="does not redact opendrive yet"):
        redact(io.BytesIO(ROAD), io.BytesIO(), RedactionOrder(), name="x", sheet=sheet)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(ROAD) - 1), st.binary(max_size=8), st.integers(0, len(ROAD)))
def test_damage_never_raises_and_is_never_read_and_empty(at, noise, cut):
    data = (ROAD[:at] + noise + ROAD[at + len(noise) :])[: max(1, cut)]
    reader = opened(data)
    count = sum(1 for _ in reader.messages())
    reader.outside()
    assert reader.state is not ReadState.READ or count
    assert reader.state is ReadState.READ or reader.reason

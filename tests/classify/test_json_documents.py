"""Known JSON documents: OpenLABEL, nuScenes tables, TopoJSON, VSS, VISS and answers of connected-car services."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.classify.describe import describe
from carnet.classify.messages import MessageStream
from carnet.deidentify.order import RedactionOrder
from carnet.deidentify.redact import redact
from carnet.formats.json_shapes import shape_of
from carnet.formats.reader import Message, Stream


def scanned(document):
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return describe(io.BytesIO(data), name="x", detect=False)


def fields(sheet):
    return {one.path: str(one.data) for stream in sheet.streams for one in stream.fields}


def test_openlabel_is_on_earth_where_it_says_so():
    label = {
        "metadata": {"schema_version": "1.0.0", "annotator": "J. Doe"},
        "frames": {"0": {"frame_properties": {"transforms": {"a": {"translation": [1.0, 2.0, 0.0]}}}}},
        "coordinate_systems": {"world": {"type": "scene_cs"}},
    }
    plain = scanned({"openlabel": label})
    assert {"perception.labels", "identity.name"} == set(plain.data)
    label["coordinate_systems"]["world"]["type"] = "geo"
    assert "location.position" in scanned({"openlabel": label}).data


def test_nuscenes_tables():
    pose = {"token": "a", "timestamp": 1, "rotation": [1.0, 0, 0, 0], "translation": [411.3, 1180.9, 0.0]}
    sheet = scanned([pose] * 6)
    assert sheet.streams[0].schema == "nuscenes/ego_pose"
    assert fields(sheet)["translation.0"] == "location.position"
    log = {"token": "a", "logfile": "n015", "vehicle": "n015", "date_captured": "x", "location": "queenstown"}
    assert fields(scanned([log]))["location"] == "location.position"
    camera = {"token": "a", "sensor_token": "b", "rotation": [1.0], "translation": [1.0], "timestamp": 1}
    assert shape_of([camera]) in {"nuscenes/calibrated_sensor", "nuscenes/ego_pose"}


def test_a_large_document_of_a_known_kind_is_looked_at():
    objects = {str(n): {"name": f"car {n}", "type": "car", "more": "x" * 300} for n in range(400)}
    sheet = scanned({"openlabel": {"metadata": {"annotator": "J. Doe"}, "objects": objects}})
    assert sheet.bytes > 2 * 64 * 1024
    assert {"perception.labels", "identity.name"} == set(sheet.data)


def feature(kind, coordinates):
    return {
        "type": "Feature",
        "properties": {"note": "x"},
        "geometry": {"type": kind, "coordinates": coordinates},
    }


def collection(*features):
    return {"type": "FeatureCollection", "features": list(features)}


LINE = [[11.5 + n / 1000, 48.1 + n / 1000] for n in range(40)]


@pytest.mark.parametrize(
    ("document", "data", "points"),
    [
        (collection(feature("LineString", LINE)), "location.trajectory", 40),
        (collection(feature("MultiLineString", [LINE])), "location.trajectory", 40),
        (feature("LineString", LINE[:3]), "location.trajectory", 3),
        (collection(*(feature("Point", one) for one in LINE)), "location.position", 40),
        (feature("Point", LINE[0]), "location.position", 1),
        ({"type": "Point", "coordinates": LINE[0]}, "location.position", 1),
        (feature("LineString", [[11.5, 48.1], [11.5, 48.1]]), "location.position", 2),
        (collection(feature("Polygon", [LINE])), "map", None),
        (collection(feature("Polygon", [LINE[:3]]), feature("Point", LINE[0])), "location.position", 3),
    ],
)
def test_geojson_lines_and_points_are_places_and_areas_a_map(document, data, points):
    sheet = scanned(document)
    assert data in sheet.data
    assert ("map" in sheet.data) == (data == "map")
    (stream,) = sheet.streams
    assert stream.facts.get("points") == points
    if points:
        assert stream.facts["countries"] == ("DE",)
    if data != "location.trajectory":
        assert stream.facts.get("km", 0) == 0


def test_lines_of_geojson_features_are_places():
    lines = "\n".join(json.dumps(feature("Point", one)) for one in LINE)
    sheet = scanned(lines.encode())
    assert {"location.trajectory"} <= set(sheet.data)


def test_a_track_in_columns_is_a_track():
    columns = {
        "data": {"gps_lat": [b for _, b in LINE], "gps_lon": [a for a, _ in LINE], "speed": [1.5] * 40}
    }
    (stream,) = scanned(columns).streams
    assert {"location.trajectory", "driving.dynamics"} <= set(stream.data)
    assert stream.facts["points"] == 40


def test_a_list_called_a_place_holds_coordinates_and_another_list_what_it_held():
    found = fields(scanned({"home": {"latlng": [48.1, 11.5]}, "camera": {"intrinsics": [1.5, 2.5]}}))
    assert found["home.latlng.0"] == "location.position"
    assert found["camera.intrinsics.0"] == "unknown"


def test_topojson_of_areas_is_a_map_and_a_line_is_a_place():
    arcs = {
        "type": "Topology",
        "arcs": [[[0, 0], [3, 4]]],
        "transform": {"scale": [1, 1], "translate": [0, 0]},
    }
    areas = scanned({**arcs, "objects": {"a": {"type": "Polygon", "arcs": [[0]]}}})
    assert set(areas.data) == {"map"}
    line = scanned({**arcs, "objects": {"a": {"type": "LineString", "arcs": [0]}}})
    assert "location.position" in line.data


def test_viss_values_are_named_by_their_path_and_oem_leaves_stay_unknown():
    lines = [
        {"action": "get", "data": {"path": path, "dp": {"value": value, "ts": "2026-01-01T00:00:00Z"}}}
        for path, value in (("Vehicle.CurrentLocation.Latitude", "48.13"), ("Vehicle.Acme.Thing", "1"))
    ]
    sheet = scanned("\n".join(map(json.dumps, lines)).encode())
    said = [one for one in sheet.streams[0].fields if one.path == "data.dp.value"]
    assert {str(one.data) for one in said} == {"location.position", "unknown"}
    assert any(one.because == ("vss:Vehicle.CurrentLocation",) for one in said)
    flat = scanned({"Vehicle.Speed": 3.5, "Vehicle": {"VehicleIdentification": {"VIN": "x"}}})
    assert fields(flat) == {
        "Vehicle.Speed": "driving.dynamics",
        "Vehicle.VehicleIdentification.VIN": "vehicle_id.vin",
    }


def test_redaction_takes_out_what_a_path_names():
    document = {"data": {"path": "Vehicle.CurrentLocation.Latitude", "dp": {"value": "48.1371", "ts": "t"}}}
    data, out = json.dumps(document).encode(), io.BytesIO()
    order = RedactionOrder(remove=frozenset({"precise_location"}))
    redact(io.BytesIO(data), out, order, name="x", sheet=scanned(data))
    assert b"48.1371" not in out.getvalue()


def test_what_lies_deep_or_far_back_is_looked_through():
    document = {"note": "VIN 1M8GDM9AXKP042788"}
    for _ in range(30):
        document = {"in": document}
    assert "vehicle_id.vin" in scanned(document).data
    stream = Stream("/cars", "messages", "acme/Cars", encoding="json")
    look = MessageStream(stream)
    cars = [{"id": at} for at in range(9)] + [{"id": "VIN 1M8GDM9AXKP042788"}]
    look.add(Message(stream, 0, 0, json.dumps({"cars": cars}).encode()))
    assert "vehicle_id.vin" in look.finish()[1]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("gcid", "identity.account"),
        ("personId", "identity.account"),
        ("Vorname", "identity.name"),
        ("车主姓名", "identity.name"),
        ("手机号码", "identity.contact"),
        ("メールアドレス", "identity.contact"),
        ("車両位置", "location.position"),
        ("车辆位置", "location.position"),
        ("Fahrzeugstandort", "location.position"),
        ("location.address.formatted", "location.position"),
        ("车辆识别代号", "vehicle_id.vin"),
        ("Fahrzeugidentifizierungsnummer", "vehicle_id.vin"),
        ("capabilities.speechThirdParty", "software.version"),
        ("gps_week_number", "diagnostics.log"),
        ("latitude_stdev", "diagnostics.log"),
        ("gpsLatitude", "location.position"),
    ],
)
def test_names_in_four_languages(name, data):
    head, _, leaf = name.rpartition(".")
    document = {leaf: 7}
    for one in reversed(head.split(".") if head else []):
        document = {one: document}
    assert list(fields(scanned(document)).values()) == [data]


def test_what_real_answers_say_of_people_is_found(shared):
    wanted = {
        "renault/person.json": {
            "personId": "identity.account",
            "firstName": "identity.name",
            "lastName": "identity.name",
            "idp.login": "identity.account",
            "emails.0.emailValue": "identity.contact",
            "phones.0.phoneValue": "identity.contact",
            "accounts.0.accountId": "identity.account",
        },
        "bmw/G20__bmw-eadrax-vcs_v5_vehicle-list.json": {
            "gcid": "identity.account",
            "mappingInfos.0.vin": "vehicle_id.vin",
        },
        "bmw/remote_services__eadrax_service_eventposition.json": {
            "positionData.position.formattedAddress": "location.position"
        },
        "bmw/G20__bmw-eadrax-vcs_v4_vehicles_state_WBA00000000DEMO03.json": {
            "state.location.address.formatted": "location.position"
        },
        "renault/location.2.json": {"data.id": "vehicle_id.vin"},
    }
    for name, paths in wanted.items():
        sheet = describe(io.BytesIO((shared / "data/api" / name).read_bytes()), name="x", detect=False)
        found = {(one.path, str(one.data)) for stream in sheet.streams for one in stream.fields}
        assert set(paths.items()) <= found, name


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["type", "children", "arcs", "objects", "openlabel", "token", "path", "dp", "value"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_no_document_makes_the_shapes_raise(document):
    shape_of(document)
    scanned(document)

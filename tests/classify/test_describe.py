from __future__ import annotations

import io
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.writer import Writer

from carnet.classify import describe
from carnet.model.factsheet import FactSheet, ReadState

VIN = "1M8GDM9AXKP042788"


def mcap(
    rows, *, topic="/x", schema="Thing", encoding="json", schema_encoding="jsonschema", text=b"{}", **more
):
    out = io.BytesIO()
    writer = Writer(out)
    writer.start(profile="", library="test")
    number = writer.register_schema(schema, schema_encoding, text)
    channel = writer.register_channel(topic, encoding, number)
    for n, row in enumerate(rows):
        data = row if isinstance(row, bytes) else json.dumps(row).encode()
        writer.add_message(channel, n * 10**8, data, n * 10**8, n)
    for key, value in more.items():
        writer.add_metadata(key, {"value": value})
    writer.finish()
    return out.getvalue()


def sheet_of(data: bytes, name="x.bin", **options) -> FactSheet:
    sheet = describe(io.BytesIO(data), name=name, detect=False, **options)
    assert FactSheet.from_json(json.loads(json.dumps(sheet.to_json()))) == sheet
    return sheet


def drive(n=60):
    return [(31.12 + k * 1e-4 + 3e-7 * math.sin(k), 121.2 + k * 5e-5 + 3e-7 * math.cos(k)) for k in range(n)]


def test_positions_under_plain_names_become_a_track():
    sheet = sheet_of(mcap([{"lat": a, "lon": b} for a, b in drive()]))
    (stream,) = sheet.streams
    assert stream.data == ("location.trajectory",)
    assert stream.facts["points"] == 60
    assert stream.facts["countries"] == ("CN",)
    assert 0.6 < stream.facts["km"] < 0.9


@pytest.mark.parametrize("scale", [1, 10_000_000])
@pytest.mark.parametrize("turned", [False, True])
def test_positions_under_innocent_names_are_found_by_their_values(scale, turned):
    places = [(b, a) if turned else (a, b) for a, b in drive()]
    if scale > 1:
        places = [(round(a * scale), round(b * scale)) for a, b in places]
    sheet = sheet_of(mcap([{"inner": {"alpha": a, "beta": b}} for a, b in places]))
    (stream,) = sheet.streams
    assert "location.trajectory" in stream.data
    assert stream.facts["countries"] == ("CN",)
    assert {one.path for one in stream.fields if one.data == "location.position"} == {
        "inner.alpha",
        "inner.beta",
    }


def test_noise_and_slow_readings_are_no_position():
    rows = [{"a": 20 + math.sin(k * 1.7) / 3, "b": 55 + math.cos(k * 2.3)} for k in range(60)]
    (stream,) = sheet_of(mcap(rows)).streams
    assert stream.data == ("unknown",)


def test_a_short_stay_is_a_position_and_no_trajectory():
    (stream,) = sheet_of(mcap([{"latitude": 31.12, "longitude": 121.2}] * 5)).streams
    assert stream.data == ("location.position",)


def test_no_value_that_identifies_enters_the_sheet():
    rows = [{"lat": a, "lon": b, "driver": "somebody@fleet.example", "car": VIN} for a, b in drive()]
    text = json.dumps(
        sheet_of(mcap(rows, topic=f"/car/{VIN}/state", owner="13812345678"), name=f"{VIN}/a.mcap").to_json()
    )
    for value in (VIN, "31.12", "121.2", "somebody", "13812345678"):
        assert value not in text
    for data in ("vehicle_id.vin", "identity.contact", "location.trajectory"):
        assert data in text


def test_unknown_fields_stay_unknown():
    (stream,) = sheet_of(mcap([{"qwert": 5}] * 20)).streams
    assert stream.data == ("unknown",)


def test_an_encoding_nobody_opens_is_classified_by_its_type_name():
    known = sheet_of(
        mcap([b"\x01\x02"], schema="foxglove.LocationFix", encoding="protobuf", schema_encoding="x")
    )
    assert known.streams[0].data == ("location.position",)
    assert known.state is ReadState.PARTLY
    foreign = sheet_of(mcap([b"\x01\x02"], schema="acme.Blob", encoding="protobuf", schema_encoding="x"))
    assert foreign.state is ReadState.BLOCKED
    assert "encoding" in foreign.reason


def test_messages_that_are_not_of_their_type_are_counted():
    sheet = sheet_of(mcap([b"{}", b"{", {"speed": 3}]))
    assert sheet.state is ReadState.PARTLY
    assert "1 messages" in sheet.reason


@pytest.mark.parametrize("name", ["comma2k19_rav4_first40s.mcap", "comma2k19_10s_a.log"])
def test_a_bus_without_its_database_is_unknown_but_its_vin_is_found(shared, name):
    folder = "recordings" if name.endswith("mcap") else "can/logs"
    sheet = sheet_of((shared / "data" / folder / name).read_bytes(), name="renamed")
    buses = [one for one in sheet.streams if one.kind == "can"]
    assert len(buses) == 2
    for bus in buses:
        assert "unknown" in bus.data
        assert any("no database" in rule for one in bus.fields for rule in one.because)
    assert "vehicle_id.vin" in buses[0].data
    assert "vehicle_id.vin" not in buses[1].data


def test_a_bus_with_a_database_is_named_signal_by_signal(shared):
    database = (shared / "data" / "can" / "dbc" / "toyota_2017.dbc").read_bytes()
    log = (shared / "data" / "can" / "logs" / "comma2k19_10s_a.log").read_bytes()
    sheet = sheet_of(log, companions={"any.name": database, "notes.txt": b"no database"})
    bus = next(one for one in sheet.streams if one.name == "can0")
    by_path = {one.path: one.data for one in bus.fields}
    assert by_path["KINEMATICS.YAW_RATE"] == "driving.dynamics"
    assert by_path["VIN_PART_1.VIN_1"] == "vehicle_id.vin"
    assert "unknown" in bus.data  # 53 of its identifiers are not in the database


def test_positions_on_a_bus_are_decoded(shared):
    import cantools

    text = (shared / "data" / "can" / "dbc" / "css_gnss.dbc").read_bytes()
    database = cantools.database.load_string(text.decode("cp1252"), "dbc", strict=False)
    message = database.get_message_by_frame_id(3)
    lines = []
    for n, (latitude, longitude) in enumerate(drive()):
        values = {one.name: 0 for one in message.signals} | {"Latitude": latitude, "Longitude": longitude}
        data = message.encode(values, strict=False)
        lines.append(f"({n}.0) can9 003#{data.hex()}\n")
    sheet = sheet_of("".join(lines).encode(), companions={"gnss.dbc": text})
    (bus,) = sheet.streams
    assert "location.trajectory" in bus.data
    assert bus.facts["countries"] == ("CN",)
    assert 0.6 < bus.facts["km"] < 0.9


def test_a_broken_database_is_said(shared):
    log = (shared / "data" / "can" / "logs" / "comma2k19_10s_a.log").read_bytes()[:20_000]
    broken = b'VERSION ""\n\nBS_:\nBO_ what\n'
    sheet = sheet_of(log, companions={"a.dbc": broken})
    assert any("does not load" in rule for one in sheet.streams[0].fields for rule in one.because)


def test_real_recordings_whatever_their_names(shared):
    data = shared / "data"
    paths = [
        *(data / "recordings").glob("*.mcap"),
        *(data / "images" / "dashcam").iterdir(),
        *(data / "can" / "logs").iterdir(),
    ]
    for path in paths:
        raw = path.read_bytes()
        first = sheet_of(raw, name=path.name)
        second = sheet_of(raw, name="q7")
        assert (first.streams, first.state, first.format) == (second.streams, second.state, second.format)
        assert (first.state is ReadState.BLOCKED) == (not first.streams)
        assert first.state is ReadState.READ or first.reason
        for stream in first.streams:
            assert stream.data, stream.name


def test_lidar_and_cameras_are_known_by_their_types(shared):
    raw = (shared / "data" / "recordings" / "nuscenes_one_keyframe.mcap").read_bytes()
    data = [one.data for one in sheet_of(raw).streams]
    assert data.count(("image.exterior",)) == 6
    assert data.count(("ranging.lidar",)) == 1


def test_a_hash_is_given_when_asked_for():
    import hashlib

    raw = mcap([{"speed": 1}])
    assert sheet_of(raw).sha256 is None
    assert sheet_of(raw, hash_content=True).sha256 == hashlib.sha256(raw).hexdigest()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_damage_makes_it_raise_or_be_read_and_empty(data):
    raw = bytearray(mcap([{"lat": a, "lon": b} for a, b in drive(12)], vehicle=VIN))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(8, len(raw) - 1))] = data.draw(st.integers(0, 255))
    sheet = sheet_of(bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    assert sheet.state is ReadState.BLOCKED or any(one.count for one in sheet.streams)
    assert sheet.state is ReadState.READ or sheet.reason


def test_vendor_types_of_ros1_hold_positions_too(shared):
    from rosbags.rosbag1 import Reader

    out = io.BytesIO()
    writer = Writer(out)
    writer.start(profile="ros1", library="test")
    channels = {}
    with Reader(shared / "data" / "recordings" / "novatel_bestpos.bag") as bag:
        for connection, time_ns, data in bag.messages():
            if connection.topic not in channels:
                name = connection.msgtype.replace("/msg/", "/")
                schema = writer.register_schema(name, "ros1msg", connection.msgdef.data.encode())
                channels[connection.topic] = writer.register_channel(connection.topic, "ros1", schema)
            writer.add_message(channels[connection.topic], time_ns, bytes(data), time_ns)
    writer.finish()
    sheet = sheet_of(out.getvalue())
    by_type = {one.schema.rpartition("/")[2]: one for one in sheet.streams}
    assert sheet.state is ReadState.READ
    for name in ("NavSatFix", "GPSFix", "BESTPOS", "INSPVA", "Odometry"):
        assert any(one.startswith("location.") for one in by_type[name].data), name
    for name in ("NavSatFix", "BESTPOS", "INSPVA"):
        assert by_type[name].facts["countries"] == ("CA",), name


@pytest.mark.parametrize("form", ["jpeg", "raw", "foxglove"])
def test_pictures_in_every_form_are_opened(form):
    import base64

    import numpy as np
    import simplejpeg

    from carnet.classify.pictures import picture_of
    from carnet.formats import open_recording

    rows = np.tile(np.arange(64, dtype=np.uint8)[None, :, None] * 4, (48, 1, 3))
    if form == "foxglove":
        data = base64.b64encode(simplejpeg.encode_jpeg(rows, colorspace="BGR")).decode()
        raw = mcap([{"data": data, "format": "jpeg"}], schema="foxglove.CompressedImage", topic="/driver/cam")
    else:
        from rosbags.typesys import Stores, get_typestore

        store = get_typestore(Stores.ROS2_HUMBLE)
        kinds = store.types
        name = "sensor_msgs/msg/Image" if form == "raw" else "sensor_msgs/msg/CompressedImage"
        header = kinds["std_msgs/msg/Header"](
            stamp=kinds["builtin_interfaces/msg/Time"](sec=1, nanosec=2), frame_id="cam"
        )
        if form == "raw":
            value = kinds[name](
                header=header,
                height=48,
                width=64,
                encoding="rgb8",
                is_bigendian=0,
                step=192,
                data=rows[:, :, ::-1].reshape(-1),
            )
        else:
            jpeg = simplejpeg.encode_jpeg(rows, colorspace="BGR")
            value = kinds[name](header=header, format="jpeg", data=np.frombuffer(jpeg, np.uint8))
        text, _ = store.generate_msgdef(name, ros_version=2)
        raw = mcap(
            [bytes(store.serialize_cdr(value, name))],
            schema=name,
            encoding="cdr",
            schema_encoding="ros2msg",
            text=text.encode(),
            topic="/cabin_camera/image",
        )
    (message,) = open_recording(io.BytesIO(raw), "x").messages()
    assert abs(picture_of(message).astype(int) - rows).mean() < 4
    (stream,) = sheet_of(raw).streams
    assert stream.data == ("image.cabin",)
    assert stream.facts["images"] == 1


def test_pictures_that_do_not_decode_are_said():
    sheet = sheet_of(mcap([{"data": "bm90IGEgcGljdHVyZQ=="}], schema="foxglove.CompressedImage"))
    assert sheet.state is ReadState.PARTLY
    assert sheet.streams[0].data == ("image.exterior",)


@pytest.mark.slow
def test_no_real_file_is_read_and_empty(shared):
    paths = sorted(one for one in (shared / "data").rglob("*") if one.is_file())
    assert len(paths) > 500
    formats = set()
    for path in paths:
        with path.open("rb") as file:
            sheet = describe(file, name="x", detect=False)
        formats.add(sheet.format)
        assert (sheet.state is ReadState.BLOCKED) == (sum(one.count for one in sheet.streams) == 0), path
        assert sheet.state is ReadState.READ or sheet.reason, path
    texts = {"csv", "json", "text"}
    assert formats >= {None, "mcap", "rosbag1", "jpeg", "png", "mp4", "candump", "dbc"} | texts


def test_numbers_and_names_that_nothing_can_hold_do_no_harm():
    rows = [b'{"lat": 1' + b"0" * 400 + b', "lon": 3, "\\ud800": "\\udfff", "n": NaN, "i": Infinity}'] * 12
    sheet = sheet_of(mcap(rows))
    assert sheet.streams[0].count == 12
    json.dumps(sheet.to_json(), ensure_ascii=False).encode("utf-8")

"""Texts without what identifies: what is found, what is written over, and what stays byte for byte."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap.writer import Writer

from carnet.classify.describe import describe
from carnet.deidentify.location_order import Keys, LocationOrder
from carnet.deidentify.order import RedactionOrder
from carnet.deidentify.redact import redact
from carnet.deidentify.text_files import masked_json
from carnet.deidentify.text_masks import TextMask
from carnet.deidentify.vin_pseudonym import VinCipher
from carnet.errors import RedactionError
from carnet.recognise.text import recognise, spans

VIN, PLATE, MAIL, PHONE = "1M8GDM9AXKP042788", "沪A12345", "driver@fleet.example", "+49 711 1234567"
IDENTITY, IMEI, MAC, IBAN = (
    "11010519491231002X",
    "490154203237518",
    "00:1b:44:11:3a:b7",
    "DE89370400440532013000",
)
EVERYTHING = frozenset({"vin", "plates", "names", "device_ids", "precise_location"})
KEYS = Keys(scope=bytes(range(32)))
ALL = RedactionOrder(EVERYTHING)


def run(content: bytes, order=ALL, name="x.txt", keys=KEYS):
    sheet = describe(io.BytesIO(content), name=name, detect=False)
    out = io.BytesIO()
    report = redact(io.BytesIO(content), out, order, name=name, sheet=sheet, keys=keys)
    return out.getvalue(), report


@pytest.mark.parametrize(
    ("text", "value", "data"),
    [
        (f"car {VIN} left", VIN, "vehicle_id.vin"),
        (f"车牌{PLATE}", PLATE, "vehicle_id.plate"),
        ("Kennzeichen: S-AB 1234.", "S-AB 1234", "vehicle_id.plate"),
        ("license plate 7ABC123 seen", "7ABC123", "vehicle_id.plate"),
        (f"write to {MAIL}.", MAIL, "identity.contact"),
        (f"call {PHONE} now", PHONE, "identity.contact"),
        (f"id {IDENTITY}", IDENTITY, "identity.government"),
        (f"IMEI {IMEI}", IMEI, "vehicle_id.device"),
        (f"mac {MAC}", MAC, "vehicle_id.device"),
        (f"pay to {IBAN}", IBAN, "identity.financial"),
        ("driver: Anna Muster-Frau reported", "Anna Muster-Frau", "identity.name"),
        ("车主：王小明", "王小明", "identity.name"),
        ("at 31.23041, 121.47370 today", "31.23041, 121.47370", "location.position"),
        ("longitude=121.4737", "121.4737", "location.position"),
    ],
)
def test_the_place_of_what_identifies(text, value, data):
    found = {(text[one.start : one.end], one.data) for one in spans(text)}
    assert (value, data) in found
    assert data in {one.data for one in recognise(text)}
    assert value not in TextMask(ALL, KEYS).text(text)


@pytest.mark.parametrize(
    "text",
    [
        "license: BSD-3 2026",
        "driver: ublox",
        "the driver left",
        "DE89370400440532013001",
        "plate: steel",
        "platelet 7",
    ],
)
def test_hard_negatives_stay(text):
    assert TextMask(ALL, KEYS).text(text) == text


def test_json_keeps_its_structure_and_its_other_bytes():
    text = (
        '{ "vin" : "' + VIN + '",\r\n  "trip": {"phone": 13812345678, "note": "fine \\u00e9", "start": '
        '{"latitude": 31.23041, "longitude": 121.4737}},\n "n": [1.50, 2e3, true, null], "' + MAIL + '": 1}'
    )
    made, report = run(text.encode())
    after = made.decode()
    form = json.loads(after)
    assert form["vin"] == "X" * 17
    assert form["trip"]["phone"] is None
    assert form["trip"]["start"] == {"latitude": None, "longitude": None}
    assert "X" * len(MAIL) in form
    for kept in ('{ "vin" : "', ',\r\n  "trip": {"phone": ', "fine \\u00e9", "[1.50, 2e3, true, null]"):
        assert kept in after
    assert report.outcome.vin_places == ("text",)
    assert report.outcome.texts["location.position"] >= 2


def test_positions_of_geojson_are_taken_out():
    text = '{"type": "LineString", "coordinates": [[121.47375, 31.23045], [121.5, 31.25]], "n": [121.5]}'
    order = RedactionOrder(frozenset({"precise_location"}))
    made = masked_json(text, TextMask(order, KEYS))
    assert made == '{"type": "LineString", "coordinates": [[null, null], [null, null]], "n": [121.5]}'


def test_a_table_keeps_the_spelling_of_its_other_cells():
    text = (
        '"id";"license_plate";note;phone\r\n'
        f'1;"{PLATE}";"said ""hi""; left";0711 123\r\n'
        f"2;S-AB 1;see {MAIL};0711 124\r\n"
    )
    made, _ = run(text.encode("utf-16"), name="x.csv")
    after = made.decode("utf-16")
    rows = list(csv.reader(io.StringIO(after, newline=""), delimiter=";"))
    assert rows[0] == ["id", "license_plate", "note", "phone"]
    assert rows[1] == ["1", "X" * len(PLATE), 'said "hi"; left', "X" * 8]
    assert rows[2] == ["2", "XXXXXX", f"see {'X' * len(MAIL)}", "X" * 8]
    assert after.startswith('"id";"license_plate";note;phone\r\n1;"XXXXXXX";"said ""hi""; left";')


def test_lines_of_json_and_of_text_keep_their_ends():
    made, _ = run(f'{{"a": "{VIN}"}}\r\n{{"a": 1}}\n\n'.encode())
    assert made == b'{"a": "XXXXXXXXXXXXXXXXX"}\r\n{"a": 1}\n\n'
    text = f"start\r\n car {VIN}, {PLATE}\nend"
    made, _ = run(text.encode("gb18030"))
    assert made.decode("gb18030") == f"start\r\n car {'X' * 17}, {'X' * 7}\nend"


def test_what_is_replaced_can_be_joined_and_is_not_called_removed():
    order = RedactionOrder(frozenset({"names"}), replace=frozenset({"vin", "plates", "device_ids"}))
    text = f'[{{"vin": "{VIN}", "plate": "{PLATE}", "imei": "{IMEI}", "mail": "{MAIL}"}}, {{"plate": "{PLATE}"}}]'
    made, report = run(text.encode(), order)
    form = json.loads(made)
    assert VinCipher(KEYS.for_scope("vin")).original(form[0]["vin"]) == VIN
    assert form[0]["plate"] == form[1]["plate"] != PLATE
    assert form[0]["plate"].startswith("plate-")
    assert form[0]["mail"] == "X" * len(MAIL)
    assert report.to_json()["replaced"] == ["device_ids", "plates", "vin"]
    assert report.to_json()["removed"] == ["names"]
    other, _ = run(text.encode(), order, keys=Keys(scope=b"z" * 32))
    assert json.loads(other)[0]["plate"] != form[0]["plate"]
    with pytest.raises(RedactionError, match="scope key"):
        run(text.encode(), order, keys=None)


def test_what_a_text_has_not_is_refused():
    for order in (
        RedactionOrder(frozenset({"trip_ends"}), location=LocationOrder(trip_ends_m=(300.0, 2300.0))),
        RedactionOrder(location=LocationOrder(cell_m=100.0)),
        RedactionOrder(trim_head_s=1.0),
    ):
        with pytest.raises(RedactionError, match=r"text|says where"):
            run(b"a text\nof lines\n", order)


PLANTED = (VIN, PLATE, MAIL, PHONE, IDENTITY, MAC, IBAN)
words = st.text("abc äöü,;:\"'\\{}[]0 \t京", max_size=12)


@given(st.lists(st.tuples(words, st.sampled_from(PLANTED), words), max_size=6), st.booleans())
@settings(max_examples=60)
def test_nothing_planted_survives_in_json(parts, ascii_only):
    document = {"a": [f"{before} {value} {after}" for before, value, after in parts], "b": {"c": 1}}
    text = json.dumps(document, ensure_ascii=ascii_only)
    made = masked_json(text, TextMask(ALL, KEYS))
    values = json.loads(made)["a"]
    assert len(values) == len(parts)
    for one, (_, value, _) in zip(values, parts, strict=True):
        assert value not in one
    assert json.loads(made)["b"] == {"c": 1}


@given(st.binary(max_size=80), st.sampled_from(PLANTED), st.binary(max_size=80))
def test_bytes_keep_their_length(before, value, after):
    data = before + b"\x00" + value.encode() + b"\x00" + after
    made = TextMask(ALL, KEYS).binary(data)
    assert len(made) == len(data)
    assert value.encode() not in made


def test_messages_lose_what_identifies_in_their_texts():
    out = io.BytesIO()
    writer = Writer(out)
    writer.start()
    schema = writer.register_schema("std_msgs/msg/String", "ros2msg", b"string data\n")
    log = writer.register_channel("/log", "cdr", schema)
    note = writer.register_channel("/note", "json", writer.register_schema("n", "jsonschema", b"{}"))
    for at in range(3):
        text = f"seen 沪A1234{at}, next".encode() + b"\x00"
        writer.add_message(log, at, b"\x00\x01\x00\x00" + len(text).to_bytes(4, "little") + text, at)
        writer.add_message(note, at, json.dumps({"license_plate": f"S-AB {at}", "speed": 1.5}).encode(), at)
    writer.finish()
    made, report = run(out.getvalue(), RedactionOrder(frozenset({"plates"}), setting="fast"), "x.mcap")
    messages = list(make_reader(io.BytesIO(made)).iter_messages())
    assert len(messages) == 6
    for _, channel, one in messages:
        if channel.topic == "/log":
            assert one.data[8:].startswith(b"seen " + b"X" * 9 + b", next")
        else:
            assert one.data == b'{"license_plate": "XXXXXX", "speed": 1.5}'
    assert report.outcome.texts == {"vehicle_id.plate": 6}


def test_a_table_with_remarks_before_it_keeps_them_and_loses_its_places():
    rows = [f"{at / 10:.1f},{48.1 + at / 1e4:.5f},{11.5 + at / 1e4:.5f},{30 + at}" for at in range(40)]
    text = f"# of {MAIL}\n\n# Logger 3\ntime,latitude,longitude,speed\n" + "\n".join(rows) + "\n"
    made, _ = run(text.encode())
    lines = made.decode().splitlines()
    assert MAIL not in lines[0]
    assert lines[1:4] == ["", "# Logger 3", "time,latitude,longitude,speed"]
    assert len(lines) == 44
    assert "48.1" not in made.decode()
    assert [line.split(",")[3] for line in lines[4:]] == [str(30 + at) for at in range(40)]

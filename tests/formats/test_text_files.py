"""Texts as recordings: what form they are, what records they hold, and where the values of JSON stand."""

from __future__ import annotations

import io
import json
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.classify import describe
from carnet.classify.leaves import flatten
from carnet.errors import UnreadableError
from carnet.formats import open_recording
from carnet.formats.json_values import json_values
from carnet.formats.legacy_text import legacy_of
from carnet.formats.text_files import TextReader, encoding_of, parts_of, table_of
from carnet.model.factsheet import ReadState
from carnet.recognise.receivers import sentence_in

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def records(content: bytes):
    reader = open_recording(io.BytesIO(content), "x")
    assert isinstance(reader, TextReader)
    return reader, [json.loads(one.data) for one in reader.messages()]


@pytest.mark.parametrize(
    ("content", "form", "first"),
    [
        (b'{"a": 1, "b": [1, 2]}', "json", {"a": 1, "b": [1, 2]}),
        (b'\xef\xbb\xbf[\n {"a": 1}\n]\n', "json", {"a": 1}),
        (b'{"a": 1}\n{"a": 2}\n', "ndjson", {"a": 1}),
        (b"id;plate\n7;S-AB 1\n8;S-AB 2\n", "csv", {"id": "7", "plate": "S-AB 1"}),
        (b"1.5,2\n3.5,4\n", "csv", {"column 1": 1.5, "column 2": "2"}),
        (b"first line\nsecond\n", "text", {"text": "first line"}),
        ("车牌 京A12345\n".encode("gb18030"), "text", {"text": "车牌 京A12345"}),
        ("\ufeffid,名\r\n7,李\r\n".encode("utf-16-le"), "csv", {"id": "7", "名": "李"}),
        (b"[INFO] [1690000000.1]: started\n", "text", {"text": "[INFO] [1690000000.1]: started"}),
        (b"[1690000000.1]: started\nx\n", "text", {"text": "[1690000000.1]: started"}),
        (b"[2026-11-22 08:00:01] started\n", "text", {"text": "[2026-11-22 08:00:01] started"}),
        (b"[lidar]\nserial=7\n", "text", {"text": "[lidar]"}),
        (b"[1, 2]\n", "json", {"value": 1}),
        (b"\x1b[0mstarted\x1b[33m\nx\n", "text", {"text": "\x1b[0mstarted\x1b[33m"}),
    ],
)
def test_a_text_is_read_as_what_it_is(content, form, first):
    reader, found = records(content)
    assert (reader.format, reader.state) == (form, ReadState.READ)
    assert found[0] == first


@pytest.mark.parametrize("keys", [("cars",), ("fleet", "cars"), ("a", "b", "c", "d")])
@pytest.mark.parametrize("around", [0, 1, 3])
def test_every_element_of_a_long_list_is_a_record_wherever_it_stands(keys, around):
    document = [{"vin": str(n)} for n in range(9)]
    for _ in range(around):
        document = [document]
    part = [{"vin": str(n)} for n in range(9)]
    for key in reversed(keys):
        document, part = {key: document}, [{key: one} for one in part]
    _, found = records(json.dumps(document).encode())
    assert found[:9] == part


def test_a_line_of_numbers_is_one_value():
    _, found = records(json.dumps({"ids": list(range(9)), "line": [[n, n] for n in range(9)]}).encode())
    assert found[:9] == [{"line": [n, n]} for n in range(9)]
    assert found[9]["ids"] == list(range(9))


@given(anything)
def test_no_text_of_a_document_is_lost(document):
    def texts(value):
        if isinstance(value, str):
            yield value
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for one in inner:
            yield from texts(one)

    seen = {
        value
        for part in parts_of(document if isinstance(document, dict | list) else {"value": document})
        for _, value in flatten(part)
        if isinstance(value, str)
    }
    assert set(texts(document)) <= seen | {""}


def test_a_quoted_cell_may_hold_lines():
    _, found = records(b'a,b\n1,"two\nlines, ""quoted"""\n3,4\n')
    assert found == [{"a": "1", "b": 'two\nlines, "quoted"'}, {"a": "3", "b": "4"}]


@pytest.mark.parametrize(
    "content", [b"\xe9\xff\x80 text", b"\xff\xfe\x00", "водитель стоит близко".encode("cp1251")]
)
def test_a_broken_text_is_blocked(content):
    reader = open_recording(io.BytesIO(content), "x.json")
    list(reader.messages())
    assert reader.state is ReadState.BLOCKED
    assert reader.reason


@given(st.text().filter(lambda text: not set(map(ord, text)) & ({*range(32), 127} - {9, 10, 13})))
def test_valid_text_is_recognised_by_its_encoding(text):
    assert encoding_of(io.BytesIO(text.encode())) == "utf-8"


@given(anything, st.sampled_from([None, 1]), st.booleans())
def test_every_value_of_a_json_text_has_its_place(document, indent, ascii_only):
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    found = list(json_values(text))

    def walk(node, path=()):
        if isinstance(node, dict):
            for key, inner in node.items():
                yield key, (*path, key), True
                yield from walk(inner, (*path, key))
        elif isinstance(node, list):
            for inner in node:
                yield from walk(inner, path)
        else:
            yield node, path, False

    expected = list(walk(document))
    assert [(json.loads(text[one.start : one.end]), one.path, one.is_key) for one in found] == expected


@pytest.mark.parametrize(
    "text", ["", "{", '{"a" 1}', "[1,]", "nul", "[" * 5000 + "]" * 5000, "[" * 300 + "]" * 300]
)
def test_what_is_no_json_is_refused(text):
    with pytest.raises(UnreadableError):
        list(json_values(text))


@pytest.mark.parametrize(
    ("content", "form", "texts"),
    [
        (b'[\n{"a": 1},\n{"a": 2\n', "json", ["[", '{"a": 1},', '{"a": 2']),
        (b'{\n// where it stands\n"lat": 1.5}', "json", ["{", "// where it stands", '"lat": 1.5}']),
        (b'{"a": 1}\n{"a": 2}\n{"a": \n', "ndjson", ['{"a": ']),
    ],
)
def test_what_begins_like_json_and_is_none_is_looked_at_as_a_text(content, form, texts):
    reader, found = records(content)
    assert (reader.format, reader.state) == (form, ReadState.PARTLY)
    assert "not valid JSON" in str(reader.reason)
    assert [one["text"] for one in found if "text" in one] == texts


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Längengrad;Straße\n11,5;Müllerstraße 7\n", "cp1252"),
        ("Le véhicule a été arrêté à l'hôpital où il était", "cp1252"),
        ("it\u2019s \u201cquoted\u201d, the driver\u2019s \u2013 text\u2019s end, no more of it", "cp1252"),
        ("緯度,経度,時刻\n35.1,139.1,12\n", "cp932"),
        ("この車両は東京から大阪へ移動しました。", "cp932"),
        ("この車両は東京から大阪へ移動しました。", "euc_jp"),
        ("이 차량은 서울에서 부산까지 이동하였습니다. 운전자는 김철수입니다.", "euc_kr"),
    ],
)
def test_an_encoding_that_nothing_announces_is_judged_and_told(text, encoding):
    reader, found = records(text.encode(encoding))
    assert reader.encoding == encoding
    assert reader.state is ReadState.PARTLY
    assert encoding in str(reader.reason)
    assert "".join(map(str, found[0].values()))[:2] in text


def test_chinese_texts_are_gb_18030_and_need_no_word():
    text = "本车从上海开往北京，驾驶员为李明，车牌号码为京A12345。数据由记录仪采集。\n"
    reader, found = records(text.encode("gb18030"))
    assert (reader.encoding, reader.state) == ("gb18030", ReadState.READ)
    assert found == [{"text": text.strip()}]


def test_a_damaged_utf_8_text_is_no_text_of_another_encoding():
    reader, found = records("本车从上海开往北京，驾驶员为李明".encode()[:-1])
    assert (reader.encoding, reader.state, found) == (None, ReadState.BLOCKED, [])


@given(st.binary(max_size=400))
def test_any_bytes_have_a_list_of_encodings(data):
    assert set(legacy_of(data)) <= {"gb18030", "cp932", "euc_jp", "euc_kr", "cp1252"}


ROWS = [f"{at / 10:.1f},{48.1 + at / 1e4:.5f},{11.5 + at / 1e4:.5f},{30 + at}" for at in range(40)]
HEADER = "time,latitude,longitude,speed"


@pytest.mark.parametrize(
    "header",
    [
        "t, Latitude (deg), Longitude (deg), speed",
        "t,GPS Lat [\u00b0],GPS Lon [\u00b0],v",
        'sec,"lat(deg.)","lon(deg.)",v',
    ],
)
def test_a_unit_behind_a_columns_name_is_no_part_of_it(header):
    sheet = describe(io.BytesIO("\n".join([header, *ROWS]).encode()), name="x", detect=False)
    assert sheet.streams[0].facts["points"] == 40
    assert "location.trajectory" in sheet.data


@pytest.mark.parametrize(
    ("before", "rows"),
    [
        ([], ROWS),
        ([""], ROWS),
        (["# StartTime = 2026", "", "# Device OBD"], ROWS),
        (["Recording of E. Mustermann, 2026"], [*ROWS[:30], "stopped", *ROWS[30:]]),
    ],
)
@pytest.mark.parametrize("german", [False, True])
def test_a_table_with_remarks_before_it_is_a_table(before, rows, german):
    def spelt(line):
        return line.replace(",", ";").replace(".", ",") if german else line

    text = "\n".join([*before, spelt(HEADER), *map(spelt, rows)])
    reader, found = records(text.encode())
    assert (reader.format, reader.state) == ("csv", ReadState.READ)
    whole = [one for one in found if "latitude" in one and len(one) == 4]
    assert len(whole) == 40
    assert whole[7]["latitude"] == float(ROWS[7].split(",")[1])
    assert [one["text"] for one in found if "text" in one] == [one for one in before if one]
    sheet = describe(io.BytesIO(text.encode()), name="x", detect=False)
    assert {"location.trajectory", "driving.dynamics"} <= set(sheet.data)
    assert sheet.streams[0].facts["points"] == 40


def test_columns_of_one_name_do_not_hide_one_another():
    _, found = records(b"name,name,name 2,name\na,b,c,d\ne,f,g,h\n")
    assert sorted(found[0].values()) == ["a", "b", "c", "d"]
    assert len(found[0]) == 4


@pytest.mark.parametrize(
    "text",
    [
        "hello, this is\na text with some, commas, in it\nand more\nof, course\n",
        "one, two, three\nfour, five, six and, more\nseven\neight, nine, ten\n",
        "[INFO] a, b, c\n[INFO] d, e, f, g\n[INFO] h\n",
    ],
)
def test_sentences_with_commas_are_no_table(text):
    assert records(text.encode())[0].format == "text"


@given(st.text(st.sampled_from(';,\t|"a1. \n'), max_size=300))
def test_any_lines_are_a_table_or_none(text):
    found = table_of(text.splitlines())
    assert found is None or 0 <= found.preamble < len(text.splitlines())
    reader, seen = records((text + "x").encode())
    assert reader.state is not ReadState.READ or seen


def test_a_cell_longer_than_the_library_takes_is_read():
    _, found = records(b'a,b\n2,z\n3,y\n1,"' + b"x" * 200_000 + b'"\n')
    assert len(found[2]["b"]) == 200_000


def sentence(at):
    body = f"GNRMC,1200{at:02d}.00,A,48{6 + at / 100:07.4f},N,011{30 + at / 100:07.4f},E,10.0,90.0,010126,,,A"
    return f"${body}*{reduce(lambda total, sign: total ^ ord(sign), body, 0):02X}"


@pytest.mark.parametrize(
    "prefix",
    ["", "2026-01-01 12:00:07 ", "1700000000.123,", "[INFO] gps: ", "ttyUSB0;", '7,"'],
)
def test_sentences_of_a_receiver_behind_a_loggers_time_are_a_track(prefix):
    text = "\r\n".join(prefix + sentence(at) + ('"' if '"' in prefix else "") for at in range(60))
    sheet = describe(io.BytesIO(text.encode()), name="x", detect=False)
    assert (sheet.format, sheet.state) == ("text", ReadState.READ)
    assert "location.trajectory" in sheet.data
    assert sheet.streams[0].facts["points"] == 60
    assert sheet.streams[0].facts["countries"] == ("DE",)


def test_a_price_is_no_sentence():
    assert sentence_in("costs $12,50, more") == "costs $12,50, more"
    assert sentence_in("x" * 100 + sentence(1)).startswith("x")

"""Rows taken many at once, and texts looked through together: the same as one after the other, and none left out."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from carnet.classify.describe import describe
from carnet.formats.text_files import TextReader, cells_of
from carnet.recognise.text import BETWEEN, LONGEST_TEXT, recognise, recognise_each

VIN = "1HGCM82633A004352"
CELLS = st.one_of(
    st.sampled_from(
        [
            *(
                "",
                " ",
                "1.5",
                "-0.25",
                "1_0.5",
                "1e3",
                "nan",
                "inf",
                "1.5e999",
                "7.",
                ".",
                "31.2304",
                "121.4737",
            ),
            *(
                "17",
                "+4",
                "13800138000",
                "1234567890123",
                "490154203237518",
                "imei",
                "VIN",
                "lat",
                "a b",
                "Ünï",
            ),
            *(
                VIN,
                "li@example.com",
                "path",
                "Vehicle.Speed",
                "$GPGGA,1",
                "#HEAD",
                "x,y",
                'a "quoted" b',
                "\r",
            ),
            "$GPGGA,092750.000,5321.6802,N,00630.3372,W,1,8,1.03,61.7,M,55.2,M,,*76",
        ]
    ),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=6),
    st.floats(-180, 180, allow_nan=False).map(str),
)
NAMES = st.one_of(
    st.sampled_from(
        ["lat", "lon", "speed", "path", "value", "value", "note", "gps.lat", "gps.lon", "3", "vin"]
    ),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=5),
)
PIECES = [
    *(
        VIN,
        "WVWZZZ1JZXW000001",
        "0123456789abcdef0",
        "vin",
        "Fahrgestell",
        "490154203237518",
        "imei",
        "IMEI:",
    ),
    *(
        "li@example.com",
        "@example.com",
        "li",
        "lat",
        "latitude",
        "31.23041",
        "121.47370",
        ".47370",
        ",",
        "12.5",
    ),
    *("driver", "driver:", "Li Wei", ": Max Muster", "plate", "B-MW", "-MW 123", "B 1234", "+49 170 1234567"),
    *(
        "00:1A:2B:3C:4D:5E",
        ":1A:2B:3C:4D:5E",
        "$GPGGA,1",
        "DE89370400440532013000",
        "品川 500",
        "さ 12-34",
        "沪A",
    ),
    *("12345", "110101", "199003078515", "bGlAZXhhbXBsZS5jb20gbGlAZXhhbXBsZS5jb20=", "", " ", "\n", "İ", "|"),
]


def sheets(data: bytes, name: str, monkeypatch: pytest.MonkeyPatch):
    many = describe(io.BytesIO(data), name=name, detect=False)
    with monkeypatch.context() as patched:
        patched.setattr(TextReader, "runs", TextReader.messages)
        return many, describe(io.BytesIO(data), name=name, detect=False)


@settings(deadline=None)
@given(
    st.lists(NAMES, min_size=1, max_size=5), st.lists(st.lists(CELLS, min_size=1, max_size=6), max_size=40)
)
@example(["lat", "lon"], [[str(31 + k / 1000), str(121 + k / 1000)] for k in range(40)])
@example(["path", "value"], [["Vehicle.Speed", "12.5"], ["Vehicle.CurrentLocation.Latitude", "1.5"]])
@example(["note", "note"], [[VIN, "a"], ["b", "c"], ["d"]])
def test_a_table_by_columns_is_the_table_by_rows(names, rows):
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([names, *rows])
    with pytest.MonkeyPatch.context() as monkeypatch:
        many, singly = sheets(out.getvalue().encode(), "a.csv", monkeypatch)
    assert many == singly


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=4).map(" ".join), min_size=1, max_size=30))
def test_lines_together_are_the_lines_one_by_one(lines):
    with pytest.MonkeyPatch.context() as monkeypatch:
        many, singly = sheets("\n".join(lines).encode(), "a.txt", monkeypatch)
    assert many == singly


LEAVES = st.one_of(
    CELLS, st.none(), st.booleans(), st.integers(-(10**6), 10**13), st.floats(-180, 180), st.just("\ud83d")
)
KEYS = st.sampled_from(["lat", "lon", "path", "value", "dp", "speed", "a", "", "note", "header"])
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
VISS = {"path": "Vehicle.CurrentLocation.Latitude", "dp": {"value": "31.2304", "ts": "2026-01-01T00:00:00Z"}}


@settings(deadline=None)
@given(
    st.lists(st.dictionaries(KEYS, DOCUMENTS, min_size=1, max_size=4), min_size=1, max_size=8), st.booleans()
)
@example([{"data": [VISS, {"path": "Vehicle.Speed", "value": 3}]}, {"data": VISS}], True)
@example([{"speed": 1}, {"more": {"path": "Vehicle.Speed", "value": 3}}] * 200, False)
def test_documents_together_are_the_documents_one_by_one(documents, lines):
    text = "".join(json.dumps(one) + "\n" for one in documents) if lines else json.dumps(documents)
    with pytest.MonkeyPatch.context() as monkeypatch:
        many, singly = sheets(text.encode(), "a.json", monkeypatch)
    assert many == singly


@settings(deadline=None)
@given(st.text('ab,;"\r\n\t \ufeff\x0b', max_size=30), st.sampled_from(",;\t|"))
def test_cells_are_those_of_the_csv_module(row, separator):
    assert cells_of(row, separator) == next(csv.reader(io.StringIO(row, newline=""), delimiter=separator), [])


def _classes(hits) -> set[str]:
    return {hit.data for hit in hits}


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=3).map(" ".join), max_size=12))
@example(["VIN", "0123456789abcdef0"])
@example(["imei", "490154203237518"])
@example(["latitude", "31.23041"])
@example(["driver:", "Li Wei"])
def test_texts_together_hold_what_each_holds(texts):
    singly = {hit for text in texts for hit in recognise(text)}
    together = set(recognise_each(texts))
    assert _classes(together) == _classes(singly)
    # A pair of coordinates is left out beside a named one: in one text, or here in any of them.
    assert {hit for hit in singly ^ together if hit.rule != "text:pair of coordinates"} == set()


def test_a_text_longer_than_one_look_is_looked_through_to_its_end():
    text = "x " * LONGEST_TEXT + "li@example.com"
    assert not recognise(text)
    assert _classes(recognise_each([text])) == {"identity.contact"}
    edge = "y" * (LONGEST_TEXT - 8) + " li@example.com " + "y" * 100
    assert _classes(recognise_each([edge])) == {"identity.contact"}
    assert BETWEEN not in text


@pytest.mark.parametrize("many", [499, 500, 600, 5000, 20_000])
@pytest.mark.parametrize("form", ["txt", "csv", "ndjson", "json"])
def test_what_stands_behind_many_texts_is_found(form, many):
    notes = [f"note {number} of a drive" for number in range(many)] + [f"chassis {VIN}"]
    if form == "txt":
        text = "\n".join(notes)
    elif form == "csv":
        text = "t,note\n" + "".join(f"{at},{note}\n" for at, note in enumerate(notes))
    elif form == "ndjson":
        text = "".join(json.dumps({"note": note}) + "\n" for note in notes)
    else:
        text = json.dumps({"notes": [{"note": note} for note in notes]})
    sheet = describe(io.BytesIO(text.encode()), name="x", detect=False)
    assert sheet.state == "read"
    assert sheet.streams[0].count >= many
    assert "vehicle_id.vin" in sheet.data

"""Every text of a field is looked through, however many there are and however long."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mcap.writer import Writer

from carnet.classify.describe import describe
from carnet.recognise.text import LONGEST_TEXT

VIN = "1HGCM82633A004352"
LINES = [f"module {number} ok {number * 7}" for number in range(5000)]
LINES[4321] += f" car {VIN}"


def mcap() -> bytes:
    out = io.BytesIO()
    writer = Writer(out)
    writer.start()
    schema = writer.register_schema("Log", "jsonschema", b"{}")
    channel = writer.register_channel("/log", "json", schema)
    for number, line in enumerate(LINES):
        writer.add_message(channel, number, json.dumps({"msg": line}).encode(), number)
    writer.finish()
    return out.getvalue()


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"msg": LINES}), out)
    return out.getvalue()


NUMBERED = [json.dumps({"t": at, "msg": line}) for at, line in enumerate(LINES)]
FORMS = {
    "text": "\n".join(LINES).encode(),
    "csv": ("t,msg\n" + "\n".join(f"{at},{line}" for at, line in enumerate(LINES))).encode(),
    "ndjson": "\n".join(NUMBERED).encode(),
    "json": f'{{"rows": [{", ".join(NUMBERED)}]}}'.encode(),
    "mcap": mcap(),
    "parquet": parquet(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_number_that_comes_late_is_found(form):
    sheet = describe(io.BytesIO(FORMS[form]), name="x")
    assert sheet.format == form
    assert "vehicle_id.vin" in sheet.data


def test_lines_are_counted_as_they_were():
    sheet = describe(io.BytesIO("\n\n".join(LINES).encode()), name="x")
    assert sheet.streams[0].count == len(LINES)


@pytest.mark.parametrize("before", range(LONGEST_TEXT - 30, LONGEST_TEXT + 20, 7))
def test_a_long_line_is_looked_through_to_its_end(before):
    sheet = describe(io.BytesIO(f"first\n{'.' * before} {VIN} {'.' * LONGEST_TEXT}\n".encode()), name="x")
    assert "vehicle_id.vin" in sheet.data


def test_a_number_late_in_a_long_definition_is_found():
    out = io.BytesIO()
    writer = Writer(out)
    writer.start()
    text = json.dumps({"description": "some words " * 200_000 + VIN})
    channel = writer.register_channel("/a", "json", writer.register_schema("A", "jsonschema", text.encode()))
    writer.add_message(channel, 1, b'{"a": 1}', 1)
    writer.finish()
    assert "vehicle_id.vin" in {one.data for one in describe(out, name="x").outside}

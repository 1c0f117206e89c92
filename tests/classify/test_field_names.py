"""A number in the name of a field is found, wherever formats let names be free: keys, columns, maps."""

from __future__ import annotations

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mcap.writer import Writer

from carnet.classify.describe import describe

VIN = "1HGCM82633A004352"


def parquet(kind=None) -> bytes:
    out = io.BytesIO()
    column = pa.array([[(VIN, 1)]], kind) if kind else pa.array([{VIN: 1, "b": 2}])
    pq.write_table(pa.table({"cars": column}), out)
    return out.getvalue()


def mcap() -> bytes:
    out = io.BytesIO()
    writer = Writer(out)
    writer.start()
    channel = writer.register_channel("/a", "json", writer.register_schema("A", "jsonschema", b"{}"))
    writer.add_message(channel, 1, json.dumps({"cars": {VIN: 3}}).encode(), 1)
    writer.finish()
    return out.getvalue()


def npy() -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([(1, 2)], dtype=[(VIN, "i4"), ("b", "i4")]))
    return out.getvalue()


FORMS = {
    "json": json.dumps({"cars": {"by": {VIN: {"doors": 4}}}}).encode(),
    "ndjson": b'{"a": 1}\n' * 3 + json.dumps({VIN: 1}).encode() + b"\n",
    "csv": f"time,{VIN}\n1,2\n3,4\n".encode(),
    "parquet": parquet(),
    "parquet map": parquet(pa.map_(pa.string(), pa.int64())),
    "mcap": mcap(),
    "npy": npy(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_number_in_a_name_is_found_and_not_shown(form):
    sheet = describe(io.BytesIO(FORMS[form]), name="x")
    assert sheet.format == form.split()[0]
    assert "vehicle_id.vin" in sheet.data
    assert VIN not in repr(sheet)


def test_what_is_no_number_in_a_name_is_shown():
    sheet = describe(io.BytesIO(b"time,torque_1HGCM8263\n1,2\n3,4\n"), name="x")
    assert [one.path for one in sheet.streams[0].fields] == ["time", "torque_1HGCM8263"]
    assert "vehicle_id.vin" not in sheet.data

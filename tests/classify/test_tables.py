"""Tables by column: names, nested columns, values under innocent names, texts, geometry, what lies outside."""

from __future__ import annotations

import io
import json
import math
import struct

import pytest

pa = pytest.importorskip("pyarrow", reason="carnet[tables] is not installed")
import pyarrow.parquet as pq  # noqa: E402 - only where it is there

from carnet.classify import describe  # noqa: E402 - as above
from carnet.classify.pairs import moves, pairs_by_value, raw_ranges  # noqa: E402 - as above
from carnet.classify.track import Track  # noqa: E402 - as above
from carnet.recognise.text import beside  # noqa: E402 - as above

VIN = "1M8GDM9AXKP042788"


def drive(n=400):
    return [(31.12 + k * 1e-4 + 3e-7 * math.sin(k), 121.2 + k * 5e-5 + 3e-7 * math.cos(k)) for k in range(n)]


def sheet_of(table, form="parquet", name="x", **options):
    out = io.BytesIO()
    if form == "parquet":
        pq.write_table(table, out, **options)
    else:
        make = pa.ipc.new_file if form == "arrow" else pa.ipc.new_stream
        with make(out, table.schema) as writer:
            writer.write_table(table, max_chunksize=100)
    return describe(io.BytesIO(out.getvalue()), name=name, detect=False)


def stream_of(table, form="parquet", **options):
    sheet = sheet_of(table, form, **options)
    assert sheet.state == "read", sheet.reason
    (stream,) = sheet.streams
    return stream


@pytest.mark.parametrize("form", ["parquet", "arrow", "stream"])
def test_nested_columns_make_a_track(form):
    table = pa.table({"gps": [{"lat": a, "lon": b} for a, b in drive()], "speed": [1.5] * 400})
    stream = stream_of(table, form)
    assert stream.kind == "table"
    assert stream.count == 400
    assert stream.data == ("driving.dynamics", "location.trajectory")
    assert stream.facts["points"] == 400
    assert stream.facts["countries"] == ("CN",)
    assert [one.path for one in stream.fields] == ["gps.lat", "gps.lon", "speed"]


@pytest.mark.parametrize("scale", [1, 10_000_000])
def test_places_under_innocent_names_are_found_after_a_long_stand(scale):
    stand = [drive(1)[0]] * 25_000
    places = [(a * scale, b * scale) for a, b in [*stand, *drive()]]
    if scale > 1:
        places = [(round(a), round(b)) for a, b in places]
    table = pa.table({"q": [a for a, _ in places], "r": [b for _, b in places]})
    stream = stream_of(table)
    assert stream.data == ("location.trajectory",)
    assert stream.facts["points"] >= 400


def test_a_column_named_by_a_vss_path_has_the_class_of_its_branch():
    names = {"Vehicle.Occupant.Row1.DriverSide.Identifier.Subject": ["a"], "Vehicle.Acme.Thing": [1]}
    (known, unknown) = stream_of(pa.table(names)).fields
    assert (str(known.data), known.because[0]) == (
        "identity.account",
        "vss:Vehicle.Occupant.*.*.Identifier",
    )
    assert str(unknown.data) == "unknown"


def test_noise_is_no_place():
    values = [31.0 + (k * 7919 % 1000) / 250_000 for k in range(4000)]
    stream = stream_of(pa.table({"q": values, "r": values[::-1]}))
    assert stream.data == ("unknown",)


def test_every_text_of_a_column_is_looked_through():
    texts = [f"part {k}" for k in range(60_000)]
    texts[59_000] = f"car {VIN}"
    stream = stream_of(pa.table({"note": texts, "blob": [text.encode() for text in texts]}))
    assert "vehicle_id.vin" in stream.data
    assert {one.path for one in stream.fields if one.data == "vehicle_id.vin"} == {"note", "blob"}


def test_a_word_does_not_reach_into_the_next_cell():
    stream = stream_of(pa.table({"note": ["ended by driver:", "Hans Meier", "the IMEI", "490154203237518"]}))
    assert stream.data == ("unknown",)
    stream = stream_of(pa.table({"note": ["ended by driver: Hans Meier"]}))
    assert "identity.name" in stream.data


def test_others_are_given_each_cell_for_itself():
    asked = []
    with beside(lambda text: asked.append(text) or ()):
        stream_of(pa.table({"note": ["one cell", "another cell", "one cell"]}), "arrow")
    assert {"one cell", "another cell"} <= set(asked)
    assert not any("one" in text and "another" in text for text in asked)


def test_texts_are_looked_through_to_the_end_of_a_long_cell_and_of_a_long_column():
    filler = "nothing stands here " * 100_000
    texts = [f"{filler} {k}" for k in range(16)] + [f"{filler} car {VIN}"]
    stream = stream_of(pa.table({"note": texts}), "arrow")
    assert "vehicle_id.vin" in stream.data


def test_every_dictionary_of_a_column_is_looked_through():
    words = [
        pa.array(one).dictionary_encode() for one in (["a", "b"], ["a", "b"], ["a", f"car {VIN}"], ["c"])
    ]
    stream = stream_of(pa.table({"note": pa.chunked_array(words)}), "stream")
    assert stream.count == 7
    assert "vehicle_id.vin" in stream.data


def test_floats_in_a_column_of_texts_are_no_pair_of_places():
    stream = stream_of(pa.table({"ratio": ["12.34567", "56.78901", "57.12345"] * 5}))
    assert stream.data == ("unknown",)


@pytest.mark.parametrize("named", [True, False])
def test_geometry_is_a_place_and_so_are_its_box_and_its_statistics(named):
    shapes = [struct.pack("<BIdd", 1, 1, b, a) for a, b in drive()]
    table = pa.table({"shape": shapes})
    if named:
        geo = {"columns": {"shape": {"encoding": "WKB", "bbox": [121.0, 31.0, 122.0, 32.0]}}}
        table = table.replace_schema_metadata({"geo": json.dumps(geo)})
    sheet = sheet_of(table)
    assert sheet.streams[0].data == ("location.trajectory",)
    assert sheet.streams[0].facts["points"] == 400
    wheres = {one.where for one in sheet.outside if one.data == "location.position"}
    assert "column statistics shape" in wheres
    assert ("schema metadata geo bbox" in wheres) == named


def test_what_lies_outside_the_columns_is_looked_through():
    field = pa.field("v", pa.float64(), metadata={"unit": "km/h", "note": f"of {VIN}"})
    table = pa.table([[1.0, 2.0]], schema=pa.schema([field], metadata={"car": VIN}))
    for form in ("parquet", "arrow", "stream"):
        sheet = sheet_of(table, form)
        assert sheet.streams[0].data == ("driving.dynamics",)
        found = {one.where for one in sheet.outside if one.data == "vehicle_id.vin"}
        assert found == {"schema metadata car", "column metadata v.note"}
        assert VIN not in json.dumps(sheet.to_json())


def test_statistics_keep_what_was_taken_out_of_nobodys_sight():
    sheet = sheet_of(pa.table({"id": [VIN, VIN]}))
    assert ("column statistics id", "vehicle_id.vin") in {(one.where, one.data) for one in sheet.outside}


def test_partitions_are_in_the_file_name():
    sheet = sheet_of(pa.table({"v": [1.0]}), name=f"vin={VIN}/part-0.parquet")
    assert ("file name", "vehicle_id.vin") in {(one.where, one.data) for one in sheet.outside}


def test_a_point_cloud_is_lidar_and_pictures_are_pictures():
    cloud = pa.table({"x": [1.0], "y": [2.0], "z": [0.1], "intensity": [0.5]})
    assert stream_of(cloud).data == ("ranging.lidar",)
    assert stream_of(pa.table({"raw": [b"\xff\xd8\xff\xe0 and so on"]})).data == ("image.exterior",)


def test_ranges_to_satellites_are_a_position():
    ranges = [2.0e7 + (k * k * 7919 % 997) * 3.1e3 + k * 0.37 for k in range(200)]
    table = pa.table({"a": [float(2 + k % 9) for k in range(200)], "b": ranges})
    assert "location.position" in stream_of(table).data
    counter = [2.0e7 + k * 4000.0 for k in range(200)]
    assert not list(raw_ranges({"a": [float(2 + k % 9) for k in range(200)], "b": counter}))
    assert not list(raw_ranges({"a": [0.5] * 200, "b": ranges}))


def test_a_drive_that_comes_back_moves_and_a_leap_between_trips_is_allowed():
    there = [a for a, _ in drive(200)]
    around = (there + there[::-1]) * 6
    assert moves(around)
    assert moves([*around, *(a + 1 for a in around)])
    assert list(pairs_by_value({"x": around, "y": around})) == [("y", "x", 1.0, 1.0)]


def test_a_track_by_column_is_the_track_point_by_point():
    import numpy as np

    places = [*drive(50), (0.0, 0.0), (float("nan"), 1.0), (91.0, 5.0), *drive(80)]
    one, other = Track(), Track()
    for a, b in places:
        one.add(a, b)
    for start in range(0, len(places), 7):
        piece = np.array(places[start : start + 7])
        other.add_many(piece[:, 0], piece[:, 1])
    assert one.facts() == other.facts()
    assert one.metres == pytest.approx(other.metres)


def csv_of(columns):
    rows = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    return describe(io.BytesIO("\n".join(rows).encode()), name="x", detect=False).streams[0]


def test_a_table_of_text_is_looked_at_by_value_too():
    packed = {"q": [round(a * 1e7) for a, _ in drive()], "r": [round(b * 1e7) for _, b in drive()]}
    assert "location.trajectory" in csv_of(packed).data
    ranges = [2.0e7 + (k * k * 7919 % 997) * 3.1e3 + k * 0.37 for k in range(200)]
    assert "location.position" in csv_of({"a": [2 + k % 9 for k in range(200)], "b": ranges}).data


def test_a_drive_through_greenwich_and_a_drive_across_a_continent():
    london = {
        "q": [51.5 + k * 1.3e-4 + 1e-6 for k in range(300)],
        "r": [k * 1.1e-4 - 0.0162 for k in range(300)],
    }
    stream = csv_of(london)
    assert "location.trajectory" in stream.data
    assert stream.facts["countries"] == ("GB",)
    trips = [(48.1, 11.5), (31.1, 121.3)]
    places = [(a + k * 1e-4 + 1e-6, b + k * 1e-4 + 1e-6) for a, b in trips for k in range(200)]
    stream = csv_of({"q": [a for a, _ in places], "r": [b for _, b in places]})
    assert stream.facts["countries"] == ("CN", "DE")


VIN = "1HGCM82633A004352"
KINDS = {
    "list view": pa.array([["a", VIN]], pa.list_view(pa.string())),
    "large list view": pa.array([["a", VIN]], pa.large_list_view(pa.string())),
    "dense union": pa.UnionArray.from_dense(
        pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32()), [pa.array([1]), pa.array([VIN])]
    ),
    "sparse union": pa.UnionArray.from_sparse(
        pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", VIN])]
    ),
    "list of a dictionary": pa.ListArray.from_arrays([0, 2], pa.array(["a", VIN]).dictionary_encode()),
    "runs": pa.RunEndEncodedArray.from_arrays([2, 3], ["a", VIN]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_in_any_kind_of_column_is_found(kind):
    made = io.BytesIO()
    table = pa.table({"c": KINDS[kind]})
    with pa.ipc.new_file(made, table.schema) as file:
        file.write_table(table)
    sheet = describe(made, name="x", detect=False)
    assert "vehicle_id.vin" in sheet.data

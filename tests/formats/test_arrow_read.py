"""Parquet and Arrow as bytes: cut, damaged, encrypted, lying about lengths, and never closed by the reader."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pa = pytest.importorskip("pyarrow", reason="carnet[tables] is not installed")
import pyarrow.parquet as pq  # noqa: E402 - only where it is there

from carnet.classify import describe  # noqa: E402 - as above
from carnet.formats import open_recording  # noqa: E402 - as above
from carnet.formats.arrow_read import MOST_ROWS, batch_of  # noqa: E402 - as above
from carnet.formats.parquet_footer import groups_of  # noqa: E402 - as above
from carnet.formats.wkb import points_of  # noqa: E402 - as above

TABLE = pa.table(
    {
        "a": list(range(5000)),
        "b": [f"text {k % 50}" for k in range(5000)],
        "c": [[float(k), 2.0] for k in range(5000)],
        "d": [{"e": k / 7, "f": None} for k in range(5000)],
        "g": pa.array([f"word {k % 3}" for k in range(5000)]).dictionary_encode(),
    }
)


def as_bytes(form, table=TABLE, **options):
    out = io.BytesIO()
    if form == "parquet":
        pq.write_table(table, out, row_group_size=1000, **options)
    else:
        make = pa.ipc.new_file if form == "arrow" else pa.ipc.new_stream
        with make(out, table.schema) as writer:
            writer.write_table(table, max_chunksize=1000)
    return out.getvalue()


FILES = {form: as_bytes(form) for form in ("parquet", "arrow", "stream")}


@pytest.mark.parametrize("form", FILES)
def test_every_row_comes_out_in_bounded_batches_and_again(form):
    source = io.BytesIO(FILES[form])
    reader = open_recording(source, "x")
    assert reader.format == ("parquet" if form == "parquet" else "arrow")
    for _ in range(2):
        batches = [batch_of(message) for message in reader.messages()]
        assert sum(one.num_rows for one in batches) == 5000
        assert max(one.num_rows for one in batches) <= MOST_ROWS
        assert batches[0].column("a").to_pylist()[:3] == [0, 1, 2]
    assert reader.state == "read", reader.reason
    assert not source.closed


def test_a_cut_parquet_is_blocked_and_a_cut_arrow_gives_what_is_whole():
    reader = open_recording(io.BytesIO(FILES["parquet"][:-100]), "x")
    assert reader.state == "blocked"
    assert "footer" in reader.reason
    for form in ("arrow", "stream"):
        data = FILES[form]
        sheet = describe(io.BytesIO(data[: len(data) // 2]), name="x", detect=False)
        assert sheet.state == "partly"
        assert 0 < sheet.streams[0].count < 5000


def test_a_damaged_page_loses_its_row_group_only():
    data = bytearray(as_bytes("parquet", write_page_checksum=True, compression="none"))
    at = data.index(b"text 7")
    data[at] ^= 0xFF
    sheet = describe(io.BytesIO(bytes(data)), name="x", detect=False)
    assert sheet.state == "partly"
    assert sheet.streams[0].count >= 4000


def test_encrypted_tables_are_blocked():
    for data in (b"PARE" + bytes(100) + b"PARE", b"PAR1" + bytes(100) + b"PARE"):
        sheet = describe(io.BytesIO(data), name="x", detect=False)
        assert sheet.state == "blocked"
        assert "encrypted" in sheet.reason


@pytest.mark.parametrize("form", FILES)
def test_a_table_without_rows_is_not_read(form):
    sheet = describe(io.BytesIO(as_bytes(form, TABLE.slice(0, 0))), name="x", detect=False)
    assert sheet.state == "blocked"
    assert "no row" in sheet.reason


def test_one_long_text_in_many_rows_is_held_once():
    text = "x" * 1_000_000
    table = pa.table({"t": pa.DictionaryArray.from_arrays(pa.array([0] * 200_000, pa.int32()), [text])})
    out = io.BytesIO()
    pq.write_table(table, out)
    assert len(out.getvalue()) < 200_000
    reader = open_recording(out, "x")
    assert max(len(message.data) for message in reader.messages()) < 4_000_000


@settings(max_examples=150, deadline=None)
@given(
    form=st.sampled_from(sorted(FILES)),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=4),
    length=st.floats(0, 1),
)
def test_damage_never_crashes_and_never_reads_as_empty(form, flips, length):
    data = bytearray(FILES[form])
    if length < 0.5:
        data = data[: int(len(data) * length * 2)]
    for place, value in flips:
        if data:
            data[int(place * (len(data) - 1))] = value
    sheet = describe(io.BytesIO(bytes(data)), name="x", detect=False)
    assert sheet.state == "blocked" or sheet.streams
    assert sheet.state == "read" or sheet.reason


@given(st.binary(max_size=200))
def test_any_bytes_are_a_shape_or_none(data):
    points = points_of(data)
    assert points is None or len(points) * 16 <= len(data)


def test_shapes_of_every_kind():
    import struct

    line = struct.pack("<BIIdddd", 1, 2, 2, 1, 2, 3, 4)
    assert points_of(line) == [(1, 2), (3, 4)]
    assert points_of(struct.pack("<BIIIdddd", 1, 3, 1, 2, 1, 2, 3, 4)) == [(1, 2), (3, 4)]
    assert points_of(struct.pack("<BII", 1, 5, 2) + line * 2) == [(1, 2), (3, 4)] * 2
    assert points_of(struct.pack(">BIIddd", 0, 1 | 0xA0000000, 4326, 1, 2, 3)) == [(1, 2)]
    assert points_of(struct.pack("<BIddd", 1, 1001, 1, 2, 3)) == [(1, 2)]
    assert points_of(line + b"x") is None
    assert points_of(struct.pack("<BII", 1, 2, 0xFFFFFFFF)) is None


def footer_of(data: bytes) -> bytes:
    size = int.from_bytes(data[-8:-4], "little")
    return data[-8 - size : -8]


def test_our_reading_of_the_footer_is_arrows():
    theirs = pq.ParquetFile(io.BytesIO(FILES["parquet"])).metadata
    ours = groups_of(footer_of(FILES["parquet"]))
    assert [one.rows for one in ours] == [1000] * 5
    for number, group in enumerate(ours):
        assert group.size == theirs.row_group(number).total_byte_size
        for at, part in enumerate(group.parts):
            column = theirs.row_group(number).column(at)
            assert (part.path, part.type, part.values) == (
                column.path_in_schema,
                column.physical_type,
                column.num_values,
            )
            if column.statistics is not None and column.statistics.has_min_max:
                assert part.extremes == (str(column.statistics.min), str(column.statistics.max))


def test_a_footer_that_contradicts_itself_does_not_end_the_process():
    # The type of a column's part is changed: Arrow, asked for that part, would end the process.
    data = FILES["parquet"]
    footer = footer_of(data)
    changed = 0
    for at in range(len(footer) - 1):
        # Field 1 of a part of a column, a number of 32 bits: 12 (zigzag) is BYTE_ARRAY, 4 is INT64.
        if footer[at : at + 3] == b"\x15\x0c\x19":
            place = len(data) - 8 - len(footer) + at + 1
            sheet = describe(io.BytesIO(data[:place] + b"\x04" + data[place + 1 :]), name="x", detect=False)
            assert sheet.state == "partly"
            changed += 1
    assert changed >= 5


@given(st.binary(max_size=300))
def test_any_bytes_are_a_footer_or_refused(data):
    try:
        groups_of(data)
    except ValueError:
        return

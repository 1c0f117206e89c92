"""A listing of any bytes is read, or refused with a sentence; never a crash, never a line counted twice."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.errors import UnreadableError

pa = pytest.importorskip("pyarrow", reason="carnet[tables] is not installed")

import pyarrow.parquet as pq  # noqa: E402 -- after the skip

from carnet.formats.listing_read import PARQUET, group_batches, groups_of, rows_of, shape_of  # noqa: E402 -- as above

LINES = st.sampled_from(
    [
        *(
            b'"fleet","a%2Fb","12","2024","e"\n',
            b'"fleet","a","x","2024","e"\n',
            b"key,size\n",
            b"a,1\n",
            b"\n",
        ),
        *(
            b"2024-05-01 12:00:00     12 a/b c\n",
            b"   PRE x/\n",
            b'{"Key": "a", "Size": 1}\n',
            b'{"Key": 5}\n',
        ),
        *(
            b'"open\n',
            b"\xff\xfe,\x80\n",
            b"a" * 2000 + b"\n",
            b"{\n",
            b"\r\n",
            "车/1.mcap\n".encode(),
            b"[[[[\n",
        ),
        b'{"Key": "a", "Size": 99999999999999999999999}\n',
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.lists(LINES, max_size=12).map(b"".join)))
def test_any_bytes_are_read_or_refused(block):
    try:
        shape = shape_of(block)
    except UnreadableError:
        return
    if shape.form in {"parquet", "orc"}:
        return
    rows = rows_of(block, shape, first=True)
    assert len(rows.keys) == len(rows.sizes)
    assert rows.keys.null_count == 0
    assert len(rows.keys) + rows.bad <= max(1, len(block.splitlines()))


def test_keys_of_an_inventory_are_decoded():
    block = b'"fleet","a%2Bb%3Dc+d%25/%E8%BD%A6","12"\n'
    rows = rows_of(block * 2, shape_of(block, "Bucket, Key, Size"), first=True)
    assert rows.keys.to_pylist() == ["a+b=c d%/车"] * 2
    assert rows.sizes.to_pylist() == [12, 12]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_damaged_parquet_listing_is_read_or_refused(place, value):
    sink = io.BytesIO()
    pq.write_table(
        pa.table({"key": [f"a/{number}" for number in range(200)], "size": list(range(200))}), sink
    )
    data = bytearray(sink.getvalue())
    data[4 + place % (len(data) - 8)] = value
    shape = shape_of(bytes(data))
    assert shape.form == PARQUET
    try:
        for part in range(groups_of(io.BytesIO(data), shape)):
            for rows in group_batches(io.BytesIO(data), shape, part):
                assert len(rows.keys) == len(rows.sizes)
    except UnreadableError:
        pass

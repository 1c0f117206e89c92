"""Compressed blocks of MDF 4: deflate (4.1), Zstandard and LZ4 (4.3), each plain and transposed."""

from __future__ import annotations

import io
import random
import struct
import zlib

import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from measurement_file import File, opened

from carnet.formats.mdf_blocks import Blocks
from carnet.model.factsheet import ReadState

PACKERS = {0: zlib.compress, 2: zstandard.compress, 4: lz4.frame.compress}


def deflated(plain: bytes, announced: int | None = None, form: int = 0, width: int = 0) -> bytes:
    turned = plain
    if form & 1:
        rows = len(plain) // width
        turned = (
            b"".join(plain[column : rows * width : width] for column in range(width)) + plain[rows * width :]
        )
    packed = PACKERS[form & ~1](turned)
    return struct.pack("<2sBxIQQ", b"DT", form, width, announced or len(plain), len(packed)) + packed


@given(
    form=st.sampled_from([0, 1, 2, 3, 4, 5]),
    records=st.lists(st.binary(min_size=3, max_size=3), min_size=1, max_size=400),
    more=st.integers(0, 2),
)
def test_every_compression_gives_what_was_packed(form, records, more):
    plain = b"".join(records) + bytes(more)
    file = File()
    at = file.put(b"DZ", (), deflated(plain, form=form, width=3))
    data = file.measure(file.group(file.channel("speed"), 3, len(records)), at)
    blocks = Blocks(io.BytesIO(data), len(data))
    blocks.walk()
    assert b"".join(blocks.data(at)) == plain
    assert not blocks.lost


@pytest.mark.parametrize("form", [0, 1, 2, 3, 4, 5])
def test_a_compressed_block_that_is_damaged_is_said(form):
    file = File()
    whole = deflated(random.Random(1).randbytes(3000), form=form, width=3)
    at = file.put(b"DZ", (), whole[:24] + bytes(40) + whole[64:])
    reader, _ = opened(file.measure(file.group(file.channel("speed"), 3, 1000), at))
    assert reader.state is not ReadState.READ
    assert "compressed" in reader.reason


def test_the_checksum_behind_a_deflated_block_is_compared():
    file = File()
    whole = deflated(random.Random(1).randbytes(3000))
    at = file.put(b"DZ", (), whole[:1500] + bytes(40) + whole[1540:])
    reader, _ = opened(file.measure(file.group(file.channel("speed"), 3, 1000), at))
    assert reader.state is not ReadState.READ
    assert "compressed" in reader.reason


@pytest.mark.parametrize("form", [0, 1, 2, 3, 4, 5])
def test_a_bomb_is_unpacked_no_further_than_it_announces(form):
    file = File()
    group = file.group(file.channel("speed"), 1, 10)
    bomb = deflated(bytes(10**7), 10, form=form, width=1)
    reader, messages = opened(file.measure(group, file.put(b"DZ", (), bomb)))
    assert sum(one.rows for one in messages) == 10
    assert reader.state is ReadState.READ


def test_a_block_that_is_listed_often_is_given_once():
    file = File()
    packed = file.put(b"DZ", (), deflated(bytes(1000)))
    group = file.group(file.channel("speed"), 1, 1000)
    listed = file.put(b"DL", (0, *[packed] * 5000), struct.pack("<B3xI", 0, 5000))
    reader, messages = opened(file.measure(group, listed))
    assert sum(one.rows for one in messages) == 1000
    assert "listed twice" in reader.reason

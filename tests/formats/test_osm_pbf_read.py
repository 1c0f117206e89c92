from __future__ import annotations

import io
import json
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.classify.describe import describe
from carnet.formats import open_recording
from carnet.formats.protobuf import varint_bytes
from carnet.model.factsheet import ReadState


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint_bytes(number << 3) + varint_bytes(value)
    return varint_bytes(number << 3 | 2) + varint_bytes(len(value)) + value


def zigzag(*values: int) -> bytes:
    last, made = 0, b""
    for value in values:
        step, last = value - last, value
        made += varint_bytes(step << 1 if step >= 0 else (-step << 1) - 1)
    return made


def packed(*values: int) -> bytes:
    return b"".join(varint_bytes(one) for one in values)


def blob(kind: bytes, data: bytes, *, raw: bool = False) -> bytes:
    body = field(1, data) if raw else field(2, len(data)) + field(3, zlib.compress(data))
    header = field(1, kind) + field(3, len(body))
    return struct.pack(">I", len(header)) + header + body


def made() -> bytes:
    strings = b"".join(
        field(1, one) for one in (b"", b"highway", b"stop", b"jd", b"phone", b"+49 151 23456789")
    )
    info = field(4, zigzag(7, 8)) + field(5, zigzag(3, 3))
    dense = field(8, zigzag(481372000, -338688000)) + field(9, zigzag(115756000, 1512093000)) + field(5, info)
    dense += field(10, packed(1, 2, 0, 0))
    way = field(1, 5) + field(2, packed(4)) + field(3, packed(5)) + field(8, zigzag(1, 2, 3))
    relation = field(1, 6) + field(2, packed(1)) + field(3, packed(2)) + field(9, zigzag(1))
    group = field(2, dense) + field(3, way) + field(4, relation)
    header = field(4, b"OsmSchema-V0.6") + field(4, b"DenseNodes") + field(16, b"a@example.com")
    return blob(b"OSMHeader", header, raw=True) + blob(b"OSMData", field(1, strings) + field(2, group))


def opened(data: bytes):
    return open_recording(io.BytesIO(data), "renamed")


def test_nodes_ways_and_relations():
    reader = opened(made())
    records = [(one.stream.name, json.loads(one.data)) for one in reader.messages()]
    assert reader.state is ReadState.READ
    assert [name for name, _ in records] == ["nodes", "nodes", "ways", "relations"]
    first, second = records[0][1], records[1][1]
    assert (first["lat"], first["lon"]) == pytest.approx((48.1372, 11.5756))
    assert (second["lat"], second["lon"]) == pytest.approx((-33.8688, 151.2093))
    assert (first["tags"], first["uid"], first["user"]) == ({"highway": "stop"}, 7, "jd")
    assert records[2][1]["members"] == 3


def test_what_a_map_holds_in_law():
    sheet = describe(io.BytesIO(made()), name="x", detect=False)
    assert {"location.position", "map.road", "identity.account", "identity.contact"} <= set(sheet.data)
    assert "location.trajectory" not in sheet.data
    facts = {one.name: one.facts for one in sheet.streams}
    assert facts["nodes"]["points"] == 2
    assert "km" not in facts["nodes"]


def test_a_real_map(shared):
    with (shared / "data/osm/helsinki_west.osm.pbf").open("rb") as file:
        sheet = describe(file, name="x", detect=False)
    assert sheet.state is ReadState.READ
    # As osmium counts them.
    assert {one.name: one.count for one in sheet.streams} == {"nodes": 9580, "ways": 2349}
    assert sheet.streams[0].facts["countries"] == ("FI",)


def test_a_bomb_is_not_inflated():
    data = blob(b"OSMHeader", field(4, b"OsmSchema-V0.6"), raw=True) + blob(b"OSMData", bytes(40_000_000))
    reader = opened(data)
    assert list(reader.messages()) == []
    assert reader.state is ReadState.BLOCKED
    many = blob(b"OSMHeader", b"\x22\x00", raw=True) + blob(b"OSMData", field(2, b"\x0a\x00" * 600_000))
    assert list(opened(many).messages()) == []
    header = field(1, b"OSMData") + field(3, 2**31)
    reader = opened(
        blob(b"OSMHeader", b"\x22\x00", raw=True) + struct.pack(">I", len(header)) + header + b"x"
    )
    assert list(reader.messages()) == []
    assert reader.state is ReadState.BLOCKED


def test_another_compression_is_told():
    body = field(2, 10) + field(7, b"zstandard")
    header = field(1, b"OSMData") + field(3, len(body))
    reader = opened(made() + struct.pack(">I", len(header)) + header + body)
    assert len(list(reader.messages())) == 4
    assert reader.state is ReadState.PARTLY


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(made())), st.binary(max_size=6), st.integers(20, len(made())), st.booleans())
def test_damage_never_raises_and_is_never_read_and_empty(at, noise, cut, raw):
    data = made()
    if raw:
        data = bytearray(blob(b"OSMHeader", b"\x22\x00", raw=True))
        data += blob(b"OSMData", noise * 3 + bytes(range(8, 40)), raw=True)
    data = bytes(data[:at] + noise + data[at + len(noise) :])[:cut]
    reader = opened(data)
    count = sum(1 for _ in reader.messages())
    reader.outside()
    assert reader.state is not ReadState.READ or count
    assert reader.state is ReadState.READ or reader.reason

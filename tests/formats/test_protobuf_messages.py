"""Messages in protobuf: what they hold is what was put in, and what the definition does not name is not lost."""

from __future__ import annotations

import io

import pytest
from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    struct_pb2,
    wrappers_pb2,
)
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from mcap.writer import Writer

from carnet.classify.describe import describe
from carnet.errors import UnreadableError
from carnet.formats.protobuf_messages import UNNAMED, ProtobufCodec
from carnet.model.factsheet import ReadState

VIN = "1HGCM82633A004352"
Field = descriptor_pb2.FieldDescriptorProto


def field(name, number, kind, *, listed=False, of=""):
    return Field(
        name=name,
        number=number,
        type=kind,
        type_name=of or None,
        label=Field.LABEL_REPEATED if listed else Field.LABEL_OPTIONAL,
    )


def files(*extra) -> descriptor_pb2.FileDescriptorSet:
    """Two files, the one that imports first, as writers may put them."""
    point = descriptor_pb2.DescriptorProto(
        name="Point", field=[field("a", 1, Field.TYPE_DOUBLE), field("b", 2, Field.TYPE_DOUBLE)]
    )
    colour = descriptor_pb2.EnumDescriptorProto(
        name="Colour", value=[{"name": "RED", "number": 0}, {"name": "BLUE", "number": 1}]
    )
    stamp = descriptor_pb2.FileDescriptorProto()
    Timestamp.DESCRIPTOR.file.CopyToProto(stamp)
    parts = descriptor_pb2.FileDescriptorProto(
        name="parts.proto", package="fleet", syntax="proto3", message_type=[point], enum_type=[colour]
    )
    thing = descriptor_pb2.DescriptorProto(
        name="Thing",
        field=[
            field("latitude", 1, Field.TYPE_DOUBLE),
            field("longitude", 2, Field.TYPE_DOUBLE),
            field("note", 3, Field.TYPE_STRING),
            field("notes", 4, Field.TYPE_STRING, listed=True),
            field("inner", 5, Field.TYPE_MESSAGE, of=".fleet.Point"),
            field("inners", 6, Field.TYPE_MESSAGE, of=".fleet.Point", listed=True),
            field("blob", 7, Field.TYPE_BYTES),
            field("colour", 8, Field.TYPE_ENUM, of=".fleet.Colour"),
            field("at", 9, Field.TYPE_MESSAGE, of=".google.protobuf.Timestamp"),
            field("again", 10, Field.TYPE_MESSAGE, of=".fleet.Thing"),
            *extra,
        ],
    )
    whole = descriptor_pb2.FileDescriptorProto(
        name="thing.proto",
        package="fleet",
        syntax="proto3",
        dependency=["parts.proto", stamp.name],
        message_type=[thing],
    )
    return descriptor_pb2.FileDescriptorSet(file=[whole, parts, stamp])


def thing_of(made: descriptor_pb2.FileDescriptorSet):
    pool = descriptor_pool.DescriptorPool()
    for one in (made.file[2], made.file[1], made.file[0]):
        pool.Add(one)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("fleet.Thing"))


FILES = files()
SCHEMA = FILES.SerializeToString()
Thing = thing_of(FILES)
CODEC = ProtobufCodec(SCHEMA, "fleet.Thing")


def mcap(messages, schema=SCHEMA, name="fleet.Thing") -> bytes:
    out = io.BytesIO()
    writer = Writer(out)
    writer.start()
    known = writer.register_schema(name, "protobuf", schema)
    channel = writer.register_channel("/thing", "protobuf", known)
    for at, one in enumerate(messages):
        writer.add_message(channel, at * 10**8, one, at * 10**8)
    writer.finish()
    return out.getvalue()


def sheet_of(data: bytes):
    return describe(io.BytesIO(data), name="x")


@given(
    note=st.text(min_size=1),
    notes=st.lists(st.text(), max_size=6),
    place=st.floats(allow_nan=False).filter(bool),
    points=st.lists(st.floats(allow_nan=False, width=64).filter(bool), max_size=4),
)
def test_a_message_gives_back_what_was_put_in(note, notes, place, points):
    made = Thing(note=note, notes=notes, latitude=place, colour=1, inners=[{"a": one} for one in points])
    assert CODEC.plain(made.SerializeToString()) == {
        "latitude": place,
        "note": note,
        "colour": "BLUE",
        **({"notes": notes} if notes else {}),
        **({"inners": [{"a": one} for one in points]} if points else {}),
    }


def test_times_are_left_out_and_bytes_are_a_text_where_they_are_one():
    made = Thing(at={"seconds": 5}, blob=b"a text", inner={"a": 1})
    assert CODEC.plain(made.SerializeToString()) == {"blob": "a text", "inner": {"a": 1}}
    assert CODEC.plain(Thing(blob=bytes(range(200))).SerializeToString()) == {"blob": ""}


def test_every_leaf_is_named_and_a_type_within_itself_ends():
    assert CODEC.paths() == [
        *("latitude", "longitude", "note", "notes", "inner.a", "inner.b"),
        *("inners.a", "inners.b", "blob", "colour"),
    ]


def test_what_the_definition_does_not_name_is_there():
    newer = thing_of(files(field("vin", 20, Field.TYPE_STRING)))
    data = newer(note="x", vin=VIN).SerializeToString()
    assert CODEC.plain(data) == {"note": "x", UNNAMED: [VIN]}
    sheet = sheet_of(mcap([data] * 10))
    assert "vehicle_id.vin" in sheet.data
    assert "unknown" in sheet.data


def test_a_position_and_a_number_in_messages_are_found():
    messages = [
        Thing(
            latitude=31.2 + at * 1e-4, longitude=121.4 + at * 1e-4, notes=["a"] * 5 + [VIN] * (at == 90)
        ).SerializeToString()
        for at in range(100)
    ]
    sheet = sheet_of(mcap(messages))
    assert sheet.state is ReadState.READ
    assert {"location.trajectory", "vehicle_id.vin"} <= set(sheet.data)
    assert sheet.streams[0].facts["points"] == 100


def test_a_position_under_innocent_names_is_found_by_its_values():
    messages = [
        Thing(inner={"a": 48.1 + at * 1.00003e-4, "b": 11.5 + at * 1.1e-4}).SerializeToString()
        for at in range(300)
    ]
    assert any(one.startswith("location.") for one in sheet_of(mcap(messages)).data)


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        (b"", "fleet.Thing"),
        (SCHEMA, "fleet.Other"),
        (SCHEMA[:-20], "fleet.Thing"),
        (b"\xff" * 40, "fleet.Thing"),
        (descriptor_pb2.FileDescriptorSet(file=FILES.file[:1]).SerializeToString(), "fleet.Thing"),
    ],
    ids=["none", "another type", "cut", "no definition", "an import is missing"],
)
def test_a_definition_that_does_not_fit_is_said(schema, name):
    with pytest.raises(UnreadableError, match="definition"):
        ProtobufCodec(schema, name)
    sheet = sheet_of(mcap([Thing(note="x").SerializeToString()], schema, name))
    assert sheet.state is not ReadState.READ


def of_google(module, name) -> bytes:
    made = descriptor_pb2.FileDescriptorSet()
    module.DESCRIPTOR.CopyToProto(made.file.add())
    made.file.add(
        name="any.proto",
        package="fleet",
        syntax="proto3",
        dependency=[module.DESCRIPTOR.name],
        message_type=[
            descriptor_pb2.DescriptorProto(
                name="Held", field=[field("held", 1, Field.TYPE_MESSAGE, of=f".google.protobuf.{name}")]
            )
        ],
    )
    return made.SerializeToString()


def held(inner) -> bytes:
    data = inner.SerializeToString()
    return b"\x0a" + bytes([len(data)]) + data


def test_numbers_in_googles_own_kinds_of_message_are_found():
    free = struct_pb2.Struct()
    free.update({"a": {"b": [1.5, None, True, [{"c": VIN}]]}})
    inside = wrappers_pb2.StringValue(value=VIN)
    packed = any_pb2.Any()
    packed.Pack(inside)
    for module, one in ((struct_pb2, free), (wrappers_pb2, inside), (any_pb2, packed)):
        name = type(one).DESCRIPTOR.name
        sheet = sheet_of(mcap([held(one)], of_google(module, name), "fleet.Held"))
        assert (name, sheet.state) == (name, ReadState.READ)
        assert "vehicle_id.vin" in sheet.data


def test_messages_of_another_shape_are_counted():
    good = Thing(note="abc").SerializeToString()
    sheet = sheet_of(mcap([good, b"\x1a\x7fshort", good]))
    assert sheet.state is ReadState.PARTLY
    assert "1 messages" in sheet.reason


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(data):
    for made in (lambda: CODEC.plain(data), lambda: ProtobufCodec(data, "fleet.Thing")):
        try:
            made()
        except UnreadableError:
            continue

from __future__ import annotations

import contextlib
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.errors import UnreadableError
from carnet.formats.cdr import codec, compressed_image, value_at

FIX = (
    "float64 latitude\nfloat64 longitude\nstring note\nuint8[] raw\nInner inner\n"
    + "=" * 80
    + "\nMSG: a/Inner\nint32 deep\n"
)


def test_fields_are_walked_with_their_types():
    assert [(one.path, one.base, one.array) for one in codec("a/msg/Fix", FIX).fields] == [
        ("latitude", "float64", False),
        ("longitude", "float64", False),
        ("note", "string", False),
        ("raw", "uint8", True),
        ("inner.deep", "int32", False),
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.floats(allow_nan=False),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
    st.binary(max_size=20),
    st.integers(-(2**31), 2**31 - 1),
    st.sampled_from(["cdr", "ros1"]),
)
def test_what_is_encoded_is_decoded(number, note, raw, deep, encoding):
    import numpy as np

    one = codec("a/msg/Fix", FIX, encoding)
    types = one._store.types
    value = types["a/msg/Fix"](
        latitude=number,
        longitude=-number,
        note=note,
        raw=np.frombuffer(raw, np.uint8),
        inner=types["a/msg/Inner"](deep=deep),
    )
    again = one.decode(one.encode(value))
    assert (again.latitude, again.longitude, again.note) == (number, -number, note)
    assert (bytes(again.raw), value_at(again, "inner.deep")) == (raw, deep)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a/msg/Bad\nimport os", "int32 x\n"),
        ("a/msg/B:\n  pass\nimport this", "int32 x\n"),
        ("Plain", "int32 x\n"),
        ("a/msg/Bad", "int32 x)\nimport this\n"),
        ("a/msg/Bad", "\0\0\0"),
        ("a/msg/Bad", "b/Missing x\n"),
        ("a/msg/Bad", "a/Bad again\n"),
        ("a/msg/Bad", "".join(f"int32 x{n}\n" for n in range(6000))),
    ],
)
def test_definitions_that_cannot_be_trusted_are_refused(name, text):
    with pytest.raises(UnreadableError):
        codec(name, text)
    assert "this" not in sys.modules


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=120))
def test_bytes_of_another_type_are_refused(data):
    one = codec("a/msg/Fix", FIX)
    with contextlib.suppress(UnreadableError):
        one.encode(one.decode(data))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_a_picture_is_never_found_outside_the_message(data):
    try:
        found = compressed_image(data)
    except UnreadableError:
        return
    assert 0 <= found.start <= found.end <= len(data)


def test_real_ros1_messages_are_decoded_and_encoded_again(shared):
    from rosbags.rosbag1 import Reader

    count = 0
    with Reader(shared / "data" / "recordings" / "novatel_bestpos.bag") as bag:
        for connection, _, data in bag.messages():
            one = codec(connection.msgtype, connection.msgdef.data, "ros1")
            assert one.encode(one.decode(data)) == bytes(data)
            count += 1
    assert count == 58

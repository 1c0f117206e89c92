from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer

from carnet.formats import open_recording
from carnet.formats.cdr import codec, compressed_image, replace_image
from carnet.model.factsheet import ReadState

NAMES = ["comma2k19_rav4_first40s.mcap", "dashcam_lanelines_frames.mcap", "nuscenes_one_keyframe.mcap"]


def small_mcap(compression=CompressionType.ZSTD, count=200) -> bytes:
    out = io.BytesIO()
    writer = Writer(out, chunk_size=1000, compression=compression)
    writer.start(profile="", library="test")
    schema = writer.register_schema("Speed", "jsonschema", b'{"type": "object"}')
    channel = writer.register_channel("/speed", "json", schema, {"node": "one"})
    for n in range(count):
        writer.add_message(channel, n * 10, b'{"speed": %d}' % n, n * 10 + 1, n)
    writer.add_metadata("vehicle", {"colour": "blue"})
    writer.add_attachment(0, 0, "a.txt", "text/plain", b"attached")
    writer.finish()
    return out.getvalue()


def opened(data: bytes, name="x.mcap"):
    return open_recording(io.BytesIO(data), name)


@pytest.mark.parametrize("name", NAMES)
def test_reads_what_the_reference_reader_reads(shared, name):
    path = shared / "data" / "recordings" / name
    with path.open("rb") as file, path.open("rb") as other:
        reader = open_recording(file, name)
        mine = [
            (m.stream.name, m.stream.schema, m.log_time_ns, m.publish_time_ns, m.data)
            for m in reader.messages()
        ]
        theirs = [
            (channel.topic, schema.name, message.log_time, message.publish_time, message.data)
            for schema, channel, message in make_reader(other).iter_messages(log_time_order=False)
        ]
    assert reader.state is ReadState.READ
    assert mine == theirs


def test_a_second_pass_that_ends_early_does_not_make_a_file_whole():
    data = small_mcap()
    reader = opened(data[: len(data) * 2 // 3])
    list(reader.messages())
    assert reader.state is ReadState.PARTLY
    said = reader.reason
    next(iter(reader.messages()))
    assert (reader.state, reader.reason) == (ReadState.PARTLY, said)


@pytest.mark.parametrize("compression", list(CompressionType))
def test_every_compression_and_what_lies_outside(compression):
    reader = opened(small_mcap(compression))
    assert len(list(reader.messages())) == 200
    assert reader.state is ReadState.READ
    texts = {(one.where, one.name): one.data for one in reader.outside()}
    assert texts["metadata record", "vehicle.colour"] == b"blue"
    assert texts["attachment", "a.txt"] == b"attached"
    assert texts["channel metadata", "node"] == b"one"
    assert texts["header", "library"].startswith(b"test")


def test_a_cut_file_keeps_what_is_whole(shared):
    data = (shared / "data" / "recordings" / NAMES[0]).read_bytes()
    cut = opened(data[: len(data) * 2 // 3])
    count = sum(1 for _ in cut.messages())
    assert 50_000 < count < 77_004
    assert cut.state is ReadState.PARTLY
    assert "ends within a record" in cut.reason


def test_a_flipped_bit_in_a_chunk_costs_that_chunk_only():
    data = bytearray(small_mcap(CompressionType.NONE))
    at = data.index(b'{"speed": 50}')
    data[at + 2] ^= 1
    reader = opened(bytes(data))
    values = [m.data for m in reader.messages()]
    assert reader.state is ReadState.PARTLY
    assert "CRC of a chunk" in reader.reason
    assert 100 < len(values) < 200
    assert b'{"speed": 199}' in values


def test_a_wrong_crc_of_an_attachment_is_noticed():
    data = bytearray(small_mcap())
    data[data.index(b"attached")] ^= 1
    reader = opened(bytes(data))
    assert len(list(reader.messages())) == 200
    assert "CRC of an attachment" in reader.reason


def test_bytes_behind_the_end_are_noticed():
    reader = opened(small_mcap() + b"hidden")
    assert len(list(reader.messages())) == 200
    assert reader.state is ReadState.PARTLY
    assert any(one.where == "bytes after the end" for one in reader.outside())


def test_an_impossible_length_is_not_believed():
    data = small_mcap()
    reader = opened(data[:8] + struct.pack("<BQ", 5, 2**60) + data[8:])
    assert list(reader.messages()) == []
    assert reader.state is ReadState.BLOCKED


def test_an_mcap_without_messages_is_never_read_and_empty():
    reader = opened(small_mcap(count=0))
    list(reader.messages())
    assert reader.state is not ReadState.READ
    assert reader.reason


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_makes_it_raise_or_be_read_and_empty(data):
    raw = bytearray(small_mcap())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(8, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(8, len(raw)))
    reader = opened(bytes(raw[:cut]))
    count = sum(1 for _ in reader.messages())
    assert count or reader.state is not ReadState.READ
    assert reader.state is ReadState.READ or reader.reason
    reader.outside()


def test_pictures_are_found_and_replaced_without_decoding(samples):
    path = next((samples / "shanghai_drive").glob("*.mcap"))
    with path.open("rb") as file:
        messages = [m for m in open_recording(file, path.name).messages() if m.stream.kind == "pictures"]
    assert len(messages) == 40
    one = messages[5]
    decoder = codec(one.stream.schema, one.stream.schema_text)
    value = decoder.decode(one.data)
    found = compressed_image(one.data)
    assert bytes(found.picture(one.data)) == bytes(value.data)
    assert (found.format, found.frame_id) == (value.format, value.header.frame_id)
    assert found.stamp_ns == one.log_time_ns
    for form in (None, "png", "jpeg; rgb8 compressed bgr8"):
        other = decoder.decode(replace_image(one.data, found, b"12345", form))
        assert bytes(other.data) == b"12345"
        assert other.format == (form or "jpeg")
        assert other.header == value.header
    assert decoder.encode(value) == one.data
    assert replace_image(one.data, found, bytes(value.data)) == one.data


@settings(max_examples=100, deadline=None)
@given(
    st.text("abcd", max_size=9),
    st.text("jpeg", max_size=9),
    st.text("xyz;", max_size=9),
    st.binary(max_size=40),
    st.binary(max_size=40),
)
def test_replacing_a_picture_keeps_alignment(frame_id, form, other_form, picture, other):
    import numpy as np
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    kinds = store.types
    name = "sensor_msgs/msg/CompressedImage"
    header = kinds["std_msgs/msg/Header"](
        stamp=kinds["builtin_interfaces/msg/Time"](sec=7, nanosec=8), frame_id=frame_id
    )
    data = bytes(
        store.serialize_cdr(
            kinds[name](header=header, format=form, data=np.frombuffer(picture, np.uint8)), name
        )
    )
    found = compressed_image(data)
    assert bytes(found.picture(data)) == picture
    again = store.deserialize_cdr(replace_image(data, found, other, other_form), name)
    assert (bytes(again.data), again.format, again.header.frame_id) == (other, other_form, frame_id)

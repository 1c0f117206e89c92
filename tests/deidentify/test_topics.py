"""Topics of pictures in every encoding, and of video over messages: masked, or refused, never passed."""

from __future__ import annotations

import base64
import io
import itertools
import json
import struct
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap.writer import Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from carnet.classify.describe import describe
from carnet.deidentify.find import Finding
from carnet.deidentify.images import open_picture
from carnet.deidentify.masks import bounds
from carnet.deidentify.order import RedactionOrder
from carnet.deidentify.redact import redact
from carnet.detectors.box import Box
from carnet.errors import CarnetError, RedactionError
from carnet.formats.image_message import opener
from carnet.formats.protobuf import varint_bytes, wire_fields
from carnet.formats.reader import Message, Stream
from carnet.formats.ros_places import places, with_bytes
from carnet.formats.video_stream import codec_of, content_of

ORDER = RedactionOrder(frozenset({"faces"}), setting="fast")
HEADER = (
    "std_msgs/Header header\n%s\n" + "=" * 80 + "\nMSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\n"
    "string frame_id\n" + "=" * 80 + "\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n"
)
COMPRESSED = HEADER % "string format\nuint8[] data"
RAW = HEADER % ("uint32 height\nuint32 width\nstring encoding\nuint8 is_bigendian\nuint32 step\nuint8[] data")
VIDEO = (
    "builtin_interfaces/Time timestamp\nstring frame_id\nuint8[] data\nstring format\n"
    + "=" * 80
    + "\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n"
)


def redacted(content: bytes, order: RedactionOrder = ORDER, name: str = "x.mcap"):
    sheet = describe(io.BytesIO(content), name=name, detect=False)
    sink = io.BytesIO()
    report = redact(io.BytesIO(content), sink, order, name=name, sheet=sheet)
    return sink.getvalue(), report.outcome


def rows(content: bytes) -> list[tuple[str, int, int, int, bytes]]:
    reader = make_reader(io.BytesIO(content), validate_crcs=True)
    return [
        (channel.topic, one.log_time, one.publish_time, one.sequence, one.data)
        for _, channel, one in reader.iter_messages(log_time_order=False)
    ]


def recording(payloads: list[bytes], schema: str, text: bytes, encoding: str, form: str) -> bytes:
    out = io.BytesIO()
    writer = Writer(out)
    writer.start(profile="")
    number = writer.register_channel("/camera", form, writer.register_schema(schema, encoding, text))
    other = writer.register_channel("/other", "json", writer.register_schema("log", "jsonschema", b"{}"))
    for index, payload in enumerate(payloads):
        at = 10**9 + index * 33_000_000
        writer.add_message(number, at, payload, at + 5, index)
        writer.add_message(other, at, b'{"n": %d}' % index, at + 7, index)
    writer.finish()
    return out.getvalue()


# Encodings of a message.


def store():
    made = get_typestore(Stores.ROS2_HUMBLE)
    made.register(get_types_from_msg(VIDEO.split("=", maxsplit=1)[0], "foxglove_msgs/msg/CompressedVideo"))
    return made


STORE = store()


def ros(kind: str, **fields) -> bytes:
    types = STORE.types
    stamp = types["builtin_interfaces/msg/Time"](7, 8)
    if "CompressedVideo" in kind:
        value = types[kind](stamp, "cam", np.frombuffer(fields["data"], np.uint8), fields["format"])
    else:
        header = types["std_msgs/msg/Header"](stamp, "cam")
        fields["data"] = np.frombuffer(fields["data"], np.uint8)
        value = types[kind](header, **fields)
    return bytes(STORE.serialize_cdr(value, kind))


def descriptor(name: str, fields: dict[str, int]) -> bytes:
    def part(number: int, data: bytes) -> bytes:
        return varint_bytes(number << 3 | 2) + varint_bytes(len(data)) + data

    described = part(1, name.encode())
    for field, number in fields.items():
        described += part(2, part(1, field.encode()) + varint_bytes(3 << 3) + varint_bytes(number))
    return part(1, part(1, b"f.proto") + part(2, b"foxglove") + part(4, described))


def proto(fields: list[tuple[int, bytes | int]]) -> bytes:
    made = b""
    for number, value in fields:
        if isinstance(value, int):
            made += varint_bytes(number << 3 | 5) + struct.pack("<I", value)
        else:
            made += varint_bytes(number << 3 | 2) + varint_bytes(len(value)) + value
    return made


PROTO_VIDEO = descriptor("CompressedVideo", {"timestamp": 1, "frame_id": 2, "data": 3, "format": 4})
PROTO_RAW = descriptor(
    "RawImage", {"timestamp": 1, "width": 2, "height": 3, "encoding": 4, "step": 5, "data": 6, "frame_id": 7}
)


def wrap(way: str, data: bytes, form: str) -> bytes:
    if way == "protobuf":
        return proto([(1, b"\x08\x01"), (2, b"cam"), (3, data), (4, form.encode())])
    if way == "json":
        return json.dumps(
            {"frame_id": "cam", "data": base64.b64encode(data).decode(), "format": form}
        ).encode()
    if way == "foxglove":
        return ros("foxglove_msgs/msg/CompressedVideo", data=data, format=form)
    return ros("sensor_msgs/msg/CompressedImage", data=data, format=form)


WAYS = {
    "protobuf": ("foxglove.CompressedVideo", PROTO_VIDEO, "protobuf", "protobuf"),
    "json": ("foxglove.CompressedVideo", b"{}", "jsonschema", "json"),
    "foxglove": ("foxglove_msgs/msg/CompressedVideo", VIDEO.encode(), "ros2msg", "cdr"),
    "sensor": ("sensor_msgs/msg/CompressedImage", COMPRESSED.encode(), "ros2msg", "cdr"),
}


def unwrap(way: str, data: bytes) -> bytes:
    name, text, schema_encoding, encoding = WAYS[way]
    stream = Stream("/camera", "pictures", name, text.decode("utf-8", "replace"), schema_encoding, encoding)
    return opener(stream, text)(Message(stream, 0, 0, data)).payload


# Video over messages.


@pytest.fixture(scope="module")
def face(shared):
    whole = cv2.imread(str(shared / "data/images/faces/bald_guys.jpg"))
    height, width = (one // 4 * 2 for one in whole.shape[:2])
    return cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)


def coded(face, count=24, codec="libx264", options=None, gop=8) -> list[bytes]:
    height, width = face.shape[:2]
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base = Fraction(1, 30)
    context.gop_size = gop
    context.options = {"preset": "ultrafast", "tune": "zerolatency", **(options or {})}
    made = []
    for index in range(count):
        frame = av.VideoFrame.from_ndarray(np.roll(face, 2 * index, axis=1), format="bgr24")
        frame.pts = index
        made += [bytes(one) for one in context.encode(frame)]
    return made + [bytes(one) for one in context.encode(None)]


def decoded(payloads: list[bytes], codec="h264") -> list[np.ndarray]:
    context = av.CodecContext.create(codec, "r")
    frames = [one for payload in payloads for one in context.decode(av.Packet(payload))]
    return [one.to_ndarray(format="gray") for one in frames + context.decode(None)]


@pytest.fixture(scope="module")
def clip(face):
    return coded(face)


@pytest.mark.parametrize("way", WAYS)
def test_video_is_masked_across_messages(clip, way):
    before = recording([wrap(way, one, "h264") for one in clip], *WAYS[way])
    made, outcome = redacted(before)
    old, new = rows(before), rows(made)
    assert [one[:4] for one in new] == [one[:4] for one in old]
    assert [one for one in new if one[0] == "/other"] == [one for one in old if one[0] == "/other"]
    assert (outcome.frames, outcome.unreadable) == (24, 0)
    assert outcome.changed == 24
    payloads = [unwrap(way, one[4]) for one in new if one[0] == "/camera"]
    frames, first = decoded(payloads), decoded(clip)
    assert len(frames) == 24
    keys = [content_of("h264", one).key for one in payloads]
    assert [at for at, key in enumerate(keys) if key] == [0, 8, 16]
    for region in outcome.regions:
        x, y, w, h = (int(one) for one in region.box)
        inside = (slice(y + h // 4, y + h // 2), slice(x + w // 4, x + w // 2))
        if min(w, h) >= 24 and frames[region.frame][inside].size:
            assert frames[region.frame][inside].std() < max(6.0, first[region.frame][inside].std())
    outside = np.ones((len(frames), *frames[0].shape), dtype=bool)
    for region in outcome.regions:
        area = bounds(Box(*region.box, 1.0), frames[0].shape[1], frames[0].shape[0], 0.3)
        if area is not None:
            outside[region.frame, area[1] : area[3], area[0] : area[2]] = False
    assert outside.mean() > 0.05
    away = [
        np.abs(a.astype(int) - b)[here].mean()
        for a, b, here in zip(frames, first, outside, strict=True)
        if here.any()
    ]
    assert max(away) < 8


def test_h265_stays_h265(face):
    options = {"x265-params": "log-level=none:bframes=0:keyint=4:repeat-headers=1:pools=none"}
    clip = coded(face, 8, "libx265", options)
    before = recording([wrap("json", one, "h265") for one in clip], *WAYS["json"])
    made, outcome = redacted(before)
    payloads = [unwrap("json", one[4]) for one in rows(made) if one[0] == "/camera"]
    assert outcome.unreadable == 0
    assert {codec_of("", one) for one in payloads if content_of("hevc", one).key} == {"hevc"}
    assert len(decoded(payloads, "hevc")) == 8
    assert outcome.changed == 8


def test_pictures_without_their_key_are_black_and_counted(clip):
    lost = [clip[3:8], clip[8:12], clip[13:20]]
    before = recording([wrap("sensor", one, "h264") for part in lost for one in part], *WAYS["sensor"])
    made, outcome = redacted(before)
    assert outcome.unreadable == 5
    frames = decoded([unwrap("sensor", one[4]) for one in rows(made) if one[0] == "/camera"])
    assert len(frames) == 16
    assert all(int(one.max()) <= 20 for one in frames[:5])
    assert all(int(one.max()) > 100 for one in frames[5:])


def test_a_damaged_message_darkens_all_up_to_the_next_key(clip):
    payloads = [wrap("sensor", one, "h264") for one in clip]
    payloads[3] = wrap("sensor", b"", "h264")
    payloads[11] = payloads[11][:20]
    made, outcome = redacted(recording(payloads, *WAYS["sensor"]))
    assert outcome.unreadable == 5 + 5
    assert outcome.dropped == {"unreadable_messages": 1}
    assert len([one for one in rows(made) if one[0] == "/camera"]) == 23


def test_a_picture_spread_over_messages_ends_in_its_last(face):
    clip = coded(face, 6, options={"x264-params": "slices=3"}, gop=3)
    parts = []
    for one in clip:
        marks = [at for at in range(len(one) - 4) if one[at : at + 4] == b"\x00\x00\x00\x01"]
        marks += [at for at in range(3, len(one) - 3) if one[at : at + 3] == b"\x00\x00\x01" and one[at - 1]]
        marks = sorted({0, *marks})
        slices = [at for at in marks if content_of("h264", one[at : at + 8]).slices]
        cuts = [0, *slices[1:], len(one)]
        parts += [one[a:b] for a, b in itertools.pairwise(cuts)]
    each = len(parts) // 6
    assert len(parts) == 6 * each
    assert each > 1
    before = recording([wrap("json", one, "h264") for one in parts], *WAYS["json"])
    made, outcome = redacted(before)
    assert [one[:4] for one in rows(made)] == [one[:4] for one in rows(before)]
    assert outcome.unreadable == 0
    payloads = [unwrap("json", one[4]) for one in rows(made) if one[0] == "/camera"]
    assert [content_of("h264", one).slices > 0 for one in payloads] == [*[False] * (each - 1), True] * 6
    assert len(decoded([one for one in payloads if content_of("h264", one).slices])) == 6


def test_pictures_in_another_order_are_refused(face):
    options = {"tune": "film", "bf": "2", "x264-params": "bframes=2:b-adapt=0"}
    clip = coded(face, 12, options=options)
    with pytest.raises(RedactionError, match="B pictures"):
        redacted(recording([wrap("json", one, "h264") for one in clip], *WAYS["json"]))


def test_video_of_unknown_kind_is_refused():
    junk = [b"\x00\x00\x00\x01" + bytes([0x3E]) + bytes(20)] * 3
    with pytest.raises(CarnetError):
        redacted(recording([wrap("json", one, "vp9") for one in junk], *WAYS["json"]))


def test_a_trimmed_video_begins_with_a_key(clip):
    before = recording([wrap("json", one, "h264") for one in clip], *WAYS["json"])
    order = RedactionOrder(frozenset({"faces"}), trim_head_s=0.4, setting="fast")
    made, _outcome = redacted(before, order)
    payloads = [unwrap("json", one[4]) for one in rows(made) if one[0] == "/camera"]
    assert content_of("h264", payloads[0]).key
    assert len(decoded(payloads)) == len(payloads) == 11


def test_video_that_nobody_is_taken_out_of_loses_its_side_texts(clip):
    told = b"\x00\x00\x00\x01\x06\x05\x08" + b"position" + b"\x80"
    before = recording([wrap("json", told + one, "h264") for one in clip], *WAYS["json"])
    made, outcome = redacted(before, RedactionOrder(frozenset({"vin"})))
    assert outcome.unreadable == 0
    payloads = [unwrap("json", one[4]) for one in rows(made) if one[0] == "/camera"]
    assert all(b"position" not in one for one in payloads)
    assert np.array_equal(np.stack(decoded(payloads)), np.stack(decoded(clip)))


# Raw pixels.

ENCODINGS = {
    "rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1, "8UC1": 1, "8UC3": 3, "mono16": 2, "16UC1": 2,
    "rgb16": 6, "bgr16": 6, "bayer_rggb8": 1, "bayer_bggr8": 1, "bayer_gbrg8": 1, "bayer_grbg8": 1,
    "bayer_rggb16": 2, "yuv422": 2, "yuv422_yuy2": 2, "uyvy": 2, "yuyv": 2, "nv12": 1, "nv21": 1,
}  # fmt: skip


def raw_message(
    encoding: str, picture: np.ndarray, pad: int = 0, *, big: bool = False
) -> tuple[Message, int]:
    """A `sensor_msgs/Image` of a picture (bgr, even sides), and how many bytes of it are pixels."""
    height, width = picture.shape[:2]
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    if encoding in {"nv12", "nv21"}:
        flat = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
        u, v = (flat[height:].reshape(2, height // 2, width // 2)[one] for one in (0, 1))
        chroma = np.dstack([u, v] if encoding == "nv12" else [v, u]).reshape(height // 2, width)
        pixels = np.vstack([flat[:height], chroma])
    elif encoding in {"uyvy", "yuv422", "yuyv", "yuv422_yuy2"}:
        yuv = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV)
        luma, chroma = yuv[:, :, 0], yuv[:, :, 1:].copy()
        both = np.empty((height, width), np.uint8)
        both[:, 0::2], both[:, 1::2] = chroma[:, 0::2, 0], chroma[:, 0::2, 1]
        parts = [both, luma] if encoding in {"uyvy", "yuv422"} else [luma, both]
        pixels = np.dstack(parts).reshape(height, -1)
    elif encoding.startswith("bayer"):
        pixels = np.empty((height, width), np.uint8)
        for at, colour in enumerate(encoding[6:10]):
            pixels[at // 2 :: 2, at % 2 :: 2] = picture[at // 2 :: 2, at % 2 :: 2, "bgr".index(colour)]
    elif "rgb" in encoding:
        pixels = picture[:, :, ::-1]
    else:
        pixels = grey if ENCODINGS[encoding] in {1, 2} else picture
    if encoding.endswith("a8"):
        pixels = np.dstack([pixels, np.full((height, width), 255, np.uint8)])
    if "16" in encoding:
        pixels = (pixels.astype(np.uint16) * 16).astype(">u2" if big else "<u2")
    lines = np.ascontiguousarray(pixels).view(np.uint8).reshape(pixels.shape[0], -1)
    lines = np.pad(lines, ((0, 0), (0, pad)), constant_values=7)
    data = ros(
        "sensor_msgs/msg/Image", height=height, width=width, encoding=encoding, is_bigendian=int(big),
        step=lines.shape[1], data=lines.tobytes(),
    )  # fmt: skip
    return Message(
        Stream("/raw", "pictures", "sensor_msgs/msg/Image", RAW, "ros2msg", "cdr"), 0, 0, data
    ), lines.size


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(("pad", "big"), [(0, False), (6, True)])
def test_raw_pixels_are_masked_where_they_lie(encoding, pad, big):
    random = np.random.default_rng(3)
    picture = cv2.resize(
        random.integers(0, 255, (12, 16, 3), np.uint8), (64, 48), interpolation=cv2.INTER_CUBIC
    )
    message, _ = raw_message(encoding, picture, pad, big=big)
    held = open_picture(message)
    assert held.image.shape == (48, 64, 3)
    colourless = ENCODINGS[encoding] in {1, 2} and not any(
        one in encoding for one in ("bayer", "uv", "uy", "nv")
    )
    shown = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)[:, :, None] if colourless else picture
    loose = 60 if "16" in encoding or "bayer" in encoding else 30
    assert np.abs(held.image.astype(int) - shown).mean() < loose
    finding = Finding("face", Box(20, 16, 20, 16, 0.9))
    made = held.redacted((finding,))
    assert len(made) == len(message.data)
    after = open_picture(Message(message.stream, 0, 0, made)).image
    inside, outside = (slice(18, 28), slice(24, 36)), np.ones((48, 64), bool)
    outside[12:36, 16:46] = False
    assert after[inside].std() < held.image[inside].std() * 0.8
    if "16" not in encoding and "bayer" not in encoding:
        assert np.abs(after.astype(int) - held.image)[outside].max() <= 1
    same = held.redacted(())
    assert same == message.data if pad == 0 else len(same) == len(message.data)


def test_depth_in_floating_point_is_refused():
    message, _ = raw_message("mono16", np.zeros((4, 4, 3), np.uint8))
    data = message.data.replace(b"mono16\x00", b"32FC1\x00\x00")
    with pytest.raises(RedactionError, match="cannot be masked"):
        open_picture(Message(message.stream, 0, 0, data))


def test_a_raw_picture_that_says_too_much_is_blank_and_counted(face):
    good, _ = raw_message("bgr8", face)
    bad, _ = raw_message("bgr8", face)
    data = bytearray(bad.data)
    at = data.index(b"cam\x00") + 4
    data[at : at + 4] = struct.pack("<I", face.shape[0] + 1)
    before = recording(
        [good.data, bytes(data), good.data], "sensor_msgs/msg/Image", RAW.encode(), "ros2msg", "cdr"
    )
    made, outcome = redacted(before)
    assert (outcome.frames, outcome.unreadable) == (3, 1)
    camera = [one[4] for one in rows(made) if one[0] == "/camera"]
    assert len(camera) == 3
    assert set(camera[1][200:]) == {0}
    assert outcome.regions


def test_a_raw_picture_in_protobuf_keeps_its_other_fields(face):
    height, width = face.shape[:2]
    data = proto(
        [
            (1, b"\x08\x01"),
            (2, width),
            (3, height),
            (4, b"bgr8"),
            (5, width * 3),
            (6, face.tobytes()),
            (7, b"cam"),
        ]
    )
    unknown = data + proto([(90, b"who")])
    before = recording([unknown], "foxglove.RawImage", PROTO_RAW, "protobuf", "protobuf")
    made, outcome = redacted(before)
    assert outcome.regions
    (new,) = [one[4] for one in rows(made) if one[0] == "/camera"]
    assert len(new) == len(data)
    fields = {one.number: new[one.start : one.end] for one in wire_fields(new)}
    assert fields[7] == b"cam"
    assert 90 not in fields
    assert fields[6] != face.tobytes()


def test_a_protobuf_message_with_two_pictures_is_not_passed(clip):
    twice = wrap("protobuf", clip[0], "h264") + proto([(3, clip[0])])
    made, outcome = redacted(recording([wrap("protobuf", clip[0], "h264"), twice], *WAYS["protobuf"]))
    assert outcome.unreadable == 1
    assert len([one for one in rows(made) if one[0] == "/camera"]) == 1


# Places of fields.


@settings(max_examples=80, deadline=None)
@given(
    old=st.binary(max_size=40),
    new=st.binary(max_size=40),
    form=st.text(max_size=9),
    frame=st.text(max_size=5),
)
def test_a_field_is_replaced_as_the_reference_would_write_it(old, new, form, frame):
    form, frame = form.replace("\x00", ""), frame.replace("\x00", "")
    kind = "foxglove_msgs/msg/CompressedVideo"
    types = STORE.types

    def made(data: bytes) -> bytes:
        stamp = types["builtin_interfaces/msg/Time"](1, 2)
        return bytes(
            STORE.serialize_cdr(types[kind](stamp, frame, np.frombuffer(data, np.uint8), form), kind)
        )

    message = made(old)
    found = places(message, kind, VIDEO, "cdr")
    assert message[slice(*found.spans["data"])] == old
    assert with_bytes(message, found, "data", new, cdr=True) == made(new)


@settings(max_examples=150, deadline=None)
@given(cut=st.integers(0, 120), flip=st.integers(0, 119), value=st.integers(0, 255))
def test_damaged_messages_are_refused_in_our_words(cut, flip, value):
    for kind, text in (
        ("foxglove_msgs/msg/CompressedVideo", VIDEO),
        ("sensor_msgs/msg/CompressedImage", COMPRESSED),
    ):
        fields = {"data": b"\xff\xd8\xff" * 15, "format": "jpeg"}
        message = bytearray(ros(kind, **fields))
        message[flip % len(message)] = value
        stream = Stream("/c", "pictures", kind, text, "ros2msg", "cdr")
        try:
            open_picture(Message(stream, 0, 0, bytes(message[: cut or None])))
        except CarnetError:
            continue


def test_a_scan_looks_at_the_key_pictures_of_a_video(clip):
    for way, types in WAYS.items():
        before = recording([wrap(way, one, "h264") for one in clip], *types)
        sheet = describe(io.BytesIO(before), name="x.mcap", detect=False)
        assert (sheet.state.value, sheet.reason) == ("read", None)
        (camera,) = [one for one in sheet.streams if one.name == "/camera"]
        assert camera.data == ("image.exterior",)
        assert camera.facts["images"] == 24

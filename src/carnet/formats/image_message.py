"""Pictures held by messages, whatever the encoding: found by the definition in the file, and put back.

Known by their fields: `data` with `format` (or `encoding`) is a coded picture or a piece of video; `data` with
`height`, `width`, `encoding` and `step` is a picture of raw pixels. ROS 1 and CDR messages, foxglove's types as
protobuf or JSON (github.com/foxglove/foxglove-sdk, schemas), and `FFMPEGPacket` of ffmpeg_image_transport. What
is not the picture stays byte for byte, but for JSON, which is written anew, and for unknown protobuf fields.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from carnet.errors import UnreadableError
from carnet.formats.protobuf import field_numbers, number_of, varint_bytes, wire_fields
from carnet.formats.reader import Message, Stream
from carnet.formats.ros_places import field_types, places, with_bytes

CODED, RAW = "coded", "raw"
_CODED_TYPES = {
    "sensor_msgs/CompressedImage",
    "foxglove_msgs/CompressedImage",
    "foxglove_msgs/CompressedVideo",
    "foxglove.CompressedImage",
    "foxglove.CompressedVideo",
    "ffmpeg_image_transport_msgs/FFMPEGPacket",
}
_RAW_TYPES = {"sensor_msgs/Image", "foxglove_msgs/RawImage", "foxglove.RawImage"}
_VIDEO_TYPES = {
    "foxglove_msgs/CompressedVideo",
    "foxglove.CompressedVideo",
    "ffmpeg_image_transport_msgs/FFMPEGPacket",
}
_LAYOUT = ("height", "width", "step")
_DEPTH_FORMAT = "compressedDepth"


def plain(schema: str | None) -> str:
    """Give a type's name without ROS 2's middle part."""
    return (schema or "").replace("/msg/", "/", 1)


def holds_video(stream: Stream) -> bool:
    """Say whether a stream's type is one of video over messages."""
    return plain(stream.schema) in _VIDEO_TYPES


def looks_like_pictures(stream: Stream) -> bool:
    """Say whether the name of a stream's type speaks of pictures, whether or not they can be opened."""
    name = plain(stream.schema).rsplit("/", 1)[-1].rsplit(".", 1)[-1]
    words = ("CompressedImage", "RawImage", "CompressedVideo", "FFMPEGPacket", "H264", "H265", "h264")
    return name == "Image" or any(one in name for one in words)


@dataclass(frozen=True, slots=True)
class ImageMessage:
    """A picture taken out of a message.

    Attributes:
        kind: `coded` or `raw`.
        payload: the picture's bytes.
        form: `jpeg`, `h264`, … as the sender wrote it, or the pixel encoding of a raw picture.
        height: of a raw picture, in pixels; 0 when coded.
        width: likewise.
        step: bytes from one row to the next.
        big_endian: whether samples of 16 bits have their high byte first.
        put: gives the message with another payload.
    """

    kind: str
    payload: bytes
    form: str
    height: int
    width: int
    step: int
    big_endian: bool
    put: Callable[[bytes], bytes]


def opener(stream: Stream, schema_data: bytes | None = None) -> Callable[[Message], ImageMessage] | None:
    """Give the function that takes pictures out of a stream's messages, or None where that is not possible.

    Args:
        stream: the topic.
        schema_data: the definition's own bytes, where it is not text (protobuf).
    """
    name = plain(stream.schema)
    if name not in _CODED_TYPES | _RAW_TYPES:
        return None
    kind = RAW if name in _RAW_TYPES else CODED
    if stream.encoding in {"cdr", "ros1"}:
        return _ros(stream, kind)
    if stream.encoding == "json":
        return lambda message: _of_json(message.data, kind)
    if stream.encoding == "protobuf" and schema_data is not None:
        return _protobuf(name, schema_data, kind)
    return None


def _needed(kind: str) -> tuple[str, ...]:
    return ("data", "encoding", *_LAYOUT) if kind == RAW else ("data",)


@lru_cache(maxsize=256)
def _types(schema: str, text: str, encoding: str) -> Mapping[str, str] | None:
    try:
        return field_types(schema, text, encoding)
    except UnreadableError:
        return None


def _ros(stream: Stream, kind: str) -> Callable[[Message], ImageMessage] | None:
    schema, text, encoding = stream.schema or "", stream.schema_text, stream.encoding
    types = _types(schema, text, encoding)
    if types is None or types.get("data") not in {"uint8[]", "byte[]", "octet[]", "char[]", "int8[]"}:
        return None
    if not set(_needed(kind)) <= set(types):
        return None

    def take(message: Message) -> ImageMessage:
        data = message.data
        found = places(data, schema, text, encoding)
        start, end = found.spans["data"]

        def put(payload: bytes) -> bytes:
            return with_bytes(data, found, "data", payload, cdr=encoding == "cdr")

        return _image(kind, data[start:end], found.values, put)

    return take


def _image(
    kind: str, payload: bytes, values: Mapping[str, Any], put: Callable[[bytes], bytes]
) -> ImageMessage:
    form = str(values.get("encoding" if kind == RAW else "format", values.get("encoding", "")))
    if kind == CODED and _DEPTH_FORMAT in form:
        raise UnreadableError("compressed depth pictures are not read", where="message")
    height, width, step = (int(values.get(one, 0)) if kind == RAW else 0 for one in _LAYOUT)
    return ImageMessage(
        kind, payload, form, height, width, step, bool(values.get("is_bigendian", False)), put
    )


def _of_json(data: bytes, kind: str) -> ImageMessage:
    try:
        form = json.loads(data)
        payload = base64.b64decode(form["data"], validate=True)
        values = {name: form[name] for name in (*_needed(kind), "format") if name != "data" and name in form}
        if kind == RAW:
            values |= {name: int(form[name]) for name in _LAYOUT}
    except (ValueError, KeyError, TypeError, binascii.Error, RecursionError) as error:
        raise UnreadableError("a picture message is not of its type", where="message") from error

    def put(made: bytes) -> bytes:
        return json.dumps({**form, "data": base64.b64encode(made).decode("ascii")}).encode()

    return _image(kind, payload, values, put)


def _protobuf(name: str, schema: bytes, kind: str) -> Callable[[Message], ImageMessage] | None:
    try:
        numbers = field_numbers(schema, name)
    except UnreadableError:
        return None
    if not set(_needed(kind)) <= set(numbers):
        return None
    names = {number: field for field, number in numbers.items()}

    def take(message: Message) -> ImageMessage:
        data = message.data
        fields = [one for one in wire_fields(data) if one.number in names]
        pictures = [one for one in fields if names[one.number] == "data"]
        if len(pictures) > 1:
            raise UnreadableError("a picture message holds its picture twice", where="message")
        (place,) = pictures or (None,)
        values: dict[str, Any] = dict.fromkeys(_LAYOUT, 0) | {"encoding": "", "format": ""}
        for one in fields:
            field = names[one.number]
            if field in {"encoding", "format"}:
                values[field] = data[one.start : one.end].decode("utf-8", "replace")
            elif field in _LAYOUT:
                values[field] = number_of(data, one)

        def put(payload: bytes) -> bytes:
            # Fields that the schema does not name stay behind: nobody knows what is in them.
            made = bytearray()
            for one in fields:
                if one is place:
                    made += varint_bytes(one.number << 3 | 2) + varint_bytes(len(payload)) + payload
                else:
                    made += data[one.tag : one.end]
            return bytes(made)

        payload = data[place.start : place.end] if place is not None and place.wire == 2 else b""  # noqa: PLR2004 - bytes
        return _image(kind, payload, values, put)

    return take

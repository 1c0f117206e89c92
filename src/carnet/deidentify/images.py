"""Pictures inside messages: taken out of a message, put back into it, everything else of it kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from carnet.deidentify.find import Finding
from carnet.deidentify.masks import mask_picture
from carnet.deidentify.picture import Still, blank_like, decode, is_picture, mask
from carnet.detectors.box import Picture, as_bgr
from carnet.errors import RedactionError, UnreadableError
from carnet.formats.cdr import codec, compressed_image, replace_image
from carnet.formats.reader import Message, Stream

_CDR_COMPRESSED = {"sensor_msgs/msg/CompressedImage", "sensor_msgs/CompressedImage"}
_CDR_RAW = {"sensor_msgs/msg/Image", "sensor_msgs/Image"}
_FOXGLOVE = {"foxglove.CompressedImage", "foxglove_msgs/msg/CompressedImage"}
# Channels, and whether red comes first.
_ENCODINGS = {
    "bgr8": (3, False),
    "rgb8": (3, True),
    "bgra8": (4, False),
    "rgba8": (4, True),
    "mono8": (1, False),
}


@dataclass(frozen=True, slots=True)
class Held:
    """A picture held by a message.

    Attributes:
        image: H x W x 3, blue-green-red, for detectors.
        redacted: gives the message's bytes with findings masked.
    """

    image: Picture
    redacted: Callable[[tuple[Finding, ...]], bytes]


def can_open(stream: Stream) -> bool:
    """Say whether pictures of a stream can be taken out and put back."""
    if stream.encoding == "cdr":
        return stream.schema in _CDR_COMPRESSED | _CDR_RAW
    return stream.encoding == "json" and stream.schema in _FOXGLOVE


def open_picture(message: Message) -> Held:
    """Take the picture out of a message of a stream that `can_open` takes.

    Raises:
        RedactionError: the picture is coded in a way that cannot be masked, such as H.264 over messages.
        UnreadableError: the picture is damaged.
    """
    stream, data = message.stream, message.data
    if stream.schema in _CDR_RAW:
        return _raw(stream, data)
    if stream.encoding == "json":
        try:
            form = json.loads(data)
            picture = base64.b64decode(form["data"], validate=True)
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableError("a picture message is not of its type", where="message") from error

        def again(made: bytes) -> bytes:
            return json.dumps({**form, "data": base64.b64encode(made).decode()}).encode()

        return _coded(picture, again)
    found = compressed_image(data)
    return _coded(bytes(found.picture(data)), lambda made: replace_image(data, found, made))


def _coded(picture: bytes, put: Callable[[bytes], bytes]) -> Held:
    _known(picture)
    still: Still = decode(picture, upright=False)
    return Held(as_bgr(still.pixels), lambda findings: put(mask(still, findings)))


def _known(picture: bytes) -> None:
    if not is_picture(picture) and picture[:4] in {
        b"\x00\x00\x00\x01",
        b"\x00\x00\x01\x09",
        b"\x00\x00\x01\x67",
    }:
        raise RedactionError(
            "the pictures are video over messages (H.264 or H.265), which cannot be masked yet",
            remedy="order its class under `drop`, or leave the recording out",
        )
    if not is_picture(picture):
        raise UnreadableError("a picture is neither JPEG nor PNG", where="message")


def _raw(stream: Stream, data: bytes) -> Held:
    form = codec(stream.schema or "", stream.schema_text, stream.encoding)
    message: Any = form.decode(data)
    if message.encoding not in _ENCODINGS:
        raise RedactionError(
            "pixels of this encoding cannot be masked", remedy="order the stream's class under `drop`"
        )
    channels, red_first = _ENCODINGS[message.encoding]
    height, width, step = int(message.height), int(message.width), int(message.step)
    flat = np.asarray(message.data, dtype=np.uint8)
    if not height or not width or step < width * channels or flat.size < height * step:
        raise UnreadableError("a picture message is shorter than it says", where="message")
    rows = flat[: height * step].reshape(height, step)[:, : width * channels]
    pixels = rows.reshape(height, width, channels)
    image = as_bgr(pixels)

    def redacted(findings: tuple[Finding, ...]) -> bytes:
        if not findings:
            return data
        changed = pixels.copy()
        mask_picture(changed, (one.box for one in findings))
        whole = flat.copy()
        whole[: height * step].reshape(height, step)[:, : width * channels] = changed.reshape(height, -1)
        message.data = whole
        return form.encode(message)

    return Held(np.ascontiguousarray(image[:, :, ::-1]) if red_first else image, redacted)


def blanked(message: Message) -> bytes | None:
    """Give the message with a black picture of the announced size, or None when that is not possible."""
    stream, data = message.stream, message.data
    try:
        if stream.encoding == "cdr" and stream.schema in _CDR_COMPRESSED:
            found = compressed_image(data)
            black = blank_like(bytes(found.picture(data)))
            return None if black is None else replace_image(data, found, black)
    except UnreadableError:
        return None
    return None

"""A topic of video over messages: decoded across messages, masked, coded again, one message out per message in.

Two passes go over the topic. The first finds where pictures end and what is in them; the second decodes again,
masks and codes. A picture that does not decode (a lost key picture, a cut message) is black in the new topic
and counted, and so is every one up to the next key picture: what a decoder makes up shows what was there before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carnet.deidentify.find import Finding
from carnet.deidentify.masks import copy_masked
from carnet.detectors.box import Picture
from carnet.errors import RedactionError, UnreadableError
from carnet.formats.image_message import ImageMessage
from carnet.formats.video_stream import (
    PIXEL_FORMATS,
    Content,
    Shape,
    StreamDecoder,
    StreamEncoder,
    codec_of,
    content_of,
    empty_message,
    is_byte_stream,
    shape_of,
)

_BLACK, _NO_COLOUR = 16, 128
_BLACK_FULL = 0
_LONGEST_PICTURE = 64 << 20


@dataclass(slots=True)
class _Pictures:
    """What was learned: for each message, whether a picture ends with it; the first picture's shape."""

    ends: list[bool] = field(default_factory=list)
    shape: Shape | None = None
    decoded: int = 0


class VideoTopic:
    """One topic, looked at and written again."""

    def __init__(self, setting: str) -> None:
        self._setting = setting
        self._learned = _Pictures()
        self._codec: str | None = None
        self._decoder: StreamDecoder | None = None
        self._encoder: StreamEncoder | None = None
        self._parts = bytearray()
        self._key = False
        self._last = -1
        self._at = 0
        self._after_gap = True

    # First pass.

    def learn(self, image: ImageMessage | None) -> None:
        """Take note of where pictures begin and end; every message of the topic goes through here, in order."""
        codec = self._codec_of(image)
        number = len(self._learned.ends)
        self._learned.ends.append(False)
        if image is None or codec is None or not is_byte_stream(image.payload):
            self._end_picture()
            return
        content = content_of(codec, image.payload)
        self._refuse_several(content)
        if content.begins:
            self._end_picture()
        if content.slices:
            # Slices without a beginning are the rest of a picture, whether or not it began here.
            self._last = number

    def _end_picture(self) -> None:
        """End the picture that is open with the last message that held a part of it."""
        if self._last >= 0:
            self._learned.ends[self._last] = True
        self._last = -1

    def learned(self) -> None:
        """Every message has been learned.

        Raises:
            RedactionError: nobody can tell what kind of video it is.
        """
        self._end_picture()
        if self._codec is None and self._learned.ends:
            raise RedactionError(
                "the kind of video of a topic cannot be told",
                where="video over messages",
                remedy="order its class under `drop`, or leave the recording out",
            )

    def _codec_of(self, image: ImageMessage | None) -> str | None:
        if self._codec is None and image is not None:
            self._codec = codec_of(image.form, image.payload)
        return self._codec

    @staticmethod
    def _refuse_several(content: Content) -> None:
        if content.begins > 1:
            raise RedactionError(
                "a message holds more than one picture",
                where="video over messages",
                remedy="order its class under `drop`, or leave the recording out",
            )

    # Second pass: looking.

    def rewind(self) -> None:
        """Go back to the first message."""
        self._decoder = None if self._codec is None else StreamDecoder(self._codec)
        self._parts.clear()
        self._key = False
        self._at = 0
        self._after_gap = True

    def picture(self, image: ImageMessage | None) -> tuple[bool, Picture | None]:
        """Give whether a picture ends with a message, and that picture: None where it is unreadable."""
        ended, frame, _ = self._take(image)
        if not ended or frame is None:
            return ended, None
        if self._learned.shape is None:
            self._learned.shape = shape_of(frame)
        self._learned.decoded += 1
        pixels: Picture = frame.to_ndarray(format="bgr24")
        return True, pixels

    def looked(self) -> None:
        """Every message has been looked at; raises `UnreadableError` when not one picture decoded."""
        if any(self._learned.ends) and not self._learned.decoded:
            raise UnreadableError("no picture of a video topic decodes", where="video over messages")

    # Third pass: writing.

    def write(
        self, image: ImageMessage | None, found: tuple[Finding, ...], *, kept: bool
    ) -> tuple[bytes | None, bool]:
        """Give the new payload for a message, and whether its picture was unreadable.

        A message that was trimmed is decoded, as later ones build on it, and gives None.
        """
        ended, frame, key = self._take(image)
        if not kept:
            self._after_gap = True
            return None, False
        if not ended:
            # What ends no picture and yet could not be taken apart is a message that was lost.
            return empty_message(self._codec or ""), image is None or not is_byte_stream(image.payload)
        shape = self._learned.shape if frame is None else shape_of(frame)
        if shape is None:
            return empty_message(self._codec or ""), True
        if self._encoder is None or self._encoder.shape != shape:
            self._encoder = StreamEncoder(self._codec or "", self._setting, shape)
            self._after_gap = True
        made = _masked(frame, found) if frame is not None else _black(shape)
        payload = self._encoder.encode(made, key=key or self._after_gap)
        self._after_gap = False
        return payload, frame is None

    def _take(self, image: ImageMessage | None) -> tuple[bool, Any | None, bool]:
        """Take a message: whether a picture ends with it, that picture when it decodes, whether it is a key."""
        ends = self._learned.ends[self._at]
        self._at += 1
        if self._decoder is None or self._codec is None:
            return ends, None, False
        if image is not None and is_byte_stream(image.payload):
            self._parts += image.payload
            self._key = self._key or content_of(self._codec, image.payload).key
        else:
            self._decoder.lost()
        if len(self._parts) > _LONGEST_PICTURE:
            raise UnreadableError("a picture goes over more bytes than are read", where="video over messages")
        if not ends:
            return False, None, False
        data, key = bytes(self._parts), self._key
        self._parts.clear()
        self._key = False
        return True, self._decoder.decode(data, key=key), key


def _planes(frame: Any) -> list[NDArray[np.uint8]]:
    """Give a frame's planes as they lie in memory: what is written into them is in the frame."""
    return [
        np.frombuffer(one, dtype=np.uint8).reshape(one.height, one.line_size)[:, : one.width]
        for one in frame.planes
    ]


def _fresh(shape: Shape, fill: Callable[[list[NDArray[np.uint8]]], None]) -> Any:
    import av

    made = av.VideoFrame(shape.width, shape.height, shape.pixels)
    made.color_range, made.colorspace = shape.color_range, shape.colorspace
    fill(_planes(made))
    return made


def _black(shape: Shape) -> Any:
    def fill(planes: list[NDArray[np.uint8]]) -> None:
        values = (_BLACK_FULL if shape.pixels.startswith("yuvj") else _BLACK, _NO_COLOUR, _NO_COLOUR)
        for plane, value in zip(planes, values, strict=True):
            plane[...] = value

    return _fresh(shape, fill)


def _masked(frame: Any, found: tuple[Finding, ...]) -> Any:
    """Give a frame with findings masked: its planes and colours, and nothing else of the old one."""

    def fill(planes: list[NDArray[np.uint8]]) -> None:
        copy_masked(
            planes,
            _planes(frame),
            PIXEL_FORMATS[frame.format.name],
            [one.box for one in found],
            (frame.width, frame.height),
        )

    return _fresh(shape_of(frame), fill)

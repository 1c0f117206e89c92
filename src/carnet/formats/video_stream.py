"""Video over messages: H.264 and H.265 as a byte stream, one message after the other, decoded and coded again.

Byte streams are those of ITU-T H.264 and H.265, Annex B: units after start codes. A message usually holds one
picture; some senders spread a picture over several, which shows in the slices: the first of a picture says so
in its first bit (`first_mb_in_slice` 0, `first_slice_segment_in_pic_flag` 1). Decoder and encoder are FFmpeg's
(PyAV), without threads and without delay, so that what a message gives can be told from what the next gives.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from carnet.errors import RedactionError, UnreadableError

# Planes of the pixel formats that x264 writes with 8 bits: how much smaller chroma is, across and down.
PIXEL_FORMATS = {
    "yuv420p": (2, 2),
    "yuvj420p": (2, 2),
    "yuv422p": (2, 1),
    "yuvj422p": (2, 1),
    "yuv444p": (1, 1),
    "yuvj444p": (1, 1),
}

H264, H265 = "h264", "hevc"
_START = re.compile(rb"\x00\x00\x01")
_H264_SLICES = range(1, 6)
_H264_KEY, _H264_SPS = 5, 7
_H265_SLICES = range(32)
_H265_KEYS = range(16, 24)
_H265_VPS, _H265_SPS = 32, 33
_ENCODERS = {H264: "libx264", H265: "libx265"}
_QUALITY = {"release": ("20", "veryfast"), "fast": ("23", "ultrafast")}
_DELIMITER = {H264: b"\x00\x00\x00\x01\x09\xf0", H265: b"\x00\x00\x00\x01\x46\x01\x50"}
_EXTRAS = {H264: {6}, H265: {39, 40}}
_RATE = 30


def is_byte_stream(data: bytes) -> bool:
    """Say whether bytes begin with a start code."""
    return data.startswith((b"\x00\x00\x00\x01", b"\x00\x00\x01"))


def empty_message(codec: str) -> bytes:
    """Give a message of the stream that holds no picture: an access unit delimiter."""
    return _DELIMITER[codec]


def codec_of(form: str, data: bytes) -> str | None:
    """Tell the codec by the sender's word, or by the parameter sets in a message; None when neither says."""
    word = form.lower()
    if any(one in word for one in ("h265", "hevc", "h.265")):
        return H265
    if any(one in word for one in ("h264", "avc", "h.264")):
        return H264
    for unit in _units(data):
        if unit[0] & 0x1F == _H264_SPS and unit[0] & 0x80 == 0 and unit[0] & 0x60:
            return H264
        if unit[0] >> 1 & 0x3F in {_H265_VPS, _H265_SPS} and len(unit) > 1 and unit[1] == 1:
            return H265
    return None


def _units(data: bytes) -> Iterator[bytes]:
    """Give the first bytes of every unit."""
    for match in _START.finditer(data):
        unit = data[match.end() : match.end() + 8]
        if unit:
            yield unit


@dataclass(frozen=True, slots=True)
class Content:
    """What a message holds of pictures: how many begin in it, whether any part of one is there, whether a key."""

    begins: int
    slices: int
    key: bool


def content_of(codec: str, data: bytes) -> Content:
    """Look at the units of a message."""
    begins = slices = 0
    key = False
    for unit in _units(data):
        if codec == H264:
            kind, first = unit[0] & 0x1F, unit[1:2]
            is_slice, is_key = kind in _H264_SLICES, kind == _H264_KEY
        else:
            kind, first = unit[0] >> 1 & 0x3F, unit[2:3]
            is_slice, is_key = kind in _H265_SLICES, kind in _H265_KEYS
        if is_slice:
            slices += 1
            begins += bool(first and first[0] & 0x80)
            key = key or is_key
    return Content(begins, slices, key)


@dataclass(frozen=True, slots=True)
class Shape:
    """What an encoder has to be opened for: size, pixels, and the description of colours (H.273 numbers)."""

    width: int
    height: int
    pixels: str
    color_range: int
    colorspace: int
    color_primaries: int
    color_trc: int


def shape_of(frame: Any) -> Shape:
    """Give a decoded frame's shape."""
    colours = (
        int(getattr(frame, one)) for one in ("color_range", "colorspace", "color_primaries", "color_trc")
    )
    return Shape(frame.width, frame.height, frame.format.name, *colours)


def without_extras(codec: str, data: bytes) -> bytes:
    """Give a message without supplemental units (SEI): senders put times, places and numbers into them."""
    marks = [one.start() for one in _START.finditer(data)]
    made = bytearray()
    for at, end in itertools.pairwise([*marks, len(data)]):
        unit = data[at + 3 : end]
        if unit:
            kind = unit[0] & 0x1F if codec == H264 else unit[0] >> 1 & 0x3F
            if kind not in _EXTRAS[codec]:
                made += b"\x00\x00\x00\x01" + unit.rstrip(b"\x00")
    return bytes(made) or empty_message(codec)


class StreamDecoder:
    """Decodes pictures one by one."""

    def __init__(self, codec: str) -> None:
        import av

        self._av = av
        self._codec = codec
        self._context = self._open()
        self._number = 0
        self._whole = False

    def _open(self) -> Any:
        context: Any = self._av.CodecContext.create(self._codec, "r")
        context.thread_count = 1
        context.flags |= self._av.codec.context.Flags.low_delay
        return context

    def lost(self) -> None:
        """A message was lost: nothing counts until the next key picture."""
        self._whole = False

    def decode(self, data: bytes, *, key: bool) -> Any | None:
        """Decode one picture; None when it does not come out whole.

        After a picture that did not come out, none counts until the next key picture: what a decoder makes up
        for lost ones shows what was there before.

        Args:
            data: all units of one picture.
            key: whether it stands alone.

        Raises:
            RedactionError: pictures come in another order than they are shown in, or in a kind of pixels that
                cannot be masked.
        """
        self._number += 1
        if key:
            self._whole = True
        packet = self._av.Packet(data)
        packet.pts = packet.dts = self._number
        packet.time_base = Fraction(1, 1000)
        try:
            frames = self._context.decode(packet)
        except self._av.error.FFmpegError:
            frames = []
        good = [one for one in frames if one.pts == self._number and not one.is_corrupt]
        if any(one.pict_type == self._av.video.frame.PictureType.B for one in frames):
            raise RedactionError(
                "the video's pictures are not in the order in which they are shown (B pictures)",
                where="video over messages",
                remedy="order its class under `drop`, or leave the recording out",
            )
        if len(frames) != 1 or not good or not self._whole:
            self._whole = False
            return None
        frame = good[0]
        if frame.format.name not in PIXEL_FORMATS:
            raise RedactionError(
                "pixels of more than 8 bits, or without three planes, cannot be masked yet",
                where="video over messages",
                remedy="order its class under `drop`, or leave the recording out",
            )
        return frame


class StreamEncoder:
    """Codes pictures one by one, each into one message; parameter sets stand before every key picture."""

    def __init__(self, codec: str, setting: str, shape: Shape) -> None:
        import av

        self._av = av
        self._number = 0
        self.shape = shape
        width, height = shape.width, shape.height
        if width % 2 or height % 2:
            raise RedactionError(
                "a video of odd width or height cannot be written again", where="video over messages"
            )
        quality, preset = _QUALITY[setting]
        context: Any = av.CodecContext.create(_ENCODERS[codec], "w")
        context.width, context.height, context.pix_fmt = width, height, shape.pixels
        for name in ("color_range", "colorspace", "color_primaries", "color_trc"):
            setattr(context, name, getattr(shape, name))
        context.time_base = Fraction(1, _RATE)
        context.framerate = Fraction(_RATE, 1)
        context.thread_count = 1
        options = {"preset": preset, "tune": "zerolatency", "crf": quality, "forced-idr": "1"}
        if codec == H265:
            options["x265-params"] = "log-level=none:bframes=0:repeat-headers=1:pools=none:info=0"
        else:
            # Time and settings of the encoder would stand in every key picture otherwise.
            options["x264-params"] = "repeat-headers=1:annexb=1"
        context.options = options
        self._context = context

    def encode(self, frame: Any, *, key: bool) -> bytes:
        """Code one picture; its time and type are not taken over.

        Raises:
            UnreadableError: the encoder did not give exactly this picture.
        """
        kinds = self._av.video.frame.PictureType
        frame.pts, frame.time_base = self._number, Fraction(1, _RATE)
        frame.pict_type = kinds.I if key or self._number == 0 else kinds.NONE
        self._number += 1
        packets = self._context.encode(frame)
        if len(packets) != 1:
            raise UnreadableError("the encoder held a picture back", where="video over messages")
        return bytes(packets[0])

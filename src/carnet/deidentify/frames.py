"""Every picture of a file, whatever the format: what a check, a truth file or a contact sheet looks at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from carnet.deidentify.images import can_open, image_of, open_picture
from carnet.deidentify.picture import STREAM as PICTURE
from carnet.deidentify.picture import decode
from carnet.deidentify.video import STREAM as VIDEO
from carnet.detectors.box import Picture, as_bgr
from carnet.errors import UnreadableError
from carnet.formats import open_recording
from carnet.formats.image_message import CODED, ImageMessage
from carnet.formats.mp4_read import Mp4Reader
from carnet.formats.reader import Reader
from carnet.formats.video_stream import StreamDecoder, codec_of, content_of, is_byte_stream

MESSAGES = frozenset({"mcap", "rosbag1", "rosbag2"})
"""Formats that are recordings of messages."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a file: its stream, its number there, its time in ns, its pixels."""

    stream: str
    index: int
    time_ns: int
    image: Picture


def frames_of(source: BinaryIO, name: str) -> Iterator[Frame]:
    """Give every picture of a file.

    In a topic of video over messages the number is that of the message with which the picture ends.

    Raises:
        UnreadableError: the file, or one of its pictures, cannot be read; nothing unread counts as clean.
    """
    reader = open_recording(source, name)
    if isinstance(reader, Mp4Reader):
        for index, time_ns, image in reader.frames():
            yield Frame(VIDEO, index, time_ns, image())
    elif reader.format in MESSAGES:
        yield from _of_messages(reader)
    elif reader.format in {"jpeg", "png"}:
        source.seek(0)
        yield Frame(PICTURE, 0, 0, as_bgr(decode(source.read(), upright=True).pixels))
    if reader.reason:
        raise UnreadableError(reader.reason, where="check")


def _of_messages(reader: Reader) -> Iterator[Frame]:
    counts: dict[int, int] = defaultdict(int)
    videos: dict[int, _Video] = {}
    for message in reader.messages():
        stream = message.stream
        if not can_open(stream):
            if stream.kind == "pictures":
                raise UnreadableError("the pictures of a stream cannot be looked at", where="check")
            continue
        number = counts[stream.number]
        counts[stream.number] += 1
        image = image_of(message)
        if image.kind == CODED and is_byte_stream(image.payload):
            video = videos.setdefault(stream.number, _Video())
            pixels = video.take(image)
            if pixels is not None:
                yield Frame(stream.name, number, message.log_time_ns, pixels)
        else:
            yield Frame(stream.name, number, message.log_time_ns, open_picture(message).image)


class _Video:
    """A topic of video whose pictures end where messages end, as redaction writes it and most senders do."""

    def __init__(self) -> None:
        self._decoder: StreamDecoder | None = None
        self._codec = ""

    def take(self, image: ImageMessage) -> Picture | None:
        """Give the picture of a message; None for one that holds no part of any."""
        if self._decoder is None:
            self._codec = codec_of(image.form, image.payload) or ""
            if not self._codec:
                raise UnreadableError("the kind of video of a topic cannot be told", where="check")
            self._decoder = StreamDecoder(self._codec)
        content = content_of(self._codec, image.payload)
        if not content.slices:
            return None
        frame = self._decoder.decode(image.payload, key=content.key)
        if frame is None:
            raise UnreadableError("a picture of a video topic does not decode", where="check")
        pixels: Picture = frame.to_ndarray(format="bgr24")
        return pixels

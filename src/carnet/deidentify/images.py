"""Pictures inside messages: taken out of a message, put back into it, everything else of it kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from carnet.deidentify.find import Finding
from carnet.deidentify.picture import Still, blank_like, decode, is_picture, mask
from carnet.deidentify.raw_pixels import blank_raw, open_raw
from carnet.detectors.box import Picture, as_bgr
from carnet.errors import RedactionError, UnreadableError
from carnet.formats.image_message import RAW, ImageMessage, opener
from carnet.formats.reader import Message, Stream
from carnet.formats.video_stream import is_byte_stream


@dataclass(frozen=True, slots=True)
class Held:
    """A picture held by a message.

    Attributes:
        image: H x W x 3, blue-green-red, for detectors.
        redacted: gives the message's bytes with findings masked.
    """

    image: Picture
    redacted: Callable[[tuple[Finding, ...]], bytes]


@lru_cache(maxsize=256)
def _opener(stream: Stream) -> Callable[[Message], ImageMessage] | None:
    return opener(stream, stream.schema_data)


def can_open(stream: Stream) -> bool:
    """Say whether pictures of a stream can be taken out and put back."""
    return _opener(stream) is not None


def image_of(message: Message) -> ImageMessage:
    """Take the coded or raw picture out of a message of a stream that `can_open` takes.

    Raises:
        UnreadableError: the message does not have the shape of its type.
    """
    take = _opener(message.stream)
    if take is None:
        raise UnreadableError("the pictures are in an encoding that carnet does not read", where="message")
    return take(message)


def open_picture(message: Message) -> Held:
    """Take the picture out of a message of a stream that `can_open` takes.

    Raises:
        RedactionError: the picture is coded in a way that cannot be masked.
        UnreadableError: the picture is damaged, or a piece of video that only its neighbours explain.
    """
    image = image_of(message)
    if image.kind == RAW:
        raw = open_raw(image)
        return Held(raw.image, lambda findings: image.put(raw.masked(findings)))
    if is_byte_stream(image.payload):
        raise RedactionError(
            "the pictures are video over messages (H.264 or H.265): one message alone cannot be opened",
            where="message",
        )
    if not is_picture(image.payload):
        raise UnreadableError("a picture is neither JPEG nor PNG", where="message")
    still: Still = decode(image.payload, upright=False)
    return Held(as_bgr(still.pixels), lambda findings: image.put(mask(still, findings)))


def blanked(message: Message) -> bytes | None:
    """Give the message with a black picture of the announced size, or None when that is not possible."""
    try:
        image = image_of(message)
        made = blank_raw(image) if image.kind == RAW else blank_like(image.payload)
        return None if made is None else image.put(made)
    except UnreadableError:
        return None

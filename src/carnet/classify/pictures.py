"""The third look at pictures: faces and number plates, found and measured in frames spread over a stream.

`faces_px_max`, `plates_px_max` and `persons_px_max` are the longer side of the largest one found, in pixels of the
frame. Without a finding, `contains_faces` is False only when every frame was looked at in the closest setting of the
detectors, which happens for at most four frames, and when each has `LEAST_SIDE` to `MOST_SIDE` pixels; else it is
unknown, and absent. That there is no person is never said: the detector sees few of less than 24 pixels. That there
is no plate is never said either: the law counts them from 16 pixels, and few of that size are found in pictures of
any size. Of a stream of which a sample was looked at, `faces_share` and the like give the share of its frames that
show one, as the least and the most that the sample allows (95 %, Clopper and Pearson).

Measured on the labelled faces and plates of two sets, each scaled to so many pixels (longer side) and cut out with
what is around it; in pictures of 1280 pixels and more, cuts laid side by side:

    pixels of the picture   faces of 16       of 24       of 32   plates of 16       of 24       of 32
    32 to 48                    94 of 94    76 of 76           -              -           -           -
    64                          47 of 47    47 of 47    45 of 45      25 of 178  115 of 178  172 of 178
    160                         42 of 42    46 of 46    46 of 46       66 of 90  115 of 138  167 of 173
    320                         15 of 15    41 of 41    42 of 42       13 of 26    65 of 77    88 of 89
    1280                        47 of 47    47 of 47    47 of 47       7 of 179   52 of 179   90 of 178
    2560                        47 of 47    47 of 47    47 of 47       1 of 179    5 of 179   12 of 178
    3840                        38 of 47    47 of 47    47 of 47              -           -           -
    5120                        18 of 47    41 of 47    47 of 47              -           -           -
    7680                         1 of 47    15 of 47    27 of 47              -           -           -

So a face of the 32 pixels from which the law counts it is found wherever False is said, and one of half of that.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from carnet.classify.schemas import plain_type
from carnet.errors import MissingExtraError, RedactionError, UnreadableError
from carnet.formats.cdr import codec, compressed_image
from carnet.formats.image_message import CODED, ImageMessage, opener
from carnet.formats.picture import decode_picture
from carnet.formats.raster import MOST_PIXELS
from carnet.formats.reader import Message
from carnet.formats.video_stream import StreamDecoder, codec_of, content_of, is_byte_stream
from carnet.model.factsheet import FactValue, Tool
from carnet.model.ids import DataClass
from carnet.model.shares import interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from carnet.detectors import Detector

T = TypeVar("T")
LOOKED_AT = 8
_FEW = 4
LEAST_SIDE, MOST_SIDE = 32, 2560
"""Longer side of the pictures, in pixels, in which every labelled face of 16 pixels was found."""
_RAW = {"rgb8": 3, "bgr8": 3, "mono8": 1, "rgba8": 4, "bgra8": 4}


class Spread(Generic[T]):
    """Keeps at most `2 * most - 1` items of a stream of unknown length, evenly spread, the first among them."""

    def __init__(self, most: int = LOOKED_AT) -> None:
        self._most = most
        self._every = 1
        self.count = 0
        self.items: list[T] = []

    def wants(self) -> bool:
        """Say whether the next item will be kept; asked before it is made."""
        return self.count % self._every == 0

    def offer(self, item: T | None) -> None:
        """Take the next item; None where `wants` said no."""
        if self.wants() and item is not None:
            self.items.append(item)
            if len(self.items) >= 2 * self._most:
                del self.items[1::2]
                self._every *= 2
        self.count += 1


@dataclass(slots=True)
class Seen:
    """What looking at pictures gave: facts, tools, what to say, and how many did not decode."""

    facts: dict[str, FactValue] = field(default_factory=dict)
    tools: tuple[Tool, ...] = ()
    because: tuple[str, ...] = ()
    unreadable: int = 0
    classes: dict[DataClass, str] = field(default_factory=dict)
    """Classes that detectors of others found, and the rule of each."""


def form_of(data: bytes | memoryview[int]) -> str | None:
    """Give `jpeg` or `png` by the first bytes, else None."""
    head = bytes(data[:8])
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    return "png" if head.startswith(b"\x89PNG\r\n\x1a\n") else None


def picture_of(message: Message) -> NDArray[Any]:
    """Give the picture of a message of a `pictures` stream: H x W x 3, BGR.

    Raises:
        UnreadableError: it does not decode, or is written in a way that carnet does not read.
    """
    stream = message.stream
    take = opener(stream, stream.schema_data)
    image = take(message) if take is not None else None
    if image is not None and image.kind == CODED:
        return _coded(image)
    if stream.encoding == "cdr" and plain_type(stream.schema) == "sensor_msgs/CompressedImage":
        payload: bytes | memoryview[int] = compressed_image(message.data).picture(message.data)
    elif stream.encoding == "json":
        try:
            payload = base64.b64decode(json.loads(message.data)["data"], validate=True)
        except (ValueError, KeyError, TypeError, binascii.Error, RecursionError) as error:
            raise UnreadableError("a picture message is not what its type says", where="message") from error
    elif stream.encoding in {"cdr", "ros1"}:
        value = codec(stream.schema or "", stream.schema_text, stream.encoding).decode(message.data)
        if not hasattr(value, "height"):
            payload = bytes(value.data)
        else:
            return _raw_picture(value)
    else:
        raise UnreadableError("the pictures are in an encoding that carnet does not read")
    form = form_of(payload)
    if form is None:
        raise UnreadableError("the pictures are neither JPEG nor PNG")
    return decode_picture(payload, form)


def stands_alone(message: Message) -> bool:
    """Say whether a message's picture can be decoded without those before it: all but video between its keys."""
    take = opener(message.stream, message.stream.schema_data)
    if take is None:
        return True
    try:
        image = take(message)
    except UnreadableError:
        return True
    if image.kind != CODED or not is_byte_stream(image.payload):
        return True
    codec_name = codec_of(image.form, image.payload)
    return codec_name is not None and content_of(codec_name, image.payload).key


def _coded(image: ImageMessage) -> NDArray[Any]:
    """Decode a coded picture: JPEG, PNG, or a key picture of a video."""
    if is_byte_stream(image.payload):
        codec_name = codec_of(image.form, image.payload)
        try:
            frame = StreamDecoder(codec_name).decode(image.payload, key=True) if codec_name else None
        except RedactionError as error:
            raise UnreadableError("the video is of a kind that is not looked at", where="message") from error
        if frame is None:
            raise UnreadableError("a key picture of a video does not decode", where="message")
        picture: NDArray[Any] = frame.to_ndarray(format="bgr24")
        return picture
    form = form_of(image.payload)
    if form is None:
        raise UnreadableError("the pictures are neither JPEG nor PNG")
    return decode_picture(image.payload, form)


def _raw_picture(value: Any) -> NDArray[Any]:
    import cv2
    import numpy as np

    depth = _RAW.get(str(value.encoding))
    height, width, step = int(value.height), int(value.width), int(value.step)
    if depth is None:
        raise UnreadableError("the raw pictures are in a pixel format that carnet does not read")
    if not 0 < height * width <= MOST_PIXELS or step < width * depth or height * step > value.data.size:
        raise UnreadableError("a raw picture is not as large as it says", where="message")
    rows = np.asarray(value.data[: height * step]).reshape(height, step)[:, : width * depth]
    picture = rows.reshape(height, width, depth)
    turn = {
        "rgb8": cv2.COLOR_RGB2BGR,
        "rgba8": cv2.COLOR_RGBA2BGR,
        "bgra8": cv2.COLOR_BGRA2BGR,
        "mono8": cv2.COLOR_GRAY2BGR,
    }.get(str(value.encoding))
    return picture if turn is None else cv2.cvtColor(picture, turn)


def look(pictures: list[NDArray[Any]], total: int, unreadable: int, threads: int) -> Seen:
    """Find and measure faces, plates and persons.

    Networks are compiled once for pictures of every size: folders hold many sizes, and a compilation takes longer
    than a look.

    Args:
        pictures: H x W x 3, BGR: those that were chosen and decoded.
        total: how many pictures the stream has.
        unreadable: how many of the chosen did not decode.
        threads: how many threads a detector may use.
    """
    seen = Seen(unreadable=unreadable)
    if not pictures:
        return seen
    try:
        from carnet.detectors import face_detector, plate_detector, road_user_detector

        # Few pictures are looked at as closely as the detectors can; many by sample and more quickly.
        closely = total <= _FEW
        setting: Literal["release", "fast"] = "release" if closely else "fast"
        detectors: tuple[tuple[str, Detector], ...] = (
            ("faces", face_detector(setting, threads, any_size=True)),
            ("plates", plate_detector(setting, threads, any_size=True)),
            ("persons", road_user_detector(threads, fitting=True)),
        )
    except MissingExtraError:
        seen.because = ("contents: not looked at, carnet[vision] is not installed",)
        return seen
    all_seen = closely and len(pictures) == total
    faces_shown = all(LEAST_SIDE <= max(picture.shape[:2]) <= MOST_SIDE for picture in pictures)
    words = [f"contents: {len(pictures)} of {total} frames looked at"]
    tools = []
    for what, detector in detectors:
        sizes = [[max(box.w, box.h) for box in detector.find(picture)] for picture in pictures]
        shown = sum(map(bool, sizes))
        if shown:
            largest = round(max(max(one) for one in sizes if one))
            seen.facts[f"{what}_px_max"] = largest
            seen.facts[f"contains_{what}"] = True
            words.append(
                f"{what} up to {largest} px" + (f" in {shown} of these" if len(pictures) > 1 else "")
            )
        elif all_seen and faces_shown and what == "faces":
            seen.facts["contains_faces"] = False
        if len(pictures) < total:
            low, high = interval(shown, len(pictures))
            seen.facts[f"{what}_share"] = f"{low:.3f} to {high:.3f}"
        tools.append(detector.tool)
    seen.tools = tuple(tools)
    seen.because = (", ".join(words),)
    return seen

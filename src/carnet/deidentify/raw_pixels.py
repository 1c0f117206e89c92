"""Raw pixels of messages: shown to detectors as colour, masked where they lie, in whatever layout they have.

Encodings are those of `sensor_msgs/image_encodings.hpp`. A mosaic of colour filters (Bayer) is masked in each of
its four colours apart, so that a mask keeps its colour and no neighbour's value mixes in; YUV 4:2:2 and NV12 in
their planes. Sixteen bits are stretched between the darkest and the brightest per cent for the detectors, whose
networks see eight, and masked in all sixteen. Floating-point depth is no picture and is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carnet.deidentify.find import Finding
from carnet.deidentify.masks import mask_picture, mask_planes
from carnet.detectors.box import Picture
from carnet.errors import RedactionError, UnreadableError
from carnet.formats.image_message import ImageMessage

# Channels, bits, and whether red comes first.
_PLAIN = {
    "bgr8": (3, 8, False), "rgb8": (3, 8, True), "bgra8": (4, 8, False), "rgba8": (4, 8, True),
    "mono8": (1, 8, False), "bgr16": (3, 16, False), "rgb16": (3, 16, True), "bgra16": (4, 16, False),
    "rgba16": (4, 16, True), "mono16": (1, 16, False), "8UC1": (1, 8, False), "8UC3": (3, 8, False),
    "8UC4": (4, 8, False), "16UC1": (1, 16, False), "16UC3": (3, 16, False), "16UC4": (4, 16, False),
}  # fmt: skip
_BAYER = {
    f"bayer_{pattern}{bits}": (name, bits)
    for pattern, name in (("rggb", "RG"), ("bggr", "BG"), ("gbrg", "GB"), ("grbg", "GR"))
    for bits in (8, 16)
}
# For OpenCV a pattern's name is that of its second row: what ROS calls rggb is BayerBG there.
_OPENCV_BAYER = {"RG": "BG", "BG": "RG", "GB": "GR", "GR": "GB"}
# Place of luma among the two samples of a pixel.
_YUV422 = {"uyvy": 1, "yuv422": 1, "yuyv": 0, "yuv422_yuy2": 0}
_NV = {"nv12", "nv21"}
MOST_PIXELS = 200_000_000


@dataclass(frozen=True, slots=True)
class RawPicture:
    """A raw picture: what detectors see, and how it is masked.

    Attributes:
        image: H x W x 3, blue-green-red, 8 bits.
        masked: gives the payload with findings masked, its size unchanged.
        blank: a payload of the same size in which nothing can be seen.
    """

    image: Picture
    masked: Callable[[tuple[Finding, ...]], bytes]
    blank: bytes


def open_raw(message: ImageMessage) -> RawPicture:
    """Open the raw picture of a message.

    Raises:
        RedactionError: its pixels are of a kind that cannot be masked.
        UnreadableError: it is shorter than it says.
    """
    form = message.form
    if form in _PLAIN:
        return _plain(message, *_PLAIN[form])
    if form in _BAYER:
        return _bayer(message, *_BAYER[form])
    if form in _YUV422:
        return _yuv422(message, _YUV422[form])
    if form in _NV:
        return _nv(message, red_first=form == "nv21")
    raise RedactionError(
        "raw pixels of this encoding cannot be masked",
        where="picture",
        remedy="order the stream's class under `drop`, or leave the recording out",
    )


def blank_raw(message: ImageMessage) -> bytes:
    """Give a payload as long as the message's own, all zero: what cannot be read is not passed on."""
    return bytes(len(message.payload))


def _rows(message: ImageMessage, row_bytes: int, rows: int) -> NDArray[np.uint8]:
    """Give rows x step bytes of a copy, checked against what the message says."""
    height, width, step = message.height, message.width, message.step
    if not 0 < height * width <= MOST_PIXELS or step < row_bytes or len(message.payload) < rows * step:
        raise UnreadableError("a picture message is shorter than it says", where="message")
    return np.frombuffer(message.payload, dtype=np.uint8)[: rows * step].reshape(rows, step).copy()


def _whole(message: ImageMessage, rows: NDArray[np.uint8], used: int) -> bytes:
    """Give the payload: the rows; what stood between them and behind them, which is no pixel, as zeros."""
    rows[:, used:] = 0
    return rows.tobytes() + bytes(len(message.payload) - rows.size)


def _samples(
    message: ImageMessage, rows: NDArray[np.uint8], used: int, bits: int, channels: int
) -> NDArray[Any]:
    """Give H x W x C samples in the machine's order; a copy."""
    flat = rows[:, :used].copy()
    if bits == 16:  # noqa: PLR2004 - two bytes a sample
        wide = flat.view(">u2" if message.big_endian else "<u2").astype(np.uint16)
        return wide.reshape(message.height, message.width, channels)
    return flat.reshape(message.height, message.width, channels)


def _put(
    message: ImageMessage, rows: NDArray[np.uint8], used: int, samples: NDArray[Any], bits: int
) -> bytes:
    if bits == 16:  # noqa: PLR2004 - two bytes a sample
        order = samples.astype(">u2" if message.big_endian else "<u2")
        rows[:, :used] = order.reshape(message.height, -1).view(np.uint8)
    else:
        rows[:, :used] = samples.reshape(message.height, -1)
    return _whole(message, rows, used)


def as_eight(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Stretch samples of 16 bits to 8, between their darkest and brightest per cent; 8 bits stay."""
    if samples.dtype == np.uint8:
        return samples.astype(np.uint8, copy=False)
    low, high = np.percentile(samples[::4, ::4], (1, 99))
    scale = 255.0 / max(float(high - low), 1.0)
    stretched: NDArray[np.uint8] = np.clip((samples.astype(np.float32) - low) * scale, 0, 255).astype(
        np.uint8
    )
    return stretched


def _plain(message: ImageMessage, channels: int, bits: int, red_first: bool) -> RawPicture:  # noqa: FBT001 - a row of a table
    used = message.width * channels * bits // 8
    rows = _rows(message, used, message.height)
    samples = _samples(message, rows, used, bits, channels)
    seen = as_eight(samples)
    if channels == 1:
        image = np.repeat(seen, 3, axis=2)
    else:
        image = np.ascontiguousarray(seen[:, :, 2::-1] if red_first else seen[:, :, :3])

    def masked(findings: tuple[Finding, ...]) -> bytes:
        made = samples.copy()
        mask_picture(made, (one.box for one in findings))
        return _put(message, rows, used, made, bits)

    return RawPicture(image, masked, blank_raw(message))


def _bayer(message: ImageMessage, pattern: str, bits: int) -> RawPicture:
    import cv2

    if message.height % 2 or message.width % 2:
        raise RedactionError("a colour mosaic of odd width or height cannot be masked", where="picture")
    used = message.width * bits // 8
    rows = _rows(message, used, message.height)
    samples = _samples(message, rows, used, bits, 1)[:, :, 0]
    code = getattr(cv2, f"COLOR_Bayer{_OPENCV_BAYER[pattern]}2BGR")
    image = np.asarray(cv2.cvtColor(as_eight(samples), code), dtype=np.uint8)

    def masked(findings: tuple[Finding, ...]) -> bytes:
        made = samples.copy()
        sites = ((made[row::2, column::2], 2, 2) for row in (0, 1) for column in (0, 1))
        _mask(sites, findings, message)
        return _put(message, rows, used, made, bits)

    return RawPicture(image, masked, blank_raw(message))


def _yuv422(message: ImageMessage, luma: int) -> RawPicture:
    import cv2

    if message.width % 2:
        raise RedactionError("a YUV 4:2:2 picture of odd width cannot be masked", where="picture")
    used = message.width * 2
    rows = _rows(message, used, message.height)
    samples = rows[:, :used].copy().reshape(message.height, message.width, 2)
    code = cv2.COLOR_YUV2BGR_UYVY if luma else cv2.COLOR_YUV2BGR_YUY2
    image = np.asarray(cv2.cvtColor(samples, code), dtype=np.uint8)

    def masked(findings: tuple[Finding, ...]) -> bytes:
        made = samples.copy()
        chroma = made[:, :, 1 - luma]
        _mask(((made[:, :, luma], 1, 1), (chroma[:, 0::2], 2, 1), (chroma[:, 1::2], 2, 1)), findings, message)
        return _put(message, rows, used, made, 8)

    return RawPicture(image, masked, blank_raw(message))


def _nv(message: ImageMessage, *, red_first: bool) -> RawPicture:
    import cv2

    height, width = message.height, message.width
    if height % 2 or width % 2:
        raise RedactionError("an NV12 picture of odd width or height cannot be masked", where="picture")
    rows = _rows(message, width, height * 3 // 2)
    samples = rows[:, :width].copy()
    code = cv2.COLOR_YUV2BGR_NV21 if red_first else cv2.COLOR_YUV2BGR_NV12
    image = np.asarray(cv2.cvtColor(samples, code), dtype=np.uint8)

    def masked(findings: tuple[Finding, ...]) -> bytes:
        made = samples.copy()
        chroma = made[height:].reshape(height // 2, width // 2, 2)
        _mask(((made[:height], 1, 1), (chroma[:, :, 0], 2, 2), (chroma[:, :, 1], 2, 2)), findings, message)
        rows[:, :width] = made
        return _whole(message, rows, width)

    return RawPicture(image, masked, blank_raw(message))


def _mask(
    planes: Iterable[tuple[NDArray[Any], int, int]], findings: tuple[Finding, ...], message: ImageMessage
) -> None:
    mask_planes(planes, (one.box for one in findings), message.width, message.height)

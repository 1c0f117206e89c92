"""One picture, as JPEG or PNG: people and plates masked, everything beside the pixels gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carnet.deidentify.find import Finder, Finding
from carnet.deidentify.masks import mask_picture
from carnet.deidentify.order import Outcome, RedactionOrder
from carnet.detectors.box import as_bgr
from carnet.errors import RedactionError, UnreadableError
from carnet.formats.picture_write import (
    decode_jpeg,
    decode_png,
    encode_jpeg,
    encode_png,
    jpeg_layout,
    jpeg_orientation,
    strip_jpeg,
)

STREAM = "picture"


@dataclass(frozen=True, slots=True)
class Still:
    """A decoded picture: its pixels, and how they are written again.

    Attributes:
        pixels: H x W x C as stored, 8 or 16 bits.
        encode: gives the bytes of changed pixels in the same format.
        untouched: the same picture without metadata, its pixels not coded anew.
    """

    pixels: NDArray[Any]
    encode: Callable[[NDArray[Any]], bytes]
    untouched: bytes


def is_picture(data: bytes | memoryview) -> bool:
    """Say whether some bytes begin as a JPEG or PNG does."""
    return bytes(data[:3]) == b"\xff\xd8\xff" or bytes(data[:8]) == b"\x89PNG\r\n\x1a\n"


def decode(data: bytes, *, upright: bool) -> Still:
    """Decode a JPEG or PNG.

    Args:
        data: the file.
        upright: turn a JPEG as its EXIF says; without it the pixels stay as the sensor gave them.

    Raises:
        UnreadableError: damaged, cut, animated, or of a kind that is not read.
    """
    if data.startswith(b"\x89PNG"):
        png = decode_png(data)
        return Still(png, encode_png, encode_png(png))
    pixels = decode_jpeg(data)
    orientation = jpeg_orientation(data) if upright else 1
    if orientation == 1:
        return Still(pixels, lambda made: encode_jpeg(made, like=data), strip_jpeg(data))
    turned = turn(pixels, orientation)
    return Still(turned, lambda made: encode_jpeg(made, like=data), encode_jpeg(turned, like=data))


def turn(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Give a picture as EXIF's orientation (1 to 8) wants it shown."""
    if orientation >= 5:  # noqa: PLR2004 - from 5 on, rows are columns
        pixels = pixels.transpose(1, 0, 2)
    flip_across = orientation in {2, 3, 6, 7}
    flip_down = orientation in {3, 4, 7, 8}
    return np.ascontiguousarray(pixels[:: -1 if flip_down else 1, :: -1 if flip_across else 1])


def mask(still: Still, findings: tuple[Finding, ...]) -> bytes:
    """Give the picture with findings masked; without any, its pixels are not coded anew."""
    if not findings:
        return still.untouched
    pixels = still.pixels.copy()
    mask_picture(pixels, (one.box for one in findings))
    return still.encode(pixels)


def blank_like(data: bytes) -> bytes | None:
    """Give a black picture of the size that a broken one announces, or None when it announces none."""
    try:
        if data.startswith(b"\x89PNG"):
            width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
            if 0 < width <= 1 << 15 and 0 < height <= 1 << 15:
                return encode_png(np.zeros((height, width, 3), dtype=np.uint8))
            return None
        width, height, _components = _announced(data)
        return encode_jpeg(np.zeros((height, width, 3), dtype=np.uint8))
    except UnreadableError:
        return None


def _announced(data: bytes) -> tuple[int, int, int]:
    """Give the layout of a JPEG that may be cut: its tables come before its picture."""
    import simplejpeg

    try:
        return jpeg_layout(data)
    except UnreadableError:
        try:
            height, width, *_ = simplejpeg.decode_jpeg_header(data, strict=False)
        except (ValueError, KeyError) as error:
            raise UnreadableError("the JPEG announces no size", where="picture") from error
        return width, height, 3


def redact_picture(data: bytes, order: RedactionOrder, finder: Finder) -> tuple[bytes, Outcome]:
    """Redact a picture file.

    Args:
        data: the whole file.
        order: what shall go; a picture has one moment, so there is nothing to trim.
        finder: the detectors of the order.

    Returns:
        The new file, and what was done.

    Raises:
        RedactionError: the order trims.
        UnreadableError: the picture cannot be read.
    """
    if order.trims:
        raise RedactionError(
            "a single picture has no start and end to trim",
            where=STREAM,
            remedy="leave it out of the recording",
        )
    still = decode(data, upright=True)
    findings = finder.find(as_bgr(still.pixels))
    made = mask(still, findings)
    return made, Outcome(
        frames=1,
        changed=int(bool(findings)),
        regions=tuple(one.region(0, STREAM) for one in findings),
        dropped={"metadata_bytes": max(0, len(data) - len(still.untouched))} if not findings else {},
    )

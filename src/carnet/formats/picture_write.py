"""Writes JPEG and PNG: a picture and nothing else, no EXIF, XMP, comment, thumbnail, profile or trailer.

JPEG is ITU-T T.81 (segments in Annex B), its first application segment JFIF (ITU-T T.871); PNG is ISO/IEC
15948. Tables and the coded picture of a JPEG can be kept as they are, so that a picture that needed no mask
loses its metadata and not one pixel.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carnet.errors import UnreadableError

QUALITY = 92
_SOI, _EOI, _SOS, _APP0, _APP14, _COMMENT = 0xD8, 0xD9, 0xDA, 0xE0, 0xEE, 0xFE
_LAST_APP, _EXIF, _FILL = 0xEF, 0xE1, 0xFF
_ORIENTATION, _LAST_ORIENTATION = 0x0112, 8
_LENGTH_BYTES = 2
_FRAME_BYTES = 6
_STANDALONE = {0x01, *range(0xD0, 0xD8)}
_FRAMES = {0xC0, 0xC1, 0xC2}
_PNG = b"\x89PNG\r\n\x1a\n"
_JFIF = b"JFIF\x00"


def strip_jpeg(data: bytes) -> bytes:
    """Give a JPEG without any segment that is not needed to show its pixels, and without what follows it.

    Raises:
        UnreadableError: this is no whole JPEG.
    """
    kept = bytearray(b"\xff\xd8")
    for marker, body in _segments(data):
        if marker == _APP0 and body.startswith(_JFIF):
            # Version, density; the last two bytes say that there is no thumbnail.
            kept += b"\xff\xe0" + struct.pack(">H", 16) + body[:12].ljust(12, b"\x00") + b"\x00\x00"
        elif marker == _APP14 and body.startswith(b"Adobe"):
            kept += b"\xff\xee" + struct.pack(">H", 14) + body[:12].ljust(12, b"\x00")
        elif _APP0 <= marker <= _LAST_APP or marker == _COMMENT:
            continue
        elif marker == _SOS:
            kept += b"\xff\xda" + body
        else:
            kept += bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body
    return bytes(kept + b"\xff\xd9")


def jpeg_orientation(data: bytes) -> int:
    """Give EXIF's orientation, 1 (upright) to 8; 1 when there is none that can be read."""
    for marker, body in _segments(data):
        if marker == _EXIF and body.startswith(b"Exif\x00\x00"):
            return _orientation(body[6:])
        if marker == _SOS:
            break
    return 1


def _orientation(tiff: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    try:
        if order is None:
            return 1
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for index in range(min(count, 512)):
            tag, _kind, _count, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * index)
            if tag == _ORIENTATION:
                return value if 1 <= value <= _LAST_ORIENTATION else 1
    except struct.error:
        return 1
    return 1


def _segments(data: bytes) -> list[tuple[int, bytes]]:
    """Give marker and body of each segment; a scan's body goes on to the next marker that is not part of it."""
    if not data.startswith(b"\xff\xd8"):
        raise UnreadableError("this is no JPEG", where="picture")
    found: list[tuple[int, bytes]] = []
    at, end = 2, len(data)
    while at + 2 <= end:
        if data[at] != _FILL:
            raise UnreadableError("a JPEG's segments do not follow one another", where="picture")
        marker = data[at + 1]
        at += 1 if marker == _FILL else 2
        if marker == _FILL or marker in _STANDALONE:
            continue
        if marker == _EOI:
            return found
        length = int.from_bytes(data[at : at + 2], "big")
        if length < _LENGTH_BYTES or at + length > end:
            break
        if marker == _SOS:
            stop = at + length
            while True:
                stop = data.find(b"\xff", stop)
                if stop < 0 or stop + 1 >= end:
                    raise UnreadableError("the JPEG ends within its picture", where="picture")
                if data[stop + 1] not in {0x00, *range(0xD0, 0xD8)}:
                    break
                stop += 2
            found.append((marker, data[at:stop]))
            at = stop
        else:
            found.append((marker, data[at + 2 : at + length]))
            at += length
    raise UnreadableError("the JPEG ends before its end marker", where="picture")


def jpeg_layout(data: bytes) -> tuple[int, int, int]:
    """Give width, height and number of components of a JPEG; raises `UnreadableError`."""
    for marker, body in _segments(data):
        if marker in _FRAMES and len(body) >= _FRAME_BYTES:
            height, width = struct.unpack_from(">HH", body, 1)
            if width and height:
                return width, height, body[5]
    raise UnreadableError("a JPEG of a kind that carnet does not read", where="picture")


def decode_jpeg(data: bytes) -> NDArray[np.uint8]:
    """Give the pixels as stored, H x W x 3 (blue-green-red) or H x W x 1; nothing is made up for lost bytes.

    Raises:
        UnreadableError: the picture is damaged, cut, or of a kind that is not read (CMYK, 12 bits).
    """
    import simplejpeg

    _width, _height, components = jpeg_layout(data)
    if components not in {1, 3}:
        raise UnreadableError("a JPEG with that many components is not read", where="picture")
    try:
        pixels: Any = simplejpeg.decode_jpeg(
            data, colorspace="GRAY" if components == 1 else "BGR", strict=True
        )
    except (ValueError, KeyError, MemoryError) as error:
        raise UnreadableError("the JPEG is damaged", where="picture") from error
    return np.array(pixels, dtype=np.uint8)


def encode_jpeg(pixels: NDArray[np.uint8], like: bytes | None = None) -> bytes:
    """Give a JPEG of some pixels, H x W x 3 (blue-green-red) or H x W x 1.

    Args:
        pixels: the picture.
        like: the picture it stands for, whose colour subsampling is taken over.
    """
    import simplejpeg

    subsampling = "420"
    if like is not None:
        try:
            subsampling = simplejpeg.decode_jpeg_header(like)[3]
        except (ValueError, KeyError):
            subsampling = "420"
    grey = pixels.shape[2] == 1
    made: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels),
        quality=QUALITY,
        colorspace="GRAY" if grey else "BGR",
        colorsubsampling="Gray" if grey else (subsampling if subsampling in {"444", "422", "420"} else "420"),
    )
    return made


def check_png(data: bytes) -> None:
    """Walk a PNG's chunks; raises `UnreadableError` for one that is cut, damaged, or moves (APNG)."""
    if not data.startswith(_PNG):
        raise UnreadableError("this is no PNG", where="picture")
    at = len(_PNG)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind = data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data):
            break
        if zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise UnreadableError("a part of the PNG is damaged", where="picture")
        if kind == b"acTL":
            raise UnreadableError(
                "the PNG is animated", where="picture", remedy="split it into single pictures first"
            )
        if kind == b"IEND":
            return
        at = end
    raise UnreadableError("the PNG ends early", where="picture")


def decode_png(data: bytes) -> NDArray[Any]:
    """Give the pixels: H x W x C of 8 or 16 bits with 1, 3 or 4 channels; raises `UnreadableError`."""
    import cv2

    check_png(data)
    pixels = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise UnreadableError("the PNG does not decode", where="picture")
    made: NDArray[Any] = pixels if pixels.ndim == 3 else pixels[:, :, None]  # noqa: PLR2004 -- with channels
    return made


def encode_png(pixels: NDArray[Any]) -> bytes:
    """Give a PNG of some pixels as `decode_png` gave them."""
    import cv2

    done, made = cv2.imencode(".png", pixels)
    if not done:
        raise UnreadableError("these pixels cannot be written as PNG", where="picture")
    return bytes(made.tobytes())

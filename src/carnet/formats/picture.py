"""Reads JPEG and PNG pictures: one stream, one message, and everything that was written beside the pixels.

JPEG is walked marker by marker (ITU-T T.81), PNG chunk by chunk with its CRCs (W3C PNG), before any decoder
sees them: comments, EXIF, XMP, colour profiles, thumbnails, and bytes behind the end all count as outside.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO

from carnet.errors import UnreadableError
from carnet.formats.exif import exif_outside
from carnet.formats.raster import MOST_PIXELS, RASTERS, decode_raster
from carnet.formats.reader import LONGEST, StillReader

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_RESTARTS = range(0xD0, 0xD8)
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_APPS = range(0xE0, 0xF0)
_PNG_PIXELS = frozenset(
    {
        b"IHDR",
        b"PLTE",
        b"IDAT",
        b"IEND",
        b"tRNS",
        b"gAMA",
        b"cHRM",
        b"sRGB",
        b"sBIT",
        b"bKGD",
        b"pHYs",
        b"hIST",
    }
)
_JFIF_BYTES = 16


def decode_picture(data: bytes | memoryview[int], form: str) -> NDArray[Any]:
    """Decode a picture to H x W x 3, 8 bits, BGR.

    Args:
        data: the file's bytes.
        form: `jpeg`, `png`, or one of `raster.RASTERS`.

    Raises:
        UnreadableError: the picture does not decode wholly, or is larger than `MOST_PIXELS`.
    """
    if form in RASTERS:
        return decode_raster(bytes(data), form)
    if form == "jpeg":
        import simplejpeg

        try:
            height, width, _, _ = simplejpeg.decode_jpeg_header(data)
            if height * width > MOST_PIXELS:
                raise UnreadableError("the picture has more pixels than carnet opens")
            return simplejpeg.decode_jpeg(data, colorspace="BGR")  # type: ignore[no-any-return] # untyped
        except (ValueError, KeyError) as error:
            raise UnreadableError("the JPEG does not decode wholly") from error
    import cv2
    import numpy as np

    width, height = struct.unpack_from(">II", bytes(data[16:24]).ljust(8, b"\x00"))
    if height * width > MOST_PIXELS:
        raise UnreadableError("the picture has more pixels than carnet opens")
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise UnreadableError("the PNG does not decode") from error
    if picture is None:
        raise UnreadableError("the PNG does not decode")
    return picture


class PictureReader(StillReader):
    """A JPEG or PNG file; the one message is the whole file, its times are 0: the file has no clock."""

    def __init__(self, source: BinaryIO, form: str, length: int) -> None:
        super().__init__(form)
        if length > 1024**3:
            self.block("the picture file is larger than 1 GiB")
            return
        self._data = source.read()
        if form == "jpeg":
            self._walk_jpeg()
        else:
            self._walk_png()
        if not self._blocked:
            try:
                self.height, self.width = decode_picture(self._data, form).shape[:2]
            except UnreadableError as error:
                self.block(error.what)

    def _exif(self, data: bytes) -> None:
        outside, whole = exif_outside(data)
        self._outside += outside
        if not whole:
            self._put("EXIF", data, "bytes")
            self.lose("the EXIF block could not be read wholly")

    def _walk_jpeg(self) -> None:
        data, at = self._data, 2
        while True:
            at = data.find(b"\xff", at)
            while 0 <= at < len(data) - 1 and data[at + 1] == 0xFF:  # noqa: PLR2004 -- fill bytes
                at += 1
            if at < 0 or at + 1 >= len(data):
                self.block("the JPEG ends before its end marker")
                return
            marker = data[at + 1]
            at += 2
            if marker == _EOI:
                break
            if marker in {0x00, 0x01, _SOI} or marker in _RESTARTS:
                continue
            (length,) = struct.unpack_from(">H", data[at : at + 2].ljust(2, b"\x00"))
            content = data[at + 2 : at + length]
            if length < 2 or at + length > len(data):  # noqa: PLR2004 -- the length counts itself
                self.block("the JPEG ends within a segment")
                return
            at += length
            self._segment(marker, content)
        if data[at:].strip(b"\x00"):
            self._put("bytes after the picture", data[at:], "bytes")
            self.lose("there are bytes after the end of the JPEG")

    def _segment(self, marker: int, content: bytes) -> None:
        if marker == _COM:
            self._put("comment", content)
        elif marker in _APPS:
            if content.startswith(b"Exif\x00\x00"):
                self._exif(content[6:])
            elif content.startswith(b"http://ns.adobe.com/"):
                self._put("XMP", content)
            elif content.startswith(b"JFIF\x00") and len(content) <= _JFIF_BYTES:
                pass
            elif content.startswith((b"Adobe\x00", b"ICC_PROFILE\x00")):
                self._put("colour profile", content)
            else:
                self._put(f"application segment {marker - _APPS.start}", content, "bytes")

    def _walk_png(self) -> None:
        data, at = self._data, 8
        while True:
            if at + 12 > len(data):
                self.block("the PNG ends before its end chunk")
                return
            (length,) = struct.unpack_from(">I", data, at)
            kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
            end = at + 12 + length
            if end > len(data):
                self.block("the PNG ends within a chunk")
                return
            if zlib.crc32(kind + content) != int.from_bytes(data[end - 4 : end], "big"):
                if kind in _PNG_PIXELS:
                    self.block("the CRC of a PNG chunk is wrong")
                    return
                self.lose("the CRC of a PNG text chunk is wrong")
            self._chunk(kind, content)
            at = end
            if kind == b"IEND":
                break
        if data[at:].strip(b"\x00"):
            self._put("bytes after the picture", data[at:], "bytes")
            self.lose("there are bytes after the end of the PNG")

    def _chunk(self, kind: bytes, content: bytes) -> None:
        if kind in _PNG_PIXELS:
            return
        if kind == b"eXIf":
            self._exif(content)
        elif kind in {b"tEXt", b"iTXt", b"zTXt"}:
            key, _, text = content.partition(b"\x00")
            if kind == b"zTXt" or (kind == b"iTXt" and text[:1] == b"\x01"):
                packed = text[1:] if kind == b"zTXt" else text[2:].split(b"\x00", 2)[-1]
                try:
                    unpacking = zlib.decompressobj()
                    text = unpacking.decompress(packed, LONGEST)
                    if not unpacking.eof:
                        self.lose("a compressed text chunk of the PNG was not read to its end")
                except zlib.error:
                    self.lose("a compressed text chunk of the PNG could not be read")
                    self._put("text chunk", content, "bytes")
                    return
            self._put("text chunk", text, name=key.decode("latin-1"))
        elif kind in {b"tIME", b"iCCP"}:
            self._put("chunk " + kind.decode("ascii"), content)
        else:
            self._put("chunk of another kind", content, "bytes")

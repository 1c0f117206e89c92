"""Reads PNM, BMP, GIF, TIFF and WebP pictures: one stream, one message, and what was written beside the pixels.

Comments, EXIF, XMP, GeoTIFF keys, extensions and bytes behind the end count as outside, as with JPEG and PNG.
Of an animation or of several pages the first picture is looked at, and the file is `partly` for the others.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from carnet.errors import UnreadableError
from carnet.formats.exif import exif_outside
from carnet.formats.raster import BMP, GIF, PNM, TIFF, WEBP, chunks_of, decode_raster, header_of
from carnet.formats.reader import StillReader

_COMMENT = re.compile(rb"#([^\r\n]*)")
_WEBP_PIXELS = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"})
_IMAGE, _EXTENSION, _END = 0x2C, 0x21, 0x3B
_COMMENTS, _TEXTS, _APPLICATION, _CONTROL = 0xFE, 0x01, 0xFF, 0xF9


class RasterReader(StillReader):
    """A picture file; the one message is the whole file, its times are 0: the file has no clock."""

    def __init__(self, source: BinaryIO, form: str, length: int) -> None:
        super().__init__(form)
        if length > 1024**3:
            self.block("the picture file is larger than 1 GiB")
            return
        self._data = source.read()
        try:
            self._walk(form)
            if not self._blocked:
                self.height, self.width = decode_raster(self._data, form).shape[:2]
        except UnreadableError as error:
            self.block(error.what)

    def _after(self, end: int) -> None:
        if self._data[end:].strip(b"\x00 \t\r\n"):
            self._put("bytes after the picture", self._data[end:], "bytes")
            self.lose("there are bytes after the end of the picture")

    def _exif(self, data: bytes, where: str = "EXIF") -> None:
        outside, whole = exif_outside(data, where)
        self._outside += outside
        if not whole:
            self.lose(f"the {where} block could not be read wholly")

    def _walk(self, form: str) -> None:
        header = header_of(self._data, form)
        pictures = header.get("pictures", 1)
        if form == PNM:
            head = self._data[: header["start"]]
            for comment in _COMMENT.findall(head):
                self._put("comment", comment)
            if header["kind"] in {4, 5, 6}:
                self._after(header["start"] + header["bytes"])
        elif form == BMP:
            if header["bytes"] > len(self._data):
                self.block("the BMP ends before its length says")
            elif header["bytes"]:
                self._after(header["bytes"])
        elif form == TIFF:
            self._exif(self._data, "TIFF tags")
            if header["geo"]:
                self._put("GeoTIFF keys", b"", "position", "GeoTIFF")
        elif form == WEBP:
            for name, content in chunks_of(self._data):
                if name == b"EXIF":
                    self._exif(content.removeprefix(b"Exif\x00\x00"))
                elif name == b"XMP ":
                    self._put("XMP", content)
                elif name == b"ICCP":
                    self._put("colour profile", content)
                elif name not in _WEBP_PIXELS:
                    self._put("chunk of another kind", content, "bytes")
            self._after(8 + int.from_bytes(self._data[4:8], "little"))
        elif form == GIF:
            pictures = self._walk_gif()
        if pictures > 1:
            self.lose(f"the file holds {pictures} pictures, and the first was looked at")

    def _walk_gif(self) -> int:
        data, at, pictures = self._data, 13, 0
        if len(data) < at:
            raise UnreadableError("the GIF ends within its header")
        if data[10] & 0x80:
            at += 3 << (data[10] & 7) + 1
        while at < len(data):
            kind = data[at]
            if kind == _END:
                self._after(at + 1)
                return pictures
            if kind == _IMAGE and at + 10 < len(data):
                pictures += 1
                flags = data[at + 9]
                at += 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
                _, at = self._blocks(at)
            elif kind == _EXTENSION and at + 1 < len(data):
                label = data[at + 1]
                content, at = self._blocks(at + 2)
                if label in {_COMMENTS, _TEXTS}:
                    self._put("comment", content)
                elif label == _APPLICATION and content[:11] not in {b"NETSCAPE2.0", b"ANIMEXTS1.0"}:
                    self._put("application extension", content)
                elif label not in {_CONTROL, _APPLICATION}:
                    self._put("extension of another kind", content, "bytes")
            else:
                break
        raise UnreadableError("the GIF ends before its end sign")

    def _blocks(self, at: int) -> tuple[bytes, int]:
        """Give the joined sub-blocks from a place on, and the place behind them."""
        parts = []
        while at < len(self._data) and (size := self._data[at]):
            parts.append(self._data[at + 1 : at + 1 + size])
            at += 1 + size
        return b"".join(parts), at + 1

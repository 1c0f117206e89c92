"""Sizes and pixels of pictures other than JPEG and PNG: PNM, BMP, GIF, TIFF, WebP.

The size stands in the header and is held against `MOST_PIXELS` before any decoder is asked. PNM after Netpbm's
pages pbm(5) to ppm(5), binary grey and colour decoded here; BMP after Windows' BITMAPINFOHEADER; GIF89a; TIFF 6.0;
WebP after RFC 9649.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any

from carnet.errors import UnreadableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

PNM, BMP, GIF, TIFF, WEBP = "pnm", "bmp", "gif", "tiff", "webp"
RASTERS = (PNM, BMP, GIF, TIFF, WEBP)
MOST_PIXELS = 200_000_000
_GAP = rb"(?:\s|#[^\r\n]{0,4000}[\r\n])+"
_PNM = re.compile(rb"P([1-6])" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})(?=\s)")
_PNM_TOP = re.compile(_GAP + rb"(\d{1,5})(?=\s)")
_PLAIN = re.compile(rb"P[123](?:[\s\d]|#[^\r\n]*(?:[\r\n]|\Z))*\Z")
_BITMAPS, _GREYS, _BINARY = {1, 4}, {2, 5}, {4, 5, 6}
_BMP_HEADERS = frozenset({12, 40, 52, 56, 64, 108, 124})
_MOST_DIRECTORIES, _MOST_ENTRIES = 1000, 4096
_WIDTH, _HEIGHT = 256, 257
_GEO_TAGS = frozenset({33550, 33922, 34264, 34735, 34736, 34737})


class Header(dict[str, Any]):
    """What a header says: `width`, `height`, `pictures`, `start` of the pixels, `top` value, `kind`, `geo`."""


_UNDECODED = "does not decode: it is damaged, or of a depth or compression that carnet does not open"


def is_pnm(head: bytes) -> bool:
    """Say whether first bytes are a PNM header; a plain one (P1 to P3) goes on in figures alone."""
    found = _PNM.match(head)
    if found is None or (int(found[1]) not in _BITMAPS and _PNM_TOP.match(head, found.end()) is None):
        return False
    return int(found[1]) in _BINARY or _PLAIN.match(head) is not None


def is_bmp(head: bytes) -> bool:
    """Say whether first bytes are a BMP header: the size of its second part is one of few."""
    return head.startswith(b"BM") and len(head) >= 26 and _int(head, "<I", 14) in _BMP_HEADERS  # noqa: PLR2004 -- the shortest header


def is_webp(head: bytes) -> bool:
    """Say whether first bytes are a RIFF container of a WebP picture."""
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _int(data: bytes, form: str, at: int) -> int:
    try:
        return int(struct.unpack_from(form, data, at)[0])
    except struct.error as error:
        raise UnreadableError("the picture ends within its header") from error


def header_of(data: bytes, form: str) -> Header:
    """Read a header: at least `width` and `height`, in pixels.

    Raises:
        UnreadableError: it is cut or impossible, or says more than `MOST_PIXELS`.
    """
    header = {PNM: _pnm, BMP: _bmp, GIF: _gif, TIFF: _tiff, WEBP: _webp}[form](data)
    if header["width"] <= 0 or header["height"] <= 0:
        raise UnreadableError("the picture's header gives no size")
    if header["width"] * header["height"] > MOST_PIXELS:
        raise UnreadableError("the picture has more pixels than carnet opens")
    return header


def _pnm(data: bytes) -> Header:
    found = _PNM.match(data)
    if found is None:
        raise UnreadableError("the picture's header gives no size")
    kind, at, top = int(found[1]), found.end(), 1
    if kind not in _BITMAPS:
        most = _PNM_TOP.match(data, at)
        if most is None:
            raise UnreadableError("the PNM header is cut")
        top, at = int(most[1]), most.end()
        if not 0 < top < 65536:  # noqa: PLR2004 -- two bytes a sample at most
            raise UnreadableError("the PNM header is impossible")
    width, height = int(found[2]), int(found[3])
    samples = width if kind in _BITMAPS | _GREYS else width * 3
    row = (width + 7) // 8 if kind in _BITMAPS else samples * (2 if top > 255 else 1)  # noqa: PLR2004 -- one byte
    return Header(
        width=width, height=height, start=at + 1, top=top, kind=kind, bytes=row * height, samples=samples
    )


def _bmp(data: bytes) -> Header:
    if _int(data, "<I", 14) == 12:  # noqa: PLR2004 -- BITMAPCOREHEADER
        width, height = _int(data, "<H", 18), _int(data, "<H", 20)
    else:
        width, height = _int(data, "<i", 18), abs(_int(data, "<i", 22))
    return Header(width=width, height=height, bytes=_int(data, "<I", 2))


def _gif(data: bytes) -> Header:
    return Header(width=_int(data, "<H", 6), height=_int(data, "<H", 8))


def _tiff(data: bytes) -> Header:
    order = "<" if data[:2] == b"II" else ">"
    at, seen, header = _int(data, f"{order}I", 4), set[int](), Header(width=0, height=0, geo=False)
    while at and at not in seen and len(seen) < _MOST_DIRECTORIES:
        seen.add(at)
        count = _int(data, f"{order}H", at)
        if count > _MOST_ENTRIES:
            raise UnreadableError("a directory of the TIFF is impossible")
        for number in range(count):
            place = at + 2 + 12 * number
            tag, kind = _int(data, f"{order}H", place), _int(data, f"{order}H", place + 2)
            if tag in {_WIDTH, _HEIGHT} and kind in {3, 4}:
                size = _int(data, f"{order}{'H' if kind == 3 else 'I'}", place + 8)  # noqa: PLR2004 -- SHORT
                name = "width" if tag == _WIDTH else "height"
                # Every directory is a picture, and a decoder may take any of them.
                header[name] = max(header[name], size)
            header["geo"] = header["geo"] or tag in _GEO_TAGS
        at = _int(data, f"{order}I", at + 2 + 12 * count)
    header["pictures"] = len(seen)
    return header


def chunks_of(data: bytes) -> list[tuple[bytes, bytes]]:
    """Give the chunks of a RIFF container as (name, content).

    Raises:
        UnreadableError: a chunk goes beyond the end.
    """
    at, end, found = 12, min(len(data), 8 + _int(data, "<I", 4)), []
    if end < 8 + _int(data, "<I", 4):
        raise UnreadableError("the WebP ends before its length says")
    while at + 8 <= end:
        size = _int(data, "<I", at + 4)
        if at + 8 + size > end:
            raise UnreadableError("the WebP ends within a chunk")
        found.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    return found


def _webp(data: bytes) -> Header:
    chunks = chunks_of(data)
    sizes = [_webp_size(name, content) for name, content in chunks if name in {b"VP8X", b"VP8 ", b"VP8L"}]
    if not sizes:
        raise UnreadableError("the WebP holds no picture that carnet knows")
    pictures = sum(name == b"ANMF" for name, _ in chunks) or 1
    return Header(width=max(one[0] for one in sizes), height=max(one[1] for one in sizes), pictures=pictures)


def _webp_size(name: bytes, content: bytes) -> tuple[int, int]:
    if name == b"VP8X":
        return 1 + (_int(content, "<I", 4) & 0xFFFFFF), 1 + (_int(content, "<I", 6) >> 8)
    if name == b"VP8L":
        bits = _int(content, "<I", 1)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return _int(content, "<H", 6) & 0x3FFF, _int(content, "<H", 8) & 0x3FFF


def decode_raster(data: bytes, form: str) -> NDArray[Any]:
    """Decode the first picture of a file to H x W x 3, 8 bits, BGR.

    Raises:
        UnreadableError: it does not decode, is cut, or is larger than `MOST_PIXELS`.
    """
    import cv2
    import numpy as np

    # What does not decode is told by carnet, not by the decoder's own words on the terminal.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    header = header_of(data, form)
    if form == PNM and header["kind"] in {5, 6}:
        if len(data) < header["start"] + header["bytes"]:
            raise UnreadableError("the PNM ends before its last row")
        kind = np.dtype(">u2") if header["top"] > 255 else np.dtype("u1")  # noqa: PLR2004 -- one byte
        rows = np.frombuffer(data, kind, header["height"] * header["samples"], header["start"])
        if header["top"] != 255:  # noqa: PLR2004 -- as it is
            rows = (np.minimum(rows, header["top"]).astype(np.uint32) * 255 // header["top"]).astype(np.uint8)
        shape = (header["height"], header["width"], header["samples"] // header["width"])
        picture: NDArray[Any] = np.ascontiguousarray(
            np.broadcast_to(rows.reshape(shape)[:, :, ::-1], (*shape[:2], 3))
        )
        return picture
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise UnreadableError(f"the {form} picture {_UNDECODED}") from error
    if decoded is None:
        raise UnreadableError(f"the {form} picture {_UNDECODED}")
    return decoded

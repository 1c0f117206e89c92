"""A scanner of its own: looks for planted tokens in every byte, in whatever dress. It uses nothing of carnet.

Dresses: UTF-8, UTF-16 in both orders, GB 18030, capitals and small letters, hexadecimal digits, base 64 in its three
alignments; positions also as doubles, floats and whole 1e-7 degrees in both orders. Compressed streams (gzip, zlib,
ZIP members, zstd, lz4 frames) are found by their first bytes anywhere and opened; long runs of base 64 and of
hexadecimal digits are decoded; all of it up to four deep.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import struct
import zlib
from collections.abc import Iterator

import lz4.frame
import zstandard

DEEPEST = 4
MOST_BYTES = 64 * 1024 * 1024
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}){8,}")
_ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "gb18030")


def text_needles(token: str) -> frozenset[bytes]:
    """Give a text token in every dress that is looked for byte by byte."""
    found = set()
    for text in {token, token.lower(), token.upper()}:
        for encoding in _ENCODINGS:
            plain = text.encode(encoding)
            found |= {plain, plain.hex().encode(), plain.hex().upper().encode()}
            for shift in range(3):
                coded = base64.b64encode(bytes(shift) + plain)
                # Characters that share bits with neighbours are left out at both ends.
                cut = coded[(0, 2, 3)[shift] :].rstrip(b"=")
                cut = cut if (len(plain) + shift) % 3 == 0 else cut[:-1]
                found |= {cut, cut.replace(b"+", b"-").replace(b"/", b"_")}
    return frozenset(one for one in found if len(one) >= 6)  # noqa: PLR2004 -- shorter ones stand anywhere by chance


def place_needles(latitude: float, longitude: float) -> frozenset[bytes]:
    """Give a place in every dress: as text with four decimals or more, and as binary numbers."""
    found: set[bytes] = set()
    for value in (latitude, longitude):
        found |= text_needles(f"{value:.4f}")
        for form, number in (("d", value), ("f", value), ("i", round(value * 1e7))):
            found |= {struct.pack(f"{order}{form}", number) for order in "<>"}
    return frozenset(found)


def _opened(data: bytes) -> Iterator[bytes]:
    for mark, opening in ((b"\x1f\x8b\x08", 31), (b"", 15)):
        places = _ZLIB.finditer(data) if not mark else re.finditer(re.escape(mark), data)
        for place in places:
            try:
                made = zlib.decompressobj(opening).decompress(data[place.start() :], MOST_BYTES)
            except zlib.error:
                continue
            if made:
                yield made
    for place in re.finditer(rb"PK\x03\x04", data):
        at = place.start()
        if len(data) >= at + 30 and data[at + 8] == 8:  # noqa: PLR2004 -- deflated
            name, extra = struct.unpack_from("<HH", data, at + 26)
            try:
                yield zlib.decompressobj(-15).decompress(data[at + 30 + name + extra :], MOST_BYTES)
            except zlib.error:
                continue
    for place in re.finditer(re.escape(b"\x28\xb5\x2f\xfd"), data):
        try:
            with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data[place.start() :])) as stream:
                yield stream.read(MOST_BYTES)
        except zstandard.ZstdError:
            continue
    for place in re.finditer(re.escape(b"\x04\x22\x4d\x18"), data):
        try:
            yield lz4.frame.LZ4FrameDecompressor().decompress(data[place.start() :], MOST_BYTES)
        except RuntimeError:
            continue


def _decoded(data: bytes) -> Iterator[bytes]:
    for run in _HEX.findall(data):
        yield bytes.fromhex(run.decode())
    for run in _BASE64.findall(data):
        plain = run.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        plain = plain[: len(plain) - (len(plain) % 4 == 1)]
        try:
            yield base64.b64decode(plain + b"=" * (-len(plain) % 4))
        except binascii.Error:
            continue


def layers(data: bytes, depth: int = 0) -> Iterator[bytes]:
    """Give the bytes themselves and all that is packed in them."""
    yield data
    if depth < DEEPEST:
        for inner in (*_opened(data), *_decoded(data)):
            if len(inner) >= 6:  # noqa: PLR2004 -- no token is shorter
                yield from layers(inner, depth + 1)


def found_in(data: bytes, needles: dict[str, frozenset[bytes]]) -> set[str]:
    """Give the names of the tokens that stand somewhere in some bytes."""
    seen: set[str] = set()
    for layer in layers(data):
        for name, dresses in needles.items():
            if name not in seen and any(one in layer for one in dresses):
                seen.add(name)
    return seen

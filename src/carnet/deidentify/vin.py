"""Vehicle identification numbers in text and bytes: found by their shape, written over at the same length.

ISO 3779: 17 characters of digits and capital letters without I, O and Q. The check digit of position 9 (49 CFR
565, GB 16735) is free filler in Europe, so it never speaks against a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LENGTH = 17
ALPHABET = frozenset("ABCDEFGHJKLMNPRSTUVWXYZ0123456789")
_TOKEN = re.compile(rb"(?<![A-Za-z0-9])[A-HJ-NPR-Za-hj-npr-z0-9]{17}(?![A-Za-z0-9])")
_LEAST_DIGITS = 3
_COVER = b"X"


def is_like_a_vin(token: bytes) -> bool:
    """Say whether 17 characters may be a VIN: letters and digits, in one case."""
    digits = sum(one in b"0123456789" for one in token)
    return (
        len(token) == LENGTH
        and _LEAST_DIGITS <= digits < LENGTH
        and (token == token.upper() or token == token.lower())
        and set(token.decode("ascii", "replace").upper()) <= ALPHABET
    )


def find_vins(data: bytes) -> set[bytes]:
    """Give every token of some bytes that may be a VIN, in capitals."""
    return {found.upper() for found in _TOKEN.findall(data) if is_like_a_vin(found)}


def _spellings(vin: bytes) -> Iterable[tuple[bytes, bytes]]:
    for spelt in (vin, vin.lower()):
        yield spelt, _COVER * LENGTH
        for wide in ("utf-16-le", "utf-16-be"):
            yield spelt.decode().encode(wide), (_COVER * LENGTH).decode().encode(wide)


def scrub(data: bytes, known: Iterable[bytes], *, by_shape: bool = True) -> bytes:
    """Write `X` over every VIN, so that lengths and offsets stay.

    Args:
        data: text or a message.
        known: numbers to look for anywhere, in capitals, small letters and UTF-16.
        by_shape: also write over tokens that merely have the shape of a VIN.

    Returns:
        The same bytes object when nothing was found.
    """
    made = data
    for vin in known:
        for spelt, cover in _spellings(vin):
            if spelt in made:
                made = made.replace(spelt, cover)
    if by_shape:
        return _TOKEN.sub(lambda found: _COVER * LENGTH if is_like_a_vin(found[0]) else found[0], made)
    return made


def scrub_text(text: str, known: Iterable[bytes]) -> str:
    """Write `X` over every VIN of a text."""
    return scrub(text.encode("utf-8", "surrogateescape"), known).decode("utf-8", "surrogateescape")

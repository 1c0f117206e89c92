"""Vehicle identification numbers in text and bytes: found by their shape, written over at the same length.

ISO 3779: 17 characters of digits and capital letters without I, O and Q. The check digit of position 9 (49 CFR
565, GB 16735) is free filler in Europe, so it never speaks against a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

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


Cover = Callable[[bytes], bytes]
"""From a VIN in capitals to the 17 characters that are written over it."""


def covered(_vin: bytes) -> bytes:
    """Give what stands for a suppressed VIN."""
    return _COVER * LENGTH


def _in_case_of(spelt: bytes, over: bytes) -> bytes:
    """Give what is written over a number in its letters' case; what is suppressed stays in capitals."""
    return over.lower() if spelt != spelt.upper() and over != _COVER * LENGTH else over


def _spellings(vin: bytes, cover: Cover) -> Iterable[tuple[bytes, bytes]]:
    over = cover(vin)
    for spelt, made in ((vin, over), (vin.lower(), _in_case_of(vin.lower(), over))):
        yield spelt, made
        for wide in ("utf-16-le", "utf-16-be"):
            yield spelt.decode().encode(wide), made.decode().encode(wide)


def scrub(data: bytes, known: Iterable[bytes], *, by_shape: bool = True, cover: Cover = covered) -> bytes:
    """Write `X` or a pseudonym over every VIN, so that lengths and offsets stay.

    Args:
        data: text or a message.
        known: numbers to look for anywhere, in capitals, small letters and UTF-16.
        by_shape: also write over tokens that merely have the shape of a VIN.
        cover: gives what is written over a number; always the same length.

    Returns:
        The same bytes object when nothing was found.
    """
    over = {spelt: made for vin in known for spelt, made in _spellings(vin, cover) if spelt in data}
    if not over and not by_shape:
        return data
    # In one go: a pseudonym has a VIN's shape itself, and may be another number of the list.
    shapes = [re.escape(one) for one in over] + ([_TOKEN.pattern] if by_shape else [])
    pattern = re.compile(b"|".join(shapes)) if over else _TOKEN

    def put(found: re.Match[bytes]) -> bytes:
        text = found[0]
        if text in over:
            return over[text]
        return _in_case_of(text, cover(text.upper())) if is_like_a_vin(text) else text

    return pattern.sub(put, data)


def scrub_text(text: str, known: Iterable[bytes], *, cover: Cover = covered) -> str:
    """Write `X` or a pseudonym over every VIN of a text."""
    made = scrub(text.encode("utf-8", "surrogateescape"), known, cover=cover)
    return made.decode("utf-8", "surrogateescape")

"""Coordinates written with their hemisphere: `48°08'14.2"N 11°34'31.5"E`, `N48 08.226 E011 34.524`, `北纬31.12度`.

Degrees alone, degrees and minutes, or all three; the letter before or behind (ISO 6709 Annex D, and what maps and
receivers show). Letters stand beside many numbers: two halves have to stand together, or degrees and minutes with
their signs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_MOST_LATITUDE, _MOST_LONGITUDE = 90.0, 180.0
_MINUTES = (
    r"\d{1,2}(?:[.,]\d{1,6})?\s?['\u2032\u2019\u00b4]"
    r"(?:\s?\d{1,2}(?:[.,]\d{1,4})?\s?(?:[\"\u2033\u201d]|''|\u2032\u2032)?)?"
)
_SIGNED = rf"\d{{1,3}}\s?[°º˚]\s?{_MINUTES}"
_VALUE = (
    rf"(?:{_SIGNED}|\d{{1,3}}[ °º˚]\s?\d{{1,2}}[.,]\d{{2,6}}['\u2032\u2019]?|\d{{1,3}}[.,]\d{{1,9}}\s?[°º˚]?)"
)
_BETWEEN = r"\s{0,3}[,;/|]?\s{0,3}"
# From the letter on, which is rarer than a number; what stands before it is read back.
_BEHIND = re.compile(rf"[NS]{_BETWEEN}(?P<second>{_VALUE})\s?[EWO](?![A-Za-z0-9])")
_BEHIND_HEAD = re.compile(rf"(?<![\d.,])(?P<first>{_VALUE})\s?\Z")
_BEFORE = re.compile(
    rf"[NS](?<![A-Za-z][NS])\s?(?P<first>{_VALUE}){_BETWEEN}[EWO]\s?(?P<second>{_VALUE})(?!\d)"
)
_HALF = re.compile(
    rf"(?<![\d.,])(?:[NSEWO]\s?{_SIGNED}(?![A-Za-z])|{_SIGNED}\s?(?:[NSEWO](?![A-Za-z])|[北南东西東]))"
)
# From the second letter on, which few words have.
_WORD = re.compile(
    r"[纬緯经経經](?<=[北南][纬緯]|[东西東][经経經])\W{0,2}(?P<value>\d{1,3}(?:\.\d+)?\s?[度°]|\d{1,3}\.\d{2,})"
)
_SIGN = re.compile("[°º˚]")
# What a half has before its sign, and more than it has behind it.
_BEFORE_SIGN, _BEHIND_SIGN = 7, 80
_SIGNS = ("°", "º", "˚")
_LONGEST_HALF = 28
_FEWEST_DECIMALS = 2


def hemispheres(text: str, small: str) -> Iterator[tuple[int, int]]:
    """Give where coordinates with their hemisphere stand in a text, from start to end.

    Args:
        text: the text.
        small: the same in small letters.
    """
    del small
    if not text.isascii():
        yield from _signed_halves(text)
        yield from (match.span("value") for match in _WORD.finditer(text))
    if ("N" in text or "S" in text) and ("E" in text or "W" in text or "O" in text):
        for match in _BEHIND.finditer(text):
            head = _BEHIND_HEAD.search(text, max(0, match.start() - _LONGEST_HALF), match.start())
            if head is not None and _are_halves(head["first"], match["second"]):
                yield head.start(), match.end()
        for match in _BEFORE.finditer(text):
            if _are_halves(match["first"], match["second"]):
                yield match.span()


def _signed_halves(text: str) -> Iterator[tuple[int, int]]:
    """Give halves with the sign of degrees: from sign to sign, which is faster than from number to number."""
    end = 0
    for sign in _SIGN.finditer(text):
        at = sign.start()
        match = _HALF.search(text, max(end, at - _BEFORE_SIGN), at + _BEHIND_SIGN) if at >= end else None
        if match is not None:
            yield match.span()
            end = match.end()


def _are_halves(first: str, second: str) -> bool:
    """Say whether two values can be latitude and longitude, and are as exact as those are."""
    numbers = [
        [float(one.replace(",", ".")) for one in re.findall(r"\d+(?:[.,]\d+)?", half)]
        for half in (first, second)
    ]
    if numbers[0][0] > _MOST_LATITUDE or numbers[1][0] > _MOST_LONGITUDE:
        return False
    if any(one >= 60 for half in numbers for one in half[1:]):  # noqa: PLR2004 -- minutes and seconds
        return False
    signed = all(any(sign in half for sign in _SIGNS) for half in (first, second))
    exact = [re.search(rf"[.,]\d{{{_FEWEST_DECIMALS},}}", half) is not None for half in (first, second)]
    return signed or all(exact)

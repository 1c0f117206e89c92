"""Pairs of coordinates without a name: `31.230416, 121.473701`, `[121.473701, 31.230416]`, `POINT (121.47 31.23)`.

Two numbers with four decimals or more that stand alone are a pair. In a row of three or more, as meshes, matrices and
tables of measurements have them, two are one only with something that says so: a word for places before them, more
decimals than the numbers beside them have, or another separator between pairs than in them (RFC 7946, OGC 06-103).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

_MOST_LATITUDE, _MOST_LONGITUDE = 90.0, 180.0
# From the first point on, which few numbers have with four digits behind it; what stands before it is read back. The
# second is looked at, not taken: behind a time it is the first of the pair.
_PAIR = re.compile(
    r"\.(?<=\d\.)\d{4,}(?=(?P<between>\s*[,;]\s*|\s+)(?P<second>[+-]?\d{1,3}\.\d{4,})(?!\.?\d))"
)
_HEAD = re.compile(r"(?<![\d.])[+-]?\d{1,3}\Z")
_NEXT = re.compile(r"(?P<between>\s*[,;]\s*|\s+)[+-]?\d{1,3}\.(?P<decimals>\d{4,})(?![.\d])")
# Seconds of a time are none of a row.
_BEFORE = re.compile(r"(?<![\d.])(?<!\d:)[+-]?\d{1,3}\.(?P<decimals>\d{4,})(?P<between>\s*[,;]\s*|\s+)\Z")
_LONGEST_BEFORE = 40
_BRACKET = re.compile(r"[\[(]\s*\Z")
# Words that hold for a whole text, such as the key of a GeoJSON or the head of a table, and those of one line.
_TEXT_WORD = re.compile(
    r"coordinate|koordinat|linestring|polygon|point\s*(?:zm|z|m)?\s*\(|wgs.?84|polyline|breite|[纬緯经經経]度|坐标|座標"
    r"|(?<![a-z])(?:latitude|longitude|lat|lon|lng)(?![a-z])"
)
_LINE_WORD = re.compile(
    r"(?<![a-z])(?:gps|gnss|geo|fix|pos|position|location|standort|bbox|bounds|track|route|waypoint)(?![a-z])"
    r"|coord|位置|定位"
)
_FEWEST_EXACT, _LESS_EXACT = 5, 2


class _Words:
    """Says whether a word for places stands before a place of a text; asked from its start to its end."""

    def __init__(self, text: str, small: str, between: str) -> None:
        self._text, self._between = text, between
        self._of_text = [match.start() for match in _TEXT_WORD.finditer(small)]
        self._of_line = [match.start() for match in _LINE_WORD.finditer(small)]
        self._at = self._line = self._start = 0

    def stand_before(self, place: int) -> bool:
        # From the last place on: one long line of numbers would be read again for each of them.
        if place > self._at:
            self._line = max(self._line, self._text.rfind("\n", self._at, place))
            self._start = max(
                self._start, self._text.rfind(self._between, max(0, self._at - len(self._between)), place)
            )
            self._at = place
        return _any_within(self._of_text, self._start, place) or _any_within(self._of_line, self._line, place)


def _any_within(places: list[int], start: int, end: int) -> bool:
    number = bisect_left(places, end)
    return number > 0 and places[number - 1] >= start


def bare_pairs(text: str, small: str, between: str) -> Iterator[tuple[int, int]]:
    """Give where pairs of coordinates without a name stand in a text, from start to end.

    Args:
        text: the text.
        small: the same in small letters.
        between: what stands between texts that are looked through together: no word holds beyond it.
    """
    words: _Words | None = None
    for match in _PAIR.finditer(text):
        head = _HEAD.search(text, max(0, match.start() - 4), match.start())
        if head is None:
            continue
        first, second = abs(float(text[head.start() : match.end()])), abs(float(match["second"]))
        # GeoJSON and WKT say the longitude first, in brackets; a bare pair is read as maps say it.
        bracket = _BRACKET.search(text, max(0, head.start() - _LONGEST_BEFORE), head.start())
        turned = bracket is not None and second <= _MOST_LATITUDE
        if first > (_MOST_LONGITUDE if turned else _MOST_LATITUDE) or second > _MOST_LONGITUDE:
            continue
        start, end = head.start(), match.end("second")
        beside = _beside(text, start, end, _kind(match["between"]))
        if beside and not _is_more_exact(match, beside):
            words = words or _Words(text, small, between)
            # Quaternions and shares of a picture stand behind such words as well.
            if max(first, second) <= 1 or not words.stand_before(start):
                continue
        yield start, end


def _beside(text: str, start: int, end: int, kind: str) -> list[int]:
    """Give how many decimals the numbers have that stand in one row with a pair, before it and behind it.

    Where what parts the pair from the next number is another sign, the pair stands alone, as in `a b, c d, e f`; not
    where the next number is parted by that sign from the one after: then the pair joins two rows, `a b c; d e f`.
    """
    found = []
    for step in (_step_back, _step_on):
        one = step(text, start if step is _step_back else end)
        if one is None:
            continue
        sign = _kind(one["between"])
        after = step(text, one.start() if step is _step_back else one.end()) if sign != kind else None
        if sign == kind or (after is not None and _kind(after["between"]) == sign):
            found.append(len(one["decimals"]))
    return found


def _step_back(text: str, place: int) -> re.Match[str] | None:
    return _BEFORE.search(text, max(0, place - _LONGEST_BEFORE), place)


def _step_on(text: str, place: int) -> re.Match[str] | None:
    return _NEXT.match(text, place)


def _is_more_exact(match: re.Match[str], beside: list[int]) -> bool:
    """Say whether both numbers of a pair have as many decimals, and those beside it, such as a height, fewer."""
    first, second = match.end() - match.start() - 1, len(match["second"].partition(".")[2])
    fewer = min(first, second)
    return abs(first - second) <= 1 and fewer >= _FEWEST_EXACT and fewer >= max(beside) + _LESS_EXACT


def _kind(between: str) -> str:
    """Give what parts two numbers: a sign, else a line's end, else a space."""
    return between.strip() or ("\n" if "\n" in between else " ")

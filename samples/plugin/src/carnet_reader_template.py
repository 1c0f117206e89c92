"""A reader, a recogniser and a detector to begin with.

The reader takes files of the sign CNT1, then records of a length byte and a JSON text. The recogniser finds badges of
a works, as in `W-12-3456-K`. The detector finds patches of one colour, as of a sticker with a number on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from carnet.detectors.box import Box, Picture
from carnet.formats.reader import Message, OutsideText, Reader, Stream
from carnet.model.ids import DataClass
from carnet.recognise.text import Span

SIGN = b"CNT1"


class CountedReader(Reader):
    """Reads one file; never trusts a length in it, and says what it lost."""

    format = "counted"

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source
        self._stream = Stream("records", "messages", "template/Record", encoding="json")

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The one stream."""
        return (self._stream,)

    def messages(self) -> Iterator[Message]:
        """Give the records in order."""
        self._source.seek(len(SIGN))
        number = 0
        while length := self._source.read(1):
            data = self._source.read(length[0])
            if len(data) < length[0]:
                self.lose("the last record is cut")
                return
            yield Message(self._stream, 0, 0, data, number)
            number += 1

    def outside(self) -> tuple[OutsideText, ...]:
        """Nothing lies outside records."""
        return ()


class Counted:
    """What the entry point names: `takes` sees the first 4096 bytes, `open` gives a reader."""

    @staticmethod
    def takes(head: bytes) -> bool:
        """Say whether these are the first bytes of such a file."""
        return head.startswith(SIGN)

    @staticmethod
    def open(source: BinaryIO, name: str) -> Reader:
        """Open a file; its name tells nothing about its format."""
        del name
        return CountedReader(source)


class Badges:
    """What the entry point of a recogniser names: `recognise` sees a text and gives where something stands."""

    _BADGE = re.compile(r"\bW-\d{2}-(\d{4})-([A-Z])\b")
    _SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ"

    @classmethod
    def recognise(cls, text: str) -> Iterator[Span]:
        """Find badges by their form and check letter: part numbers look alike."""
        for match in cls._BADGE.finditer(text):
            if cls._SIGNS[int(match[1]) % len(cls._SIGNS)] == match[2]:
                yield Span(match.start(), match.end(), DataClass("identity.account"), "badge")


class Stickers:
    """What the entry point of a detector names: `find` sees a picture and gives classes with their boxes."""

    _COLOUR, _FEWEST = (200, 0, 200), 64

    @classmethod
    def find(cls, picture: Picture) -> list[tuple[str, Box]]:
        """Find the patch of one colour (blue, green, red) in a picture of height x width x 3."""
        rows, columns = np.nonzero((np.abs(picture.astype(int) - cls._COLOUR) < 40).all(axis=2))  # noqa: PLR2004 -- of 255
        if len(rows) < cls._FEWEST:
            return []
        left, top = int(columns.min()), int(rows.min())
        box = Box(left, top, int(columns.max()) - left + 1, int(rows.max()) - top + 1, 1.0)
        return [("vehicle_id.device", box)]

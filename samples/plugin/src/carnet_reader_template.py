"""A reader to begin with: files of the sign CNT1, then records of a length byte and a JSON text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from carnet.formats.reader import Message, OutsideText, Reader, Stream

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

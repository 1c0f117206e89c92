"""Reads dBase tables (DBF), as they lie beside shapes: one record a row, the deleted ones among them.

The header is that of dBase III to 7 and Visual FoxPro: versions, day, counts, then 32 bytes a column. A row marked
as deleted is still in the file, so it counts. Texts are UTF-8 or, where they are not, GB 18030 or Latin-1.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from carnet.formats.reader import Message, OutsideText, Reader, Stream

DBF = "dbf"
_VERSIONS = frozenset({0x02, 0x03, 0x04, 0x05, 0x30, 0x31, 0x32, 0x43, 0x63, 0x83, 0x8B, 0x8C, 0xCB, 0xF5})
_TYPES = frozenset(b"CNFLDMBGPYTIVXO@+Q0W")
_COLUMN, _HEAD, _MOST_COLUMNS = 32, 32, 2048
_BINARY, _MEMO = frozenset(b"IOYT@+BQ0"), frozenset(b"MGPW")


def is_dbf(head: bytes) -> bool:
    """Say whether first bytes are a dBase header: version, day, and lengths that fit each other."""
    if len(head) < _HEAD + 1 or head[0] not in _VERSIONS:
        return False
    month, day = head[2], head[3]
    start, row = struct.unpack_from("<HH", head, 8)
    return month <= 12 and day <= 31 and start > _HEAD and row > 1 and bool(_columns(head, start, row))  # noqa: PLR2004 -- a day of the year


def _columns(head: bytes, start: int, row: int) -> list[tuple[str, int, int]]:
    """Give name, type and length of each column as far as the bytes go; none when they cannot be columns."""
    found, at, total = list[tuple[str, int, int]](), _HEAD, 1
    while at + _COLUMN <= min(start, len(head)) and head[at] != 0x0D and len(found) < _MOST_COLUMNS:  # noqa: PLR2004 -- the end of columns
        kind, size = head[at + 11], head[at + 16]
        if kind == ord("C"):
            # Long texts put the upper byte where others count decimals.
            size += head[at + 17] << 8
        if kind not in _TYPES or not size:
            return []
        found.append((_text(head[at : at + 11].split(b"\x00", 1)[0]), kind, size))
        total += size
        at += _COLUMN
    return found if total <= row else []


def _text(data: bytes) -> str:
    for encoding in ("utf-8", "gb18030"):
        try:
            return data.decode(encoding).strip("\x00 ")
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1").strip("\x00 ")


class DbfReader(Reader):
    """A dBase table."""

    format = DBF

    def __init__(self, source: BinaryIO, length: int) -> None:
        super().__init__()
        self._source = source
        source.seek(0)
        head = source.read(_HEAD)
        self._rows, self._start, self._row = struct.unpack_from("<IHH", head, 4)
        source.seek(0)
        self._columns = _columns(source.read(self._start), self._start, self._row)
        self._whole = max(0, length - self._start) // self._row
        self._stream = Stream("rows", "records", None, encoding="json")

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The one stream of rows."""
        return (self._stream,)

    def outside(self) -> tuple[OutsideText, ...]:
        """Give what lies behind the last row."""
        self._source.seek(self._start + min(self._rows, self._whole) * self._row)
        tail = self._source.read(4096).lstrip(b"\x1a").strip(b"\x00 \r\n")
        return (OutsideText("bytes after the rows", "", tail, "bytes"),) if len(tail) > 1 else ()

    def messages(self) -> Iterator[Message]:
        """Give every row as JSON, by the names of its columns."""
        if sum(size for _, _, size in self._columns) + 1 != self._row:
            self.lose("the columns do not fill the rows: what lies behind them was not read")
        if self._rows > self._whole:
            self.lose("the table is cut: it has fewer rows than it says")
        elif self.outside():
            self.lose("there are bytes after the rows")
        if any(kind in _MEMO for _, kind, _ in self._columns):
            self.lose("long texts of the table lie in another file")
        count = 0
        for number in range(min(self._rows, self._whole)):
            # Between two rows, somebody else may have moved the source.
            self._source.seek(self._start + number * self._row)
            row = self._source.read(self._row)
            count += 1
            said = json.dumps(self._values(row), ensure_ascii=False).encode("utf-8", "replace")
            yield Message(self._stream, 0, 0, said)
        if not count:
            self.block(self.reason or "the table has no row")
        self._complete = True

    def _values(self, row: bytes) -> dict[str, Any]:
        values, at = dict[str, Any](), 1
        for name, kind, size in self._columns:
            cell = row[at : at + size]
            at += size
            text = "" if kind in _BINARY or kind in _MEMO else _text(cell)
            if text and kind in b"NF" and "." in text:
                try:
                    values[name] = float(text)
                except ValueError:
                    values[name] = text
            else:
                values[name] = text
        return values

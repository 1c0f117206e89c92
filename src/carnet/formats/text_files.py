"""Texts: JSON, one JSON document a line, tables with separators (CSV), and plain lines.

The encoding is UTF-8, UTF-16 with its mark, or GB 18030; what looks like Windows-1252 or a Japanese or Korean
encoding is taken for it, and said to be. Anything else is blocked. Records come out as JSON messages without a
time, so that a field is classified like a message's field: a table's row by its header, a long list's elements one
by one. Lines of a plain text have the one field `text`, and so has what begins like JSON and is none.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO, NamedTuple

from carnet.errors import UnreadableError
from carnet.formats.json_shapes import LONG_LIST, is_long_line, shape_of
from carnet.formats.legacy_text import ANNOUNCED, legacy_of
from carnet.formats.reader import Message, OutsideText, Reader, Stream
from carnet.formats.records import Documents, Rows, number_in, value_of
from carnet.recognise.receivers import is_line, sentence_in

JSON, NDJSON, CSV, TEXT = "json", "ndjson", "csv", "text"
TEXT_FORMATS = (JSON, NDJSON, CSV, TEXT)
LONGEST_JSON = 256 * 1024 * 1024
LONGEST_LINE = 16 * 1024 * 1024
# The library's own limit, 128 KiB, ends in an error of its own; rows are bounded here.
csv.field_size_limit(max(csv.field_size_limit(), 2 * LONGEST_LINE))
_BLOCK = 1 << 20
# Control characters that no text has; a log may have bells and colours.
_CONTROL = re.compile(r"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
_HEAD = 64 * 1024
_SEPARATORS = ",;\t|"
_DEEPEST = 12
_FEWEST_ROWS = 2
_FEWEST_COLUMNS = 3
_TABLE_HEAD, _STRICT_HEAD = 40, 20
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d{1,12},\d{1,15}\s*")
_ROWS_AT_ONCE = 4096
_DOCUMENTS_AT_ONCE = 256
_CHARACTERS_AT_ONCE = 1 << 20


def encoding_of(source: BinaryIO) -> str | None:
    """Give the encoding in which the whole file is valid text, or None; puts the source back at its start.

    What is neither UTF-8 nor marked as UTF-16 is in an encoding that nothing announces: `legacy_of` judges it.
    """
    source.seek(0)
    mark = source.read(3)
    if mark.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        name = "utf-16-le" if mark.startswith(codecs.BOM_UTF16_LE) else "utf-16-be"
        return name if _is_in(source, name) else None
    if _is_in(source, "utf-8"):
        return "utf-8"
    source.seek(0)
    likely = legacy_of(source.read(_BLOCK))
    return next((name for name in likely if _is_in(source, name)), None)


def _is_in(source: BinaryIO, encoding: str) -> bool:
    """Say whether the whole file is text in an encoding; puts the source back at its start."""
    source.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while block := source.read(_BLOCK):
            if _CONTROL.search(decoder.decode(block)):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        source.seek(0)
    return True


def separator_of(lines: list[str]) -> str | None:
    """Give the separator of a table: a sign that stands equally often, and at least once, in its first lines."""
    full = [line for line in lines if line.strip()]
    for sign in _SEPARATORS:
        counts = {len(cells_of(line, sign)) for line in full}
        if len(full) >= _FEWEST_ROWS and len(counts) == 1 and counts.pop() > 1:
            return sign
    return None


class Table(NamedTuple):
    """How a table is written: its separator, and how many lines that are not blank stand before its header."""

    separator: str
    preamble: int


def table_of(lines: list[str]) -> Table | None:
    """Say how a table is written of which these are the first lines; None where they are no table.

    Loggers write remarks before the header, and single rows differ: then three columns or more, one of them of
    numbers, and nine rows in ten have to agree.

    Args:
        lines: the first lines; blank ones do not count.
    """
    full = [line for line in lines if line.strip()][:_TABLE_HEAD]
    sign = separator_of(full[:_STRICT_HEAD])
    if sign is not None:
        return Table(sign, 0)
    found: list[Table] = []
    for sign in _SEPARATORS:
        rows = [next(csv.reader([line], delimiter=sign), []) for line in full]
        widths = [len(row) for row in rows]
        width = max(set(widths[len(widths) // 2 :]), key=widths.count, default=0)
        start = next((at for at in range(len(widths) - 1) if widths[at] == widths[at + 1] == width), -1)
        body = [row for row in rows[start:] if len(row) == width] if start >= 0 else []
        if (
            width >= _FEWEST_COLUMNS
            and len(body) * 2 >= max(2 * _FEWEST_COLUMNS, len(full))
            and len(body) * 10 >= (len(rows) - start) * 9
            and not any(line.count('"') % 2 for line in full[:start])
            and any(_is_numbers([row[at] for row in body[1:]]) for at in range(width))
        ):
            found.append(Table(sign, start))
    # A header has no decimals: where commas stand in the numbers alone, it would count as a remark.
    return min(found, key=lambda one: one.preamble, default=None)


def _is_numbers(cells: list[str]) -> bool:
    """Say whether most cells of a column that hold something hold numbers."""
    held = [one for one in cells if one.strip()]
    return bool(held) and sum(number_in(_pointed(one)) is not None for one in held) * 5 >= len(held) * 4


def _pointed(cell: str) -> str:
    """Give a cell with a point for the comma before its decimals, where it is such a number."""
    return cell.replace(",", ".") if "," in cell and _DECIMAL_COMMA.fullmatch(cell) else cell


def lines_of(source: BinaryIO, encoding: str) -> Iterator[str]:
    """Give the lines of a text with their ends as they are: a line feed, with a return before it, or none.

    Raises:
        UnreadableError: a line is longer than `LONGEST_LINE` characters.
    """
    source.seek(0)
    text = io.TextIOWrapper(io.BufferedReader(_Kept(source)), encoding=encoding, newline="\n")
    while line := text.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise UnreadableError("a line is longer than carnet reads", where="text")
        yield line


class _Kept(io.RawIOBase):
    """The source without its end: a text wrapper that is thrown away must not close the caller's file."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the source."""
        data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def rows_of(source: BinaryIO, encoding: str) -> Iterator[str]:
    """Give the rows of a table: lines, joined while a quoted cell goes on."""
    pending = ""
    for line in lines_of(source, encoding):
        pending += line
        if pending.count('"') % 2 == 0:
            yield pending
            pending = ""
        elif len(pending) > LONGEST_LINE:
            raise UnreadableError("a quoted cell is longer than carnet reads", where="csv")
    if pending:
        yield pending


def head_lines(source: BinaryIO, encoding: str) -> list[str]:
    """Give the first lines of a text, the last perhaps cut away when the head ends within it."""
    source.seek(0)
    head = source.read(_HEAD)
    whole = len(head) < _HEAD
    source.seek(0)
    lines = head.decode(encoding, "ignore").lstrip("\ufeff").splitlines()
    # A document in one line is longer than the head, and begins in it.
    return lines if whole or len(lines) == 1 else lines[:-1]


def form_of(source: BinaryIO, encoding: str) -> str:
    """Say which of the four a text is; puts the source back at its start."""
    lines = [one for one in head_lines(source, encoding) if one.strip()]
    first = lines[0].lstrip() if lines else ""
    if first[:1] in {"{", "["}:
        if len(lines) > 1 and _is_json(lines[0]) and _is_json(lines[1]):
            return NDJSON
        if not _is_bracketed(first):
            return JSON
    # Sentences of a receiver have as many commas each as a table has.
    if sum(is_line(sentence_in(one)) for one in lines[:20]) * 2 > len(lines[:20]):
        return TEXT
    return CSV if table_of(lines) else TEXT


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _is_bracketed(line: str) -> bool:
    """Say whether a line begins with words in brackets: a section of settings, the level or time of a log's line."""
    if not line.startswith("[") or line[1:].lstrip()[:1] in {"{", "[", '"'}:
        return False
    try:
        _, end = json.JSONDecoder().raw_decode(line)
    except json.JSONDecodeError as error:
        return error.pos < len(line.rstrip())
    except RecursionError:
        return False
    return bool(line[end:].strip())


def parts_of(document: Any) -> Iterator[Any]:
    """Give a document in parts: elements of long lists one by one, wherever they stand, so that each is looked at.

    A part keeps the keys above it; then comes the document itself, of whose lists the first elements are looked at.
    """
    if isinstance(document, list):
        if is_long_line(document):
            yield {"value": document}
            return
        for inner in document:
            if isinstance(inner, dict) or (isinstance(inner, list) and not _is_flat(inner)):
                yield from parts_of(inner)
            else:
                yield {"value": inner}
    elif isinstance(document, dict):
        for keys, element in _elements(document, (), 0):
            part = element
            for key in reversed(keys):
                part = {key: part}
            yield from parts_of(part)
        yield document


def _elements(value: Any, keys: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Give the elements of the outermost long lists in a value, each with the keys that lead to it."""
    # What lies deeper is looked through as one text.
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, dict | list):
                yield from _elements(inner, (*keys, key), depth + 1)
    elif isinstance(value, list) and not is_long_line(value):
        # The points of a short line are a line all the same.
        points = keys[-1:] == ("coordinates",) and all(
            isinstance(one, list) and _is_flat(one) for one in value
        )
        if len(value) > LONG_LIST or points:
            yield from ((keys, one) for one in value)
        else:
            for inner in value:
                if isinstance(inner, dict | list):
                    yield from _elements(inner, keys, depth + 1)


def _is_flat(value: list[Any]) -> bool:
    """Say whether a list is short and holds no other: a pair of coordinates, a colour."""
    return len(value) <= LONG_LIST and not any(isinstance(one, dict | list) for one in value)


def cells_of(row: str, separator: str) -> list[str]:
    """Give the cells of one row, unquoted."""
    if '"' not in row:
        line = row.rstrip("\r\n")
        if "\r" not in line and "\n" not in line:
            return line.split(separator) if line else []
    return next(csv.reader(io.StringIO(row, newline=""), delimiter=separator, strict=False), [])


def has_header(cells: list[str]) -> bool:
    """Say whether a first row names columns: no cell of it is empty or a number."""
    return all(cell.strip() and number_in(cell) is None for cell in cells)


class TextReader(Reader):
    """A text file; `format` is `json`, `ndjson`, `csv` or `text`."""

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source
        self.encoding = encoding_of(source)
        if self.encoding is None:
            self.block("a text in an encoding that carnet does not read, or no text")
            self.format = TEXT
        else:
            self.format = form_of(source, self.encoding)
            if self.encoding not in ANNOUNCED:
                self.lose(f"nothing says its encoding: it was taken for {self.encoding}")
        schema = "carnet/Line" if self.format == TEXT else None
        self._stream = Stream(
            "lines" if self.format == TEXT else "records", "records", schema, encoding="json"
        )

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The one stream of records."""
        return (self._stream,)

    def outside(self) -> tuple[OutsideText, ...]:
        """Nothing: every character belongs to a record, but for a table's header, whose words are field names."""
        return ()

    def messages(self) -> Iterator[Message]:
        """Give every record as JSON."""
        count = 0
        try:
            for one in self._records():
                count += 1
                data = json.dumps(one, ensure_ascii=False).encode("utf-8", "replace")
                yield Message(self._stream, 0, 0, data)
        except UnreadableError as error:
            self.block(error.what)
        if not count and not self._blocked:
            self.block("the text holds no record")
        self._complete = True

    def runs(self) -> Iterator[Rows | Documents]:
        """Give the same records, many at a time."""
        count = 0
        try:
            for some in self._runs() if self.format in {CSV, TEXT} else self._documents():
                count += len(some)
                yield some
        except UnreadableError as error:
            self.block(error.what)
        if not count and not self._blocked:
            self.block("the text holds no record")
        self._complete = True

    def _documents(self) -> Iterator[Documents]:
        held: list[Any] = []
        for one in self._records():
            held.append(one)
            if len(held) >= _DOCUMENTS_AT_ONCE:
                yield Documents(self._stream, held)
                held = []
        if held:
            yield Documents(self._stream, held)

    def _runs(self) -> Iterator[Rows]:
        """Put rows together that follow one another and have equally many cells."""
        if self.encoding is None:
            return
        names: list[str] = ["text"]
        held: list[list[str]] = []
        length = 0
        typed = self.format == CSV
        source = self._cells() if typed else (([], [one["text"]]) for one in self._lines())
        for heads, cells in source:
            full = len(held) >= _ROWS_AT_ONCE or length > _CHARACTERS_AT_ONCE
            if held and (full or len(cells) != len(held[0])):
                yield Rows(self._stream, dict(zip(names, zip(*held, strict=True), strict=True)), typed)
                held, length = [], 0
            if typed and not held:
                names = [_column(heads, at) for at in range(len(cells))]
            held.append(cells)
            length += sum(map(len, cells))
        if held:
            yield Rows(self._stream, dict(zip(names, zip(*held, strict=True), strict=True)), typed)

    def _records(self) -> Iterator[Any]:
        if self.encoding is None:
            return
        if self.format == JSON:
            try:
                document = self._document()
            except UnreadableError as error:
                # What is cut, or has comments, is still a text: its words and places can be looked for.
                self.lose(f"{error.what}: it was looked at line by line")
                yield from self._lines()
                return
            self._shaped(document)
            yield from parts_of(document)
        elif self.format == NDJSON:
            for line in lines_of(self._source, self.encoding):
                if not line.strip():
                    continue
                try:
                    document = _loaded(line.lstrip("\ufeff"))
                except UnreadableError:
                    self.lose("a line is not valid JSON: it was looked at as a text")
                    document = {"text": line.strip("\ufeff\r\n")}
                yield from parts_of(document if isinstance(document, dict | list) else {"value": document})
        elif self.format == CSV:
            yield from self._rows()
        else:
            yield from self._lines()

    def _lines(self) -> Iterator[dict[str, str]]:
        for line in lines_of(self._source, self.encoding or "utf-8"):
            if line.strip():
                yield {"text": line.strip("\ufeff\r\n")}

    def _shaped(self, document: Any) -> None:
        """Give the records the name of the known kind of document that they are."""
        schema = shape_of(document)
        if schema is not None:
            self._stream = replace(self._stream, schema=schema)

    def _document(self) -> Any:
        self._source.seek(0)
        data = self._source.read(LONGEST_JSON + 1)
        if len(data) > LONGEST_JSON:
            raise UnreadableError("a JSON document is longer than carnet reads", where="json")
        document = _loaded(data.decode(self.encoding or "utf-8").lstrip("\ufeff"))
        return document if isinstance(document, dict | list) else {"value": document}

    def _rows(self) -> Iterator[dict[str, Any]]:
        for names, cells in self._cells():
            yield {_column(names, at): value_of(cell) for at, cell in enumerate(cells)}

    def _cells(self) -> Iterator[tuple[list[str], list[str]]]:
        """Give the names of a table's columns, and the cells of each row that has any."""
        encoding = self.encoding or "utf-8"
        separator, preamble = table_of(head_lines(self._source, encoding)) or Table(",", 0)
        names: list[str] | None = None
        for row in rows_of(self._source, encoding):
            text = row.lstrip("\ufeff")
            if names is None:
                if not text.strip():
                    continue
                if preamble:
                    preamble -= 1
                    yield ["text"], [text.strip("\r\n")]
                    continue
            cells = cells_of(text, separator)
            if names is None:
                if has_header(cells):
                    names = _told_apart(cells)
                    continue
                names = []
            if any(cells):
                yield names, cells if separator == "," else [_pointed(one) for one in cells]


def _told_apart(names: list[str]) -> list[str]:
    """Give the names of columns, those that stand there twice with a number: none may hide another."""
    if len(set(names)) == len(names):
        return names
    made: list[str] = []
    for name in names:
        new, number = name, 1
        while new in made:
            number += 1
            new = f"{name} {number}"
        made.append(new)
    return made


def _column(names: list[str], at: int) -> str:
    return names[at] if at < len(names) else f"column {at + 1}"


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("the text is not valid JSON", where="json") from error

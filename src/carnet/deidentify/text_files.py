"""JSON, NDJSON, tables and plain texts without what identifies: structure kept, the rest byte for byte.

Lines, tables and NDJSON are worked on line by line; a JSON document is held whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, BinaryIO

from carnet.deidentify.order import Outcome, RedactionOrder
from carnet.deidentify.text_masks import TextMask
from carnet.errors import RedactionError, UnreadableError
from carnet.formats.json_values import json_values
from carnet.formats.text_files import (
    CSV,
    JSON,
    LONGEST_JSON,
    NDJSON,
    Table,
    TextReader,
    cells_of,
    has_header,
    head_lines,
    lines_of,
    rows_of,
    table_of,
)

_MARK = "\ufeff"


def redact_text(
    reader: TextReader, source: BinaryIO, sink: IO[bytes], order: RedactionOrder, mask: TextMask
) -> Outcome:
    """Write a text anew.

    Raises:
        RedactionError: an interval shall be cut off, which a text has not.
        UnreadableError: the text is not what its form says.
    """
    if order.trims or (order.location is not None and (order.location.hides or order.location.rewrites)):
        raise RedactionError(
            f"places and times in a text ({reader.format}) cannot be trimmed or made coarser",
            where="file",
            remedy="remove precise_location from it, or leave it out",
        )
    encoding = reader.encoding
    if encoding is None or reader.reason:
        raise UnreadableError(reader.reason or "the text cannot be read", where="file")
    records = changed = 0
    for before, after in _rewritten(reader, source, encoding, mask):
        records += 1
        changed += before != after
        sink.write(after.encode(encoding))
    vins = mask.counts["vehicle_id.vin"]
    return Outcome(
        vin_places=("text",) if vins else (),
        replaced=tuple(sorted(order.replace)),
        texts={str(data): count for data, count in sorted(mask.counts.items())},
        dropped={"records": records, "changed_records": changed},
    )


def _rewritten(
    reader: TextReader, source: BinaryIO, encoding: str, mask: TextMask
) -> Iterator[tuple[str, str]]:
    """Give each piece of the text as it was and as it shall be."""
    if reader.format == JSON:
        source.seek(0)
        text = source.read(LONGEST_JSON + 1).decode(encoding)
        mark = _MARK if text.startswith(_MARK) else ""
        yield text, mark + masked_json(text[len(mark) :], mask)
    elif reader.format == NDJSON:
        for line in lines_of(source, encoding):
            mark = _MARK if line.startswith(_MARK) else ""
            yield line, (mark + masked_json(line[len(mark) :], mask)) if line.strip(" \t\r\n\ufeff") else line
    elif reader.format == CSV:
        yield from _table(source, encoding, mask)
    else:
        for line in lines_of(source, encoding):
            yield line, mask.text(line)


def masked_json(text: str, mask: TextMask) -> str:
    """Give a JSON text with keys and values written over; a number that has to go becomes `null`.

    Raises:
        UnreadableError: the text is no JSON.
    """
    made, at = [], 0
    for one in json_values(text):
        spelt = text[one.start : one.end]
        if spelt.startswith('"'):
            value = json.loads(spelt)
            new = mask.text(value) if one.is_key else mask.text(value, one.path)
            # Escapes stay where the text had none but ASCII.
            instead = spelt if new == value else json.dumps(new, ensure_ascii=spelt.isascii())
        else:
            plain = spelt in {"true", "false", "null"}
            instead = "null" if not plain and mask.takes_number(spelt, one.path) else spelt
        if instead != spelt:
            made += [text[at : one.start], instead]
            at = one.end
    return "".join((*made, text[at:])) if made else text


def _table(source: BinaryIO, encoding: str, mask: TextMask) -> Iterator[tuple[str, str]]:
    separator, preamble = table_of(head_lines(source, encoding)) or Table(",", 0)
    names: list[str] | None = None
    for row in rows_of(source, encoding):
        mark = _MARK if row.startswith(_MARK) else ""
        body = row[len(mark) :]
        if names is None and (preamble or not body.strip()):
            preamble -= bool(body.strip())
            yield row, mark + mask.text(body)
            continue
        content = body.rstrip("\r\n")
        end = body[len(content) :]
        cells = cells_of(content, separator)
        if names is None:
            names = cells if has_header(cells) else []
            new = [mask.text(cell) for cell in cells] if names else _masked_cells(cells, names, mask)
        else:
            new = _masked_cells(cells, names, mask)
        if new == cells:
            yield row, row
            continue
        yield row, mark + _spelt(content, cells, new, separator) + end


def _masked_cells(cells: list[str], names: list[str], mask: TextMask) -> list[str]:
    return [
        mask.text(cell, [names[at]] if at < len(names) else [f"column {at + 1}"])
        for at, cell in enumerate(cells)
    ]


def _spelt(content: str, cells: list[str], new: list[str], separator: str) -> str:
    """Give a row's text with its changed cells; the others keep their spelling, quotes included."""
    spelt, rest = [], content
    for old, value in zip(cells, new, strict=True):
        own = _first_cell(rest, separator)
        rest = rest[len(own) + len(separator) :]
        if value == old:
            spelt.append(own)
        else:
            spelt.append(_quoted(value, separator, always=own.startswith('"')))
    return separator.join(spelt)


def _first_cell(rest: str, separator: str) -> str:
    if not rest.startswith('"'):
        return rest.split(separator, 1)[0]
    at = 1
    while at < len(rest):
        if rest[at] == '"':
            if rest[at + 1 : at + 2] != '"':
                break
            at += 1
        at += 1
    end = rest.find(separator, at)
    return rest if end < 0 else rest[:end]


def _quoted(value: str, separator: str, *, always: bool) -> str:
    if always or any(sign in value for sign in (separator, '"', "\r", "\n")):
        return '"' + value.replace('"', '""') + '"'
    return value

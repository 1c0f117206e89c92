"""Object listings: which form one has, and a block of it as keys and sizes.

S3 Inventory: https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html (CSV without
header, keys URL-encoded, columns named in `manifest.json`; Parquet and ORC with columns `key` and `size`).
`aws s3 ls --recursive`: date, time, length, key. Otherwise a key a line, or an object of JSON a line.
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from carnet.errors import UnreadableError

CSV, LS, LINES, NDJSON, PARQUET, ORC = "csv", "s3-ls", "lines", "ndjson", "parquet", "orc"

_LS = r"^(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}) +[0-9:]{8} +(?P<size>[0-9]{1,18}) (?P<key>.+)$"
_LS_LINE = re.compile(_LS.encode())
_LS_DULL = r"^\s*$|^\s*Total (Objects|Size):|^ +PRE "
_KEY_NAMES = ("key", "name", "path", "object", "file", "object_key", "uri")
_SIZE_NAMES = ("size", "bytes", "content_length", "length", "filesize")
_CODED = re.compile(rb"%([0-9A-Fa-f]{2})")
_DEEPEST_LINES = 64
_LONGEST_SIZE = 18


@dataclass(frozen=True, slots=True)
class Shape:
    """How a listing is laid out.

    Attributes:
        form: one of the forms above.
        columns: how many columns a row has (CSV).
        key: place of the key's column, or the names of both columns (Parquet, ORC, NDJSON).
        size: place of the size's column; None where there is none.
        header: whether the first line names the columns.
        encoded: whether keys are URL-encoded.
    """

    form: str
    columns: int = 0
    key: int | str = 0
    size: int | str | None = None
    header: bool = False
    encoded: bool = False

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Rows:
    """Keys and sizes of a block, and how many lines did not parse."""

    keys: Any
    sizes: Any
    bad: int = field(default=0)


def shape_of(head: bytes, schema: str | None = None) -> Shape:
    """Tell a listing's form from its first bytes.

    Args:
        head: the first lines, unpacked.
        schema: the columns by name as a manifest has them (`fileSchema`: "Bucket, Key, Size").

    Raises:
        UnreadableError: it is no listing, or one without keys.
    """
    if head.startswith(b"PAR1"):
        return Shape(PARQUET)
    if head.startswith(b"ORC"):
        return Shape(ORC)
    if b"\x00" in head[:4096]:
        raise UnreadableError(
            "this is no listing: it holds binary data", remedy="name CSV, Parquet, ORC or text"
        )
    lines = [one for one in head.splitlines()[:_DEEPEST_LINES] if one.strip()]
    if not lines:
        raise UnreadableError("the listing is empty", remedy="name a file with a key a line")
    if schema is not None:
        return _shape_of_columns([one.strip() for one in schema.split(",")], header=False, encoded=True)
    if any(_LS_LINE.match(one) for one in lines):
        return Shape(LS)
    if lines[0].lstrip().startswith(b"{"):
        return _shape_of_object(lines[0])
    if lines[0].startswith(b'"') or (lines[0].count(b",") and _looks_tabular(lines)):
        return _shape_of_rows(lines)
    return Shape(LINES)


def _looks_tabular(lines: list[bytes]) -> bool:
    counts = {one.count(b",") for one in lines[:-1] or lines}
    cells = [one.strip().lower() for one in lines[0].decode("utf-8", "replace").split(",")]
    named = any(one in _KEY_NAMES for one in cells)
    return named or (len(counts) == 1 and any(cell.isdigit() for one in lines for cell in one.split(b",")))


def _shape_of_object(line: bytes) -> Shape:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(
            "the listing's first line is not an object of JSON",
            remedy="give an object a line: jq -c '.Contents[]' of what `aws s3api list-objects-v2` prints",
        ) from error
    names = {str(one).lower(): str(one) for one in document}
    return Shape(NDJSON, key=_named(names, _KEY_NAMES), size=_maybe(names, _SIZE_NAMES))


def _named(names: dict[str, str], wanted: tuple[str, ...]) -> str:
    found = _maybe(names, wanted)
    if found is None:
        raise UnreadableError(
            f"the listing has no column of keys: none is called {', '.join(wanted[:3])}",
            remedy="name the column of keys `key`",
        )
    return found


def _maybe(names: dict[str, str], wanted: tuple[str, ...]) -> str | None:
    return next((names[one] for one in wanted if one in names), None)


def _shape_of_columns(columns: list[str], *, header: bool, encoded: bool) -> Shape:
    names = {one.lower().replace(" ", "_"): one for one in columns}
    key, size = _named(names, _KEY_NAMES), _maybe(names, _SIZE_NAMES)
    place = columns.index(size) if size is not None else None
    return Shape(CSV, len(columns), columns.index(key), place, header, encoded)


def _shape_of_rows(lines: list[bytes]) -> Shape:
    """Tell the columns of a CSV listing: by its header, else by what an S3 Inventory puts there."""
    rows = list(csv.reader(io.StringIO(b"\n".join(lines).decode("utf-8", "replace"))))
    if {one.strip().lower() for one in rows[0]} & set(_KEY_NAMES):
        return _shape_of_columns([one.strip() for one in rows[0]], header=True, encoded=False)
    width = len(rows[0])
    whole = [row for row in rows[:-1] or rows if len(row) == width]
    if width == 1:
        return Shape(CSV, 1, 0, None, encoded=False)
    # The bucket first, the same in all rows, then the key; in a listing without bucket the key is first.
    first = {row[0] for row in whole}
    key = 1 if len(first) == 1 and not next(iter(first)).isdigit() and "/" not in next(iter(first)) else 0
    sizes = [
        place
        for place in range(key + 1, width)
        if all(row[place].isdigit() or not row[place] for row in whole)
    ]
    sizes = [place for place in sizes if any(row[place] for row in whole)]
    encoded = key == 1 and not any(sign in row[key] for row in whole for sign in " =+")
    return Shape(CSV, width, key, sizes[0] if sizes else None, encoded=encoded)


def rows_of(block: bytes, shape: Shape, *, first: bool) -> Rows:
    """Read a block of whole lines.

    Args:
        block: whole lines.
        shape: how the listing is laid out.
        first: whether the block begins the file, and with it a header.
    """
    if shape.form == CSV:
        return _csv_rows(block, shape, first=first)
    if shape.form == NDJSON:
        return _ndjson_rows(block, shape)
    lines = _lines(block)
    if shape.form == LINES:
        lines = lines.filter(pc.not_equal(pc.binary_length(lines), 0))
        return Rows(lines, pa.nulls(len(lines), pa.int64()))
    parts = pc.extract_regex(lines, _LS)
    good = pc.is_valid(parts)
    dull = pc.sum(pc.and_(pc.invert(good), pc.match_substring_regex(lines, _LS_DULL))).as_py() or 0
    parts = parts.filter(good)
    return Rows(
        pc.struct_field(parts, "key"),
        pc.cast(pc.struct_field(parts, "size"), pa.int64()),
        len(lines) - len(parts) - dull,
    )


def _lines(block: bytes) -> Any:
    text = block.replace(b"\r\n", b"\n").removesuffix(b"\n")
    return (
        pc.list_flatten(pc.split_pattern(pa.array([_utf8(text)]), "\n"))
        if text
        else pa.array([], pa.string())
    )


def _utf8(block: bytes) -> str:
    return block.decode("utf-8", "replace")


def _csv_rows(block: bytes, shape: Shape, *, first: bool) -> Rows:
    bad = 0

    def skip(row: Any) -> str:
        nonlocal bad
        del row
        bad += 1
        return "skip"

    names = [str(one) for one in range(shape.columns)]
    wanted = [str(shape.key), *([] if shape.size is None else [str(shape.size)])]
    block = _utf8(block).encode() if not block.isascii() else block
    try:
        table = pacsv.read_csv(
            io.BytesIO(block),
            pacsv.ReadOptions(
                use_threads=False,
                column_names=names,
                skip_rows=int(first and shape.header),
                block_size=1 << 22,
            ),
            pacsv.ParseOptions(invalid_row_handler=skip),
            pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=wanted,
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return Rows(pa.array([], pa.string()), pa.array([], pa.int64()), block.count(b"\n") or 1)
    table = table.combine_chunks()
    keys = _array(table[wanted[0]])
    good = pc.not_equal(pc.binary_length(keys), 0)
    if shape.size is None:
        sizes = pa.nulls(len(keys), pa.int64())
    else:
        said = _array(table[wanted[1]])
        numbers = pc.match_substring_regex(said, f"^[0-9]{{1,{_LONGEST_SIZE}}}$")
        good = pc.and_(good, pc.or_(numbers, pc.equal(said, "")))
        sizes = pc.cast(pc.if_else(numbers, said, pa.scalar(None, pa.string())), pa.int64())
    bad += len(keys) - (pc.sum(good).as_py() or 0)
    keys, sizes = keys.filter(good), sizes.filter(good)
    return Rows(_decoded(keys) if shape.encoded else keys, sizes, bad)


def _array(column: Any) -> Any:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _decoded(keys: Any) -> Any:
    """Undo the URL encoding; what every partitioned key has is undone for all at once."""
    keys = pc.replace_substring(pc.replace_substring(keys, "+", " "), "%3D", "=")
    coded = pc.match_substring(keys, "%")
    if not pc.any(coded).as_py():
        return keys
    plain = [
        _utf8(_CODED.sub(lambda match: bytes.fromhex(match[1].decode()), one.encode()))
        for one in keys.filter(coded).to_pylist()
    ]
    return pc.replace_with_mask(keys, coded, pa.array(plain, pa.string()))


def _ndjson_rows(block: bytes, shape: Shape) -> Rows:
    keys: list[str] = []
    sizes: list[int | None] = []
    bad = 0
    for line in block.splitlines():
        if not line.strip():
            continue
        try:
            document = json.loads(line)
            key, size = document[shape.key], document.get(shape.size)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            bad += 1
            continue
        if not isinstance(key, str) or not key:
            bad += 1
            continue
        keys.append(key.encode("utf-8", "replace").decode())
        sizes.append(size if type(size) is int and 0 <= size < 1 << 62 else None)
    return Rows(pa.array(keys, pa.string()), pa.array(sizes, pa.int64()), bad)


def groups_of(source: BinaryIO, shape: Shape) -> int:
    """Give how many parts (row groups, stripes) a columnar listing has; checks that it has a column of keys.

    Raises:
        UnreadableError: it is damaged, or has no keys.
    """
    try:
        with _columnar(source, shape) as (parts, _, _, _):
            return parts
    except (pa.ArrowException, OSError) as error:
        raise UnreadableError(
            "the listing is damaged or cut short: its footer does not read", remedy="get it once more"
        ) from error


class _Columnar:
    """An open Parquet or ORC listing: parts, columns, the file."""

    def __init__(self, source: BinaryIO, shape: Shape) -> None:
        if shape.form == PARQUET:
            import pyarrow.parquet as pq

            self.file: Any = pq.ParquetFile(source)
            self.parts, schema = self.file.num_row_groups, self.file.schema_arrow
        else:
            from pyarrow import orc

            self.file = orc.ORCFile(source)
            self.parts, schema = self.file.nstripes, self.file.schema
        names = {one.lower(): one for one in schema.names}
        self.key, self.size = _named(names, _KEY_NAMES), _maybe(names, _SIZE_NAMES)

    def __enter__(self) -> tuple[int, Any, str, str | None]:
        return self.parts, self.file, self.key, self.size

    def __exit__(self, *error: object) -> None:
        del error


def _columnar(source: BinaryIO, shape: Shape) -> _Columnar:
    return _Columnar(source, shape)


def group_batches(source: BinaryIO, shape: Shape, part: int) -> Any:
    """Give the rows of one part, some ten thousand at a time.

    Raises:
        UnreadableError: it is damaged.
    """
    try:
        with _columnar(source, shape) as (_, file, key, size):
            wanted = [key, *([] if size is None else [size])]
            if shape.form == PARQUET:
                batches = file.iter_batches(1 << 16, row_groups=[part], columns=wanted, use_threads=False)
            else:
                batches = [file.read_stripe(part, columns=wanted)]
            for batch in batches:
                keys = pc.cast(batch.column(batch.schema.get_field_index(key)), pa.string())
                sizes = (
                    pa.nulls(len(keys), pa.int64())
                    if size is None
                    else pc.cast(batch.column(batch.schema.get_field_index(size)), pa.int64())
                )
                yield Rows(keys, sizes, keys.null_count)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableError("a part of the listing is damaged", remedy="get it once more") from error

"""Tables by column: Parquet, Arrow files (Feather 2) and Arrow streams, batch by batch in bounded memory.

Each batch comes out as one message of a `table` stream: an Arrow IPC stream of one record batch. What a file says
about its own size is not believed: texts come as dictionaries, so that one long text that stands in a million
rows is held once, and lists are refused where one row of them would not fit.
Sources: Apache Parquet format 2.11 (parquet.thrift), Arrow columnar format 1.5, GeoParquet 1.1.
"""

from __future__ import annotations

import io
import json
import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from carnet.errors import UnreadableError
from carnet.formats.parquet_footer import LONGEST as LONGEST_FOOTER
from carnet.formats.parquet_footer import Group, groups_of
from carnet.formats.reader import LONGEST, Message, OutsideText, Reader, Stream

PARQUET, ARROW = "parquet", "arrow"
MOST_ROWS = 65_536
"""Rows of one message."""

_BATCH_BYTES = 8 * 1024 * 1024
_LARGEST_LIST = 256 * 1024 * 1024
_MOST_COLUMNS = 20_000
_MOST_STATISTICS = 64 * 1024
# Columns of one value, compressed, come to some thousands of rows for a byte.
_MOST_PER_BYTE = 50_000
_BUFFER = 1 << 20
_THRIFT = 64 * 1024 * 1024
_UNITS = ("unit", "units")
_COMMENTS = ("description", "comment", "long_name", "label")
_INNER = re.compile(r"\.(list\.(element|item)|bag\.array_element|array|key_value)(?=\.|$)")


class _Window(io.RawIOBase):
    """The source as Arrow may use it: never closed by it, and no read is longer than what is there."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._length = source.seek(0, 2)
        source.seek(0)

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Give the place."""
        return self._source.tell()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        return self._source.seek(offset, whence)

    def read(self, size: int | None = -1) -> bytes:
        """Give at most what is there; a length in a file may say anything."""
        left = max(0, self._length - self._source.tell())
        return self._source.read(left if size is None or size < 0 else min(size, left))

    def size(self) -> int:
        """Give the length."""
        return self._length


class _TableReader(Reader):
    """What Parquet and Arrow have in common: one stream, whose metadata name geometry, units and comments."""

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        # Asked for here so that a missing library is said when the file is opened.
        import pyarrow as pa

        self._pa = pa
        self._source = source
        self._stream = Stream("rows", "table", encoding="arrow")
        self._outside: list[OutsideText] = []
        self._rows = 0

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The one table, unless the file is blocked."""
        return () if self._blocked else (self._stream,)

    def outside(self) -> tuple[OutsideText, ...]:
        """Metadata of the file, its columns and its batches, and statistics of columns."""
        self._read_all()
        return tuple(self._outside)

    def messages(self) -> Iterator[Message]:
        """Give the table in batches of at most `MOST_ROWS` rows."""
        self._rows = 0
        if not self._blocked:
            for batch in self._batches():
                for start in range(0, batch.num_rows, MOST_ROWS):
                    piece = batch.slice(start, MOST_ROWS)
                    self._rows += piece.num_rows
                    yield Message(self._stream, 0, 0, self._packed(piece), self._rows)
        if not self._rows:
            self.block(self.reason or "the table holds no row")
        self._complete = True

    @abstractmethod
    def _batches(self) -> Iterator[Any]:
        """Give the record batches."""

    @property
    def _errors(self) -> tuple[type[BaseException], ...]:
        return (self._pa.ArrowException, OSError, ValueError, KeyError, OverflowError, MemoryError)

    def _packed(self, batch: Any) -> bytes:
        out = self._pa.BufferOutputStream()
        with self._pa.ipc.new_stream(out, batch.schema) as writer:
            writer.write_batch(batch)
        return bytes(memoryview(out.getvalue()))

    def _learn(self, schema: Any) -> None:
        """Take what a schema says beside the names and types of columns."""
        told: dict[str, str] = {}
        self._metadata("schema metadata", schema.metadata or {}, told)
        for field in _fields(schema):
            path, metadata, extension = field
            texts = {
                key.decode("utf-8", "replace"): value.decode("utf-8", "replace")
                for key, value in metadata.items()
            }
            for key, value in texts.items():
                if key.lower() in _UNITS:
                    told[f"unit:{path}"] = value
                elif key.lower() in _COMMENTS:
                    told[f"comment:{path}"] = value
                if key == "PARQUET:field_id":
                    continue
                self._outside.append(
                    OutsideText("column metadata", f"{path}.{key}", value.encode()[:LONGEST])
                )
            name = extension or texts.get("ARROW:extension:name", "")
            if name.startswith(("geoarrow.", "ogc.")):
                told.setdefault(f"geometry:{path}", name.partition(".")[2])
        self._stream = Stream("rows", "table", encoding="arrow", metadata=told)

    def _metadata(self, where: str, metadata: Mapping[bytes, bytes], told: dict[str, str]) -> None:
        for raw, value in metadata.items():
            key = raw.decode("utf-8", "replace")
            if key == "ARROW:schema":
                continue
            if key == "geo" and _geo(value, told):
                self._outside.append(OutsideText(where, "geo bbox", b"", "position"))
            self._outside.append(OutsideText(where, key, value[:LONGEST], whole=len(value) <= LONGEST))


class ParquetReader(_TableReader):
    """A Parquet file, row group by row group."""

    format = PARQUET

    def __init__(self, source: BinaryIO, length: int) -> None:
        super().__init__(source)
        import pyarrow.parquet as pq

        self._file: Any = None
        self._groups: tuple[Group, ...] = ()
        source.seek(max(0, length - 8))
        size, end = int.from_bytes(source.read(4), "little"), source.read(4)
        if end == b"PARE":
            self.block("the Parquet table is encrypted")
            return
        if end != b"PAR1" or length < 12:  # noqa: PLR2004 -- two signs and the length of the footer
            self.block(
                "the Parquet table ends early: its footer, without which nothing can be read, is missing"
            )
            return
        source.seek(max(4, length - 8 - size))
        try:
            if not 0 < size <= length - 12 or size > LONGEST_FOOTER:
                raise ValueError
            self._groups = groups_of(source.read(size))
            self._open(pq)
        except self._errors as error:
            encrypted = "encrypt" in str(error).lower()
            self.block(
                "the Parquet table is encrypted" if encrypted else "the Parquet table's footer is not whole"
            )

    def _open(self, pq: Any) -> None:
        options = {
            "pre_buffer": False,
            "buffer_size": _BUFFER,
            "thrift_string_size_limit": _THRIFT,
            "thrift_container_size_limit": _MOST_COLUMNS * 50,
            "page_checksum_verification": True,
        }
        first = pq.ParquetFile(_Window(self._source), **options)
        schema = first.schema
        if len(schema) > _MOST_COLUMNS:
            self.block(f"the Parquet table has more than {_MOST_COLUMNS} columns")
            return
        if any(len(group.parts) != len(schema) for group in self._groups):
            self.block("the Parquet table's footer contradicts itself")
            return
        texts = [
            schema.column(at).path
            for at in range(len(schema))
            if schema.column(at).physical_type == "BYTE_ARRAY"
        ]
        self._file = pq.ParquetFile(_Window(self._source), read_dictionary=texts, **options)
        self._learn(self._file.schema_arrow)
        self._footer()

    def _footer(self) -> None:
        footer = self._file.metadata
        if footer.created_by:
            self._outside.append(OutsideText("header", "created_by", footer.created_by.encode()[:LONGEST]))
        known = set(self._file.schema_arrow.metadata or {})
        more = {key: value for key, value in (footer.metadata or {}).items() if key not in known}
        self._metadata("file metadata", more, {})
        extremes: dict[str, list[str]] = {}
        sizes: dict[str, int] = {}
        for group in self._groups:
            for part in group.parts:
                path = _INNER.sub("", part.path)
                if sizes.get(path, 0) < _MOST_STATISTICS:
                    extremes.setdefault(path, []).extend(part.extremes)
                    sizes[path] = sizes.get(path, 0) + sum(map(len, part.extremes))
        for path, values in extremes.items():
            if values:
                data = " | ".join(dict.fromkeys(values)).encode("utf-8", "replace")
                self._outside.append(OutsideText("column statistics", path, data, "statistics"))

    def _batches(self) -> Iterator[Any]:
        for group, about in enumerate(self._groups):
            columns = self._openable(about)
            if not columns or not about.rows:
                continue
            rows = max(1, min(MOST_ROWS, _BATCH_BYTES * about.rows // max(1, about.size)))
            got = 0
            try:
                for batch in self._file.iter_batches(rows, [group], columns=columns, use_threads=False):
                    got += batch.num_rows
                    yield batch
            except self._errors as error:
                self.lose(_why(error))
                if not got:
                    yield from self._one_by_one(group, columns, rows)
            else:
                if got != about.rows:
                    self.lose("a row group has not as many rows as the footer says")

    def _one_by_one(self, group: int, columns: list[str], rows: int) -> Iterator[Any]:
        """Read the columns of a row group apart, since one of them, damaged or encrypted, stops all."""
        for column in columns if len(columns) > 1 else ():
            try:
                yield from self._file.iter_batches(rows, [group], columns=[column], use_threads=False)
            except self._errors:
                self.lose("columns are damaged or encrypted: those parts were not read")

    def _openable(self, group: Group) -> list[str]:
        """Give the columns of a row group but for those that Arrow would stumble over."""
        schema = self._file.schema
        names = []
        for at, part in enumerate(group.parts):
            one = schema.column(at)
            if part.type != one.physical_type or part.path != one.path:
                self.lose(
                    "a column is encrypted: it was not read"
                    if not part.path
                    else "a column is described in two ways: it was not read"
                )
            elif one.max_repetition_level and part.values * 8 > _LARGEST_LIST * max(
                1, group.rows // MOST_ROWS
            ):
                self.lose("a column of lists is larger than carnet opens: it was not read")
            else:
                names.append(one.path)
        return names


class ArrowReader(_TableReader):
    """An Arrow IPC file (Feather 2) or stream, read as a stream: a cut file gives what is whole."""

    format = ARROW

    def __init__(self, source: BinaryIO, length: int) -> None:
        super().__init__(source)
        source.seek(0)
        self._is_file = source.read(6) == b"ARROW1"
        if self._is_file:
            source.seek(max(0, length - 6))
            if source.read(6) != b"ARROW1":
                self.lose("the Arrow file ends early: its last batches or its footer are missing")
        self._is_open = False
        try:
            self._open()
        except self._errors:
            self.block("the Arrow table's schema is not whole")

    def _open(self) -> tuple[Any, _Window]:
        window = _Window(self._source)
        window.seek(8 if self._is_file else 0)
        reader = self._pa.ipc.open_stream(window, options=self._pa.ipc.IpcReadOptions(use_threads=False))
        if not self._is_open:
            self._is_open = True
            self._learn(reader.schema)
        return reader, window

    def _batches(self) -> Iterator[Any]:
        noted = 0
        try:
            reader, window = self._open()
            while True:
                batch, metadata = reader.read_next_batch_with_custom_metadata()
                batch.validate(full=True)
                if batch.num_rows > _MOST_PER_BYTE * window.size():
                    self.lose("a batch says that it has more rows than its bytes can hold")
                    continue
                if metadata and noted < 256 and not self._complete:  # noqa: PLR2004 -- more are told by their lack
                    noted += 1
                    self._metadata("batch metadata", dict(metadata), {})
                yield batch
        except StopIteration:
            return
        except self._errors as error:
            self.lose(_why(error))


def _why(error: BaseException) -> str:
    """Say what is wrong without the words of the library, which quote the file."""
    text = str(error).lower()
    if "encrypt" in text or "decrypt" in text:
        return "columns are encrypted: they were not read"
    if "not implemented" in text or "unsupported" in text:
        return "a part is written in a way that carnet does not open: it was not read"
    return "the table is damaged or ends early: what follows the damage in its part was not read"


def _fields(schema: Any) -> Iterator[tuple[str, Mapping[bytes, bytes], str]]:
    """Give path, metadata and extension name of each field, those of structures too."""
    pending = [(field, field.name) for field in reversed(list(schema))]
    while pending:
        field, path = pending.pop()
        extension = getattr(field.type, "extension_name", "")
        yield path, field.metadata or {}, extension if isinstance(extension, str) else ""
        for number in range(min(field.type.num_fields, _MOST_COLUMNS)):
            inner = field.type.field(number)
            pending.append((inner, f"{path}.{inner.name}"))


def _geo(data: bytes, told: dict[str, str]) -> bool:
    """Take the geometry columns of GeoParquet's metadata; say whether a box of places stands there."""
    try:
        columns = json.loads(data)["columns"]
        for name, about in columns.items():
            told[f"geometry:{name}"] = str(about.get("encoding", "")).lower()
        return any("bbox" in about for about in columns.values())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False


def batch_of(message: Message) -> Any:
    """Give the record batch of a message.

    Raises:
        UnreadableError: the bytes are no Arrow stream of one batch.
    """
    import pyarrow as pa

    try:
        return pa.ipc.open_stream(message.data).read_next_batch()
    except (pa.ArrowException, OSError, ValueError, StopIteration) as error:
        raise UnreadableError("a batch of a table is damaged", where="table") from error

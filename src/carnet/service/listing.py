"""`carnet scan --listing`: an object listing looked at by name, in blocks, by two workers.

The listing may be hostile, so workers parse it. What comes back of a block is its kinds of keys; kinds are merged and
folded where a folder has very many children, so that memory does not grow with the listing.
"""

from __future__ import annotations

import gzip
import io
import json
import queue
import zlib
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from carnet.classify.key_classes import KeyClasses, classes_of_key
from carnet.errors import CarnetError, InputError, UnreadableError
from carnet.service.isolation import Limits
from carnet.service.workers import Worker

AT_ONCE = 2
BLOCK_BYTES = 2 << 20
LONGEST_LINE = 1 << 20
MOST_KINDS = 60_000
MOST_CHILDREN = 200
"""Children of a folder that are named one by one; beyond them they are `{any}`: many names are names of things."""

_LONGEST_MANIFEST = 16 << 20
_HEAD = 1 << 16
_ANY = "{any}"
_Found = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Listing:
    """What listings say by name.

    Attributes:
        kinds: by (kind of key, what identifies in it): objects, bytes, largest.
        bad: lines that did not parse.
        files: how many listing files were read.
        damage: what was lost, a sentence each.
    """

    kinds: dict[tuple[str, _Found], list[int]] = field(default_factory=dict)
    bad: int = 0
    files: int = 0
    damage: list[str] = field(default_factory=list)

    @property
    def objects(self) -> int:
        """How many objects were listed."""
        return sum(one[0] for one in self.kinds.values())

    def add(self, result: Mapping[str, Any]) -> None:
        """Take what a worker made of a block."""
        self.bad += int(result["bad"])
        for key, found, count, size, largest in result["kinds"]:
            place = (str(key), tuple((str(data), str(rule)) for data, rule in found))
            _put(self.kinds, place, (int(count), int(size), int(largest)))
        if len(self.kinds) > MOST_KINDS:
            self.fold()

    def fold(self) -> None:
        """Fold folders with more than `MOST_CHILDREN` children, from the top down."""
        self.kinds = folded(self.kinds, MOST_CHILDREN)
        most = MOST_CHILDREN
        while len(self.kinds) > MOST_KINDS and most > 1:
            most //= 4
            self.kinds = folded(self.kinds, max(1, most))


def _put(
    kinds: dict[tuple[str, _Found], list[int]], place: tuple[str, _Found], more: tuple[int, ...]
) -> None:
    one = kinds.get(place)
    if one is None:
        kinds[place] = list(more)
    else:
        one[0] += more[0]
        one[1] += more[1]
        one[2] = max(one[2], more[2])


def folded(kinds: Mapping[tuple[str, _Found], list[int]], most: int) -> dict[tuple[str, _Found], list[int]]:
    """Replace the children of every folder that has more than `most`; an extension and a partition's name stay."""
    rows = [(key.split("/"), found, numbers) for (key, found), numbers in kinds.items()]
    deepest = max((len(parts) for parts, _, _ in rows), default=0)
    for depth in range(deepest):
        children: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
        for parts, _, _ in rows:
            if len(parts) > depth:
                children[tuple(parts[:depth])].add(parts[depth])
        wide = {parent for parent, names in children.items() if len(names) > most}
        if not wide:
            continue
        for parts, _, _ in rows:
            if len(parts) > depth and tuple(parts[:depth]) in wide:
                parts[depth] = _folded(parts[depth], last=depth + 1 == len(parts))
    out: dict[tuple[str, _Found], list[int]] = {}
    for parts, found, numbers in rows:
        _put(out, ("/".join(parts), found), tuple(numbers))
    return out


def _folded(segment: str, *, last: bool) -> str:
    if last:
        _, dot, extension = segment.rpartition(".")
        return f"{_ANY}.{extension}" if dot and len(extension) <= 8 else _ANY  # noqa: PLR2004 -- an extension's length
    name, sign, _ = segment.partition("=")
    return f"{name}={_ANY}" if sign and len(name) <= 40 else _ANY  # noqa: PLR2004 -- a partition's name


class _Crew:
    """Two workers, each given a block at a time."""

    def __init__(self) -> None:
        self._idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        self._workers = [Worker(Limits(memory_bytes=4 << 30, processor_s=24 * 3600)) for _ in range(AT_ONCE)]
        for one in self._workers:
            self._idle.put(one)

    def judge(self, source: Callable[[], BinaryIO], parameters: Mapping[str, Any]) -> Any:
        worker = self._idle.get()
        try:
            with source() as opened:
                return worker.run("keys", opened, parameters).result
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        for one in self._workers:
            one.close()


def read_listings(files: list[Path], *, told: Callable[[int], object] | None = None) -> Listing:
    """Look at listings by name.

    Args:
        files: S3 Inventory (`manifest.json`, CSV, CSV in gzip, Parquet, ORC), what `aws s3 ls --recursive` prints,
            a key a line, or an object of JSON a line.
        told: told how many objects were judged, now and then.

    Raises:
        UnreadableError: a file is missing, is no listing, or has no column of keys.
    """
    listing = Listing()
    crew = _Crew()
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            waiting: deque[Future[Any]] = deque()
            for source, parameters in _blocks(files, listing):
                waiting.append(pool.submit(crew.judge, source, parameters))
                if len(waiting) > AT_ONCE:
                    listing.add(waiting.popleft().result())
                    if told is not None:
                        told(listing.objects)
            for one in waiting:
                listing.add(one.result())
    finally:
        crew.close()
    listing.fold()
    if not listing.kinds:
        raise UnreadableError(
            f"no line of the listing is one ({listing.bad} do not parse)",
            where=files[0].name,
            remedy="give S3 Inventory files, what `aws s3 ls --recursive` prints, or a key a line",
        )
    return listing


def _blocks(files: list[Path], listing: Listing) -> Iterator[tuple[Callable[[], BinaryIO], dict[str, Any]]]:
    for path, schema in _expanded(files):
        if not path.is_file():
            raise UnreadableError("there is no such listing", where=str(path), remedy="check the path")
        listing.files += 1
        try:
            yield from _blocks_of(path, schema, listing)
        except CarnetError as error:
            error.where = error.where or str(path)
            raise


def _expanded(files: list[Path]) -> Iterator[tuple[Path, str | None]]:
    """Give every file of data with its columns; a manifest stands for the files that it names and lie beside it."""
    for path in files:
        if path.suffix != ".json" or not path.is_file() or path.stat().st_size > _LONGEST_MANIFEST:
            yield path, None
            continue
        try:
            document = json.loads(path.read_bytes())
            names = [Path(str(one["key"])).name for one in document["files"]]
            schema = str(document["fileSchema"]) if document.get("fileFormat") == "CSV" else None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            yield path, None
            continue
        for name in names:
            places = [path.parent / name, path.parent / "data" / name, path.parent.parent / "data" / name]
            found = next((one for one in places if one.is_file()), None)
            if found is None:
                raise UnreadableError(
                    "a file that the manifest names does not lie beside it or in data/",
                    where=f"{path}: {name}",
                    remedy="copy the whole inventory: manifest.json and its data folder",
                )
            yield found, schema


def _blocks_of(
    path: Path, schema: str | None, listing: Listing
) -> Iterator[tuple[Callable[[], BinaryIO], dict[str, Any]]]:
    from carnet.formats.listing_read import ORC, PARQUET, groups_of, shape_of

    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        source = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if packed else raw
        blocks = _whole_lines(source, path, listing)
        head = next(blocks, b"")
        shape = shape_of(head[:_HEAD], schema)
        if shape.form in {PARQUET, ORC}:
            if packed:
                raise UnreadableError("a columnar listing in gzip", remedy="unpack it first")
            raw.seek(0)
            for part in range(groups_of(raw, shape)):
                yield lambda: path.open("rb"), {"shape": shape.to_json(), "part": part}
            return
        first = True
        while head:
            yield _held(head), {"shape": shape.to_json(), "first": first}
            first, head = False, next(blocks, b"")


def _held(block: bytes) -> Callable[[], BinaryIO]:
    return lambda: io.BytesIO(block)


def _whole_lines(source: BinaryIO, path: Path, listing: Listing) -> Iterator[bytes]:
    """Give blocks of whole lines; what is cut short in a gzip file is said, and what came before it counts."""
    rest = b""
    while True:
        try:
            data = source.read(BLOCK_BYTES)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            what = "is cut short" if isinstance(error, EOFError) else "is damaged"
            listing.damage.append(f"{path.name} {what}: what lies behind is not counted")
            listing.bad += bool(rest)
            return
        if not data:
            break
        end = data.rfind(b"\n") + 1
        if not end:
            rest += data
            if len(rest) > LONGEST_LINE and not rest.startswith((b"PAR1", b"ORC")):
                raise InputError(
                    "a line is longer than a key can be", remedy="name a listing with a key a line"
                )
            if len(rest) > LONGEST_LINE:
                break
            continue
        yield rest + data[:end]
        rest = data[end:]
    if rest:
        yield rest


@dataclass(frozen=True, slots=True)
class Row:
    """A kind of key with what it says."""

    key: str
    found: _Found
    classes: KeyClasses
    objects: int
    bytes: int
    largest: int


def rows_of(listing: Listing) -> list[Row]:
    """Give the kinds, most bytes first."""
    rows = [Row(key, found, classes_of_key(key), *numbers) for (key, found), numbers in listing.kinds.items()]
    return sorted(rows, key=lambda one: (-one.bytes, -one.objects, one.key))


def document_of(listing: Listing, rows: list[Row]) -> dict[str, Any]:
    """Give what `--json` prints: `scan: v1` with a `listing` in place of items."""
    tallies: dict[str, defaultdict[str, Counter[str]]] = {
        name: defaultdict(Counter) for name in ("data", "in_names", "formats", "prefixes")
    }
    for one in rows:
        names = {
            "data": one.classes.data,
            "in_names": {data for data, _ in one.found},
            "formats": (one.classes.format or "unknown",),
            "prefixes": ("/".join(one.key.split("/")[:-1][:2]) + "/",),
        }
        for name, values in names.items():
            for value in values:
                tallies[name][value].update(objects=one.objects, bytes=one.bytes)
    return {
        "scan": "v1",
        "items": [],
        "listing": {
            "files": listing.files,
            "objects": listing.objects,
            "bytes": sum(one.bytes for one in rows),
            "lines_that_do_not_parse": listing.bad,
            "lost": listing.damage,
            "kinds": len(rows),
            "certainty": "possible",
            **{name: {key: dict(tally[key]) for key in sorted(tally)} for name, tally in tallies.items()},
        },
        "summary": {
            "read": 0,
            "partly": 0,
            "blocked": 0,
            "by_name": listing.objects,
            "data": {key: tallies["data"][key]["objects"] for key in sorted(tallies["data"])},
        },
    }


def write_inventory(path: Path, rows: list[Row]) -> None:
    """Write the kinds as Parquet: a row a kind; the file appears whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = pa.list_(pa.string())
    table = pa.table(
        {
            "key": pa.array([one.key for one in rows], pa.string()),
            "format": pa.array([one.classes.format for one in rows], pa.string()),
            "data": pa.array([list(one.classes.data) for one in rows], texts),
            "because": pa.array([list(one.classes.because) for one in rows], texts),
            "certainty": pa.array(["possible"] * len(rows), pa.string()),
            "in_name": pa.array([[data for data, _ in one.found] for one in rows], texts),
            "in_name_because": pa.array([[rule for _, rule in one.found] for one in rows], texts),
            "objects": pa.array([one.objects for one in rows], pa.int64()),
            "bytes": pa.array([one.bytes for one in rows], pa.int64()),
            "largest": pa.array([one.largest for one in rows], pa.int64()),
        }
    ).replace_schema_metadata({"carnet": "listing v1"})
    partial = path.with_name(path.name + ".partial")
    pq.write_table(table, partial, compression="zstd")
    partial.replace(path)

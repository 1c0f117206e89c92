"""`carnet scan`: what is in these files, in law. Reads in place, writes nothing, moves nothing."""

from __future__ import annotations

import base64
import io
import json
import os
import queue
import stat
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from carnet.errors import CarnetError, InputError, MissingExtraError, UnreadableError
from carnet.formats.can_databases import SUFFIXES, database_form
from carnet.formats.sniff import HEAD_BYTES
from carnet.model.countries import COUNTRIES
from carnet.model.factsheet import FactSheet, ReadState
from carnet.service.cli.session import walk_files
from carnet.service.scan_corrections import Corrections, write_template
from carnet.service.workers import Worker

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

AT_ONCE = 2
"""Files looked at at the same time, each in a worker process."""

LARGEST_COMPANION = 16 * 1024 * 1024
_QUIET_SECONDS = 2.0
_NARROW = 60
_MANY_FILES = 500
# Files of at most so many bytes go to a worker so many at a time: at most 1 MiB.
_SMALL = 16 * 1024
_TOGETHER = 64

# What a class means to somebody who has to answer for it; the longest path that covers a class speaks.
MEANINGS: dict[str, str] = {
    "identity": "says who somebody is",
    "vehicle_id.vin": "names one car, and through it its owner",
    "vehicle_id": "names one car or one device",
    "biometric": "a body's own marks: sensitive in China and special in Europe",
    "image.exterior": "people and number plates outside the car; from certain sizes on, important data in China",
    "image.cabin": "people inside the car: always personal, sensitive in China",
    "image": "pictures",
    "audio": "sound: voices can be told apart",
    "ranging": "what lidar, radar and ultrasound saw",
    "perception": "what software made of the sensors",
    "location.trajectory": "a line of places: leads home; sensitive in China",
    "location": "where somebody was: always personal, sensitive in China",
    "driving": "how the car moved; personal where it leads to somebody",
    "energy": "battery and charging",
    "body": "doors, seats, lights, climate",
    "diagnostics": "faults and logs",
    "design": "how the car is built",
    "text": "free text that may hold anything",
    "unknown": "not understood: handled as the strictest, and not passed on",
}


class Scanner:
    """Describes files in worker processes, a few at a time; a file that kills its worker is blocked, no more."""

    def __init__(self) -> None:
        self._idle: queue.SimpleQueue[Worker | None] = queue.SimpleQueue()
        self._workers: list[Worker] = []
        for _ in range(AT_ONCE):
            self._idle.put(None)

    def describe_file(
        self,
        path: Path,
        companions: Mapping[str, bytes],
        *,
        name: str,
        hash_content: bool,
        sketch: bool = False,
    ) -> FactSheet:
        """Make the fact sheet of one file on disk; a file that cannot be read is blocked, never an end.

        Args:
            path: the file.
            companions: databases beside it, by name.
            name: its name with the folders that were asked for, to be looked through.
            hash_content: put the SHA-256 of its bytes on the sheet.
            sketch: keep the shapes of tracks.

        Raises:
            MissingExtraError: a library that reads the format is not installed.
        """
        try:
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                return _blocked(0, "it is a symbolic link: name the file itself")
            if not stat.S_ISREG(mode):
                return _blocked(0, "it is not a regular file")
            with path.open("rb") as source:
                return self._describe(
                    source, name, companions, {"hash_content": hash_content, "sketch": sketch}
                )
        except OSError as error:
            return _blocked(0, f"it cannot be opened: {error.strerror or 'unknown error'}")
        except MissingExtraError:
            raise
        except CarnetError as error:
            return _blocked(path.stat().st_size, error.what)

    def _describe(
        self, source: BinaryIO, name: str, companions: Mapping[str, bytes], wishes: Mapping[str, bool]
    ) -> FactSheet:
        parameters = {
            "name": name,
            "companions": {one: base64.b64encode(data).decode("ascii") for one, data in companions.items()},
            **wishes,
        }
        return FactSheet.from_json(self._run("describe", source, parameters))

    def _run(self, task: str, source: BinaryIO, parameters: Mapping[str, Any]) -> Any:
        worker = self._idle.get()
        try:
            if worker is None or not worker.alive:
                worker = Worker()
                self._workers.append(worker)
            return worker.run(task, source, parameters).result
        finally:
            self._idle.put(worker)

    def describe_small(
        self,
        files: Sequence[tuple[Path, str]],
        companions: Mapping[str, bytes],
        *,
        hash_content: bool,
        sketch: bool = False,
    ) -> list[FactSheet]:
        """Make the fact sheets of small files of one folder: all of them in one task of a worker.

        A file that has grown, that cannot be read, or of which the worker made no sheet is described on its own, and
        so is each when the worker ends over them: one of them blocks none of the others.

        Args:
            files: path and name of each.
            companions: databases beside them, by name.
            hash_content: put the SHA-256 of their bytes on the sheets.
            sketch: keep the shapes of tracks.
        """
        wishes = {"hash_content": hash_content, "sketch": sketch}
        found = {path: data for path, _ in files if (data := _small(path)) is not None}
        sheets: dict[Path, FactSheet] = {}
        parameters = {
            "parts": [(name, len(found[path])) for path, name in files if path in found],
            "companions": {one: base64.b64encode(data).decode("ascii") for one, data in companions.items()},
            **wishes,
        }
        if len(found) > 1:
            try:
                made = self._run("describe_many", io.BytesIO(b"".join(found.values())), parameters)
            except CarnetError:
                made = []
            if len(made) == len(found):
                told = zip(found, made, strict=True)
                sheets = {path: FactSheet.from_json(one) for path, one in told if one is not None}
        return [
            sheets[path] if path in sheets else self.describe_file(path, companions, name=name, **wishes)
            for path, name in files
        ]

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.close()


def _small(path: Path) -> bytes | None:
    """Give the bytes of a small regular file, else None."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        with path.open("rb") as source:
            data = source.read(_SMALL + 1)
    except OSError:
        return None
    return data if len(data) <= _SMALL else None


def _bundles(files: Iterable[tuple[Path, str]]) -> Iterator[list[tuple[Path, str]]]:
    """Put small files of one folder that follow one another together; others stay alone."""
    held: list[tuple[Path, str]] = []
    for path, name in files:
        try:
            mark = path.lstat()
            small = stat.S_ISREG(mark.st_mode) and mark.st_size <= _SMALL
        except OSError:
            small = False
        if held and (not small or len(held) >= _TOGETHER or held[0][0].parent != path.parent):
            yield held
            held = []
        if small:
            held.append((path, name))
        else:
            yield [(path, name)]
    if held:
        yield held


def _blocked(length: int, why: str) -> FactSheet:
    return FactSheet(format=None, bytes=length, state=ReadState.BLOCKED, reason=why)


def _files(paths: list[str]) -> Iterator[tuple[Path, str]]:
    """Give every file with the name to look through, sorted, each once."""
    seen: set[Path] = set()
    for text in paths:
        if "://" in text:
            raise InputError(
                "this release scans local paths only",
                where="PATH",
                remedy="copy or mount the bucket inside its region and scan it there",
            )
        root = Path(text)
        if not root.exists() and not root.is_symlink():
            raise UnreadableError("there is no such file or folder", where=text, remedy="check the path")
        found = walk_files(root) if root.is_dir() else [root]
        for path in found:
            if path not in seen:
                seen.add(path)
                yield path, path.relative_to(root.parent).as_posix() if root.name else path.as_posix()


def _companions(folder: Path, cache: dict[Path, dict[str, bytes]]) -> dict[str, bytes]:
    """Give the CAN databases of a folder by name; one that is too large or unreadable is left out.

    A database is told by its first bytes: in a large folder, only where its name says that it may be one.
    """
    if folder not in cache:
        cache[folder] = {}
        files = sorted(folder.glob("*"))
        for one in files:
            if len(files) > _MANY_FILES and one.suffix.lower() not in SUFFIXES:
                continue
            try:
                if one.is_symlink() or not one.is_file() or one.stat().st_size > LARGEST_COMPANION:
                    continue
                with one.open("rb") as file:
                    head = file.read(HEAD_BYTES)
                    if database_form(head) is not None:
                        cache[folder][one.name] = head + file.read(LARGEST_COMPANION)
            except OSError:
                continue
    return cache[folder]


@app.command()
def scan(
    paths: Annotated[list[str] | None, typer.Argument(metavar="PATH", help="Files and folders.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document (scan: v1).")] = False,
    region: Annotated[
        str | None,
        typer.Option("--region", help="Where you are, as in CN: says what was recorded elsewhere."),
    ] = None,
    hash_content: Annotated[bool, typer.Option("--hash", help="Also give the SHA-256 of each file.")] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Also write a report: one page that can be filed."),
    ] = None,
    vehicles: Annotated[
        int | None,
        typer.Option(min=1, help="How many vehicles it comes from, where nothing went before (--html)."),
    ] = None,
    listing: Annotated[
        list[Path] | None,
        typer.Option("--listing", metavar="FILE", help="Look at an object listing, by name only."),
    ] = None,
    inventory: Annotated[
        Path | None,
        typer.Option("--inventory", metavar="FILE", help="Also write the inventory as Parquet (--listing)."),
    ] = None,
    corrections: Annotated[
        Path | None,
        typer.Option("--corrections", metavar="FILE", help="What people say of it: YAML."),
    ] = None,
    template_corrections: Annotated[
        Path | None,
        typer.Option("--template-corrections", metavar="FILE", help="Write what is unknown, to fill in."),
    ] = None,
) -> None:
    """Say what is in these files, in law: classes, sizes, places, and what could not be read.

    Example: carnet scan samples/shanghai_drive --json
    """
    if region is not None and region not in COUNTRIES:
        raise InputError("a region is an ISO 3166-1 alpha-2 code such as CN", where="--region")
    if listing:
        from carnet.service.cli.scan_listing import scan_listing

        if paths or html is not None or hash_content or corrections or template_corrections:
            raise InputError("a listing is looked at by name only", where="--listing", remedy="give no PATH")
        scan_listing(listing, inventory, as_json=as_json)
        return
    if not paths:
        raise InputError("nothing to scan", where="PATH", remedy="name a file, a folder or --listing FILE")
    if inventory is not None:
        raise InputError(
            "an inventory is made of a listing", where="--inventory", remedy="give --listing FILE"
        )
    said = None if corrections is None else Corrections.of_file(corrections)
    hash_content = hash_content or (said is not None and said.need_digest)
    items: list[tuple[Path, FactSheet]] = []
    asked_as: dict[Path, str] = {}
    started = datetime.now(UTC)
    cache: dict[Path, dict[str, bytes]] = {}
    began = time.monotonic()
    scanner = Scanner()
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            waiting: deque[tuple[list[tuple[Path, str]], Future[list[FactSheet]]]] = deque()

            def take() -> None:
                files, sheets = waiting.popleft()
                items.extend(zip((path for path, _ in files), sheets.result(), strict=True))

            for files in _bundles(_files(paths)):
                asked_as.update(files)
                found = pool.submit(
                    scanner.describe_small,
                    files,
                    _companions(files[0][0].parent, cache),
                    hash_content=hash_content,
                    sketch=html is not None,
                )
                waiting.append((files, found))
                if len(waiting) >= AT_ONCE * 4:
                    take()
                if sys.stderr.isatty() and time.monotonic() - began > _QUIET_SECONDS:
                    sys.stderr.write(f"\r{len(items)} files looked at")
            while waiting:
                take()
    finally:
        scanner.close()
    if sys.stderr.isatty() and time.monotonic() - began > _QUIET_SECONDS:
        sys.stderr.write("\r\x1b[K")
    if not items:
        raise UnreadableError(
            "there is no file in it", where=paths[0], remedy="name a folder that holds files"
        )
    items.sort(key=lambda one: str(one[0]))
    if said is not None:
        items = [(path, said.of(sheet, asked_as[path])) for path, sheet in items]
        sys.stderr.writelines(f"{line}\n" for line in said.said())
    if template_corrections is not None:
        sys.stderr.write(write_template(template_corrections, (sheet for _, sheet in items)) + "\n")
    if html is not None:
        from carnet.service.scan_report import scan_page, write_page

        shown = scan_page(
            [(asked_as[path], sheet) for path, sheet in items],
            region=region,
            vehicles=vehicles,
            began=started,
            ended=datetime.now(UTC),
            hashed=hash_content,
            meanings=MEANINGS,
        )
        write_page(html, shown)
    sys.stdout.write(
        json.dumps(_document(items), ensure_ascii=False) + "\n" if as_json else _report(items, region)
    )


def _document(items: list[tuple[Path, FactSheet]]) -> dict[str, Any]:
    states = Counter(sheet.state for _, sheet in items)
    classes = Counter(one for _, sheet in items for one in sheet.data)
    return {
        "scan": "v1",
        "items": [{"path": _printable(path), **sheet.to_json()} for path, sheet in items],
        "summary": {
            **{state.value: states[state] for state in ReadState},
            "data": dict(sorted(classes.items())),
        },
    }


def _clean(text: str) -> str:
    """Keep what came from outside from writing to the terminal as anything but letters."""
    return "".join(one if one.isprintable() else "?" for one in text)


def _printable(path: Path) -> str:
    """Give a path as text that every output can carry, whatever bytes its name has."""
    return os.fsencode(path).decode("utf-8", "replace")


def _size(length: int) -> str:
    value = float(length)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":  # noqa: PLR2004 -- decimal prefixes
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{length} B"


def _facts(facts: Mapping[str, Any]) -> str:
    parts = []
    for what in ("faces", "plates"):
        if f"{what}_px_max" in facts:
            parts.append(f"{what} up to {facts[f'{what}_px_max']} px")
        elif facts.get(f"contains_{what}") is False:
            parts.append(f"no {what} found")
    if "km" in facts:
        parts.append(f"{facts['points']} points, {facts['km']} km")
    if "countries" in facts:
        parts.append("in " + ", ".join(facts["countries"]))
    return "; ".join(parts)


def _report(items: list[tuple[Path, FactSheet]], region: str | None) -> str:
    states = Counter(sheet.state for _, sheet in items)
    counts = ", ".join(f"{states[state]} {state.value}" for state in ReadState)
    lines = [f"{len(items)} {'file' if len(items) == 1 else 'files'}: {counts}"]
    for path, sheet in items:
        what = f"{sheet.format or 'no known format'}, {_size(sheet.bytes)}, {sheet.state.value}"
        lines += ["", f"{_clean(_printable(path))}  {what}"]
        if sheet.sha256:
            lines.append(f"  sha256 {sheet.sha256}")
        if sheet.reason:
            lines.append(f"  {_clean(sheet.reason)}")
        rows = [
            (
                _clean(one.name),
                str(one.count),
                ", ".join(one.data) or "nothing that law names",
                _facts(one.facts),
            )
            for one in sheet.streams
        ]
        widths = [min(_NARROW, max((len(row[column]) for row in rows), default=0)) for column in range(2)]
        for name, count, data, facts in rows:
            lines.append(
                f"  {name:<{widths[0]}}  {count:>{widths[1]}}  {data}{f' ({facts})' if facts else ''}"
            )
        lines += [f"  outside, {_clean(one.where)}: {one.data} ({one.because[0]})" for one in sheet.outside]
    classes = Counter(one for _, sheet in items for one in sheet.data)
    if classes:
        lines += ["", "In law:"]
        width = max(map(len, classes))
        lines += [
            f"  {one:<{width}}  {count} {'file' if count == 1 else 'files'}: {_meaning(one)}"
            for one, count in sorted(classes.items())
        ]
    if region is not None:
        lines += _elsewhere(items, region)
    if states[ReadState.BLOCKED]:
        lines += ["", "What is blocked is kept and not passed on: nobody knows what it holds."]
    return "\n".join(lines) + "\n"


def _elsewhere(items: list[tuple[Path, FactSheet]], region: str) -> list[str]:
    countries: Counter[str] = Counter()
    for _, sheet in items:
        found = {one for stream in sheet.streams for one in _countries(stream.facts)}
        countries.update(found)
    if not countries:
        return ["", f"No track says where it was recorded; whether {region} is the origin is yours to say."]
    said = ", ".join(
        f"{one} ({count} {'file' if count == 1 else 'files'})" for one, count in sorted(countries.items())
    )
    lines = ["", f"Tracks lie in: {said}."]
    if set(countries) - {region}:
        lines.append(
            f"What was recorded outside {region} has another country of origin: its law has a say as well."
        )
    return lines


def _countries(facts: Mapping[str, Any]) -> tuple[str, ...]:
    value = facts.get("countries", ())
    return tuple(value) if isinstance(value, tuple | list) else ()


def _meaning(data: str) -> str:
    while data not in MEANINGS and "." in data:
        data = data.rpartition(".")[0]
    return MEANINGS.get(data, "vehicle data")

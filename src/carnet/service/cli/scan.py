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
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from carnet.errors import CarnetError, InputError, MissingExtraError, UnreadableError, WorkerError
from carnet.formats.can_databases import SUFFIXES, database_form
from carnet.formats.plugins import check_installed
from carnet.formats.sniff import HEAD_BYTES
from carnet.model.countries import COUNTRIES
from carnet.model.factsheet import FactSheet, ReadState
from carnet.service.cli.scan_checks import check_keys, check_outputs
from carnet.service.cli.scan_lake import (
    BucketRegion,
    Endpoint,
    From,
    LakeWishes,
    Policy,
    Resume,
    Sample,
    Since,
    Yes,
    scan_lake,
)
from carnet.service.cli.scan_text import MEANINGS, document, report
from carnet.service.cli.session import walk_files
from carnet.service.scan_sample import Sampled
from carnet.service.workers import Worker

if TYPE_CHECKING:
    from carnet.service.place_signing import Places
    from carnet.service.scan_corrections import Corrections

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

AT_ONCE = 2
"""Files looked at at the same time, each in a worker process."""

# Of each worker's detectors: threads of two workers on one core wait for one another.
_THREADS = max(1, (os.cpu_count() or 1) // AT_ONCE)
LARGEST_COMPANION = 16 * 1024 * 1024
_QUIET_SECONDS = 2.0
_MANY_FILES = 500
# Files of at most so many bytes go to a worker so many at a time: at most 1 MiB.
_SMALL = 16 * 1024
_TOGETHER = 64


class Scanner:
    """Describes files in worker processes, a few at a time; a file that kills its worker is blocked, no more."""

    def __init__(self, plugins: Sequence[str] = (), places: Places | None = None, look: int = 100) -> None:
        self._always: dict[str, Any] = {"plugins": list(plugins), "threads": _THREADS, "look": look}
        if plugins:
            self._always |= _classes()
        if places is not None:
            self._always |= places.parameters()
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
            return worker.run(task, source, {**parameters, **self._always}).result
        except WorkerError:
            # What a file did to it, such as a library loaded in part, is no other file's.
            if worker is not None:
                worker.close()
            worker = None
            raise
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


def _classes() -> dict[str, Any]:
    """Give the classes of data that plug-ins may find: workers cannot read the lawbook."""
    from carnet.law.lawbook import load_lawbook

    return {"classes": sorted(load_lawbook(kept=True).vocabulary.classes)}


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
                "this address is of no kind that carnet scans",
                where="PATH",
                remedy="give a path, or s3://BUCKET/PREFIX",
            )
        root = Path(text)
        if not root.exists() and not root.is_symlink():
            raise UnreadableError("there is no such file or folder", where=text, remedy="check the path")
        found = walk_files(root) if root.is_dir() else [root]
        above = len(root.parent.parts)
        for path in found:
            if path not in seen:
                seen.add(path)
                yield path, "/".join(path.parts[above:]) if root.name else path.as_posix()


def _companions(folder: Path, cache: dict[Path, dict[str, bytes]]) -> dict[str, bytes]:
    """Give the CAN databases of a folder by name; one that is too large or unreadable is left out.

    A database is told by its first bytes: in a large folder, only where its name says that it may be one.
    """
    if folder not in cache:
        cache[folder] = {}
        try:
            files = sorted(os.scandir(folder), key=lambda one: one.name)
        except OSError:
            files = []
        for one in files:
            if len(files) > _MANY_FILES and Path(one.name).suffix.lower() not in SUFFIXES:
                continue
            try:
                if not one.is_file(follow_symlinks=False):
                    continue
                with open(one, "rb") as file:  # noqa: PTH123 - of an entry, whose kind is known without asking again
                    head = file.read(HEAD_BYTES)
                    if database_form(head) is not None and one.stat().st_size <= LARGEST_COMPANION:
                        cache[folder][one.name] = head + file.read(LARGEST_COMPANION)
            except OSError:
                continue
    return cache[folder]


def _scan_files(
    paths: list[str],
    asked_as: dict[Path, str],
    *,
    hash_content: bool,
    sketch: bool,
    plugins: Sequence[str] = (),
    places: Places | None = None,
    look: int = 100,
) -> list[tuple[Path, FactSheet]]:
    """Describe files on this machine; `asked_as` is given the name of each."""
    items: list[tuple[Path, FactSheet]] = []
    cache: dict[Path, dict[str, bytes]] = {}
    began = time.monotonic()
    scanner = Scanner(plugins, places, look)
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
                    sketch=sketch,
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
    return items


def _corrections(path: Path) -> Corrections:
    # It brings every recogniser: imported when somebody corrects.
    from carnet.service.scan_corrections import Corrections

    return Corrections.of_file(path)


def _places(files: Sequence[Path], keys: Sequence[str] | None) -> Places:
    """Open signed lists of sensitive places; raises `InputError` unless each is signed, trusted and in force."""
    from carnet.evidence.signing import PublicKey
    from carnet.service.place_signing import places_of_files

    if not keys:
        raise InputError(
            "a list of sensitive places is believed by its officer's key",
            where="--officer-key",
            remedy="give what carnet node key printed, and compare it with the officer",
        )
    return places_of_files(files, [PublicKey.from_text(one) for one in keys], datetime.now(UTC).date())


def _sampled(percent: int, items: Iterable[tuple[Path, FactSheet]]) -> Sampled | None:
    return None if percent == 100 else Sampled.of_sheets(percent, (sheet for _, sheet in items))  # noqa: PLR2004 - all


@app.command()
def scan(
    context: typer.Context,
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH", help="Files, folders, or s3://BUCKET/PREFIX.")
    ] = None,
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
        typer.Option(
            "--inventory", metavar="FILE", help="Also write the inventory as Parquet (listing, bucket)."
        ),
    ] = None,
    corrections: Annotated[
        Path | None,
        typer.Option("--corrections", metavar="FILE", help="What people say of it: YAML."),
    ] = None,
    template_corrections: Annotated[
        Path | None,
        typer.Option("--template-corrections", metavar="FILE", help="Write what is unknown, to fill in."),
    ] = None,
    plugin: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Also read, or look, with this.")
    ] = None,
    places: Annotated[
        list[Path] | None,
        typer.Option("--places", metavar="FILE", help="A signed list of sensitive places to look for."),
    ] = None,
    officer_key: Annotated[
        list[str] | None,
        typer.Option(
            "--officer-key", envvar="CARNET_OFFICER_KEY", help="Public key that signed it (--places)."
        ),
    ] = None,
    look: Annotated[
        int,
        typer.Option(min=1, max=100, help="Look for people in so many of 100 files; the others are unknown."),
    ] = 100,
    bucket_region: BucketRegion = None,
    from_country: From = None,
    policy: Policy = None,
    endpoint: Endpoint = None,
    sample: Sample = 0,
    since: Since = None,
    resume: Resume = False,
    yes: Yes = False,
) -> None:
    """Say what is in these files, in law: classes, sizes, places, and what could not be read.

    Example: carnet scan samples/shanghai_drive --json
    """
    if region is not None and region not in COUNTRIES:
        raise InputError("a region is an ISO 3166-1 alpha-2 code such as CN", where="--region")
    if listing:
        from carnet.service.cli.scan_listing import scan_listing

        if paths or html is not None or hash_content or corrections or template_corrections or places:
            raise InputError("a listing is looked at by name only", where="--listing", remedy="give no PATH")
        scan_listing(listing, inventory, as_json=as_json)
        return
    if not paths:
        raise InputError("nothing to scan", where="PATH", remedy="name a file, a folder or --listing FILE")
    bucket_asked = any(one.startswith("s3://") for one in paths)
    if bucket_asked and (len(paths) > 1 or hash_content):
        raise InputError("a bucket is scanned alone, and without --hash", where="PATH")
    if bucket_asked and plugin:
        raise InputError("a bucket is scanned without plug-ins", where="--plugin", remedy="scan it mounted")
    if bucket_asked and places:
        raise InputError(
            "a bucket is scanned without a list of places", where="--places", remedy="scan it mounted"
        )
    if bucket_asked and look < 100:  # noqa: PLR2004 - all of a hundred
        raise InputError("a bucket's sample is --sample", where="--look")
    check_installed(plugin or ())
    check_outputs(html, template_corrections)
    check_keys(context, places)
    told = _places(places, officer_key) if places else None
    if not bucket_asked and (inventory or since or resume or sample):
        raise InputError("an inventory is made of a listing or a bucket", where="--inventory")
    said = None if corrections is None else _corrections(corrections)
    if bucket_asked and said is not None and said.need_digest:
        raise InputError("a bucket's objects are not hashed: correct by name", where="--corrections")
    hash_content = hash_content or (said is not None and said.need_digest)
    started = datetime.now(UTC)
    asked_as: dict[Path, str] = {}
    if bucket_asked:
        told_of = region, bucket_region, from_country, policy, endpoint
        wishes = LakeWishes(*told_of, sample, yes, resume, inventory, since, sketch=html is not None)
        items = scan_lake(paths[0], wishes)
        asked_as = {path: path.as_posix() for path, _ in items}
    else:
        items = _scan_files(
            paths,
            asked_as,
            hash_content=hash_content,
            sketch=html is not None,
            plugins=plugin or (),
            places=told,
            look=look,
        )
    if not items:
        raise UnreadableError(
            "there is no file in it", where=paths[0], remedy="name a folder that holds files"
        )
    items.sort(key=lambda one: str(one[0]))
    if said is not None:
        items = [(path, said.of(sheet, asked_as[path])) for path, sheet in items]
        sys.stderr.writelines(f"{line}\n" for line in said.said())
    if template_corrections is not None:
        from carnet.service.scan_corrections import write_template

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
            sampled=_sampled(look, items),
        )
        write_page(html, shown)
        items = [(path, sheet.without_sketches()) for path, sheet in items]
    sampled = _sampled(look, items)
    sys.stdout.write(
        json.dumps(document(items, sampled), ensure_ascii=False) + "\n"
        if as_json
        else report(items, region, sampled)
    )

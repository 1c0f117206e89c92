"""`carnet redact`: the same file format out, without the people."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carnet.errors import CarnetError, InputError, StorageFullError, UnreadableError
from carnet.law.lawbook import load_lawbook
from carnet.model.ids import DataClass
from carnet.model.vocabulary import check_classes
from carnet.service.cli.session import walk_files

if TYPE_CHECKING:
    from carnet.deidentify.order import RedactionOrder, RedactionReport

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_PARTIAL = ".partial"
_LARGEST_COMPANION = 16 * 1024 * 1024
_ROOM = 1.5
_SPARE = 4 * 1024 * 1024
_QUIET_SECONDS = 2.0
_BEAT = 0.2


def redact_file(
    path: Path,
    out: Path,
    order: RedactionOrder,
    companions: Mapping[str, bytes],
    progress: Callable[[int, int], None] | None = None,
) -> RedactionReport:
    """Describe a file, redact it, and put the result at `out`, whole or not at all.

    Args:
        path: the file.
        out: the new file; its folder exists.
        order: what shall be taken out.
        companions: databases that lie beside the file, by name.
        progress: told how much is done of how much.

    Raises:
        CarnetError: whatever `describe` and `redact` raise.
        StorageFullError: there is not enough room; nothing is left behind.
    """
    from carnet.classify.describe import describe
    from carnet.deidentify.redact import redact

    _need_room(out.parent, path.stat().st_size)
    partial = out.with_name(out.name + _PARTIAL)
    try:
        with path.open("rb") as source, partial.open("wb") as sink:
            sheet = describe(source, name=path.name, companions=companions, detect=False)
            report = redact(
                source, sink, order, name=path.name, sheet=sheet, companions=companions, progress=progress
            )
            sink.flush()
            os.fsync(sink.fileno())
        partial.replace(out)
        _sync_folder(out.parent)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StorageFullError(
                "there is not enough room for the new file",
                where=str(out.parent),
                remedy="make room, or choose another place",
            ) from error
        raise UnreadableError(
            f"a file cannot be opened or written: {error.strerror}",
            where=str(out.parent),
            remedy="check the paths",
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return report


def _need_room(folder: Path, size: int) -> None:
    wanted = int(size * _ROOM) + _SPARE
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise StorageFullError(
            f"{wanted // 2**20 + 1} MiB are wanted and {free // 2**20} MiB are free",
            where=str(folder),
            remedy="make room, or choose another place",
        )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _companions(folder: Path) -> dict[str, bytes]:
    return {
        one.name: one.read_bytes()
        for one in sorted(folder.iterdir())
        if one.suffix.lower() == ".dbc" and one.is_file() and one.stat().st_size <= _LARGEST_COMPANION
    }


class _Progress:
    """One line on a terminal, from the third second on."""

    def __init__(self, *, quiet: bool) -> None:
        self._shows = sys.stderr.isatty() and not quiet
        self._begun = self._last = time.monotonic()
        self._drawn = False

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if not self._shows or now - self._begun < _QUIET_SECONDS or now - self._last < _BEAT:
            return
        self._last, self._drawn = now, True
        sys.stderr.write(f"\rredacting… {100 * done // max(total, 1):3d} %")
        sys.stderr.flush()

    def end(self) -> None:
        """Clear the line."""
        if self._drawn:
            sys.stderr.write("\r\033[K")
            self._drawn = False


def _folder(
    source: Path, out: Path, order: RedactionOrder, tell: _Progress, *, leave_out: bool
) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """Redact every file of a folder into a new one, which appears when all is done."""
    from carnet.deidentify.redact import suggested_name

    files = [one for one in walk_files(source) if one.is_file() and not one.is_symlink()]
    if not files:
        raise UnreadableError("the folder holds no file", where=str(source))
    _need_room(out.parent, sum(one.stat().st_size for one in files))
    partial = out.with_name(out.name + _PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    items: list[dict[str, Any]] = []
    left: list[tuple[str, str]] = []
    try:
        for number, path in enumerate(files):
            relative = path.relative_to(source)
            # Folder names came from outside too: they are kept only when they say nothing about a vehicle.
            inner = Path(*(suggested_name(part).removesuffix(".redacted") for part in relative.parts[:-1]))
            target = partial / inner / suggested_name(path.name)
            if target.exists():
                target = target.with_name(f"{number}.{target.name}")
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                report = redact_file(path, target, order, _companions(path.parent), tell)
            except InputError as error:
                if not leave_out:
                    raise type(error)(
                        error.what,
                        where=f"file {number + 1} of {len(files)}: {relative.suffix or 'no ending'}",
                        remedy=error.remedy or "take the file out of the folder, or say --leave-out",
                    ) from error
                left.append((relative.as_posix(), error.what))
                continue
            items.append({**report.to_json(), "out": target.relative_to(partial).as_posix()})
        if not items:
            raise UnreadableError("no file of the folder can be redacted", where=str(source))
        partial.rename(out)
        _sync_folder(out.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return items, left


@app.command()
def redact(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="A recording, picture or video, or a folder of them.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The new file, or the new folder.")],
    *,
    remove: Annotated[
        str,
        typer.Option(
            help="What to take out: faces, plates, vin, precise_location, trip_ends, names, device_ids."
        ),
    ] = "faces,plates,vin",
    drop: Annotated[str, typer.Option(help="Classes of data whose streams go whole, such as location.")] = "",
    trim_head: Annotated[float, typer.Option(help="Seconds to cut off at the start, of every stream.")] = 0.0,
    trim_tail: Annotated[float, typer.Option(help="Seconds to cut off at the end, of every stream.")] = 0.0,
    setting: Annotated[str, typer.Option(help="release (recall first) or fast.")] = "release",
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Leave files out that cannot be redacted, and say which.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file at OUT.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")] = False,
) -> None:
    """Take the people out of a recording; the format stays.

    Example: carnet redact drive.mcap clean.mcap --remove faces,plates,vin,precise_location
    """
    from carnet.deidentify.order import RedactionOrder

    dropped = [DataClass(one.strip()) for one in drop.split(",") if one.strip()]
    check_classes(dropped, load_lawbook().vocabulary, where="--drop")
    order = RedactionOrder.from_json(
        {
            "remove": [one.strip() for one in remove.split(",") if one.strip()],
            "drop": dropped,
            "trim_head_s": trim_head,
            "trim_tail_s": trim_tail,
            "setting": setting,
        }
    )
    _check_places(source, out, force=force)
    tell = _Progress(quiet=quiet)
    left: list[tuple[str, str]] = []
    try:
        if source.is_dir():
            items, left = _folder(source, out, order, tell, leave_out=leave_out)
        else:
            report = redact_file(source, out, order, _companions(source.parent), tell)
            items = [{**report.to_json(), "out": out.name}]
    finally:
        tell.end()
    if as_json:
        form = {"redact": "v1", "items": items}
        if left:
            form["left_out"] = [{"in": name, "reason": why} for name, why in left]
        sys.stdout.write(json.dumps(form, ensure_ascii=False, indent=1) + "\n")
    elif not quiet:
        for item in items:
            sys.stdout.write(_sentence(item))
        for name, why in left:
            sys.stdout.write(f"{name}: left out, {why}\n")


def _check_places(source: Path, out: Path, *, force: bool) -> None:
    if not source.exists():
        raise UnreadableError("there is no such file or folder", where=str(source), remedy="check the path")
    if not out.parent.is_dir():
        raise InputError("the folder for OUT does not exist", where=str(out.parent), remedy="make it first")
    if out.exists():
        if out.is_dir() or source.is_dir():
            raise InputError("OUT exists", where=str(out), remedy="name a place where nothing is yet")
        if out.samefile(source):
            raise InputError(
                "OUT is IN: the original stays as it is", where=str(out), remedy="name another file"
            )
        if not force:
            raise InputError("OUT exists", where=str(out), remedy="name another file, or say --force")
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise InputError("OUT lies inside IN", where=str(out), remedy="name a place outside of it")


def _sentence(item: Mapping[str, Any]) -> str:
    labels = [one["label"] for one in item["regions"]]
    parts = [
        f"{item['frames']} frames, {item['changed']} changed "
        f"({labels.count('face')} face and {labels.count('plate')} plate masks)"
        if item["frames"]
        else "no pictures"
    ]
    if item["unreadable"]:
        parts.append(f"{item['unreadable']} frames unreadable")
    if item["removed_streams"]:
        parts.append(f"taken out whole: {', '.join(item['removed_streams'])}")
    if item["vin_places"]:
        parts.append(f"VIN suppressed in {len(item['vin_places'])} places")
    if item["truncated"]:
        parts.append(f"the original was not whole: {item['truncated']}")
    return f"{item['out']}: {'; '.join(parts)}\n"


__all__ = ["CarnetError", "app", "redact_file"]

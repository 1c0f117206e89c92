"""Takes the people out of a file or a whole tree: `carnet redact`, and `carnet.redact` for programs.

Every file is read and written by worker processes, one a core, that hold no keys and reach nothing. A file, and
a tree, appears at its place when it is whole; until then it lies beside it under a name that ends in
`.partial`, with a journal by which an interrupted run goes on. The manifest lies beside the output: what was
done to every file, with digests, tools and thresholds.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from carnet.errors import (
    CarnetError,
    DetectorError,
    InputError,
    MissingExtraError,
    RedactionError,
    StorageFullError,
    UnreadableError,
)
from carnet.service.bag_metadata import new_bag_metadata, read_bag_metadata
from carnet.service.cli.session import walk_files
from carnet.service.redaction_checks import check_places, companions_in, need_room, of_system, stranger
from carnet.service.redaction_crew import PARTIAL, Crew, cores, sync_folder
from carnet.service.redaction_journal import Journal, refuse_running, write_manifest
from carnet.service.redaction_layouts import Layout, beside
from carnet.service.redaction_names import CleanNames, ending_of

if TYPE_CHECKING:
    from carnet.deidentify.order import RedactionOrder

MANIFEST = ".manifest.json"
_JOURNAL = ".partial.jsonl"
_OURS = (StorageFullError, MissingExtraError, DetectorError)
"""Errors that speak of this machine and not of one file: they end everything."""

Tell = Callable[[int, int, int, int], None]
"""Told bytes done, bytes in all, files done, files in all; from any thread, one call at a time."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """What came of it.

    Attributes:
        items: for each file what `carnet redact --json` prints of it.
        left_out: files that could not be redacted, by their path, and why.
        manifest: where the manifest lies.
        resumed: how many files were found whole from an earlier run.
    """

    items: tuple[dict[str, Any], ...]
    left_out: tuple[tuple[str, str], ...]
    manifest: Path
    resumed: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """One file of a tree: where it lies, its path there and in the new tree, its size, what its layout asks for."""

    path: Path
    relative: PurePosixPath
    out: PurePosixPath
    size: int
    task: Mapping[str, Any] | None = field(default=None, hash=False)


@dataclass(slots=True)
class _Count:
    """How much is done, over all workers."""

    total: int
    files: int
    tell: Tell | None
    _parts: dict[int, float] = field(default_factory=dict)
    _finished: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, number: int, size: int) -> Callable[[int, int], None]:
        """Give the function that hears of one file."""

        def hear(done: int, total: int) -> None:
            share = done / total if total > 0 else 0.0
            self._set(number, size * min(max(share, 0.0), 1.0), finished=False)

        return hear

    def finish(self, number: int, size: int) -> None:
        """One file is done."""
        self._set(number, float(size), finished=True)

    def _set(self, number: int, done: float, *, finished: bool) -> None:
        with self._lock:
            self._parts[number] = done
            self._finished += finished
            if self.tell is not None:
                self.tell(int(sum(self._parts.values())), self.total, self._finished, self.files)


def order_of(
    remove: Iterable[str],
    drop: Iterable[str] = (),
    trim_head_s: float = 0.0,
    trim_tail_s: float = 0.0,
    setting: str = "release",
    replace: Iterable[str] = (),
    location: Mapping[str, Any] | None = None,
    pictures: Mapping[str, Any] | None = None,
) -> RedactionOrder:
    """Make the order; raises `RedactionError` or `InputError` for what nobody could carry out."""
    from carnet.deidentify.order import RedactionOrder
    from carnet.law.lawbook import load_lawbook
    from carnet.model.ids import DataClass
    from carnet.model.vocabulary import check_classes

    dropped = [DataClass(one) for one in drop]
    if dropped:
        check_classes(dropped, load_lawbook().vocabulary, where="drop")
    return RedactionOrder.from_json(
        {
            "remove": list(remove),
            "drop": dropped,
            "trim_head_s": trim_head_s,
            "trim_tail_s": trim_tail_s,
            "setting": setting,
            "replace": list(replace),
            "location": location,
            "pictures": dict(pictures or {}),
        }
    )


def redact(
    source: Path | str,
    out: Path | str,
    remove: Iterable[str] = ("faces", "plates", "vin"),
    *,
    drop: Iterable[str] = (),
    trim_head_s: float = 0.0,
    trim_tail_s: float = 0.0,
    setting: Literal["release", "fast"] = "release",
    workers: int | None = None,
    leave_out: bool = False,
    resume: bool = False,
    force: bool = False,
    progress: Tell | None = None,
    replace: Iterable[str] = (),
    location: Mapping[str, Any] | None = None,
    keys: Mapping[str, str] | None = None,
    pictures: Mapping[str, Any] | None = None,
) -> Redaction:
    """Write a file or tree again without what shall be taken out; the formats stay.

    Args:
        source: a recording, picture or video, or a folder of them.
        out: the new file or folder; it appears whole or not at all, its manifest beside it.
        remove: parts to take out: `faces`, `plates`, `vin`, `precise_location`, …
        drop: classes of the vocabulary whose streams go whole.
        trim_head_s: seconds from the start in which every stream is taken out.
        trim_tail_s: the same before the end.
        setting: `release` looks hardest, `fast` is for a look inside the region.
        workers: processes at the same time; one a core when not given.
        leave_out: leave files out that cannot be redacted, instead of ending.
        resume: go on with an unfinished folder; files that are whole are not done again.
        force: replace a file at `out`, or start an unfinished folder anew.
        progress: told how much is done.
        replace: parts to exchange for tokens of a scope: `vin`, `plates`, `names`, `device_ids`.
        location: what shall become of places, in the form of an order.
        keys: `subject` and `scope` in base 64, as `redaction_keys` gives them; only some orders need them.
        pictures: `whole_persons` (true: from head to foot) and `fisheye_fov_deg` (degrees across a picture).

    Returns:
        What was done.

    Raises:
        CarnetError: a file cannot be read or redacted, the order is wrong, or there is no room.
    """
    source, out = Path(source), Path(out)
    order = order_of(remove, drop, trim_head_s, trim_tail_s, setting, replace, location, pictures)
    check_places(source, out, force=force)
    crew = Crew(workers or cores(), keys or {})
    try:
        if source.is_dir():
            return _Tree(source, out, order, crew, leave_out=leave_out, progress=progress).redact(
                resume=resume, force=force
            )
        return _file(source, out, order, crew, progress)
    except OSError as error:
        raise of_system(error, out.parent) from error
    finally:
        crew.close()


def _file(path: Path, out: Path, order: RedactionOrder, crew: Crew, progress: Tell | None) -> Redaction:
    size = path.stat().st_size
    need_room(out.parent, size)
    count = _Count(size, 1, progress)
    manifest = out.with_name(out.name + MANIFEST)
    # A manifest never stands beside a file that it does not speak of.
    manifest.unlink(missing_ok=True)
    report = crew.redact_file(path, out, order.to_json(), companions_in(path.parent), count.of(0, size))
    item = {**report, "out": out.name}
    shown = {**item, "in": CleanNames().part(path.name)}
    write_manifest(manifest, order.to_json(), [shown], [])
    count.finish(0, size)
    return Redaction((item,), (), manifest)


class _Tree:
    """A folder, redacted file by file into a new one."""

    def __init__(
        self,
        source: Path,
        out: Path,
        order: RedactionOrder,
        crew: Crew,
        *,
        leave_out: bool,
        progress: Tell | None,
    ) -> None:
        self._source, self._out, self._order, self._crew = source, out, order, crew
        self._leave_out = leave_out
        self._partial = out.with_name(out.name + PARTIAL)
        self._tell = progress
        self._names = CleanNames()
        self._left: dict[PurePosixPath, str] = {}
        self._bags: dict[PurePosixPath, dict[str, Any]] = {}
        self._resumed = 0
        self._companions: dict[Path, dict[str, bytes]] = {}
        self._stop = threading.Event()
        self._layout = Layout(order)

    def redact(self, *, resume: bool, force: bool) -> Redaction:
        """Do it; raises what `redact` raises. What is whole stays for the next run when one file ends it."""
        jobs = self._jobs()
        journal_path = self._out.with_name(self._out.name + _JOURNAL)
        refuse_running(journal_path)
        if self._partial.exists() and not (resume or force):
            raise InputError(
                "an unfinished redaction lies there",
                where=str(self._partial),
                remedy="say --resume to go on with it, or --force to start anew",
            )
        if not resume:
            shutil.rmtree(self._partial, ignore_errors=True)
            journal_path.unlink(missing_ok=True)
        done_already = sum(one.stat().st_size for one in self._partial.rglob("*") if one.is_file())
        need_room(self._out.parent, max(0, sum(one.size for one in jobs) - done_already))
        begun_with = {**self._order.to_json(), "keys": self._crew.keys_digest}
        journal = Journal(journal_path, begun_with, resume=resume)
        try:
            self._partial.mkdir(exist_ok=True)
            items = self._all(jobs, journal)
            if not items:
                raise UnreadableError("no file of the folder can be redacted", where=str(self._source))
            made = self._bag_metadata(items)
            self._sweep({self._partial / one.out for one in jobs} | made)
        except BaseException:
            journal.close()
            if not any(one.is_file() for one in self._partial.rglob("*")):
                shutil.rmtree(self._partial, ignore_errors=True)
                journal.remove()
            raise
        manifest = self._out.with_name(self._out.name + MANIFEST)
        shown = [
            {**item, "in": self._shown(job.relative)} for job in jobs if (item := items.get(job)) is not None
        ]
        left = [(self._shown(path), why) for path, why in sorted(self._left.items())]
        write_manifest(manifest, self._order.to_json(), shown, left)
        self._partial.rename(self._out)
        sync_folder(self._out.parent)
        journal.remove()
        return Redaction(
            tuple(items[one] for one in jobs if one in items),
            tuple((path.as_posix(), why) for path, why in sorted(self._left.items())),
            manifest,
            self._resumed,
        )

    def _shown(self, relative: PurePosixPath) -> str:
        """Give the path that may be told: nobody and no place in it."""
        return self._names.path(self._layout.path(relative)).as_posix()

    def _jobs(self) -> list[Job]:
        found = walk_files(self._source)
        if not found:
            raise UnreadableError("the folder holds no file", where=str(self._source))
        relatives = [PurePosixPath(one.relative_to(self._source).as_posix()) for one in found]
        layout = self._layout = Layout.of(relatives, self._order)
        moved = {one: layout.path(one) for one in relatives}
        self._names.keep({part for one in moved.values() for part in one.parts})
        jobs = []
        for number, (path, relative) in enumerate(zip(found, relatives, strict=True)):
            bag = read_bag_metadata(path) if path.is_file() and not path.is_symlink() else None
            if bag is not None:
                self._bags[relative] = bag
                continue
            out = self._names.path(moved[relative])
            gone = layout.leaves_out(relative)
            if gone is not None:
                self._left[relative] = gone
                continue
            task = layout.task(relative)
            strange = stranger(path, any_format=task is not None)
            if strange is None:
                jobs.append(Job(path, relative, out, path.stat().st_size, task))
            elif self._leave_out:
                self._left[relative] = strange
            else:
                raise UnreadableError(
                    strange,
                    where=f"file {number + 1} of {len(found)}: {ending_of(path.name) or 'no ending'}",
                    remedy="take the file out of the folder, or say --leave-out",
                )
        return jobs

    def _all(self, jobs: list[Job], journal: Journal) -> dict[Job, dict[str, Any]]:
        count = _Count(sum(one.size for one in jobs), len(jobs), self._tell)
        items: dict[Job, dict[str, Any]] = {}
        lock = threading.Lock()

        def one(number: int, job: Job) -> None:
            if self._stop.is_set():
                return
            item = self._one(job, journal, lock, count.of(number, job.size), number, len(jobs))
            if item is not None:
                with lock:
                    items[job] = item
            count.finish(number, job.size)

        with ThreadPoolExecutor(self._crew.size) as pool:
            futures: list[Future[None]] = [pool.submit(one, *each) for each in enumerate(jobs)]
            try:
                for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                    future.result()
            except BaseException:
                self._stop.set()
                for future in futures:
                    future.cancel()
                self._crew.close()
                raise
        return items

    def _one(
        self,
        job: Job,
        journal: Journal,
        lock: threading.Lock,
        progress: Callable[[int, int], None],
        number: int,
        of: int,
    ) -> dict[str, Any] | None:
        target = self._partial / job.out
        key = job.out.as_posix()
        noted = journal.done(key, job.path, target)
        if noted is not None:
            with lock:
                self._resumed += 1
            return {**noted, "in": job.path.name, "out": key}
        target.parent.mkdir(parents=True, exist_ok=True)
        with lock:
            if job.path.parent not in self._companions:
                self._companions[job.path.parent] = companions_in(job.path.parent)
            companions = self._companions[job.path.parent]
        try:
            report = self._crew.redact_file(
                job.path,
                target,
                self._order.to_json(),
                companions,
                progress,
                task=job.task,
                beside=beside(job.path, job.task) if job.task else {},
            )
        except _OURS:
            raise
        except CarnetError as error:
            if self._stop.is_set():
                return None
            if not self._leave_out:
                raise _named(
                    error, f"file {number + 1} of {of}: {ending_of(job.relative.name) or 'no ending'}"
                ) from error
            with lock:
                self._left[job.relative] = error.what
            return None
        with lock:
            # The journal lies beside the output for days, perhaps: no name that identifies stands in it.
            journal.add(key, {**report, "in": key, "out": key}, target.stat().st_size)
        return {**report, "out": key}

    def _bag_metadata(self, items: Mapping[Job, dict[str, Any]]) -> set[Path]:
        """Write what describes ROS 2 bags, now that their files are known; gives the files."""
        made = set()
        for relative, old in self._bags.items():
            done = {job.relative: (job.out.name, item) for job, item in items.items()}
            wanted = [relative.parent / PurePosixPath(one).name for one in old["relative_file_paths"]]
            content = new_bag_metadata(old, [done[one] for one in wanted if one in done])
            target = self._partial / self._names.path(relative)
            with target.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            made.add(target)
        return made

    def _sweep(self, wanted: set[Path]) -> None:
        """Take away what an earlier run left and this one does not know."""
        for path in sorted(self._partial.rglob("*"), reverse=True):
            if path.is_dir() and not path.is_symlink():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path not in wanted:
                path.unlink()


def _named(error: CarnetError, where: str) -> CarnetError:
    kind = type(error) if isinstance(error, InputError) else RedactionError
    return kind(
        error.what,
        where=where,
        remedy=error.remedy or "take the file out of the folder, or say --leave-out",
    )


def item_summary(item: Mapping[str, Any]) -> str:
    """Say in a line what was done to one file."""
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
    return f"{item['out']}: {'; '.join(parts)}"

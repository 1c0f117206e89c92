"""Worker processes that redact files: one a core, each doing one file after the other.

The bytes that a worker writes go into a file beside the target, and their digest is taken here: what the report
says of the output is checked against it before the file takes its name.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import queue
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, cast

from carnet.errors import CarnetError, UnreadableError, WorkerError
from carnet.service.isolation import Limits
from carnet.service.workers import Rewrites, Worker

Progress = Callable[[int, int], None]
PARTIAL = ".partial"
_SLOWEST_BYTES_S = 20_000
_LEAST_S = 3600
_MEMORY = 4 << 30
"""Address space, not memory in use: models and codecs map much more than they touch."""


def cores() -> int:
    """Give how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


class _Joined(io.RawIOBase):
    """Files one after the other, as one."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._parts = [(one, one.stat().st_size) for one in paths]
        self._at = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: sum(size for _, size in self._parts)}
        self._at = max(0, base[whence] + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        made = bytearray()
        start = 0
        for path, length in self._parts:
            inside = self._at + len(made) - start
            if 0 <= inside < length and (size < 0 or len(made) < size):
                with path.open("rb") as file:
                    file.seek(inside)
                    made += file.read(length - inside if size < 0 else min(size - len(made), length - inside))
            start += length
        self._at += len(made)
        return bytes(made)


class _Output:
    """The new file, as far as a worker may go back in it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.rewritten = False

    def rewrite(self, offset: int, data: bytes) -> None:
        """Write over a part."""
        self.rewritten = True
        self._file.seek(offset)
        self._file.write(data)
        self._file.seek(0, os.SEEK_END)

    def reread(self, offset: int, size: int) -> bytes:
        """Read a part."""
        self._file.seek(offset)
        data = self._file.read(size)
        self._file.seek(0, os.SEEK_END)
        return data


class Crew:
    """Up to `size` workers; safe to use from as many threads.

    Args:
        size: how many.
        keys: the keys of the redactions that they do, in base 64, by part.
    """

    def __init__(self, size: int, keys: Mapping[str, str] = MappingProxyType({})) -> None:
        self.size = max(1, size)
        self._keys = dict(keys)
        self._idle: queue.SimpleQueue[Worker | None] = queue.SimpleQueue()
        self._workers: list[Worker] = []
        for _ in range(self.size):
            self._idle.put(None)

    @property
    def keys_digest(self) -> str | None:
        """What tells these keys from others and gives nothing of them away; they are random, 32 bytes each."""
        if not self._keys:
            return None
        parts = "\n".join(f"{part} {key}" for part, key in sorted(self._keys.items()))
        return hashlib.sha256(f"keys of a redaction\n{parts}".encode()).hexdigest()

    def run(
        self,
        task: str,
        path: Path,
        parameters: Mapping[str, Any],
        sink: Callable[[bytes], object],
        progress: Progress | None = None,
        rewrites: Rewrites | None = None,
        beside: Sequence[Path] = (),
    ) -> Any:
        """Let a worker do one task on one file; gives its result.

        Raises:
            CarnetError: whatever the task raised, or the worker's end.
        """
        seconds = _LEAST_S + path.stat().st_size // _SLOWEST_BYTES_S
        threads = max(1, cores() // self.size)
        worker = self._idle.get()
        try:
            if worker is None or not worker.alive:
                worker = Worker(Limits(memory_bytes=_MEMORY, processor_s=30 * 24 * 3600))
                self._workers.append(worker)
            with _Joined([path, *beside]) if beside else path.open("rb") as source:
                return worker.run(
                    task,
                    cast("BinaryIO", source),
                    {"threads": threads, **parameters},
                    sink=sink,
                    rewrites=rewrites,
                    progress=progress,
                    seconds=seconds,
                ).result
        except BaseException as error:
            # A worker that answered, if only with a refusal, is at rest; any other one goes.
            if worker is not None and (isinstance(error, WorkerError) or not isinstance(error, CarnetError)):
                worker.close()
            raise
        finally:
            self._idle.put(worker)

    def redact_file(
        self,
        path: Path,
        out: Path,
        order: Mapping[str, Any],
        companions: Mapping[str, bytes],
        progress: Progress | None = None,
        *,
        task: Mapping[str, Any] | None = None,
        beside: Mapping[str, Path] = MappingProxyType({}),
    ) -> dict[str, Any]:
        """Redact one file into a new one, which appears whole or not at all; gives the report.

        With `task` it is done by the file's place in a data set, with the files `beside` it.

        Raises:
            CarnetError: it cannot be redacted.
            OSError: the new file cannot be written.
        """
        partial = out.with_name(out.name + PARTIAL)
        digest = hashlib.sha256()
        try:
            with partial.open("w+b") as file:

                def sink(data: bytes) -> None:
                    digest.update(data)
                    file.write(data)

                over = _Output(file)
                parameters: dict[str, Any] = {
                    "name": path.name,
                    "order": dict(order),
                    "companions": _encoded(companions),
                    "keys": self._keys,
                }
                if task is not None:
                    parts = [("", path), *beside.items()]
                    sizes = [(name, one.stat().st_size) for name, one in parts]
                    parameters |= {"task": dict(task), "parts": sizes}
                report: dict[str, Any] = self.run(
                    "redact" if task is None else "layout",
                    path,
                    parameters,
                    sink,
                    progress,
                    over,
                    tuple(beside.values()),
                )
                file.flush()
                os.fsync(file.fileno())
            if over.rewritten:
                # The worker cannot read what it wrote; the digest is that of the file.
                report["out_sha256"] = digest_of(partial)
            elif report.get("out_sha256") != digest.hexdigest():
                raise WorkerError("the report of a worker does not speak of the bytes that it wrote")
            if not partial.stat().st_size:
                raise UnreadableError("nothing came out of the file", where="file")
            partial.replace(out)
            sync_folder(out.parent)
        finally:
            partial.unlink(missing_ok=True)
        return report

    def close(self) -> None:
        """End the workers, whatever they are doing."""
        for worker in self._workers:
            worker.close()


def _encoded(companions: Mapping[str, bytes]) -> dict[str, str]:
    return {name: base64.b64encode(data).decode("ascii") for name, data in companions.items()}


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def digest_of(path: Path) -> str:
    """Give the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""The node's side of the workers: start one, feed it ranges of a recording, take result and bytes.

A node gives every task a process of its own: what a hostile recording does to a worker ends with it. `carnet scan`,
which holds no keys, lets a worker do one file after the other. Only reads inside the recording that was opened
for the task are answered, and a worker that goes over its time is killed.
"""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from carnet import errors
from carnet.errors import WorkerError
from carnet.service.isolation import Limits
from carnet.service.worker import LARGEST_FRAME, OFFSET, RANGE, READ_AHEAD, Pipe

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a worker gave: its result, and which measures of isolation held."""

    result: Any
    isolation: Mapping[str, bool]


class Rewrites(Protocol):
    """An output of which a worker may write over, and read, what it wrote before."""

    def rewrite(self, offset: int, data: bytes) -> None:
        """Write over a part."""

    def reread(self, offset: int, size: int) -> bytes:
        """Read a part."""


class Worker:
    """A worker process: does one task after the other, until it is closed or one of them kills it."""

    def __init__(self, limits: Limits | None = None) -> None:
        budget = limits or Limits()
        self._ours, theirs = socket.socketpair()
        # -P: the working folder must not become a place that the worker may read.
        command = [sys.executable, "-P", "-m", "carnet.service.worker", str(theirs.fileno())]
        command += [str(one) for one in (budget.memory_bytes, budget.processor_s, budget.open_files)]
        self._process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            cwd="/",
        )
        theirs.close()

    def run(
        self,
        task: str,
        source: BinaryIO,
        parameters: Mapping[str, Any],
        *,
        sink: Callable[[bytes], object] | None = None,
        rewrites: Rewrites | None = None,
        progress: Progress | None = None,
        seconds: float = 3600.0,
        ahead: int = READ_AHEAD,
    ) -> Outcome:
        """Run one task; see `run_worker`; `rewrites` lets it write over what it wrote, where that is needed.

        `ahead` is how many bytes the worker asks for at least, where every byte has its price.

        After a `WorkerError` the worker may be gone: make another.
        """
        source.seek(0, io.SEEK_END)
        size = source.tell()
        watchdog = threading.Timer(seconds, self._process.kill)
        watchdog.start()
        try:
            pipe = Pipe(self._ours)
            order = {
                "task": task,
                "bytes": size,
                "parameters": parameters,
                "ahead": ahead,
                "rewrites": rewrites is not None,
            }
            pipe.send(b"T", json.dumps(order).encode())
            return _converse(pipe, source, size, sink, rewrites, progress)
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            self._process.wait()
            raise WorkerError(
                f"the worker for {task} ended with status {self._process.returncode} and no result",
                remedy="the file may be hostile, or the budget too small; nothing was taken from it",
            ) from error
        finally:
            watchdog.cancel()

    @property
    def alive(self) -> bool:
        """Whether it can take another task."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it."""
        self._ours.close()
        self._process.kill()
        self._process.wait()


def run_worker(
    task: str,
    source: BinaryIO,
    parameters: Mapping[str, Any],
    *,
    sink: Callable[[bytes], object] | None = None,
    progress: Progress | None = None,
    limits: Limits | None = None,
    seconds: float = 3600.0,
) -> Outcome:
    """Run one task in a process of its own.

    Args:
        task: a name of the worker's closed list.
        source: a seekable file; the worker reads it by ranges.
        parameters: JSON values for the task.
        sink: takes the output bytes, in order.
        progress: told (done, of how many).
        limits: memory, processor time, open files.
        seconds: wall time after which the worker is killed.

    Raises:
        WorkerError: the worker died, went over its budget, or broke the form.
        CarnetError: whatever the task itself raised.
    """
    worker = Worker(limits)
    try:
        return worker.run(task, source, parameters, sink=sink, progress=progress, seconds=seconds)
    finally:
        worker.close()


def _converse(
    pipe: Pipe,
    source: BinaryIO,
    size: int,
    sink: Callable[[bytes], object] | None,
    rewrites: Rewrites | None,
    progress: Progress | None,
) -> Outcome:
    written = 0
    while True:
        letter, payload = pipe.receive()
        if letter == b"R":
            offset, length = RANGE.unpack(payload)
            if offset + length > size or length > LARGEST_FRAME:
                raise WorkerError("the worker asked for bytes outside its recording")
            source.seek(offset)
            pipe.send(b"D", source.read(length))
        elif letter == b"W" and sink is not None:
            sink(payload)
            written += len(payload)
        elif letter == b"Y" and rewrites is not None:
            offset, length = RANGE.unpack(payload)
            if offset + length > written or length > LARGEST_FRAME:
                raise WorkerError("the worker asked for bytes that it had not written")
            pipe.send(b"D", rewrites.reread(offset, length))
        elif letter == b"X" and rewrites is not None:
            (offset,) = OFFSET.unpack_from(payload)
            piece = payload[OFFSET.size :]
            if offset + len(piece) > written:
                raise WorkerError("the worker wanted to write over what it had not written")
            rewrites.rewrite(offset, piece)
        elif letter == b"P":
            if progress is not None:
                done, total = json.loads(payload)
                progress(int(done), int(total))
        elif letter == b"E":
            raise _raised(json.loads(payload))
        elif letter == b"Z":
            form = json.loads(payload)
            return Outcome(form["result"], form["isolation"])
        else:
            raise WorkerError("the worker said something that it may not say")


def _raised(form: Mapping[str, Any]) -> errors.CarnetError:
    """Make the worker's error again, from the closed tree of ours."""
    kind = getattr(errors, str(form.get("error")), None)
    if not (isinstance(kind, type) and issubclass(kind, errors.CarnetError)):
        kind = WorkerError
    return kind(str(form.get("what")), where=form.get("where"), remedy=form.get("remedy"))


def _environment() -> dict[str, str]:
    """The few variables a worker needs: no secrets of the node's environment go along."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    package = str(Path(errors.__file__).resolve().parents[1])
    return kept | {"PYTHONPATH": package, "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}

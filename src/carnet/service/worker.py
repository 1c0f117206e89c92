"""The worker's side: `python -m carnet.service.worker FD`.

It runs readers, detectors and redactors on a recording it can only read through its pipe, and gives back a
JSON result and, for a redaction, bytes. It has no network, no keys and no files. The pipe is a socket pair;
a frame is one letter, four bytes of length and the payload:

    worker -> node   R offset, length: give me these bytes      W bytes of the output
                     X offset, bytes: over what was written     P done, of how many
                     Y offset, length: of what was written      E an error
                     Z the result
    node -> worker   T the task (first frame)                   D bytes that were asked for
"""

from __future__ import annotations

import importlib
import io
import json
import socket
import struct
import sys
import traceback
from typing import Any, BinaryIO, cast

from carnet.errors import CarnetError, is_out_of_memory
from carnet.service.isolation import Limits, isolate

FRAME = struct.Struct("!cI")
RANGE = struct.Struct("!QI")
OFFSET = struct.Struct("!Q")
READ_AHEAD = 1 << 20
LARGEST_FRAME = 64 << 20

TASKS: dict[str, tuple[str, str]] = {
    "describe": ("carnet.service.tasks", "describe"),
    "describe_many": ("carnet.service.tasks", "describe_many"),
    "redact": ("carnet.service.tasks", "redact"),
    "layout": ("carnet.service.tasks", "layout"),
    "samples": ("carnet.service.tasks", "samples"),
    "check": ("carnet.service.tasks", "check"),
    "draw": ("carnet.service.certifying_tasks", "draw"),
    "look": ("carnet.service.certifying_tasks", "look"),
    "hold": ("carnet.service.certifying_tasks", "hold"),
    "pictures": ("carnet.service.certifying_tasks", "pictures"),
    "keys": ("carnet.service.listing_tasks", "keys"),
    "probe": ("carnet.service.tasks", "probe"),
}
"""The closed list of what a worker does, and where."""


class Pipe:
    """Frames over a stream socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, letter: bytes, payload: bytes | memoryview) -> None:
        """Send a frame."""
        self._connection.sendall(FRAME.pack(letter, len(payload)))
        self._connection.sendall(payload)

    def receive(self) -> tuple[bytes, bytes]:
        """Receive a frame; raises `EOFError` when the other side is gone or breaks the form."""
        letter, length = FRAME.unpack(self._exactly(FRAME.size))
        if length > LARGEST_FRAME:
            raise EOFError("a frame beyond the limit")
        return letter, self._exactly(length)

    def _exactly(self, length: int) -> bytes:
        data = bytearray(length)
        view = memoryview(data)
        while view:
            count = self._connection.recv_into(view)
            if count == 0:
                raise EOFError("the pipe was closed")
            view = view[count:]
        return bytes(data)


class _RemoteSource(io.RawIOBase):
    """The recording, as a seekable file on the other side of the pipe."""

    def __init__(self, pipe: Pipe, size: int) -> None:
        self._pipe = pipe
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # `io` says Buffer, which 3.11 cannot name
        view = memoryview(buffer).cast("B")
        wanted = max(0, min(len(view), self._size - self._position, LARGEST_FRAME))
        if wanted == 0:
            return 0
        self._pipe.send(b"R", RANGE.pack(self._position, wanted))
        letter, data = self._pipe.receive()
        if letter != b"D" or len(data) > wanted:
            raise EOFError("the node answered with something else")
        view[: len(data)] = data
        self._position += len(data)
        return len(data)


class _Output(io.BufferedWriter):
    """The output where early parts may be written over."""

    def rewrite(self, offset: int, data: bytes) -> None:
        self.flush()
        cast("_RemoteSink", self.raw).rewrite(offset, data)

    def reread(self, offset: int, size: int) -> bytes:
        self.flush()
        return cast("_RemoteSink", self.raw).reread(offset, size)


class _RemoteSink(io.RawIOBase):
    """The output, sent piece by piece; it can be told its position and not moved."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        for start in range(0, len(view), READ_AHEAD):
            self._pipe.send(b"W", view[start : start + READ_AHEAD])
        self._position += len(view)
        return len(view)

    def rewrite(self, offset: int, data: bytes) -> None:
        for start in range(0, len(data), READ_AHEAD):
            self._pipe.send(b"X", OFFSET.pack(offset + start) + data[start : start + READ_AHEAD])

    def reread(self, offset: int, size: int) -> bytes:
        self._pipe.send(b"Y", RANGE.pack(offset, size))
        letter, data = self._pipe.receive()
        if letter != b"D" or len(data) != size:
            raise EOFError("the node answered with something else")
        return data


def _serve(pipe: Pipe, payload: bytes, held: dict[str, bool]) -> None:
    order = json.loads(payload)
    module, name = TASKS[order["task"]]
    run = getattr(importlib.import_module(module), name)
    source = cast("BinaryIO", io.BufferedReader(_RemoteSource(pipe, order["bytes"]), order["ahead"]))
    buffered = _Output if order.get("rewrites") else io.BufferedWriter
    sink = cast("BinaryIO", buffered(_RemoteSink(pipe), READ_AHEAD))

    def progress(done: int, total: int) -> None:
        pipe.send(b"P", json.dumps([done, total]).encode())

    result = run(source, sink, order["parameters"], progress)
    sink.flush()
    pipe.send(b"Z", json.dumps({"result": result, "isolation": held}).encode())


def _answer(pipe: Pipe, payload: bytes, held: dict[str, bool]) -> None:
    try:
        _serve(pipe, payload, held)
    except CarnetError as error:
        form = {
            "error": type(error).__name__,
            "what": error.what,
            "where": error.where,
            "remedy": error.remedy,
        }
        pipe.send(b"E", json.dumps(form).encode())
    except EOFError:
        raise
    except Exception as error:  # noqa: BLE001 - a hostile file may raise anything; only the place is told
        last = traceback.extract_tb(error.__traceback__)[-1]
        what = f"a reader failed on it: {type(error).__name__} in {last.name}"
        if is_out_of_memory(error):
            what = "the memory budget is used up"
        pipe.send(b"E", json.dumps({"error": "WorkerError", "what": what}).encode())


def main() -> None:
    """Isolate, then do the tasks that come through the pipe until it is closed."""
    pipe = Pipe(socket.socket(fileno=int(sys.argv[1])))
    limits = Limits(*(int(one) for one in sys.argv[2:5]))
    held = isolate(limits)
    while True:
        try:
            letter, payload = pipe.receive()
            if letter != b"T":
                return
            _answer(pipe, payload, held)
        except (EOFError, OSError):
            return


if __name__ == "__main__":
    main()

"""Bytes from one thread to another: bounded, and errors are passed on."""

from __future__ import annotations

import queue
import threading

from carnet.errors import VaultError


class Feed:
    """From the thread that hears a worker to the thread that seals."""

    def __init__(self) -> None:
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue(8)
        self._held = memoryview(b"")
        self._ended = False
        self._stopped = threading.Event()

    def put(self, data: bytes) -> None:
        """Wait until there is room, and hand bytes on; raises `VaultError` when nobody reads any more."""
        while not self._stopped.is_set():
            try:
                self._queue.put(data, timeout=0.2)
            except queue.Full:
                continue
            return
        raise VaultError("the output could not be written", remedy="see the vault's disk")

    def fail(self, error: BaseException) -> None:
        """Let the reader raise this error."""
        if not self._stopped.is_set():
            self._queue.put(error)

    def end(self) -> None:
        """Say that there is no more."""
        if not self._stopped.is_set():
            self._queue.put(None)

    def stop(self) -> None:
        """Say that nobody reads any more."""
        self._stopped.set()

    def read(self, size: int) -> bytes:
        """Give up to `size` bytes, nothing at the end."""
        while not self._held and not self._ended:
            one = self._queue.get()
            if isinstance(one, BaseException):
                raise one
            self._ended = one is None
            self._held = memoryview(one or b"")
        piece, self._held = bytes(self._held[:size]), self._held[size:]
        return piece

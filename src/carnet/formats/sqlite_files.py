"""SQLite on files that have no path: read from any seekable source, written to a sink that can be written over.

A worker has no file system, and a recording of many gigabytes does not fit into memory; so SQLite reads and
writes its pages through a virtual file system (sqlite.org/vfs.html) that goes to the source or the sink.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import apsw

_NUMBERS = itertools.count()
_LONGEST_VALUE = 1 << 30
_PAGE_CACHE = -16 * 1024
"""SQLite's unit: negative is KiB."""


class Seekable(Protocol):
    """What pages are read from."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move."""

    def read(self, size: int, /) -> bytes:
        """Read."""


class Pages(Protocol):
    """What pages are written to: at any place up to the end, and read back from there."""

    def length(self) -> int:
        """Give how long it is."""

    def put(self, offset: int, data: bytes) -> None:
        """Write at a place."""

    def get(self, offset: int, size: int) -> bytes:
        """Read what was written."""


class _File:
    """What SQLite asks of a file; one process, so there is nothing to lock."""

    def xClose(self) -> None:
        """Nothing to do: the source stays open."""

    def xLock(self, level: int) -> None:
        """Nobody else is there."""

    def xUnlock(self, level: int) -> None:
        """As above."""

    def xCheckReservedLock(self) -> bool:
        """As above."""
        return False

    def xDeviceCharacteristics(self) -> int:
        """Nothing special."""
        return 0

    def xSectorSize(self) -> int:
        """Give the usual size."""
        return 4096

    def xFileControl(self, operation: int, pointer: int) -> bool:
        """Nothing is supported."""
        del operation, pointer
        return False

    def xSync(self, flags: int) -> None:
        """The sink is synced by who owns it."""


class _Source(_File):
    def __init__(self, source: Seekable) -> None:
        self._source = source

    def xFileSize(self) -> int:
        return self._source.seek(0, 2)

    def xRead(self, amount: int, offset: int) -> bytes:
        self._source.seek(offset)
        return self._source.read(amount)


class _Sink(_File):
    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def xFileSize(self) -> int:
        return self._pages.length()

    def xRead(self, amount: int, offset: int) -> bytes:
        size = min(amount, self._pages.length() - offset)
        return self._pages.get(offset, size) if size > 0 else b""

    def xWrite(self, data: bytes, offset: int) -> None:
        end = self._pages.length()
        if offset > end:
            self._pages.put(end, bytes(offset - end))
        self._pages.put(offset, bytes(data))

    def xTruncate(self, length: int) -> None:
        if length < self._pages.length():
            raise apsw.IOError("a new database does not become shorter")


@contextmanager
def _system(file: _File) -> Iterator[str]:
    class System(apsw.VFS):
        """One file under any name."""

        def xOpen(self, name: Any, flags: list[int]) -> Any:
            if name is None or flags[0] & apsw.SQLITE_OPEN_MAIN_DB == 0:
                raise apsw.CantOpenError("only the one file is there")
            return file

        def xAccess(self, name: str, flags: int) -> bool:
            del name, flags
            return False

        def xFullPathname(self, name: str) -> str:
            return name

        def xDelete(self, name: str, sync: bool) -> None:  # noqa: FBT001 - the library calls it so
            del name, sync

    name = f"carnet-{next(_NUMBERS)}"
    system = System(name, "")
    try:
        yield name
    finally:
        system.unregister()


def _careful(connection: apsw.Connection) -> apsw.Connection:
    """Trust nothing that a database brings along: no functions in views, no extensions, no huge values."""
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    connection.limit(apsw.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
    connection.execute(f"PRAGMA cache_size={_PAGE_CACHE}")
    return connection


@contextmanager
def reading(source: Seekable) -> Iterator[apsw.Connection]:
    """Open a database to be read; raises `apsw.Error` when it is none."""
    with _system(_Source(source)) as name:
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        connection = apsw.Connection("file:source?immutable=1", flags=flags, vfs=name)
        try:
            connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
            yield _careful(connection)
        finally:
            connection.close(True)


class Writing:
    """A new database."""

    def __init__(self, pages: Pages) -> None:
        self._stack = _system(_Sink(pages))
        self._name = self._stack.__enter__()
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        self.connection = _careful(apsw.Connection("new", flags=flags, vfs=self._name))
        for one in ("locking_mode=EXCLUSIVE", "journal_mode=OFF", "synchronous=OFF", "temp_store=MEMORY"):
            self.connection.execute(f"PRAGMA {one}")

    def close(self) -> None:
        """Write what is left."""
        self.connection.close()
        self._stack.__exit__(None, None, None)

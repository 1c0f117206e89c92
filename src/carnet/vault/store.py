"""Objects at rest in one region: written whole or not at all, addressed by a keyed hash of their ciphertext.

No segment is shared across recordings, so that erasure is true. A crash leaves at most a temporary file,
which `sweep` removes; an object that no catalog entry names is removed by the same.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import io
import os
import queue
import secrets
import shutil
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from carnet.errors import StorageFullError, TamperedError, VaultError
from carnet.model.ids import Digest
from carnet.vault.keys import RecordingKey, RegionKey
from carnet.vault.segments import (
    HEADER,
    SALT,
    SEGMENT,
    TAG,
    SealedFile,
    Segments,
    pieces,
    segment_count,
)

_TEMPORARY = ".partial"
_QUEUE = 8  # segments in flight between the reading and the sealing thread: bounds memory to some 20 MiB
_RESERVE = 64 << 20  # room that a write leaves free, for the database and its log


@dataclass(frozen=True, slots=True)
class Written:
    """An object that is durable: its address, the length and the digest of its content."""

    address: str
    bytes: int
    content: Digest


class Vault:
    """The objects of one region, in a folder."""

    def __init__(self, folder: Path, region: RegionKey) -> None:
        self._folder = folder
        self._region = region
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _path(self, address: str) -> Path:
        return self._folder / address[:2] / address

    def write(
        self,
        key: RecordingKey,
        read: Callable[[int], bytes],
        *,
        expected_bytes: int | None = None,
    ) -> Written:
        """Seal what `read(size)` gives until it gives nothing; durable when it returns.

        Reading and content hash run in this thread, sealing, addressing and writing in another: both release
        the interpreter lock.

        Raises:
            StorageFullError: there is no room; nothing was left behind.
            VaultError: the folder cannot be written.
        """
        self._check_room(expected_bytes)
        temporary = self._folder / f"{secrets.token_hex(16)}{_TEMPORARY}"
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise _storage_error(error) from error
        try:
            with os.fdopen(handle, "wb", buffering=0) as file:
                size, content, address = self._seal_into(file, key, read)
                os.fsync(file.fileno())
            final = self._path(address)
            if not final.parent.is_dir():
                final.parent.mkdir(exist_ok=True, mode=0o700)
                _sync_folder(self._folder)
            temporary.replace(final)
            _sync_folder(final.parent)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise _storage_error(error) from error
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return Written(address, size, Digest(f"sha256:{content}"))

    def _seal_into(
        self, file: io.RawIOBase, key: RecordingKey, read: Callable[[int], bytes]
    ) -> tuple[int, str, str]:
        salt = secrets.token_bytes(SALT)
        segments = Segments(*key.object_key(salt), salt)
        address = self._region.addressing()
        address.update(HEADER + salt)
        file.write(HEADER + salt)
        content, size = hashlib.sha256(), 0
        waiting: queue.Queue[tuple[int, bytes, bool] | None] = queue.Queue(_QUEUE)
        failures: list[BaseException] = []
        sealing = threading.Thread(
            target=_seal_waiting, args=(waiting, segments, address, file, failures), daemon=True
        )
        sealing.start()
        try:
            for index, data, last in pieces(read):
                if failures:
                    break
                content.update(data)
                size += len(data)
                waiting.put((index, data, last))
        finally:
            waiting.put(None)
            sealing.join()
        if failures:
            raise failures[0]
        return size, content.hexdigest(), address.hexdigest()

    def _check_room(self, expected_bytes: int | None) -> None:
        if expected_bytes is None:
            return
        free = shutil.disk_usage(self._folder).free
        needed = expected_bytes + segment_count(expected_bytes) * TAG + len(HEADER) + SALT
        if free < needed + min(_RESERVE, needed):
            raise StorageFullError(
                f"the vault has {free >> 20} MiB free and would need {needed >> 20} MiB",
                remedy="free space on the vault's disk, then ingest again; nothing was written",
            )

    def open(self, key: RecordingKey, address: str, content_bytes: int) -> BinaryIO:
        """Give a seekable file of the content; raises `TamperedError` when the stored bytes were changed."""
        path = self._path(address)
        try:
            file = path.open("rb")
        except OSError as error:
            raise VaultError("an object is not in the vault", remedy="restore it from a copy") from error
        header = file.read(len(HEADER))
        salt = file.read(SALT)
        length = len(HEADER) + SALT + content_bytes + segment_count(content_bytes) * TAG
        if header != HEADER or len(salt) != SALT or path.stat().st_size != length:
            file.close()
            raise TamperedError("an object's header or length was changed", remedy="restore it from a copy")
        segments = Segments(*key.object_key(salt), salt)
        sealed = SealedFile(file, segments, len(HEADER) + SALT, content_bytes)
        return cast("BinaryIO", io.BufferedReader(sealed, SEGMENT))

    def holds(self, address: str) -> bool:
        """Whether an object is there."""
        return self._path(address).is_file()

    def check_address(self, address: str) -> None:
        """Raise `TamperedError` unless the stored bytes give this address: a check that needs no content key."""
        keyed = self._region.addressing()
        try:
            with self._path(address).open("rb") as file:
                while data := file.read(SEGMENT):
                    keyed.update(data)
        except OSError as error:
            raise VaultError("an object is not in the vault", remedy="restore it from a copy") from error
        if not hmac.compare_digest(keyed.hexdigest(), address):
            raise TamperedError("an object is not what its address says", remedy="restore it from a copy")

    def delete(self, address: str) -> None:
        """Remove an object's bytes; removing it twice is no error."""
        self._path(address).unlink(missing_ok=True)

    def sweep(self, named: Iterable[str]) -> int:
        """Remove temporary files and objects that the catalog does not name; gives how many."""
        keep = set(named)
        gone = 0
        for path in list(self._folder.rglob("*")):
            if path.is_file() and path.name not in keep:
                path.unlink(missing_ok=True)
                gone += 1
        return gone


def _seal_waiting(
    waiting: queue.Queue[tuple[int, bytes, bool] | None],
    segments: Segments,
    address: hmac.HMAC,
    file: io.RawIOBase,
    failures: list[BaseException],
) -> None:
    """Seal, address and write what waits, until `None`; a failure is kept and the rest is drained."""
    while (one := waiting.get()) is not None:
        if failures:
            continue
        try:
            index, data, last = one
            sealed = segments.seal(index, data, last=last)
            address.update(sealed)
            view = memoryview(sealed)
            while view:
                view = view[cast("int", file.write(view)) :]
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for it
            failures.append(error)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _storage_error(error: OSError) -> VaultError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return StorageFullError(
            "the disk is full; the write was undone",
            remedy="free space on the vault's disk, then try again",
        )
    return VaultError(
        f"the vault cannot be written: {error.strerror}", remedy="check its folder and its permissions"
    )

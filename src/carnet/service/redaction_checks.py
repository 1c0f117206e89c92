"""What is looked at before a redaction begins: places, room, and what a file's first bytes tell."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from carnet.errors import CarnetError, InputError, StorageFullError, UnreadableError
from carnet.formats.can_databases import SUFFIXES
from carnet.formats.sniff import HEAD_BYTES, foreign_name, is_plain_text, known_format

_ROOM = 1.5
_SPARE = 4 * 1024 * 1024
_LARGEST_COMPANION = 16 * 1024 * 1024


def check_places(source: Path, out: Path, *, force: bool) -> None:
    """Refuse places that cannot be, before anything is read."""
    for one in (source, out):
        if not is_text_name(one.name):
            raise InputError(
                "a name holds bytes that are no text (UTF-8)", where="IN or OUT", remedy="rename it first"
            )
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


def is_text_name(name: str) -> bool:
    """Say whether a name can be written down: Python keeps bytes that are no UTF-8 as lone surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def need_room(folder: Path, size: int) -> None:
    """Refuse to begin where the new files would not fit; raises `StorageFullError`."""
    wanted = int(size * _ROOM) + _SPARE
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise StorageFullError(
            f"{wanted // 2**20 + 1} MiB are wanted and {free // 2**20} MiB are free",
            where=str(folder),
            remedy="make room, or choose another place",
        )


def of_system(error: OSError, folder: Path) -> CarnetError:
    """Give the error of ours that says what the system said."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return StorageFullError(
            "there is not enough room for the new file",
            where=str(folder),
            remedy="make room, or choose another place",
        )
    return UnreadableError(
        f"a file cannot be opened or written: {error.strerror}", where=str(folder), remedy="check the paths"
    )


def companions_in(folder: Path) -> dict[str, bytes]:
    """Give the CAN databases that lie in a folder, by name."""
    return {
        one.name: one.read_bytes()
        for one in sorted(folder.iterdir())
        if one.suffix.lower() in SUFFIXES and one.is_file() and one.stat().st_size <= _LARGEST_COMPANION
    }


def stranger(path: Path, *, any_format: bool) -> str | None:
    """Say why a file cannot be redacted as far as its first bytes tell, or None."""
    if not is_text_name(path.name):
        return "its name holds bytes that are no text (UTF-8)"
    if path.is_symlink():
        return "it is a symbolic link"
    if not path.is_file():
        return "it is not a regular file"
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    if not head:
        return "the file is empty"
    if not any_format and known_format(head) is None and not is_plain_text(head):
        return f"carnet does not read this: it is {foreign_name(head)}"
    return None

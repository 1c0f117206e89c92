"""A lawbook that was read and checked is kept on disk for the next command, as Python keeps compiled modules.

What is kept is named by the digest of the lawbook's texts and by the program that read them, and it is taken
only when it holds exactly these texts: a changed line of law, or of this package, is another name. It is a
convenience of the command line. A node reads its lawbook itself, and so does whoever checks a dossier.

Whoever can write into this folder can write into the package's own compiled modules as well; still, nothing but
the lawbook's own values is made from what is read, and a file that others could have written is not read.
Set `CARNET_CACHE` to another folder, or to nothing to keep nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from carnet.law.lawbook import Lawbook
    from carnet.model.ids import Digest

VARIABLE = "CARNET_CACHE"
MOST_KEPT = 8
_HEAD = b"carnet lawbook, read and checked, 1\n"
_DIGEST_BYTES = 32
_LARGEST = 64 * 1024 * 1024
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_VALUES = frozenset(
    f"carnet.{one}"
    for one in (
        "law.held",
        "law.lawbook",
        "law.reading",
        "law.register",
        "law.rules",
        "model.decision",
        "model.vocabulary",
        "model.yaml12",
    )
)


def cache_folder() -> Path | None:
    """Give the folder in which lawbooks are kept, or nothing where none shall be."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        return Path(named) if named else None
    base = os.environ.get("XDG_CACHE_HOME")
    if base and Path(base).is_absolute():
        return Path(base) / "carnet"
    try:
        return Path.home() / ".cache" / "carnet"
    except RuntimeError:
        return None


def take(digest: Digest, texts: dict[str, str]) -> Lawbook | None:
    """Give the lawbook that was read from these texts by this program, if it is kept and sound.

    Args:
        digest: of the texts.
        texts: the files' texts by path, just read.
    """
    folder = cache_folder()
    if folder is None:
        return None
    data = _read(folder / _name(digest))
    if data is None:
        return None
    try:
        found: Any = _Values(io.BytesIO(data)).load()
    except Exception:  # noqa: BLE001 - whatever is wrong with what was kept: the texts are read again
        return None
    sound = type(found).__name__ == "Lawbook" and found.digest == digest and found.texts == texts
    return found if sound else None


def keep(book: Lawbook) -> None:
    """Keep a lawbook that was read and checked; where the folder cannot be written, nothing is kept."""
    folder = cache_folder()
    if folder is None:
        return
    data = pickle.dumps(book, protocol=5)
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=folder, suffix=".partial")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(_HEAD + hashlib.sha256(data).digest() + data)
            Path(partial).replace(folder / _name(book.digest))
        finally:
            Path(partial).unlink(missing_ok=True)
        held = sorted(folder.glob("lawbook-*.kept"), key=lambda one: one.stat().st_mtime_ns)
        for old in held[:-MOST_KEPT]:
            old.unlink(missing_ok=True)


class _Values(pickle.Unpickler):
    """Makes the values a lawbook consists of, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("datetime", "date"):
            return super().find_class(module, name)
        found = super().find_class(module, name) if module in _VALUES and "." not in name else None
        if not isinstance(found, type) or found.__module__ != module:
            raise pickle.UnpicklingError("no value of a lawbook")
        return found


def _name(digest: Digest) -> str:
    """Name what is kept by the law and by the program: another version of either finds nothing."""
    program = hashlib.sha256(repr((sys.version, _modules())).encode()).hexdigest()
    return f"lawbook-{digest.rpartition(':')[2][:32]}-{program[:16]}.kept"


def _modules() -> list[tuple[str, int, int]]:
    """List the modules that read law, each with its time and length."""
    package = Path(__file__).resolve().parent.parent
    out: list[tuple[str, int, int]] = []
    for room in ("law", "model"):
        with os.scandir(package / room) as entries:
            states = [(one.name, one.stat()) for one in entries if one.name.endswith(".py")]
        out += [(f"{room}/{name}", state.st_mtime_ns, state.st_size) for name, state in states]
    return sorted(out)


def _read(path: Path) -> bytes | None:
    """Give the bytes kept under a name, if the file is ours alone to write and whole."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as source:
        state = os.fstat(source.fileno())
        own = stat.S_ISREG(state.st_mode) and state.st_uid == os.geteuid()
        if not own or state.st_mode & _OTHERS_MAY_WRITE or state.st_size > _LARGEST:
            return None
        try:
            data = source.read()
        except OSError:
            return None
    start = len(_HEAD) + _DIGEST_BYTES
    whole = data.startswith(_HEAD) and hashlib.sha256(data[start:]).digest() == data[len(_HEAD) : start]
    return data[start:] if whole else None

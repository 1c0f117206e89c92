"""The journal of an unfinished redaction, and the manifest of a finished one.

The journal lies beside the unfinished tree, one JSON line for each file that is done, written and synced after
the file itself has its name. What a line says is believed only as far as the digests of both files still hold:
a crash, a full disk or a changed original costs the files it touched and no more. The manifest is what the
journal becomes: everything that was done to every file, beside the output and never in it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from carnet import __version__
from carnet.errors import InputError
from carnet.service.redaction_crew import digest_of, sync_folder

VERSION = "v1"


class Journal:
    """Lines of what is done, for one order."""

    def __init__(self, path: Path, order: Mapping[str, Any], *, resume: bool) -> None:
        """Open it, or go on with the one that is there.

        Raises:
            InputError: it belongs to another order or to another version of carnet.
        """
        self._path = path
        head = {"journal": VERSION, "carnet": __version__, "order": dict(order)}
        self._done: dict[str, dict[str, Any]] = {}
        old = path.read_bytes().split(b"\n") if resume and path.exists() else []
        lines = [one for one in map(_line, old[:-1]) if one is not None]
        if lines:
            if lines[0] != head:
                raise InputError(
                    "what lies there was begun with another order or other keys, or by another version of carnet",
                    where=str(path),
                    remedy="use the same options, or start anew with --force",
                )
            self._done = {str(one["key"]): one for one in lines[1:] if "key" in one}
        # Made anew, so that a line that a crash cut is not continued.
        fresh = path.with_name(path.name + ".new")
        with fresh.open("wb") as file:
            for one in (head, *self._done.values()):
                file.write(_bytes(one))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        sync_folder(path.parent)
        self._file = path.open("ab")
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def done(self, key: str, source: Path, out: Path) -> dict[str, Any] | None:
        """Give what was noted for a file when both it and its output are still what they were."""
        noted = self._done.get(key)
        if noted is None or not out.is_file():
            return None
        item: dict[str, Any] = noted["item"]
        if out.stat().st_size != noted["out_bytes"] or digest_of(out) != item["out_sha256"]:
            return None
        return item if digest_of(source) == item["in_sha256"] else None

    def add(self, key: str, item: Mapping[str, Any], out_bytes: int) -> None:
        """Note that a file is done; durable when this returns."""
        self._file.write(_bytes({"key": key, "out_bytes": out_bytes, "item": dict(item)}))
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; what is noted stays."""
        self._file.close()

    def remove(self) -> None:
        """Take it away: the redaction is finished."""
        self.close()
        self._path.unlink(missing_ok=True)


def refuse_running(path: Path) -> None:
    """Refuse to touch what another run is writing at this moment; raises `InputError`."""
    if not path.exists():
        return
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                "another run is writing there",
                where=str(path),
                remedy="wait for its end, or name another place",
            ) from None


def _line(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _bytes(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def write_manifest(
    path: Path,
    order: Mapping[str, Any],
    items: Sequence[Mapping[str, Any]],
    left_out: Sequence[tuple[str, str]],
) -> None:
    """Write the manifest, whole or not at all.

    Args:
        path: where it goes, beside the output.
        order: what was taken out.
        items: the report of each file; `in` must be a name that identifies nobody.
        left_out: files that were left out, by such a name, and why.
    """
    form = {
        "redaction_manifest": VERSION,
        "carnet": __version__,
        "order": dict(order),
        "files": [dict(one) for one in items],
        "left_out": [{"in": name, "reason": why} for name, why in left_out],
    }
    partial = path.with_name(path.name + ".new")
    try:
        with partial.open("w", encoding="utf-8") as file:
            json.dump(form, file, ensure_ascii=False, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)

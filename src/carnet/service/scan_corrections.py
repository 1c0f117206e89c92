"""Corrections around a scan: the file is read before it, and told after it what became of each entry."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from carnet.classify.corrections import Correction, Outcome, corrected, read_corrections, template
from carnet.errors import InputError, UnreadableError
from carnet.model.factsheet import FactSheet

_LARGEST = 8_000_000
_HEAD = """\
# What this scan could not name. Fill in what you know, take out the rest: carnet scan PATH --corrections FILE
# data: a class of the vocabulary, a list of them, or `nothing` where law has no name for it.
# author: initials or a role, shown on every sheet. reason: how you know; it stays here. day: as in 2026-11-22.
"""


class Corrections:
    """The corrections of one scan."""

    def __init__(self, entries: Sequence[Correction]) -> None:
        self._entries = entries
        self._outcome = Outcome()

    @classmethod
    def of_file(cls, path: Path) -> Corrections:
        """Read a file of corrections.

        Raises:
            InputError: an entry is not complete, or names no class of the lawbook's vocabulary.
            UnreadableError: the file is not there, too large, or no YAML.
        """
        from carnet.law.lawbook import load_lawbook

        try:
            with path.open("rb") as file:
                data = file.read(_LARGEST + 1)
            if len(data) > _LARGEST:
                raise UnreadableError("it is too large", where=str(path), remedy="split the file")
            text = data.decode("utf-8")
        except OSError as error:
            raise UnreadableError(
                f"it cannot be opened: {error.strerror}", where=str(path), remedy="check the path"
            ) from error
        except UnicodeDecodeError as error:
            raise UnreadableError(
                "it is no UTF-8 text", where=str(path), remedy="save it as UTF-8"
            ) from error
        vocabulary = load_lawbook(kept=True).vocabulary
        return cls(read_corrections(text, str(path), vocabulary, date.today()))  # noqa: DTZ011 -- the author's day

    @property
    def need_digest(self) -> bool:
        """Whether an entry speaks of a file by its digest."""
        return any("digest" in one.match for one in self._entries)

    def of(self, sheet: FactSheet, name: str) -> FactSheet:
        """Give a sheet as corrected."""
        return corrected(sheet, name, self._entries, self._outcome)

    def said(self) -> Iterable[str]:
        """Say what became of the entries: what contents contradict, and what nothing answered to."""
        for number, one in enumerate(self._entries):
            streams = self._outcome.contradicted.get(one, 0)
            if streams:
                yield f"correction entries[{number}] is contradicted by contents: {streams} of its streams stay"
            elif one not in self._outcome.applied:
                yield f"correction entries[{number}] spoke of nothing in this scan"


def write_template(path: Path, sheets: Iterable[FactSheet]) -> str:
    """Write what is unknown, grouped, for a person to fill in; gives a sentence about it.

    Raises:
        InputError: the file is there already, or cannot be written.
    """
    entries, left = template(sheets)
    lines = [_HEAD + "corrections: v1", "entries:" if entries else "entries: []"]
    for one in entries:
        lines.append(f"  # in {one['seen']} {'stream' if one['seen'] == 1 else 'streams'}")
        lines.append("  - match: " + json.dumps(one["match"], ensure_ascii=False))
        lines += ["    data: []", '    author: ""', '    reason: ""', '    day: ""']
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    except OSError as error:
        raise InputError(
            f"the template cannot be written: {error.strerror}",
            where="--template-corrections",
            remedy="name a file that is not there yet",
        ) from error
    more = f"; {left} more cannot be named, or are beyond the list" if left else ""
    return f"{len(entries)} kinds of unknown fields to fill in{more}"

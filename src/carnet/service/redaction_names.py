"""Names of files and folders, as they may stand in a redacted tree.

A name is kept unless it identifies somebody: a VIN in it becomes `vehicle`, and a name in which a plate, a mail,
a telephone or a place stands, or that is not printable, is replaced but for its last ending. The same name becomes
the same name wherever it stands in the tree, and two names never become one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from carnet.recognise.text import find_vins, recognise

_SUFFIX = re.compile(r"(?:\.[A-Za-z][A-Za-z0-9]{0,7}){0,2}\Z")
_ENDING = re.compile(r"(?<=.)\.(?:[A-Za-z]{1,8}|[A-Za-z]{1,4}\d|h26[45])\Z")
# In names, words are joined by what a recogniser of sentences takes for part of a word.
_JOINTS = re.compile(r"[_\-.+ ]+")
_SOFT_JOINTS = re.compile(r"[_ ]+")


class CleanNames:
    """Gives every path of one tree the path it has in the redacted tree."""

    def __init__(self) -> None:
        self._vins: dict[str, str] = {}
        self._parts: dict[str, str] = {}
        self._taken: set[str] = set()

    def path(self, relative: PurePosixPath) -> PurePosixPath:
        """Give the new path of a file or folder, relative to the root."""
        return PurePosixPath(*(self.part(one) for one in relative.parts))

    def part(self, name: str) -> str:
        """Give one name's new name; the same each time it is asked for."""
        if name not in self._parts:
            made = self._clean(name)
            stem, suffix = _split(made)
            number = 1
            while made.casefold() in self._taken and made != name:
                number += 1
                made = f"{stem}-{number}{suffix}"
            self._taken.add(made.casefold())
            self._parts[name] = made
        return self._parts[name]

    def keep(self, names: Iterable[str]) -> None:
        """Reserve names that stay as they are, so that no new name becomes one of them."""
        self._taken.update(one.casefold() for one in names if not identifies(one))

    def _clean(self, name: str) -> str:
        stem, suffix = _split(name)
        for token in _tokens(stem):
            for vin in find_vins(f"vin {token}"):
                instead = self._vins.setdefault(vin, _numbered("vehicle", len(self._vins)))
                stem = re.sub(re.escape(vin), instead, stem, flags=re.IGNORECASE)
        # Signs that steer a terminal, and bytes that are no text, are in nobody's way under another name.
        if identifies(stem + suffix) or not name.isprintable():
            # A first ending may be the end of a mail's domain.
            return f"file{ending_of(name)}"
        return stem + suffix


def identifies(name: str) -> bool:
    """Say whether something that identifies somebody stands in a name."""
    stem, _ = _split(name)
    spellings = (name, " ".join(_tokens(name)), _SOFT_JOINTS.sub(" ", stem))
    vins = any(find_vins(f"vin {one}") for one in _tokens(name))
    return vins or any(recognise(one) for one in spellings)


def ending_of(name: str) -> str:
    """Give a name's last ending as it may be told; empty when it has none, or one that could be a value."""
    found = _ENDING.search(name)
    return found.group() if found else ""


def _tokens(name: str) -> list[str]:
    return [one for one in _JOINTS.split(name) if one]


def _numbered(word: str, before: int) -> str:
    return word if not before else f"{word}{before + 1}"


def _split(name: str) -> tuple[str, str]:
    """Give a name's stem and its endings, at most two, without what may stand in them."""
    found = _SUFFIX.search(name)
    at = found.start() if found and found.start() > 0 else len(name)
    return name[:at], name[at:]

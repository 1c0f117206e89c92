"""Reading one file of the lawbook: closed keys, and every refusal with file, line and remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from datetime import date
from typing import Any

from carnet.errors import LawbookError, UnreadableError
from carnet.model.decision import CERTAINTIES
from carnet.model.yaml12 import Document, read_yaml


class Node:
    """One value of a lawbook file, with its place."""

    def __init__(self, doc: Document, path: str, value: Any) -> None:
        self.doc = doc
        self.path = path
        self.value = value

    @classmethod
    def of_text(cls, text: str, source: str) -> Node:
        """Read a file's text."""
        try:
            doc = read_yaml(text, source)
        except UnreadableError as error:
            raise LawbookError(error.what, where=error.where, remedy=error.remedy) from None
        return cls(doc, "", doc.value)

    def error(self, what: str, remedy: str) -> LawbookError:
        """Make a refusal that names this place."""
        return LawbookError(what, where=self.doc.where(self.path), remedy=remedy)

    def keys(self, need: tuple[str, ...], may: tuple[str, ...] = ()) -> None:
        """Refuse a mapping that lacks a needed key or holds one that is not listed."""
        if not isinstance(self.value, dict):
            raise self.error("a mapping is wanted here", "write name: value")
        for key in self.value:
            if key not in need and key not in may:
                near = difflib.get_close_matches(key, [*need, *may], n=1)
                hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join((*need, *may))}"
                raise self[key].error(f"the key {key!r} is not known here", hint)
        for key in need:
            if key not in self.value:
                raise self.error(f"the key {key!r} is missing", f"add {key}")

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    def __getitem__(self, key: str) -> Node:
        return Node(self.doc, f"{self.path}.{key}" if self.path else key, self.value[key])

    def get(self, key: str) -> Node | None:
        """Give a key's node, or nothing."""
        if key not in self:
            return None
        return self[key]

    def items(self) -> Iterator[tuple[str, Node]]:
        """Give every key with its node."""
        if not isinstance(self.value, dict):
            raise self.error("a mapping is wanted here", "write name: value")
        for key in self.value:
            yield key, self[key]

    def each(self) -> Iterator[Node]:
        """Give every member of a list."""
        if not isinstance(self.value, list):
            raise self.error("a list is wanted here", "write it as [a, b]")
        for number, one in enumerate(self.value):
            yield Node(self.doc, f"{self.path}[{number}]", one)

    def text(self) -> str:
        """Give text, or refuse."""
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.error(
                "text is wanted here", "write a word or a sentence, quoted if it looks like a number"
            )
        return " ".join(self.value.split())

    def word(self, among: tuple[str, ...] | frozenset[str], noun: str) -> str:
        """Give one word of a closed list."""
        text = self.text()
        if text not in among:
            near = difflib.get_close_matches(text, sorted(among), n=1)
            hint = f"did you mean {near[0]}?" if near else f"one of: {', '.join(sorted(among))}"
            raise self.error(f"{noun} {text!r} is not known", hint)
        return text

    def words(self) -> tuple[str, ...]:
        """Give a list of texts."""
        return tuple(one.text() for one in self.each())

    def flag(self) -> bool:
        """Give true or false."""
        if not isinstance(self.value, bool):
            raise self.error("true or false is wanted here", "say true or false")
        return self.value

    def day(self) -> date:
        """Give a day."""
        try:
            return date.fromisoformat(self.text())
        except ValueError:
            raise self.error("this is no day", "write it as 2026-08-01") from None

    def certainty(self) -> str:
        """Give a certainty mark."""
        return self.word(CERTAINTIES, "the certainty")


def named_under(value: Any, key: str) -> Iterator[str]:
    """Give every text that stands under a key, however deep."""
    if isinstance(value, list):
        for one in value:
            yield from named_under(one, key)
    elif isinstance(value, dict):
        if isinstance(value.get(key), str):
            yield value[key]
        yield from named_under(list(value.values()), key)

"""The words in which pages say a condition, in English and Chinese; they explain and decide nothing.

They lie in `words.yaml` of the lawbook and of its orders, outside the lawbook's digest. What has no Chinese is
said in English and marked so: a page never makes a translation up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from carnet.law.derived import DERIVED
from carnet.law.reading import Node
from carnet.law.register import Register

WORDS = "words.yaml"
WORDING = "wording.yaml"
KINDS = (
    "facts",
    "classes",
    "routes",
    "determinations",
    "values",
    "countries",
    "units",
    "operators",
    "connectives",
    "effects",
    "certainties",
    "who",
    "when",
)
_OF_ORDER = ("terms", "instruments", "parameters", "rules")


@dataclass(frozen=True, slots=True)
class Pair:
    """The same words in English and, where we have them, in Chinese."""

    en: str
    zh: str | None = None


@dataclass(frozen=True, slots=True)
class Fragment:
    """Words of an official text that a source we hold quotes; never a sentence made by us.

    Attributes:
        of: the rules and parameters that it belongs to.
        source: where the words were read.
    """

    of: tuple[str, ...]
    language: str
    words: str
    source: str
    certainty: str


@dataclass(frozen=True)
class Words:
    """All words, by kind and name.

    Attributes:
        entries: words by (kind, name); of an order by (folder, kind, name).
        fragments: official wording that is held.
    """

    register: Register
    entries: Mapping[tuple[str, ...], Pair] = field(default_factory=dict)
    says: Mapping[str, str] = field(default_factory=dict)
    fragments: tuple[Fragment, ...] = ()

    def of(self, kind: str, name: str) -> Pair:
        """Give the words for a name; where nothing is written, the name itself, in English alone."""
        found = self.entries.get((kind, name))
        if found is None:
            return Pair(name.replace("_", " ").replace(".", ": "))
        if found.en:
            return found
        return Pair(self._english(kind, name), found.zh)

    def _english(self, kind: str, name: str) -> str:
        if kind == "facts":
            entry = DERIVED.get(name) or self.register.get(name)
            if entry is not None:
                return entry.meaning
        return name.replace("_", " ")

    def of_order(self, folder: str, kind: str, name: str, english: str) -> Pair:
        """Give an order's words for a term, an instrument, a parameter or a rule's title."""
        found = self.entries.get((folder, kind, name))
        return Pair(english) if found is None else Pair(found.en or english, found.zh)

    def value(self, text: str) -> Pair:
        """Give the words for a value that a fact may have: a word of the list, a country, or itself."""
        for kind in ("values", "countries", "routes"):
            if (kind, text) in self.entries:
                return self.of(kind, text)
        return Pair(text, text)


def _pair(node: Node) -> Pair:
    if isinstance(node.value, dict):
        node.keys(("zh",), ("en",))
        return Pair(node["en"].text() if "en" in node else "", node["zh"].text())
    return Pair("", node.text())


def _common(top: Node) -> Iterator[tuple[tuple[str, ...], Pair]]:
    top.keys(("words", *KINDS))
    for kind in KINDS:
        for name, node in top[kind].items():
            yield (kind, name), _pair(node)


def _order(folder: str, top: Node) -> Iterator[tuple[tuple[str, ...], Pair, str | None]]:
    top.keys(("words",), _OF_ORDER)
    for kind in _OF_ORDER:
        for name, node in top[kind].items() if kind in top else ():
            if kind == "rules":
                node.keys(("title",), ("says",))
                says = node["says"].text() if "says" in node else None
                yield (folder, kind, name), Pair("", node["title"].text()), says
            else:
                yield (folder, kind, name), _pair(node), None


def _fragments(top: Node) -> Iterator[Fragment]:
    top.keys(("wording", "fragments"))
    for node in top["fragments"].each():
        node.keys(("of", "language", "words", "source", "certainty"))
        yield Fragment(
            node["of"].words(),
            node["language"].text(),
            node["words"].text(),
            node["source"].text(),
            node["certainty"].certainty(),
        )


def read_words(folder: Path, register: Register) -> Words:
    """Read the words that lie in a lawbook's folder; there may be none.

    Args:
        folder: a lawbook's folder.
        register: the registered facts, whose meaning stands where no English is written.

    Raises:
        LawbookError: an unknown key, or an entry without Chinese, with file and line.
    """

    def node(path: Path) -> Node:
        return Node.of_text(path.read_text(encoding="utf-8"), f"lawbook/{path.relative_to(folder)}")

    entries: dict[tuple[str, ...], Pair] = {}
    says: dict[str, str] = {}
    if (folder / WORDS).is_file():
        entries.update(_common(node(folder / WORDS)))
    for path in sorted(folder.glob(f"*/{WORDS}")):
        for name, pair, sentence in _order(path.parent.name, node(path)):
            entries[name] = pair
            if sentence is not None:
                says[name[-1]] = sentence
    fragments = [one for path in sorted(folder.glob(f"*/{WORDING}")) for one in _fragments(node(path))]
    return Words(register, entries, says, tuple(fragments))

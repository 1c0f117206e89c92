"""YAML 1.2 core schema (section 10.3 of the specification), with the line of every value.

Most Python loaders follow YAML 1.1, where the country code `NO` is false and `2026-08-01` is a date object.
Here a plain scalar is null, true, false, an integer, a float or text, and nothing else. Refused, with file
and line: a key given twice, a key that is not text, an anchor or alias, a tag, several documents in one
file, nesting deeper than `MAX_DEPTH`. JSON is a subset and goes the same way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from carnet.errors import UnreadableError

MAX_DEPTH = 64
MAX_CHARACTERS = 8_000_000

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_FIRST = frozenset("+-.0123456789")
"""What a number begins with."""

_INTEGER = re.compile(r"[-+]?[0-9]{1,4000}")
_OCTAL = re.compile(r"0o[0-7]{1,4000}")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,4000}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed text: its value, and the line on which each path stands (`contents[1].persons`)."""

    value: Any
    source: str
    lines: dict[str, int] = field(default_factory=dict)

    def where(self, path: str) -> str:
        """Name the place of a path for a person: source, line, path."""
        line = self.lines.get(path)
        place = f"{self.source}, line {line}" if line else self.source
        return f"{place}, {path}" if path else place


def plain_scalar(text: str) -> Any:
    """Resolve an unquoted scalar by the core schema."""
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text[0] not in _FIRST:
        return text
    if _INTEGER.fullmatch(text):
        return int(text, 10)
    if _OCTAL.fullmatch(text):
        return int(text, 0)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


class _Reader:
    """Builds a value from parser events without recursion in the parser itself."""

    def __init__(self, source: str, events: Iterator[Event]) -> None:
        self.source = source
        self.events = events
        self.lines: dict[str, int] = {}

    def _refuse(self, event: Event, what: str, remedy: str) -> UnreadableError:
        return UnreadableError(what, where=f"{self.source}, line {_line(event)}", remedy=remedy)

    def value(self, event: Event, path: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise self._refuse(event, f"nesting is deeper than {MAX_DEPTH} levels", "flatten the document")
        kind = event.__class__
        if kind is AliasEvent or event.anchor:  # type: ignore[attr-defined] # every other event here has one
            raise self._refuse(event, "anchors and aliases are not read here", "write the value out")
        if event.tag is not None:  # type: ignore[attr-defined] # as above
            raise self._refuse(event, "tags are not read here", "quote the value instead of tagging it")
        self.lines[path] = _line(event)
        if isinstance(event, ScalarEvent):
            return plain_scalar(event.value) if event.implicit[0] else event.value
        if kind is SequenceStartEvent:
            return self._sequence(path, depth)
        return self._mapping(path, depth)

    def _sequence(self, path: str, depth: int) -> list[Any]:
        out: list[Any] = []
        for event in self.events:
            if isinstance(event, SequenceEndEvent):
                break
            out.append(self.value(event, f"{path}[{len(out)}]", depth + 1))
        return out

    def _mapping(self, path: str, depth: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for event in self.events:
            if isinstance(event, MappingEndEvent):
                break
            key = self.value(event, f"{path}?", depth + 1)
            if isinstance(event, ScalarEvent) and not isinstance(key, str):
                # A key such as a date or a number stands for its own text.
                key = event.value
            if not isinstance(key, str) or not key:
                raise self._refuse(event, "a key is not text", "give every key as a word")
            if key in out:
                raise self._refuse(event, f"the key {key!r} is given twice", "keep one of them")
            below = f"{path}.{key}" if path else key
            out[key] = self.value(next(self.events), below, depth + 1)
            self.lines[below] = _line(event)
        return out


def _line(event: Event) -> int:
    mark = event.start_mark
    return int(mark.line) + 1 if mark is not None else 0


def read_yaml(text: str, source: str) -> Document:
    """Read one YAML 1.2 (or JSON) document.

    Args:
        text: the whole text.
        source: what to call it in messages: a path, or `standard input`.

    Raises:
        UnreadableError: with line and remedy, for anything named at the head of this module.
    """
    if len(text) > MAX_CHARACTERS:
        raise UnreadableError(
            f"the text is longer than {MAX_CHARACTERS} characters", where=source, remedy="split the document"
        )
    try:
        events = iter(yaml.parse(text, Loader=_LOADER))
        next(events)
        first = next(events)
        if not isinstance(first, DocumentStartEvent):
            raise UnreadableError("the document is empty", where=source, remedy="write one, see the example")
        reader = _Reader(source, events)
        value = reader.value(next(events), "", 0)
        next(events)
        after = next(events)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
        raise UnreadableError(
            f"this is not YAML: {problem}", where=f"{source}{line}", remedy="correct the line named"
        ) from None
    except StopIteration:
        raise UnreadableError("the document is empty", where=source, remedy="write one") from None
    except UnicodeError:
        raise UnreadableError("the text holds characters that YAML forbids", where=source) from None
    if isinstance(after, DocumentStartEvent):
        raise UnreadableError(
            "there are several documents in one text",
            where=f"{source}, line {_line(after)}",
            remedy="keep one document in a file",
        )
    return Document(value, source, reader.lines)

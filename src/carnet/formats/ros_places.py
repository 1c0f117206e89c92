"""Where the fields of a ROS message lie in its bytes, by the definition that the file carries.

One field can so be replaced while every other byte stays as the sender wrote it; decoding and encoding again
would also rewrite padding, and whatever a sender put behind the last field. CDR (DDS-XTypes 1.3, 7.4) aligns
every primitive to its own size, counted from behind four bytes of encapsulation; ROS 1 aligns nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from carnet.errors import UnreadableError
from carnet.formats.cdr import codec

_SIZES = {
    "bool": (1, "?"), "byte": (1, "B"), "char": (1, "B"), "octet": (1, "B"),
    "int8": (1, "b"), "uint8": (1, "B"), "int16": (2, "h"), "uint16": (2, "H"),
    "int32": (4, "i"), "uint32": (4, "I"), "int64": (8, "q"), "uint64": (8, "Q"),
    "float32": (4, "f"), "float64": (8, "d"),
}  # fmt: skip
_ROS1_TIME = {"time": 8, "duration": 8}
_ENCAPSULATION = 4
_DEEPEST = 12
_MOST_LEAVES = 100_000
_CDR_PLAIN = {b"\x00\x00", b"\x00\x01"}


@dataclass(frozen=True, slots=True)
class Places:
    """A message taken apart.

    Attributes:
        values: top-level numbers and texts, by field.
        spans: first byte and end of each top-level sequence of bytes, by field.
        counts: where the four bytes lie that say how long such a sequence is.
        order: `<` or `>`.
        tails: for each such sequence, alignment and span of every leaf behind it.
        end: behind the last field; a sender may have put more.
    """

    values: Mapping[str, Any]
    spans: Mapping[str, tuple[int, int]]
    counts: Mapping[str, int]
    order: str
    tails: Mapping[str, list[tuple[int, int, int]]]
    end: int


class _Walk:
    """One pass over one message."""

    def __init__(self, data: bytes, definitions: Mapping[str, Any], *, cdr: bool) -> None:
        from rosbags.interfaces import Nodetype

        self._nodes = Nodetype
        self._data, self._definitions, self._cdr = data, definitions, cdr
        self._base = _ENCAPSULATION if cdr else 0
        if cdr and data[:2] not in _CDR_PLAIN:
            raise UnreadableError("a message is in a kind of CDR that carnet does not read", where="message")
        self.order = ">" if cdr and not data[1] & 1 else "<"
        self.at = self._base
        self.values: dict[str, Any] = {}
        self.spans: dict[str, tuple[int, int]] = {}
        self.counts: dict[str, int] = {}
        self.tails: dict[str, list[tuple[int, int, int]]] = {}
        self._leaves = 0

    def message(self, name: str, depth: int = 0) -> None:
        """Walk over a message of a type."""
        if depth > _DEEPEST:
            raise UnreadableError("a message type is nested too deeply", where="schema")
        fields = self._definitions[name][1]
        if self._cdr and not fields:
            self._leaf(1, 1)  # an empty structure has one byte in it
        for field, described in fields:
            self._field(field if depth == 0 else None, described, depth)

    def _field(self, field: str | None, described: Any, depth: int) -> None:
        kind, what = described
        if kind == self._nodes.NAME:
            self.message(str(what), depth + 1)
        elif kind == self._nodes.BASE:
            self._base_type(field, str(what[0]))
        else:
            (inner_kind, inner), limit = what
            count = int(limit)
            mark = -1
            if kind == self._nodes.SEQUENCE:
                mark, count = self._number("uint32")
            if inner_kind == self._nodes.BASE and str(inner[0]) in _SIZES:
                size = _SIZES[str(inner[0])][0]
                if count or not self._cdr:
                    self._align(size if count else 1)
                start = self.at
                self._leaf(size if count else 1, size * count)
                if field is not None and size == 1 and mark >= 0:
                    self.spans[field], self.counts[field] = (start, self.at), mark
                    self.tails[field] = []
                return
            if count > _MOST_LEAVES:
                raise UnreadableError("a message has more parts than carnet walks over", where="message")
            for _ in range(count):
                self._field(None, (inner_kind, inner), depth + 1)

    def _base_type(self, field: str | None, base: str) -> None:
        if base in {"string", "wstring"}:
            _, length = self._number("uint32")
            start = self.at
            self._leaf(1, length if base == "string" else length * 2)
            value: Any = self._data[start : self.at].rstrip(b"\x00").decode("utf-8", "replace")
        elif base in _ROS1_TIME and not self._cdr:
            self._leaf(1, _ROS1_TIME[base])
            return
        elif base in _SIZES:
            _, value = self._number(base)
        else:
            raise UnreadableError("a message has a field of a kind that carnet does not know", where="schema")
        if field is not None:
            self.values[field] = value

    def _number(self, base: str) -> tuple[int, Any]:
        size, letter = _SIZES[base]
        self._align(size)
        start = self.at
        self._leaf(size, size)
        return start, struct.unpack_from(f"{self.order}{letter}", self._data, start)[0]

    def _align(self, size: int) -> None:
        if self._cdr:
            self.at += -(self.at - self._base) % size

    def _leaf(self, size: int, length: int) -> None:
        end = self.at + length
        self._leaves += 1
        if end > len(self._data):
            raise UnreadableError("a message is shorter than its type", where="message")
        if self._leaves > _MOST_LEAVES:
            raise UnreadableError("a message has more parts than carnet walks over", where="message")
        for tail in self.tails.values():
            tail.append((size if self._cdr else 1, self.at, end))
        self.at = end


@lru_cache(maxsize=256)
def _definitions(schema: str, text: str, encoding: str) -> tuple[str, Mapping[str, Any]]:
    found = codec(schema, text, encoding)
    return found.schema, found.definitions


def field_types(schema: str, text: str, encoding: str) -> dict[str, str]:
    """Give the kind of each top-level field: a base type, `uint8[]`, or `other`; raises `UnreadableError`."""
    from rosbags.interfaces import Nodetype

    name, definitions = _definitions(schema, text, encoding)
    made = {}
    for field, (kind, what) in definitions[name][1]:
        if kind == Nodetype.BASE:
            made[field] = str(what[0])
        elif kind == Nodetype.SEQUENCE and what[0][0] == Nodetype.BASE and str(what[0][1][0]) in _SIZES:
            made[field] = f"{what[0][1][0]}[]"
        else:
            made[field] = "other"
    return made


def places(data: bytes, schema: str, text: str, encoding: str) -> Places:
    """Take a message apart.

    Args:
        data: its bytes.
        schema: its type's name.
        text: the definition as the file has it.
        encoding: `cdr` or `ros1`.

    Raises:
        UnreadableError: the bytes are not of that type, or the definition cannot be understood.
    """
    name, definitions = _definitions(schema, text, encoding)
    if len(data) < _ENCAPSULATION:
        raise UnreadableError("a message is shorter than its type", where="message")
    walk = _Walk(data, definitions, cdr=encoding == "cdr")
    try:
        walk.message(name)
    except (KeyError, struct.error) as error:
        raise UnreadableError("a message does not have the shape of its type", where="message") from error
    return Places(walk.values, walk.spans, walk.counts, walk.order, walk.tails, walk.at)


def with_bytes(data: bytes, found: Places, field: str, value: bytes, *, cdr: bool) -> bytes:
    """Give the message with other bytes in one of its sequences; every other value stays as it was written.

    Args:
        data: the message.
        found: what `places` gave for it.
        field: name of a top-level sequence of bytes.
        value: what stands in it from now on.
        cdr: whether fields are aligned.
    """
    mark, (start, end) = found.counts[field], found.spans[field]
    made = bytearray(data[:mark])
    made += struct.pack(f"{found.order}I", len(value))
    made += value
    if len(value) == end - start or not cdr:
        return bytes(made) + data[end:]
    for size, first, last in found.tails[field]:
        made += bytes(-(len(made) - _ENCAPSULATION) % size)
        made += data[first:last]
    return bytes(made) + data[found.end :]

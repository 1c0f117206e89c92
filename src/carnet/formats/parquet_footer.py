"""A Parquet file's footer, read by ourselves: row groups, parts of columns, least and greatest values.

Arrow ends the whole process on some footers that contradict themselves, once one asks it for their parts. So they are
read here (parquet.thrift in Apache Thrift's compact protocol), and Arrow is asked for values only where they agree.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

LONGEST = 32 * 1024 * 1024
_DEEPEST = 12
TYPES = ("BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
_FORMS = {"INT32": "<i", "INT64": "<q", "FLOAT": "<f", "DOUBLE": "<d"}
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_LONG_LIST = 15


@dataclass(frozen=True, slots=True)
class Part:
    """What a row group holds of one column: path, physical type, number of values, least and greatest as texts."""

    path: str
    type: str
    values: int
    extremes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A row group: rows, bytes before compression, parts of columns in order."""

    rows: int
    size: int
    parts: tuple[Part, ...]


def groups_of(footer: bytes) -> tuple[Group, ...]:
    """Give the row groups of a footer.

    Raises:
        ValueError: the bytes are no footer.
    """
    try:
        form = _Compact(footer).struct(0)
        return tuple(
            Group(_whole(one.get(3)), _whole(one.get(2)), tuple(map(_part, one.get(1, []))))
            for one in form.get(4, [])
        )
    except (IndexError, struct.error, AttributeError, TypeError, OverflowError) as error:
        raise ValueError from error


def _whole(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError
    return value


def _part(chunk: dict[int, Any]) -> Part:
    about = chunk.get(3)
    if about is None:
        # The description of an encrypted column is encrypted too.
        return Part("", "", 0, ())
    kind = TYPES[about[1]] if 0 <= about.get(1, -1) < len(TYPES) else ""
    path = ".".join(one.decode("utf-8", "replace") for one in about.get(3, []))
    said = about.get(12, {})
    extremes = (said.get(6, said.get(2)), said.get(5, said.get(1)))
    texts = tuple(_text(one, kind) for one in extremes if isinstance(one, bytes))
    return Part(path, kind, _whole(about.get(5)), texts)


def _text(value: bytes, kind: str) -> str:
    form = _FORMS.get(kind)
    if form is not None and len(value) == struct.calcsize(form):
        return str(struct.unpack(form, value)[0])
    return value.decode("utf-8", "replace")


class _Compact:
    """Takes values off the front of bytes in Thrift's compact protocol."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def _take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) != count:
            raise ValueError
        self._at += count
        return piece

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            value |= (byte & 127) << shift
            if byte < 128:  # noqa: PLR2004 -- the last one
                return value
            shift += 7
            if shift > 63:  # noqa: PLR2004 -- 64 bits
                raise ValueError

    def _number(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)

    def struct(self, depth: int) -> dict[int, Any]:
        if depth > _DEEPEST:
            raise ValueError
        fields: dict[int, Any] = {}
        number = 0
        while head := self._take(1)[0]:
            number = number + (head >> 4) if head >> 4 else self._number()
            kind = head & 15
            fields[number] = kind == _TRUE if kind in {_TRUE, _FALSE} else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in {_TRUE, _FALSE, _BYTE}:
            return self._take(1)[0]
        if kind < _DOUBLE:
            return self._number()
        if kind == _DOUBLE:
            return self._take(8)
        if kind == _BINARY:
            return self._take(self._varint())
        if kind in {_LIST, _SET}:
            head = self._take(1)[0]
            count = self._varint() if head >> 4 == _LONG_LIST else head >> 4
            if count > len(self._data) - self._at:
                raise ValueError
            return [self._value(head & 15, depth + 1) for _ in range(count)]
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind == _MAP:
            count = self._varint()
            if count > len(self._data) - self._at:
                raise ValueError
            kinds = self._take(1)[0] if count else 0
            return [
                (self._value(kinds >> 4, depth + 1), self._value(kinds & 15, depth + 1)) for _ in range(count)
            ]
        raise ValueError

"""Numbers and texts of many ROS messages of one type at once, as columns, equal to what the type's decoder gives.

Messages of a stream are mostly laid out alike: the texts and lists in them have the same lengths. The first one is
decoded and walked through; the others of its layout are cut like it, all at once. `carnet.formats.cdr` stays the
reference: a layout whose values are not the reference's is not used, and a message that fits no layout makes the
whole run one for the reference.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from carnet.errors import UnreadableError
from carnet.formats.cdr import Codec, value_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from carnet.formats.runs import Run

_KINDS = {
    "bool": "u1",
    "byte": "i1",
    "char": "u1",
    "int8": "i1",
    "uint8": "u1",
    "int16": "i2",
    "uint16": "u2",
    "int32": "i4",
    "uint32": "u4",
    "int64": "i8",
    "uint64": "u8",
    "float32": "f4",
    "float64": "f8",
}
_ENCAPSULATION = 4
_PLAIN = (b"\x00\x00", b"\x00\x01")
_DEEPEST = 12
_MOST_PARTS = 512
_MOST_LAYOUTS = 8
# Messages up to this length are copied whole, of longer ones only the fields.
_WHOLE = 1024


class _NoLayoutError(Exception):
    """This message is not one that columns are made of."""


@dataclass(slots=True)
class _Layout:
    """Where things lie in messages that are as long as this one and have the same bytes at the same places."""

    size: int
    same: list[tuple[int, bytes]] = field(default_factory=list)
    numbers: list[tuple[str, str, int]] = field(default_factory=list)
    texts: list[tuple[str, int, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Columns:
    """Values of N messages by path: numbers as float64, texts as they are; fields of truth values are left out."""

    numbers: Mapping[str, NDArray[Any]]
    texts: Mapping[str, Sequence[str]]


class _Walk:
    """Goes through one message by its type."""

    def __init__(self, codec: Codec, data: bytes, wanted: frozenset[str]) -> None:
        from rosbags.interfaces import Nodetype

        self._nodes: Any = Nodetype
        self._definitions = codec.definitions
        self._data, self._wanted = data, wanted
        self._cdr = codec.encoding != "ros1"
        self._base = self._at = _ENCAPSULATION if self._cdr else 0
        self._parts = 0
        self.layout = _Layout(len(data))
        self._order = "<"
        if self._cdr:
            if data[:2] not in _PLAIN:
                raise _NoLayoutError
            self._order = "<" if data[1] else ">"
            self.layout.same.append((0, data[:2]))
        self._message(codec.schema, "", 0, inside=False)
        # The decoder wants no more behind the last field than padding.
        if not 0 <= len(data) - self._at < (_ENCAPSULATION if self._cdr else 1):
            raise _NoLayoutError

    def _message(self, name: str, prefix: str, depth: int, *, inside: bool) -> None:
        if depth > _DEEPEST or not self._definitions[name][1]:
            raise _NoLayoutError
        for one, (kind, what) in self._definitions[name][1]:
            path = f"{prefix}{one}"
            if kind in {self._nodes.ARRAY, self._nodes.SEQUENCE}:
                self._list(kind, what, path, depth)
            else:
                self._one(kind, what, path, depth, inside=inside)

    def _one(self, kind: Any, what: Any, path: str, depth: int, *, inside: bool) -> None:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise _NoLayoutError
        if kind == self._nodes.NAME:
            self._message(str(what), f"{path}.", depth + 1, inside=inside)
            return
        base, wanted = str(what[0]), not inside and path in self._wanted
        if base == "string":
            self._text(path, wanted=wanted)
            return
        if base not in _KINDS:
            raise _NoLayoutError
        at = self._skip(int(_KINDS[base][1:]), 1)
        if wanted and base != "bool":
            self.layout.numbers.append((path, f"{self._order}{_KINDS[base]}", at))

    def _text(self, path: str, *, wanted: bool) -> None:
        length = self._length()
        end = self._skip(1, length) + length
        # CDR ends a text with a zero, which the length counts.
        last = end - 1 if self._cdr else end
        start = end - length
        if last < start:
            raise _NoLayoutError
        if wanted:
            self.layout.texts.append((path, start, last - start))
            self.layout.same.append((last, self._data[last:end]))
        else:
            self.layout.same.append((start, self._data[start:end]))

    def _list(self, kind: Any, what: Any, path: str, depth: int) -> None:
        (inner, of), count = what
        if kind == self._nodes.SEQUENCE:
            count = self._length()
        if inner == self._nodes.BASE and str(of[0]) in _KINDS:
            if count:
                self._skip(int(_KINDS[str(of[0])][1:]), int(count))
            return
        if count > _MOST_PARTS:
            raise _NoLayoutError
        for _ in range(count):
            self._one(inner, of, path, depth, inside=True)

    def _length(self) -> int:
        at = self._skip(4, 1)
        self.layout.same.append((at, self._data[at : at + 4]))
        return int(struct.unpack_from(f"{self._order}I", self._data, at)[0])

    def _skip(self, size: int, count: int) -> int:
        if self._cdr:
            self._at += -(self._at - self._base) % size
        at = self._at
        self._at += size * count
        if self._at > len(self._data):
            raise _NoLayoutError
        return at


class ColumnReader:
    """Reads runs of one stream by columns; layouts that were found are kept.

    Args:
        codec: the decoder of the type.
        wanted: paths of the fields that are asked for; those in lists are never given.
    """

    def __init__(self, codec: Codec, wanted: frozenset[str]) -> None:
        self._codec = codec
        self._wanted = wanted
        self._layouts: list[_Layout] = []

    def read(self, run: Run) -> Columns | None:
        """Give the columns of a run; None where a message of it needs the reference."""
        import numpy as np

        lengths = run.ends - run.starts
        left = np.arange(len(run))
        found: list[tuple[_Layout, NDArray[np.intp], dict[str, NDArray[Any]], dict[str, list[str]]]] = []
        for layout in self._layouts:
            left = self._take(run, layout, left[lengths[left] == layout.size], left, found)
            if not len(left):
                break
        while len(left):
            if len(self._layouts) >= _MOST_LAYOUTS:
                return None
            learned = self._learn(run.payload(int(left[0])))
            if learned is None:
                return None
            self._layouts.append(learned)
            before = len(left)
            left = self._take(run, learned, left[lengths[left] == learned.size], left, found)
            if len(left) == before:
                return None
        if len(found) == 1:
            return Columns(found[0][2], found[0][3])
        return _merged(found, len(run))

    def _learn(self, data: bytes) -> _Layout | None:
        try:
            value = self._codec.decode(data)
            layout = _Walk(self._codec, data, self._wanted).layout
        except (UnreadableError, _NoLayoutError, KeyError, struct.error):
            return None
        for path, kind, at in layout.numbers:
            (number,) = struct.unpack_from(kind[0] + _LETTERS[kind[1:]], data, at)
            told = value_at(value, path)
            if isinstance(told, bool) or not (number == told or (number != number and told != told)):  # noqa: PLR0124 -- NaN alone is not itself
                return None
        for path, start, length in layout.texts:
            if data[start : start + length].decode("utf-8", "replace") != value_at(value, path):
                return None
        return layout

    def _take(
        self,
        run: Run,
        layout: _Layout,
        rows: NDArray[Any],
        left: NDArray[Any],
        found: list[tuple[_Layout, NDArray[Any], dict[str, NDArray[Any]], dict[str, list[str]]]],
    ) -> NDArray[Any]:
        """Cut the messages of a layout, put them to `found`, and give those that are left."""
        import numpy as np

        if not len(rows):
            return left
        whole = run.gathered(rows, 0, layout.size) if layout.size <= _WHOLE else None

        def piece(at: int, width: int) -> NDArray[np.uint8]:
            return run.gathered(rows, at, width) if whole is None else whole[:, at : at + width]

        fits = np.ones(len(rows), np.bool_)
        for at, same in layout.same:
            if same:
                fits &= (piece(at, len(same)) == np.frombuffer(same, np.uint8)).all(axis=1)
        texts: dict[str, list[str]] = {}
        for path, start, length in layout.texts:
            try:
                texts[path] = [one.tobytes().decode() for one in piece(start, length)]
            except UnicodeDecodeError:
                return left
        numbers = {
            path: np.ascontiguousarray(piece(at, int(kind[2:]))).view(kind)[:, 0].astype(np.float64)
            for path, kind, at in layout.numbers
        }
        if not fits.any():
            return left
        if not fits.all():
            rows = rows[fits]
            numbers = {path: column[fits] for path, column in numbers.items()}
            kept = np.flatnonzero(fits).tolist()
            texts = {path: [column[one] for one in kept] for path, column in texts.items()}
        found.append((layout, rows, numbers, texts))
        return np.setdiff1d(left, rows, assume_unique=True)


_LETTERS = {
    "u1": "B",
    "i1": "b",
    "u2": "H",
    "i2": "h",
    "u4": "I",
    "i4": "i",
    "u8": "Q",
    "i8": "q",
    "f4": "f",
    "f8": "d",
}


def _merged(
    found: Sequence[tuple[_Layout, NDArray[Any], dict[str, NDArray[Any]], dict[str, list[str]]]], count: int
) -> Columns:
    """Put the columns of several layouts of one type together, in the order of the messages."""
    import numpy as np

    numbers: dict[str, NDArray[Any]] = {}
    texts: dict[str, list[str]] = {}
    for _, rows, columns, words in found:
        for path, column in columns.items():
            numbers.setdefault(path, np.empty(count))[rows] = column
        for path, told in words.items():
            line = texts.setdefault(path, [""] * count)
            for row, word in zip(rows.tolist(), told, strict=True):
                line[row] = word
    return Columns(numbers, texts)

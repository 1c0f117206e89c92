"""Streams of tables, looked at by column: names, units and comments, then structure, then contents.

Structures are taken apart into columns with dots in their names, lists into their elements. A pair of columns
with latitude and longitude makes a track; so does a column of geometries in degrees. Every text of a column is
looked through, each for itself: no rule reads on into the next cell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from carnet.classify.named import by_name_or_value, identified_by, shown_path
from carnet.classify.pairs import (
    LARGEST_DEGREE,
    MOST_SAMPLES,
    SAMPLED,
    pairs_by_name,
    pairs_by_value,
    raw_ranges,
)
from carnet.classify.texts import FieldTexts
from carnet.classify.track import Track
from carnet.errors import UnreadableError
from carnet.formats.arrow_read import batch_of
from carnet.formats.reader import Message, Stream
from carnet.formats.wkb import points_of
from carnet.model.factsheet import Certainty, FactValue, FieldClass
from carnet.model.ids import DataClass
from carnet.recognise.names import class_of_name, class_of_unit
from carnet.recognise.vss import class_of_vss

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNKNOWN = DataClass("unknown")
POSITION = DataClass("location.position")
TRAJECTORY = DataClass("location.trajectory")
LIDAR = DataClass("ranging.lidar")
PICTURE = DataClass("image.exterior")
_MOST_COLUMNS = 20_000
_DEEPEST = 12
_MOST_SHAPES = 200_000
_STRENGTHS = frozenset({"i", "intensity", "reflectance", "reflectivity", "ring", "remission"})
_PICTURE_SIGNS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
_CONTROL = bytes([*range(9), 11, 12, *range(14, 32), 127])


@dataclass(slots=True)
class _Column:
    """What is collected about one column."""

    numbers: list[float] = field(default_factory=list)
    dictionary: Any = None
    pictures: int = 0
    shapes: int = 0
    places: Track = field(default_factory=Track)


class TableStream:
    """Collects the batches of one table and says what its columns are."""

    readable = True

    def __init__(self, stream: Stream, make_track: Callable[[], Track] = Track) -> None:
        self.stream = stream
        self._make_track = make_track
        self._looks = 0
        self.rows = 0
        self.bad = 0
        self.note: str | None = None
        self._columns: dict[str, _Column] = {}
        self._looked = FieldTexts()
        self._named: dict[tuple[str, str], Track] = {}
        self._valued: dict[tuple[str, str], tuple[float, float, Track]] = {}
        self._ranges: dict[str, None] = {}

    def add(self, message: Message) -> None:
        """Take one batch."""
        try:
            batch = batch_of(message)
        except UnreadableError:
            self.bad += 1
            return
        self.rows += batch.num_rows
        fresh = len(self._columns)
        numbers: dict[str, NDArray[Any]] = {}
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            for path, leaf in _leaves(name, array, 0):
                column = self._columns.get(path)
                if column is None:
                    if len(self._columns) >= _MOST_COLUMNS:
                        self.note = f"a table has more than {_MOST_COLUMNS} columns"
                        continue
                    column = self._columns[path] = _Column()
                line = _as_numbers(leaf)
                if line is not None:
                    numbers[path] = line
                else:
                    self._texts(path, column, leaf)
        if len(self._columns) > fresh:
            for pair in pairs_by_name(list(self._columns)):
                if pair not in self._named:
                    self._named[pair] = self._make_track()
        for start in range(0, batch.num_rows, MOST_SAMPLES):
            self._follow(
                {
                    path: line[start : start + MOST_SAMPLES] if len(line) == batch.num_rows else line
                    for path, line in numbers.items()
                    if start == 0 or len(line) == batch.num_rows
                }
            )

    def _follow(self, numbers: dict[str, NDArray[Any]]) -> None:
        """Go on with the tracks, and look for what is a position by its values."""
        import numpy as np

        for (latitude, longitude), track in self._named.items():
            a, b = numbers.get(latitude), numbers.get(longitude)
            if a is not None and b is not None and len(a) == len(b):
                track.add_many(a, b)
        for (latitude, longitude), (first, second, track) in self._valued.items():
            a, b = numbers.get(latitude), numbers.get(longitude)
            if a is not None and b is not None and len(a) == len(b):
                track.add_many(a / first, b / second)
        taken = {path for pair in (*self._named, *self._valued) for path in pair}
        full = False
        for path, line in numbers.items():
            if path in taken:
                continue
            sample = self._columns[path].numbers
            whole = line[np.isfinite(line)]
            sample.extend(whole[: MOST_SAMPLES - len(sample)].tolist())
            full = full or len(sample) >= MOST_SAMPLES
        if full:
            self._by_value()

    def _by_value(self) -> None:
        """Look at the samples, and begin new ones: what stands still at first may move later."""
        taken = {path for pair in (*self._named, *self._valued) for path in pair}
        numbers = {path: one.numbers for path, one in self._columns.items() if path not in taken}
        for latitude, longitude, first, second in pairs_by_value(numbers):
            lines = numbers[latitude], numbers[longitude]
            track = self._make_track()
            if self._looks:
                # It may have stood still in the samples that were let go.
                track.only_part(SAMPLED)
            if len(lines[0]) == len(lines[1]):
                track.add_many(
                    *(_array(line, scale) for line, scale in zip(lines, (first, second), strict=True))
                )
            if track.points:
                self._valued[latitude, longitude] = first, second, track
        self._looks += 1
        self._ranges.update(dict.fromkeys(raw_ranges(numbers)))
        for one in self._columns.values():
            one.numbers.clear()

    def _texts(self, path: str, column: _Column, array: Any) -> None:
        """Look through a column of texts or bytes."""
        shaped = f"geometry:{path}" in self.stream.metadata
        order = None
        if hasattr(array, "dictionary"):
            order, array = array.indices, array.dictionary
            if not column.shapes and column.dictionary is not None and array.equals(column.dictionary):
                # Each batch of a part of the file brings the whole dictionary of that part.
                return
            column.dictionary = array
        values = _bytes_of(array)
        if values is None:
            return
        if shaped or (values and _is_shape(values)):
            self._shapes(column, values, order)
            return
        for value in values:
            if value.startswith(_PICTURE_SIGNS):
                column.pictures += 1
                continue
            text = _text_of(value)
            if text:
                self._looked.add(path, text)

    def _shapes(self, column: _Column, values: list[bytes], order: Any) -> None:
        if not column.shapes:
            column.places = self._make_track()
            column.places.no_line()
            # Between the corners of an outline there is ground as well.
            column.places.only_part("its places are outlines, of which the corners were looked at")
        lines = [points_of(value) or [] for value in values[:_MOST_SHAPES]]
        column.shapes += len(values)
        places = range(len(lines)) if order is None else order.drop_null().to_pylist()
        for place in places:
            for x, y in lines[place] if place < len(lines) else ():
                column.places.add(y, x)

    def finish(self) -> tuple[tuple[FieldClass, ...], tuple[DataClass, ...], dict[str, FactValue]]:
        """Give fields, classes and facts of the table."""
        self._by_value()
        pairs = {**self._named, **{pair: one[2] for pair, one in self._valued.items()}}
        tracks = {path: track for pair, track in pairs.items() for path in pair}
        tracks.update({path: one.places for path, one in self._columns.items() if one.shapes})
        lidar = self._lidar()
        fields: list[FieldClass] = []
        for path, column in self._columns.items():
            shown = shown_path(path)
            fields.extend(
                FieldClass(shown, hit.data, hit.certainty, (hit.rule,)) for hit in self._looked.hits(path)
            )
            fields.extend(identified_by(path))
            fields.append(self._field(path, shown, column, tracks.get(path), lidar))
        classes = {one.data for one in fields}
        facts: dict[str, FactValue] = {}
        best = max(tracks.values(), key=lambda one: one.points, default=None)
        if best is not None and best.points:
            facts.update(best.facts())
            classes.add(POSITION)
            if best.is_trajectory:
                classes.add(TRAJECTORY)
                classes.discard(POSITION)
        if not fields:
            fields.append(FieldClass("*", UNKNOWN, Certainty.CERTAIN, ("table: it has no columns",)))
            classes.add(UNKNOWN)
        return tuple(fields), tuple(sorted(classes)), facts

    def _lidar(self) -> frozenset[str]:
        """Give the columns of a point cloud: x, y and z beside a strength of return."""
        heads: dict[str, set[str]] = {}
        for path in self._columns:
            head, _, leaf = path.rpartition(".")
            heads.setdefault(head, set()).add(leaf.lower())
        found = {head for head, leaves in heads.items() if {"x", "y", "z"} <= leaves and leaves & _STRENGTHS}
        return frozenset(
            path
            for path in self._columns
            if path.rpartition(".")[0] in found
            and path.rpartition(".")[2].lower() in {"x", "y", "z", *_STRENGTHS}
        )

    def _field(
        self, path: str, shown: str, column: _Column, track: Track | None, lidar: frozenset[str]
    ) -> FieldClass:
        values = (f"values: track of {track.km} km",) if track is not None and track.points else ()
        about = self.stream.metadata
        if column.shapes:
            return FieldClass(shown, POSITION, Certainty.CERTAIN, ("values: geometries (WKB)", *values))
        if f"geometry:{path}" in about or any(
            f"geometry:{path[:at]}" in about for at, sign in enumerate(path) if sign == "."
        ):
            return FieldClass(shown, POSITION, Certainty.CERTAIN, ("metadata: geometry", *values))
        if path in lidar:
            rule = about.get("because", "columns: x, y, z and a strength of return")
            return FieldClass(shown, LIDAR, Certainty.LIKELY, (rule,))
        by_tree = class_of_vss(path)
        if by_tree is not None:
            return FieldClass(shown, by_tree.data, by_tree.certainty, (by_tree.rule, *values))
        told_by = by_name_or_value(path, shown, values, self._ranges, of="column")
        if told_by is not None:
            return told_by
        if column.pictures:
            return FieldClass(shown, PICTURE, Certainty.CERTAIN, ("values: pictures, not looked at",))
        if self.stream.schema == "carnet/PointCloud":
            return FieldClass(shown, LIDAR, Certainty.LIKELY, (about.get("because", "format: point cloud"),))
        told = class_of_name(about.get(f"comment:{path}", ""), of="comment") or class_of_unit(
            about.get(f"unit:{path}")
        )
        if told is not None:
            return FieldClass(shown, told.data, told.certainty, (told.rule,))
        return FieldClass(shown, UNKNOWN, Certainty.POSSIBLE, ("column: no rule knows its name",))


def _leaves(path: str, array: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """Give the columns of which a column is made: fields of structures, elements of lists."""
    import pyarrow as pa

    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        yield from _leaves(path, array.storage, depth)
    elif depth > _DEEPEST:
        yield path, array
    elif pa.types.is_struct(kind):
        for field_, inner in zip(kind, array.flatten(), strict=True):
            yield from _leaves(f"{path}.{field_.name}", inner, depth + 1)
    elif pa.types.is_map(kind):
        yield from _leaves(f"{path}.key", array.keys, depth + 1)
        yield from _leaves(f"{path}.value", array.items, depth + 1)
    elif any(test(kind) for test in _lists()):
        yield from _leaves(path, array.flatten(), depth + 1)
    elif pa.types.is_union(kind):
        # A dense union keeps values of each kind by themselves, a sparse one a line of each.
        for number in range(kind.num_fields):
            yield from _leaves(f"{path}.{kind.field(number).name}", array.field(number), depth + 1)
    elif pa.types.is_run_end_encoded(kind):
        yield from _leaves(path, array.values, depth + 1)
    elif pa.types.is_dictionary(kind) and not _holds_text(kind.value_type):
        yield from _leaves(path, array.dictionary_decode(), depth + 1)
    else:
        yield path, array


def _lists() -> tuple[Callable[[Any], bool], ...]:
    from pyarrow import types

    return (
        *(types.is_list, types.is_large_list, types.is_fixed_size_list),
        *(types.is_list_view, types.is_large_list_view),
    )


def _holds_text(kind: Any) -> bool:
    import pyarrow as pa

    return any(
        test(kind)
        for test in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_binary,
            pa.types.is_large_binary,
            pa.types.is_string_view,
            pa.types.is_binary_view,
            pa.types.is_fixed_size_binary,
        )
    )


def _as_numbers(array: Any) -> NDArray[Any] | None:
    """Give a column of numbers as float64, with nan where there is none; None for any other column."""
    import pyarrow as pa

    kind = array.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return None
    try:
        line: NDArray[Any] = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    except (pa.ArrowException, ValueError):
        return None
    return line


def _bytes_of(array: Any) -> list[bytes] | None:
    """Give the values of a column of texts or bytes; text that is not valid is no reason to stop."""
    import pyarrow as pa

    kind = array.type
    if not _holds_text(kind):
        return None
    if pa.types.is_string_view(kind):
        array = array.cast(pa.large_string())
        kind = array.type
    elif pa.types.is_binary_view(kind):
        array = array.cast(pa.large_binary())
    if pa.types.is_string(kind):
        array = array.view(pa.binary())
    elif pa.types.is_large_string(kind):
        array = array.view(pa.large_binary())
    return [value for value in array.drop_null().to_pylist() if value is not None] or None


def _text_of(value: bytes) -> str | None:
    """Give bytes as text, or None where they are mostly signs that no text has."""
    if len(value) - len(value.translate(None, _CONTROL)) > len(value) // 10:
        return None
    return value.decode("utf-8", "replace")


def _is_shape(values: list[bytes]) -> bool:
    """Say whether bytes under no name for it are geometries in degrees."""
    for value in values[:20]:
        points = points_of(value)
        if not points or not all(
            math.isfinite(x) and math.isfinite(y) and abs(x) <= LARGEST_DEGREE and abs(y) <= LARGEST_DEGREE
            for x, y in points
        ):
            return False
    return True


def _array(line: list[float], scale: float) -> NDArray[Any]:
    import numpy as np

    return np.asarray(line) / scale

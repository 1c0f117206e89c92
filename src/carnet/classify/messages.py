"""Streams of messages: each field named in law by its type, its name and its values.

The second look is at structure: two numbers of one message that move slowly within the range of latitude and
longitude, with the many decimals that receivers give, are a position under whatever name.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

from carnet.classify.schemas import (
    class_by_schema,
    classes_of_schema,
    is_framework,
    is_known,
    plain_type,
)
from carnet.classify.track import Track
from carnet.errors import UnreadableError
from carnet.formats.cdr import Codec, codec, value_at
from carnet.formats.reader import Message, Stream
from carnet.model.factsheet import Certainty, FactValue, FieldClass
from carnet.model.ids import DataClass
from carnet.recognise.names import class_of_name, words
from carnet.recognise.text import Hit, recognise

UNKNOWN = DataClass("unknown")
POSITION = DataClass("location.position")
TRAJECTORY = DataClass("location.trajectory")
_HEAVY = 64 * 1024
_MOST_FIELDS = 500
_MOST_SAMPLES = 20_000
_MOST_TEXTS = 500
_FEWEST_SAMPLES = 10
_DEEPEST = 12
_PLAIN_FIELDS = frozenset({"data", "value", "x", "y", "z"})
# Structure: a step between messages of at most half a kilometre, five decimals or more, some movement.
_LARGEST_STEP, _SMALLEST_RANGE, _LARGEST_RANGE = 0.005, 1e-5, 5.0
_DECIMALS = 4
_SCALED = 1e7


def flatten(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Give the leaves of a JSON value as (path with dots, value); lists of up to four numbers by index."""
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            # JSON can spell halves of surrogate pairs, which no output can carry.
            name = str(key).encode("utf-8", "replace").decode("utf-8")
            yield from flatten(inner, f"{path}.{name}" if path else name, depth + 1)
    elif isinstance(value, list):
        for number, inner in enumerate(value[:4]):
            yield from flatten(inner, f"{path}.{number}" if path else str(number), depth + 1)
    else:
        yield path or "value", value


class MessageStream:
    """Collects the messages of one stream and says what its fields are."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.count = 0
        self.bad = 0
        self.note: str | None = None
        self._codec: Codec | None = None
        self._paths: list[str] = []
        self._known: set[str] = set()
        self._numbers: dict[str, list[float]] = {}
        self._texts: dict[str, set[str]] = {}
        self._hits: dict[str, dict[Hit, None]] = {}
        self._pairs: list[tuple[str, str, Track]] = []
        if stream.encoding in {"cdr", "ros1"} and stream.schema_encoding in {"ros2msg", "ros1msg"}:
            try:
                self._codec = codec(stream.schema or "", stream.schema_text, stream.encoding)
            except UnreadableError as error:
                self.note = error.what
            else:
                self._paths = [one.path for one in self._codec.fields][:_MOST_FIELDS]
                self._pair_names()
        elif stream.encoding != "json":
            self.note = "a stream is in an encoding that carnet does not open"

    @property
    def readable(self) -> bool:
        """Whether payloads can be opened."""
        return self._codec is not None or self.stream.encoding == "json"

    def _pair_names(self) -> None:
        """Find latitude and longitude that stand beside each other by name."""
        paired = {latitude for latitude, _, _ in self._pairs}
        for path in self._paths:
            if path in paired:
                continue
            head, _, leaf = path.rpartition(".")
            if words(leaf) not in {" latitude ", " lat "}:
                continue
            for other in self._paths:
                other_head, _, other_leaf = other.rpartition(".")
                if other_head == head and words(other_leaf) in {" longitude ", " lon ", " lng "}:
                    self._pairs.append((path, other, Track()))
                    break

    def add(self, message: Message) -> None:
        """Take one message."""
        self.count += 1
        if not self.readable:
            return
        if len(message.data) > _HEAVY and is_known(self.stream.schema):
            return
        values = self._values(message)
        if values is None:
            self.bad += 1
            return
        for latitude, longitude, track in self._pairs:
            a, b = _number(values.get(latitude)), _number(values.get(longitude))
            if a is not None and b is not None:
                track.add(a, b)
        for path, value in values.items():
            number = _number(value)
            if isinstance(value, str):
                self._text(path, value)
            elif number is not None:
                line = self._numbers.setdefault(path, [])
                if len(line) < _MOST_SAMPLES:
                    line.append(number)

    def _text(self, path: str, value: str) -> None:
        seen = self._texts.setdefault(path, set())
        if value and value not in seen and len(seen) < _MOST_TEXTS:
            seen.add(value[:4096])
            for hit in recognise(value):
                self._hits.setdefault(path, {})[hit] = None

    def _values(self, message: Message) -> dict[str, Any] | None:
        if self._codec is not None:
            try:
                value = self._codec.decode(message.data)
            except UnreadableError:
                return None
            result = {}
            for one in self._codec.fields[:_MOST_FIELDS]:
                if one.array or is_framework(one.path):
                    continue
                try:
                    result[one.path] = value_at(value, one.path)
                except AttributeError:
                    continue
            return result
        try:
            leaves = dict(flatten(json.loads(message.data)))
        except (ValueError, RecursionError):
            return None
        fresh = [path for path in leaves if path not in self._known]
        if fresh:
            fresh = fresh[: _MOST_FIELDS - len(self._paths)]
            self._paths += fresh
            self._known.update(fresh)
            self._pair_names()
        return leaves

    def finish(self) -> tuple[tuple[FieldClass, ...], tuple[DataClass, ...], dict[str, FactValue]]:
        """Give fields, classes and facts of the stream."""
        if not self.readable:
            return self._by_schema_only()
        self._pairs_by_value()
        tracked = {path: track for a, b, track in self._pairs for path in (a, b)}
        fields: list[FieldClass] = []
        for path in self._paths:
            fields.extend(
                FieldClass(self._shown(path), hit.data, Certainty.CERTAIN, (hit.rule,))
                for hit in self._hits.get(path, ())
            )
            if not is_framework(path):
                fields.append(self._field(path, tracked.get(path)))
        classes = {one.data for one in fields}
        facts: dict[str, FactValue] = {}
        best = max((track for _, _, track in self._pairs), key=lambda one: one.points, default=None)
        if best is not None and best.points:
            facts.update(best.facts())
            classes.add(POSITION)
            if best.is_trajectory:
                classes.add(TRAJECTORY)
                classes.discard(POSITION)
        if not fields:
            fields.append(
                FieldClass("*", UNKNOWN, Certainty.CERTAIN, ("stream: it has no fields of its own",))
            )
            classes.add(UNKNOWN)
        return tuple(fields), tuple(sorted(classes)), facts

    def _shown(self, path: str) -> str:
        return "(name withheld)" if recognise(path) else path

    def _by_schema_only(
        self,
    ) -> tuple[tuple[FieldClass, ...], tuple[DataClass, ...], dict[str, FactValue]]:
        name = plain_type(self.stream.schema)
        found = classes_of_schema(self.stream.schema)
        if found:
            fields = tuple(FieldClass("*", one, Certainty.LIKELY, (f"schema:{name}",)) for one in found)
            return fields, tuple(sorted(found)), {}
        why = f"encoding: {self.note}"
        return (FieldClass("*", UNKNOWN, Certainty.CERTAIN, (why,)),), (UNKNOWN,), {}

    def _field(self, path: str, track: Track | None) -> FieldClass:
        schema = plain_type(self.stream.schema)
        values = (f"values: track of {track.km} km",) if track is not None and track.points else ()
        shown = self._shown(path)
        by_schema = class_by_schema(self.stream.schema, path)
        if by_schema is not None:
            data = _cabin(self.stream.name, by_schema)
            return FieldClass(
                shown, data, Certainty.CERTAIN, (f"schema:{schema.split('/')[-1]}.{shown}", *values)
            )
        leaf = path.rpartition(".")[2]
        plain = leaf in _PLAIN_FIELDS or leaf.isdigit()
        named = None if plain else class_of_name(path, of="field")
        if named is not None:
            certainty = Certainty.CERTAIN if values else named.certainty
            return FieldClass(shown, named.data, certainty, (named.rule, *values))
        if values:
            rule = "values: two numbers that move like a position"
            return FieldClass(shown, POSITION, Certainty.LIKELY, (rule, *values))
        by_topic = class_of_name(self.stream.name, of="topic") or class_of_name(schema, of="schema")
        if by_topic is not None:
            return FieldClass(shown, by_topic.data, by_topic.certainty, (by_topic.rule,))
        return FieldClass(shown, UNKNOWN, Certainty.POSSIBLE, ("field: no rule knows its name",))

    def _pairs_by_value(self) -> None:
        """Find pairs of fields that move like a position, among fields that nothing else explains."""
        if self._pairs or is_known(self.stream.schema):
            return
        moving = [path for path, line in self._numbers.items() if _moves(line)]
        for first, second in itertools.pairwise(moving):
            if first.rpartition(".")[0] != second.rpartition(".")[0]:
                continue
            pair = self._numbers[first], self._numbers[second]
            scales = [_SCALED if max(map(abs, line)) > 180 else 1.0 for line in pair]  # noqa: PLR2004 -- degrees
            latitude, longitude = (
                [value / scale for value in line] for line, scale in zip(pair, scales, strict=True)
            )
            names = (first, second)
            if max(map(abs, latitude)) > 90:  # noqa: PLR2004 -- no latitude
                latitude, longitude, names = longitude, latitude, (second, first)
            if max(map(abs, latitude)) > 90 or max(map(abs, longitude)) > 180:  # noqa: PLR2004 -- as above
                continue
            track = Track()
            for a, b in zip(latitude, longitude, strict=False):
                track.add(a, b)
            if track.points:
                self._pairs.append((*names, track))


def _number(value: Any) -> float | None:
    """Give a number that a float can hold, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _moves(line: list[float]) -> bool:
    """Say whether a line of numbers moves as a coordinate in degrees does, or in 1e-7 degrees."""
    if len(line) < _FEWEST_SAMPLES:
        return False
    largest = max(map(abs, line))
    whole = all(value.is_integer() for value in line)
    if whole and 180 < largest <= 180 * _SCALED:  # noqa: PLR2004 -- degrees
        line = [value / _SCALED for value in line]
    elif whole or largest > 180:  # noqa: PLR2004 -- degrees
        return False
    spread = max(line) - min(line)
    if not _SMALLEST_RANGE <= spread <= _LARGEST_RANGE or min(map(abs, line)) < 0.5:  # noqa: PLR2004 -- near zero, anything is smooth
        return False
    fine = sum(round(value, _DECIMALS) != value for value in line)
    steps = [abs(b - a) for a, b in itertools.pairwise(line)]
    # A position goes on: what it gains is not lost again at the next step, as noise is.
    return fine * 2 >= len(line) and max(steps) <= _LARGEST_STEP and spread * 4 >= sum(steps)


def _cabin(topic: str, data: DataClass) -> DataClass:
    """A camera whose topic names the cabin looks inside, whatever its message type."""
    if data != "image.exterior":
        return data
    named = class_of_name(topic, of="topic")
    return named.data if named is not None and named.data == "image.cabin" else data

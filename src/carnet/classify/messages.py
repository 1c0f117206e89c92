"""Streams of messages: each field named in law by its type, its name and its values.

The second look, at structure, is `pairs.py`: what is a position by its values, under whatever name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from carnet.classify.leaves import flatten, line_of, number_of, read_cells
from carnet.classify.named import by_name_or_value, identified_by, shown_path
from carnet.classify.pairs import SAMPLED, is_half_of_a_pair, pairs_by_name
from carnet.classify.samples import Samples
from carnet.classify.schemas import (
    class_by_schema,
    classes_of_schema,
    is_framework,
    is_known,
    plain_type,
)
from carnet.classify.texts import FieldTexts
from carnet.classify.track import Track
from carnet.errors import UnreadableError
from carnet.formats.cdr import Codec, codec, is_bytes, letters_of, value_at, words_of
from carnet.formats.cdr_columns import ColumnReader, Columns
from carnet.formats.protobuf_messages import ProtobufCodec
from carnet.formats.reader import Message, Stream
from carnet.formats.records import Documents, Rows, value_of
from carnet.formats.runs import Run
from carnet.model.factsheet import Certainty, FactValue, FieldClass
from carnet.model.ids import DataClass
from carnet.recognise.names import class_of_name
from carnet.recognise.receivers import is_line, is_raw, place_of, sentence_in
from carnet.recognise.text import Hit
from carnet.recognise.vss import class_of_vss, values_said_by_path

UNKNOWN = DataClass("unknown")
POSITION = DataClass("location.position")
TRAJECTORY = DataClass("location.trajectory")
_HEAVY = 64 * 1024
# Fewer messages than these are not worth columns.
_FEW = 8
# So many are listed; so many are named in law, those that are not listed by class.
_MOST_FIELDS = 500
_MOST_PATHS = 20_000
_LISTS = "(texts in lists)"
_GROUND = frozenset({"carnet/OSM", "carnet/GeoJSON places"})
_OUTLINES = frozenset({"carnet/GeoJSON areas"})
# What sentences and logs of receivers begin with.
_RECEIVERS = frozenset("$!#%")
_RAW = Hit(POSITION, "text: raw data of a receiver")


class MessageStream:
    """Collects the messages of one stream and says what its fields are."""

    def __init__(self, stream: Stream, make_track: Callable[[], Track] = Track) -> None:
        self.stream = stream
        self._make_track = make_track
        self.count = 0
        self.bad = 0
        self.note: str | None = None
        self._codec: Codec | None = None
        self._wanted: tuple[str, ...] = ()
        self._columns: ColumnReader | None = None
        self._plain: ProtobufCodec | None = None
        self._listed = self._bytes = False
        self._paths: list[str] = []
        self._beyond = False
        self._said: dict[str, dict[Hit, None]] = {}
        self._unsaid: set[str] = set()
        self._halves: list[str] = []
        self._known: set[str] = set()
        # What its type explains is not looked at by value.
        self._samples = None if is_known(stream.schema) else Samples(make_track, self._named)
        self._texts = FieldTexts()
        self._says_paths = False
        self._hits: dict[str, dict[Hit, None]] = {}
        self._pairs: list[tuple[str, str, Track]] = []
        self._spoken: dict[tuple[str, str], Track] = {}
        if stream.encoding in {"cdr", "ros1"} and stream.schema_encoding in {"ros2msg", "ros1msg"}:
            try:
                self._codec = codec(stream.schema or "", stream.schema_text, stream.encoding)
            except UnreadableError as error:
                self.note = error.what
            else:
                self._paths = [one.path for one in self._codec.fields][:_MOST_FIELDS]
                self._pair_names(self._paths)
                fields = self._codec.fields[:_MOST_FIELDS]
                self._wanted = tuple(
                    one.path for one in fields if not one.array and not is_framework(one.path)
                )
                self._columns = ColumnReader(self._codec, frozenset(self._wanted))
                # What stands in lists is not taken apart; its texts are looked through all the same.
                self._listed = any(
                    one.listed and one.base == "string" and not is_framework(one.path)
                    for one in self._codec.fields
                )
                self._bytes = not is_known(stream.schema) and any(map(is_bytes, self._codec.fields))
        elif stream.encoding == stream.schema_encoding == "protobuf":
            try:
                self._plain = ProtobufCodec(stream.schema_data, stream.schema or "")
            except UnreadableError as error:
                self.note = error.what
            else:
                self._meet(self._plain.paths())
        elif stream.encoding != "json":
            self.note = "a stream is in an encoding that carnet does not open"

    @property
    def readable(self) -> bool:
        """Whether payloads can be opened."""
        return self._codec is not None or self._plain is not None or self.stream.encoding == "json"

    def _named(self) -> set[str]:
        return {path for latitude, longitude, _ in self._pairs for path in (latitude, longitude)}

    def _pair_names(self, fresh: list[str]) -> None:
        """Find latitude and longitude that stand beside each other by name, once both are there."""
        halves = [path for path in fresh if is_half_of_a_pair(path)]
        if not halves or self.stream.schema in _OUTLINES:
            return
        self._halves += halves
        paired = {latitude for latitude, _, _ in self._pairs}
        for latitude, longitude in pairs_by_name(self._halves):
            if latitude not in paired:
                self._pairs.append((latitude, longitude, self._make_track()))
                if self.stream.schema in _GROUND:
                    self._pairs[-1][2].no_line()
                    self._pairs[-1][2].only_part("its places are of the ground, between which there is more")
                if any(part.isdigit() for part in latitude.split(".")):
                    # Of a list the first four are taken apart.
                    self._pairs[-1][2].only_part(SAMPLED)

    def add(self, message: Message) -> None:
        """Take one message."""
        if not message.rows:
            for *_, track in (*self._pairs, *(self._samples.pairs() if self._samples is not None else ())):
                track.leap()
            return
        self.count += 1
        if not self.readable:
            return
        # A file's own record is a whole document, of whatever size.
        heavy = len(message.data) > _HEAVY and self.stream.kind != "records"
        if heavy and is_known(self.stream.schema):
            return
        values = self._values(message)
        if values is None:
            self.bad += 1
        else:
            self._lists(message)
            self._take(values)

    def _take(self, values: dict[str, Any]) -> None:
        """Take the values of one message by the paths of its fields."""
        for latitude, longitude, track in self._pairs:
            for a, b in zip(line_of(values.get(latitude)), line_of(values.get(longitude)), strict=False):
                track.add(a, b)
        for path, value in values.items():
            if isinstance(value, str):
                self._text(path, value)
        if self._samples is not None:
            self._samples.take({path: line_of(value) for path, value in values.items()})

    def add_records(self, records: Rows | Documents) -> None:
        """Take records of a text; what is found is what `add` would find in one after the other."""
        if isinstance(records, Rows):
            self._add_rows(records)
            return
        for value in records.values:
            self.count += 1
            leaves = self._leaves(value)
            if leaves is None:
                self.bad += 1
            else:
                self._take(leaves)

    def _add_rows(self, rows: Rows) -> None:
        # A column without a name has the name of a value that is no field of anything.
        columns = {name or "value": cells for name, cells in rows.columns.items()}
        if "path" in columns:
            table = zip(*columns.values(), strict=True)
            values = (map(value_of, row) if rows.typed else row for row in table)
            documents = [dict(zip(columns, row, strict=True)) for row in values]
            self.add_records(Documents(self.stream, documents))
            return
        self.count += len(rows)
        self._meet(columns)
        lines: dict[str, list[float | None]] = {}
        for path, cells in columns.items():
            if path not in self._known:
                continue
            lines[path], texts = read_cells(cells, typed=rows.typed)
            if any(map(_may_speak, texts)):
                for cell in cells:
                    self._hear(path, cell)
            for text in texts:
                self._texts.add(path, text)
        for latitude, longitude, track in self._pairs:
            for a, b in zip(lines.get(latitude, ()), lines.get(longitude, ()), strict=False):
                if a is not None and b is not None:
                    track.add(a, b)
        if self._samples is not None:
            self._samples.take_rows(lines, len(rows))

    def add_run(self, run: Run) -> None:
        """Take many messages; what is found is what `add` would find in one after the other."""
        if not self.readable:
            self.count += len(run)
            return
        if is_known(self.stream.schema):
            light = run.ends - run.starts <= _HEAVY
            if not light.all():
                self.count += len(run) - int(light.sum())
                run = run.only(light)
        columns = self._columns.read(run) if self._columns is not None and len(run) >= _FEW else None
        if columns is None or not self._add_columns(columns, run):
            for message in run.messages():
                self.add(message)
        else:
            self.count += len(run)
            for message in run.messages() if self._listed or self._bytes else ():
                self._lists(message)

    def _add_columns(self, columns: Columns, run: Run) -> bool:
        """Take values by column; False, and nothing taken, where texts are numbers."""
        distinct = {path: tuple(dict.fromkeys(texts)) for path, texts in columns.texts.items()}
        if any(number_of(one) is not None for texts in distinct.values() for one in texts):
            return False
        for latitude, longitude, track in self._pairs:
            if latitude in columns.numbers and longitude in columns.numbers:
                track.add_many(columns.numbers[latitude], columns.numbers[longitude], run.log_time_ns)
        for path in self._wanted:
            if path in distinct:
                # What receivers say counts each time, other texts once.
                spoken = any(map(_may_speak, distinct[path]))
                for text in columns.texts[path] if spoken else distinct[path]:
                    self._text(path, text)
        if self._samples is not None:
            numbers = {path: columns.numbers[path] for path in self._wanted if path in columns.numbers}
            self._samples.take_columns(numbers, run.log_time_ns)
        return True

    def _lists(self, message: Message) -> None:
        """Look through texts and bytes that stand in lists of a ROS message, and through its others once more."""
        if self._listed:
            for text in words_of(message.data, self.stream.encoding):
                self._texts.add(_LISTS, text)
        # Beyond this they are pictures and clouds, in which any letters stand by chance.
        if self._bytes and len(message.data) <= _HEAVY:
            for text in letters_of(message.data):
                self._texts.add(_LISTS, text)

    def _text(self, path: str, value: str) -> None:
        self._hear(path, value)
        self._texts.add(path, value)

    def _hear(self, path: str, value: str) -> None:
        """Take what a receiver says: each time, since it moves."""
        if _may_speak(value) and is_line(value := sentence_in(value)):
            place = place_of(value)
            if place is not None:
                if (path, place[0]) not in self._spoken:
                    self._spoken[path, place[0]] = self._make_track()
                self._spoken[path, place[0]].add(place[1], place[2])
            elif is_raw(value):
                self._hits.setdefault(path, {})[_RAW] = None

    def _values(self, message: Message) -> dict[str, Any] | None:
        if self._codec is not None:
            try:
                value = self._codec.decode(message.data)
            except UnreadableError:
                return None
            result = {}
            for path in self._wanted:
                try:
                    result[path] = value_at(value, path)
                except AttributeError:
                    continue
            return result
        try:
            document = json.loads(message.data) if self._plain is None else self._plain.plain(message.data)
        except (ValueError, RecursionError, UnreadableError):
            return None
        return self._leaves(document)

    def _leaves(self, document: Any) -> dict[str, Any] | None:
        try:
            leaves = dict(flatten(document, rest=self.stream.kind == "messages"))
        except (ValueError, RecursionError):
            return None
        self._meet(leaves)
        if self._says_paths:
            self._named_by_paths(document)
        return (
            {path: value for path, value in leaves.items() if path in self._known} if self._beyond else leaves
        )

    def _meet(self, paths: Iterable[str]) -> None:
        """Take note of fields not met before."""
        fresh = [path for path in paths if path not in self._known]
        if fresh:
            self._says_paths |= any(path.rpartition(".")[2] == "path" for path in fresh)
            if len(fresh) > _MOST_PATHS - len(self._paths):
                self._beyond = True
                fresh = fresh[: _MOST_PATHS - len(self._paths)]
            self._paths += fresh
            self._known.update(fresh)
            self._pair_names(fresh)

    def _named_by_paths(self, document: Any) -> None:
        """Take what VSS paths say of the values beside them (VISS)."""
        for where, said in values_said_by_path(document):
            named = class_of_vss(said)
            if named is None:
                self._unsaid.add(where)
            else:
                self._said.setdefault(where, {})[Hit(named.data, named.rule)] = None

    def finish(self) -> tuple[tuple[FieldClass, ...], tuple[DataClass, ...], dict[str, FactValue]]:
        """Give fields, classes and facts of the stream."""
        if not self.readable:
            return self._by_schema_only()
        if self._samples is not None:
            self._samples.look()
            self._pairs += self._samples.pairs()
        tracked = {path: track for a, b, track in self._pairs for path in (a, b)}
        fields: list[FieldClass] = []
        for path in self._paths:
            fields.extend(
                FieldClass(shown_path(path), hit.data, hit.certainty, (hit.rule,))
                for hit in dict.fromkeys((*self._hits.get(path, ()), *self._texts.hits(path)))
            )
            fields.extend(
                FieldClass(shown_path(path), hit.data, hit.certainty, (hit.rule,))
                for hit in self._said.get(path, ())
            )
            fields.extend(identified_by(path))
            if not self._is_frame(path) and (path not in self._said or path in self._unsaid):
                fields.append(self._field(path, tracked.get(path)))
        told = {why for one in fields for why in one.because}
        fields.extend(
            FieldClass("*", hit.data, hit.certainty, (f"{hit.rule} in a list",))
            for hit in self._texts.hits(_LISTS)
            if hit.rule not in told
        )
        if self._beyond:
            for _, _, track in self._pairs:
                track.only_part(SAMPLED)
            fields.append(
                FieldClass("*", UNKNOWN, Certainty.CERTAIN, ("stream: more fields than are named",))
            )
        classes = {one.data for one in fields}
        fields = _listed(fields)
        facts: dict[str, FactValue] = {}
        tracks = [*(track for _, _, track in self._pairs), *self._spoken.values()]
        best = max(tracks, key=lambda one: one.points, default=None)
        if best is not None and best.points:
            facts.update(best.facts())
            classes.add(POSITION)
            if self.stream.schema in _GROUND:
                # Places of the ground are no track: their order says nothing.
                facts.pop("km")
            elif best.is_trajectory:
                classes.add(TRAJECTORY)
                classes.discard(POSITION)
        if not fields:
            fields.append(
                FieldClass("*", UNKNOWN, Certainty.CERTAIN, ("stream: it has no fields of its own",))
            )
            classes.add(UNKNOWN)
        return tuple(fields), tuple(sorted(classes)), facts

    def _is_frame(self, path: str) -> bool:
        """Say whether a field is part of a message's frame; a file's own records may call anything a header."""
        if self.stream.kind == "records":
            return is_framework(path.removeprefix("header.")) and not (self.stream.schema or "").startswith(
                "carnet/"
            )
        return is_framework(path)

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
        shown = shown_path(path)
        by_schema = class_by_schema(self.stream.schema, path)
        if by_schema is not None:
            data = _cabin(self.stream.name, by_schema)
            return FieldClass(
                shown, data, Certainty.CERTAIN, (f"schema:{schema.split('/')[-1]}.{shown}", *values)
            )
        by_tree = class_of_vss(path) or class_of_vss(self.stream.name)
        if by_tree is not None:
            return FieldClass(shown, by_tree.data, by_tree.certainty, (by_tree.rule, *values))
        ranges = self._samples.ranges if self._samples is not None else ()
        told_by = by_name_or_value(path, shown, values, ranges, of="field")
        if told_by is not None:
            return told_by
        by_topic = class_of_name(self.stream.name, of="topic") or class_of_name(schema, of="schema")
        if by_topic is not None:
            return FieldClass(shown, by_topic.data, by_topic.certainty, (by_topic.rule,))
        return FieldClass(shown, UNKNOWN, Certainty.POSSIBLE, ("field: no rule knows its name",))


def _listed(fields: list[FieldClass]) -> list[FieldClass]:
    """Give the first fields one by one, and those behind them as one a class."""
    kept, others = fields[:_MOST_FIELDS], fields[_MOST_FIELDS:]
    for data in dict.fromkeys(one.data for one in others):
        alike = [one for one in others if one.data == data]
        rules = tuple(dict.fromkeys(one.because[0] for one in alike))[:3]
        kept.append(FieldClass(f"* ({len(alike)} more fields)", data, alike[0].certainty, rules))
    return kept


def _may_speak(text: str) -> bool:
    """Say whether a text may hold what a receiver says; loggers write their own time before it."""
    return text[:1] in _RECEIVERS or "$" in text


def _cabin(topic: str, data: DataClass) -> DataClass:
    """A camera whose topic names the cabin looks inside, whatever its message type."""
    if data != "image.exterior":
        return data
    named = class_of_name(topic, of="topic")
    return named.data if named is not None and named.data == "image.cabin" else data

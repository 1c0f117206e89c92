"""Makes the fact sheet of one file: opens it by content, lets each stream be looked at three times, sums up.

Names and schemas come first, then structure, then contents; each class carries the rules that gave it. Nothing
is read and empty: bytes of which nothing was understood are blocked. No value that identifies somebody enters
the sheet: coordinates become length and countries, faces a size, numbers the mere fact that they are there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO

from carnet.classify.archives import Nesting, describe_archive
from carnet.classify.canbus import CanBus
from carnet.classify.companions import Databases
from carnet.classify.messages import MessageStream
from carnet.classify.pictures import Seen, Spread, look, picture_of, stands_alone
from carnet.classify.schemas import is_known
from carnet.classify.sound import CABIN, Listened, listen, sound_class
from carnet.classify.tables import TableStream
from carnet.classify.track import Track
from carnet.classify.wishes import Wishes
from carnet.errors import InputError, UnreadableError
from carnet.formats import open_recording
from carnet.formats.archive_read import ArchiveReader
from carnet.formats.can import CandumpReader, frame_of_message
from carnet.formats.mcap_read import McapReader
from carnet.formats.picture import decode_picture
from carnet.formats.reader import Message, OutsideText, Reader, Stream
from carnet.formats.records import BusFrames, Documents, Rows
from carnet.formats.runs import Run
from carnet.formats.sniff import length_of
from carnet.formats.text_files import TextReader
from carnet.model.factsheet import (
    Certainty,
    FactSheet,
    FactValue,
    FieldClass,
    Outside,
    ReadState,
    StreamFacts,
    Tool,
)
from carnet.model.ids import DataClass
from carnet.model.place_list import PlaceList
from carnet.recognise.names import class_of_name
from carnet.recognise.text import Hit, recognise, recognise_bytes, recognise_each

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from carnet.classify.foreign import Foreign
    from carnet.classify.places import PlaceWatch

_UNKNOWN = DataClass("unknown")
_BY_COLUMN = (McapReader, TextReader, CandumpReader)
_PIECE = 1024 * 1024
_NS_PER_HOUR = 3600 * 10**9
_LONGEST_NAME = 120
# Texts that tools write about themselves: not listed when no recogniser finds anything in them.
_DULL = frozenset(
    {"header", "colour profile", "channel metadata"}
    | {"channel name", "unit", "conversion table", "source", "name of a group"}
)
_DULL_NAMES = frozenset(
    {"creation_time", "handler_name", "encoder", "Software", "pandas", "geo", "created_by", "bbox"}
    | {"tool_id", "tool_vendor", "tool_version"}
)


@dataclass(slots=True)
class _Work:
    """What is collected about one stream while the file is read."""

    stream: Stream
    count: int = 0
    first_ns: int | None = None
    last_ns: int = 0
    bad: int = 0
    bus: CanBus | None = None
    fields: MessageStream | TableStream | None = None
    pictures: Spread[Message] = field(default_factory=Spread)

    @property
    def is_closed(self) -> bool:
        """Whether neither the payloads nor the name of their type tell anything."""
        fields = self.fields
        return fields is not None and not fields.readable and not is_known(self.stream.schema)


@dataclass(frozen=True, slots=True)
class _Looking:
    """What a file's streams are looked at with."""

    reader: Reader
    looks: int
    databases: Databases
    watch: PlaceWatch | None
    foreign: Foreign | None


def describe(
    source: BinaryIO,
    *,
    name: str,
    companions: Mapping[str, bytes] = MappingProxyType({}),
    detect: bool = True,
    hash_content: bool = False,
    sketch: bool = False,
    plugins: Sequence[str] = (),
    threads: int = 2,
    classes: Collection[str] = (),
    places: Sequence[PlaceList] = (),
    day: date | None = None,
) -> FactSheet:
    """Make the fact sheet of one file.

    Args:
        source: a seekable binary file, read from its start; it is not closed.
        name: the file's name as it came, with folders where they are part of it; looked through, never shown.
        companions: files beside it by name: databases (DBC) of its buses.
        detect: look for faces and plates in frames, and for speech in sound.
        hash_content: put the SHA-256 of the bytes on the sheet.
        sketch: keep the shapes of tracks, without place or scale, as the fact `sketch`.
        plugins: names of what others wrote: readers are asked about what carnet does not know, recognisers and
            detectors about every text and picture that is looked at; for workers.
        classes: of data that law names: what recognisers and detectors of others may find.
        threads: how many threads a detector may use.
        places: lists of sensitive places, checked; without one nothing is said of such places.
        day: the day on which the lists are asked; with `places`.

    Raises:
        MissingExtraError: a library that reads this format is not installed.
    """
    digest = _digest(source) if hash_content else None
    if places and day is None:
        raise InputError("lists of sensitive places are asked on a day", where="day", remedy="give today")
    wishes = Wishes(threads if detect else 0, tuple(plugins), frozenset(classes), tuple(places), day)
    sheet = _described(source, name, companions, None, wishes=wishes)
    return replace(sheet if sketch else sheet.without_sketches(), sha256=digest)


def _described(
    source: BinaryIO, name: str, companions: Mapping[str, bytes], nesting: Nesting | None, *, wishes: Wishes
) -> FactSheet:
    """Make the sheet of a file, or of a member of an archive; without its digest."""
    foreign = wishes.foreign()
    if foreign is None:
        return _looked_at(source, name, companions, nesting, wishes, None)
    with foreign.listening():
        sheet = _looked_at(source, name, companions, nesting, wishes, foreign)
    sheet = replace(sheet, tools=(*sheet.tools, *foreign.tools))
    if foreign.reason is None:
        return sheet
    reason = "; ".join(one for one in (sheet.reason, foreign.reason) if one)
    return replace(sheet, state=ReadState.BLOCKED, reason=reason, streams=())


def _looked_at(
    source: BinaryIO,
    name: str,
    companions: Mapping[str, bytes],
    nesting: Nesting | None,
    wishes: Wishes,
    foreign: Foreign | None,
) -> FactSheet:
    length = length_of(source)
    reader = open_recording(source, name, companions=companions, plugins=wishes.plugins)
    if isinstance(reader, ArchiveReader):
        sheet = describe_archive(reader, length, partial(_described, wishes=wishes), companions, nesting)
        return replace(sheet, outside=(*_outside(name, reader, [], {}), *sheet.outside))
    databases = Databases(companions)
    watch = wishes.watch()
    looking = _Looking(reader, wishes.looks, databases, watch, foreign)
    work: dict[int, _Work] = {}
    for some in reader.runs() if isinstance(reader, _BY_COLUMN) else reader.messages():
        key = some.stream.number
        if key not in work:
            work[key] = _start(some.stream, databases, watch)
        if isinstance(some, Rows | Documents):
            _take_records(work[key], some)
            continue
        if watch is not None:
            watch.now = _time_of(some)
        if isinstance(some, Message):
            _take(work[key], some)
        else:
            _take_run(work[key], some)
    for stream in reader.streams:
        if stream.number not in work:
            work[stream.number] = _start(stream, databases, watch)
    tools: dict[str, Tool] = {}
    facts = [
        _finish(work[key], looking, tools) for key in sorted(work) if reader.state is not ReadState.BLOCKED
    ]
    if facts and all(work[key].is_closed for key in work):
        reader.block(
            "every stream is in an encoding that carnet does not open, and of a type that it does not know"
        )
    placed: Mapping[OutsideText, tuple[tuple[str, FactValue], ...]] = {}
    if watch is not None and facts:
        from carnet.classify.place_facts import place_outside, tell_outside, tell_streams

        numbers = place_outside(watch, reader.outside())
        spans = [(work[key].stream, work[key].first_ns or 0, work[key].last_ns) for key in sorted(work)]
        tell_streams(watch, reader, spans, facts)
        placed = tell_outside(watch, reader, numbers)
    outside = _outside(name, reader, facts, placed)
    state, reason = reader.state, reader.reason
    if state is not ReadState.BLOCKED and not any(one.count for one in facts):
        state, reason = ReadState.BLOCKED, reason or "there are bytes, and nothing in them was understood"
    if state is ReadState.BLOCKED:
        facts = []
    return FactSheet(
        format=reader.format,
        bytes=length,
        state=state,
        reason=reason,
        streams=tuple(facts),
        outside=outside,
        tools=tuple(tools.values()),
    )


def _digest(source: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := source.read(_PIECE):
        digest.update(piece)
    source.seek(0)
    return digest.hexdigest()


def _time_of(some: Message | Run | BusFrames) -> tuple[int, int]:
    """Give the first and last time of what is taken at once, in ns."""
    if isinstance(some, Message):
        return some.log_time_ns, some.publish_time_ns if some.rows > 1 else some.log_time_ns
    return int(some.log_time_ns.min()), int(some.log_time_ns.max())


def _start(stream: Stream, databases: Databases, watch: PlaceWatch | None) -> _Work:
    work = _Work(stream)
    make_track: Callable[[], Track] = Track
    if watch is not None:
        from carnet.classify.place_facts import datum_known

        make_track = watch.tracks_of(stream.number, datum_known=datum_known(stream))
    if stream.kind == "can":
        work.bus = CanBus(databases.loaded, make_track)
    elif stream.kind == "table":
        work.fields = TableStream(stream, make_track)
    elif stream.encoding == "mdf4":
        # Only streams of its own reader have this encoding, and that needs NumPy as well.
        from carnet.classify.columns import ColumnStream

        work.fields = ColumnStream(stream, make_track)
    elif stream.kind in {"messages", "records"}:
        work.fields = MessageStream(stream, make_track)
    return work


def _take(work: _Work, message: Message) -> None:
    work.count += message.rows
    if work.first_ns is None or message.log_time_ns < work.first_ns:
        work.first_ns = message.log_time_ns
    work.last_ns = max(work.last_ns, message.publish_time_ns if message.rows > 1 else message.log_time_ns)
    if work.bus is not None:
        try:
            frame = frame_of_message(message)
        except UnreadableError:
            frame = None
        if frame is None:
            work.bad += 1
        else:
            work.bus.add(frame)
    elif work.fields is not None:
        work.fields.add(message)
    elif work.stream.kind in {"pictures", "picture"} and stands_alone(message):
        work.pictures.offer(message if work.pictures.wants() else None)


def _take_run(work: _Work, run: Run | BusFrames) -> None:
    """Take many messages of one stream."""
    if isinstance(run, Run) and work.bus is None and not isinstance(work.fields, MessageStream):
        for message in run.messages():
            _take(work, message)
        return
    first = int(run.log_time_ns.min())
    work.count += len(run)
    work.first_ns = first if work.first_ns is None else min(work.first_ns, first)
    work.last_ns = max(work.last_ns, int(run.log_time_ns.max()))
    if work.bus is not None:
        work.bad += work.bus.add_run(run)
    elif isinstance(work.fields, MessageStream) and isinstance(run, Run):
        work.fields.add_run(run)


def _take_records(work: _Work, records: Rows | Documents) -> None:
    """Take records of a text, which have no times."""
    work.count += len(records)
    work.first_ns = 0
    if isinstance(work.fields, MessageStream):
        work.fields.add_records(records)


def _finish(work: _Work, looking: _Looking, tools: dict[str, Tool]) -> StreamFacts:
    reader, looks, watch = looking.reader, looking.looks, looking.watch
    notes = tuple(looking.databases.notes)
    stream = work.stream
    if watch is not None:
        # What is a position by its values is found at the end: its time is that of the whole stream.
        watch.now = (work.first_ns or 0, work.last_ns)
    facts: dict[str, FactValue] = {}
    count = work.count
    if count and stream.kind not in {"picture", "database", "records", "table"}:
        facts["start_ns"], facts["end_ns"] = work.first_ns or 0, work.last_ns
    if work.bus is not None:
        fields, classes, more = work.bus.finish()
        if notes and _UNKNOWN in classes:
            fields = (*fields, FieldClass("*", _UNKNOWN, Certainty.CERTAIN, notes))
        facts |= more
    elif work.fields is not None:
        fields, classes, more = work.fields.finish()
        work.bad += work.fields.bad
        if not work.fields.readable and work.fields.note:
            reader.lose(f"{work.fields.note}: it was classified by the name of its type")
        facts |= more
        if isinstance(work.fields, TableStream):
            count = work.fields.rows
            if work.fields.note:
                reader.lose(work.fields.note)
    elif stream.kind in {"pictures", "picture", "video"}:
        seen, count = _look(work, looking)
        tools.update({one.name: one for one in seen.tools})
        if seen.unreadable:
            reader.lose(f"{seen.unreadable} of the pictures that were looked at do not decode")
        fields, classes = _imagery(stream, seen)
        facts |= seen.facts
        facts["images"] = count
        if stream.kind != "picture":
            facts["hours"] = round((work.last_ns - (work.first_ns or 0)) / _NS_PER_HOUR, 6)
    elif stream.kind == "audio":
        heard = listen(reader, stream) if looks else Listened(because=("contents: not listened to",))
        tools.update({one.name: one for one in heard.tools})
        fields, classes = (sound_class(heard),), (CABIN,)
        facts |= heard.facts
        facts["hours"] = round((work.last_ns - (work.first_ns or 0)) / _NS_PER_HOUR, 6)
    elif stream.kind == "database":
        fields = (
            FieldClass(
                "*", DataClass("design.drawing"), Certainty.LIKELY, ("format: description of a CAN bus",)
            ),
        )
        classes = (DataClass("design.drawing"),)
    else:
        fields = (FieldClass("*", _UNKNOWN, Certainty.CERTAIN, ("track: neither picture nor sound",)),)
        classes = (_UNKNOWN,)
    if work.bad:
        reader.lose(f"{work.bad} messages of a stream do not have the shape of their type")
    return StreamFacts(
        name=_shown(stream.name, stream.withheld_name),
        kind=stream.kind,
        schema=_shown(stream.schema, "(name withheld)") if stream.schema else None,
        count=count,
        fields=fields,
        data=tuple(sorted(set(classes))),
        facts=facts,
    )


def _look(work: _Work, looking: _Looking) -> tuple[Seen, int]:
    """Decode frames spread over the stream, and look for faces and plates in them."""
    reader = looking.reader
    chosen: list[NDArray[Any]] = []
    unreadable = 0
    total = work.count
    if work.stream.kind == "video":
        frames: Spread[NDArray[Any]] = Spread()
        from carnet.formats.mp4_read import Mp4Reader

        if isinstance(reader, Mp4Reader) and reader.first_video == work.stream.number:
            for _, _, as_picture in reader.frames():
                frames.offer(as_picture() if frames.wants() else None)
            chosen, total = frames.items, frames.count
        else:
            reader.lose("a video track beside the first was not looked at")
    else:
        for message in work.pictures.items:
            try:
                picture = (
                    decode_picture(message.data, message.stream.encoding)
                    if work.stream.kind == "picture"
                    else picture_of(message)
                )
            except UnreadableError:
                unreadable += 1
            else:
                chosen.append(picture)
    if not looking.looks:
        return Seen(because=("contents: not looked at",), unreadable=unreadable), total
    seen = look(chosen, total, unreadable, looking.looks)
    if looking.foreign is not None:
        looking.foreign.look(chosen, seen)
    return seen, total


def _imagery(stream: Stream, seen: Seen) -> tuple[tuple[FieldClass, ...], tuple[DataClass, ...]]:
    named = class_of_name(stream.name, of="topic")
    data = DataClass("image.cabin" if named and named.data == "image.cabin" else "image.exterior")
    because = [f"schema:{stream.schema.split('/')[-1]}" if stream.schema else f"format:{stream.encoding}"]
    if named is not None and named.data.startswith("image."):
        because.append(named.rule)
    certainty = Certainty.LIKELY if stream.kind == "picture" else Certainty.CERTAIN
    fields = [FieldClass("data", data, certainty, (*because, *seen.because))]
    fields += [FieldClass("data", one, Certainty.LIKELY, (rule,)) for one, rule in seen.classes.items()]
    return tuple(fields), tuple(one.data for one in fields)


def _shown(name: str | None, instead: str) -> str:
    """Give a name that came from outside, unless something that identifies stands in it."""
    return instead if name is None or recognise(name) else name


def _outside(
    name: str,
    reader: Reader,
    facts: Iterable[StreamFacts],
    placed: Mapping[OutsideText, tuple[tuple[str, FactValue], ...]],
) -> tuple[Outside, ...]:
    found: dict[Outside, None] = {}

    def put(where: str, hits: Iterable[Hit], more: tuple[tuple[str, FactValue], ...] = ()) -> None:
        for hit in hits:
            found[Outside(where, hit.data, (hit.rule,), more)] = None

    put("file name", recognise(name.replace("/", " ").replace("\\", " ")))
    for stream in reader.streams:
        put("stream name", recognise(stream.name))
        put("schema name", recognise(stream.schema or ""))
        # Factors and ranges of a database look like pairs of coordinates; its comments are looked through apart.
        numbers = stream.kind == "database"
        put(
            "schema text",
            (
                hit
                for hit in recognise_each((stream.schema_text,))
                if not (numbers and hit.data.startswith("location."))
            ),
        )
    for one in reader.outside():
        put(one.where, recognise(one.name))
        if one.kind == "statistics":
            put(*_statistics(one, facts))
        else:
            put(*_one_outside(one), placed.get(one, ()))
    return tuple(found)


def _statistics(one: OutsideText, facts: Iterable[StreamFacts]) -> tuple[str, tuple[Hit, ...]]:
    """Classify the least and the greatest value of a column: they are values of it."""
    rule = "statistics: least and greatest value of the column"
    classes = {field.data for stream in facts for field in stream.fields if field.path == one.name}
    shown = _shown(one.name, "(name withheld)")
    hits = (*recognise_bytes(one.data), *(Hit(data, rule) for data in sorted(classes - {_UNKNOWN})))
    return f"{one.where} {shown}", hits


def _one_outside(one: OutsideText) -> tuple[str, tuple[Hit, ...]]:
    """Classify one text, picture or block that lies outside payloads."""
    named = one.name and len(one.name) <= _LONGEST_NAME and not recognise(one.name)
    where = f"{one.where} {one.name}" if named else one.where
    if one.kind == "position":
        return where, (Hit(DataClass("location.position"), "format: a place"),)
    if one.kind == "picture":
        return where, (Hit(DataClass("image.exterior"), "format: a picture beside the data"),)
    hits = recognise_bytes(one.data)
    if one.kind == "field" and not hits and one.name not in _DULL_NAMES:
        told = class_of_name(one.name[:_LONGEST_NAME], of="field")
        hits = (Hit(told.data, told.rule),) if told else ()
    if one.kind == "bytes":
        return where, (*hits, Hit(_UNKNOWN, "format: bytes that no rule explains"))
    if not one.whole:
        hits = (*hits, Hit(_UNKNOWN, "text: longer than carnet looks through"))
    if hits or one.where in _DULL or one.name in _DULL_NAMES or not one.data.strip(b"\x00 \r\n"):
        return where, hits
    return where, (Hit(DataClass("text"), "text: free text, nothing recognised"),)

"""An MCAP: learn, look, write; three passes over the source, so that memory stays constant.

The first pass learns the times, the VINs and where on the buses they stand; the second looks at every picture
that stays; the third writes. A trimmed interval loses every stream: speed and yaw integrate back to the place
where a drive began, and pictures show it.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from carnet.deidentify.can_vin import CanVins
from carnet.deidentify.find import Finder, Finding, carried
from carnet.deidentify.images import blanked, can_open, open_picture
from carnet.deidentify.order import Outcome, RedactionOrder, Region
from carnet.deidentify.plan import is_dropped, stream_classes
from carnet.deidentify.vin import find_vins, scrub, scrub_text
from carnet.errors import RedactionError, UnreadableError
from carnet.formats.can import frame_of_message, load_database
from carnet.formats.can_write import payload_place
from carnet.formats.mcap_read import McapReader
from carnet.formats.mcap_write import McapCopy
from carnet.formats.reader import Message, Stream
from carnet.model.factsheet import FactSheet, ReadState
from carnet.model.vocabulary import covers

Progress = Callable[[int, int], None]
_REACH_NS = 200_000_000
_NEIGHBOURS = {"release": 2, "fast": 1}
_PASSES = 3
_VIDEO_SCHEMAS = ("CompressedVideo", "H264", "h264")


def known_vins(*texts: bytes) -> set[bytes]:
    """Give every VIN that stands in some texts."""
    return set().union(*(find_vins(one) for one in texts))


def databases_of(companions: Mapping[str, bytes], order: RedactionOrder) -> tuple[Any, ...]:
    """Load the databases among the files that lie beside a recording.

    Raises:
        UnreadableError: one does not load, and the VIN is to go: signals that carry it might go unseen.
    """
    databases = []
    for companion, content in companions.items():
        if companion.lower().endswith(".dbc"):
            try:
                databases.append(load_database(content))
            except UnreadableError as error:
                if "vin" in order.remove:
                    raise UnreadableError(error.what, where="CAN database", remedy=error.remedy) from error
    return tuple(databases)


@dataclass(slots=True)
class _Look:
    """What the second pass found in one stream: time and findings of each picture, None for a broken one."""

    times: list[int] = field(default_factory=list)
    findings: list[tuple[Finding, ...] | None] = field(default_factory=list)

    def of(self, index: int, reach: int) -> tuple[Finding, ...]:
        """Give a picture's findings with what its neighbours in time saw."""
        beside = (
            one
            for at in range(max(0, index - reach), min(len(self.times), index + reach + 1))
            if at != index and abs(self.times[at] - self.times[index]) <= _REACH_NS
            for one in self.findings[at] or ()
        )
        return carried(self.findings[index] or (), beside)


class McapRedactor:
    """Redacts one MCAP by one order."""

    def __init__(
        self,
        reader: McapReader,
        order: RedactionOrder,
        sheet: FactSheet,
        finder: Finder,
        *,
        name: str,
        companions: Mapping[str, bytes],
        progress: Progress | None = None,
    ) -> None:
        self._reader, self._order, self._sheet, self._finder = reader, order, sheet, finder
        self._progress = progress
        databases = databases_of(companions, order)
        self._can = CanVins(databases, known_vins(name.encode()))
        self._places: Counter[str] = Counter({"file name": 1} if self._can.known else {})
        self._total = 0
        self._first = self._last = 0
        self._dropped: dict[int, bool] = {}

    def redact(self, sink: IO[bytes]) -> Outcome:
        """Write the redacted MCAP.

        Raises:
            RedactionError: a stream cannot be redacted as ordered, or nothing would be left.
            UnreadableError: the file cannot be read.
        """
        self._learn()
        looks = self._look()
        return self._write(sink, looks)

    def _learn(self) -> None:
        numbers = itertools.count()
        for message in self._reader.messages():
            if not self._total:
                self._first = self._last = message.log_time_ns
            self._first, self._last = (
                min(self._first, message.log_time_ns),
                max(self._last, message.log_time_ns),
            )
            self._total += 1
            if message.stream.kind == "can" and "vin" in self._order.remove:
                self._can.learn(next(numbers), message.stream.name, *_frame(message))
            elif message.stream.kind != "pictures" and "vin" in self._order.remove:
                self._can.known |= find_vins(message.data)
        if self._reader.state is ReadState.BLOCKED:
            raise UnreadableError(self._reader.reason or "the file cannot be read", where="mcap")
        for outside in self._reader.outside():
            found = known_vins(outside.data, outside.name.encode())
            self._can.known |= found
            if found:
                self._places[outside.where] += 1
        self._can.finish()
        for stream in self._reader.streams:
            self._dropped[stream.number] = is_dropped(self._order, stream_classes(self._sheet, stream))
            self._refuse(stream)

    def _refuse(self, stream: Stream) -> None:
        """Refuse a stream with pictures in it that cannot be masked: never passed, never left out in silence."""
        if self._dropped[stream.number] or not self._order.looks_at_pictures or can_open(stream):
            return
        pictures = any(covers("image", one) for one in stream_classes(self._sheet, stream))
        if (
            pictures
            or stream.kind == "pictures"
            or any(one in (stream.schema or "") for one in _VIDEO_SCHEMAS)
        ):
            raise RedactionError(
                "the pictures of a stream are coded in a way that cannot be masked yet",
                where=scrub_text(stream.name, self._can.known),
                remedy="order its class under `drop`, or leave the recording out",
            )

    def _kept(self, message: Message) -> bool:
        head = self._first + round(self._order.trim_head_s * 1e9)
        tail = self._last - round(self._order.trim_tail_s * 1e9)
        # An interval of no length trims nothing, not even the very first message.
        return head <= message.log_time_ns <= tail

    def _tell(self, done: int, number_of_pass: int) -> None:
        if self._progress is not None and done % 64 == 0:
            self._progress(done + number_of_pass * self._total, _PASSES * self._total)

    def _pictures(self) -> Iterator[Message]:
        for done, message in enumerate(self._reader.messages()):
            self._tell(done, 1)
            if can_open(message.stream) and not self._dropped[message.stream.number]:
                yield message

    def _look(self) -> dict[int, _Look]:
        looks: dict[int, _Look] = defaultdict(_Look)
        if not self._order.looks_at_pictures:
            return looks
        for message in self._pictures():
            look = looks[message.stream.number]
            look.times.append(message.log_time_ns)
            try:
                found = self._finder.find(open_picture(message).image) if self._kept(message) else ()
            except UnreadableError:
                look.findings.append(None)
            else:
                look.findings.append(found)
        return looks

    def _write(self, sink: IO[bytes], looks: dict[int, _Look]) -> Outcome:
        known = self._can.known if "vin" in self._order.remove else set()
        dropped: Counter[str] = Counter()
        regions: list[Region] = []
        frames = changed = unreadable = 0
        numbers = itertools.count()
        indices: dict[int, Iterator[int]] = defaultdict(itertools.count)
        written: Counter[int] = Counter()
        header = self._reader.header
        copy = McapCopy(sink, self._reader, scrub_text(header.profile, known) if header else "")
        topics = {one.number: scrub_text(one.name, known) for one in self._reader.streams}
        for done, message in enumerate(self._reader.messages()):
            self._tell(done, 2)
            stream = message.stream
            number = next(numbers) if stream.kind == "can" else -1
            index = next(indices[stream.number]) if can_open(stream) else -1
            if self._dropped[stream.number]:
                dropped["messages"] += 1
                continue
            if not self._kept(message):
                dropped["trimmed_messages"] += 1
                continue
            data: bytes | None = message.data
            if stream.kind == "can" and known:
                data = self._without_vin(number, message)
            elif can_open(stream):
                frames += 1
                data, found, broken = self._picture(message, looks[stream.number], index)
                unreadable += broken
                changed += bool(found or broken)
                regions.extend(one.region(written[stream.number], topics[stream.number]) for one in found)
            elif known or "vin" in self._order.remove:
                data = scrub(message.data, known)
                if data != message.data:
                    self._places[f"{topics[stream.number]} text"] += 1
            if data is None:
                dropped["unreadable_messages"] += 1
                continue
            copy.channel(
                stream,
                topics[stream.number],
                {scrub_text(key, known): scrub_text(value, known) for key, value in stream.metadata.items()},
            )
            copy.message(message, data)
            written[stream.number] += 1
        if not copy.written:
            raise RedactionError(
                "nothing would be left of the file",
                remedy="trim less, or leave the file out of the recording",
            )
        copy.finish()
        for outside in self._reader.outside():
            if outside.where in {"metadata record", "attachment"}:
                dropped["metadata" if outside.where == "metadata record" else "attachments"] += 1
        return Outcome(
            frames,
            changed,
            unreadable,
            tuple(regions),
            tuple(sorted(topics[number] for number, gone in self._dropped.items() if gone)),
            tuple(sorted(self._places)) if "vin" in self._order.remove else (),
            dict(dropped),
            self._reader.reason if self._reader.state is ReadState.PARTLY else None,
        )

    def _without_vin(self, number: int, message: Message) -> bytes:
        bus, can_id, payload = message.stream.name, *_frame(message)
        made = self._can.suppress(number, bus, can_id, payload)
        if made is payload:
            return message.data
        self._places[f"{scrub_text(bus, self._can.known)} id {can_id}"] += 1
        start, end = payload_place(message)
        return message.data[:start] + made + message.data[end:]

    def _picture(
        self, message: Message, look: _Look, index: int
    ) -> tuple[bytes | None, tuple[Finding, ...], bool]:
        """Give a message with its picture masked, the findings, and whether the picture was broken."""
        found = look.of(index, _NEIGHBOURS[self._order.setting]) if look.times else ()
        try:
            if look.times and look.findings[index] is None:
                return blanked(message), (), True
            return open_picture(message).redacted(found), found, False
        except UnreadableError:
            return blanked(message), (), True


def _frame(message: Message) -> tuple[int, bytes]:
    """Give id and payload of a CAN message, all eight bytes of it."""
    frame = frame_of_message(message)
    if frame is None:
        raise UnreadableError("a CAN message is no frame", where="message")
    start, end = payload_place(message)
    return frame.id, message.data[start:end]

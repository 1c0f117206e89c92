"""A recording of messages (MCAP, ROS bags): learn, look, write; three passes, so that memory stays constant.

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
from carnet.deidentify.images import blanked, can_open, image_of, open_picture
from carnet.deidentify.location import LocationPlan
from carnet.deidentify.order import Outcome, RedactionOrder, Region, StreamChange
from carnet.deidentify.plan import is_dropped, stream_classes
from carnet.deidentify.text_messages import MessageTexts
from carnet.deidentify.video_topic import VideoTopic
from carnet.deidentify.vin import Cover, covered, find_vins, scrub, scrub_text
from carnet.deidentify.watching import SLOWEST_HZ, Watch
from carnet.detectors.box import Picture
from carnet.errors import RedactionError, UnreadableError
from carnet.formats.can import frame_of_message
from carnet.formats.can_databases import database_form, load_database
from carnet.formats.can_write import payload_place
from carnet.formats.image_message import CODED, ImageMessage, holds_video, looks_like_pictures
from carnet.formats.reader import Message, Reader, Stream
from carnet.formats.video_stream import codec_of, is_byte_stream, without_extras
from carnet.formats.writer import MessageCopy
from carnet.model.factsheet import FactSheet, ReadState
from carnet.model.vocabulary import covers

Progress = Callable[[int, int], None]
CopyMaker = Callable[[IO[bytes], Callable[[str], str]], MessageCopy]
"""Opens the new recording on a sink; is given what takes identifying numbers out of a text."""

_REACH_NS = 200_000_000
_NEIGHBOURS = {"release": 2, "fast": 1}
_PASSES = 3


def known_vins(*texts: bytes) -> set[bytes]:
    """Give every VIN that stands in some texts."""
    return set().union(*(find_vins(one) for one in texts))


def databases_of(companions: Mapping[str, bytes], order: RedactionOrder) -> tuple[Any, ...]:
    """Load the databases among the files that lie beside a recording.

    Raises:
        UnreadableError: one does not load, and the VIN is to go: signals that carry it might go unseen.
    """
    databases = []
    for content in companions.values():
        if database_form(content[:4096]) is not None:
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
    watched: bool = False

    def of(self, index: int, reach: int) -> tuple[Finding, ...]:
        """Give a picture's findings with what its neighbours in time saw, unless they were carried here by flow."""
        if self.watched:
            return self.findings[index] or ()
        beside = (
            one
            for at in range(max(0, index - reach), min(len(self.times), index + reach + 1))
            if at != index and abs(self.times[at] - self.times[index]) <= _REACH_NS
            for one in self.findings[at] or ()
        )
        return carried(self.findings[index] or (), beside)


class McapRedactor:
    """Redacts one recording of messages by one order."""

    def __init__(
        self,
        reader: Reader,
        make_copy: CopyMaker,
        order: RedactionOrder,
        sheet: FactSheet,
        finder: Finder,
        *,
        name: str,
        companions: Mapping[str, bytes],
        progress: Progress | None = None,
        location: LocationPlan | None = None,
        cover: Cover = covered,
        texts: MessageTexts | None = None,
    ) -> None:
        self._reader, self._order, self._sheet, self._finder = reader, order, sheet, finder
        self._location, self._cover, self._texts = location, cover, texts
        self._make_copy = make_copy
        self._progress = progress
        databases = databases_of(companions, order)
        self._can = CanVins(databases, known_vins(name.encode()))
        self._places: Counter[str] = Counter({"file name": 1} if self._can.known else {})
        self._total = 0
        self._first = self._last = 0
        self._dropped: dict[int, bool] = {}
        self._videos: dict[int, VideoTopic | None] = {}
        self._rates: dict[int, tuple[int, int, int]] = {}

    def redact(self, sink: IO[bytes]) -> Outcome:
        """Write the redacted recording.

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
            if self._location is not None:
                self._location.learn(message)
            if message.stream.kind == "can" and self._order.touches_vin:
                self._can.learn(next(numbers), message.stream.name, *_frame(message))
            elif message.stream.kind != "pictures" and self._order.touches_vin:
                self._can.known |= find_vins(message.data)
            if self._order.looks_at_pictures and can_open(message.stream):
                count, first, _ = self._rates.get(message.stream.number, (0, message.log_time_ns, 0))
                self._rates[message.stream.number] = (count + 1, first, message.log_time_ns)
                self._learn_video(message)
        if self._reader.state is ReadState.BLOCKED:
            raise UnreadableError(
                self._reader.reason or "the file cannot be read", where=self._reader.format or "recording"
            )
        for outside in self._reader.outside():
            vins = known_vins(outside.data, outside.name.encode())
            self._can.known |= vins
            if vins:
                self._places[outside.where] += 1
        self._can.finish()
        for topic in filter(None, self._videos.values()):
            topic.learned()
        classes = {one: stream_classes(self._sheet, one) for one in self._reader.streams}
        for stream, found in classes.items():
            self._dropped[stream.number] = is_dropped(self._order, found, rewritable=True)
        if self._location is not None:
            self._location.finish(classes, (one for one, gone in self._dropped.items() if gone))
            self._dropped |= dict.fromkeys(self._location.dropped, True)
        for stream in classes:
            self._refuse(stream)

    def _refuse(self, stream: Stream) -> None:
        """Refuse a stream with pictures in it that cannot be masked: never passed, never left out in silence."""
        if self._dropped[stream.number] or not self._order.looks_at_pictures or can_open(stream):
            return
        pictures = any(covers("image", one) for one in stream_classes(self._sheet, stream))
        if pictures or stream.kind == "pictures" or looks_like_pictures(stream):
            raise RedactionError(
                "the pictures of a stream are coded in a way that cannot be masked yet",
                where=scrub_text(stream.name, self._can.known),
                remedy="order its class under `drop`, or leave the recording out",
            )

    def _learn_video(self, message: Message) -> None:
        """Tell by its type or its first message whether a topic is video, and where its pictures end."""
        number = message.stream.number
        if number not in self._dropped:
            classes = stream_classes(self._sheet, message.stream)
            self._dropped[number] = is_dropped(self._order, classes, rewritable=True)
        if self._dropped[number]:
            return
        if number not in self._videos:
            first = _taken(message)
            video = holds_video(message.stream) or (
                first is not None and first.kind == CODED and is_byte_stream(first.payload)
            )
            self._videos[number] = VideoTopic(self._order.setting) if video else None
        topic = self._videos[number]
        if topic is not None:
            topic.learn(_taken(message))

    def _kept(self, message: Message) -> bool:
        head = self._first + round(self._order.trim_head_s * 1e9)
        tail = self._last - round(self._order.trim_tail_s * 1e9)
        # An interval of no length trims nothing, not even the very first message.
        kept = head <= message.log_time_ns <= tail
        return kept and not (self._location is not None and self._location.hides(message.log_time_ns))

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
        videos = [one for one in self._videos.values() if one is not None]
        for topic in videos:
            topic.rewind()
        watches: dict[int, Watch] = {}
        for message in self._pictures():
            number = message.stream.number
            look = looks[number]
            index = len(look.times)
            look.times.append(message.log_time_ns)
            found, image = self._seen(message)
            look.findings.append(found)
            rate = self._rate_hz(number)
            if image is None and number not in watches:
                continue
            if rate < SLOWEST_HZ:
                look.findings[index] = self._finder.find(image) if image is not None else found
                continue
            # What is carried through the pictures between looks needs no neighbours' findings any more.
            look.watched = True
            if number not in watches:
                watches[number] = Watch(self._finder, self._order.setting, rate)
            for at, masks in watches[number].add(index, image):
                look.findings[at] = masks
        for number, watch in watches.items():
            for at, masks in watch.finish():
                looks[number].findings[at] = masks
        for topic in videos:
            topic.looked()
            topic.rewind()
        return looks

    def _seen(self, message: Message) -> tuple[tuple[Finding, ...] | None, Picture | None]:
        """Give the picture of a message to be looked at, or what is known without: () or None for a broken one."""
        video = self._videos.get(message.stream.number)
        if video is not None:
            ended, image = video.picture(_taken(message))
            if image is None:
                return (None if ended else ()), None
            return (), image if self._kept(message) else None
        if not self._kept(message):
            return (), None
        try:
            return (), open_picture(message).image
        except UnreadableError:
            return None, None

    def _rate_hz(self, number: int) -> float:
        """Give how many pictures a second a topic has, over the time in which it has any."""
        count, first, last = self._rates[number]
        return (count - 1) * 1e9 / (last - first) if count > 1 and last > first else 0.0

    def _write(self, sink: IO[bytes], looks: dict[int, _Look]) -> Outcome:
        known = self._can.known if self._order.touches_vin else set()
        dropped: Counter[str] = Counter()
        regions: list[Region] = []
        frames = changed = unreadable = 0
        numbers = itertools.count()
        indices: dict[int, Iterator[int]] = defaultdict(itertools.count)
        written: Counter[int] = Counter()
        counts: dict[int, Counter[str]] = defaultdict(Counter)
        span = (self._last, self._first)

        def clean(text: str) -> str:
            made = scrub_text(text, known, cover=self._cover)
            return self._texts.name(made) if self._texts is not None else made

        copy = self._make_copy(sink, clean)
        topics = {one.number: clean(one.name) for one in self._reader.streams}
        for done, message in enumerate(self._reader.messages()):
            self._tell(done, 2)
            stream = message.stream
            number = next(numbers) if stream.kind == "can" else -1
            index = next(indices[stream.number]) if can_open(stream) else -1
            if self._dropped[stream.number]:
                dropped["messages"] += 1
                counts[stream.number]["gone"] += 1
                continue
            video = self._videos.get(stream.number)
            if not self._kept(message):
                if video is not None:
                    # Later pictures build on it.
                    video.write(_taken(message), (), kept=False)
                dropped["trimmed_messages"] += 1
                counts[stream.number]["gone"] += 1
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
            else:
                if self._location is not None:
                    data = self._location.rewrite(message)
                if self._order.touches_vin and data is not None:
                    before, data = data, scrub(data, known, cover=self._cover)
                    self._places[f"{topics[stream.number]} text"] += data != before
                if self._texts is not None and data is not None and stream.kind == "messages":
                    data = self._texts.message(stream, data)
            if self._texts is not None and data is not None and stream.kind != "messages":
                data = self._texts.header(data)
            if data is None:
                dropped["unreadable_messages"] += 1
                counts[stream.number]["gone"] += 1
                continue
            counts[stream.number]["identical" if data == message.data else "changed"] += 1
            copy.channel(
                stream,
                topics[stream.number],
                {clean(key): clean(value) for key, value in stream.metadata.items()}
                | (self._location.metadata(stream) if self._location is not None else {}),
            )
            copy.message(message, data)
            span = min(span[0], message.log_time_ns), max(span[1], message.log_time_ns)
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
            tuple(sorted(+self._places)) if self._order.touches_vin else (),
            dict(dropped),
            self._reader.reason if self._reader.state is ReadState.PARTLY else None,
            tuple(sorted(self._order.replace)),
            None if self._location is None else self._location.summary(),
            {} if self._texts is None else dict(self._texts.counts),
            streams=tuple(
                StreamChange(
                    topics[one.number],
                    one.schema,
                    *(counts[one.number][what] for what in ("identical", "changed", "gone")),
                )
                for one in self._reader.streams
            ),
            span_ns=span,
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
        video = self._videos.get(message.stream.number)
        if video is not None:
            return _video(message, video, found)
        try:
            if look.times and look.findings[index] is None:
                return blanked(message), (), True
            if not look.times:
                return _unlooked(message), (), False
            return open_picture(message).redacted(found), found, False
        except UnreadableError:
            return blanked(message), (), True


def _taken(message: Message) -> ImageMessage | None:
    try:
        return image_of(message)
    except UnreadableError:
        return None


def _video(
    message: Message, video: VideoTopic, found: tuple[Finding, ...]
) -> tuple[bytes | None, tuple[Finding, ...], bool]:
    image = _taken(message)
    payload, broken = video.write(image, found, kept=True)
    if image is None or payload is None:
        return None, (), True
    return image.put(payload), () if broken else found, broken


def _unlooked(message: Message) -> bytes:
    """Give a picture that nobody is to be taken out of, without what was written beside its pixels."""
    image = image_of(message)
    if image.kind == CODED and is_byte_stream(image.payload):
        codec = codec_of(image.form, image.payload)
        return message.data if codec is None else image.put(without_extras(codec, image.payload))
    return open_picture(message).redacted(())


def _frame(message: Message) -> tuple[int, bytes]:
    """Give id and payload of a CAN message, all eight bytes of it."""
    frame = frame_of_message(message)
    if frame is None:
        raise UnreadableError("a CAN message is no frame", where="message")
    start, end = payload_place(message)
    return frame.id, message.data[start:end]

"""The one interface behind which every file format is read.

A reader streams over a seekable file and never needs a path. It holds three kinds of thing apart: `streams`
with their `messages`, and what lies `outside` payloads: headers, comments, metadata, attachments, text chunks.
`state` and `reason` are final once `messages` has been exhausted; before that they say what opening told.
Times are nanoseconds since 1970-01-01 UTC where the file says so, else since the start of the file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from carnet.model.factsheet import ReadState


@dataclass(frozen=True, slots=True)
class Stream:
    """One topic, bus, camera or track of a file.

    Attributes:
        name: topic, bus or track name, as the file has it.
        kind: `messages`, `can`, `picture`, `video`, `audio`, `data` or `database`.
        schema: name of the message type, or of the codec.
        schema_text: the definition that the file carries, else empty.
        schema_encoding: how the definition is written: `ros2msg`, `jsonschema`, ... else empty.
        encoding: how payloads are written: `cdr`, `json`, `jpeg`, `h264`, ...
        number: the file's own number for the stream.
        metadata: key and value pairs that the file keeps with the stream.
        schema_data: the definition's own bytes; not every definition is text.
    """

    name: str
    kind: str
    schema: str | None = None
    schema_text: str = ""
    schema_encoding: str = ""
    encoding: str = ""
    number: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)
    schema_data: bytes = b""

    @property
    def withheld_name(self) -> str:
        """What stands for the name where the name itself identifies somebody and must not be shown."""
        return f"stream {self.number} (name withheld)"

    def __hash__(self) -> int:
        return hash((self.name, self.kind, self.schema, self.number))


@dataclass(frozen=True, slots=True)
class Message:
    """One payload of a stream, in file order; `rows` says how many records it holds, where they come in runs.

    The times of a run are those of its first and its last record.
    """

    stream: Stream
    log_time_ns: int
    publish_time_ns: int
    data: bytes
    sequence: int = 0
    rows: int = 1


@dataclass(frozen=True, slots=True)
class OutsideText:
    """Bytes that lie outside payloads.

    Attributes:
        where: the place in words, without values: `metadata record`, `attachment`, `EXIF`, ...
        name: the name under which the file keeps it; it came from outside, so it may identify somebody.
        data: the bytes, at most `LONGEST`.
        kind: `text`, `field` (a text of which `name` says what it is), `picture` (a thumbnail), `position` (a
            geographic place) or `bytes`.
        whole: whether `data` is all there is.
        place: latitude and longitude of a `position` in degrees, where they are read; never shown.
        part: why nothing is said of the places that it does not touch: it is not the whole, or not exact.
    """

    where: str
    name: str
    data: bytes
    kind: str = "text"
    whole: bool = True
    place: tuple[float, float] | None = field(default=None, repr=False)
    part: str | None = None


LONGEST = 4 * 1024 * 1024


class Reader(ABC):
    """A file, read as one of the formats that carnet knows."""

    format: str | None = None

    def __init__(self) -> None:
        self._lost: list[str] = []
        self._blocked: str | None = None
        self._complete = False

    @property
    @abstractmethod
    def streams(self) -> tuple[Stream, ...]:
        """The streams seen so far; all of them once `messages` is exhausted."""

    @abstractmethod
    def messages(self) -> Iterator[Message]:
        """Give every whole message in file order; may be called again from the start."""

    @abstractmethod
    def outside(self) -> tuple[OutsideText, ...]:
        """Give what lies outside payloads, as far as the file was read."""

    def _read_all(self) -> None:
        if not self._complete:
            for _ in self.messages():
                pass

    def lose(self, what: str) -> None:
        """Remember that something could not be read; the same sentence counts once.

        It stays known when the file is read again: a second pass that ends early must not make it whole.
        """
        if what not in self._lost:
            self._lost.append(what)

    def block(self, why: str) -> None:
        """Remember that nothing of the file can be trusted."""
        self._blocked = self._blocked or why

    @property
    def state(self) -> ReadState:
        """How far the file could be read."""
        if self._blocked:
            return ReadState.BLOCKED
        return ReadState.PARTLY if self._lost else ReadState.READ

    @property
    def reason(self) -> str | None:
        """Why the file is blocked, or what was lost."""
        return self._blocked or ("; ".join(self._lost) or None)


class GatheringReader(Reader):
    """A reader that learns of streams and of what lies outside while it reads: both are asked after the end."""

    def __init__(self) -> None:
        super().__init__()
        self._streams: dict[str, Stream] = {}
        self._outside: dict[OutsideText, None] = {}

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams, in order of appearance."""
        self._read_all()
        return tuple(self._streams.values())

    def outside(self) -> tuple[OutsideText, ...]:
        """What lies between and beside payloads, each once."""
        self._read_all()
        return tuple(self._outside)


class StillReader(Reader):
    """A picture file: one stream, one message that is the whole file, at time 0: the file has no clock."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.format = form
        self.width = self.height = 0
        self._data = b""
        self._outside: list[OutsideText] = []
        self._stream = Stream("picture", "picture", form, encoding=form)

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The one stream, unless the file is blocked."""
        return () if self._blocked else (self._stream,)

    def messages(self) -> Iterator[Message]:
        """Give the whole file as one message."""
        if not self._blocked:
            yield Message(self._stream, 0, 0, self._data)

    def outside(self) -> tuple[OutsideText, ...]:
        """Give comments, EXIF, XMP, places, thumbnails and bytes behind the end."""
        return tuple(self._outside)

    def _put(self, where: str, data: bytes, kind: str = "text", name: str = "") -> None:
        self._outside.append(OutsideText(where, name, data[:LONGEST], kind, whole=len(data) <= LONGEST))


class BlockedReader(Reader):
    """A file that no reader takes: kept, and never passed on."""

    def __init__(self, why: str, form: str | None = None) -> None:
        super().__init__()
        self.format = form
        self.block(why)

    @property
    def streams(self) -> tuple[Stream, ...]:
        """No streams."""
        return ()

    def messages(self) -> Iterator[Message]:
        """No messages."""
        return iter(())

    def outside(self) -> tuple[OutsideText, ...]:
        """Nothing known."""
        return ()

"""ROS messages: decoded and encoded again by the definition that the file itself carries.

Definitions are `ros2msg` or `ros1msg` texts (a message definition, then its parts after lines of `=`); the
code for each is made once by the rosbags type store and kept. `sensor_msgs/CompressedImage` has a fast way
that finds the picture's bytes without decoding. CDR is OMG's DDS-XTypes 1.3, 7.4: four bytes of encapsulation,
then fields aligned to their size.
"""

from __future__ import annotations

import itertools
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from carnet.errors import UnreadableError, missing_extra

# What generated decoders raise on bytes that are not of their type.
_WRONG_BYTES = (
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    AssertionError,
    struct.error,
    MemoryError,
    OverflowError,
)
_DEEPEST = 12
_MOST_FIELDS = 5000
_NAME = re.compile(r"[A-Za-z]\w*/msg/[A-Za-z]\w*", re.ASCII)


@dataclass(frozen=True, slots=True)
class FieldType:
    """One leaf of a message type.

    Attributes:
        path: its path with dots.
        base: its base type.
        array: whether it is an array itself.
        listed: whether it is an array, or stands in a list of messages.
    """

    path: str
    base: str
    array: bool
    listed: bool


class Codec:
    """Decodes and encodes one message type."""

    def __init__(self, schema: str, text: str, encoding: str) -> None:
        try:
            from rosbags.serde import SerdeError
            from rosbags.typesys import Stores, TypesysError, get_types_from_msg, get_typestore
        except ImportError as error:
            raise missing_extra(
                error,
                "reading ROS messages needs the library rosbags",
                remedy="pip install 'carnet[recordings]'",
            ) from error

        self._wrong_bytes: tuple[type[Exception], ...] = (SerdeError, AttributeError, *_WRONG_BYTES)
        self.encoding = encoding
        self.schema = schema if "/msg/" in schema else schema.replace("/", "/msg/", 1)
        if _NAME.fullmatch(self.schema) is None:
            # The type store writes code with this name in it.
            raise UnreadableError("a message type's name is not a name", where="schema")
        try:
            self._store = get_typestore(Stores.EMPTY)
            self._store.register(get_types_from_msg(text, self.schema))
            self._fields = tuple(
                itertools.islice(self._walk(self.schema, "", 0, listed=False), _MOST_FIELDS + 1)
            )
            if len(self._fields) > _MOST_FIELDS:
                raise ValueError("too many fields")
        except (TypesysError, *_WRONG_BYTES, SyntaxError, AttributeError, RecursionError) as error:
            raise UnreadableError(
                "a message definition in the file cannot be understood", where="schema"
            ) from error

    @property
    def fields(self) -> tuple[FieldType, ...]:
        """Every leaf of the type, in order."""
        return self._fields

    @property
    def definitions(self) -> Mapping[str, Any]:
        """What each type consists of, as the type store has it: by type, constants and fields."""
        return self._store.fielddefs

    def _walk(self, name: str, prefix: str, depth: int, *, listed: bool) -> Iterator[FieldType]:
        if depth > _DEEPEST:
            raise ValueError("nested too deeply")
        from rosbags.interfaces import Nodetype

        described: Any
        for field, described in self._store.fielddefs[name][1]:
            array = described[0] in {Nodetype.ARRAY, Nodetype.SEQUENCE}
            kind, what = described[1][0] if array else described
            path = f"{prefix}{field}"
            if kind == Nodetype.NAME:
                yield from self._walk(str(what), f"{path}.", depth + 1, listed=listed or array)
            else:
                yield FieldType(path, str(what[0]), array, listed or array)

    def decode(self, data: bytes) -> Any:
        """Give the message as an object with the fields' names; raises `UnreadableError`."""
        try:
            if self.encoding == "ros1":
                return self._store.deserialize_ros1(data, self.schema)
            return self._store.deserialize_cdr(data, self.schema)
        except self._wrong_bytes as error:
            raise UnreadableError("a message does not have the shape of its type", where="message") from error

    def encode(self, value: Any) -> bytes:
        """Give the bytes of a message; raises `UnreadableError` when a field does not fit its type."""
        try:
            if self.encoding == "ros1":
                return bytes(self._store.serialize_ros1(value, self.schema))
            return bytes(self._store.serialize_cdr(value, self.schema))
        except self._wrong_bytes as error:
            raise UnreadableError("a value does not fit its message type", where="message") from error


@lru_cache(maxsize=256)
def codec(schema: str, text: str, encoding: str = "cdr") -> Codec:
    """Give the codec of a message type, made once.

    Args:
        schema: the type's name, `package/msg/Type` or `package/Type`.
        text: the definition as the file has it.
        encoding: `cdr` or `ros1`.

    Raises:
        UnreadableError: the definition cannot be understood.
    """
    return Codec(schema, text, encoding)


_FEWEST_BYTES = 4
_WORDS = re.compile(rb"[\t\n\r -~\x80-\xff]{4,}")


def words_of(data: bytes, encoding: str) -> Iterator[str]:
    """Give the texts of a message that are four bytes or longer, by the length that stands before each.

    It needs no decoding, so it is fast; a run of numbers that happens to look like a text with its length is given
    too. CDR: OMG formal/02-06-51, 15.3.2.7 (the length counts the zero behind the text); ROS 1 has no zero.

    Args:
        data: a whole message.
        encoding: `cdr` or `ros1`.
    """
    zero = 1 if encoding == "cdr" else 0
    order: Literal["little", "big"] = "big" if encoding == "cdr" and data[1:2] == b"\x00" else "little"
    for match in _WORDS.finditer(data):
        # With the highest byte first, the lowest byte of a length stands right before the text and may look like one.
        for at in (match.start(), match.start() + 1) if order == "big" else (match.start(),):
            length = int.from_bytes(data[max(0, at - 4) : at], order) - zero
            if length >= _FEWEST_BYTES and at + length <= len(data):
                yield data[at : at + length].decode("utf-8", "replace")


_BYTES = frozenset({"byte", "char", "int8", "octet", "uint8"})
_LETTERS = re.compile(rb"[ -~]{8,}")


def is_bytes(one: FieldType) -> bool:
    """Say whether a field is an array of bytes, in which letters may stand one by one."""
    return one.array and one.base in _BYTES


def letters_of(data: bytes) -> Iterator[str]:
    """Give the runs of eight letters and more in a message, as arrays of bytes hold texts without saying so."""
    for match in _LETTERS.finditer(data):
        yield match.group().decode("ascii")


def value_at(message: Any, path: str) -> Any:
    """Give a decoded message's field by its path with dots."""
    for part in path.split("."):
        message = getattr(message, part)
    return message


@dataclass(frozen=True, slots=True)
class CompressedImage:
    """Where things lie in a `sensor_msgs/CompressedImage`.

    Attributes:
        stamp_ns: header stamp, ns since 1970 as the sender's clock had it.
        frame_id: the camera's frame of reference.
        format: `jpeg`, `png`, or a longer text that contains one of them.
        start: offset of the picture's first byte.
        end: offset behind its last byte.
    """

    stamp_ns: int
    frame_id: str
    format: str
    start: int
    end: int

    def picture(self, data: bytes) -> memoryview:
        """Give the picture's bytes without a copy."""
        return memoryview(data)[self.start : self.end]


def compressed_image(data: bytes) -> CompressedImage:
    """Find the picture in a `sensor_msgs/msg/CompressedImage` in CDR; raises `UnreadableError`."""
    try:
        order = "<" if data[1] & 1 else ">"
        sec, nanosec = struct.unpack_from(f"{order}iI", data, 4)
        at = 12
        frame_id, at = _text(data, at, order)
        form, at = _text(data, at, order)
        at = _aligned(at)
        (length,) = struct.unpack_from(f"{order}I", data, at)
    except (struct.error, IndexError) as error:
        raise UnreadableError("a picture message is shorter than its header", where="message") from error
    start = at + 4
    if start + length > len(data):
        raise UnreadableError("a picture message is shorter than it says", where="message")
    return CompressedImage(sec * 10**9 + nanosec, frame_id, form, start, start + length)


def replace_image(data: bytes, found: CompressedImage, picture: bytes, form: str | None = None) -> bytes:
    """Give the message with another picture in it, header kept; `form` replaces the format's name."""
    order = "<" if data[1] & 1 else ">"
    head = data[: found.start - 4]
    if form is not None and form != found.format:
        at = _text(data, 12, order)[1]
        at = _aligned(at)
        text = form.encode() + b"\x00"
        head = data[:at] + struct.pack(f"{order}I", len(text)) + text
        head += bytes(_aligned(len(head)) - len(head))
    return head + struct.pack(f"{order}I", len(picture)) + picture


def _aligned(at: int) -> int:
    """Give the next offset that four bytes may start at: alignment counts from behind the encapsulation."""
    return 4 + ((at - 4 + 3) & ~3)


def _text(data: bytes, at: int, order: str) -> tuple[str, int]:
    at = _aligned(at)
    (length,) = struct.unpack_from(f"{order}I", data, at)
    at += 4
    if at + length > len(data):
        raise IndexError("a text is longer than the message")
    return data[at : at + length].rstrip(b"\x00").decode("utf-8", "replace"), at + length

"""The wire format of protobuf, as far as fields of a message have to be found and replaced.

A channel's schema is a `FileDescriptorSet` (google/protobuf/descriptor.proto); from it come the numbers of a
type's fields. Encoding: protobuf.dev/programming-guides/encoding. Nothing is generated and nothing is imported.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from carnet.errors import UnreadableError

_VARINT, _I64, _LEN, _I32 = 0, 1, 2, 5
_LONGEST_VARINT = 10
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class WireField:
    """One field as it lies in a message: number, wire type, first byte of its tag, span of its value."""

    number: int
    wire: int
    tag: int
    start: int
    end: int


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a number from a place: the number, and the place behind it; raises `UnreadableError`."""
    value = shift = 0
    for step in range(_LONGEST_VARINT):
        if at + step >= len(data):
            break
        one = data[at + step]
        value |= (one & 0x7F) << shift
        if not one & 0x80:
            return value, at + step + 1
        shift += 7
    raise UnreadableError("a number of a protobuf message is cut", where="message")


def varint_bytes(value: int) -> bytes:
    """Write a number."""
    made = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


def wire_fields(data: bytes, start: int = 0, end: int | None = None) -> Iterator[WireField]:
    """Give every field of a message in order; raises `UnreadableError` where it is cut."""
    at, stop = start, len(data) if end is None else end
    while at < stop:
        tag_at = at
        tag, at = varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            begin, (_, at) = at, varint(data, at)
        elif wire in {_I64, _I32}:
            begin, at = at, at + (8 if wire == _I64 else 4)
        elif wire == _LEN:
            length, begin = varint(data, at)
            at = begin + length
        else:
            raise UnreadableError(
                "a protobuf message has a field of a kind that is not read", where="message"
            )
        if at > stop or number == 0:
            raise UnreadableError("a protobuf message is cut within a field", where="message")
        yield WireField(number, wire, tag_at, begin, at)


def number_of(data: bytes, field: WireField) -> int:
    """Give a field's number: a varint, or 32 or 64 bits."""
    if field.wire == _VARINT:
        return varint(data, field.start)[0]
    if field.wire == _LEN:
        raise UnreadableError("a field of a protobuf message is not of its type", where="message")
    return int(struct.unpack_from("<I" if field.wire == _I32 else "<Q", data, field.start)[0])


@lru_cache(maxsize=64)
def field_numbers(schema: bytes, name: str) -> dict[str, int]:
    """Give the number of each field of a message type.

    Args:
        schema: a serialized `FileDescriptorSet`.
        name: the type's full name, as `foxglove.CompressedImage`.

    Raises:
        UnreadableError: the set is damaged, or the type is not in it.
    """
    for file in wire_fields(schema):
        if file.number != 1 or file.wire != _LEN:
            continue
        package = ""
        for one in wire_fields(schema, file.start, file.end):
            if one.number == 2 and one.wire == _LEN:  # noqa: PLR2004 - FileDescriptorProto.package
                package = schema[one.start : one.end].decode("utf-8", "replace")
        for one in wire_fields(schema, file.start, file.end):
            if one.number == 4 and one.wire == _LEN:  # noqa: PLR2004 - FileDescriptorProto.message_type
                found = _in_type(schema, one, f"{package}." if package else "", name, 0)
                if found is not None:
                    return found
    raise UnreadableError("the schema of a protobuf channel does not hold its type", where="schema")


def _in_type(schema: bytes, place: WireField, prefix: str, name: str, depth: int) -> dict[str, int] | None:
    if depth > _DEEPEST:
        return None
    parts = list(wire_fields(schema, place.start, place.end))
    own = prefix + "".join(
        schema[one.start : one.end].decode("utf-8", "replace") for one in parts if one.number == 1
    )
    if own == name:
        numbers = {}
        for one in parts:
            if one.number == 2 and one.wire == _LEN:  # noqa: PLR2004 - DescriptorProto.field
                inner = {each.number: each for each in wire_fields(schema, one.start, one.end)}
                if 1 in inner and 3 in inner:  # noqa: PLR2004 - name, number
                    label = schema[inner[1].start : inner[1].end].decode("utf-8", "replace")
                    numbers[label] = number_of(schema, inner[3])
        return numbers
    for one in parts:
        if one.number == 3 and one.wire == _LEN:  # noqa: PLR2004 - DescriptorProto.nested_type
            found = _in_type(schema, one, f"{own}.", name, depth + 1)
            if found is not None:
                return found
    return None

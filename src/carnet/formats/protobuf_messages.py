"""Messages in protobuf, as plain values: decoded by Google's library with the definition that the file carries.

A channel's schema is a `FileDescriptorSet` (google/protobuf/descriptor.proto; MCAP registry, `protobuf`). What a
message holds beyond its definition comes out under a name of its own: it is there, and nobody knows what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from carnet.errors import UnreadableError, missing_extra

UNNAMED = "(not in the definition)"
_DEEPEST = 12
_MOST_FIELDS = 20_000
_TIMES = frozenset({"google.protobuf.Timestamp", "google.protobuf.Duration"})
_LONGEST_BYTES = 4096
_CONTROL = bytes([*range(9), 11, 12, *range(14, 32), 127])


class ProtobufCodec:
    """Decodes one message type."""

    def __init__(self, schema: bytes, name: str) -> None:
        """Read the definition.

        Args:
            schema: a `FileDescriptorSet`.
            name: the message type, with its package.

        Raises:
            MissingExtraError: protobuf is not installed.
            UnreadableError: the definition is damaged, not whole, or lacks the type.
        """
        try:
            from google.protobuf import (
                descriptor_pb2,
                descriptor_pool,
                message,
                message_factory,
                unknown_fields,
            )
        except ImportError as error:
            raise missing_extra(
                error,
                "reading protobuf messages needs the library protobuf",
                remedy="pip install 'carnet[recordings]'",
            ) from error
        self._wrong: tuple[type[Exception], ...] = (message.DecodeError, ValueError, RecursionError)
        self._unknown: Any = unknown_fields.UnknownFieldSet
        try:
            files = {one.name: one for one in descriptor_pb2.FileDescriptorSet.FromString(schema).file}
            pool = descriptor_pool.DescriptorPool()
            for one in _in_order(files):
                pool.Add(one)
            self._type: Any = pool.FindMessageTypeByName(name)
            self._make: Any = message_factory.GetMessageClass(self._type)
        # The pool says by TypeError what does not fit together, and by KeyError what is missing.
        except (message.DecodeError, TypeError, KeyError, ValueError, RecursionError) as error:
            raise UnreadableError(
                "a message definition in the file cannot be understood", where="schema"
            ) from error

    def paths(self) -> list[str]:
        """Name the leaves of the type that stand in no list, with dots: also those that no message sets."""
        return list(_leaves(self._type, "", ()))[:_MOST_FIELDS]

    def plain(self, data: bytes) -> dict[str, Any]:
        """Give a message as names and values: numbers, texts, truth values, lists, and the same again.

        Fields that are not set are left out, and so are stamps and lengths of time. Bytes are a text where they
        are one, else left out.

        Raises:
            UnreadableError: the bytes are no message of this type.
        """
        try:
            return self._values(self._make.FromString(data), 0)
        except self._wrong as error:
            raise UnreadableError("a message does not have the shape of its type", where="message") from error

    def _values(self, message: Any, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if depth > _DEEPEST:
            return {UNNAMED: str(message)}
        for field, value in message.ListFields():
            kind = field.message_type
            if kind is not None and kind.full_name in _TIMES:
                continue
            if kind is not None and kind.GetOptions().map_entry:
                inner = kind.fields_by_name["value"]
                made[field.name] = {str(key): self._one(inner, value[key], depth) for key in value}
            elif _is_list(field):
                made[field.name] = [self._one(field, one, depth) for one in value]
            else:
                made[field.name] = self._one(field, value, depth)
        for extra in self._unknown(message):
            made.setdefault(UNNAMED, []).append(_unnamed(extra.data))
        return made

    def _one(self, field: Any, value: Any, depth: int) -> Any:
        if field.message_type is not None:
            return self._values(value, depth + 1)
        if field.enum_type is not None:
            named = field.enum_type.values_by_number.get(value)
            return named.name if named is not None else value
        return _text_of(value) if isinstance(value, bytes) else value


def _is_list(field: Any) -> bool:
    """Say whether a field holds several values; not by the value, since Google's `ListValue` has a list's methods."""
    # protobuf 7 has no label any more, and the first of 6 have nothing else.
    told = getattr(field, "is_repeated", None)
    return field.label == field.LABEL_REPEATED if told is None else bool(told)


def _in_order(files: dict[str, Any]) -> Iterator[Any]:
    """Give files so that each comes after those it imports; what import one another the pool refuses."""
    done: set[str] = set()

    def give(name: str, above: frozenset[str]) -> Iterator[Any]:
        if name in done or name in above or name not in files:
            return
        for needed in files[name].dependency:
            yield from give(needed, above | {name})
        done.add(name)
        yield files[name]

    for name in files:
        yield from give(name, frozenset())


def _leaves(kind: Any, prefix: str, above: tuple[str, ...]) -> Iterator[str]:
    if kind.full_name in above or len(above) > _DEEPEST:
        return
    for field in kind.fields:
        path = f"{prefix}{field.name}"
        inner = field.message_type
        if inner is None:
            yield path
        elif inner.full_name not in _TIMES and not inner.GetOptions().map_entry:
            yield from _leaves(inner, f"{path}.", (*above, kind.full_name))


def _unnamed(data: Any) -> Any:
    return _text_of(data) if isinstance(data, bytes) else str(data)


def _text_of(data: bytes) -> str:
    """Give bytes as a text where most of them are one; else nothing."""
    head = data[:_LONGEST_BYTES]
    if len(head) - len(head.translate(None, _CONTROL)) > len(head) // 10:
        return ""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return ""

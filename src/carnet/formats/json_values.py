"""Where each value of a JSON text stands, so that one can be exchanged and the rest stays byte for byte.

RFC 8259. The text is parsed by the standard library first: what it refuses is refused here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from carnet.errors import UnreadableError

DEEPEST = 200
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|NaN|-?Infinity|[{}\[\],:]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class JsonValue:
    """One key, text, number, `true`, `false` or `null`.

    Attributes:
        start: first character of its spelling.
        end: the character behind it.
        path: the keys that lead to it, outermost first; a key's own path ends with itself.
        is_key: whether it is a key.
    """

    start: int
    end: int
    path: tuple[str, ...]
    is_key: bool


def json_values(text: str) -> Iterator[JsonValue]:
    """Give every key and every plain value of one JSON text, in order.

    Raises:
        UnreadableError: the text is no JSON, or is nested deeper than `DEEPEST`.
    """
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("the text is not valid JSON", where="json") from error
    # Per open container: whether it is an object, and the key that is being filled.
    stack: list[tuple[bool, str | None]] = []
    key_next = False
    for piece in _PIECE.finditer(text):
        sign = piece.group()
        if sign in "{[":
            if len(stack) >= DEEPEST:
                raise UnreadableError("the text is nested too deeply", where="json")
            stack.append((sign == "{", None))
            key_next = sign == "{"
        elif sign in "}]":
            stack.pop()
            key_next = False
        elif sign == ",":
            key_next = stack[-1][0]
        elif sign == ":":
            key_next = False
        else:
            if key_next:
                stack[-1] = (True, json.loads(sign))
            path = tuple(key for _, key in stack if key is not None)
            yield JsonValue(piece.start(), piece.end(), path, key_next)

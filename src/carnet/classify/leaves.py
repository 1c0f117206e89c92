"""What records are made of: the leaves of a document, the numbers and texts of cells."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from carnet.formats.json_shapes import LONG_LIST, is_long_line
from carnet.formats.records import value_of

_DEEPEST = 12
_WHOLE = re.compile(r"[+-]?[0-9]+")
_LONGEST_NUMBER = 12


def flatten(value: Any, path: str = "", depth: int = 0, *, rest: bool = False) -> Iterator[tuple[str, Any]]:
    """Give the leaves of a JSON value as (path with dots, value); a long line of numbers is one of a record's.

    Args:
        value: the value.
        path: where it stands.
        depth: how deep; what lies too deep comes as one text, so that it is looked through all the same.
        rest: give what stands behind the first four of a list as one text; else it is left to who cut the
            document into parts.
    """
    if depth > _DEEPEST and isinstance(value, dict | list):
        yield path, json.dumps(value, ensure_ascii=False)
    elif isinstance(value, dict):
        for key, inner in value.items():
            # JSON can spell halves of surrogate pairs, which no output can carry.
            name = str(key).encode("utf-8", "replace").decode("utf-8")
            yield from flatten(inner, f"{path}.{name}" if path else name, depth + 1, rest=rest)
    elif isinstance(value, list):
        if not rest and is_long_line(value):
            yield path or "value", value
            return
        for number, inner in enumerate(value[:LONG_LIST]):
            yield from flatten(inner, f"{path}.{number}" if path else str(number), depth + 1, rest=rest)
        if rest and any(isinstance(one, dict | list | str) for one in value[LONG_LIST:]):
            yield f"{path}.more" if path else "more", json.dumps(value[LONG_LIST:], ensure_ascii=False)
    else:
        yield path or "value", value


def number_of(value: Any) -> float | None:
    """Give a number that a float can hold, else None."""
    # Tables keep whole numbers as texts, since digits alone may be a telephone.
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER and _WHOLE.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def read_cells(cells: Sequence[str], *, typed: bool) -> tuple[list[float | None], list[str]]:
    """Give the numbers of a column row by row, None where there is none, and its texts, each once."""
    if typed and all("." in cell for cell in cells):
        try:
            return list(map(float, cells)), []
        except ValueError:
            pass
    values = {cell: value_of(cell) if typed else cell for cell in dict.fromkeys(cells)}
    numbers = {cell: number_of(value) for cell, value in values.items()}
    return [numbers[cell] for cell in cells], [cell for cell, value in values.items() if value is cell]


def line_of(value: Any) -> list[float]:
    """Give the numbers of a value: those of a line, the one that it is, or none."""
    found = value if isinstance(value, list) else [value]
    numbers = [number for one in found if (number := number_of(one)) is not None]
    return numbers if len(numbers) == len(found) else []

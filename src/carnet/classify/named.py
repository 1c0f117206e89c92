"""What a field's own name and its values say of it, the same for fields of messages and columns of tables."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from carnet.model.factsheet import Certainty, FieldClass
from carnet.model.ids import DataClass
from carnet.recognise.names import NameClass, class_of_name
from carnet.recognise.text import recognise

POSITION = DataClass("location.position")
_PLAIN = frozenset({"data", "value", "x", "y", "z"})
"""Names that everything has."""


def by_name_or_value(
    path: str, shown: str, values: tuple[str, ...], ranges: Collection[str], *, of: str
) -> FieldClass | None:
    """Say what a field is by its name, or by how its numbers move; None where neither tells.

    Args:
        path: of the field, with dots.
        shown: the path as it may be shown.
        values: what its values say of it as a position, such as the length of its track; empty for nothing.
        ranges: paths of ranges to satellites.
        of: what it is the name of, for the rule: `field`, `column`.
    """
    leaf = path.rpartition(".")[2]
    plain = leaf.lower() in _PLAIN or leaf.isdigit()
    named = _of_list(path, of) if leaf.isdigit() else None if plain else class_of_name(path, of=of)
    if named is not None:
        certainty = Certainty.CERTAIN if values else named.certainty
        return FieldClass(shown, named.data, certainty, (named.rule, *values))
    if values:
        rule = "values: two numbers that move like a position"
        return FieldClass(shown, POSITION, Certainty.LIKELY, (rule, *values))
    if path in ranges:
        return FieldClass(shown, POSITION, Certainty.LIKELY, ("values: ranges to satellites",))
    return None


def shown_path(path: str) -> str:
    """Give a field's path as it may be shown: not at all, where it identifies."""
    return "(name withheld)" if recognise(path) else path


def identified_by(path: str) -> Iterator[FieldClass]:
    """Give what a field's own name identifies: tables and objects may have a column or a key for each vehicle."""
    for hit in recognise(path):
        yield FieldClass(shown_path(path), hit.data, hit.certainty, (f"{hit.rule} in a name",))


def _of_list(path: str, of: str) -> NameClass | None:
    """Say what the name of a list says of its elements: a list called a place holds coordinates.

    Other names are not asked: what `camera.intrinsics` holds is no picture.
    """
    key = next((one for one in reversed(path.split(".")) if not one.isdigit()), "")
    named = class_of_name(key, of=of) if key and key.lower() not in _PLAIN else None
    return named if named is not None and named.data.startswith("location.") else None

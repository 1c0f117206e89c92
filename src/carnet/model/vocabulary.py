"""The classes of vehicle data. A class is named by its path; `image` covers everything under it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from carnet.errors import InputError
from carnet.model.ids import DataClass


@dataclass(frozen=True, slots=True)
class ClassEntry:
    """One class of the vocabulary.

    Attributes:
        personal: `always`, `possible` or `never`: what it is before anything is removed.
        sensitive: regimes that treat it as sensitive or special where it is personal.
        identifying: the parts that can be taken out of it.
    """

    path: DataClass
    personal: str
    sensitive: tuple[str, ...] = ()
    identifying: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All classes, by path."""

    classes: Mapping[DataClass, ClassEntry]

    def __contains__(self, path: object) -> bool:
        return path in self.classes

    def __getitem__(self, path: DataClass) -> ClassEntry:
        return self.classes[path]


@cache
def covers(general: str, special: str) -> bool:
    """Say whether a class named in a rule covers another: itself and everything under it."""
    return special == general or special.startswith(f"{general}.")


UNKNOWN_CLASS = "unknown"
"""What is not classified yet: handled as the strictest until a person says otherwise."""


def may_be(general: str, special: str) -> bool:
    """Say whether data of one class may be of another: it lies under it, or is named too broadly to tell."""
    return covers(general, special) or covers(special, general)


def check_classes(names: Iterable[str], vocabulary: Vocabulary, *, where: str) -> None:
    """Raise `InputError` for a name that is no class of the vocabulary: what has no such name is not dropped."""
    for name in names:
        if name not in vocabulary:
            near = get_close_matches(name, list(vocabulary.classes), 1)
            raise InputError(
                f"there is no class of data of the name {name[:60]}",
                where=where,
                remedy=f"did you mean {near[0]}?" if near else "carnet scan prints the classes",
            )

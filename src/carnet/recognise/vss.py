"""What a path of the COVESA Vehicle Signal Specification is in law, by a shipped overlay of its tree.

A path is `Vehicle.CurrentLocation.Latitude`, or the same with slashes as topics have it, wherever it begins in a
name. In VISS (W3C and COVESA, versions 2 and 3) the path is a value, and says what the value beside it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from carnet.model.factsheet import Certainty
from carnet.model.ids import DataClass
from carnet.recognise.names import NameClass

_PATH = re.compile(r"(?:\A|(?<=[./]))Vehicle[./][A-Za-z0-9_./-]{1,300}")
_DEEPEST = 12


@lru_cache(maxsize=1)
def _branches() -> dict[tuple[str, ...], DataClass]:
    text = (files("carnet.recognise") / "data" / "vss_overlay.yaml").read_text("utf-8")
    return {
        tuple(branch.split(".")): DataClass(data) for branch, data in yaml.safe_load(text)["branches"].items()
    }


def is_vss_path(text: str) -> bool:
    """Say whether a text is a path of the tree, or holds one behind other names."""
    return _PATH.search(text) is not None


@lru_cache(maxsize=4096)
def class_of_vss(name: str) -> NameClass | None:
    """Give what a path says; None for names that are no path and for leaves under no branch of the overlay.

    Args:
        name: a path, or a field's or topic's name that has one in it.
    """
    found = _PATH.search(name)
    if found is None:
        return None
    parts = [one for one in re.split(r"[./]", found.group()) if one]
    for length in range(len(parts), 1, -1):
        for branch, data in _branches().items():
            if len(branch) == length and all(
                wanted in {"*", part} for wanted, part in zip(branch, parts[:length], strict=True)
            ):
                return NameClass(data, Certainty.CERTAIN, f"vss:{'.'.join(branch)}")
    return None


def values_said_by_path(document: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Give each value of a VISS document that a path beside it names, as (where the value stands, VSS path).

    A value stands in `value`, or in `value` of the data point or points `dp`; where is the path of fields to it,
    as fields of a JSON message are named.
    """
    if depth > _DEEPEST:
        return
    if isinstance(document, list):
        for number, inner in enumerate(document[:4]):
            yield from values_said_by_path(inner, f"{path}.{number}" if path else str(number), depth + 1)
    elif isinstance(document, dict):
        said = document.get("path")
        if isinstance(said, str) and is_vss_path(said):
            head = f"{path}." if path else ""
            if "value" in document:
                yield f"{head}value", said
            points = document.get("dp")
            if isinstance(points, dict):
                yield f"{head}dp.value", said
            elif isinstance(points, list):
                for number in range(min(4, len(points))):
                    yield f"{head}dp.{number}.value", said
        for key, inner in document.items():
            if isinstance(inner, dict | list):
                yield from values_said_by_path(inner, f"{path}.{key}" if path else str(key), depth + 1)

"""Recognisers and detectors that others wrote, over one file: they add to what carnet finds, and loosen nothing.

Entry points of the groups `carnet.recognisers` and `carnet.detectors`, asked for by name, loaded in workers alone.
A recogniser has `recognise(text)`, which gives `Span`s; a detector has `find(picture)`, which gives pairs of a class
and a `Box`. Classes are those of the lawbook's vocabulary. What fails (an import, an exception, the time over one
file, an answer of another form, a class that is none) blocks the file with the plug-in's name: what a person wanted
looked at is not passed on half looked at. Of a finding the class and the size are kept, never the text or the place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from carnet.classify.pictures import Seen
from carnet.formats.plugins import DETECTORS, GROUPS, RECOGNISERS, SECONDS, OutOfTimeError, kind_of, timed
from carnet.model.factsheet import Tool
from carnet.model.ids import DataClass
from carnet.recognise.text import Hit, Span, beside

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_REMEMBERED = 4096
# What carnet measures in pictures itself: more of the like is a fact, not another class.
_MEASURED = {"biometric.face": "faces", "vehicle_id.plate": "plates"}


class NoFindingError(Exception):
    """A plug-in gave something that is no finding."""


@dataclass(slots=True)
class _Plugin:
    """One entry point, and the time that it still has for this file."""

    name: str
    point: EntryPoint
    left: float
    before: dict[str, tuple[Hit, ...]] = field(default_factory=dict)

    @property
    def tool(self) -> Tool:
        return Tool(f"plug-in {self.name}", self.point.dist.version if self.point.dist else "unknown")


class Foreign:
    """The recognisers and detectors that were asked for, over one file."""

    def __init__(self, names: Sequence[str], classes: Collection[str], seconds: float = SECONDS) -> None:
        """Prepare; nothing is loaded before there is something to look at.

        Args:
            names: of the plug-ins.
            classes: the classes of data that law names.
            seconds: the time that each has for the file.
        """
        self._classes = classes
        self._recognisers = [_Plugin(one.name, one, seconds) for one in _points(RECOGNISERS, tuple(names))]
        self._detectors = [_Plugin(one.name, one, seconds) for one in _points(DETECTORS, tuple(names))]
        self._asked: dict[str, Tool] = {}
        # Workers see packages of the environment alone: not those of a user, nor of PYTHONPATH.
        self.failed: dict[str, str] = {
            one: "is not installed in the environment that workers run in"
            for one in names
            if not any(_points(group, (one,)) for group in GROUPS)
        }

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The plug-ins that had a part in what was found."""
        return tuple(self._asked.values())

    @property
    def reason(self) -> str | None:
        """Why the file is blocked, or None."""
        told = [f"the plug-in {name} {why}" for name, why in sorted(self.failed.items())]
        return "; ".join(told) or None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Let recognisers look at every text that carnet looks at."""
        if not self._recognisers:
            yield
            return
        with beside(self.recognise):
            yield

    def recognise(self, text: str) -> tuple[Hit, ...]:
        """Give what they find in a text: each class once."""
        found: dict[Hit, None] = {}
        for one in self._recognisers:
            if one.name in self.failed:
                continue
            if text not in one.before:
                if len(one.before) >= _MOST_REMEMBERED:
                    one.before.clear()
                one.before[text] = self._ask(one, partial(self._hits, text)) or ()
            found.update(dict.fromkeys(Hit(hit.data, f"plugin:{one.name}") for hit in one.before[text]))
        return tuple(found)

    def look(self, pictures: Sequence[NDArray[Any]], seen: Seen) -> None:
        """Let detectors look at pictures (H x W x 3, 8 bits, blue-green-red), and add what they find."""
        for one in self._detectors:
            sizes: dict[str, int] = {}
            for picture in pictures if one.name not in self.failed else ():
                # A copy: what a detector draws into it is seen by nobody else.
                for label, size in self._ask(one, partial(self._boxes, picture.copy())) or ():
                    sizes[label] = max(sizes.get(label, 0), size)
            for label, size in sorted(sizes.items()):
                _add(seen, one.name, label, size)

    def _ask(self, one: _Plugin, ask: Callable[[Any], Any]) -> Any:
        """Call into a plug-in on its time; None once it has failed."""
        if one.name in self.failed:
            return None
        try:
            # It may call carnet's own recognisers: then nobody stands beside them.
            with beside(None), timed(one.left) as left:
                made = ask(_loaded(one.point))
        except NoFindingError:
            self.failed[one.name] = "gave something that is no finding"
        # Whatever foreign code raises is told by its kind; its words may quote the file.
        except (Exception, SystemExit, OutOfTimeError) as error:  # noqa: BLE001
            self.failed[one.name] = f"failed: {kind_of(error)}"
        else:
            one.left = left()
            self._asked[one.name] = one.tool
            return made
        return None

    def _hits(self, text: str, plugin: Any) -> tuple[Hit, ...]:
        found: dict[Hit, None] = {}
        for one in _given(plugin.recognise(text)):
            if not isinstance(one, Span) or not 0 <= one.start < one.end <= len(text):
                raise NoFindingError
            found[Hit(self._named(one.data), "")] = None
        return tuple(found)

    def _boxes(self, picture: NDArray[Any], plugin: Any) -> list[tuple[str, int]]:
        from carnet.detectors.box import Box

        found: list[tuple[str, int]] = []
        for one in _given(plugin.find(picture)):
            if not isinstance(one, tuple) or len(one) != 2 or not isinstance(one[1], Box):  # noqa: PLR2004 -- a pair
                raise NoFindingError
            label, box = one
            numbers = (box.x, box.y, box.w, box.h, box.score)
            if not all(math.isfinite(number) for number in numbers) or min(box.w, box.h) <= 0:
                raise NoFindingError
            found.append((self._named(label), max(1, round(max(box.w, box.h)))))
        return found

    def _named(self, data: Any) -> DataClass:
        if not isinstance(data, str) or data not in self._classes:
            raise NoFindingError
        return DataClass(data)


def _given(found: Any) -> Iterable[Any]:
    if not isinstance(found, Iterable) or isinstance(found, str | bytes):
        raise NoFindingError
    return found


def _add(seen: Seen, plugin: str, label: str, size: int) -> None:
    """Add what a detector found to what was seen: facts grow, and `none` is taken back."""
    what = _MEASURED.get(label)
    if what is None:
        seen.classes[DataClass(label)] = f"plugin:{plugin}"
        return
    seen.facts[f"{what}_px_max"] = max(size, int(seen.facts.get(f"{what}_px_max", 0)))  # type: ignore[arg-type] # pixels
    seen.facts[f"contains_{what}"] = True
    seen.because = (*seen.because, f"plugin:{plugin}")


@lru_cache(maxsize=64)
def _points(group: str, names: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    return tuple(point for name in names for point in entry_points(group=group, name=name))


@lru_cache(maxsize=64)
def _loaded(point: EntryPoint) -> Any:
    return point.load()

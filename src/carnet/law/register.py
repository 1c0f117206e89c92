"""The register of facts (`lawbook/facts.yaml`): the contract between lawyers and whoever supplies facts."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from carnet.errors import MovementError
from carnet.law.reading import Node
from carnet.model.decision import Assumed
from carnet.model.movement import PARTS, Movement

TYPES = ("bool", "integer", "number", "list", "date", "text", "country")
SCOPES = ("movement", "exporter", "recipient", "content")
COMBINATIONS = ("none", "sum", "max", "any", "union")
DIRECTIONS = ("up", "down")


@dataclass(frozen=True, slots=True)
class Implication:
    """One way in which another fact, or a part taken out, settles a fact.

    Attributes:
        fact: the other fact; `removed` asks whether the part `value` is among those taken out.
        claim: the premise is somebody's claim, so the value must be confirmed by measurement.
    """

    fact: str
    operator: str
    value: Any
    gives: Any
    because: str
    claim: bool = False


@dataclass(frozen=True, slots=True)
class Coarser:
    """How somebody can really coarsen what a number measures, for `carnet plan`.

    Attributes:
        by: what is done to the data.
        keeps: what the data are still good for.
        direction: `up` where a greater number is coarser, `down` where a smaller one is.
        step: the number is given in multiples of it, in the unit of the fact.
    """

    by: str
    keeps: str
    direction: str
    step: float

    def target(self, operator: str, value: float) -> float:
        """Give the least coarse number that lies on the coarse side of a comparison of the law."""
        greater = operator in {"exceeds", "at_most"}
        share = value / self.step
        if self.direction == "up":
            return self.step * (math.floor(share) + 1 if greater else math.ceil(share))
        return self.step * (math.floor(share) if greater else math.ceil(share) - 1)

    def finer(self, have: float, wanted: float) -> bool:
        """Say whether one number is finer than another."""
        return have < wanted if self.direction == "up" else have > wanted


@dataclass(frozen=True, slots=True)
class Aggregation:
    """A class of data that can be made of others by counting over many vehicles, for `carnet plan`.

    Attributes:
        vehicles_exceed: of so many vehicles or fewer nothing is aggregated; vehicles have to be known.
    """

    classes: tuple[str, ...]
    to: str
    by: str
    keeps: str
    vehicles_exceed: int
    because: str


@dataclass(frozen=True, slots=True)
class FactEntry:
    """One registered fact.

    Attributes:
        field: a field of the movement document rather than a name under `facts`.
        measure: the measure of `history` that adds to it.
        presumed: the value that may be presumed, or `None` where nothing is.
        coarser: how it can be coarsened; `None` where it cannot, as with every volume.
    """

    name: str
    type: str
    scope: str
    meaning: str
    supplied_by: str
    unit: str | None = None
    combines: str = "none"
    field: bool = False
    measure: str | None = None
    presumed: Any = None
    presumed_because: str | None = None
    implied_by: tuple[Implication, ...] = ()
    coarser: Coarser | None = None

    @property
    def numeric(self) -> bool:
        """Whether it is compared as a number."""
        return self.type in {"integer", "number"}


@dataclass(frozen=True, slots=True)
class Removal:
    """What taking parts out does to the head count.

    Attributes:
        not_of_persons: parts that identify a place, not a person.
        vehicle_parts: what ties a signal to a person where its class names no part of its own.
        only_whole: classes that identify as such, so that they can only be left out as a whole.
    """

    persons_because: str
    not_of_persons: tuple[str, ...]
    vehicle_parts: tuple[str, ...]
    only_whole: tuple[str, ...]
    only_whole_because: str


@dataclass(frozen=True)
class Register:
    """All registered facts, by name."""

    facts: Mapping[str, FactEntry]
    removal: Removal
    aggregations: tuple[Aggregation, ...] = ()

    @cached_property
    def implied(self) -> Mapping[str, tuple[FactEntry, ...]]:
        """Give the facts that others settle, by scope."""
        return {
            scope: tuple(e for e in self.facts.values() if e.implied_by and e.scope == scope)
            for scope in SCOPES
        }

    @cached_property
    def brought_about(self) -> Mapping[str, tuple[tuple[str, Any, str], ...]]:
        """Give, by part, the facts that taking it out settles: name, value and reason."""
        out: dict[str, tuple[tuple[str, Any, str], ...]] = {}
        for entry in self.facts.values():
            for one in entry.implied_by:
                if one.fact == "removed":
                    out[one.value] = (*out.get(one.value, ()), (entry.name, one.gives, one.because))
        return out

    @cached_property
    def triggers(self) -> Mapping[str, Mapping[str, tuple[int, ...]]]:
        """Give, by scope and by fact, which entries of `implied` that fact may settle."""
        out: dict[str, dict[str, tuple[int, ...]]] = {}
        for scope, entries in self.implied.items():
            mine = out.setdefault(scope, {})
            for number, entry in enumerate(entries):
                for name in dict.fromkeys(one.fact for one in entry.implied_by):
                    mine[name] = (*mine.get(name, ()), number)
        return out

    def premises(self, scopes: tuple[str, ...]) -> Mapping[str, tuple[float, ...] | None]:
        """Give the facts on which derivations in some scopes hang, with the numbers at which they change.

        `None` stands for a fact that counts as it is: it is no number, or it may itself be derived.
        """
        out = self._premises.get(scopes)
        if out is None:
            entries = [entry for scope in scopes for entry in self.implied[scope]]
            out = dict.fromkeys(entry.name for entry in entries)
            derived = frozenset(out)
            for one in (one for entry in entries for one in entry.implied_by):
                if one.fact in self.numeric and one.fact not in derived:
                    near = {one.value, math.nextafter(one.value, math.inf)}
                    out[one.fact] = tuple(sorted({*(out.get(one.fact) or ()), *near}))
                else:
                    out[one.fact] = None
            self._premises[scopes] = out
        return out

    @cached_property
    def _premises(self) -> dict[tuple[str, ...], dict[str, tuple[float, ...] | None]]:
        return {}

    @cached_property
    def followed(self) -> dict[Any, Any]:
        """Keep what followed from what, as long as the register lives."""
        return {}

    @cached_property
    def presumed(self) -> tuple[FactEntry, ...]:
        """Give the facts that may be presumed."""
        return tuple(e for e in self.facts.values() if e.presumed is not None)

    @cached_property
    def presumptions(self) -> Mapping[str, Assumed]:
        """Give what may be presumed as a decision lists it."""
        return {e.name: Assumed(e.name, e.presumed, e.presumed_because or "") for e in self.presumed}

    @cached_property
    def presumed_of_contents(self) -> tuple[tuple[str, Any], ...]:
        """Give the presumed values of each content."""
        return tuple((e.name, e.presumed) for e in self.presumed if e.scope == "content")

    @cached_property
    def presumed_of_movement(self) -> tuple[tuple[str, Any], ...]:
        """Give the presumed values of the movement and its parties."""
        return tuple((e.name, e.presumed) for e in self.presumed if e.scope != "content")

    @cached_property
    def numeric(self) -> frozenset[str]:
        """Give the names of all numbers."""
        return frozenset(entry.name for entry in self.facts.values() if entry.numeric)

    @cached_property
    def number_classes(self) -> Mapping[str, frozenset[type]]:
        """Give the classes of Python that each number may be of."""
        whole, any_number = frozenset({int}), frozenset({int, float})
        return {
            e.name: whole if e.type == "integer" else any_number for e in self.facts.values() if e.numeric
        }

    def __contains__(self, name: object) -> bool:
        return name in self.facts

    def __getitem__(self, name: str) -> FactEntry:
        return self.facts[name]

    def get(self, name: str, other: FactEntry | None = None) -> FactEntry | None:
        """Give an entry, or something else where there is none."""
        return self.facts.get(name, other)

    def __iter__(self) -> Iterator[str]:
        return iter(self.facts)

    def check(self, movement: Movement) -> None:
        """Refuse a fact that is not registered, stands in the wrong place, or has the wrong type.

        Raises:
            MovementError: with the place in the document.
        """
        scopes = [
            ("movement", "facts", movement.facts),
            ("exporter", "exporter.facts", movement.exporter.facts),
            ("recipient", "recipient.facts", movement.recipient.facts),
        ]
        scopes += [("content", f"contents[{i}].facts", c.facts) for i, c in enumerate(movement.contents)]
        for scope, path, facts in scopes:
            for name, value in facts.items():
                self._check_one(movement, scope, f"{path}.{name}", name, value)

    def _check_one(self, movement: Movement, scope: str, path: str, name: str, value: Any) -> None:
        entry = self.facts.get(name)
        where = movement.where(path)
        if entry is None or entry.field:
            known = [one.name for one in self.facts.values() if not one.field]
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "see lawbook/facts.yaml for the registered names"
            raise MovementError(f"the fact {name!r} is not registered", where=where, remedy=hint)
        if entry.scope != scope:
            raise MovementError(
                f"the fact {name!r} is about the {entry.scope}, not the {scope}",
                where=where,
                remedy=f"move it to the facts of the {entry.scope}",
            )
        if not _has_type(value, entry.type):
            raise MovementError(
                f"the fact {name!r} is of type {entry.type}", where=where, remedy="give a value of that type"
            )


def _has_type(value: Any, kind: str) -> bool:
    match kind:
        case "bool":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool) and value >= 0
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        case "list":
            return isinstance(value, tuple)
        case "date":
            return isinstance(value, str) and _is_day(value)
        case _:
            return isinstance(value, str)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _implication(node: Node) -> Implication:
    node.keys(("gives", "because"), ("fact", "is", "exceeds", "includes", "removed", "claim"))
    claim = node["claim"].flag() if "claim" in node else False
    because = node["because"].text()
    gives = node["gives"].value
    if "removed" in node:
        part = node["removed"].word(PARTS, "the part")
        return Implication("removed", "includes", part, gives, because, claim=True)
    for operator in ("is", "exceeds", "includes"):
        if operator in node:
            return Implication(node["fact"].text(), operator, node[operator].value, gives, because, claim)
    raise node.error("the implication has no comparison", "say is, exceeds, includes or removed")


def _removal(node: Node) -> Removal:
    node.keys(("persons_none", "not_of_persons", "vehicle_parts", "only_whole"))
    node["persons_none"].keys(("because",))
    node["only_whole"].keys(("classes", "because"))
    return Removal(
        node["persons_none"]["because"].text(),
        node["not_of_persons"].words(),
        node["vehicle_parts"].words(),
        node["only_whole"]["classes"].words(),
        node["only_whole"]["because"].text(),
    )


def _coarser(node: Node, entry: Node) -> Coarser:
    node.keys(("by", "direction", "keeps", "step"))
    measured = entry["type"].value in {"integer", "number"} and entry["scope"].value == "content"
    combined = "combines" in entry and entry["combines"].value != "none"
    if not measured or combined or "measure" in entry or "field" in entry:
        raise node.error(
            "only what one content measures by itself can be coarsened",
            "leave coarser out: less of a volume or of a count is a slice",
        )
    step = node["step"].value
    if isinstance(step, bool) or not isinstance(step, int) or step < 1:
        raise node["step"].error("the step is a whole number from 1 on", "give step: 1")
    direction = node["direction"].word(DIRECTIONS, "the direction")
    return Coarser(node["by"].text(), node["keeps"].text(), direction, step)


def _aggregation(node: Node) -> Aggregation:
    node.keys(("from", "to", "by", "keeps", "vehicles_exceed", "because"))
    exceed = node["vehicles_exceed"].value
    if isinstance(exceed, bool) or not isinstance(exceed, int) or exceed < 1:
        raise node["vehicles_exceed"].error(
            "what one vehicle did is no aggregate", "give a whole number from 1 on"
        )
    return Aggregation(
        node["from"].words(),
        node["to"].text(),
        node["by"].text(),
        node["keeps"].text(),
        exceed,
        node["because"].text(),
    )


def read_register(text: str, source: str) -> Register:
    """Read `facts.yaml`."""
    top = Node.of_text(text, source)
    top.keys(("facts", "register", "removal"), ("aggregation",))
    top["facts"].word(("v1",), "the version of facts")
    out: dict[str, FactEntry] = {}
    for name, node in top["register"].items():
        node.keys(
            ("type", "scope", "meaning", "supplied_by"),
            ("unit", "combines", "field", "measure", "presumed", "presumed_because", "implied_by", "coarser"),
        )
        presumed = node.get("presumed")
        if (presumed is None) != ("presumed_because" not in node):
            raise node.error("a presumption needs its reason", "give presumed and presumed_because together")
        out[name] = FactEntry(
            name=name,
            type=node["type"].word(TYPES, "the type"),
            scope=node["scope"].word(SCOPES, "the scope"),
            meaning=node["meaning"].text(),
            supplied_by=node["supplied_by"].text(),
            unit=node["unit"].text() if "unit" in node else None,
            combines=node["combines"].word(COMBINATIONS, "the combination") if "combines" in node else "none",
            field=node["field"].flag() if "field" in node else False,
            measure=node["measure"].text() if "measure" in node else None,
            presumed=None if presumed is None else presumed.value,
            presumed_because=node["presumed_because"].text() if presumed is not None else None,
            implied_by=tuple(map(_implication, node["implied_by"].each())) if "implied_by" in node else (),
            coarser=_coarser(node["coarser"], node) if "coarser" in node else None,
        )
    for entry in out.values():
        for implication in entry.implied_by:
            if implication.fact != "removed" and implication.fact not in out:
                node = top["register"][entry.name]
                raise node.error(
                    f"{implication.fact!r} is not a registered fact", "register it, or correct the name"
                )
    aggregations = tuple(map(_aggregation, top["aggregation"].each())) if "aggregation" in top else ()
    return Register(out, _removal(top["removal"]), aggregations)

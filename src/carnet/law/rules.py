"""Rules, parameters and instruments as the lawbook writes them: frozen values, checked when read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from carnet.law.reading import Node
from carnet.model.decision import Duty

EFFECTS = (
    "determines",
    "exempts",
    "requires",
    "offers",
    "satisfies",
    "prerequisite",
    "prohibits",
    "permits",
    "exceptional",
    "relies_on",
    "notes",
    "owes",
)
COMPARISONS = ("exceeds", "at_least", "fewer_than", "at_most", "is_one_of", "includes_any")
_ID = re.compile(r"(?:[a-z]{2}|company)(/[a-z0-9_]+)+")


@dataclass(frozen=True, slots=True)
class Instrument:
    """A text of law: short name for citations, title, dates, address, and what to know about it."""

    id: str
    short: str
    title: str
    certainty: str
    in_force_from: date | None = None
    note: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class DatedValue:
    """A parameter's value from a day on; `None` says that it ended."""

    start: date
    value: Any
    cite: str
    certainty: str
    note: str | None = None
    confirmed: str | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A dated value with the law's own word of comparison."""

    id: str
    description: str
    compare: str
    unit: str | None
    values: tuple[DatedValue, ...]
    place: str

    def on(self, day: date) -> DatedValue | None:
        """Give the value in force on a day."""
        found: DatedValue | None = None
        for value in self.values:
            if value.start <= day:
                found = value
        return found if found is not None and found.value is not None else None


@dataclass(frozen=True, slots=True)
class Reading:
    """How we understand a text that does not settle the question by itself, and what supports us."""

    by: str
    date: date
    note: str
    support: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One article, or one limb of it, read as condition and effect.

    Attributes:
        classes: classes of data that it speaks of; `None` makes it a rule about the whole movement.
        when: the condition as written; compiled for a day by `carnet.law.compiled`.
        effect: one of `EFFECTS`, with its details.
        confirmed: who compared it with the official text, and when; `None` where nobody did.
        written: the rule as its file writes it, with the terms that it uses.
    """

    id: str
    title: str
    instrument: str
    article: str
    cite: str
    certainty: str
    effect: str
    detail: Any
    says: str
    when: Node | None
    classes: tuple[str, ...] | None = None
    start: date | None = None
    end: date | None = None
    exception_to: str | None = None
    reading: Reading | None = None
    duties: tuple[Duty, ...] = ()
    mark: str | None = None
    place: str = ""
    terms: Mapping[str, Any] = field(default_factory=dict)
    confirmed: str | None = None
    written: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def in_force(self, day: date) -> bool:
        """Say whether the rule is law on a day; its last day belongs to it."""
        return (self.start is None or self.start <= day) and (self.end is None or day <= self.end)


def cite_of(node: Node, instruments: Mapping[str, Instrument]) -> tuple[str, str, str]:
    """Read `source: {instrument, article}`; gives instrument, article and citation."""
    node.keys(("instrument", "article"), ("also",))
    instrument = node["instrument"].word(frozenset(instruments), "the instrument")
    article = node["article"].text()
    cite = f"{instruments[instrument].short}, {article}"
    if "also" in node:
        cite += "; " + "; ".join(node["also"].words())
    return instrument, article, cite


def read_instruments(node: Node) -> dict[str, Instrument]:
    """Read `instruments.yaml` of an order."""
    out: dict[str, Instrument] = {}
    for name, one in node.items():
        one.keys(("short", "title", "certainty"), ("in_force_from", "note", "url"))
        out[name] = Instrument(
            name,
            one["short"].text(),
            one["title"].text(),
            one["certainty"].certainty(),
            one["in_force_from"].day() if "in_force_from" in one else None,
            one["note"].text() if "note" in one else None,
            one["url"].text() if "url" in one else None,
        )
    return out


def read_parameter(name: str, node: Node, instruments: Mapping[str, Instrument]) -> Parameter:
    """Read one parameter; refuses a value without source and days out of order."""
    node.keys(("description", "compare", "values"), ("unit",))
    if not _ID.fullmatch(name):
        raise node.error(f"{name!r} is no parameter id", "write it as cn/persons_before_assessment")
    values: list[DatedValue] = []
    for start, one in node["values"].items():
        one.keys(("value", "source", "certainty"), ("note",))
        value = one["value"].value
        if isinstance(value, list):
            value = tuple(one["value"].words())
        try:
            day = date.fromisoformat(start)
        except ValueError:
            raise one.error(
                f"{start!r} is no day", "write the first day of the value as 2026-08-01"
            ) from None
        if values and values[-1].start >= day:
            raise one.error("the days are not in order", "put the oldest value first")
        values.append(
            DatedValue(
                day,
                value,
                cite_of(one["source"], instruments)[2],
                one["certainty"].certainty(),
                one["note"].text() if "note" in one else None,
            )
        )
    if not values:
        raise node["values"].error("the parameter has no value", "give the first day with its value")
    return Parameter(
        name,
        node["description"].text(),
        node["compare"].word(COMPARISONS, "the comparison"),
        node["unit"].text() if "unit" in node else None,
        tuple(values),
        node.doc.where(node.path),
    )


def _duty(node: Node, number: int, rule: str, cite: str, certainty: str) -> Duty:
    node.keys(("what", "who", "when"), ("by", "cite", "certainty"))
    return Duty(
        f"{rule}#{number + 1}",
        node["what"].text(),
        node["who"].text(),
        node["when"].word(("before", "after"), "the time of a duty"),
        node["cite"].text() if "cite" in node else cite,
        node["certainty"].certainty() if "certainty" in node else certainty,
        node["by"].text() if "by" in node else None,
    )


def _reading(node: Node) -> Reading:
    node.keys(("by", "date", "note"), ("support",))
    return Reading(
        node["by"].text(),
        node["date"].day(),
        node["note"].text(),
        node["support"].words() if "support" in node else (),
    )


def read_rule(node: Node, instruments: Mapping[str, Instrument]) -> Rule:
    """Read one rule; refuses one without source, certainty or plain words, or with two effects."""
    node.keys(
        ("id", "title", "source", "certainty", "effect", "says", "in_force"),
        ("when", "classes", "exception_to", "reading", "duties", "mark"),
    )
    name = node["id"].text()
    if not _ID.fullmatch(name):
        raise node["id"].error(f"{name!r} is no rule id", "write it as cn/flow_2024/art_7")
    node["in_force"].keys(("from",), ("until",))
    effects = list(node["effect"].items())
    if len(effects) != 1:
        raise node["effect"].error("a rule has exactly one effect", "split it into two rules")
    effect, detail = effects[0]
    node["effect"].keys((), EFFECTS)
    start = node["in_force"]["from"].day()
    end = node["in_force"]["until"].day() if "until" in node["in_force"] else None
    if end is not None and end < start:
        raise node["in_force"].error("the last day is before the first", "exchange them, or correct one")
    if "classes" in node and not node["classes"].words():
        raise node["classes"].error("a rule about no class never speaks", 'name a class, or all: ["*"]')
    instrument, article, cite = cite_of(node["source"], instruments)
    certainty = node["certainty"].certainty()
    duties: tuple[Duty, ...] = ()
    if "duties" in node:
        duties = tuple(_duty(one, i, name, cite, certainty) for i, one in enumerate(node["duties"].each()))
    if effect == "owes" and not duties:
        raise node.error("the rule owes nothing", "list its duties")
    return Rule(
        id=name,
        title=node["title"].text(),
        instrument=instrument,
        article=article,
        cite=cite,
        certainty=certainty,
        effect=effect,
        detail=_detail(effect, detail),
        says=node["says"].text(),
        when=node.get("when"),
        classes=node["classes"].words() if "classes" in node else None,
        start=start,
        end=end,
        exception_to=node["exception_to"].text() if "exception_to" in node else None,
        reading=_reading(node["reading"]) if "reading" in node else None,
        duties=duties,
        mark=node["mark"].word(("group_minimum", "nonpersonal"), "the mark") if "mark" in node else None,
        place=node.doc.where(node.path),
        written=node.value,
    )


def _some(node: Node) -> tuple[str, ...]:
    words = node.words()
    if not words:
        raise node.error("a need without a route says nothing", "name a route, or write prohibits: true")
    return words


def _detail(effect: str, node: Node) -> Any:
    match effect:
        case "determines":
            return node.word(("important", "sensitive_personal", "personal"), "the determination")
        case "exempts":
            node.keys(("from", "as"))
            return {"from": node["from"].words(), "as": node["as"].text()}
        case "requires":
            node.keys(("need", "routes"), ("done_by", "unless"))
            return {
                "need": node["need"].text(),
                "routes": _some(node["routes"]),
                "done_by": node["done_by"].words() if "done_by" in node else (),
                "unless": node["unless"].text() if "unless" in node else None,
            }
        case "offers":
            node.keys(("need", "routes"))
            return {"need": node["need"].text(), "routes": _some(node["routes"])}
        case "satisfies":
            node.keys(("need", "by"))
            return {"need": node["need"].text(), "by": node["by"].text()}
        case "prerequisite":
            node.keys(("what",), ("for_need",))
            return {
                "what": node["what"].text(),
                "for_need": node["for_need"].text() if "for_need" in node else None,
            }
        case "exceptional" | "relies_on":
            return node.text()
        case _:
            if node.value is not True:
                raise node.error(f"{effect} is only ever true", f"write {effect}: true")
            return True

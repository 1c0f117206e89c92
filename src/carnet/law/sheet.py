"""A rule as a sheet for lawyers in two languages: everything that a page about it says, before any layout."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from carnet.law.conditions import OPERATORS
from carnet.law.derived import DERIVED, FOUND
from carnet.law.lawbook import Lawbook, Order
from carnet.law.reading import Node
from carnet.law.rules import Parameter, Rule
from carnet.law.words import Fragment, Pair, Words
from carnet.model.decision import Duty

_HOLE = re.compile(r"\{([a-z0-9_./]+)\}")
_BOTH_NAMES = re.compile(r"^[^\x00-\x7f][^,]*, ")
"""An instrument's title that begins with its Chinese name."""
_DENIED = {
    "is": "is_not",
    "is_one_of": "is_not_one_of",
    "includes": "includes_not",
    "includes_any": "includes_not_any",
}
_MANY = 6
"""A list of countries that is longer than this is named by its description, not spelled out."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a condition, with the lines below it; `lead` opens a list."""

    words: Pair
    parts: tuple[Line, ...] = ()
    lead: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """One dated value of a parameter that the rule reads.

    Attributes:
        shown: the value with its unit.
        now: whether it is the value in force on the sheet's day.
    """

    of: str
    what: Pair
    shown: Pair
    start: date
    cite: str
    certainty: str
    note: str | None
    now: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a page about a rule says.

    Attributes:
        day: the day whose law is shown.
        condition: the condition as a tree.
        then: the effect in words.
        exceptions: rules that take this one out.
        beside: other rules that read the same numbers.
    """

    rule: Rule
    order: Order
    day: date
    lawbook: str
    title: Pair
    instrument: Pair
    condition: Line
    then: Pair
    says: Pair
    fragments: tuple[Fragment, ...]
    numbers: tuple[Number, ...]
    duties: tuple[Duty, ...]
    exceptions: tuple[tuple[Rule, Pair], ...]
    beside: tuple[tuple[Rule, Pair], ...]

    @property
    def certainty(self) -> str:
        """The weakest source that the sheet rests on."""
        marks = ("official", "draft", "secondary", "background")
        held = [self.rule.certainty, *(one.certainty for one in self.numbers if one.now)]
        return max(held, key=marks.index)


class Speech:
    """Says the conditions of one order on one day."""

    def __init__(self, words: Words, order: Order, day: date) -> None:
        self.words = words
        self.order = order
        self.day = day

    def condition(self, rule: Rule) -> Line:
        """Say what a rule asks: the classes it speaks of, and its condition."""
        parts: list[Line] = []
        if rule.classes is not None and rule.classes != ("*",):
            parts.append(self._classes(rule.classes))
        if rule.when is not None:
            if next(iter(rule.when.value)) == "all":
                parts += [self.line(one) for one in rule.when["all"].each()]
            else:
                parts.append(self.line(rule.when))
        if not parts:
            return Line(self.words.of("connectives", "always"))
        if len(parts) == 1:
            return parts[0]
        return Line(self.words.of("connectives", "all"), tuple(parts), lead=True)

    def _classes(self, names: tuple[str, ...]) -> Line:
        lead = self.words.of("connectives", "classes")
        return Line(joined(lead, " ", listed([self.words.of("classes", one) for one in names])))

    def line(self, node: Node) -> Line:
        """Say one condition."""
        head = next(iter(node.value))
        if head in {"all", "any"}:
            return Line(
                self.words.of("connectives", head),
                tuple(self.line(one) for one in node[head].each()),
                lead=True,
            )
        if head == "not" and "fact" in node["not"]:
            return self._comparison(node["not"], denied=True)
        if head in {"not", "stated"}:
            part = self.line(node[head])
            lead = self.words.of("connectives", head)
            if part.parts:
                return Line(lead, (part,), lead=True)
            return Line(joined(lead, " ", part.words))
        if head == "term":
            name = node["term"].text()
            words = self.words.of_order(self.order.folder, "terms", name, name.replace("_", " "))
            part = self.line(self.order.terms[name])
            return Line(joined(words, "", self.words.of("connectives", "term")), (part,), lead=True)
        return self._comparison(node)

    def _comparison(self, node: Node, *, denied: bool = False) -> Line:
        name = node["fact"].text()
        operator = next(key for key in node.value if key in OPERATORS)
        value = node.value[operator]
        words = self.words.of("facts", name)
        lead = self.words.of("connectives", "not")
        if isinstance(value, bool):
            return Line(joined(lead, " ", words) if value is denied else words)
        entry = None if name in FOUND else DERIVED.get(name) or self.order.register.get(name)
        if "combined" in node:
            words = joined(words, " ", self.words.of("connectives", "in_total"))
        unit = entry.unit if entry is not None else None
        operand = self.operand(value, unit)
        if operator in _DENIED:
            verb = self.words.of("operators", _DENIED[operator] if denied else operator)
            return Line(joined(joined(words, " ", verb), " ", operand))
        whole = joined(joined(words, ": ", self.words.of("operators", operator)), " ", operand)
        return Line(joined(lead, " ", whole) if denied else whole)

    def operand(self, value: Any, unit: str | None) -> Pair:
        """Say what a fact is compared with; a parameter by its value on the day."""
        if isinstance(value, str) and value in self.order.parameters:
            parameter = self.order.parameters[value]
            dated = parameter.on(self.day)
            if dated is None or (isinstance(dated.value, tuple) and len(dated.value) > _MANY):
                words = self.words.of_order(
                    self.order.folder,
                    "parameters",
                    value,
                    parameter.description[0].lower() + parameter.description[1:],
                )
                return Pair(words.en, words.zh and f"“{words.zh}”")
            value, unit = dated.value, parameter.unit or unit
        if isinstance(value, list | tuple):
            return listed([self.words.value(str(one)) for one in value])
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self.quantity(value, unit)
        return self.words.value(str(value))

    def quantity(self, value: float, unit: str | None) -> Pair:
        """Say a number with its unit."""
        shown = f"{int(value):,}" if float(value).is_integer() and value >= 0 else f"{value:,}"
        if unit in {"model year", "SAE level"}:
            shown = str(int(value))
        if unit is None:
            return Pair(shown, shown)
        return joined(Pair(shown, shown), " ", self.words.of("units", unit))

    def value(self, value: Any, unit: str | None) -> Pair:
        """Say a parameter's value for a table."""
        if value is None:
            return Pair("ended", "已失效")
        if isinstance(value, tuple):
            return Pair(", ".join(map(str, value)), "、".join(map(str, value)))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self.quantity(value, unit)
        return Pair(str(value), str(value))

    def effect(self, rule: Rule) -> Pair:
        """Say what follows where a rule holds."""
        template = self.words.of("effects", rule.effect)
        detail = rule.detail
        holes: dict[str, Pair] = {}
        if isinstance(detail, dict):
            if "routes" in detail:
                holes["routes"] = listed([self.words.of("routes", one) for one in detail["routes"]], "or")
            if "from" in detail:
                holes["what"] = listed([self.words.of("determinations", one) for one in detail["from"]], "or")
            if "what" in detail:
                holes["what"] = self.words.of("routes", detail["what"])
            if "by" in detail:
                holes["by"] = self.words.of("routes", detail["by"])
            if "as" in detail:
                holes["as"] = Pair(detail["as"], detail["as"])
        elif isinstance(detail, str):
            kind = "determinations" if rule.effect == "determines" else "routes"
            holes["what"] = self.words.of(kind, detail)
            holes["as"] = Pair(detail, detail)
        return filled(template, holes)

    def says(self, rule: Rule) -> Pair:
        """Give a rule's sentence: numbers filled in, facts named."""

        def fill(text: str, *, chinese: bool) -> str:
            def one(found: re.Match[str]) -> str:
                name = found[1]
                if name in self.order.parameters:
                    dated = self.order.parameters[name].on(self.day)
                    words = self.value(dated.value, None) if dated is not None else Pair(name)
                elif name in self.order.register.numeric or name.startswith("year."):
                    return "……" if chinese else "…"
                else:
                    words = self.words.of("facts", name)
                    return f"〔{words.zh or words.en}〕" if chinese else f"[{words.en}]"
                return (words.zh or words.en) if chinese else words.en

            return _HOLE.sub(one, text)

        chinese = self.words.says.get(rule.id)
        return Pair(fill(rule.says, chinese=False), None if chinese is None else fill(chinese, chinese=True))


def joined(first: Pair, between: str, second: Pair) -> Pair:
    """Join words; Chinese without a blank, and only where both parts have it."""
    zh = first.zh + second.zh if first.zh is not None and second.zh is not None else None
    return Pair(first.en + between + second.en, zh)


def listed(words: list[Pair], last: str = "") -> Pair:
    """List words; `last` stands before the last of them."""
    english = [one.en for one in words]
    chinese = [one.zh for one in words if one.zh is not None]
    if last and len(words) > 1:
        en = f"{', '.join(english[:-1])} {last} {english[-1]}"
        zh = f"{'、'.join(chinese[:-1])}或者{chinese[-1]}" if len(chinese) == len(words) else None
        return Pair(en, zh)
    return Pair(", ".join(english), "、".join(chinese) if len(chinese) == len(words) else None)


def filled(template: Pair, holes: dict[str, Pair]) -> Pair:
    """Fill the holes of a sentence, in each language its own."""
    en = template.en
    zh = template.zh
    for name, words in holes.items():
        en = en.replace(f"{{{name}}}", words.en)
        if zh is not None and f"{{{name}}}" in zh:
            zh = None if words.zh is None else zh.replace(f"{{{name}}}", words.zh)
    return Pair(en, zh)


def parameters_of(rule: Rule, order: Order) -> tuple[Parameter, ...]:
    """Give the parameters that a rule reads, those of its terms included, in the order of the file."""
    found: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, list):
            for one in value:
                walk(one)
        elif isinstance(value, dict):
            if "term" in value:
                walk(order.terms[value["term"]].value)
            for one in value.values():
                walk(one)
        elif isinstance(value, str) and value in order.parameters:
            found.add(value)

    if rule.when is not None:
        walk(rule.when.value)
    return tuple(parameter for name, parameter in order.parameters.items() if name in found)


def sheet_of(lawbook: Lawbook, rule: Rule, day: date, words: Words) -> Sheet:
    """Give the sheet of a rule as of a day."""
    order = next(one for one in lawbook.orders.values() if rule in one.rules)
    speech = Speech(words, order, day)
    parameters = parameters_of(rule, order)
    names = {one.id for one in parameters}

    def title(one: Rule) -> Pair:
        return words.of_order(order.folder, "rules", one.id, one.title)

    numbers = [
        Number(
            parameter.id,
            words.of_order(order.folder, "parameters", parameter.id, parameter.description),
            speech.value(dated.value, parameter.unit),
            dated.start,
            dated.cite,
            dated.certainty,
            dated.note,
            parameter.on(day) is dated,
        )
        for parameter in parameters
        for dated in parameter.values
    ]
    own = names - {one.id for one in _of_terms(rule, order)}
    instrument = order.instruments[rule.instrument]
    return Sheet(
        rule=rule,
        order=order,
        day=day,
        lawbook=lawbook.digest,
        title=title(rule),
        instrument=words.of_order(
            order.folder, "instruments", instrument.id, _BOTH_NAMES.sub("", instrument.title)
        ),
        condition=speech.condition(rule),
        then=speech.effect(rule),
        says=speech.says(rule),
        fragments=tuple(one for one in words.fragments if {rule.id, *names} & set(one.of)),
        numbers=tuple(numbers),
        duties=rule.duties,
        exceptions=tuple((one, title(one)) for one in order.rules if one.exception_to == rule.id),
        beside=tuple(
            (one, title(one))
            for one in order.rules
            if one.id != rule.id and own & {parameter.id for parameter in parameters_of(one, order)}
        ),
    )


def _of_terms(rule: Rule, order: Order) -> tuple[Parameter, ...]:
    """Give the parameters that a rule reads only through the order's terms, which every rule shares."""
    written = "" if rule.when is None else str(rule.when.value)
    return tuple(one for one in parameters_of(rule, order) if f"'{one.id}'" not in written)

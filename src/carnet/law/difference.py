"""What differs between two lawbooks, between two days, or between two editions of one text: in law, not in lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from carnet.law.lawbook import Lawbook, Order
from carnet.law.pages import condition_words
from carnet.law.reading import Node
from carnet.law.rules import DatedValue, Parameter, Rule
from carnet.model.decision import Decision

ADDED, ENDED, CHANGED = "added", "ended", "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is otherwise.

    Attributes:
        order: the legal order's code.
        kind: order, instrument, rule, parameter, term or reach.
        id: its name.
        what: added, ended or changed.
        parts: of something changed, each part with what it was and what it is, in words.
    """

    order: str
    kind: str
    id: str
    what: str
    parts: tuple[tuple[str, str, str], ...] = ()
    cite: str = ""

    def to_mapping(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "order": self.order,
            "kind": self.kind,
            "id": self.id,
            "what": self.what,
            "cite": self.cite,
            "parts": [{"part": part, "was": was, "is": now} for part, was, now in self.parts],
        }


def between_books(old: Lawbook, new: Lawbook) -> tuple[Change, ...]:
    """Say what differs between two lawbooks, order by order."""
    out: list[Change] = []
    for code in sorted({*old.orders, *new.orders}):
        before, after = old.orders.get(code), new.orders.get(code)
        if before is None or after is None:
            named = before or after
            name = named.name if named is not None else code
            out.append(Change(code, "order", name, ADDED if before is None else ENDED))
        else:
            out += _orders(before, after)
    return tuple(out)


def _orders(old: Order, new: Order) -> Iterator[Change]:
    code = new.code
    yield from _named(code, "instrument", old.instruments, new.instruments, _instrument_parts)
    old_rules, new_rules = {one.id: one for one in old.rules}, {one.id: one for one in new.rules}
    yield from _named(
        code, "rule", old_rules, new_rules, lambda was, now: _rule_parts(was, now, old, new), cite=True
    )
    yield from _named(code, "parameter", old.parameters, new.parameters, _parameter_parts)
    yield from _named(
        code,
        "term",
        old.terms,
        new.terms,
        lambda was, now: _differ([("condition", _said(was, old), _said(now, new))]),
    )
    yield from _named(
        code,
        "reach",
        {"reach": old.reach},
        {"reach": new.reach},
        lambda was, now: _differ([("condition", _said(was, old), _said(now, new))]),
    )


def _named(
    code: str,
    kind: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    parts_of: Any,
    *,
    cite: bool = False,
) -> Iterator[Change]:
    for name in sorted({*old, *new}):
        found = new.get(name, old.get(name))
        source = found.cite if cite and found is not None else ""
        if name not in old or name not in new:
            yield Change(code, kind, name, ADDED if name not in old else ENDED, cite=source)
        elif parts := parts_of(old[name], new[name]):
            yield Change(code, kind, name, CHANGED, parts, cite=source)


def _differ(parts: list[tuple[str, str, str]]) -> tuple[tuple[str, str, str], ...]:
    return tuple(one for one in parts if one[1] != one[2])


def _said(node: Node | None, order: Order) -> str:
    return "\n".join(condition_words(node, order, 0))


def _instrument_parts(was: Any, now: Any) -> tuple[tuple[str, str, str], ...]:
    names = ("short", "title", "certainty", "in_force_from", "note")
    return _differ([(name, _text(getattr(was, name)), _text(getattr(now, name))) for name in names])


def _rule_parts(was: Rule, now: Rule, old: Order, new: Order) -> tuple[tuple[str, str, str], ...]:
    def days(rule: Rule) -> str:
        return f"from {rule.start}" + (f" until {rule.end}" if rule.end else "")

    def duties(rule: Rule) -> str:
        return "\n".join(f"{one.when}: {one.what}" + (f", {one.by}" if one.by else "") for one in rule.duties)

    def reading(rule: Rule) -> str:
        return rule.reading.note if rule.reading else ""

    def condition() -> tuple[str, str, str]:
        # In words terms are spelled out; a term that changed is told once, not with every rule that uses it.
        written = [None if one.when is None else one.when.value for one in (was, now)]
        if written[0] == written[1]:
            return ("condition", "", "")
        return ("condition", _said(was.when, old), _said(now.when, new))

    return _differ(
        [
            ("title", was.title, now.title),
            ("source", was.cite, now.cite),
            ("certainty", was.certainty, now.certainty),
            ("in force", days(was), days(now)),
            ("classes", _text(was.classes), _text(now.classes)),
            condition(),
            ("effect", f"{was.effect}: {_text(was.detail)}", f"{now.effect}: {_text(now.detail)}"),
            ("exception to", _text(was.exception_to), _text(now.exception_to)),
            ("says", was.says, now.says),
            ("duties", duties(was), duties(now)),
            ("reading", reading(was), reading(now)),
        ]
    )


def _parameter_parts(was: Parameter, now: Parameter) -> tuple[tuple[str, str, str], ...]:
    parts = [("comparison", was.compare, now.compare), ("meaning", was.description, now.description)]
    before = {one.start: _value(one, was) for one in was.values}
    after = {one.start: _value(one, now) for one in now.values}
    parts += [
        (f"from {start}", before.get(start, "no value"), after.get(start, "no value"))
        for start in sorted({*before, *after})
    ]
    return _differ(parts)


def _value(one: DatedValue, parameter: Parameter) -> str:
    unit = f" {parameter.unit}" if parameter.unit else ""
    return f"{_text(one.value)}{unit} ({one.cite}; {one.certainty})"


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple | list | frozenset):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_text(one)}" for name, one in value.items())
    return str(value)


def between_days(book: Lawbook, first: date, second: date) -> tuple[Change, ...]:
    """Say what law differs between two days of one lawbook: rules that began or ended, values that changed."""
    out: list[Change] = []
    for code, order in book.orders.items():
        for rule in order.rules:
            before, after = rule.in_force(first), rule.in_force(second)
            if before != after:
                out.append(Change(code, "rule", rule.id, ADDED if after else ENDED, cite=rule.cite))
        for name, parameter in order.parameters.items():
            was, now = parameter.on(first), parameter.on(second)
            if was != now:
                words = [_value(one, parameter) if one is not None else "no value" for one in (was, now)]
                what = ADDED if was is None else ENDED if now is None else CHANGED
                out.append(Change(code, "parameter", name, what, (("value", words[0], words[1]),)))
    return tuple(out)


def answer_of(decision: Decision) -> dict[str, Any]:
    """Give what a movement's people would notice of a decision, by legal order and content."""
    return {
        "verdict": decision.verdict.value,
        "orders": {
            one.code: {
                "verdict": one.verdict.value,
                "routes": list(one.routes),
                "prerequisites": list(one.prerequisites),
                "duties": [duty.id for duty in one.duties],
            }
            for one in decision.jurisdictions
        },
        "contents": {
            one.name: {code: list(found) for code, found in one.determinations.items()}
            for one in decision.contents
        },
    }


@dataclass(frozen=True, slots=True)
class Said:
    """What one edition says of an item."""

    says: str
    certainty: str
    source: str


@dataclass(frozen=True, slots=True)
class Item:
    """One item with what each edition is known to say of it."""

    item: str
    rule: str | None
    editions: Mapping[str, Said]


def read_editions(text: str, source: str, order: Order) -> tuple[Item, ...]:
    """Read an order's `editions.yaml`.

    Raises:
        LawbookError: an edition that is no instrument, a rule that is not there, an item that no edition speaks of.
    """
    top = Node.of_text(text, source)
    top.keys(("editions", "items"))
    rules = frozenset(one.id for one in order.rules)
    out: list[Item] = []
    for node in top["items"].each():
        node.keys(("item",), ("rule", *order.instruments))
        editions: dict[str, Said] = {}
        for name, said in node.items():
            if name in order.instruments:
                said.keys(("says", "certainty", "source"))
                editions[name] = Said(
                    said["says"].text(), said["certainty"].certainty(), said["source"].text()
                )
        if not editions:
            raise node.error("no edition speaks of the item", "say what one of them says")
        rule = node["rule"].word(rules, "the rule") if "rule" in node else None
        out.append(Item(node["item"].text(), rule, editions))
    return tuple(out)


def between_editions(items: tuple[Item, ...], old: str, new: str) -> tuple[tuple[str, Item], ...]:
    """Say of every item that either edition is known to speak of how the two stand to each other."""
    out: list[tuple[str, Item]] = []
    for one in items:
        was, now = one.editions.get(old), one.editions.get(new)
        if was is None and now is None:
            continue
        if was is None:
            out.append((f"known of {new} alone", one))
        elif now is None:
            out.append((f"known of {old} alone", one))
        else:
            out.append(("the same in both" if was.says == now.says else "changed", one))
    return tuple(out)

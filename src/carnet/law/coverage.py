"""What of a fact base became law here: every entry with the rules that carry it, or the reason why none does.

`coverage.yaml` of an order lists the entries. It is no part of the lawbook's digest: it says nothing about any
movement. An entry whose rules only report counts as not modelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from carnet.law.held import HeldOrder
from carnet.law.lawbook import Order
from carnet.law.reading import Node

REACHES: Mapping[str, str] = {
    "prohibits": "prohibited",
    "requires": "conditional",
    "offers": "conditional",
    "prerequisite": "conditional",
    "determines": "conditional",
    "exempts": "permitted",
    "satisfies": "permitted",
    "permits": "permitted",
    "relies_on": "permitted",
    "exceptional": "permitted",
    "owes": "duty",
}
"""What a rule's effect can make of a movement; what is not here only reports."""
DATA = ("routes", "clocks", "exposure")
"""What carries an entry without deciding anything: held as data, like a parameter."""
OUTCOMES = ("prohibited", "conditional", "permitted", "duty", "parameter", "not modelled")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the fact base.

    Attributes:
        path: where it stands in the fact base.
        rules, parameters: what carries it.
        data: ids of routes, clocks and fines that carry it.
        reason: why nothing does.
    """

    path: str
    rules: tuple[str, ...]
    parameters: tuple[str, ...]
    reason: str | None
    place: str
    data: tuple[str, ...] = ()


def read_coverage(
    text: str,
    source: str,
    order: Order | HeldOrder,
    data: Mapping[str, frozenset[str]] | None = None,
) -> tuple[Entry, ...]:
    """Read an order's `coverage.yaml`.

    Args:
        text: of the file.
        source: where it lies, for refusals.
        order: that it speaks of.
        data: the ids of the order's routes, clocks and fines, by `DATA`.

    Raises:
        LawbookError: an entry twice, without rule, parameter or reason, or with a name that the order lacks.
    """
    top = Node.of_text(text, source)
    top.keys(("coverage", "entries"))
    rules = frozenset(rule.id for rule in order.rules)
    parameters = frozenset(order.parameters)
    out: dict[str, Entry] = {}
    for node in top["entries"].each():
        node.keys(("entry",), ("rules", "parameters", *DATA, "not_modelled", "note"))
        path = node["entry"].text()
        if path in out:
            raise node.error(f"the entry {path} is there twice", "keep one of them")
        named = node["rules"].each() if "rules" in node else ()
        values = node["parameters"].each() if "parameters" in node else ()
        held = tuple(
            one.word((data or {}).get(kind, frozenset()), "the name")
            for kind in DATA
            if kind in node
            for one in node[kind].each()
        )
        entry = Entry(
            path,
            tuple(one.word(rules, "the rule") for one in named),
            tuple(one.word(parameters, "the parameter") for one in values),
            node["not_modelled"].text() if "not_modelled" in node else None,
            node.doc.where(node.path),
            held,
        )
        if bool(entry.rules or entry.parameters or entry.data) == (entry.reason is not None):
            raise node.error(
                f"{path} is carried by something, or is not modelled for a reason",
                "name rules, parameters, routes, clocks or exposure, or say not_modelled: why",
            )
        out[path] = entry
    return tuple(out.values())


def outcomes_of(entry: Entry, order: Order | HeldOrder) -> tuple[str, ...]:
    """Give what an entry's rules can make of a movement; `not modelled` where they only report."""
    effects = {rule.id: rule.effect for rule in order.rules}
    found = {REACHES[effects[name]] for name in entry.rules if effects[name] in REACHES}
    found |= {"duty" for rule in order.rules if rule.id in entry.rules and rule.duties}
    if not found and (entry.parameters or entry.data):
        found = {"parameter"}
    return tuple(one for one in OUTCOMES if one in found) or ("not modelled",)


def reason_of(entry: Entry) -> str:
    """Say why an entry is not modelled."""
    return entry.reason or f"only reported, by {', '.join(entry.rules)}"


def beyond(entries: Iterable[Entry], order: Order | HeldOrder) -> tuple[str, ...]:
    """Name the rules that no entry of the fact base names: they rest on their own source alone."""
    named = {name for entry in entries for name in entry.rules}
    return tuple(rule.id for rule in order.rules if rule.id not in named)


def count(entries: Iterable[Entry], order: Order | HeldOrder) -> dict[str, int]:
    """Count entries by what their rules can reach; an entry counts once for every verdict."""
    out = {"entries": 0} | dict.fromkeys(OUTCOMES, 0)
    for entry in entries:
        out["entries"] += 1
        for one in outcomes_of(entry, order):
            out[one] += 1
    return out

"""A rule or a parameter as a page for lawyers: nothing on it is a programming term."""

from __future__ import annotations

from datetime import date
from typing import Any

from carnet.law.lawbook import Lawbook, Order
from carnet.law.reading import Node
from carnet.law.rules import Parameter, Rule

_WORDS = {
    "is": "is",
    "is_one_of": "is one of",
    "includes": "includes",
    "includes_any": "includes any of",
    "exceeds": "is more than",
    "at_least": "is at least",
    "fewer_than": "is fewer than",
    "at_most": "is at most",
    "before": "is before",
    "on_or_after": "is on or after",
}


def condition_words(node: Node | None, order: Order, depth: int = 1) -> list[str]:
    """Say a condition in words, indented."""
    pad = "  " * depth
    if node is None:
        return [f"{pad}always"]
    head = next(iter(node.value))
    if head in {"all", "any"}:
        title = "all of these hold:" if head == "all" else "one of these holds:"
        lines = [f"{pad}{title}"]
        for one in node[head].each():
            lines += condition_words(one, order, depth + 1)
        return lines
    if head == "not":
        return [f"{pad}it is not so that", *condition_words(node["not"], order, depth + 1)]
    if head == "stated":
        return [f"{pad}it is stated that", *condition_words(node["stated"], order, depth + 1)]
    if head == "term":
        name = node["term"].text()
        return [
            f"{pad}{name.replace('_', ' ')}, which means",
            *condition_words(order.terms[name], order, depth + 1),
        ]
    operator = next(key for key in node.value if key in _WORDS)
    fact = node["fact"].text().replace("_", " ").replace(".", ": ")
    whole = " in total" if "combined" in node else ""
    return [f"{pad}{fact}{whole} {_WORDS[operator]} {_operand(node.value[operator], order)}"]


def _operand(value: Any, order: Order) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value in order.parameters:
        return f"{order.parameters[value].description.lower()} [{value}]"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def rule_page(lawbook: Lawbook, rule: Rule, day: date) -> str:
    """Give a rule's page as of a day."""
    order = next(one for one in lawbook.orders.values() if rule in one.rules)
    instrument = order.instruments[rule.instrument]
    until = f" to {rule.end.isoformat()}" if rule.end else ""
    state = "in force" if rule.in_force(day) else "not in force"
    out = [
        f"{order.code}  {rule.cite}",
        f"{rule.title}",
        f"{rule.id}, law from {rule.start}{until}; on {day.isoformat()} {state}",
        "",
        "THE SOURCE",
        f"  {instrument.title}; {rule.article}. Certainty: {rule.certainty}.",
    ]
    if rule.confirmed or order.read:
        out.append(f"  {rule.confirmed or order.read}.")
    if instrument.note:
        out.append(f"  {instrument.note}")
    if rule.classes is not None:
        covers = "everything" if rule.classes == ("*",) else ", ".join(rule.classes)
        out += ["", "IT SPEAKS OF", f"  {covers}"]
    out += [
        "",
        "WE CHECK",
        *condition_words(rule.when, order),
        "",
        "THEN",
        f"  {_effect(rule)}",
        f"  {rule.says}",
    ]
    used = [
        p for name, p in order.parameters.items() if rule.when is not None and name in str(rule.when.value)
    ]
    for parameter in used:
        out += ["", *_numbers(parameter)]
    if rule.exception_to:
        out += ["", f"EXCEPTION TO {rule.exception_to}"]
    exceptions = [one for one in order.rules if one.exception_to == rule.id]
    if exceptions:
        out += ["", "EXCEPTIONS", *(f"  {one.cite}, {one.title} [{one.id}]" for one in exceptions)]
    if rule.duties:
        out += ["", "DUTIES"]
        out += [f"  {d.when}: {d.who}: {d.what}{', ' + d.by if d.by else ''} ({d.cite})" for d in rule.duties]
    if rule.reading:
        support = f" Support: {', '.join(rule.reading.support)}." if rule.reading.support else ""
        out += [
            "",
            "OUR READING",
            f"  {rule.reading.note} ({rule.reading.by}, {rule.reading.date}.{support})",
        ]
    return "\n".join([*out, ""])


def _effect(rule: Rule) -> str:
    detail = rule.detail
    match rule.effect:
        case "determines":
            return f"the content is {detail.replace('_', ' ')}"
        case "exempts":
            return f"no route is needed for it as {' or '.join(detail['from'])} ({detail['as']})"
        case "requires" | "offers":
            return f"route: {' or '.join(detail['routes']).replace('_', ' ')}"
        case "satisfies":
            return f"carried by {detail['by']}"
        case "prerequisite":
            return f"first: {detail['what'].replace('_', ' ')}"
        case "prohibits":
            return "it may not go"
        case "permits":
            return "it may go"
        case "exceptional":
            return f"for the single case: {detail}"
        case "relies_on":
            return f"no route is needed ({detail})"
        case "owes":
            return "duties are owed"
        case _:
            return "it is reported, and decides nothing"


def _numbers(parameter: Parameter) -> list[str]:
    out = [f"THE NUMBER  {parameter.description} ({_WORDS[parameter.compare]})"]
    for value in parameter.values:
        shown = ", ".join(value.value) if isinstance(value.value, tuple) else value.value
        out.append(f"  {shown} from {value.start.isoformat()}  {value.cite}; {value.certainty}")
        if value.note:
            out.append(f"    {value.note}")
        if value.confirmed:
            out.append(f"    {value.confirmed}")
    return out


def parameter_page(parameter: Parameter) -> str:
    """Give a parameter's page."""
    return "\n".join([parameter.id, *_numbers(parameter), ""])

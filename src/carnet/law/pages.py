"""A rule or a parameter as a page for lawyers: nothing on it is a programming term."""

from __future__ import annotations

from typing import Any

from carnet.law.lawbook import Order
from carnet.law.reading import Node
from carnet.law.rules import Parameter
from carnet.law.sheet import Line, Sheet, parameters_of

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


def _lines(line: Line, depth: int, *, chinese: bool) -> list[str]:
    words = line.words.zh if chinese and line.words.zh is not None else line.words.en
    out = [f"{'  ' * depth}{words}"]
    for one in line.parts:
        out += _lines(one, depth + 1, chinese=chinese)
    return out


def _law(sheet: Sheet, language: str) -> list[str]:
    """Say what is checked and what follows, once in each language asked for."""
    out: list[str] = []
    if language != "zh":
        out += ["", "WE CHECK", *_lines(sheet.condition, 1, chinese=False)]
        out += ["", "THEN", f"  {sheet.then.en}", f"  {sheet.says.en}"]
    if language != "en":
        then, says = sheet.then.zh or sheet.then.en, sheet.says.zh or sheet.says.en
        if sheet.title.zh is not None:
            out += ["", sheet.title.zh]
        out += ["", "判定条件", *_lines(sheet.condition, 1, chinese=True), f"  {then}", f"  {says}"]
    return out


def rule_page(sheet: Sheet, language: str = "en") -> str:
    """Give a rule's page as text.

    Args:
        sheet: what the page says.
        language: of the condition and what follows: `en`, `zh` or `both`; all else is in English.
    """
    rule, order, day = sheet.rule, sheet.order, sheet.day
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
    if sheet.fragments:
        out += [
            "",
            "WORDS OF THE LAW THAT WE HOLD",
            *(f"  ……{one.words}…… ({one.source})" for one in sheet.fragments),
        ]
    out += _law(sheet, language)
    for parameter in parameters_of(rule, order):
        out += ["", *_numbers(parameter)]
    if rule.exception_to:
        out += ["", f"EXCEPTION TO {rule.exception_to}"]
    if sheet.exceptions:
        out += ["", "EXCEPTIONS", *(f"  {one.cite}, {one.title} [{one.id}]" for one, _ in sheet.exceptions)]
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

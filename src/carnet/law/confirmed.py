"""Comparisons with the official text: who compared what with which document on which day.

A rule or a dated value that was taken from a secondary source counts as official from the moment a named person
has compared it with the official text. The record holds the digest of the document that was compared, and the
digest of what was compared: when the rule or value is changed afterwards, the comparison no longer speaks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from carnet.law.reading import Node
from carnet.law.rules import DatedValue, Parameter, Rule
from carnet.model.canonical import digest_of

CONFIRMED = "confirmed.yaml"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Confirmation:
    """One comparison.

    Attributes:
        id: the rule or parameter.
        start: of a parameter, the first day of the value that was compared.
        text: digest of the official document.
        of: digest of the rule or value as it was compared.
    """

    id: str
    start: date | None
    by: str
    date: date
    text: str
    of: str
    place: str


def read_confirmations(node: Node) -> tuple[Confirmation, ...]:
    """Read an order's `confirmed.yaml`.

    Raises:
        LawbookError: an unknown key, or a digest that is none, with file and line.
    """
    node.keys(("confirmed",))
    out: list[Confirmation] = []
    for one in node["confirmed"].each():
        one.keys(("id", "by", "date", "text", "of"), ("from",))
        for name in ("text", "of"):
            if not _DIGEST.fullmatch(one[name].text()):
                raise one[name].error(f"{name} is no digest", "let carnet law confirm write it")
        out.append(
            Confirmation(
                one["id"].text(),
                one["from"].day() if "from" in one else None,
                one["by"].text(),
                one["date"].day(),
                one["text"].text(),
                one["of"].text(),
                node.doc.where(one.path),
            )
        )
    return tuple(out)


def with_terms(rule: Rule, terms: Mapping[str, Any]) -> Rule:
    """Add to what a rule says the terms that it uses: whoever compared the rule compared these meanings too."""
    used: dict[str, Any] = {}
    left = list(_used(rule.written))
    while left:
        name = left.pop()
        if name in terms and name not in used:
            used[name] = terms[name]
            left += _used(terms[name])
    return replace(rule, written={**rule.written, "terms": used}) if used else rule


def _used(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("term"), str):
            yield value["term"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _used(one)


def definition_of(what: Rule | DatedValue, parameter: Parameter | None = None) -> str:
    """Give the digest of what is compared: the whole rule, or a value with its word of comparison."""
    if isinstance(what, Rule):
        return digest_of(what.written)
    if parameter is None:
        raise TypeError("a value is compared together with its parameter")
    value = list(what.value) if isinstance(what.value, tuple) else what.value
    return digest_of(
        {"id": parameter.id, "compare": parameter.compare, "from": what.start.isoformat(), "value": value}
    )


def _holds(one: Confirmation, what: Rule | DatedValue, parameter: Parameter | None = None) -> bool:
    return one.of == definition_of(what, parameter)


def confirm(
    rules: tuple[Rule, ...], parameters: Mapping[str, Parameter], confirmations: tuple[Confirmation, ...]
) -> tuple[tuple[Rule, ...], dict[str, Parameter]]:
    """Mark what was compared as official; a comparison of something older marks nothing."""
    by_id: dict[str, list[Confirmation]] = {}
    for one in confirmations:
        by_id.setdefault(one.id, []).append(one)

    def rule(found: Rule) -> Rule:
        good = [one for one in by_id.get(found.id, ()) if _holds(one, found)]
        return replace(found, certainty="official", confirmed=said(good[-1])) if good else found

    def value(found: DatedValue, parameter: Parameter) -> DatedValue:
        good = [
            one
            for one in by_id.get(parameter.id, ())
            if one.start == found.start and _holds(one, found, parameter)
        ]
        return replace(found, certainty="official", confirmed=said(good[-1])) if good else found

    return tuple(rule(one) for one in rules), {
        name: replace(one, values=tuple(value(dated, one) for dated in one.values))
        for name, one in parameters.items()
    }


def lapsed(
    rules: tuple[Rule, ...], parameters: Mapping[str, Parameter], confirmations: tuple[Confirmation, ...]
) -> tuple[tuple[Confirmation, str], ...]:
    """Give comparisons that speak for nothing, each with the reason."""
    known = {one.id: one for one in rules}
    out: list[tuple[Confirmation, str]] = []
    for one in confirmations:
        if one.id in known:
            if not _holds(one, known[one.id]):
                out.append((one, "the rule has changed since it was compared"))
        elif one.id in parameters:
            values = [dated for dated in parameters[one.id].values if dated.start == one.start]
            if not values:
                out.append((one, "the parameter has no value from that day"))
            elif not _holds(one, values[0], parameters[one.id]):
                out.append((one, "the value has changed since it was compared"))
        else:
            out.append((one, "there is no rule or parameter of that name"))
    return tuple(out)


def said(one: Confirmation) -> str:
    """Say a comparison in words."""
    return f"compared with the official text on {one.date.isoformat()} by {one.by} ({one.text[:19]}…)"


def entry(one: Confirmation) -> dict[str, Any]:
    """Give the form in which a comparison is written down."""
    form: dict[str, Any] = {"id": one.id}
    if one.start is not None:
        form["from"] = one.start.isoformat()
    return form | {"by": one.by, "date": one.date.isoformat(), "text": one.text, "of": one.of}

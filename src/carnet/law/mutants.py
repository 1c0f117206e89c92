"""Mutants of the law: one threshold, comparison, date or condition changed, to see whether a case notices.

A lawbook whose cases all pass may still be wrong wherever no case looks. So each number, word of comparison,
day and part of a condition is changed once, and the cases are judged anew: a case that no longer gets its
answer *kills* the mutant. Classes of data and effects are changed too, and counted apart.

After DeMillo, Lipton and Sayward, "Hints on test data selection" (1978).
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from carnet.law.lawbook import Order
from carnet.law.reading import Node
from carnet.law.rules import DatedValue, Parameter, Rule

THRESHOLD, MEMBER, COMPARISON, DATE, CONDITION = "threshold", "member", "comparison", "date", "condition"
CLASS, EFFECT = "class", "effect"
KINDS = (THRESHOLD, MEMBER, COMPARISON, DATE, CONDITION, CLASS, EFFECT)
DAY = timedelta(days=1)

_OTHER_SIDE = {"at_least": "exceeds", "exceeds": "at_least", "fewer_than": "at_most", "at_most": "fewer_than"}
_OPPOSITE = {
    "at_least": "fewer_than",
    "exceeds": "at_most",
    "fewer_than": "at_least",
    "at_most": "exceeds",
    "before": "on_or_after",
    "on_or_after": "before",
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one order's law.

    Attributes:
        place: file and line of what was changed.
        of: the rule, parameter or term that was changed.
        what: the change in words.
        order: the order as changed.
    """

    kind: str
    of: str
    place: str
    what: str
    order: Order


def mutants_of(order: Order) -> Iterator[Mutant]:
    """Give every mutant of an order, in the order of its files.

    Args:
        order: a legal order of a lawbook.
    """
    for number, rule in enumerate(order.rules):
        for kind, what, changed in _of_rule(rule):
            rules = (*order.rules[:number], *changed, *order.rules[number + 1 :])
            yield Mutant(kind, rule.id, rule.place, what, _renewed(order, rules=rules))
    for name, parameter in order.parameters.items():
        for kind, what, new in _of_parameter(parameter):
            parameters = {**order.parameters, name: new}
            yield Mutant(kind, name, parameter.place, what, _with_comparison(order, parameters, name))
    for name, node in order.terms.items():
        for kind, what, value in _of_condition(node.value, order.parameters):
            terms = {**order.terms, name: Node(node.doc, node.path, value)}
            place = node.doc.where(node.path)
            yield Mutant(kind, f"{order.folder}: {name}", place, what, _renewed(order, terms=terms))
    for kind, what, value in _of_condition(order.reach.value, order.parameters):
        reach = Node(order.reach.doc, order.reach.path, value)
        place = order.reach.doc.where(order.reach.path)
        yield Mutant(kind, f"{order.folder}: reach", place, what, _renewed(order, reach=reach))


def _renewed(order: Order, **changes: Any) -> Order:
    return replace(order, **changes, _live={}, _turns=[])


def _of_rule(rule: Rule) -> Iterator[tuple[str, str, tuple[Rule, ...]]]:
    if rule.when is not None:
        for kind, what, value in _of_condition(rule.when.value, {}):
            yield kind, what, (replace(rule, when=Node(rule.when.doc, rule.when.path, value)),)
    for days in (-1, 1):
        if rule.start is not None:
            start = rule.start + days * DAY
            yield DATE, f"in force from {start} instead of {rule.start}", (replace(rule, start=start),)
        if rule.end is not None:
            end = rule.end + days * DAY
            yield DATE, f"in force until {end} instead of {rule.end}", (replace(rule, end=end),)
    for name in rule.classes or ():
        rest = tuple(one for one in rule.classes or () if one != name)
        yield CLASS, f"without the class {name}", (replace(rule, classes=rest),)
    yield EFFECT, "the rule is not there", ()
    for what, detail in _of_detail(rule):
        yield EFFECT, what, (replace(rule, detail=detail),)


def _of_detail(rule: Rule) -> Iterator[tuple[str, Any]]:
    """Give changes of what a rule does: another determination, a route or an exemption less."""
    if rule.effect == "determines":
        for other in ("important", "sensitive_personal", "personal"):
            if other != rule.detail:
                yield f"determines {other} instead of {rule.detail}", other
    if isinstance(rule.detail, dict):
        for key in ("routes", "from", "done_by"):
            members = rule.detail.get(key, ())
            if key == "routes" and len(members) == 1:
                continue  # a need without a route is refused on reading
            for one in members:
                rest = tuple(member for member in members if member != one)
                yield f"{key} without {one}", {**rule.detail, key: rest}


def _of_parameter(parameter: Parameter) -> Iterator[tuple[str, str, Parameter]]:
    for number, dated in enumerate(parameter.values):
        for kind, what, new in _of_value(dated, parameter.values[number - 1] if number else None):
            values = (*parameter.values[:number], new, *parameter.values[number + 1 :])
            if all(a.start < b.start for a, b in itertools.pairwise(values)):
                yield kind, what, replace(parameter, values=values)
    if parameter.compare in _OTHER_SIDE:
        for word in (_OTHER_SIDE[parameter.compare], _OPPOSITE[parameter.compare]):
            yield COMPARISON, f"{word} instead of {parameter.compare}", replace(parameter, compare=word)


def _of_value(dated: DatedValue, before: DatedValue | None) -> Iterator[tuple[str, str, DatedValue]]:
    value = dated.value
    if isinstance(value, int | float) and not isinstance(value, bool):
        for step in _steps(value):
            yield THRESHOLD, f"{value + step} instead of {value}", replace(dated, value=value + step)
    elif isinstance(value, tuple):
        for one in value:
            rest = tuple(member for member in value if member != one)
            yield MEMBER, f"from {dated.start} without {one}", replace(dated, value=rest)
    if before is not None:
        for days in (-1, 1):
            start = dated.start + days * DAY
            yield DATE, f"from {start} instead of {dated.start}", replace(dated, start=start)


def _steps(value: float) -> tuple[float, float]:
    if isinstance(value, int):
        return (-1, 1)
    return (-abs(value) / 100, abs(value) / 100)


def _with_comparison(order: Order, parameters: dict[str, Parameter], name: str) -> Order:
    """Let every condition follow the changed word of comparison, which it must repeat."""
    was, now = order.parameters[name].compare, parameters[name].compare
    if was == now:
        return _renewed(order, parameters=parameters)
    rules = tuple(
        replace(rule, when=_follow(rule.when, name, was, now)) if rule.when is not None else rule
        for rule in order.rules
    )
    terms = {term: _follow(node, name, was, now) for term, node in order.terms.items()}
    return _renewed(
        order, parameters=parameters, rules=rules, terms=terms, reach=_follow(order.reach, name, was, now)
    )


def _follow(node: Node, name: str, was: str, now: str) -> Node:
    def walk(value: Any) -> Any:
        if isinstance(value, list):
            return [walk(one) for one in value]
        if isinstance(value, dict):
            return {(now if key == was and one == name else key): walk(one) for key, one in value.items()}
        return value

    return Node(node.doc, node.path, walk(node.value))


def _of_condition(value: Any, parameters: dict[str, Parameter] | Any) -> Iterator[tuple[str, str, Any]]:
    """Give every single change of a condition, as (kind, words, changed condition)."""
    yield from _at(value, value, (), parameters)


def _at(whole: Any, here: Any, path: tuple[Any, ...], parameters: Any) -> Iterator[tuple[str, str, Any]]:
    if not isinstance(here, dict):
        return
    head = next(iter(here))
    if head in {"all", "any"}:
        parts = here[head]
        if len(parts) > 1:
            other = "any" if head == "all" else "all"
            yield CONDITION, f"{other} instead of {head} of {_words(here)}", _put(whole, path, {other: parts})
            for number, one in enumerate(parts):
                rest = [*parts[:number], *parts[number + 1 :]]
                yield CONDITION, f"without {_words(one)}", _put(whole, path, {head: rest})
        for number, one in enumerate(parts):
            yield from _at(whole, one, (*path, head, number), parameters)
    elif head in {"not", "stated"}:
        yield CONDITION, f"{head} taken from {_words(here)}", _put(whole, path, here[head])
        yield from _at(whole, here[head], (*path, head), parameters)
    elif head == "term":
        yield CONDITION, f"not {_words(here)}", _put(whole, path, {"not": here})
    else:
        yield CONDITION, f"not {_words(here)}", _put(whole, path, {"not": here})
        yield from _of_leaf(whole, here, path)


def _of_leaf(whole: Any, here: Any, path: tuple[Any, ...]) -> Iterator[tuple[str, str, Any]]:
    operator = next(key for key in here if key not in {"fact", "combined"})
    value = here[operator]
    literal = not (isinstance(value, str) and "/" in value)
    if operator in _OTHER_SIDE and literal:
        words = (_OTHER_SIDE[operator], _OPPOSITE[operator])
        for word in words:
            changed = {(word if key == operator else key): one for key, one in here.items()}
            yield COMPARISON, f"{word} instead of {operator} in {_words(here)}", _put(whole, path, changed)
    if literal and isinstance(value, int | float) and not isinstance(value, bool):
        for step in _steps(value):
            new = {**here, operator: value + step}
            yield THRESHOLD, f"{value + step} instead of {value} in {_words(here)}", _put(whole, path, new)
    if literal and operator in {"before", "on_or_after"}:
        for days in (-1, 1):
            day = (date.fromisoformat(str(value)) + days * DAY).isoformat()
            yield (
                DATE,
                f"{day} instead of {value} in {_words(here)}",
                _put(whole, path, {**here, operator: day}),
            )
    if isinstance(value, list) and len(value) > 1:
        for one in value:
            rest = [member for member in value if member != one]
            yield (
                MEMBER,
                f"without {one} in {_words(here)}",
                _put(whole, path, {**here, operator: rest}),
            )


def _put(whole: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    out = copy.deepcopy(whole)
    at = out
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = new
    return out


def _words(value: Any) -> str:
    """Say a condition in one short line."""
    if isinstance(value, dict):
        head = next(iter(value))
        if head in {"all", "any"}:
            return f"{head} of {len(value[head])}"
        if head in {"not", "stated", "term"}:
            return f"{head} {_words(value[head])}"
        return " ".join(_words(one) for one in value.values() if one is not True) or str(value["fact"])
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)

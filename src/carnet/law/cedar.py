"""The two-valued part of the law as Cedar policies, so that somebody else's engine can be asked as well.

One policy a rule: `permit` stands for "the rule holds", the action is the rule's id, the facts are the context.
Cedar knows no unknown: it can be asked where every fact that a rule reads is known. Numbers are whole in Cedar,
so that every number is multiplied by `SCALE`; days become the number of the day in the proleptic Gregorian
calendar. Cedar, version 4: https://docs.cedarpolicy.com/policies/syntax-policy.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from carnet.law.compiled import LiveRule
from carnet.law.conditions import DATED, NUMERIC, All, Always, AnyOf, Condition, Leaf, Not, Stated, Term

SCALE = 10_000
"""What numbers are multiplied by: facts are given to four decimals at most."""

_SIGNS = {
    "at_least": ">=",
    "exceeds": ">",
    "at_most": "<=",
    "fewer_than": "<",
    "is": "==",
    "on_or_after": ">=",
    "before": "<",
}


def attribute(leaf: Leaf) -> str:
    """Name the fact of a comparison in the context; a number that is combined is another than the item's own."""
    return leaf.fact if leaf.over is None else f"{leaf.fact} over {', '.join(leaf.over)}"


def context_value(leaf: Leaf, value: Any) -> Any:
    """Give a fact's value as the context holds it.

    Raises:
        ValueError: the number has more decimals than the scale holds.
    """
    if leaf.numeric:
        scaled = round(value * SCALE)
        if scaled != value * SCALE:
            raise ValueError(f"{value} has more than four decimals")
        return scaled
    if leaf.operator in DATED:
        return date.fromisoformat(value).toordinal()
    if isinstance(value, frozenset | tuple | set):
        return sorted(value)
    return value


def policies(rules: Iterable[LiveRule]) -> str:
    """Give the policies of rules in force: a rule holds where its condition does and nothing excepts it."""
    out: list[str] = []
    for live in rules:
        parts = [expression(live.when), *(f"!({expression(one)})" for _, one in live.exceptions)]
        name = json.dumps(live.rule.id)
        out.append(
            f"@id({name})\npermit(principal, action == Action::{name}, resource)\n"
            f"when {{ {' && '.join(f'({one})' for one in parts)} }};\n"
        )
    return "\n".join(out)


def expression(condition: Condition) -> str:
    """Give a condition as a Cedar expression."""
    match condition:
        case Always():
            return "true"
        case All(parts):
            return " && ".join(f"({expression(one)})" for one in parts)
        case AnyOf(parts):
            return " || ".join(f"({expression(one)})" for one in parts)
        case Not(part):
            return f"!({expression(part)})"
        case Stated(part) | Term(_, part):
            return expression(part)
        case Leaf():
            return _comparison(condition)
        case _:
            raise TypeError(f"no Cedar for {type(condition).__name__}")


def _comparison(leaf: Leaf) -> str:
    fact = f"context[{json.dumps(attribute(leaf))}]"
    if leaf.derived:
        return fact
    match leaf.operator:
        case "is_one_of":
            return f"{_set(leaf.value)}.contains({fact})"
        case "includes":
            return f"{fact}.contains({json.dumps(leaf.value)})"
        case "includes_any":
            return f"{fact}.containsAny({_set(leaf.value)})"
        case operator:
            value = leaf.value
            if operator in NUMERIC or operator in DATED or leaf.numeric:
                value = context_value(leaf, value)
            return f"{fact} {_SIGNS[operator]} {json.dumps(value, ensure_ascii=False)}"


def _set(members: Iterable[str]) -> str:
    return "[" + ", ".join(json.dumps(one) for one in sorted(members)) + "]"


def request(rule: str, context: Mapping[str, Any]) -> dict[str, Any]:
    """Give the question whether a rule holds."""
    return {
        "principal": 'Movement::"one"',
        "action": f"Action::{json.dumps(rule)}",
        "resource": 'Lawbook::"one"',
        "context": dict(context),
    }

"""What `carnet law check` asks of the texts themselves, without any case: do they fit each other and their days?

It names a rule that begins before its source was law and does not say why; a first day between a rule and the one
that follows it under the same article on which neither is law; two rules that say the same on the same days; a rule
that permits beside one that prohibits, where nothing in their conditions keeps them apart; and a text of law that
an order with rules holds and nothing names.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from carnet.law.checks import Problem
from carnet.law.lawbook import Lawbook, Order
from carnet.law.reading import Node, named_under
from carnet.law.rules import Rule
from carnet.model.vocabulary import may_be

_DAY = timedelta(days=1)
_LOWER = {"at_least": 0, "exceeds": 1}
_UPPER = {"at_most": 1, "fewer_than": 0}
Leaf = tuple[str, str, Any]
"""Fact, operator and operand of one comparison that has to hold."""


def check_texts(lawbook: Lawbook) -> list[Problem]:
    """Name what does not fit in the texts of a lawbook, each with its place and what to do."""
    out: list[Problem] = []
    for order in lawbook.orders.values():
        out += [*_early(order), *_gaps(order), *_twice(order), *_contradictions(order)]
        out += _unnamed(order, lawbook)
    return out


def _early(order: Order) -> Iterator[Problem]:
    """Name rules that begin before their source does, unless an older source or a reading carries them."""
    for rule in order.rules:
        instrument = order.instruments[rule.instrument]
        first = instrument.in_force_from
        if first is None or rule.start is None or rule.start >= first or rule.reading is not None:
            continue
        older = (
            one
            for one in order.instruments.values()
            if one.short in rule.cite and one.in_force_from is not None and one.in_force_from <= rule.start
        )
        if next(older, None) is None:
            yield Problem(
                rule.id,
                rule.place,
                f"it is law from {rule.start}, and {instrument.short} from {first}: begin with it, name the older "
                "text under also, or give the reading",
            )


def _gaps(order: Order) -> Iterator[Problem]:
    """Name days between two rules of one article and effect on which neither is law."""
    for rule in order.rules:
        if rule.end is None:
            continue
        next_day = rule.end + _DAY
        same = [
            one
            for one in order.rules
            if one is not rule
            and (one.instrument, one.article, one.effect) == _article(rule)
            and _meet(one, rule)
        ]
        later = [one for one in same if one.start is not None and one.start > rule.end]
        if later and not any(one.in_force(next_day) for one in same):
            follower = min(later, key=lambda one: one.start or next_day)
            yield Problem(
                rule.id,
                rule.place,
                f"it ends on {rule.end}, and {follower.id} of the same article begins on {follower.start}: let one "
                "begin on the day after the other ends",
            )


def _article(rule: Rule) -> tuple[str, str, str]:
    return rule.instrument, rule.article, rule.effect


def _twice(order: Order) -> Iterator[Problem]:
    """Name rules that say the same of the same on the same days."""
    for rule, other in itertools.combinations(order.rules, 2):
        same = _said(rule) == _said(other) and rule.duties == other.duties
        if same and rule.effect != "owes" and _days_meet(rule, other):
            yield Problem(
                other.id,
                other.place,
                f"it says what {rule.id} says on the same days: keep one, or let one end before the other begins",
            )


def _said(rule: Rule) -> tuple[Any, ...]:
    condition = None if rule.when is None else rule.when.value
    return rule.effect, rule.detail, condition, rule.classes, rule.exception_to


def _contradictions(order: Order) -> Iterator[Problem]:
    """Name a rule that permits and one that prohibits where both may hold, and neither excepts the other."""
    permitting = [one for one in order.rules if one.effect == "permits" and one.exception_to is None]
    prohibiting = [one for one in order.rules if one.effect == "prohibits" and one.exception_to is None]
    for permit, ban in itertools.product(permitting, prohibiting):
        if not _days_meet(permit, ban) or not _meet(permit, ban):
            continue
        first = max(permit.start or date.min, ban.start or date.min)
        if _apart(_musts(permit.when, order), _musts(ban.when, order), order, first):
            continue
        yield Problem(
            permit.id,
            permit.place,
            f"it permits what {ban.id} prohibits, from {first} on: make one the exception to the other, or let "
            "their conditions exclude each other",
        )


def _days_meet(one: Rule, other: Rule) -> bool:
    begins = max(one.start or date.min, other.start or date.min)
    return begins <= min(one.end or date.max, other.end or date.max)


def _meet(one: Rule, other: Rule) -> bool:
    """Say whether two rules can speak of one content; a rule about the movement meets every other."""
    if one.classes is None or other.classes is None:
        return True
    return any(
        "*" in (left, right) or may_be(left, right) or may_be(right, left)
        for left in one.classes
        for right in other.classes
    )


def _musts(node: Node | None, order: Order) -> list[tuple[Leaf, bool]]:
    """Give the comparisons that have to hold, or have not to hold, for a condition to hold."""
    if node is None or not isinstance(node.value, dict):
        return []
    head = next(iter(node.value))
    if head == "all":
        return [one for part in node["all"].each() for one in _musts(part, order)]
    if head == "stated":
        return _musts(node["stated"], order)
    if head == "term":
        return _musts(order.terms[node["term"].text()], order)
    if head == "not" and "fact" in node["not"]:
        return [(_leaf(node["not"].value), False)]
    if "fact" in node:
        return [(_leaf(node.value), True)]
    return []


def _leaf(value: dict[str, Any]) -> Leaf:
    operator = next(key for key in value if key not in {"fact", "combined"})
    return value["fact"], operator, value[operator]


def _apart(left: list[tuple[Leaf, bool]], right: list[tuple[Leaf, bool]], order: Order, day: date) -> bool:
    """Say whether two conditions exclude each other by what each of them has to find."""

    def operand(leaf: Leaf) -> Any:
        value = leaf[2]
        if isinstance(value, str) and value in order.parameters:
            dated = order.parameters[value].on(day)
            return None if dated is None else dated.value
        return value

    for (first, holds), (second, also) in itertools.product(left, right):
        if first[0] != second[0]:
            continue
        one, other = operand(first), operand(second)
        if first[1] == second[1] and one == other and holds != also:
            return True
        if holds and also and _exclude(first[1], one, second[1], other):
            return True
    return False


def _exclude(operator: str, value: Any, other: str, bound: Any) -> bool:
    """Say whether two comparisons of one fact cannot both hold."""
    if operator in {"is", "is_one_of"} and other in {"is", "is_one_of"}:
        one = {value} if operator == "is" else set(value or ())
        two = {bound} if other == "is" else set(bound or ())
        return not one & two
    if operator in _UPPER and other in _LOWER:
        return _exclude(other, bound, operator, value)
    if operator in _LOWER and other in _UPPER and value is not None and bound is not None:
        touching = value == bound and _LOWER[operator] == 0 and _UPPER[other] == 1
        return bool(value >= bound and not touching)
    return False


def _unnamed(order: Order, lawbook: Lawbook) -> Iterator[Problem]:
    """Name texts of law that nothing in the order names, and that do not say why they are held."""
    mine = {
        path: text
        for path, text in lawbook.texts.items()
        if path.startswith(f"{order.folder}/") and not path.endswith("/instruments.yaml")
    }
    read: set[str] = set()
    for path, text in mine.items():
        read |= set(named_under(Node.of_text(text, f"lawbook/{path}").value, "instrument"))
    whole = "\n".join(mine.values())
    top = f"{order.folder}/instruments.yaml"
    node = Node.of_text(lawbook.texts[top], f"lawbook/{top}")
    for name, one in order.instruments.items():
        if name not in read and one.short not in whole and one.note is None:
            yield Problem(
                f"{order.folder}: {name}",
                node.doc.where(name),
                "nothing names this text of law: name it where it carries something, take it out, or say in a note "
                "why it is held",
            )

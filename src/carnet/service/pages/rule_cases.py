"""Own cases that show what a rule does: on its numbers, beside them, where it speaks, and where it cannot tell."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from carnet.law.casebook import Case
from carnet.law.compiled import LiveRule
from carnet.law.conditions import MOVEMENT, NUMERIC, Leaf
from carnet.law.judge import Judge
from carnet.law.lawbook import Lawbook, Order
from carnet.law.rules import Rule
from carnet.law.situation import situation
from carnet.law.words import Pair, Words
from carnet.model.movement import Movement

_FIELD = re.compile(r"^(contents\.[^.]+\.)?(.*facts\.)?")
"""Where a fact stands in a movement, before its name."""
_EACH = 4
"""Rows of one kind and answer that a page shows; it says how many more there are."""
_ASKED = 6
"""Rows that a page shows of cases in which something is unknown, each asking for something else."""
_ON, _BESIDE, _UNKNOWN, _NAMED, _SPEAKS, _NOT_YET, _SILENT = range(7)
_WHY = {
    _ON: Pair("on the number", "恰在数值上"),
    _BESIDE: Pair("one beside the number", "与数值相差一"),
    _UNKNOWN: Pair("unknown is not zero", "未知不等于零"),
    _NAMED: Pair("the case names the rule", "案例点名该规则"),
    _SPEAKS: Pair("the condition is met", "条件成立"),
    _NOT_YET: Pair("the rule is not law on that day", "该日规则不在施行期"),
    _SILENT: Pair("the condition is not met", "条件不成立"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A case with what the rule says in it, and why it is shown."""

    id: str
    title: str
    day: date
    answer: Pair
    why: Pair


def _leaf_values(judge: Judge, live: LiveRule, at: int) -> Iterable[tuple[Leaf, float, float]]:
    for leaf in live.when.leaves():
        if leaf.numeric and leaf.operator in NUMERIC and leaf.parameter is not None:
            low, high = judge.number(at, leaf.fact, leaf.over)
            yield leaf, low, high


def _rank(judge: Judge, live: LiveRule, places: list[int], *, named: bool) -> tuple[int, bool | None]:
    truths = [live.when.test(judge, at) for at in places]
    truth = True if True in truths else None if None in truths else False
    ranks = [_SPEAKS if truth is True else _UNKNOWN if truth is None else _SILENT]
    for at in places:
        for leaf, low, high in _leaf_values(judge, live, at):
            if low == high == leaf.value:
                ranks.append(_ON)
            elif low == high and abs(low - leaf.value) == 1:
                ranks.append(_BESIDE)
    if named and min(ranks) > _NAMED:
        ranks.append(_NAMED)
    return min(ranks), truth


def _live(order: Order, rule: Rule, day: date) -> LiveRule | None:
    law = order.on(day)
    for live in law.every:
        if live.rule.id == rule.id:
            return live
        for exception, condition in live.exceptions:
            if exception.id == rule.id:
                return LiveRule(rule, condition)
    return None


def _answer(rule: Rule, judge: Judge, live: LiveRule, at: int, words: Words) -> Pair:
    truth = live.when.test(judge, at)
    if truth is False:
        return Pair("the rule is silent", "规则不适用")
    if truth is None:
        atom = live.when.atom(judge, at)
        name = atom.names[0][0] if atom is not None and atom.names else None
        if name is None:
            return Pair("not decided", "尚不能判定")
        asked = words.of("facts", _FIELD.sub("", name))
        zh = f"尚不能判定，须补充：{asked.zh}" if asked.zh is not None else None
        return Pair(f"not decided; asks: {asked.en}", zh)
    if rule.effect == "determines":
        return words.of("determinations", str(rule.detail))
    return Pair("the rule speaks", "规则适用")


def cases_of(
    lawbook: Lawbook, order: Order, rule: Rule, cases: Iterable[Case], words: Words
) -> tuple[tuple[Shown, ...], int]:
    """Give the cases that a page shows, those at the numbers first, and how many more there are.

    Args:
        lawbook: the lawbook.
        order: the rule's order.
        rule: the rule.
        cases: own cases of the order.
        words: the words in which answers are said.
    """
    found: list[tuple[int, Shown]] = []
    kept: dict[int, tuple[int, Shown]] = {}
    for case in cases:
        day = case.movement.date
        if day is None or order.code not in case.jurisdictions:
            continue
        names = {one.split("#")[0] for one in (*case.says, *case.silent)}
        row = _row(lawbook, order, rule, case.movement, day, words, named=rule.id in names)
        if row is None:
            continue
        rank, answer = row
        shown = Shown(case.id, case.title, day, answer, _WHY[rank])
        if rank == _SILENT or (rank == _NOT_YET and rule.id not in names):
            kept.setdefault(rank, (rank, shown))
        else:
            found.append((rank, shown))
    if not any(shown.answer.en == "the rule is silent" for _, shown in found):
        found += [one for rank, one in kept.items() if rank == _SILENT]
    found.sort(key=lambda one: (one[0], one[1].day, one[1].id))
    unique: dict[tuple[str, date], Shown] = {}
    for _, shown in found:
        unique.setdefault((shown.title, shown.day), shown)
    rows: list[Shown] = []
    kinds: Counter[tuple[str, str]] = Counter()
    asked = 0
    for shown in unique.values():
        kind = (shown.why.en, shown.answer.en)
        kinds[kind] += 1
        unknown = shown.why is _WHY[_UNKNOWN]
        if kinds[kind] > (1 if unknown else _EACH) or (unknown and asked == _ASKED):
            continue
        asked += unknown
        rows.append(shown)
    return tuple(rows), len(unique) - len(rows)


def _row(
    lawbook: Lawbook, order: Order, rule: Rule, movement: Movement, day: date, words: Words, *, named: bool
) -> tuple[int, Pair] | None:
    if not rule.in_force(day):
        return _NOT_YET, Pair("not law on that day", "该日不在施行期")
    live = _live(order, rule, day)
    if live is None:
        return None
    judge = Judge(order.on(day), situation(movement, day, lawbook.register, lawbook.vocabulary))
    judge.rest()
    places = [MOVEMENT]
    if rule.classes is not None:
        places = [
            at for at in range(judge.count) if any(one.rule.id == rule.id for one in judge.candidates[at])
        ]
    if not places:
        return None
    rank, truth = _rank(judge, live, places, named=named)
    at = next((one for one in places if live.when.test(judge, one) is truth), places[0])
    return rank, _answer(rule, judge, live, at, words)

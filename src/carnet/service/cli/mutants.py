"""`carnet law mutants`: would the cases notice if a number, a day or a condition of the law were wrong?"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import typer

from carnet.decide import decide
from carnet.errors import EXIT_CHECK_FAILED, CarnetError, InputError, LawbookError
from carnet.law.casebook import PREFERRED, Case, judge_case
from carnet.law.conditions import MOVEMENT
from carnet.law.judge import Judge
from carnet.law.lawbook import Lawbook, Order, default_folder, load_lawbook
from carnet.law.mutants import (
    COMPARISON,
    CONDITION,
    DATE,
    EFFECT,
    KINDS,
    MEMBER,
    THRESHOLD,
    Mutant,
    mutants_of,
)
from carnet.law.reading import Node
from carnet.law.situation import Situation, situation
from carnet.model.ids import LegalOrder
from carnet.service.cli.law import read_all

MEASURED = (THRESHOLD, MEMBER, COMPARISON, DATE, CONDITION)
"""The kinds that the share of killed mutants is reported for; classes and effects are counted apart."""
KILLED, PROGRAM, REFUSED, SURVIVED, EQUIVALENT = "killed", "program", "refused", "survived", "equivalent"
_OUTCOMES = (KILLED, PROGRAM, REFUSED, EQUIVALENT, SURVIVED)


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one mutant.

    Attributes:
        outcome: killed by a sourced case, only by a case that a program made, refused on loading, equivalent
            (named with its reason), or survived.
        by: the case that killed it, or the reason.
    """

    order: str
    kind: str
    of: str
    place: str
    what: str
    outcome: str
    by: str = ""


Truths = dict[tuple[str, int], bool | None]


class _Watch:
    """One case with what every rule of the order says in it, so that only cases that can tell are judged."""

    def __init__(self, case: Case, lawbook: Lawbook) -> None:
        self.case = case
        self.lawbook = lawbook

    @cached_property
    def facts(self) -> Situation:
        day = self.case.movement.date
        if day is None:
            raise InputError("the case has no date", where=self.case.place, remedy="add date: 2026-08-01")
        return situation(self.case.movement, day, self.lawbook.register, self.lawbook.vocabulary)

    def truths(self, order: Order) -> tuple[bool | None, Truths]:
        """Give the reach, and what each rule says of each content it speaks of."""
        law = order.on(self.facts.day)
        judge = Judge(law, self.facts)
        judge.rest()
        out: Truths = {}
        for live in law.every:
            if live.rule.classes is None:
                out[live.rule.id, MOVEMENT] = live.when.test(judge, MOVEMENT)
            elif live.rule.exception_to is not None:
                for at in range(judge.count):
                    out[live.rule.id, at] = live.when.test(judge, at)
        for at, candidates in enumerate(judge.candidates):
            for live in candidates:
                out[live.rule.id, at] = live.when.test(judge, at)
        return law.reach.test(judge, MOVEMENT), out

    def notices(self, order: Order) -> bool:
        """Say whether the case no longer gets its answer."""
        code = LegalOrder(order.code)
        orders = {**self.lawbook.orders, code: order}
        if "overall" not in self.case.expect and len(self.case.jurisdictions) == 1:
            orders = {code: order}
        book = replace(self.lawbook, orders=orders)
        try:
            result = judge_case(self.case, decide(self.case.movement, book), frozenset(map(str, orders)))
        except CarnetError:
            return True
        return result.outcome != PREFERRED


class Hunt:
    """The mutants of one order before its cases."""

    def __init__(self, lawbook: Lawbook, order: Order, cases: Iterable[Case]) -> None:
        self.lawbook = lawbook
        self.order = order
        mine = [case for case in cases if order.code in case.jurisdictions]
        sourced = [one for one in mine if one.made_by != "program"]
        made = [one for one in mine if one.made_by == "program"]
        self.watches = [_Watch(case, lawbook) for case in (*sourced, *made)]
        self.watches = [one for one in self.watches if not one.notices(order)]
        self.base = [one.truths(order) for one in self.watches]
        self.excepted = {rule.id: rule.exception_to for rule in order.rules}

    def fate(self, mutant: Mutant) -> Fate:
        """Find a case that notices the mutant; sourced cases first."""
        outcome, by = SURVIVED, ""
        try:
            for watch, base in zip(self.watches, self.base, strict=True):
                if self._can_tell(mutant, watch, base) and watch.notices(mutant.order):
                    outcome = PROGRAM if watch.case.made_by == "program" else KILLED
                    by = watch.case.id
                    break
        except LawbookError as error:
            outcome, by = REFUSED, error.what
        finally:
            mutant.order.forget()
        return Fate(str(self.order.code), mutant.kind, mutant.of, mutant.place, mutant.what, outcome, by)

    def _can_tell(self, mutant: Mutant, watch: _Watch, base: tuple[bool | None, Truths]) -> bool:
        """Say whether a case's answer can differ: a rule known to say the same says it in every completion."""
        reach, truths = watch.truths(mutant.order)
        if reach is not base[0]:
            return True
        if mutant.kind == EFFECT:
            return any(rule == mutant.of and truth is not False for (rule, _), truth in base[1].items())
        if truths != base[1]:
            return True
        touched = {mutant.of, self.excepted.get(mutant.of)}
        is_rule = mutant.of in self.excepted
        return any(truth is None and (not is_rule or rule in touched) for (rule, _), truth in truths.items())


_AT_HAND: list[tuple[Hunt, list[Mutant]]] = []
"""What forked processes inherit: compiled law cannot be sent to them."""


def _one(number: int) -> Fate:
    hunt, mutants_at_hand = _AT_HAND[-1]
    return hunt.fate(mutants_at_hand[number])


def hunt_order(
    lawbook: Lawbook, order: Order, cases: list[Case], *, jobs: int, kinds: tuple[str, ...] = KINDS
) -> list[Fate]:
    """Give the fate of every mutant of an order, of the kinds that are asked for."""
    hunt = Hunt(lawbook, order, cases)
    every = [one for one in mutants_of(order) if one.kind in kinds]
    if jobs == 1:
        return [hunt.fate(one) for one in every]
    _AT_HAND.append((hunt, every))
    try:
        with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("fork")) as pool:
            return list(pool.map(_one, range(len(every)), chunksize=16))
    finally:
        _AT_HAND.pop()


def read_equivalents(folder: Path) -> dict[tuple[str, str], str]:
    """Read `equivalent.yaml` of a lawbook's tests: mutants that change no answer, each with the reason.

    Raises:
        LawbookError: an unknown key or an entry without reason, with file and line.
    """
    out: dict[tuple[str, str], str] = {}
    for path in sorted(folder.glob("*/cases/equivalent/*.yaml")):
        top = Node.of_text(path.read_text(encoding="utf-8"), str(path))
        top.keys(("equivalent",))
        for node in top["equivalent"].each():
            node.keys(("of", "what", "why"))
            why = node["why"].text()
            for what in node["what"].words():
                out[node["of"].text(), what] = why
    return out


def with_equivalents(fates: list[Fate], equivalents: Mapping[tuple[str, str], str]) -> list[Fate]:
    """Mark survivors that are named as equivalent; one that a case kills is not equivalent, whoever says so."""
    return [
        replace(one, outcome=EQUIVALENT, by=equivalents[one.of, one.what])
        if one.outcome == SURVIVED and (one.of, one.what) in equivalents
        else one
        for one in fates
    ]


def share(fates: Iterable[Fate]) -> tuple[int, int]:
    """Give killed and all, of the measured kinds, without what is refused or equivalent."""
    mine = [one for one in fates if one.kind in MEASURED and one.outcome not in {REFUSED, EQUIVALENT}]
    return sum(one.outcome == KILLED for one in mine), len(mine)


def table(fates: list[Fate]) -> str:
    """Give a table by order and kind."""
    out = [f"{'order':<6}{'kind':<12}" + "".join(f"{name:>12}" for name in _OUTCOMES) + f"{'share':>9}"]
    for order in sorted({one.order for one in fates}):
        for kind in KINDS:
            mine = [one for one in fates if one.order == order and one.kind == kind]
            if mine:
                counts = Counter(one.outcome for one in mine)
                whole = len(mine) - counts[REFUSED] - counts[EQUIVALENT]
                rate = f"{counts[KILLED] / whole:>9.1%}" if whole else f"{'-':>9}"
                numbers = "".join(f"{counts[name]:>12}" for name in _OUTCOMES)
                out.append(f"{order:<6}{kind:<12}{numbers}{rate}")
        killed, whole = share([one for one in fates if one.order == order])
        out.append(f"{order:<6}{', '.join(MEASURED)}: {killed} of {whole} killed by sourced cases")
    killed, whole = share(fates)
    rate = f"{killed / whole:.1%}" if whole else "nothing to kill"
    return "\n".join([*out, f"all: {killed} of {whole} killed by sourced cases ({rate})"])


def mutants(
    cases: list[Path],
    *,
    orders: list[str],
    lawbook: Path | None,
    as_json: bool,
    least: float,
    show: bool,
) -> None:
    """Run the hunt and print it."""
    if not 0 <= least <= 1:
        raise InputError("--least is a share from 0 to 1", remedy="write 95 % as 0.95")
    book = load_lawbook(lawbook)
    folder = lawbook or default_folder()
    read = read_all([*sorted(folder.glob("*/cases/*.yaml")), *cases])
    wanted = [one for one in book.orders.values() if (not orders and not one.fictional) or one.code in orders]
    unknown = set(orders) - {str(one.code) for one in wanted}
    if unknown:
        raise InputError(f"the lawbook holds no order {min(unknown)}", remedy="see lawbook/")
    fates: list[Fate] = []
    for order in wanted:
        if order.rules:
            fates += hunt_order(book, order, read, jobs=os.cpu_count() or 1)
    fates = with_equivalents(fates, read_equivalents(folder))
    killed, whole = share(fates)
    if as_json:
        form: dict[str, Any] = {"mutants": "v1", "killed": killed, "of": whole, "lawbook": book.digest}
        form["fates"] = [{name: getattr(one, name) for name in Fate.__slots__} for one in fates]
        sys.stdout.write(json.dumps(form, ensure_ascii=False, indent=1) + "\n")
    else:
        for one in fates:
            named = one.outcome == EQUIVALENT or (one.outcome in {SURVIVED, PROGRAM} and one.kind in MEASURED)
            if named or (show and one.outcome in {SURVIVED, PROGRAM}):
                tail = f": {one.by}" if one.by else ""
                sys.stdout.write(f"{one.outcome}: {one.kind} {one.of}: {one.what}{tail}\n")
        sys.stdout.write(table(fates) + "\n")
    if whole and killed / whole < least:
        raise typer.Exit(EXIT_CHECK_FAILED)

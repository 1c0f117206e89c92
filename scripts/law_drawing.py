"""Movements drawn from the conditions of rules: an own case in which every comparison of one rule is settled."""

from __future__ import annotations

import copy
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from carnet.errors import MovementError
from carnet.law.casebook import read_cases
from carnet.law.checks import ALWAYS_KNOWN
from carnet.law.compiled import LiveRule, OrderLaw
from carnet.law.conditions import MOVEMENT, All, AnyOf, Condition, Leaf, Not, Stated, Term
from carnet.law.judge import Judge
from carnet.law.lawbook import Lawbook
from carnet.law.situation import situation
from carnet.model.movement import ACTIVITIES, AGREEMENTS, RELATIONS, Movement, parse_movement

ROOT = Path(__file__).resolve().parent.parent
DAY = date(2026, 11, 21)
ENOUGH = 50
TRIES = 5000
FRAMES = 10
_WORDS = {"activity": ACTIVITIES, "agreement": AGREEMENTS, "recipient.relation": RELATIONS}
_PLACES = ("CN", "DE", "US", "JP", "KR", "CH", "GB", "BR", "IN")
_PARTIES = ("exporter", "recipient")
COUNTS = ("persons", "persons_new_this_year", "vehicles")


def put(form: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Set a place of a form, or, with `None`, take it out."""
    at = form
    for step in path[:-1]:
        at = at.setdefault(step, {})
    if value is None:
        at.pop(path[-1], None)
    else:
        at[path[-1]] = value


Goal = tuple[Leaf, bool | None]

_SAID = ALWAYS_KNOWN | {"safeguard.consent", "safeguard.notice"}
"""What every movement says, or what follows from it: never unknown."""
_PRESUMED: set[str] = set()
"""Facts that are presumed where nobody states them: never unknown either."""


def may_be_open(condition: Condition) -> bool:
    """Say whether a condition can be unknown."""
    return any(leaf.fact not in _SAID | _PRESUMED for leaf in condition.leaves(open_only=True))


def aim(condition: Condition, goal: bool | None, chance: random.Random) -> Iterator[Goal]:  # noqa: FBT001 - a truth
    """Say what each comparison should be, so that the whole is true, false or unknown."""
    match condition:
        case Leaf():
            yield condition, goal
        case Term(_, part):
            yield from aim(part, goal, chance)
        case Not(part):
            yield from aim(part, None if goal is None else not goal, chance)
        case Stated(part):
            yield from aim(part, goal is True or (chance.choice((False, None))), chance)
        case All(parts) | AnyOf(parts):
            most = isinstance(condition, All)
            numbers = [at for at, part in enumerate(parts) if goal is not None or may_be_open(part)]
            chosen = chance.choice(numbers or range(len(parts)))
            for number, part in enumerate(parts):
                # One part decides; the others leave it to that one, most of the time.
                others = chance.choice((most, most, most, most, not most, None)) if goal is not most else most
                yield from aim(part, goal if number == chosen else others, chance)


def value_for(leaf: Leaf, goal: bool | None, chance: random.Random) -> Any:  # noqa: FBT001 - a truth, not a switch
    """Give a value of the fact that makes the comparison true, false or (`None`) unknown."""
    if goal is None:
        return None
    wanted = leaf.value
    match leaf.operator:
        case "at_least" | "exceeds":
            limit = int(wanted) + (leaf.operator == "exceeds")
            return limit + chance.choice((0, 1)) if goal else max(0, limit - 1)
        case "fewer_than" | "at_most":
            limit = int(wanted) + (leaf.operator == "at_most")
            return max(0, limit - 1) if goal else limit
        case "before" | "on_or_after":
            day = date.fromisoformat(wanted)
            return (day if goal is (leaf.operator == "on_or_after") else day - timedelta(days=1)).isoformat()
        case "includes":
            return [wanted] if goal else []
        case "includes_any":
            return [chance.choice(sorted(wanted))] if goal else []
    if isinstance(wanted, bool):
        return wanted if goal else not wanted
    if leaf.numeric:
        return wanted if goal else wanted + 1
    among = sorted(wanted) if leaf.operator == "is_one_of" else [wanted]
    if goal:
        return chance.choice(among)
    others = [one for one in _WORDS.get(leaf.fact, _PLACES) if one not in among]
    return chance.choice(others or ["other"])


def set_leaf(
    form: dict[str, Any],
    leaf: Leaf,
    goal: bool | None,  # noqa: FBT001 - a truth, not a switch
    book: Lawbook,
    chance: random.Random,
) -> None:
    """Change a form so that one comparison comes out as wanted, where that is one place's doing."""
    name, content = leaf.fact, form["contents"][0]
    if leaf.derived:
        content["persons"] = {True: 5, False: 0, None: None}[goal]
        if goal is None:
            del content["persons"]
        return
    value = value_for(leaf, goal, chance)
    if name == "exporter.relation" and value != "data_subject":
        # An exporter is the person itself or somebody else, and that goes without saying.
        form["exporter"].pop("relation", None)
        return
    if value is None and name in _SAID:
        return
    if name == "persons" and value is None and book.vocabulary[content["data"]].personal == "always":
        # That somebody is in such data is known, unless all that identifies is out.
        narrower = [
            one
            for one, entry in book.vocabulary.classes.items()
            if entry.identifying and (one == content["data"] or one.startswith(f"{content['data']}."))
        ]
        if narrower:
            content["data"] = chance.choice(narrower)
            content["removed"] = list(book.vocabulary[content["data"]].identifying)
    entry = book.register.get(name)
    if name.startswith("year."):
        put(form, ("year_to_date", name.removeprefix("year.")), value)
    elif name.startswith("safeguard.") or name == "reported_to":
        _set_safeguard(form, name, value)
    elif name == "recipient_in":
        put(form, ("recipient", "located_in"), value)
    elif name == "same_party":
        put(form, ("recipient", "relation"), {True: "same_entity", False: "controller", None: None}[value])
    elif name in COUNTS:
        put(content, (name,), value)
    elif name in {"about", "content.about"}:
        put(content, ("about",), value)
    elif name.startswith("made_by."):
        put(content, tuple(name.split(".")), value)
    elif entry is None or name in {"date", "origin", "destination"}:
        if value is not None and name in {"origin", "destination"}:
            form[name] = value
    elif entry.field:
        put(form, tuple(name.split(".")), value)
    elif entry.scope == "content":
        put(content, ("facts", name), value)
    else:
        put(form, ("facts", name) if entry.scope == "movement" else (entry.scope, "facts", name), value)


def _set_safeguard(form: dict[str, Any], name: str, value: Any) -> None:
    kind = "report_to_authority" if name == "reported_to" else name.split(".")[1]
    listed = [one for one in form.get("safeguards") or [] if one["kind"] != kind]
    if name == "reported_to":
        listed += [{"kind": kind, "passed": "2026-01-01", "authority": one} for one in value or []]
    elif name.endswith(".outcome") and value in {"adequate", "gap_closed", "gap_open", "refused"}:
        listed.append({"kind": kind, "passed": "2026-01-01", "outcome": value})
    elif value is True:
        listed.append({"kind": kind, "passed": "2026-01-01"})
    form["safeguards"] = listed
    if value is None:
        del form["safeguards"]


@cache
def bases_of(folder: str) -> list[dict[str, Any]]:
    """Give the movements of an order's own cases."""
    return [
        case.movement.to_mapping()
        for path in sorted((ROOT / "lawbook" / folder / "cases").glob("*.yaml"))
        for case in read_cases(path.read_text("utf-8"), str(path))
    ]


@dataclass
class Draw:
    """Draws movements, and counts what each rule said of them.

    Attributes:
        every: count every rule in each movement, not only the one that was aimed at.
        less: leave one more thing unknown in each movement.
    """

    book: Lawbook
    chance: random.Random
    every: bool = True
    less: bool = False
    bases: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    seen: Counter[tuple[str, bool | None]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for order in self.book.orders.values():
            self.bases[order.code] = bases_of(order.folder)
        _PRESUMED.update(self.book.register.presumptions)

    def movements(self) -> Iterator[Movement]:
        """Give movements without end, rule after rule."""
        laws = [order.on(DAY) for order in self.book.orders.values()]
        while True:
            for law in laws:
                for live in law.every:
                    drawn = self._one(law, live)
                    if drawn is not None:
                        yield drawn

    def _one(self, law: OrderLaw, live: LiveRule) -> Movement | None:
        form = copy.deepcopy(self.chance.choice(self.bases[law.code]))
        form["date"] = DAY.isoformat()
        form.pop("totals", None)
        if live.rule.classes is not None:
            named = [one for one in live.rule.classes if one != "*"] or sorted(self.book.vocabulary.classes)
            form["contents"][0]["data"] = self.chance.choice(named)
        for leaf, goal in aim(live.when, self._goal(live), self.chance):
            set_leaf(form, leaf, goal, self.book, self.chance)
        if self.less:
            self._say_less(form)
        try:
            movement = parse_movement(form, source="drawn")
            self.book.register.check(movement)
        except MovementError:
            return None
        self._count(law, live, movement)
        return movement

    def _say_less(self, form: dict[str, Any]) -> None:
        """Take one thing out that somebody could supply."""
        said = [
            (holder, name)
            for content in form["contents"]
            for holder in (content, content.get("facts", {}))
            for name in holder
            if holder is not content or name in COUNTS
        ]
        said += [
            (form[party].get("facts", {}), name)
            for party in _PARTIES
            for name in form[party].get("facts", {})
        ]
        if said:
            holder, name = self.chance.choice(said)
            del holder[name]

    def _goal(self, live: LiveRule) -> bool | None:
        """Aim at what the rule was least often, more often than not."""
        truths = self.can(live)
        if self.chance.random() < 0.3:  # noqa: PLR2004 - a third or so
            return self.chance.choice(truths)
        return min(truths, key=lambda truth: self.seen[live.rule.id, truth])

    @staticmethod
    def can(live: LiveRule) -> list[bool | None]:
        """Give what a rule can be, by its condition alone."""
        out: list[bool | None] = [True]
        if live.when.leaves():
            out.append(False)
        if may_be_open(live.when):
            out.append(None)
        return out

    def _count(self, law: OrderLaw, aimed: LiveRule, movement: Movement) -> None:
        judge = Judge(law, situation(movement, DAY, self.book.register, self.book.vocabulary))
        judge.rest()
        if not self.every:
            for at in (MOVEMENT,) if aimed.rule.classes is None else range(judge.count):
                if at == MOVEMENT or aimed in judge.candidates[at]:
                    self.seen[aimed.rule.id, aimed.test(judge, at)] += 1
            return
        for at, rules in ((MOVEMENT, law.about_all), *enumerate(judge.candidates)):
            for live in rules:
                self.seen[live.rule.id, live.test(judge, at)] += 1

    def fill(self) -> None:
        """Draw for the rules that lack something, up to `TRIES` times each."""
        for order in self.book.orders.values():
            law = order.on(DAY)
            for live in law.every:
                for _ in range(TRIES):
                    if all(self.seen[live.rule.id, truth] >= ENOUGH for truth in self.can(live)):
                        break
                    self._one(law, live)

    def lacking(self) -> list[str]:
        """Name the rules that were not often enough what they can be."""
        out: list[str] = []
        for order in self.book.orders.values():
            for live in order.on(DAY).every:
                few = {truth: self.seen[live.rule.id, truth] for truth in self.can(live)}
                if min(few.values()) < ENOUGH:
                    out.append(f"{live.rule.id}: " + ", ".join(f"{k} {v}" for k, v in few.items()))
        return out

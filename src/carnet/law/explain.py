"""What the rules of an order said in one case: findings in plain words, duties, the exemption relied on."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from carnet.law.asking import Truth
from carnet.law.compiled import DERIVED, FOUND, LiveRule
from carnet.law.conditions import MOVEMENT
from carnet.law.judge import Judge
from carnet.law.lawbook import Order
from carnet.model.decision import Duty, Finding

_HOLE = re.compile(r"\{([a-z0-9_./]+)\}")
_SPEAKING = frozenset(
    {
        "determines",
        "exempts",
        "requires",
        "satisfies",
        "prerequisite",
        "prohibits",
        "permits",
        "notes",
        "relies_on",
        "exceptional",
        "offers",
    }
)


@dataclass(frozen=True, slots=True)
class RestsOn:
    """What an answer rests on: presumptions that some rule asked for, and the certainties of live rules."""

    presumed: frozenset[str]
    certainties: tuple[str, ...]


def shown(value: Any) -> Any:
    """Give a value as JSON shows it; an interval becomes its bounds, the unknown `None`."""
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, int | float) for v in value):  # noqa: PLR2004 -- a pair of bounds
        low, high = value
        if low == high:
            return low
        return (
            None if (low, high) == (0, math.inf) else {"from": low, "to": None if high == math.inf else high}
        )
    if isinstance(value, tuple):
        return list(value)
    return value


def value_of(judge: Judge, at: int, fact: str) -> Any:
    """Give the value of a fact for a finding."""
    if fact in FOUND:
        return judge.derived(fact)[0]
    if fact.startswith("year."):
        return shown(judge.number(at, fact, None))
    entry = judge.facts.register[fact] if fact in judge.facts.register else DERIVED.get(fact)
    if entry is not None and entry.numeric:
        return shown(judge.number(at, fact, None))
    return shown(judge.known(at, fact))


def _number(value: float) -> str:
    """Say a number as people write it: counts without a fraction."""
    return f"{int(value):,}" if float(value).is_integer() else f"{value:,}"


def _plain(value: Any) -> str:
    if value is None:
        return "an unknown number of"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, dict):
        high = value["to"]
        low = _number(value["from"])
        return f"{low} or more" if high is None else f"between {low} and {_number(high)}"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def words(judge: Judge, live: LiveRule, at: int) -> str:
    """Fill the rule's sentence with the values of this case."""

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        if name in live.parameters:
            return _plain(live.parameters[name])
        return _plain(value_of(judge, at, name))

    return _HOLE.sub(fill, live.rule.says)


def _finding(judge: Judge, live: LiveRule, at: int, outcome: str) -> Finding:
    return Finding(
        rule=live.rule.id,
        outcome=outcome,
        words=words(judge, live, at),
        cite=live.rule.cite,
        certainty=live.rule.certainty,
        content=judge.movement.contents[at].name if at != MOVEMENT else None,
        facts={fact: value_of(judge, at, fact) for fact in live.facts},
        parameters=live.parameters,
    )


def _speaks(judge: Judge, live: LiveRule, at: int) -> tuple[Truth, str]:
    """Say whether a rule has something to say here, and what kind of outcome that is."""
    truth = judge.holds(live, at)
    if truth is False and live.exceptions and live.when.test(judge, at) is True:
        return True, "excepted"
    if truth is True and _superseded(judge, live):
        return True, "superseded"
    return truth, live.rule.effect if truth is True else "undecided"


def _superseded(judge: Judge, live: LiveRule) -> bool:
    """Say whether a need yields to a stricter one that stands."""
    if live.rule.effect != "requires" or live.rule.detail["unless"] is None:
        return False
    return any(
        other.rule.detail["need"] == live.rule.detail["unless"] and judge.holds(other, MOVEMENT) is True
        for other in judge.moving.get("requires", ())
    )


def _matters(judge: Judge, live: LiveRule, at: int) -> bool:
    effect = live.rule.effect
    if effect not in _SPEAKING:
        return False
    if effect == "exempts":
        return any(
            judge.is_so(at, "important" if what == "important" else "personal", spared=False) is not False
            for what in live.rule.detail["from"]
        )
    return True


def findings_of(
    judge: Judge, order: Order, determinations: list[tuple[str, ...]], *, quiet: bool
) -> tuple[tuple[Finding, ...], tuple[tuple[Finding, ...], ...]]:
    """Give what the order's rules said about the movement, and about each content.

    A rule that is unknown speaks only where that leaves something open: `quiet` says that the movement's
    answer is settled, and a content's determination says whether it is.
    """
    out: list[Finding] = []
    for live in judge.about_all:
        if _matters(judge, live, MOVEMENT):
            truth, outcome = _speaks(judge, live, MOVEMENT)
            if truth is True or (truth is None and not quiet):
                out.append(_finding(judge, live, MOVEMENT, outcome))
    per_content: list[tuple[Finding, ...]] = []
    for at in range(judge.count):
        mine: list[Finding] = []
        for live in judge.live[at]:
            if not _matters(judge, live, at):
                continue
            truth, outcome = _speaks(judge, live, at)
            if truth is None and live.rule.effect == "notes":
                continue
            if truth is True or (truth is None and "undecided" in determinations[at]):
                mine.append(_finding(judge, live, at, outcome))
        per_content.append(tuple(mine))
    if not out:
        out.append(
            Finding(
                rule=f"{order.folder}/default",
                outcome="permits",
                words=order.default_says,
                cite=order.default_cite,
                certainty=order.default_certainty,
            )
        )
    return tuple(out), tuple(per_content)


def duties_of(judge: Judge) -> tuple[Duty, ...]:
    """Give the duties of every rule that holds, or may hold."""
    out: dict[str, Duty] = {}
    places: dict[LiveRule, list[int]] = {}
    for at, rules in ((MOVEMENT, judge.about_all), *enumerate(judge.live)):
        for live in rules:
            if live.rule.duties:
                places.setdefault(live, []).append(at)
    for live in sorted(places, key=lambda one: one.number):
        if any(judge.holds(live, at) is not False for at in places[live]) and not _superseded(judge, live):
            out |= {duty.id: duty for duty in live.rule.duties}
    return tuple(sorted(out.values(), key=lambda duty: duty.when != "before"))


def exemption_of(judge: Judge) -> str | None:
    """Give the exemption that the answer relies on, by its name."""
    for at in range(judge.count):
        for live in judge.live[at]:
            exempts = live.rule.effect == "exempts" and _matters(judge, live, at)
            if exempts and judge.holds(live, at) is True:
                return str(live.rule.detail["as"])
    for live in judge.moving.get("relies_on", ()):
        if judge.holds(live, MOVEMENT) is True:
            return str(live.rule.detail)
    return None


def rests_on(judge: Judge, determinations: list[tuple[str, ...]]) -> RestsOn:
    """Give the presumptions that reached rules asked for, and the certainty marks of what the answer rests on.

    A content that is found not to be important rests on every test that it passed, too.
    """
    presumed: set[str] = set()
    marks: list[str] = []
    stated = (
        set(judge.movement.facts) | set(judge.movement.exporter.facts) | set(judge.movement.recipient.facts)
    )
    known = judge.facts.presumed.keys()
    for at in (MOVEMENT, *range(judge.count)):
        every = judge.law.of_class(None if at == MOVEMENT else judge.facts.classes[at])
        given = stated if at == MOVEMENT else stated | set(judge.movement.contents[at].facts)
        presumed |= (every.facts & known) - given
        if at == MOVEMENT or "important" not in determinations[at]:
            marks += every.untouched
        for live in judge.about_all if at == MOVEMENT else judge.live[at]:
            if live.rule.effect in _SPEAKING and _speaks(judge, live, at)[0] is True:
                marks += live.certainties
    return RestsOn(frozenset(presumed), tuple(marks))

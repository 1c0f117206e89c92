"""What the rules of an order said in one case: findings in plain words, duties, the exemption relied on."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from carnet.law.asking import Truth
from carnet.law.compiled import LiveRule
from carnet.law.conditions import EVERYTHING, MOVEMENT, Interval
from carnet.law.derived import DERIVED, FOUND
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


def _number(value: float) -> str:
    """Say a number as people write it: counts without a fraction."""
    return f"{int(value):,}" if float(value).is_integer() else f"{value:,}"


def _plain(value: Any) -> str:
    if value.__class__ is int:
        return f"{value:,}"
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


@dataclass(frozen=True, slots=True)
class _Voice:
    """How a rule says what it found: its facts by kind, and its sentence cut at the holes.

    Attributes:
        asked: facts with the way to their value.
        sentence: words, and for each hole the name of a fact with the way to its value.
    """

    asked: tuple[tuple[str, str], ...]
    sentence: tuple[str | tuple[str, str], ...]


def _way(judge: Judge, fact: str) -> str:
    if fact in FOUND:
        return "found"
    if fact.startswith("year."):
        return "year"
    entry = judge.facts.register.get(fact) or DERIVED.get(fact)
    return "number" if entry is not None and entry.numeric else "plain"


def _voice(judge: Judge, live: LiveRule) -> _Voice:
    voices: dict[LiveRule, _Voice] = judge.law.kept.setdefault("voices", {})
    voice = voices.get(live)
    if voice is None:
        parts = _HOLE.split(live.rule.says)
        sentence: list[str | tuple[str, str]] = []
        for number, part in enumerate(parts):
            if number % 2 == 0:
                sentence.append(part)
            elif part in live.parameters:
                sentence.append(_plain(live.parameters[part]))
            else:
                sentence.append((part, _way(judge, part)))
        asked = tuple((fact, _way(judge, fact)) for fact in live.facts)
        voice = voices[live] = _Voice(asked, tuple(sentence))
    return voice


def _value(judge: Judge, at: int, fact: str, way: str) -> Any:
    if way == "plain":
        value = judge.views[at].get(fact)
        return list(value) if value.__class__ is tuple else value
    if way == "found":
        return judge.found(fact)
    return plain_bounds(
        judge.number(at, fact, None) if way == "year" else judge.views[at].get(fact, EVERYTHING)
    )


def plain_bounds(bounds: Interval) -> Any:
    """Give the bounds of a number as a finding says them; `None` where nothing is known of it."""
    low, high = bounds
    if low == high:
        return low
    return None if low == 0 and high == math.inf else {"from": low, "to": None if high == math.inf else high}


def value_of(judge: Judge, at: int, fact: str) -> Any:
    """Give the value of a fact for a finding."""
    return _value(judge, at, fact, _way(judge, fact))


def _finding(judge: Judge, live: LiveRule, at: int, outcome: str) -> Finding:
    voice = _voice(judge, live)
    facts = {fact: _value(judge, at, fact, way) for fact, way in voice.asked}
    words = "".join(
        [
            part
            if part.__class__ is str
            else _plain(facts[part[0]] if part[0] in facts else _value(judge, at, *part))
            for part in voice.sentence
        ]
    )
    rule = live.rule
    return Finding(
        rule.id,
        outcome,
        words,
        rule.cite,
        rule.certainty,
        judge.movement.contents[at].name if at != MOVEMENT else None,
        facts,
        live.parameters,
    )


@dataclass(frozen=True, slots=True)
class Pattern:
    """A finding of one rule in all movements that differ only in numbers.

    Attributes:
        said: the finding in one of them.
        facts: its facts that are such numbers, each with its place among the numbers.
        sentence: words, and for each hole that holds such a number its place.
    """

    said: Finding
    facts: tuple[tuple[str, int], ...]
    sentence: tuple[str | int, ...]

    def fill(self, values: list[Any]) -> Finding:
        """Give the finding with other numbers."""
        said = self.said
        facts = dict(said.facts)
        for fact, place in self.facts:
            facts[fact] = values[place]
        words = [part if part.__class__ is str else _plain(values[part]) for part in self.sentence]  # type: ignore[index] # what is no text is a place
        return Finding(
            said.rule,
            said.outcome,
            "".join(words),
            said.cite,
            said.certainty,
            said.content,
            facts,
            said.parameters,
        )


def pattern_of(
    judge: Judge, live: LiveRule, at: int, outcome: str, place: Callable[[int, str], int | None]
) -> Finding | Pattern:
    """Give what a rule says in all movements that differ only in numbers: one finding, if it names none of them.

    Args:
        judge: at rest.
        live: the rule.
        at: the content it speaks of, or the movement.
        outcome: as in the finding.
        place: gives the place of a fact among the numbers, `None` where it is none of them.
    """
    voice, said = _voice(judge, live), _finding(judge, live, at, outcome)
    facts = [(fact, place(at, fact)) for fact, _ in voice.asked]
    sentence: list[str | int] = []
    for part in voice.sentence:
        if isinstance(part, str):
            sentence.append(part)
            continue
        found = place(at, part[0])
        fixed = said.facts[part[0]] if part[0] in said.facts else _value(judge, at, *part)
        sentence.append(_plain(fixed) if found is None else found)
    named = tuple((fact, found) for fact, found in facts if found is not None)
    if not named and all(isinstance(part, str) for part in sentence):
        return said
    return Pattern(said, named, tuple(sentence))


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


Speech = tuple[tuple[LiveRule, str], ...]
"""Rules that speak of one content, or of the movement, each with its outcome."""


def speech_of(
    judge: Judge, determinations: list[tuple[str, ...]], *, quiet: bool
) -> tuple[Speech, tuple[Speech, ...]]:
    """Give which of the order's rules speak of the movement, and of each content.

    A rule that is unknown speaks only where that leaves something open: `quiet` says that the movement's
    answer is settled, and a content's determination says whether it is.
    """
    out: list[tuple[LiveRule, str]] = []
    for live in judge.about_all:
        if _matters(judge, live, MOVEMENT):
            truth, outcome = _speaks(judge, live, MOVEMENT)
            if truth is True or (truth is None and not quiet):
                out.append((live, outcome))
    per_content: list[Speech] = []
    for at in range(judge.count):
        mine: list[tuple[LiveRule, str]] = []
        for live in judge.live[at]:
            if not _matters(judge, live, at):
                continue
            truth, outcome = _speaks(judge, live, at)
            if truth is None and live.rule.effect == "notes":
                continue
            if truth is True or (truth is None and "undecided" in determinations[at]):
                mine.append((live, outcome))
        per_content.append(tuple(mine))
    return tuple(out), tuple(per_content)


def findings_of(
    judge: Judge, order: Order, about_all: Speech, contents: tuple[Speech, ...]
) -> tuple[tuple[Finding, ...], tuple[tuple[Finding, ...], ...]]:
    """Let the rules that speak say it, with the values of this movement."""
    out = tuple([_finding(judge, live, MOVEMENT, outcome) for live, outcome in about_all])
    if not out:
        out = (default_of(order),)
    return out, tuple(
        [
            tuple([_finding(judge, live, at, outcome) for live, outcome in speech])
            for at, speech in enumerate(contents)
        ]
    )


def default_of(order: Order) -> Finding:
    """Give what an order says where none of its rules speaks."""
    return Finding(
        rule=f"{order.folder}/default",
        outcome="permits",
        words=order.default_says,
        cite=order.default_cite,
        certainty=order.default_certainty,
    )


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


def presumed_by(judge: Judge) -> frozenset[str]:
    """Give the presumptions that rules of the order ask for, and that nobody stated."""
    facts, law = judge.facts, judge.law
    every: frozenset[str] | None = law.kept.get(("presumable", facts.classes))
    if every is None:
        every = frozenset().union(*(one.presumable(facts.register) for one in law.of_classes(facts.classes)))
        law.kept["presumable", facts.classes] = every
    if every.isdisjoint(facts.stated_anywhere):
        return every
    out = law.of_class(None).presumable(facts.register) - facts.stated
    for name, content in zip(facts.classes, judge.movement.contents, strict=True):
        asked = law.of_class(name).presumable(facts.register)
        if asked:
            out |= asked - facts.stated - content.facts.keys()
    return out


def certainties_of(judge: Judge, determinations: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Give the certainty marks of what the answer rests on.

    A content that is found not to be important rests on every test that it passed, too.
    """
    marks: dict[str, None] = {}
    for at in (MOVEMENT, *range(judge.count)):
        if at == MOVEMENT or "important" not in determinations[at]:
            every = judge.law.of_class(None if at == MOVEMENT else judge.facts.classes[at])
            marks |= dict.fromkeys(every.untouched)
        for live in judge.about_all if at == MOVEMENT else judge.live[at]:
            if live.rule.effect in _SPEAKING and _speaks(judge, live, at)[0] is True:
                marks |= dict.fromkeys(live.certainties)
    return tuple(marks)

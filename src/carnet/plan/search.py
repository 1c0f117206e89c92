"""The sets of atoms, each judged; what no other set beats is an option.

Every set of atoms is judged, cheapest first; an option stands when no other loses less, or as much, and stands
as well in law: what must be obtained and done counts too. Sets of one class that leave its contents the same in
every fact that some reached rule reads are one choice: only the least of them are tried, as the others lose more
and gain nothing. Volumes are never sliced (`carnet.plan.atoms`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from carnet.decide import decide
from carnet.law.lawbook import Lawbook
from carnet.law.situation import situation
from carnet.model.decision import ROUTE_STRICTNESS, Decision, Duty, Missing, Verdict
from carnet.model.movement import Movement
from carnet.plan.atoms import (
    Aggregating,
    Atom,
    Coarsening,
    Confirm,
    Loss,
    Removal,
    atoms_of,
    changed,
    cost,
    leaves_about,
    loss,
    whole,
)
from carnet.plan.doing import Consent, Done, Step, done

MAX_ATOMS = 16
"""Up to so many atoms every set is judged; beyond, single ones and the sets that nothing can be spared from."""

MAX_OPTIONS = 8
MAX_CELLS = 20_000
"""Completions that a plan may cost in all; where little is known, few sets are judged."""


@dataclass(frozen=True, slots=True)
class Option:
    """One way.

    Attributes:
        chosen: what is done to the data.
        movement: what the movement would be; judged, never sent.
        decision: what the law says of it, without findings, before anything is obtained.
        confirm: facts that this is expected to bring about.
        done: what to obtain, and what the law says then; `None` while options are compared.
    """

    chosen: tuple[Atom, ...]
    movement: Movement
    decision: Decision
    confirm: tuple[Confirm, ...]
    done: Done | None = None

    @property
    def remove(self) -> tuple[Removal, ...]:
        """What is taken out or left out."""
        return tuple(one for one in self.chosen if isinstance(one, Removal))

    @property
    def coarser(self) -> tuple[Coarsening | Aggregating, ...]:
        """What is made coarser."""
        return tuple(one for one in self.chosen if not isinstance(one, Removal))

    @property
    def do(self) -> tuple[Step, ...]:
        """What to obtain, in order."""
        return () if self.done is None else self.done.steps

    @property
    def consents(self) -> tuple[Consent, ...]:
        """The legal orders whose answer consent would change."""
        return () if self.done is None else self.done.consents

    @property
    def then(self) -> Decision:
        """What the law says once it is obtained."""
        return self.decision if self.done is None else self.done.decision

    @property
    def verdict(self) -> Verdict:
        """The verdict as it would be then."""
        return self.decision.verdict

    @property
    def prerequisites(self) -> tuple[str, ...]:
        """What must still be obtained before any route."""
        return tuple(dict.fromkeys(one for e in self.decision.jurisdictions for one in e.prerequisites))

    @property
    def duties(self) -> tuple[Duty, ...]:
        """What must still be done before it goes."""
        return tuple(duty for duty in self.decision.duties if duty.when == "before")

    @property
    def declare(self) -> tuple[Missing, ...]:
        """Facts that somebody must still supply."""
        return self.decision.missing

    def to_mapping(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "remove": [{"data": r.data, "part": r.part} for r in self.remove if r.part is not None],
            "leave_out": [r.data for r in self.remove if r.part is None],
            "x-coarser": [one.to_mapping() for one in self.coarser],
            "lost": [one.words() for one in self.chosen],
            "verdict": self.verdict.value,
            "owed": {
                "prerequisites": list(self.prerequisites),
                "routes": list(self.decision.routes),
                "routes_open": self.decision.routes_open,
                "duties": [duty.to_mapping() for duty in self.decision.duties],
                "declare": [one.to_mapping() for one in self.declare],
                "do": [one.to_mapping() for one in self.do],
                "then": {
                    "verdict": self.then.verdict.value,
                    "duties": [duty.to_mapping() for duty in self.then.duties],
                    "declare": [one.to_mapping() for one in self.then.missing],
                },
                "consents": [one.to_mapping() for one in self.consents],
            },
            "confirm": [{"fact": c.fact, "value": c.value, "because": c.because} for c in self.confirm],
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What the law says now, and the ways that no other way beats.

    Attributes:
        exact: every set of atoms was judged; otherwise only small sets, and `atoms` says of how many.
        why: where it is not exact, what made it stop.
    """

    now: Decision
    options: tuple[Option, ...]
    atoms: int
    exact: bool
    why: str | None = None

    def to_mapping(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "plan": "v1",
            "verdict": self.now.verdict.value,
            "options": [option.to_mapping() for option in self.options],
            "exact": self.exact,
            "atoms": self.atoms,
            **({} if self.why is None else {"x-why": self.why}),
            "law": {"date": self.now.day.isoformat(), "lawbook": self.now.lawbook},
        }


def plan(movement: Movement, lawbook: Lawbook) -> Plan:
    """Find what must be taken out or done so that a movement may go.

    Args:
        movement: with its `date`.
        lawbook: the law to apply.

    Raises:
        MovementError: as `decide`.
    """
    now = decide(movement, lawbook)
    atoms = atoms_of(movement, lawbook, now)
    every: list[tuple[Atom, ...]] = []
    why: str | None = None
    if len(atoms) > MAX_ATOMS:
        why = f"{len(atoms)} things could be taken out or made coarser, and every set of up to {MAX_ATOMS} is judged"
    else:
        every = _sets(atoms, movement, lawbook)
        if len(every) * now.cells > MAX_CELLS:
            why = f"{len(every)} sets, each with some {now.cells} cells of unknown facts: supply some of them"
    kept: list[tuple[Loss, Level, Option]] = []
    for chosen in every if why is None else _few_sets(atoms, movement, lawbook):
        lost = loss(chosen, atoms)
        if any(less <= lost and level == _BEST for less, level, _ in kept):
            continue
        option = _judged(chosen, movement, lawbook)
        if option is None:
            continue
        level = _level(option)
        if any(less <= lost and other <= level for less, other, _ in kept):
            continue
        kept = [one for one in kept if not (lost <= one[0] and level <= one[1])]
        kept.append((lost, level, option))
    order = sorted(kept, key=lambda one: (one[1][0], _cost(one[2].chosen), one[1]))
    options = tuple(
        replace(option, done=done(option.movement, option.decision, lawbook))
        for _, _, option in order[:MAX_OPTIONS]
    )
    return Plan(now, options, len(atoms), why is None, why)


Level = tuple[float, int, int]
_BEST = (0.0, 0, 0)


def _level(option: Option) -> Level:
    """Say how strict the answer is: verdict and route, how much must be obtained, what must be done before.

    An undecided answer counts as its laxest completion, with the facts to declare as things to be done.
    """
    decision = option.decision
    verdict = decision.laxest if decision.verdict is Verdict.UNDECIDED else decision.verdict
    if verdict is Verdict.CONDITIONAL:
        route = min((ROUTE_STRICTNESS.get(one, 2) for one in decision.routes), default=1)
        strict = float(route)
    else:
        strict = {Verdict.PERMITTED: 0.0, Verdict.UNDECIDED: 3.5}.get(verdict, 4.0)
    open_facts = 0.25 if decision.verdict is Verdict.UNDECIDED else 0.0
    routes = sum(1 for entry in decision.jurisdictions if entry.routes)
    return strict + open_facts, len(option.prerequisites) + routes, len(option.duties)


def _cost(chosen: tuple[Atom, ...]) -> float:
    return sum(map(cost, chosen))


def _judged(chosen: tuple[Atom, ...], movement: Movement, lawbook: Lawbook) -> Option | None:
    """Judge the movement with what was chosen done to it; `None` when nothing would be left of it."""
    other, confirm = changed(movement, chosen, lawbook)
    if other is None:
        return None
    return Option(chosen, other, decide(other, lawbook, explain=False), confirm)


def _sets(atoms: tuple[Atom, ...], movement: Movement, lawbook: Lawbook) -> list[tuple[Atom, ...]]:
    """Give every set of atoms that may stand, cheapest first: for each class one choice, in every combination."""
    classes = dict.fromkeys(one.data for one in atoms)
    choices = [
        _choices(tuple(one for one in atoms if one.data == data), movement, lawbook) for data in classes
    ]
    sets = [tuple(itertools.chain.from_iterable(chosen)) for chosen in itertools.product(*choices)]
    return sorted(sets, key=_cost)


def _choices(atoms: tuple[Atom, ...], movement: Movement, lawbook: Lawbook) -> list[tuple[Atom, ...]]:
    """Give the least sets of atoms of one class, of those that look alike to every reached rule, and the wholes."""
    seen: dict[Any, list[Loss]] = {}
    out: list[tuple[Atom, ...]] = []
    for chosen in sorted(_mixed(atoms), key=_cost):
        looks = _looks(chosen, atoms[0], movement, lawbook)
        lost = loss(chosen, atoms)
        alike = seen.setdefault(looks, [])
        if not any(less <= lost for less in alike):
            alike.append(lost)
            out.append(chosen)
    return [*out, *((one,) for one in atoms if whole(one))]


def _mixed(atoms: tuple[Atom, ...]) -> Iterator[tuple[Atom, ...]]:
    """Give every set of parts of one class, with at most one number for each of its measures."""
    parts = [one for one in atoms if isinstance(one, Removal) and not whole(one)]
    measures: dict[str, list[tuple[Atom, ...]]] = {}
    for one in atoms:
        if isinstance(one, Coarsening):
            measures.setdefault(one.fact, [()]).append((one,))
    for size in range(len(parts) + 1):
        for chosen in itertools.combinations(parts, size):
            for levels in itertools.product(*measures.values()):
                yield (*chosen, *itertools.chain.from_iterable(levels))


def _looks(chosen: tuple[Atom, ...], one: Atom, movement: Movement, lawbook: Lawbook) -> Any:
    """Give all that a reached rule can read of the contents of the class of an atom."""
    day = movement.date
    other, _ = changed(movement, chosen, lawbook)
    if other is None or day is None:
        return chosen
    facts = situation(other, day, lawbook.register, lawbook.vocabulary)
    # The head count is read by the counts of the year.
    read = {"persons", "persons_new_this_year"}
    read |= {leaf.fact for leaf in leaves_about(one.data, facts, lawbook)}
    return tuple(
        (number in facts.contradicted, *((name, facts.own[number].get(name)) for name in sorted(read)))
        for number, content in enumerate(other.contents)
        if content.data == one.data
    )


def _few_sets(atoms: tuple[Atom, ...], movement: Movement, lawbook: Lawbook) -> Iterator[tuple[Atom, ...]]:
    """Give single atoms, and sets that nothing can be spared from, found from above.

    From everything that can be taken out, one atom after the other is given back as long as the answer does
    not become stricter: dearest first, so that classes stay where parts suffice. This takes as many judgements
    as there are atoms, and finds a least set, though not each one.
    """
    yield ()
    yield from ((one,) for one in atoms)
    parts = tuple(one for one in atoms if not whole(one))
    without_parts = {one.data for one in parts}
    left_out = tuple(one for one in atoms if isinstance(one, Removal) and one.part is None)
    partless = tuple(one for one in left_out if one.data not in without_parts)
    counted = {one.data: one for one in atoms if isinstance(one, Aggregating)}
    always = {data for data in without_parts if lawbook.vocabulary[data].personal == "always"}
    out_or_parts = tuple(
        one for one in (*parts, *left_out) if (one in left_out) == (one.data in always or one in partless)
    )
    as_counts = tuple(counted.get(one.data, one) for one in left_out)
    for start in (parts, (*parts, *partless), out_or_parts, left_out, *([as_counts] if counted else [])):
        yield from _spared(start, movement, lawbook)


def _spared(start: tuple[Atom, ...], movement: Movement, lawbook: Lawbook) -> Iterator[tuple[Atom, ...]]:
    option = _judged(start, movement, lawbook)
    if option is None:
        return
    level, chosen = _level(option), start
    for one in sorted(start, key=lambda atom: -_cost((atom,))):
        fewer = tuple(other for other in chosen if other != one)
        spared = _judged(fewer, movement, lawbook)
        if spared is not None and _level(spared) <= level:
            level, chosen = _level(spared), fewer
    yield chosen

"""plan(movement, lawbook) -> Plan: the least that must be taken out, or done, so that it may go.

The atoms are (class of data, part) and leaving a class out. Every set of atoms is judged, cheapest first; an
option stands when no other loses less, or as much, and stands as well in law. Sets of parts of one class that
leave its contents the same in every fact that some reached rule reads are one choice: only the least of them
are tried, as the others lose more and gain nothing. Volumes are never sliced: an
option takes a part or a class out of all contents, and never some persons, hours or vehicles of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from carnet.decide import decide
from carnet.law.lawbook import Lawbook
from carnet.law.reaching import Reaching
from carnet.law.register import Register
from carnet.law.situation import situation
from carnet.model.decision import ROUTE_STRICTNESS, Decision, Duty, Missing, Verdict
from carnet.model.ids import DataClass
from carnet.model.movement import Content, FactValue, Movement
from carnet.model.vocabulary import covers

MAX_ATOMS = 16
"""Up to so many atoms every set is judged; beyond, single ones and the sets that nothing can be spared from."""

MAX_OPTIONS = 8
MAX_CELLS = 20_000
"""Completions that a plan may cost in all; where little is known, few sets are judged."""
_PART_COST, _CLASS_COST = 1, 3


@dataclass(frozen=True, slots=True)
class Removal:
    """One thing taken out: a part of a class, or, with `part` `None`, the class altogether."""

    data: DataClass
    part: str | None

    def words(self) -> str:
        """Say it to a person."""
        return f"leave out {self.data}" if self.part is None else f"take {self.part} out of {self.data}"


@dataclass(frozen=True, slots=True)
class Confirm:
    """A fact that the option counts on, to be confirmed by measurement afterwards."""

    fact: str
    value: FactValue
    because: str


@dataclass(frozen=True, slots=True)
class Option:
    """One way.

    Attributes:
        movement: what the movement would be; judged, never sent.
        decision: what the law says of it, without findings.
        confirm: facts that removal is expected to bring about.
    """

    remove: tuple[Removal, ...]
    movement: Movement
    decision: Decision
    confirm: tuple[Confirm, ...]

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
            "lost": [one.words() for one in self.remove],
            "verdict": self.verdict.value,
            "owed": {
                "prerequisites": list(self.prerequisites),
                "routes": list(self.decision.routes),
                "routes_open": self.decision.routes_open,
                "duties": [duty.to_mapping() for duty in self.decision.duties],
                "declare": [one.to_mapping() for one in self.declare],
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
    atoms = _atoms(movement, lawbook, now)
    every: list[tuple[Removal, ...]] = []
    why: str | None = None
    if len(atoms) > MAX_ATOMS:
        why = f"{len(atoms)} things could be taken out, and every set of up to {MAX_ATOMS} is judged"
    else:
        every = _sets(atoms, movement, lawbook)
        if len(every) * now.cells > MAX_CELLS:
            why = f"{len(every)} sets, each with some {now.cells} cells of unknown facts: supply some of them"
    kept: list[tuple[frozenset[Any], tuple[float, int, int], Option]] = []
    for chosen in every if why is None else _few_sets(atoms, movement, lawbook):
        lost = _loss(chosen, movement, lawbook)
        if any(less <= lost and level == _BEST for less, level, _ in kept):
            continue
        option = _judged(chosen, movement, lawbook)
        if option is None:
            continue
        level = _level(option)
        if any(less <= lost and other <= level for less, other, _ in kept):
            continue
        kept.append((lost, level, option))
    order = sorted(kept, key=lambda one: (one[1][0], _cost(one[2].remove), one[1]))
    return Plan(now, tuple(option for _, _, option in order[:MAX_OPTIONS]), len(atoms), why is None, why)


_BEST = (0.0, 0, 0)


def _level(option: Option) -> tuple[float, int, int]:
    """Say how strict the answer is: verdict and route, what must be obtained, what must be done before.

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
    return strict + open_facts, len(option.prerequisites), len(option.duties)


def _cost(chosen: tuple[Removal, ...]) -> int:
    return sum(_CLASS_COST if one.part is None else _PART_COST for one in chosen)


def _judged(chosen: tuple[Removal, ...], movement: Movement, lawbook: Lawbook) -> Option | None:
    """Judge the movement without what was chosen; `None` when nothing would be left of it."""
    changed, confirm = _without(movement, chosen, lawbook)
    if changed is None:
        return None
    return Option(chosen, changed, decide(changed, lawbook, explain=False), confirm)


def _sets(atoms: tuple[Removal, ...], movement: Movement, lawbook: Lawbook) -> list[tuple[Removal, ...]]:
    """Give every set of atoms that may stand, cheapest first: for each class one choice, in every combination."""
    classes = dict.fromkeys(one.data for one in atoms)
    choices = [_choices([one for one in atoms if one.data == data], movement, lawbook) for data in classes]
    sets = [tuple(itertools.chain.from_iterable(chosen)) for chosen in itertools.product(*choices)]
    return sorted(sets, key=_cost)


def _choices(atoms: list[Removal], movement: Movement, lawbook: Lawbook) -> list[tuple[Removal, ...]]:
    """Give the least sets of parts of one class, of those that look alike to every reached rule, and the whole."""
    parts = [one for one in atoms if one.part is not None]
    seen: dict[Any, list[frozenset[Removal]]] = {}
    out: list[tuple[Removal, ...]] = []
    for size in range(len(parts) + 1):
        for chosen in itertools.combinations(parts, size):
            looks = _looks(chosen, atoms[0].data, movement, lawbook)
            alike = seen.setdefault(looks, [])
            if not any(less <= set(chosen) for less in alike):
                alike.append(frozenset(chosen))
                out.append(chosen)
    return [*out, *((one,) for one in atoms if one.part is None)]


def _looks(chosen: tuple[Removal, ...], data: DataClass, movement: Movement, lawbook: Lawbook) -> Any:
    """Give all that a reached rule can read of the contents of one class."""
    day = movement.date
    changed, _ = _without(movement, chosen, lawbook)
    if changed is None or day is None:
        return chosen
    facts = situation(changed, day, lawbook.register, lawbook.vocabulary)
    reaching = Reaching(facts)
    laws = [
        law for law in (order.on(day) for order in lawbook.orders.values()) if reaching.by(law) is not False
    ]
    rules = [live for law in laws for live in (*law.content.get(data, ()), *law.about_all)]
    conditions = [one for live in rules for one in (live.when, *(when for _, when in live.exceptions))]
    # The head count is read by the counts of the year.
    read = {"persons", "persons_new_this_year"}
    read |= {leaf.fact for one in conditions for leaf in one.leaves()}
    return tuple(
        (number in facts.contradicted, *((name, facts.own[number].get(name)) for name in sorted(read)))
        for number, content in enumerate(changed.contents)
        if content.data == data
    )


def _few_sets(
    atoms: tuple[Removal, ...], movement: Movement, lawbook: Lawbook
) -> Iterator[tuple[Removal, ...]]:
    """Give single atoms, and sets that nothing can be spared from, found from above.

    From everything that can be taken out, one atom after the other is given back as long as the answer does
    not become stricter: dearest first, so that classes stay where parts suffice. This takes as many judgements
    as there are atoms, and finds a least set, though not each one.
    """
    yield ()
    yield from ((one,) for one in atoms)
    parts = tuple(one for one in atoms if one.part is not None)
    without_parts = {one.data for one in parts}
    partless = tuple(one for one in atoms if one.part is None and one.data not in without_parts)
    whole = tuple(one for one in atoms if one.part is None)
    always = {data for data in without_parts if lawbook.vocabulary[data].personal == "always"}
    mixed = tuple(one for one in atoms if (one.part is None) == (one.data in always or one in partless))
    for start in (parts, (*parts, *partless), mixed, whole):
        yield from _spared(start, movement, lawbook)


def _spared(
    start: tuple[Removal, ...], movement: Movement, lawbook: Lawbook
) -> Iterator[tuple[Removal, ...]]:
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


def _parts(data: DataClass, lawbook: Lawbook) -> tuple[str, ...]:
    """Give the parts that can be taken out of a class."""
    removal = lawbook.register.removal
    if any(covers(general, data) for general in removal.only_whole):
        return ()
    entry = lawbook.vocabulary[data]
    if entry.identifying:
        return entry.identifying
    return removal.vehicle_parts if entry.personal == "possible" else ()


def _loss(chosen: tuple[Removal, ...], movement: Movement, lawbook: Lawbook) -> frozenset[Any]:
    """Give what a set loses; a class left out loses each of its parts, and itself."""
    del movement
    out: set[Any] = set()
    for one in chosen:
        out.add((one.data, one.part))
        if one.part is None:
            out |= {(one.data, part) for part in _parts(one.data, lawbook)}
    return frozenset(out)


def _atoms(movement: Movement, lawbook: Lawbook, now: Decision) -> tuple[Removal, ...]:
    """Give what could be taken out and would change something: of every class that is more than ordinary."""
    out: list[Removal] = []
    answers = {answer.name: answer for answer in now.contents}
    for data in dict.fromkeys(content.data for content in movement.contents):
        mine = [content for content in movement.contents if content.data == data]
        touched = any(
            set(found) != {"ordinary"}
            for content in mine
            for found in answers[content.name].determinations.values()
        )
        bound = any(
            finding.outcome in {"prerequisite", "prohibits"}
            for content in mine
            for finding in answers[content.name].findings
        )
        if touched:
            parts = _parts(data, lawbook)
            out += [Removal(data, p) for p in parts if any(_changes(one, p, lawbook) for one in mine)]
        if touched or bound:
            out.append(Removal(data, None))
    return tuple(out)


def _changes(content: Content, part: str, lawbook: Lawbook) -> bool:
    """Say whether taking a part out would change a fact or the head count of a content."""
    if content.removed is not None and part in content.removed:
        return False
    for name, value, _ in _brought_about(part, lawbook.register):
        if content.facts.get(name) != value:
            return True
    return part not in lawbook.register.removal.not_of_persons and content.persons != 0


def _brought_about(part: str, register: Register) -> Iterator[tuple[str, FactValue, str]]:
    for name in register:
        for implication in register[name].implied_by:
            if implication.fact == "removed" and implication.value == part:
                yield name, implication.gives, implication.because


def _without(
    movement: Movement, chosen: tuple[Removal, ...], lawbook: Lawbook
) -> tuple[Movement | None, tuple[Confirm, ...]]:
    """Give the movement as it would be without what was chosen; `None` when nothing is left of it."""
    whole = {one.data for one in chosen if one.part is None}
    by_class: dict[DataClass, list[str]] = {}
    for one in chosen:
        if one.part is not None:
            by_class.setdefault(one.data, []).append(one.part)
    contents: list[Content] = []
    confirm: list[Confirm] = []
    for content in movement.contents:
        if content.data in whole:
            continue
        parts = by_class.get(content.data)
        if parts:
            changed, facts = _cleaned(content, tuple(parts), lawbook)
            contents.append(changed)
            confirm += facts
        else:
            contents.append(content)
    if not contents:
        return None, ()
    totals = movement.totals if not chosen else None
    return replace(movement, contents=tuple(contents), totals=totals), tuple(confirm)


def without(movement: Movement, chosen: tuple[Removal, ...], lawbook: Lawbook) -> Movement | None:
    """Give the movement as it would be without what was chosen; `None` when nothing is left of it.

    Args:
        movement: as it is.
        chosen: what is taken out.
        lawbook: says what taking a part out brings about.
    """
    return _without(movement, chosen, lawbook)[0]


def _cleaned(content: Content, parts: tuple[str, ...], lawbook: Lawbook) -> tuple[Content, list[Confirm]]:
    register = lawbook.register
    removed = tuple(dict.fromkeys((*(content.removed or ()), *parts)))
    facts = dict(content.facts)
    confirm: list[Confirm] = []
    for part in parts:
        for name, value, because in _brought_about(part, register):
            facts[name] = value
            confirm.append(Confirm(f"contents.{content.name}.facts.{name}", value, because))
    of_persons = set(_parts(content.data, lawbook)) - set(register.removal.not_of_persons)
    changed = replace(content, removed=removed, facts=facts)
    if of_persons and of_persons <= set(removed) and content.persons != 0:
        changed = replace(changed, persons=0, persons_new_this_year=None)
        confirm.append(Confirm(f"contents.{content.name}.persons", 0, register.removal.persons_because))
    return changed, confirm

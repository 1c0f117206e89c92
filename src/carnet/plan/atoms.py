"""What can be done to the data of a class: a part taken out, a measure made coarser, tracks counted, all left out.

Every atom goes over all contents of its class. Volumes are never sliced: there is no atom that takes some
persons, vehicles, hours, pictures, days or square kilometres away and leaves the rest, and the register
refuses to declare one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from carnet.law.compiled import OrderLaw
from carnet.law.conditions import NUMERIC, Leaf
from carnet.law.lawbook import Lawbook
from carnet.law.reaching import Reaching
from carnet.law.register import Aggregation, Register
from carnet.law.situation import Situation, situation
from carnet.model.decision import Decision
from carnet.model.ids import DataClass
from carnet.model.movement import Content, FactValue, Movement
from carnet.model.vocabulary import covers


@dataclass(frozen=True, slots=True)
class Removal:
    """One thing taken out: a part of a class, or, with `part` `None`, the class altogether."""

    data: DataClass
    part: str | None

    def words(self) -> str:
        """Say it to a person."""
        return f"leave out {self.data}" if self.part is None else f"take {self.part} out of {self.data}"


@dataclass(frozen=True, slots=True)
class Coarsening:
    """A measure of a class made coarser.

    Attributes:
        value: the least coarse number on the free side of a comparison that a reached rule makes.
        rank: how many less coarse numbers of the same measure the reached rules offer.
        by: what is done to the data.
    """

    data: DataClass
    fact: str
    value: float
    rank: int
    unit: str | None
    by: str
    keeps: str

    def words(self) -> str:
        """Say it to a person."""
        unit = f" {self.unit}" if self.unit else ""
        return f"coarsen {self.fact} of {self.data} to {self.value}{unit} ({self.by})"

    def to_mapping(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "data": self.data,
            "fact": self.fact,
            "value": self.value,
            "unit": self.unit,
            "by": self.by,
            "keeps": self.keeps,
        }


@dataclass(frozen=True, slots=True)
class Aggregating:
    """The contents of a class replaced by counts over many vehicles."""

    data: DataClass
    to: DataClass
    by: str
    keeps: str
    because: str

    def words(self) -> str:
        """Say it to a person."""
        return f"make {self.to} of {self.data} ({self.by})"

    def to_mapping(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {"data": self.data, "to": self.to, "by": self.by, "keeps": self.keeps}


Atom = Removal | Coarsening | Aggregating
Loss = frozenset[Any]


@dataclass(frozen=True, slots=True)
class Confirm:
    """A fact that the option counts on, to be confirmed by measurement afterwards."""

    fact: str
    value: FactValue
    because: str


def whole(atom: Atom) -> bool:
    """Say whether nothing of the class is left as it was, so that no other atom of it has a meaning."""
    return isinstance(atom, Aggregating) or (isinstance(atom, Removal) and atom.part is None)


def cost(atom: Atom) -> float:
    """Say how dear an atom is, for the order in which sets are tried and shown."""
    match atom:
        case Removal(part=None):
            return 3
        case Aggregating():
            return 2
        case Coarsening(rank=rank):
            return 1 + rank / 16
        case _:
            return 1


def loss(chosen: tuple[Atom, ...], atoms: tuple[Atom, ...]) -> Loss:
    """Give what a set loses; what is coarser, counted or left out loses all that less would lose."""
    out: set[Any] = set()
    for one in chosen:
        mine = [other for other in atoms if other.data == one.data]
        match one:
            case Removal(part=None):
                out |= {one, *mine}
            case Aggregating():
                out |= {one, *(other for other in mine if not whole(other))}
            case Coarsening():
                out |= {one, *(other for other in mine if _less(other, one))}
            case _:
                out.add(one)
    return frozenset(out)


def _less(other: Atom, one: Coarsening) -> bool:
    return isinstance(other, Coarsening) and other.fact == one.fact and other.rank < one.rank


def parts_of(data: DataClass, lawbook: Lawbook) -> tuple[str, ...]:
    """Give the parts that can be taken out of a class."""
    removal = lawbook.register.removal
    if any(covers(general, data) for general in removal.only_whole):
        return ()
    entry = lawbook.vocabulary[data]
    if entry.identifying:
        return entry.identifying
    return removal.vehicle_parts if entry.personal == "possible" else ()


def leaves_about(data: DataClass, facts: Situation, lawbook: Lawbook) -> tuple[Leaf, ...]:
    """Give what rules compare about a class, and about the whole movement, in the orders that may have a say."""
    reaching = Reaching(facts)
    laws = [order.on(facts.day) for order in lawbook.orders.values()]
    return tuple(leaf for law in laws if reaching.by(law) is not False for leaf in _leaves(law, data))


def _leaves(law: OrderLaw, data: DataClass) -> tuple[Leaf, ...]:
    """Give every comparison of one order's rules about a class and of what excepts them, worked out once."""
    kept: dict[DataClass, tuple[Leaf, ...]] = law.kept.setdefault("compared", {})
    found = kept.get(data)
    if found is None:
        rules = (*law.content.get(data, ()), *law.about_all)
        conditions = [one for live in rules for one in (live.when, *(when for _, when in live.exceptions))]
        every = (leaf for one in conditions for leaf in one.leaves())
        found = kept[data] = tuple(
            {(leaf.fact, leaf.operator, str(leaf.value)): leaf for leaf in every}.values()
        )
    return found


def atoms_of(movement: Movement, lawbook: Lawbook, now: Decision) -> tuple[Atom, ...]:
    """Give what could be done to the data and would change something: of every class that is more than ordinary."""
    out: list[Atom] = []
    answers = {answer.name: answer for answer in now.contents}
    facts = situation(movement, now.day, lawbook.register, lawbook.vocabulary)
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
            parts = parts_of(data, lawbook)
            out += [Removal(data, p) for p in parts if any(_changes(one, p, lawbook) for one in mine)]
        if touched or bound:
            out += _coarsenings(data, mine, leaves_about(data, facts, lawbook), lawbook.register)
            out += _aggregations(data, mine, lawbook)
            out.append(Removal(data, None))
    return tuple(out)


def _coarsenings(
    data: DataClass, mine: list[Content], leaves: tuple[Leaf, ...], register: Register
) -> Iterator[Coarsening]:
    """Give, for each measure that a rule compares, the numbers just on the coarse side of its comparisons."""
    targets: dict[str, set[float]] = {}
    for leaf in leaves:
        entry = register.get(leaf.fact)
        if entry is None or entry.coarser is None or leaf.operator not in NUMERIC or leaf.value is None:
            continue
        value = entry.coarser.target(leaf.operator, leaf.value)
        if any(_finer(content, leaf.fact, value, register) for content in mine):
            targets.setdefault(leaf.fact, set()).add(value)
    for fact, values in targets.items():
        entry = register[fact]
        how = entry.coarser
        if how is None:
            continue
        for rank, value in enumerate(sorted(values, reverse=how.direction == "down")):
            yield Coarsening(data, fact, value, rank, entry.unit, how.by, how.keeps)


def _finer(content: Content, fact: str, value: float, register: Register) -> bool:
    """Say whether a content is, or may be, finer than a number."""
    have = content.facts.get(fact)
    how = register[fact].coarser
    if how is None:
        return False
    return not isinstance(have, int | float) or isinstance(have, bool) or how.finer(have, value)


def _aggregations(data: DataClass, mine: list[Content], lawbook: Lawbook) -> Iterator[Aggregating]:
    for one in lawbook.register.aggregations:
        if data in one.classes and one.to in lawbook.vocabulary and _many(mine, one):
            yield Aggregating(data, DataClass(one.to), one.by, one.keeps, one.because)


def _many(mine: list[Content], one: Aggregation) -> bool:
    """Say whether every content is known to come from more vehicles than an aggregate must have."""
    return all(content.vehicles is not None and content.vehicles > one.vehicles_exceed for content in mine)


def _changes(content: Content, part: str, lawbook: Lawbook) -> bool:
    """Say whether taking a part out would change a fact or the head count of a content."""
    if content.removed is not None and part in content.removed:
        return False
    for name, value, _ in lawbook.register.brought_about.get(part, ()):
        if content.facts.get(name) != value:
            return True
    return part not in lawbook.register.removal.not_of_persons and content.persons != 0


def changed(
    movement: Movement, chosen: tuple[Atom, ...], lawbook: Lawbook
) -> tuple[Movement | None, tuple[Confirm, ...]]:
    """Give the movement as it would be, and what that counts on; `None` when nothing is left of it."""
    by_class: dict[DataClass, list[Atom]] = {}
    for one in chosen:
        by_class.setdefault(one.data, []).append(one)
    contents: list[Content] = []
    confirm: list[Confirm] = []
    for content in movement.contents:
        mine = by_class.get(content.data)
        if mine is None:
            contents.append(content)
            continue
        kept, facts = _done_to(content, mine, lawbook)
        if kept is not None:
            contents.append(kept)
            confirm += facts
    if not contents:
        return None, ()
    # A measure that is coarser leaves everybody in; any other atom may change how many persons there are.
    same_persons = all(isinstance(one, Coarsening) for one in chosen)
    totals = movement.totals if same_persons else None
    return replace(movement, contents=tuple(contents), totals=totals), tuple(confirm)


def without(movement: Movement, chosen: tuple[Atom, ...], lawbook: Lawbook) -> Movement | None:
    """Give the movement as it would be once some atoms were done; `None` when nothing is left of it.

    Args:
        movement: as it is.
        chosen: what is taken out, made coarser or counted.
        lawbook: says what that brings about.
    """
    return changed(movement, chosen, lawbook)[0]


def _done_to(content: Content, atoms: list[Atom], lawbook: Lawbook) -> tuple[Content | None, list[Confirm]]:
    """Do the atoms of its class to a content; `None` when it is left out."""
    path = f"contents.{content.name}"
    for one in atoms:
        if isinstance(one, Removal) and one.part is None:
            return None, []
        if isinstance(one, Aggregating):
            counted = replace(content, data=one.to, persons=0, persons_new_this_year=None)
            return counted, [Confirm(f"{path}.persons", 0, one.because)]
    parts = tuple(one.part for one in atoms if isinstance(one, Removal) and one.part is not None)
    out, confirm = _cleaned(content, parts, lawbook) if parts else (content, [])
    coarser: dict[str, FactValue] = {}
    for one in sorted((a for a in atoms if isinstance(a, Coarsening)), key=lambda atom: atom.rank):
        if _finer(content, one.fact, one.value, lawbook.register):
            coarser[one.fact] = one.value
    confirm += [
        Confirm(f"{path}.facts.{name}", value, "it is made so coarse") for name, value in coarser.items()
    ]
    return (replace(out, facts={**out.facts, **coarser}) if coarser else out), confirm


def _cleaned(content: Content, parts: tuple[str, ...], lawbook: Lawbook) -> tuple[Content, list[Confirm]]:
    register = lawbook.register
    removed = tuple(dict.fromkeys((*(content.removed or ()), *parts)))
    facts = dict(content.facts)
    confirm: list[Confirm] = []
    for part in parts:
        for name, value, because in register.brought_about.get(part, ()):
            facts[name] = value
            confirm.append(Confirm(f"contents.{content.name}.facts.{name}", value, because))
    of_persons = set(parts_of(content.data, lawbook)) - set(register.removal.not_of_persons)
    out = replace(content, removed=removed, facts=facts)
    if of_persons and of_persons <= set(removed) and content.persons != 0:
        out = replace(out, persons=0, persons_new_this_year=None)
        confirm.append(Confirm(f"contents.{content.name}.persons", 0, register.removal.persons_because))
    return out, confirm

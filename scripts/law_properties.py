"""The three properties of the movement document, on movements drawn from each rule's own condition.

    python scripts/law_properties.py [--each 100000] [--seed 1] [--rows 1000000]

1. Removing a part, or sending about fewer persons, raises neither end of the span of strictness, except where a
   rule marked `group_minimum` or `nonpersonal` speaks.
2. Adding a content, with totals and history derived anew, lowers neither end.
3. Supplying a fact listed under `missing` only narrows the span. Left out are facts that some rule asks for
   under `stated`: an order for which silence is an answer does not list them, though another one may.

A movement is an own case of the order, in which every comparison of one rule is made true, false or unknown. A
run counts only if every rule was true, false and unknown at least 50 times, as far as its condition can be.
"""

from __future__ import annotations

import argparse
import copy
import random
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from carnet.decide import decide
from carnet.law.full import explain_fully
from carnet.law.lawbook import Lawbook, load_lawbook
from carnet.law.situation import situation
from carnet.model.decision import Decision, Verdict
from carnet.model.movement import PARTS, Movement, parse_movement
from carnet.plan import Removal, without
from law_drawing import COUNTS, DAY, ENOUGH, FRAMES, ROOT, Draw  # beside this file

Span = tuple[int, int]
PROPERTIES = ("smaller", "larger", "supplied")


def smaller(movement: Movement, book: Lawbook, chance: random.Random) -> Movement | None:
    """Take a part out of a class, or send about fewer persons."""
    content = chance.choice(movement.contents)
    if content.persons and chance.random() < 0.5:  # noqa: PLR2004 - one half
        many, new = chance.randrange(content.persons), content.persons_new_this_year
        # Who knows how many of them are new knows it of fewer as well.
        fewer = replace(content, persons=many, persons_new_this_year=None if new is None else min(many, new))
        return replace(movement, contents=tuple(fewer if c is content else c for c in movement.contents))
    part = chance.choice([one for one in PARTS if one not in (content.removed or ())] or PARTS)
    return without(movement, (Removal(content.data, part),), book)


def larger(movement: Movement, other: Movement, chance: random.Random) -> Movement:
    """Add a content of another movement."""
    more = replace(chance.choice(other.contents), name="one_more")
    return replace(movement, contents=(*movement.contents, more))


def supplied(movement: Movement, decision: Decision, book: Lawbook, chance: random.Random) -> Movement | None:
    """Supply one fact that is missing."""
    names = [one.fact for one in decision.missing]
    asides = stated_only(book)
    chance.shuffle(names)
    for path in names:
        form = copy.deepcopy(movement.to_mapping())
        at: Any = form
        name = path
        if path.startswith("contents."):
            for content in form["contents"]:
                head = f"contents.{content['name']}."
                if path.startswith(head):
                    at, name = content, path.removeprefix(head)
        for scope in ("facts.", "exporter.facts.", "recipient.facts."):
            if name.startswith(scope):
                for step in scope.rstrip(".").split("."):
                    at = at.setdefault(step, {})
                name = name.removeprefix(scope)
        entry = book.register.get(name)
        if name in asides:
            # Some order takes this fact as not stated while it is unknown: for that order it is no missing fact.
            continue
        clashing = at is not form and name == path.rsplit(".", 1)[-1] and "facts" not in path.split(".")
        if entry is None or (entry.field and name not in COUNTS) or (clashing and name not in COUNTS):
            continue
        if entry.type == "bool":
            at[name] = chance.random() < 0.5  # noqa: PLR2004 - one half
        elif entry.numeric:
            # A class that is always about somebody is about one person at least.
            at[name] = chance.choice(
                (*(() if name == "persons" else (0,)), 1, 10, 100, 1000, 10_000, 100_000, 1_000_000)
            )
        else:
            continue
        return parse_movement(form, source="supplied")
    return None


_ASIDES: dict[str, frozenset[str]] = {}


def stated_only(book: Lawbook) -> frozenset[str]:
    """Give the facts that some rule takes as not stated while they are unknown."""
    if book.digest not in _ASIDES:
        out: set[str] = set()
        for order in book.orders.values():
            for live in order.on(DAY).every:
                open_leaves = {id(leaf) for leaf in live.when.leaves(open_only=True)}
                out |= {leaf.fact for leaf in live.when.leaves() if id(leaf) not in open_leaves}
        _ASIDES[book.digest] = frozenset(out)
    return _ASIDES[book.digest]


def marked(book: Lawbook, movement: Movement) -> bool:
    """Say whether a rule that may go the other way speaks, or may speak."""
    for one in explain_fully(movement, book):
        for candidate in one.candidates:
            rule = book.rule(candidate.rule)
            if rule is not None and rule.mark is not None and candidate.truth is not False:
                return True
    return False


def contradicts(movement: Movement, book: Lawbook) -> bool:
    """Say whether a movement contradicts itself."""
    return bool(situation(movement, movement.date or DAY, book.register, book.vocabulary).contradicted)


@dataclass
class Result:
    """What a run found."""

    checked: Counter[str] = field(default_factory=Counter)
    not_enumerated: int = 0
    contradictory: int = 0
    undecided: int = 0
    decided: int = 0
    broken: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)


def run(each: int, seed: int, book: Lawbook, *, fill: bool) -> Result:
    """Check each property so many times; `fill` draws on until every rule was often enough all that it can be."""
    chance = random.Random(seed)  # noqa: S311 - a generator of test cases
    draw, out = Draw(book, chance, every=fill), Result()
    before: Movement | None = None
    for movement in draw.movements():
        wanted = [name for name in PROPERTIES if out.checked[name] < each]
        if not wanted:
            break
        # What could be supplied is missing only where something is unknown.
        draw.less = wanted == ["supplied"]
        decision = decide(movement, book, explain=False)
        out.decided += 1
        out.undecided += decision.verdict is Verdict.UNDECIDED
        for name in wanted:
            other: Movement | None = None
            if name == "smaller":
                other = smaller(movement, book, chance)
            elif name == "supplied":
                other = supplied(movement, decision, book, chance)
            elif before is not None:
                other = larger(movement, before, chance)
            if other is not None:
                _compare(name, movement, decision, other, book, out)
        before = movement
    if fill:
        draw.less = False
        draw.fill()
    out.lacking = draw.lacking()
    return out


def _compare(
    name: str, movement: Movement, decision: Decision, other: Movement, book: Lawbook, out: Result
) -> None:
    if contradicts(movement, book) or contradicts(other, book):
        # One of its statements is wrong, and nobody knows which: less of it, or more, is not less or more.
        out.contradictory += 1
        return
    after = decide(other, book, explain=False)
    if decision.span is None or after.span is None:
        out.not_enumerated += 1
        return
    (low, high), (new_low, new_high) = decision.span, after.span
    held = {
        "smaller": new_low <= low and new_high <= high,
        "larger": new_low >= low and new_high >= high,
        "supplied": new_low >= low and new_high <= high,
    }[name]
    out.checked[name] += 1
    if not held and not (name == "smaller" and (marked(book, movement) or marked(book, other))):
        out.broken.append(
            f"{name}: {decision.span} became {after.span}: {movement.to_mapping()} -> {other.to_mapping()}"
        )


def main() -> None:
    """Check, print, and fail where a property does not hold or the run does not count."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--each", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", type=int, default=0, help="rows to compare many at once with the judge")
    asked = parser.parse_args()
    found = run(asked.each, asked.seed, load_lawbook(), fill=True)
    print(
        f"checked: {dict(found.checked)}; not enumerated: {found.not_enumerated}; "
        f"contradictory and left out: {found.contradictory}"
    )
    print(f"undecided: {found.undecided / found.decided:.1%} of {found.decided} movements")
    print(f"rules that were not {ENOUGH} times all that they can be: {len(found.lacking)}")
    for one in found.lacking:
        print(f"  {one}")
    print(f"broken: {len(found.broken)}")
    for one in found.broken[:20]:
        print(f"  {one[:1500]}")
    other = compare_rows(asked.rows, asked.seed) if asked.rows else 0
    sys.exit(1 if found.broken or found.lacking or other else 0)


def compare_rows(rows: int, seed: int) -> int:
    """Ask about many contents at once and each alone, from ten frames; print and count what differs."""
    sys.path.insert(0, str(ROOT / "scripts"))
    from bench_law import differing, many_rows

    book, other = load_lawbook(), 0
    each = -(-rows // FRAMES)
    for frame in range(FRAMES):
        asked, columns = many_rows(each, seed + frame)
        other += differing(asked, columns, book, range(each))
    print(f"rows answered at once otherwise than alone: {other} of {FRAMES * each:,}")
    return other


if __name__ == "__main__":
    main()

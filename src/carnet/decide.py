"""decide(movement, lawbook) -> Decision: the sentence the whole system exists to say.

Pure: no clock, no network, no database. First it is found which legal orders have a say, then each is asked
apart; the overall verdict is the strictest. An answer is settled when all completions of the unknown facts
agree (`carnet.law.judge`).
"""

from __future__ import annotations

from dataclasses import dataclass

from carnet.errors import MovementError
from carnet.law.conditions import MOVEMENT
from carnet.law.explain import (
    Speech,
    certainties_of,
    duties_of,
    exemption_of,
    findings_of,
    presumed_by,
    speech_of,
)
from carnet.law.judge import Judge, OpenError, Outcome, TooManyCellsError, asked, leaves
from carnet.law.kinds import REMEMBERED, Kind, Known, Outline, Spoken, outline, with_findings
from carnet.law.lawbook import Lawbook, Order
from carnet.law.memory import Memory, key_of
from carnet.law.reaching import Reaching
from carnet.law.situation import Situation, situation
from carnet.model.decision import (
    DETERMINATIONS,
    ROUTE_STRICTNESS,
    STRICTNESS,
    Assumed,
    ContentAnswer,
    Decision,
    Entry,
    Finding,
    Missing,
    Verdict,
    strictest,
    weakest,
)
from carnet.model.ids import LegalOrder
from carnet.model.movement import Movement

_PROHIBITED = 4
_AUTHORITYS_LEAVE = frozenset({"security_assessment", "licence"})
"""Before an order's first modelled day an answer stands only where it is the strictest route there is."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one legal order says, before the orders are put together."""

    entry: Entry
    determinations: tuple[tuple[str, ...], ...]
    findings: tuple[tuple[Finding, ...], ...]
    missing: dict[str, str]
    presumed: frozenset[str]
    certainties: tuple[str, ...]
    laxest: Verdict
    span: tuple[int, int] | None
    cells: int
    about_all: Speech
    contents: tuple[Speech, ...]


def decide(movement: Movement, lawbook: Lawbook, *, explain: bool = True) -> Decision:
    """Judge a movement under a lawbook.

    Args:
        movement: with its `date`; the judge has no clock.
        lawbook: the law to apply, on that date.
        explain: give findings too; without them the answer is the same and comes sooner.

    Raises:
        MovementError: no date, a class of data or a fact that the lawbook does not register, with the place.
    """
    day = movement.date
    if day is None:
        raise MovementError("the movement has no date", where=movement.source, remedy="add date: 2026-08-01")
    # Who wants no findings asks about many movements, mostly each of its own kind.
    lined = outline(movement, lawbook.stretch(day), lawbook.register) if explain else None
    kind = None if lined is None else lawbook.kinds.get(lined[0])
    if lined is not None and kind is not None:
        found = kind.seen(movement, lined[1])
        known: Known | None = None if found is None else lawbook.known.get(found[0])
        if found is not None and known is not None:
            return known.say(day, found[1])
    check_names(movement, lawbook)
    facts = situation(movement, day, lawbook.register, lawbook.vocabulary)
    answers: list[_Answer] = []
    judges: list[Judge] = []
    silent_places = set(facts.own[MOVEMENT]["places"])
    reaching = Reaching(facts)
    for order in lawbook.orders.values():
        law = order.on(day)
        silent_places -= law.countries
        if reaching.by(law) is not False:
            judges.append(Judge(law, facts))
            answers.append(_ask(order, judges[-1], facts, explain=explain))
    numbered = list(zip(range(len(answers)), answers, judges, strict=True))
    numbered.sort(key=lambda one: (-STRICTNESS.index(one[1].entry.verdict), one[1].entry.code))
    decision = _together(movement, lawbook, facts, [one for _, one, _ in numbered], sorted(silent_places))
    if lined is not None and judges and not facts.contradicted:
        _remember(lined, lawbook, decision, numbered)
    return decision


def _together(
    movement: Movement, lawbook: Lawbook, facts: Situation, answers: list[_Answer], silent: list[str]
) -> Decision:
    """Put together what the legal orders answer, the strictest first."""
    own = {order.code for order in lawbook.orders.values() if order.overlay}
    heard = any(one.entry.code not in own for one in answers)
    entries = tuple(one.entry for one in answers)
    contents = _contents(movement, answers, heard=heard)
    # Where no law has answered nothing is decided; a company's own rules are no law and cannot stand in for it.
    unanswered = () if heard else (Verdict.UNDECIDED,)
    said = strictest((*(entry.verdict for entry in entries if entry.code not in own), *unanswered))
    # A law that is not held may ask for something wherever persons or a nation's interests are concerned: what
    # the laws that are held permit is then open, and never permission. Ordinary data concern neither.
    unheard = bool(silent) and any(one.determination != "ordinary" for one in contents)
    if said is Verdict.PERMITTED and unheard:
        said = Verdict.UNDECIDED
    verdict = strictest((said, *(entry.verdict for entry in entries if entry.code in own)))
    head = next((entry for entry in entries if entry.verdict == verdict), None)
    return Decision(
        verdict=verdict,
        jurisdictions=entries,
        contents=contents,
        missing=_missing(answers, lawbook, tuple(silent) if unheard or not heard else ()),
        assumed=_assumed(facts, answers),
        certainty=weakest(tuple(mark for one in answers for mark in one.certainties)),
        day=facts.day,
        lawbook=lawbook.digest,
        routes=head.routes if head else (),
        completed=head.completed if head else None,
        exceptional_routes=head.exceptional_routes if head else (),
        routes_open=head.routes_open if head else False,
        not_modelled=tuple(silent),
        laxest=strictest((*(one.laxest for one in answers), *unanswered)),
        span=_widest([one.span for one in answers]),
        cells=sum(one.cells for one in answers),
    )


def _remember(
    lined: Outline, lawbook: Lawbook, decision: Decision, numbered: list[tuple[int, _Answer, Judge]]
) -> None:
    """Remember an answer for its kind, from the second movement of that kind on."""
    key, numbers = lined
    kinds = lawbook.kinds
    if key not in kinds:
        if len(kinds) >= REMEMBERED:
            kinds.clear()
        kinds[key] = None
        return
    judges = [judge for _, _, judge in sorted(numbered, key=lambda one: one[0])]
    facts = judges[0].facts
    kind = kinds[key]
    if kind is None:
        reaches = [order.on(facts.day).reach for order in lawbook.orders.values()]
        kind = kinds[key] = Kind(facts, [judge.law for judge in judges], reaches)
    if not kind.usable:
        return
    kind.judged(numbers, judges)
    found = kind.seen(facts.movement, numbers)
    if found is None:
        return
    spoken = [
        Spoken(order, judge, lawbook.orders[one.entry.code], one.entry, one.about_all, one.contents)
        for order, one, judge in numbered
    ]
    if len(lawbook.known) >= REMEMBERED:
        lawbook.known.clear()
    lawbook.known[found[0]] = Known.of(kind, decision, spoken)


def check_names(movement: Movement, lawbook: Lawbook) -> None:
    """Refuse a class of data or a fact that the lawbook does not register.

    Raises:
        MovementError: with the place in the document.
    """
    for number, content in enumerate(movement.contents):
        if content.data not in lawbook.vocabulary:
            raise MovementError(
                f"the class {content.data!r} is not in the vocabulary",
                where=movement.where(f"contents[{number}].data"),
                remedy="see lawbook/vocabulary.yaml; what is not classified yet is `unknown`",
            )
    lawbook.register.check(movement)


@dataclass(frozen=True, slots=True)
class _Settled:
    """What an order answers to every movement in which its rules see the same.

    Attributes:
        entry: the answer without findings.
        about_all: rules that speak of the movement, with their outcome.
        contents: rules that speak of each content.
    """

    entry: Entry
    determinations: tuple[tuple[str, ...], ...]
    missing: dict[str, str]
    certainties: tuple[str, ...]
    laxest: Verdict
    span: tuple[int, int] | None
    cells: int
    about_all: Speech
    contents: tuple[Speech, ...]


def _ask(order: Order, judge: Judge, facts: Situation, *, explain: bool) -> _Answer:
    """Put the question to one legal order, unless it has answered one that its rules cannot tell from this."""
    memory = Memory.of(judge.law)
    key = None if facts.contradicted else key_of(judge, memory)
    settled: _Settled | None = None if key is None else memory.answers.get(key)
    if settled is None:
        settled = _settle(order, judge, facts)
        if key is not None:
            memory.keep(key, settled)
    entry = settled.entry
    per_content: tuple[tuple[Finding, ...], ...] = ()
    if explain:
        findings, per_content = findings_of(judge, order, settled.about_all, settled.contents)
        entry = with_findings(entry, findings)
    return _Answer(
        entry,
        settled.determinations,
        per_content,
        settled.missing,
        presumed_by(judge),
        settled.certainties,
        settled.laxest,
        settled.span,
        settled.cells,
        settled.about_all,
        settled.contents,
    )


def _settle(order: Order, judge: Judge, facts: Situation) -> _Settled:
    """Judge one legal order over all completions of what is unknown."""
    note: str | None = None
    enumerated = False
    try:
        tree = judge.explore(judge.settle)
        possible: list[Outcome] = leaves(tree)
        missing = asked(tree)
        enumerated = True
    except OpenError:
        possible = [Outcome(verdict) for verdict in sorted(judge.verdicts)]
        missing = dict(judge.met)
    except TooManyCellsError:
        possible = []
        missing = dict(judge.met)
        note = "the unknown facts leave more than 4,096 cells; supply some of them"
    if judge.assuming:
        judge.start_again()
    determinations: list[tuple[str, ...]] = []
    for at in range(judge.count):
        found, open_names = _determine(judge, facts, at)
        determinations.append(found)
        missing |= {} if not facts.contradicted.get(at) else dict(open_names)
    verdict, routes, prerequisites, completed, routes_open = _merge(possible)
    notes = {one.note for one in possible if one.note}
    note = note or next(iter(sorted(notes)), None)
    if notes:
        missing |= {"which of the contradicting rules prevails": "law"}
    if verdict is not Verdict.PROHIBITED:
        leave = bool(routes) and set(routes) <= _AUTHORITYS_LEAVE and not routes_open
        if not judge.law.modelled and not leave:
            verdict, routes = Verdict.UNDECIDED, ()
            missing = {f"the law of {order.code} before {order.law_from.isoformat()}": "law"}
            note = f"this lawbook knows {order.name} from {order.law_from.isoformat()} on"
        elif facts.contradicted:
            verdict, routes = Verdict.UNDECIDED, ()
            note = "; ".join(text for clashes in facts.contradicted.values() for _, text in clashes)
    judge.rest()
    quiet = verdict is not Verdict.UNDECIDED and not routes_open
    about_all, contents = speech_of(judge, determinations, quiet=quiet)
    entry = Entry(
        code=order.code,
        verdict=verdict,
        routes=routes if verdict is Verdict.CONDITIONAL else (),
        prerequisites=prerequisites if verdict is Verdict.CONDITIONAL else (),
        completed=completed,
        exceptional_routes=_exceptional(judge) if verdict is Verdict.CONDITIONAL else (),
        routes_open=routes_open and verdict is Verdict.CONDITIONAL,
        exemption=exemption_of(judge),
        duties=duties_of(judge),
        note=note,
    )
    return _Settled(
        entry,
        tuple(determinations),
        missing,
        certainties_of(judge, determinations) or (order.default_certainty,),
        min((one.verdict for one in possible), key=STRICTNESS.index, default=Verdict.UNDECIDED),
        _span(possible) if enumerated else None,
        judge.spent,
        about_all,
        contents,
    )


def _span(possible: list[Outcome]) -> tuple[int, int]:
    """Give how strict the laxest and the strictest answer that remains possible are."""
    ranks = [rank for one in possible for rank in _ranks(one)]
    return min(ranks), max(ranks)


def _ranks(one: Outcome) -> tuple[int, ...]:
    match one.verdict:
        case Verdict.PERMITTED:
            return (0,)
        case Verdict.CONDITIONAL:
            return (min((ROUTE_STRICTNESS.get(route, 2) for route in one.routes), default=1),)
        case Verdict.PROHIBITED:
            return (_PROHIBITED,)
        case _:
            # Rules that contradict each other leave everything possible.
            return (0, _PROHIBITED)


def _widest(spans: list[tuple[int, int] | None]) -> tuple[int, int] | None:
    """Give the span of the strictest of several answers; `None` where one of them was not enumerated."""
    if not spans or None in spans:
        return None
    known = [span for span in spans if span is not None]
    return max(low for low, _ in known), max(high for _, high in known)


def _merge(
    possible: list[Outcome],
) -> tuple[Verdict, tuple[str, ...], tuple[str, ...], str | None, bool]:
    if not possible:
        return Verdict.UNDECIDED, (), (), None, False
    first = possible[0]
    if any(one.verdict is not first.verdict for one in possible):
        return Verdict.UNDECIDED, (), (), None, False
    routes = tuple(dict.fromkeys(route for one in possible for route in one.routes))
    before = [one for one in first.prerequisites if all(one in other.prerequisites for other in possible)]
    completed = first.completed if all(one.completed == first.completed for one in possible) else None
    routes_open = any(set(one.routes) != set(first.routes) for one in possible)
    return first.verdict, routes, tuple(before), completed, routes_open


def _determine(
    judge: Judge, facts: Situation, at: int
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Give what a content is, over all completions; `undecided` stands first where they differ."""
    plain = judge.plainly(at)
    possible: list[frozenset[str]] = [plain] if plain is not None else []
    if plain is None:
        judge.cells = 0
        try:
            possible = leaves(judge.explore(lambda: judge.determination(at)))
        except TooManyCellsError:
            judge.start_again()
            return ("undecided",), ()
    clashes = facts.contradicted.get(at, ())
    certain = frozenset.intersection(*possible)
    found = [what for what in DETERMINATIONS if what in certain]
    if clashes:
        return ("undecided", *found), tuple((path, path.rsplit(".", 1)[-1]) for path, _ in clashes)
    # What is certain stays said; the item is undecided where something stricter is still possible.
    rank = DETERMINATIONS.index(found[0]) if found else DETERMINATIONS.index("ordinary")
    if any(DETERMINATIONS.index(what) < rank for one in possible for what in one):
        return ("undecided", *found), ()
    return tuple(found) or ("ordinary",), ()


def _exceptional(judge: Judge) -> tuple[str, ...]:
    out: list[str] = []
    for live in judge.moving.get("exceptional", ()):
        if live.when.test(judge, MOVEMENT) is not False and live.rule.detail not in out:
            out.append(live.rule.detail)
    return tuple(out)


def _contents(movement: Movement, answers: list[_Answer], *, heard: bool) -> tuple[ContentAnswer, ...]:
    out: list[ContentAnswer] = []
    for at, content in enumerate(movement.contents):
        by_order = {one.entry.code: one.determinations[at] for one in answers}
        heads = [found[0] for found in by_order.values()]
        if "important" in heads:
            head = "important"
        elif "undecided" in heads or not heard:
            head = "undecided"
        else:
            head = min(heads, key=DETERMINATIONS.index)
        findings = tuple(finding for one in answers if one.findings for finding in one.findings[at])
        out.append(ContentAnswer(content.name, head, by_order, findings))
    return tuple(out)


def _missing(answers: list[_Answer], lawbook: Lawbook, silent: tuple[str, ...]) -> tuple[Missing, ...]:
    orders: dict[str, list[LegalOrder]] = {}
    names: dict[str, str] = {}
    for one in answers:
        for path, name in one.missing.items():
            orders.setdefault(path, []).append(one.entry.code)
            names[path] = name
    out: list[Missing] = []
    for path, name in names.items():
        entry = lawbook.register.get(name, None)
        out.append(
            Missing(
                path,
                entry.meaning if entry else path.replace("_", " ").replace(".", ": "),
                entry.supplied_by if entry else "officer",
                tuple(orders[path]),
            )
        )
    if silent:
        law = ", ".join(silent)
        out.append(
            Missing(f"the law of {law}", "it has a say, and this lawbook does not hold it", "lawbook", ())
        )
    return tuple(out)


def _assumed(facts: Situation, answers: list[_Answer]) -> tuple[Assumed, ...]:
    out: dict[str, Assumed] = {one.fact: one for one in facts.assumptions}
    used = frozenset(name for one in answers for name in one.presumed)
    for name in sorted(used):
        out[name] = facts.presumed[name]
    for claim in facts.claimed.values():
        out[claim.fact] = claim
    kinds = {one.entry.completed for one in answers} | {"geodata_approval", "transfer_impact_assessment"}
    for kind, notes in facts.safeguard_notes.items():
        if kind in kinds:
            out |= {note.fact: note for note in notes}
    return tuple(out.values())

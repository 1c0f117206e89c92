"""One legal order asks a situation, and settles it over all completions of what is unknown.

`settle` evaluates the order once, in three values. Where the answer hangs on something unknown it names the
atom; `explore` splits there and evaluates again, so that only cells which matter are visited. A branch whose
completions agree collapses: what remains in the tree is exactly what would change the answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from carnet.law.compiled import DERIVED, LiveRule, OrderLaw
from carnet.law.conditions import EVERYTHING, MOVEMENT, Atom, Interval, kleene_or
from carnet.law.situation import Situation
from carnet.model.decision import Verdict
from carnet.model.vocabulary import covers

MAX_CELLS = 4096
UNNAMED = "none"
"""What satisfies a need without being a route of its own, such as an agreement between states."""


class TooManyCellsError(Exception):
    """The unknown facts cut the question into more cells than are enumerated."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One completed answer. Two are equal where verdict, routes and prerequisites are: that is settled."""

    verdict: Verdict
    routes: tuple[str, ...] = ()
    prerequisites: tuple[str, ...] = ()
    completed: str | None = field(default=None, compare=False)
    note: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Branch:
    """A question that is still open: what to ask for, and the answers that remain."""

    names: tuple[tuple[str, str], ...]
    parts: tuple[Any, ...]


Truth = bool | None


class Judge:
    """Evaluates one order's law for one movement; holds what is assumed while completions are tried."""

    def __init__(self, law: OrderLaw, facts: Situation) -> None:
        self.law = law
        self.facts = facts
        self.movement = facts.movement
        self.count = len(facts.movement.contents)
        self.values: dict[Any, Any] = dict(facts.values)
        self.candidates: list[tuple[LiveRule, ...]] = [law.content.get(name, ()) for name in facts.classes]
        self.status: list[dict[str, Truth]] = []
        self.exempt: list[dict[str, Truth]] = []
        self.cells = 0
        self.assuming = 0
        self._members: dict[tuple[str, ...], list[int]] = {}
        self._memo: dict[tuple[int, int], Truth] | None = None

    # What conditions ask ------------------------------------------------------------------------------

    def known(self, at: int, fact: str) -> Any:
        """Give a plain value; `None` is unknown."""
        value = self.values.get((at, fact))
        return self.values.get((MOVEMENT, fact)) if value is None and at != MOVEMENT else value

    def member(self, at: int, fact: str, operator: str, operand: Any) -> Any:
        """Give a value, or what is assumed of one comparison with it."""
        values = self.values
        value = values.get((at, fact))
        if value is not None:
            return value
        if at != MOVEMENT:
            value = values.get((MOVEMENT, fact))
            if value is not None:
                return value
        if not self.assuming:
            return None
        value = values.get((at, fact, operator, operand))
        return values.get((MOVEMENT, fact, operator, operand)) if value is None else value

    def number(self, at: int, fact: str, over: tuple[str, ...] | None) -> Interval:
        """Give the bounds of a number."""
        if fact.startswith("year."):
            return self._year(fact)
        if over is not None:
            return self._narrow(self._combined(fact, over), ("over", fact, over))
        found = self.values.get((at, fact))
        if found is None:
            found = self.values.get((MOVEMENT, fact), EVERYTHING)
        return found  # type: ignore[no-any-return]

    def key(self, at: int, fact: str, over: tuple[str, ...] | None) -> Any:
        """Give the key under which a value, or a narrower interval, is assumed."""
        if fact.startswith("year.") or over is not None:
            return ("over", fact, over)
        return self._own_key(at, fact)

    def _own_key(self, at: int, fact: str) -> tuple[int, str]:
        entry = self.facts.register[fact] if fact in self.facts.register else DERIVED.get(fact)
        return (at if entry is not None and entry.scope == "content" else MOVEMENT, fact)

    def _narrow(self, found: Interval, key: Any) -> Interval:
        assumed = self.values.get(key)
        if assumed is None:
            return found
        return (max(found[0], assumed[0]), min(found[1], assumed[1]))

    def _covered(self, over: tuple[str, ...]) -> list[int]:
        """Give the contents whose class is one of some classes."""
        found = self._members.get(over)
        if found is None:
            found = [
                number
                for number, name in enumerate(self.facts.classes)
                if any(general == "*" or covers(general, name) for general in over)
            ]
            self._members[over] = found
        return found

    def _combined(self, fact: str, over: tuple[str, ...]) -> Interval:
        entry = self.facts.register[fact]
        lows, highs = [0.0], [0.0]
        for number in self._covered(over):
            low, high = self.values.get((number, fact), EVERYTHING)
            lows.append(low)
            highs.append(high)
        if self.movement.history is None:
            highs.append(math.inf)
        else:
            for one in self.movement.history:
                if one.measure == (entry.measure or fact):
                    lows.append(one.value)
                    highs.append(one.value)
        return (sum(lows) if entry.combines == "sum" else max(lows), sum(highs))

    def names(self, at: int, fact: str, over: tuple[str, ...] | None) -> tuple[tuple[str, str], ...]:
        """Name a fact as a person would find it in the movement."""
        if fact.startswith("year."):
            return self._year_names(fact)
        if fact.startswith("safeguard.") or fact == "reported_to":
            kind = "report_to_authority" if fact == "reported_to" else fact.split(".")[1]
            tail = ".outcome" if fact.endswith(".outcome") else ""
            return ((f"safeguards.{kind}{tail}", fact),)
        if over is not None:
            return self._combined_names(fact, over)
        entry = self.facts.register.get(fact, None)
        if entry is not None and entry.scope == "content" and at != MOVEMENT:
            middle = "" if entry.field else "facts."
            return ((f"contents.{self.movement.contents[at].name}.{middle}{fact}", fact),)
        if entry is not None and not entry.field:
            scope = "" if entry.scope == "movement" else f"{entry.scope}."
            return ((f"{scope}facts.{fact}", fact),)
        return ((fact, fact),)

    def _combined_names(self, fact: str, over: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        out: list[tuple[str, str]] = []
        for number in self._covered(over):
            low, high = self.values.get((number, fact), EVERYTHING)
            if low != high:
                out += self.names(number, fact, None)
        if self.movement.history is None:
            out.append(("history", fact))
        return tuple(out) or (("totals", fact),)

    # What contents are --------------------------------------------------------------------------------

    def holds(self, live: LiveRule, at: int) -> Truth:
        """Say whether a rule holds for a content, or for the movement, and nothing excepts it."""
        memo = self._memo
        if memo is None:
            return self._evaluate(live, at)
        key = (id(live), at)
        if key not in memo:
            memo[key] = self._evaluate(live, at)
        return memo[key]

    def _evaluate(self, live: LiveRule, at: int) -> Truth:
        found = live.when.test(self, at)
        if found is False or not live.exceptions:
            return found
        for _, condition in live.exceptions:
            excepted = condition.test(self, at)
            if excepted is True:
                return False
            if excepted is None:
                found = None
        return found

    def rest(self) -> None:
        """Go back to what is known, assume nothing, and remember what every rule says: for explanations."""
        self.values = dict(self.facts.values)
        self._memo = {}
        self.look()

    def _rule_atom(self, live: LiveRule, at: int) -> Atom | None:
        if live.when.test(self, at) is None:
            return live.when.atom(self, at)
        for _, condition in live.exceptions:
            if condition.test(self, at) is None:
                return condition.atom(self, at)
        return None

    def look(self) -> None:
        """Find again what every content is, and what it is exempt from."""
        self.status, self.exempt = [], []
        for at in range(self.count):
            found: dict[str, Truth] = {}
            exempt: dict[str, Truth] = {}
            for live in self.candidates[at]:
                effect = live.rule.effect
                if effect == "determines":
                    what = live.rule.detail
                    if found.get(what) is not True:
                        found[what] = kleene_or(found.get(what, False), self.holds(live, at))
                elif effect == "exempts":
                    truth = self.holds(live, at)
                    for what in live.rule.detail["from"]:
                        exempt[what] = kleene_or(exempt.get(what, False), truth)
            if found.get("sensitive_personal") is True:
                found["personal"] = True
            self.status.append(found)
            self.exempt.append(exempt)

    def is_so(self, at: int, what: str, *, spared: bool) -> Truth:
        """Say whether a content is something; `spared` leaves out what an exemption covers."""
        status = self.status[at]
        if what == "ordinary_personal":
            sensitive = status.get("sensitive_personal", False)
            truth: Truth = status.get("personal", False)
            if sensitive is True or truth is False:
                return False
            truth = None if sensitive is None else truth
        else:
            truth = status.get(what, False)
        if not spared or truth is False:
            return truth
        exempt = self.exempt[at].get("important" if what == "important" else "personal", False)
        if exempt is True:
            return False
        return None if exempt is None else truth

    def _is_atom(self, at: int, what: str) -> Atom | None:
        asked = {"ordinary_personal": ("personal", "sensitive_personal")}.get(what, (what,))
        for effect in ("determines", "exempts"):
            for live in self.candidates[at]:
                if live.rule.effect != effect or self.holds(live, at) is not None:
                    continue
                targets = (live.rule.detail,) if effect == "determines" else live.rule.detail["from"]
                wanted = (
                    asked if effect == "determines" else ("important" if what == "important" else "personal",)
                )
                if any(one in targets for one in wanted):
                    return self._rule_atom(live, at)
        return None

    def derived(self, fact: str) -> tuple[Truth, Atom | None]:
        """Give whether any content is something, with the atom that leaves it open."""
        when, what = fact.split(".")
        spared = when == "has"
        open_at = MOVEMENT
        for at in range(self.count):
            truth = self.is_so(at, what, spared=spared)
            if truth is True:
                return True, None
            if truth is None and open_at == MOVEMENT:
                open_at = at
        if open_at == MOVEMENT:
            return False, None
        return None, self._is_atom(open_at, what)

    # Persons of the year ------------------------------------------------------------------------------

    def _counted(self, fact: str) -> list[tuple[int, Truth]]:
        what = "sensitive_personal" if fact.endswith("sensitive") else "ordinary_personal"
        found = [(at, self.is_so(at, what, spared=True)) for at in range(self.count)]
        return [(at, truth) for at, truth in found if truth is not False]

    def _before(self, fact: str) -> Interval:
        year = self.movement.year_to_date
        sensitive = fact.endswith("sensitive")
        given = None if year is None else year.persons_sensitive if sensitive else year.persons
        return EVERYTHING if given is None else (given, given)

    def _year(self, fact: str) -> Interval:
        before = self._before(fact)
        counted = self._counted(fact)
        lows, highs = [0.0], [0.0]
        all_new = True
        largest, total = 0.0, 0.0
        new_largest, new_total = 0.0, 0.0
        for at, truth in counted:
            low, high = self.values.get((at, "persons"), EVERYTHING)
            low = low if truth is True else 0
            lows.append(low)
            highs.append(high)
            largest, total = max(largest, low), total + high
            fresh = self.values.get((at, "persons_new_this_year"))
            if fresh is None:
                all_new = False
            else:
                new_largest = max(new_largest, fresh[0] if truth is True else 0)
                new_total += fresh[1]
        totals = self.movement.totals
        sensitive = fact.endswith("sensitive")
        given = None if totals is None else totals.persons_sensitive if sensitive else totals.persons
        low, high = max(lows), sum(highs)
        if given is not None and counted:
            only = sensitive or all(
                self.is_so(at, "sensitive_personal", spared=False) is False for at in range(self.count)
            )
            high = min(high, given)
            low = min(max(low, given if only else 0), high)
        if counted and all_new:
            fresh_low, fresh_high = new_largest, min(new_total, high)
        else:
            fresh_low, fresh_high = max(0.0, low - before[1]), high
        return self._narrow((before[0] + fresh_low, before[1] + fresh_high), ("over", fact, None))

    def _year_names(self, fact: str) -> tuple[tuple[str, str], ...]:
        tail = "_sensitive" if fact.endswith("sensitive") else ""
        out: list[tuple[str, str]] = []
        before = self._before(fact)
        if before[1] == math.inf:
            out.append((f"year_to_date.persons{tail}", "persons"))
        counted = [at for at, _ in self._counted(fact)]
        for at in counted:
            name = f"contents.{self.movement.contents[at].name}"
            low, high = self.values.get((at, "persons"), EVERYTHING)
            if low != high:
                out.append((f"{name}.persons", "persons"))
            if before != (0, 0) and (at, "persons_new_this_year") not in self.values:
                out.append((f"{name}.persons_new_this_year", "persons_new_this_year"))
        totals = self.movement.totals
        known = None if totals is None else totals.persons_sensitive if tail else totals.persons
        if len(counted) > 1 and known is None:
            out.append((f"totals.persons{tail}", "persons"))
        return tuple(out)

    def _open_status(self, fact: str) -> Atom | None:
        """Ask first what contents are, where a count hangs on that."""
        what = "sensitive_personal" if fact.endswith("sensitive") else "ordinary_personal"
        for at, truth in self._counted(fact):
            if truth is None:
                return self._is_atom(at, what)
        return None

    # The answer ---------------------------------------------------------------------------------------

    def _ask(self, live: LiveRule) -> Atom | None:
        atom = self._rule_atom(live, MOVEMENT)
        if atom is not None and isinstance(atom.key, tuple) and atom.key[0] == "over":
            return (self._open_status(atom.key[1]) if atom.key[1].startswith("year.") else None) or atom
        return atom

    def _any(
        self, effect: str, choose: Callable[[LiveRule], bool] | None = None
    ) -> tuple[Truth, Atom | None]:
        """Say whether any movement rule of an effect holds."""
        out: Truth = False
        atom: Atom | None = None
        for live in self.law.movement.get(effect, ()):
            if choose is not None and not choose(live):
                continue
            truth = self.holds(live, MOVEMENT)
            if truth is True:
                return True, None
            if truth is None:
                out = None
                atom = atom or self._ask(live)
        return out, atom

    def _any_content(self, effect: str) -> tuple[Truth, Atom | None]:
        out: Truth = False
        atom: Atom | None = None
        for at in range(self.count):
            for live in self.candidates[at]:
                if live.rule.effect != effect:
                    continue
                truth = self.holds(live, at)
                if truth is True:
                    return True, None
                if truth is None:
                    out = None
                    atom = atom or self._rule_atom(live, at)
        return out, atom

    def settle(self) -> Outcome | Atom:
        """Evaluate once: an answer, or the atom on which it hangs."""
        self.look()
        forbidden, atom = self._any("prohibits")
        if forbidden is not True:
            truth, other = self._any_content("prohibits")
            forbidden, atom = kleene_or(forbidden, truth), atom or other
        allowed, allowing = self._any("permits")
        if forbidden is True:
            if allowed is True:
                return Outcome(Verdict.UNDECIDED, note="two rules contradict each other")
            if allowed is None:
                return _must(allowing)
            return Outcome(Verdict.PROHIBITED)
        return self._routes() if forbidden is False else _must(atom)

    def _safeguard(self, kind: str) -> Truth:
        """Say whether a safeguard is in force and covers everything that needs a route."""
        fact = f"safeguard.{kind}"
        whole = self.known(MOVEMENT, fact)
        out: Truth = whole
        for at in range(self.count):
            state = self.values.get((at, fact), whole)
            if state is out:
                continue
            if not any(self.is_so(at, what, spared=True) is not False for what in ("important", "personal")):
                continue
            if state is False:
                return False
            out = None if out is not False else False
        return out

    def _needs(self) -> tuple[dict[str, list[LiveRule]], Atom | None]:
        standing: dict[str, list[LiveRule]] = {}
        rules = self.law.movement.get("requires", ())
        for need in dict.fromkeys(live.rule.detail["need"] for live in rules):
            mine = [live for live in rules if live.rule.detail["need"] == need]
            unless = {live.rule.detail["unless"] for live in mine}
            if any(other in standing for other in unless if other is not None):
                continue
            truth, atom = self._any("requires", lambda live, want=need: live.rule.detail["need"] == want)  # type: ignore[misc]
            if truth is None:
                return standing, _must(atom)
            if truth is True:
                standing[need] = mine
        return standing, None

    def _routes(self) -> Outcome | Atom:
        standing, atom = self._needs()
        if atom is not None:
            return atom
        open_routes: list[tuple[str, ...]] = []
        completed: str | None = None
        own: set[str] = set()
        for need, rules in standing.items():
            satisfied, atom = self._satisfied(need)
            if atom is not None:
                return atom
            if satisfied is not None:
                completed = completed or (None if satisfied == UNNAMED else satisfied)
                continue
            own.add(need)
            routes = list(dict.fromkeys(route for live in rules for route in live.rule.detail["routes"]))
            for live in self.law.movement.get("offers", ()):
                if live.rule.detail["need"] == need and self.holds(live, MOVEMENT) is not False:
                    routes += [route for route in live.rule.detail["routes"] if route not in routes]
            ways = [*routes, *(way for live in rules for way in live.rule.detail["done_by"])]
            states = {way: self._safeguard(way) for way in dict.fromkeys(ways)}
            done = next((way for way, state in states.items() if state is True), None)
            if done is not None:
                completed = completed or done
                continue
            unknown = next((way for way, state in states.items() if state is None), None)
            if unknown is not None:
                return self._safeguard_atom(unknown)
            open_routes.append(tuple(routes))
        before, atom = self._prerequisites(frozenset(own))
        if atom is not None:
            return atom
        if not open_routes and not before:
            return Outcome(Verdict.PERMITTED, completed=completed)
        first = open_routes[0] if open_routes else ()
        more = tuple(route for routes in open_routes[1:] for route in routes)
        return Outcome(Verdict.CONDITIONAL, first, (*before, *more), None if open_routes else completed)

    def _safeguard_atom(self, kind: str) -> Atom:
        fact = f"safeguard.{kind}"
        return Atom((MOVEMENT, fact), (True, False), self.names(MOVEMENT, fact, None))

    def _satisfied(self, need: str) -> tuple[str | None, Atom | None]:
        waiting: Atom | None = None
        for live in self.law.movement.get("satisfies", ()):
            if live.rule.detail["need"] != need:
                continue
            truth = self.holds(live, MOVEMENT)
            if truth is True:
                return live.rule.detail["by"], None
            if truth is None:
                waiting = waiting or self._ask(live)
        return None, waiting

    def _prerequisites(self, needs: frozenset[str]) -> tuple[list[str], Atom | None]:
        out: list[str] = []
        for live in self.law.movement.get("prerequisite", ()):
            bound = live.rule.detail["for_need"]
            if bound is not None and bound not in needs:
                continue
            truth = self.holds(live, MOVEMENT)
            if truth is None:
                return out, _must(self._ask(live))
            if truth is True and live.rule.detail["what"] not in out:
                out.append(live.rule.detail["what"])
        for at in range(self.count):
            for live in self.candidates[at]:
                if live.rule.effect != "prerequisite" or live.rule.detail["what"] in out:
                    continue
                truth = self.holds(live, at)
                if truth is False:
                    continue
                fact = f"safeguard.{live.rule.detail['what']}"
                done = self.known(at, fact)
                if done is True:
                    continue
                if truth is None:
                    return out, _must(self._rule_atom(live, at))
                if done is None:
                    return out, self._safeguard_atom(live.rule.detail["what"])
                out.append(live.rule.detail["what"])
        return out, None

    def explore(self, evaluate: Callable[[], Any]) -> Any:
        """Evaluate over all completions; equal branches collapse.

        Raises:
            TooManyCellsError: more than `MAX_CELLS` completions would have to be tried.
        """
        found = evaluate()
        if not isinstance(found, Atom):
            self.cells += 1
            if self.cells > MAX_CELLS:
                raise TooManyCellsError
            return found
        parts: list[Any] = []
        self.assuming += 1
        had = self.values.get(found.key)
        for candidate in found.candidates:
            self.values[found.key] = candidate
            parts.append(self.explore(evaluate))
        self.assuming -= 1
        if had is None:
            del self.values[found.key]
        else:
            self.values[found.key] = had
        if all(part == parts[0] for part in parts[1:]):
            same = parts[0]
            if isinstance(same, Outcome) and any(part.completed != same.completed for part in parts):
                return replace(same, completed=None)
            return same
        return Branch(found.names, tuple(parts))

    def determination(self, at: int) -> frozenset[str] | Atom:
        """Give what one content is, or the atom on which that hangs."""
        self.look()
        for what in ("important", "sensitive_personal", "personal"):
            if self.status[at].get(what, False) is None:
                return _must(self._is_atom(at, what))
        return frozenset(what for what, truth in self.status[at].items() if truth is True)


def _must(atom: Atom | None) -> Atom:
    """What is unknown has a reason; anything else is a fault of ours and must not pass for an answer."""
    if atom is None:
        raise RuntimeError("a condition is unknown and names nothing that leaves it open")
    return atom


def leaves(tree: Any) -> list[Any]:
    """Give every answer that remains possible."""
    if isinstance(tree, Branch):
        return [leaf for part in tree.parts for leaf in leaves(part)]
    return [tree]


def asked(tree: Any) -> dict[str, str]:
    """Give what would settle a tree: paths in the movement, with the registered name."""
    if not isinstance(tree, Branch):
        return {}
    out: dict[str, str] = dict(tree.names)
    for part in tree.parts:
        out |= asked(part)
    return out

"""One legal order asks a situation, and settles it over all completions of what is unknown.

`settle` evaluates the order once, in three values. Where the answer hangs on something unknown it names the
atom; `explore` splits there and evaluates again, so that only cells which matter are visited. A branch whose
completions agree collapses: what remains in the tree is exactly what would change the answer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from carnet.law.asking import Asking, Truth
from carnet.law.compiled import LiveRule, Need
from carnet.law.conditions import MOVEMENT, Atom, ImpossibleError, kleene_or
from carnet.model.decision import ROUTE_STRICTNESS, Verdict

MAX_CELLS = 4096
UNNAMED = "none"
"""What satisfies a need without being a route of its own, such as an agreement between states."""


MANY_CELLS = 512
"""After so many cells an answer that is certainly open is not pursued to its last cell."""


class TooManyCellsError(Exception):
    """The unknown facts cut the question into more cells than are enumerated."""


class OpenError(Exception):
    """The verdict is open already, and so much is unknown that the whole tree tells nobody more."""


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


class Judge(Asking):
    """Settles one order's law for one movement."""

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
        for live in self.moving.get(effect, ()):
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
            for live in self.live[at]:
                if live.rule.effect != effect:
                    continue
                truth = self.holds(live, at)
                if truth is True:
                    return True, None
                if truth is None:
                    out = None
                    atom = atom or self._rule_atom(live, at)
        return out, atom

    def _named(self, effect: str) -> list[str]:
        """Name the rules of an effect that hold."""
        places: list[tuple[int, tuple[LiveRule, ...]]] = [(MOVEMENT, tuple(self.moving.get(effect, ())))]
        places += enumerate(self.live)
        return sorted(
            {
                live.rule.id
                for at, rules in places
                for live in rules
                if live.rule.effect == effect and self.holds(live, at) is True
            }
        )

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
                both = ", ".join([*self._named("prohibits"), *self._named("permits")])
                return Outcome(Verdict.UNDECIDED, note=f"rules contradict each other: {both}")
            if allowed is None:
                return _must(allowing)
            return Outcome(Verdict.PROHIBITED)
        return self._routes() if forbidden is False else _must(atom)

    def _safeguard(self, kind: str) -> Truth:
        """Say whether a safeguard is in force and covers everything that needs a route."""
        fact = f"safeguard.{kind}"
        whole = self.views[-1].get(fact)
        out: Truth = whole
        for at in range(self.count):
            state = self.views[at].get(fact)
            if state is out:
                continue
            if not any(self.is_so(at, what, spared=True) is not False for what in ("important", "personal")):
                continue
            if state is False:
                return False
            out = None if out is not False else False
        return out

    def _needs(self) -> tuple[list[Need], Atom | None]:
        standing: list[Need] = []
        for need in self.law.needs:
            if any(other.name in need.unless for other in standing):
                continue
            truth, atom = self._any("requires", lambda live, want=need.name: live.rule.detail["need"] == want)  # type: ignore[misc] # mypy infers no lambda with a default
            if truth is None:
                return standing, _must(atom)
            if truth is True:
                standing.append(need)
        return standing, None

    def _routes(self) -> Outcome | Atom:
        standing, atom = self._needs()
        if atom is not None:
            return atom
        open_routes: list[tuple[str, ...]] = []
        completed: str | None = None
        own: set[str] = set()
        for need in standing:
            satisfied, atom = self._satisfied(need.name)
            if atom is not None:
                return atom
            if satisfied is not None:
                completed = completed or (None if satisfied == UNNAMED else satisfied)
                continue
            own.add(need.name)
            routes = list(need.routes)
            for live in self.moving.get("offers", ()):
                if live.rule.detail["need"] == need.name and self.holds(live, MOVEMENT) is not False:
                    routes += [route for route in live.rule.detail["routes"] if route not in routes]
            states = {way: self._safeguard(way) for way in dict.fromkeys((*routes, *need.done_by))}
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
        open_routes.sort(key=lambda routes: -min(ROUTE_STRICTNESS.get(route, 2) for route in routes))
        first = open_routes[0] if open_routes else ()
        more = tuple(route for routes in open_routes[1:] for route in routes)
        return Outcome(Verdict.CONDITIONAL, first, (*before, *more), None if open_routes else completed)

    def _safeguard_atom(self, kind: str) -> Atom:
        fact = f"safeguard.{kind}"
        return Atom((MOVEMENT, fact), (True, False), self.names(MOVEMENT, fact, None))

    def _satisfied(self, need: str) -> tuple[str | None, Atom | None]:
        waiting: Atom | None = None
        for live in self.moving.get("satisfies", ()):
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
        for live in self.moving.get("prerequisite", ()):
            bound = live.rule.detail["for_need"]
            if bound is not None and bound not in needs:
                continue
            truth = self.holds(live, MOVEMENT)
            if truth is None:
                return out, _must(self._ask(live))
            if truth is True and live.rule.detail["what"] not in out:
                out.append(live.rule.detail["what"])
        for at in range(self.count):
            for live in self.live[at]:
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
            OpenError: after `MANY_CELLS`, when verdicts already differ.
            TooManyCellsError: more than `MAX_CELLS` completions would have to be tried.
        """
        found = evaluate()
        if not isinstance(found, Atom):
            self.cells += 1
            self.spent += 1
            if isinstance(found, Outcome):
                self.verdicts.add(found.verdict)
            if self.cells > MAX_CELLS:
                raise TooManyCellsError
            if self.cells > MANY_CELLS and len(self.verdicts) > 1:
                raise OpenError
            return found
        parts: list[Any] = []
        self.met.update(found.names)
        self.assuming += 1
        before: list[Any] = []
        for candidate in found.candidates:
            before.append(self._assume(found.key, candidate))
            # A cell that cannot be is no completion, and has no answer.
            with contextlib.suppress(ImpossibleError):
                parts.append(self.explore(evaluate))
        self.assuming -= 1
        self._assume(found.key, before[0])
        if not parts:
            raise ImpossibleError
        if all(part == parts[0] for part in parts[1:]):
            same = parts[0]
            if isinstance(same, Outcome) and any(part.completed != same.completed for part in parts):
                return replace(same, completed=None)
            return same
        return Branch(found.names, tuple(parts))

    def plainly(self, at: int) -> frozenset[str] | None:
        """Give what one content is where nothing unknown has a part in it, else `None`."""
        self.look()
        status = self.status[at]
        return None if None in status.values() else frozenset(what for what, truth in status.items() if truth)

    def determination(self, at: int) -> frozenset[str] | Atom:
        """Give what one content is, or the atom on which that hangs."""
        self.look()
        self.look_at(at)
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

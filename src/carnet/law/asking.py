"""What the conditions of one legal order ask of a movement: values, counts, and what its contents are.

Holds what is assumed while completions are tried. An assumption about a content makes only that content be
looked at again, unless its number is combined over contents.
"""

from __future__ import annotations

import math
from typing import Any

from carnet.law.compiled import LiveRule, OrderLaw
from carnet.law.conditions import EVERYTHING, MOVEMENT, Atom, ImpossibleError, Interval, kleene_or
from carnet.law.derived import DERIVED
from carnet.law.index import Selection
from carnet.law.situation import Situation
from carnet.model.decision import Verdict
from carnet.model.vocabulary import may_be

Truth = bool | None


class Asking:
    """One order's law before one movement.

    Attributes:
        own: what each content, and last the movement, is known or assumed to be, by fact.
        views: the same with the movement's facts among those of each content.
        shared: what terms were found to say; forgotten whenever something is assumed.
        live: the rules about each content that may hold.
        moving: the rules about the movement that may hold, by effect.
    """

    def __init__(self, law: OrderLaw, facts: Situation) -> None:
        self.law = law
        self.facts = facts
        self.movement = facts.movement
        self.count = len(facts.movement.contents)
        self.own: tuple[dict[Any, Any], ...] = facts.own
        self.views: list[dict[Any, Any]] = list(facts.views)
        self.shared: dict[Any, Truth] = {}
        self.narrowed: dict[Any, Interval] = {}
        self._sums: dict[Any, Interval] = {}
        self._counts: dict[str, Interval] = {}
        self.live: list[tuple[LiveRule, ...]] = []
        self.about_all: tuple[LiveRule, ...] = ()
        self.chosen: list[Selection[LiveRule]] = []
        self.moving: dict[str, list[LiveRule]] = {}
        self.status: list[dict[str, Truth]] = [{} for _ in facts.classes]
        self.exempt: list[dict[str, Truth]] = [{} for _ in facts.classes]
        self._stale = set(range(self.count))
        self._in_force: dict[Any, Any] = {}
        self._looked: dict[Any, tuple[dict[str, Truth], dict[str, Truth]]] = {}
        self._untouched = True
        self.cells = 0
        self.assuming = 0
        self.spent = 0
        self.met: dict[str, str] = {}
        self.verdicts: set[Verdict] = set()
        self._members: dict[tuple[str, ...], list[int]] = {}
        self._memo: dict[tuple[int, int], Truth] | None = None

    def _select(self) -> None:
        """Find the rules that what is known leaves possible."""
        law = self.law
        widest = self._widest
        self.chosen = [
            of_class.index.possible(view, widest)
            for of_class, view in zip(law.of_classes(self.facts.classes), self.views, strict=True)
        ]
        self.live = [one.rules for one in self.chosen[:-1]]
        self.about_all = self.chosen[-1].rules
        moving = self.moving
        for live in self.about_all:
            if live.rule.exception_to is None:
                moving.setdefault(live.rule.effect, []).append(live)

    @property
    def candidates(self) -> list[tuple[LiveRule, ...]]:
        """Every rule that speaks of each content's class, whether or not it can hold."""
        return [self.law.content.get(name, ()) for name in self.facts.classes]

    def _widest(self, fact: str, over: tuple[str, ...] | None) -> Interval:
        """Give the bounds, of a number of the year or a combined one, that no completion leaves."""
        if over is not None:
            return self._combined(fact, over)
        before = self._before(fact)
        return (before[0], before[1] + sum([one.get("persons", EVERYTHING)[1] for one in self.own[:-1]]))

    # What conditions ask ------------------------------------------------------------------------------

    def known(self, at: int, fact: str) -> Any:
        """Give a plain value; `None` is unknown."""
        return self.views[at].get(fact)

    def member(self, at: int, fact: str, operator: str, operand: Any) -> Any:
        """Give a value, or what is assumed of one comparison with it."""
        view = self.views[at]
        value = view.get(fact)
        return view.get((fact, operator, operand)) if value is None and self.assuming else value

    def number(self, at: int, fact: str, over: tuple[str, ...] | None) -> Interval:
        """Give the bounds of a number."""
        if fact.startswith("year."):
            return self._year(fact)
        if over is not None:
            return self._narrow(self._combined(fact, over), ("over", fact, over))
        return self.views[at].get(fact, EVERYTHING)  # type: ignore[no-any-return] # numbers are intervals

    def key(self, at: int, fact: str, over: tuple[str, ...] | None) -> Any:
        """Give the key under which a value, or a narrower interval, is assumed."""
        if fact.startswith("year.") or over is not None:
            return ("over", fact, over)
        return self._own_key(at, fact)

    def _own_key(self, at: int, fact: str) -> tuple[int, str]:
        entry = self.facts.register[fact] if fact in self.facts.register else DERIVED.get(fact)
        return (at if entry is not None and entry.scope == "content" else MOVEMENT, fact)

    def _narrow(self, found: Interval, key: Any) -> Interval:
        assumed = self.narrowed.get(key)
        if assumed is None:
            return found
        low, high = max(found[0], assumed[0]), min(found[1], assumed[1])
        if low > high:
            raise ImpossibleError
        return (low, high)

    def covered(self, over: tuple[str, ...]) -> list[int]:
        """Give the contents whose class is one of some classes."""
        found: list[int] | None = self._members.get(over)
        if found is None:
            kept, key = self.law.kept.setdefault("covered", {}), (over, self.facts.classes)
            found = kept.get(key)
            if found is None:
                found = kept[key] = [
                    number
                    for number, name in enumerate(self.facts.classes)
                    if any(general == "*" or may_be(general, name) for general in over)
                ]
            self._members[over] = found
        return found

    def parts(self, fact: str, over: tuple[str, ...]) -> tuple[Interval, ...]:
        """Give the bounds of what is combined, content by content."""
        return tuple(self.own[number].get(fact, EVERYTHING) for number in self.covered(over))

    def _combined(self, fact: str, over: tuple[str, ...]) -> Interval:
        key = (fact, over)
        sums = self._sums
        if key not in sums:
            sums[key] = self._sum(fact, over)
        return sums[key]

    def _sum(self, fact: str, over: tuple[str, ...]) -> Interval:
        entry = self.facts.register[fact]
        lows, highs = [0.0], [0.0]
        for number in self.covered(over):
            low, high = self.own[number].get(fact, EVERYTHING)
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
        for number in self.covered(over):
            low, high = self.own[number].get(fact, EVERYTHING)
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
        found = live.test(self, at)
        if found is False or live.excepting is None:
            return found
        for exception in live.excepting.possible(self.views[at], self._widest).rules:
            excepted = exception.test(self, at)
            if excepted is True:
                return False
            if excepted is None:
                found = None
        return found

    def rest(self) -> None:
        """Go back to what is known, assume nothing, and remember what every rule says: for explanations."""
        if self.assuming:
            self.start_again()
        self._memo = {}
        self.look()

    def start_again(self) -> None:
        """Go back to what is known."""
        self.own = self.facts.own
        self.views = list(self.facts.views)
        self._untouched = True
        self.narrowed.clear()
        self._in_force.clear()
        self._forget()
        self.cells = self.assuming = 0
        self.verdicts.clear()
        self._stale.update(range(self.count))

    def _rule_atom(self, live: LiveRule, at: int) -> Atom | None:
        if live.test(self, at) is None:
            return live.when.atom(self, at)
        if live.excepting is not None:
            for exception in live.excepting.possible(self.views[at], self._widest).rules:
                if exception.test(self, at) is None:
                    return exception.when.atom(self, at)
        return None

    def look(self) -> None:
        """Find what contents are, and what they are exempt from, where an assumption touched them."""
        self.prepare()
        if self._stale:
            for at in self._stale:
                self.look_at(at)
            self.looked()

    def prepare(self) -> None:
        """Find the rules that can hold, once."""
        if not self.live:
            self._select()

    def looked(self) -> None:
        """Take what contents were found to be as what they are."""
        self._stale.clear()
        self.shared.clear()
        self._counts.clear()

    def _forget(self) -> None:
        """Forget what was worked out from what is known or assumed."""
        self.shared.clear()
        self._sums.clear()
        self._counts.clear()

    def look_at(self, at: int) -> None:
        """Find what one content is; what it was found to be under the same assumptions it is again."""
        key = (
            at,
            frozenset([one for one in self._in_force.items() if one[0][0] == at or self._wide(one[0])]),
        )
        kept = self._looked.get(key)
        if kept is not None:
            self.status[at], self.exempt[at] = kept
            return
        found: dict[str, Truth] = {}
        exempt: dict[str, Truth] = {}
        for live in self.live[at]:
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
        self.status[at] = found
        self.exempt[at] = exempt
        self._looked[key] = (found, exempt)

    def _wide(self, key: Any) -> bool:
        """Say whether an assumption can touch more than one content."""
        if key[0] == "over" or key[0] == MOVEMENT:
            return True
        entry = self.facts.register.get(key[1])
        return entry is None or entry.combines in {"sum", "union"}

    def _assume(self, key: Any, value: Any) -> Any:
        """Take a value for granted, or, with `None`, no longer; what it touches must be looked at again.

        Returns: what was assumed before.
        """
        self._forget()
        about = key[0]
        name = key[1] if len(key) == 2 else key[1:]  # noqa: PLR2004 - the place and the name
        if value is None or (about != "over" and value == self.facts.own[about].get(name)):
            self._in_force.pop(key, None)
        else:
            self._in_force[key] = value
        if about == "over":
            had = self.narrowed.get(key)
            if value is None:
                self.narrowed.pop(key, None)
            else:
                self.narrowed[key] = value
            self._stale.update(range(self.count))
            return had
        if self._untouched:
            self.own = tuple(map(dict, self.own))
            self.views = [*map(dict, self.views[:-1]), self.own[-1]]
            self._untouched = False
        mine = self.own[about]
        had = mine.get(name)
        if value is None:
            mine.pop(name, None)
            value = None if about == MOVEMENT else self.own[-1].get(name)
        else:
            mine[name] = value
        for at in range(self.count) if about == MOVEMENT else (about,):
            if about == MOVEMENT and name in self.own[at]:
                continue
            if value is None:
                self.views[at].pop(name, None)
            else:
                self.views[at][name] = value
        if self._wide(key):
            self._stale.update(range(self.count))
        else:
            self._stale.add(about)
        return had

    def is_so(self, at: int, what: str, *, spared: bool) -> Truth:
        """Say whether a content is something; `spared` leaves out what an exemption covers."""
        status, truth = self.status[at], self.status[at].get("personal", False)
        if what == "ordinary_personal":
            sensitive = status.get("sensitive_personal", False)
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
            for live in self.live[at]:
                if live.rule.effect != effect or self.holds(live, at) is not None:
                    continue
                targets = (live.rule.detail,) if effect == "determines" else live.rule.detail["from"]
                wanted = (
                    asked if effect == "determines" else ("important" if what == "important" else "personal",)
                )
                if any(one in targets for one in wanted):
                    return self._rule_atom(live, at)
        return None

    def found(self, fact: str) -> Truth:
        """Give whether any content is something."""
        shared = self.shared
        if fact in shared:
            return shared[fact]
        when, what = fact.split(".")
        spared = when == "has"
        out: Truth = False
        for at in range(self.count):
            truth = self.is_so(at, what, spared=spared)
            if truth is True:
                out = True
                break
            if truth is None:
                out = None
        shared[fact] = out
        return out

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
        if fact not in self._counts:
            self._counts[fact] = self._count(fact)
        return self._narrow(self._counts[fact], ("over", fact, None))

    def _count(self, fact: str) -> Interval:
        before = self._before(fact)
        counted = self._counted(fact)
        lows, highs = [0.0], [0.0]
        new_largest, new_total, old_total = 0.0, 0.0, 0.0
        some_open = False
        for at, truth in counted:
            low, high = self.own[at].get("persons", EVERYTHING)
            fresh = self.own[at].get("persons_new_this_year")
            if fresh is None:
                # All may be new; at least those are whom the year so far has no room for.
                some_open = True
                fresh = max(0.0, low - before[1]), high
            else:
                old_total += max(0.0, high - fresh[0])
                low = max(low, fresh[0])
            lows.append(low if truth is True else 0)
            highs.append(high)
            new_largest = max(new_largest, fresh[0] if truth is True else 0)
            new_total += fresh[1]
        # Whoever is in contents that name no new persons was sent before at most once, in all of them together.
        old_total += before[1] if some_open else 0.0
        totals = self.movement.totals
        sensitive = fact.endswith("sensitive")
        given = None if totals is None else totals.persons_sensitive if sensitive else totals.persons
        low, high = max(lows), sum(highs)
        if given is not None and counted and given >= low:  # fewer than one content has: no total at all
            only = sensitive or all(
                self.is_so(at, "sensitive_personal", spared=False) is False for at in range(self.count)
            )
            high = min(high, given)
            low = min(max(low, given if only else 0), high)
        # Who is not new is in some content, so the whole less all that is not new is new.
        fresh_low, fresh_high = sorted((max(new_largest, low - old_total), min(new_total, high)))
        return (before[0] + fresh_low, before[1] + fresh_high)

    def _year_names(self, fact: str) -> tuple[tuple[str, str], ...]:
        tail = "_sensitive" if fact.endswith("sensitive") else ""
        out: list[tuple[str, str]] = []
        before = self._before(fact)
        if before[1] == math.inf:
            out.append((f"year_to_date.persons{tail}", "persons"))
        counted = [at for at, _ in self._counted(fact)]
        for at in counted:
            name = f"contents.{self.movement.contents[at].name}"
            low, high = self.own[at].get("persons", EVERYTHING)
            if low != high:
                out.append((f"{name}.persons", "persons"))
            if before != (0, 0) and "persons_new_this_year" not in self.own[at]:
                out.append((f"{name}.persons_new_this_year", "persons_new_this_year"))
        totals = self.movement.totals
        known = None if totals is None else totals.persons_sensitive if tail else totals.persons
        if len(counted) > 1 and known is None:
            out.append((f"totals.persons{tail}", "persons"))
        return tuple(out) or ((f"totals.persons{tail}", "persons"),)

    def _open_status(self, fact: str) -> Atom | None:
        """Ask first what contents are, where a count hangs on that."""
        what = "sensitive_personal" if fact.endswith("sensitive") else "ordinary_personal"
        for at, truth in self._counted(fact):
            if truth is None:
                return self._is_atom(at, what)
        return None

"""The law of one legal order on one day: rules in force, conditions compiled, indexed by class of data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from carnet.errors import LawbookError
from carnet.law.closures import Test, closure
from carnet.law.conditions import (
    DATED,
    NUMERIC,
    OPERATORS,
    All,
    Always,
    AnyOf,
    Condition,
    Leaf,
    Not,
    Stated,
    Term,
)
from carnet.law.derived import DERIVED, FOUND
from carnet.law.index import Index
from carnet.law.reading import Node
from carnet.law.register import FactEntry, Register
from carnet.law.rules import Parameter, Rule
from carnet.model.vocabulary import covers, may_be

_ALWAYS = closure(Always())
_LARGEST = 10**15


@dataclass(frozen=True, slots=True, eq=False)
class LiveRule:
    """A rule in force, compiled.

    Attributes:
        exceptions: conditions of the rules that except it; any of them takes it out.
        test: its condition as a function.
        excepting: those exceptions, by what they hang on.
        number: its place in the order of the law.
    """

    rule: Rule
    when: Condition
    exceptions: tuple[tuple[Rule, Condition], ...] = ()
    facts: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    certainties: tuple[str, ...] = ()
    test: Test = _ALWAYS
    excepting: Index[Exceptional] | None = None
    number: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Exceptional:
    """What takes another rule out."""

    when: Condition
    test: Test


@dataclass(frozen=True, slots=True)
class Need:
    """What some rules require, and what carries it; said by all of them together, whichever of them holds.

    Attributes:
        unless: needs that are stricter; where one of them stands, this one yields.
        routes: any of which would do.
        done_by: safeguards that would do besides.
    """

    name: str
    rules: tuple[LiveRule, ...]
    unless: frozenset[str]
    routes: tuple[str, ...]
    done_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OfClass:
    """Rules about one class of data, or about the movement.

    Attributes:
        facts: every fact that any of them asks for.
        untouched: certainties of the tests that content must pass not to be important.
    """

    index: Index[LiveRule]
    facts: frozenset[str]
    untouched: tuple[str, ...]
    _presumable: list[frozenset[str]] = field(default_factory=list)

    def presumable(self, register: Register) -> frozenset[str]:
        """Give those of its facts that may be presumed."""
        if not self._presumable:
            self._presumable.append(self.facts & register.presumptions.keys())
        return self._presumable[0]


@dataclass(frozen=True, slots=True)
class OrderLaw:
    """What an order says on one day.

    Attributes:
        content: rules about a content, by class of data.
        movement: rules about the movement, by effect.
        needs: what may be required, in the order of the law.
        kept: what was worked out from this law and is true as long as it is.
    """

    code: str
    day: date
    modelled: bool
    reach: Condition
    countries: frozenset[str]
    content: Mapping[str, tuple[LiveRule, ...]]
    movement: Mapping[str, tuple[LiveRule, ...]]
    every: tuple[LiveRule, ...]
    reached: Test
    needs: tuple[Need, ...]
    kept: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    _indexed: dict[str | None, OfClass] = field(default_factory=dict, compare=False, repr=False)

    def of_class(self, name: str | None) -> OfClass:
        """Give the rules about a class of data, or, for `None`, about the movement; indexed when first asked for."""
        found = self._indexed.get(name)
        if found is None:
            rules = self.content.get(name, ()) if name is not None else self.about_all
            found = self._indexed[name] = _of_class(rules)
        return found

    def of_classes(self, names: tuple[str, ...]) -> tuple[OfClass, ...]:
        """Give the rules about each of some classes, and last those about the movement."""
        kept: dict[tuple[str, ...], tuple[OfClass, ...]] = self.kept.setdefault("classes", {})
        found = kept.get(names)
        if found is None:
            found = kept[names] = tuple(map(self.of_class, (*names, None)))
        return found

    @property
    def about_all(self) -> tuple[LiveRule, ...]:
        """Every rule about the movement, those that except another one too."""
        return tuple(one for one in self.every if one.rule.classes is None)


class Compiler:
    """Compiles the conditions of one order for one day."""

    def __init__(
        self, register: Register, parameters: Mapping[str, Parameter], terms: Mapping[str, Node], day: date
    ) -> None:
        self.register = register
        self.parameters = parameters
        self.terms = terms
        self.day = day

    def condition(self, node: Node | None, classes: tuple[str, ...] | None, depth: int = 0) -> Condition:
        """Compile one condition; refuses whatever the language does not know."""
        if node is None:
            return Always()
        if not isinstance(node.value, dict) or not node.value:
            raise node.error("this is no condition", "write all, any, not, stated, term, or a comparison")
        head = next(iter(node.value))
        if head in {"all", "any"}:
            node.keys((head,))
            parts = tuple(self.condition(one, classes, depth) for one in node[head].each())
            if not parts:
                raise node[head].error(f"an empty {head!r} says nothing", "name at least one condition")
            return All(parts) if head == "all" else AnyOf(parts)
        if head in {"not", "stated"}:
            node.keys((head,))
            part = self.condition(node[head], classes, depth)
            return Not(part) if head == "not" else Stated(part)
        if head == "term":
            node.keys(("term",))
            name = node["term"].word(frozenset(self.terms), "the term")
            if depth > 8:  # noqa: PLR2004 - terms that lean on terms that lean on terms
                raise node.error("terms lean on each other in a circle", "define one of them in full")
            part = self.condition(self.terms[name], classes, depth + 1)
            # A number combined over the rule's own classes makes the term mean something else in each rule.
            return part if any(leaf.over is not None for leaf in part.leaves()) else Term(name, part)
        return self._leaf(node, classes)

    def _leaf(self, node: Node, classes: tuple[str, ...] | None) -> Leaf:
        if "fact" not in node:
            raise node.error("this is no condition", "write all, any, not, stated, term, or a comparison")
        operators = [key for key in node.value if key in OPERATORS]
        if len(operators) != 1:
            raise node.error(
                "a comparison has exactly one operator", f"one of: {', '.join(sorted(OPERATORS))}"
            )
        operator = operators[0]
        node.keys(("fact", operator), ("combined",))
        name = node["fact"].text()
        if name in FOUND:
            if operator != "is" or node[operator].value is not True:
                raise node.error(f"{name} can only be asked whether it is true", "write is: true, or use not")
            return Leaf(name, operator, True, derived=True)
        entry = DERIVED.get(name) or (self.register.get(name, None))
        if entry is None:
            raise node["fact"].error(f"the fact {name!r} is not registered", "register it in facts.yaml")
        value, parameter = self._operand(node[operator], operator)
        self._type_check(node, entry, operator, value)
        over = None
        if "combined" in node and node["combined"].flag():
            if entry.combines not in {"sum", "union"} or classes is None:
                raise node.error(f"{name} is not combined over contents", "leave combined out")
            over = classes
        return Leaf(name, operator, value, parameter, over, entry.numeric)

    def _operand(self, node: Node, operator: str) -> tuple[Any, str | None]:
        value = node.value
        if isinstance(value, str) and value in self.parameters:
            parameter = self.parameters[value]
            if parameter.compare != operator:
                raise node.error(
                    f"the law's word for {value} is {parameter.compare!r}, not {operator!r}",
                    "use the comparison that the parameter gives",
                )
            dated = parameter.on(self.day)
            if dated is None:
                return None, value
            found = dated.value
            return (frozenset(found) if isinstance(found, tuple) else found), value
        if isinstance(value, str) and "/" in value:
            raise node.error(f"there is no parameter {value!r}", "define it in parameters.yaml")
        if operator in DATED:
            return node.day().isoformat(), None
        if operator in {"is_one_of", "includes_any"}:
            members = node.words()
            if not members:
                raise node.error("an empty list says nothing", "name at least one value")
            return frozenset(members), None
        return value, None

    def _type_check(self, node: Node, entry: FactEntry, operator: str, value: Any) -> None:
        if value is None:
            return
        if entry.numeric:
            good = (
                operator in NUMERIC | {"is"}
                and isinstance(value, int | float)
                and not isinstance(value, bool)
            )
            if good and not abs(value) <= _LARGEST:
                raise node.error("the number is too large to be exact", "no law counts beyond 10^15")
        elif entry.type == "bool":
            good = operator == "is" and isinstance(value, bool)
        elif entry.type == "list":
            good = operator in {"includes", "includes_any"}
        elif entry.type == "date":
            good = operator in DATED
        else:
            good = operator in {"is", "is_one_of"} and not isinstance(value, bool)
        if not good:
            raise node.error(
                f"{operator} does not fit the fact {entry.name!r}, which is of type {entry.type}",
                "choose a comparison that fits its type",
            )


def _speaks_of(rule: Rule, data: str) -> bool:
    """Say whether a rule speaks of a class of data.

    Data named too broadly (`image`) are held to every rule on what they may be (`image.exterior`); only an
    exemption must name them.
    """
    if rule.classes is None or rule.exception_to is not None:
        return False
    fits = covers if rule.effect == "exempts" else may_be
    return any(name == "*" or fits(name, data) for name in rule.classes)


def check_order(
    days: list[date],
    rules: tuple[Rule, ...],
    register: Register,
    parameters: Mapping[str, Parameter],
    terms: Mapping[str, Node],
    reach: Node,
) -> None:
    """Refuse an order that could not be compiled on some day on which it changes.

    A day changes only the values of parameters: a condition is compiled once for each set of values.

    Raises:
        LawbookError: with file and line.
    """
    for rule in rules:
        mine = [day for day in days if rule.in_force(day)]
        if not mine:
            continue
        leaves = Compiler(register, parameters, terms, mine[0]).condition(rule.when, rule.classes).leaves()
        used = dict.fromkeys(leaf.parameter for leaf in leaves if leaf.parameter is not None)
        values: set[tuple[Any, ...]] = set()
        for day in mine:
            for name in used:
                _value_on(day, name, rule, parameters)
            now = tuple(parameters[name].on(day) for name in used)
            if values and now not in values:
                Compiler(register, parameters, terms, day).condition(rule.when, rule.classes)
            values.add(now)
    for day in days:
        _reaching(Compiler(register, parameters, terms, day), reach)


def _reaching(compiler: Compiler, reach: Node) -> Condition:
    condition = compiler.condition(reach, None)
    if any(leaf.derived or leaf.fact.startswith("year.") for leaf in condition.leaves()):
        raise reach.error("whether the order has a say cannot hang on its own rules", "ask for plain facts")
    return condition


def _value_on(day: date, name: str, rule: Rule, parameters: Mapping[str, Parameter]) -> None:
    if parameters[name].on(day) is None:
        raise LawbookError(
            f"{rule.id} is in force on {day.isoformat()}, and {name} has no value on that day",
            where=rule.place,
            remedy="let both begin and end on the same days",
        )


def compile_order(
    code: str,
    day: date,
    *,
    rules: tuple[Rule, ...],
    register: Register,
    parameters: Mapping[str, Parameter],
    terms: Mapping[str, Node],
    reach: Node,
    countries: tuple[str, ...] | str,
    law_from: date,
    classes: frozenset[str],
) -> OrderLaw:
    """Compile an order for a day.

    Raises:
        LawbookError: with file and line, for a condition that the language does not know.
    """
    compiler = Compiler(register, parameters, terms, day)
    # Before its first modelled day an order still has a say; it then answers that it cannot.
    early = Compiler(register, parameters, terms, max(day, law_from))
    live: dict[str, LiveRule] = {}
    excepting: dict[str, list[tuple[Rule, Condition]]] = {}
    for rule in rules:
        if not rule.in_force(day):
            continue
        condition = compiler.condition(rule.when, rule.classes)
        if rule.exception_to is not None:
            excepting.setdefault(rule.exception_to, []).append((rule, condition))
        leaves = condition.leaves()
        used = {leaf.parameter: leaf.value for leaf in leaves if leaf.parameter is not None}
        for name in used:
            _value_on(day, name, rule, parameters)
        certainties = [rule.certainty]
        for name in used:
            dated = parameters[name].on(day)
            certainties += [dated.certainty] if dated else []
        live[rule.id] = LiveRule(
            rule,
            condition,
            (),
            tuple(dict.fromkeys(leaf.fact for leaf in leaves)),
            {name: sorted(v) if isinstance(v, frozenset) else v for name, v in used.items()},
            tuple(certainties),
        )
    every = tuple(
        replace(
            one,
            exceptions=tuple(excepting.get(one.rule.id, ())),
            test=closure(one.when),
            excepting=_exceptions(excepting.get(one.rule.id, [])),
            number=number,
        )
        for number, one in enumerate(live.values())
    )
    by_effect: dict[str, list[LiveRule]] = {}
    for one in every:
        if one.rule.classes is None and one.rule.exception_to is None:
            by_effect.setdefault(one.rule.effect, []).append(one)
    if isinstance(countries, str):
        dated = parameters[countries].on(early.day)
        members = frozenset(dated.value if dated else ())
    else:
        members = frozenset(countries)
    reaching = _reaching(early, reach)
    return OrderLaw(
        code,
        day,
        day >= law_from,
        reaching,
        members,
        _ByClass(every, classes),
        {effect: tuple(found) for effect, found in by_effect.items()},
        every,
        closure(reaching),
        _needs(by_effect.get("requires", [])),
    )


class _ByClass(Mapping[str, tuple[LiveRule, ...]]):
    """The rules about each class of data, put together when first asked for."""

    def __init__(self, every: tuple[LiveRule, ...], classes: frozenset[str]) -> None:
        self.every = every
        self.classes = classes
        self.known: dict[str, tuple[LiveRule, ...]] = {}

    def __getitem__(self, name: str) -> tuple[LiveRule, ...]:
        found = self.known.get(name)
        if found is None:
            if name not in self.classes:
                raise KeyError(name)
            found = self.known[name] = tuple(one for one in self.every if _speaks_of(one.rule, name))
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.classes)

    def __len__(self) -> int:
        return len(self.classes)


def _of_class(rules: tuple[LiveRule, ...]) -> OfClass:
    passed = [
        mark
        for one in rules
        if one.rule.effect == "determines" and one.rule.detail == "important"
        for mark in one.certainties
    ]
    return OfClass(
        Index(rules),
        frozenset(fact for one in rules for fact in one.facts),
        tuple(dict.fromkeys(passed)),
    )


def _exceptions(found: list[tuple[Rule, Condition]]) -> Index[Exceptional] | None:
    if not found:
        return None
    return Index([Exceptional(condition, closure(condition)) for _, condition in found])


def _needs(rules: list[LiveRule]) -> tuple[Need, ...]:
    out: list[Need] = []
    for name in dict.fromkeys(one.rule.detail["need"] for one in rules):
        mine = tuple(one for one in rules if one.rule.detail["need"] == name)
        out.append(
            Need(
                name,
                mine,
                frozenset(one.rule.detail["unless"] for one in mine) - {None},
                tuple(dict.fromkeys(route for one in mine for route in one.rule.detail["routes"])),
                tuple(dict.fromkeys(way for one in mine for way in one.rule.detail["done_by"])),
            )
        )
    return tuple(out)

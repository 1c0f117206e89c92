"""Cases: a movement with the answer that a source gives, and the score of a lawbook against them.

The form and the passing rules are those of the casebook's README: *preferred* when everything under `expect`
holds, *accepted* when one element of `accept` matches, *failed* otherwise. A case of an order that the
lawbook does not hold is *not modelled*, which is no failure of the run.
"""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from carnet.errors import CarnetError, LawbookError
from carnet.law.reading import Node
from carnet.model.decision import CERTAINTIES, Decision, Verdict
from carnet.model.movement import Movement, parse_movement

_CASE_KEYS = (
    "title",
    "origin",
    "kind",
    "evidence",
    "source",
    "jurisdictions",
    "certainty",
    "contested",
    "boundary",
    "jurisdiction_note",
    "why",
    "says",
    "silent",
    "made_by",
    "each",
)
ORIGINS = ("published", "built")
MAKERS = ("person", "program")
KINDS = ("example", "decision", "reported", "rule", "variant")
_EXPECT = (
    "verdict",
    "routes",
    "routes_open",
    "completed",
    "prerequisites",
    "exceptional_routes",
    "not_routes",
    "accept",
    "determination",
    "determinations",
    "overall",
    "missing",
    "missing_facts",
    "duties",
    "exemption",
    "route_in_words",
)
PREFERRED, ACCEPTED, FAILED, NOT_MODELLED = "preferred", "accepted", "failed", "not modelled"


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    Attributes:
        says, silent: rules that must, and must not, be among the findings and duties; `RULE#2` is a rule's
            second duty. Own cases use them for rules that report without deciding; the casebook has no such key.
        made_by: `program` where a program wrote the case from the lawbook itself: such a case repeats the rule
            and cannot show that it is wrong. Own cases only.
    """

    id: str
    title: str
    origin: str
    kind: str
    certainty: str
    jurisdictions: tuple[str, ...]
    movement: Movement
    expect: Mapping[str, Any]
    place: str
    says: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    made_by: str = "person"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one case, with the reasons why it is not the preferred answer."""

    case: Case
    outcome: str
    reasons: tuple[str, ...] = ()
    duties_wanted: int = 0
    duties_found: int = 0

    def to_mapping(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "id": self.case.id,
            "origin": self.case.origin,
            "kind": self.case.kind,
            "certainty": self.case.certainty,
            "jurisdictions": list(self.case.jurisdictions),
            "outcome": self.outcome,
            "reasons": list(self.reasons),
        }


@dataclass(frozen=True)
class Score:
    """The results of a run."""

    results: tuple[CaseResult, ...]
    _outcomes: tuple[str, ...] = field(default=(PREFERRED, ACCEPTED, FAILED, NOT_MODELLED))

    @property
    def passed(self) -> bool:
        """Whether every case of a modelled order is preferred or accepted."""
        return all(one.outcome != FAILED for one in self.results)

    def table(self, by: str) -> dict[str, dict[str, int]]:
        """Count outcomes by `origin`, `certainty`, `kind` or `order`."""
        rows: dict[str, Counter[str]] = {}
        for one in self.results:
            names = one.case.jurisdictions if by == "order" else (getattr(one.case, by),)
            for name in names:
                rows.setdefault(name, Counter())[one.outcome] += 1
        return {name: {o: rows[name][o] for o in self._outcomes} for name in sorted(rows)}

    def to_mapping(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "test": "v1",
            "passed": self.passed,
            "score": {by: self.table(by) for by in ("order", "origin", "certainty", "kind")},
            "duties": {
                "wanted": sum(one.duties_wanted for one in self.results),
                "found": sum(one.duties_found for one in self.results),
            },
            "cases": [one.to_mapping() for one in self.results],
        }


def read_cases(text: str, source: str) -> tuple[Case, ...]:
    """Read a file of cases.

    Raises:
        LawbookError: an unknown key, a case without source or expectation, two cases of one id.
        MovementError: a case's movement is not a movement.
    """
    top = Node.of_text(text, source)
    top.keys(("cases",), ("group", "rule", "made_by"))
    made_by = top["made_by"].word(MAKERS, "the maker") if "made_by" in top else "person"
    out: list[Case] = []
    for node in top["cases"].each():
        node.keys(("id", "movement", "expect", "jurisdictions", "source"), _CASE_KEYS)
        node["expect"].keys(("verdict",), _EXPECT)
        for name, movement in _each(node):
            if any(case.id == name for case in out):
                raise node["id"].error(f"the case {name} is there twice", "rename one of them")
            out.append(_case(node, name, movement, f"{source}, case {name}", made_by))
    if not out:
        raise LawbookError("there is no case", where=source, remedy="add one")
    return tuple(out)


def _case(node: Node, name: str, movement: Any, source: str, made_by: str) -> Case:
    return Case(
        id=name,
        title=node["title"].text() if "title" in node else name,
        origin=node["origin"].word(ORIGINS, "the origin") if "origin" in node else "built",
        kind=node["kind"].word(KINDS, "the kind") if "kind" in node else "rule",
        certainty=node["certainty"].word(
            ("official", "enforcement", "commentary", *CERTAINTIES), "the certainty"
        )
        if "certainty" in node
        else "commentary",
        jurisdictions=node["jurisdictions"].words(),
        movement=parse_movement(movement, source=source),
        expect=node["expect"].value,
        place=node.doc.where(node.path),
        says=node["says"].words() if "says" in node else (),
        silent=node["silent"].words() if "silent" in node else (),
        made_by=node["made_by"].word(MAKERS, "the maker") if "made_by" in node else made_by,
    )


def _each(node: Node) -> list[tuple[str, Any]]:
    """Give the movements that a case stands for: one, or with `each` one for every value of a list.

    `each: {at: [destination, recipient.established_in], values: [AD, AR]}` puts every value at all the paths.
    """
    name, movement = node["id"].text(), node["movement"].value
    if "each" not in node:
        return [(name, movement)]
    node["each"].keys(("at", "values"))
    out: list[tuple[str, Any]] = []
    for value in node["each"]["values"].each():
        one = copy.deepcopy(movement)
        for path in node["each"]["at"].each():
            _put(one, path, value.value)
        out.append((f"{name}-{str(value.value).lower()}", one))
    if not out:
        raise node["each"].error("an empty list stands for no case", "name at least one value")
    return out


def _put(movement: Any, path: Node, value: Any) -> None:
    steps: list[Any] = [
        int(one[1:-1]) if one.startswith("[") else one
        for one in re.findall(r"[^.\[\]]+|\[\d+\]", path.text())
    ]
    at = movement
    try:
        for step in steps[:-1]:
            at = at[step]
        at[steps[-1]] = value
    except (KeyError, IndexError, TypeError):
        raise path.error(
            f"the movement has no place {path.text()!r}",
            "write it as recipient.established_in or contents[0].data",
        ) from None


class _Comparison:
    """One case against one decision, rule by rule of the README."""

    def __init__(self, case: Case, decision: Decision, order: str) -> None:
        self.case = case
        self.expect = case.expect
        self.order = order
        self.decision = decision
        self.entry = decision.entry(order)
        self.reasons: list[str] = []

    @property
    def verdict(self) -> str:
        return self.entry.verdict.value if self.entry else Verdict.PERMITTED.value

    @property
    def routes(self) -> set[str]:
        return set(self.entry.routes) if self.entry else set()

    def want(self, holds: bool, reason: str) -> None:  # noqa: FBT001 - a claim and its name
        if not holds:
            self.reasons.append(reason)

    def routes_fit(self, wanted: Iterable[str]) -> bool:
        names = set(wanted)
        if self.order == "CN" or not names:
            return self.routes == names
        return bool(self.routes & names)

    def preferred(self) -> bool:
        self.reasons = []
        expect, entry = self.expect, self.entry
        self.want(self.verdict == expect["verdict"], f"verdict is {self.verdict}, not {expect['verdict']}")
        if "routes" in expect:
            self.want(
                self.routes_fit(expect["routes"]), f"routes are {sorted(self.routes)}, not {expect['routes']}"
            )
        if expect.get("routes_open"):
            self.want(bool(entry and entry.routes_open), "the routes are not said to be open")
        if "completed" in expect:
            done = entry.completed if entry else None
            self.want(done in expect["completed"], f"completed is {done}, not one of {expect['completed']}")
        for one in expect.get("prerequisites", ()):
            self.want(bool(entry and one in entry.prerequisites), f"the prerequisite {one} is not named")
        if "exceptional_routes" in expect:
            found = set(entry.exceptional_routes) if entry else set()
            wanted = set(expect["exceptional_routes"])
            self.want(wanted <= found if wanted else not found, f"exceptional routes are {sorted(found)}")
        for name, value in expect.get("determination", {}).items():
            self.want(self._is_determined(name, self.order, (value,)), f"{name} is not {value}")
        for name, by_order in expect.get("determinations", {}).items():
            for order, values in by_order.items():
                self.want(
                    self._is_determined(name, order, tuple(values)), f"{name} is not {values} in {order}"
                )
        findings = [one for entry in self.decision.jurisdictions for one in entry.findings]
        findings += [one for content in self.decision.contents for one in content.findings]
        spoke = {one.rule for one in findings if one.outcome != "undecided"}
        spoke |= {name for duty in self.decision.duties for name in (duty.id, duty.id.split("#")[0])}
        for rule in self.case.says:
            self.want(rule in spoke, f"{rule} says nothing")
        for rule in self.case.silent:
            self.want(rule not in spoke, f"{rule} speaks")
        said = [json.dumps(one.to_mapping()).lower() for one in self.decision.missing]
        for names in expect.get("missing_facts", ()):
            self.want(any(n.lower() in text for n in names for text in said), f"none of {names} is missing")
        return not self.reasons

    def _is_determined(self, name: str, order: str, values: tuple[str, ...]) -> bool:
        for content in self.decision.contents:
            if content.name == name:
                found = content.determinations.get(order)  # type: ignore[call-overload] # the case names it as text
                if found:
                    return all(value in found for value in values)
                return content.determination in values
        return False

    def accepted(self) -> Mapping[str, Any] | None:
        for one in self.expect.get("accept", ()):
            if one["verdict"] == self.verdict and ("routes" not in one or self.routes_fit(one["routes"])):
                return one  # type: ignore[no-any-return] # from YAML
        return None

    def sound(self, allowed: Iterable[str]) -> bool:
        before = len(self.reasons)
        wrong = (self.routes & set(self.expect.get("not_routes", ()))) - set(allowed)
        self.want(not wrong, f"the routes hold {sorted(wrong)}")
        if self.verdict == Verdict.UNDECIDED:
            self.want(bool(self.decision.missing), "undecided, and nothing is missing")
        if "overall" in self.expect:
            whole = self.decision.verdict.value
            self.want(whole == self.expect["overall"], f"the overall verdict is {whole}")
        if self.decision.verdict is Verdict.PERMITTED:
            self.want(self.verdict == Verdict.PERMITTED, "the whole is laxer than the order")
        if self.verdict == Verdict.PROHIBITED:
            self.want(self.decision.verdict is Verdict.PROHIBITED, "the whole is laxer than the order")
        return len(self.reasons) == before


def judge_case(case: Case, decision: Decision, modelled: frozenset[str]) -> CaseResult:
    """Score one case against the decision for its movement."""
    if not set(case.jurisdictions) <= modelled:
        return CaseResult(case, NOT_MODELLED)
    outcomes: list[str] = []
    reasons: list[str] = []
    for order in case.jurisdictions:
        comparison = _Comparison(case, decision, order)
        preferred = comparison.preferred()
        first = list(comparison.reasons)
        match = None if preferred else comparison.accepted()
        sound = comparison.sound(match.get("routes", ()) if match else ())
        if not sound or not (preferred or match is not None):
            outcomes.append(FAILED)
        else:
            outcomes.append(PREFERRED if preferred else ACCEPTED)
        reasons += first + [reason for reason in comparison.reasons if reason not in first]
    worst = max(outcomes, key=(PREFERRED, ACCEPTED, FAILED).index)
    wanted = [duty for duty in case.expect.get("duties", ()) if duty.get("when") == "before"]
    entries = [decision.entry(order) for order in case.jurisdictions]
    has_before = any(duty.when == "before" for entry in entries if entry for duty in entry.duties)
    return CaseResult(case, worst, tuple(reasons), len(wanted), len(wanted) if has_before else 0)


def failed_to_decide(case: Case, error: CarnetError) -> CaseResult:
    """Make the result of a case whose movement the lawbook refuses."""
    return CaseResult(case, FAILED, (str(error),))

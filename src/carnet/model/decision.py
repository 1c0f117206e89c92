"""The decision: the answer to a movement, as the public contract prints it, with enough to repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from carnet.model.ids import Digest, LegalOrder


class Verdict(StrEnum):
    """What the law says of a movement as it is."""

    PERMITTED = "permitted"
    CONDITIONAL = "conditional"
    PROHIBITED = "prohibited"
    UNDECIDED = "undecided"


STRICTNESS = (Verdict.PERMITTED, Verdict.CONDITIONAL, Verdict.UNDECIDED, Verdict.PROHIBITED)
"""From lax to strict. An undecided entry stands between: it is never permission, and never a prohibition."""

CERTAINTIES = ("official", "draft", "secondary", "background")
"""From strong to weak: text in force read; draft read; a summary read; known, not read again."""

DETERMINATIONS = ("important", "sensitive_personal", "personal", "ordinary", "undecided")

ROUTE_STRICTNESS: Mapping[str, int] = {
    "notice": 1,
    "report_to_authority": 1,
    "security_assessment": 3,
    "licence": 3,
}
"""Classes of the published preorder between permitted (0) and prohibited (4); contract-like routes are 2."""


def strictest(verdicts: tuple[Verdict, ...]) -> Verdict:
    """Give the strictest of some verdicts; no verdict is undecided."""
    return max(verdicts, key=STRICTNESS.index) if verdicts else Verdict.UNDECIDED


def weakest(certainties: tuple[str, ...]) -> str:
    """Give the weakest of some certainties; an answer that rests on no source is background."""
    return max(certainties, key=CERTAINTIES.index) if certainties else CERTAINTIES[-1]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule said in one case.

    Attributes:
        outcome: `prohibits`, `requires`, `determines`, `exempts`, `satisfies`, `notes`, `undecided`.
        words: plain words, with the values.
        facts: facts that the rule asked for, by name; `None` is unknown.
        parameters: dated values that it used, by id.
    """

    rule: str
    outcome: str
    words: str
    cite: str
    certainty: str
    content: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def to_mapping(self) -> dict[str, Any]:
        """Give the JSON form."""
        out: dict[str, Any] = {"rule": self.rule, "outcome": self.outcome, "words": self.words}
        if self.content is not None:
            out["content"] = self.content
        return out | {
            "facts": dict(self.facts),
            "parameters": dict(self.parameters),
            "cite": self.cite,
            "certainty": self.certainty,
        }


@dataclass(frozen=True, slots=True)
class Duty:
    """Something that must be done or shown, before or after."""

    id: str
    what: str
    who: str
    when: str
    cite: str
    certainty: str
    by: str | None = None

    def to_mapping(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "id": self.id,
            "what": self.what,
            "who": self.who,
            "when": self.when,
            "by": self.by,
            "cite": self.cite,
            "certainty": self.certainty,
        }


@dataclass(frozen=True, slots=True)
class Missing:
    """An unknown fact that would change the verdict or the route."""

    fact: str
    meaning: str
    supplied_by: str
    jurisdictions: tuple[LegalOrder, ...]

    def to_mapping(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "fact": self.fact,
            "meaning": self.meaning,
            "supplied_by": self.supplied_by,
            "jurisdictions": list(self.jurisdictions),
        }


@dataclass(frozen=True, slots=True)
class Assumed:
    """A presumption that the decision rests on, and why it may be presumed."""

    fact: str
    value: Any
    reason: str

    def to_mapping(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {"fact": self.fact, "value": self.value, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Entry:
    """The answer of one legal order."""

    code: LegalOrder
    verdict: Verdict
    routes: tuple[str, ...] = ()
    prerequisites: tuple[str, ...] = ()
    completed: str | None = None
    exceptional_routes: tuple[str, ...] = ()
    routes_open: bool = False
    exemption: str | None = None
    duties: tuple[Duty, ...] = ()
    findings: tuple[Finding, ...] = ()
    note: str | None = None

    def to_mapping(self) -> dict[str, Any]:
        """Give the JSON form."""
        out: dict[str, Any] = {
            "code": self.code,
            "verdict": self.verdict.value,
            "routes": list(self.routes),
            "prerequisites": list(self.prerequisites),
            "completed": self.completed,
            "exceptional_routes": list(self.exceptional_routes),
            "routes_open": self.routes_open,
            "exemption": self.exemption,
            "duties": [one.to_mapping() for one in self.duties],
            "findings": [one.to_mapping() for one in self.findings],
        }
        if self.note is not None:
            out["x-note"] = self.note
        return out


@dataclass(frozen=True, slots=True)
class ContentAnswer:
    """What a content item is, in each legal order."""

    name: str
    determination: str
    determinations: Mapping[LegalOrder, tuple[str, ...]]
    findings: tuple[Finding, ...] = ()

    def to_mapping(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "name": self.name,
            "determination": self.determination,
            "determinations": {code: list(found) for code, found in self.determinations.items()},
            "findings": [one.to_mapping() for one in self.findings],
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """Verdict, routes, findings and duties, under one day's law and one lawbook.

    Attributes:
        not_modelled: countries that have a say in the movement and whose law this lawbook does not hold;
            the verdict does not speak for them.
        laxest: the laxest verdict that some completion of the unknown facts would give; no part of the document.
        span: how strict the laxest and the strictest completion are, from 0 (permitted) over the classes of
            `ROUTE_STRICTNESS` to 4 (prohibited); `None` where not every completion was tried; no part of the
            document.
        cells: completions that were tried; no part of the document.
    """

    verdict: Verdict
    jurisdictions: tuple[Entry, ...]
    contents: tuple[ContentAnswer, ...]
    missing: tuple[Missing, ...]
    assumed: tuple[Assumed, ...]
    certainty: str
    day: date
    lawbook: Digest
    routes: tuple[str, ...] = ()
    completed: str | None = None
    exceptional_routes: tuple[str, ...] = ()
    routes_open: bool = False
    not_modelled: tuple[str, ...] = ()
    laxest: Verdict = Verdict.UNDECIDED
    span: tuple[int, int] | None = None
    cells: int = 0

    @property
    def duties(self) -> tuple[Duty, ...]:
        """Every duty of every legal order."""
        return tuple(duty for entry in self.jurisdictions for duty in entry.duties)

    def entry(self, code: str) -> Entry | None:
        """Give the entry of one legal order, or `None` where it has no say."""
        return next((entry for entry in self.jurisdictions if entry.code == code), None)

    def to_mapping(self) -> dict[str, Any]:
        """Give the decision document, version 1."""
        return {
            "decision": "v1",
            "verdict": self.verdict.value,
            "routes": list(self.routes),
            "completed": self.completed,
            "exceptional_routes": list(self.exceptional_routes),
            "routes_open": self.routes_open,
            "jurisdictions": [one.to_mapping() for one in self.jurisdictions],
            "contents": [one.to_mapping() for one in self.contents],
            "missing": [one.to_mapping() for one in self.missing],
            "assumed": [one.to_mapping() for one in self.assumed],
            "certainty": self.certainty,
            "law": {"date": self.day.isoformat(), "lawbook": self.lawbook},
            "x-not_modelled": list(self.not_modelled),
        }

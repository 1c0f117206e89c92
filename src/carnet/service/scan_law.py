"""What scanned files are in the law of the region where they lie, before anybody asks to move them.

The lawbook's own judge is asked, with one imagined movement out of the region: a content's determination (important,
sensitive, personal, ordinary, or not decided) hangs on the law of the region alone. It is no decision: nobody
has said who would receive what, and why.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from carnet.decide import decide
from carnet.law.full import Asked, explain_fully
from carnet.law.lawbook import Lawbook
from carnet.law.rules import Rule
from carnet.model.factsheet import FactSheet, ReadState, StreamFacts
from carnet.model.ids import Country, DataClass
from carnet.model.movement import Movement, parse_movement
from carnet.transfer.assemble import contents_of

ELSEWHERE = "XB"
"""A country that no lawbook holds: only the region's own law answers."""

STRICTEST = ("blocked", "important", "undecided", "sensitive_personal", "personal", "ordinary")
_GONE = ("location", "vehicle_id", "biometric", "identity", "audio")
"""Classes whose streams go whole when people are taken out; of others, parts of messages and pictures go."""

_PLACES = "sensitive_places"
_BY_WEIGHT = (False, None, True)
_PARTS = {"image": ("faces", "plates"), "driving": ("vin",), "diagnostics": ("vin",), "energy": ("vin",)}


@dataclass(frozen=True, slots=True)
class Standing:
    """What one file is.

    Attributes:
        found: determinations, strictest first; `blocked` alone for a file that cannot be read.
        unknown: facts that nobody knows and that would change that.
        without: the same after people, numbers and places are taken out; empty where nothing is left.
        still: facts that nobody knows then.
        parts: what would have to be taken out.
    """

    found: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    still: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def strictest(self) -> str:
        """The one under which the file is counted."""
        return self.found[0] if self.found else "ordinary"


@dataclass(frozen=True, slots=True)
class Tested:
    """One test of the law, before everything that was scanned.

    Attributes:
        truth: whether it is met by any content; None where nobody knows.
        used: each fact that it asks, with what it is compared with and what is known (None: nothing).
        data: the classes of the contents of which this holds.
    """

    rule: Rule
    truth: bool | None
    used: tuple[Asked, ...]
    data: tuple[DataClass, ...]


class RegionLaw:
    """Asks the law of one region."""

    def __init__(self, region: Country, lawbook: Lawbook, day: date, vehicles: int | None = None) -> None:
        """Prepare to ask.

        Args:
            region: where the files were recorded and lie.
            lawbook: under which they are looked at.
            day: whose law holds.
            vehicles: how many vehicles all files come from, where somebody has said it and nothing went before.
        """
        self.region, self.lawbook, self.day = region, lawbook, day
        self._vehicles = vehicles
        self._asked: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}

    @property
    def held(self) -> bool:
        """Whether the lawbook holds the law of the region."""
        one = {"name": "speed", "data": "driving.dynamics", "about": [self.region]}
        decision = decide(self._movement([one]), self.lawbook, explain=False)
        return self.region not in decision.not_modelled

    def standing(self, sheet: FactSheet) -> Standing:
        """Say what one file is."""
        if sheet.state is ReadState.BLOCKED:
            return Standing(("blocked",))
        contents = self._contents([sheet])
        found, unknown = self._look(contents)
        kept = [self._without(one) for one in contents if not one["data"].startswith(_GONE)]
        without, still = self._look(kept) if kept else ((), ())
        parts = {part for one in contents for part in self._parts(one)}
        return Standing(found, unknown, without, still, tuple(sorted(parts)))

    def tests(self, sheets: Iterable[FactSheet]) -> list[Tested]:
        """Give every test of important data that can speak of what was found, over all files together."""
        contents = self._contents([one for one in sheets if one.state is not ReadState.BLOCKED])
        if not contents:
            return []
        classes = {str(one["name"]): DataClass(str(one["data"])) for one in contents}
        best: dict[str, Tested] = {}
        for order in explain_fully(self._movement(contents), self.lawbook):
            for one in order.candidates:
                rule = self.lawbook.rule(one.rule)
                if rule is None or rule.effect != "determines" or rule.detail != "important":
                    continue
                held = (classes[one.content],) if one.content in classes else ()
                new = Tested(rule, one.truth, one.conditions, held)
                old = best.get(rule.id)
                if old is None or _open(new) > _open(old):
                    best[rule.id] = new
                elif _open(new) == _open(old):
                    both = tuple(dict.fromkeys((*old.data, *held)))
                    best[rule.id] = Tested(rule, old.truth, old.used, both)
        return list(best.values())

    def _contents(self, sheets: Sequence[FactSheet]) -> list[dict[str, Any]]:
        if not any(one.streams or one.outside for one in sheets):
            return []
        contents = contents_of(self.region, sheets, day=self.day)
        for one in contents:
            del one["vehicles"]
            if self._vehicles is not None:
                one["vehicles"] = self._vehicles
        return contents

    def _without(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """Give a content as it is after people, numbers and sensitive places are taken out of it."""
        parts = self._parts(content)
        made = dict(content) | {"persons": 0}
        facts = dict(content.get("facts", {}))
        if parts:
            made["removed"] = list(parts)
        if str(content["data"]).startswith("image"):
            facts |= {
                "faces_px_max": 0,
                "plates_px_max": 0,
                "contains_faces": False,
                "contains_plates": False,
            }
        if _PLACES in parts:
            facts |= {_PLACES: False, "military_area": False}
        if facts:
            made["facts"] = facts
        return made

    def _parts(self, content: Mapping[str, Any]) -> tuple[str, ...]:
        """Say what would be taken out of a content; a class that identifies as a whole goes whole."""
        data = DataClass(str(content["data"]))
        gone = next((head for head in _GONE if data.startswith(head)), None)
        if gone is not None:
            return (f"{gone}.*",)
        parts = _PARTS.get(data.partition(".")[0], ())
        can = data in self.lawbook.vocabulary and _PLACES in self.lawbook.vocabulary[data].identifying
        return (*parts, _PLACES) if can and content.get("facts", {}).get(_PLACES) else parts

    def _look(self, contents: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        found: set[str] = set()
        unknown: dict[str, None] = {}
        for one in contents:
            key = json.dumps(one, sort_keys=True)
            if key not in self._asked:
                self._asked[key] = self._one(one)
            words, facts = self._asked[key]
            found.update(words)
            unknown.update(dict.fromkeys(facts))
        return tuple(sorted(found, key=STRICTEST.index)), tuple(unknown)

    def _one(self, content: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        movement = self._movement([content])
        (answer,) = decide(movement, self.lawbook, explain=False).contents
        words = {word for found in answer.determinations.values() for word in found}
        if "undecided" not in words:
            return tuple(words), ()
        facts = {
            asked.fact: None
            for order in explain_fully(movement, self.lawbook)
            for one in order.candidates
            if one.truth is None and one.effect == "determines"
            for asked in one.conditions
            if asked.truth is None
        }
        return tuple(words), tuple(facts)

    def _movement(self, contents: Sequence[Mapping[str, Any]]) -> Movement:
        return parse_movement(
            {
                "movement": "v1",
                "date": self.day.isoformat(),
                "origin": self.region,
                "held_in": self.region,
                "destination": ELSEWHERE,
                "mode": "transfer",
                # The activity that the strictest counts of pictures speak of.
                "activity": "driving_automation",
                "exporter": {"established_in": self.region},
                "recipient": {"established_in": ELSEWHERE, "relation": "controller"},
                "contents": list(contents),
                # Who says how many vehicles there are speaks of all that goes; else what went before is unknown.
                **({} if self._vehicles is None else {"history": []}),
            },
            source="scan",
        )


def _open(one: Tested) -> tuple[int, int]:
    """Order what one test says of several contents: what is met comes first, then what is open.

    Of what is not met, the content of which least is known is shown: a `no` for one never stands for all.
    """
    unsaid = sum(asked.used is None for asked in one.used) if one.truth is False else 0
    return _BY_WEIGHT.index(one.truth), unsaid


def spans_of(streams: Iterable[StreamFacts]) -> tuple[int, int] | None:
    """Give the first and last time of a file's streams in ns since 1970 (UTC), where they tell a day."""
    times = [
        (int(one.facts["start_ns"]), int(one.facts["end_ns"]))  # type: ignore[arg-type] # describe writes whole numbers
        for one in streams
        if "start_ns" in one.facts and int(one.facts["start_ns"]) > _YEAR_2000_NS  # type: ignore[arg-type] # as above
    ]
    return (min(one for one, _ in times), max(one for _, one in times)) if times else None


_YEAR_2000_NS = 946_684_800 * 10**9


def classes_of(sheets: Iterable[FactSheet]) -> dict[DataClass, int]:
    """Count the files in which each class of data occurs."""
    found: dict[DataClass, int] = {}
    for sheet in sheets:
        for one in sheet.data:
            found[one] = found.get(one, 0) + 1
    return dict(sorted(found.items()))

"""Standing movements when the law changes: whose answer is another now, and what waits until it is decided again.

A movement stands from its request until its receipt. Its answer is what people agreed to: verdict, routes, what
comes first and what is owed before, by legal order. When an officer adopts another lawbook, every standing
movement is judged under it; where the answer is another, the request is paused, and a transfer under way is held
before its next segment. Nothing is lost: the engineer asks again, and the release goes on once the law permits it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carnet.decide import decide
from carnet.errors import CarnetError, RefusedError, RequestStateError
from carnet.evidence.statements import Kind, Subject, statement, utc_text
from carnet.model.canonical import canonical_json, digest_of
from carnet.model.decision import Verdict
from carnet.model.ids import PersonId, RecordingId, RequestId
from carnet.model.movement import parse_movement
from carnet.service.movements import Movements
from carnet.service.node import Node, Person
from carnet.transfer.assemble import Undertaking
from carnet.transfer.courier import HELD, RECEIPT, write_whole
from carnet.transfer.request import Role, State, Step, check_step

STANDING = (State.REQUESTED, State.APPROVED, State.RELEASING, State.PAUSED)


@dataclass(frozen=True, slots=True)
class Change:
    """A standing movement whose answer is another under the lawbook that is wired now."""

    request: RequestId
    state: State
    was: Mapping[str, Any]
    now: Mapping[str, Any]

    def to_mapping(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "request": self.request,
            "state": self.state.value,
            "was": dict(self.was),
            "now": dict(self.now),
        }


def answer_of(decision: Mapping[str, Any]) -> dict[str, Any]:
    """Give what people agreed to in a decision: its verdict, and by legal order what it asks for beforehand."""
    return {
        "verdict": decision["verdict"],
        "orders": {
            one["code"]: {
                "verdict": one["verdict"],
                "routes": sorted(one["routes"]),
                "prerequisites": list(one["prerequisites"]),
                "before": sorted(duty["id"] for duty in one["duties"] if duty["when"] == "before"),
            }
            for one in decision["jurisdictions"]
        },
    }


class Standing:
    """The standing movements of one node."""

    def __init__(self, node: Node, movements: Movements) -> None:
        self._node = node
        self._movements = movements

    def changes(self) -> tuple[Change, ...]:
        """Judge every standing movement under the lawbook that is wired, adopted or not; changes nothing."""
        marks = ", ".join("?" for _ in STANDING)
        rows = self._node.catalog.rows(
            f"SELECT * FROM requests WHERE state IN ({marks}) ORDER BY changed",  # noqa: S608 - question marks only
            tuple(one.value for one in STANDING),
        )
        found: list[Change] = []
        for row in rows:
            old = json.loads(row["released_decision"] or row["decision"])
            if old["law"]["lawbook"] == self._node.lawbook.digest:
                continue
            was, now = answer_of(old), self._now(row)
            if was != now:
                found.append(Change(RequestId(row["id"]), State(row["state"]), was, now))
        return tuple(found)

    def _now(self, row: Any) -> dict[str, Any]:
        """Give today's answer to the same movement; one that cannot be decided any more lets nothing go."""
        movement = json.loads(row["released_movement"] or row["movement"])
        movement["date"] = self._movements.today().isoformat()
        try:
            decision = decide(parse_movement(movement, source="catalog"), self._node.lawbook)
        except CarnetError as error:
            return {"verdict": Verdict.UNDECIDED.value, "orders": {}, "error": error.what}
        return answer_of(decision.to_mapping())

    def pause(self, actor: str) -> tuple[Change, ...]:
        """Pause what has another answer now; gives it. A transfer under way is held before its next segment.

        Args:
            actor: who adopted the lawbook, or the node's own name when it starts.
        """
        paused: list[Change] = []
        with self._movements.door:  # nothing is handed over between the look and the hold
            for change in self.changes():
                if change.state is State.PAUSED or self._is_held(change.request):
                    continue
                if change.state is State.RELEASING and not self._hold(change):
                    continue
                if self._record(change, actor):
                    paused.append(change)
        return tuple(paused)

    def _hold(self, change: Change) -> bool:
        folder = self._node.outbox / change.request
        if (folder / RECEIPT).exists() or self._went_on(change.request):
            return False  # it has arrived, or an officer has decided it under this lawbook
        # A release whose hand-over a crash cut has no folder yet: it must not be taken up either.
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / HELD, canonical_json({"lawbook": self._node.lawbook.digest}))
        return True

    def _is_held(self, request: RequestId) -> bool:
        return (self._node.outbox / request / HELD).is_file()

    def _went_on(self, request: RequestId) -> bool:
        """Whether an officer let it go on under the lawbook that is wired now."""
        decided = {"request": request, "lawbook": self._node.lawbook.digest}
        for entry in reversed(self._node.catalog.entries()):
            said = entry.statement()
            if said["predicateType"] == Kind.RESUMED.value and decided.items() <= said["predicate"].items():
                return True
        return False

    def _record(self, change: Change, actor: str) -> bool:
        """Record the pause; `False` when somebody ended the request meanwhile, and nothing is left to pause."""
        now = self._node.clock()
        predicate = {
            "request": change.request,
            "lawbook": self._node.lawbook.digest,
            "was": change.was["verdict"],
            "now": change.now["verdict"],
        }
        subject = Subject(change.request, digest_of(change.now).removeprefix("sha256:"))
        said = statement(Kind.PAUSED, [subject], predicate, actor=actor, at=now)
        # One that was requested may have been approved since the look: it is paused all the same.
        under_way = change.state is State.RELEASING
        before = (State.RELEASING,) * 2 if under_way else (State.REQUESTED, State.APPROVED)
        after = State.RELEASING if under_way else State.PAUSED
        try:
            with self._node.catalog.change(said) as step:
                done = step.execute(
                    "UPDATE requests SET state=?, changed=? WHERE id=? AND state IN (?, ?)",
                    (after.value, utc_text(now), change.request, *(one.value for one in before)),
                )
                if done.rowcount != 1:
                    raise RequestStateError("it has ended", remedy="carnet movement show")
        except RequestStateError:
            return False
        return True

    def again(self, request: RequestId, person: Person) -> None:
        """Decide a paused request again, or let a held transfer go on where the law permits it as it is.

        A request becomes a new one under its old id: whoever asks again is who asked, and it wants a new approval.

        Raises:
            RequestStateError: it is neither paused nor held.
            RefusedError: not this person's to do; or the law of today does not permit the held transfer.
        """
        row = self._movements.row(request)
        if self._is_held(request):
            self._go_on(row, request, person)
            return
        after = check_step(
            State(row["state"]),
            Step.AGAIN,
            role=person.role,
            person=person.id,
            requested_by=PersonId(row["requested_by"]),
        )
        undertaking = Undertaking.from_json(json.loads(row["body"]))
        recording = RecordingId(row["recording"])
        movement, decision = self._movements.decide(recording, undertaking)
        said = self._movements.requested(request, recording, movement, decision, person)
        with self._node.catalog.change(said) as change:
            done = change.execute(
                "UPDATE requests SET state=?, requested_by=?, movement=?, decision=?, approved_by=NULL, "
                "approval=NULL, changed=? WHERE id=? AND state=?",
                (
                    after.value,
                    person.id,
                    canonical_json(movement).decode(),
                    canonical_json(decision.to_mapping()).decode(),
                    said["predicate"]["time"],
                    request,
                    row["state"],
                ),
            )
            if done.rowcount != 1:
                raise RequestStateError(
                    "somebody else took a step of this request meanwhile", remedy="carnet movement show"
                )

    def _go_on(self, row: Any, request: RequestId, person: Person) -> None:
        if person.role is not Role.OFFICER:
            raise RefusedError(
                "only an officer lets a held transfer go on", remedy="ask her: part of it may have left"
            )
        self._movements.check_held(request)
        now = self._node.clock()
        subject = Subject(request, digest_of(json.loads(row["movement"])).removeprefix("sha256:"))
        said = statement(
            Kind.RESUMED,
            [subject],
            {"request": request, "lawbook": self._node.lawbook.digest},
            actor=person.id,
            at=now,
        )
        self._node.catalog.record(said)
        self._node.catalog.seal()
        folder = self._node.outbox / request
        (folder / HELD).unlink(missing_ok=True)
        if not any(folder.iterdir()):
            folder.rmdir()  # it was held before its hand-over: the node takes that up

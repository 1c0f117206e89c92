"""Jobs on movements: decide, plan, request, approve, release, settle. Each step is recorded as it is taken."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from carnet.decide import decide
from carnet.errors import CarnetError, InputError, PeerError, RefusedError, RequestStateError
from carnet.evidence.signing import Envelope, open_envelope
from carnet.evidence.statements import Kind, Subject, statement, utc_text
from carnet.model.canonical import canonical_json, digest_of
from carnet.model.decision import Decision, Verdict
from carnet.model.ids import PersonId, RecordingId, RequestId, new_request_id
from carnet.model.movement import parse_movement
from carnet.plan import Plan, plan
from carnet.service.declarations import Declarations
from carnet.service.looks import countries
from carnet.service.node import Node, Person
from carnet.service.recordings import Recordings
from carnet.transfer.assemble import Derivation, Sent, Undertaking, assemble
from carnet.transfer.courier import HELD, RECEIPT, REFUSED
from carnet.transfer.gate import (
    Application,
    Approval,
    Cleared,
    Shipment,
    approval_predicate,
    check,
    intent_number,
)
from carnet.transfer.permit import open_permit
from carnet.transfer.receiving import check_receipt
from carnet.transfer.request import Role, State, Step, check_step
from carnet.vault.residency import check_residency


class Movements:
    """Jobs on the movements of one node."""

    def __init__(self, node: Node, recordings: Recordings, declarations: Declarations) -> None:
        self._node = node
        self._recordings = recordings
        self._declarations = declarations
        self.door = threading.Lock()  # held while something is handed over, or held back

    # Deciding ----------------------------------------------------------------------------------------------

    def today(self) -> date:
        """The day, in UTC."""
        return self._node.clock().date()

    def movement(self, recording: RecordingId, undertaking: Undertaking) -> dict[str, Any]:
        """Write the movement document of a recording, as the catalog has it now."""
        found = self._recordings.get(recording)
        sheets = self._recordings.sheets(recording)
        check_residency(self._node.config.region, found.origin, countries(sheets))
        receiver = self._node.peers().get(undertaking.receiver)
        if receiver is None:
            raise InputError(
                f"no node of the name {undertaking.receiver} is paired with this one",
                remedy="pair the nodes first: carnet node pair",
            )
        return assemble(
            origin=found.origin,
            held_in=self._node.config.region,
            exporter=self._node.config.operator,
            recipient=recipient_of(receiver.operator),
            destination=receiver.region,
            undertaking=undertaking,
            sheets=sheets,
            derivation=self._derivation(recording),
            declared=self._declarations.declared(self.today(), recording),
            sent=self._sent(),
            day=self.today(),
        )

    def _derivation(self, recording: RecordingId) -> Derivation | None:
        """How it was derived, with a person's review in the place of the check's findings where there is one."""
        found = self._recordings.derivation(recording)
        if found is None:
            return None
        reviewed = self._declarations.reviewed(self.today())
        for one in self._recordings.pictures_from(recording):  # the nearest first
            if one in reviewed:
                return Derivation(found.removed, {**found.residual, **reviewed[one]})
        return found

    def decide(self, recording: RecordingId, undertaking: Undertaking) -> tuple[dict[str, Any], Decision]:
        """Give the movement and what the law says of it; changes nothing."""
        movement = self.movement(recording, undertaking)
        return movement, self._judge(movement)

    def plan(self, recording: RecordingId, undertaking: Undertaking) -> Plan:
        """Give the least that must be taken out, or done, so that it may go."""
        movement = self.movement(recording, undertaking)
        self._check_adopted()
        return plan(parse_movement(movement, source="catalog"), self._node.lawbook)

    def _judge(self, movement: Mapping[str, Any]) -> Decision:
        self._check_adopted()
        return decide(parse_movement(movement, source="catalog"), self._node.lawbook)

    def _check_adopted(self) -> None:
        if self._declarations.adopted_lawbook(self.today()) != self._node.lawbook.digest:
            raise RefusedError(
                "no officer of this node has adopted the lawbook that it has",
                remedy="the officer reads what changed and adopts it: carnet node adopt",
            )

    def _sent(self) -> Sent:
        """Count what this node has released since 1 January, from the released movements.

        Heads are added up, so that somebody in two movements counts twice: never too few. A released content
        whose heads nobody stated makes the year's count unknown, not nought.
        """
        since = f"{self.today().year}-01-01"
        rows = self._node.catalog.rows(
            "SELECT released_movement FROM requests WHERE state IN (?, ?) AND changed >= ?",
            (State.RELEASING.value, State.RELEASED.value, since),
        )
        heads = {False: 0, True: 0}
        known = True
        windows: list[dict[str, Any]] = []
        for row in rows:
            movement = json.loads(row["released_movement"])
            for content in movement["contents"]:
                sensitive = bool(self._node.lawbook.vocabulary[content["data"]].sensitive)
                known = known and "persons" in content
                heads[sensitive] += int(content.get("persons", 0))
                for measure in ("hours", "images"):
                    value = content.get("facts", {}).get(measure)
                    if value:
                        windows.append(
                            {"from": since, "to": movement["date"], "measure": measure, "value": value}
                        )
        if not known:
            return Sent(None, None, tuple(windows))
        return Sent(heads[False], heads[True], tuple(windows))

    # Requests ----------------------------------------------------------------------------------------------

    def request(self, recording: RecordingId, undertaking: Undertaking, person: Person) -> RequestId:
        """Ask for a movement: it is written, decided and recorded, whatever the law says of it."""
        movement, decision = self.decide(recording, undertaking)
        identifier = new_request_id()
        said = self.requested(identifier, recording, movement, decision, person)
        with self._node.catalog.change(said) as change:
            change.execute(
                "INSERT INTO requests (id, recording, state, requested_by, body, movement, decision, changed) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    identifier,
                    recording,
                    State.REQUESTED.value,
                    person.id,
                    canonical_json(undertaking.to_json()).decode(),
                    canonical_json(movement).decode(),
                    canonical_json(decision.to_mapping()).decode(),
                    said["predicate"]["time"],
                ),
            )
        return identifier

    def requested(
        self,
        request: RequestId,
        recording: RecordingId,
        movement: Mapping[str, Any],
        decision: Decision,
        person: Person,
    ) -> dict[str, Any]:
        """Give the statement that somebody asks for a movement, as it is decided now."""
        predicate = {
            "request": request,
            "recording": recording,
            "movement": digest_of(movement),
            "decision": digest_of(decision.to_mapping()),
            "verdict": decision.verdict.value,
            "lawbook": decision.lawbook,
        }
        subject = Subject(request, digest_of(movement).removeprefix("sha256:"))
        return statement(Kind.REQUESTED, [subject], predicate, actor=person.id, at=self._node.clock())

    def row(self, request: RequestId) -> Any:
        """Give a request's row; raises `InputError` when there is none."""
        row = self._node.catalog.row("SELECT * FROM requests WHERE id=?", (request,))
        if row is None:
            raise InputError("no request of that id is here", remedy="carnet movement show lists them")
        return row

    def show(self, request: RequestId) -> dict[str, Any]:
        """Give a request as its people see it."""
        row = self.row(request)
        refused = self._node.outbox / request / REFUSED
        return {
            "request": request,
            "state": row["state"],
            "recording": row["recording"],
            "requested_by": row["requested_by"],
            "approved_by": row["approved_by"],
            "movement": json.loads(row["movement"]),
            "decision": json.loads(row["decision"]),
            "refused": json.loads(refused.read_bytes()) if refused.is_file() else None,
        }

    def approve(self, request: RequestId, form: Any, person: Person) -> None:
        """Keep an approval that the person signed with her own key.

        Raises:
            RefusedError: she asked for it herself, has not the role, or the law does not permit it.
            SignatureError: the signature is not hers.
        """
        row = self.row(request)
        after = self._step(row, Step.APPROVE, person)
        decision = json.loads(row["decision"])
        if decision["verdict"] != Verdict.PERMITTED.value:
            raise RefusedError(
                f"the law says {decision['verdict']}: there is nothing to approve",
                remedy="carnet plan says what would have to be taken out, or done",
            )
        envelope = Envelope.from_json(form)
        said = open_envelope(envelope, {person.key.key_id: person.key})
        wanted = approval_predicate(request, json.loads(row["movement"]), decision)
        predicate = said["predicate"]
        if (
            said["predicateType"] != Kind.APPROVED.value
            or predicate.get("actor") != person.id
            or any(predicate.get(name) != value for name, value in wanted.items())
        ):
            raise RefusedError(
                "the approval is for something else", remedy="look at the request and sign again"
            )
        now = self._node.clock()
        kept = {**wanted, "envelope": digest_of(envelope.to_json())}
        subject = Subject(request, wanted["movement"].removeprefix("sha256:"))
        with self._node.catalog.change(
            statement(Kind.APPROVED, [subject], kept, actor=person.id, at=now)
        ) as change:
            done = change.execute(
                "UPDATE requests SET state=?, approved_by=?, approval=?, changed=? "
                "WHERE id=? AND state=? AND requested_by=? AND decision=?",  # it may have been asked anew meanwhile
                (
                    after.value,
                    person.id,
                    canonical_json(envelope.to_json()).decode(),
                    utc_text(now),
                    request,
                    row["state"],
                    row["requested_by"],
                    row["decision"],
                ),
            )
            _once(done.rowcount)

    def end(self, request: RequestId, step: Step, person: Person) -> None:
        """Refuse or stop a request."""
        row = self.row(request)
        after = self._step(row, step, person)
        kind = Kind.REFUSED if step is Step.REFUSE else Kind.STOPPED
        now = self._node.clock()
        subject = Subject(request, digest_of(json.loads(row["movement"])).removeprefix("sha256:"))
        said = statement(kind, [subject], {"request": request}, actor=person.id, at=now)
        with self._node.catalog.change(said) as change:
            done = change.execute(
                "UPDATE requests SET state=?, changed=? WHERE id=? AND state=?",
                (after.value, utc_text(now), request, row["state"]),
            )
            _once(done.rowcount)

    def _step(self, row: Any, step: Step, person: Person) -> State:
        return check_step(
            State(row["state"]),
            step,
            role=person.role,
            person=person.id,
            requested_by=PersonId(row["requested_by"]),
        )

    # The door ----------------------------------------------------------------------------------------------

    def release(self, request: RequestId, person: Person) -> None:
        """Ask the gate to let it go; raises `RefusedError` with the reason when it does not."""
        with self.door:
            application = self._application(request)
            cleared = check(
                application,
                application.decision_now,
                person=person.id,
                role=person.role,
                check_object=self._node.vault.check_address,
            )
            self._node.keep_lawbook()
            self._node.gate.release(
                cleared,
                person=person.id,
                again=lambda: self._application(request),
                open_object=self._opener(application),
            )

    def resume(self) -> list[RequestId]:
        """Take up releases that a crash cut before the hand-over, or whose permit expired; gives which.

        Raises:
            RefusedError: one of them may not go any more; it waits, and the others were taken up.
        """
        taken: list[RequestId] = []
        wrong: CarnetError | None = None
        rows = self._node.catalog.rows("SELECT * FROM requests WHERE state=?", (State.RELEASING.value,))
        for row in rows:
            request = RequestId(row["id"])
            number = intent_number(self._node.catalog, request)
            if number is None or not self._to_take_up(row):
                continue
            try:
                with self.door:
                    self._take_up(request, number)
                taken.append(request)
            except CarnetError as error:
                wrong = error
        if wrong is not None:
            raise wrong
        return taken

    def _to_take_up(self, row: Any) -> bool:
        """Whether a release was never handed over, or lies there with a permit that is of no use any more.

        One that is held because the law changed is not: an officer lets it go on first.
        """
        folder = self._node.outbox / row["id"]
        if (folder / HELD).exists():
            return False
        if not folder.exists():
            return True
        if row["permit"] is None or not (folder / REFUSED).is_file() or (folder / RECEIPT).exists():
            return False
        permit = open_permit(json.loads(row["permit"]), self._node.signer.public, now=None)
        return permit.expires < self._node.clock()

    def check_held(self, request: RequestId) -> None:
        """Raise `RefusedError` unless a release under way may go on, by the catalog and the law of today."""
        with self.door:
            self._cleared_again(request)

    def _take_up(self, request: RequestId, number: int) -> None:
        application, cleared = self._cleared_again(request)
        shutil.rmtree(self._node.outbox / request, ignore_errors=True)
        self._node.gate.hand_over(cleared, number, open_object=self._opener(application))

    def _cleared_again(self, request: RequestId) -> tuple[Application, Cleared[Shipment]]:
        application = self._application(request)
        # What was released is in the ledger. What is true today may have changed since, and so may the law.
        undertaking = Undertaking.from_json(json.loads(self.row(request)["body"]))
        now = self.movement(application.recording, undertaking)
        if _without_counts(now) != _without_counts(application.movement_now):
            raise RefusedError(
                "the catalog has changed since the intent was recorded; the release waits",
                remedy="the officer looks at what changed: carnet movement show",
            )
        today = self._judge({**application.movement_now, "date": now["date"]})
        if today.verdict is not Verdict.PERMITTED:
            raise RefusedError(f"the law says {today.verdict.value} today; the release waits")
        cleared = check(
            application,
            application.decision_now,
            person=application.requested_by,
            role=Role.ENGINEER,
            check_object=self._node.vault.check_address,
            resuming=True,
        )
        return application, cleared

    def _opener(self, application: Application) -> Any:
        key = self._recordings.key(application.recording)
        return lambda one: self._node.vault.open(key, one.address, one.bytes)

    def _application(self, request: RequestId) -> Application:
        row = self.row(request)
        recording = RecordingId(row["recording"])
        undertaking = Undertaking.from_json(json.loads(row["body"]))
        if row["released_movement"] is None:
            movement, decision = self.decide(recording, undertaking)
        else:  # its own release already counts in what was sent this year, so it is not written anew
            movement = json.loads(row["released_movement"])
            decision = self._judge(movement)
        return Application(
            request,
            State(row["state"]),
            PersonId(row["requested_by"]),
            self._node.person(row["requested_by"]).key,
            recording,
            self._recordings.get(recording).objects,
            self._recordings.names(recording),
            json.loads(row["movement"]),
            json.loads(row["decision"]),
            self._approval(row),
            movement,
            decision,
            self._declarations.adopted_lawbook(self.today()),
            self._declarations.confirmed(self.today()),
            self._declarations.evidenced(self.today()),
            self._node.peers().get(undertaking.receiver),
        )

    def _approval(self, row: Any) -> Approval | None:
        if row["approval"] is None:
            return None
        approver = self._node.person(row["approved_by"])
        return Approval(Envelope.from_json(json.loads(row["approval"])), approver.id, approver.key)

    def settle(self) -> list[RequestId]:
        """Commit the releases whose receipts have come; gives which."""
        settled: list[RequestId] = []
        wrong: Exception | None = None
        for row in self._node.catalog.rows("SELECT * FROM requests WHERE state=?", (State.RELEASING.value,)):
            request = RequestId(row["id"])
            receipt = self._node.outbox / request / RECEIPT
            if not receipt.is_file():
                continue
            try:
                self._settle(row, request, receipt)
                settled.append(request)
            except (PeerError, ValueError, KeyError, OSError) as error:
                wrong = error
        if wrong is not None:  # one that is not right does not hold up the others
            raise PeerError(
                f"a receipt is not right: {wrong.what if isinstance(wrong, PeerError) else type(wrong).__name__}",
                remedy="ask the receiving node; the request stays as it is",
            ) from wrong
        return settled

    def sweep_outbox(self) -> None:
        """Remove what was handed over and is settled, or was being prepared when the node died."""
        for folder in self._node.outbox.iterdir():
            row = self._node.catalog.row("SELECT state FROM requests WHERE id=?", (folder.name,))
            if folder.name.startswith(".") or row is None or row["state"] != State.RELEASING.value:
                shutil.rmtree(folder, ignore_errors=True)

    def _settle(self, row: Any, request: RequestId, path: Path) -> None:
        form = json.loads(path.read_bytes())
        permit = open_permit(json.loads(row["permit"]), self._node.signer.public, now=None)
        receiver = self._node.peers()[permit.receiver]
        envelope = check_receipt(form, permit, receiver)
        now = self._node.clock()
        subjects = [Subject(f"object-{one.number}", one.content) for one in permit.objects]
        predicate = {"release": request, "receipt": digest_of(envelope.to_json()), "receiver": receiver.name}
        said = statement(Kind.RELEASED, subjects, predicate, actor=self._node.config.name, at=now)
        with self._node.catalog.change(said) as change:
            done = change.execute(
                "UPDATE requests SET state=?, receipt=?, changed=? WHERE id=? AND state=?",
                (
                    State.RELEASED.value,
                    canonical_json(form).decode(),
                    utc_text(now),
                    request,
                    State.RELEASING.value,
                ),
            )
            _once(done.rowcount)
        self._node.catalog.seal()
        shutil.rmtree(path.parent, ignore_errors=True)


def _without_counts(movement: Mapping[str, Any]) -> dict[str, Any]:
    """A movement without its day and what was sent this year: its own release is counted there already."""
    counted = {"date", "year_to_date", "history"}
    return {name: value for name, value in movement.items() if name not in counted}


def _once(changed: int) -> None:
    """Raise when a request was not in the state any more from which a step was to be taken."""
    if changed != 1:
        raise RequestStateError(
            "somebody else took a step of this request meanwhile", remedy="carnet movement show"
        )


def recipient_of(operator: Mapping[str, Any]) -> dict[str, Any]:
    """Give the recipient of a movement from what the other node's card says of its operator."""
    known = (
        "id",
        "name",
        "established_in",
        "located_in",
        "relation",
        "owned_from",
        "certified_under",
        "facts",
    )
    return {name: operator[name] for name in known if name in operator}

"""DOOR 1: the only way for a recording out of its region.

The gate rebuilds the movement from the catalog, decides again, checks everything in numbered steps, and only
then makes a `Cleared` value, which nothing else can make and without which nothing is handed to the courier.
Record first, act second: the intent is in the ledger under a durable checkpoint before a byte is sealed for
the receiver. If the ledger cannot be written, nothing leaves.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

from carnet.catalog.database import Catalog
from carnet.errors import RefusedError, StorageFullError
from carnet.evidence.signing import Envelope, PublicKey, Signer, open_envelope, seal_envelope
from carnet.evidence.statements import Kind, Subject, statement, statement_bytes, utc_text
from carnet.model.canonical import canonical_json, digest_of
from carnet.model.decision import Decision, Verdict
from carnet.model.ids import Digest, KeyId, PersonId, RecordingId, RequestId
from carnet.model.recording import StoredObject
from carnet.transfer.courier import PERMIT, write_whole
from carnet.transfer.pairing import Card
from carnet.transfer.permit import SealedObject, intent_json
from carnet.transfer.request import Role, State, Step, check_step
from carnet.transfer.sealing import new_content_key, seal_object, sealed_length

_PERMIT_LASTS = timedelta(hours=24)
_KEY = object()

T = TypeVar("T")


class Cleared(Generic[T]):
    """A value that a door has cleared. Only this module can make one; only such a value can be handed over."""

    __slots__ = ("_value",)

    def __init__(self, value: T, key: object) -> None:
        if key is not _KEY:
            raise RefusedError("only a door clears a value", remedy="go through transfer.gate")
        self._value = value

    @property
    def value(self) -> T:
        """What was cleared."""
        return self._value


@dataclass(frozen=True, slots=True)
class Approval:
    """What the approver signed: the digests of the movement and the decision she saw."""

    envelope: Envelope
    person: PersonId
    key: PublicKey


@dataclass(frozen=True, slots=True)
class Application:
    """Everything the gate looks at, as the catalog has it now."""

    request: RequestId
    state: State
    requested_by: PersonId
    requester_key: PublicKey
    recording: RecordingId
    objects: tuple[StoredObject, ...]
    names: tuple[str, ...]
    approved_movement: Mapping[str, Any]
    approved_decision: Mapping[str, Any]
    approval: Approval | None
    movement_now: Mapping[str, Any]
    decision_now: Decision
    adopted_lawbook: Digest | None
    confirmed: Mapping[str, Any]
    """What an officer stated of facts that the law lets one presume, by the fact's name."""
    evidenced: frozenset[str]
    """Duties for which there is evidence, by id."""
    receiver: Card | None


@dataclass(frozen=True, slots=True)
class Shipment:
    """What may leave: which objects, to whom, under which decision."""

    application: Application
    receiver: Card
    decision: Decision


def check(
    application: Application,
    decision: Decision,
    *,
    person: PersonId,
    role: Role,
    check_object: Callable[[str], None],
    resuming: bool = False,
) -> Cleared[Shipment]:
    """Check a release in numbered steps; raises `RefusedError` with the reason at the first that fails.

    Args:
        application: what the catalog has now.
        decision: the decision on the movement as it is now; a door takes a decision, never a flag.
        person: who releases.
        role: that person's role.
        check_object: raises when the bytes at an address are not what was written.
        resuming: the node takes up a release whose intent is in the ledger already, after a crash.
    """
    a = application
    # (1) The request is approved, and releasing is this person's to do.
    if resuming and a.state is not State.RELEASING:
        raise RefusedError("there is no release to take up", remedy="look at it first: carnet movement show")
    if not resuming:
        check_step(a.state, Step.RELEASE, role=role, person=person, requested_by=a.requested_by)
    # (2) A second person signed, with her own key, what is about to happen.
    _check_approval(a)
    # (3) The node decides under the lawbook that its officer adopted.
    if a.adopted_lawbook is None or decision.lawbook != a.adopted_lawbook:
        raise RefusedError(
            "the decision was made under a lawbook that no officer of this node has adopted",
            remedy="the officer reads what changed and adopts it: carnet node adopt",
        )
    # (4) What the catalog holds is what was approved; only the day may have moved on.
    if _without_day(a.movement_now) != _without_day(a.approved_movement):
        raise RefusedError(
            "the movement is not the one that was approved: the catalog has changed since",
            remedy="request it again, so that the approver sees what has changed",
        )
    # (5) The law of today permits it, on what is known today.
    if decision is not a.decision_now or decision.verdict is not Verdict.PERMITTED:
        raise RefusedError(
            f"the law says {decision.verdict.value}" + _routes(decision),
            remedy="carnet plan says what would have to be taken out, or done",
        )
    # Where a legal order has a say that this lawbook does not hold, nobody has permitted anything.
    if decision.not_modelled:
        raise RefusedError(
            f"this lawbook does not hold the law of {', '.join(decision.not_modelled)}, which has a say",
            remedy="nothing leaves before a lawbook that holds it is adopted",
        )
    # (6) Everything presumed was confirmed by a named officer.
    # A statement of another value is the opposite of a confirmation.
    against = sorted(
        one.fact for one in decision.assumed if a.confirmed.get(one.fact, one.value) != one.value
    )
    if against:
        raise RefusedError(
            f"an officer states otherwise than is presumed: {', '.join(against)}",
            remedy="the movement has to state it, and the law is asked again",
        )
    if loose := sorted({one.fact for one in decision.assumed} - set(a.confirmed)):
        raise RefusedError(
            f"presumed and not confirmed by an officer: {', '.join(loose)}",
            remedy="the officer confirms it, or states otherwise: carnet node declare",
        )
    # (7) What must be done before has been done, with evidence.
    before = {duty.id: duty for duty in decision.duties if duty.when == "before"}
    if owed := sorted(set(before) - a.evidenced):
        raise RefusedError(
            f"owed before the export, and without evidence: {before[owed[0]].what} ({before[owed[0]].cite})",
            remedy="the officer records the evidence: carnet node declare",
        )
    # (8) The receiver is paired and sits where the movement says.
    if a.receiver is None or a.receiver.region != a.movement_now["destination"]:
        raise RefusedError(
            "the receiver is not paired with this node, or sits elsewhere", remedy="pair the nodes"
        )
    # (9) The bytes at rest are those that were described.
    for one in a.objects:
        check_object(one.address)
    return Cleared(Shipment(a, a.receiver, decision), _KEY)


def _check_approval(a: Application) -> None:
    if a.approval is None:
        raise RefusedError("nobody has approved it", remedy="ask an approver: carnet movement approve")
    said = open_envelope(a.approval.envelope, {a.approval.key.key_id: a.approval.key})
    predicate = said["predicate"]
    if a.approval.key == a.requester_key:
        raise RefusedError("requester and approver share one key (four eyes)", remedy="ask a second person")
    if a.approval.person == a.requested_by or predicate.get("actor") != a.approval.person:
        raise RefusedError("whoever asked does not approve (four eyes)", remedy="ask a second person")
    wanted = approval_predicate(a.request, a.approved_movement, a.approved_decision)
    if said["predicateType"] != Kind.APPROVED.value or any(predicate.get(k) != v for k, v in wanted.items()):
        raise RefusedError("the approval is for something else", remedy="ask for a new approval")


def approval_predicate(
    request: RequestId, movement: Mapping[str, Any], decision: Mapping[str, Any]
) -> dict[str, str]:
    """Give what an approver signs: the request, and the digests of movement and decision."""
    return {"request": request, "movement": digest_of(movement), "decision": digest_of(decision)}


def _without_day(movement: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in movement.items() if name != "date"}


def _routes(decision: Decision) -> str:
    needed = [one for entry in decision.jurisdictions for one in (*entry.prerequisites, *entry.routes)]
    return f": it would need {', '.join(dict.fromkeys(needed))}" if needed else ""


class Gate:
    """Opens the door for what was cleared: records, seals for the receiver, hands over."""

    def __init__(
        self,
        *,
        name: str,
        catalog: Catalog,
        signer: Signer,
        own: Card,
        outbox: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self._name = name
        self._catalog = catalog
        self._signer = signer
        self._own = own
        self._outbox = outbox
        self._clock = clock

    def release(
        self,
        cleared: Cleared[Shipment],
        *,
        person: PersonId,
        again: Callable[[], Application],
        open_object: Callable[[StoredObject], BinaryIO],
    ) -> None:
        """Record the intent under a durable checkpoint, then seal and hand over.

        A crash at any point is taken up by `resume`: the intent is there, so the rest is done again.

        Args:
            cleared: what `check` let pass.
            person: who releases.
            again: gives the application as the catalog has it now. It is asked while nobody else can write, so
                that what is released is what was checked, whoever acted in between.
            open_object: opens the content of an object.

        Raises:
            RefusedError: something changed between the check and the intent; nothing was recorded.
        """
        shipment = cleared.value
        a = shipment.application
        self._check_room(a.objects)
        now = self._clock()
        subjects = [Subject(f"object-{one.number}", one.address) for one in a.objects]
        intent = {
            "release": a.request,
            "recording": a.recording,
            "to": shipment.receiver.name,
            "movement": digest_of(a.movement_now),
            "decision": digest_of(shipment.decision.to_mapping()),
            "lawbook": shipment.decision.lawbook,
        }
        with self._catalog.change(
            statement(Kind.RELEASING, subjects, intent, actor=person, at=now)
        ) as change:
            if again() != a:
                raise RefusedError(
                    "something changed while it was checked; nothing was released",
                    remedy="look at it first: carnet movement show",
                )
            change.execute(
                "UPDATE requests SET state=?, released_movement=?, released_decision=?, changed=? "
                "WHERE id=? AND state=?",
                (
                    State.RELEASING.value,
                    canonical_json(a.movement_now).decode(),
                    canonical_json(shipment.decision.to_mapping()).decode(),
                    utc_text(now),
                    a.request,
                    State.APPROVED.value,
                ),
            )
            number = change.number
        self._catalog.seal()
        self.hand_over(cleared, number, open_object=open_object)

    def hand_over(
        self,
        cleared: Cleared[Shipment],
        intent_number: int,
        *,
        open_object: Callable[[StoredObject], BinaryIO],
    ) -> None:
        """Seal the objects for the receiver, sign the permit, and put both where the courier looks, whole."""
        shipment = cleared.value
        a = shipment.application
        final = self._outbox / a.request
        if final.exists():
            return
        preparing = self._outbox / f".preparing-{a.request}"
        shutil.rmtree(preparing, ignore_errors=True)
        preparing.mkdir(parents=True, mode=0o700)
        try:
            self._prepare(preparing, shipment, intent_number, open_object)
        except BaseException:
            shutil.rmtree(preparing, ignore_errors=True)
            raise
        preparing.replace(final)

    def _prepare(
        self,
        preparing: Path,
        shipment: Shipment,
        intent_number: int,
        open_object: Callable[[StoredObject], BinaryIO],
    ) -> None:
        a = shipment.application
        key, sealed_key = new_content_key(a.request, shipment.receiver.sealing_public_key())
        sealed: list[SealedObject] = []
        for one, name in zip(a.objects, a.names, strict=True):
            with open_object(one) as source, (preparing / f"{one.number}.sealed").open("wb") as file:
                salt, sealed_hash, size, content = seal_object(key, source, file.write)
                file.flush()
                os.fsync(file.fileno())
            sealed_name = base64.b64encode(key.seal_text(name, f"name {one.number}")).decode("ascii")
            sealed.append(SealedObject(one.number, size, content, salt, sealed_hash, sealed_name))
        permit = self._permit(shipment, sealed, sealed_key, intent_number)
        write_whole(preparing / PERMIT, json.dumps(permit.to_json()).encode())

    def _permit(
        self, shipment: Shipment, sealed: Sequence[SealedObject], sealed_key: bytes, intent_number: int
    ) -> Envelope:
        a = shipment.application
        note = self._catalog.seal()
        size = int(note.split("\n", 2)[1])
        entry = self._catalog.entries(intent_number, intent_number + 1)[0]
        proof = self._catalog.inclusion(intent_number, size)
        now = self._clock()
        predicate = {
            "permit": "v1",
            "release": a.request,
            "from": {"name": self._name, "region": self._own.region, "key": self._signer.key_id},
            "to": {
                "name": shipment.receiver.name,
                "region": shipment.receiver.region,
                "key": shipment.receiver.signing_key.key_id,
                "certificate": shipment.receiver.fingerprint,
            },
            "origin": a.movement_now["origin"],
            "purpose": a.movement_now.get("purpose"),
            "verdict": shipment.decision.verdict.value,
            "movement": digest_of(a.movement_now),
            "decision": digest_of(shipment.decision.to_mapping()),
            "lawbook": shipment.decision.lawbook,
            "approved_by": KeyId("" if a.approval is None else a.approval.key.key_id),
            "intent": intent_json(intent_number, entry.data, note, proof),
            "sealed_key": base64.b64encode(sealed_key).decode("ascii"),
            "objects": [one.to_json() for one in sealed],
            "expires": utc_text(now + _PERMIT_LASTS),
        }
        subjects = [Subject(f"object-{one.number}", one.content) for one in sealed]
        said = statement(Kind.PERMIT, subjects, predicate, actor=self._name, at=now)
        permit = seal_envelope(statement_bytes(said), self._signer)
        note_of_it = {"release": a.request, "permit": digest_of(permit.to_json())}
        with self._catalog.change(
            statement(Kind.PERMIT, subjects, note_of_it, actor=self._name, at=now)
        ) as change:
            change.execute(
                "UPDATE requests SET permit=? WHERE id=?",
                (canonical_json(permit.to_json()).decode(), a.request),
            )
        self._catalog.seal()
        return permit

    def _check_room(self, objects: Sequence[StoredObject]) -> None:
        self._outbox.mkdir(parents=True, exist_ok=True, mode=0o700)
        needed = sum(sealed_length(one.bytes) for one in objects)
        if shutil.disk_usage(self._outbox).free < needed * 11 // 10:
            raise StorageFullError(
                "there is no room to seal this release", remedy="free space; nothing has left"
            )


def intent_number(catalog: Catalog, release: str) -> int | None:
    """Find the ledger entry of a release's intent."""
    for entry in reversed(catalog.entries()):
        said = entry.statement()
        if said["predicateType"] == Kind.RELEASING.value and said["predicate"]["release"] == release:
            return entry.number
    return None

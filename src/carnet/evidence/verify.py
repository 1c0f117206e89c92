"""The offline check of a dossier, in numbered steps. An auditor can tick them off.

     1  form          one canonical file of a known version, no part missing, none unknown
     2  seal          the node's signature covers every byte of the rest
     3  checkpoint    the ledger's size and root are signed by the node
     4  ledger        every entry in the dossier is in the tree under that checkpoint, and signed by the node
     5  order         requested, approved, intent, permit, released: in this order, each naming what is here
     6  lawbook       the texts in the dossier give the digest under which was decided, and an officer adopted it
     7  judgement     deciding again from the movement and those texts gives the same decisions, byte for byte
     8  four eyes     somebody else than who asked signed, with her own registered key, what was approved
     9  declarations  each signed by an officer before the intent; presumptions confirmed; evidence for what was owed
    10  permit        signed, names this movement, decision and lawbook, and proves the intent in the ledger
    11  receipt       the receiver signed for exactly the contents that the permit names

Nothing but the dossier and, to trust the keys in it, the hand-over cards of the two nodes is needed. Without
a card the key is taken from the dossier, and the step says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from carnet.errors import CarnetError, DossierError, SignatureError
from carnet.evidence import merkle
from carnet.evidence.checkpoint import Checkpoint, open_checkpoint
from carnet.evidence.dossier import read_dossier
from carnet.evidence.signing import Envelope, PublicKey, open_envelope, strict_base64
from carnet.evidence.statements import Kind
from carnet.model.canonical import canonical_json, digest_of

Judge = Callable[[Mapping[str, Any], Mapping[str, str]], tuple[dict[str, Any], str]]
"""(movement, lawbook texts) -> (decision document, lawbook digest): the pure judge, given by the caller."""

CheckPermit = Callable[[Any, PublicKey], Mapping[str, Any]]
"""(envelope, sender's key) -> the permit's predicate, checked."""


_ODD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What a part of another form than ours may raise: whoever made the dossier may have wanted it to."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step of the check."""

    number: int
    name: str
    passed: bool
    says: str


@dataclass
class _Open:
    """What the steps have established so far."""

    form: dict[str, Any]
    node_key: PublicKey
    receiver_key: PublicKey
    people: dict[str, tuple[str, PublicKey]]
    checkpoint: Checkpoint | None = None
    entries: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    raw: dict[int, str] = field(default_factory=dict)
    intent: int = -1
    """Number of the entry that holds the intent."""


def verify_dossier(
    data: bytes,
    *,
    judge: Judge,
    check_permit: CheckPermit,
    trusted_node: PublicKey | None = None,
    trusted_receiver: PublicKey | None = None,
) -> list[StepResult]:
    """Check a dossier; the steps after the first that fails are not taken.

    Args:
        data: the file's bytes.
        judge: decides again.
        check_permit: checks a permit's own steps.
        trusted_node: the sending node's key, from its card; None takes the dossier's own.
        trusted_receiver: likewise for the receiver.
    """
    results: list[StepResult] = []
    try:
        opened = _open(data, trusted_node, trusted_receiver)
    except CarnetError as error:
        return [StepResult(1, "form", passed=False, says=error.what)]
    except _ODD:
        return [StepResult(1, "form", passed=False, says="a part is not of its form")]
    results.append(StepResult(1, "form", passed=True, says=f"{len(data):,} bytes, canonical, version v1"))
    steps: Sequence[tuple[str, Callable[[], str]]] = (
        ("seal", lambda: _seal(opened, compared=trusted_node is not None)),
        ("checkpoint", lambda: _checkpoint(opened)),
        ("ledger", lambda: _ledger(opened)),
        ("order", lambda: _order(opened)),
        ("lawbook", lambda: _lawbook(opened)),
        ("judgement", lambda: _judgement(opened, judge)),
        ("four eyes", lambda: _four_eyes(opened)),
        ("declarations", lambda: _declarations(opened)),
        ("permit", lambda: _permit(opened, check_permit)),
        ("receipt", lambda: _receipt(opened, compared=trusted_receiver is not None)),
    )
    for number, (name, step) in enumerate(steps, start=2):
        try:
            results.append(StepResult(number, name, passed=True, says=step()))
        except CarnetError as error:
            return [*results, StepResult(number, name, passed=False, says=error.what)]
        except _ODD:
            return [*results, StepResult(number, name, passed=False, says="a part is not of its form")]
    return results


def _open(data: bytes, node: PublicKey | None, receiver: PublicKey | None) -> _Open:
    form = read_dossier(data)
    node_key = PublicKey.from_text(form["node"]["key"])
    receiver_key = PublicKey.from_text(form["receiver"]["key"])
    if node is not None and node != node_key:
        raise DossierError("the sending node's key is not the one on the card that was given")
    if receiver is not None and receiver != receiver_key:
        raise DossierError("the receiving node's key is not the one on the card that was given")
    people = {
        name: (str(one["role"]), PublicKey.from_text(one["key"])) for name, one in form["people"].items()
    }
    return _Open(form, node_key, receiver_key, people)


def _seal(opened: _Open, *, compared: bool) -> str:
    rest = {name: value for name, value in opened.form.items() if name != "seal"}
    said = open_envelope(Envelope.from_json(opened.form["seal"]), {opened.node_key.key_id: opened.node_key})
    if said["predicateType"] != Kind.DOSSIER.value or said["subject"][0]["digest"]["sha256"] != digest_of(
        rest
    ).removeprefix("sha256:"):
        raise DossierError("the seal is over something else")
    return "signed by the node; " + (
        "its key is the one on the card" if compared else "its key was NOT compared with a card"
    )


def _checkpoint(opened: _Open) -> str:
    opened.checkpoint = open_checkpoint(opened.form["ledger"]["checkpoint"], opened.node_key)
    return f"{opened.checkpoint.size} entries at {opened.checkpoint.time:%Y-%m-%d %H:%M:%S} UTC"


def _ledger(opened: _Open) -> str:
    checkpoint = opened.checkpoint
    if checkpoint is None:
        raise DossierError("no checkpoint")
    last = -1
    for one in opened.form["ledger"]["entries"]:
        number = int(one["number"])
        if number <= last:
            raise DossierError("the entries are not in order")
        last = number
        data = strict_base64(one["entry"])
        proof = [strict_base64(step) for step in one["proof"]]
        leaf = merkle.leaf_hash(data)
        merkle.check_inclusion(leaf, number, checkpoint.size, proof, checkpoint.root)
        said = open_envelope(_envelope(data), {opened.node_key.key_id: opened.node_key})
        opened.entries.append((number, said))
        opened.raw[number] = one["entry"]
    return f"{len(opened.entries)} entries, each proven under the checkpoint"


def _envelope(data: bytes) -> Envelope:
    import json

    form = json.loads(data)
    if canonical_json(form) != data:
        raise SignatureError("an entry is not in its one form")
    return Envelope.from_json(form)


def _order(opened: _Open) -> str:
    form = opened.form
    request, approved, released = form["request"], form["approved"], form["released"]
    wanted: tuple[tuple[Kind, dict[str, Any]], ...] = (
        (Kind.REQUESTED, {"actor": request["requested_by"], **_digests(approved)}),
        (
            Kind.APPROVED,
            {"actor": request["approved_by"], "envelope": digest_of(form["approval"]), **_digests(approved)},
        ),
        (Kind.RELEASING, {"to": form["receiver"]["name"], **_digests(released)}),
        (Kind.PERMIT, {"permit": digest_of(form["permit"])}),
        (Kind.RELEASED, {"receipt": digest_of(form["receipt"])}),
    )
    at = -1
    for kind, parts in wanted:
        found = [
            (number, said["predicate"])
            for number, said in opened.entries
            if said["predicateType"] == kind.value
            and request["id"] in {said["predicate"].get("request"), said["predicate"].get("release")}
        ]
        if not found or found[-1][0] <= at:
            raise DossierError(f"the ledger does not show, in its place: {kind.name.lower()}")
        at, predicate = found[-1]
        if any(predicate[name] != value for name, value in parts.items()):
            raise DossierError(
                f"the ledger's entry is of something else than what is here: {kind.name.lower()}"
            )
        if kind is Kind.RELEASING:
            if len(found) > 1:
                raise DossierError("it was released more than once")
            opened.intent = at
    return "requested, approved, intent, permit, released; each of what is here"


def _digests(part: Mapping[str, Any]) -> dict[str, str]:
    return {"movement": digest_of(part["movement"]), "decision": digest_of(part["decision"])}


def _lawbook(opened: _Open) -> str:
    digest = opened.form["released"]["decision"]["law"]["lawbook"]
    if opened.form["approved"]["decision"]["law"]["lawbook"] != digest:
        raise DossierError("approved and released under two lawbooks")
    adopted = [
        one["predicate"]["body"]["digest"]
        for one in _declared(opened)
        if one["predicate"]["kind"] == "lawbook"
    ]
    if not adopted or adopted[-1] != digest:
        raise DossierError("no officer adopted the lawbook under which was decided")
    return f"{len(opened.form['lawbook'])} texts, adopted by an officer: {digest[:23]}…"


def _judgement(opened: _Open, judge: Judge) -> str:
    texts = opened.form["lawbook"]
    for which in ("approved", "released"):
        part = opened.form[which]
        again, digest = judge(part["movement"], texts)
        if digest != part["decision"]["law"]["lawbook"]:
            raise DossierError("the texts in the dossier are not the lawbook under which was decided")
        if canonical_json(again) != canonical_json(part["decision"]):
            raise DossierError(f"deciding again gives another decision than the one {which}")
    verdict = opened.form["released"]["decision"]["verdict"]
    if verdict != "permitted":
        raise DossierError(f"what was released was {verdict}")
    return "decided again from the texts: the same, permitted"


def _four_eyes(opened: _Open) -> str:
    request = opened.form["request"]
    envelope = Envelope.from_json(opened.form["approval"])
    approver = request["approved_by"]
    role, key = opened.people[approver]
    if approver == request["requested_by"] or role != "approver":
        raise DossierError("whoever asked approved, or somebody without the role")
    if key == opened.people[request["requested_by"]][1]:
        raise DossierError("requester and approver share one key")
    _registered(opened, approver, request["requested_by"])
    said = open_envelope(envelope, {key.key_id: key})
    predicate = said["predicate"]
    approved = opened.form["approved"]
    if (
        said["predicateType"] != Kind.APPROVED.value
        or predicate["actor"] != approver
        or predicate["request"] != request["id"]
        or predicate["movement"] != digest_of(approved["movement"])
        or predicate["decision"] != digest_of(approved["decision"])
    ):
        raise DossierError("the approval is for something else")
    before = {k: v for k, v in approved["movement"].items() if k != "date"}
    after = {k: v for k, v in opened.form["released"]["movement"].items() if k != "date"}
    if before != after:
        raise DossierError("what was released is not what was approved")
    return f"asked by {request['requested_by']}, approved by {approver} with a key of her own"


def _registered(opened: _Open, *people: str) -> None:
    """Raise unless the ledger shows, before the intent, that each was registered with this role and key."""
    shown = {
        (said["subject"][0]["name"], said["predicate"]["role"], said["subject"][0]["digest"]["sha256"])
        for number, said in opened.entries
        if said["predicateType"] == Kind.PERSON_REGISTERED.value and number < opened.intent
    }
    for person in people:
        role, key = opened.people[person]
        if (person, role, key.key_id.removeprefix("ed25519:")) not in shown:
            raise DossierError(f"the ledger does not show that {person} was registered with this key")


def _declared(opened: _Open) -> list[dict[str, Any]]:
    names = [name for name, (role, _) in opened.people.items() if role == "officer"]
    _registered(opened, *names)
    officers = {opened.people[name][1].key_id: opened.people[name][1] for name in names}
    return [open_envelope(Envelope.from_json(one), officers) for one in opened.form["declarations"]]


def _declarations(opened: _Open) -> str:
    found = [one["predicate"] for one in _declared(opened)]
    day = opened.form["released"]["movement"]["date"]
    found = [one for one in found if one.get("until") is None or one["until"] >= day]
    confirmed = {one["body"]["fact"]: one["body"]["value"] for one in found if one["kind"] == "presumption"}
    evidenced = {one["body"]["duty"] for one in found if one["kind"] == "duty"}
    decision = opened.form["released"]["decision"]
    if loose := sorted({one["fact"] for one in decision["assumed"]} - set(confirmed)):
        raise DossierError(f"presumed and not confirmed: {loose[0]}")
    if against := [one["fact"] for one in decision["assumed"] if confirmed[one["fact"]] != one["value"]]:
        raise DossierError(f"an officer stated otherwise than was presumed: {against[0]}")
    before = {
        d["id"] for entry in decision["jurisdictions"] for d in entry["duties"] if d["when"] == "before"
    }
    if owed := sorted(before - evidenced):
        raise DossierError(f"no evidence for what was owed before: {owed[0]}")
    ledger = {
        one["predicate"]["declaration"]
        for number, one in opened.entries
        if one["predicateType"] == Kind.DECLARED.value and number < opened.intent
    }
    if any(digest_of(one) not in ledger for one in opened.form["declarations"]):
        raise DossierError("the ledger does not show a declaration before the intent")
    safeguards = [one["body"]["safeguard"] for one in found if one["kind"] == "safeguard"]
    if any(one not in safeguards for one in opened.form["released"]["movement"].get("safeguards", [])):
        raise DossierError("a safeguard in the movement was declared by nobody")
    return f"{len(found)} signed by an officer; {len(confirmed)} presumptions confirmed"


def _permit(opened: _Open, check_permit: CheckPermit) -> str:
    predicate = check_permit(opened.form["permit"], opened.node_key)
    released = opened.form["released"]
    if (
        predicate["release"] != opened.form["request"]["id"]
        or predicate["movement"] != digest_of(released["movement"])
        or predicate["decision"] != digest_of(released["decision"])
        or predicate["lawbook"] != released["decision"]["law"]["lawbook"]
        or predicate["to"]["key"] != opened.receiver_key.key_id
        or predicate["from"]["key"] != opened.node_key.key_id
        or predicate["approved_by"] != opened.people[opened.form["request"]["approved_by"]][1].key_id
    ):
        raise DossierError("the permit is for another movement, decision, lawbook or receiver")
    intent = predicate["intent"]
    if opened.raw[opened.intent] != intent["entry"] or intent["number"] != opened.intent:
        raise DossierError("the permit proves another intent than the ledger here")
    return f"{len(predicate['objects'])} objects to {predicate['to']['name']}, under this decision"


def _receipt(opened: _Open, *, compared: bool) -> str:
    said = open_envelope(
        Envelope.from_json(opened.form["receipt"]), {opened.receiver_key.key_id: opened.receiver_key}
    )
    permit = Envelope.from_json(opened.form["permit"]).statement()["predicate"]
    named = {one["name"]: one["digest"]["sha256"] for one in said["subject"]}
    if named != {f"object-{one['number']}": one["content"] for one in permit["objects"]}:
        raise DossierError("the receiver signed for other contents")
    if (
        said["predicateType"] != Kind.RECEIVED.value
        or said["predicate"]["release"] != opened.form["request"]["id"]
    ):
        raise DossierError("the receipt is for something else")
    if said["predicate"]["permit"] != digest_of(opened.form["permit"]):
        raise DossierError("the receipt is for another permit")
    card = "" if compared else "; its key was NOT compared with a card"
    return f"{len(named)} contents arrived as they left{card}"

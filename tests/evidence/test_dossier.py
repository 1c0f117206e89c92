"""A dossier of a real release: whoever changes a byte fails, and so does a node that seals a story of its own."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from stage import Stage, deliver, speeds
from typer.testing import CliRunner

from carnet.errors import DossierError
from carnet.evidence.dossier import read_dossier, seal_dossier
from carnet.evidence.signing import Envelope, Signer, seal_envelope
from carnet.evidence.statements import Kind, Subject, statement_bytes
from carnet.model.canonical import canonical_json, digest_of
from carnet.service.api import Desk
from carnet.service.declarations import declaration
from carnet.service.dossiers import export_dossier
from carnet.service.node import Node, now_utc
from carnet.service.offline import check_dossier

pytest.importorskip("cantools", reason="the extra 'recordings' is not installed: the dossier is left out")
VIN = "LCARNET0000000017"
FLIPS = 300


class Made:
    """A stage after a release, its request, its dossier, and the two nodes' keys."""

    def __init__(self, stage: Stage, request: str) -> None:
        self.stage, self.request = stage, request
        desk = stage.desk()
        self.data = export_dossier(desk.node, desk.movements, desk.declarations, request)
        self.signer, self.node = desk.node.signer, desk.node.signer.public
        self.receiver = desk.node.peers()["frankfurt"].signing_key
        desk.node.close()
        frankfurt = Node(stage.folder / "frankfurt")
        self.receiver_signer = frankfurt.signer
        frankfurt.close()

    def check(self, data: bytes) -> tuple[int, str] | None:
        """The step that fails, and what it says; None when every step passes."""
        steps = check_dossier(data, node=self.node, receiver=self.receiver)
        return next(((one.number, one.says) for one in steps if not one.passed), None)

    def sealed_anew(self, change: Callable[[dict], object]) -> bytes:
        """What the node itself would make of a changed story: its own key seals it."""
        parts = json.loads(self.data)
        del parts["seal"]
        change(parts)
        return seal_dossier(parts, name="shanghai", signer=self.signer, at=now_utc())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    from stage import DATABASE

    stage = Stage(tmp_path_factory.mktemp("made") / "stage")
    desk = stage.desk()
    raw = stage.ingest(desk, {f"{VIN}.log": speeds(), "vehicle.dbc": DATABASE.read_bytes()})
    desk.recordings.describe(raw, "li")
    recording, _ = desk.recordings.redact(raw, {"remove": ["vin", "device_ids"], "drop": ["design"]}, "li")
    request = stage.approved(desk, recording.id)
    desk.movements.release(request, desk.node.person("li"))
    receiver = stage.receiver()
    try:
        deliver(desk, stage.courier(desk))
    finally:
        receiver.terminate()
        receiver.wait(timeout=20)
    left = {one.content for one in desk.recordings.get(recording.id).objects}
    stayed = [one.content for one in desk.recordings.get(raw).objects if one.content not in left]
    desk.node.close()
    built = Made(stage, request)
    built.stayed, built.raw, built.recording = stayed, raw, recording.id
    return built


def test_it_passes_every_step_with_both_cards(made):
    steps = check_dossier(made.data, node=made.node, receiver=made.receiver)
    assert [one.number for one in steps] == list(range(1, 12))
    assert all(one.passed for one in steps), [one for one in steps if not one.passed]


def test_it_holds_no_name_no_path_no_text_and_no_digest_of_the_original(made):
    form = json.loads(made.data)
    texts = form.pop("lawbook")
    assert texts
    entries = [base64.b64decode(one["entry"]) for one in form["ledger"]["entries"]]
    inner = [canonical_json(form), *(base64.b64decode(json.loads(one)["payload"]) for one in entries)]
    inner += [base64.b64decode(form[part]["payload"]) for part in ("approval", "permit", "receipt", "seal")]
    everything = b"\n".join(inner)
    assert VIN.encode() not in everything
    assert b".log" not in everything
    assert str(made.stage.folder).encode() not in everything
    assert made.stayed
    for one in made.stayed:
        assert one.removeprefix("sha256:").encode() not in everything
    assert b"findings" not in canonical_json(form["derivation"])


def test_what_an_officer_claims_is_in_it_under_her_name(made):
    """A claim may be false; it is believed, and stands signed where the reader of the dossier sees it."""
    said = [Envelope.from_json(one).statement()["predicate"] for one in json.loads(made.data)["declarations"]]
    claims = [one for one in said if one["kind"] == "facts"]
    assert claims
    assert claims[0]["body"]["persons"] == 0
    assert claims[0]["actor"] == "wang"


def test_it_tells_the_whole_way_from_what_a_vehicle_sent(made):
    form = json.loads(made.data)
    assert [one["order"]["drop"] for one in form["derivation"]] == [["design"]]
    entries = [json.loads(base64.b64decode(one["entry"])) for one in form["ledger"]["entries"]]
    said = [Envelope.from_json(one).statement() for one in entries]
    ways = {(one["predicateType"], one["predicate"].get("recording")) for one in said}
    assert {(Kind.INGESTED.value, made.raw), (Kind.REDACTED.value, made.recording)} <= ways


def test_any_changed_byte_fails_a_step(made):
    """Bytes at random, and one in each part, in the first and the last place."""
    chance = random.Random(20261122)
    places = {chance.randrange(len(made.data)) for _ in range(FLIPS)} | {0, len(made.data) - 1}
    for part in json.loads(made.data):
        at = made.data.index(f'"{part}":'.encode())
        places |= {at, at + len(part) + 4}
    for place in sorted(places):
        for bit in (0, 5):
            changed = bytearray(made.data)
            changed[place] ^= 1 << bit
            assert made.check(bytes(changed)) is not None, place


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d[:0], lambda d: d[:0] + b"\x00\xff\xfe", lambda d: d[:0] + b"null", lambda d: d[:0] + b"[]",
        lambda d: d[:0] + b"{}", lambda d: d[:-1], lambda d: d + b"\n", lambda d: b" " + d,
        lambda d: b"\xef\xbb\xbf" + d, lambda d: d.decode().encode("utf-16"), lambda d: d[:0] + b"[" * 200_000,
        lambda d: d[:0] + b'{"a":' * 100_000,
        lambda d: d.replace(b'{"algorithms"', b'{"algorithms":"other","algorithms"', 1),
        lambda d: d[:-1] + b',"seal":{}}', lambda d: d[:-1] + b',"more":1}',
        lambda d: d.replace(b'"made":"', b'"made":NaN,"made2":"', 1),
        lambda d: d.replace(b'"made":"', b'"made":1e999,"x":"', 1),
        lambda d: d.replace(b'"made":"', b'"made":' + b"9" * 5000 + b',"x":"', 1),
        lambda d: d.replace(b'"made":"', b'"made":"\\ud800', 1),
        lambda d: d.replace(b'"made":"', b'"made":"\\u0041', 1),
        lambda d: d.replace(b":", b": ", 1),
    ],
)  # fmt: skip
def test_what_is_not_its_one_form_fails_the_first_step(made, spoil):
    with pytest.raises(DossierError):
        read_dossier(spoil(made.data))
    step, says = made.check(spoil(made.data))
    assert step == 1
    assert says


def signed_by(signer: Signer, envelope: dict, **changes: object) -> dict:
    said = Envelope.from_json(envelope).statement()
    said["predicate"] |= changes
    return seal_envelope(statement_bytes(said), signer).to_json()


def other_movement(form, _):
    for which in ("approved", "released"):
        form[which]["movement"]["purpose"] = "something else"


def other_approver(form, _):
    form["request"]["approved_by"] = "wang"


def new_key_for_the_approver(form, _):
    key = Signer.generate()
    form["people"]["zhou"]["key"] = key.public.to_text()
    form["approval"] = signed_by(key, form["approval"])


def approved_by_who_asked(form, _):
    form["request"]["approved_by"] = form["request"]["requested_by"]


def no_entry_of(kind):
    def change(form, _):
        form["ledger"]["entries"] = [
            one
            for one in form["ledger"]["entries"]
            if Envelope.from_json(json.loads(base64.b64decode(one["entry"]))).statement()["predicateType"]
            != kind.value
        ]

    return change


def other_text_of_the_law(form, _):
    name = min(form["lawbook"])
    form["lawbook"][name] += "\n"


def no_declaration_of(kind):
    def change(form, _):
        form["declarations"] = [
            one
            for one in form["declarations"]
            if Envelope.from_json(one).statement()["predicate"]["kind"] != kind
        ]

    return change


def a_declaration_nobody_handed_in(form, made):
    desk = made.stage.desk()
    said = made.stage.sign(
        "wang",
        Kind.DECLARED,
        Subject("declaration", "0" * 64),
        declaration("presumption", {"fact": "x", "value": True}),
        desk,
    )
    desk.node.close()
    form["declarations"].append(said)


def other_contents_in_the_permit(form, made):
    objects = Envelope.from_json(form["permit"]).statement()["predicate"]["objects"]
    objects[0]["content"] = "0" * 64
    form["permit"] = signed_by(made.signer, form["permit"], objects=objects)


def receipt_by_the_sender(form, made):
    form["receipt"] = signed_by(made.signer, form["receipt"])


def permitted_by_hand(form, _):
    form["released"]["decision"]["verdict"] = "prohibited"


def proof_of_another_entry(form, _):
    one, two = form["ledger"]["entries"][:2]
    one["proof"], two["proof"] = two["proof"], one["proof"]


def a_date_of_no_calendar(form, _):
    form["ledger"]["checkpoint"] = 7


@pytest.mark.parametrize(
    ("change", "steps"),
    [
        (other_movement, {5}),
        (other_approver, {5, 8}),
        (new_key_for_the_approver, {5, 8}),
        (approved_by_who_asked, {5, 8}),
        (no_entry_of(Kind.REQUESTED), {5}),
        (no_entry_of(Kind.APPROVED), {5}),
        (no_entry_of(Kind.RELEASING), {5}),
        (no_entry_of(Kind.PERMIT), {5}),
        (no_entry_of(Kind.RELEASED), {5}),
        (no_entry_of(Kind.PERSON_REGISTERED), {6, 8}),
        (no_entry_of(Kind.DECLARED), {9}),
        (other_text_of_the_law, {7}),
        (no_declaration_of("lawbook"), {6}),
        (no_declaration_of("presumption"), {9}),
        (a_declaration_nobody_handed_in, {9}),
        (other_contents_in_the_permit, {5, 10}),
        (receipt_by_the_sender, {5, 11}),
        (permitted_by_hand, {5, 7}),
        (proof_of_another_entry, {4}),
        (a_date_of_no_calendar, {3}),
    ],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_a_node_that_seals_a_story_of_its_own_fails(made, change, steps):
    failed = made.check(made.sealed_anew(lambda parts: change(parts, made)))
    assert failed is not None
    assert failed[0] in steps, failed


def test_a_story_sealed_anew_unchanged_passes(made):
    assert made.check(made.sealed_anew(lambda _: None)) is None


def test_another_nodes_card_does_not_fit(made):
    other = Signer.generate().public
    assert check_dossier(made.data, node=other)[0].passed is False
    assert check_dossier(made.data, receiver=other)[0].passed is False
    without = check_dossier(made.data)
    assert all(one.passed for one in without)
    assert "NOT compared" in without[1].says
    assert "NOT compared" in without[-1].says


def test_it_can_be_made_years_later_under_another_lawbook_and_other_declarations(made, tmp_path):
    stage = made.stage.copy(tmp_path / "stage")
    now = stage.desk()
    stage.declare(now, "facts", {"data": "driving.dynamics", "persons": 9})
    stage.declare(now, "lawbook", {"digest": "sha256:" + "0" * 64})
    texts = dict(now.node.lawbook.texts)
    now.node.close()
    node = Node(stage.folder / "shanghai", clock=lambda: now_utc() + timedelta(days=800))
    name = next(one for one in sorted(texts) if one.endswith(".yaml"))
    from carnet.law.lawbook import lawbook_from_texts

    node.__dict__["lawbook"] = lawbook_from_texts(texts | {name: texts[name] + "# another day\n"})
    later = Desk(node)
    data = export_dossier(node, later.movements, later.declarations, made.request)
    assert made.check(data) is None
    node.close()


def test_the_command_names_the_step_and_ends_with_status_6(made, tmp_path):
    from carnet.errors import CarnetError
    from carnet.service.cli.dossier import app

    good, bad, empty = (tmp_path / name for name in ("good", "bad", "empty"))
    good.write_bytes(made.data)
    bad.write_bytes(made.data.replace(b"frankfurt", b"frankfurd", 1))
    empty.write_bytes(b"")
    assert CliRunner().invoke(app, ["verify", str(good)]).exit_code == 0
    for path in (bad, empty):
        ran = CliRunner().invoke(app, ["verify", str(path)])
        assert "FAILED" in ran.output
        assert isinstance(ran.exception, CarnetError)
        assert ran.exception.exit_code == 6
        assert "step " in str(ran.exception)
    missing = CliRunner().invoke(app, ["verify", str(tmp_path / "none")])
    assert isinstance(missing.exception, CarnetError)
    assert missing.exception.exit_code == 2


def test_the_digest_of_the_receipt_is_in_the_ledger(made):
    form = json.loads(made.data)
    entries = [json.loads(base64.b64decode(one["entry"])) for one in form["ledger"]["entries"]]
    said = Envelope.from_json(entries[-1]).statement()
    assert said["predicateType"] == Kind.RELEASED.value
    assert said["predicate"]["receipt"] == digest_of(form["receipt"])

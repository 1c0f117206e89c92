"""The main job on two real nodes: what goes, in which order it stands in the ledger, and all that does not go."""

from __future__ import annotations

import json
import shutil
import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from stage import ABOUT_NOBODY, UNDERTAKING, Stage, arrivals, deliver

from carnet.errors import CarnetError, InputError, RefusedError, RequestStateError, ResidencyError
from carnet.evidence.signing import Signer
from carnet.evidence.statements import Kind
from carnet.model.decision import Duty
from carnet.service.api import Desk
from carnet.service.node import Node, now_utc
from carnet.transfer.courier import Courier
from carnet.transfer.gate import check
from carnet.transfer.permit import open_permit
from carnet.transfer.request import Step

pytest.importorskip("cantools", reason="the extra 'recordings' is not installed: the main job is left out")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A stage with a described recording, made once: (stage, raw recording, the one to release)."""
    stage = Stage(tmp_path_factory.mktemp("kept") / "stage")
    desk = stage.desk()
    recording = stage.described(desk)
    raw = desk.recordings.get(recording).derived_from
    desk.node.close()
    return stage, raw, recording


@pytest.fixture
def play(kept, tmp_path):
    """A copy of it, with the sender's desk."""
    original, raw, recording = kept
    stage = original.copy(tmp_path / "stage")
    desk = stage.desk()
    yield stage, desk, raw, recording
    desk.node.close()


def outbox(desk) -> list[Path]:
    return sorted(desk.node.outbox.glob("req-*"))


def kinds(desk) -> list[str]:
    return [one.statement()["predicateType"] for one in desk.node.catalog.entries()]


def refused(desk, request, match, error=RefusedError, person="li"):
    """Releasing is refused, and nothing is in the outbox or in the ledger of it."""
    with pytest.raises(error, match=match):
        desk.movements.release(request, desk.node.person(person))
    assert outbox(desk) == []
    assert Kind.RELEASING.value not in kinds(desk)


def test_the_whole_story_stands_in_the_ledger_in_its_order(play):
    stage, desk, _, recording = play
    request = stage.approved(desk, recording)
    receiver = stage.receiver()
    try:
        desk.movements.release(request, desk.node.person("li"))
        assert desk.movements.show(request)["state"] == "releasing"
        assert len(outbox(desk)) == 1
        deliver(desk, stage.courier(desk))
    finally:
        receiver.terminate()
        receiver.wait(timeout=20)
    assert desk.movements.show(request)["state"] == "released"
    assert outbox(desk) == []
    declared = kinds(desk).count(Kind.DECLARED.value)
    assert kinds(desk) == [
        Kind.NODE_MADE, Kind.PAIRED, *[Kind.PERSON_REGISTERED] * 3, Kind.INGESTED, Kind.DESCRIBED, Kind.REDACTED,
        *[Kind.DECLARED] * declared, Kind.REQUESTED, Kind.APPROVED, Kind.RELEASING, Kind.PERMIT, Kind.RELEASED,
    ]  # fmt: skip
    assert desk.node.catalog.verify() == len(kinds(desk))
    assert len(arrivals(stage.folder)) == 1


def test_nothing_goes_that_nobody_approved(play):
    stage, desk, _, recording = play
    stage.declare(desk, "lawbook", {"digest": desk.node.lawbook.digest})
    stage.declare(desk, "facts", ABOUT_NOBODY)
    request = desk.movements.request(recording, UNDERTAKING, desk.node.person("li"))
    refused(desk, request, "cannot take the step release", RequestStateError)


def test_whoever_asked_does_not_approve_and_an_approver_does_not_release(play):
    stage, desk, _, recording = play
    request = stage.approved(desk, recording)
    refused(desk, request, "may not release", person="zhou")
    other = desk.movements.request(recording, UNDERTAKING, desk.node.person("li"))
    with pytest.raises(RefusedError, match="may not approve"):
        stage.approve(desk, other, "li")
    own = desk.movements.request(recording, UNDERTAKING, desk.node.person("zhou"))
    with pytest.raises(RefusedError, match="four eyes"):
        stage.approve(desk, own, "zhou")


def test_one_key_is_one_person(play):
    stage, desk, _, _ = play
    for key in (
        stage.people["li"].public,
        desk.node.signer.public,
        desk.node.peers()["frankfurt"].signing_key,
    ):
        with pytest.raises(InputError, match="key"):
            desk.node.register("li2", "approver", key.to_text())
    assert desk.node.catalog.row("SELECT * FROM people WHERE id='li2'") is None


def test_an_approval_of_another_request_or_by_another_key_is_none(play):
    stage, desk, _, recording = play
    stage.approved(desk, recording)
    one = desk.movements.request(recording, UNDERTAKING, desk.node.person("li"))
    two = desk.movements.request(recording, UNDERTAKING, desk.node.person("li"))
    stage.approve(desk, one)
    signed = desk.node.catalog.row("SELECT approval FROM requests WHERE id=?", (one,))["approval"]
    with pytest.raises(RefusedError, match="something else"):
        desk.movements.approve(two, json.loads(signed), desk.node.person("zhou"))
    stage.people = stage.people | {"zhou": Signer.generate()}
    with pytest.raises(CarnetError, match="not trusted"):
        stage.approve(desk, two)
    refused(desk, two, "cannot take the step", RequestStateError)


def test_raw_data_stay(play):
    stage, desk, raw, _ = play
    stage.declare(desk, "lawbook", {"digest": desk.node.lawbook.digest})
    request = desk.movements.request(raw, UNDERTAKING, desk.node.person("li"))
    assert desk.movements.show(request)["decision"]["verdict"] != "permitted"
    with pytest.raises(RefusedError, match="the law says"):
        stage.approve(desk, request)
    refused(desk, request, "cannot take the step release", RequestStateError)


def test_a_catalog_that_changed_after_the_approval_stops_it(play):
    stage, desk, _, recording = play
    request = stage.approved(desk, recording)
    stage.declare(desk, "facts", {"data": "driving.dynamics", "persons": 3})
    refused(desk, request, "has changed since")


def test_a_lawbook_that_nobody_adopted_decides_nothing(play):
    stage, desk, _, recording = play
    request = stage.approved(desk, recording)
    stage.declare(desk, "lawbook", {"digest": "sha256:" + "0" * 64})
    refused(desk, request, "no officer of this node has adopted")


def approved_without(stage, desk, recording, kind):
    """Approve with everything declared but what is of this kind; gives the request and what was left out."""
    keep, left_out = stage.declare, []

    def declare(at, which, body):
        if which == kind:
            left_out.append(body)
        else:
            keep(at, which, body)

    stage.declare = declare
    request = stage.approved(desk, recording)
    stage.declare = keep
    return request, left_out


def test_what_is_presumed_and_not_confirmed_stops_it(play):
    stage, desk, _, recording = play
    request, left_out = approved_without(stage, desk, recording, "presumption")
    assert left_out, "nothing is presumed here any more: this test needs another recording"
    refused(desk, request, "presumed and not confirmed")


def test_the_opposite_of_a_presumption_is_no_confirmation(play):
    stage, desk, _, recording = play
    request = stage.approved(desk, recording)
    stage.declare(desk, "presumption", {"fact": "state_secret", "value": True})
    refused(desk, request, "states otherwise")


@pytest.mark.parametrize(
    ("kind", "body", "near"),
    [
        ("facts", {"data": "driving.dynamics", "facts": {"nationl_project": True}}, "national_project"),
        ("facts", {"data": "driving.dynamic", "persons": 0}, "driving.dynamics"),
        ("presumption", {"fact": "state_secrt", "value": False}, "state_secret"),
    ],
)
def test_a_declaration_of_a_name_that_the_lawbook_does_not_know_is_refused(play, kind, body, near):
    stage, desk, _, _ = play
    with pytest.raises(InputError, match="knows no") as found:
        stage.declare(desk, kind, body)
    assert near in str(found.value)


def test_what_is_owed_before_and_without_evidence_stops_it(play):
    """Nothing is owed before here, so a duty is put into the decision that the gate is given."""
    stage, desk, _, recording = play
    request = stage.approved(desk, recording)
    application = desk.movements._application(request)
    entry = application.decision_now.jurisdictions[0]
    duty = Duty("X-1", "show a contract", "exporter", "before", "Article 1", "official")
    decision = replace(
        application.decision_now,
        jurisdictions=(replace(entry, duties=(duty,)), *application.decision_now.jurisdictions[1:]),
    )
    person = desk.node.person("li")

    def ask(evidenced):
        asked = replace(application, decision_now=decision, evidenced=frozenset(evidenced))
        return check(asked, decision, person=person.id, role=person.role, check_object=lambda _: None)

    with pytest.raises(RefusedError, match="without evidence: show a contract"):
        ask([])
    assert ask(["X-1"]).value.decision is decision


def test_changed_bytes_at_rest_stop_it(play):
    stage, desk, _, recording = play
    request = stage.approved(desk, recording)
    address = desk.recordings.get(recording).objects[0].address
    path = next((stage.folder / "shanghai" / "vault").rglob(address))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    refused(desk, request, "not what its address says", CarnetError)


def test_an_erased_recording_does_not_go_and_one_that_is_leaving_is_not_erased(play):
    stage, desk, _, recording = play
    request = stage.approved(desk, recording)
    other = stage.copy(stage.folder.with_name("other"))
    second = other.desk()
    second.movements.release(request, second.node.person("li"))
    with pytest.raises(RefusedError, match="leaving"):
        second.recordings.erase(recording, "wang")
    second.node.close()
    desk.recordings.erase(recording, "wang")
    refused(desk, request, "no recording", InputError)


def test_a_recording_made_from_an_erased_one_is_still_decided(play):
    stage, desk, raw, recording = play
    desk.recordings.erase(raw, "wang")
    request = stage.approved(desk, recording)
    assert desk.movements.show(request)["state"] == "approved"


def test_what_was_recorded_elsewhere_is_not_taken_in(play):
    _, desk, _, _ = play
    with pytest.raises(ResidencyError):
        desk.recordings.begin("DE")


def test_a_release_goes_once_however_many_ask_at_once(play):
    stage, desk, _, recording = play
    request = stage.approved(desk, recording)
    outcomes: list[str] = []
    together = threading.Barrier(4)

    def ask() -> None:
        together.wait()
        try:
            desk.movements.release(request, desk.node.person("li"))
            outcomes.append("released")
        except RefusedError:
            outcomes.append("refused")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert Counter(outcomes) == {"released": 1, "refused": 3}
    assert kinds(desk).count(Kind.RELEASING.value) == kinds(desk).count(Kind.PERMIT.value) == 1


@pytest.mark.parametrize("meanwhile", ["stop", "declare", "erase", "adopt"])
def test_what_changes_between_the_check_and_the_intent_stops_it(play, monkeypatch, meanwhile):
    """The gate has checked; before it writes its intent somebody else acts."""
    stage, desk, _, recording = play
    request = stage.approved(desk, recording)
    release = desk.node.gate.release

    def act_first(*args, **kwargs):
        if meanwhile == "stop":
            desk.movements.end(request, Step.STOP, desk.node.person("zhou"))
        elif meanwhile == "declare":
            stage.declare(desk, "facts", {"data": "driving.dynamics", "persons": 3})
        elif meanwhile == "adopt":
            stage.declare(desk, "lawbook", {"digest": "sha256:" + "0" * 64})
        else:
            desk.recordings.erase(recording, "wang")
        release(*args, **kwargs)

    monkeypatch.setattr(desk.node.gate, "release", act_first)
    refused(desk, request, "changed while|no recording|no officer of this node has adopted", CarnetError)
    assert desk.movements.show(request)["state"] == ("stopped" if meanwhile == "stop" else "approved")


def test_a_request_that_is_leaving_is_not_stopped(play, monkeypatch):
    stage, desk, _, recording = play
    request = stage.approved(desk, recording)
    row = desk.movements.row(request)
    desk.movements.release(request, desk.node.person("li"))
    monkeypatch.setattr(desk.movements, "row", lambda _: row)  # read before the release, written after it
    with pytest.raises(RequestStateError):
        desk.movements.end(request, Step.STOP, desk.node.person("zhou"))
    assert desk.node.catalog.row("SELECT state FROM requests")["state"] == "releasing"
    assert Kind.STOPPED.value not in kinds(desk)


def test_a_release_that_a_crash_cut_is_not_taken_up_when_the_catalog_has_changed(play):
    stage, desk, _, recording = play
    request = stage.approved(desk, recording)
    desk.movements.release(request, desk.node.person("li"))
    shutil.rmtree(desk.node.outbox / request)  # as if the node had died before the hand-over
    stage.declare(desk, "facts", {"data": "driving.dynamics", "persons": 3})
    with pytest.raises(RefusedError, match="the catalog has changed"):
        desk.movements.resume()
    assert outbox(desk) == []
    stage.declare(desk, "facts", ABOUT_NOBODY)
    assert desk.movements.resume() == [request]
    assert len(outbox(desk)) == 1


def test_a_release_whose_permit_expired_is_decided_anew_when_the_node_begins(play):
    stage, desk, _, recording = play
    request = stage.approved(desk, recording)
    desk.movements.release(request, desk.node.person("li"))
    stage.courier(desk)
    late = now_utc() + timedelta(hours=25)
    Courier(desk.node.config.keys / "courier", clock=lambda: late).carry(desk.node.outbox / request)
    assert "expired" in desk.movements.show(request)["refused"]["why"]
    assert desk.movements.resume() == []  # by this node's clock it has not expired
    desk.node.close()
    again = Desk(Node(stage.folder / "shanghai", clock=lambda: late))
    assert again.movements.resume() == [request]
    assert again.movements.show(request)["refused"] is None
    permit = json.loads(again.movements.row(request)["permit"])
    assert open_permit(permit, again.node.signer.public, now=late).release == request
    assert kinds(again).count(Kind.RELEASING.value) == 1
    again.node.close()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("lawbook", {}),
        ("lawbook", {"digest": "sha256:xyz"}),
        ("presumption", {"fact": "a"}),
        ("presumption", {"value": True}),
        ("duty", {"duty": "x"}),
        ("safeguard", {}),
        ("safeguard", {"safeguard": []}),
        ("facts", {"data": "driving.dynamics", "persons": -1}),
        ("facts", {"data": "driving.dynamics", "persons": True}),
        ("facts", {"data": 3, "facts": {}}),
        ("facts", {"data": "driving.dynamics", "facts": [1]}),
        ("review", {"recording": "rec-x", "looked_at": 1}),
        ("review", {"recording": "rec-x", "looked_at": 1, "left": {"faces_px_max": -1}}),
        ("review", {"recording": "rec-x", "looked_at": 1, "left": {"anything": 0}}),
    ],
)
def test_a_declaration_without_its_parts_is_refused_and_stops_nobody(play, kind, body):
    stage, desk, _, recording = play
    with pytest.raises(InputError):
        stage.declare(desk, kind, body)
    assert desk.node.catalog.rows("SELECT * FROM declarations") == []
    stage.declare(desk, "lawbook", {"digest": desk.node.lawbook.digest})
    desk.movements.decide(recording, UNDERTAKING)


def test_a_review_speaks_of_a_recording_whose_pictures_were_checked_and_of_no_other(play):
    stage, desk, raw, recording = play
    left = {"faces_px_max": 0, "plates_px_max": 0}
    for one in (raw, recording, "rec-" + "a" * 26):
        with pytest.raises(InputError):
            stage.declare(desk, "review", {"recording": one, "looked_at": 1, "left": left})


def test_the_same_declaration_is_kept_once(play):
    from carnet.evidence.statements import Subject
    from carnet.service.declarations import declaration

    stage, desk, _, _ = play
    form = stage.sign(
        "wang", Kind.DECLARED, Subject("declaration", "0" * 64), declaration("facts", ABOUT_NOBODY), desk
    )
    desk.declarations.keep(form, desk.node.person("wang"))
    with pytest.raises(InputError, match="already"):
        desk.declarations.keep(form, desk.node.person("wang"))


def test_a_legal_order_that_the_lawbook_does_not_hold_permits_nothing(play, tmp_path):
    from stage import RECIPIENT, free_port

    from carnet.model.ids import Country
    from carnet.service.node import Node, NodeConfig, make_node
    from carnet.transfer.assemble import Undertaking

    stage, desk, _, recording = play
    stage.approved(desk, recording)
    operator = RECIPIENT | {"id": "lei:2", "established_in": "BR", "owned_from": ["BR"]}
    config = NodeConfig("manaus", Country("BR"), operator, free_port(), free_port(), tmp_path / "manaus.keys")
    make_node(tmp_path / "manaus", config)
    node = Node(tmp_path / "manaus")
    desk.node.pair(node.card.to_json(node.signer))
    node.close()
    elsewhere = Undertaking("manaus", "research_design", "brake tuning")
    _, decision = desk.movements.decide(recording, elsewhere)
    assert "BR" in decision.not_modelled
    assert decision.verdict.value != "permitted" or decision.not_modelled
    request = desk.movements.request(recording, UNDERTAKING, desk.node.person("li"))
    stage.approve(desk, request)
    application = desk.movements._application(request)
    silent = replace(application.decision_now, not_modelled=("BR",))
    person = desk.node.person("li")
    with pytest.raises(RefusedError, match="does not hold the law of BR"):
        check(
            replace(application, decision_now=silent),
            silent,
            person=person.id,
            role=person.role,
            check_object=lambda _: None,
        )

"""Standing movements when another lawbook is adopted: real nodes, two lawbooks that differ in one rule."""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from stage import ABOUT_NOBODY, UNDERTAKING, Stage, deliver

from carnet.errors import PeerError, RefusedError, RequestStateError
from carnet.evidence.statements import Kind, Subject, statement
from carnet.law.lawbook import default_folder
from carnet.service.api import Desk
from carnet.service.node import Node
from carnet.transfer.courier import HELD, REFUSED

pytest.importorskip(
    "cantools", reason="the extra 'recordings' is not installed: standing movements are left out"
)

STRICTER = """rules:
- id: eu/test/stop
  title: A rule of a test
  source: {instrument: gdpr, article: art. 44}
  certainty: official
  in_force: {from: 2018-05-25}
  classes: [driving.dynamics]
  effect: {prohibits: true}
  says: The test stops it.
"""
MORE_OWED = """rules:
- id: eu/test/owed
  title: A rule of a test
  source: {instrument: gdpr, article: art. 30}
  certainty: official
  in_force: {from: 2018-05-25}
  classes: [driving.dynamics]
  effect: {owes: true}
  says: The test wants a note.
  duties:
    - {what: write a note, who: exporter, when: before}
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    stage = Stage(tmp_path_factory.mktemp("standing") / "stage")
    desk = stage.desk()
    recording = stage.described(desk)
    desk.node.close()
    return stage, recording


@pytest.fixture
def play(kept, tmp_path):
    original, recording = kept
    stage = original.copy(tmp_path / "stage")
    desk = stage.desk()
    yield stage, desk, recording, tmp_path
    desk.node.close()


def change_law(stage: Stage, desk: Desk, folder: Path) -> Desk:
    """Give the node another lawbook, in which one rule more forbids it, and open it again."""
    law = folder / "law"
    if not law.exists():
        shutil.copytree(default_folder(), law, ignore=shutil.ignore_patterns("cases"))
        (law / "eu" / "rules" / "test.yaml").write_text(STRICTER, "utf-8")
    return with_law(stage, desk, law)


def with_law(stage: Stage, desk: Desk, law: Path | None) -> Desk:
    desk.node.close()
    settings = stage.folder / "shanghai" / "node.json"
    form = json.loads(settings.read_bytes()) | {"lawbook": None if law is None else str(law)}
    settings.write_text(json.dumps(form), "utf-8")
    return Desk(Node(stage.folder / "shanghai"))


def adopt(stage: Stage, desk: Desk):
    stage.declare(desk, "lawbook", {"digest": desk.node.lawbook.digest})
    return desk.standing.pause("wang")


def kinds(desk: Desk) -> list[str]:
    return [one.statement()["predicateType"] for one in desk.node.catalog.entries()]


def test_a_lawbook_that_nobody_adopted_decides_nothing_at_all(play):
    stage, desk, recording, folder = play
    request = stage.approved(desk, recording)
    desk = change_law(stage, desk, folder)
    li = desk.node.person("li")
    for act in (
        lambda: desk.movements.decide(recording, UNDERTAKING),
        lambda: desk.movements.plan(recording, UNDERTAKING),
        lambda: desk.movements.request(recording, UNDERTAKING, li),
        lambda: desk.movements.release(request, li),
    ):
        with pytest.raises(RefusedError, match="adopted"):
            act()
    [change] = desk.standing.changes()  # looking is free, so that the officer knows what she adopts
    assert (change.was["verdict"], change.now["verdict"]) == ("permitted", "prohibited")
    assert desk.movements.show(request)["state"] == "approved"
    desk.node.close()


def test_what_gets_another_answer_is_paused_until_it_is_decided_again(play):
    stage, desk, recording, folder = play
    request = stage.approved(desk, recording)
    desk = change_law(stage, desk, folder)
    assert [one.request for one in adopt(stage, desk)] == [request]
    assert desk.movements.show(request)["state"] == "paused"
    assert kinds(desk).count(Kind.PAUSED.value) == 1
    assert adopt(stage, desk) == ()  # paused once
    li = desk.node.person("li")
    with pytest.raises(RequestStateError, match="paused"):
        desk.movements.release(request, li)
    desk.standing.again(request, li)
    shown = desk.movements.show(request)
    assert (shown["state"], shown["decision"]["verdict"], shown["approved_by"]) == (
        "requested",
        "prohibited",
        None,
    )
    with pytest.raises(RefusedError, match="nothing to approve"):
        stage.approve(desk, request)
    desk.node.close()


def test_a_lawbook_that_changes_no_answer_pauses_nothing(play):
    stage, desk, recording, folder = play
    request = stage.approved(desk, recording)
    law = folder / "law"
    shutil.copytree(default_folder(), law, ignore=shutil.ignore_patterns("cases"))
    elsewhere = STRICTER.replace("driving.dynamics", "biometric.fingerprint")
    (law / "eu" / "rules" / "test.yaml").write_text(elsewhere, "utf-8")
    desk = with_law(stage, desk, law)
    assert adopt(stage, desk) == ()
    desk.movements.release(request, desk.node.person("li"))
    assert desk.movements.show(request)["state"] == "releasing"
    desk.node.close()


def test_after_the_old_law_is_adopted_again_it_is_asked_approved_and_released_anew(play):
    stage, desk, recording, folder = play
    request = stage.approved(desk, recording)
    desk = change_law(stage, desk, folder)
    adopt(stage, desk)
    desk = with_law(stage, desk, None)
    adopt(stage, desk)
    li = desk.node.person("li")
    with pytest.raises(RequestStateError):
        desk.movements.release(request, li)
    desk.standing.again(request, li)
    with pytest.raises(RequestStateError):
        desk.movements.release(request, li)  # the old approval is gone
    stage.approve(desk, request)
    desk.movements.release(request, li)
    assert desk.movements.show(request)["state"] == "releasing"
    desk.node.close()


def test_a_transfer_under_way_is_held_and_goes_on_when_the_law_permits_it(play):
    stage, desk, recording, folder = play
    receiver = stage.receiver()
    try:
        request = stage.approved(desk, recording)
        desk.movements.release(request, desk.node.person("li"))
        courier = stage.courier(desk)
        release = desk.node.outbox / request
        desk = change_law(stage, desk, folder)
        assert [one.request for one in adopt(stage, desk)] == [request]
        assert (release / HELD).is_file()
        assert courier.waiting() == []
        with pytest.raises(PeerError, match="held"):
            courier.carry(release)  # as if it had been on its way when the law changed
        with pytest.raises(RefusedError, match="only an officer"):
            desk.standing.again(request, desk.node.person("li"))
        with pytest.raises(RefusedError, match="prohibited"):
            desk.standing.again(request, desk.node.person("wang"))
        assert (release / HELD).is_file()
        desk = with_law(stage, desk, None)
        adopt(stage, desk)
        desk.standing.again(request, desk.node.person("wang"))
        assert Kind.RESUMED.value in kinds(desk)
        deliver(desk, courier)
        assert desk.movements.show(request)["state"] == "released"
    finally:
        receiver.terminate()
        receiver.wait()
        desk.node.close()


def test_a_crash_between_adoption_and_pause_is_made_up_when_the_node_starts(play):
    stage, desk, recording, folder = play
    request = stage.approved(desk, recording)
    desk = change_law(stage, desk, folder)
    stage.declare(desk, "lawbook", {"digest": desk.node.lawbook.digest})
    assert desk.movements.show(request)["state"] == "approved"
    desk.start()
    assert desk.movements.show(request)["state"] == "paused"
    desk.node.close()


def held_release(stage, desk, recording, folder) -> tuple[Desk, str]:
    """A release handed over, then held by another law, and the old law adopted again."""
    request = stage.approved(desk, recording)
    desk.movements.release(request, desk.node.person("li"))
    desk = change_law(stage, desk, folder)
    assert [one.request for one in adopt(stage, desk)] == [request]
    desk = with_law(stage, desk, None)
    adopt(stage, desk)
    return desk, request


def test_a_held_transfer_does_not_go_on_because_its_permit_expired(play):
    stage, desk, recording, folder = play
    desk, request = held_release(stage, desk, recording, folder)
    (desk.node.outbox / request / REFUSED).write_bytes(b"{}")
    later = desk.node.clock() + timedelta(days=40)  # far past the permit
    desk.node.clock = lambda: later
    assert desk.movements.resume() == []
    assert (desk.node.outbox / request / HELD).is_file()
    desk.node.close()


def test_a_release_whose_hand_over_a_crash_cut_is_held_too_and_goes_on(play):
    stage, desk, recording, folder = play
    request = stage.approved(desk, recording)
    desk.movements.release(request, desk.node.person("li"))
    release = desk.node.outbox / request
    shutil.rmtree(release)  # as if the node had died before
    desk = change_law(stage, desk, folder)
    assert [one.request for one in adopt(stage, desk)] == [request]
    desk = with_law(stage, desk, None)
    adopt(stage, desk)
    assert desk.movements.resume() == []
    desk.standing.again(request, desk.node.person("wang"))
    assert desk.movements.resume() == [request]
    assert (release / "permit.json").is_file()
    desk.node.close()


def test_what_an_officer_let_go_on_is_not_held_by_the_same_law_again(play):
    stage, desk, recording, folder = play
    request = stage.approved(desk, recording)
    desk.movements.release(request, desk.node.person("li"))
    law = folder / "law"
    shutil.copytree(default_folder(), law, ignore=shutil.ignore_patterns("cases"))
    (law / "eu" / "rules" / "test.yaml").write_text(MORE_OWED, "utf-8")
    desk = with_law(stage, desk, law)
    assert [one.request for one in adopt(stage, desk)] == [request]
    with pytest.raises(RefusedError, match="write a note"):
        desk.standing.again(request, desk.node.person("wang"))
    [change] = desk.standing.changes()
    [note] = [
        one
        for order, said in change.now["orders"].items()
        for one in said["before"]
        if one not in change.was["orders"][order]["before"]
    ]
    stage.declare(desk, "duty", {"duty": note, "evidence": "test"})
    desk.standing.again(request, desk.node.person("wang"))
    assert desk.standing.pause("wang") == ()
    assert not (desk.node.outbox / request / HELD).exists()
    desk.node.close()


def test_an_approval_of_what_was_asked_anew_meanwhile_is_not_kept(play, monkeypatch):
    stage, desk, recording, _ = play
    stage.declare(desk, "lawbook", {"digest": desk.node.lawbook.digest})
    stage.declare(desk, "facts", ABOUT_NOBODY)
    request = desk.movements.request(recording, UNDERTAKING, desk.node.person("li"))
    look = desk.movements._step

    def meanwhile(row, step, person):
        after = look(row, step, person)
        read = statement(Kind.READ, [Subject("x", "0" * 64)], {}, actor="li", at=desk.node.clock())
        with desk.node.catalog.change(read) as change:
            change.execute("UPDATE requests SET requested_by=? WHERE id=?", (person.id, request))
        return after

    monkeypatch.setattr(desk.movements, "_step", meanwhile)
    with pytest.raises(RequestStateError, match="meanwhile"):
        stage.approve(desk, request)
    assert desk.movements.show(request)["approved_by"] is None
    desk.node.close()

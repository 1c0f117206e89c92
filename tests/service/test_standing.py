"""Standing movements when another lawbook is adopted: real nodes, two lawbooks that differ in one rule."""

import json
import shutil
from pathlib import Path

import pytest
from stage import UNDERTAKING, Stage, deliver

from carnet.errors import PeerError, RefusedError, RequestStateError
from carnet.evidence.statements import Kind
from carnet.law.lawbook import default_folder
from carnet.service.api import Desk
from carnet.service.node import Node
from carnet.transfer.courier import HELD

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

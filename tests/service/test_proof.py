"""What was released can be proven, and nothing else: the dossier of a real release, and every changed bit of it."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace

import pytest
from stage import UNDERTAKING, Stage, arrivals, deliver

from carnet.errors import (
    CarnetError,
    InputError,
    RefusedError,
)
from carnet.service.dossiers import export_dossier
from carnet.service.offline import check_dossier
from carnet.transfer.gate import check
from carnet.transfer.request import Role


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A stage with an approved request and another that nobody has approved yet."""
    pytest.importorskip("cantools", reason="the extra 'recordings' is not installed: left out")
    stage = Stage(tmp_path_factory.mktemp("main-job"))
    desk = stage.desk()
    recording = stage.described(desk)
    approved = stage.approved(desk, recording)
    open_one = desk.movements.request(recording, UNDERTAKING, desk.node.person("li"))
    desk.node.close()
    keep = stage.folder.with_name(stage.folder.name + ".kept")
    shutil.copytree(stage.folder, keep)
    return stage, approved, open_one, keep


@pytest.fixture
def play(prepared):
    """The prepared stage with a desk; put back as it was afterwards."""
    stage, approved, open_one, keep = prepared
    desk = stage.desk()
    yield stage, desk, approved, open_one
    desk.node.close()
    shutil.rmtree(stage.folder)
    shutil.copytree(keep, stage.folder)


def release(desk, request, who="li") -> None:
    desk.movements.release(request, desk.node.person(who))


def test_what_was_approved_arrives_and_is_proven(play):
    stage, desk, request, _ = play
    receiver = stage.receiver()
    try:
        release(desk, request)
        deliver(desk, stage.courier(desk))
    finally:
        receiver.terminate()
        receiver.wait(timeout=20)
    assert desk.movements.show(request)["state"] == "released"
    assert len(arrivals(stage.folder)) == 1
    there = stage.desk("frankfurt")
    arrived = there.recordings.all()[0]
    sent = desk.recordings.get(desk.movements.show(request)["recording"])
    assert [one.content for one in arrived.objects] == [one.content for one in sent.objects]
    assert arrived.id != sent.id
    keys = {"node": desk.node.signer.public, "receiver": there.node.signer.public}
    there.node.close()
    data = export_dossier(desk.node, desk.movements, desk.declarations, request)
    assert all(step.passed for step in check_dossier(data, **keys))
    chosen = random.Random(1)
    for _ in range(25):
        changed = bytearray(data)
        changed[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
        try:
            steps = check_dossier(bytes(changed), **keys)
        except CarnetError:
            continue
        assert not all(step.passed for step in steps)


def test_a_decision_from_elsewhere_opens_no_door(play):
    _, desk, request, _ = play
    application = desk.movements._application(request)
    with pytest.raises(RefusedError, match="the law says"):
        check(
            application,
            replace(application.decision_now),
            person=application.requested_by,
            role=Role.ENGINEER,
            check_object=desk.node.vault.check_address,
        )


def test_a_dossier_is_of_a_release(play):
    _, desk, request, _ = play
    with pytest.raises(RefusedError, match="released"):
        export_dossier(desk.node, desk.movements, desk.declarations, request)
    with pytest.raises(InputError):
        desk.movements.row("req-none")

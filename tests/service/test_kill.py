"""A real SIGKILL at chosen points of ingest and release: the ledger is true afterwards, nothing is half there,
nothing left that the ledger does not know of, and a release goes on where it was cut.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from stage import Stage, arrivals, deliver, speeds

from carnet.evidence.statements import Kind

HERE = Path(__file__).resolve().parent
pytestmark = pytest.mark.slow

INGEST = [
    ("vault/store.py", "Vault.write", "call", 1),
    ("vault/store.py", "Vault._seal_into", "return", 1),
    ("vault/store.py", "_sync_folder", "call", 1),
    ("vault/store.py", "Vault.write", "return", 1),
    ("vault/store.py", "Vault._seal_into", "return", 2),
    ("service/recordings.py", "Recordings.finish", "call", 1),
    ("catalog/database.py", "Change.execute", "return", 1),
    ("catalog/database.py", "Change.execute", "return", 3),
    ("catalog/database.py", "Catalog._append", "return", 1),
    ("service/recordings.py", "Recordings.get", "call", 1),
]
RELEASE = [
    ("transfer/gate.py", "check", "return", 1),
    ("transfer/gate.py", "Gate.release", "call", 1),
    ("catalog/database.py", "Catalog._append", "return", 1),
    ("catalog/database.py", "Catalog.seal", "call", 1),
    ("transfer/gate.py", "Gate.hand_over", "call", 1),
    ("transfer/sealing.py", "seal_object", "return", 1),
    ("catalog/database.py", "Catalog._append", "return", 2),
    ("transfer/courier.py", "write_whole", "return", 1),
    ("transfer/gate.py", "Gate.hand_over", "return", 1),
    ("transfer/courier.py", "Courier._check", "return", 1),
    ("transfer/courier.py", "Courier._send_object", "return", 1),
    ("transfer/courier.py", "Courier._send", "return", 1),
    ("transfer/courier.py", "Courier.carry", "return", 1),
    ("service/movements.py", "Movements._settle", "call", 1),
    ("catalog/database.py", "Catalog._append", "return", 3),
    ("service/movements.py", "Movements._settle", "return", 1),
]


def name(point) -> str:
    return f"{Path(point[0]).stem}.{point[1]} {point[2]} {point[3]}"


def killed_at(folder: Path, job: str, argument: str, point) -> None:
    command = [sys.executable, str(HERE / "killed.py"), str(folder), job, argument, *map(str, point)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == -signal.SIGKILL, f"the point was not reached: {run.stdout}{run.stderr}"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A stage with an approved request, made once; every test works on a copy."""
    pytest.importorskip("cantools", reason="the extra 'recordings' is not installed: crash tests left out")
    folder = tmp_path_factory.mktemp("prepared")
    stage = Stage(folder)
    desk = stage.desk()
    request = stage.approved(desk, stage.described(desk))
    desk.node.close()
    return stage, request


@pytest.fixture
def stage(prepared):
    """The prepared stage, put back as it was afterwards: the nodes' settings name their folders."""
    original, request = prepared
    keep = original.folder.with_name(original.folder.name + ".kept")
    if not keep.exists():
        shutil.copytree(original.folder, keep)
    yield original, request
    shutil.rmtree(original.folder)
    shutil.copytree(keep, original.folder)


@pytest.mark.parametrize("point", INGEST, ids=name)
def test_ingest_killed(stage, point):
    play, _ = stage
    before = play.desk()
    known = {one.id for one in before.recordings.all()}
    before.node.close()
    killed_at(play.folder, "ingest", "-", point)
    desk = play.desk()
    desk.start()
    desk.node.catalog.verify()
    new = [one for one in desk.recordings.all() if one.id not in known]
    ingested = [
        one for one in desk.node.catalog.entries() if one.statement()["predicateType"] == Kind.INGESTED.value
    ]
    assert len(ingested) == len([one for one in desk.recordings.all() if one.derived_from is None])
    for recording in new:
        with desk.recordings.open(recording.id, recording.objects[0]) as file:
            assert file.read() == speeds()
    named = {row["address"] for row in desk.node.catalog.rows("SELECT address FROM objects")}
    named |= {row["sheet_address"] for row in desk.node.catalog.rows("SELECT sheet_address FROM objects")}
    stored = {path.name for path in (play.folder / "shanghai" / "vault").rglob("*") if path.is_file()}
    assert stored == named - {None}
    again = play.ingest(desk)
    assert desk.recordings.get(again).objects
    desk.node.close()


@pytest.mark.parametrize("point", RELEASE, ids=name)
def test_release_killed(stage, point):
    play, request = stage
    receiver = play.receiver()
    try:
        killed_at(play.folder, "release", request, point)
        desk = play.desk()
        desk.node.catalog.verify()
        kinds = [one.statement()["predicateType"] for one in desk.node.catalog.entries()]
        sent = arrivals(play.folder)
        if Kind.RELEASING.value not in kinds:
            assert sent == []
            assert list((play.folder / "shanghai" / "outbox").glob("req-*")) == []
        desk.start()
        if desk.movements.show(request)["state"] == "approved":
            desk.movements.release(request, desk.node.person("li"))
        deliver(desk, play.courier(desk))
        assert desk.movements.show(request)["state"] == "released"
        desk.node.catalog.verify()
        kinds = [one.statement()["predicateType"] for one in desk.node.catalog.entries()]
        assert kinds.count(Kind.RELEASING.value) == 1
        assert kinds.count(Kind.RELEASED.value) == 1
        assert len(arrivals(play.folder)) == 1
        desk.start()
        assert list((play.folder / "shanghai" / "outbox").iterdir()) == []
        desk.node.close()
    finally:
        receiver.terminate()
        receiver.wait(timeout=20)


def test_a_receiver_that_dies_while_segments_arrive_loses_nothing(stage):
    play, request = stage
    desk = play.desk()
    receiver = play.receiver()
    desk.movements.release(request, desk.node.person("li"))
    courier = play.courier(desk)
    receiver.kill()
    receiver.wait()
    from carnet.errors import PeerError

    with pytest.raises(PeerError, match="cannot be reached"):
        deliver(desk, courier)
    assert desk.movements.show(request)["state"] == "releasing"
    receiver = play.receiver()
    try:
        deliver(desk, courier)
        assert desk.movements.show(request)["state"] == "released"
        assert len(arrivals(play.folder)) == 1
    finally:
        receiver.terminate()
        receiver.wait(timeout=20)
        desk.node.close()

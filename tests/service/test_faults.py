"""Faults of the machine: a ledger that cannot be written, a full disk, a clock that went back.

In each nothing leaves, nothing is half there, and when the fault is gone the job goes on.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from stage import Stage, arrivals, deliver

from carnet.errors import CatalogError, ClockError, StorageFullError
from carnet.evidence.statements import Kind
from carnet.model.ids import Country
from carnet.service.api import Desk
from carnet.service.node import Node, now_utc

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A stage with an approved request."""
    pytest.importorskip("cantools", reason="the extra 'recordings' is not installed: left out")
    stage = Stage(tmp_path_factory.mktemp("faults"))
    desk = stage.desk()
    request = stage.approved(desk, stage.described(desk))
    desk.node.close()
    keep = stage.folder.with_name(stage.folder.name + ".kept")
    shutil.copytree(stage.folder, keep)
    return stage, request, keep


@pytest.fixture
def play(prepared):
    """The prepared stage; put back as it was afterwards."""
    stage, request, keep = prepared
    yield stage, request
    shutil.rmtree(stage.folder)
    shutil.copytree(keep, stage.folder)


def kinds(desk) -> list[str]:
    return [one.statement()["predicateType"] for one in desk.node.catalog.entries()]


def outbox(stage) -> list[str]:
    return sorted(one.name for one in (stage.folder / "shanghai" / "outbox").iterdir())


def goes_on(stage, request) -> None:
    """The fault is gone: the release arrives, once."""
    desk = stage.desk()
    receiver = stage.receiver()
    try:
        desk.start()
        if desk.movements.show(request)["state"] == "approved":
            desk.movements.release(request, desk.node.person("li"))
        deliver(desk, stage.courier(desk))
        assert desk.movements.show(request)["state"] == "released"
        assert len(arrivals(stage.folder)) == 1
        desk.node.catalog.verify()
        assert kinds(desk).count(Kind.RELEASING.value) == 1
    finally:
        receiver.terminate()
        receiver.wait(timeout=20)
        desk.node.close()


def test_where_the_ledger_cannot_be_written_nothing_leaves(play):
    stage, request = play
    desk = stage.desk()
    desk.node.catalog._connection.execute("PRAGMA query_only=ON")
    with pytest.raises(CatalogError):
        desk.movements.release(request, desk.node.person("li"))
    assert outbox(stage) == []
    assert Kind.RELEASING.value not in kinds(desk)
    desk.node.close()
    goes_on(stage, request)


def test_where_the_checkpoint_cannot_be_written_nothing_leaves(play, monkeypatch):
    stage, request = play
    desk = stage.desk()
    seal = desk.node.catalog.seal

    def refuse_and_seal():
        desk.node.catalog._connection.execute("PRAGMA query_only=ON")
        return seal()

    monkeypatch.setattr(desk.node.catalog, "seal", refuse_and_seal)
    with pytest.raises(CatalogError):
        desk.movements.release(request, desk.node.person("li"))
    assert outbox(stage) == []
    desk.node.close()
    goes_on(stage, request)


def test_a_clock_that_went_back_stops_ingest_and_release(play):
    stage, request = play
    desk = Desk(Node(stage.folder / "shanghai", clock=lambda: now_utc() - timedelta(hours=2)))
    before = len(desk.node.catalog.entries())
    known = [one.id for one in desk.recordings.all()]
    with pytest.raises(ClockError):
        desk.movements.release(request, desk.node.person("li"))
    with pytest.raises(ClockError):
        stage.ingest(desk)
    assert outbox(stage) == []
    assert len(desk.node.catalog.entries()) == before
    assert [one.id for one in desk.recordings.all()] == known
    desk.recordings.sweep()
    desk.node.close()
    goes_on(stage, request)


FULL = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, {here!r})
from carnet.errors import CarnetError
from carnet.service.api import Desk
from carnet.service.node import Node
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
desk = Desk(Node(Path({folder!r})))
desk.node.catalog.rows("SELECT 1")
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
try:
    desk.movements.release({request!r}, desk.node.person("li"))
    print("released")
except CarnetError as error:
    print(type(error).__name__)
except OSError as error:
    print("OSError", error.errno)
"""


def test_a_disk_that_is_full_while_a_release_is_sealed_loses_nothing(play):
    """A child process whose files may not grow past some size: what a full disk does, without filling one."""
    stage, request = play
    folder = str(stage.folder / "shanghai")
    script = FULL.format(here=str(HERE), folder=folder, limit=8 << 10, request=request)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "released" not in run.stdout, run.stdout + run.stderr
    assert not [name for name in outbox(stage) if not name.startswith(".")]
    goes_on(stage, request)


def test_an_ingest_without_room_leaves_nothing(play):
    stage, _ = play
    desk = stage.desk()
    before = {path for path in (stage.folder / "shanghai" / "vault").rglob("*") if path.is_file()}
    upload = desk.recordings.begin(Country("CN"))
    with pytest.raises(StorageFullError, match="MiB"):
        desk.recordings.add(upload, "large.bin", lambda _: pytest.fail("it was read"), 1 << 60)
    desk.recordings.give_up(upload)
    after = {path for path in (stage.folder / "shanghai" / "vault").rglob("*") if path.is_file()}
    assert after == before
    desk.node.close()

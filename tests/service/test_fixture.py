"""Every release opens the nodes of every release before it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from carnet.errors import DossierError, TamperedError
from carnet.model.ids import RecordingId
from carnet.service.node import Node
from carnet.service.offline import check_dossier
from carnet.service.recordings import Recordings
from carnet.transfer.pairing import read_card

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
RELEASES = sorted(FIXTURES.glob("node-*"))


@pytest.fixture(params=RELEASES, ids=lambda one: one.name)
def release(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a release's fixture, with the modes and the keys' place that Git does not keep."""
    copy = tmp_path / "fixture"
    shutil.copytree(request.param, copy)
    for path in copy.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    settings = copy / "shanghai" / "node.json"
    config = json.loads(settings.read_bytes()) | {"keys": str(copy / "shanghai.keys")}
    settings.write_text(json.dumps(config), "utf-8")
    return copy


@pytest.fixture
def expected(release: Path) -> dict:
    return json.loads((release / "expected.json").read_bytes())


def test_there_is_a_fixture_of_a_release():
    assert RELEASES


def test_the_ledger_of_an_older_node_checks_out(release, expected):
    node = Node(release / "shanghai")
    try:
        assert node.catalog.verify() == expected["ledger_entries"]
    finally:
        node.close()


def test_recordings_of_an_older_node_open_byte_for_byte(release, expected):
    node = Node(release / "shanghai")
    try:
        recordings = Recordings(node)
        assert [one.id for one in recordings.all()] == [one["id"] for one in expected["recordings"]]
        for wanted in expected["recordings"]:
            recording = recordings.get(RecordingId(wanted["id"]))
            assert recording.derived_from == wanted["derived_from"]
            names = recordings.names(recording.id)
            assert sorted(names) == sorted(wanted["files"])
            for name, one in zip(names, recording.objects, strict=True):
                with recordings.open(recording.id, one) as file:
                    data = file.read()
                assert len(data) == wanted["files"][name]["bytes"]
                assert f"sha256:{hashlib.sha256(data).hexdigest()}" == wanted["files"][name]["content"]
                node.vault.check_address(one.address)
            assert [sheet.format for sheet in recordings.sheets(recording.id)] == wanted["sheets"]
    finally:
        node.close()


def test_a_changed_byte_of_an_older_node_is_noticed(release, expected):
    node = Node(release / "shanghai")
    try:
        recordings = Recordings(node)
        recording = recordings.get(RecordingId(expected["recordings"][0]["id"]))
        one = recording.objects[0]
        path = next((release / "shanghai" / "vault").rglob(one.address))
        data = bytearray(path.read_bytes())
        data[-100] ^= 1
        path.write_bytes(data)
        with recordings.open(recording.id, one) as file, pytest.raises(TamperedError):
            file.read()
    finally:
        node.close()


def test_an_older_dossier_passes_every_step_with_both_cards(release):
    cards = [
        read_card(json.loads((release / f"{name}.card.json").read_bytes())).signing_key
        for name in ("shanghai", "frankfurt")
    ]
    data = (release / "movement.dossier").read_bytes()
    steps = check_dossier(data, node=cards[0], receiver=cards[1])
    assert all(step.passed for step in steps), [step for step in steps if not step.passed]
    changed = data.replace(b"frankfurt", b"frankfurd", 1)
    try:
        again = check_dossier(changed, node=cards[0], receiver=cards[1])
    except DossierError:
        return
    assert not all(step.passed for step in again)

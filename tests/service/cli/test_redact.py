"""`carnet redact`: OUT whole or not at all, exit codes, and JSON that a program may rely on."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from types import SimpleNamespace

import pytest

from carnet.service import cli
from carnet.service.cli import redact as command


def carnet(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(["redact", *words])
    return int(ended.value.code or 0)


@pytest.fixture
def road(shared, tmp_path):
    path = tmp_path / "in" / "road.jpg"
    path.parent.mkdir()
    shutil.copy(shared / "data/images/dashcam/lanelines_solidWhiteCurve.jpg", path)
    path.chmod(0o644)
    return path


def test_a_picture_and_its_json(road, tmp_path, capsys):
    out = tmp_path / "out.jpg"
    assert carnet(str(road), str(out), "--setting", "fast", "--json") == 0
    form = json.loads(capsys.readouterr().out)
    assert form["redact"] == "v1"
    (item,) = form["items"]
    assert {
        "in",
        "out",
        "in_sha256",
        "out_sha256",
        "frames",
        "changed",
        "unreadable",
        "setting",
        "tools",
        "regions",
    } <= set(item)
    assert (item["in"], item["out"], item["frames"]) == ("road.jpg", "out.jpg", 1)
    assert item["out_sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert item["in_sha256"] == hashlib.sha256(road.read_bytes()).hexdigest()


def test_a_folder_comes_out_as_a_folder(road, samples, tmp_path, capsys):
    shutil.copy(samples / "shanghai_drive" / "vehicle.dbc", road.parent / "L00CARNE3T0000000.dbc")
    out = tmp_path / "out"
    assert carnet(str(road.parent), str(out), "--setting", "fast", "--json") == 0
    assert sorted(one.name for one in out.iterdir()) == ["road.redacted.jpg", "vehicle.redacted.dbc"]
    assert len(json.loads(capsys.readouterr().out)["items"]) == 2


def test_a_folder_with_a_stranger_is_refused_whole_or_left_out_by_name(road, tmp_path, capsys):
    (road.parent / "notes.txt").write_text("nothing", encoding="utf-8")
    out = tmp_path / "out"
    assert carnet(str(road.parent), str(out), "--setting", "fast") == 2
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in"]
    assert carnet(str(road.parent), str(out), "--setting", "fast", "--leave-out", "--json") == 0
    form = json.loads(capsys.readouterr().out)
    assert [one["in"] for one in form["left_out"]] == ["notes.txt"]
    assert [one.name for one in out.iterdir()] == ["road.redacted.jpg"]


@pytest.mark.parametrize(
    "content", [b"", b"nothing that is known", b"\xff\xd8\xff\xe0\x00\x10JFIF", b"\x89MCAP0\r\n\x01"]
)
def test_bad_input_leaves_nothing(tmp_path, content, capsys):
    source = tmp_path / "x.mcap"
    source.write_bytes(content)
    assert carnet(str(source), str(tmp_path / "out.mcap")) == 2
    assert [one.name for one in tmp_path.iterdir()] == ["x.mcap"]
    assert "CAR-" in capsys.readouterr().err


def test_wrong_use_is_said(road, tmp_path, capsys):
    out = tmp_path / "out.jpg"
    assert carnet(str(road), str(out), "--remove", "voices") == 2
    assert "voices" in capsys.readouterr().err
    assert carnet(str(tmp_path / "none"), str(out)) == 2
    assert carnet(str(road), str(road)) == 2
    assert carnet(str(road), str(tmp_path / "no" / "out.jpg")) == 2
    assert carnet(str(road.parent), str(road.parent / "inside")) == 2
    assert not out.exists()


def test_what_is_at_out_stays_unless_forced(road, tmp_path):
    out = tmp_path / "out.jpg"
    out.write_bytes(b"mine")
    assert carnet(str(road), str(out), "--setting", "fast") == 2
    assert out.read_bytes() == b"mine"
    assert carnet(str(road), str(out), "--setting", "fast", "--force", "--quiet") == 0
    assert out.read_bytes()[:2] == b"\xff\xd8"


def test_too_little_room_is_seen_first(road, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command.shutil, "disk_usage", lambda _folder: SimpleNamespace(free=1000))
    assert carnet(str(road), str(tmp_path / "out.jpg")) == 1
    assert "CAR-3005" in capsys.readouterr().err
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in"]


def test_a_failure_half_way_leaves_nothing(road, tmp_path, monkeypatch):
    from carnet.deidentify import redact as room

    def fails(_source, sink, *_rest, **_more):
        sink.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(room, "redact", fails)
    assert carnet(str(road), str(tmp_path / "out.jpg")) == 1
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in"]


def test_progress_stays_silent_where_nobody_looks(monkeypatch):
    said = io.StringIO()
    monkeypatch.setattr(command.sys, "stderr", said)
    tell = command._Progress(quiet=False)
    tell._begun -= 10
    tell._last -= 10
    tell(1, 2)
    tell.end()
    assert said.getvalue() == ""

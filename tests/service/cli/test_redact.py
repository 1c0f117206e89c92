"""`carnet redact`: OUT whole or not at all, exit codes, and JSON that a program may rely on."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import pytest

import carnet as package
from carnet.errors import InputError, StorageFullError
from carnet.service import cli, redaction_checks, redaction_crew
from carnet.service.cli import redact as command
from carnet.service.redaction_checks import stranger
from carnet.service.redaction_crew import Crew
from carnet.service.redaction_journal import Journal
from carnet.service.redaction_names import CleanNames, ending_of, identifies

VIN = "L00CARNE3T0000000"
SPEED = b"(1533226490.%06d) can0 025#0011223344556677\n"


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
    assert sorted(one.name for one in out.iterdir()) == ["road.jpg", "vehicle.dbc"]
    assert len(json.loads(capsys.readouterr().out)["items"]) == 2


def test_a_folder_with_a_stranger_is_refused_whole_or_left_out_by_name(road, tmp_path, capsys):
    (road.parent / "notes.txt").write_bytes(bytes(range(256)))
    out = tmp_path / "out"
    assert carnet(str(road.parent), str(out), "--setting", "fast") == 2
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in"]
    assert carnet(str(road.parent), str(out), "--setting", "fast", "--leave-out", "--json") == 0
    form = json.loads(capsys.readouterr().out)
    assert [one["in"] for one in form["left_out"]] == ["notes.txt"]
    manifest = json.loads((tmp_path / "out.manifest.json").read_text("utf-8"))
    assert [one["in"] for one in manifest["left_out"]] == ["notes.txt"]
    assert [one.name for one in out.iterdir()] == ["road.jpg"]


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\x01\x02nothing that is known", b"\xff\xd8\xff\xe0\x00\x10JFIF", b"\x89MCAP0\r\n\x01"],
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
    monkeypatch.setattr(redaction_checks.shutil, "disk_usage", lambda _folder: SimpleNamespace(free=1000))
    assert carnet(str(road), str(tmp_path / "out.jpg")) == 1
    assert "CAR-3005" in capsys.readouterr().err
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in"]


def test_a_failure_half_way_leaves_nothing(road, tmp_path, monkeypatch):
    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(redaction_crew.os, "fsync", full)
    with pytest.raises(StorageFullError):
        package.redact(road, tmp_path / "out.jpg", setting="fast")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in"]


def logs(folder: Path, count: int, lines: int = 40) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        content = b"".join(SPEED % (number * lines + one) for one in range(lines))
        (folder / f"{number}.log").write_bytes(content)


def test_a_killed_run_leaves_nothing_that_looks_whole_and_goes_on(tmp_path, capsys):
    logs(tmp_path / "in" / "a", 150)
    logs(tmp_path / "in" / VIN, 1)
    out, journal = tmp_path / "out", tmp_path / "out.partial.jsonl"
    words = [sys.executable, "-m", "carnet", "redact", str(tmp_path / "in"), str(out), "--remove", "vin"]
    running = subprocess.Popen([*words, "--workers", "1"], stdout=subprocess.DEVNULL)
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 3):
        assert running.poll() is None
        time.sleep(0.002)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert not out.exists()
    assert not (tmp_path / "out.manifest.json").exists()
    partial = tmp_path / "out.partial"
    # What a crash may leave: a line cut short, a file that nobody asked for, one that is not what it was.
    with journal.open("ab") as file:
        file.write(b'{"key": "a/9')
    (partial / "a" / "stray.log.partial").write_bytes(b"half")
    first, second = (json.loads(one) for one in journal.read_bytes().splitlines()[1:3])
    (partial / first["key"]).write_bytes(b"damaged")
    kept = (partial / second["key"]).stat().st_mtime_ns
    assert carnet(str(tmp_path / "in"), str(out), "--remove", "vin") == 2
    assert "--resume" in capsys.readouterr().err
    assert carnet(str(tmp_path / "in"), str(out), "--remove", "vin,faces", "--resume") == 2
    assert "another order" in capsys.readouterr().err
    done = package.redact(tmp_path / "in", out, ["vin"], resume=True)
    assert 1 <= done.resumed < 151
    assert (out / second["key"]).stat().st_mtime_ns == kept
    made = {one.relative_to(out).as_posix() for one in out.rglob("*.*")}
    assert made == {*(f"a/{one}.log" for one in range(150)), "vehicle/0.log"}
    for one in range(150):
        assert (out / f"a/{one}.log").read_bytes() == (tmp_path / f"in/a/{one}.log").read_bytes()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in", "out", "out.manifest.json"]
    assert VIN not in (tmp_path / "out.manifest.json").read_text("utf-8")


def test_a_manifest_says_what_was_done_to_every_file(tmp_path):
    logs(tmp_path / VIN, 2)
    done = package.redact(tmp_path / VIN, tmp_path / "out", ["vin"], setting="fast")
    form = json.loads(done.manifest.read_text("utf-8"))
    assert form["redaction_manifest"] == "v1"
    assert form["order"]["remove"] == ["vin"]
    for item in form["files"]:
        made = (tmp_path / "out" / item["out"]).read_bytes()
        assert item["out_sha256"] == hashlib.sha256(made).hexdigest()
        assert item["in_sha256"] == hashlib.sha256((tmp_path / VIN / item["in"]).read_bytes()).hexdigest()


def test_one_file_in_the_middle_that_cannot_be_redacted(tmp_path, capsys):
    logs(tmp_path / "in", 3)
    (tmp_path / "in" / "1.mcap").write_bytes(b"\x89MCAP0\r\n" + bytes(40))
    assert carnet(str(tmp_path / "in"), str(tmp_path / "out"), "--remove", "vin", "--workers", "1") == 2
    assert "file 3 of 4: .mcap" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    words = (str(tmp_path / "in"), str(tmp_path / "out"), "--remove", "vin", "--resume")
    assert carnet(*words, "--leave-out") == 0
    assert "1.mcap: left out" in capsys.readouterr().out
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == ["0.log", "1.log", "2.log"]


def test_a_contact_sheet_shows_masked_samples_and_writes_nothing_else(road, samples, tmp_path, capsys):
    shutil.copy(samples / "shanghai_drive" / "front_camera.mp4", road.parent / f"{VIN}.mp4")
    (road.parent / "notes.txt").write_bytes(bytes(range(256)))
    sheet, out = tmp_path / "sheet.html", tmp_path / "out"
    words = (str(road.parent), str(out), "--setting", "fast", "--preview", str(sheet))
    assert carnet(*words, "--json") == 0
    form = json.loads(capsys.readouterr().out)
    assert form["files"] == 2
    assert form["unread"] == 1
    assert form["masks"] > 10
    page = sheet.read_text("utf-8")
    assert page.count("<figure>") == form["samples"]
    assert VIN not in page
    assert "notes.txt: " in page
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in", "sheet.html"]
    assert carnet(*words) == 2


@pytest.mark.parametrize(
    ("name", "made"),
    [
        (f"drive_{VIN}.mcap", "drive_vehicle.mcap"),
        (f"{VIN.lower()}.MP4", "vehicle.MP4"),
        ("48.137154_11.576124.jpg", "file.jpg"),
        ("a.b@example.org.jpg", "file.jpg"),
        ("driver@fleet.mueller.jpg", "file.jpg"),
        ("x\x1b[31mred.mp4", "file.mp4"),
        ("a\nb.jpg\n", "file"),
        ("京A12345_front.png", "file.png"),
        ("0000000123.png", "0000000123.png"),
        ("n015-2018-07-24-11-22-45+0800__CAM_FRONT__1532402927612460.jpg",) * 2,
        ("2011_09_26_drive_0001_sync", "2011_09_26_drive_0001_sync"),
    ],
)
def test_names_that_identify_are_replaced_and_no_others(name, made):
    names = CleanNames()
    assert names.part(name) == made
    assert names.part(name) == made
    assert not identifies(made)


def test_two_names_never_become_one():
    names = CleanNames()
    given = ["vehicle.dbc", f"{VIN}.dbc", "LSVAA49J132047371.dbc", "a@example.org", "b@example.org", "file"]
    names.keep(given)
    made = [names.path(PurePosixPath(one)).as_posix().casefold() for one in given]
    assert len(set(made)) == len(given)
    assert made[0] == "vehicle.dbc"


@pytest.mark.parametrize(
    ("name", "made"),
    [("a.jpg", ".jpg"), ("a.tar.gz", ".gz"), ("a.mp4", ".mp4"), ("a", ""), (".jpg", ""), (f"a.{VIN}", ""),
     ("a.13812345678", ""), ("a.沪A12345", ""), ("a.AB1234", "")],
)  # fmt: skip
def test_an_ending_is_told_only_when_it_is_one(name, made):
    assert ending_of(name) == made


def test_an_error_names_no_vehicle_by_its_ending(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / f"car.{VIN}").write_bytes(b"")
    assert carnet(str(tmp_path / "in"), str(tmp_path / "out")) == 2
    said = capsys.readouterr().err
    assert "the file is empty" in said
    assert VIN not in said


def test_names_that_are_no_text_are_refused(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    strange = tmp_path / "in" / os.fsdecode(b"bad\xff.log")
    strange.write_bytes(SPEED % 1)
    for source in (tmp_path / "in", strange):
        assert carnet(str(source), str(tmp_path / "out")) == 2
        assert "no text (UTF-8)" in capsys.readouterr().err
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in"]


def test_an_unfinished_folder_does_not_go_on_with_other_keys(tmp_path):
    place = tmp_path / "out.partial.jsonl"
    crews = [Crew(1, {"scope": base64.b64encode(bytes([one]) * 32).decode()}) for one in (1, 2)]
    first, second = ({"keys": one.keys_digest} for one in crews)
    Journal(place, first, resume=False).close()
    Journal(place, first, resume=True).close()
    with pytest.raises(InputError, match="another order"):
        Journal(place, second, resume=True)
    assert Crew(1).keys_digest is None


def test_two_runs_do_not_write_into_one_folder(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.log").write_bytes(SPEED % 1)
    (tmp_path / "out.partial").mkdir()
    running = Journal(tmp_path / "out.partial.jsonl", {}, resume=False)
    for word in ("--resume", "--force"):
        assert carnet(str(tmp_path / "in"), str(tmp_path / "out"), word) == 2
        assert "another run is writing there" in capsys.readouterr().err
    running.close()
    assert carnet(str(tmp_path / "in"), str(tmp_path / "out"), "--force") == 0


def test_a_file_that_cannot_be_read_says_so():
    # The first page of a process is mapped nowhere: reading it is an error of the system, even for root.
    assert "cannot be read" in (stranger(Path("/proc/self/mem"), any_format=False) or "")


def test_progress_stays_silent_where_nobody_looks(monkeypatch):
    said = io.StringIO()
    monkeypatch.setattr(command.sys, "stderr", said)
    tell = command._Progress(quiet=False)
    tell._begun -= 10
    tell._last -= 10
    tell(1, 2)
    tell.end()
    assert said.getvalue() == ""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from carnet.errors import WorkerError
from carnet.model.factsheet import FactSheet


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", "carnet", "scan", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path, samples):
    (tmp_path / "in").mkdir()
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "in" / "vehicle.dbc").write_bytes((samples / "shanghai_drive" / "vehicle.dbc").read_bytes())
    (tmp_path / "in" / "drive.log").write_bytes(
        b"(1.0) can0 024#0102030405060708\n(1.1) can0 024#0102030405060709\n"
    )
    (tmp_path / "in" / "secret.mcap").write_bytes(b"Salted__" + bytes(range(200)))
    return tmp_path


def test_json_is_the_contract(folder):
    done = run(folder, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["scan"] == "v1"
    items = {Path(one["path"]).name: one for one in document["items"]}
    assert [one["path"] for one in document["items"]] == sorted(one["path"] for one in document["items"])
    assert items["empty"]["state"] == items["secret.mcap"]["state"] == "blocked"
    assert "OpenSSL" in items["secret.mcap"]["reason"]
    assert items["drive.log"]["streams"][0]["data"] == ["driving.dynamics"]  # by the database beside it
    assert document["summary"]["read"] == 2
    assert document["summary"]["blocked"] == 2
    assert document["summary"]["data"]["driving.dynamics"] == 1
    for one in document["items"]:
        path = one.pop("path")
        assert FactSheet.from_json(one).to_json() == one, path
        assert one["sha256"] is None


def test_a_database_in_another_folder_is_no_companion(folder):
    (folder / "drive.log").write_bytes((folder / "in" / "drive.log").read_bytes())
    document = json.loads(run(folder / "drive.log", "--json", "--hash").stdout)
    assert document["items"][0]["streams"][0]["data"] == ["unknown"]
    assert len(document["items"][0]["sha256"]) == 64


def test_the_report_is_for_people(folder):
    done = run(folder, "--region", "CN")
    assert done.returncode == 0
    assert "4 files: 2 read, 0 partly, 2 blocked" in done.stdout
    assert "driving.dynamics" in done.stdout
    assert "how the car moved" in done.stdout
    assert "No track says where it was recorded" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gs://bucket/key"], "no kind that carnet scans"),
        (["/no/such/place"], "no such file"),
        ([".", "--region", "China"], "ISO 3166-1"),
        ([], "nothing to scan"),
    ],
)
def test_wrong_use_is_exit_2(words, said):
    done = run(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_an_empty_folder_is_wrong_use(tmp_path):
    assert run(tmp_path).returncode == 2


def test_links_and_pipes_are_blocked_and_not_followed(tmp_path):
    (tmp_path / "link").symlink_to("/etc/hostname")
    (tmp_path / "link-to-folder").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe")
    document = json.loads(run(tmp_path, "--json").stdout)
    assert [one["state"] for one in document["items"]] == ["blocked"] * 3
    assert "symbolic link" in document["items"][0]["reason"]
    assert "symbolic link" in document["items"][1]["reason"]
    assert "regular file" in document["items"][2]["reason"]


def test_a_name_cannot_write_to_the_terminal(tmp_path):
    (tmp_path / "a\x1b[31mred").write_bytes(b"x")
    done = run(tmp_path)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout


def test_a_name_of_no_encoding_is_printed_all_the_same(tmp_path):
    (tmp_path / os.fsdecode(b"\xff\xfe.bin")).write_bytes(b"x")
    document = json.loads(run(tmp_path, "--json").stdout)
    assert document["items"][0]["path"].endswith("\ufffd\ufffd.bin")
    assert run(tmp_path).returncode == 0


def test_a_worker_that_is_gone_is_replaced_and_a_file_that_ends_one_is_blocked(folder, monkeypatch):
    from carnet.service.cli.scan import Scanner
    from carnet.service.workers import Worker

    scanner = Scanner()
    path = folder / "in" / "drive.log"
    try:
        first = scanner.describe_file(path, {}, name="drive.log", hash_content=False)
        for worker in scanner._workers:
            worker._process.kill()
            worker._process.wait()
        assert scanner.describe_file(path, {}, name="drive.log", hash_content=False) == first

        def dies(self, *_, **__):
            self._process.kill()
            raise WorkerError("the worker ended")

        monkeypatch.setattr(Worker, "run", dies)
        blocked = scanner.describe_file(path, {}, name="drive.log", hash_content=False)
        assert (blocked.state, blocked.reason) == ("blocked", "the worker ended")
        monkeypatch.undo()
        assert scanner.describe_file(path, {}, name="drive.log", hash_content=False) == first
    finally:
        scanner.close()


def test_a_library_that_finds_no_memory_blocks_its_file_and_no_other(tmp_path, monkeypatch):
    from carnet.service.cli import scan as command
    from carnet.service.isolation import Limits
    from carnet.service.workers import Worker

    parquet = pytest.importorskip("pyarrow.parquet", reason="the tables extra is not installed")
    import pyarrow as pa

    for name in ("1.parquet", "2.parquet"):
        parquet.write_table(pa.table({"speed": [1.0, 2.0]}), tmp_path / name)
    files = [(tmp_path / name, name) for name in ("1.parquet", "2.parquet")]
    # Enough for Python, and too little to load a library of this size.
    budgets = [Limits(memory_bytes=100 << 20), Limits(memory_bytes=100 << 20)]
    monkeypatch.setattr(command, "Worker", lambda: Worker(budgets.pop(0) if budgets else None))
    scanner = command.Scanner()
    try:
        first, second = scanner.describe_small(files, {}, hash_content=False)
    finally:
        scanner.close()
    assert (first.state, first.reason) == ("blocked", "the memory budget is used up")
    assert second.state == "read"


def test_small_files_go_together_and_one_that_ends_the_worker_blocks_only_itself(folder, monkeypatch):
    from carnet.service.cli.scan import Scanner
    from carnet.service.workers import Worker

    many = folder / "many"
    many.mkdir()
    for number in range(5):
        (many / f"{number}.json").write_text(json.dumps({"speed": number, "lat": 31.2, "lon": 121.4}))
    (many / "6.bin").write_bytes(bytes(range(256)))
    (many / "7").symlink_to(many / "1.json")
    files = [(one, f"many/{one.name}") for one in sorted(many.iterdir())]
    scanner = Scanner()
    tasks = []
    run = Worker.run
    try:
        singly = [scanner.describe_file(path, {}, name=name, hash_content=True) for path, name in files]

        def told(self, task, *rest, **named):
            tasks.append(task)
            return run(self, task, *rest, **named)

        monkeypatch.setattr(Worker, "run", told)
        assert scanner.describe_small(files, {}, hash_content=True) == singly
        assert tasks == ["describe_many"]

        def dies(self, task, source, parameters, **named):
            if task == "describe_many" or parameters["name"] == "many/3.json":
                self._process.kill()
                self._process.wait()
            return run(self, task, source, parameters, **named)

        monkeypatch.setattr(Worker, "run", dies)
        again = scanner.describe_small(files, {}, hash_content=True)
        assert again[3].state == "blocked"
        assert again[:3] + again[4:] == singly[:3] + singly[4:]
    finally:
        scanner.close()


def test_a_small_file_that_no_sheet_can_be_made_of_stops_no_other(monkeypatch):
    from carnet.service import tasks

    whole = tasks.describe

    def fails(source, sink, parameters, progress):
        if parameters["name"] == "b":
            raise RecursionError
        return whole(source, sink, parameters, progress)

    monkeypatch.setattr(tasks, "describe", fails)
    parts = [("a", 9), ("b", 9), ("c", 9)]
    made = tasks.describe_many(io.BytesIO(b'{"a": 11}' * 3), io.BytesIO(), {"parts": parts}, lambda *_: None)
    assert [one is None for one in made] == [False, True, False]
    assert made[0] == made[2]


@pytest.mark.slow
def test_another_drive_prints_another_report(shared, samples):
    one = run(samples / "shanghai_drive", "--region", "CN").stdout
    other = run(shared / "data" / "recordings" / "comma2k19_rav4_first40s.mcap", "--region", "CN").stdout
    assert "in CN" in one
    assert "in US" in other
    assert "outside CN" in other
    assert "outside CN" not in one
    assert "unknown" in other

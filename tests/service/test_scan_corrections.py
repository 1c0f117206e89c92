"""`carnet scan --corrections` and `--template-corrections`, as a person runs them."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from carnet.errors import CarnetError
from carnet.service.cli.scan import app

LOG = b"".join(b"(1579874871.%06d) can0 1F0#0011223344556677\n" % i for i in range(8))


@pytest.fixture
def drive(tmp_path):
    (tmp_path / "drive").mkdir()
    (tmp_path / "drive" / "a.log").write_bytes(LOG)
    return tmp_path / "drive"


def scan(*words):
    done = CliRunner().invoke(app, [str(one) for one in words], catch_exceptions=True)
    if isinstance(done.exception, CarnetError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done


def test_a_template_filled_in_names_the_bus_in_this_and_every_other_scan(drive, tmp_path):
    file = tmp_path / "c.yaml"
    assert "1 kinds" in scan(drive, "--template-corrections", file).stderr
    with pytest.raises(CarnetError, match="empty"):
        scan(drive, "--corrections", file)
    text = (
        file.read_text()
        .replace("data: []", "data: driving.dynamics")
        .replace('author: ""', "author: officer")
    )
    file.write_text(
        text.replace('reason: ""', "reason: the signal list").replace('day: ""', "day: 2026-01-01")
    )
    (drive / "b.log").write_bytes(LOG + LOG)
    done = scan(drive, "--corrections", file, "--json")
    for item in json.loads(done.stdout)["items"]:
        assert item["streams"][0]["data"] == ["driving.dynamics"]
        assert item["streams"][0]["fields"][0]["because"][0] == {"rule": "correction:officer 2026-01-01"}
    assert "the signal list" not in done.stdout


def test_a_template_writes_over_nothing(drive, tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("mine")
    with pytest.raises(CarnetError, match="cannot be written"):
        scan(drive, "--template-corrections", file)
    assert file.read_text() == "mine"


@pytest.mark.parametrize("option", ["--html", "--template-corrections"])
def test_what_cannot_be_written_is_said_before_anything_is_looked_at(drive, tmp_path, option, monkeypatch):
    monkeypatch.setattr("carnet.service.cli.scan._scan_files", lambda *_, **__: pytest.fail("it was scanned"))
    with pytest.raises(CarnetError, match="no folder to write it to") as refused:
        scan(drive, option, tmp_path / "none" / "file")
    assert refused.value.where == option


def test_an_entry_that_speaks_of_nothing_is_told(drive, tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(
        "corrections: v1\nentries:\n"
        "  - {match: {column: q}, data: nothing, author: A, reason: r, day: '2026-01-01'}\n"
    )
    assert "entries[0] spoke of nothing" in scan(drive, "--corrections", file).stderr


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_is_none_is_refused(drive, tmp_path, content):
    file = tmp_path / "c.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CarnetError):
        scan(drive, "--corrections", file)

"""Reference pages that are made from the code say what the code says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from carnet import errors

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (ROOT / "docs" / "reference" / "commands.md").read_text("utf-8")
PLAIN = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}


def test_the_made_pages_are_what_the_code_says():
    run = subprocess.run(
        [sys.executable, "scripts/make_reference.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("words", [("--help",), ("decide", "--help"), ("node", "init", "--help")])
def test_the_page_holds_what_the_command_prints(words):
    environment = {
        k: v for k, v in os.environ.items() if k not in {"FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS"}
    }
    run = subprocess.run(
        [sys.executable, "-m", "carnet", *words],
        env=environment | PLAIN,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0
    printed = "\n".join(line.rstrip() for line in run.stdout.strip("\n ").splitlines())
    assert printed in COMMANDS


def test_every_error_has_a_code_of_its_own_in_one_file():
    kinds = [
        one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.CarnetError)
    ]
    used = Counter(one.code for one in kinds)
    assert [code for code, count in used.items() if count > 1] == []
    assert all(re.fullmatch(r"CAR-[0-6]\d{3}", code) for code in used)
    elsewhere = [
        path
        for path in (ROOT / "src").rglob("*.py")
        if path.name != "errors.py"
        and re.search(r"""^\s+code\b.*=\s*["']CAR-""", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert elsewhere == []

"""`make bench` measures what it says; how fast, nobody asserts."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def bench(*words: str) -> str:
    run = subprocess.run(
        [sys.executable, "scripts/bench.py", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_deciding_is_measured_on_every_own_case():
    said = bench("--only", "decide")
    assert int(re.search(r"decisions +(\d+) of", said)[1]) >= 2000
    assert re.search(r"decide, p99 +[\d.]+ ms +bar 2 ms: (held|NOT HELD)", said)
    assert re.search(r"carnet --help, median of 10 +[\d.]+ s", said)


def test_ingest_is_measured_beside_the_bare_limit_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    said = bench("--only", "ingest", "--mib", "3")
    assert re.search(r"carnet ingest, best +\d+ MiB/s", said)
    assert re.search(r"bare limit.* +\d+ MiB/s", said)
    assert re.search(r"peak memory .* +\d+ MiB", said)
    assert list(tmp_path.iterdir()) == []

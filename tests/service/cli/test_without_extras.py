"""What works with the core alone, and what the rest says when its extra is not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from carnet.errors import EXIT_DONE, EXIT_INPUT
from carnet.service.cli import EXTRAS

ROOT = Path(__file__).resolve().parents[3]
FIXTURE = ROOT / "tests" / "fixtures" / "node-0.1.0"
# `None` in sys.modules makes an import fail as it does where the library is not installed.
RUN = """
import sys
for name in {hidden!r}:
    sys.modules[name] = None
from carnet.service.cli import main
main({words!r})
"""


def run(*words: str, hidden: list[str] | None = None) -> subprocess.CompletedProcess[str]:
    program = RUN.format(hidden=sorted(EXTRAS) if hidden is None else hidden, words=list(words))
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("law", "show", "xa/persons_before_assessment"),
        ("law", "test", "lawbook/xa/cases"),
        (
            "dossier",
            "verify",
            str(FIXTURE / "movement.dossier"),
            "--card",
            str(FIXTURE / "shanghai.card.json"),
        ),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_the_core_alone_is_enough(words):
    done = run(*words)
    assert done.returncode == EXIT_DONE, done.stderr


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("node", "show", "--node", "x", "--person", "li", "--key", "k"), "node"),
        (("node", "card", "x", "--output", "y"), "node"),
        (("node", "init", "x", "--region", "CN", "--name", "x"), "node"),
    ],
    ids=lambda one: " ".join(one[:2]) if isinstance(one, tuple) else one,
)
def test_a_missing_extra_is_named(words, extra):
    done = run(*words)
    assert done.returncode == EXIT_INPUT, done.stderr
    assert "CAR-5001" in done.stderr
    assert extra in done.stderr
    assert "Traceback" not in done.stderr

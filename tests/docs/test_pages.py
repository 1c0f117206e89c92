"""What the documentation shows is what carnet prints: every command of these pages is run."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    "docs/tutorial/first-movement.md",
    "docs/how-to/verify-a-dossier.md",
    "docs/how-to/add-a-case.md",
    "docs/how-to/incident-clock.md",
    "docs/how-to/exposure.md",
    "docs/reference/json.md",
    pytest.param("docs/how-to/redact.md", marks=pytest.mark.slow),
    pytest.param("docs/how-to/release-a-recording.md", marks=pytest.mark.slow),
    pytest.param("README.md", marks=pytest.mark.slow),
]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def runner() -> ModuleType:
    """The script that runs pages."""
    spec = importlib.util.spec_from_file_location("run_page", ROOT / "scripts" / "run_page.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_what_its_commands_print(page):
    ran = runner().run_page(ROOT / page)
    assert ran
    for one in ran:
        assert one.printed == one.said, f"{one.command}: scripts/run_page.py --write {page}"


def test_a_wrong_output_in_a_page_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```console\n$ carnet --version\ncarnet 0.0.0\n$ false\n$ echo $?\n1\n```\n", "utf-8")
    first, second, third = runner().run_page(page)
    assert first.printed != first.said
    assert second.printed == second.said == ""
    assert third.printed == third.said == "1"


def test_every_link_between_pages_leads_somewhere():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "samples").glob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in LINK.findall(page.read_text("utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []

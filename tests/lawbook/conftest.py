"""The shipped lawbook, and the demo's drive."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from carnet.law.lawbook import Lawbook, load_lawbook

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def book() -> Lawbook:
    return load_lawbook()

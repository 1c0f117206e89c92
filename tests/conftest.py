"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def shared_folder() -> Path | None:
    """The folder of real recordings and pictures, when this checkout has it beside itself."""
    named = os.environ.get("CARNET_SHARED")
    folder = Path(named) if named else ROOT.parent / "shared"
    return folder if (folder / "data" / "manifest.json").is_file() else None


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep lawbooks that tests read apart from the user's."""
    os.environ["CARNET_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Skip, and say so, where the real data are not beside the checkout."""
    folder = shared_folder()
    if folder is None:
        pytest.skip("real data are not beside this checkout (../shared, or CARNET_SHARED): left out")
    return folder


@pytest.fixture(scope="session")
def samples() -> Path:
    """The committed sample drive."""
    return ROOT / "samples"

"""The three properties of the movement document, on movements drawn from each rule's own condition.

`make law-properties` checks 100,000 of each and counts what every rule was; here are 2,000 of each.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from carnet.law.lawbook import load_lawbook

SCRIPT = Path(__file__).parents[2] / "scripts" / "law_properties.py"


@pytest.fixture(scope="module")
def properties():
    sys.path.insert(0, str(SCRIPT.parent))  # it draws with the file beside it
    spec = importlib.util.spec_from_file_location("law_properties", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", range(4))
def test_less_is_no_stricter_more_is_no_laxer_and_knowing_only_narrows(properties, seed, record_property):
    found = properties.run(500, seed, load_lawbook(), fill=False)
    record_property("undecided", found.undecided / found.decided)
    assert min(found.checked[name] for name in ("smaller", "larger", "supplied")) == 500
    assert found.broken == []

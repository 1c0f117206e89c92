"""The drawn log that is measured with `scripts/truth_text.py`, a small one: nothing is lost, little is invented."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.recognise.text import spans

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def truth():
    sys.path.insert(0, str(SCRIPTS))
    try:
        spec = importlib.util.spec_from_file_location("truth_text", SCRIPTS / "truth_text.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(SCRIPTS))


@pytest.mark.parametrize("seed", [7, 8])
def test_recall_and_precision(truth, seed):
    text, planted = truth.mixed_log(4000, seed)
    there, hit, wrong, _ = truth.compare(planted, truth.look(text))
    assert sum(there.values()) == len(planted) > 1500
    for kind, many in there.items():
        assert hit[kind] >= truth.RECALL * many, kind
    assert sum(hit.values()) >= truth.PRECISION * (sum(hit.values()) + sum(wrong.values()))


def test_what_was_planted_stands_where_it_is_said_to_stand(truth):
    text, planted = truth.mixed_log(300, 3)
    assert all(0 <= one.start < one.end <= len(text) for one in planted)
    assert all("@" in text[one.start : one.end] for one in planted if one.kind == "mail")
    assert all(len(text[one.start : one.end]) == 17 for one in planted if one.kind == "vin")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Kennzeichen: B-MW 1234", "B-MW 1234"),
        ("Wagen KÖL-AB 12E parkt", "KÖL-AB 12E"),
        ("練馬 500 さ 12-34", "練馬 500 さ 12-34"),
        ("number plate is AB12 CDE", "AB12 CDE"),
        ("call (415) 555-0123 now", "(415) 555-0123"),
        ("8613812345678", "8613812345678"),
        ("090-1234-5678", "090-1234-5678"),
        ("a@b.example,c@d.example", "c@d.example"),
        ("İstanbul driver: Jane Doe", "Jane Doe"),
        ("1.23456 103.12345", "1.23456 103.12345"),
        ("[48.137154, 11.576124]", "48.137154, 11.576124"),
    ],
)
def test_the_place_of_a_value(text, value):
    assert value in {text[one.start : one.end] for one in spans(text)}


@pytest.mark.parametrize(
    "text",
    [
        "AB-CD 0123",
        "XB-MW 12345",
        "A-1 23",
        "(115) 555-0123",
        "12090-1234-5678",
        "template: X1",
        "1.2345 190.12345",
        "95.1234, 10.1234",
    ],
)
def test_what_only_looks_alike(text):
    assert not list(spans(text))


@settings(deadline=None)
@given(st.text(max_size=200))
def test_places_lie_in_the_text(text):
    for one in spans(text):
        assert 0 <= one.start < one.end <= len(text)

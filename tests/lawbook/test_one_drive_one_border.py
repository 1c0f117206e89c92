"""The demo's three questions must come out by the law, not by the demo."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from drive import APPROVAL, CLEAN, RAW, RAW_APPROVED, WITH_TRACK

from carnet.decide import decide
from carnet.model.decision import Verdict
from carnet.model.movement import parse_movement
from carnet.plan import plan

ROOT = Path(__file__).resolve().parents[2]


def test_raw_is_important_by_faces_and_plates_and_needs_the_assessment(book):
    decision = decide(RAW, book)
    china = decision.entry("CN")
    assert decision.verdict is Verdict.CONDITIONAL
    assert china.routes == ("security_assessment",)
    assert china.prerequisites == ("geodata_approval",)
    camera = decision.contents[0]
    assert camera.determination == "important"
    found = {finding.rule for finding in camera.findings if finding.outcome == "determines"}
    assert {"cn/guide_2026/g7", "cn/guide_2026/g8"} <= found
    track = decision.contents[1]
    assert track.determinations["CN"] == ("sensitive_personal", "personal")
    assert ("cn/flow_2024/art_8_sensitive", "superseded") in {(f.rule, f.outcome) for f in china.findings}
    assert decision.certainty == "secondary"


def test_masked_with_its_track_needs_the_approval_and_a_contract(book):
    decision = decide(WITH_TRACK, book)
    china = decision.entry("CN")
    assert china.verdict is Verdict.CONDITIONAL
    assert china.routes == ("standard_contract", "certification")
    assert china.prerequisites == ("geodata_approval",)


def test_masked_without_positions_may_go(book):
    decision = decide(CLEAN, book)
    assert decision.verdict is Verdict.PERMITTED
    assert {entry.code: entry.verdict for entry in decision.jurisdictions} == {
        "CN": Verdict.PERMITTED,
        "EU": Verdict.PERMITTED,
    }
    assert decision.entry("EU").routes == ()
    assert not decision.missing
    assert not [duty for duty in decision.duties if duty.when == "before"]
    assert decision.certainty == "secondary"  # the tests that it passes come from secondary sources


@pytest.mark.parametrize(
    "name",
    [
        "sensitive_places",
        "sensitive_geography",
        "regional_economy_days",
        "public_security_enforcement",
        "hours",
        "images",
    ],
)
def test_without_one_of_the_facts_it_is_undecided_and_the_fact_is_named(book, name):
    form = CLEAN.to_mapping()
    del form["contents"][0]["facts"][name]
    decision = decide(parse_movement(form, source="t"), book)
    assert decision.verdict is Verdict.UNDECIDED
    assert [one.fact for one in decision.missing] == [f"contents.camera.facts.{name}"]


@pytest.mark.parametrize("name", ["history", "safeguards"])
def test_without_the_books_of_the_past_it_is_undecided(book, name):
    form = CLEAN.to_mapping()
    del form[name]
    assert decide(parse_movement(form, source="t"), book).verdict is Verdict.UNDECIDED


def test_without_the_approval_it_waits_for_it(book):
    form = CLEAN.to_mapping()
    form["safeguards"] = []
    decision = decide(parse_movement(form, source="t"), book)
    assert decision.verdict is Verdict.CONDITIONAL
    assert decision.entry("CN").prerequisites == ("geodata_approval",)
    assert decision.routes == ()


def test_the_plan_names_the_clean_option_by_itself(book):
    found = plan(RAW_APPROVED, book)
    assert found.exact
    wanted = {("image.exterior", "faces"), ("image.exterior", "plates"), ("location.trajectory", None)}
    permitted = [option for option in found.options if option.verdict is Verdict.PERMITTED]
    assert {(one.data, one.part) for one in permitted[0].remove} == wanted
    nothing_personal = permitted[1]
    assert wanted < {(one.data, one.part) for one in nothing_personal.remove}
    assert not nothing_personal.duties
    assert "contents.camera.facts.faces_px_max" in {one.fact for one in permitted[0].confirm}


def test_the_approval_is_asked_for_where_it_lacks(book):
    found = plan(RAW, book)
    wanted = {("image.exterior", "faces"), ("image.exterior", "plates"), ("location.trajectory", None)}
    option = next(o for o in found.options if {(r.data, r.part) for r in o.remove} == wanted)
    assert option.prerequisites == ("geodata_approval",)
    assert APPROVAL["kind"] == option.prerequisites[0]


def test_the_how_to_says_what_comes_out(book):
    page = (ROOT / "docs" / "how-to" / "decide.md").read_text(encoding="utf-8")
    found = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    movement = parse_movement(found.group(1), source="decide.md")
    decision = decide(movement, book)
    assert (decision.verdict, decision.routes) == (Verdict.CONDITIONAL, ("security_assessment",))
    assert decision.entry("CN").prerequisites == ("geodata_approval",)
    first = plan(movement, book).options[0]
    assert first.verdict is Verdict.PERMITTED
    assert {(one.data, one.part) for one in first.remove} == {
        ("image.exterior", "faces"),
        ("image.exterior", "plates"),
        ("location.trajectory", None),
    }

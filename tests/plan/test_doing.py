"""What to obtain: only what the law names for the movement, in order, and it gives the verdict that it says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.decide import decide
from carnet.law.lawbook import load_lawbook
from carnet.law.reading import Node
from carnet.model.decision import Verdict
from carnet.model.movement import Safeguard, parse_movement
from carnet.plan import plan
from carnet.plan.doing import _helps
from carnet.plan.search import _level

BOOK = load_lawbook()
DAY = date(2026, 11, 21)
DEMO = Path(__file__).resolve().parents[2] / "samples" / "demo.yaml"
APPROVED = [{"kind": "geodata_approval", "passed": "2026-01-01"}]
NAMED = {"notice": "notice_given"}


def movement(origin="CN", destination="DE", contents=None, **fields):
    return parse_movement(
        {
            "movement": "v1",
            "date": DAY.isoformat(),
            "origin": origin,
            "destination": destination,
            "exporter": {"established_in": origin, "critical_infrastructure": False, "free_trade_zone": None},
            "recipient": {"established_in": destination, "relation": "affiliate"},
            "activity": "driving_automation",
            "agreement": "none",
            "basis": [],
            "safeguards": [],
            "year_to_date": {"persons": 0, "persons_sensitive": 0},
            "history": [],
            "contents": contents or [camera()],
            **fields,
        },
        source="t",
    )


def camera(**fields):
    facts = {
        "sensitive_places": False,
        "sensitive_geography": False,
        "regional_economy_days": 0,
        "public_security_enforcement": False,
        "hours": 1,
        "images": 10,
        "faces_px_max": 50,
        "plates_px_max": 0,
    }
    return {
        "name": "camera",
        "data": "image.exterior",
        "persons": 40,
        "vehicles": 1,
        "facts": facts,
        **fields,
    }


def as_it_is(found):
    return next(option for option in found.options if not option.chosen)


def in_place(asked, steps):
    """The movement of somebody who did what the steps say, on its own day."""
    more = [Safeguard(one.kind, passed=asked.date, outcome=one.outcome) for one in steps]
    return replace(asked, safeguards=(*(asked.safeguards or ()), *more))


def test_the_approval_comes_before_the_assessment_and_then_it_may_go():
    option = as_it_is(plan(movement(), BOOK))
    assert option.verdict is Verdict.CONDITIONAL
    assert [(one.name, one.route) for one in option.do] == [
        ("geodata_approval", False),
        ("security_assessment", True),
    ]
    assert option.then.verdict is Verdict.PERMITTED


def test_what_a_passed_assessment_brings_with_it_is_said_with_its_day():
    option = as_it_is(plan(movement(), BOOK))
    later = {duty.what: duty.by for duty in option.then.duties if duty not in option.decision.duties}
    assert later["ask for the extension"] == "60 working days before the result lapses"


def test_an_impact_assessment_must_come_out_adequate():
    option = as_it_is(plan(movement("DE", "CN"), BOOK))
    assert [(one.kind, one.outcome) for one in option.do] == [
        ("transfer_impact_assessment", "adequate"),
        ("scc", None),
    ]
    assert option.do[1].instead == ("bcr",)
    assert option.then.verdict is Verdict.PERMITTED
    without_outcome = in_place(option.movement, option.do)
    passed_alone = [replace(one, outcome=None) for one in without_outcome.safeguards]
    assert (
        decide(replace(without_outcome, safeguards=tuple(passed_alone)), BOOK).verdict
        is not Verdict.PERMITTED
    )


def both(**fields):
    """European and British law both ask: an exporter of the one, data that lie with the other."""
    parties = {"exporter": {"established_in": "GB"}, "held_in": "DE"}
    return movement("DE", "CN", [camera(about=["DE", "GB"])], **{**parties, **fields})


def test_two_legal_orders_that_want_the_same_get_it_once():
    option = as_it_is(plan(both(), BOOK))
    assert [(one.orders, one.kind) for one in option.do] == [
        (("EU", "GB"), "transfer_impact_assessment"),
        (("EU", "GB"), "scc"),
    ]
    assert option.then.verdict is Verdict.PERMITTED


def test_what_a_second_legal_order_wants_counts_as_more_to_do():
    other = Safeguard("idta", passed=DAY)
    one, two = (as_it_is(plan(asked, BOOK)) for asked in (replace(both(), safeguards=(other,)), both()))
    assert (one.decision.routes, two.decision.routes) == (("scc", "bcr"), ("scc", "bcr"))
    assert _level(one) < _level(two)


def test_where_the_route_is_open_only_one_that_carries_either_way_is_named():
    facts = {name: value for name, value in camera()["facts"].items() if name != "sensitive_places"}
    contents = [
        camera(facts={**facts, "faces_px_max": 0}),
        {"name": "track", "data": "location.trajectory", "persons": 1},
    ]
    option = as_it_is(plan(movement(contents=contents, safeguards=APPROVED), BOOK))
    assert option.decision.routes_open
    assert "standard_contract" in option.decision.routes
    assert [one.kind for one in option.do] == ["security_assessment"]
    assert option.then.verdict is Verdict.PERMITTED


def test_a_step_that_leaves_the_question_as_it_was_does_not_help():
    decision = decide(movement(), BOOK)
    asked = {one.name: one for one in as_it_is(plan(movement(), BOOK)).do}
    assert not any(_helps(step, decision) for step in asked.values())
    approved = decide(movement(safeguards=APPROVED), BOOK)
    assert _helps(asked["geodata_approval"], approved)
    assert not _helps(asked["security_assessment"], approved)


def test_a_notice_is_given_where_notice_is_a_route():
    # Korean law lets what a contract with the person needs go once the terms are told (PIPA art. 28-8(1)3).
    asked = movement(
        "KR",
        "US",
        [
            {
                "name": "orders",
                "data": "customer.order",
                "persons": 40,
                "facts": {"necessary_for_contract_with_person": True},
            }
        ],
        recipient={"established_in": "US", "relation": "processor", "certified_under": []},
        facts={"disclosed_in_privacy_policy": False},
    )
    option = as_it_is(plan(asked, BOOK))
    assert "notice" in option.decision.entry("KR").routes
    assert [(one.name, one.kind) for one in option.do] == [("notice", "notice_given")]
    assert option.then.entry("KR").verdict is Verdict.PERMITTED


def test_consent_is_no_step_and_is_named_where_it_would_change_the_answer():
    asked = movement(
        "KR",
        "US",
        [{"name": "orders", "data": "customer.order", "persons": 40}],
        recipient={"established_in": "US", "relation": "controller"},
    )
    option = as_it_is(plan(asked, BOOK))
    assert option.verdict is Verdict.CONDITIONAL
    assert "consent" in option.decision.entry("KR").routes
    assert not [one for one in option.do if "consent" in one.kind]
    assert "KR" in {one.order for one in option.consents}
    assert not any("consent" in one for one in option.movement.basis)


def test_who_has_consent_is_not_told_of_it():
    asked = movement("KR", "US", basis=["consent", "separate_consent"])
    assert as_it_is(plan(asked, BOOK)).consents == ()


def test_what_is_forbidden_has_nothing_to_do():
    secret = {"name": "map", "data": "map.road", "facts": {"state_secret": True}}
    option = as_it_is(plan(movement(contents=[secret]), BOOK))
    assert option.do == ()
    assert option.then.verdict is Verdict.PROHIBITED


def test_what_may_go_has_nothing_to_do():
    output = {"name": "p", "data": "production.output", "persons": 0}
    option = as_it_is(plan(movement(contents=[output]), BOOK))
    assert (option.do, option.then.verdict) == ((), Verdict.PERMITTED)


def test_where_nothing_is_said_of_safeguards_the_way_is_still_named():
    asked = replace(movement("DE", "CN"), safeguards=None)
    option = as_it_is(plan(asked, BOOK))
    assert option.verdict is Verdict.UNDECIDED
    assert {one.kind for one in option.do} == {"transfer_impact_assessment", "scc"}
    assert option.then.verdict is Verdict.PERMITTED


def test_a_fact_that_lacks_is_to_be_declared_before_anything_is_done():
    facts = {name: value for name, value in camera()["facts"].items() if name != "sensitive_places"}
    asked = movement(contents=[camera(persons=0, facts={**facts, "faces_px_max": 0})], safeguards=APPROVED)
    option = as_it_is(plan(asked, BOOK))
    assert option.verdict is Verdict.UNDECIDED
    assert (option.do, option.then.verdict) == ((), Verdict.UNDECIDED)
    assert option.declare


def test_an_assessment_that_came_out_badly_is_not_wished_away():
    bad = [{"kind": "transfer_impact_assessment", "passed": "2026-01-01", "outcome": "gap_open"}]
    option = as_it_is(plan(movement("DE", "CN", safeguards=bad), BOOK))
    assert "transfer_impact_assessment" not in {one.kind for one in option.do}
    assert option.then.verdict is not Verdict.PERMITTED


def test_the_form_says_what_to_do_and_what_then():
    form = as_it_is(plan(movement(), BOOK)).to_mapping()["owed"]
    json.dumps(form)
    assert [one["safeguard"] for one in form["do"]] == ["geodata_approval", "security_assessment"]
    assert {one["by"] for one in form["do"]} == {"before it goes"}
    assert form["then"]["verdict"] == "permitted"


places = st.sampled_from(["CN", "DE", "US", "GB", "CH", "JP", "KR"])
classes = st.sampled_from(
    [
        "image.exterior",
        "location.trajectory",
        "customer.order",
        "map.road",
        "driving.dynamics",
        "vehicle_id.vin",
    ]
)
contents = st.lists(
    st.fixed_dictionaries(
        {
            "data": classes,
            "persons": st.sampled_from([0, 1, 40, 2_000_000]),
            "vehicles": st.sampled_from([0, 1, 40]),
        }
    ),
    min_size=1,
    max_size=3,
)


@given(
    places,
    places,
    contents,
    st.sampled_from(["affiliate", "processor", "controller"]),
    st.sampled_from([None, [], ["consent"]]),
)
@settings(max_examples=60, deadline=None)
def test_doing_what_an_option_says_gives_the_verdict_that_it_says(
    origin, destination, items, relation, basis
):
    asked = movement(
        origin,
        destination,
        [
            {**item, "name": f"c{n}", "facts": dict(camera()["facts"]) if "image" in item["data"] else {}}
            for n, item in enumerate(items)
        ],
        recipient={"established_in": destination, "relation": relation, "owned_from": [destination]},
        **({} if basis is None else {"basis": basis}),
    )
    found = plan(asked, BOOK)
    for option in found.options:
        assert decide(in_place(option.movement, option.do), BOOK).verdict is option.then.verdict
        assert [one.route for one in option.do] == sorted(one.route for one in option.do)
        # Nothing is invented: each step stood in the answer of a legal order that asked for it.
        at = option.movement
        named = set()
        for n in range(len(option.do) + 1):
            for entry in decide(in_place(at, option.do[:n]), BOOK).jurisdictions:
                named |= {NAMED.get(one, one) for one in (*entry.routes, *entry.prerequisites)}
        assert {one.kind for one in option.do} <= named
        # Volumes stay as they are, and what goes goes as a whole.
        for content in option.movement.contents:
            was = next(one for one in asked.contents if one.name == content.name)
            assert content.vehicles == was.vehicles
            assert content.persons in {was.persons, 0}
        assert option.do or option.then == option.decision or option.decision.verdict is Verdict.UNDECIDED


@given(places, places, contents)
@settings(max_examples=40, deadline=None)
def test_no_option_is_dominated_by_another(origin, destination, items):
    asked = movement(
        origin,
        destination,
        [
            {**item, "name": f"c{n}", "facts": dict(camera()["facts"]) if "image" in item["data"] else {}}
            for n, item in enumerate(items)
        ],
    )
    options = plan(asked, BOOK).options
    for one in options:
        for other in options:
            if one is not other and set(other.chosen) <= set(one.chosen):
                assert not _level(other) <= _level(one)


def test_the_demo_can_be_cleaned_or_can_obtain_what_the_law_names():
    said = Node.of_text(DEMO.read_text(encoding="utf-8"), "demo.yaml").value
    approval, declared = (one["body"] for one in said["declarations"])
    found = plan(
        movement(
            contents=[
                camera(facts={**camera()["facts"], **declared["facts"], "plates_px_max": 40}),
                {"name": "track", "data": "location.trajectory", "persons": 1, "vehicles": 1},
            ],
            safeguards=[approval["safeguard"]],
            **{name: said[name] for name in ("exporter", "recipient", "activity", "purpose")},
        ),
        BOOK,
    )
    clean, raw = found.options[0], as_it_is(found)
    assert (clean.verdict, clean.do) == (Verdict.PERMITTED, ())
    assert {(one.data, one.part) for one in clean.remove} == {
        ("image.exterior", "faces"),
        ("image.exterior", "plates"),
        ("location.trajectory", None),
    }
    assert [one.kind for one in raw.do] == ["security_assessment"]
    assert raw.then.verdict is Verdict.PERMITTED
    assert not any(option.coarser for option in found.options)

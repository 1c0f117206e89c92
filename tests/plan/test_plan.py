"""The plan: what nothing beats, never a slice, and judged by the same law."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.decide import decide
from carnet.law.lawbook import load_lawbook
from carnet.model.decision import STRICTNESS, Verdict
from carnet.model.movement import parse_movement
from carnet.plan import MAX_OPTIONS, plan
from carnet.plan.atoms import Coarsening, atoms_of, loss, whole
from carnet.plan.search import _judged, _level

BOOK = load_lawbook()
CLEAR = {
    "sensitive_places": False,
    "sensitive_geography": False,
    "regional_economy_days": 0,
    "public_security_enforcement": False,
    "hours": 1,
    "images": 10,
}


def movement(contents, **fields):
    return parse_movement(
        {
            "movement": "v1",
            "date": "2026-11-21",
            "origin": "CN",
            "destination": "DE",
            "exporter": {"established_in": "CN", "critical_infrastructure": False, "free_trade_zone": None},
            "recipient": {"established_in": "DE", "relation": "affiliate"},
            "activity": "driving_automation",
            "basis": [],
            "safeguards": [{"kind": "geodata_approval", "passed": "2026-01-01"}],
            "year_to_date": {"persons": 0, "persons_sensitive": 0},
            "history": [],
            "contents": contents,
            **fields,
        },
        source="t",
    )


def camera(name="camera", **facts):
    return {"name": name, "data": "image.exterior", "persons": 40, "vehicles": 1, "facts": {**CLEAR, **facts}}


def test_what_may_go_needs_nothing_taken_out():
    found = plan(movement([{"name": "p", "data": "production.output", "persons": 0}]), BOOK)
    assert found.now.verdict is Verdict.PERMITTED
    assert [option.remove for option in found.options] == [()]


def test_faces_alone_are_taken_out_where_faces_alone_are_the_matter():
    found = plan(movement([camera(faces_px_max=50, plates_px_max=0)]), BOOK)
    first = found.options[0]
    assert [(one.data, one.part) for one in first.remove] == [("image.exterior", "faces")]
    assert first.verdict is Verdict.PERMITTED


def test_volume_is_never_sliced():
    found = plan(movement([camera(faces_px_max=0, plates_px_max=0, hours=5000)]), BOOK)
    assert found.now.routes == ("security_assessment",)
    for option in found.options:
        for content in option.movement.contents:
            assert content.facts.get("hours") == 5000
            assert content.vehicles == 1
    assert all(option.verdict is not Verdict.PERMITTED for option in found.options)


def test_a_part_goes_out_of_every_content_of_its_class():
    found = plan(
        movement(
            [camera("a", faces_px_max=50, plates_px_max=0), camera("b", faces_px_max=9, plates_px_max=0)]
        ),
        BOOK,
    )
    first = found.options[0]
    assert all(content.removed == ("faces",) for content in first.movement.contents)


def test_an_undeclared_fact_is_asked_for():
    facts = {name: value for name, value in CLEAR.items() if name != "sensitive_places"}
    content = {
        "name": "camera",
        "data": "image.exterior",
        "persons": 0,
        "vehicles": 1,
        "facts": {**facts, "faces_px_max": 0},
    }
    found = plan(movement([content]), BOOK)
    as_is = next(option for option in found.options if not option.remove)
    assert [one.fact for one in as_is.declare] == ["contents.camera.facts.sensitive_places"]


def test_a_secret_has_no_way_but_to_be_left_out():
    secret = {"name": "m", "data": "map.road", "facts": {"state_secret": True}}
    other = {"name": "p", "data": "production.output", "persons": 0}
    found = plan(movement([secret, other]), BOOK)
    assert found.now.verdict is Verdict.PROHIBITED
    assert [(one.data, one.part) for one in found.options[0].remove] == [("map.road", None)]
    assert plan(movement([secret]), BOOK).options[0].verdict is Verdict.PROHIBITED


def test_beyond_twelve_atoms_it_says_that_it_is_not_exact():
    classes = [
        "image.exterior",
        "image.cabin",
        "audio.cabin",
        "audio.exterior",
        "location.trajectory",
        "biometric.face",
        "vehicle_id.vin",
        "driving.dynamics",
        "diagnostics.log",
    ]
    contents = [{"name": data, "data": data, "persons": 5, "vehicles": 1, "facts": {}} for data in classes]
    found = plan(movement(contents), BOOK)
    assert found.atoms > 12
    assert not found.exact


parts = st.fixed_dictionaries(
    {"faces_px_max": st.sampled_from([0, 20, 50]), "plates_px_max": st.sampled_from([0, 10, 30])},
)


@given(parts, st.sampled_from([0, 1, 10_000]), st.booleans(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_every_option_is_what_the_law_says_of_it_and_none_is_beaten(
    facts, travellers, approved, secret_place
):
    contents = [camera(**{**facts, "sensitive_places": secret_place})]
    if travellers:
        contents.append(
            {"name": "track", "data": "location.trajectory", "persons": travellers, "vehicles": 1}
        )
    asked = movement(
        contents, safeguards=[{"kind": "geodata_approval", "passed": "2026-01-01"}] if approved else []
    )
    found = plan(asked, BOOK)
    assert found.options
    json.dumps(found.to_mapping())
    for option in found.options:
        assert decide(option.movement, BOOK).verdict is option.verdict
        assert STRICTNESS.index(option.verdict) <= STRICTNESS.index(found.now.verdict)
        assert {content.name for content in option.movement.contents} <= {c["name"] for c in contents}
    for one in found.options:
        for other in found.options:
            if set(other.remove) < set(one.remove):
                assert (STRICTNESS.index(one.verdict), len(one.prerequisites), len(one.duties)) != (
                    STRICTNESS.index(other.verdict),
                    len(other.prerequisites),
                    len(other.duties),
                ) or (one.decision.routes != other.decision.routes)


def test_the_form_is_closed():
    form = plan(movement([camera(faces_px_max=50, plates_px_max=20)]), BOOK).to_mapping()
    assert set(form) == {"plan", "verdict", "options", "exact", "atoms", "law"}
    assert set(form["options"][0]) == {
        "remove",
        "leave_out",
        "x-coarser",
        "lost",
        "verdict",
        "owed",
        "confirm",
    }


def every_set(atoms):
    """Every set of atoms, as a plan without shortcuts would try them."""
    for size in range(len(atoms) + 1):
        for chosen in itertools.combinations(atoms, size):
            gone = [one.data for one in chosen if whole(one)]
            measures = [(one.data, one.fact) for one in chosen if isinstance(one, Coarsening)]
            alone = len(gone) == len(set(gone)) and len(measures) == len(set(measures))
            if alone and not any(not whole(one) and one.data in gone for one in chosen):
                yield chosen


@pytest.mark.parametrize(
    "contents",
    [
        [camera(faces_px_max=50), {"name": "orders", "data": "customer.order", "persons": 9}],
        [camera(), {"name": "cabin", "data": "image.cabin", "persons": 4}],
        [camera(contains_plates=True), {"name": "track", "data": "location.trajectory", "persons": 3}],
    ],
)
def test_no_set_of_atoms_beats_an_option_and_each_undominated_one_is_there(contents):
    asked = movement(contents)
    found = plan(asked, BOOK)
    assert found.exact
    assert found.why is None
    atoms = atoms_of(asked, BOOK, found.now)
    judged = [(chosen, _judged(chosen, asked, BOOK)) for chosen in every_set(atoms)]
    levels = [(loss(c, atoms), _level(option)) for c, option in judged if option is not None]
    best = {
        (lost, level)
        for lost, level in levels
        if not any(
            less <= lost and other <= level and (less, other) != (lost, level) for less, other in levels
        )
    }
    options = {(loss(option.chosen, atoms), _level(option)) for option in found.options}
    assert options == best or (len(found.options) == MAX_OPTIONS and options < best)


def test_four_contents_with_their_parts_are_searched_whole():
    found = plan(
        movement(
            [
                camera(),
                {"name": "cabin", "data": "image.cabin", "persons": 4},
                {"name": "track", "data": "location.trajectory", "persons": 3},
                {"name": "orders", "data": "customer.order", "persons": 9},
            ]
        ),
        BOOK,
    )
    assert found.exact
    assert found.atoms >= 7

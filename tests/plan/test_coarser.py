"""Coarser facts: only what can really be coarsened, only where a reached rule reads it, and never a slice."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from carnet.decide import decide
from carnet.errors import LawbookError
from carnet.law.lawbook import load_lawbook
from carnet.law.register import Coarser, read_register
from carnet.model.decision import Verdict
from carnet.model.movement import parse_movement
from carnet.plan import MAX_OPTIONS, Aggregating, Coarsening, Removal, plan, without
from carnet.plan.atoms import atoms_of, changed, loss, whole
from carnet.plan.search import _judged, _level

BOOK = load_lawbook()
FACTS = (Path(__file__).resolve().parents[2] / "lawbook" / "facts.yaml").read_text(encoding="utf-8")
UP = Coarser("by", "keeps", "up", 1)
DOWN = Coarser("by", "keeps", "down", 10)


def movement(contents, **fields):
    return parse_movement(
        {
            "movement": "v1",
            "date": "2026-11-21",
            "origin": "US",
            "destination": "CN",
            "exporter": {"established_in": "US"},
            "recipient": {"established_in": "CN", "relation": "controller", "owned_from": ["CN"]},
            "activity": "driving_automation",
            "agreement": "vendor",
            "basis": [],
            "safeguards": [],
            "year_to_date": {"persons": 0, "persons_sensitive": 0},
            "history": [],
            "facts": {"involves_access": True},
            "contents": contents,
            **fields,
        },
        source="t",
    )


def track(vehicles=20_000, **facts):
    return {
        "name": "track",
        "data": "location.trajectory",
        "persons": 50_000,
        **({} if vehicles is None else {"vehicles": vehicles}),
        "facts": {
            "us_devices_12_months": 20_000,
            "us_persons_12_months": 50_000,
            "us_states": ["CA", "TX", "DE"],
            "government_related": False,
            **facts,
        },
    }


CHINESE = {
    "origin": "CN",
    "destination": "DE",
    "exporter": {"established_in": "CN", "critical_infrastructure": False, "free_trade_zone": None},
    "recipient": {"established_in": "DE", "relation": "affiliate"},
    "agreement": "none",
    "facts": {},
}


def map_of(**facts):
    return {
        "name": "map",
        "data": "map.road",
        "facts": {"area_km2": 40, "sensitive_places": False, "sensitive_geography": False, **facts},
    }


def atoms(asked):
    return atoms_of(asked, BOOK, decide(asked, BOOK))


def coarse(asked):
    return {(a.fact, a.value) for a in atoms(asked) if isinstance(a, Coarsening)}


def test_the_numbers_to_reach_are_just_on_the_coarse_side_of_what_the_rules_compare():
    assert coarse(movement([track()])) == {
        ("horizontal_accuracy_m", 1001),  # 28 CFR 202.242: within 1,000 m
        ("horizontal_accuracy_m", 534),  # 1,750 feet
        ("horizontal_accuracy_m", 564),  # 1,850 feet
    }


def test_what_is_coarser_already_is_no_atom():
    assert coarse(movement([track(horizontal_accuracy_m=564)])) == {("horizontal_accuracy_m", 1001)}
    assert coarse(movement([track(horizontal_accuracy_m=1001)])) == set()


def test_where_no_reached_rule_reads_the_number_there_is_no_atom():
    # Chinese law has no limit of precision below which a position is free.
    asked = movement([{**track(), "facts": {}}], **CHINESE)
    assert coarse(asked) == set()


def test_a_coarser_position_is_no_bulk_precise_geolocation():
    found = plan(movement([track(vehicles=None)]), BOOK)
    assert found.now.verdict is Verdict.CONDITIONAL
    first = found.options[0]
    assert [(one.fact, one.value) for one in first.coarser] == [("horizontal_accuracy_m", 1001)]
    assert first.verdict is Verdict.PERMITTED
    assert ("contents.track.facts.horizontal_accuracy_m", 1001) in {(c.fact, c.value) for c in first.confirm}
    assert first.to_mapping()["x-coarser"][0]["value"] == 1001


def test_a_smaller_scale_frees_a_reviewed_korean_map():
    asked = movement(
        [map_of(scale=5000, government_publication_review=True, export_controlled_technology=False)],
        origin="KR",
        destination="US",
        exporter={"established_in": "KR"},
        recipient={"established_in": "US", "relation": "affiliate"},
    )
    first = plan(asked, BOOK).options[0]
    assert [(one.fact, one.value) for one in first.coarser] == [("scale", 25_000)]
    assert first.verdict is Verdict.PERMITTED


def test_scale_and_contour_lines_go_together_where_one_alone_moves_the_map_from_one_secret_to_another():
    found = plan(movement([map_of(scale=2000, contour_interval_m=5)], **CHINESE), BOOK)
    assert found.now.verdict is Verdict.PROHIBITED
    opened = [
        {(one.fact, one.value) for one in option.coarser}
        for option in found.options
        if option.verdict is not Verdict.PROHIBITED
    ]
    assert {("scale", 5000), ("contour_interval_m", 21)} in opened
    assert {("scale", 5000)} not in opened
    assert {("contour_interval_m", 21)} not in opened


def test_a_map_is_never_cut_into_smaller_pieces():
    found = plan(movement([map_of(scale=2000, contour_interval_m=5)], **CHINESE), BOOK)
    assert all(content.facts["area_km2"] == 40 for o in found.options for content in o.movement.contents)


def test_tracks_of_many_vehicles_can_be_counted_and_those_of_one_cannot():
    one, many, unknown = (
        [a for a in atoms(movement([track(vehicles=n)])) if isinstance(a, Aggregating)] for n in (1, 2, None)
    )
    assert [(a.data, a.to) for a in many] == [("location.trajectory", "location.aggregate")]
    assert one == unknown == []
    counted, confirm = changed(movement([track()]), tuple(many), BOOK)
    assert (counted.contents[0].data, counted.contents[0].persons) == ("location.aggregate", 0)
    assert [(c.fact, c.value) for c in confirm] == [("contents.track.persons", 0)]


def test_a_coarser_measure_leaves_everything_else_as_it_is():
    asked = movement([track()], totals={"persons": 50_000})
    for atom in atoms(asked):
        if isinstance(atom, Coarsening):
            other = without(asked, (atom,), BOOK)
            assert other.totals == asked.totals
            before, after = asked.contents[0], other.contents[0]
            assert {**after.facts, atom.fact: None} == {**before.facts, atom.fact: None}
            assert (after.persons, after.vehicles, after.data) == (
                before.persons,
                before.vehicles,
                before.data,
            )


def every_set(found):
    """Every set of atoms that has a meaning: one number for a measure, and nothing beside a whole class."""
    for size in range(len(found) + 1):
        for chosen in itertools.combinations(found, size):
            gone = [one.data for one in chosen if whole(one)]
            measures = [(one.data, one.fact) for one in chosen if isinstance(one, Coarsening)]
            alone = len(gone) == len(set(gone)) and len(measures) == len(set(measures))
            if alone and not any(not whole(one) and one.data in gone for one in chosen):
                yield chosen


@pytest.mark.parametrize(
    ("contents", "fields"),
    [
        ([track()], {}),
        ([track(us_states=["CA"]), {**track(), "name": "at", "data": "location.position"}], {}),
        ([track()], {"agreement": "brokerage"}),
        ([map_of(scale=2000, contour_interval_m=5)], CHINESE),
        (
            [
                map_of(scale=2000, contour_interval_m=5),
                {"name": "camera", "data": "image.cabin", "persons": 3, "facts": {}},
            ],
            CHINESE,
        ),
    ],
)
def test_no_set_of_atoms_beats_an_option_and_each_undominated_one_is_there(contents, fields):
    asked = movement(contents, **fields)
    found = plan(asked, BOOK)
    assert found.exact
    mine = atoms(asked)
    judged = [(chosen, _judged(chosen, asked, BOOK)) for chosen in every_set(mine)]
    levels = [(loss(c, mine), _level(option)) for c, option in judged if option is not None]
    best = {
        (lost, level)
        for lost, level in levels
        if not any(
            less <= lost and other <= level and (less, other) != (lost, level) for less, other in levels
        )
    }
    options = {(loss(option.chosen, mine), _level(option)) for option in found.options}
    assert options == best or (len(found.options) == MAX_OPTIONS and options < best)


def test_beyond_sixteen_atoms_coarser_measures_are_tried_too():
    contents = [
        {**track(), "name": data, "data": data}
        for data in ("location.trajectory", "location.position", "location.destination")
    ]
    contents += [
        {"name": data, "data": data, "persons": 5, "vehicles": 1}
        for data in ("image.cabin", "audio.cabin", "driving.dynamics")
    ]
    found = plan(movement(contents), BOOK)
    assert not found.exact
    assert any(option.coarser for option in found.options)


def test_who_counts_or_leaves_out_loses_all_that_a_coarser_measure_loses():
    mine = atoms(movement([track()]))
    measures = sorted((a for a in mine if isinstance(a, Coarsening)), key=lambda a: a.value)
    counted = next(a for a in mine if isinstance(a, Aggregating))
    left_out = next(a for a in mine if isinstance(a, Removal))
    chain = [loss((one,), mine) for one in (*measures, counted, left_out)]
    assert all(less < more for less, more in itertools.pairwise(chain))


def test_what_may_change_who_is_in_it_leaves_no_total_standing():
    asked = movement(
        [track(), {"name": "p", "data": "customer.order", "persons": 9}], totals={"persons": 50_000}
    )
    for atom in atoms(asked):
        other = without(asked, (atom,), BOOK)
        assert (other.totals == asked.totals) is isinstance(atom, Coarsening)


VOLUMES = ("persons", "persons_new_this_year", "vehicles", "hours", "images", "area_km2")
VOLUMES = (*VOLUMES, "regional_economy_days", "us_devices_12_months", "us_persons_12_months")


@pytest.mark.parametrize("name", VOLUMES)
def test_no_volume_is_declared_to_be_coarser_and_the_register_refuses_who_declares_one(name):
    entry = BOOK.register[name]
    assert entry.coarser is None
    at = f"\n  {name}:\n    type: {entry.type}\n"
    assert FACTS.count(at) == 1
    how = "    coarser: {by: less of it, keeps: some, direction: down, step: 1}\n"
    with pytest.raises(LawbookError, match="measures by itself"):
        read_register(FACTS.replace(at, at + how), "facts.yaml")


@pytest.mark.parametrize(
    ("given", "instead", "says"),
    [
        ("direction: up", "direction: sideways", "direction"),
        ("step: 1", "step: 0", "step"),
        ("      keeps: ", "      keep: ", "keep"),
        ("vehicles_exceed: 1", "vehicles_exceed: 0", "one vehicle"),
    ],
)
def test_a_wrong_declaration_is_refused_by_name(given, instead, says):
    assert given in FACTS
    with pytest.raises(LawbookError, match=says):
        read_register(FACTS.replace(given, instead), "facts.yaml")


@pytest.mark.parametrize(
    ("how", "operator", "value", "target"),
    [
        (UP, "at_most", 1000, 1001),
        (UP, "exceeds", 1000, 1001),
        (UP, "at_least", 1000, 1000),
        (UP, "fewer_than", 1000, 1000),
        (UP, "at_most", 533.4, 534),
        (UP, "at_least", 533.4, 534),
        (DOWN, "at_most", 1000, 1000),
        (DOWN, "exceeds", 1005, 1000),
        (DOWN, "at_least", 1000, 990),
        (DOWN, "fewer_than", 1005, 1000),
    ],
)
def test_the_target_is_the_first_multiple_on_the_coarse_side(how, operator, value, target):
    assert how.target(operator, value) == target
    assert how.finer(target, target) is False


def test_no_atom_is_anything_but_a_part_a_measure_a_count_of_many_or_the_whole_class():
    asked = movement([track(), map_of(scale=2000, contour_interval_m=5)])
    for atom in atoms(asked):
        assert isinstance(atom, (Removal, Coarsening, Aggregating))
        if isinstance(atom, Coarsening):
            assert atom.fact not in VOLUMES

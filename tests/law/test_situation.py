"""What is known of a movement: presumed, implied, claimed, contradicted; safeguards and their days."""

from __future__ import annotations

from datetime import date

import pytest

from carnet.law.conditions import MOVEMENT
from carnet.law.lawbook import load_lawbook
from carnet.law.situation import situation
from carnet.model.movement import parse_movement


def of(contents, day="2026-06-01", **fields):
    book = load_lawbook()
    movement = parse_movement(
        {
            "movement": "v1",
            "origin": "CN",
            "destination": "DE",
            "exporter": {"established_in": "CN"},
            "recipient": {"established_in": "DE", "name": "Parent"},
            "activity": "other",
            "contents": contents,
            **fields,
        },
        source="t",
    )
    return situation(movement, date.fromisoformat(day), book.register, book.vocabulary)


def image(**fields):
    return {"name": "a", "data": "image.exterior", **fields}


def test_no_person_implies_no_face_and_no_pixel():
    values = of([image(persons=0)]).values
    assert values[0, "contains_faces"] is False
    assert values[0, "faces_px_max"] == (0, 0)


def test_a_measured_face_is_a_face():
    assert of([image(facts={"faces_px_max": 7})]).values[0, "contains_faces"] is True


def test_a_claim_counts_until_it_is_contradicted_and_is_said():
    found = of([image(removed=["faces"])])
    assert found.values[0, "faces_px_max"] == (0, 0)
    assert "contents.a.faces_px_max" in {one.fact for one in found.claimed.values()}
    clash = of([image(removed=["faces"], facts={"faces_px_max": 40})])
    assert clash.values[0, "faces_px_max"] == (0, 40)
    assert clash.contradicted[0]


def test_replaced_is_not_removed():
    assert (0, "faces_px_max") not in of([image(replaced=["faces"])]).values


@pytest.mark.parametrize(
    ("data", "persons"),
    [("customer.order", (1, float("inf"))), ("production.output", (0, 0))],
)
def test_the_nature_of_a_class_bounds_an_unknown_number_of_persons(data, persons):
    assert of([{"name": "a", "data": data}]).values[0, "persons"] == persons


def test_of_a_class_that_may_be_personal_nothing_is_assumed():
    assert (0, "persons") not in of([image()]).values


APPROVAL = {"kind": "geodata_approval", "passed": "2026-01-10", "until": "2026-06-30"}


@pytest.mark.parametrize(
    ("day", "holds"),
    [("2026-01-09", False), ("2026-01-10", True), ("2026-06-30", True), ("2026-07-01", False)],
)
def test_a_safeguard_holds_from_its_day_to_its_last(day, holds):
    values = of([image()], day, safeguards=[APPROVAL]).values
    assert values[MOVEMENT, "safeguard.geodata_approval"] is holds


@pytest.mark.parametrize(
    ("covers", "holds"),
    [
        ({"data": ["image"]}, True),
        ({"data": ["location"]}, False),
        ({"recipient": "Parent"}, True),
        ({"recipient": "Other"}, False),
        ({"purpose": "training"}, None),
    ],
)
def test_a_safeguard_covers_what_it_names(covers, holds):
    values = of([image()], safeguards=[{**APPROVAL, "covers": covers}]).values
    assert values.get((0, "safeguard.geodata_approval")) is holds


def test_absent_safeguards_are_unknown_and_an_empty_list_is_none():
    assert (MOVEMENT, "safeguard.scc") not in of([image()]).values
    assert of([image()], safeguards=[]).values[MOVEMENT, "safeguard.scc"] is False


def test_a_safeguard_without_its_day_is_unknown():
    values = of([image()], safeguards=[{"kind": "scc"}]).values
    assert (MOVEMENT, "safeguard.scc") not in values


def test_a_consent_that_was_obtained_opens_the_route_of_that_name():
    given = [{"kind": "consent_obtained", "passed": "2026-01-01", "covers": {"data": ["audio"]}}]
    values = of([image(), {"name": "b", "data": "audio.cabin"}], safeguards=given).values
    assert [values[at, "safeguard.consent"] for at in (0, 1)] == [False, True]
    assert values[MOVEMENT, "safeguard.notice"] is False
    unknown = of([image()]).values
    assert unknown[MOVEMENT, "safeguard.consent"] is False
    assert (MOVEMENT, "safeguard.consent_obtained") not in unknown


def test_names_are_never_compared_to_find_one_legal_person():
    same_name = of([image()], exporter={"established_in": "CN", "name": "Parent"})
    assert (MOVEMENT, "same_party") not in same_name.values
    same_id = of(
        [image()],
        exporter={"established_in": "CN", "id": "lei:1"},
        recipient={"established_in": "DE", "id": "lei:1"},
    )
    assert same_id.values[MOVEMENT, "same_party"] is True

"""Lists of sensitive places: what is read, what is refused, and that no refusal tells a coordinate."""

from __future__ import annotations

import copy
from datetime import date

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from carnet.errors import InputError
from carnet.model.place_list import KINDS, place_list_of, read_place_list

GOOD = {
    "sensitive_places": "v1",
    "id": "cn-sh-2026",
    "author": "wang",
    "region": "CN",
    "datum": "WGS-84",
    "covers": "region",
    "complete_for": ["military", "defence_industry", "party_government"],
    "from": "2026-01-01",
    "until": "2026-12-31",
    "places": [
        {
            "id": "p-1",
            "kind": "military",
            "corners": [[31.111, 121.222]],
            "radius_m": 300,
            "source": "order 7",
        },
        {
            "id": "p-2",
            "kind": "party_government",
            "corners": [[31.3, 121.3], [31.4, 121.3], [31.4, 121.4]],
            "from": "2026-06-01",
            "until": "2026-06-30",
            "source": "seen",
        },
    ],
}


def with_change(path, value):
    form = copy.deepcopy(GOOD)
    place = form
    for one in path[:-1]:
        place = place[one]
    if value is None:
        place.pop(path[-1], None)
    else:
        place[path[-1]] = value
    return form


def test_a_list_is_read_with_its_days():
    made, form = read_place_list(yaml.safe_dump(GOOD), "places.yaml")
    assert form == GOOD
    assert (made.id, made.region, made.since, made.until) == (
        "cn-sh-2026",
        "CN",
        date(2026, 1, 1),
        date(2026, 12, 31),
    )
    assert made.covers == ()
    assert made.seen_within_m == 500
    assert [one.counts(date(2026, 5, 31)) for one in made.places] == [True, False]
    assert [one.counts(date(2026, 6, 30)) for one in made.places] == [True, True]
    assert [one.counts(date(2026, 7, 1)) for one in made.places] == [True, False]
    assert made.holds(date(2026, 12, 31))
    assert not made.holds(date(2027, 1, 1))
    assert made.mark == f"cn-sh-2026@{made.digest[7:23]}"


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (["sensitive_places"], "v2", "places.yaml"),
        (["strange"], 1, "places.yaml"),
        (["id"], "Shanghai", "id"),
        (["author"], "", "author"),
        (["region"], "China", "region"),
        (["datum"], "BD-09", "datum"),
        (["datum"], None, "datum"),
        (["covers"], None, "covers"),
        (["covers"], [], "covers"),
        (["covers"], [{"corners": [[1, 2]]}], "covers[0]"),
        (["complete_for"], ["airports"], "complete_for"),
        (["complete_for"], None, "complete_for"),
        (["until"], None, "until"),
        (["until"], "2025-12-31", "until"),
        (["until"], "soon", "until"),
        (["seen_within_m"], -1, "seen_within_m"),
        (["seen_within_m"], True, "seen_within_m"),
        (["places"], None, "places"),
        (["places", 0], "here", "places[0]"),
        (["places", 1, "id"], "p-1", "places[1].id"),
        (["places", 0, "kind"], "airport", "places[0].kind"),
        (["places", 0, "source"], None, "places[0].source"),
        (["places", 0, "colour"], "red", "places[0]"),
        (["places", 0, "radius_m"], "wide", "places[0].radius_m"),
        (["places", 0, "radius_m"], None, "places[0]"),
        (["places", 0, "corners"], [[121.222, 31.111]], "places[0]"),
        (["places", 0, "corners"], [["31.1", 121]], "places[0].corners"),
        (["places", 0, "corners"], None, "places[0].corners"),
        (["places", 1, "until"], "2026-05-01", "places[1].until"),
        (["places", 1, "from"], "June", "places[1].from"),
    ],
)
def test_what_is_no_list_is_refused_with_its_place(path, value, where):
    with pytest.raises(InputError) as refused:
        read_place_list(yaml.safe_dump(with_change(path, value)), "places.yaml")
    assert where in refused.value.where
    assert refused.value.remedy
    assert "31." not in str(refused.value)
    assert "121." not in str(refused.value)


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
forms = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(st.sampled_from(sorted(GOOD)), forms)
def test_anything_in_a_field_is_read_or_refused_in_words(field, value):
    form = GOOD | {field: value}
    try:
        made = place_list_of(form, "places.yaml")
    except InputError as error:
        told = str(error.where)
        assert "places.yaml" in told
    else:
        assert made.until >= made.since
        assert {one.kind for one in made.places} <= set(KINDS)

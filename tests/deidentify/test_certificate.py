"""The sums of a certificate: subjects, bounds, and when there is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.deidentify.certificate import (
    METHODS,
    PERSON,
    PLANTED,
    SECOND,
    Glance,
    Trial,
    bounds_of,
    certificate,
    from_glances,
    from_planted,
    from_sightings,
    rows_of,
)
from carnet.deidentify.planting import Planted
from carnet.deidentify.sampling import Sighting
from carnet.detectors.box import Box
from carnet.model.factsheet import Tool

S = 10**9


def sighting(time_s, x=100.0, h=40.0, label="face", stream="video"):
    return Sighting(stream, int(time_s * S), label, Box(x, 100, h * 0.8, h, 0.9))


def trials(covered, missed, label="face", height=40.0):
    return [Trial(label, height, covered=True)] * covered + [Trial(label, height, covered=False)] * missed


@pytest.mark.parametrize(("missed", "bound"), [(0, 0.9901), (1, 0.9843), (2, 0.9792)])
def test_bounds_at_three_hundred(missed, bound):
    rows = rows_of({PLANTED: trials(300 - missed, missed)}, ["face"])
    whole = next(one for one in rows if one.method == PLANTED and one.size == ">=16")
    assert round(whole.bound, 4) == bound


def test_below_three_hundred_there_is_no_bound():
    rows = rows_of(dict.fromkeys(METHODS, trials(299, 0)), ["face"])
    assert {one.bound for one in rows} == {None}
    (bound,) = bounds_of(rows, ["face"])
    assert bound.value is None
    assert "planted 299, second detector 299, person 299" in bound.why


def test_the_lowest_of_three_is_printed():
    rows = rows_of({PLANTED: trials(1201, 3), SECOND: trials(410, 2), PERSON: trials(300, 0)}, ["face"])
    (bound,) = bounds_of(rows, ["face"])
    assert bound.why == "the lowest of three: second detector"
    assert round(bound.value, 4) == 0.9848


@pytest.mark.parametrize("lacking", METHODS)
def test_one_way_of_looking_that_is_missing_leaves_no_bound(lacking):
    rows = rows_of({one: trials(400, 0) for one in METHODS if one != lacking}, ["face"])
    (bound,) = bounds_of(rows, ["face"])
    assert bound.value is None
    assert bound.to_json()["fact"] == "recall_lower_bound.faces"


def test_small_things_stand_in_their_own_row():
    rows = rows_of(
        {PLANTED: from_planted([Planted("face", 12, covered=False), Planted("face", 20, covered=True)])},
        ["face"],
    )
    said = {one.size: (one.covered, one.of) for one in rows if one.method == PLANTED}
    assert said == {">=16": (1, 1), "8-16": (0, 1), "16-32": (1, 1)}


def test_frames_of_one_thing_are_one_subject():
    seen = [sighting(0.0), sighting(0.5, 110), sighting(1.0, 120), sighting(1.0, 600), sighting(9.0)]
    found = from_sightings(seen, [1.0, 1.0, 1.0, 1.0, 1.0])
    assert len(found) == 3
    assert all(one.covered for one in found)


def test_a_subject_that_one_frame_shows_is_missed():
    found = from_sightings([sighting(0.0), sighting(0.5)], [1.0, 0.2])
    assert found == [Trial("face", 40.0, covered=False)]


def test_two_kinds_and_two_streams_are_never_one():
    seen = [sighting(0.0), sighting(0.5, label="plate"), sighting(0.6, stream="other")]
    assert len(from_sightings(seen, [1, 1, 1])) == 3


def test_what_a_person_found_to_be_nothing_does_not_count():
    assert from_sightings([sighting(0.0), sighting(5.0)], [0.0, 1.0], nothing=[0]) == [
        Trial("face", 40.0, covered=True)
    ]


def glance(time_s, present=("face",), shows=()):
    return Glance("a", int(time_s * S), frozenset(present), frozenset(shows))


def test_frames_that_a_person_saw_count_once_in_two_seconds():
    found = from_glances([glance(0), glance(1), glance(5), glance(5.5, shows=["face"])])
    assert found == [Trial("face", None, covered=True), Trial("face", None, covered=False)]


def test_a_frame_without_anybody_says_nothing():
    assert from_glances([glance(0, present=())]) == []


def test_what_shows_counts_though_nothing_was_masked():
    assert from_glances([glance(0, present=(), shows=["plate"])]) == [Trial("plate", None, covered=False)]


@given(st.lists(st.tuples(st.booleans(), st.floats(8, 200)), max_size=60))
def test_no_way_of_adding_a_miss_raises_a_bound(given_trials):
    before = [Trial("face", height, covered=good) for good, height in given_trials] + trials(300, 0)
    after = [*before, Trial("face", 64.0, covered=False)]

    def bound(some):
        (one,) = bounds_of(rows_of(dict.fromkeys(METHODS, some), ["face"]), ["face"])
        return one.value

    assert bound(after) < bound(before)


def test_the_form_names_no_file_and_holds_what_was_measured():
    tool = Tool("centerface-release", "1", None, 0.25)
    made = certificate(
        batch=[{"in_sha256": "a" * 64, "out_sha256": "b" * 64}],
        labels=["face"],
        trials=dict.fromkeys(METHODS, trials(400, 1)),
        masked=[0.01] * 95 + [0.5] * 5,
        frames=100,
        unreadable=2,
        masked_by=[tool, tool],
        judged_by=[Tool("blazeface", "2", None, 0.5)],
        setting="release",
        reviewer="Lin Wei",
    )
    assert made["masked_share"] == {"mean": 0.0345, "p95": 0.5}
    assert [one["name"] for one in made["masked_by"]] == ["centerface-release"]
    assert made["bounds"][0]["value"] == pytest.approx(0.9882, abs=1e-4)
    assert (made["frames"], made["unreadable"], made["reviewer"]) == (100, 2, "Lin Wei")


def test_no_frame_is_no_share():
    made = certificate(
        batch=[],
        labels=[],
        trials={},
        masked=[],
        frames=0,
        unreadable=0,
        masked_by=[],
        judged_by=[],
        setting="fast",
    )
    assert made["masked_share"] == {"mean": None, "p95": None}

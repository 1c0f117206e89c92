"""The movement from the catalog: what was measured, what was declared, and nothing that nobody knows."""

from __future__ import annotations

from datetime import date

import pytest

from carnet.errors import RefusedError
from carnet.model.factsheet import FactSheet, Outside, ReadState, StreamFacts
from carnet.transfer.assemble import Declared, Derivation, Sent, Undertaking, assemble

DAY = date(2026, 11, 21)
CAMERA = StreamFacts("camera", "images", None, 9, (), ("image.exterior",), {"faces_px_max": 60, "images": 9})
TRACK = StreamFacts("gnss", "messages", None, 9, (), ("location.trajectory",), {"km": 3.0})
SIGNALS = StreamFacts("can", "frames", None, 9, (), ("driving.dynamics",), {})


def sheet(*streams, outside=(), state=ReadState.READ):
    return FactSheet(
        "mcap", 10, state, "no reader" if state is ReadState.BLOCKED else None, None, streams, outside
    )


def movement(*sheets, derivation=None, declared=None, sent=None):
    return assemble(
        origin="CN",
        held_in="CN",
        exporter={"established_in": "CN"},
        recipient={"established_in": "DE"},
        destination="DE",
        undertaking=Undertaking("frankfurt", "driving_automation", "training"),
        sheets=sheets,
        derivation=derivation,
        declared=declared or Declared(),
        sent=sent or Sent(0, 0),
        day=DAY,
    )


def content(made, data):
    return next(one for one in made["contents"] if one["data"] == data)


CLEAN = Derivation(("faces", "plates", "precise_location", "vin"), {"faces_px_max": 0, "plates_px_max": 0})


def test_persons_are_unknown_until_somebody_says_or_nobody_is_left():
    raw = movement(sheet(CAMERA, TRACK, SIGNALS))
    assert [one for one in raw["contents"] if "persons" in one] == []
    said = movement(sheet(TRACK), declared=Declared(contents={"location.trajectory": {"persons": 1}}))
    assert content(said, "location.trajectory")["persons"] == 1
    clean = movement(sheet(CAMERA, SIGNALS), derivation=CLEAN)
    assert {one["persons"] for one in clean["contents"]} == {0}
    assert content(clean, "image.exterior")["facts"]["faces_px_max"] == 0


@pytest.mark.parametrize(
    "left",
    [
        Derivation(("faces", "plates", "vin"), {"faces_px_max": 0, "plates_px_max": 0}),
        Derivation(CLEAN.removed, {"faces_px_max": 12, "plates_px_max": 0}),
        Derivation(CLEAN.removed, {}),
    ],
)
def test_somebody_may_be_left_where_a_part_or_a_check_is_missing(left):
    made = movement(sheet(CAMERA, SIGNALS), derivation=left)
    assert [one for one in made["contents"] if "persons" in one] == []


def test_what_is_still_found_was_not_removed():
    still = movement(
        sheet(CAMERA, SIGNALS, outside=(Outside("metadata", "vehicle_id.vin", ("text:vin",)),)),
        derivation=CLEAN,
    )
    assert "vin" not in content(still, "driving.dynamics").get("removed", [])
    assert "persons" not in content(still, "image.exterior")


def test_a_fact_of_none_holds_only_if_every_stream_was_looked_at():
    looked = StreamFacts("a", "images", None, 1, (), ("image.exterior",), {"contains_faces": False})
    other = StreamFacts("b", "images", None, 1, (), ("image.exterior",), {})
    assert "contains_faces" not in content(movement(sheet(looked, other)), "image.exterior").get("facts", {})
    assert content(movement(sheet(looked)), "image.exterior")["facts"] == {"contains_faces": False}
    found = StreamFacts("c", "images", None, 1, (), ("image.exterior",), {"contains_faces": True})
    assert content(movement(sheet(found, other)), "image.exterior")["facts"]["contains_faces"] is True


def test_sums_and_maxima_are_over_all_files():
    made = content(movement(sheet(CAMERA), sheet(CAMERA)), "image.exterior")
    assert made["facts"] == {"faces_px_max": 60, "images": 18}


def test_a_blocked_file_an_empty_recording_and_a_contradiction_stop_it():
    with pytest.raises(RefusedError, match="cannot be read"):
        movement(sheet(CAMERA), sheet(state=ReadState.BLOCKED))
    with pytest.raises(RefusedError, match="nothing was found"):
        movement(sheet())
    declared = Declared(contents={"image.exterior": {"facts": {"faces_px_max": 0}}})
    with pytest.raises(RefusedError, match="not what was measured"):
        movement(sheet(CAMERA), declared=declared)


def test_a_year_that_is_not_known_is_left_out():
    assert movement(sheet(SIGNALS), sent=Sent(3, 1))["year_to_date"] == {"persons": 3, "persons_sensitive": 1}
    assert "year_to_date" not in movement(sheet(SIGNALS), sent=Sent(None, None))


def test_an_undertaking_with_an_unknown_or_missing_field_is_refused():
    with pytest.raises(RefusedError, match="purpos"):
        Undertaking.from_json({"receiver": "x", "activity": "other", "purpose": "x", "purposes": 1})
    with pytest.raises(RefusedError, match="purpose"):
        Undertaking.from_json({"receiver": "x", "activity": "other"})


def placed(value, *, until="2026-12-31", lists=("l@1",), data=("location.trajectory",)):
    facts = {"places_lists": lists, "places_until": until}
    if value is not None:
        facts |= {"sensitive_places": value, "military_area": value}
    return StreamFacts("gnss", "messages", None, 9, (), data, facts)


@pytest.mark.parametrize(
    ("streams", "told"),
    [
        ([placed(value=False)], False),
        ([placed(value=False), placed(value=False)], False),
        ([placed(value=False), placed(value=None)], None),
        ([placed(value=False), TRACK], None),
        ([placed(value=False), placed(value=True), TRACK], True),
        ([placed(value=False, until="2026-11-21")], False),
        ([placed(value=False, until="2026-11-20")], None),
        ([placed(value=True, until="2026-11-20")], True),
        ([placed(value=False, lists=("l@2",))], None),
        ([placed(value=False, lists=())], None),
    ],
)
def test_sensitive_places_combine_over_streams_and_end_with_their_lists(streams, told):
    made = movement(*(sheet(one) for one in streams), declared=Declared(places_lists=("l@1",)))
    facts = content(made, "location.trajectory").get("facts", {})
    assert facts.get("sensitive_places") is told
    assert facts.get("military_area") is told


def test_a_place_beside_the_streams_counts_and_what_is_unknown_is_never_clear():
    clear = placed(value=False, data=("location.position", "unknown"))
    made = movement(sheet(clear), declared=Declared(places_lists=("l@1",)))
    assert content(made, "location.position")["facts"]["sensitive_places"] is False
    assert "sensitive_places" not in content(made, "unknown").get("facts", {})
    held = (("places_lists", ("l@1",)), ("places_until", "2026-12-31"), ("sensitive_places", True))
    for facts, told in (((), None), (held, True)):
        beside = Outside("EXIF GPS", "location.position", ("format: a place",), facts)
        made = movement(sheet(clear, outside=(beside,)), declared=Declared(places_lists=("l@1",)))
        assert content(made, "location.position").get("facts", {}).get("sensitive_places") is told

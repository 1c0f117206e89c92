"""A certificate handed in to a node: only for the files that it names, and its bounds are facts of the pictures."""

from __future__ import annotations

import datetime as dt
import hashlib

import av
import cv2
import pytest
from stage import UNDERTAKING, Stage

from carnet.errors import CarnetError, InputError
from carnet.service.certifying import make_certificate
from carnet.service.redaction import redact

pytest.importorskip("cantools", reason="the extra 'recordings' is not installed: the node is left out")


@pytest.fixture(scope="module")
def made(tmp_path_factory, samples):
    """A picture, redacted and certified as a user does it."""
    place = tmp_path_factory.mktemp("certified")
    with av.open(str(samples / "shanghai_drive" / "front_camera.mp4")) as clip:
        frame = next(clip.decode(video=0)).to_ndarray(format="bgr24")
    cv2.imwrite(str(place / "before.jpg"), frame)
    redact(place / "before.jpg", place / "after.jpg", ("faces", "plates"), setting="fast", workers=1)
    form = make_certificate(place / "before.jpg", place / "after.jpg", frames=1, planted=4)
    return (place / "after.jpg").read_bytes(), form


@pytest.fixture(scope="module")
def play(made, tmp_path_factory):
    stage = Stage(tmp_path_factory.mktemp("node") / "stage")
    desk = stage.desk()
    recording = stage.ingest(desk, {"after.jpg": made[0]})
    desk.recordings.describe(recording, "li")
    stage.declare(desk, "lawbook", {"digest": desk.node.lawbook.digest})
    yield stage, desk, recording
    desk.node.close()


def with_bounds(form, value):
    return {**form, "bounds": [{**one, "value": value} for one in form["bounds"]]}


def facts_of(desk, recording):
    movement, _ = desk.movements.decide(recording, UNDERTAKING)
    (content,) = [one for one in movement["contents"] if one["data"] == "image.exterior"]
    return content.get("facts", {})


def test_bounds_become_facts_of_the_pictures_and_none_stays_unknown(made, play):
    stage, desk, recording = play
    content, form = made
    assert form["batch"][0]["out_sha256"].endswith(hashlib.sha256(content).hexdigest())
    stage.declare(desk, "certificate", {"recording": recording, "certificate": form})
    assert not [one for one in facts_of(desk, recording) if one.startswith("recall_lower_bound")]
    stage.declare(desk, "certificate", {"recording": recording, "certificate": with_bounds(form, 0.987)})
    facts = facts_of(desk, recording)
    assert facts["recall_lower_bound.faces"] == facts["recall_lower_bound.plates"] == 0.987
    declared = desk.declarations.declared(dt.date(2026, 11, 22), "rec-" + "a" * 26)
    assert "image.exterior" not in declared.contents


@pytest.mark.parametrize(
    "change",
    [
        lambda form: {**form, "batch": [{**form["batch"][0], "out_sha256": "0" * 64}]},
        lambda form: {**form, "batch": []},
        lambda form: with_bounds(form, 1.2),
        lambda form: with_bounds(form, True),
        lambda form: {**form, "certificate": "v2"},
        lambda form: {**form, "bounds": [{"fact": "recall_lower_bound.ears", "value": 0.9}]},
        lambda form: {**form, "batch": ["x"]},
        lambda _: {"certificate": "v1"},
    ],
)
def test_a_certificate_of_other_files_or_of_another_form_is_refused(made, play, change):
    stage, desk, recording = play
    with pytest.raises(InputError):
        stage.declare(desk, "certificate", {"recording": recording, "certificate": change(made[1])})


def test_a_certificate_for_a_recording_that_is_not_there_is_refused(made, play):
    stage, desk, _ = play
    with pytest.raises(CarnetError):
        stage.declare(desk, "certificate", {"recording": "rec-" + "a" * 26, "certificate": made[1]})

"""A batch is certified and reviewed as a user does it: real pictures, real detectors, a real server's page."""

from __future__ import annotations

import json
import shutil
import socket
import threading

import av
import cv2
import httpx
import pytest
import uvicorn

from carnet.errors import InputError, UnreadableError
from carnet.service.certifying import make_certificate, pair_files, read_review
from carnet.service.redaction import redact
from carnet.service.reviewing import jpeg_size, make_app, open_session

SECRET = "s3cret"  # noqa: S105 - the address of a page in a test


@pytest.fixture(scope="module")
def batch(tmp_path_factory, samples):
    """Three frames of the sample's clip as pictures, and what redaction made of them."""
    place = tmp_path_factory.mktemp("batch")
    (place / "before").mkdir()
    with av.open(str(samples / "shanghai_drive" / "front_camera.mp4")) as clip:
        for number, frame in enumerate(clip.decode(video=0)):
            if number in {0, 25, 50}:
                cv2.imwrite(str(place / "before" / f"{number}.jpg"), frame.to_ndarray(format="bgr24"))
    redact(place / "before", place / "after", ("faces", "plates"), setting="fast", workers=1)
    return place / "before", place / "after"


@pytest.fixture
def session(batch, tmp_path):
    return open_session(*batch, tmp_path / "review.json", reviewer="Lin Wei", frames=3)


@pytest.fixture
def page(session):
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(make_app(session, SECRET), log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", trust_env=False) as client:
        yield client
    server.should_exit = True
    thread.join(10)


def ask(page, place, **more):
    return page.get(f"/{SECRET}/{place}", **more)


def say(page, number, answer, **more):
    return page.post(f"/{SECRET}/frame/{number}/{answer}", **more)


def rows(made, method, label):
    return [one for one in made["recall"] if (one["method"], one["label"]) == (method, label)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("frames", -5),
        ("frames", True),
        ("frames", "3"),
        ("changed", 1.5),
        ("box", float("nan")),
        ("box", -1.0),
    ],
)
def test_a_manifest_with_numbers_that_cannot_be_is_refused(batch, tmp_path, name, value):
    before, after = batch
    form = json.loads(after.with_name("after.manifest.json").read_text("utf-8"))
    if name == "box":
        entry = next(one for one in form["files"] if one["regions"])
        entry["regions"][0]["box"][2] = value
    else:
        form["files"][0][name] = value
    path = tmp_path / "changed.manifest.json"
    path.write_text(json.dumps(form), "utf-8")
    with pytest.raises(UnreadableError, match="no manifest of a redaction"):
        pair_files(before, after, path)


def test_a_certificate_of_few_frames_gives_no_bound_and_says_why(batch):
    told = []
    made = make_certificate(*batch, frames=3, planted=6, progress=lambda done, of: told.append((done, of)))
    assert [one["value"] for one in made["bounds"]] == [None, None]
    assert all("no bound below 300" in one["why"] for one in made["bounds"])
    for label in ("face", "plate"):
        (whole,) = [one for one in rows(made, "planted", label) if one["size"] == ">=16"]
        assert whole["looked_at"] == 6
        assert rows(made, "person", label)[0]["looked_at"] == 0
    assert made["frames"] == 3
    assert 0 < made["masked_share"]["mean"] < 0.2
    assert {one["name"] for one in made["masked_by"]}.isdisjoint({one["name"] for one in made["judged_by"]})
    assert any("no person has looked" in one for one in made["notes"])
    assert told[-1] == (3, 3)
    # Nothing in it says which files these were.
    assert not any(str(number) + ".jpg" in json.dumps(made) for number in (0, 25, 50))


def test_the_same_batch_gives_the_same_certificate(batch):
    assert make_certificate(*batch, frames=2, planted=2) == make_certificate(*batch, frames=2, planted=2)


def test_a_person_who_looked_stands_in_the_certificate(batch, page, tmp_path):
    for number in range(3):
        say(page, number, "covered")
    made = make_certificate(*batch, review=tmp_path / "review.json", planted=0)
    assert made["reviewer"] == "Lin Wei"
    said = rows(made, "person", "plate")[0]
    # Three pictures of one folder, one after the other: one camera that may see one car.
    assert (said["looked_at"], said["missed"]) == (1, 0)
    # What the second detector still points at in frames that a person found clean is nobody.
    assert rows(made, "second_detector", "plate")[0]["missed"] == 0


def test_what_a_person_saw_is_missed(batch, page, tmp_path):
    say(page, 0, "shows-face")
    say(page, 1, "unclear")
    made = make_certificate(*batch, review=tmp_path / "review.json", planted=0)
    assert rows(made, "person", "face")[0]["missed"] == 1
    assert rows(made, "person", "plate")[0]["missed"] == 1
    assert "2 of 3 frames of the sample have an answer" in made["notes"]


def test_a_frame_that_was_opened_and_not_answered_is_missed(batch, page, tmp_path):
    say(page, 0, "covered")
    ask(page, "frame/1")
    made = make_certificate(*batch, review=tmp_path / "review.json", planted=0)
    assert rows(made, "person", "face")[0]["missed"] == 1
    assert any("count as unclear: 1" in one for one in made["notes"])


def _fewer(form):
    for one in form["drawn"].values():
        one["frames"] = one["frames"][:0]
    form["answers"], form["opened"] = [], []


def _doubled(form):
    for one in form["drawn"].values():
        one["frames"] *= 200


def _strange(form):
    form["answers"][0]["time_ns"] += 1


@pytest.mark.parametrize("change", [_fewer, _doubled, _strange])
def test_a_review_that_was_changed_is_refused(batch, page, tmp_path, change):
    say(page, 0, "covered")
    path = tmp_path / "review.json"
    form = json.loads(path.read_text())
    change(form)
    path.write_text(json.dumps(form))
    with pytest.raises(UnreadableError, match=r"other frames|no review"):
        make_certificate(*batch, review=path, planted=0)


def test_a_file_that_lies_there_twice_is_checked_twice_and_counted_once(batch, tmp_path):
    before, after = batch
    shutil.copytree(before, tmp_path / "before")
    shutil.copytree(after, tmp_path / "after")
    form = json.loads(after.with_name("after.manifest.json").read_text())
    form["files"].append({**form["files"][0], "out": "copy.jpg"})
    (tmp_path / "after.manifest.json").write_text(json.dumps(form))
    shutil.copy(after / form["files"][0]["out"], tmp_path / "after" / "copy.jpg")
    assert len(pair_files(tmp_path / "before", tmp_path / "after")) == 3
    shutil.copy(before / "0.jpg", tmp_path / "after" / "copy.jpg")
    with pytest.raises(UnreadableError, match="not what the manifest says"):
        pair_files(tmp_path / "before", tmp_path / "after")


def test_a_page_leads_through_the_sample(page):
    first = ask(page, "")
    assert first.headers["location"] == f"/{SECRET}/frame/0"
    text = ask(page, "frame/0").text
    assert "Is everyone covered in this frame?" in text
    assert "Frame 1 of 3" in text
    assert say(page, 0, "covered").headers["location"] == f"/{SECRET}/frame/1"
    assert say(page, 1, "back").headers["location"] == f"/{SECRET}/frame/0"
    assert "your answer here: covered" in ask(page, "frame/0").text
    assert say(page, 1, "shows").headers["location"] == f"/{SECRET}/frame/1?mark=1"
    assert "Where does something show?" in ask(page, "frame/1?mark=1").text
    assert say(page, 1, "unmark").headers["location"] == f"/{SECRET}/frame/1"
    assert say(page, 1, "shows-face+plate").headers["location"] == f"/{SECRET}/frame/2"
    assert say(page, 2, "unclear").headers["location"] == f"/{SECRET}/done"
    assert "2 frames go back to be masked again" in ask(page, "done").text


def test_a_changed_mind_is_the_answer(session, page):
    say(page, 0, "shows-plate")
    say(page, 0, "covered")
    assert [one["says"] for one in session.answers.values()] == ["covered"]


def test_every_answer_is_on_disk_at_once_and_the_review_goes_on(batch, session, page, tmp_path):
    ask(page, "frame/0")
    say(page, 0, "covered")
    form = json.loads((tmp_path / "review.json").read_text())
    assert [one["says"] for one in form["answers"]] == ["covered"]
    assert len(form["opened"]) == 1
    again = open_session(*batch, tmp_path / "review.json", reviewer="Lin Wei", frames=1)
    assert [one.place for one in again.frames] == [one.place for one in session.frames]
    assert again.first_open() == 1
    with pytest.raises(InputError, match="another person's"):
        open_session(*batch, tmp_path / "review.json", reviewer="Zhou", frames=1)


def test_places_that_were_drawn_are_kept(session, page):
    said = say(page, 0, "shows-plate", json={"boxes": [[10, 20, 30, 40]]})
    assert said.status_code == 303
    (answer,) = session.answers.values()
    assert answer["boxes"] == [[10.0, 20.0, 30.0, 40.0]]


@pytest.mark.parametrize(
    "body",
    [
        '{"boxes": [[NaN, 1, 1, 1]]}',
        '{"boxes": [[1e999, 1, 1, 1]]}',
        "[" * 60_000,
        '{"boxes": [[1, 2, 3]]}',
        '{"boxes": [[-1, 2, 3, 4]]}',
        "[",
        '{"boxes": 3}',
        '{"boxes": [["a",1,1,1]]}',
    ],
)
def test_places_that_are_none_are_refused(session, page, body):
    said = say(page, 0, "shows-face", content=body, headers={"content-type": "application/json"})
    assert said.status_code == 400
    assert not session.answers


def test_a_page_of_somebody_else_gets_nothing(page):
    assert ask(page, "frame/0", headers={"host": "carnet.example:8000"}).status_code == 404
    assert page.get("/other/frame/0").status_code == 404
    assert page.get("/%C3%A9/frame/0").status_code == 404
    assert ask(page, "frame/99").status_code == 404
    assert ask(page, "review.py").status_code == 404
    assert say(page, 0, "nonsense").status_code == 404
    assert say(page, 0, "shows-face", content=b"x" * 70_000).status_code == 413


def test_the_page_loads_nothing_from_elsewhere_and_is_kept_nowhere(page):
    for place in ("frame/0", "before/0.jpg", "carnet.css", "review.js"):
        answer = ask(page, place)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert "://" not in ask(page, "frame/0").text


def test_pictures_before_and_after_differ_where_something_was_masked(session, page):
    for number, frame in enumerate(session.frames):
        before, after = ask(page, f"before/{number}.jpg").content, ask(page, f"after/{number}.jpg").content
        assert jpeg_size(before) == jpeg_size(after) == (960, 540)
        assert (before != after) == bool(frame.regions)


def test_files_of_another_batch_are_refused(batch, tmp_path):
    before, after = batch
    changed = tmp_path / "after"
    shutil.copytree(after, changed)
    shutil.copy(after.with_name("after.manifest.json"), tmp_path)
    assert len(pair_files(before, changed)) == 3
    one = min(changed.glob("*.jpg"))
    one.write_bytes(one.read_bytes() + b"\0")
    with pytest.raises(UnreadableError, match="not what the manifest says"):
        pair_files(before, changed)
    with pytest.raises(UnreadableError, match="original of a redacted file"):
        pair_files(after, after)
    with pytest.raises(UnreadableError, match="manifest of the redaction cannot be read"):
        pair_files(before, before)
    (tmp_path / "no.json").write_text("{}")
    with pytest.raises(UnreadableError, match="no manifest of a redaction"):
        pair_files(before, after, tmp_path / "no.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"review": "v2"}', '{"review": "v1", "batch": "x"}'])
def test_what_is_no_review_is_refused(batch, tmp_path, text):
    (tmp_path / "review.json").write_text(text)
    with pytest.raises(UnreadableError):
        read_review(tmp_path / "review.json", pair_files(*batch))


def test_nobody_and_no_frames_are_refused(batch, tmp_path):
    with pytest.raises(InputError, match="nobody is named"):
        open_session(*batch, tmp_path / "review.json", reviewer=" ", frames=3)
    with pytest.raises(InputError, match="a sample has from 1"):
        make_certificate(*batch, frames=0)

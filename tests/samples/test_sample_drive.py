"""The committed sample is what its README and its truth file say."""

from __future__ import annotations

import hashlib
import io
import json

import pytest

from carnet.classify import describe
from carnet.formats import open_recording
from carnet.formats.can import frame_of_message
from carnet.formats.can_databases import load_database
from carnet.formats.can_transport import IsoTp
from carnet.formats.cdr import compressed_image
from carnet.formats.picture import decode_picture
from carnet.model.factsheet import ReadState
from carnet.recognise.text import vin_check_digit_holds


@pytest.fixture(scope="module")
def truth(request):
    return json.loads((request.config.rootpath / "samples" / "truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(request):
    return request.config.rootpath / "samples" / "shanghai_drive"


@pytest.fixture(scope="module")
def mcap(folder):
    return next(folder.glob("*.mcap"))


def test_the_files_are_the_ones_that_the_truth_names(truth, folder):
    assert {one.name for one in folder.iterdir()} == set(truth["files"])
    for name, said in truth["files"].items():
        data = (folder / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (said["bytes"], said["sha256"])
    assert sum(one["bytes"] for one in truth["files"].values()) < 12_000_000


def test_counts_and_times_are_those_of_the_truth(truth, mcap):
    with mcap.open("rb") as file:
        reader = open_recording(file, mcap.name)
        messages = list(reader.messages())
    assert reader.state is ReadState.READ
    counts = {one.name: 0 for one in reader.streams}
    for message in messages:
        counts[message.stream.name] += 1
    assert counts == truth["messages"]["counts"]
    assert min(one.log_time_ns for one in messages) == truth["messages"]["start_ns"]
    assert max(one.log_time_ns for one in messages) == truth["messages"]["end_ns"]


def test_every_frame_of_the_truth_is_there(truth, mcap, folder):
    said = truth["streams"][mcap.name]["/camera/front/image/compressed"]["frames"]
    with mcap.open("rb") as file:
        frames = [m for m in open_recording(file, "x").messages() if m.stream.kind == "pictures"]
    assert [one.log_time_ns for one in frames] == [one["log_time_ns"] for one in said]
    for message in frames[::20]:
        picture = decode_picture(compressed_image(message.data).picture(message.data), "jpeg")
        assert picture.shape == (540, 960, 3)
    clip = truth["streams"]["front_camera.mp4"]["video"]["frames"]
    with (folder / "front_camera.mp4").open("rb") as file:
        times = [time_ns for _, time_ns, _ in open_recording(file, "x").frames()]
    assert times == [round(one["time_s"] * 1e9) for one in clip]


def test_boxes_lie_in_the_frame_and_span_the_sizes(truth):
    faces, plates = [], []
    for file in truth["streams"].values():
        for stream in file.values():
            for frame in stream["frames"]:
                for one in frame["boxes"]:
                    x, y, w, h = one["box"]
                    assert x >= 0
                    assert y >= 0
                    assert x + w <= 960.05
                    assert y + h <= 540.05
                    assert 0 < one["visible"] <= 1
                    if one["visible"] > 0.95:
                        (faces if one["label"] == "face" else plates).append(h)
    assert min(faces) < 16
    assert max(faces) > 60
    assert min(plates) < 12
    assert max(plates) > 50


def test_plates_are_blue_where_the_truth_says(truth, folder):
    frames = truth["streams"]["front_camera.mp4"]["video"]["frames"]
    looked_at = 0
    with (folder / "front_camera.mp4").open("rb") as file:
        for index, _, as_picture in open_recording(file, "x").frames():
            picture = as_picture()
            for one in frames[index]["boxes"]:
                if one["label"] != "license_plate" or one["visible"] < 1 or one["box"][3] < 12:
                    continue
                x, y, w, h = (round(v) for v in one["box"])
                blue, green, red = picture[y + 2 : y + h - 2, x + 2 : x + w - 2].reshape(-1, 3).mean(axis=0)
                assert blue > green > red
                assert blue - red > 60
                looked_at += 1
    assert looked_at > 10


def test_the_vin_is_where_the_truth_says(truth, mcap, folder):
    vin = truth["vin"]["value"]
    assert vin_check_digit_holds(vin)
    assert vin.endswith("000000")
    assert vin in mcap.name
    database = load_database((folder / "vehicle.dbc").read_bytes())
    characters, parts, answers, tp = {}, {}, set(), IsoTp()
    with mcap.open("rb") as file:
        reader = open_recording(file, mcap.name)
        for message in reader.messages():
            if message.stream.kind != "can":
                continue
            frame = frame_of_message(message)
            whole = tp.add(frame)
            if whole is not None and frame.id == 2024:
                answers.add(whole)
            if frame.id in {1408, 1409, 1410}:
                characters |= database.decode_message(frame.id, frame.data)
            if frame.id == 1872:
                values = database.decode_message(frame.id, frame.data)
                index = values.pop("VIN_INDEX")
                (value,) = values.values()
                parts[index] = value.to_bytes(3 if index == 2 else 7, "big")
        texts = {(one.where, one.name): one.data.decode() for one in reader.outside()}
    assert "".join(chr(characters[f"VIN_{n}"]) for n in range(1, 18)) == vin
    assert b"".join(parts[n] for n in range(3)).decode() == vin
    assert answers == {b"\x62\xf1\x90" + vin.encode()}
    assert texts["metadata record", "vehicle.vin"] == vin
    assert vin in texts["attachment", "drive_notes.txt"]


def test_every_can_identifier_is_explained(mcap, folder):
    database = load_database((folder / "vehicle.dbc").read_bytes())
    known = {one.frame_id for one in database.messages}
    with mcap.open("rb") as file:
        seen = {
            frame_of_message(m).id for m in open_recording(file, "x").messages() if m.stream.kind == "can"
        }
    assert seen <= known


def test_the_real_vin_of_the_source_is_gone(shared, mcap):
    source = shared / "data" / "recordings" / "comma2k19_rav4_first40s.mcap"
    real = {}
    with source.open("rb") as file:
        for message in open_recording(file, "x").messages():
            if message.stream.name == "/vehicle/can0":
                frame = frame_of_message(message)
                if frame.id in {1408, 1409, 1410}:
                    real[frame.id] = frame.data
    number = b"".join(real[one] for one in sorted(real))[:17]
    assert vin_check_digit_holds(number.decode())
    with mcap.open("rb") as file:
        everything = b"".join(m.data for m in open_recording(file, "x").messages() if m.stream.kind == "can")
    for piece in (number[:8], number[8:16]):
        assert piece not in everything


def test_the_fact_sheet_says_what_the_truth_says(truth, mcap, folder):
    database = {"vehicle.dbc": (folder / "vehicle.dbc").read_bytes()}
    with mcap.open("rb") as file:
        sheet = describe(file, name=mcap.name, companions=database, detect=False)
    streams = {one.name: one for one in sheet.streams}
    fix = streams["/gnss/fix"]
    assert fix.facts["points"] == truth["track"]["points"]
    assert fix.facts["km"] == pytest.approx(truth["track"]["km"], abs=0.006)
    assert fix.facts["countries"] == (truth["track"]["country"],)
    assert fix.data == ("location.trajectory",)
    bus = streams["/vehicle/can0"]
    assert "unknown" not in bus.data
    rules = {rule for one in bus.fields if one.data == "vehicle_id.vin" for rule in one.because}
    assert "values: not zero" in rules
    assert "iso-tp: answer 62f190" in rules
    outside = {(one.where, one.data) for one in sheet.outside}
    assert ("file name", "vehicle_id.vin") in outside
    assert ("metadata record vehicle.vin", "vehicle_id.vin") in outside
    assert ("attachment drive_notes.txt", "vehicle_id.vin") in outside
    assert truth["vin"]["value"] not in json.dumps(sheet.to_json())


def test_cut_and_damaged_samples_are_never_read_and_empty(mcap):
    data = mcap.read_bytes()
    for length in (9, 1000, 600_000, len(data) - 9):
        sheet = describe(io.BytesIO(data[:length]), name="x", detect=False)
        assert sheet.state is not ReadState.READ
        assert sheet.reason


@pytest.mark.slow
def test_faces_and_plates_are_found_at_their_sizes(truth, mcap):
    with mcap.open("rb") as file:
        sheet = describe(file, name=mcap.name)
    camera = next(one for one in sheet.streams if one.kind == "pictures")
    frames = truth["streams"][mcap.name][camera.name]["frames"]
    sizes = {"face": [0.0], "license_plate": [0.0]}
    for frame in frames:
        for one in frame["boxes"]:
            if one["visible"] > 0.9:
                sizes[one["label"]].append(max(one["box"][2:]))
    assert camera.facts["contains_faces"] is True
    assert camera.facts["contains_plates"] is True
    # Looked at by sample: the largest of all frames need not be among them, and boxes differ a little.
    assert 32 <= camera.facts["faces_px_max"] <= 1.4 * max(sizes["face"])
    assert 32 <= camera.facts["plates_px_max"] <= 1.4 * max(sizes["license_plate"])
    assert camera.facts["images"] == len(frames)

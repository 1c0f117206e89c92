"""Redaction of whole files: the sample drive with its truth, and real recordings."""

from __future__ import annotations

import io
import json
import re
import struct
from itertools import islice

import av
import pytest
from mcap.reader import make_reader
from mcap.writer import Writer

from carnet.classify.describe import describe
from carnet.deidentify.assurance import check, judge_by_truth, refuse_same_tool
from carnet.deidentify.frames import frames_of
from carnet.deidentify.order import RedactionOrder
from carnet.deidentify.redact import redact, suggested_name
from carnet.detectors import checking_face_detector
from carnet.errors import CarnetError, RedactionError, UnreadableError
from carnet.model.factsheet import FactSheet
from carnet.model.ids import DataClass

pytestmark = pytest.mark.xdist_group("redacted drive")
VIN = b"L00CARNE3T0000000"
DRIVE = f"drive_{VIN.decode()}.mcap"
CAMERA = "/camera/front/image/compressed"
USUAL = RedactionOrder(frozenset({"faces", "plates", "vin", "precise_location"}), setting="fast")
QUICK = RedactionOrder(frozenset({"vin", "precise_location"}), setting="fast")


def run(content: bytes, order: RedactionOrder, name: str, companions=None, sheet: FactSheet | None = None):
    companions = companions or {}
    made = sheet or describe(io.BytesIO(content), name=name, companions=companions, detect=False)
    sink = io.BytesIO()
    report = redact(io.BytesIO(content), sink, order, name=name, sheet=made, companions=companions)
    return sink.getvalue(), report


def messages(content: bytes) -> dict[str, list[tuple[int, int, int, bytes]]]:
    found: dict[str, list[tuple[int, int, int, bytes]]] = {}
    for _schema, channel, one in make_reader(io.BytesIO(content), validate_crcs=True).iter_messages(
        log_time_order=False
    ):
        found.setdefault(channel.topic, []).append((one.log_time, one.publish_time, one.sequence, one.data))
    return found


@pytest.fixture(scope="module")
def drive(samples):
    folder = samples / "shanghai_drive"
    return (folder / DRIVE).read_bytes(), {"vehicle.dbc": (folder / "vehicle.dbc").read_bytes()}


@pytest.fixture(scope="module")
def truth(samples):
    return json.loads((samples / "truth.json").read_text(encoding="utf-8"))["streams"]


@pytest.fixture(scope="module")
def redacted_drive(drive):
    return run(drive[0], USUAL, DRIVE, drive[1])


@pytest.mark.slow
def test_the_drive_keeps_what_was_not_ordered_away(drive, redacted_drive):
    before, after = messages(drive[0]), messages(redacted_drive[0])
    report = redacted_drive[1]
    assert set(before) - set(after) == {"/gnss/fix"} == set(report.outcome.removed_streams)
    for topic, rows in after.items():
        assert [row[:3] for row in rows] == [row[:3] for row in before[topic]]
        if topic not in {CAMERA, "/vehicle/can0"}:
            assert rows == before[topic]
    changed = [
        (old[3], new[3])
        for old, new in zip(before["/vehicle/can0"], after["/vehicle/can0"], strict=True)
        if old != new
    ]
    assert 0 < len(changed) < len(before["/vehicle/can0"]) / 2
    for old, new in changed:
        assert old[:-8] == new[:-8]
    assert report.outcome.frames == 40
    assert report.outcome.dropped["attachments"] == 1
    summary = make_reader(io.BytesIO(redacted_drive[0])).get_summary()
    assert summary is not None
    assert summary.statistics is not None
    assert summary.statistics.message_count == sum(map(len, after.values()))
    assert summary.chunk_indexes


@pytest.mark.slow
def test_no_vin_is_left_anywhere(redacted_drive):
    content, report = redacted_drive
    reader = make_reader(io.BytesIO(content))
    payloads = b"".join(one.data for _, _, one in reader.iter_messages())
    for place in (
        content,
        payloads,
        report.out.encode(),
        json.dumps(report.to_json()["vin_places"]).encode(),
    ):
        for spelt in (VIN, VIN.lower(), VIN.decode().encode("utf-16-le"), VIN[:8], VIN[7:14]):
            assert spelt not in place
    assert list(reader.iter_metadata()) == []
    assert list(reader.iter_attachments()) == []
    ids = {int(one.split()[-1]) for one in report.outcome.vin_places if " id " in one}
    assert ids == {1408, 1409, 1410, 1872, 2024}


@pytest.mark.slow
def test_the_vin_is_found_without_the_database_too(drive):
    content, _report = run(drive[0], QUICK, "drive.mcap")
    rows = messages(content)["/vehicle/can0"]
    payloads = b"".join(one[3][-8:] for one in rows)
    assert VIN[:8] not in payloads
    assert VIN[8:15] not in payloads


@pytest.mark.slow
def test_the_drive_by_its_truth_and_by_other_detectors(drive, redacted_drive, truth):
    content, report = redacted_drive
    judged = judge_by_truth(
        io.BytesIO(drive[0]), io.BytesIO(content), truth[DRIVE], name=DRIVE, report=report
    )
    large_faces, large_plates = judged.total("face", 16), judged.total("plate", 16)
    assert (large_faces.of, large_plates.of) == (60, 55)
    # Measured with `fast`: 54 of 60 and 55 of 55; `release` covers all of both.
    assert large_faces.covered >= 52
    assert large_plates.covered >= 53
    assert judged.unfound_frames == 0
    looked = check(io.BytesIO(content), name=DRIVE, report=report)
    assert looked.frames == 40
    assert looked.plates <= 4
    assert {one.digest for one in looked.tools}.isdisjoint({one.digest for one in report.tools})


@pytest.mark.slow
def test_an_untouched_drive_is_not_praised(drive, truth):
    content, report = run(drive[0], QUICK, DRIVE, drive[1])
    judged = judge_by_truth(
        io.BytesIO(drive[0]), io.BytesIO(content), truth[DRIVE], name=DRIVE, report=report
    )
    assert judged.total("face").covered == judged.total("plate").covered == 0


@pytest.mark.slow
def test_claimed_masks_that_are_not_there_are_not_believed(drive, redacted_drive, truth):
    """The report of a real redaction, beside a file in which nothing was masked."""
    judged = judge_by_truth(
        io.BytesIO(drive[0]), io.BytesIO(drive[0]), truth[DRIVE], name=DRIVE, report=redacted_drive[1]
    )
    total = judged.total("plate", 16)
    assert total.covered < total.of * 0.05


def test_the_tool_that_masked_may_not_judge():
    tool = checking_face_detector().tool
    with pytest.raises(RedactionError, match="its own work"):
        refuse_same_tool([tool], [tool])


def test_a_trimmed_interval_loses_every_stream(drive):
    order = RedactionOrder(frozenset({"vin", "trip_ends"}), trim_head_s=10, trim_tail_s=5, setting="fast")
    content, report = run(drive[0], order, DRIVE, drive[1])
    before, after = messages(drive[0]), messages(content)
    first = min(row[0] for rows in before.values() for row in rows) + 10 * 10**9
    last = max(row[0] for rows in before.values() for row in rows) - 5 * 10**9
    assert set(after) == set(before)
    for topic, rows in after.items():
        assert [row[0] for row in rows] == [row[0] for row in before[topic] if first <= row[0] <= last]
    assert report.outcome.dropped["trimmed_messages"] == sum(map(len, before.values())) - sum(
        map(len, after.values())
    )


def test_trimming_everything_is_refused(drive):
    with pytest.raises(RedactionError, match="nothing would be left"):
        run(drive[0], RedactionOrder(trim_head_s=1000), DRIVE, drive[1])


def test_a_cut_recording_gives_what_was_whole(drive):
    content, report = run(drive[0][: len(drive[0]) // 2], QUICK, DRIVE, drive[1])
    assert report.outcome.truncated
    before, after = messages(drive[0]), messages(content)
    assert 0 < len(after["/imu/data_raw"]) < len(before["/imu/data_raw"])
    assert after["/imu/data_raw"] == before["/imu/data_raw"][: len(after["/imu/data_raw"])]


@pytest.mark.parametrize(
    "bad", [b"", b"\x89MCAP0\r\n", b"hello\x00", b"\xff\xd8\xff\xe0", b"\x00" * 100, b"\x89PNG\r\n\x1a\n"]
)
def test_what_cannot_be_read_is_refused(bad):
    with pytest.raises(CarnetError):
        run(bad, QUICK, "x.mcap")


def test_a_sheet_of_another_file_is_refused(drive, shared):
    picture = (shared / "data/images/dashcam/lanelines_solidWhiteCurve.jpg").read_bytes()
    other = describe(io.BytesIO(picture), name="x.jpg", detect=False)
    with pytest.raises(RedactionError, match="fact sheet"):
        run(drive[0], QUICK, DRIVE, drive[1], other)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["comma2k19_rav4_first40s", "dashcam_lanelines_frames", "nuscenes_one_keyframe"]
)
def test_real_recordings(shared, name):
    content = (shared / f"data/recordings/{name}.mcap").read_bytes()
    made, report = run(content, USUAL, f"{name}.mcap")
    before, after = messages(content), messages(made)
    assert set(after) == set(before) - set(report.outcome.removed_streams)
    for topic, rows in after.items():
        assert [row[:3] for row in rows] == [row[:3] for row in before[topic]]
        if "image" not in topic and "can" not in topic:
            assert rows == before[topic]
    assert report.outcome.unreadable == 0
    for old, new in zip(frames_of(io.BytesIO(content), name), frames_of(io.BytesIO(made), name), strict=True):
        assert old.image.shape == new.image.shape


def camera_mcap(pictures: list[bytes], schema="sensor_msgs/msg/CompressedImage", form="jpeg") -> bytes:
    text = (
        "std_msgs/Header header\nstring format\nuint8[] data\n" + "=" * 80 + "\nMSG: std_msgs/Header\n"
        "builtin_interfaces/Time stamp\nstring frame_id\n"
        + "=" * 80
        + "\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n"
    )
    out = io.BytesIO()
    writer = Writer(out)
    writer.start(profile="ros2")
    number = writer.register_channel(CAMERA, "cdr", writer.register_schema(schema, "ros2msg", text.encode()))
    for index, picture in enumerate(pictures):
        name = form.encode() + b"\x00"
        data = b"\x00\x01\x00\x00" + struct.pack("<iI", 1, 0) + struct.pack("<I", 4) + b"cam\x00"
        data += struct.pack("<I", len(name)) + name
        data += bytes(-(len(data) - 4) % 4) + struct.pack("<I", len(picture)) + picture
        writer.add_message(number, 10**9 + index * 10**8, data, 10**9 + index * 10**8, index)
    writer.finish()
    return out.getvalue()


def test_a_broken_frame_is_blanked_and_counted(shared):
    whole = (shared / "data/images/faces/bald_guys.jpg").read_bytes()
    made, report = run(camera_mcap([whole, whole[: len(whole) // 2], whole]), USUAL, "x.mcap")
    assert (report.outcome.frames, report.outcome.unreadable) == (3, 1)
    frames = [one.image for one in frames_of(io.BytesIO(made), "x")]
    assert len(frames) == 3
    assert frames[1].shape == frames[0].shape
    assert int(frames[1].max()) <= 2
    assert report.outcome.regions


def test_a_dropped_class_goes_whole(drive):
    order = RedactionOrder(drop=(DataClass("image"), DataClass("location")))
    content, report = run(drive[0], order, DRIVE, drive[1])
    assert set(report.outcome.removed_streams) == {CAMERA, "/gnss/fix"}
    assert CAMERA not in messages(content)


@pytest.fixture(scope="module")
def clip(samples):
    return (samples / "shanghai_drive" / "front_camera.mp4").read_bytes()


def video(content: bytes):
    with av.open(io.BytesIO(content)) as container:
        track = container.streams.video[0]
        frames = [
            (one.pts, one.color_range, one.colorspace, one.width, one.height)
            for one in container.decode(track)
        ]
        facts = (
            track.time_base,
            track.average_rate,
            track.frames,
            track.duration,
            track.codec_context.pix_fmt,
        )
        return frames, facts, dict(container.metadata), len(container.streams)


@pytest.mark.slow
def test_the_clip_keeps_times_and_loses_its_container_texts(clip, truth):
    made, report = run(clip, USUAL, "front_camera.mp4")
    before, after = video(clip), video(made)
    assert after[:2] == before[:2]
    assert set(after[2]) <= {"major_brand", "minor_version", "compatible_brands", "encoder"}
    assert VIN not in made
    assert not re.search(rb"[+-]\d\d\.\d{4}", made)
    judged = judge_by_truth(
        io.BytesIO(clip), io.BytesIO(made), truth["front_camera.mp4"], name="c.mp4", report=report
    )
    faces, plates = judged.total("face", 32), judged.total("plate", 16)
    assert faces.covered >= faces.of - 1  # measured: 30 of 31; one leaves in the frame after the first
    assert plates.covered >= plates.of - 4  # measured: 114 of 117
    assert any(one.by == "track" for one in report.outcome.regions)


@pytest.mark.slow
def test_a_real_video_keeps_times_and_loses_its_sound(shared):
    content = (shared / "data/video/dashcam_lanelines_white_right.mp4").read_bytes()
    made, report = run(content, USUAL, "x.mp4")
    before, after = video(content), video(made)
    assert after[:2] == before[:2]
    assert before[3] == 2
    assert after[3] == 1
    assert report.outcome.dropped == {"audio_tracks": 1}


def test_a_video_without_its_index_is_refused(clip):
    with pytest.raises(UnreadableError):
        run(
            clip[: len(clip) // 3],
            USUAL,
            "x.mp4",
            sheet=describe(io.BytesIO(clip), name="x.mp4", detect=False),
        )


def test_a_video_cannot_be_trimmed_and_says_so(clip):
    with pytest.raises(RedactionError, match="trimmed"):
        run(clip, RedactionOrder(trim_head_s=1), "x.mp4")


def test_a_log_keeps_its_lines(shared):
    content = b"".join(islice((shared / "data/can/logs/comma2k19_10s_a.log").open("rb"), 800))
    added = [b"\x10\x14\x62\xf1\x90" + VIN[:3], b"\x21" + VIN[3:10], b"\x22" + VIN[10:]]
    lines = b"".join(b"(1533226490.000000) can0 7E8#" + one.hex().upper().encode() + b"\n" for one in added)
    made, report = run(content + lines, QUICK, "x.log")
    old, new = (content + lines).splitlines(), made.splitlines()
    assert len(old) == len(new)
    assert old[:-3] == new[:-3]
    assert new[-1] == b"(1533226490.000000) can0 7E8#2200000000000000"
    assert any("id 2024" in one for one in report.outcome.vin_places)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        (DRIVE, "drive_vehicle.redacted.mcap"),
        ("a.MP4", "a.redacted.mp4"),
        ("l00carne3t0000000.log", "vehicle.redacted.log"),
    ],
)
def test_names_do_not_carry_the_vin(name, made):
    assert suggested_name(name) == made

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.formats import open_recording
from carnet.model.factsheet import ReadState


@pytest.fixture(scope="module")
def clip(request) -> bytes:
    from pathlib import Path

    return (Path(request.config.rootpath) / "samples" / "shanghai_drive" / "front_camera.mp4").read_bytes()


def opened(data: bytes):
    return open_recording(io.BytesIO(data), "x")


def test_a_real_video_has_its_frames_tracks_and_texts(shared):
    path = shared / "data" / "video" / "dashcam_lanelines_white_right.mp4"
    with path.open("rb") as file:
        reader = open_recording(file, "renamed.jpg")
        packets = list(reader.messages())
        shapes = {picture().shape for _, _, picture in reader.frames()}
        assert {one.kind for one in reader.streams} == {"video", "audio"}
    assert sum(one.stream.kind == "video" for one in packets) == 221
    assert shapes == {(540, 960, 3)}
    assert reader.state is ReadState.READ


def test_the_clip_says_its_place_and_comment(clip):
    reader = opened(clip)
    times = [time_ns for _, time_ns, _ in reader.frames()]
    assert times == [n * 40_000_000 for n in range(60)]
    kinds = {(one.where, one.kind) for one in reader.outside()}
    assert ("location atom", "position") in kinds
    assert any(where.startswith("metadata") and kind == "text" for where, kind in kinds)


def test_a_hidden_box_is_found(clip):
    reader = opened(clip + struct.pack(">I4s", 24, b"gps ") + b"31.12,121.19 ab.")
    list(reader.messages())
    assert any(one.where == "box of another kind" and one.name == "gps " for one in reader.outside())
    filled = struct.pack(">I4s", 16, b"free") + b"serial 9"
    assert any(one.where == "padding that is not empty" for one in opened(clip + filled).outside())


@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_a_cut_video_is_never_read(clip, share):
    reader = opened(clip[: int(len(clip) * share)])
    list(reader.messages())
    list(reader.frames())
    assert reader.state is not ReadState.READ
    assert reader.reason


def test_damaged_pictures_inside_are_noticed(clip):
    at = clip.index(b"mdat") + 5000
    reader = opened(clip[:at] + bytes(200_000) + clip[at + 200_000 :])
    list(reader.messages())
    list(reader.frames())
    assert reader.state is not ReadState.READ


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_no_damage_to_the_index_makes_it_raise(clip, data):
    start = clip.index(b"moov")
    raw = bytearray(clip)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(start, len(raw) - 1))] = data.draw(st.integers(0, 255))
    reader = opened(bytes(raw))
    count = sum(1 for _ in reader.messages())
    assert count or reader.state is ReadState.BLOCKED
    reader.outside()

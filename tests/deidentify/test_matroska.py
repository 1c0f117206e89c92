"""Matroska: the same frames at the same times, nothing beside them, and damage said."""

from __future__ import annotations

import io
import subprocess
import sys

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.classify.describe import describe
from carnet.deidentify.order import RedactionOrder
from carnet.deidentify.redact import redact
from carnet.errors import CarnetError
from carnet.formats import open_recording
from carnet.formats.mkv_read import number_at
from carnet.model.factsheet import ReadState

ORDER = RedactionOrder(frozenset({"faces", "plates", "vin"}), setting="fast")
VIN = "L00CARNE3T0000000"


def matroska(samples, frames: int = 20) -> bytes:
    """The sample clip's first frames in Matroska, with a title."""
    out = io.BytesIO()
    clip = samples / "shanghai_drive" / "front_camera.mp4"
    with av.open(str(clip)) as source, av.open(out, mode="w", format="matroska") as made:
        track = source.streams.video[0]
        stream = made.add_stream_from_template(track)
        made.metadata["title"] = f"drive of {VIN}"
        for number, packet in enumerate(source.demux(track)):
            if number == frames:
                break
            packet.stream = stream
            made.mux(packet)
    return out.getvalue()


def run(content: bytes, order: RedactionOrder = ORDER):
    sheet = describe(io.BytesIO(content), name="x.mkv", detect=False)
    sink = io.BytesIO()
    report = redact(io.BytesIO(content), sink, order, name="x.mkv", sheet=sheet)
    return sink.getvalue(), report.outcome


@pytest.fixture(scope="module")
def clip(samples):
    return matroska(samples)


def times(content: bytes):
    with av.open(io.BytesIO(content)) as container:
        assert container.format.name.startswith("matroska")
        track = container.streams.video[0]
        frames = [(one.time, one.width, one.height, one.color_range) for one in container.decode(track)]
        return frames, dict(container.metadata), track.codec_context.pix_fmt


def test_frames_and_times_stay_and_texts_go(clip):
    made, outcome = run(clip)
    before, after = times(clip), times(made)
    assert after[0] == before[0]
    assert after[2] == before[2]
    assert outcome.frames == 20
    assert outcome.changed == 20
    assert "title" not in {one.lower() for one in after[1]}
    assert VIN.encode() in clip
    assert VIN.encode() not in made
    assert run(clip)[0] == made


def test_the_sheet_says_what_stands_in_the_tags(clip):
    sheet = describe(io.BytesIO(clip), name="x.mkv", detect=False)
    assert sheet.format == "mkv"
    assert sheet.state is ReadState.READ
    assert any(one.data == "vehicle_id.vin" for one in sheet.outside)


def test_a_cut_file_says_so(clip):
    content = clip[: len(clip) * 2 // 3]
    made, outcome = run(content)
    assert "cut" in (outcome.truncated or "")
    assert 0 < len(times(made)[0]) < 20


def test_a_worker_writes_it_without_holding_it(clip, tmp_path):
    source, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    source.write_bytes(clip)
    words = [sys.executable, "-m", "carnet", "redact", str(source), str(out), "--setting", "fast", "-q"]
    subprocess.run(words, check=True)
    assert times(out.read_bytes())[0] == times(clip)[0]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_told_or_refused(clip, data):
    content = bytearray(clip)
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, 3000))] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.integers(0, len(content) // 8))
    reader = open_recording(io.BytesIO(bytes(content[:cut])), "x.mkv")
    assert reader.state in ReadState
    try:
        run(bytes(content[:cut]), RedactionOrder(setting="fast"))
    except CarnetError:
        return


@given(st.binary(max_size=12), st.integers(0, 12), st.booleans())
def test_any_bytes_are_a_number_or_none(data, at, marker):
    value, size, unknown = number_at(data, at, marker=marker)
    assert 0 <= size <= 8
    assert at + size <= len(data) or size == 0
    assert value >= 0
    assert not (size == 0 and unknown)

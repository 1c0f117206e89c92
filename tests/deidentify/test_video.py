"""Videos that are not as they should be: right, or refused, never passed."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from carnet.classify.describe import describe
from carnet.deidentify.order import RedactionOrder
from carnet.deidentify.redact import redact
from carnet.errors import CarnetError, RedactionError

ORDER = RedactionOrder(frozenset({"faces", "plates"}), setting="fast")
WIDTH, HEIGHT = 320, 180


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    noise = np.random.default_rng(5).integers(0, 255, (height // 6, width // 6, 3), dtype=np.uint8)
    return np.roll(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), number * 2, axis=1)


def clip(
    times: list[int],
    *,
    form: str = "yuv420p",
    size: tuple[int, int] = (WIDTH, HEIGHT),
    without: tuple[int, ...] = (),
    broken: tuple[int, ...] = (),
) -> bytes:
    """An MP4 with frames at these times (in 1/600 s); some packets left out, some with other bytes inside."""
    memory = io.BytesIO()
    with av.open(memory, "w", format="mp4", options={"video_track_timescale": "600"}) as container:
        track = container.add_stream("libx264", rate=30)
        track.width, track.height, track.pix_fmt = *size, form
        track.time_base = track.codec_context.time_base = Fraction(1, 600)
        track.options = {"bf": "0", "g": "8", "x264-params": "scenecut=0"}
        packets = []
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(number, *size), "bgr24").reformat(format=form)
            frame.pts, frame.time_base = time, Fraction(1, 600)
            packets += track.encode(frame)
        packets += track.encode(None)
        for number, packet in enumerate(packets):
            if number in without:
                continue
            if number in broken:
                damaged = bytearray(bytes(packet))
                # The length and the kind of the unit stay: what is damaged is the picture in it.
                damaged[8:] = bytes(
                    np.random.default_rng(number).integers(0, 255, len(damaged) - 8, dtype=np.uint8)
                )
                other = av.Packet(bytes(damaged))
                other.pts, other.dts, other.time_base = packet.pts, packet.dts, packet.time_base
                other.duration, other.is_keyframe, other.stream = packet.duration, packet.is_keyframe, track
                container.mux(other)
            else:
                container.mux(packet)
    return memory.getvalue()


def fragments() -> bytes:
    """An MP4 in fragments; its pictures are out of order, so that the first is late by two frames' times."""
    memory = io.BytesIO()
    base = Fraction(1, 15360)
    options = {"movflags": "frag_keyframe+empty_moov", "video_track_timescale": "15360"}
    with av.open(memory, "w", format="mp4", options=options) as container:
        track = container.add_stream("libx264", rate=30)
        track.width, track.height, track.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        track.time_base = track.codec_context.time_base = base
        track.options = {"g": "4", "x264-params": "bframes=2:b-adapt=0:scenecut=0"}
        for number in range(12):
            frame = av.VideoFrame.from_ndarray(picture(number), "bgr24")
            frame.pts, frame.time_base = 512 * number, base
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return memory.getvalue()


def run(content: bytes):
    sink = io.BytesIO()
    sheet = describe(io.BytesIO(content), name="x.mp4", detect=False)
    report = redact(io.BytesIO(content), sink, ORDER, name="x.mp4", sheet=sheet)
    with av.open(io.BytesIO(sink.getvalue())) as container:
        frames = [(one.pts, one.to_ndarray(format="gray")) for one in container.decode(video=0)]
    return frames, report.outcome


EVEN = [20 * number for number in range(24)]


def test_uneven_times_stay():
    times = [0, 20, 45, 50, 110, 111, 300, 320, 900]
    frames, outcome = run(clip(times))
    assert [pts for pts, _ in frames] == times
    assert outcome.unreadable == 0


def test_a_damaged_frame_is_black_and_counted_at_its_time():
    frames, outcome = run(clip(EVEN, broken=(3,)))
    assert [pts for pts, _ in frames] == EVEN
    assert outcome.unreadable >= 1
    assert frames[3][1].max() < 30
    assert frames[2][1].std() > 20
    assert frames[9][1].std() > 20


def test_frames_before_the_first_key_frame_are_black_and_counted():
    frames, outcome = run(clip(EVEN, without=(0,)))
    assert [pts for pts, _ in frames] == EVEN[1:] or [pts for pts, _ in frames] == [
        one - EVEN[1] for one in EVEN[1:]
    ]
    assert outcome.unreadable == 7
    assert all(frame.max() < 30 for _, frame in frames[:7])
    assert all(frame.std() > 20 for _, frame in frames[7:])


@pytest.mark.parametrize("form", ["yuv420p10le", "yuv422p10le"])
def test_pixels_of_other_kinds_are_refused(form):
    with pytest.raises(RedactionError):
        run(clip(EVEN[:4], form=form))


@pytest.mark.parametrize("form", ["yuv422p", "yuv444p", "yuvj420p"])
def test_other_planes_of_8_bits_are_kept(form):
    frames, outcome = run(clip(EVEN[:6], form=form))
    assert len(frames) == outcome.frames == 6


def test_an_odd_size_is_refused():
    with pytest.raises(RedactionError, match="odd"):
        run(clip(EVEN[:4], form="yuv444p", size=(321, 181)))


def test_a_moving_gif_is_refused():
    memory = io.BytesIO()
    with av.open(memory, "w", format="gif") as container:
        track = container.add_stream("gif", rate=10)
        track.width, track.height, track.pix_fmt = 64, 48, "rgb8"
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(picture(number, 64, 48), "bgr24").reformat(format="rgb8")
            for packet in track.encode(frame):
                container.mux(packet)
        for packet in track.encode(None):
            container.mux(packet)
    content = memory.getvalue()
    for name in ("x.gif", "x.mp4", "x.png"):
        with pytest.raises(CarnetError):
            redact(
                io.BytesIO(content),
                io.BytesIO(),
                ORDER,
                name=name,
                sheet=describe(io.BytesIO(content), name=name, detect=False),
            )


def test_a_late_start_stays_where_it_was():
    content = fragments()
    with av.open(io.BytesIO(content)) as container:
        times = [one.pts for one in container.decode(video=0)]
    assert times[0] > 0
    frames, outcome = run(content)
    assert [pts for pts, _ in frames] == times
    assert outcome.truncated is None


@pytest.mark.parametrize("share", [0.6, 0.8, 0.999])
def test_a_cut_video_says_that_it_was_cut(share):
    content = fragments()
    _, outcome = run(content[: int(len(content) * share)])
    assert "cut" in outcome.truncated
    assert outcome.frames > 0

"""Speech in sound: spoken sentences are heard in every container, and what a car makes is no voice."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.classify.describe import describe
from carnet.detectors import speech_detector
from carnet.formats import open_recording
from carnet.model.factsheet import Certainty, ReadState

VOICES = sorted((Path(__file__).parent.parent / "fixtures" / "voice").glob("*.ogg"))
RATE = 16_000
LAYOUTS = {
    "mp4": ("mp4", "aac"),
    "mkv": ("matroska", "libopus"),
    "flac": ("flac", "flac"),
    "mp3": ("mp3", "libmp3lame"),
    "aac": ("adts", "aac"),
    "wav": ("wav", "pcm_s16le"),
}


def samples_of(path: Path) -> np.ndarray:
    with path.open("rb") as source:
        reader = open_recording(source, "x")
        return np.concatenate(list(reader.sound(0)))


def written(samples: np.ndarray, container: str, codec: str, rate: int = RATE) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=container) as target:
        track = target.add_stream(codec, rate=rate, layout="mono")
        form = track.codec_context.format.name
        resampler = av.AudioResampler(format=form, layout="mono", rate=rate, frame_size=960)
        whole = (np.clip(samples, -1, 1) * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(whole, format="s16", layout="mono")
        frame.sample_rate = RATE
        for one in (frame, None):
            for made in resampler.resample(one):
                target.mux(track.encode(made))
        target.mux(track.encode(None))
    return out.getvalue()


def sheet_of(data: bytes, **wishes):
    return describe(io.BytesIO(data), name="x", **wishes)


def sound_of(sheet):
    (stream,) = [one for one in sheet.streams if one.kind == "audio"]
    return stream


def pink(seconds: float, loud: float) -> np.ndarray:
    chance = np.random.default_rng(5)
    count = int(seconds * RATE)
    turned = np.fft.rfft(chance.standard_normal(count))
    made = np.fft.irfft(turned / np.sqrt(np.arange(1, len(turned) + 1)), count)
    return (made / np.abs(made).max() * loud).astype(np.float32)


def times(seconds: float) -> np.ndarray:
    return np.arange(int(seconds * RATE)) / RATE


def engine(seconds: float) -> np.ndarray:
    at = times(seconds)
    turn = 2 * np.pi * np.cumsum(40 + 10 * np.sin(at / 3)) / RATE
    tones = sum(np.sin(turn * number) / number for number in range(1, 20))
    return (0.08 * tones + pink(seconds, 0.03)).astype(np.float32)


def beeps(seconds: float) -> np.ndarray:
    at = times(seconds)
    return (np.sin(2 * np.pi * 1000 * at) * (at % 1 < 0.2) * 0.5).astype(np.float32)


@pytest.mark.parametrize("path", VOICES, ids=lambda one: one.stem)
def test_a_sentence_is_heard(path):
    with path.open("rb") as source:
        sheet = describe(source, name="x")
    sound = sound_of(sheet)
    length = len(samples_of(path)) / RATE
    assert (sheet.format, sheet.state) == ("ogg", ReadState.READ)
    assert sound.facts["contains_voice"] is True
    assert 0.9 * length <= sound.facts["voice_seconds"] <= length + 0.1
    assert sound.fields[0].certainty is Certainty.LIKELY
    assert sound.data == ("audio.cabin",)
    assert [one.name for one in sheet.tools] == ["silero-vad"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_is_heard_in_every_container(layout):
    container, codec = LAYOUTS[layout]
    rate = 48_000 if codec == "libopus" else 44_100
    sheet = sheet_of(written(samples_of(VOICES[0]), container, codec, rate))
    assert (sheet.format, sheet.state, sheet.reason) == (layout, ReadState.READ, None)
    assert sound_of(sheet).facts["contains_voice"] is True


def test_it_is_heard_in_the_noise_of_driving_and_for_as_long_as_it_lasts():
    spoken = samples_of(VOICES[0])
    noise = pink(60, 0.1)
    level = np.sqrt(np.mean(spoken**2)) / np.sqrt(np.mean(noise**2))
    noise *= level / 10 ** (10 / 20)
    noise[20 * RATE : 20 * RATE + len(spoken)] += spoken
    facts = sound_of(sheet_of(written(noise, "wav", "pcm_s16le"))).facts
    assert facts["contains_voice"] is True
    assert 0.7 * len(spoken) / RATE < facts["voice_seconds"] < len(spoken) / RATE + 1


@pytest.mark.parametrize(
    "made",
    [lambda: np.zeros(30 * RATE, np.float32), lambda: pink(30, 0.3), lambda: engine(30)],
    ids=["silence", "road", "engine"],
)
def test_what_a_car_makes_is_no_voice(made):
    sheet = sheet_of(written(made(), "wav", "pcm_s16le"))
    sound = sound_of(sheet)
    assert sound.facts["contains_voice"] is False
    assert "voice_seconds" not in sound.facts
    # It stays what it is: nobody knows where the microphone was.
    assert sound.data == ("audio.cabin",)
    assert sound.fields[0].certainty is Certainty.POSSIBLE


def test_what_comes_near_a_voice_stays_unknown():
    sound = sound_of(sheet_of(written(beeps(30), "wav", "pcm_s16le")))
    assert "contains_voice" not in sound.facts


def test_unheard_stays_unknown():
    data = written(samples_of(VOICES[0]), "wav", "pcm_s16le")
    assert "contains_voice" not in sound_of(sheet_of(data, detect=False)).facts
    half = sheet_of(data[: len(data) // 2])
    assert half.state is ReadState.PARTLY
    assert sound_of(half).facts["contains_voice"] is True
    quiet = written(np.zeros(10 * RATE, np.float32), "flac", "flac")
    middle = len(quiet) // 2
    broken = quiet[:middle] + b"\x5a" * 4000 + quiet[middle + 4000 :]
    sheet = sheet_of(broken)
    assert sheet.state is ReadState.PARTLY
    assert "contains_voice" not in sound_of(sheet).facts


def test_sound_with_a_hole_is_not_said_to_be_without_voice():
    noise = written(pink(20, 0.2), "flac", "flac")
    middle = len(noise) // 2
    sheet = sheet_of(noise[:middle] + noise[middle + 30_000 :])
    assert sheet.state is ReadState.PARTLY
    assert "contains_voice" not in sound_of(sheet).facts
    assert sound_of(sheet_of(noise)).facts["contains_voice"] is False


def test_a_real_drive_is_listened_to(shared):
    path = shared / "data" / "video" / "dashcam_lanelines_white_right.mp4"
    with path.open("rb") as source:
        sheet = describe(source, name="x")
    assert any("contents: speech in" in why for why in sound_of(sheet).fields[0].because)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 60_000), max_size=12))
def test_pieces_of_any_length_say_the_same(cuts):
    samples = np.concatenate([samples_of(VOICES[0]), pink(12, 0.1)])
    pieces = np.split(samples, np.unique(np.clip(np.cumsum(cuts), 0, len(samples))) if cuts else [])
    whole = speech_detector().likely([samples])
    assert len(whole) == -(-len(samples) // 512)
    assert np.allclose(speech_detector().likely(pieces), whole, atol=1e-6)


def test_no_samples_are_no_sound():
    heard = speech_detector().listen([])
    assert (heard.seconds, heard.speech, heard.quiet) == (0, 0, True)


def wav(samples: bytes = b"\x00\x00" * 1600, more: bytes = b"") -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples)
    data = out.getvalue() + more
    return data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:]


def test_chunks_of_their_own_lie_outside():
    text = b"position 31.2304,121.4737 VIN 1HGCM82633A004352 "
    sheet = sheet_of(wav(more=b"gps " + len(text).to_bytes(4, "little") + text))
    found = {(one.where, one.data) for one in sheet.outside}
    assert ("chunk of another kind gps ", "vehicle_id.vin") in found
    assert ("chunk of another kind gps ", "location.position") in found
    padded = sheet_of(wav(more=b"JUNK" + len(text).to_bytes(4, "little") + text))
    assert ("padding that is not empty JUNK", "vehicle_id.vin") in {
        (one.where, one.data) for one in padded.outside
    }


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF])
def test_a_file_that_was_not_closed_is_partly(length):
    data = wav()
    at = data.index(b"data") + 4
    sheet = sheet_of(data[:at] + length.to_bytes(4, "little") + data[at + 4 :])
    assert sheet.state is not ReadState.READ
    assert "not closed" in (sheet.reason or "")


def test_a_wave_of_no_sound_is_never_read_and_empty():
    assert sheet_of(wav(samples=b"")).state is ReadState.BLOCKED


@pytest.mark.parametrize("sign", [b"RIFF\x10\x00\x00\x00WAVE", b"fLaC", b"OggS", b"ID3\x04\x00"])
@given(rest=st.binary(max_size=300))
@settings(max_examples=40, deadline=None)
def test_a_sign_and_anything_after_it_is_answered(sign, rest):
    sheet = sheet_of(sign + rest)
    assert sheet.state is not ReadState.READ or any(one.count for one in sheet.streams)

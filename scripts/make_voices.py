"""Makes the voices of the tests: short sentences spoken by espeak-ng, as Ogg Opus. Nobody's voice.

    python scripts/make_voices.py

Needs espeak-ng (Debian's package of that name; GPL-3.0, which does not cover what it speaks). Writes
tests/fixtures/voice/.
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import av

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "voice"
SENTENCES = {
    "en-us": "Turn left at the next crossing and stay on the elevated road.",
    "de": "Bitte an der nächsten Kreuzung links abbiegen und geradeaus fahren.",
    "cmn": "前方路口左转，然后直行两公里。",
    "ja": "次の交差点を左に曲がってください。",
}


def spoken(voice: str, sentence: str) -> bytes:
    """Give a sentence as WAV."""
    return subprocess.run(
        ["espeak-ng", "-v", voice, "--stdout", sentence], capture_output=True, check=True
    ).stdout


def packed(wave: bytes) -> bytes:
    """Give a WAV as Ogg Opus of 16 kbit/s, mono."""
    out = io.BytesIO()
    with av.open(io.BytesIO(wave)) as source, av.open(out, "w", format="ogg") as target:
        track = target.add_stream("libopus", rate=16_000, layout="mono")
        track.bit_rate = 16_000
        resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000, frame_size=320)
        for frame in [*source.decode(audio=0), None]:
            for made in resampler.resample(frame):
                target.mux(track.encode(made))
        target.mux(track.encode(None))
    return out.getvalue()


def main() -> int:
    """Write each."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for voice, sentence in SENTENCES.items():
        data = packed(spoken(voice, sentence))
        (FOLDER / f"{voice}.ogg").write_bytes(data)
        print(f"{voice}: {len(data)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())

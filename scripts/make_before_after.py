"""Draw the picture of the explanation of redaction: frames of the sample's clip before and after, from a real run.

    python scripts/make_before_after.py [--write]

The sample may be shown (`samples/LICENCES.md`). Encoders give other bytes now and then, so only the picture's size is
compared without `--write`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from carnet.service.redaction import redact

ROOT = Path(__file__).resolve().parent.parent
CLIP = ROOT / "samples" / "shanghai_drive" / "front_camera.mp4"
OUT = ROOT / "docs" / "explanation" / "redaction-before-after.jpg"
FRAMES = (5, 30, 55)
WIDTH, QUALITY, GAP = 480, 82, 6


def frames(path: Path) -> list[Any]:
    """Decode the frames that are shown, at the width of the picture."""
    with av.open(str(path)) as clip:
        every = [frame.to_ndarray(format="bgr24") for frame in clip.decode(video=0)]
    height = round(every[0].shape[0] * WIDTH / every[0].shape[1])
    return [cv2.resize(every[at], (WIDTH, height), interpolation=cv2.INTER_AREA) for at in FRAMES]


def main() -> int:
    """Redact the clip, draw the picture, and write or compare it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the picture")
    write = parser.parse_args().write
    with tempfile.TemporaryDirectory() as folder:
        clean = Path(folder) / "clean.mp4"
        redact(CLIP, clean, ("faces", "plates"))
        rows = list(zip(frames(CLIP), frames(clean), strict=True))
    gap = np.full((rows[0][0].shape[0], GAP, 3), 255, np.uint8)
    lines = [np.hstack([before, gap, after]) for before, after in rows]
    space = np.full((GAP, lines[0].shape[1], 3), 255, np.uint8)
    sheet = np.vstack([piece for line in lines for piece in (line, space)][:-1])
    if write:
        cv2.imwrite(str(OUT), sheet, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    held = cv2.imread(str(OUT))
    same = held is not None and held.shape == sheet.shape
    print(f"{OUT.relative_to(ROOT)}: {'as drawn' if same else 'not what is drawn'}")
    return not same


if __name__ == "__main__":
    sys.exit(main())

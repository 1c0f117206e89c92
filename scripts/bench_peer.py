"""Run in the peer's environment: redact a clip with `deface` and say what it found.

    .venv-bench/bin/python scripts/bench_peer.py CLIP OUT

The network has run once before the clock starts, as carnet's have; reading, finding, masking and writing are
measured, with the defaults of the `deface` command.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from deface.centerface import CenterFace
from deface.deface import video_detect

THRESHOLD, MASK_SCALE = 0.2, 1.3


def main() -> None:
    """Redact, and print seconds and boxes by frame as JSON."""
    clip, out, width, height = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    network = CenterFace(in_shape=None, backend="auto")
    network(np.zeros((height, width, 3), dtype=np.uint8), threshold=THRESHOLD)
    found: list[list[list[float]]] = []

    def finding(frame: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
        boxes, landmarks = network(frame, threshold=threshold)
        found.append([[float(one) for one in box[:4]] for box in boxes])
        return boxes, landmarks

    begun = time.perf_counter()
    video_detect(
        ipath=clip,
        opath=out,
        centerface=finding,
        threshold=THRESHOLD,
        enable_preview=False,
        cam=False,
        nested=False,
        replacewith="blur",
        mask_scale=MASK_SCALE,
        ellipse=True,
        draw_scores=False,
        ffmpeg_config={"codec": "libx264"},
    )
    seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "frames": found, "backend": network.backend}))


if __name__ == "__main__":
    main()

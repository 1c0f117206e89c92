"""How fast and how well a clip is redacted, beside `deface` in the same run.

    python scripts/bench_redact.py [CLIP]

The peer needs an environment of its own (`scripts/set-up-bench`); where that is missing, ours is measured
alone and the result says so.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CLIP = ROOT / "samples" / "shanghai_drive" / "front_camera.mp4"
PEER = ROOT / ".venv-bench" / "bin" / "python"


def _facts(path: Path) -> dict[str, Any]:
    """Give size, frames, rate and the first and last frame's time of a clip."""
    import av

    with av.open(str(path)) as container:
        track = container.streams.video[0]
        times = [float(frame.time or 0) for frame in container.decode(track)]
        return {
            "width": track.width,
            "height": track.height,
            "frames": len(times),
            "rate": float(track.average_rate or 0),
            "last_s": round(times[-1], 4),
        }


def _ours(path: Path, setting: str) -> dict[str, Any]:
    from carnet.classify.describe import describe
    from carnet.deidentify.assurance import judge_by_truth
    from carnet.deidentify.order import RedactionOrder
    from carnet.deidentify.redact import redact

    content = path.read_bytes()
    sheet = describe(io.BytesIO(content), name=path.name, detect=False)
    order = RedactionOrder.from_json({"remove": ["faces", "plates"], "setting": setting})
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "out.mp4"
        begun = time.perf_counter()
        with target.open("w+b") as sink:
            report = redact(io.BytesIO(content), sink, order, name=path.name, sheet=sheet)
        seconds = time.perf_counter() - begun
        regions = Counter((one.label, one.by) for one in report.outcome.regions)
        made = {
            "seconds": round(seconds, 2),
            "frames_per_second": round(report.outcome.frames / seconds, 2),
            "faces_found": regions["face", "detector"],
            "faces_carried": regions["face", "track"],
            "plates_found": regions["plate", "detector"],
            "plates_carried": regions["plate", "track"],
            "size_and_rate_kept": _facts(target) == _facts(path),
        }
        truth = json.loads((ROOT / "samples" / "truth.json").read_text(encoding="utf-8"))["streams"]
        if path == CLIP:
            judged = judge_by_truth(
                io.BytesIO(content),
                io.BytesIO(target.read_bytes()),
                truth[path.name],
                name=path.name,
                report=report,
            )
            for label in ("face", "plate"):
                total = judged.total(label, 16)
                made[f"{label}s_of_16_px_covered"] = f"{total.covered} of {total.of}"
        return made


def _peer(path: Path) -> dict[str, Any]:
    if not PEER.exists():
        return {"left_out": "deface is not installed: scripts/set-up-bench makes its environment"}
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "out.mp4"
        begun = time.perf_counter()
        ended = subprocess.run(
            [str(PEER.with_name("deface")), str(path), "-o", str(target)],
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONPATH": "", "OMP_NUM_THREADS": "2"},
        )
        seconds = time.perf_counter() - begun
        if ended.returncode or not target.exists():
            return {"left_out": f"deface ended with {ended.returncode}"}
        facts = _facts(path)
        return {
            "seconds": round(seconds, 2),
            "frames_per_second": round(facts["frames"] / seconds, 2),
            "faces_found": "deface does not say",
            "plates_found": "deface has no plates",
            "size_and_rate_kept": _facts(target) == facts,
        }


def bench_clip(path: Path = CLIP) -> dict[str, Any]:
    """Redact a clip with both settings and with the peer; wall clock, models already loaded for ours.

    Args:
        path: an MP4 with H.264.

    Returns:
        For `carnet release`, `carnet fast` and `deface`: seconds, frames per second, what was found, and
        whether size, number of frames, rate and times are those of the source.
    """
    import numpy as np

    from carnet import detectors

    # The first picture of a size compiles the networks: that is not the speed of the second.
    facts = _facts(path)
    blank = np.zeros((facts["height"], facts["width"], 3), dtype=np.uint8)
    for setting in ("release", "fast"):
        detectors.face_detector(setting).find(blank)
        detectors.plate_detector(setting).find(blank)
    return {
        "clip": {"name": path.name, **facts},
        "carnet release": _ours(path, "release"),
        "carnet fast": _ours(path, "fast"),
        "deface": _peer(path),
    }


if __name__ == "__main__":
    print(json.dumps(bench_clip(Path(sys.argv[1]) if len(sys.argv) > 1 else CLIP), indent=1))

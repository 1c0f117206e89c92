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
Areas = dict[int, list[tuple[float, float, float, float]]]
_SEEN, _ENOUGH, _LARGE = 0.5, 0.7, 16


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


def _ours(path: Path, setting: str, remove: tuple[str, ...]) -> dict[str, Any]:
    from carnet.classify.describe import describe
    from carnet.deidentify.masks import GROWN
    from carnet.deidentify.order import RedactionOrder
    from carnet.deidentify.redact import redact

    content = path.read_bytes()
    sheet = describe(io.BytesIO(content), name=path.name, detect=False)
    order = RedactionOrder.from_json({"remove": list(remove), "setting": setting})
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "out.mp4"
        begun = time.perf_counter()
        with target.open("w+b") as sink:
            report = redact(io.BytesIO(content), sink, order, name=path.name, sheet=sheet)
        seconds = time.perf_counter() - begun
        regions = Counter((one.label, one.by) for one in report.outcome.regions)
        masked: Areas = {}
        for one in report.outcome.regions:
            if one.label == "face":
                x, y, w, h = one.box
                masked.setdefault(one.frame, []).append(
                    (x - w * GROWN, y - h * GROWN, x + w * (1 + GROWN), y + h * (1 + GROWN))
                )
        made = {
            "seconds": round(seconds, 2),
            "frames_per_second": round(report.outcome.frames / seconds, 2),
            "faces_found": regions["face", "detector"],
            "faces_carried": regions["face", "track"],
            **_planted(path, masked, ellipse=False),
            **_kept(path, target),
        }
        if "plates" in remove:
            made["plates_found"] = regions["plate", "detector"]
            made["plates_carried"] = regions["plate", "track"]
        return made


def _peer(path: Path) -> dict[str, Any]:
    if not PEER.exists():
        return {"left_out": "deface is not installed: scripts/set-up-bench makes its environment"}
    facts = _facts(path)
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "out.mp4"
        said = run_peer(path, facts["width"], facts["height"], target)
        if "left_out" in said:
            return said
        grown = 0.3  # its mask scale of 1.3, on each side
        masked = {
            n: [
                (x - (r - x) * grown, y - (b - y) * grown, r + (r - x) * grown, b + (b - y) * grown)
                for x, y, r, b in boxes
            ]
            for n, boxes in enumerate(said["frames"])
        }
        return {
            "seconds": round(said["seconds"], 2),
            "frames_per_second": round(len(said["frames"]) / said["seconds"], 2),
            "faces_found": sum(len(boxes) for boxes in said["frames"]),
            **_planted(path, masked, ellipse=True),
            **_kept(path, target),
        }


def run_peer(path: Path, width: int, height: int, target: Path | None = None) -> dict[str, Any]:
    """Redact a clip with `deface`; gives its seconds and boxes by frame, or why it is left out."""
    with tempfile.TemporaryDirectory() as scratch:
        out = target or Path(scratch) / "out.mp4"
        ended = subprocess.run(
            [
                *(str(PEER), str(ROOT / "scripts" / "bench_peer.py"), str(path), str(out)),
                *(str(width), str(height)),
            ],
            capture_output=True,
            check=False,
            text=True,
            env={**os.environ, "PYTHONPATH": "", "OMP_NUM_THREADS": "2"},
        )
        if ended.returncode or not out.exists():
            return {"left_out": f"deface ended with {ended.returncode}"}
        made: dict[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
        return made


def _kept(path: Path, target: Path) -> dict[str, str]:
    """Say of size, frames, rate and times whether they are those of the source."""
    before, after = _facts(path), _facts(target)
    return {
        name: f"{after[name]} (kept)" if after[name] == before[name] else f"{after[name]}, was {before[name]}"
        for name in before
    }


def _planted(path: Path, masked: Areas, *, ellipse: bool) -> dict[str, str]:
    """Count the planted faces of which at least 0.7 lie under a mask, by the same rule for everybody.

    Args:
        path: the clip; only the sample has a truth file.
        masked: left, top, right, bottom of each mask as drawn, by number of frame.
        ellipse: whether masks are the ellipses in those boxes.
    """
    import numpy as np

    if path != CLIP:
        return {}
    truth = json.loads((ROOT / "samples" / "truth.json").read_text("utf-8"))["streams"][path.name]["video"]
    hit, total = [0, 0], [0, 0]
    down, across = np.mgrid[: truth["height"], : truth["width"]]
    for frame in truth["frames"]:
        under = np.zeros(down.shape, dtype=bool)
        for left, top, right, bottom in masked.get(frame["index"], ()):
            if ellipse:
                x, y = (left + right) / 2, (top + bottom) / 2
                under |= ((across - x) * 2 / (right - left)) ** 2 + (
                    (down - y) * 2 / (bottom - top)
                ) ** 2 <= 1
            else:
                under |= (across >= left) & (across < right) & (down >= top) & (down < bottom)
        for one in frame["boxes"]:
            x, y, w, h = one["box"]
            if one["label"] != "face" or one["visible"] < _SEEN:
                continue
            place = under[int(y) : int(y + h) + 1, int(x) : int(x + w) + 1]
            large = int(h >= _LARGE)
            total[large] += 1
            hit[large] += bool(place.size and place.mean() >= _ENOUGH)
    return {
        "planted_faces_of_16_px_and_more_masked": f"{hit[1]} of {total[1]}",
        "smaller_planted_faces_masked": f"{hit[0]} of {total[0]}",
    }


def bench_clip(path: Path = CLIP) -> dict[str, Any]:
    """Redact a clip with both settings and with the peer; wall clock, every network already loaded.

    Args:
        path: an MP4 with H.264.

    Returns:
        For each setting and for `deface`: seconds, frames per second, what was found, how many of the planted
        faces lie under a mask, and whether size, frames, rate and times are those of the source.
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
        "carnet release, faces and plates": _ours(path, "release", ("faces", "plates")),
        "carnet fast, faces and plates": _ours(path, "fast", ("faces", "plates")),
        "carnet release, faces only": _ours(path, "release", ("faces",)),
        "carnet fast, faces only": _ours(path, "fast", ("faces",)),
        "deface, faces only": _peer(path),
    }


if __name__ == "__main__":
    print(json.dumps(bench_clip(Path(sys.argv[1]) if len(sys.argv) > 1 else CLIP), indent=1))

"""Rates at 1080p: video beside a transcode that changes nothing and beside `deface`, and single pictures.

    python scripts/bench_rate.py [--frames 150]

The clip is that of the moving truth (`truth_moving.py`), so that each rate stands with its recall in the same run.
Single pictures are its frames as JPEG, one worker process for each core.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from truth_count import Tally, masked, said
from truth_moving import HEIGHT, RATE, WIDTH, backgrounds, clip

PRESETS = {"release": ("20", "veryfast"), "fast": ("23", "ultrafast")}
STILLS = 24
Truth = list[list[tuple[int, str, Any]]]


def make_clip(frames: int, path: Path) -> tuple[Truth, list[bytes]]:
    """Write the clip; gives what is seen in each frame, and some frames as JPEG."""
    import av
    import cv2

    truth: Truth = []
    stills: list[bytes] = []
    with av.open(str(path), "w", format="mp4") as container:
        track = container.add_stream("libx264", rate=RATE)
        track.width, track.height, track.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        track.options = {"crf": "20", "preset": "veryfast"}
        for index, (image, seen) in enumerate(clip(2, frames, backgrounds(), rigid=False)):
            truth.append(seen)
            if index % max(1, frames // STILLS) == 0:
                stills.append(bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]))
            for packet in track.encode(av.VideoFrame.from_ndarray(image, "bgr24")):
                container.mux(packet)
        for packet in track.encode(None):
            container.mux(packet)
    return truth, stills


def transcode(path: Path, setting: str) -> float:
    """Decode and encode as the setting does, changing nothing; gives frames a second."""
    import av

    quality, preset = PRESETS[setting]
    count, begun = 0, time.perf_counter()
    with av.open(str(path)) as source, av.open(io.BytesIO(), "w", format="mp4") as target:
        track = source.streams.video[0]
        track.thread_type = "AUTO"
        made = target.add_stream("libx264", rate=RATE)
        made.width, made.height, made.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        made.options = {"crf": quality, "preset": preset, "bf": "0"}
        for frame in source.decode(track):
            count += 1
            frame.pict_type = 0
            for packet in made.encode(frame):
                target.mux(packet)
        for packet in made.encode(None):
            target.mux(packet)
    return count / (time.perf_counter() - begun)


def redacted(path: Path, setting: str) -> tuple[float, list[list[Any]]]:
    """Redact the clip; gives frames a second, and the findings of each frame."""
    from carnet.classify.describe import describe
    from carnet.deidentify.find import Finding
    from carnet.deidentify.order import RedactionOrder
    from carnet.deidentify.redact import redact
    from carnet.detectors.box import Box

    content = path.read_bytes()
    sheet = describe(io.BytesIO(content), name="clip.mp4", detect=False)
    order = RedactionOrder.from_json({"remove": ["faces", "plates"], "setting": setting})
    begun = time.perf_counter()
    report = redact(io.BytesIO(content), io.BytesIO(), order, name="clip.mp4", sheet=sheet)
    rate = report.outcome.frames / (time.perf_counter() - begun)
    found: list[list[Any]] = [[] for _ in range(report.outcome.frames)]
    for region in report.outcome.regions:
        found[region.frame].append(Finding(region.label, Box(*region.box, region.score)))
    return rate, found


def recall(truth: Truth, found: list[list[Any]]) -> dict[str, str]:
    """Count what is masked."""
    tally = Tally()
    for seen, masks in zip(truth, found, strict=True):
        tally.add(masked(masks, WIDTH, HEIGHT), [(label, box) for _, label, box in seen])
    return {f"{label}s": said(*tally.total(label, 16)) for label in ("face", "plate")}


def _work(stills: list[bytes], setting: str, begin: Any, end: Any) -> None:
    from carnet.deidentify.find import Finder
    from carnet.deidentify.order import RedactionOrder
    from carnet.deidentify.picture import redact_picture

    order = RedactionOrder.from_json({"remove": ["faces", "plates"], "setting": setting})
    finder = Finder(order, threads=1)
    redact_picture(stills[0], order, finder)
    begin.wait()
    for still in stills:
        redact_picture(still, order, finder)
    end.wait()


def still_rate(stills: list[bytes], setting: str, workers: int) -> float:
    """Redact pictures in so many processes at once; gives pictures a second of all together."""
    context = multiprocessing.get_context("spawn")
    begin, end = context.Barrier(workers + 1), context.Barrier(workers + 1)
    team = [context.Process(target=_work, args=(stills, setting, begin, end)) for _ in range(workers)]
    for one in team:
        one.start()
    begin.wait()
    begun = time.perf_counter()
    end.wait()
    seconds = time.perf_counter() - begun
    for one in team:
        one.join()
    return workers * len(stills) / seconds


def bench_rate(frames: int = 150) -> dict[str, dict[str, Any]]:
    """Measure everything; networks have run once before the clock starts."""
    from carnet.deidentify.find import Finder
    from carnet.deidentify.order import RedactionOrder

    workers = len(os.sched_getaffinity(0))
    made: dict[str, dict[str, Any]] = {}
    blank = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as scratch:
        path = Path(scratch) / "clip.mp4"
        truth, stills = make_clip(frames, path)
        rates = {}
        for setting in ("release", "fast"):
            order = RedactionOrder.from_json({"remove": ["faces", "plates"], "setting": setting})
            Finder(order).for_video().find(blank)
            plain = transcode(path, setting)
            rate, found = redacted(path, setting)
            rates[setting] = rate
            made[f"1080p30 H.264, {setting}, faces and plates"] = {
                "frames a second": f"{rate:.1f}",
                "transcode that changes nothing": f"{plain:.1f}",
                "share of that transcode": f"{rate / plain:.2f}",
                **recall(truth, found),
                "load": " ".join(f"{one:.1f}" for one in os.getloadavg()),
            }
        made["1080p30 H.264, deface, faces only"] = peer = _peer(path, truth)
        if "rate" in peer:
            peer["fast is so many times as fast"] = f"{rates['fast'] / peer.pop('rate'):.1f}"
    for setting in ("release", "fast"):
        rate = still_rate(stills, setting, workers)
        made[f"1080p JPEG, {setting}, faces and plates"] = {
            "pictures a second": f"{rate:.1f} with {workers} processes",
            "load": " ".join(f"{one:.1f}" for one in os.getloadavg()),
        }
    return made


def _peer(path: Path, truth: Truth) -> dict[str, Any]:
    from bench_redact import PEER, run_peer  # beside this file

    if not PEER.exists():
        return {"left out": "deface is not installed: scripts/set-up-bench makes its environment"}
    said_by = run_peer(path, WIDTH, HEIGHT)
    if "left_out" in said_by:
        return {"left out": said_by["left_out"]}
    tally, grown = Tally(), 0.3  # its mask scale of 1.3, on each side
    for seen, boxes in zip(truth, said_by["frames"], strict=False):
        where = np.zeros((HEIGHT, WIDTH), np.bool_)
        for left, top, right, bottom in boxes:
            wide, high = (right - left) * grown, (bottom - top) * grown
            rows = slice(max(0, int(top - high)), max(0, int(bottom + high) + 1))
            where[rows, max(0, int(left - wide)) : max(0, int(right + wide) + 1)] = True
        tally.add(where, [(label, box) for _, label, box in seen if label == "face"])
    rate = len(said_by["frames"]) / said_by["seconds"]
    return {"frames a second": f"{rate:.1f}", "faces": said(*tally.total("face", 16)), "rate": rate}


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--frames", type=int, default=150)
    json.dump(bench_rate(arguments.parse_args().frames), sys.stdout, indent=1)
    print()

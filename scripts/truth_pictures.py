"""Labelled pictures beside the checkout: how much of faces and plates is masked, and how much beside them.

    python scripts/truth_pictures.py [--set images|deid-eval] [--setting release|fast]

Thresholds are chosen on `images`; `deid-eval` is looked at to measure, never to choose.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from truth_count import XYWH, Tally, masked  # beside this file

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
BARS = {("plate", 0): 0.985, ("face", 16): 0.98}
SHARE_BARS = (0.02, 0.06)
Labelled = list[tuple[Path, list[tuple[str, XYWH]]]]


def development() -> Labelled:
    """Give the pictures on which thresholds are chosen."""
    made: Labelled = []
    for label in ("face", "plate"):
        listed = json.loads((DATA / "images" / f"{label}s_gt.json").read_text("utf-8"))["images"]
        made += [(DATA / one["file"], [(label, box["xywh"]) for box in one["boxes"]]) for one in listed]
    return made


def evaluation() -> Labelled:
    """Give the pictures on which nothing is chosen."""
    listed = json.loads((DATA / "deid-eval" / "manifest.json").read_text("utf-8"))
    labels = {"license_plate": "plate", "face": "face"}
    return [
        (
            DATA / "deid-eval" / one["file"],
            [(labels[box["label"]], (box["x"], box["y"], box["w"], box["h"])) for box in one["boxes"]],
        )
        for one in listed
    ]


def measure(pictures: Labelled, setting: str, *, name_misses: bool) -> Tally:
    """Mask every picture as the product does, and count."""
    from carnet.deidentify.find import Finder
    from carnet.deidentify.order import RedactionOrder
    from carnet.deidentify.picture import decode
    from carnet.detectors.box import as_bgr

    finder = Finder(RedactionOrder.from_json({"remove": ["faces", "plates"], "setting": setting}))
    tally = Tally()
    for path, boxes in sorted(pictures, key=lambda one: one[0].name):
        image = as_bgr(decode(path.read_bytes(), upright=True).pixels)
        where = masked(finder.find(image), image.shape[1], image.shape[0])
        for label, box, hit in tally.add(where, boxes):
            if not hit and name_misses:
                print(f"  not masked: {label} {[round(one) for one in box]} in {path.name}", flush=True)
    return tally


def main() -> int:
    """Measure the sets asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--set", choices=("images", "deid-eval"), action="append", help="default: both")
    parser.add_argument("--setting", choices=("release", "fast"), default="release")
    parser.add_argument("--misses", action="store_true", help="name what is not masked")
    asked = parser.parse_args()
    if not DATA.is_dir():
        print("left out: labelled pictures are not beside this checkout (../shared/data)")
        return 0
    held = True
    for name in asked.set or ["images", "deid-eval"]:
        pictures = development() if name == "images" else evaluation()
        tally = measure(pictures, asked.setting, name_misses=asked.misses)
        held &= tally.tell(f"{name}, {asked.setting}, {len(pictures)} pictures", BARS, SHARE_BARS)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

"""The scan against real files of which other tools said before what they hold: recall and precision by class.

    python scripts/truth_scan.py [--no-pictures]

Every file of ../shared/data (or CARNET_SHARED) that `tests/truth/scan.yaml` lists is described, with the databases
of its folder beside it; then copies of all of them, named at random without extension in folders named at random,
without manifest.json. Bars: the state of every file, recall 1.0 for positions and VIN, no file `read` of which
nothing was understood, and both answers equal file by file. What lies in a file's own name does not count.
`--no-pictures` does not look for faces and plates, which is most of the time.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from carnet.classify.describe import describe
from carnet.model.factsheet import FactSheet, ReadState
from carnet.service.cli.scan import _companions
from truth_count import said  # beside this file

ROOT = Path(__file__).resolve().parent.parent
INDEX = ROOT / "tests" / "truth" / "scan.yaml"
CLASSES = ("positions", "vin", "faces", "plates", "voice")
WHOLE = ("positions", "vin")
PROCESSES = 2
SEED = 20261122


class ContradictionError(ValueError):
    """Two parts of the truth say different things of one file."""


def joined(index: Path = INDEX) -> dict[str, dict[str, Any]]:
    """Give the entries of all parts by file; raises `ContradictionError` where two do not agree."""
    out: dict[str, dict[str, Any]] = {}
    for part in yaml.safe_load(index.read_text(encoding="utf-8"))["parts"]:
        for entry in yaml.safe_load((index.parent / part).read_text(encoding="utf-8")):
            known = out.setdefault(entry["file"], dict(entry))
            for what in ("state", *CLASSES):
                said_here = entry[what]
                if known[what] == "unknown":
                    known[what] = said_here
                elif said_here not in {"unknown", known[what]}:
                    raise ContradictionError(f"{entry['file']}: {what} is told twice, differently")
    return out


def answer(sheet: FactSheet) -> dict[str, Any]:
    """Give what a sheet says of the classes that are counted, without what its own name says."""
    data = {str(one) for stream in sheet.streams for one in stream.data}
    data |= {str(one.data) for one in sheet.outside if one.where != "file name"}
    facts = [one.facts for one in sheet.streams]
    return {
        "state": sheet.state.value,
        "positions": any(one.startswith("location.") for one in data),
        "vin": "vehicle_id.vin" in data,
        "faces": any(one.get("contains_faces") is True for one in facts),
        "plates": any(one.get("contains_plates") is True for one in facts),
        "voice": any(one == "audio" or one.startswith("audio.") for one in data),
    }


def look(path: Path, name: str, *, detect: bool) -> tuple[dict[str, Any], dict[str, Any], bool]:
    """Give the answer for a file, its sheet without the name's findings, and whether it is read and empty."""
    with path.open("rb") as source:
        sheet = describe(source, name=name, companions=_companions(path.parent, {}), detect=detect)
    form = sheet.to_json()
    form["outside"] = [one for one in form["outside"] if one["where"] != "file name"]
    silent = sheet.state is ReadState.READ and not any(one.count for one in sheet.streams)
    return answer(sheet), form, silent


def look_at_all(
    root: Path, names: Mapping[str, str], *, detect: bool
) -> dict[str, tuple[dict[str, Any], dict[str, Any], bool]]:
    """Describe files below a root, in two processes; gives the results by what `names` calls them."""
    with ProcessPoolExecutor(PROCESSES) as pool:
        jobs = {
            file: pool.submit(partial(look, detect=detect), root / path, path) for file, path in names.items()
        }
        return {file: job.result() for file, job in jobs.items()}


def renamed(data: Path, files: Iterable[str], to: Path) -> dict[str, str]:
    """Copy files under names drawn at random; folders stay together, so that a bus keeps its database."""
    draw = random.Random(SEED)  # noqa: S311 -- names for copies, no secrets
    folders: dict[Path, str] = {}
    names = {}
    for file in files:
        folder = folders.setdefault(Path(file).parent, f"{draw.getrandbits(64):016x}")
        names[file] = f"{folder}/{draw.getrandbits(64):016x}"
        (to / folder).mkdir(exist_ok=True)
        shutil.copyfile(data / file, to / names[file])
    return names


def judge(truth: Mapping[str, Mapping[str, Any]], found: Mapping[str, Mapping[str, Any]]) -> bool:
    """Print recall, precision and every disagreement; gives whether the bars hold."""
    right = sum(found[file]["state"] == entry["state"] for file, entry in truth.items())
    held = right == len(truth)
    print(f"  state      {said(right, len(truth))}  bar all: {_word(held)}")
    for what in CLASSES:
        told = {file: entry[what] for file, entry in truth.items() if entry[what] != "unknown"}
        there = [file for file, one in told.items() if one]
        claimed = [file for file in told if found[file][what]]
        both = len(set(there) & set(claimed))
        line = f"  {what:<10} recall {said(both, len(there))}; precision {said(both, len(claimed))}"
        line += f"; {len(truth) - len(told)} not judged"
        if what in WHOLE:
            held &= both == len(there)
            line += f"  bar recall 1: {_word(both == len(there))}"
        print(line)
    for file, entry in sorted(truth.items()):
        wrong = [
            f"{what} {found[file][what]}, truth {entry[what]}"
            for what in ("state", *CLASSES)
            if entry[what] != "unknown" and found[file][what] != entry[what]
        ]
        if wrong:
            print(f"    {file}: {'; '.join(wrong)}")
    return held


def _word(good: bool) -> str:  # noqa: FBT001 -- one word for one fact
    return "held" if good else "NOT HELD"


def main() -> int:
    """Look twice, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-pictures", action="store_true", help="do not look for faces and plates")
    detect = not parser.parse_args().no_pictures
    data = Path(os.environ.get("CARNET_SHARED") or ROOT.parent / "shared") / "data"
    if not data.is_dir():
        print("truth_scan: left out, since the real files (../shared/data, or CARNET_SHARED) are not here")
        return 0
    truth = joined()
    here = {file: entry for file, entry in truth.items() if (data / file).is_file()}
    print(f"scan of {len(here)} real files of {len(truth)} whose truth is written")
    if len(here) < len(truth):
        print(f"  left out, since they are not here: {len(truth) - len(here)}")
    if not detect:
        print("  faces and plates are not looked for: their rows are void")
    began = time.monotonic()
    first = look_at_all(data, {file: file for file in here}, detect=detect)
    held = judge(here, {file: one[0] for file, one in first.items()})
    with tempfile.TemporaryDirectory() as folder:
        again = look_at_all(Path(folder), renamed(data, here, Path(folder)), detect=detect)
    print("the same under random names without extension, without manifest.json")
    held &= judge(here, {file: one[0] for file, one in again.items()})
    other = [file for file in here if first[file][1] != again[file][1]]
    print(
        f"  equal in every part of the fact sheet: {said(len(here) - len(other), len(here))}  {_word(not other)}"
    )
    for file in other:
        parts = [part for part in first[file][1] if first[file][1][part] != again[file][1][part]]
        print(f"    {file}: {', '.join(parts)}")
    silent = [file for found in (first, again) for file, one in found.items() if one[2]]
    print(f"  read, and nothing understood: {len(silent)}  bar 0: {_word(not silent)}")
    for file in silent:
        print(f"    {file}")
    print(f"  {time.monotonic() - began:.0f} s for both", flush=True)
    return 0 if held and not other and not silent else 1


if __name__ == "__main__":
    sys.exit(main())

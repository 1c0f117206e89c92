"""What scan says of real maps, API answers, catalogues, recordings and pictures, against what other tools saw."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml

from carnet.classify.describe import describe

TRUTH = Path(__file__).resolve().parents[1] / "truth"
ENTRIES = [
    one
    for part in ("maps", "pictures")
    for one in yaml.safe_load((TRUTH / f"scan_{part}.yaml").read_text("utf-8"))
]
FOLDERS = ("images", "deid-eval", "signs", "video", "asam", "osm", "api", "vss", "recordings")


def differences(shared: Path, entries) -> dict[str, dict[str, tuple[object, object]]]:
    found = {}
    for entry in entries:
        path = shared / "data" / entry["file"]
        with path.open("rb") as file:
            # No name: what a file is called must not matter.
            sheet = describe(file, name="x", detect=False)
        said = {
            "state": sheet.state.value,
            "positions": any(one.startswith("location.") for one in sheet.data),
            "vin": "vehicle_id.vin" in sheet.data,
            "voice": any(one.startswith("audio.") for one in sheet.data),
        }
        wrong = {
            key: (entry[key], value) for key, value in said.items() if entry[key] not in {"unknown", value}
        }
        if wrong:
            found[entry["file"]] = wrong
    return found


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_scan_says_what_is_there(shared, folder):
    entries = [one for one in ENTRIES if one["file"].startswith(f"{folder}/")]
    assert entries
    assert differences(shared, entries) == {}


def test_every_file_of_these_folders_is_in_the_truth(shared):
    named = {one["file"] for one in ENTRIES}
    data = shared / "data"
    missing = [
        str(path.relative_to(data))
        for folder in FOLDERS
        for path in (data / folder).rglob("*")
        if path.is_file() and str(path.relative_to(data)) not in named
    ]
    assert missing == []


def test_labelled_faces_and_plates_are_found(shared):
    pytest.importorskip("openvino", reason="carnet[vision] is not installed")
    chosen = random.Random(5).sample([one for one in ENTRIES if True in {one["faces"], one["plates"]}], 14)
    wanted = found = 0
    for entry in chosen:
        with (shared / "data" / entry["file"]).open("rb") as file:
            facts = describe(file, name="x").streams[0].facts
        for what in ("faces", "plates"):
            if entry[what] is True:
                wanted += 1
                found += facts.get(f"contains_{what}") is True
    assert found >= 0.9 * wanted

"""What `scan` says of every real MDF file, CAN log and database, beside what other tools found in them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from carnet.classify import describe

TRUTH = yaml.safe_load((Path(__file__).parent.parent / "truth" / "scan_can.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("entry", TRUTH, ids=[one["file"] for one in TRUTH])
def test_a_real_file_is_what_other_tools_say(shared, entry):
    with (shared / "data" / entry["file"]).open("rb") as file:
        sheet = describe(file, name="renamed", detect=False)
    classes = {one for stream in sheet.streams for one in stream.data} | {one.data for one in sheet.outside}
    found = {
        "state": sheet.state.value,
        "positions": any(one.startswith("location.") for one in classes),
        "vin": "vehicle_id.vin" in classes,
        "voice": any(one.startswith("audio.") for one in classes),
    }
    told = {name: entry[name] for name in found if entry[name] != "unknown"}
    assert {name: found[name] for name in told} == told, sheet.reason


def test_nothing_real_is_left_out(shared):
    data = shared / "data"
    there = {str(one.relative_to(data)) for room in ("mdf4", "can") for one in (data / room).rglob("*.*")}
    assert there == {one["file"] for one in TRUTH}

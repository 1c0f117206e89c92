"""Tables, tracks and point clouds: what the scan says, against what other tools found before."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from carnet.classify import describe

TRUTH = yaml.safe_load((Path(__file__).parents[1] / "truth/scan_tables.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("one", TRUTH, ids=[one["file"].rpartition("/")[2] for one in TRUTH])
def test_what_the_scan_says_is_what_is_in_the_file(one, shared):
    path = shared / "data" / one["file"]
    companions = {other.name: other.read_bytes() for other in path.parent.glob("*.json")}
    for name, beside in ((path.name, companions), ("f3a9", {})):
        with path.open("rb") as file:
            sheet = describe(file, name=name, companions=beside, detect=False)
        classes = {data for stream in sheet.streams for data in stream.data}
        classes |= {out.data for out in sheet.outside if out.where != "file name"}
        assert sheet.state.value == one["state"], sheet.reason
        assert any(data.startswith("location.") for data in classes) == one["positions"]
        assert ("vehicle_id.vin" in classes) == one["vin"]
        assert any(data.startswith("audio.") for data in classes) == one["voice"]


def test_a_table_says_the_same_as_parquet_and_as_text(shared):
    sheets = []
    for name in ("geolife_demo.csv", "geolife_demo.parquet"):
        with (shared / "data/gnss" / name).open("rb") as file:
            (stream,) = describe(file, name="x", detect=False).streams
            sheets.append((stream.count, stream.data, dict(stream.facts)))
    assert sheets[0] == sheets[1]
    assert sheets[0][2]["countries"] == ("CN",)

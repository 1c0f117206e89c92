"""A stated sample of files: the same each time, its share bounded, and the others unknown."""

from __future__ import annotations

import json
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from carnet.model.factsheet import FactSheet, ReadState, StreamFacts
from carnet.service.cli.scan import app
from carnet.service.scan_sample import Sampled, is_chosen


@given(st.text(), st.integers(1, 100), st.integers(0, 99))
def test_who_is_in_a_sample_is_in_every_larger_one(name, percent, more):
    if is_chosen(name, percent):
        assert is_chosen(name, min(100, percent + more))
    assert is_chosen(name, 100)


def test_a_sample_has_about_the_size_it_says():
    chosen = sum(is_chosen(f"drive/{number:05}.jpg", 20) for number in range(10_000))
    assert 1800 < chosen < 2200


def test_a_name_that_is_no_text_is_chosen_or_not():
    assert is_chosen("a\udcff.jpg", 100)


def stream(kind, **facts):
    from carnet.model.factsheet import Certainty, FieldClass
    from carnet.model.ids import DataClass

    unseen = facts.pop("unseen", False)
    why = "contents: not looked at" if unseen else "contents: 1 of 1 frames looked at"
    data = DataClass("image.exterior")
    field = FieldClass("data", data, Certainty.LIKELY, (why,))
    return StreamFacts("a", kind, None, 1, (field,), (data,), facts)


def test_shares_are_bounded_by_what_was_looked_at():
    sheets = [
        FactSheet("jpeg", 1, ReadState.READ, streams=(one,))
        for one in (
            *[stream("picture", contains_faces=True)] * 2,
            *[stream("picture", contains_faces=False)] * 8,
            *[stream("picture", unseen=True)] * 90,
            stream("messages"),
        )
    ]
    said = Sampled.of_sheets(10, sheets)
    faces = said.to_json()["faces"]
    assert (faces["of"], faces["looked_at"], faces["in"]) == (100, 10, 2)
    assert faces["share"] == pytest.approx([0.0252, 0.5561], abs=1e-4)
    assert "2.5% to 55.6% of 100" in said.sentences()[1]
    assert Sampled.of_sheets(10, []).sentences() == []


def test_a_scan_of_a_sample_leaves_the_others_unknown(shared, tmp_path):
    folder = tmp_path / "drive"
    folder.mkdir()
    source = shared / "data" / "images" / "street" / "bus.jpg"
    for number in range(40):
        shutil.copy(source, folder / f"{number:02}.jpg")
    page = tmp_path / "page.html"
    run = CliRunner().invoke(
        app, [str(folder), "--json", "--look", "10", "--html", str(page), "--region", "CN"]
    )
    assert run.exit_code == 0, run.output
    made = json.loads(run.stdout)
    looked = [one for one in made["items"] if "persons_px_max" in one["streams"][0]["facts"]]
    others = [one for one in made["items"] if one not in looked]
    assert {one["path"] for one in looked} == {
        str(folder / f"{number:02}.jpg") for number in range(40) if is_chosen(f"drive/{number:02}.jpg", 10)
    }
    assert looked
    for one in others:
        assert not any(name.startswith("contains_") for name in one["streams"][0]["facts"])
        assert "contents: not looked at" in str(one["streams"][0]["fields"])
    sample = made["summary"]["sample"]
    assert sample["percent"] == 10
    assert (sample["persons"]["of"], sample["persons"]["looked_at"]) == (40, len(looked))
    assert sample["persons"]["in"] == len(looked)
    assert f"{len(looked)} of {len(looked)} streams looked at" in page.read_text("utf-8")
    text = CliRunner().invoke(app, [str(folder), "--look", "10"]).stdout
    assert "Looked into 10 of 100 files" in text


@pytest.mark.parametrize("more", [["--look", "0"], ["--look", "101"], ["--look", "x"]])
def test_a_sample_that_is_none_is_refused(samples, more):
    assert CliRunner().invoke(app, [str(samples), *more]).exit_code == 2


def test_a_bucket_has_its_own_sample():
    run = CliRunner().invoke(app, ["s3://fleet/raw", "--look", "10"])
    assert run.exit_code != 0
    assert "--sample" in str(run.exception) + run.output

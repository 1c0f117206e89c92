"""The truth about real files: its parts agree, it leaves no file out, and disagreement shows."""

from __future__ import annotations

import io

import pytest
import yaml

from carnet.classify import describe
from truth_scan import CLASSES, ContradictionError, answer, joined, judge, renamed

ENTRY = {"file": "a", "state": "read", **dict.fromkeys(CLASSES, "unknown")}


def parts(folder, *entries):
    for number, entry in enumerate(entries):
        (folder / f"{number}.yaml").write_text(yaml.safe_dump([entry]))
    (folder / "i.yaml").write_text(yaml.safe_dump({"parts": [f"{one}.yaml" for one in range(len(entries))]}))
    return folder / "i.yaml"


def test_the_parts_agree():
    truth = joined()
    assert len(truth) > 600
    assert all(entry["tool"] for entry in truth.values())


def test_no_real_file_is_without_truth(shared):
    data = shared / "data"
    there = {one.relative_to(data).as_posix() for one in data.rglob("*") if one.is_file()}
    assert there - joined().keys() == {"README.md", "manifest.json"}


def test_unknown_yields_and_two_answers_are_refused(tmp_path):
    whole = joined(parts(tmp_path, ENTRY, ENTRY | {"vin": True}))
    assert whole["a"]["vin"] is True
    with pytest.raises(ContradictionError, match="a: vin"):
        joined(parts(tmp_path, ENTRY | {"vin": False}, ENTRY | {"vin": True}))


def test_a_disagreement_is_counted_and_named(capsys):
    truth = {"a": ENTRY | {"vin": True, "positions": False}, "b": ENTRY | {"vin": True}}
    found = {one: {"state": "read", **dict.fromkeys(CLASSES, False), "vin": one == "a"} for one in "ab"}
    assert not judge(truth, found)
    said = capsys.readouterr().out
    assert "recall 1/2" in said
    assert "precision 1/1" in said
    assert "b: vin False, truth True" in said
    assert "a: " not in said


def test_the_files_own_name_does_not_count():
    sheet = describe(io.BytesIO(b"speed;gear\n1;2\n2;2\n"), name="WVWZZZ1JZXW000001.csv", detect=False)
    assert not answer(sheet)["vin"]
    assert any(one.where == "file name" for one in sheet.outside)


def test_copies_lose_their_names_and_keep_their_company(tmp_path):
    (tmp_path / "in" / "x").mkdir(parents=True)
    for name in ("x/a.log", "x/b.dbc"):
        (tmp_path / "in" / name).write_text(name)
    (tmp_path / "out").mkdir()
    names = renamed(tmp_path / "in", ["x/a.log", "x/b.dbc"], tmp_path / "out")
    assert (tmp_path / "out" / names["x/a.log"]).read_text() == "x/a.log"
    assert len({one.split("/")[0] for one in names.values()}) == 1
    assert not any("." in one for one in names.values())

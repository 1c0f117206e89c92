"""`carnet scan --listing`: every form says the same, damage is said, and no value comes out."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys

import pytest

pa = pytest.importorskip("pyarrow", reason="carnet[tables] is not installed")

import pyarrow.parquet as pq  # noqa: E402
from pyarrow import orc  # noqa: E402

import bench_listing  # noqa: E402 -- after the skip
from carnet.service.listing import folded  # noqa: E402

COUNT = 3000


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", "carnet", "scan", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )


def told(*words):
    done = run("--json", *words)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["scan"] == "v1"
    return document["listing"]


@pytest.fixture(scope="module")
def text():
    return bench_listing.rows(0, COUNT, bench_listing.vins())


@pytest.fixture(scope="module")
def objects(text):
    cells = [one.strip('"').split('","') for one in text.splitlines()]
    return [(cell[1].replace("%3D", "="), int(cell[2])) for cell in cells]


@pytest.fixture(scope="module")
def expected(objects):
    named = [size for key, size in objects if "vin=" in key or key.startswith("logs/")]
    return {"vehicle_id.vin": {"objects": len(named), "bytes": sum(named)}}


def written(folder, form, text, objects):
    path = folder / f"listing.{form}"
    if form == "csv.gz":
        path.write_bytes(gzip.compress(text.encode()))
    elif form == "csv":
        path.write_text(text)
    elif form == "header.csv":
        path.write_text("name,size\n" + "".join(f"{key},{size}\n" for key, size in objects))
    elif form in {"parquet", "orc"}:
        table = pa.table({"key": [key for key, _ in objects], "size": [size for _, size in objects]})
        (pq if form == "parquet" else orc).write_table(table, path)
    elif form == "ls":
        lines = (f"2024-05-01 12:00:00 {size:>10} {key}\n" for key, size in objects)
        path.write_text("".join(lines) + f"\nTotal Objects: {COUNT}\n   Total Size: 1\n")
    elif form == "ndjson":
        path.write_text("".join(json.dumps({"Key": key, "Size": size}) + "\n" for key, size in objects))
    return path


@pytest.mark.parametrize("form", ["csv.gz", "csv", "header.csv", "parquet", "orc", "ls", "ndjson"])
def test_every_form_says_the_same(tmp_path, form, text, objects, expected):
    path = written(tmp_path, form, text, objects)
    found = told("--listing", path)
    assert found["objects"] == COUNT
    assert found["bytes"] == sum(size for _, size in objects)
    assert found["in_names"] == expected
    assert found["lines_that_do_not_parse"] == 0
    assert found["formats"]["jpeg"]["objects"] == sum(key.endswith(".jpg") for key, _ in objects)


def test_keys_alone_have_no_sizes(tmp_path, objects, expected):
    path = tmp_path / "keys"
    path.write_text("\n".join(key for key, _ in objects))
    found = told("--listing", path)
    assert (found["objects"], found["bytes"]) == (COUNT, 0)
    assert found["in_names"]["vehicle_id.vin"]["objects"] == expected["vehicle_id.vin"]["objects"]


def test_the_inventory_and_the_report_repeat_no_vin(tmp_path, text, objects):
    path = written(tmp_path, "csv", text, objects)
    done = run("--listing", path, "--inventory", tmp_path / "out.parquet")
    assert done.returncode == 0, done.stderr
    table = pq.read_table(tmp_path / "out.parquet")
    assert sum(table["objects"].to_pylist()) == COUNT
    everything = done.stdout + json.dumps(table.to_pylist())
    assert "{vin}" in everything
    assert [one for one in bench_listing.vins() if one in everything] == []


def test_a_manifest_stands_for_its_files(tmp_path, text, expected):
    (tmp_path / "data").mkdir()
    (tmp_path / "2024").mkdir()
    (tmp_path / "data" / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    manifest = {
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size, LastModifiedDate, ETag",
        "files": [{"key": "fleet/all/data/a.csv.gz"}],
    }
    (tmp_path / "2024" / "manifest.json").write_text(json.dumps(manifest))
    assert told("--listing", tmp_path / "2024" / "manifest.json")["in_names"] == expected
    (tmp_path / "data" / "a.csv.gz").unlink()
    done = run("--listing", tmp_path / "2024" / "manifest.json")
    assert done.returncode == 2
    assert "does not lie beside it" in done.stderr


def test_lines_that_do_not_parse_are_counted(tmp_path, text):
    path = tmp_path / "bad.csv"
    path.write_text(text + '"fleet","short"\n"fleet","k","not a number","x","y"\n"fleet","","1","x","y"\n')
    found = told("--listing", path)
    assert (found["objects"], found["lines_that_do_not_parse"]) == (COUNT, 3)


def test_a_cut_gzip_counts_what_came_and_says_so(tmp_path):
    text = bench_listing.rows(0, 60_000, bench_listing.vins()).encode()
    path = tmp_path / "cut.csv.gz"
    packed = gzip.compress(text, 1)
    path.write_bytes(packed[: len(packed) * 3 // 4])
    found = told("--listing", path)
    assert 0 < found["objects"] < 60_000
    assert "cut short" in found["lost"][0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"PAR1" + b"\x00" * 200, "footer"),
        (bytes(range(256)) * 8, "binary"),
        (b'{"nothing": 1}\n', "no column of keys"),
        (b"x" * (3 << 20), "longer than a key"),
        (b"\x1f\x8b\x08\x00cut", "empty"),
    ],
)
def test_what_is_no_listing_is_refused_with_a_sentence(tmp_path, content, says):
    path = tmp_path / "x"
    path.write_bytes(content)
    done = run("--listing", path)
    assert done.returncode == 2, done.stdout
    assert says in done.stderr


def test_a_parquet_file_of_other_columns_is_refused(tmp_path):
    pq.write_table(pa.table({"speed": [1.0]}), tmp_path / "x.parquet")
    done = run("--listing", tmp_path / "x.parquet")
    assert done.returncode == 2
    assert "no column of keys" in done.stderr


def test_a_listing_takes_no_path(tmp_path):
    assert run(tmp_path, "--listing", tmp_path / "x").returncode == 2
    assert run("--listing", tmp_path / "x").returncode == 2
    assert run().returncode == 2


def test_a_folder_with_very_many_names_is_folded():
    kinds = {
        (f"who/{chr(97 + number % 26) * (number // 26 + 1)}/#.jpg", ()): [1, 10, 10] for number in range(300)
    }
    assert folded(kinds, 200) == {("who/{any}/#.jpg", ()): [300, 3000, 10]}
    assert folded(kinds, 300) == kinds


def test_two_hundred_thousand_objects(tmp_path):
    files = bench_listing.generate(tmp_path, 200_000, "csv.gz")
    found = told("--listing", files[0])
    assert (found["objects"], found["kinds"]) == (200_000, 5)

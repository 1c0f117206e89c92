"""What is committed is what the committed scripts make."""

from __future__ import annotations

import gzip
import subprocess
import sys

import pytest


def run(script, *words):
    subprocess.run([sys.executable, str(script), *map(str, words)], check=True, capture_output=True)


@pytest.mark.slow
def test_the_sample_is_what_its_script_makes(shared, samples, tmp_path):
    run(samples.parent / "scripts" / "make_sample.py", shared / "data", tmp_path)
    made = sorted(one.relative_to(tmp_path) for one in tmp_path.rglob("*") if one.is_file())
    assert len(made) == 4
    for name in made:
        assert (tmp_path / name).read_bytes() == (samples / name).read_bytes(), name


def test_the_outlines_are_what_their_script_makes(shared, samples, tmp_path):
    run(samples.parent / "scripts" / "make_places.py", shared / "data", tmp_path / "x.gz")
    committed = samples.parent / "src" / "carnet" / "classify" / "data" / "countries.json.gz"
    # The compressed bytes depend on the zlib at hand; what they hold does not.
    assert gzip.decompress((tmp_path / "x.gz").read_bytes()) == gzip.decompress(committed.read_bytes())

"""What is committed is what the committed scripts make."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys

import av
import pytest


def run(script, *words):
    subprocess.run([sys.executable, str(script), *map(str, words)], check=True, capture_output=True)


@pytest.mark.slow
def test_the_sample_is_what_its_script_makes(shared, samples, tmp_path):
    run(samples.parent / "scripts" / "make_sample.py", shared / "data", tmp_path)
    made = sorted(one.relative_to(tmp_path) for one in tmp_path.rglob("*") if one.is_file())
    assert len(made) == 4
    for name in made:
        new, old = tmp_path / name, samples / name
        if name.suffix == ".mp4":
            assert_same_pictures(new, old)
        elif name.name == "truth.json":
            assert without_clip(new) == without_clip(old)
        else:  # digests, for a difference of megabytes would be shown for minutes
            assert hashlib.sha256(new.read_bytes()).digest() == hashlib.sha256(old.read_bytes()).digest(), (
                name
            )


def without_clip(path):
    truth = json.loads(path.read_bytes())
    del truth["files"]["front_camera.mp4"]
    return truth


def assert_same_pictures(new, old):
    """The encoder gives one of two files, seldom the other; what they show is the same."""
    with av.open(str(new)) as one, av.open(str(old)) as other:
        assert one.metadata == other.metadata
        pairs = list(zip(one.decode(video=0), other.decode(video=0), strict=True))
        assert len(pairs) == 60
        for left, right in pairs:
            assert left.pts == right.pts
            a, b = (frame.to_ndarray(format="rgb24").astype(int) for frame in (left, right))
            assert abs(a - b).mean() < 2


def test_the_outlines_are_what_their_script_makes(shared, samples, tmp_path):
    run(samples.parent / "scripts" / "make_places.py", shared / "data", tmp_path / "x.gz")
    committed = samples.parent / "src" / "carnet" / "recognise" / "data" / "countries.json.gz"
    # The compressed bytes depend on the zlib at hand; what they hold does not.
    assert gzip.decompress((tmp_path / "x.gz").read_bytes()) == gzip.decompress(committed.read_bytes())

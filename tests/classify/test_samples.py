"""Numbers of a stream's fields: what is found does not hang on how many came at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.classify import samples
from carnet.classify.samples import Samples
from carnet.classify.track import Track


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    monkeypatch.setattr(samples, "MOST_SAMPLES", 40)


def told(some):
    some.look()
    return [(a, b, track.points, round(track.metres, 3)) for a, b, track in some.pairs()], some.ranges


def made():
    return Samples(Track, set)


def columns(stand, moving, noise):
    count = stand + moving
    step = np.concatenate((np.zeros(stand), np.arange(moving)))
    return {
        "u": 31.12345 + step * 1e-4,
        "n": np.random.default_rng(noise).normal(0, 9, count),
        "p": 121.54321 + step * 1.3e-4,
        "q": 48.12345 + step * 2e-4,
    }


@given(
    st.integers(0, 130),
    st.integers(0, 130),
    st.integers(0, 9),
    st.lists(st.integers(1, 90), min_size=1, max_size=6),
    st.floats(0, 0.3),
)
def test_rows_and_columns_are_what_one_after_the_other_is(stand, moving, noise, blocks, missing):
    lines = columns(stand, moving, noise)
    count = stand + moving
    gone = np.random.default_rng(noise).random(count) < missing
    singly, rows, whole, arrays = made(), made(), made(), made()
    for at in range(count):
        one = {path: [float(line[at])] for path, line in lines.items()}
        whole.take(one)
        singly.take({path: [] if gone[at] and path == "n" else line for path, line in one.items()})
    at = 0
    while at < count:
        for size in blocks:
            part = {path: line[at : at + size] for path, line in lines.items()}
            length = len(part["u"])
            if length:
                arrays.take_columns(part, np.arange(length, dtype=np.uint64))
                cells = {path: line.tolist() for path, line in part.items()}
                cells["n"] = [None if gone[at + k] else one for k, one in enumerate(cells["n"])]
                rows.take_rows(cells, length)
            at += size
    assert told(rows) == told(singly)
    found, ranges = told(arrays)
    expected, _ = told(whole)
    assert [one[:3] for one in found] == [one[:3] for one in expected]
    assert [one[3] for one in found] == pytest.approx([one[3] for one in expected], abs=0.01)
    assert not ranges


def test_a_pair_is_followed_behind_the_samples():
    some = made()
    some.take_rows({path: line.tolist() for path, line in columns(0, 500, 1).items()}, 500)
    pairs, _ = told(some)
    assert ("q", "p", 500) in {one[:3] for one in pairs} or ("u", "p", 500) in {one[:3] for one in pairs}


def test_what_is_let_go_is_said():
    class Part(Track):
        def only_part(self, why):
            parts.append(why)

    parts: list[str] = []
    some = Samples(Part, set)
    lines = columns(0, 100, 1)
    for path in ("u", "p"):
        some.keep(path, lines[path][: some.room(path)].tolist())
    assert some.room("u") == 0
    some.look()
    assert [one.points for *_, one in some.pairs()] == [40]
    assert parts

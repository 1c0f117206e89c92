"""Tracks: a line of positions added up at once is the same as added point by point."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.classify.track import Track

_DEGREES = st.one_of(
    st.floats(-91, 91), st.sampled_from([0.0, float("nan"), float("inf"), -90.0, 90.0, 180.0])
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.tuples(_DEGREES, _DEGREES), max_size=40), max_size=6),
    st.integers(0, 1200),
)
def test_many_at_once_are_one_by_one(runs: list[list[tuple[float, float]]], long: int) -> None:
    runs = [*runs, [(31 + n * 1e-5, 121 - n * 3e-5) for n in range(long)], *runs]
    one, many = Track(), Track()
    for run in runs:
        for place in run:
            one.add(*place)
        columns = np.array(run, np.float64).reshape(-1, 2)
        many.add_many(columns[:, 0], columns[:, 1])
    assert many.points == one.points
    assert many.metres == pytest.approx(one.metres, rel=1e-9, abs=1e-6)
    assert many.sketch() == one.sketch()
    assert many._line == one._line
    assert many._cells.keys() == one._cells.keys()
    assert many._last == one._last

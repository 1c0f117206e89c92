"""Every seed of the fuzzer, and every input that ever made a reader fail, is answered."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carnet.formats.sniff import FORMATS, HEAD_BYTES, format_of
from fuzz_formats import SEEDS, formats, one_input

FILES = sorted(one for one in SEEDS.rglob("*") if one.is_file() and one.parent != SEEDS)


@pytest.mark.parametrize("path", FILES, ids=[f"{one.parent.name}/{one.name}" for one in FILES])
def test_an_input_of_the_fuzzer_is_answered(path):
    one_input(path.read_bytes())


def test_every_format_has_a_seed_of_its_own():
    assert {one.name for one in FORMATS} <= set(formats())
    for path in FILES:
        found = format_of(path.read_bytes()[:HEAD_BYTES])
        if path.name.startswith("seed-"):
            assert (found.name if found else "text") == path.parent.name


@pytest.mark.parametrize("name", formats())
def test_a_damaged_seed_is_answered(name):
    whole = min((SEEDS / name).glob("seed-*")).read_bytes()

    # The same damages each time: new ones are looked for by `make fuzz`, not by whoever lands next.
    @settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    @given(st.integers(0, len(whole) - 1), st.binary(max_size=6), st.integers(0, 8))
    def damaged(at: int, put: bytes, gone: int) -> None:
        one_input(whole[:at] + put + whole[at + gone :])

    damaged()


def test_seeds_are_few_and_small():
    assert {one.name for one in SEEDS.iterdir() if not one.is_dir()} == {"README.md"}
    assert sum(one.stat().st_size for one in FILES) < 512 * 1024

"""Names from outside: what is kept leads nowhere but into one folder."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.errors import InputError
from carnet.model.filename import check_file_name


@pytest.mark.parametrize("name", ["drive.mcap", "2026-11-22 沪A.mp4", "..hidden", "a..b", "x" * 255])
def test_plain_names_stay_as_they_are(name):
    assert check_file_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "/", "a/b", "../a", "a\\b", "a\0", "a\n", "\x7f", "x" * 256, "é" * 128, "\ud800"]
)
def test_what_leads_elsewhere_is_refused_and_not_repeated(name):
    with pytest.raises(InputError) as caught:
        check_file_name(name)
    assert len(name) < 3 or name not in str(caught.value)


@given(st.text(max_size=300))
def test_a_name_that_is_kept_is_one_step_down(name):
    try:
        check_file_name(name)
    except InputError:
        return
    for kind in (PurePosixPath, PureWindowsPath):
        assert "/" not in name
        assert ".." not in kind("folder", name).parts[1:]
    assert PurePosixPath("folder", name).parent == PurePosixPath("folder")

"""A large recording goes through the node without lying in its memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from stage import Stage

pytestmark = pytest.mark.slow
SIZE = 300 << 20
BAR = 300 << 10
"""KiB that the node's process may have held at its fullest: the bar of the issue."""


def fullest(pid: int) -> int:
    """The largest resident set of a process so far, in KiB (VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(one.split()[1]) for one in lines if one.startswith("VmHWM"))


def test_an_ingest_of_300_mb_through_the_interface_stays_under_300_mb(tmp_path):
    pytest.importorskip("cantools", reason="the extra 'recordings' is not installed: left out")
    pytest.importorskip("httpx", reason="the extra 'node' is not installed: left out")
    if not Path("/proc/self/status").is_file():
        pytest.skip("no /proc here: the resident set cannot be read")
    from carnet.service.client import Client

    stage = Stage(tmp_path / "stage")
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        for _ in range(SIZE >> 20):
            file.write(os.urandom(1 << 20))
    node = stage.receiver("shanghai")
    client = Client(tmp_path / "stage" / "shanghai", "li", stage.people["li"])
    try:
        done = client.ingest([large], "CN")
        assert done["objects"] == 1
        assert fullest(node.pid) < BAR
        listed = client.call("GET", "/v1/recordings")["recordings"]
        assert [one["bytes"] for one in listed] == [SIZE]
    finally:
        client.close()
        node.terminate()
        node.wait(timeout=20)

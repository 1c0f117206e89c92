"""The text part of `make bench`: our recognisers on the drawn log of `make truth`, beside presidio and datafog.

    python scripts/bench_text.py [LINES]

The peers look at the beginning of the same log, as much as they get through in some seconds, for mail addresses and
telephone numbers alone; ours look for everything, checksums included.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mixed_log import Planted, mixed_log  # beside this file
from truth_text import look  # beside this file

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".venv-bench" / "bin" / "python"
LINES, BAR = 60_000, 5
PEER_LINES = {"presidio-analyzer": 1_000, "datafog": 5_000}
PIECE_LINES = 500
SHARED = {"mail", "phone"}
Line = Callable[[str, str], None]


def pieces_of(text: str, lines: int) -> list[str]:
    """Give the first lines in pieces of some hundred lines, as one hands a log to a library."""
    taken = text.splitlines(keepends=True)[:lines]
    return ["".join(taken[at : at + PIECE_LINES]) for at in range(0, len(taken), PIECE_LINES)]


def recalled(planted: list[Planted], found: list[tuple[int, int]], end: int) -> str:
    """Say how many of the planted mail addresses and numbers before `end` something found overlaps."""
    there = [one for one in planted if one.kind in SHARED and one.end <= end]
    hit = sum(any(start < one.end and one.start < stop for start, stop in found) for one in there)
    return f"{hit} of {len(there)} mails and phones"


def bench_text(line: Line, lines: int = LINES) -> None:
    """Measure and say: MB/s of processor time on one core."""
    text, planted = mixed_log(lines)
    begun = time.process_time()
    found = look(text)
    seconds = time.process_time() - begun
    size = len(text.encode())
    line(
        f"text of {size / 1e6:.1f} MB, all recognisers with checksums (bar {BAR} MB/s a core)",
        f"{size / 1e6 / seconds:.2f} MB/s",
    )
    if not PEERS.exists():
        line("peers", "not installed: scripts/set-up-bench makes .venv-bench")
        return
    pieces = {name: pieces_of(text, many) for name, many in PEER_LINES.items()}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "pieces.json"
        place.write_text(json.dumps(pieces), "utf-8")
        script = Path(__file__).with_name("bench_text_peer.py")
        done = subprocess.run([PEERS, script, place], capture_output=True, text=True, check=False)
    if done.returncode:
        line("peers", f"did not run: {done.stderr.strip()[-200:]}")
        return
    ours = [(one.start, one.end) for one in found]
    for name, one in json.loads(done.stdout).items():
        part = "".join(pieces[name])
        rate = len(part.encode()) / 1e6 / one["seconds"]
        line(
            f"{name} {one['version']}, mails and phones alone, on {len(part.encode()) / 1e6:.2f} MB of it",
            f"{rate:.2f} MB/s; {recalled(planted, one['found'], len(part))}",
        )
        line("ours on the same part", recalled(planted, ours, len(part)))


if __name__ == "__main__":
    bench_text(
        lambda what, value: print(f"  {what:<84} {value}", flush=True),
        int(sys.argv[1]) if len(sys.argv) > 1 else LINES,
    )

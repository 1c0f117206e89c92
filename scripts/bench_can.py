"""The CAN part of `make bench`: a candump log to Arrow, and its signals, beside other programs and the bare file.

    python scripts/bench_can.py LOG DBC

Without a log it makes one from the frames of the sample drive's database: every message with drawn payloads.
Peers are asked for the same work on fewer frames, because they take longer; rates are of frames per second.
"""

from __future__ import annotations

import argparse
import io
import itertools
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from carnet.classify.describe import describe
from carnet.formats.can_columns import Frames, candump_columns
from carnet.formats.can_databases import load_database
from carnet.formats.can_decode import BusDecoder

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".venv-bench" / "bin" / "python"
FRAMES = 4_000_000
PEER_FRAMES = 100_000
TOGETHER = 12
Line = Callable[[str, str], None]


def drawn_log(dbc: Path, frames: int) -> bytes:
    """Draw a log: every message of a database, in turn, every millisecond or so."""
    chance = random.Random(1)  # noqa: S311 - a repeatable draw
    messages = load_database(dbc.read_bytes()).messages
    lines = []
    for number in range(min(frames, 200_000)):
        one = messages[number % len(messages)]
        digits = "08X" if one.is_extended_frame else "03X"
        second, part = divmod(1_785_204_000_000_000 + number * 250, 10**6)
        payload = chance.randbytes(min(one.length, 8)).hex().upper()
        lines.append(f"({second}.{part:06d}) can0 {one.frame_id:{digits}}#{payload}\n")
    block = "".join(lines).encode()
    return block * -(-frames // len(lines))


def best(work: Callable[[], int], runs: int = 3) -> float:
    """Give frames per second of the fastest run."""
    rates = []
    for _ in range(runs):
        begun = time.perf_counter()
        done = work()
        rates.append(done / (time.perf_counter() - begun))
    return max(rates)


def batched(blocks: Iterator[Frames], many: int) -> Iterator[list[Frames]]:
    """Give blocks in lists of so many."""
    while part := list(itertools.islice(blocks, many)):
        yield part


def bench_can(line: Line, log: Path | None = None, dbc: Path | None = None) -> None:
    """Measure and say."""
    dbc = dbc or ROOT / "samples" / "shanghai_drive" / "vehicle.dbc"
    text = drawn_log(dbc, FRAMES) if log is None else log.read_bytes()
    if log is not None:
        text *= -(-FRAMES // max(1, text.count(b"\n")))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "frames.log"
        place.write_bytes(text)

        def read() -> int:
            with place.open("rb") as source:
                return sum(one.to_arrow().num_rows for one in candump_columns(source))

        line(
            f"candump log of {len(text) / 1e6:.0f} MB to Arrow (bar 2 million frames/s)", million(best(read))
        )
        database = {dbc.name: dbc.read_bytes()}

        def look() -> int:
            with place.open("rb") as source:
                return sum(one.count for one in describe(source, name="x", companions=database).streams)

        line("carnet scan of it with its database, one thread", million(best(look, 1)))
        line(
            "the limit: the file read and its lines counted",
            million(best(lambda: place.read_bytes().count(b"\n"))),
        )
        _decode(line, text[: 400 * 1024 * 1024], dbc)
        _peers(line, place, dbc)


def million(rate: float) -> str:
    """Write a rate."""
    return f"{rate / 1e6:.2f} million frames/s"


def _decode(line: Line, text: bytes, dbc: Path) -> None:
    database = load_database(dbc.read_bytes())
    decoder = BusDecoder(database)
    numbers = [message.frame_id for message in database.messages]
    blocks = []
    for part in batched(candump_columns(io.BytesIO(text)), TOGETHER):
        one = Frames.joined(part)
        known = np.isin(one.id, numbers)
        columns = (
            getattr(one, name)[known] for name in ("time_ns", "bus", "id", "extended", "length", "data")
        )
        blocks.append(Frames(*columns, buses=one.buses))

    def of(frames: Frames) -> int:
        return sum(len(found.rows) for found in decoder.decode(frames))

    frames = blocks[0]
    signals = sum(len(found.signals) * len(found.rows) for found in decoder.decode(frames)) / max(
        1, len(frames)
    )
    line(
        f"signals decoded, one thread, {signals:.1f} a frame (bar 15 million frames/s)",
        million(best(lambda: sum(map(of, blocks)))),
    )
    with ThreadPoolExecutor(2) as pool:
        line("the same, two threads", million(best(lambda: sum(pool.map(of, blocks)))))
    some = blocks[0]
    by_id = {one.frame_id: one for one in database.messages}

    def one_by_one() -> int:
        count = min(len(some), 20_000)
        for row in range(count):
            message = by_id[int(some.id[row])]
            data = some.data[row, : some.length[row]].tobytes()
            if len(data) >= message.length and not message.is_multiplexed():
                message.decode(data, decode_choices=False)
        return count

    line("cantools, message by message", million(best(one_by_one, 2)))


def _peers(line: Line, log: Path, dbc: Path) -> None:
    if not PEERS.exists():
        line("peers", "not installed: scripts/set-up-bench makes .venv-bench")
        return
    script = Path(__file__).with_name("bench_can_peer.py")
    said = subprocess.run(
        [PEERS, script, log, dbc, str(PEER_FRAMES)], capture_output=True, text=True, check=False
    )
    for one in said.stdout.splitlines() or [f"peers\tdid not run: {said.stderr.strip()[-200:]}"]:
        what, _, value = one.partition("\t")
        line(what, value)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("log", nargs="?", type=Path)
    arguments.add_argument("dbc", nargs="?", type=Path)
    asked = arguments.parse_args()
    bench_can(lambda what, value: print(f"  {what:<72} {value}", flush=True), asked.log, asked.dbc)

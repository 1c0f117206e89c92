"""Measures `carnet scan --listing`: generates an S3 Inventory, looks at it by name, says rate and peak memory.

    python scripts/bench_listing.py [--objects 50000000] [--form csv.gz | csv | parquet]

The listing is the same for the same number of objects. Memory is the proportional share (PSS) of the command and all
its processes, sampled four times a second: pages that they share are counted once.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from carnet.recognise.text import vin_check_digit

VINS = 5000
A_FILE = 1_000_000
# Of twenty objects: pictures, sweeps, recordings, bus logs; the rest are tables.
PICTURES, SWEEPS, RECORDINGS, LOGS = 10, 14, 17, 19
MONTHS = np.array([f"2024-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 29)])


def vins() -> list[str]:
    """Chinese VIN with a check digit, European ones without."""
    made = []
    for number in range(VINS):
        plain = f"LSVAA41{number % 10}0E2{number:06d}"
        made.append(
            plain[:8] + vin_check_digit(plain) + plain[9:] if number % 2 else f"WVWZZZ1KZ8W{number:06d}"
        )
    return made


def hexadecimal(random: np.random.Generator, count: int) -> pa.Array:
    """Numbers of 32 hexadecimal digits."""
    text = random.bytes(16 * count).hex().encode()
    offsets = np.arange(0, 32 * count + 1, 32, dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), count, [None, pa.py_buffer(offsets), pa.py_buffer(text)])


def rows(first: int, count: int, known: list[str]) -> str:
    """Rows of an S3 Inventory: keys URL-encoded, as S3 writes them."""
    random = np.random.default_rng(first)
    vin = pa.array(known).take(pa.array(random.integers(0, VINS, count)))
    date = pa.array(MONTHS.tolist()).take(pa.array(random.integers(0, len(MONTHS), count)))
    kind = random.integers(0, 20, count)
    size = pc.cast(pa.array(random.integers(10_000, 4_000_000, count)), pa.string())
    place = np.arange(first, first + count)
    number = pc.utf8_lpad(pc.cast(pa.array(place), pa.string()), 9, "0")
    stamp, run = (pc.cast(pa.array(one), pa.string()) for one in (1714560000000 + place, place % 97))
    tag = hexadecimal(random, count)

    def joined(*parts: pa.Array | str) -> pa.Array:
        return pc.binary_join_element_wise(*parts, "")

    key = joined("exports/run-", run, "/part-", number, "-", tag, ".c000.snappy.parquet")
    for most, other in (
        (LOGS, joined("logs/", vin, "_", stamp, ".blf")),
        (RECORDINGS, joined("trips/", date, "/", tag, ".mcap")),
        (SWEEPS, joined("raw/vin%3D", vin, "/date%3D", date, "/lidar_top/", number, ".pcd")),
        (PICTURES, joined("raw/vin%3D", vin, "/date%3D", date, "/cam_front/", number, ".jpg")),
    ):
        key = pc.if_else(pa.array(kind < most), other, key)
    lines = joined('"fleet","', key, '","', size, '","', date, 'T00:00:00.000Z","', tag, '"\n')
    return lines.buffers()[2].to_pybytes().decode()


def generate(folder: Path, objects: int, form: str) -> list[Path]:
    """Write the listing, a file a million objects, as S3 does."""
    known = vins()
    files = []
    for first in range(0, objects, A_FILE):
        path = folder / f"{first // A_FILE:05d}.{form}"
        files.append(path)
        count = min(A_FILE, objects - first)
        if form == "parquet":
            import pyarrow.csv as pacsv
            import pyarrow.parquet as pq

            text = rows(first, count, known).replace("%3D", "=").encode()
            names = ["bucket", "key", "size", "last_modified_date", "e_tag"]
            pq.write_table(pacsv.read_csv(io.BytesIO(text), pacsv.ReadOptions(column_names=names)), path)
            continue
        with gzip.open(path, "wt", 1) if form == "csv.gz" else path.open("w") as file:
            for start in range(0, count, 50_000):
                file.write(rows(first + start, min(50_000, count - start), known))
    return files


def share(process: int) -> int:
    """Proportional share of a process and of those it started, in bytes."""
    total = 0
    try:
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
        for task in Path(f"/proc/{process}/task").iterdir():
            total += sum(share(int(one)) for one in (task / "children").read_text().split())
    except (OSError, ValueError):
        pass
    return total


def main() -> None:
    """Generate, measure, print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=50_000_000)
    parser.add_argument("--form", choices=("csv", "csv.gz", "parquet"), default="csv.gz")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="carnet-listing-") as temporary:
        folder = Path(temporary)
        began = time.monotonic()
        files = generate(folder, asked.objects, asked.form)
        made = time.monotonic() - began
        words = [sys.executable, "-m", "carnet", "scan", "--json", "--inventory", str(folder / "out.parquet")]
        for one in files:
            words += ["--listing", str(one)]
        began = time.monotonic()
        process = subprocess.Popen(words, stdout=subprocess.PIPE)
        peak = 0

        def watch() -> None:
            nonlocal peak
            while process.poll() is None:
                peak = max(peak, share(process.pid))
                time.sleep(0.25)

        watcher = threading.Thread(target=watch)
        watcher.start()
        out, _ = process.communicate()
        took = time.monotonic() - began
        watcher.join()
        told = json.loads(out)["listing"]
        print(
            json.dumps(
                {
                    "objects": told["objects"],
                    "asked": asked.objects,
                    "form": asked.form,
                    "listing_bytes": sum(one.stat().st_size for one in files),
                    "kinds": told["kinds"],
                    "generated_in_s": round(made, 1),
                    "seconds": round(took, 1),
                    "objects_per_s": round(told["objects"] / took),
                    "peak_mb": round(peak / 1e6),
                    "in_names": told["in_names"],
                }
            )
        )


if __name__ == "__main__":
    main()

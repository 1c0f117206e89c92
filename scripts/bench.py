"""What carnet takes, beside the machine it ran on: `make bench`, or `python scripts/bench.py [--small]`.

Parts, each beside its bar or its peer in the same run: `decide` and `--help`; the law engine; ingest beside the
bare limit (read, hash, seal, write); CAN logs; texts; recordings and small files; redaction of the sample clip beside
`deface`. Everything that is written lies in a temporary folder and is removed. Numbers vary from run to run by some
ten per cent: look at the ratios.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MIB = 1 << 20
FULL_MIB, SMALL_MIB = 2048, 200
DECISIONS = 2000
HELP_RUNS = 10
INGEST_RUNS = 2
BAR_DECIDE_MS, BAR_HELP_S, BAR_INGEST_MIB = 2.0, 0.3, 300
LIBRARIES = ("carnet", "cryptography", "openvino", "av", "opencv-python-headless", "numpy")


def heading(text: str) -> None:
    """Print the name of a part."""
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def line(what: str, value: str, bar: str = "") -> None:
    """Print one measurement."""
    print(f"  {what:<46} {value:<34} {bar}".rstrip(), flush=True)


def verdict(*, held: bool) -> str:
    """Say whether a bar held."""
    return "held" if held else "NOT HELD"


# The machine ---------------------------------------------------------------------------------------------------


def tell_machine() -> None:
    """Print what everything else was measured on."""
    heading("Machine")
    line("processor", processor())
    line("cores for this process", str(len(os.sched_getaffinity(0))))
    line("memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB")
    line("load when this began", f"{os.getloadavg()[0]:.2f}")
    line("system", f"{platform.system()} {platform.release()}, Python {platform.python_version()}")
    for name in LIBRARIES:
        try:
            line(name, metadata.version(name))
        except metadata.PackageNotFoundError:
            line(name, "not installed")


def processor() -> str:
    """Give the processor's model, as the kernel names it."""
    for text in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if text.startswith("model name"):
            return text.partition(":")[2].strip()
    return platform.machine()


# Deciding ------------------------------------------------------------------------------------------------------


def bench_decide() -> None:
    """Decide every case of the lawbook, many times over, with the whole lawbook and all reasons."""
    from carnet.decide import decide
    from carnet.law.casebook import read_cases
    from carnet.law.lawbook import load_lawbook

    heading("Deciding")
    begun = time.perf_counter()
    book = load_lawbook()
    line("reading the whole lawbook, once", f"{(time.perf_counter() - begun) * 1e3:.0f} ms")
    movements = [
        case.movement
        for path in sorted((ROOT / "lawbook").glob("*/cases/*.yaml"))
        for case in read_cases(path.read_text("utf-8"), str(path))
    ]
    rounds = -(-DECISIONS // len(movements))
    took, processor_ms, findings = [], [], 0
    for _ in range(rounds):
        for movement in movements:
            start, spent = time.perf_counter_ns(), time.thread_time_ns()
            decision = decide(movement, book)
            processor_ms.append((time.thread_time_ns() - spent) / 1e6)
            took.append((time.perf_counter_ns() - start) / 1e6)
            findings += sum(len(entry.findings) for entry in decision.jurisdictions)
    p50, p99 = _quantile(took, 0.5), _quantile(took, 0.99)
    line("decisions", f"{len(took)} of {len(movements)} movements")
    line("findings in a decision, on average", f"{findings / len(took):.1f}")
    line("decide, p50", f"{p50:.2f} ms")
    line(
        "decide, p99",
        f"{p99:.2f} ms",
        f"bar {BAR_DECIDE_MS:g} ms: {verdict(held=p99 <= BAR_DECIDE_MS)}",
    )
    line("decide, p99 of processor time alone", f"{_quantile(processor_ms, 0.99):.2f} ms")
    median = statistics.median(_help_seconds() for _ in range(HELP_RUNS))
    line(
        f"carnet --help, median of {HELP_RUNS}",
        f"{median:.3f} s",
        f"bar {BAR_HELP_S:g} s: {verdict(held=median <= BAR_HELP_S)}",
    )


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]


def _help_seconds() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "carnet", "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def bench_law_engine() -> None:
    """Measure the law engine against its own bars."""
    from bench_law import bench_law  # beside this file
    from bench_rules import bench_rules

    def tell(what: str, value: str) -> None:
        print(f"  {what:<72} {value}", flush=True)

    heading("The law engine")
    bench_law(tell)
    bench_rules(tell)


# Ingest --------------------------------------------------------------------------------------------------------


def bench_ingest(size_mib: int) -> None:
    """Ingest one large file of random content, beside the least that any such code must do."""
    heading(f"Ingest of {size_mib} MiB")
    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as scratch:
        folder = Path(scratch)
        source = folder / "source.bin"
        with source.open("wb") as file:
            for _ in range(size_mib):
                file.write(os.urandom(MIB))
            file.flush()
            os.fsync(file.fileno())
        best: dict[str, dict[str, float]] = {}
        for _ in range(INGEST_RUNS):
            for name in ("bare", "ingest"):
                said = _child(name, source, folder)
                line(f"{name}, a run", f"{size_mib / said['seconds']:.0f} MiB/s")
                if name not in best or said["seconds"] < best[name]["seconds"]:
                    best[name] = said
    rates = {name: size_mib / said["seconds"] for name, said in best.items()}
    line("bare limit (read, hash, seal, write), best", f"{rates['bare']:.0f} MiB/s")
    line("carnet ingest, best", f"{rates['ingest']:.0f} MiB/s")
    line("ingest beside the bare limit", f"{rates['ingest'] / rates['bare']:.2f}")
    peak = best["ingest"]["peak_mib"]
    line(
        "peak memory of the process that ingests",
        f"{peak:.0f} MiB",
        f"bar {BAR_INGEST_MIB} MiB: {verdict(held=peak <= BAR_INGEST_MIB)}",
    )


def _child(name: str, source: Path, folder: Path) -> dict[str, float]:
    """Run one measurement in a process of its own, so that its memory is its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", name, str(source), str(folder / name)],
        check=True,
        stdout=subprocess.PIPE,
    )
    said: dict[str, float] = json.loads(done.stdout)
    return said


def run_child(name: str, source: Path, folder: Path) -> None:
    """Do one measurement and print it as JSON."""
    seconds = {"bare": _bare, "ingest": _ingest}[name](source, folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"seconds": seconds, "peak_mib": peak}))


def _bare(source: Path, target: Path) -> float:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    aead, content = AESGCM(os.urandom(32)), hashlib.sha256()
    begun = time.perf_counter()
    with source.open("rb", buffering=0) as file, target.open("wb", buffering=0) as out:
        index = 0
        while data := file.read(MIB):
            content.update(data)
            out.write(aead.encrypt(index.to_bytes(12, "big"), data, None))
            index += 1
        os.fsync(out.fileno())
    seconds = time.perf_counter() - begun
    target.unlink()
    return seconds


def _ingest(source: Path, folder: Path) -> float:
    import shutil

    from carnet.model.ids import Country, PersonId
    from carnet.service.node import Node, NodeConfig, make_node
    from carnet.service.recordings import Recordings

    keys = folder.with_name(folder.name + ".keys").resolve()
    make_node(folder, NodeConfig("bench", Country("CN"), {"established_in": "CN"}, 7401, 7402, keys))
    node = Node(folder)
    try:
        recordings = Recordings(node)
        size = source.stat().st_size
        begun = time.perf_counter()
        upload = recordings.begin(Country("CN"))
        with source.open("rb", buffering=0) as file:
            recordings.add(upload, "source.bin", file.read, size)
        kept = recordings.finish(upload, PersonId("li"))
        seconds = time.perf_counter() - begun
        if kept.objects[0].bytes != size:
            raise SystemExit("ingest kept another number of bytes than it was given")
    finally:
        node.close()
        shutil.rmtree(folder)
        shutil.rmtree(keys)
    return seconds


# Redaction -----------------------------------------------------------------------------------------------------


def bench_redaction() -> None:
    """Redact the sample clip with both settings, and with `deface`."""
    from bench_rate import bench_rate
    from bench_redact import bench_clip  # beside this file

    heading("Redaction at 1920 x 1080")
    for name, made in bench_rate().items():
        print(f"  {name}", flush=True)
        for key, value in made.items():
            line(f"  {key}", str(value))
    heading("Redaction of samples/shanghai_drive/front_camera.mp4")
    for name, made in bench_clip().items():
        print(f"  {name}", flush=True)
        for key, value in made.items():
            line(f"  {key.replace('_', ' ')}", str(value))


# CAN -----------------------------------------------------------------------------------------------------------


def bench_can_logs() -> None:
    """Read a CAN log into columns and decode its signals."""
    from bench_can import bench_can  # beside this file

    heading("CAN logs")
    bench_can(line)


def bench_texts() -> None:
    """Look through a drawn log beside presidio and datafog."""
    from bench_text import bench_text  # beside this file

    heading("Text")
    bench_text(lambda what, value: print(f"  {what:<84} {value}", flush=True))


def bench_scans() -> None:
    """Scan small messages, camera recordings and small files."""
    from bench_scan import bench_scan  # beside this file

    heading("scan")
    bench_scan(line)


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--small", action="store_true", help=f"ingest {SMALL_MIB} MiB instead of {FULL_MIB}")
    parser.add_argument("--mib", type=int, default=FULL_MIB, help="size of the file that is ingested")
    parser.add_argument(
        "--only",
        choices=("decide", "law", "ingest", "can", "text", "scan", "redaction"),
        help="one part alone",
    )
    parser.add_argument("--child", nargs=3, metavar=("NAME", "SOURCE", "FOLDER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        name, source, folder = asked.child
        run_child(name, Path(source), Path(folder))
        return
    tell_machine()
    parts: dict[str, Callable[[], Any]] = {
        "decide": bench_decide,
        "law": bench_law_engine,
        "ingest": lambda: bench_ingest(SMALL_MIB if asked.small else asked.mib),
        "can": bench_can_logs,
        "text": bench_texts,
        "scan": bench_scans,
        "redaction": bench_redaction,
    }
    for name, part in parts.items():
        if asked.only in {None, name}:
            part()


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    main()

"""Fuzzing of every reader, guided by coverage (atheris, libFuzzer): no crash, no hang, no silence.

    python scripts/fuzz_formats.py [--seconds 60] [--format NAME ...] [--found FOLDER]

One input is opened by what its bytes are, read to its end, its outside read, then described without looking for
faces. Anything but an error of carnet's own is a finding; so is a file `read` of which nothing was understood, and a
sheet that is no JSON. A finding is written below the folder, named by format and digest, once per kind and line; the
reader is mended, and the file, made small, goes to tests/fuzz/<format>/ where `tests/formats/test_fuzz_seeds.py` runs
it for ever. The time is for all formats together, in equal parts. An input may take 20 seconds and 2 GB.

atheris is for maintainers, in an environment of its own: `make fuzz` makes it.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SEEDS = ROOT / "tests" / "fuzz"
INPUT_SECONDS = 20
MEMORY_MB = 2048
LONGEST = 64 * 1024
_MOST_ROUNDS = 20
_CHILD = "--child"


class FindingError(Exception):
    """An answer that no reader may give."""


def one_input(data: bytes) -> None:
    """Open, read and describe one input.

    Raises:
        FindingError: a file with bytes is `read` and empty, or its sheet is no JSON.
        Exception: whatever a reader let through; errors of carnet's own tree are answers and end here.
    """
    from carnet.classify.describe import describe
    from carnet.errors import CarnetError
    from carnet.formats import open_recording
    from carnet.model.factsheet import FactSheet, ReadState

    try:
        reader = open_recording(io.BytesIO(data), "x")
        for message in reader.messages():
            message.data[:1]
        for text in reader.outside():
            text.data[:1]
        reader.streams, reader.state, reader.reason  # noqa: B018 -- they are computed
    except CarnetError:
        pass
    try:
        sheet = describe(io.BytesIO(data), name="x", detect=False)
    except CarnetError:
        return
    form = sheet.to_json()
    text_form = json.dumps(form, ensure_ascii=False, allow_nan=False).encode("utf-8")
    if FactSheet.from_json(json.loads(text_form)).to_json() != json.loads(text_form):
        raise FindingError("a sheet changes on its way")
    if sheet.state is ReadState.READ and not any(one.count for one in sheet.streams):
        raise FindingError("read, and nothing understood")
    if sheet.state is not ReadState.READ and not sheet.reason:
        raise FindingError("not read, and no reason given")


def formats() -> list[str]:
    """Name the formats for which there are seeds."""
    return sorted(one.name for one in SEEDS.iterdir() if one.is_dir())


def main() -> int:
    """Fuzz one format after the other, each in a process of its own; gives 1 where there are findings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for all formats together")
    parser.add_argument("--format", action="append", choices=formats(), help="only these")
    parser.add_argument("--found", type=Path, default=ROOT / ".fuzz", help="where findings go")
    wanted = parser.parse_args()
    chosen = wanted.format or formats()
    wanted.found.mkdir(parents=True, exist_ok=True)
    before = {one.name for one in wanted.found.glob("*-*") if one.is_file()}
    for name in chosen:
        _fuzz(name, wanted.seconds / len(chosen), wanted.found)
    new = sorted(one.name for one in wanted.found.glob("*-*") if one.is_file() and one.name not in before)
    print(f"{len(new)} findings in {wanted.found}" + "".join(f"\n  {one}" for one in new))
    return 1 if new else 0


def _fuzz(name: str, seconds: float, found: Path) -> None:
    """Fuzz one format, starting again after what ends the process, until its time is over."""
    until = time.monotonic() + seconds
    kept = found / "corpus" / name
    kept.mkdir(parents=True, exist_ok=True)
    rounds = 0
    while rounds == 0 or (time.monotonic() < until - 1 and rounds < _MOST_ROUNDS):
        rounds += 1
        left = max(1, round(until - time.monotonic()))
        command = [sys.executable, str(Path(__file__).resolve()), _CHILD, str(found / name)]
        command += [str(kept), str(SEEDS / name), f"-max_total_time={left}", f"-timeout={INPUT_SECONDS}"]
        command += [f"-rss_limit_mb={MEMORY_MB}", f"-max_len={LONGEST}", f"-artifact_prefix={found / name}-"]
        command += ["-print_final_stats=1", "-verbosity=1"]
        with tempfile.TemporaryFile() as told:
            # Over the limit of the whole by far more than an input may take: what hangs beyond every signal.
            try:
                subprocess.run(
                    command, stdout=told, stderr=told, check=False, timeout=left + 4 * INPUT_SECONDS
                )
            except subprocess.TimeoutExpired:
                print(f"{name}: the process had to be ended; its last input is not known")
            told.seek(0)
            lines = told.read().decode("utf-8", "replace").splitlines()
        runs = next((one.split()[-1] for one in lines if "number_of_executed_units" in one), "?")
        print(
            f"{name}: {runs} inputs",
            *(one for one in lines if one.startswith("FINDING")),
            sep="\n  ",
            flush=True,
        )
        if runs == "?":
            print("\n".join(lines[-3:]))


def _child() -> None:
    import atheris

    with atheris.instrument_imports(include=["carnet"]):
        import carnet.classify.describe
        import carnet.formats

        for one in Path(carnet.formats.__path__[0]).glob("*_read.py"):
            __import__(f"carnet.formats.{one.stem}")
        for name in (
            "can_asc",
            "can_blf",
            "can_console",
            "can_csv",
            "can_trc",
            "can",
            "can_databases",
            "picture",
            "text_files",
        ):
            __import__(f"carnet.formats.{name}")
    prefix = sys.argv[2]
    seen: set[tuple[str, str, int]] = set()

    def test(data: bytes) -> None:
        try:
            one_input(data)
        except Exception as error:  # noqa: BLE001 -- whatever comes is a finding, and the run goes on
            own = [one for one in traceback.extract_tb(error.__traceback__) if "carnet" in one.filename] or [
                traceback.extract_tb(error.__traceback__)[-1]
            ]
            place = (type(error).__name__, Path(own[-1].filename).name, own[-1].lineno or 0)
            if place in seen:
                return
            seen.add(place)
            file = Path(f"{prefix}-{hashlib.sha256(data).hexdigest()[:12]}")
            file.write_bytes(data)
            print(
                f"FINDING {file.name}: {place[0]} in {place[1]}:{place[2]}: {str(error)[:100]}",
                file=sys.stderr,
            )

    atheris.Setup([sys.argv[0], *sys.argv[3:]], test)
    atheris.Fuzz()


if __name__ == "__main__":
    if _CHILD in sys.argv[1:2]:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        _child()
    else:
        sys.exit(main())

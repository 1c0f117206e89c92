"""The scan part of `make bench`: small messages, camera recordings, texts and small files, beside other programs.

    python scripts/bench_scan.py [FOLDER OF REAL RECORDINGS]

The folder (by default `../shared/data` beside the checkout) holds `comma2k19_rav4_first40s.mcap` and
`nuscenes_one_keyframe.mcap`; their messages are written again and again, with later times, and pictures and points
with bytes of their own. Without it only texts and small files are measured.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from mcap.writer import CompressionType, Writer

from carnet.classify.describe import describe
from carnet.formats.cdr import compressed_image, replace_image
from carnet.formats.mcap_read import McapReader
from carnet.formats.reader import Message
from carnet.model.factsheet import FactSheet

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".venv-bench" / "bin" / "python"
DATA = ROOT.parent / "shared" / "data"
SMALL = "comma2k19_rav4_first40s.mcap"
CAMERA = "nuscenes_one_keyframe.mcap"
SMALL_MESSAGES = 2_000_000
CAMERA_BYTES = 2_000_000_000
FILES = 10_000
TEXT_BYTES = 20_000_000
FOLDER_FILES = 500
LOOK = 5
Line = Callable[[str, str], None]


def written_again(
    source: Path,
    target: Path,
    enough: Callable[[int, int], bool],
    compression: CompressionType,
    payload: Callable[[Message, int], bytes],
) -> int:
    """Write a recording's messages again and again; give how many were written.

    Args:
        source: the recording.
        target: the file that is made.
        enough: told messages and bytes after each turn, says when to stop.
        compression: of the chunks, whose CRCs are written.
        payload: gives the bytes of a message for its number.
    """
    with source.open("rb") as file:
        reader = McapReader(file)
        messages = list(reader.messages())
        streams = reader.streams
    first = min(one.log_time_ns for one in messages)
    turn = max(one.log_time_ns for one in messages) - first + 10_000_000
    count = turns = 0
    with target.open("wb") as out:
        writer = Writer(out, compression=compression, chunk_size=1 << 20 if payload is _as_it_is else 4 << 20)
        writer.start(profile="ros2", library="carnet bench")
        channels = {
            one.number: writer.register_channel(
                one.name,
                one.encoding,
                writer.register_schema(one.schema or "", one.schema_encoding, one.schema_data),
            )
            for one in streams
        }
        while not enough(count, out.tell()):
            for one in messages:
                later = turns * turn
                times = one.log_time_ns + later, one.publish_time_ns + later
                writer.add_message(
                    channels[one.stream.number], times[0], payload(one, count), times[1], count
                )
                count += 1
            turns += 1
        writer.finish()
    return count


def _as_it_is(message: Message, number: int) -> bytes:
    del number
    return message.data


def _own_bytes(message: Message, number: int) -> bytes:
    """Give a picture a comment of its own (JPEG, ITU-T T.81, segment COM), and points a last one of their own."""
    mark = struct.pack("<Q", number)
    if message.stream.kind != "pictures":
        return message.data[:-32] + mark + message.data[-24:]
    found = compressed_image(message.data)
    picture = bytes(found.picture(message.data))
    return replace_image(message.data, found, picture[:2] + b"\xff\xfe\x00\x0a" + mark + picture[2:])


def timed(place: Path, *, detect: bool = True) -> tuple[FactSheet, float]:
    """Describe a file as it lies in the page cache; give the sheet and seconds of wall time, the better of two."""
    best = float("inf")
    for _ in range(2):
        with place.open("rb") as source:
            begun = time.perf_counter()
            sheet = describe(source, name=place.name, detect=detect)
            best = min(best, time.perf_counter() - begun)
    return sheet, best


def _small(line: Line, source: Path, folder: Path) -> None:
    place = folder / "small.mcap"
    count = written_again(
        source, place, lambda many, _: many >= SMALL_MESSAGES, CompressionType.ZSTD, _as_it_is
    )
    sheet, seconds = timed(place, detect=False)
    told = sum(one.count for one in sheet.streams)
    points = sum(int(str(one.facts.get("points", 0))) for one in sheet.streams)
    rate = f"{count / seconds / 1e6:.2f} million messages/s"
    line(f"MCAP of {count} small messages, one thread (bar 0.5 million messages/s)", rate)
    line("of these were told, and positions decoded", f"{told}, {points}; {sheet.state}")
    _, seconds = timed(place)
    line(
        "the same, and faces and plates looked for in a sample of pictures",
        f"{count / seconds / 1e6:.2f} million messages/s",
    )
    if not PEERS.exists():
        line("peers", "not installed: scripts/set-up-bench makes .venv-bench")
        return
    script = Path(__file__).with_name("bench_scan_peer.py")
    said = subprocess.run([PEERS, script, place], capture_output=True, text=True, check=False)
    for one in said.stdout.splitlines() or [f"peers\tdid not run: {said.stderr.strip()[-200:]}"]:
        what, _, value = one.partition("\t")
        line(f"{what}: read, nothing classified", f"{value} million messages/s")


def _camera(line: Line, source: Path, folder: Path) -> None:
    place = folder / "camera.mcap"
    written_again(source, place, lambda _, size: size >= CAMERA_BYTES, CompressionType.NONE, _own_bytes)
    size = place.stat().st_size
    sheet, seconds = timed(place, detect=False)
    pictures = sum(int(str(one.facts.get("images", 0))) for one in sheet.streams)
    line(
        f"camera MCAP of {size / 1e9:.1f} GB, {pictures} pictures, some decoded (bar 1 GB/s)",
        f"{size / seconds / 1e9:.2f} GB/s; {sheet.state}",
    )
    _, more = timed(place)
    line("the same, and faces and plates looked for in these", f"{size / more / 1e9:.2f} GB/s")
    line("looking for faces and plates, whatever the length of the recording", f"{more - seconds:.1f} s")
    begun = time.perf_counter()
    with place.open("rb") as file:
        while file.read(1 << 20):
            pass
    line("the limit: the file read", f"{size / (time.perf_counter() - begun) / 1e9:.2f} GB/s")


def small_files(folder: Path, many: int) -> None:
    """Make a tree of small files: JSON, CSV, text, JPEG, PNG and candump logs by turns, 0.3 to 2 kB each."""
    chance = random.Random(1)  # noqa: S311 - a repeatable draw
    for number in range(many):
        within = folder / f"{number // FOLDER_FILES:03d}"
        within.mkdir(parents=True, exist_ok=True)
        kind = number % 6
        if kind == 0:
            events = [{"t": at, "v": round(chance.random(), 4)} for at in range(5)]
            form = {"trip": number, "speed": chance.random() * 40, "soc": chance.random(), "events": events}
            (within / f"{number}.json").write_text(json.dumps(form))
        elif kind == 1:
            rows = (f"{at},{chance.random() * 50:.2f},{chance.randrange(6000)}\n" for at in range(20))
            (within / f"{number}.csv").write_text("time,speed,rpm\n" + "".join(rows))
        elif kind == 2:  # noqa: PLR2004 - by turns
            rows = (
                f"module {chance.randrange(99)} torque {chance.random() * 20:.2f} Nm\n" for _ in range(15)
            )
            (within / f"{number}.txt").write_text("".join(rows))
        elif kind in {3, 4}:
            drawn = np.random.default_rng(number).integers(0, 256, (6, 8, 3)).astype(np.uint8)
            form_name = ".jpg" if kind == 3 else ".png"  # noqa: PLR2004 - by turns
            data = cv2.imencode(form_name, cv2.resize(drawn, (64, 48)))[1]
            (within / f"{number}{form_name}").write_bytes(data.tobytes())
        else:
            rows = (
                f"({1785204000 + at * 0.01:.6f}) can0 {chance.randrange(2048):03X}#"
                f"{chance.randbytes(8).hex().upper()}\n"
                for at in range(15)
            )
            (within / f"{number}.log").write_text("".join(rows))


def _files(line: Line, folder: Path, many: int) -> None:
    place = folder / "files"
    small_files(place, many)
    for name, look, pictures in (
        ("a third of them pictures, people looked for in each", 100, True),
        (f"a third of them pictures, people looked for in {LOOK} of 100", LOOK, True),
        ("json, csv, text, candump", 100, False),
    ):
        if not pictures:
            for one in [*place.rglob("*.jpg"), *place.rglob("*.png")]:
                one.unlink()
        count = sum(1 for one in place.rglob("*") if one.is_file())
        command = [sys.executable, "-m", "carnet", "scan", str(place), "--json", "--look", str(look)]
        begun, spent = time.perf_counter(), _processor_seconds()
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=dict(os.environ))
        seconds, spent = time.perf_counter() - begun, _processor_seconds() - spent
        states = json.loads(done.stdout)["summary"]
        line(
            f"carnet scan of {count} small files, {name} (bar 2,000 files/s)",
            f"{count / seconds:.0f} files/s; {states['read']} read, {states['blocked']} blocked",
        )
        line(
            "of the processor, which others at work do not change much",
            f"{spent / count * 1e3:.2f} ms a file",
        )


def _processor_seconds() -> float:
    """Give the processor time of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _texts(line: Line, folder: Path) -> None:
    """Describe a table, lines of JSON and a log, each of `TEXT_BYTES` or a little more."""
    chance = random.Random(2)  # noqa: S311 - a repeatable draw

    def row(number: int) -> tuple[float, str, str, str]:
        where = f"{31 + number * 1e-6:.6f}", f"{121 + number * 1e-6:.6f}"
        return 1785204000 + number / 10, *where, f"{chance.random() * 50:.2f}"

    def cells(number: int) -> str:
        return ",".join(map(str, row(number))) + f",{chance.choice(['drive', 'idle'])},step {number % 1000}\n"

    def document(number: int) -> str:
        at, latitude, longitude, speed = row(number)
        place = {"lat": float(latitude), "lon": float(longitude)}
        return (
            json.dumps({"t": at, "speed": float(speed), "gps": place, "note": f"step {number % 1000}"}) + "\n"
        )

    def log(number: int) -> str:
        return (
            f"{row(number)[0]:.1f} INFO module {chance.randrange(99)} at node {chance.randbytes(4).hex()}\n"
        )

    for name, head, make in (
        ("a table (CSV)", "time,lat,lon,speed,state,note\n", cells),
        ("lines of JSON", "", document),
        ("a log", "", log),
    ):
        place = folder / "text"
        with place.open("w") as out:
            out.write(head)
            number = 0
            while out.tell() < TEXT_BYTES:
                out.write(make(number))
                number += 1
        with place.open("rb") as source:
            begun = time.process_time()
            sheet = describe(source, name=place.name, detect=False)
            seconds = time.process_time() - begun
        rate = f"{place.stat().st_size / seconds / 1e6:.1f} MB/s; {sheet.streams[0].count} records, {sheet.state}"
        line(f"{name} of {TEXT_BYTES // 1_000_000} MB, every text looked through, a core", rate)


def bench_scan(line: Line, data: Path | None = None, files: int = FILES) -> None:
    """Measure and say."""
    place = DATA if data is None else data
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name, part in ((SMALL, _small), (CAMERA, _camera)):
            found = next(place.rglob(name), None) if place.is_dir() else None
            if found is None:
                line(name, "not here: not measured")
            else:
                part(line, found, folder)
        _texts(line, folder)
        _files(line, folder, files)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("data", nargs="?", type=Path)
    arguments.add_argument("--files", type=int, default=FILES)
    asked = arguments.parse_args()
    bench_scan(lambda what, value: print(f"  {what:<78} {value}", flush=True), asked.data, asked.files)

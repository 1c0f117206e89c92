"""A recording of many gigabytes, redacted: peak memory of the workers, and a kill in the middle.

`python scripts/large_recording.py --gib 5 [--form raw|jpeg] [--picture FILE] [--setting fast]` makes two MCAP
files of real frames with fresh noise in every one (a twentieth of the size, and the rest), redacts their folder,
kills the command (SIGKILL) while it writes the large one, says what lies there, goes on with `--resume`, checks
the result message by message, and prints the peak memory of the largest worker. The frames are those of the
sample drive, enlarged to 1920 x 1080, unless a picture is named.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer

from carnet.formats.cdr import compressed_image
from carnet.formats.mcap_read import McapReader

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "samples" / "shanghai_drive" / "drive_L00CARNE3T0000000.mcap"
WIDTH, HEIGHT = 1920, 1080
BAR_GIB = 1.5
_HEADER = (
    "std_msgs/Header header\n%s\n" + "=" * 80 + "\nMSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\n"
    "string frame_id\n" + "=" * 80 + "\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n"
)
_TEXTS = {
    "raw": _HEADER
    % "uint32 height\nuint32 width\nstring encoding\nuint8 is_bigendian\nuint32 step\nuint8[] data",
    "jpeg": _HEADER % "string format\nuint8[] data",
}
_SCHEMAS = {"raw": "sensor_msgs/msg/Image", "jpeg": "sensor_msgs/msg/CompressedImage"}


def frames(picture: Path | None) -> list[np.ndarray]:
    """Give a few real frames, 1920 x 1080, blue-green-red."""
    if picture is not None:
        found = [cv2.imread(str(picture))]
    else:
        with SAMPLE.open("rb") as file:
            found = [
                cv2.imdecode(
                    np.frombuffer(compressed_image(one.data).picture(one.data), np.uint8), cv2.IMREAD_COLOR
                )
                for one in McapReader(file).messages()
                if one.stream.kind == "pictures"
            ][::5]
    return [cv2.resize(one, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) for one in found]


def message(image: np.ndarray, form: str, number: int) -> bytes:
    """Give a frame as a message in CDR."""
    head = b"\x00\x01\x00\x00" + struct.pack("<iI", number, 0) + struct.pack("<I", 4) + b"cam\x00"
    if form == "jpeg":
        data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, 92))[1].tobytes()
        return head + struct.pack("<I", 5) + b"jpeg\x00\x00\x00\x00" + struct.pack("<I", len(data)) + data
    head += struct.pack("<II", HEIGHT, WIDTH) + struct.pack("<I", 5) + b"bgr8\x00\x00\x00\x00"
    return head + struct.pack("<II", WIDTH * 3, image.size) + image.tobytes()


def make(path: Path, size: int, form: str, pictures: list[np.ndarray], seed: int) -> int:
    """Write a recording of at least a size; gives how many frames are in it."""
    random = np.random.default_rng(seed)
    count = 0
    with path.open("wb") as file:
        writer = Writer(file, compression=CompressionType.NONE)
        writer.start(profile="ros2")
        schema = writer.register_schema(_SCHEMAS[form], "ros2msg", _TEXTS[form].encode())
        camera = writer.register_channel("/camera", "cdr", schema)
        plain = writer.register_schema("log", "jsonschema", b'{"type": "object"}')
        log = writer.register_channel("/log", "json", plain)
        while file.tell() < size:
            noise = random.integers(0, 7, (HEIGHT, WIDTH, 3), np.uint8)
            image = cv2.subtract(cv2.add(pictures[count % len(pictures)], noise), (3, 3, 3, 0))
            at = 10**18 + count * 33_333_333
            writer.add_message(camera, at, message(image, form, count), at, count)
            writer.add_message(log, at, b'{"speed": %d}' % (count % 50), at, count)
            count += 1
        writer.finish()
    return count


def compare(before: Path, after: Path) -> tuple[int, int]:
    """Count messages that are the same and changed; ends when one is gone or at another time."""
    same = changed = 0
    with before.open("rb") as first, after.open("rb") as second:
        pairs = zip(
            make_reader(first).iter_messages(log_time_order=False),
            make_reader(second).iter_messages(log_time_order=False),
            strict=True,
        )
        for (_, old_channel, old), (_, new_channel, new) in pairs:
            places = [
                (one[0].topic, one[1].log_time, one[1].publish_time, one[1].sequence)
                for one in ((old_channel, old), (new_channel, new))
            ]
            if places[0] != places[1] or (old.data != new.data and old_channel.topic != "/camera"):
                raise SystemExit("a message that has nothing to lose is not what it was")
            same += old.data == new.data
            changed += old.data != new.data
    return same, changed


def main() -> int:
    """Make, redact, kill, go on, check, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gib", type=float, default=5.0)
    parser.add_argument("--form", choices=("raw", "jpeg"), default="raw")
    parser.add_argument("--setting", choices=("release", "fast"), default="fast")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--folder", type=Path, help="where to work; needs a little more than twice the size")
    parser.add_argument("--workers", type=int, default=1)
    told = parser.parse_args()
    size = int(told.gib * 2**30)
    with tempfile.TemporaryDirectory(dir=told.folder) as place:
        return run(Path(place), size, told)


def run(folder: Path, size: int, told: argparse.Namespace) -> int:
    """Do it in a folder."""
    source, out, partial = folder / "in", folder / "out", folder / "out.partial"
    source.mkdir()
    pictures = frames(told.picture)
    counts = {
        name: make(source / name, int(size * share), told.form, pictures, seed)
        for seed, (name, share) in enumerate((("a.mcap", 0.05), ("b.mcap", 0.95)))
    }
    bytes_in = sum(one.stat().st_size for one in source.iterdir())
    print(
        f"recording            {bytes_in / 2**30:.2f} GiB, {sum(counts.values())} frames, {told.form}, 1920 x 1080"
    )
    words = [sys.executable, "-m", "carnet", "redact", str(source), str(out), "--remove", "faces,plates"]
    words += ["--setting", told.setting, "--workers", str(told.workers)]
    running = subprocess.Popen([*words, "--quiet"])
    target = partial / "b.mcap.partial"
    journal = folder / "out.partial.jsonl"
    while not (target.exists() and target.stat().st_size > size // 10):
        if running.poll() is not None:
            print("the command ended before it could be killed")
            return 1
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    whole = [one.name for one in partial.rglob("*.mcap")]
    noted = journal.read_bytes().count(b"\n") - 1
    print(f"killed in the middle  OUT exists: {out.exists()}; whole files waiting: {whole}; noted: {noted}")
    begun = time.monotonic()
    ended = subprocess.run([*words, "--resume", "--json"], check=False, capture_output=True, text=True)
    spent = time.monotonic() - begun
    if ended.returncode:
        print(ended.stderr)
        return 1
    items = json.load(io.StringIO(ended.stdout))["items"]
    redone = counts["b.mcap"] if "a.mcap" in whole else sum(counts.values())
    print(f"resumed               {redone} frames in {spent:.0f} s, {redone / spent:.1f} frames/s")
    print(
        f"changed frames        {sum(one['changed'] for one in items)} of {sum(one['frames'] for one in items)}"
    )
    for name in counts:
        same, changed = compare(source / name, out / name)
        print(f"{name}                {same} messages identical, {changed} changed, 0 gone")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    held = "held" if peak <= BAR_GIB else "NOT HELD"
    print(f"peak memory           {peak:.2f} GiB in the largest process; bar {BAR_GIB} GiB: {held}")
    print(
        f"load                  {Path('/proc/loadavg').read_text().strip()}"
        if sys.platform == "linux"
        else ""
    )
    return 0 if peak <= BAR_GIB and not out.with_name("out.partial").exists() else 1


if __name__ == "__main__":
    sys.exit(main())

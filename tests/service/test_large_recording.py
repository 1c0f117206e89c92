"""The script that proves constant memory, at a size that a test can bear, and the comparison of recordings."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mcap.reader import make_reader
from mcap.writer import Writer

ROOT = Path(__file__).resolve().parents[2]
DRIVE = ROOT / "samples" / "shanghai_drive" / "drive_L00CARNE3T0000000.mcap"


def script(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, f"scripts/{name}.py", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["raw", "jpeg"])
def test_a_killed_run_of_a_large_recording_goes_on_in_little_memory(tmp_path, form):
    ran = script(
        "large_recording",
        "--gib",
        "0.08" if form == "raw" else "0.01",
        "--form",
        form,
        "--folder",
        str(tmp_path),
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "OUT exists: False; whole files waiting: ['a.mcap']; noted: 1" in ran.stdout
    assert re.search(r"peak memory +[\d.]+ GiB .* held", ran.stdout)
    assert list(tmp_path.iterdir()) == []


def test_a_recording_is_the_same_as_itself():
    ran = script("compare_recordings", str(DRIVE), str(DRIVE))
    last = ran.stdout.splitlines()[-1].split()
    assert (ran.returncode, last) == (0, ["9448", "0", "0", "0"])


def test_what_changed_went_and_came_is_counted_by_topic(tmp_path):
    after = tmp_path / "after.mcap"
    with DRIVE.open("rb") as source, after.open("wb") as sink:
        writer = Writer(sink)
        writer.start()
        channels: dict[str, int] = {}
        for number, (_, channel, one) in enumerate(make_reader(source).iter_messages(log_time_order=False)):
            if channel.topic == "/gnss/fix" or number >= 500:
                continue
            if channel.topic not in channels:
                channels[channel.topic] = writer.register_channel(channel.topic, channel.message_encoding, 0)
            data = one.data[:-1] + b"?" if channel.topic == "/imu/data_raw" else one.data
            writer.add_message(channels[channel.topic], one.log_time, data, one.publish_time, one.sequence)
        writer.add_message(channels["/vehicle/can0"], 2**62, b"new", 2**62)
        writer.finish()
    ran = script("compare_recordings", str(DRIVE), str(after))
    rows = {line.split()[0]: [int(one) for one in line.split()[1:]] for line in ran.stdout.splitlines()[1:-1]}
    assert rows["/gnss/fix"] == [0, 0, 384, 0]
    assert rows["/vehicle/can0"][3] == 1
    assert rows["/imu/data_raw"][0] == 0
    assert rows["/imu/data_raw"][1] > 0
    assert all(
        row[0] > 0
        for topic, row in rows.items()
        if topic not in {"/gnss/fix", "/imu/data_raw"} and "camera" not in topic
    )


def test_what_is_no_recording_is_refused(tmp_path):
    shutil.copy(ROOT / "samples" / "shanghai_drive" / "vehicle.dbc", tmp_path / "x.mcap")
    ran = script("compare_recordings", str(DRIVE), str(tmp_path / "x.mcap"))
    assert ran.returncode == 2
    assert "no recording of messages" in ran.stderr

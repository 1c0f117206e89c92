"""The sample is not special: with another recording, other names, regions and keys, other sentences come out."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def tell(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "carnet", "demo", "--folder", str(folder), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr
    return " ".join(run.stdout.split())


def test_a_dashcam_recording_goes_from_peking_to_vienna(shared, tmp_path):
    recording = shared / "data" / "recordings" / "dashcam_lanelines_frames.mcap"
    told = tell(
        tmp_path / "demo", "--recording", str(recording), "--sender", "peking:CN", "--receiver", "wien:AT"
    )
    assert not re.search(r"shanghai|frankfurt|\bDE\b|L00CARNE", told)
    assert "peking" in told
    assert "wien has dashcam_lanelines_frames" in told
    assert 'recipient.located_in = "AT"' in told
    assert "location" not in told[told.index("raw:") : told.index("verdict")]
    assert "11 ok receipt: 1 contents arrived as they left" in told
    assert "flipped: step" in told
    assert told.count("REFUSED") == 4
    received = list((tmp_path / "demo" / "received").iterdir())
    assert [one.suffix for one in received] == [".mcap"]


def test_pictures_and_a_drive_from_elsewhere_end_where_the_law_ends_them(shared, tmp_path):
    recording = shared / "data" / "recordings" / "comma2k19_rav4_first40s.mcap"
    told = tell(
        tmp_path / "demo", "--recording", str(recording), "--sender", "detroit:US", "--receiver", "recife:BR"
    )
    assert "countries US" in told
    assert "the law of BR is not in the lawbook" in told
    assert "nothing leaves detroit" in told
    assert "dossier:" not in told
    assert not (tmp_path / "demo" / "movement.dossier").exists()
    assert not (tmp_path / "demo" / "received").exists()


def test_a_folder_of_pictures_in_the_fictional_country(shared, tmp_path):
    folder = tmp_path / "two pictures"
    folder.mkdir()
    for name in ("lanelines_solidWhiteCurve.jpg", "lanelines_whiteCarLaneSwitch.jpg"):
        shutil.copy(shared / "data" / "images" / "dashcam" / name, folder)
    told = tell(
        tmp_path / "demo",
        "--recording",
        str(folder),
        "--sender",
        "xanadu:XA",
        "--receiver",
        "wien:AT",
    )
    assert "li ingests two pictures into xanadu" in told
    assert "jpeg" in told
    assert "XA" in told


def test_a_track_from_another_country_is_not_kept_for_release(shared, tmp_path):
    recording = shared / "data" / "recordings" / "comma2k19_rav4_first40s.mcap"
    command = [
        sys.executable,
        "-m",
        "carnet",
        "demo",
        "--folder",
        str(tmp_path / "demo"),
        "--recording",
        str(recording),
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert run.returncode == 7
    assert "lies in US" in run.stderr
    assert not (tmp_path / "demo" / "received").exists()

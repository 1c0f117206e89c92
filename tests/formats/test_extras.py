"""Without an extra the core still imports, and what needs one says which."""

from __future__ import annotations

import subprocess
import sys

import pytest

_BLOCK = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name.partition(".")[0])
sys.meta_path.insert(0, Absent())
"""
# Workers are processes of their own, in which nothing is hidden: here the task runs in this one.
_IN_PROCESS = """
import importlib, io
import carnet.service.workers as workers
from carnet.service.worker import TASKS
def run(self, task, source, parameters, **options):
    module, name = TASKS[task]
    result = getattr(importlib.import_module(module), name)(source, io.BytesIO(), parameters, print)
    return workers.Outcome(result, {})
workers.Worker.__init__ = lambda self, limits=None: None
workers.Worker.alive = True
workers.Worker.close = lambda self: None
workers.Worker.run = run
from carnet.service.cli import main
"""
HEAVY = {"av", "cantools", "cv2", "lz4", "mcap", "numpy", "openvino", "rosbags", "simplejpeg", "zstandard"}


def run(blocked, code):
    program = _BLOCK.format(blocked=set(blocked)) + code
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_the_rooms_import_without_any_extra():
    done = run(HEAVY, "import carnet.classify, carnet.formats, carnet.service.cli.scan")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("blocked", "suffix", "extra"),
    [
        ({"zstandard"}, ".mcap", "recordings"),
        ({"rosbags"}, ".mcap", "recordings"),
        ({"av"}, ".mp4", "recordings"),
        ({"cantools"}, ".dbc", "recordings"),
        ({"simplejpeg"}, ".jpg", "recordings"),
        ({"cv2"}, ".png", "vision"),
    ],
)
def test_a_missing_extra_is_named(samples, tmp_path, blocked, suffix, extra):
    if suffix in {".jpg", ".png"}:
        import cv2
        import numpy as np

        path = tmp_path / f"a{suffix}"
        cv2.imwrite(str(path), np.zeros((20, 20, 3), np.uint8))
    else:
        path = next((samples / "shanghai_drive").glob(f"*{suffix}"))
    code = _IN_PROCESS + f"main(['scan', {str(path)!r}])"
    done = run(blocked, code)
    assert done.returncode == 2, done.stderr
    assert f"carnet[{extra}]" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_detectors_a_scan_says_that_nobody_looked(samples):
    path = str(samples / "shanghai_drive" / "front_camera.mp4")
    code = _IN_PROCESS + f"main(['scan', {path!r}, '--json'])"
    done = run({"openvino"}, code)
    assert done.returncode == 0, done.stderr
    assert "contents: not looked at" in done.stdout
    assert "contains_faces" not in done.stdout

"""Readers of others: asked for by name, loaded in workers, and what fails in one blocks the file."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest

from carnet.classify import describe
from carnet.errors import InputError
from carnet.formats.plugins import OutOfTimeError, check_installed, kind_of, open_with

TEMPLATE = Path(__file__).parents[2] / "samples" / "plugin"
RECORD = json.dumps({"lat": 48.1, "lon": 11.5}).encode()
FILE = b"CNT1" + (bytes([len(RECORD)]) + RECORD) * 3 + b"\xff"

BROKEN = {
    "absent": "import a_module_that_is_not_there",
    "raises": "class P:\n def takes(h): raise ValueError('the text of a file')",
    "leaves": "import sys\nsys.exit(0)",
    "hangs": "class P:\n def takes(h):\n  while True:\n   try: pass\n   except Exception: pass",
    "unsure": "class P:\n def takes(h): return 1",
    "none": "class P:\n def takes(h): return True\n def open(s, n): return None",
    "silent": """
from carnet_reader_template import CountedReader
class R(CountedReader):
 def messages(self): return iter(())
class P:
 def takes(h): return True
 def open(s, n): return R(s)
""",
    "late": """
from carnet_reader_template import CountedReader
class R(CountedReader):
 def messages(self):
  yield from super().messages()
  raise KeyError
class P:
 def takes(h): return True
 def open(s, n): return R(s)
""",
    "odd": """
from carnet_reader_template import CountedReader
class R(CountedReader):
 def messages(self): yield b"bytes"
class P:
 def takes(h): return True
 def open(s, n): return R(s)
""",
}


def install(site: Path) -> None:
    """Lay the template and broken plug-ins into a folder of packages, as an installer does."""
    points = tomllib.loads((TEMPLATE / "pyproject.toml").read_text())["project"]["entry-points"][
        "carnet.readers"
    ]
    (site / "carnet_reader_template.py").write_bytes(
        (TEMPLATE / "src" / "carnet_reader_template.py").read_bytes()
    )
    for name, text in BROKEN.items():
        (site / f"broken_{name}.py").write_text(text)
    about = site / "carnet_reader_template-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: carnet-reader-template\nVersion: 1.0\n")
    lines = [f"{name} = {place}" for name, place in points.items()]
    lines += [f"{name} = broken_{name}:P" for name in BROKEN]
    (about / "entry_points.txt").write_text("[carnet.readers]\n" + "\n".join(lines) + "\n")


@pytest.fixture(autouse=True)
def _installed(tmp_path, monkeypatch):
    site = tmp_path / "site"
    site.mkdir()
    install(site)
    monkeypatch.syspath_prepend(str(site))
    yield site
    for name in [one for one in sys.modules if one.startswith(("broken_", "carnet_reader_template"))]:
        del sys.modules[name]


def sheet_of(data, *plugins):
    return describe(io.BytesIO(data), name="x", detect=False, plugins=plugins)


def test_a_plug_in_reads_what_carnet_does_not():
    assert sheet_of(FILE).state == "blocked"
    sheet = sheet_of(FILE, "counted")
    assert (sheet.state, sheet.format) == ("partly", "counted")
    assert "location.position" in sheet.data
    assert "did not read all" in sheet.reason


def test_it_is_not_asked_about_formats_that_carnet_reads():
    data = b"(1579874871.000001) can0 1F0#0011223344556677\n"
    assert sheet_of(data, "none") == sheet_of(data)


def test_what_it_does_not_take_is_as_without_it():
    for data in (b"a plain text\n", b"\x00" * 50):
        assert sheet_of(data, "counted") == sheet_of(data)


@pytest.mark.parametrize("name", sorted(set(BROKEN) - {"hangs"}))
def test_a_broken_one_blocks_and_is_named(name):
    for data in (FILE, b"a plain text that it might have read\n"):
        if name in {"silent", "late", "odd"} and data != FILE:
            continue
        sheet = sheet_of(data, name)
        assert sheet.state == "blocked"
        assert f"plug-in {name}" in sheet.reason
        assert "the text of a file" not in sheet.reason
        assert not sheet.streams


def test_one_that_hangs_is_interrupted():
    reader = open_with(("hangs",), io.BytesIO(FILE), "x", FILE, seconds=0.2)
    assert "OutOfTimeError" in reader.reason


def test_what_is_not_installed_is_refused_without_loading():
    check_installed(["counted", "absent"])
    assert "broken_absent" not in sys.modules
    with pytest.raises(InputError, match="no plug-in"):
        check_installed(["another"])


def test_a_package_installed_in_an_environment_is_loaded_by_its_workers_alone(tmp_path):
    venv.create(tmp_path / "venv", with_pip=False)
    lib = tmp_path / "venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    install(lib)
    source = Path(sys.modules["carnet"].__file__).parents[1]
    places = [str(source), sysconfig.get_path("purelib")]
    (lib / "own.pth").write_text("".join(f"{one}\n" for one in places))
    (tmp_path / "a.cnt").write_bytes(FILE)
    code = (
        "import sys\nfrom carnet.service.cli import main\n"
        "sys.argv[1:] = ['scan', 'a.cnt', '--json', '--plugin', 'counted']\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "assert 'carnet_reader_template' not in sys.modules"
    )
    done = subprocess.run(
        [str(tmp_path / "venv" / "bin" / "python"), "-c", code],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    (item,) = json.loads(done.stdout)["items"]
    assert item["format"] == "counted"
    assert item["state"] == "partly"


def test_an_error_is_named_by_a_kind_that_everybody_has():
    made = type("VIN1M8GDM9AXKP042788", (ValueError,), {"__module__": "builtins"})
    assert kind_of(made("a")) == "ValueError"
    assert kind_of(SystemExit(1)) == "SystemExit"
    assert kind_of(OutOfTimeError()) == "OutOfTimeError"

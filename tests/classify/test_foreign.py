"""Recognisers and detectors of others: they add, they loosen nothing, and what fails in one blocks the file."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import sysconfig
import time
import tomllib
import venv
from pathlib import Path

import numpy as np
import pytest

from carnet.classify import describe
from carnet.classify.corrections import corrected, read_corrections
from carnet.classify.foreign import Foreign
from carnet.classify.pictures import Seen
from carnet.formats.plugins import check_installed
from carnet.law.lawbook import load_lawbook
from carnet.model.factsheet import ReadState
from carnet.recognise.text import recognise

TEMPLATE = Path(__file__).parents[2] / "samples" / "plugin"
BADGE = "W-12-0050-C"
LOG = f"gate opened for {BADGE}\n".encode()

RECOGNISERS = {
    "absent": "import a_module_that_is_not_there",
    "raises": "class P:\n def recognise(t): raise ValueError(t)",
    "leaves": "import sys\nsys.exit(0)",
    "none": "class P:\n def recognise(t): return None",
    "texts": "class P:\n def recognise(t): return 'identity.name'",
    "odd": "class P:\n def recognise(t): return [t]",
    "foreign_class": (
        "from carnet.recognise.text import Span\n"
        "class P:\n def recognise(t): return [Span(0, 1, 'identity.badge', 'x')]"
    ),
    "beyond": (
        "from carnet.recognise.text import Span\n"
        "class P:\n def recognise(t): return [Span(0, len(t) + 1, 'identity.name', 'x')]"
    ),
    "late": (
        "class P:\n seen = 0\n def recognise(t):\n  P.seen += 1\n  if P.seen > 3: raise KeyError\n  return []"
    ),
    "asks": (
        "from carnet.recognise.text import Span, recognise\n"
        "class P:\n def recognise(t): return [Span(0, 1, h.data, '') for h in recognise(t)]"
    ),
    "hangs": "class P:\n def recognise(t):\n  while True:\n   try: pass\n   except Exception: pass",
}
DETECTORS = {
    "blind": "class P:\n def find(p): raise ValueError('a face')",
    "boxless": "class P:\n def find(p): return [('biometric.face', (1, 2, 3, 4))]",
    "nameless": (
        "from carnet.detectors.box import Box\nclass P:\n def find(p): return [('a cat', Box(0, 0, 9, 9, 1))]"
    ),
    "endless": (
        "from carnet.detectors.box import Box\n"
        "class P:\n def find(p): return [('biometric.face', Box(0, 0, float('nan'), 9, 1))]"
    ),
    "faces": (
        "from carnet.detectors.box import Box\n"
        "class P:\n def find(p):\n  p[:] = 0\n  return [('biometric.face', Box(3, 3, 70, 90, 0.6))]"
    ),
}


def install(site: Path) -> None:
    """Lay the template and broken plug-ins into a folder of packages, as an installer does."""
    points = tomllib.loads((TEMPLATE / "pyproject.toml").read_text())["project"]["entry-points"]
    shutil.copy(TEMPLATE / "src" / "carnet_reader_template.py", site)
    lines = []
    for group, broken in (("carnet.recognisers", RECOGNISERS), ("carnet.detectors", DETECTORS)):
        lines.append(f"[{group}]")
        lines += [f"{name} = {place}" for name, place in points[group].items()]
        for name, text in broken.items():
            (site / f"broken_{name}.py").write_text(text)
            lines.append(f"{name} = broken_{name}:P")
    about = site / "carnet_reader_template-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: carnet-reader-template\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture(autouse=True)
def _installed(tmp_path, monkeypatch):
    from carnet.classify import foreign

    site = tmp_path / "site"
    site.mkdir()
    install(site)
    monkeypatch.syspath_prepend(str(site))
    yield
    for one in (foreign._points, foreign._loaded):
        one.cache_clear()
    for name in [one for one in sys.modules if one.startswith(("broken_", "carnet_reader_template"))]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def classes():
    return frozenset(load_lawbook().vocabulary.classes)


@pytest.fixture
def sheet_of(classes):
    def make(data, *plugins, name="x", detect=False):
        return describe(io.BytesIO(data), name=name, detect=detect, plugins=plugins, classes=classes)

    return make


def test_a_recogniser_adds_what_it_finds(sheet_of):
    alone, sheet = sheet_of(LOG), sheet_of(LOG, "badges")
    assert "identity.account" not in alone.data
    assert set(sheet.data) == {*alone.data, "identity.account"}
    (found,) = [one for one in sheet.streams[0].fields if one.data == "identity.account"]
    assert found.because == ("plugin:badges",)
    assert found.certainty == "likely"
    assert [one.name for one in sheet.tools] == ["plug-in badges"]
    assert sheet.tools[0].version == "1.0"
    assert BADGE not in json.dumps(sheet.to_json())
    assert recognise(BADGE) == (), "only while a file is looked at with it"


def test_one_that_the_worker_does_not_see_blocks(sheet_of):
    sheet = sheet_of(LOG, "badges", "of-another-environment")
    assert sheet.state is ReadState.BLOCKED
    assert sheet.reason == (
        "the plug-in of-another-environment is not installed in the environment that workers run in"
    )


def test_it_sees_names_columns_and_what_lies_outside(sheet_of):
    assert any(one.where == "file name" for one in sheet_of(LOG, "badges", name=f"{BADGE}.log").outside)
    table = f"badge,{BADGE}\n{BADGE},1\n".encode() * 2
    shown = json.dumps(sheet_of(table, "badges").to_json())
    assert "plugin:badges" in shown
    assert BADGE not in shown, "a name that identifies is withheld"
    archive = io.BytesIO()
    import zipfile

    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.log", LOG)
    assert "identity.account" in sheet_of(archive.getvalue(), "badges").data


def test_a_part_number_is_no_badge(sheet_of):
    assert "identity.account" not in sheet_of(b"fitted W-12-0050-D today\n", "badges").data


@pytest.mark.parametrize("name", sorted(set(RECOGNISERS) - {"hangs", "asks"}))
def test_a_broken_recogniser_blocks_and_is_named(sheet_of, name):
    data = b"a first line\nand a second\n" + LOG
    sheet = sheet_of(data, name)
    assert sheet.state == "blocked"
    assert f"plug-in {name}" in sheet.reason
    assert BADGE not in sheet.reason
    assert not sheet.streams


def test_one_that_hangs_is_interrupted(classes):
    foreign = Foreign(("hangs",), classes, seconds=0.2)
    began = time.monotonic()
    with foreign.listening():
        recognise(LOG.decode())
        recognise("another text")
    assert time.monotonic() - began < 2
    assert "OutOfTimeError" in foreign.reason


def test_one_that_asks_carnet_again_ends(sheet_of):
    sheet = sheet_of(b"mail to driver@example.com now\n", "asks")
    assert sheet.state == "read"
    rules = {rule for one in sheet.streams[0].fields for rule in one.because}
    assert "plugin:asks" in rules


def test_a_correction_does_not_take_it_back(sheet_of):
    sheet = sheet_of(LOG, "badges")
    text = (
        "corrections: v1\nentries:\n- {match: {format: "
        + str(sheet.format)
        + "}, data: nothing, author: A. B., "
        "reason: no badge, day: 2026-11-22}\n"
    )
    from datetime import date

    said = read_corrections(text, "c", load_lawbook().vocabulary, date(2026, 11, 22))
    assert "identity.account" in corrected(sheet, "x", said).data


# Pictures ---------------------------------------------------------------------------------------------------


def picture(sticker):
    image = np.full((120, 160, 3), 90, np.uint8)
    if sticker:
        image[20:60, 30:80] = (200, 0, 200)
    return image


def png(image):
    cv2 = pytest.importorskip("cv2", reason="the extra 'vision' is not installed: pictures are left out")
    return cv2.imencode(".png", image)[1].tobytes()


def test_a_detector_adds_a_class_or_a_size(sheet_of):
    alone = sheet_of(png(picture(sticker=True)), detect=True)
    sheet = sheet_of(png(picture(sticker=True)), "stickers", detect=True)
    assert set(sheet.data) == {*alone.data, "vehicle_id.device"}
    assert "vehicle_id.device" not in sheet_of(png(picture(sticker=False)), "stickers", detect=True).data
    facts = sheet_of(png(picture(sticker=False)), "faces", detect=True).streams[0].facts
    assert facts["contains_faces"] is True
    assert facts["faces_px_max"] == 90


def test_a_detector_takes_nothing_away_and_draws_in_its_own_copy(classes):
    seen, mine = Seen(facts={"faces_px_max": 200, "contains_faces": True}), picture(sticker=False)
    Foreign(("faces",), classes).look([mine], seen)
    assert seen.facts["faces_px_max"] == 200
    assert mine.max() == 90
    none = Seen(facts={"contains_faces": False})
    Foreign(("faces",), classes).look([mine], none)
    assert none.facts == {"contains_faces": True, "faces_px_max": 90}


@pytest.mark.parametrize("name", ["blind", "boxless", "nameless", "endless"])
def test_a_broken_detector_blocks_what_it_would_have_looked_at(sheet_of, name):
    sheet = sheet_of(png(picture(sticker=True)), name, detect=True)
    assert sheet.state == "blocked"
    assert f"plug-in {name}" in sheet.reason
    assert "a face" not in sheet.reason
    assert sheet_of(LOG, name, detect=True).state == "read", "it looks at no texts"


# Installed --------------------------------------------------------------------------------------------------


def test_names_are_looked_up_without_loading():
    check_installed(["badges", "stickers", "absent"])
    assert "broken_absent" not in sys.modules


def test_an_installed_package_is_loaded_by_workers_alone(tmp_path):
    venv.create(tmp_path / "venv", with_pip=False)
    lib = tmp_path / "venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    install(lib)
    source = Path(sys.modules["carnet"].__file__).parents[1]
    places = [str(source), sysconfig.get_path("purelib")]
    (lib / "own.pth").write_text("".join(f"{one}\n" for one in places))
    (tmp_path / "a.log").write_bytes(LOG)
    (tmp_path / "b.png").write_bytes(png(picture(sticker=True)))
    code = (
        "import sys\nfrom carnet.service.cli import main\n"
        "sys.argv[1:] = ['scan', 'a.log', 'b.png', '--json', '--plugin', 'badges', '--plugin', 'stickers']\n"
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
    log, sticker = json.loads(done.stdout)["items"]
    assert "identity.account" in log["streams"][0]["data"]
    assert "vehicle_id.device" in sticker["streams"][0]["data"]

"""What an earlier command read and checked is taken again only when it is exactly that."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import stat
from datetime import date
from pathlib import Path

import pytest

from carnet.decide import decide
from carnet.law import kept
from carnet.law.lawbook import _load, default_folder, load_lawbook
from carnet.model.movement import parse_movement

MOVEMENT = """
movement: v1
date: 2026-08-01
origin: CN
destination: DE
exporter: {established_in: CN, roles: [manufacturer]}
recipient: {established_in: DE, relation: affiliate}
activity: driving_automation
purpose: training
contents:
  - {name: camera, data: image.exterior, persons: 200000}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    place = tmp_path / "cache"
    monkeypatch.setenv(kept.VARIABLE, str(place))
    _load.cache_clear()
    yield place
    _load.cache_clear()


def again():
    _load.cache_clear()
    return load_lawbook(kept=True)


def said(book):
    return decide(parse_movement(MOVEMENT, source="test"), book).to_mapping()


def only(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


def test_what_was_kept_decides_as_what_was_read(folder):
    first = load_lawbook(kept=True)
    second = again()
    assert second is not first
    assert (second.digest, second.texts) == (first.digest, first.texts)
    assert [len(one.rules) for one in second.orders.values()] == [
        len(one.rules) for one in first.orders.values()
    ]
    assert said(second) == said(load_lawbook())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(only(folder).stat().st_mode) == 0o600


@pytest.mark.usefixtures("folder")
def test_what_was_kept_is_really_taken(monkeypatch):
    load_lawbook(kept=True)
    monkeypatch.setattr("carnet.law.lawbook.lawbook_from_texts", lambda _: pytest.fail("it was read again"))
    assert again().rule("cn/guide_2026/g7") is not None


def test_a_changed_line_of_law_is_read_again(folder, tmp_path):
    law = tmp_path / "law"
    shutil.copytree(default_folder(), law)
    load_lawbook(law, kept=True)
    place = law / "cn" / "parameters.yaml"
    place.write_text(place.read_text(encoding="utf-8") + "\n# another line\n", encoding="utf-8")
    _load.cache_clear()
    book = load_lawbook(law, kept=True)
    assert book.digest == load_lawbook(law).digest
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("at", [0, 40, 70, 5000, -1])
def test_a_flipped_byte_is_not_believed(folder, at):
    book = load_lawbook(kept=True)
    data = bytearray(only(folder).read_bytes())
    data[at] ^= 1
    only(folder).write_bytes(data)
    assert kept.take(book.digest, dict(book.texts)) is None
    assert said(again()) == said(book)
    assert kept.take(book.digest, dict(book.texts)) is not None


def test_a_file_cut_short_is_not_believed(folder):
    book = load_lawbook(kept=True)
    only(folder).write_bytes(only(folder).read_bytes()[:-100])
    assert kept.take(book.digest, dict(book.texts)) is None


def _written(folder: Path, data: bytes) -> None:
    only(folder).write_bytes(kept._HEAD + hashlib.sha256(data).digest() + data)


class Trap:
    def __reduce__(self):
        return os.mkdir, (os.environ["TRAP"],)


def test_nothing_but_values_of_a_lawbook_is_made(folder, tmp_path, monkeypatch):
    book = load_lawbook(kept=True)
    monkeypatch.setenv("TRAP", str(tmp_path / "sprung"))
    for what in (Trap(), book.register, ["a", 1], date(2026, 1, 1)):
        _written(folder, pickle.dumps(what))
        assert kept.take(book.digest, dict(book.texts)) is None
    # Names that a module of the list merely imports are no values of a lawbook.
    for name in ("os", "Path", "lawbook_from_texts", "Lawbook.rule"):
        _written(folder, f"ccarnet.law.lawbook\n{name}\n.".encode())
        assert kept.take(book.digest, dict(book.texts)) is None
    assert not (tmp_path / "sprung").exists()


@pytest.mark.usefixtures("folder")
def test_another_lawbook_under_this_name_is_not_taken():
    book = load_lawbook(kept=True)
    texts = {**book.texts, "cn/parameters.yaml": book.texts["cn/parameters.yaml"] + "\n# x\n"}
    assert kept.take(book.digest, texts) is None


def test_what_others_may_write_is_not_read(folder):
    book = load_lawbook(kept=True)
    only(folder).chmod(0o622)
    assert kept.take(book.digest, dict(book.texts)) is None


def test_a_link_is_not_followed(folder, tmp_path):
    book = load_lawbook(kept=True)
    moved = tmp_path / "elsewhere"
    place = only(folder)
    place.rename(moved)
    place.symlink_to(moved)
    assert kept.take(book.digest, dict(book.texts)) is None


def test_nothing_is_kept_where_that_is_wanted(folder, monkeypatch):
    monkeypatch.setenv(kept.VARIABLE, "")
    assert said(load_lawbook(kept=True)) == said(load_lawbook())
    assert not folder.exists()


def test_a_place_that_cannot_be_written_is_no_error(folder):
    folder.write_text("a file where the folder would be", encoding="utf-8")
    assert load_lawbook(kept=True).orders


def test_only_the_newest_are_kept(folder):
    load_lawbook(kept=True)
    name = only(folder).name
    for number in range(kept.MOST_KEPT + 3):
        other = folder / f"lawbook-{number:032x}-0.kept"
        other.write_bytes(b"x")
        os.utime(other, (number, number))
    kept.keep(load_lawbook())
    names = {one.name for one in folder.iterdir()}
    assert name in names
    assert len(names) == kept.MOST_KEPT


def test_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv(kept.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert kept.cache_folder() == tmp_path / "carnet"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert kept.cache_folder() == tmp_path / "home" / ".cache" / "carnet"

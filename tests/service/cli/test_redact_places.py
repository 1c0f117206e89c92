"""`carnet redact` with places, tokens and a key file."""

from __future__ import annotations

import json
import stat

import pytest

from carnet.errors import KeyFileError
from carnet.service import cli
from carnet.service.redaction_keys import redaction_keys

PLATE = "沪A12345"


def carnet(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(["redact", *words])
    return int(ended.value.code or 0)


def test_tokens_stay_the_same_under_one_key_file(tmp_path, capsys):
    source, key, other = tmp_path / "a.json", tmp_path / "one.key", tmp_path / "two.key"
    source.write_text(json.dumps([{"plate": PLATE}, {"note": f"seen {PLATE}"}]), encoding="utf-8")
    made = []
    for number, keys in enumerate((key, key, other)):
        out = tmp_path / f"{number}.json"
        words = ["--remove", "vin", "--replace", "plates", "--keys", str(keys), "--json"]
        assert carnet(str(source), str(out), *words) == 0
        form = json.loads(capsys.readouterr().out)["items"][0]
        assert form["replaced"] == ["plates"]
        assert "plates" not in form["removed"]
        made.append(json.loads(out.read_bytes()))
    assert made[0] == made[1] != made[2]
    assert made[0][0]["plate"] in made[0][1]["note"]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    for text in (path.read_text(encoding="utf-8") for path in tmp_path.glob("*.manifest.json")):
        assert PLATE not in text
        assert not any(one in text for one in redaction_keys(key)[0].values())


def test_an_order_without_its_key_is_refused_and_leaves_nothing(tmp_path, capsys):
    source, out = tmp_path / "a.json", tmp_path / "b.json"
    source.write_text('{"plate": "x"}', encoding="utf-8")
    assert carnet(str(source), str(out), "--remove", "vin", "--replace", "plates") == 2
    assert "scope key" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("content", "word"),
    [("{", "JSON"), ("[]", "mapping"), ('{"cells": 1}', "cells"), ('{"cell_m": 100}', "made coarser")],
)
def test_a_wrong_file_of_places_is_refused(tmp_path, capsys, content, word):
    source, places = tmp_path / "a.json", tmp_path / "places.json"
    source.write_text('{"a": "x"}', encoding="utf-8")
    places.write_text(content, encoding="utf-8")
    assert carnet(str(source), str(tmp_path / "b.json"), "--location", str(places)) == 2
    assert word in capsys.readouterr().err


def test_a_key_file_open_to_others_is_refused(tmp_path):
    path = tmp_path / "one.key"
    keys, new = redaction_keys(path)
    assert new
    assert redaction_keys(path) == (keys, False)
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="open to others"):
        redaction_keys(path)
    path.chmod(0o600)
    path.write_text('{"carnet_key": "v1", "kind": "region", "key": ""}')
    with pytest.raises(KeyFileError, match="no key file"):
        redaction_keys(path)

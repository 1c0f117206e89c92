"""The attacks of `make attack`, small: they find what is not protected, and fail where carnet protects."""

from __future__ import annotations

import base64
import gzip

import numpy as np
import pytest
import zstandard

import attack_bytes
import attack_home
import attack_recordings
import attack_scanner
import attack_tokens


def closest(protection, way, subjects=8, days=8):
    errors, _, _ = attack_home.attack(protection, [way], subjects, days, seed=7)
    return sum(error <= attack_home.CLOSE_M for error in errors[way])


def test_homes_are_found_where_nothing_protects_them():
    assert closest(attack_home.nothing, "median of first fixes") == 8
    assert closest(attack_home.positions_only, "speed and yaw integrated back") >= 7
    assert closest(attack_home.fixed_circle, "circle fit") >= 7


@pytest.mark.parametrize("way", list(attack_home.WAYS))
def test_homes_are_not_found_within_squares(way):
    assert closest(attack_home.squares, way) <= 1


def test_every_stream_of_the_hidden_stretch_is_gone():
    chance = np.random.default_rng(3)
    _, trips = attack_home.commuter(chance, 1)
    seen = attack_home.squares(trips[0], trips[0].xy, bytes(32), chance)
    assert seen is not None
    assert len(seen.speed_before) == len(seen.yaw_before) == 0
    assert np.hypot(*(seen.first - trips[0].xy[0])) > attack_home.USUAL_M[0]


def test_tokens_link_within_a_scope_alone():
    rows = attack_tokens.token_rows(60)
    assert [row for row in rows if not row.passes] == []
    assert sum(row.least == 1.0 for row in rows) == 3


@pytest.mark.parametrize("name", ["trips.json", "trips.csv", "bus.log", "1M8GDM9AXKP042788_zstd.mcap"])
def test_no_planted_token_is_left(name):
    (row, _) = attack_bytes.rows({name: attack_bytes.FILES[name]})
    assert row.of == 5
    assert row.hits == 0, row.note


def test_the_scanner_opens_what_is_packed():
    needles = {"mail": attack_scanner.text_needles("anna@fleet.example")}
    plain = b"write to anna@fleet.example now"
    for packed in (
        plain,
        plain.decode().encode("utf-16-be"),
        gzip.compress(plain),
        b"junk" + zstandard.ZstdCompressor().compress(plain) + b"junk",
        base64.b64encode(b"?" + plain),
        gzip.compress(base64.b64encode(zstandard.ZstdCompressor().compress(plain * 3))),
        plain.hex().encode(),
    ):
        assert attack_scanner.found_in(packed, needles) == {"mail"}
    assert attack_scanner.found_in(b"write to nobody" * 50, needles) == set()


def test_recordings_show_what_the_rule_says_and_no_more():
    rows = attack_recordings.rows(subjects=2)
    assert rows[0].of >= 4
    assert [row for row in rows if not row.passes] == []

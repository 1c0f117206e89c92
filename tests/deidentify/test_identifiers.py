"""FF1, VIN pseudonyms and tokens: the standard's vectors, and properties."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.deidentify.fpe import Ff1
from carnet.deidentify.tokens import Scope, ScopeKey, ScopeKeys
from carnet.deidentify.vin_pseudonym import SUPPRESSED, VinCipher
from carnet.errors import RedactionError
from carnet.recognise.text import vin_check_digit, vin_check_digit_holds

K128 = "2B7E151628AED2A6ABF7158809CF4F3C"
K192 = K128 + "EF4359D8D580AA4F"
K256 = K192 + "7F036D6F04FC6A94"
DIGITS, LOWER = "0123456789", "0123456789abcdefghijklmnopqrstuvwxyz"
T10, T36 = "39383736353433323130", "3737373770717273373737"
LONG = "0123456789abcdefghi"
SIGNS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
KEY = bytes(range(32))
vins = st.text(SIGNS, min_size=17, max_size=17)
CIPHER = VinCipher(KEY)


# NIST, "FF1samples": examples 1 to 9 of SP 800-38G.
@pytest.mark.parametrize(
    ("key", "signs", "tweak", "plain", "sealed"),
    [
        (K128, DIGITS, "", DIGITS, "2433477484"),
        (K128, DIGITS, T10, DIGITS, "6124200773"),
        (K128, LOWER, T36, LONG, "a9tv40mll9kdu509eum"),
        (K192, DIGITS, "", DIGITS, "2830668132"),
        (K192, DIGITS, T10, DIGITS, "2496655549"),
        (K192, LOWER, T36, LONG, "xbj3kv35jrawxv32ysr"),
        (K256, DIGITS, "", DIGITS, "6657667009"),
        (K256, DIGITS, T10, DIGITS, "1001623463"),
        (K256, LOWER, T36, LONG, "xs8a0azh2avyalyzuwd"),
    ],
)
def test_the_samples_of_the_standard(key, signs, tweak, plain, sealed):
    cipher = Ff1(bytes.fromhex(key), len(signs))
    made = cipher.encrypt([signs.index(one) for one in plain], bytes.fromhex(tweak))
    assert "".join(signs[one] for one in made) == sealed
    assert "".join(signs[one] for one in cipher.decrypt(made, bytes.fromhex(tweak))) == plain


@given(st.data(), st.binary(min_size=16, max_size=16), st.integers(2, 1 << 16), st.binary(max_size=40))
@settings(max_examples=60)
def test_what_is_encrypted_decrypts(data, key, radix, tweak):
    fewest = next(n for n in range(2, 30) if radix**n >= 1_000_000)
    length = data.draw(st.integers(fewest, fewest + 20))
    numerals = tuple(data.draw(st.lists(st.integers(0, radix - 1), min_size=length, max_size=length)))
    cipher = Ff1(key, radix)
    made = cipher.encrypt(numerals, tweak)
    assert len(made) == length
    assert all(0 <= one < radix for one in made)
    assert cipher.decrypt(made, tweak) == numerals
    assert cipher.encrypt(cipher.decrypt(numerals, tweak), tweak) == numerals


@pytest.mark.parametrize(
    ("radix", "numerals", "word"),
    [(10, [0] * 5, "million"), (33, [0] * 3, "million"), (10, [10] * 6, "radix"), (10, [0], "2 to 4096")],
)
def test_what_could_be_tried_out_is_refused(radix, numerals, word):
    with pytest.raises(ValueError, match=word):
        Ff1(KEY, radix).encrypt(numerals)
    with pytest.raises(ValueError, match="AES"):
        Ff1(b"short", radix)
    with pytest.raises(ValueError, match="radix"):
        Ff1(KEY, 1)


@given(vins, st.booleans())
def test_a_vin_keeps_what_many_share_and_comes_back(vin, checked):
    if checked:
        vin = vin[:8] + vin_check_digit(vin) + vin[9:]
    made = CIPHER.pseudonym(vin)
    if vin[2] == "9":
        assert made == SUPPRESSED
        return
    assert made[:8] + made[9:11] == vin[:8] + vin[9:11]
    assert set(made) <= set(SIGNS)
    assert made[11:].isdigit() is vin[11:].isdigit()
    assert vin_check_digit_holds(made) is vin_check_digit_holds(vin)
    assert CIPHER.original(made) == vin


@given(vins)
@settings(max_examples=30)
def test_another_key_gives_another_number(vin):
    if vin[2] != "9":
        others = {VinCipher(bytes([n]) * 32).pseudonym(vin) for n in range(4)}
        assert len(others) >= 3


def test_no_two_vehicles_get_one_number():
    vins = [f"1FTFW1ET{check}DFC{n:05d}" for n in range(200) for check in "0123456789X"]
    made = [CIPHER.pseudonym(one) for one in vins]
    assert len(set(made)) == len(vins)


def test_published_vins_keep_their_check_digit(shared):
    with (shared / "data" / "vin" / "vins.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if not row["note"].startswith("INVALID")]
    assert len(rows) > 35
    for number, row in enumerate(rows):
        made = CIPHER.pseudonym(row["vin"])
        assert vin_check_digit_holds(made) is vin_check_digit_holds(row["vin"]), f"row {number}"
        assert CIPHER.original(made) == row["vin"].upper(), f"row {number}"


@pytest.mark.parametrize("text", ["", "1FTFW1ET5DFC1031", "1FTFW1ET5DFC1031O", SUPPRESSED])
def test_what_is_no_vin_has_no_pseudonym(text):
    with pytest.raises(ValueError, match=r"VIN|original"):
        CIPHER.original(text)


scopes = st.builds(Scope, st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))


@given(scopes, scopes, st.text(max_size=40))
def test_tokens_join_within_a_scope_and_nowhere_else(one, other, value):
    keys = ScopeKeys(KEY, {})
    here, there = keys.open(one), keys.open(other)
    assert here.token("vin", value) == keys.open(one).token("vin", value)
    assert len(here.token("vin", value)) == 24
    assert (here.token("vin", value) == there.token("vin", value)) is (one == other)
    assert here.token("vin", value) != here.token("plate", value)
    assert here.open("vin", here.seal("vin", value)) == value
    assert here.seal("vin", value) == keys.open(one).seal("vin", value)
    if one != other:
        with pytest.raises(RedactionError, match="scope"):
            there.open("vin", here.seal("vin", value))


@given(st.text(max_size=30), st.text(max_size=8))
def test_an_erased_scope_is_gone(value, period):
    seeds: dict[Scope, bytes] = {}
    keys, scope = ScopeKeys(KEY, seeds), Scope("r", "p", period)
    token, sealed = keys.open(scope).token("vin", value), keys.open(scope).seal("vin", value)
    keys.erase(scope)
    assert seeds == {}
    assert keys.open(scope).token("vin", value) != token
    with pytest.raises(RedactionError, match="scope"):
        keys.open(scope).open("vin", sealed)
    keys.erase(scope)
    with pytest.raises(RedactionError, match="no key"):
        keys.erase(scope)


@given(st.text(max_size=60))
def test_what_is_no_token_is_refused(text):
    with pytest.raises(RedactionError):
        ScopeKeys(KEY, {}).open(Scope("r", "p", "t")).open("vin", text)


def test_short_keys_are_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        ScopeKey(b"x" * 31, bytes(32), Scope("r", "p", "t"))
    with pytest.raises(ValueError, match="32"):
        ScopeKey(KEY, bytes(31), Scope("r", "p", "t"))

from __future__ import annotations

import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.recognise.text import find_vins, recognise, recognise_bytes, spans, vin_check_digit_holds


def classes(text):
    return {hit.data for hit in recognise(text)}


def test_real_vins_are_found_and_wrong_ones_are_not(shared):
    with (shared / "data" / "vin" / "vins.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 35
    for row in rows:
        invalid = row["note"].startswith("INVALID")
        found = find_vins(f"vin={row['vin']}")
        assert bool(found) is not invalid, row["note"]


@pytest.mark.parametrize(
    "text", ["1M8GDM9AXKP042788", "drive_1M8GDM9AXKP042788.mcap", "car 1m8gdm9axkp042788 x"]
)
def test_a_vin_with_check_digit_needs_no_word(text):
    assert classes(text) == {"vehicle_id.vin"}


@pytest.mark.parametrize(
    "text",
    [
        "1M8GDM9A1KP042788",  # wrong check digit, no word beside it
        "0123456789abcdef0",  # hexadecimal
        "11111111111111111",
        "part 1M8GDM9AXKP0427889",
        "torque 12.5, 13.5 Nm",
        "version 1.2.3-4 build 20260801",
        "2026-08-01T10:00:00+08:00",
        "frames 1533226488.429536256",
        "sha 9f86d081884c7d659a2feaa0c55ad015",
    ],
)
def test_hard_negatives(text):
    assert classes(text) == set()


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("沪A12345", "vehicle_id.plate"),
        ("车牌 粤B·D12345", "vehicle_id.plate"),
        ("write to driver@fleet.example.", "identity.contact"),
        ("call 13812345678", "identity.contact"),
        ("Tel. +49 711 1234567", "identity.contact"),
        ("id 11010519491231002X", "identity.government"),
        ("IMEI 490154203237518", "vehicle_id.device"),
        ("00:1b:44:11:3a:b7", "vehicle_id.device"),
        ("+31.1204+121.1981/", "location.position"),
        ("31.23041, 121.47370", "location.position"),
        ("lat=31.2304", "location.position"),
        ("$GPGGA,123519,4807.038,N,01131.000,E", "location.position"),
    ],
)
def test_what_identifies_is_found(text, data):
    assert data in classes(text)


def test_sixteen_bit_text_is_read_too():
    assert {hit.data for hit in recognise_bytes("driver@fleet.example".encode("utf-16-le"))} == {
        "identity.contact"
    }


@given(st.text("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", min_size=17, max_size=17), st.integers(0, 16))
def test_one_changed_digit_breaks_the_check(vin, place):
    if not vin_check_digit_holds(vin) or place == 8:
        return
    for sign in "0123456789":
        changed = vin[:place] + sign + vin[place + 1 :]
        if vin[place].isdigit() and sign != vin[place]:
            assert not vin_check_digit_holds(changed)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_looked_through(data):
    for hit in recognise_bytes(data):
        assert hit.rule.startswith("text:")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("请联系 driver@fleet.example谢谢", "driver@fleet.example"),
        ("call 13812345678.", "13812345678"),
        ("call 86 13812345678. Then", "86 13812345678"),
        ("at 31.23045,121.47375.", "31.23045,121.47375"),
        ('{"coordinates": [121.47375, 31.23045]}', "121.47375, 31.23045"),
    ],
)
def test_what_follows_a_value_does_not_hide_it(text, value):
    assert value in {text[one.start : one.end] for one in spans(text)}


@pytest.mark.parametrize("run", ["@", "a@", "a@b.", "@a.a.a.a.a.a.a.a.a", "1.1234 ", "+1"])
def test_long_runs_are_looked_through_in_one_go(run):
    # A recogniser that tries each place again takes minutes here, and the suite's own limit ends it.
    list(spans(run * (400_000 // len(run))))


def test_a_number_of_a_version_is_no_telephone():
    assert classes("build 13812345678.5") == set()


@given(st.from_regex(r"-?[0-9]{1,5}(\.[0-9]{1,3})?", fullmatch=True))
def test_a_number_of_a_few_digits_is_in_no_rule(text):
    assert list(spans(text)) == []
    assert recognise(text) == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("seen at 48\u00b008'14.2\"N 11\u00b034'31.5\"E, twice", "48\u00b008'14.2\"N 11\u00b034'31.5\"E"),
        ("seen at 48\u00b0 08\u2032 14\u2033 N", "48\u00b0 08\u2032 14\u2033 N"),
        ("home N48 08.226 E011 34.524", "N48 08.226 E011 34.524"),
        ("home N 48\u00b0 08.226' E 011\u00b0 34.524'", "N 48\u00b0 08.226' E 011\u00b0 34.524'"),
        ("48.1371N, 11.5754E", "48.1371N, 11.5754E"),
        ("48,1371\u00b0 N / 11,5754\u00b0 O", "48,1371\u00b0 N / 11,5754\u00b0 O"),
        ("33.86S 151.21E", "33.86S 151.21E"),
        ("车在北纬31.12度", "31.12度"),
        ("北緯35度41分22秒", "35度"),
        ('"longitudeE7": 115754000,', "115754000"),
        ("latitude: -481371000", "481371000"),
    ],
)
def test_coordinates_with_their_hemisphere_or_packed(text, value):
    assert value in {text[one.start : one.end] for one in spans(text)}
    assert "location.position" in {one.data for one in recognise(text)}


SPELT = " ".join(f"{sign:02X}" for sign in b"WVWZZZ1JZXW000001")


@pytest.mark.parametrize(
    "text",
    [
        f"<- 62 F1 90 {SPELT} ok",
        f"rx: 49:02:01:{SPELT.replace(' ', ':').lower()}",
        f"[5A-90-{SPELT.replace(' ', '-')}-00-00]",
        f"7E8 {' '.join(f'{sign:02x}' for sign in b'1M8GDM9AXKP042788')}",
    ],
)
def test_a_vin_in_bytes_that_are_spelt_is_found(text):
    (found,) = [one for one in spans(text) if one.data == "vehicle_id.vin"]
    assert found.rule == "text:vin in hex"
    assert text[found.start : found.end].count("57") >= 2 or "31 4d 38" in text


@pytest.mark.parametrize(
    "text",
    [
        " ".join(f"{at:02X}" for at in range(256)),
        " ".join(["00"] * 40),
        " ".join(f"{sign:02X}" for sign in b"0123456789 bottles of beer"),
        "62 F1 90 57 56 57",
        f"x{SPELT}",
    ],
)
def test_other_bytes_are_no_vin(text):
    assert "vehicle_id.vin" not in {one.data for one in recognise(text)}


@pytest.mark.parametrize(
    "text",
    [
        "tighten to 5N then 3E",
        "M8x1.25 S 10.9 E 4",
        "temperature 21\u00b0C, turned by 45\u00b0",
        "48.1371N and nothing else",
        "95.1371N, 11.5754E",
        "48 75.226N, 11 34.524E",
        "lat=1234567 ns, lon=7654321",
        "part N12 34.56 E",
        "section 4.2S 3.1E",
        "Nm 48.12 E 11.34",
    ],
)
def test_numbers_beside_letters_are_no_coordinates(text):
    assert "location.position" not in {one.data for one in recognise(text)}


def wide(text):
    """Give figures and letters as forms in Chinese and Japanese fill them in."""
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)


@pytest.mark.parametrize(
    ("before", "value"),
    [
        ("車台番号 ", "1M8GDM9AXKP042788"),
        ("電話\u3000", "090-1234-5678"),
        ("手机", "13812345678"),
        ("", "京A12345"),
        ("mail ", "wang@example.com"),
    ],
)
def test_signs_of_chinese_and_japanese_width_are_read(before, value):
    text = f"{before}{wide(value)} です"
    assert classes(text) == classes(f"{before}{value} です") != set()
    assert wide(value) in {text[one.start : one.end] for one in spans(text)}


def test_words_of_that_width_alone_are_nothing():
    assert not recognise(f"{wide('ABC')}モーターの回転数は{wide('3000')}です")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_bytes_are_looked_through_to_their_end(encoding):
    text = "some words \n" * 200_000 + "1M8GDM9AXKP042788 \n"
    assert {one.data for one in recognise_bytes(text.encode(encoding))} == {"vehicle_id.vin"}

"""Keys in blocks say what the recognisers say of each key alone."""

from __future__ import annotations

import pytest

pa = pytest.importorskip("pyarrow", reason="carnet[tables] is not installed")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from carnet.classify.key_classes import classes_of_key  # noqa: E402 -- after the skip
from carnet.classify.keys import KeyKind, kinds_of_keys  # noqa: E402
from carnet.recognise.text import recognise, vin_check_digit  # noqa: E402


def kinds(*keys, sizes=None):
    return kinds_of_keys(pa.array(list(keys), pa.string()), pa.array(sizes or [None] * len(keys), pa.int64()))


def vin(serial):
    plain = f"LSVAA4180E2{serial:06d}"
    return plain[:8] + vin_check_digit(plain) + plain[9:]


def test_what_varies_is_one_kind():
    made = kinds(
        *(
            f"raw/vin={vin(number)}/date=2024-05-{number % 28 + 1:02d}/{number:09d}.jpg"
            for number in range(500)
        ),
        sizes=list(range(500)),
    )
    assert made == [
        KeyKind(
            "raw/vin={vin}/date=#-#-#/#.jpg",
            (("vehicle_id.vin", "partition:vin"), ("vehicle_id.vin", "text:vin")),
            500,
            sum(range(500)),
            499,
        )
    ]


def test_hashes_and_uuids_are_no_kinds_of_their_own():
    made = kinds(
        "a/3f2504e0-4f89-11d3-9a0c-0305e82c3301.mcap",
        "a/12345678-4f89-11d3-9a0c-0305e82c3302.mcap",
        "a/deadbeef00.mcap",
        "a/9e107d9d372bb6826bd81d3542a419d6.mcap",
    )
    assert {(one.key, one.count) for one in made} == {("a/{uuid}.mcap", 2), ("a/{hex}.mcap", 2)}


@pytest.mark.parametrize(
    ("key", "data"),
    [
        ("mails/anna.schmidt@example.com/1.json", "identity.contact"),
        ("calls/13812345678.wav", "identity.contact"),
        ("fleet/沪A12345/1.mcap", "vehicle_id.plate"),
        ("plate AB12CDE/1.jpg", "vehicle_id.plate"),
        ("M-AB 1234/1.mcap", "vehicle_id.plate"),
        ("cards/11010519491231002X.jpg", "identity.government"),
        ("wifi/00:1b:44:11:3a:b7.log", "vehicle_id.device"),
        ("at/31.230416,121.473701.json", "location.position"),
        ("vin_WVWZZZ1KZ8W123456_x.mcap", "vehicle_id.vin"),
        ("b64/YW5uYS5zY2htaWR0QGV4YW1wbGUuY29t.bin", "identity.contact"),
        ("hex/616e6e612e7363686d696474406578616d706c652e636f6d", "identity.contact"),
    ],
)
def test_what_identifies_is_found_and_not_repeated(key, data):
    assert data in {str(one.data) for one in recognise(key.replace("/", " "))}
    (one,) = kinds(key)
    assert data in {found for found, _ in one.found}
    assert not {str(hit.data) for hit in recognise(one.key.replace("/", " "))}


@pytest.mark.parametrize("key", ["driver_name=Anna/1.mcap", "users/anna/1.mcap", "license_plate=X/1.mcap"])
def test_a_value_behind_a_name_that_says_a_person_is_withheld(key):
    (one,) = kinds(key)
    assert one.found
    assert "{value}" in one.key
    assert "nna" not in one.key


# Pieces that recognisers look for, and their hard neighbours; glued in any order.
PIECES = st.sampled_from(
    [
        *(
            "/",
            "-",
            "_",
            ".",
            " ",
            "=",
            ":",
            ",",
            "+",
            "(",
            ")",
            "vin",
            "driver",
            "plate",
            "imei",
            "lat",
            "raw",
        ),
        *(
            "13812345678",
            "86",
            "490154203237518",
            "11010519491231002X",
            "LSVAA41801E2184841",
            "沪A12345",
            "あ 12-34",
        ),
        *(
            "WVWZZZ1KZ8W123456",
            "lsvaa4184e2184841",
            "31.2304",
            "121.4737",
            "B-AB 123",
            "a@b.de",
            "Anna Schmidt",
        ),
        *(
            "00:1b:44:11:3a:b7",
            "DE89370400440532013000",
            "+49 170 1234567",
            "2024",
            "05",
            "deadbeef",
            "氏名：山田太郎",
        ),
        *(
            "YW5uYUBleGFtcGxlLmNvbQ==",
            "090-1234-5678",
            "(415) 555-1234",
            "1HGCM82633A004352",
            "$GPGGA",
            "{vin}",
        ),
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(PIECES, min_size=1, max_size=6).map("".join), min_size=1, max_size=8))
def test_a_block_finds_at_least_what_each_key_alone_has(keys):
    """What is found is cut out before the rest is looked at: of pieces run together a block may find one more."""
    together = {hit for one in kinds(*keys) for hit in one.found if hit[1].startswith("text:")}
    alone = set()
    for key in keys:
        alone |= {(str(hit.data), hit.rule) for hit in recognise(key.replace("/", " "))}
    assert together >= alone
    assert sum(one.count for one in kinds(*keys)) == len(keys)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=10))
def test_any_text_is_counted_once(keys):
    assert sum(one.count for one in kinds(*keys)) == len(keys)


def test_no_keys_have_no_kinds():
    assert kinds() == []


@pytest.mark.parametrize(
    ("kind", "form", "data"),
    [
        ("raw/cam_front/#.jpg", "jpeg", ("image.exterior",)),
        ("raw/cabin_camera/#.jpg", "jpeg", ("image.cabin",)),
        ("a/#.pcd", "pcd", ("ranging.lidar",)),
        ("gps/#.csv.gz", "csv", ("location.position",)),
        ("a/#.mcap", "mcap", ("unknown",)),
        ("a/whatever", None, ("unknown",)),
        ("tracks/#.gpx", "gpx", ("location.trajectory",)),
    ],
)
def test_names_say_what_is_possible(kind, form, data):
    told = classes_of_key(kind)
    assert (told.format, told.data) == (form, data)
    assert len(told.because) == len(data)


def test_a_number_in_japanese_width_is_withheld():
    (one,) = kinds("raw/" + "".join(chr(ord(sign) + 0xFEE0) for sign in "1M8GDM9AXKP042788") + "/a.jpg")
    assert ("vehicle_id.vin", "text:vin") in one.found

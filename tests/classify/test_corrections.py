"""What people say of a scan: for the like, with author and reason, and never against contents."""

from __future__ import annotations

import io
import itertools
import json
import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.classify import describe
from carnet.classify.corrections import Outcome, _fits, corrected, read_corrections, template
from carnet.errors import InputError
from carnet.law.lawbook import load_lawbook

TODAY = date(2026, 11, 22)
WORDS = load_lawbook().vocabulary
SAID = ', author: "A. B.", reason: our list, day: "2026-11-01"}'
VIN = "1M8GDM9AXKP042788"
BUS = b"".join(b"(1579874871.%06d) can0 1F0#0011223344556677\n" % i for i in range(8))
DBC = b'VERSION ""\nBU_: A\nBO_ 496 EPS: 8 A\n SG_ Q_7 : 0|16@1- (1,0) [0|0] "" A\n'


def entries(*lines):
    text = "corrections: v1\nentries:\n" + "".join(f"  - {{{line}{SAID}\n" for line in lines)
    return read_corrections(text, "c.yaml", WORDS, TODAY)


def sheet_of(data, **options):
    return describe(io.BytesIO(data), name="x", detect=False, **options)


def table(rows=40, **more):
    columns = {"c17": lambda i: i % 7, "note": lambda _: "a", **more}
    lines = [";".join(columns)] + [";".join(str(one(i)) for one in columns.values()) for i in range(rows)]
    return sheet_of("\n".join(lines).encode() + b"\n")


def field(sheet, path):
    return [one for stream in sheet.streams for one in stream.fields if one.path == path]


def test_a_signal_is_known_on_every_bus_that_has_it():
    said = entries("match: {signal: EPS.Q_7}, data: driving.dynamics")
    for log in (BUS, BUS[: len(BUS) // 2]):
        sheet = corrected(sheet_of(log, companions={"a.dbc": DBC}), "other.log", said)
        (one,) = field(sheet, "EPS.Q_7")
        assert (one.data, one.certainty) == ("driving.dynamics", "certain")
        assert one.because[0] == "correction:A. B. 2026-11-01"
        assert "signal: no rule knows its name" in one.because
        assert sheet.data == ("driving.dynamics",)


def test_the_reason_stays_in_the_file():
    sheet = corrected(table(), "x", entries("match: {column: c17}, data: diagnostics.fault"))
    assert "our list" not in str(sheet.to_json())


def test_nothing_that_law_names():
    before = sheet_of(BUS)
    assert before.data == ("unknown",)
    after = corrected(before, "x", entries("match: {format: candump}, data: nothing"))
    assert after.data == ()
    (one,) = after.streams[0].fields
    assert (one.data, one.because[0]) == ("nothing", "correction:A. B. 2026-11-01")


def test_without_a_field_it_speaks_of_what_is_unknown_alone():
    sheet = table(speed=lambda i: i)
    named = [one for one in sheet.streams[0].fields if one.data not in {"unknown", "text"}]
    assert named
    after = corrected(sheet, "x", entries("match: {name: '*'}, data: nothing"))
    assert [one for one in after.streams[0].fields if one in named] == named
    assert "unknown" not in after.data


@pytest.mark.parametrize("data", ["nothing", "driving.dynamics", "[driving, body]"])
def test_a_number_with_its_check_digit_is_not_talked_away(data):
    sheet = table(note=lambda _: VIN)
    assert "vehicle_id.vin" in sheet.data
    outcome = Outcome()
    said = entries(
        f"match: {{column: note}}, data: {data}", f"match: {{field: note, topic: '*'}}, data: {data}"
    )
    after = corrected(sheet, "x", said, outcome)
    assert "vehicle_id.vin" in after.data
    assert sum(outcome.contradicted.values())
    proven = [one for one in field(after, "note") if one.data == "vehicle_id.vin"]
    assert any("contradicted: correction:A. B. 2026-11-01" in one.because for one in proven)


def test_what_standards_put_on_a_bus_is_not_talked_away():
    # European: without a check digit, so that nothing but the standard tells.
    number = b"WDB9634031L123456*"
    frames = [(0x1CECFF21, bytes([32, len(number), 0, 3, 255]) + (65260).to_bytes(3, "little"))]
    frames += [
        (0x1CEBFF21, bytes([at + 1]) + number[7 * at : 7 * at + 7].ljust(7, b"\xff")) for at in range(3)
    ]
    log = "".join(
        f"({at}.000000) can0 {one:08X}#{data.hex()}\n" for at, (one, data) in enumerate(frames, 1579874871)
    )
    before = sheet_of(log.encode())
    (path,) = {one.path for one in before.streams[0].fields if one.data == "vehicle_id.vin"}
    outcome = Outcome()
    after = corrected(before, "x", entries(f'match: {{signal: "{path}"}}, data: nothing'), outcome)
    assert "vehicle_id.vin" in after.data
    assert sum(outcome.contradicted.values()) == 1


def test_a_track_is_not_talked_away():
    sheet = table(lat=lambda i: 48.1 + i / 100, lon=lambda i: 11.5 + i / 100)
    said = entries("match: {column: lat}, data: nothing", "match: {column: lon}, data: body")
    after = corrected(sheet, "x", said)
    assert [one for one in after.data if one.startswith("location.")]
    assert after.streams[0].facts["points"] == sheet.streams[0].facts["points"]


def test_a_second_entry_cannot_do_what_the_first_could_not():
    sheet = table(note=lambda _: VIN)
    said = entries(
        "match: {column: note}, data: [vehicle_id.vin, text]", "match: {column: note}, data: nothing"
    )
    assert "vehicle_id.vin" in corrected(sheet, "x", said).data


def test_a_picture_may_be_of_the_cabin_and_stays_a_picture():
    import cv2
    import numpy as np

    picture = cv2.imencode(".png", np.full((20, 30, 3), 90, dtype=np.uint8))[1].tobytes()
    sheet = sheet_of(picture)
    inside = corrected(
        sheet, "x", entries("match: {format: png, field: data, topic: '*'}, data: image.cabin")
    )
    assert "image.exterior" in sheet.data
    # Fields of pictures are no fields of messages: only what is unknown in them can be spoken of.
    assert inside == sheet
    assert corrected(sheet, "x", entries("match: {format: png}, data: nothing")) == sheet


def test_a_blocked_file_stays_blocked():
    sheet = sheet_of(b"\x00" * 100)
    assert corrected(sheet, "x", entries("match: {name: '*'}, data: nothing")) == sheet


def test_a_digest_names_one_file():
    data = b"c17;b\n1;2\n2;3\n"
    sheet = sheet_of(data, hash_content=True)
    said = entries(f"match: {{digest: 'sha256:{sheet.sha256}'}}, data: nothing")
    assert "unknown" in sheet.data
    assert "unknown" not in corrected(sheet, "x", said).data
    other = sheet_of(data + b"3;4\n", hash_content=True)
    assert corrected(other, "x", said) == other


def test_only_the_star_is_more_than_itself():
    said = entries("match: {name: 'a[0]*.csv'}, data: nothing")
    assert "unknown" not in corrected(table(), "in/a[0]b.csv", said).data
    assert "unknown" in corrected(table(), "in/a0b.csv", said).data


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{match: {column: a}, data: driving, reason: r, day: '2026-01-01'}", "author"),
        (
            "{match: {column: a}, data: driving, author: me@example.org, reason: r, day: '2026-01-01'}",
            "author",
        ),
        ("{match: {column: a}, data: driving, author: A, day: '2026-01-01'}", "reason"),
        ("{match: {column: a}, data: driving, author: A, reason: ' ', day: '2026-01-01'}", "reason"),
        ("{match: {column: a}, data: driving, author: A, reason: r}", "day"),
        ("{match: {column: a}, data: driving, author: A, reason: r, day: '2027-01-01'}", "day"),
        ("{match: {column: a}, data: drivin, author: A, reason: r, day: '2026-01-01'}", "no class"),
        ("{match: {column: a}, data: [], author: A, reason: r, day: '2026-01-01'}", "empty"),
        ("{match: {column: a}, data: 7, author: A, reason: r, day: '2026-01-01'}", "data"),
        ("{match: {}, data: driving, author: A, reason: r, day: '2026-01-01'}", "match"),
        ("{match: {path: a}, data: driving, author: A, reason: r, day: '2026-01-01'}", "match"),
        ("{match: {column: 7}, data: driving, author: A, reason: r, day: '2026-01-01'}", "match"),
        (
            "{match: {field: a}, data: driving, author: A, reason: r, day: '2026-01-01'}",
            "topic or its schema",
        ),
        ("{match: {digest: a}, data: driving, author: A, reason: r, day: '2026-01-01'}", "digest"),
        ("{match: {column: a}, data: driving, author: A, reason: r, day: '2026-01-01', x: 1}", "entry"),
        ("[]", "entry"),
    ],
)
def test_what_is_not_complete_is_refused_with_its_line(text, says):
    with pytest.raises(InputError, match=says) as refused:
        read_corrections(f"corrections: v1\nentries:\n  - {text}\n", "c.yaml", WORDS, TODAY)
    assert "c.yaml, line 3" in str(refused.value.where)
    assert refused.value.remedy


@pytest.mark.parametrize(
    "text", ["[]", "entries: []", "corrections: v1\nentries: 3", "corrections: v2\nentries: []"]
)
def test_another_file_is_refused(text):
    with pytest.raises(InputError, match="entries"):
        read_corrections(text, "c.yaml", WORDS, TODAY)


def test_a_template_names_every_unknown_field_and_can_be_filled_in():
    sheets = [
        sheet_of(BUS),
        sheet_of(BUS, companions={"a.dbc": DBC}),
        table(),
        table(),
        sheet_of(b'{"qq": 7, "zz": {"ww": 1}}'),
    ]
    found, left = template(sheets)
    assert left == 0
    assert found[0]["seen"] == 2
    assert {"signal": "EPS.Q_7"} in [one["match"] for one in found]
    said = entries(*(f"match: {json.dumps(one['match'])}, data: nothing" for one in found))
    for sheet in sheets:
        assert "unknown" in sheet.data
        assert "unknown" not in corrected(sheet, "x", said).data


def test_no_order_of_entries_loosens_contents():
    sheet = table(note=lambda _: VIN, lat=lambda i: 48.1 + i / 100, lon=lambda i: 11.5 + i / 100)
    kept = {one for one in sheet.data if one.startswith(("vehicle_id", "location"))}
    every = entries(
        "match: {column: note}, data: nothing",
        "match: {column: note}, data: vehicle_id.vin",
        "match: {column: lat}, data: body",
        "match: {name: '*'}, data: nothing",
    )
    for order in itertools.permutations(every):
        assert kept <= set(corrected(sheet, "x", order).data)


@given(st.lists(st.sampled_from(["a", "b", "[", "/", ".", "\n"]), max_size=12).map("".join), st.data())
def test_a_pattern_is_what_an_expression_says(text, data):
    pattern = data.draw(st.lists(st.sampled_from(["a", "b", "[", "/", ".", "*"]), max_size=6).map("".join))
    expression = ".*".join(re.escape(one) for one in pattern.split("*"))
    assert _fits(pattern, text) == (re.fullmatch(expression, text, re.DOTALL) is not None)


def test_a_name_with_many_of_what_stands_between_stars_takes_no_time():
    # By an expression of the standard library this takes hours.
    assert not _fits("*a" * 100 + "*b", "a" * 10_000)
    assert _fits("*a" * 100 + "*", "a" * 10_000)

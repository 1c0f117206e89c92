"""Logs of satellite receivers: frames with checks, mixed with text, damaged, cut, and made to waste time."""

from __future__ import annotations

import io
import struct
import zlib
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.classify import describe
from carnet.formats.receiver_frames import CutFrameError, frame_at
from carnet.recognise.receivers import is_line, is_raw, place_of

GGA = "$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47"


def ubx(number, payload):
    body = struct.pack(">HH", number, 0)[:2] + struct.pack("<H", len(payload)) + payload
    return b"\xb5\x62" + body + bytes([sum(body) & 255, sum(accumulate(body)) & 255])


def novatel(number, payload, week=2134):
    head = struct.pack(
        "<3sBHBBHHBBHIIHH", b"\xaaD\x12", 28, number, 0, 0, len(payload), 0, 0, 0, week, 1000, 0, 0, 0
    )
    data = head + payload
    return data + (zlib.crc32(data, 0xFFFFFFFF) ^ 0xFFFFFFFF).to_bytes(4, "little")


def pvt(latitude, longitude):
    payload = bytearray(92)
    struct.pack_into("<ii", payload, 24, round(longitude * 1e7), round(latitude * 1e7))
    return ubx(0x0107, bytes(payload))


DRIVE = b"".join(pvt(48.1 + k * 1e-4, 11.5) for k in range(50))


def sheet_of(data):
    return describe(io.BytesIO(data), name="x", detect=False)


def test_a_drive_of_a_ublox_receiver_with_sentences_between():
    sheet = sheet_of(GGA.encode() + b"\r\n" + DRIVE + ubx(0x0413, b"hello") + GGA.encode() + b"\r\n")
    assert (sheet.format, sheet.state) == ("ubx", "read")
    found = {one.name: one for one in sheet.streams}
    assert set(found) == {"lines", "ubx/NAV-PVT", "ubx/INF"}
    assert found["ubx/NAV-PVT"].data == ("location.trajectory",)
    assert found["ubx/NAV-PVT"].facts["points"] == 50
    assert found["ubx/NAV-PVT"].facts["countries"] == ("DE",)
    assert "location.position" in found["lines"].data
    assert found["lines"].facts["points"] == 2


@pytest.mark.parametrize("number", [0x0215, 0x0213, 0x0231])
def test_raw_data_of_a_ublox_receiver_are_a_position(number):
    sheet = sheet_of(ubx(number, bytes(48)) * 3)
    assert sheet.streams[0].data == ("location.position",)


def test_raw_ranges_of_a_novatel_receiver_are_a_position():
    payload = struct.pack("<IHHd", 1, 5, 0, 2.1e7) + bytes(32)
    sheet = sheet_of(novatel(43, payload))
    assert (sheet.format, sheet.streams[0].name) == ("novatel", "novatel/RANGE")
    assert sheet.streams[0].data == ("location.position",)


def test_unknown_messages_are_unknown_and_texts_in_them_are_found():
    sheet = sheet_of(novatel(9999, b"car 1M8GDM9AXKP042788") + ubx(0x7777, bytes(8)))
    assert {one for stream in sheet.streams for one in stream.data} == {"unknown", "vehicle_id.vin"}


def test_rtcm_observations_are_a_position():
    # The example that RTCM 10403 prints: message 1005, the place of a station.
    data = bytes.fromhex("D300133ED7D30202980EDEEF34B4BD62AC0941986F33360B98")
    assert frame_at(data, 0).number == 1005
    (stream,) = sheet_of(data * 3).streams
    assert (stream.count, stream.data) == (3, ("location.position",))


def test_damage_is_told():
    data = bytearray(DRIVE)
    data[300] ^= 1
    sheet = sheet_of(bytes(data))
    assert sheet.state == "partly"
    assert "100 bytes" in sheet.reason
    assert sheet.streams[0].count == 49
    assert sheet_of(DRIVE[:-10]).state == "partly"


def test_beginnings_of_frames_without_end_are_given_up():
    sheet = sheet_of(DRIVE + b"\xb5\x62\x01\x07\xff\xff" * 200_000)
    assert sheet.state == "partly"
    assert sheet.streams[0].count == 50


@settings(max_examples=150, deadline=None)
@given(
    flips=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 2000),
    more=st.binary(max_size=30),
)
def test_damage_never_crashes(flips, cut, more):
    data = bytearray((GGA + "\r\n").encode() + DRIVE[:1000] + novatel(42, bytes(72)) + DRIVE[1000:1500])
    for place, value in flips:
        data[place % len(data)] = value
    sheet = sheet_of(bytes(data[: cut or None]) + more)
    assert sheet.state == "blocked" or sheet.streams
    assert sheet.state == "read" or sheet.reason


@given(st.binary(max_size=80), st.sampled_from([b"\xb5\x62", b"\xaaD\x12", b"\xaaD\x13", b"\xd3\x00"]))
def test_any_bytes_are_a_frame_or_none(data, sign):
    try:
        frame = frame_at(sign + data, 0)
    except CutFrameError:
        return
    assert frame is None or frame.length <= len(data) + 2


def test_lines_of_receivers():
    assert place_of(GGA) == ("GGA", pytest.approx(48.1173), pytest.approx(11.516667, abs=1e-6))
    assert place_of(GGA.replace("*47", "*48")) is None
    assert place_of("$GNRMC,1,A,4807.038,S,01131.000,W,0,0,230394,,") == (
        "RMC",
        pytest.approx(-48.1173),
        pytest.approx(-11.516667, abs=1e-6),
    )
    assert place_of("$PUBX,00,081350.00,4717.113210,N,00833.915187,E,546.589,G3") is not None
    log = "#BESTPOSA,COM1,0,90.5,FINESTEERING,2134,506710.0,0,0,0;SOL_COMPUTED,SINGLE,51.15,-114.03,1094*00"
    assert place_of(log) == ("BESTPOS", 51.15, -114.03)
    assert is_raw("#RANGEA,COM1,0,90.5,FINESTEERING,2134,506710.0,0,0,0;30,5,0,21231423.1*00")
    assert not is_line("$5,000 was paid")
    assert not is_line("# a comment")


def test_sentences_of_one_kind_are_no_table_and_make_a_track():
    lines = [
        f"$GPGGA,1235{k:02d},48{7 + k * 0.01:06.3f},N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,"
        for k in range(40)
    ]
    sheet = sheet_of("\r\n".join(lines).encode())
    assert (sheet.format, sheet.state) == ("text", "read")
    (stream,) = sheet.streams
    assert "location.trajectory" in stream.data
    assert stream.facts["points"] == 40
    assert stream.facts["countries"] == ("DE",)


@given(st.text(alphabet="$#%GPA,;.*0123456789NSEW", max_size=100))
def test_any_line_has_a_place_or_none(line):
    place = place_of("$GPGGA," + line)
    assert place is None or len(place) == 3
    place_of("#BESTPOSA," + line)

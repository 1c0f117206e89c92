from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.errors import UnreadableError
from carnet.formats import open_recording
from carnet.formats.can import CanFrame, frame_of_line, frame_of_message
from carnet.formats.can_databases import load_database
from carnet.formats.can_transport import IsoTp
from carnet.model.factsheet import ReadState


def test_a_real_log_is_read_frame_by_frame(shared):
    path = shared / "data" / "can" / "logs" / "comma2k19_10s_a.log"
    with path.open("rb") as file:
        reader = open_recording(file, "x")
        messages = list(reader.messages())
    lines = path.read_bytes().splitlines()
    assert len(messages) == len(lines) == 16425
    assert reader.state is ReadState.READ
    assert {one.name for one in reader.streams} == {"can0", "can1"}
    for message, line in zip(messages[::400], lines[::400], strict=True):
        frame = frame_of_message(message)
        assert line.decode().endswith(f"{frame.id:03X}#{frame.data.hex().upper()}")
        assert abs(float(line[1:18]) - frame.time_ns / 1e9) < 1e-5


def test_frames_in_cdr_equal_those_of_the_type_store(samples):
    from carnet.formats.cdr import codec

    path = next((samples / "shanghai_drive").glob("*.mcap"))
    with path.open("rb") as file:
        messages = [m for m in open_recording(file, "x").messages() if m.stream.kind == "can"]
    for message in messages[::37]:
        value = codec(message.stream.schema, message.stream.schema_text).decode(message.data)
        frame = frame_of_message(message)
        assert (frame.id, frame.extended) == (value.id, value.is_extended)
        assert frame.data == bytes(value.data)[: value.dlc]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"(1.5) can0 123#DEADBEEF", CanFrame(1_500_000_000, 0x123, False, bytes.fromhex("deadbeef"))),
        (b"(1.5) can0 00000123#", CanFrame(1_500_000_000, 0x123, True, b"")),
        (b"(1.5) can0 123#R8", CanFrame(1_500_000_000, 0x123, False, b"")),
        (b"(1.000001) can0 123##1AABB", CanFrame(1_000_001_000, 0x123, False, b"\xaa\xbb")),
        (b"(1.5) can0 123#AA R", CanFrame(1_500_000_000, 0x123, False, b"\xaa")),
        (b"(1.5) can0 123#A", None),
        (b"1.5 can0 123#AA", None),
        (b"(1.5) can0 12G#AA", None),
    ],
)
def test_lines_of_a_log(line, expected):
    found = frame_of_line(line)
    assert (found[1] if found else None) == expected


def test_lines_that_are_no_frames_are_said():
    reader = open_recording(io.BytesIO(b"(1.5) can0 123#AA\n# driver: somebody\n(1.6) can0 123#AB\n"), "x")
    assert len(list(reader.messages())) == 2
    assert reader.state is ReadState.PARTLY
    assert "1 lines" in reader.reason
    assert reader.outside()[0].data.startswith(b"# driver")


def test_a_second_pass_that_ends_early_does_not_make_a_log_whole():
    reader = open_recording(
        io.BytesIO(b"# driver: somebody\n(1.5) can0 123#AA\n(1.6) can0 123#AB\n(1.7"), "x"
    )
    list(reader.messages())
    next(iter(reader.messages()))
    assert reader.state is ReadState.PARTLY
    assert "2 lines" in reader.reason
    assert [one.data[:4] for one in reader.outside()] == [b"# dr", b"(1.7"]


@given(st.integers(0, 2**29 - 1), st.binary(max_size=8), st.integers(0, 10**9))
def test_what_candump_writes_is_read_back(number, data, micros):
    digits = f"{number:03X}" if number < 2**11 else f"{number:08X}"
    line = f"({micros // 10**6}.{micros % 10**6:06d}) vcan0 {digits}#{data.hex()}".encode()
    bus, frame = frame_of_line(line)
    assert bus == "vcan0"
    assert (frame.id, frame.data, frame.time_ns) == (number, data, micros * 1000)


@given(st.binary(min_size=8, max_size=200))
def test_isotp_puts_together_what_was_split(payload):
    tp = IsoTp()
    frames = [bytes([0x10 | len(payload) >> 8, len(payload) & 255]) + payload[:6]]
    frames += [
        bytes([0x20 | (n + 1) % 16]) + payload[at : at + 7] for n, at in enumerate(range(6, len(payload), 7))
    ]
    got = [tp.add(CanFrame(0, 0x7E8, False, one)) for one in frames]
    assert got[-1] == payload
    assert got[:-1] == [None] * (len(frames) - 1)


def test_isotp_drops_a_message_with_a_missing_frame():
    tp = IsoTp()
    for data in ("100a616263646566", "2267686970717273"):
        assert tp.add(CanFrame(0, 1, False, bytes.fromhex(data))) is None


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=8)), max_size=40))
def test_isotp_takes_anything(frames):
    tp = IsoTp()
    for number, data in frames:
        tp.add(CanFrame(0, number, False, data))


def test_every_real_dbc_loads_or_says_why(shared):
    paths = sorted((shared / "data" / "can" / "dbc").glob("*.dbc"))
    assert len(paths) >= 10
    for path in paths:
        with path.open("rb") as file:
            reader = open_recording(file, "renamed")
            count = sum(1 for _ in reader.messages())
        assert reader.format == "dbc"
        assert count or reader.reason


@pytest.mark.parametrize(
    "text",
    [
        b'VERSION ""\nBO_ 1 A: 8 X\n SG_ 1bad : 0|8@1+ (1,0) [0|0] "" X\n',
        b"BO_ what\nBO_ 1 A: 8\n",
    ],
)
def test_a_broken_dbc_is_refused_with_its_place(text):
    with pytest.raises(UnreadableError, match="CAN database"):
        load_database(text)
    reader = open_recording(io.BytesIO(b'VERSION ""\n\nBS_:\n' + text), "x")
    assert reader.state is ReadState.BLOCKED

"""By column or line by line: the same frames, in the same order, with the same values."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from carnet.formats import open_recording
from carnet.formats.can import frame_of_line
from carnet.formats.can_columns import Frames, candump_columns, frame_columns
from carnet.formats.can_databases import load_database
from carnet.formats.can_decode import BusDecoder

LINE = "(1533226488.434433) can0 260#08FFFB0000001884"
CLEAN = st.builds(
    "({}.{}) {} {}#{}".format,
    st.integers(0, 10**12 - 1),
    st.text("0123456789", min_size=1, max_size=9),
    st.sampled_from(["can0", "vcan12", "b", "a_long_name_of_a_bus", "c.1"]),
    st.sampled_from(["123", "7fF", "18FEF100", "0001", "FFFFFFFF", "12345"]),
    st.binary(max_size=8).flatmap(lambda data: st.sampled_from([data.hex(), data.hex().upper()])),
)
OTHER = st.sampled_from(
    [
        "",
        "   ",
        "# a comment",
        "(1.5) can0 123#R",
        "(1.5) can0 123#R8",
        "(1.5) can0 123##1" + "AB" * 64,
        "(1.5)  can0\t123#AA",
        "(1.5) can0 123#AA R",
        "(1.5) can0 123#AAA",
        "(1.5) can0 123#AG",
        "(1.5) can0 12#AA",
        "(1.5) can0 gab#AA",
        "(1.5) can0 123#" + "AA" * 9,
        "(1.1234567890) can0 123#AA",
        "(1234567890123.1) can0 123#AA",
        "(1) can0 123#AA",
        "1.5) can0 123#AA",
        "(1.5) can\x000 123#AA",
        "(1.5) c\xe4n 123#AA",
        "(1.5) can0 123#\x10\x11",
        "(1.:) can0 123#00",
        "(1.5) can0 123#0/",
        ". # ( ) #",
        "#.  #",
        "(.) c #",
    ]
)
LINES = st.lists(st.one_of(CLEAN, CLEAN, CLEAN, OTHER, st.text(max_size=60)), max_size=40)


def by_line(data):
    out = []
    for line in data.split(b"\n"):
        found = frame_of_line(line)
        if found is not None and found[1].time_ns < 1 << 63:
            bus, frame = found
            out.append((bus, frame.time_ns, frame.id, frame.extended, frame.data))
    return out


def by_column(data, block):
    out, bad = [], 0
    for frames in candump_columns(io.BytesIO(data), block):
        bad += frames.bad
        out += [
            (
                frames.buses[frames.bus[row]],
                int(frames.time_ns[row]),
                int(frames.id[row]),
                bool(frames.extended[row]),
                frames.data[row, : frames.length[row]].tobytes(),
            )
            for row in range(len(frames))
        ]
        used = np.arange(frames.data.shape[1]) < frames.length[:, None]
        assert not frames.data[~used].any()
    return out, bad


@given(LINES, st.sampled_from(["\n", "\r\n"]), st.integers(30, 4000), st.booleans())
@example([LINE] * 50, "\n", 64, False)
@settings(deadline=None, max_examples=150)
def test_both_ways_give_the_same_frames(lines, end, block, closed):
    data = (end.join(lines) + (end if closed else "")).encode("utf-8", "replace")
    if max(map(len, data.split(b"\n"))) * 2 > block:
        block = 1 << 16
    found, bad = by_column(data, block)
    assert found == by_line(data)
    wrong = [one for one in data.split(b"\n") if one.strip() and not by_line(one)]
    assert bad == len(wrong)


@given(st.binary(max_size=400))
@settings(deadline=None)
def test_any_bytes_are_read_or_counted(data):
    found, _ = by_column(data, 1 << 16)
    assert found == by_line(data)


def test_a_line_without_an_end_does_not_fill_the_memory():
    data = b"x" * 5000 + b"\n" + LINE.encode() + b"\n"
    found, bad = by_column(data, 256)
    assert found == by_line(LINE.encode())
    assert bad >= 1


def test_a_real_log(shared):
    data = (shared / "data" / "can" / "logs" / "comma2k19_10s_a.log").read_bytes()
    found, bad = by_column(data, 1 << 16)
    assert len(found) == 16_425
    assert bad == 0
    assert found == by_line(data)


def test_frames_as_arrow():
    pa = pytest.importorskip("pyarrow", reason="carnet[tables] is not installed")
    lines = [LINE, "(1.5) can1 18FEF100#", "(2.5) can0 123##1" + "AB" * 12]
    (frames,) = candump_columns(io.BytesIO("".join(f"{one}\n" for one in lines).encode()))
    batch = frames.to_arrow()
    assert batch.num_rows == 3
    assert batch.column("data").to_pylist() == [bytes.fromhex("08FFFB0000001884"), b"", b"\xab" * 12]
    assert batch.column("bus").to_pylist() == ["can0", "can1", "can0"]
    assert batch.column("extended").to_pylist() == [False, True, False]
    assert batch.schema.field("id").type == pa.uint32()


def frames_of(message, data):
    many, width = len(data), 64 if message.length > 8 else 8
    wide = np.zeros((many, width), np.uint8)
    for row, one in enumerate(data):
        wide[row, : len(one)] = np.frombuffer(one, np.uint8)
    return Frames(
        np.arange(many),
        np.zeros(many, np.int32),
        np.full(many, message.frame_id, np.uint32),
        np.full(many, message.is_extended_frame),
        np.array([len(one) for one in data], np.uint8),
        wide,
        ("can0",),
    )


def compare(message, data):
    """Hold columns against cantools, frame by frame; gives how many values were equal."""
    equal = 0
    frames = frames_of(message, data)
    from cantools.database.can import Database

    for found in BusDecoder(Database([message], strict=False)).decode(frames):
        for at, row in enumerate(found.rows):
            try:
                said = message.decode(data[row], decode_choices=False)
            except Exception:  # noqa: BLE001, S112 - a multiplexer with a value that no signal has: cantools refuses it
                continue
            for name, column in found.signals.items():
                there = column.present is None or bool(column.present[at])
                assert there == (name in said), (message.name, name)
                if there:
                    value = column.values[at]
                    assert value == said[name] or (value != value and said[name] != said[name]), name  # noqa: PLR0124 - no number
                    equal += 1
    return equal


@pytest.mark.parametrize(
    "name",
    [
        "css_gnss",
        "hyundai_2015_ccan",
        "socialledge",
        "tesla_model3_party",
        "toyota_2017",
        "vw_mqb",
        "vehicle",
    ],
)
def test_signals_are_those_of_cantools(shared, name):
    database = load_database((shared / "data" / "can" / "dbc" / f"{name}.dbc").read_bytes())
    chance = np.random.default_rng(1)
    equal = 0
    for message in database.messages:
        data = [chance.integers(0, 256, message.length, np.uint8).tobytes() for _ in range(3)]
        data += [b"\x00" * message.length, b"\xff" * message.length]
        equal += compare(message, data)
    assert equal > 50


SIGNAL = st.tuples(
    st.integers(1, 64),
    st.booleans(),
    st.booleans(),
    st.sampled_from([(1, 0), (0.01, -40), (2, 5), (-3, 0), (-3, 0.5), (1e12, 7)]),
)


@given(SIGNAL, st.integers(0, 63), st.integers(1, 64), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=150)
def test_any_signal_in_any_place(shape, start, length_bytes, chance):
    from cantools.database.can import Message, Signal
    from cantools.database.conversion import BaseConversion

    length, big, signed, (scale, offset) = shape
    try:
        signal = Signal(
            "s",
            start,
            length,
            byte_order="big_endian" if big else "little_endian",
            is_signed=signed,
            conversion=BaseConversion.factory(scale, offset),
        )
        message = Message(1, "m", length_bytes, [signal], strict=True)
        message.refresh(strict=True)
    except Exception:  # noqa: BLE001 - a signal that does not fit into this message is none
        return
    data = [chance.randbytes(length_bytes) for _ in range(4)]
    assert compare(message, data) == 4


def test_a_signal_over_nine_bytes_does_not_hang_on_others():
    # cantools refuses the whole frame where no signal has the multiplexer's value.
    database = load_database(
        b'VERSION ""\nBS_:\nBU_: A\nBO_ 5 M: 12 A\n SG_ K M : 0|4@1+ (1,0) [0|0] "" A\n'
        b' SG_ X m1 : 4|4@1+ (1,0) [0|0] "" A\n SG_ L : 12|63@1- (1,0) [0|0] "" A\n'
    )
    payloads = ["00f0ffffffffffffff070000", "0110000000000000000700ff", "09f0debc9a78563412000000"]
    lines = "".join(f"({number}.0) c 005##0{one}\n" for number, one in enumerate(payloads))
    (frames,) = candump_columns(io.BytesIO(lines.encode()))
    (found,) = BusDecoder(database).decode(frames)
    expected = [int.from_bytes(bytes.fromhex(one), "little") >> 12 & (1 << 63) - 1 for one in payloads]
    signed = [one - (1 << 63) if one >> 62 else one for one in expected]
    assert found.signals["L"].values.tolist() == signed
    assert signed[0] == -1
    assert found.signals["X"].present.tolist() == [False, True, False]


def test_frames_that_are_too_short_are_counted_and_unknown_ones_left():
    database = load_database(
        b'VERSION ""\nBS_:\nBU_: A\nBO_ 5 M: 4 A\n SG_ S : 0|16@1+ (0.5,1) [0|0] "km" A\n'
        b' SG_ T : 24|8@1- (1,0) [0|0] "" A\n'
    )
    lines = ["(1.0) c 005#01020304", "(2.0) c 005#01", "(3.0) c 006#01020304", "(4.0) c 00000005#01020304"]
    (frames,) = candump_columns(io.BytesIO("".join(f"{one}\n" for one in lines).encode()))
    (found,) = BusDecoder(database).decode(frames)
    assert (found.name, found.rows.tolist(), found.short) == ("M", [0], 1)
    assert found.signals["S"].values.tolist() == [257.5]
    assert found.signals["T"].values.tolist() == [4]


def test_signals_as_arrow():
    pytest.importorskip("pyarrow", reason="carnet[tables] is not installed")
    database = load_database(
        b'VERSION ""\nBS_:\nBU_: A\nBO_ 5 M: 3 A\n SG_ K M : 0|8@1+ (1,0) [0|0] "" A\n'
        b' SG_ X m1 : 8|8@1+ (1,0) [0|0] "" A\n SG_ Y m2 : 8|16@1+ (0.1,0) [0|0] "" A\n'
    )
    lines = ["(1.0) c 005#010203", "(2.0) c 005#020a00"]
    (frames,) = candump_columns(io.BytesIO("".join(f"{one}\n" for one in lines).encode()))
    (found,) = BusDecoder(database).decode(frames)
    batch = found.to_arrow(frames)
    assert batch.column("X").to_pylist() == [2, None]
    assert batch.column("Y").to_pylist() == [None, 1.0]
    assert batch.column("time_ns").to_pylist() == [10**9, 2 * 10**9]


def test_blocks_are_joined_in_order():
    data = "".join(f"({number}.5) can{number % 3} {number:03X}#{number:02X}\n" for number in range(200)) + (
        "(900.1) can9 001##1" + "CD" * 32 + "\n"
    )
    parts = list(candump_columns(io.BytesIO(data.encode()), 512))
    assert len(parts) > 3
    whole = Frames.joined(parts)
    assert whole.time_ns.tolist() == [number * 10**9 + 500_000_000 for number in range(200)] + [
        900_100_000_000
    ]
    assert [whole.buses[one] for one in whole.bus[:4]] == ["can0", "can1", "can2", "can0"]
    assert whole.data.shape == (201, 64)
    assert whole.data[200, : whole.length[200]].tobytes() == b"\xcd" * 32
    assert whole.data[17, 0] == 17


@pytest.mark.parametrize("rows", [1000, 1 << 16])
def test_any_log_comes_by_column(shared, rows):
    with (shared / "data" / "can" / "logs" / "comma2k19_10s_a.log").open("rb") as file:
        fast = Frames.joined(list(candump_columns(file)))
        slow = Frames.joined(list(frame_columns(open_recording(file, "x"), rows)))
    for name in ("time_ns", "id", "extended", "length", "data"):
        np.testing.assert_array_equal(getattr(slow, name), getattr(fast, name))
    assert [slow.buses[one] for one in slow.bus] == [fast.buses[one] for one in fast.bus]


def test_a_measurement_s_positions_come_by_column(shared):
    data = shared / "data"
    database = load_database((data / "can" / "dbc" / "css_gnss.dbc").read_bytes())
    with (data / "mdf4" / "canedge_gnss_2F6913DB_a.mf4").open("rb") as file:
        frames = Frames.joined(list(frame_columns(open_recording(file, "x"))))
    assert len(frames) == 4024
    places = frames.id == 0x13
    expected = [
        database.get_message_by_frame_id(0x13).decode(bytes(row[:size]), decode_choices=False)["Latitude"]
        for row, size in zip(frames.data[places], frames.length[places], strict=True)
    ]
    (decoded,) = (
        one for one in BusDecoder(database).decode(frames) if one.name == "gnss_pos" and len(one.rows) == 168
    )
    np.testing.assert_array_equal(decoded.signals["Latitude"].values, expected)


def test_error_frames_are_counted_beside_the_columns(shared):
    with (shared / "data" / "can" / "logs" / "logfile.asc").open("rb") as file:
        frames = Frames.joined(list(frame_columns(open_recording(file, "x"))))
    assert (len(frames), frames.bad, frames.data.shape[1]) == (18, 4, 64)

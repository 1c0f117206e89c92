"""Many messages at once are the messages one by one: places, times, columns of values, frames."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.writer import CompressionType, Writer

from carnet.classify.canbus import CanBus
from carnet.classify.messages import MessageStream
from carnet.formats.can import frame_of_message
from carnet.formats.can_runs import frames_of_run
from carnet.formats.cdr import codec, value_at
from carnet.formats.cdr_columns import ColumnReader
from carnet.formats.mcap_read import McapReader
from carnet.formats.reader import Message, Stream
from carnet.formats.runs import Run

DEFINITION = """\
std_msgs/Header header
bool flag
string name
float32 lat
float64 lon
uint8[] blob
int16 small
Part[] parts
float64[2] pair
uint64 large
================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
================================================================================
MSG: pkg/Part
string label
float64 value
"""
FRAME = """\
std_msgs/Header header
uint32 id
bool is_rtr
bool is_extended
bool is_error
uint8 dlc
uint8[8] data
================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""
STREAM = Stream("/t", "messages", "pkg/msg/Thing", DEFINITION, "ros2msg", "cdr", 3)
BUS = Stream("/can", "can", "can_msgs/msg/Frame", FRAME, "ros2msg", "cdr", 4)


def run_of(stream: Stream, payloads: list[bytes], times: list[int] | None = None) -> Run:
    ends = np.cumsum([len(one) for one in payloads], dtype=np.int64)
    starts = ends - np.array([len(one) for one in payloads], np.int64)
    stamps = np.array(times or range(len(payloads)), np.uint64)
    return Run(
        stream, b"".join(payloads), starts, ends, stamps, stamps, np.arange(len(payloads), dtype=np.uint32)
    )


def thing(values: dict[str, Any], *, encoding: str = "cdr", little: bool = True) -> bytes:
    one = codec("pkg/msg/Thing", DEFINITION, encoding)
    types = one._store.types
    header = types["std_msgs/msg/Header"](
        stamp=types["builtin_interfaces/msg/Time"](sec=1, nanosec=2), frame_id=values["frame"]
    )
    part = types["pkg/msg/Part"]
    made = types["pkg/msg/Thing"](
        header=header,
        flag=values["flag"],
        name=values["name"],
        lat=values["lat"],
        lon=values["lon"],
        blob=np.frombuffer(values["blob"], np.uint8),
        small=values["small"],
        parts=[part(label=label, value=1.5) for label in values["parts"]],
        pair=np.array([1.0, 2.0]),
        large=values["large"],
    )
    if encoding == "ros1":
        return bytes(one._store.serialize_ros1(made, "pkg/msg/Thing"))
    return bytes(one._store.serialize_cdr(made, "pkg/msg/Thing", little_endian=little))


_THINGS = st.fixed_dictionaries(
    {
        "frame": st.sampled_from(["", "map", "base_link"]),
        "flag": st.booleans(),
        "name": st.sampled_from(["", "abc", "Grüße", "12", "mail a.b@example.org", "$GPGGA,1"]),
        "lat": st.floats(30, 32, width=32),
        "lon": st.one_of(st.floats(120, 122), st.just(float("nan"))),
        "blob": st.sampled_from([b"", b"x", b"abcdefg"]),
        "small": st.integers(-(2**15), 2**15 - 1),
        "parts": st.sampled_from([[], ["a"], ["a", "long one"]]),
        "large": st.integers(0, 2**64 - 1),
    }
)
_DAMAGE = st.none() | st.tuples(st.integers(0, 200), st.integers(0, 255))


def _samples(stream: MessageStream) -> str:
    return "" if stream._samples is None else repr(stream._samples._numbers)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(_THINGS, min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.floats(-90, 90, width=32), _DAMAGE), min_size=8, max_size=30),
    st.sampled_from(["cdr", "ros1"]),
    st.booleans(),
    st.integers(0, 3),
)
def test_a_stream_is_the_same_by_columns_and_one_by_one(
    shapes: list[dict[str, Any]],
    drawn: list[tuple[int, float, tuple[int, int] | None]],
    encoding: str,
    little: bool,  # noqa: FBT001 -- drawn by hypothesis
    hurt: int,
) -> None:
    payloads = []
    for shape, latitude, damage in drawn:
        data = bytearray(
            thing({**shapes[shape % len(shapes)], "lat": latitude}, encoding=encoding, little=little)
        )
        if damage is not None and hurt == 3:
            data[damage[0] % len(data)] = damage[1]
        payloads.append(bytes(data))
    stream = Stream("/t", "messages", "pkg/msg/Thing", DEFINITION, "ros2msg", encoding, 3)
    run = run_of(stream, payloads)
    at_once, one_by_one = MessageStream(stream), MessageStream(stream)
    at_once.add_run(run)
    at_once.add_run(run)
    for message in [*run.messages(), *run.messages()]:
        one_by_one.add(message)
    assert at_once.count == one_by_one.count
    assert at_once.bad == one_by_one.bad
    assert _samples(at_once) == _samples(one_by_one)
    assert at_once._texts._seen == one_by_one._texts._seen
    assert repr(at_once.finish()) == repr(one_by_one.finish())


@settings(max_examples=30, deadline=None)
@given(st.lists(_THINGS, min_size=1, max_size=12), st.sampled_from(["cdr", "ros1"]), st.booleans())
def test_columns_are_what_the_decoder_gives(
    shapes: list[dict[str, Any]],
    encoding: str,
    little: bool,  # noqa: FBT001 -- drawn by hypothesis
) -> None:
    one = codec("pkg/msg/Thing", DEFINITION, encoding)
    run = run_of(STREAM, [thing(shape, encoding=encoding, little=little) for shape in shapes])
    wanted = ("name", "lat", "lon", "small", "large")
    columns = ColumnReader(one, frozenset(wanted)).read(run)
    if columns is None:
        # Messages of one length may be laid out differently.
        assert (
            len({tuple(len(shape[part]) for part in ("frame", "name", "blob", "parts")) for shape in shapes})
            > 1
        )
        return
    for row, message in enumerate(run.messages()):
        value = one.decode(message.data)
        assert columns.texts["name"][row] == value.name
        for path in wanted[1:]:
            assert np.array_equal(columns.numbers[path][row], float(value_at(value, path)), equal_nan=True)


_FRAMES = st.tuples(
    st.sampled_from([0x10, 0x11, 0x7E8, 0x18FEF300, 0x18ECFF00, 0x18EBFF00, 0x18FEEC00, 0x1DF80500]),
    st.sampled_from([False, False, False, True]),
    st.integers(0, 9),
    st.one_of(
        st.binary(min_size=8, max_size=8),
        st.tuples(st.sampled_from([0x10, 0x20, 0x21, 0x22, 0x23, 2, 5]), st.integers(0, 3)).map(
            lambda one: bytes((one[0], 20, 0x62 if one[0] == 0x10 else one[0], 0xF1, 0x90, one[1], 65, 66))
        ),
        st.tuples(st.sampled_from([0x10, 0x20, 0x21, 0x22, 0x30, 1]), st.integers(0, 1)).map(
            lambda one: bytes((one[1], one[0], 19, 0x49, 2, 1, 66, 67))
        ),
    ),
    st.sampled_from([0, 0, 0, 0, 0, 0, 0, 1]),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(_FRAMES, min_size=1, max_size=60), min_size=1, max_size=3), st.booleans())
def test_a_bus_is_the_same_by_columns_and_one_by_one(
    runs: list[list[tuple[int, bool, int, bytes, int]]],
    known_time: bool,  # noqa: FBT001 -- drawn by hypothesis
) -> None:
    at_once, one_by_one = CanBus(()), CanBus(())
    stamp = 1_785_204_000_000_000_000 if known_time else 0
    for drawn in runs:
        payloads = [
            b"\x00\x01\x00\x00"
            + struct.pack("<iII", 1, 2, 4)
            + b"can\0"
            + struct.pack("<I???B", number, remote, number > 0x7FF, bool(error), size)
            + data
            for number, remote, size, data, error in drawn
        ]
        run = run_of(BUS, payloads, [stamp + row for row in range(len(payloads))])
        found = frames_of_run(run)
        assert found is not None
        assert at_once.add_run(run) == 0
        for message in run.messages():
            frame = frame_of_message(message)
            assert frame is not None
            one_by_one.add(frame)
    assert at_once.count == one_by_one.count
    assert {key: list(of) for key, of in at_once._payloads.items()} == {
        key: list(of) for key, of in one_by_one._payloads.items()
    }
    assert at_once._texts == one_by_one._texts
    for some, others in zip(at_once._isotp, one_by_one._isotp, strict=True):
        assert some._open == others._open
    assert repr(at_once.finish()) == repr(one_by_one.finish())


def _file(compression: CompressionType, *, chunked: bool = True, crc: bool = False) -> bytes:
    out = io.BytesIO()
    writer = Writer(out, compression=compression, chunk_size=2000, use_chunking=chunked, enable_data_crcs=crc)
    writer.start()
    schema = writer.register_schema("t", "jsonschema", b"{}")
    channels = [writer.register_channel(f"/{one}", "json", schema) for one in "abc"]
    for n in range(300):
        writer.add_message(channels[n % 3], n * 10, b'{"n": %d}' % n, n * 10 + 1, n)
    writer.finish()
    return out.getvalue()


def _same(data: bytes) -> McapReader:
    one, many = McapReader(io.BytesIO(data)), McapReader(io.BytesIO(data))
    singly: dict[int, list[Message]] = {}
    for message in one.messages():
        singly.setdefault(message.stream.number, []).append(message)
    at_once: dict[int, list[Message]] = {}
    for run in many.runs():
        at_once.setdefault(run.stream.number, []).extend(run.messages())
    assert singly == at_once
    assert (one.state, one.reason, one.streams) == (many.state, many.reason, many.streams)
    return many


@pytest.mark.parametrize("compression", [CompressionType.NONE, CompressionType.ZSTD, CompressionType.LZ4])
@pytest.mark.parametrize("chunked", [True, False])
def test_runs_hold_the_messages(compression: CompressionType, chunked: bool) -> None:  # noqa: FBT001 -- a parameter
    assert _same(_file(compression, chunked=chunked)).reason is None


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 12_000), st.integers(0, 255), st.booleans(), st.booleans())
def test_runs_of_damaged_files_hold_the_messages(
    at: int,
    value: int,
    cut: bool,  # noqa: FBT001 -- drawn by hypothesis
    chunked: bool,  # noqa: FBT001 -- drawn by hypothesis
) -> None:
    data = bytearray(_file(CompressionType.NONE, chunked=chunked))
    at %= len(data)
    if cut:
        del data[at:]
    else:
        data[at] = value
    _same(bytes(data))


def test_the_crc_of_the_data_is_checked_though_the_summary_points_elsewhere() -> None:
    data = bytearray(_file(CompressionType.NONE, crc=True))
    assert _same(bytes(data)).reason is None
    # A record of no kind that looks like a data end without a CRC, where a false footer says that the data ends.
    decoy = struct.pack("<BQI", 15, 4, 0)
    end = data.rindex(struct.pack("<BQ", 15, 4))
    before = bytes(data[:end])
    hidden = before + struct.pack("<BQ", 0x90, len(decoy)) + decoy
    wrong = hidden + struct.pack("<BQI", 15, 4, zlib.crc32(hidden) ^ 1)
    footer = struct.pack("<BQQQI", 2, 20, len(hidden), 0, 0) + b"\x89MCAP0\r\n"
    assert "CRC of the data" in str(_same(wrong + footer).reason)
    right = hidden + struct.pack("<BQI", 15, 4, zlib.crc32(hidden))
    assert "CRC" not in str(_same(right + footer).reason)


def test_a_real_recording_has_the_same_frames(shared: Path) -> None:
    (place,) = (shared / "data").rglob("comma2k19_rav4_first40s.mcap")
    with place.open("rb") as source:
        buses: dict[int, tuple[CanBus, CanBus]] = {}
        for run in McapReader(source).runs():
            if run.stream.kind != "can":
                continue
            at_once, one_by_one = buses.setdefault(run.stream.number, (CanBus(()), CanBus(())))
            at_once.add_run(run)
            for message in run.messages():
                frame = frame_of_message(message)
                assert frame is not None
                one_by_one.add(frame)
    assert len(buses) == 2
    for at_once, one_by_one in buses.values():
        assert repr(at_once.finish()) == repr(one_by_one.finish())
        assert at_once._payloads == one_by_one._payloads

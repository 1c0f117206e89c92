from __future__ import annotations

import io
import struct
import tracemalloc

import numpy as np
import pytest
from asammdf import MDF, Signal
from hypothesis import given, settings
from hypothesis import strategies as st
from measurement_file import File, opened

from carnet.classify import describe
from carnet.formats import open_recording
from carnet.formats.can import frame_of_message
from carnet.formats.mdf_layout import layout_of, named
from carnet.model.factsheet import ReadState

VIN = "1M8GDM9AXKP042788"
REAL = {
    "canedge_17BD1DB7_170.mf4": 2010,
    "canedge_2F6913DB_1.mf4": 5588,
    "canedge_94C49784_2.mf4": 9600,
    "canedge_gnss_2F6913DB_a.mf4": 4024,
    "canedge_j1939_basics.mf4": 150411,
}


def values(messages, name):
    layout = layout_of(messages[0].stream.schema_data)
    channel = named(layout.channels, name)
    out, first = [], 0
    for one in messages:
        rows = layout.rows(one.data)
        out += layout.numbers(channel, rows, first).tolist()
        first += len(rows)
    return out


@pytest.mark.parametrize("name", REAL)
def test_frames_of_real_bus_logs_equal_those_of_asammdf(shared, name):
    path = shared / "data" / "mdf4" / name
    with path.open("rb") as file:
        reader = open_recording(file, "x")
        frames = [frame_of_message(one) for one in reader.messages()]
        assert reader.state is ReadState.READ, reader.reason
    assert len(frames) == REAL[name]
    expected = []
    with MDF(path) as other:
        start = other.header.abs_time
        for number, group in enumerate(other.groups):
            if group.channel_group.cycles_nr and any(one.name == "CAN_DataFrame" for one in group.channels):
                signal = other.get("CAN_DataFrame", group=number)
                part = {one: signal.samples[f"CAN_DataFrame.{one}"] for one in ("ID", "IDE", "DataLength")}
                data = signal.samples["CAN_DataFrame.DataBytes"]
                for at, second in enumerate(signal.timestamps):
                    size = int(part["DataLength"][at])
                    expected.append(
                        (
                            int(part["ID"][at]),
                            bool(part["IDE"][at]),
                            bytes(data[at])[:size],
                            start + second * 1e9,
                        )
                    )
    ours = sorted((one.time_ns, one.id, one.extended, one.data) for one in frames)
    theirs = sorted((time, number, wide, data) for number, wide, data, time in expected)
    assert sorted(one[1:] for one in ours) == sorted(one[1:] for one in theirs)
    assert max(abs(a[0] - b[0]) for a, b in zip(ours, theirs, strict=True)) < 1000


@pytest.mark.parametrize("name", ["asap2_demo_v171.mf4", "asammdf_metadata.mf4"])
def test_values_of_real_signals_equal_those_of_asammdf(shared, name):
    path = shared / "data" / "mdf4" / name
    with path.open("rb") as file:
        reader = open_recording(file, "x")
        messages = list(reader.messages())
        assert reader.state is ReadState.READ, reader.reason
    compared = 0
    with MDF(path) as other:
        for stream in {one.stream.number: one.stream for one in messages}.values():
            mine = [one for one in messages if one.stream == stream]
            layout = layout_of(stream.schema_data)
            index = next(n for n, one in enumerate(other.groups) if one.channel_group.acq_name == stream.name)
            for channel in layout.channels:
                if channel.rule not in {0, 1, 2} or not channel.is_number or channel.role not in {0, 6}:
                    continue
                theirs = other.get(channel.name, group=index).samples
                if theirs.dtype.kind not in "iuf" or theirs.ndim > 1:
                    continue
                rows = layout.rows(b"".join(one.data for one in mine))
                np.testing.assert_allclose(layout.numbers(channel, rows), theirs.astype(float), rtol=1e-12)
                compared += 1
    assert compared > (1 if name == "asammdf_metadata.mf4" else 15)


@pytest.mark.parametrize("compression", [0, 1, 2, 3, 4, 5, 6])
def test_signals_that_asammdf_writes_are_read_back(tmp_path, compression):
    seconds = np.arange(5000) / 10
    written = MDF(version="4.10")
    latitude = 31.12 + seconds * 1e-5
    written.append(
        [
            Signal(latitude, seconds, name="GPS_Latitude", unit="deg"),
            Signal(121.2 + seconds * 1e-5, seconds, name="GPS_Longitude", unit="deg"),
            Signal((seconds * 3).astype(np.uint16), seconds, name="Speed", unit="km/h"),
        ],
        comment="drive",
    )
    words = np.array([f"driver {VIN}".encode() if n == 7 else b"nothing" for n in range(20)])
    written.append(Signal(words, np.arange(20.0), name="Note", encoding="utf-8"))
    written.attach(f"calibration of {VIN}".encode(), file_name="a.txt", compression=True)
    path = tmp_path / "a.mf4"
    written.save(path, compression=compression)
    written.close()
    data = path.read_bytes()
    reader, messages = opened(data)
    assert reader.state is ReadState.READ, reader.reason
    run = [one for one in messages if one.stream.encoding == "mdf4" and b"Latitude" in one.stream.schema_data]
    np.testing.assert_allclose(values(run, "GPS_Latitude"), latitude)
    sheet = describe(io.BytesIO(data), name="x", detect=False)
    assert sheet.state is ReadState.READ
    assert sheet.streams[0].facts["points"] == 5000
    assert sheet.streams[0].count == 5000
    assert "location.position" in {one.data for one in sheet.streams[0].fields}
    assert "vehicle_id.vin" in {one for stream in sheet.streams for one in stream.data}
    assert ("attachment a.txt", "vehicle_id.vin") in {(one.where, one.data) for one in sheet.outside}


def test_a_position_under_innocent_names_is_found_by_its_values(tmp_path):
    seconds = np.arange(200.0)
    written = MDF(version="4.10")
    both = [
        Signal(start + seconds * 1.00003e-4 + np.sin(seconds) * 3e-7, seconds, name=name)
        for name, start in (("alpha", 48.1), ("beta", 11.5))
    ]
    written.append(both)
    path = tmp_path / "a.mf4"
    written.save(path)
    sheet = describe(io.BytesIO(path.read_bytes()), name="x", detect=False)
    assert "location.trajectory" in sheet.streams[0].data


def simple(count=3, announced=None, flags=0, sign=b"MDF     ", payload=None) -> bytes:
    file = File(sign, flags)
    group = file.group(file.channel("speed"), 1, count if announced is None else announced)
    data = file.put(b"DT", (), bytes(range(count)) if payload is None else payload)
    return file.measure(group, data)


def test_a_small_file_is_read():
    reader, messages = opened(simple())
    assert reader.state is ReadState.READ, reader.reason
    assert values(messages, "speed") == [0, 1, 2]


def test_channels_without_samples_are_never_read():
    """The trap: a reader that opens the file, lists its channels and gives nothing, without an error."""
    for data in (simple(0), simple(0, announced=5), simple(0, sign=b"UnFinMF ", flags=1)):
        reader, messages = opened(data)
        assert not messages
        assert reader.state is ReadState.BLOCKED
        assert "1 channels" in reader.reason
        assert describe(io.BytesIO(data), name="x").state is ReadState.BLOCKED


def test_records_that_no_link_leads_to_are_said():
    data = bytearray(simple())
    at = data.index(b"##DG")
    struct.pack_into("<Q", data, at + 24 + 16, 0)
    reader, messages = opened(bytes(data))
    assert not messages
    assert reader.state is ReadState.BLOCKED
    assert "belong to no block" in "; ".join(reader._lost)


def test_a_wrong_count_of_records_is_said():
    reader, messages = opened(simple(3, announced=4))
    assert len(messages) == 1
    assert reader.state is ReadState.PARTLY
    assert "another number of records" in reader.reason


def test_an_unfinished_file_has_no_counts_and_no_length_of_its_data():
    file = File(b"UnFinMF ", 0x25)
    group = file.group(file.channel("speed"), 1, 0)
    file.link(file.header, 0, len(file.data) + -len(file.data) % 8)
    behind = len(file.data) + -len(file.data) % 8 + 24 + 8 * 4 + 8
    file.put(b"DG", (0, group, behind, 0), bytes(8))
    moved = bytes(file.data) + struct.pack("<4s4xQQ", b"##DT", 24, 0) + bytes([4, 5, 6, 7])
    reader, messages = opened(moved)
    assert reader.state is ReadState.READ, reader.reason
    assert values(messages, "speed") == [4, 5, 6, 7]


def test_frames_with_bytes_of_variable_length_among_the_records():
    file = File()
    data = file.channel("CAN_DataFrame.DataBytes", role=1, kind=10, byte=5, bits=64)
    size = file.channel("CAN_DataFrame.DataLength", data, byte=4)
    number = file.channel("CAN_DataFrame.ID", size, bits=32)
    values_at = file.group(0, 0, 2, record=2, flags=1)
    group = file.group(number, 13, 2, record=1, after=values_at)
    file.link(data, 5, values_at)
    records = b""
    offset = 0
    for n, body in enumerate((b"abc", b"0123456789ABCDEF")):
        records += b"\2" + struct.pack("<I", len(body)) + body
        records += b"\1" + struct.pack("<IBQ", 0x80000100 + n, len(body), offset)
        offset += 4 + len(body)
    reader, messages = opened(file.measure(group, file.put(b"DT", (), records), 1))
    assert reader.state is ReadState.READ, reader.reason
    frames = [frame_of_message(one) for one in messages]
    assert [(one.id, one.extended, one.data) for one in frames] == [
        (0x100, True, b"abc"),
        (0x101, True, b"0123456789ABCDEF"),
    ]


def test_frames_with_bytes_in_a_block_of_their_own():
    file = File()
    bodies = [b"abc", b"", b"defgh"]
    signal = file.put(b"SD", (), b"".join(struct.pack("<I", len(one)) + one for one in bodies))
    data = file.channel("CAN_DataFrame.DataBytes", role=1, kind=10, byte=4, bits=64, data=signal)
    number = file.channel("CAN_DataFrame.ID", data, bits=32)
    offsets = [0, 7, 11]
    records = b"".join(struct.pack("<IQ", 5, one) for one in offsets)
    reader, messages = opened(file.measure(file.group(number, 12, 3), file.put(b"DT", (), records)))
    assert reader.state is ReadState.READ, reader.reason
    assert [frame_of_message(one).data for one in messages] == bodies


def test_error_and_remote_frames_carry_no_bytes():
    for name in ("CAN_ErrorFrame", "CAN_RemoteFrame"):
        file = File()
        number = file.channel(f"{name}.ID", file.channel(name, kind=10, bits=32), bits=32)
        data = file.measure(file.group(number, 4, 2), file.put(b"DT", (), bytes(8)))
        frames = [frame_of_message(one) for one in opened(data)[1]]
        assert [(one.error, one.data) for one in frames] == [(name == "CAN_ErrorFrame", b"")] * 2
        assert describe(io.BytesIO(data), name="x").state is ReadState.READ


def test_what_a_writer_replaced_is_looked_through():
    file = File()
    group = file.group(file.channel("speed"), 1, 3)
    file.text(f"<HDcomment><TX>car {VIN}</TX></HDcomment>", b"MD")
    data = file.measure(group, file.put(b"DT", (), b"abc"))
    sheet = describe(io.BytesIO(data), name="x")
    assert sheet.state is ReadState.READ
    assert ("replaced text", "vehicle_id.vin") in {(one.where, one.data) for one in sheet.outside}


def test_a_header_comment_is_looked_through_by_the_names_of_its_parts():
    file = File()
    group = file.group(file.channel("speed"), 1, 3)
    text = f'<HDcomment><TX>car {VIN}</TX><e name="user_name">abc &amp; co</e></HDcomment>'
    file.link(file.header, 5, file.text(text, b"MD"))
    found = {
        (one.where, one.data)
        for one in describe(io.BytesIO(file.measure(group, file.put(b"DT", (), b"abc"))), name="x").outside
    }
    assert ("header comment", "vehicle_id.vin") in found
    assert ("header comment user_name", "identity.account") in found


def test_other_versions_are_blocked_with_the_reason():
    reader, _ = opened(b"MDF     3.30    test" + bytes(200))
    assert reader.state is ReadState.BLOCKED
    assert "version" in reader.reason


def test_a_logger_s_own_compression_is_named(shared):
    with (shared / "data" / "mdf4" / "canedge_compressed_5.mfc").open("rb") as file:
        reader = open_recording(file, "x")
        assert reader.state is ReadState.BLOCKED
        assert "CSS Electronics" in reader.reason


def survives(data: bytes) -> None:
    sheet = describe(io.BytesIO(data), name="x", detect=False)
    assert sheet.state is not ReadState.READ or any(one.count for one in sheet.streams)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2000))
def test_a_cut_file_is_never_whole(size):
    data = simple(40)
    if size < len(data) - 1:
        survives(data[:size])
        if size:
            assert describe(io.BytesIO(data[:size]), name="x", detect=False).state is not ReadState.READ


def rich() -> bytes:
    file = File()
    signal = file.put(b"SD", (), b"".join(struct.pack("<I", 3) + b"abc" for _ in range(4)))
    factors = file.put(b"CC", (0, 0, 0, 0), struct.pack("<BBHHHdd2d", 1, 0, 0, 0, 2, 0.0, 0.0, 1.0, 2.0))
    note = file.channel("note", role=1, kind=7, byte=4, bits=64, data=signal)
    speed = file.channel("speed", note, bits=12, bit=3, cc=factors)
    group = file.group(speed, 12, 4)
    data = b"".join(struct.pack("<IQ", n, 7 * n) for n in range(4))
    return file.measure(group, file.put(b"DT", (), data))


def test_texts_of_variable_length_are_a_stream():
    reader, messages = opened(rich())
    assert reader.state is ReadState.READ, reader.reason
    texts = [one.data for one in messages if one.stream.kind == "records"]
    assert texts == [b'{"note": "abc"}'] * 4


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=8))
def test_flipped_bytes_do_no_harm(changes):
    data = bytearray(rich())
    for at, value in changes:
        data[at % len(data)] = value
    survives(bytes(data))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0, 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1]))
def test_hostile_lengths_and_links_do_no_harm(at, value):
    data = bytearray(rich())
    at = at % (len(data) // 8 - 1) * 8
    struct.pack_into("<Q", data, at, value)
    survives(bytes(data))


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300))
def test_anything_behind_the_first_bytes_does_no_harm(data):
    survives(b"MDF     4.10    " + data)


def test_groups_that_share_everything_cost_no_more_than_one():
    file = File()
    channel = file.channel("speed")
    group = file.group(channel, 1, 3)
    data = file.put(b"DT", (), b"abc")
    after = 0
    for _ in range(3000):
        after = file.put(b"DG", (after, group, data, 0), bytes(8))
    file.link(file.header, 0, after)
    reader, messages = opened(bytes(file.data))
    assert sum(one.rows for one in messages) == 3
    assert reader.state is ReadState.PARTLY


def test_many_channels_with_comments_are_no_loss():
    file = File()
    after = 0
    for n in range(6000):
        after = file.channel(f"signal {n}", after)
        file.link(after, 7, file.text(f"comment {n}" + (f" of car {VIN}" if n == 4000 else "")))
    data = file.measure(file.group(after, 1, 3), file.put(b"DT", (), b"abc"))
    reader, _ = opened(data)
    assert reader.state is ReadState.READ, reader.reason
    sheet = describe(io.BytesIO(data), name="x")
    assert ("comment of a channel", "vehicle_id.vin") in {(one.where, one.data) for one in sheet.outside}


def test_bytes_that_are_letters_are_looked_through():
    file = File()
    group = file.group(file.channel("blob", kind=10, bits=160), 20, 2)
    data = file.measure(group, file.put(b"DT", (), VIN.encode().ljust(20, b"\0") + bytes(range(20))))
    (stream,) = describe(io.BytesIO(data), name="x").streams
    assert "vehicle_id.vin" in stream.data


@pytest.mark.parametrize("version", ["4.00", "4.11", "4.20"])
def test_other_versions_of_the_writer_are_read_back(tmp_path, version):
    seconds = np.arange(1000) / 10
    written = MDF(version=version)
    written.append([Signal(np.arange(1000) * n, seconds, name=f"s{n}") for n in range(3)])
    path = tmp_path / "a.mf4"
    written.save(path, compression=2)
    written.close()
    reader, messages = opened(path.read_bytes())
    assert reader.state is ReadState.READ, reader.reason
    assert sum(one.rows for one in messages if b"s2" in one.stream.schema_data) == 1000


def test_blocks_that_overlap_are_bounded():
    file = File()
    file.data += bytes(-len(file.data) % 8)
    first = len(file.data)
    many, length = 3000, 20 << 20
    for n in range(many):
        after = first + 32 * (n + 1) if n + 1 < many else 0
        file.data += struct.pack("<4s4xQQQ", b"##DG", length - 32 * n, 1, after)
    file.link(file.header, 0, first)
    tracemalloc.start()
    reader, _ = opened(bytes(file.data) + bytes(length))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reader.state is ReadState.BLOCKED
    assert peak < 400 << 20

"""CAN logs of other tools: what python-can writes is read back, what it skips is counted."""

from __future__ import annotations

import io
import struct
import zlib

import can
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.classify import describe
from carnet.formats import open_recording
from carnet.formats.can import frame_of_message
from carnet.formats.can_asc import start_of
from carnet.model.factsheet import ReadState

# File, frames that the text or python-can shows, of which so many are remote or error frames.
REAL = {
    "issue_1256.asc": ("asc", 1457, 0),
    "logfile.asc": ("asc", 22, 8),
    "single_frame.asc": ("asc", 1, 0),
    "single_frame_us_locale.asc": ("asc", 1, 0),
    "test_CanErrorFrames.asc": ("asc", 4, 4),
    "test_CanFdMessage.asc": ("asc", 3, 0),
    "test_CanFdMessage64.asc": ("asc", 2, 0),
    "test_CanFdRemoteMessage.asc": ("asc", 1, 1),
    "test_CanMessage.asc": ("asc", 2, 0),
    "test_CanRemoteMessage.asc": ("asc", 3, 3),
    "test_CanErrorFrameExt.blf": ("blf", 2, 2),
    "test_CanFdMessage.blf": ("blf", 2, 0),
    "test_CanMessage.blf": ("blf", 2, 0),
    "test_CanMessage.trc": ("trc", 2, 0),
    "test_CanMessage_V1_0_BUS1.trc": ("trc", 12, 2),
    "test_CanMessage_V1_1.trc": ("trc", 12, 2),
    "test_CanMessage_V2_1.trc": ("trc", 12, 2),
}


def opened(data: bytes):
    reader = open_recording(io.BytesIO(data), "renamed")
    messages = list(reader.messages())
    return reader, [frame_of_message(one) for one in messages if one.stream.kind == "can"]


def asc(*lines: str, base="hex", times="absolute") -> bytes:
    head = f"date Sat Sep 30 15:06:13.191 2017\nbase {base}  timestamps {times}\ninternal events logged\n"
    return (head + "\n".join(lines) + "\n").encode()


@pytest.mark.parametrize("name", REAL)
def test_real_logs_hold_what_their_text_shows(shared, name):
    form, count, bare = REAL[name]
    path = shared / "data" / "can" / "logs" / name
    reader, frames = opened(path.read_bytes())
    assert (reader.format, reader.state, reader.reason) == (form, ReadState.READ, None)
    assert len(frames) == count
    assert sum(not one.data for one in frames) == bare


@pytest.mark.parametrize("name", [one for one in REAL if one not in {"single_frame.asc", "logfile.asc"}])
def test_frames_of_real_logs_equal_those_of_python_can(shared, name):
    path = shared / "data" / "can" / "logs" / name
    ours = [one for one in opened(path.read_bytes())[1] if not one.error]
    with can.LogReader(path) as log:
        theirs = [one for one in log if not one.is_error_frame]
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.id == other.arbitration_id
        assert one.data == (b"" if other.is_remote_frame else bytes(other.data))


def test_a_frame_of_64_bytes_keeps_them_all(shared):
    (one,) = opened((shared / "data" / "can" / "logs" / "single_frame.asc").read_bytes())[1]
    assert one.data == bytes(range(64))


messages = st.builds(
    lambda number, wide, data, remote, channel, micros: can.Message(
        arbitration_id=number % (1 << (29 if wide else 11)),
        is_extended_id=wide,
        is_remote_frame=remote,
        data=b"" if remote else data,
        dlc=3 if remote else len(data),
        channel=channel,
        timestamp=1_600_000_000 + micros / 1e6,
        is_rx=True,
    ),
    st.integers(0, 2**29 - 1),
    st.booleans(),
    st.binary(max_size=8),
    st.booleans(),
    st.integers(0, 3),
    st.integers(0, 10**7),
)


def written(writer, frames, tmp_path, name) -> bytes:
    path = tmp_path / name
    with writer(path) as log:
        for one in frames:
            log(one)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("writer", "name"),
    [(can.ASCWriter, "a.asc"), (can.BLFWriter, "a.blf"), (can.CSVWriter, "a.csv"), (can.TRCWriter, "a.trc")],
)
@settings(max_examples=25, deadline=None)
@given(frames=st.lists(messages, min_size=1, max_size=30))
def test_what_python_can_writes_is_read_back(tmp_path_factory, writer, name, frames):
    frames = sorted(frames, key=lambda one: one.timestamp)
    if name == "a.trc":
        frames = [one for one in frames if not one.is_remote_frame] or [can.Message(data=b"a", channel=1)]
    data = written(writer, frames, tmp_path_factory.mktemp("logs"), name)
    reader, found = opened(data)
    assert reader.state is ReadState.READ, reader.reason
    assert reader.format == {"a.asc": "asc", "a.blf": "blf", "a.csv": "can-csv", "a.trc": "trc"}[name]
    assert [(one.id, one.data) for one in found] == [
        (one.arbitration_id, b"" if one.is_remote_frame else bytes(one.data)) for one in frames
    ]
    if name in {"a.csv", "a.blf"}:
        assert all(abs(a.time_ns / 1e9 - b.timestamp) < 2e-3 for a, b in zip(found, frames, strict=True))


def test_a_large_blf_log_lies_in_several_containers(tmp_path):
    frames = [
        can.Message(arbitration_id=n % 2048, is_extended_id=False, data=n.to_bytes(8), channel=1, timestamp=n)
        for n in range(12_000)
    ]
    data = written(can.BLFWriter, frames, tmp_path, "a.blf")
    assert data.count(b"LOBJ") >= 3
    reader, found = opened(data)
    assert reader.state is ReadState.READ, reader.reason
    assert [int.from_bytes(one.data) for one in found] == list(range(12_000))
    cut, fewer = opened(data[: len(data) * 2 // 3])
    assert cut.state is ReadState.PARTLY
    assert 0 < len(fewer) < 12_000


def test_decimal_logs_are_decimal():
    (one,) = opened(asc("0.5 1 291 Rx d 3 16 255 0", base="dec"))[1]
    assert (one.id, one.data) == (291, bytes([16, 255, 0]))


def test_relative_times_add_up():
    lines = ["0.5 1 123 Rx d 1 00", "0.25 1 123 Rx d 1 01"]
    found = opened(asc(*lines, times="relative"))[1]
    assert found[1].time_ns - found[0].time_ns == 250_000_000


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"date Sat Sep 30 15:06:13.191 2017", 1506783973_191000000),
        (b"date Sam Sep 30 15:06:13.191 2017", 1506783973_191000000),
        (b"date Tue May 27 04:09:35.000 pm 2014", 1401206975_000000000),
        ("date Die Mär 3 01:02:03 2020".encode(), 1583197323_000000000),
        (b"date Die M\xe4r 3 01:02:03 2020", 1583197323_000000000),
        (b"date mar. d\xe9c. 1 12:00:00 am 2020", 1606780800_000000000),
        (b"date Sat Foo 30 15:06:13.191 2017", None),
        (b"date Sat Feb 30 15:06:13.191 2017", None),
    ],
)
def test_dates_in_three_languages(line, expected):
    assert start_of(line) == expected


def test_lines_that_are_skipped_are_counted():
    reader, found = opened(
        asc(
            "0.5 1 123 Rx d 1 00",
            "0.6 1 EngineData Rx d 1 00",
            "0.7 1 123 Rx d 3 00",
            "0.8 Li1 3C Rx 8 00 00 00 00 00 00 00 00",
            "0.9 1 Statistic: D 0 R 0 XD 0 XR 0 E 0 O 0 B 0.00%",
            "// driver Max",
        )
    )
    assert len(found) == 1
    assert reader.state is ReadState.PARTLY
    assert reader.reason == "3 lines are not frames"
    assert [one.data for one in reader.outside() if one.where == "comment"] == [b" driver Max"]


def test_length_codes_beyond_eight_and_remarks_of_a_kvaser_logger():
    text = (
        b"date Fri Jun 15 10:22:35 am 2018\nbase hex timestamps absolute\nBegin Triggerblock\n"
        b"   0.29 Log Trigger Event (type=0x86, active=0x01, pre-trigger=0, post-trigger=0)\n"
        b"  13.25 1  3FF             Tx   d D 55 AA 01 02 03 04 05 06  Length = 232016 BitCount = 119 ID = 1023\n"
        b"  13.26 1  3FF             Tx   d 8 55 AA 01 02 03 04 05 06\n"
        b"  13.27 1  3FF             Tx   d 10 55 AA 01 02 03 04 05 06\n"
        b"  13.28 1  3FF             Tx   d D 55 AA 01 02 03 04 05\nEnd TriggerBlock\n"
    )
    reader = open_recording(io.BytesIO(text), "x")
    frames = [one.data for one in reader.messages()]
    assert len(frames) == 2
    assert frames[0] == frames[1]
    assert reader.reason == "2 lines are not frames"
    assert {one.where for one in reader.outside()} == {"line that is no frame"}


def test_comments_are_looked_through():
    data = asc("0.5 1 123 Rx d 1 00", "// car 1M8GDM9AXKP042788")
    sheet = describe(io.BytesIO(data), name="x")
    assert ("comment", "vehicle_id.vin") in {(one.where, one.data) for one in sheet.outside}


def test_tables_of_savvycan_and_cabana():
    savvy = b"Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n"
    savvy += b"166064000,0000021A,false,Rx,0,3,FE,36,12,00,00,00,00,00,\n"
    cabana = b"time,addr,bus,data\n1.5,0x21a,2,0xfe3612\n1.6,zz,2,00\n"
    reader, found = opened(savvy)
    assert (reader.format, reader.state) == ("can-csv", ReadState.READ)
    assert [(one.id, one.data, one.time_ns) for one in found] == [(0x21A, b"\xfe\x36\x12", 166_064_000_000)]
    reader, found = opened(cabana)
    assert [(one.id, one.data) for one in found] == [(0x21A, b"\xfe\x36\x12")]
    assert reader.reason == "1 lines are not frames"


def blf(*objects: bytes) -> bytes:
    return struct.pack("<4sL", b"LOGG", 144).ljust(144, b"\0") + b"".join(objects)


def thing(kind: int, body: bytes, *, size: int | None = None) -> bytes:
    head = struct.pack("<4sHHLL", b"LOBJ", 32, 1, 32 + len(body) if size is None else size, kind)
    return head + struct.pack("<LHHQ", 2, 0, 0, 5) + body


def container(inside: bytes, *, plain: int | None = None) -> bytes:
    packed = zlib.compress(inside)
    body = struct.pack("<H6xL4x", 2, len(inside) if plain is None else plain) + packed
    return struct.pack("<4sHHLL", b"LOBJ", 16, 1, 16 + len(body), 10) + body


FRAME = thing(1, struct.pack("<HBBL8s", 1, 0, 8, 0x123, b"12345678"))


VIN_PARTS = [
    b"10 14 49 02 01 57 56 57",
    b"21 5A 5A 5A 31 4A 5A 58",
    b"22 57 30 30 30 30 30 31",
]
CSS = b"TimestampEpoch;BusChannel;ID;IDE;DLC;DataLength;Dir;EDL;BRS;ESI;RTR;DataBytes\n"
BUSMASTER = (
    b"***BUSMASTER Ver 3.2.2***\n***PROTOCOL CAN***\n***[START LOGGING SESSION]***\n"
    b"***START DATE AND TIME 22:11:2026 10:00:00:000***\n***HEX***\n***SYSTEM MODE***\n"
    b"***CHANNEL 1 - Kvaser - Serial Number- 77 - 500000 bps***\n"
    b"***<Time><Tx/Rx><Channel><CAN ID><Type><DLC><DataBytes>***\n"
)
MORNING = 1_795_341_600 * 10**9


@pytest.mark.parametrize(
    ("text", "name", "times"),
    [
        (b"".join(b"  can0  7E8   [8]  %s\n" % one for one in VIN_PARTS), "candump-console", (0, 0)),
        (
            b"".join(b" (1795341600.%06d)  can0  7E8   [8]  %s\n" % one for one in enumerate(VIN_PARTS)),
            "candump-console",
            (MORNING, MORNING + 2000),
        ),
        (
            b"".join(
                b" (2026-11-22 10:00:00.%06d)  can0  RX - -  7E8   [8]  %s   '.I..ab.'\n" % one
                for one in enumerate(VIN_PARTS)
            ),
            "candump-console",
            (MORNING, MORNING + 2000),
        ),
        (
            CSS
            + b"".join(
                b"1795341600.%06d;1;7E8;0;8;8;0;0;0;0;0;%s\n" % (at, one.replace(b" ", b""))
                for at, one in enumerate(VIN_PARTS)
            ),
            "can-csv",
            (MORNING, MORNING + 2000),
        ),
        (
            BUSMASTER + b"".join(b"10:00:00:%04d Rx 1 0x7E8 s 8 %s\n" % one for one in enumerate(VIN_PARTS)),
            "busmaster",
            (MORNING, MORNING + 200_000),
        ),
        (
            BUSMASTER.replace(b"SYSTEM", b"RELATIVE")
            + b"".join(b"00:00:00:0001 Rx 1 0x7E8 s 8 %s\n" % one for one in VIN_PARTS),
            "busmaster",
            (MORNING + 100_000, MORNING + 300_000),
        ),
    ],
)
def test_a_vin_in_a_log_saved_from_a_screen_is_seen(text, name, times):
    sheet = describe(io.BytesIO(text), name="x", detect=False)
    assert (sheet.format, sheet.state, sheet.reason) == (name, ReadState.READ, None)
    (stream,) = sheet.streams
    assert stream.count == 3
    assert "vehicle_id.vin" in stream.data
    assert (stream.facts["start_ns"], stream.facts["end_ns"]) == times


def test_remote_error_and_flexible_frames_of_a_screen():
    reader, found = opened(
        b"$ candump any\n  can0  123   [0]  remote request\n"
        b"  can0  20000080   [8]  00 00 00 00 00 00 00 00   ERRORFRAME\n"
        b"  can1  18FEF100   [12]  00 01 02 03 04 05 06 07 08 09 0A 0B\n  can1  123   [8]  00 01\n"
    )
    assert [(one.id, one.extended, one.error, len(one.data)) for one in found] == [
        (0x123, False, False, 0),
        (0x80, True, True, 0),
        (0x18FEF100, True, False, 12),
    ]
    assert reader.reason == "2 lines are not frames"


def test_a_decimal_busmaster_log_and_its_devices():
    text = BUSMASTER.replace(b"HEX", b"DEC") + (
        b"10:00:00:0001 Rx 2 2024 s 2 10 255\n10:00:00:0002 Tx 1 419361024 x 0\n10:00:00:0003 Rx 1 291 sr 8\n"
        b"10:00:00:0004 Rx 1 291 s 1 256\n10:00:00:0005 Rx 1 291 s 1 FF\n"
    )
    reader, found = opened(text)
    assert [(one.id, one.extended, one.data) for one in found] == [
        (2024, False, b"\x0a\xff"),
        (419361024, True, b""),
        (291, False, b""),
    ]
    assert reader.reason == "2 lines are not frames"
    assert any(one.where == "comment" and b"Serial" in one.data for one in reader.outside())


def test_a_text_that_mentions_a_frame_is_a_text():
    for text in (b"see can0  7E8   [8]  10 14 in the log\n", b"can0 is up [8]\n", b"***BUSMASTER***\n"):
        assert opened(text)[0].format == "text"


def test_objects_of_unknown_kinds_are_counted():
    reader, found = opened(blf(FRAME, thing(46, bytes(40)), FRAME))
    assert len(found) == 2
    assert reader.state is ReadState.PARTLY
    assert "1 objects are of kinds that carnet does not read (46)" in reader.reason


def test_texts_of_a_blf_log_are_looked_through():
    data = blf(FRAME, thing(92, bytes(16) + b"car 1M8GDM9AXKP042788\0"))
    sheet = describe(io.BytesIO(data), name="x")
    assert ("event comment", "vehicle_id.vin") in {(one.where, one.data) for one in sheet.outside}


@pytest.mark.parametrize(
    "data",
    [
        blf(container(FRAME * 3, plain=1 << 31)),
        blf(container(FRAME, plain=len(FRAME) + 9)),
        blf(container(FRAME + bytes(10**6), plain=len(FRAME) + 10**6)),
        blf(FRAME, thing(1, b"", size=2**32 - 1)),
        blf(FRAME, thing(1, b"", size=0)),
        blf(FRAME, b"something else"),
        blf(FRAME)[:-4],
        blf(),
        b"LOGG",
    ],
)
def test_hostile_blf_logs_are_never_whole(data):
    reader, found = opened(data)
    assert reader.state is not ReadState.READ
    assert reader.reason
    assert len(found) <= 1


STARTS = [
    asc("0.5 1 123 Rx d 1 00"),
    blf(FRAME, container(FRAME * 2)),
    b";$FILEVERSION=1.3\n;$STARTTIME=44548.6\n 1) 17535.4 1 Rx 0100 - 8 00 00 00 00 00 00 00 00\n",
    b";$FILEVERSION=2.0\n;$COLUMNS=N,O,T,I,d,l,D\n 1 17.400 FD 00000100 Rx 12 00 00 00 00 00 00 00 00 01 02 03 04\n",
    b"timestamp,arbitration_id,extended,remote,error,dlc,data\n1.0,0x123,0,0,0,1,AA==\n",
    b"TimestampEpoch;BusChannel;ID;IDE;DLC;DataLength;Dir;EDL;BRS;DataBytes\n1.5;1;7E8;0;2;2;0;0;0;00FF\n",
    b" (1700000000.000100)  can0  7E8   [2]  00 FF\n",
    b"***BUSMASTER Ver 3.2.2***\n***PROTOCOL CAN***\n10:00:01:0010 Rx 1 0x7E8 s 2 00 FF\n",
]


@pytest.mark.parametrize("start", STARTS)
def test_each_start_is_a_log(start):
    reader, found = opened(start)
    assert reader.state is ReadState.READ, reader.reason
    assert found


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(STARTS), st.integers(0, 400), st.binary(max_size=200))
def test_noise_and_cuts_do_no_harm(start, size, noise):
    for data in (start + noise, start[:size] + noise, start[:size]):
        reader, found = opened(data)
        reader.outside()
        assert reader.state is not ReadState.READ or found or reader.format == "text"
        assert reader.state is ReadState.READ or reader.reason


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(STARTS),
    st.lists(st.tuples(st.integers(0, 10**4), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_flipped_bytes_do_no_harm(start, changes):
    data = bytearray(start)
    for at, value in changes:
        data[at % len(data)] = value
    sheet = describe(io.BytesIO(bytes(data)), name="x", detect=False)
    assert (sheet.state is ReadState.BLOCKED) == (not any(one.count for one in sheet.streams))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**9),
            st.integers(0, 9),
            st.integers(0, 2**29 - 1),
            st.booleans(),
            st.binary(max_size=8),
        ),
        min_size=1,
        max_size=10,
    )
)
def test_the_usual_line_and_word_by_word_say_the_same(rows):
    lines = []
    for micros, channel, number, wide, data in rows:
        mark = "x" if wide or number > 0x7FF else ""
        lines.append(
            f"{micros // 10**6}.{micros % 10**6:06d} {channel}  {number:X}{mark}  Rx   d {len(data)} {data.hex(' ')}"
        )
    fast = opened(asc(*lines))[1]
    # Words that the fast way does not know send a line the other way.
    slow = opened(asc(*(f"{line} Unknown = 1" for line in lines)))[1]
    assert [(one.time_ns, one.id, one.extended, one.data) for one in fast] == [
        (one.time_ns, one.id, one.extended, one.data) for one in slow
    ]
    assert len(fast) == len(rows)

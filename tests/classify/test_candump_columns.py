"""A candump log by columns says what it says line by line, whatever stands between its frames."""

from __future__ import annotations

import io

from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.classify.canbus import CanBus
from carnet.classify.describe import describe
from carnet.formats import can_columns
from carnet.formats.can import CandumpReader, frame_of_message
from carnet.formats.reader import Message
from carnet.model.factsheet import ReadState

VIN = b"1HGCM82633A004352"


def usual(at: int, bus: str, number: int, data: bytes) -> bytes:
    digits = f"{number:03X}" if number < 0x800 else f"{number:08X}"
    return f"({1_785_204_000 + at / 100:.6f}) {bus} {digits}#{data.hex().upper()}".encode()


def answer(at: int) -> list[bytes]:
    """A VIN as ISO-TP sends it: a first frame and two more."""
    whole = b"\x62\xf1\x90" + VIN
    parts = [b"\x10" + bytes([len(whole)]) + whole[:6], b"\x21" + whole[6:13], b"\x22" + whole[13:]]
    return [usual(at + number, "can0", 0x7E8, part) for number, part in enumerate(parts)]


def said(data: bytes, *, by_column: bool):
    reader = CandumpReader(io.BytesIO(data))
    buses: dict[int, CanBus] = {}
    spans: dict[int, tuple[int, int, int]] = {}
    for one in reader.runs() if by_column else reader.messages():
        bus = buses.setdefault(one.stream.number, CanBus(()))
        if isinstance(one, Message):
            first = last = one.log_time_ns
            count = 1
            bus.add(frame_of_message(one))
        else:
            first, last, count = int(one.log_time_ns.min()), int(one.log_time_ns.max()), len(one)
            assert bus.add_run(one) == 0
        low, high, before = spans.get(one.stream.number, (first, last, 0))
        spans[one.stream.number] = min(low, first), max(high, last), before + count
    return (
        {number: repr(bus.finish()) for number, bus in buses.items()},
        spans,
        reader.streams,
        reader.outside(),
        reader.state,
        reader.reason,
    )


lines = st.one_of(
    st.builds(
        usual,
        st.integers(0, 10_000),
        st.sampled_from(["can0", "can1", "vcan0"]),
        st.sampled_from([0x100, 0x101, 0x7E8, 0x18FEF100, 0x18FEEC00, 0x1CECFF00]),
        st.binary(max_size=8),
    ),
    st.sampled_from(
        [
            b"",
            b"# a remark",
            b"(1785204000.5) can0 123##1001122334455667788AABBCC",
            b"(1785204000.5) can0 123#R",
            b"(1785204000.5) can0 20000080#0000000000000000",
            b"(1785204000.123456789) can0 123#11",
            b"(1785204000.5) a_bus_of_a_long_name 123#11",
            b"(999999999999.5) can0 123#11",
            b"(1785204000.5) can0 12#11",
            b"(1785204000.5) can0 123#1",
            b"x" * 1500,
        ]
    ),
)


@settings(max_examples=150, deadline=None)
@given(
    drawn=st.lists(lines, max_size=60),
    number=st.integers(0, 60),
    end=st.sampled_from([b"\n", b"\r\n"]),
    whole=st.booleans(),
    block=st.sampled_from([800, 2000, 1 << 20]),
)
def test_by_column_it_says_what_it_says_line_by_line(drawn, number, end, whole, block):
    at = min(number, len(drawn))
    data = end.join([*drawn[:at], *answer(5000), *drawn[at:]]) + (end if whole else b"")
    before = can_columns.blocks_of.__defaults__
    can_columns.blocks_of.__defaults__ = (block,)
    try:
        assert said(data, by_column=True) == said(data, by_column=False)
    finally:
        can_columns.blocks_of.__defaults__ = before


def test_a_number_in_a_long_log_is_found_by_column():
    body = [usual(at, "can0", 0x100 + at % 50, bytes([at % 256] * 8)) for at in range(50_000)]
    body[40_000:40_000] = answer(400)
    sheet = describe(io.BytesIO(b"\n".join(body) + b"\n"), name="x")
    assert sheet.state is ReadState.READ
    assert sheet.streams[0].count == 50_003
    assert "vehicle_id.vin" in sheet.data


def test_real_logs_say_the_same(shared):
    found = [
        data
        for path in (shared / "data" / "can" / "logs").iterdir()
        if (data := path.read_bytes()).startswith(b"(")
    ]
    assert found
    for data in found:
        assert said(data, by_column=True) == said(data, by_column=False)

"""What a bus tells without a database: VINs and positions that standards put where they are."""

from __future__ import annotations

import io
import random
import struct

import pytest

from carnet.classify import describe

VIN = b"1M8GDM9AXKP042788"
EUROPEAN = b"WDB9634031L123456"


def log(*frames: tuple[int, bytes], start=1_600_000_000.0, digits=8) -> bytes:
    return "".join(
        f"({start + n / 10:.6f}) can0 {number:0{digits}X}#{data.hex()}\n"
        for n, (number, data) in enumerate(frames)
    ).encode()


def bus(data: bytes):
    (stream,) = describe(io.BytesIO(data), name="x", detect=False).streams
    return stream


def bam(payload: bytes, group: int, *, receiver=0xFF) -> list[tuple[int, bytes]]:
    packets = -(-len(payload) // 7)
    head = bytes([32 if receiver == 0xFF else 16, len(payload), 0, packets, 255]) + group.to_bytes(
        3, "little"
    )
    rest = [bytes([n + 1]) + payload[7 * n : 7 * n + 7].ljust(7, b"\xff") for n in range(packets)]
    return [(0x1CEC0021 | receiver << 8, head), *((0x1CEB0021 | receiver << 8, one) for one in rest)]


def isotp(payload: bytes, number=0x7E8) -> list[tuple[int, bytes]]:
    parts = [bytes([0x10, len(payload)]) + payload[:6]]
    parts += [
        bytes([0x21 + n]) + payload[6 + 7 * n : 13 + 7 * n].ljust(7, b"\0")
        for n in range((len(payload)) // 7)
    ]
    return [(number, one) for one in parts]


@pytest.mark.parametrize("vin", [VIN, EUROPEAN])
@pytest.mark.parametrize("receiver", [0xFF, 0x03])
def test_a_vin_of_j1939(vin, receiver):
    stream = bus(log(*bam(vin + b"*", 65260, receiver=receiver)))
    assert "vehicle_id.vin" in stream.data
    assert any("j1939: PGN 65260" in one.because for one in stream.fields)


@pytest.mark.parametrize("vin", [VIN, EUROPEAN])
@pytest.mark.parametrize(
    ("start", "number"),
    [
        (b"\x62\xf1\x90", 0x7E8),
        (b"\x2e\xf1\x90", 0x7E0),
        (b"\x49\x02\x01", 0x7E8),
        (b"\x5a\x90", 0x7E8),
        (b"\x62\xf1\x90", 0x18DAF110),
    ],
)
def test_a_vin_of_diagnosis(vin, start, number):
    data = log(*isotp(start + vin, number), digits=3 if number < 2048 else 8)
    assert "vehicle_id.vin" in bus(data).data


def test_a_vin_of_diagnosis_in_extended_addressing():
    payload = b"\x62\xf1\x90" + VIN
    parts = [b"\xf1" + bytes([0x10, len(payload)]) + payload[:5]]
    parts += [b"\xf1" + bytes([0x21 + n]) + payload[5 + 6 * n : 11 + 6 * n] for n in range(3)]
    assert "vehicle_id.vin" in bus(log(*((0x612, one) for one in parts), digits=3)).data


def place(n: int) -> tuple[float, float]:
    return 52.5 + n * 1e-4, 13.4 + n * 1e-4


def test_positions_of_j1939():
    frames = [
        (0x18FEF321, struct.pack("<II", *(round((one + 210) * 1e7) for one in place(n)))) for n in range(30)
    ]
    stream = bus(log(*frames, (0x18FEF321, b"\xff" * 8)))
    assert "location.trajectory" in stream.data
    assert stream.facts["points"] == 30
    assert stream.facts["countries"] == ("DE",)


def test_positions_of_nmea_2000():
    rapid = [(0x09F80123, struct.pack("<ii", *(round(one * 1e7) for one in place(n)))) for n in range(30)]
    assert bus(log(*rapid)).facts["countries"] == ("DE",)
    fixes = []
    for n in range(30):
        payload = bytes(7) + struct.pack("<qq", *(round(one * 1e16) for one in place(n))) + bytes(20)
        fixes.append((0x0DF80523, bytes([n % 8 << 5, len(payload)]) + payload[:6]))
        fixes += [
            (0x0DF80523, bytes([n % 8 << 5 | k + 1]) + payload[6 + 7 * k : 13 + 7 * k]) for k in range(6)
        ]
    stream = bus(log(*fixes))
    assert "location.trajectory" in stream.data
    assert stream.facts["points"] == 30


def receiver(seconds: float, first=0x65) -> list[tuple[int, bytes]]:
    out = []
    for n in range(20):
        sent = round((seconds + n / 5) * 1000) - 1_577_840_400_000
        out.append((first + 1, b"\x03" + sent.to_bytes(5, "little")))
        a, b = place(n)
        bits = 1 | round((a + 90) * 1e6) << 1 | round((b + 180) * 1e6) << 29
        out.append((first + 2, bits.to_bytes(8, "little")))
    return out


def test_a_logger_s_receiver_is_known_by_its_time():
    stream = bus(log(*receiver(1_600_000_000), digits=3))
    assert "location.trajectory" in stream.data
    assert stream.facts["countries"] == ("DE",)
    assert bus(log(*receiver(1_700_000_000), digits=3)).data == ("unknown",)


def test_a_driver_s_card_is_somebody():
    stream = bus(log(*bam(b"D1234567890123456*" + b"\xff" * 4, 65131)))
    assert "identity.government" in stream.data


def test_noise_under_the_same_identifiers_is_no_position():
    chance = random.Random(5)
    frames = [(chance.choice([0x18FEF321, 0x09F80123, 0x0DF80523]), chance.randbytes(8)) for _ in range(3000)]
    stream = bus(log(*frames))
    assert stream.data == ("unknown",)


def test_noise_of_a_bus_is_neither_place_nor_person():
    chance = random.Random(7)
    frames = [(chance.randrange(1 << 29) | 1 << 11, chance.randbytes(8)) for _ in range(3000)]
    assert bus(log(*frames)).data == ("unknown",)


DBC = (
    b'VERSION ""\nBU_: A\nBO_ 256 Ident: 8 A\n SG_ Count : 0|16@1+ (1,0) [0|0] "" A\n'
    b' SG_ VIN_part : 16|48@1+ (1,0) [0|0] "" A\n'
)


@pytest.mark.parametrize("zeros", [5, 300])
def test_a_number_that_a_database_names_may_come_late(zeros):
    frames = [(0x100, n.to_bytes(2, "little") + bytes(6)) for n in range(zeros)]
    frames += [(0x100, n.to_bytes(2, "little") + VIN[:6]) for n in range(zeros, zeros + 5)]
    (stream,) = describe(
        io.BytesIO(log(*frames, digits=3)), name="x", detect=False, companions={"a.dbc": DBC}
    ).streams
    (field,) = (one for one in stream.fields if one.path == "Ident.VIN_part")
    assert (field.data, field.certainty) == ("vehicle_id.vin", "certain")


def test_a_number_that_was_taken_out_of_its_parts_is_none():
    """As `carnet redact` leaves it: the selector counts, and says nothing of the number."""
    database = (
        b'VERSION ""\nBU_: A\nBO_ 1872 VEHICLE_IDENTITY: 8 A\n SG_ VIN_INDEX M : 7|8@0+ (1,0) [0|2] "" A\n'
        b' SG_ VIN_CHARS_01_07 m0 : 15|56@0+ (1,0) [0|0] "" A\n SG_ VIN_CHARS_08_14 m1 : 15|56@0+ (1,0) [0|0] "" A\n'
        b' SG_ VIN_CHARS_15_17 m2 : 15|24@0+ (1,0) [0|0] "" A\n'
    )
    for letters, told in ((bytes(7), False), (VIN[:7], True)):
        frames = [(1872, bytes([part]) + letters) for part in (0, 1, 2)] * 4
        (stream,) = describe(
            io.BytesIO(log(*frames, digits=3)), name="x", detect=False, companions={"a.dbc": database}
        ).streams
        assert ("vehicle_id.vin" in stream.data) is told


@pytest.mark.parametrize("many", [5, 300])
def test_a_number_that_a_database_names_and_nobody_sent_is_none(many):
    frames = [(0x100, n.to_bytes(2, "little") + bytes(6)) for n in range(many)]
    (stream,) = describe(
        io.BytesIO(log(*frames, digits=3)), name="x", detect=False, companions={"a.dbc": DBC}
    ).streams
    assert "vehicle_id.vin" not in stream.data

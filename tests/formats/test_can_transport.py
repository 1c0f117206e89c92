from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.formats.can import CanFrame
from carnet.formats.can_transport import J1939, FastPacket, IsoTp, group_of


def frames(number: int, *parts: bytes, extended=True) -> list[CanFrame]:
    return [CanFrame(0, number, extended, one) for one in parts]


def j1939(payload: bytes, group: int, *, sender=0x21, receiver=0xFF) -> list[CanFrame]:
    """Give the frames of a message by SAE J1939-21: BAM to all, RTS to one."""
    packets = -(-len(payload) // 7)
    control = 32 if receiver == 0xFF else 16
    head = bytes([control, len(payload) & 255, len(payload) >> 8, packets, 255]) + group.to_bytes(3, "little")
    address = receiver << 8 | sender
    parts = [bytes([n + 1]) + payload[7 * n : 7 * n + 7].ljust(7, b"\xff") for n in range(packets)]
    return frames(0x1CEC0000 | address, head) + frames(0x1CEB0000 | address, *parts)


def fast(payload: bytes, sequence: int, number: int) -> list[CanFrame]:
    parts = [bytes([sequence << 5, len(payload)]) + payload[:6]]
    parts += [
        bytes([sequence << 5 | n]) + payload[6 + 7 * (n - 1) : 13 + 7 * (n - 1)].ljust(7, b"\xff")
        for n in range(1, 1 + -(-(len(payload) - 6) // 7))
    ]
    return frames(number, *parts)


def test_groups_of_identifiers():
    assert group_of(0x18FEEC21) == (65260, 0xFF, 0x21)
    assert group_of(0x1CECFF21) == (60416, 0xFF, 0x21)
    assert group_of(0x1CEB0021) == (60160, 0x00, 0x21)
    assert group_of(0x09F80123) == (129025, 0xFF, 0x23)


@given(st.binary(min_size=9, max_size=1785), st.sampled_from([0xFF, 0x03]))
def test_j1939_puts_together_what_was_split(payload, receiver):
    protocol = J1939()
    got = [protocol.add(one) for one in j1939(payload, 65260, receiver=receiver)]
    assert got[-1] == (65260, 0x21, payload)
    assert got[:-1] == [None] * (len(got) - 1)


def test_j1939_keeps_senders_apart_and_drops_what_lacks_a_packet():
    protocol = J1939()
    a, b = (j1939(bytes([n]) * 20, 65260, sender=n) for n in (1, 2))
    got = [protocol.add(one) for pair in zip(a, b, strict=True) for one in pair]
    assert [one for one in got if one] == [(65260, 1, bytes([1]) * 20), (65260, 2, bytes([2]) * 20)]
    lacking = j1939(b"x" * 30, 65260)
    del lacking[2]
    assert not any(protocol.add(one) for one in lacking)


def test_j1939_takes_a_packet_that_comes_twice_once():
    protocol = J1939()
    sent = j1939(bytes(range(20)), 65260)
    got = [protocol.add(one) for one in (*sent[:3], sent[2], sent[3])]
    assert got[-1] == (65260, 0x21, bytes(range(20)))


def test_other_groups_are_given_as_they_are():
    assert J1939().add(CanFrame(0, 0x18FEF321, True, b"12345678")) == (65267, 0x21, b"12345678")


@given(st.binary(min_size=7, max_size=223), st.integers(0, 7))
def test_fast_packets_are_put_together(payload, sequence):
    protocol = FastPacket()
    got = [protocol.add(one) for one in fast(payload, sequence, 0x0DF80523)]
    assert got[-1] == payload
    assert got[:-1] == [None] * (len(got) - 1)


def test_iso_tp_in_extended_addressing_and_on_can_fd():
    protocol = IsoTp(skip=1)
    sent = [b"\xf1\x10\x0a01234", b"\xf1\x2156789"]
    assert [protocol.add(CanFrame(0, 0x612, False, one)) for one in sent] == [None, b"0123456789"]
    flexible = IsoTp()
    assert flexible.add(CanFrame(0, 1, False, b"\x00\x14" + b"x" * 20)) == b"x" * 20
    long = bytes(range(256)) * 20
    first = b"\x10\x00" + len(long).to_bytes(4) + long[:58]
    rest = [
        bytes([0x20 | n + 1 & 15]) + long[58 + 63 * n : 121 + 63 * n]
        for n in range(-(-(len(long) - 58) // 63))
    ]
    got = [flexible.add(CanFrame(0, 1, False, one)) for one in (first, *rest)]
    assert got[-1] == long


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0x1CECFF21, 0x1CEBFF21, 0x1CEC0321, 0x0DF80523, 0x7E8]), st.binary(max_size=12)
        ),
        max_size=60,
    )
)
def test_anything_is_taken(sent):
    protocols = (J1939(), FastPacket(), IsoTp(), IsoTp(skip=1))
    for number, data in sent:
        for protocol in protocols:
            protocol.add(CanFrame(0, number, True, data))


def test_open_messages_are_bounded():
    for protocol in (J1939(), FastPacket(), IsoTp()):
        for number in range(1 << 16):
            protocol.add(CanFrame(0, 0x1CEC0000 | number, True, b"\x20\xff\x06\xff\xff\xec\xfe\x00"))
            protocol.add(CanFrame(0, 0x0DF80000 | number, True, b"\x00\xdf345678"))
            protocol.add(CanFrame(0, number, True, b"\x1f\xff345678"))
        assert len(protocol._open) <= 256

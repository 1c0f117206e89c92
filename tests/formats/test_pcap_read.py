"""Packet captures: lidar, inertial, texts, fragments, unknown packets, names and addresses, damage."""

from __future__ import annotations

import io
import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.classify import describe
from carnet.formats.packets import Network, kind_of

VIN = "1M8GDM9AXKP042788"
RMC = b"$GPRMC,220516,A,5133.82,N,00042.24,W,173.8,231.8,130694,004.2,W*70\r\n"


def udp(payload, port=2368):
    return struct.pack(">HHHH", port, port, 8 + len(payload), 0) + payload


def ipv4(data, flags=0, number=7, protocol=17):
    return struct.pack(">BBHHHBBH8x", 0x45, 0, 20 + len(data), number, flags, 64, protocol, 0) + data


def ethernet(data, *, vlan=False):
    tag = b"\x81\x00\x00\x05" if vlan else b""
    return b"\x02\x11\x22\x33\x44\x55" + bytes(6) + tag + b"\x08\x00" + data


def pcap(packets, order="<", magic=b"\xd4\xc3\xb2\xa1", link=1):
    out = magic + struct.pack(f"{order}HHIIII", 2, 4, 0, 0, 65535, link)
    for at, data in enumerate(packets):
        out += struct.pack(f"{order}IIII", 1_600_000_000 + at, 5, len(data), len(data)) + data
    return out


def block(kind, body, order="<"):
    body += bytes(-len(body) % 4)
    size = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + size + body + size


def option(code, value, order="<"):
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def pcapng(packets, order="<", comment=b"a drive"):
    section = struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1) + option(1, comment, order)
    out = block(0x0A0D0D0A, section, order)
    out += block(1, struct.pack(f"{order}HHI", 1, 0, 0) + option(9, b"\x09", order), order)
    for at, data in enumerate(packets):
        time = (1_600_000_000 + at) * 10**9
        head = struct.pack(f"{order}IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(data), len(data))
        out += block(6, head + data, order)
    return out


def sheet_of(data, **options):
    return describe(io.BytesIO(data), name="x", detect=False, **options)


VELODYNE = ethernet(ipv4(udp(b"\xff\xee" + bytes(1204))))
PLACE = ethernet(ipv4(udp(bytes(206) + RMC + bytes(512 - 206 - len(RMC)), 8308)))
PACKETS = [
    VELODYNE,
    PLACE,
    ethernet(ipv4(udp(b"\x02\xfd\x00\x04" + VIN.encode() + b"\x00", 13400)), vlan=True),
]


@pytest.mark.parametrize(
    ("make", "form"),
    [
        (pcap, "pcap"),
        (lambda packets: pcap(packets, ">", b"\xa1\xb2\x3c\x4d"), "pcap"),
        (pcapng, "pcapng"),
        (lambda packets: pcapng(packets, ">"), "pcapng"),
    ],
)
def test_lidar_place_and_vin_in_every_form_of_capture(make, form):
    sheet = sheet_of(make(PACKETS))
    assert (sheet.format, sheet.state) == (form, "read")
    found = {one.name: one for one in sheet.streams}
    assert found["lidar"].data == ("ranging.lidar",)
    assert "location.position" in found["texts"].data
    assert set(found["unknown packets"].data) == {"unknown", "vehicle_id.vin"}
    assert found["texts"].facts["start_ns"] // 10**9 == 1_600_000_001
    assert "vehicle_id.device" in {one.data for one in sheet.outside}
    assert VIN not in json.dumps(sheet.to_json())


def test_names_and_comments_of_a_capture_are_looked_through():
    sheet = sheet_of(pcapng(PACKETS[:1], comment=f"car {VIN}".encode()))
    assert ("section comment", "vehicle_id.vin") in {(one.where, one.data) for one in sheet.outside}


def test_fragments_are_put_together_in_any_order():
    whole = udp(bytes(6464), 7502)
    parts = [
        ipv4(whole[at : at + 1480], (0x2000 if at + 1480 < len(whole) else 0) | at // 8)
        for at in range(0, len(whole), 1480)
    ]
    network = Network()
    found = [network.open(1, ethernet(part)) for part in (*parts[1:], parts[0])]
    assert found[:-1] == [None] * (len(parts) - 1)
    assert kind_of(found[-1]) == "lidar"


def test_a_capture_of_fragments_without_an_end_stays_small():
    network = Network()
    for number in range(5000):
        network.open(101, ipv4(bytes(1000), 0x2000, number))
    assert len(network._pending) <= 64


def test_the_ports_of_a_sensor_are_in_its_description():
    data = pcap([ethernet(ipv4(udp(bytes(6464), 9000)))])
    beside = {"sensor.json": json.dumps({"udp_port_lidar": 9000, "udp_port_imu": 9001}).encode()}
    assert sheet_of(data).streams[0].data == ("unknown",)
    assert sheet_of(data, companions=beside).streams[0].data == ("ranging.lidar",)


def test_a_cut_capture_and_a_length_that_lies():
    assert sheet_of(pcap(PACKETS)[:-10]).state == "partly"
    assert sheet_of(pcapng(PACKETS)[:-10]).state == "partly"
    assert sheet_of(pcap([])).state == "blocked"
    data = bytearray(pcap(PACKETS))
    data[24 + 8 : 24 + 12] = b"\xff\xff\xff\x7f"
    assert sheet_of(bytes(data)).state == "blocked"


@settings(max_examples=200, deadline=None)
@given(
    make=st.sampled_from([pcap, pcapng]),
    flips=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 3000),
)
def test_damage_never_crashes(make, flips, cut):
    data = bytearray(make(PACKETS))
    for place, value in flips:
        data[place % len(data)] = value
    sheet = sheet_of(bytes(data[: cut or None]))
    assert sheet.state == "blocked" or sheet.streams
    assert sheet.state == "read" or sheet.reason


@given(st.binary(max_size=120), st.sampled_from([0, 1, 101, 108, 113, 276, 999]))
def test_any_packet_opens_or_does_not(data, link):
    network = Network()
    for front in (data, b"\x45" + data, b"\x60" + data, ethernet(data)):
        datagram = network.open(link, front)
        assert datagram is None or len(datagram.payload) <= len(front)

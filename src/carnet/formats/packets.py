"""What is in a packet of a vehicle's network: sensors by sign, port and length, texts, and what nobody knows.

Link types are those of tcpdump.org's list. IPv4 is RFC 791, with fragments put together, since a lidar's packet is
longer than a frame of Ethernet; IPv6 is RFC 8200. Sensors: Velodyne VLP-16 user manual, Ouster's UDP formats
(firmware 1.13 to 3), Hesai Pandar and RoboSense manuals.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from dataclasses import dataclass

from carnet.formats.receiver_frames import is_log

_ETHERNET, _NULL, _RAW, _LOOP, _SLL, _SLL2 = 1, 0, 101, 108, 113, 276
_IPV4, _IPV6, _VLANS = 0x0800, 0x86DD, frozenset({0x8100, 0x88A8, 0x9100})
_UDP, _TCP, _FRAGMENT = 17, 6, 44
_MOST_PENDING, _LONGEST = 64, 65_535
_BEAMS, _COLUMNS = (16, 32, 64, 128), (4, 8, 16, 32)
# Bytes of a pixel in Ouster's profiles; a header and a footer of 32, or of 64 together in all but the oldest.
_OUSTER = {columns * (20 + 12 * beams) for beams in _BEAMS for columns in _COLUMNS} | {
    64 + columns * (12 + size * beams) for beams in _BEAMS for columns in _COLUMNS for size in (4, 8, 12, 16)
}
_OUSTER_IMU = 48
_VELODYNE, _VELODYNE_PLACE = 1206, 512
_TEXT = bytes([9, 10, 13, *range(32, 127)])
_LETTERS = 0.95


@dataclass(frozen=True, slots=True)
class Datagram:
    """What a packet carries: the protocol over IP, ports (0 without), payload."""

    protocol: int
    source: int
    target: int
    payload: bytes


class Network:
    """Takes packets of one link apart; remembers fragments and addresses."""

    def __init__(self) -> None:
        self._pending: OrderedDict[tuple[bytes, int], dict[int, tuple[bytes, bool]]] = OrderedDict()
        self.addresses: dict[str, None] = {}

    def open(self, link: int, data: bytes) -> Datagram | None:
        """Give the datagram of a packet, or None where it is no IP, not whole, or not yet put together."""
        try:
            kind, at = self._network(link, data)
            if kind == _IPV4:
                return self._ipv4(data[at:])
            return self._ipv6(data[at:]) if kind == _IPV6 else None
        except (struct.error, IndexError):
            return None

    def _network(self, link: int, data: bytes) -> tuple[int, int]:
        """Give the kind of network packet and where it begins."""
        if link == _ETHERNET:
            for at in (0, 6):
                address = data[at : at + 6]
                # Groups and nobody are no device.
                if len(self.addresses) < 4096 and any(address) and not address[0] & 1:  # noqa: PLR2004 -- enough
                    self.addresses[address.hex(":")] = None
            at = 12
        elif link in {_SLL, _SLL2}:
            at = 14 if link == _SLL else 0
            (kind,) = struct.unpack_from(">H", data, at)
            return kind, 16 if link == _SLL else 20
        elif link in {_NULL, _LOOP}:
            return (_IPV4 if data[4] >> 4 == 4 else _IPV6), 4  # noqa: PLR2004 -- the version of IP
        elif link == _RAW:
            return (_IPV4 if data[0] >> 4 == 4 else _IPV6), 0  # noqa: PLR2004 -- the version of IP
        else:
            return 0, 0
        (kind,) = struct.unpack_from(">H", data, at)
        while kind in _VLANS:
            at += 4
            (kind,) = struct.unpack_from(">H", data, at)
        return kind, at + 2

    def _ipv4(self, data: bytes) -> Datagram | None:
        head = (data[0] & 15) * 4
        total, number, flags = struct.unpack_from(">HHH", data, 2)
        # Cards that cut packets themselves leave the length open.
        whole = data[head : total or len(data)]
        if flags & 0x3FFF:
            found = self._fragment(
                (data[9:10] + data[12:20], number), (flags & 0x1FFF) * 8, whole, bool(flags & 0x2000)
            )
            if found is None:
                return None
            whole = found
        elif total > len(data):
            return None
        return _transport(data[9], whole)

    def _ipv6(self, data: bytes) -> Datagram | None:
        length, following = struct.unpack_from(">HB", data, 4)
        whole = data[40 : 40 + length]
        if len(whole) < length:
            return None
        if following == _FRAGMENT:
            following, offset, number = struct.unpack_from(">BxHI", whole)
            found = self._fragment((data[8:40], number), offset & 0xFFF8, whole[8:], bool(offset & 1))
            if found is None:
                return None
            whole = found
        return _transport(following, whole)

    def _fragment(self, key: tuple[bytes, int], at: int, data: bytes, more: bool) -> bytes | None:  # noqa: FBT001 -- a bit of the header
        parts = self._pending.setdefault(key, {})
        parts[at] = (data, more)
        if len(self._pending) > _MOST_PENDING:
            self._pending.popitem(last=False)
        out = b""
        while len(out) in parts and len(out) <= _LONGEST:
            piece, follows = parts[len(out)]
            if not piece:
                return None
            out += piece
            if not follows:
                self._pending.pop(key, None)
                return out
        return None


def _transport(protocol: int, data: bytes) -> Datagram:
    if protocol == _UDP:
        source, target, length = struct.unpack_from(">HHH", data)
        return Datagram(protocol, source, target, data[8 : length or len(data)])
    if protocol == _TCP:
        source, target = struct.unpack_from(">HH", data)
        return Datagram(protocol, source, target, data[(data[12] >> 4) * 4 :])
    return Datagram(protocol, 0, 0, data)


def kind_of(datagram: Datagram, lidar_port: int = 7502, inertial_port: int = 7503) -> str | None:
    """Say what a datagram is: `lidar`, `inertial`, `text`, `empty`, or None where nobody knows.

    Args:
        datagram: what a packet carries.
        lidar_port: where an Ouster sensor sends its points, as its own description says.
        inertial_port: where it sends its inertial measurements.
    """
    data, target = datagram.payload, datagram.target
    if not data:
        return "empty"
    if datagram.protocol == _UDP:
        if len(data) == _VELODYNE and data[:2] in {b"\xff\xee", b"\xff\xdd"}:
            return "lidar"
        if data.startswith((b"\xee\xff", b"\x55\xaa\x05\x0a", b"\x55\xaa\x05\x5a")) and len(data) > 500:  # noqa: PLR2004 -- Hesai, RoboSense
            return "lidar"
        if target == lidar_port and len(data) in _OUSTER:
            return "lidar"
        if target == inertial_port and len(data) == _OUSTER_IMU:
            return "inertial"
    return "text" if _is_text(data) or (len(data) == _VELODYNE_PLACE and b"$GP" in data) else None


def _is_text(data: bytes) -> bool:
    return not is_log(data) and (len(data) - len(data.translate(None, _TEXT))) >= _LETTERS * len(data)

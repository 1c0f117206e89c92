"""Reads packet captures: pcap and pcapng, packet by packet; what a packet is, `packets.py` says.

pcap: draft-ietf-opsawg-pcap, both byte orders, micro- and nanoseconds. pcapng: draft-ietf-opsawg-pcapng; names,
comments and secrets that it keeps lie outside. Packets that nobody knows are `unknown`: a capture may hold anything.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from carnet.formats.packets import Network, kind_of
from carnet.formats.reader import LONGEST, GatheringReader, Message, OutsideText, Stream

PCAP, PCAPNG = "pcap", "pcapng"
_MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
_NG = b"\x0a\x0d\x0d\x0a"
_LONGEST_PACKET = 16 * 1024 * 1024
_MOST_INTERFACES, _MOST_OUTSIDE = 1024, 1000
_LONGEST_COMPANION = 1024 * 1024
_SECTION, _INTERFACE, _SIMPLE, _NAMES, _ENHANCED, _SECRETS = _NG, 1, 3, 4, 6, 10
_COMMENT, _RESOLUTION = 1, 9
# What Wireshark and capture cards write of themselves: hardware, system, application.
_WORDS = re.compile(rb"[ -~]{6,}")
_OPTIONS = {1: "comment", 2: "name", 3: "description"}
_STREAMS: dict[str, tuple[str, str | None]] = {
    "lidar": ("lidar", "carnet/LidarPacket"),
    "inertial": ("inertial", "carnet/InertialPacket"),
    "text": ("texts", "carnet/PacketText"),
}


class PcapReader(GatheringReader):
    """A capture: streams of lidar packets, of inertial ones, of texts, and of what nobody knows."""

    def __init__(self, source: BinaryIO, companions: Mapping[str, bytes]) -> None:
        super().__init__()
        self._source = source
        source.seek(0)
        magic = source.read(4)
        self.format = PCAPNG if magic == _NG else PCAP
        self._ports = _ports(companions)

    def messages(self) -> Iterator[Message]:
        """Give every packet in file order."""
        self._outside.clear()
        network = Network()
        count = empty = cut = 0
        for time_ns, link, data, whole in self._packets():
            count += 1
            cut += not whole
            datagram = network.open(link, data)
            kind = None if datagram is None else kind_of(datagram, *self._ports)
            if kind == "empty":
                empty += 1
                continue
            stream = self._stream(kind)
            said: dict[str, Any]
            if datagram is None or kind is None:
                # Names and numbers of a car stand as they are in many protocols (DoIP, SOME/IP): its words are kept.
                payload = data if datagram is None else datagram.payload
                said = {"payload": " | ".join(one.decode() for one in _WORDS.findall(payload))}
            elif kind != "text":
                said = {"bytes": len(datagram.payload)}
            else:
                said = {"text": datagram.payload.replace(b"\x00", b" ").decode("utf-8", "replace")[:LONGEST]}
            yield Message(stream, time_ns, time_ns, json.dumps(said).encode(), count)
        if network.addresses:
            text = " ".join(network.addresses)
            self._outside[OutsideText("addresses of packets", "", text.encode())] = None
        if cut:
            self.lose(f"{cut} packets were cut when they were captured")
        if count == empty:
            self.block(self.reason or "the capture holds no packet, or none that carries anything")
        self._complete = True

    def _stream(self, kind: str | None) -> Stream:
        name, schema = _STREAMS.get(kind or "", ("unknown packets", None))
        if name not in self._streams:
            number = len(self._streams)
            self._streams[name] = Stream(name, "messages", schema, encoding="json", number=number)
        return self._streams[name]

    def _packets(self) -> Iterator[tuple[int, int, bytes, bool]]:
        """Give time, link type, bytes and whether they are all, of each packet."""
        self._source.seek(0)
        yield from self._plain() if self.format == PCAP else self._blocks()

    def _plain(self) -> Iterator[tuple[int, int, bytes, bool]]:
        head = self._source.read(24)
        if len(head) < 24:  # noqa: PLR2004 -- the header of the file
            self.block("the header of the capture is not whole")
            return
        order, unit = _MAGICS[head[:4]]
        (link,) = struct.unpack_from(f"{order}I", head, 20)
        while head := self._source.read(16):
            if len(head) < 16:  # noqa: PLR2004 -- the header of a packet
                self.lose("the capture ends within a packet")
                return
            seconds, fraction, length, original = struct.unpack(f"{order}IIII", head)
            if length > _LONGEST_PACKET:
                self.lose("a packet's length is not possible: all that follows it was not read")
                return
            data = self._source.read(length)
            if len(data) < length:
                self.lose("the capture ends within a packet")
                return
            yield seconds * 10**9 + fraction * unit, link & 0xFFFF, data, length >= original

    def _blocks(self) -> Iterator[tuple[int, int, bytes, bool]]:
        order = "<"
        links: list[tuple[int, int]] = []
        while head := self._source.read(8):
            if head[:4] == _SECTION:
                sign = self._source.read(4)
                order = ">" if sign == b"\x1a\x2b\x3c\x4d" else "<"
                links = []
                self._source.seek(-len(sign), 1)
            if len(head) < 8:  # noqa: PLR2004 -- kind and length
                self.lose("the capture ends within a block")
                return
            kind, length = struct.unpack(f"{order}II", head)
            if length % 4 or not 12 <= length <= _LONGEST_PACKET:  # noqa: PLR2004 -- two lengths and a kind
                self.lose("a block's length is not possible: all that follows it was not read")
                return
            body = self._source.read(length - 8)
            if len(body) < length - 8:
                self.lose("the capture ends within a block")
                return
            try:
                yield from self._block(kind, body[:-4], order, links)
            except (struct.error, IndexError):
                self.lose("a block does not have the shape of its kind")

    def _block(
        self, kind: int, body: bytes, order: str, links: list[tuple[int, int]]
    ) -> Iterator[tuple[int, int, bytes, bool]]:
        if kind == _ENHANCED:
            which, high, low, length, original = struct.unpack_from(f"{order}IIIII", body)
            data = body[20 : 20 + length]
            if which >= len(links) or len(data) < length:
                raise IndexError
            link, per_second = links[which]
            yield (high << 32 | low) * 10**9 // per_second, link, data, length >= original
            self._options(body[20 + (length + 3 & ~3) :], order, "packet")
        elif kind == _SIMPLE:
            (original,) = struct.unpack_from(f"{order}I", body)
            yield 0, links[0][0], body[4 : 4 + original], len(body) - 4 >= original
        elif kind == _INTERFACE:
            (link,) = struct.unpack_from(f"{order}H", body)
            options = self._options(body[8:], order, "interface")
            unit = options.get(_RESOLUTION, b"\x06")[0]
            if len(links) < _MOST_INTERFACES:
                links.append((link, 2 ** (unit & 63) if unit & 128 else 10 ** min(unit, 18)))
        elif kind == int.from_bytes(_SECTION, "little"):
            self._options(body[16:], order, "section")
        elif kind in {_NAMES, _SECRETS}:
            self._put(OutsideText("names" if kind == _NAMES else "secrets", "", body[:LONGEST]))
        elif body:
            self._put(OutsideText(f"block of kind {kind}", "", body[:LONGEST], "bytes"))

    def _options(self, data: bytes, order: str, where: str) -> dict[int, bytes]:
        options: dict[int, bytes] = {}
        at = 0
        while at + 4 <= len(data):
            code, length = struct.unpack_from(f"{order}HH", data, at)
            if not code:
                break
            value = data[at + 4 : at + 4 + length]
            options.setdefault(code, value)
            if code in _OPTIONS:
                self._put(OutsideText(f"{where} {_OPTIONS[code]}", "", value))
            at += 4 + (length + 3 & ~3)
        return options

    def _put(self, one: OutsideText) -> None:
        if len(self._outside) < _MOST_OUTSIDE:
            self._outside[one] = None
        else:
            self.lose("more is written beside the packets than is looked at")


def _ports(companions: Mapping[str, bytes]) -> tuple[int, int]:
    """Give the ports that an Ouster sensor's description beside the capture names, else its usual ones."""
    for data in companions.values():
        if b"udp_port_lidar" not in data or len(data) > _LONGEST_COMPANION:
            continue
        try:
            form = json.loads(data)
            form = form.get("config_params", form)
            return int(form["udp_port_lidar"]), int(form["udp_port_imu"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
    return 7502, 7503

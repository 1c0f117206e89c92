"""Measurement files (MDF 4) put together block by block, for tests."""

from __future__ import annotations

import io
import struct

from carnet.formats import open_recording


def block(kind: bytes, links: tuple[int, ...], fields: bytes) -> bytes:
    length = 24 + 8 * len(links) + len(fields)
    return struct.pack(f"<4s4xQQ{len(links)}Q", b"##" + kind, length, len(links), *links) + fields


class File:
    """A measurement file, put together block by block."""

    def __init__(self, sign: bytes = b"MDF     ", flags: int = 0) -> None:
        self.data = bytearray(struct.pack("<8s8s8s4xH30xHH", sign, b"4.10    ", b"test", 410, flags, 0))
        self.header = self.put(b"HD", (0,) * 6, struct.pack("<QhhBBBBdd", 10**18, 0, 0, 0, 0, 0, 0, 0, 0))

    def put(self, kind: bytes, links: tuple[int, ...], fields: bytes) -> int:
        self.data += bytes(-len(self.data) % 8)
        at = len(self.data)
        self.data += block(kind, links, fields)
        return at

    def text(self, text: str, kind: bytes = b"TX") -> int:
        return self.put(kind, (), text.encode() + b"\0")

    def link(self, at: int, number: int, to: int) -> None:
        struct.pack_into("<Q", self.data, at + 24 + 8 * number, to)

    def channel(
        self, name: str, after: int = 0, *, role=0, sync=0, kind=0, bit=0, byte=0, bits=8, data=0, cc=0
    ):
        fields = struct.pack("<BBBBIIIIBxH6d", role, sync, kind, bit, byte, bits, 0, 0, 0, 0, *[0.0] * 6)
        return self.put(b"CN", (after, 0, self.text(name), 0, cc, data, 0, 0), fields)

    def group(self, channels: int, size: int, count: int, *, after=0, record=0, flags=0, name="group") -> int:
        fields = struct.pack("<QQHH4xII", record, count, flags, 0, size, 0)
        return self.put(b"CG", (after, channels, self.text(name), 0, 0, 0), fields)

    def measure(self, group: int, data: int, width: int = 0) -> bytes:
        self.link(self.header, 0, self.put(b"DG", (0, group, data, 0), bytes([width]) + bytes(7)))
        return bytes(self.data)


def opened(data: bytes):
    reader = open_recording(io.BytesIO(data), "x")
    return reader, list(reader.messages())

"""The VIN on a CAN bus: found by database, transport protocol and text; its bytes become zero.

Three ways in which vehicles send it: signals of a database (one character a byte, or several at once,
multiplexed); messages of diagnosis over ISO-TP (ISO 15765-2, normal and extended addressing) by UDS (ISO
14229-1: F190), OBD (SAE J1979: service 09) and KWP 2000 (ISO 14230-3), and PGN 65260 of SAE J1939; and frames of
a maker's own whose database nobody has, known by the characters they carry. Lengths, ids and times stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from carnet.deidentify.vin import ALPHABET, LENGTH, find_vins, is_like_a_vin
from carnet.formats.can_transport import MANAGEMENT, TRANSFER, group_of

Bus = tuple[str, int]
"""Name of the bus, and the frame's id."""

_VIN_NAME = re.compile(r"(?:^|_|\b)VIN(?:\d|_|\b|$)|vehicle_?ident", re.IGNORECASE)
_ANSWERS = (b"\x62\xf1\x90", b"\x2e\xf1\x90", b"\x49\x02", b"\x5a\x90")
_VEHICLE = 65260
_SHORTEST_WIDE = 1 << 18
_PIECE = 4
_SHORT_PIECE = 2
_MOST_TEXTS = 4096
_CHARACTERS = frozenset(ALPHABET.__iter__())
_BYTES = frozenset(ord(one) for one in _CHARACTERS)


@dataclass(slots=True)
class _Transfer:
    """A transfer under way: what came, which frames brought it, and the group that J1939 announced."""

    length: int
    data: bytearray
    frames: list[tuple[int, bytes]]
    next: int = 1
    group: int = 0


@dataclass(slots=True)
class CanVins:
    """Learns in one pass over a file which bytes carry a VIN, and suppresses them in the next.

    Attributes:
        known: numbers seen so far, in capitals; more may be added from names and headers before `finish`.
    """

    databases: tuple[Any, ...] = ()
    known: set[bytes] = field(default_factory=set)
    _marked: dict[int, bytes] = field(default_factory=dict)
    _transfers: dict[tuple[object, ...], _Transfer] = field(default_factory=dict)
    _texts: dict[Bus, set[bytes]] = field(default_factory=dict)
    _carriers: set[Bus] = field(default_factory=set)
    _masks: dict[tuple[int, bytes], bytes] = field(default_factory=dict)
    _wanted: dict[int, list[Callable[[bytes], bytes]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Find the messages whose signals are named after the VIN."""
        for database in self.databases:
            for message in database.messages:
                signals = [one for one in message.signals if _VIN_NAME.search(one.name)]
                # A message called after the VIN hides nothing else in its signals.
                if _VIN_NAME.search(message.name):
                    signals = list(message.signals)
                if signals:
                    self._wanted.setdefault(message.frame_id, []).append(_bits_of(message, signals))

    def learn(self, number: int, bus: str, can_id: int, data: bytes) -> None:
        """Take note of one frame; `number` counts the frames of the file, in both passes alike."""
        key = (bus, can_id)
        mask = self._by_database(can_id, data)
        if any(mask):
            self._mark(number, mask)
        if len(self._transfers) > _MOST_TEXTS:
            for transfer in self._transfers.values():
                self._judge(transfer)
            self._transfers.clear()
        for skip in (0, 1):
            self._follow(number, key, data, skip)
        if can_id >= _SHORTEST_WIDE:
            self._follow_j1939(number, bus, can_id, data)
        if _longest_text(data) >= _SHORT_PIECE:
            texts = self._texts.setdefault(key, set())
            if len(texts) < _MOST_TEXTS:
                texts.add(data)

    def finish(self) -> None:
        """Draw the conclusions, once every frame has been learned."""
        for transfer in self._transfers.values():
            self._judge(transfer)
        self._transfers.clear()
        for texts in self._texts.values():
            # Parts in the order of their first byte, as multiplexed messages send them.
            self.known |= find_vins(b"".join(one[1:] for one in sorted(texts)).replace(b"\x00", b""))
        for bus in {one for one, _ in self._texts}:
            self._join_neighbours(bus)
        for key, texts in self._texts.items():
            if any(len(piece) >= _PIECE for data in texts for piece, _ in self._pieces(data, _PIECE)):
                self._carriers.add(key)

    def suppress(self, number: int, bus: str, can_id: int, data: bytes) -> bytes:
        """Give the frame's data with the bytes of the VIN set to zero; the same object when there are none."""
        mask = self._by_database(can_id, data)
        marked = self._marked.get(number)
        if marked is not None:
            mask = bytes(a | b for a, b in zip(mask, marked, strict=True))
        made = bytearray(one & ~bits & 0xFF for one, bits in zip(data, mask, strict=True))
        least = _SHORT_PIECE if (bus, can_id) in self._carriers else _PIECE
        for piece, at in self._pieces(bytes(made), least):
            made[at : at + len(piece)] = bytes(len(piece))
        return data if made == data else bytes(made)

    def _by_database(self, can_id: int, data: bytes) -> bytes:
        wanted = self._wanted.get(can_id)
        if wanted is None:
            return bytes(len(data))
        key = (can_id, data)
        if key not in self._masks:
            mask = bytes(len(data))
            for bits in wanted:
                mask = bytes(a | b for a, b in zip(mask, bits(data), strict=True))
            if len(self._masks) >= _MOST_TEXTS:
                self._masks.clear()
            self._masks[key] = mask
        return self._masks[key]

    def _mark(self, number: int, mask: bytes) -> None:
        old = self._marked.get(number, bytes(len(mask)))
        self._marked[number] = bytes(a | b for a, b in zip(old, mask, strict=True))

    def _follow(self, number: int, bus: Bus, frame: bytes, skip: int) -> None:
        """Put ISO-TP transfers together: single (0), first (1) and consecutive (2) frames.

        In extended addressing (`skip` 1) a byte of the address stands before them.
        """
        data = frame[skip:]
        if not data:
            return
        key = (bus, frame[:skip])
        kind = data[0] >> 4
        if kind == 0:
            start = 2 if data[0] == 0 else 1
            # In extended addressing almost any frame looks like a single one.
            if skip and len(data) - start < LENGTH:
                return
            self._judge(_Transfer(0, bytearray(data[start:]), [(number, _from(frame, skip + start))]))
        elif kind == 1 and len(data) > 2:  # noqa: PLR2004 - two bytes of length
            previous = self._transfers.get(key)
            if previous is not None:
                self._judge(previous)
            length, start = (data[0] & 0x0F) << 8 | data[1], 2
            if not length and len(data) > 6:  # noqa: PLR2004 - CAN FD: four bytes of length behind
                length, start = int.from_bytes(data[2:6]), 6
            self._transfers[key] = _Transfer(
                length, bytearray(data[start:]), [(number, _from(frame, skip + start))]
            )
        elif kind == 2:  # noqa: PLR2004 - consecutive frame
            transfer = self._transfers.get(key)
            if transfer is None or transfer.next != data[0] & 0x0F:
                return
            transfer.next = (transfer.next + 1) & 0x0F
            transfer.data += data[1:]
            transfer.frames.append((number, _from(frame, skip + 1)))
            if len(transfer.data) >= transfer.length:
                self._judge(self._transfers.pop(key))

    def _follow_j1939(self, number: int, bus: str, can_id: int, data: bytes) -> None:
        """Put transfers of SAE J1939-21 together: one sender's messages of many groups share their frames' id."""
        group, receiver, sender = group_of(can_id)
        key = ("j1939", bus, sender, receiver)
        if group == MANAGEMENT and len(data) >= 8 and data[0] in {16, 32}:  # noqa: PLR2004 - announcements of eight bytes
            inside = (data[5] | data[6] << 8 | data[7] << 16) & 0x3FFFF
            self._transfers[key] = _Transfer(data[1] | data[2] << 8, bytearray(), [], group=inside)
        elif group == TRANSFER and data:
            transfer = self._transfers.get(key)
            if transfer is None or transfer.next != data[0]:
                return
            transfer.next += 1
            transfer.data += data[1:]
            transfer.frames.append((number, _from(data, 1)))
            if len(transfer.data) >= transfer.length:
                self._judge(self._transfers.pop(key))

    def _judge(self, transfer: _Transfer) -> None:
        content = bytes(transfer.data)
        start = next((one for one in _ANSWERS if content.startswith(one)), b"")
        answer = transfer.group == _VEHICLE or (bool(start) and len(content) > 3)  # noqa: PLR2004 - service and identifier
        found = {
            content[at : at + LENGTH]
            for at in range(len(content) - LENGTH + 1)
            if is_like_a_vin(content[at : at + LENGTH])
        }
        if not answer and not found:
            return
        self.known |= found if answer or len(found) == 1 else set()
        # The byte after OBD's two counts the numbers that follow.
        header = {b"": 0, b"\x49\x02": 3}.get(start, len(start)) if answer and not transfer.group else 0
        for index, (number, mask) in enumerate(transfer.frames):
            kept = bytearray(mask)
            if index == 0:
                first = next((at for at, bits in enumerate(kept) if bits), 0)
                kept[first : first + header] = bytes(min(header, len(kept) - first))
            self._mark(number, bytes(kept))

    def _join_neighbours(self, bus: str) -> None:
        """Read ids that follow one another as one text: some makers send the VIN over three of them."""
        ids = sorted(can_id for one, can_id in self._texts if one == bus)
        for at in range(len(ids)):
            run = [ids[at]]
            while len(run) < 3 and run[-1] + 1 in ids[at:]:  # noqa: PLR2004 - three times eight bytes hold 17
                run.append(run[-1] + 1)
            texts = [self._texts[bus, can_id] for can_id in run]
            if len(run) > 1 and all(len(one) == 1 for one in texts):
                self.known |= find_vins(b"".join(next(iter(one)) for one in texts).replace(b"\x00", b""))

    def _pieces(self, data: bytes, least: int) -> Iterable[tuple[bytes, int]]:
        """Give what of a known VIN stands in a frame: runs of at least `least` of its characters."""
        if not self.known or _longest_text(data) < least:
            return
        at = 0
        while at <= len(data) - least:
            longest = 0
            for vin in self.known:
                size = least
                while at + size <= len(data) and data[at : at + size] in vin:
                    longest = max(longest, size)
                    size += 1
            if longest:
                yield data[at : at + longest], at
            at += max(1, longest)


def _from(data: bytes, start: int) -> bytes:
    return bytes(min(start, len(data))) + b"\xff" * max(0, len(data) - start)


def _longest_text(data: bytes) -> int:
    longest = run = 0
    for one in data:
        run = run + 1 if one in _BYTES else 0
        longest = max(longest, run)
    return longest


def _bits_of(message: Any, signals: list[Any]) -> Callable[[bytes], bytes]:
    """Give a function from a frame's data to the bits of those signals that this frame holds."""
    selectors = {one.name: one for one in message.signals if one.is_multiplexer}

    def bits(data: bytes) -> bytes:
        mask = bytearray(len(data))
        for signal in signals:
            if signal.is_multiplexer:
                continue
            selector = selectors.get(signal.multiplexer_signal or "")
            if signal.multiplexer_ids and selector is not None:
                value = _raw(selector, data)
                if value is not None and value not in signal.multiplexer_ids:
                    continue
            for byte, bit in _places(signal):
                if byte < len(mask):
                    mask[byte] |= 1 << bit
        return bytes(mask)

    return bits


def _places(signal: Any) -> Iterable[tuple[int, int]]:
    """Give byte and bit of each bit of a signal, in the numbering of DBC files."""
    at = signal.start
    for _ in range(signal.length):
        yield at // 8, at % 8
        if signal.byte_order == "little_endian":
            at += 1
        else:
            at = at - 1 if at % 8 else at + 15


def _raw(signal: Any, data: bytes) -> int | None:
    places = list(_places(signal))
    if any(byte >= len(data) for byte, _ in places):
        return None
    if signal.byte_order == "little_endian":
        places.reverse()
    value = 0
    for byte, bit in places:
        value = value << 1 | (data[byte] >> bit & 1)
    return value

"""Messages that are longer than a frame, put together: ISO-TP, SAE J1939 and NMEA 2000.

* ISO 15765-2: first nibble 0 single, 1 first, 2 consecutive, 3 flow control; lengths of CAN FD in the bytes behind.
* SAE J1939-21: TP.CM (PGN 60416) announces size and group, by broadcast (32) or to one (16), TP.DT (PGN 60160)
  carries seven bytes a frame behind its number.
* NMEA 2000 fast packet: three bits of sequence, five of the frame's number; the first carries the length.

Nothing is believed: buffers are bounded in number and in size, a frame out of order drops its message.
"""

from __future__ import annotations

from dataclasses import dataclass

from carnet.formats.can import CanFrame

_SINGLE, _FIRST, _CONSECUTIVE = 0, 1, 2
_MOST_OPEN = 256
_LONGEST = 1 << 16
_BROADCAST, _REQUEST = 32, 16
_LONGEST_J1939 = 1785
_LONGEST_FAST = 223
MANAGEMENT, TRANSFER = 60416, 60160
_TO_ONE = 240


def group_of(identifier: int) -> tuple[int, int, int]:
    """Give parameter group number, receiver and sender of a 29-bit identifier (SAE J1939-21; NMEA 2000)."""
    form, specific = identifier >> 16 & 0xFF, identifier >> 8 & 0xFF
    group = identifier >> 8 & 0x3FF00
    if form < _TO_ONE:
        return group, specific, identifier & 0xFF
    return group | specific, 0xFF, identifier & 0xFF


class IsoTp:
    """Puts ISO 15765-2 messages together, for each CAN identifier apart.

    Args:
        skip: bytes before the protocol's own: 0 in normal, 1 in extended addressing (part of the address).
    """

    def __init__(self, skip: int = 0) -> None:
        self._skip = skip
        self._open: dict[tuple[int, bool, bytes], tuple[int, bytearray, int]] = {}

    @property
    def skip(self) -> int:
        """Bytes before the protocol's own."""
        return self._skip

    @property
    def waiting(self) -> tuple[int, ...]:
        """The messages that are not whole, each a number: identifier, a bit for 29 bits, the address byte if any."""
        return tuple(
            number << 1 | extended if not self._skip else (number << 1 | extended) << 8 | address[0]
            for number, extended, address in self._open
        )

    @property
    def room(self) -> int:
        """How many more messages may be open at once."""
        return _MOST_OPEN - len(self._open)

    def add(self, frame: CanFrame) -> bytes | None:
        """Take a frame; give a message once it is whole, else None."""
        data = frame.data[self._skip :]
        if not data:
            return None
        key = (frame.id, frame.extended, frame.data[: self._skip])
        kind, low = data[0] >> 4, data[0] & 15
        if kind == _SINGLE:
            self._open.pop(key, None)
            at = 1
            if not low and len(frame.data) > 8 and len(data) > 2:  # noqa: PLR2004 -- CAN FD: the length stands behind
                at, low = 2, data[1]
            return data[at : at + low] if 0 < low <= len(data) - at else None
        if kind == _FIRST and len(data) > 2:  # noqa: PLR2004 -- the two bytes of the length
            length, at = low << 8 | data[1], 2
            if not length and len(data) > 6:  # noqa: PLR2004 -- a length of four bytes
                length, at = int.from_bytes(data[2:6]), 6
            if 0 < length <= _LONGEST and (len(self._open) < _MOST_OPEN or key in self._open):
                self._open[key] = (length, bytearray(data[at:]), 1)
            return None
        if kind == _CONSECUTIVE and key in self._open:
            length, got, follows = self._open[key]
            if low != follows:
                del self._open[key]
                return None
            got += data[1:]
            if len(got) >= length:
                del self._open[key]
                return bytes(got[:length])
            self._open[key] = (length, got, (follows + 1) & 15)
        return None


@dataclass(slots=True)
class _Session:
    group: int
    length: int
    got: bytearray
    follows: int = 1


class J1939:
    """Puts messages of SAE J1939-21 together, for each pair of sender and receiver apart."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, int], _Session] = {}

    def add(self, frame: CanFrame) -> tuple[int, int, bytes] | None:
        """Take a frame of 29 bits; give (group, sender, payload): of every frame of its own, or once whole."""
        group, receiver, sender = group_of(frame.id)
        data = frame.data
        if group == MANAGEMENT:
            if len(data) >= 8 and data[0] in {_BROADCAST, _REQUEST}:  # noqa: PLR2004 -- a whole announcement
                length = data[1] | data[2] << 8
                inside = data[5] | data[6] << 8 | data[7] << 16
                known = (sender, receiver) in self._open
                if 8 < length <= _LONGEST_J1939 and (known or len(self._open) < _MOST_OPEN):  # noqa: PLR2004 -- else one frame does
                    self._open[sender, receiver] = _Session(inside & 0x3FFFF, length, bytearray())
            return None
        if group != TRANSFER:
            return group, sender, data
        session = self._open.get((sender, receiver))
        if session is None or not data:
            return None
        if data[0] != session.follows:
            # Who missed packets asks for them again: only what goes on counts.
            if data[0] > session.follows:
                del self._open[sender, receiver]
            return None
        session.got += data[1:8]
        session.follows += 1
        if len(session.got) < session.length:
            return None
        del self._open[sender, receiver]
        return session.group, sender, bytes(session.got[: session.length])


class FastPacket:
    """Puts fast packets of NMEA 2000 together, for each identifier and sequence apart."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, int], tuple[int, bytearray, int]] = {}

    def add(self, frame: CanFrame) -> bytes | None:
        """Take a frame of a group that is sent so; give a message once it is whole, else None."""
        data = frame.data
        if len(data) < 2:  # noqa: PLR2004 -- number and length
            return None
        key, number = (frame.id, data[0] >> 5), data[0] & 31
        if not number:
            if 0 < data[1] <= _LONGEST_FAST and (key in self._open or len(self._open) < _MOST_OPEN):
                self._open[key] = (data[1], bytearray(data[2:]), 1)
            return None
        found = self._open.get(key)
        if found is None:
            return None
        length, got, follows = found
        if number != follows:
            del self._open[key]
            return None
        got += data[1:]
        if len(got) < length:
            self._open[key] = (length, got, follows + 1)
            return None
        del self._open[key]
        return bytes(got[:length])

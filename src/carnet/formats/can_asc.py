"""Vector ASC logs.

After Vector's description of the format and the real logs of tests: a header (`date`, `base hex|dec`,
`timestamps absolute|relative`), then lines `seconds channel id Rx|Tx d length bytes...`, `... r` for remote
frames, `seconds CANFD channel Rx|Tx id [name] BRS ESI dlc length bytes...`, `ErrorFrame`, and `J1939TP` for
long messages that the logger put together. Bytes after a frame's data are measurements of the frame itself.

Dates are in the language of the computer; those in English, German and French are understood, as local time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

from carnet.formats.can import frame_bytes
from carnet.formats.can_logs import FrameLog, Logged, frame, nanoseconds

_NS = 10**9
_EXTENDED, _STANDARD = 0x1FFFFFFF, 0x7FF
_HEX, _DECIMAL = re.compile(rb"[0-9A-Fa-f]{1,2}"), re.compile(rb"[0-9]{1,3}")
_IDENTIFIER = {16: re.compile(rb"([0-9A-Fa-f]{1,8})(x?)"), 10: re.compile(rb"([0-9]{1,10})(x?)")}
_HEAD = re.compile(rb"base\s+(hex|dec)\s+timestamps\s+(absolute|relative)", re.IGNORECASE)
# What a logger says about itself and the bus: neither frame nor text of a person.
_REMARK = re.compile(
    rb"(?i)(no\s+)?internal events logged|// version [\d.]+|//[\d.]+ previous log file: \S+|end triggerblock"
    rb"|[\d.]+\s+(start|end) of measurement|[\d.]+\s+CAN(FD)? \d+ Status:[\w \-:]*"
    rb"|[\d.]+\s+\d+\s+Statistic: [\w .%]*|[\d.]+\s+log (direct )?(trigger|start|stop)[\w .()=,\-]*"
)
_MONTHS = (
    (b"jan",), (b"feb", b"f\xc3\xa9v", b"f\xe9v", b"fev"), (b"mar", b"m\xc3\xa4r", b"m\xe4r", b"mrz"),
    (b"apr", b"avr"), (b"may", b"mai"), (b"jun", b"juin"), (b"jul", b"juil"), (b"aug", b"ao\xc3\xbb", b"ao\xfb"),
    (b"sep",), (b"oct", b"okt"), (b"nov",), (b"dec", b"dez", b"d\xc3\xa9c", b"d\xe9c"),
)  # fmt: skip
_DATE = re.compile(
    rb"(?i)(?:date|begin triggerblock)\s+\S+\s+(\S+)\s+(\d{1,2})\s+(\d{1,2}):(\d\d):(\d\d)(?:\.(\d{1,6}))?"
    rb"\s*(am|pm)?\s*(\d{4})"
)
_LONGEST = 64
_CLASSIC, _LARGEST_CODE = 8, 15
# The usual line, read at once: a data frame in hexadecimal. Whatever is another goes word by word.
_USUAL = re.compile(
    rb"(\d{1,9})\.(\d{1,9})\s+(\d{1,3})\s+([0-9A-Fa-f]{1,8})(x?)\s+(?:Rx|Tx|TxRq)\s+d\s+([0-8])"
    rb"((?:\s+[0-9A-Fa-f]{2}(?!\S))*)(?:\s+Length\s.*)?"
)


def is_asc(head: bytes) -> bool:
    """Say whether first bytes are a log's: its second line tells base and time stamps."""
    return _HEAD.search(head[:1024]) is not None and b"\0" not in head


def start_of(line: bytes) -> int | None:
    """Read the date of a header line: ns since 1970-01-01, the computer's local time taken as UTC."""
    found = _DATE.match(line)
    if found is None:
        return None
    name, day, hour, minute, second, part, half, year = found.groups()
    month = next((n for n, forms in enumerate(_MONTHS, 1) if name.lower().startswith(forms)), None)
    if month is None:
        return None
    hours = int(hour) % 12 + 12 * (half.lower() == b"pm") if half and int(hour) <= 12 else int(hour)  # noqa: PLR2004 -- a clock's face
    try:
        moment = datetime(int(year), month, int(day), hours, int(minute), int(second), tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp()) * _NS + int((part or b"0").ljust(9, b"0"))


class AscReader(FrameLog):
    """An ASC log."""

    format = "asc"

    def __init__(self, source: BinaryIO) -> None:
        super().__init__(source)
        self._base = 16

    def _entries(self) -> Iterator[Logged]:
        self._base = 16
        start, time, relative = 0, 0, False
        buses: dict[bytes, str] = {}
        for line in self._lines():
            if not line:
                continue
            usual = _USUAL.fullmatch(line) if self._base == 16 and not relative else None  # noqa: PLR2004 -- hexadecimal
            if usual is not None:
                seconds, part, channel, digits, wide, size, text = usual.groups()
                data, number = bytes.fromhex(text.decode("ascii")), int(digits, 16)
                if len(data) == int(size) and number <= _EXTENDED:
                    time = int(seconds) * _NS + int(part.ljust(9, b"0"))
                    yield Logged(
                        buses.get(channel) or buses.setdefault(channel, f"CAN {int(channel)}"),
                        start + time,
                        frame_bytes(number, data, extended=bool(wide) or number > _STANDARD),
                    )
                    continue
            head = _HEAD.match(line)
            if head is not None:
                self._base = 16 if head.group(1).lower() == b"hex" else 10
                relative = head.group(2).lower() == b"relative"
                continue
            if line[:5].lower() == b"date " or line[:18].lower() == b"begin triggerblock":
                found = start_of(line)
                # Frames count from the trigger block where there is one.
                start = start if found is None else found
                if found is None and len(line.split()) > 2:  # noqa: PLR2004 -- the words before a date
                    self._text("date that is not understood", line)
                continue
            words = line.split()
            try:
                moment = nanoseconds(words[0], _NS)
            except ValueError:
                moment = -1
            read = self._frame(words[1:]) if moment >= 0 else None
            if moment >= 0:
                time = time + moment if relative else moment
            if read is not None:
                bus, data = read
                yield Logged(bus, start + time, data)
            elif line.startswith(b"//") and _REMARK.fullmatch(line) is None:
                self._text("comment", line[2:])
            elif _REMARK.fullmatch(line) is None:
                self._skip(line)

    def _frame(self, words: list[bytes]) -> tuple[str, bytes] | None:
        """Read what stands behind the time; None when it is no frame."""
        if len(words) > 1 and words[0] == b"CANFD":
            return self._flexible(words[1:])
        if len(words) < 2 or not words[0].isdigit() or len(words[0]) > 3:  # noqa: PLR2004 -- a channel
            return None
        bus = f"CAN {int(words[0])}"
        if words[1] == b"ErrorFrame":
            return bus, frame(0, b"", error=True)
        if words[1] == b"J1939TP":
            return self._long(bus, words[2:])
        identifier = self._identifier(words[1])
        if identifier is None or len(words) < 4 or words[2] not in {b"Rx", b"Tx", b"TxRq"}:  # noqa: PLR2004 -- direction, kind
            return None
        number, extended = identifier
        if words[3] == b"r":
            return bus, frame(number, b"", extended=extended, remote=True)
        if words[3] != b"d" or len(words) < 5:  # noqa: PLR2004 -- length
            return None
        size = self._number(words[4])
        data = self._bytes(words[5:], size)
        if data is None and _CLASSIC < size <= _LARGEST_CODE:
            # ISO 11898-1: of a classic frame's length codes, 9 to 15 mean eight bytes as well.
            data = self._bytes(words[5:], _CLASSIC)
        return None if data is None else (bus, frame(number, data, extended=extended))

    def _flexible(self, words: list[bytes]) -> tuple[str, bytes] | None:
        if len(words) < 3 or not words[0].isdigit() or len(words[0]) > 3:  # noqa: PLR2004 -- channel, direction, what
            return None
        bus = f"CAN {int(words[0])}"
        if words[2] == b"ErrorFrame":
            return bus, frame(0, b"", error=True)
        identifier = self._identifier(words[2])
        # A name may stand between identifier and flags: the flags are single digits.
        at = 3 if len(words) > 4 and words[3] in {b"0", b"1"} and words[4] in {b"0", b"1"} else 4  # noqa: PLR2004 -- as the comment says
        if identifier is None or len(words) < at + 4:
            return None
        number, extended = identifier
        size = words[at + 3]
        if not size.isdigit() or int(size[:4]) > _LONGEST:
            return None
        data = self._bytes(words[at + 4 :], int(size))
        remote = data == b"" and words[at + 2] != b"0"
        return None if data is None else (bus, frame(number, data, extended=extended, remote=remote))

    def _long(self, bus: str, words: list[bytes]) -> tuple[str, bytes] | None:
        """Read a message of SAE J1939-21 that was put together: `PGNp priority source target - Rx d length ...`."""
        if len(words) < 8 or not words[0].endswith(b"p") or words[6] != b"d":  # noqa: PLR2004 -- the fields above
            return None
        try:
            group = int(words[0][:-1], 16)
            priority, sender = int(words[1]), int(words[2], self._base)
            size = int(words[7], self._base)
        except ValueError:
            return None
        data = self._bytes(words[8:], size)
        number = (priority & 7) << 26 | (group & 0x3FFFF) << 8 | sender & 255
        return None if data is None else (bus, frame(number, data, extended=True))

    def _identifier(self, word: bytes) -> tuple[int, bool] | None:
        found = _IDENTIFIER[self._base].fullmatch(word)
        if found is None:
            return None
        number = int(found.group(1), self._base)
        return (number, bool(found.group(2))) if number <= _EXTENDED else None

    def _number(self, word: bytes) -> int:
        try:
            return int(word[:4], self._base)
        except ValueError:
            return -1

    def _bytes(self, words: list[bytes], count: int) -> bytes | None:
        """Read so many bytes in the log's base; None where one is missing or none."""
        form = _HEX if self._base == 16 else _DECIMAL  # noqa: PLR2004 -- hexadecimal
        part = words[: max(count, 0)]
        if count < 0 or len(part) < count or not all(form.fullmatch(one) for one in part):
            return None
        numbers = [int(one, self._base) for one in part]
        return bytes(numbers) if all(one < 256 for one in numbers) else None  # noqa: PLR2004 -- a byte

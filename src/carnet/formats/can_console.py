"""CAN logs as people save them from a screen: candump's own output (can-utils), and BUSMASTER's log.

candump prints `(time) bus [RX|TX flags] id [length] bytes`, with or without the time and the texts behind the
bytes; its log form for replay (`-l`) is `carnet.formats.can`. BUSMASTER writes
`time Rx|Tx channel id type length bytes` behind a head of lines in asterisks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from carnet.formats.can_logs import FrameLog, Logged, frame

_NS = 10**9
_CONSOLE = re.compile(
    rb"(?:\((?:(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)|(\d{1,12}))\.(\d{1,9})\)\s+)?"
    rb"(\S{1,64})\s+(?:(?:RX|TX)\s+[A-Z-] [A-Z-]\s+)?([0-9A-Fa-f]{3}|[0-9A-Fa-f]{8})\s+\[(\d{1,2})\]"
    rb"((?:\s+[0-9A-Fa-f]{2}(?!\S))*)(?:\s+(remote request)|\s+(ERRORFRAME)|\s+'.*')?"
)
# Above the identifier (linux/can.h), as candump prints error frames.
_ERROR_FLAG = 1 << 29
_EXTENDED = 0x1FFFFFFF
_STANDARD_DIGITS, _LONGEST = 3, 64
_LOOKED_AT = 20

_BUSMASTER = b"***BUSMASTER Ver "
_ROW = re.compile(
    rb"(?i)(\d{1,4}):(\d{1,2}):(\d{1,2}):(\d{1,4})\s+(?:Rx|Tx)\s+(\d{1,3})\s+(?:0x([0-9a-f]{1,8})|(\d{1,10}))\s+"
    rb"([sx]r?)\s+(\d{1,2})((?:\s+[0-9a-f]{1,3}(?!\S))*)"
)
_START = re.compile(
    rb"\*+START DATE AND TIME (\d{1,2}):(\d{1,2}):(\d{4}) (\d{1,2}):(\d{1,2}):(\d{1,2}):(\d{1,4})\*+"
)
# What the program says about itself: no text of a person, of a device or of a file.
_DULL = re.compile(
    rb"(?i)-?\*{3}(BUSMASTER Ver [\w. ]+|PROTOCOL \w+|NOTE: PLEASE DO NOT EDIT THIS DOCUMENT"
    rb"|\[(START|STOP) LOGGING SESSION\]|(START|END) DATE AND TIME.*|HEX|DEC|\w+ MODE"
    rb"|(START|END) CHANNEL BAUD RATE|(START|END|END OF) DATABASE FILES.*|<Time>[\w<>/ ]*)\*{3}"
)


def is_console(head: bytes) -> bool:
    """Say whether first bytes are what candump prints: one of the first lines is wholly such a line."""
    if b"]" not in head or b"\0" in head:
        return False
    return any(_CONSOLE.fullmatch(line.strip()) for line in head.splitlines()[:_LOOKED_AT])


def is_busmaster(head: bytes) -> bool:
    """Say whether first bytes are the head of a BUSMASTER log of a CAN bus."""
    return _BUSMASTER in head[:256] and b"PROTOCOL LIN" not in head[:1024]


class ConsoleReader(FrameLog):
    """What candump printed."""

    format = "candump-console"

    def _entries(self) -> Iterator[Logged]:
        for line in self._lines():
            if not line:
                continue
            found = _CONSOLE.fullmatch(line)
            if found is None:
                self._skip(line)
                continue
            date, seconds, part, bus, digits, size, text, remote, error = found.groups()
            data, number = bytes.fromhex(text.decode("ascii")), int(digits, 16)
            failed = bool(error) or (len(digits) > _STANDARD_DIGITS and bool(number & _ERROR_FLAG))
            if (not remote and len(data) != int(size)) or len(data) > _LONGEST:
                self._skip(line)
                continue
            time = _second(date) if date else int(seconds or 0)
            yield Logged(
                bus.decode("utf-8", "replace"),
                time * _NS + int((part or b"0").ljust(9, b"0")),
                frame(
                    number & _EXTENDED,
                    b"" if remote else data,
                    extended=len(digits) > _STANDARD_DIGITS,
                    remote=bool(remote),
                    error=failed,
                ),
            )


def _second(date: bytes) -> int:
    """Give the second of a date, taken as UTC: 0 where there is no such day."""
    try:
        moment = datetime.strptime(date.decode("ascii"), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return 0
    return int(moment.timestamp())


class BusmasterReader(FrameLog):
    """A log of BUSMASTER."""

    format = "busmaster"

    def _entries(self) -> Iterator[Logged]:
        base, relative, start, midnight, time = 16, False, 0, 0, 0
        of_day = True
        for line in self._lines():
            if not line:
                continue
            if line.startswith((b"***", b"-***")):
                begun = _START.fullmatch(line)
                if begun is not None:
                    start, midnight = _start_of(begun)
                base = {b"***HEX***": 16, b"***DEC***": 10}.get(line.upper(), base)
                if line.upper().endswith(b" MODE***"):
                    relative, of_day = b"RELATIVE" in line.upper(), b"SYSTEM" in line.upper()
                if _DULL.fullmatch(line) is None:
                    self._text("comment", line.strip(b"*- "))
                continue
            row = _ROW.fullmatch(line)
            read = _frame(row, base) if row is not None else None
            if row is None or read is None:
                self._skip(line)
                continue
            hours, minutes, seconds, part = (int(one) for one in row.groups()[:4])
            moment = (hours * 3600 + minutes * 60 + seconds) * _NS + part * 10**5
            time = time + moment if relative else moment
            yield Logged(f"CAN {int(row[5])}", (midnight if of_day else start) + time, read)


def _frame(row: re.Match[bytes], base: int) -> bytes | None:
    """Read identifier and payload of a row; None where they are not possible."""
    number = int(row[6], 16) if row[6] else int(row[7])
    kind, size = row[8].lower(), int(row[9])
    try:
        values = [int(one, base) for one in row[10].split()]
    except ValueError:
        return None
    remote = kind.endswith(b"r")
    if number > _EXTENDED or (not remote and len(values) != size) or any(one > 255 for one in values):  # noqa: PLR2004 -- a byte
        return None
    return frame(number, b"" if remote else bytes(values), extended=kind.startswith(b"x"), remote=remote)


def _start_of(found: re.Match[bytes]) -> tuple[int, int]:
    """Give the start of a log and the midnight before it, ns since 1970 with local time taken as UTC."""
    day, month, year, hour, minute, second, part = (int(one) for one in found.groups())
    try:
        midnight = int(datetime(year, month, day, tzinfo=UTC).timestamp()) * _NS
    except ValueError:
        return 0, 0
    return midnight + (hour * 3600 + minute * 60 + second) * _NS + part * 10**6, midnight

"""Tables of CAN frames: of python-can, SavvyCAN, cabana and CSS Electronics, told by the names of their columns.

python-can: `timestamp,arbitration_id,extended,remote,error,dlc,data`, seconds, data in base64. SavvyCAN (GVRET):
`Time Stamp,ID,Extended,Dir,Bus,LEN,D1,...,D8`, microseconds, hexadecimal. cabana: `time,addr,bus,data`, seconds,
hexadecimal. CSS Electronics (mdf2csv): `TimestampEpoch;BusChannel;ID;IDE;DLC;DataLength;Dir;EDL;BRS;...;DataBytes`,
seconds, hexadecimal.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from carnet.formats.can_logs import FrameLog, Logged, frame, nanoseconds

_PYTHON_CAN = b"timestamp,arbitration_id,extended,remote,error,dlc,data"
_SAVVYCAN = b"time stamp,id,extended,"
_CABANA = b"time,addr,bus,data"
_CSS = b"timestampepoch;buschannel;id;ide;dlc;datalength;"
_CSS_NAMES = {
    b"timestampepoch": b"timestamp",
    b"buschannel": b"bus",
    b"ide": b"extended",
    b"rtr": b"remote",
    b"databytes": b"data",
}
_NUMBER = re.compile(rb"(?:0[xX])?([0-9A-Fa-f]{1,8})")
_EXTENDED = 0x1FFFFFFF
_TRUE = frozenset({b"1", b"true"})
_LONGEST = 64


def is_frame_table(head: bytes) -> bool:
    """Say whether a first line names the columns of a table of frames."""
    first = head.lstrip(b"\xef\xbb\xbf").partition(b"\n")[0].strip().lower()
    return first in {_PYTHON_CAN, _CABANA} or first.startswith((_SAVVYCAN, _CSS))


class FrameTableReader(FrameLog):
    """A table of frames."""

    format = "can-csv"

    def __init__(self, source: BinaryIO) -> None:
        super().__init__(source)
        source.seek(0)
        head = source.readline(1024).strip(b"\xef\xbb\xbf \r\n").lower()
        self._separator = b";" if head.startswith(_CSS) else b","
        names = [one.strip() for one in head.split(self._separator)]
        self._names = [_CSS_NAMES.get(one, one) for one in names] if head.startswith(_CSS) else names
        self._coded = head == _PYTHON_CAN
        self._unit = 1000 if head.startswith(_SAVVYCAN) else 10**9

    def _entries(self) -> Iterator[Logged]:
        lines = self._lines()
        next(lines, None)
        for line in lines:
            if not line:
                continue
            cells = [one.strip() for one in line.split(self._separator)]
            read = self._row(dict(zip(self._names, cells, strict=False)))
            if read is None:
                self._skip(line)
            else:
                yield read

    def _row(self, row: Mapping[bytes, bytes]) -> Logged | None:
        number = _NUMBER.fullmatch(
            next((row[one] for one in (b"arbitration_id", b"id", b"addr") if one in row), b"")
        )
        moment = next((row[one] for one in (b"timestamp", b"time stamp", b"time") if one in row), b"")
        bus = row.get(b"bus", b"0")
        try:
            time = nanoseconds(moment, self._unit)
            data = self._data(row)
        except ValueError:
            return None
        if number is None or data is None or not bus.isdigit() or len(bus) > 3:  # noqa: PLR2004 -- a channel
            return None
        identifier = int(number.group(1), 16)
        if identifier > _EXTENDED:
            return None
        wide = row[b"extended"].lower() in _TRUE if b"extended" in row else None
        remote, error = (row.get(one, b"0").lower() in _TRUE for one in (b"remote", b"error"))
        return Logged(
            f"CAN {int(bus)}", time, frame(identifier, data, extended=wide, remote=remote, error=error)
        )

    def _data(self, row: Mapping[bytes, bytes]) -> bytes | None:
        """Read the payload; None where it has not the length that the row says. Raises `ValueError`."""
        if self._coded:
            try:
                data = base64.b64decode(row.get(b"data", b""), validate=True)
            except binascii.Error as error:
                raise ValueError("no base64") from error
            expected = row.get(b"dlc", b"")
            fits = expected.isdigit() and (len(data) == int(expected[:4]) or not data)
            return data if fits and len(data) <= _LONGEST else None
        if b"data" in row:
            return bytes.fromhex(row[b"data"].removeprefix(b"0x").decode("ascii", "replace"))[:_LONGEST]
        size = row.get(b"len", b"")
        if not size.isdigit() or int(size[:4]) > _LONGEST:
            return None
        places = [row.get(b"d%d" % at, b"") for at in range(1, int(size) + 1)]
        return bytes(int(one, 16) for one in places) if all(len(one) <= 2 for one in places) else None  # noqa: PLR2004 -- a byte

"""Reads point clouds: PCD (ascii, binary, compressed), and plain sweeps of float32 as KITTI and nuScenes have them.

PCD 0.7 is the Point Cloud Library's file format; its compressed form is LZF, field after field. A plain sweep says
nothing about itself: its width is told by its values, and is `likely` at most.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from carnet.formats.array_columns import columns_of, packed
from carnet.formats.cloud_values import likely_width
from carnet.formats.reader import LONGEST, Message, OutsideText, Reader, Stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

PCD, SWEEP = "pcd", "sweep"
SCHEMA = "carnet/PointCloud"
_MOST_HEADER, _MOST_FIELDS, _MOST_COUNT = 65_536, 256, 4096
_MOST_POINTS = 2**40
_BLOCK = 4 * 1024 * 1024
_MOST_ROWS = 65_536
_LONGEST_COMPRESSED = 512 * 1024 * 1024
_LONGEST_LINE = 65_536
_SIZES = {"F": {4, 8}, "I": {1, 2, 4, 8}, "U": {1, 2, 4, 8}}
_IDENTITY = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
_SWEEP_NAMES = ("x", "y", "z", "intensity", "column 5", "column 6")
_HEAD = 4096


class _CloudReader(Reader):
    """What both have in common: one table of points."""

    def __init__(self, source: BinaryIO, length: int) -> None:
        super().__init__()
        # Asked for here so that a missing library is said when the file is opened.
        import numpy as np
        import pyarrow as pa

        del pa
        self._np = np
        self._source = source
        self._length = length
        self._start = 0
        self._dtype: Any = None
        self._points = 0
        self._outside: list[OutsideText] = []
        self._stream = Stream("points", "table", SCHEMA, encoding="arrow")

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The one cloud."""
        return () if self._blocked else (self._stream,)

    def outside(self) -> tuple[OutsideText, ...]:
        """Comments, and where the sensor stood."""
        return tuple(self._outside)

    def messages(self) -> Iterator[Message]:
        """Give the points in blocks."""
        count = 0
        for rows in self._rows() if not self._blocked else ():
            if len(rows):
                yield Message(self._stream, 0, 0, packed(columns_of(rows)), count)
            count += len(rows)
        if not count:
            self.block(self.reason or "the point cloud holds no point")
        elif count < self._points:
            self.lose("the point cloud ends early")
        self._complete = True

    def _rows(self) -> Iterator[NDArray[Any]]:
        """Give points as structured rows of at most `_BLOCK` bytes."""
        size = self._dtype.itemsize
        there = max(0, self._length - self._start) // size
        step = max(1, min(_MOST_ROWS, _BLOCK // size))
        total = min(self._points, there)
        for at in range(0, total, step):
            self._source.seek(self._start + at * size)
            yield self._np.frombuffer(self._source.read(min(step, total - at) * size), self._dtype)


class PcdReader(_CloudReader):
    """A PCD file."""

    format = PCD

    def __init__(self, source: BinaryIO, length: int) -> None:
        super().__init__(source, length)
        self._data = ""
        try:
            self._header()
        except (ValueError, KeyError, IndexError, OverflowError):
            self.block("the header of the PCD file is not whole")

    def _header(self) -> None:
        self._source.seek(0)
        said: dict[str, list[str]] = {}
        while "DATA" not in said:
            line = self._source.readline(_LONGEST_LINE).decode("ascii")
            if not line or self._source.tell() > _MOST_HEADER:
                raise ValueError
            if line.startswith("#"):
                if not re.fullmatch(r"# \.PCD v[\d.]+( - Point Cloud Data file format)?\s*", line):
                    self._outside.append(OutsideText("comment", "", line.encode()[:LONGEST]))
                continue
            key, *rest = line.split()
            said[key.upper()] = rest
        names, kinds = said["FIELDS"], said["TYPE"]
        sizes = [int(one) for one in said["SIZE"]]
        counts = [int(one) for one in said.get("COUNT", ["1"] * len(names))]
        if not 0 < len(names) <= _MOST_FIELDS or not len(names) == len(kinds) == len(sizes) == len(counts):
            raise ValueError
        if not all(size in _SIZES[kind] for size, kind in zip(sizes, kinds, strict=True)):
            raise ValueError
        if not all(0 < count <= _MOST_COUNT for count in counts):
            raise ValueError
        forms = [
            (
                f"{name[:100]}_{at}" if name in names[:at] else name[:100] or "_",
                f"<{kind.lower()}{size}",
                (count,),
            )
            for at, (name, kind, size, count) in enumerate(zip(names, kinds, sizes, counts, strict=True))
        ]
        self._dtype = self._np.dtype(
            [(name, form) if count == (1,) else (name, form, count) for name, form, count in forms]
        )
        self._points = (
            int(said["POINTS"][0]) if "POINTS" in said else int(said["WIDTH"][0]) * int(said["HEIGHT"][0])
        )
        if not 0 <= self._points < _MOST_POINTS:
            raise ValueError
        view = said.get("VIEWPOINT", [])
        if view and [float(one) for one in view] != _IDENTITY:
            self._outside.append(OutsideText("viewpoint", "", " ".join(view).encode()))
        self._data = said["DATA"][0].lower()
        self._start = self._source.tell()
        if self._data not in {"ascii", "binary", "binary_compressed"}:
            self.block("the points of the PCD file are written in a way that carnet does not know")

    def _rows(self) -> Iterator[NDArray[Any]]:
        if self._data == "ascii":
            yield from self._lines()
        elif self._data == "binary":
            if self._length > self._start + self._points * self._dtype.itemsize:
                self.lose("there are bytes after the last point")
            yield from super()._rows()
        else:
            yield from self._compressed()

    def _lines(self) -> Iterator[NDArray[Any]]:
        self._source.seek(self._start)
        width = sum(
            self._dtype[name].shape[0] if self._dtype[name].shape else 1 for name in self._dtype.names
        )
        bad = 0
        while block := self._source.readlines(_BLOCK // 4):
            rows = []
            for line in block:
                try:
                    values = [float(one) for one in line.split()]
                except ValueError:
                    values = [0.0]
                if len(values) == width:
                    rows.append(values)
                else:
                    bad += bool(line.strip())
            if rows:
                yield self._named(rows)
        if bad:
            self.lose(f"{bad} lines are no points")

    def _named(self, rows: list[list[float]]) -> NDArray[Any]:
        names: list[str] = []
        for name in self._dtype.names:
            shape = self._dtype[name].shape
            names += [name] if not shape else [f"{name}.{at}" for at in range(shape[0])]
        table: NDArray[Any] = self._np.zeros(len(rows), [(name, "<f8") for name in names])
        for name, column in zip(names, zip(*rows, strict=True), strict=True):
            table[name] = column
        return table

    def _compressed(self) -> Iterator[NDArray[Any]]:
        self._source.seek(self._start)
        head = self._source.read(8)
        if len(head) < 8:  # noqa: PLR2004 -- two lengths
            return
        size, wanted = struct.unpack("<II", head)
        if wanted != self._points * self._dtype.itemsize or wanted > _LONGEST_COMPRESSED:
            self.lose("the compressed points are not as long as the header says, or longer than carnet opens")
            return
        data = lzf(self._source.read(min(size, self._length)), wanted)
        if data is None:
            self.lose("the compressed points do not decompress")
            return
        rows = self._np.zeros(self._points, self._dtype)
        at = 0
        for name in self._dtype.names:
            part = self._dtype[name]
            rows[name] = self._np.frombuffer(
                data, part.base, self._points * (part.itemsize // part.base.itemsize), at
            ).reshape(rows[name].shape)
            at += part.itemsize * self._points
        for start in range(0, len(rows), _MOST_ROWS):
            yield rows[start : start + _MOST_ROWS]


def lzf(data: bytes, wanted: int) -> bytes | None:
    """Decompress LZF (Lehmann's liblzf); None when the bytes do not come to exactly the wanted length."""
    out = bytearray()
    at = 0
    try:
        while at < len(data):
            control = data[at]
            at += 1
            if control < 32:  # noqa: PLR2004 -- a run of bytes as they are
                piece = data[at : at + control + 1]
                if len(piece) != control + 1:
                    return None
                out += piece
                at += control + 1
            else:
                length = control >> 5
                if length == 7:  # noqa: PLR2004 -- longer ones say the rest in a byte of their own
                    length += data[at]
                    at += 1
                back = ((control & 31) << 8 | data[at]) + 1
                at += 1
                start, length = len(out) - back, length + 2
                if start < 0:
                    return None
                piece = bytes(out[start : start + length])
                out += piece if len(piece) == length else (piece * (length // back + 1))[:length]
            if len(out) > wanted:
                return None
    except IndexError:
        return None
    return bytes(out) if len(out) == wanted else None


class SweepReader(_CloudReader):
    """A plain sweep: float32, four to six a point."""

    format = SWEEP

    def __init__(self, source: BinaryIO, length: int) -> None:
        super().__init__(source, length)
        source.seek(0)
        width = likely_width(source.read(_HEAD), length) or 4
        self._dtype = self._np.dtype([(name, "<f4") for name in _SWEEP_NAMES[:width]])
        self._points = -(-length // self._dtype.itemsize)
        self._stream = Stream(
            "points",
            "table",
            SCHEMA,
            encoding="arrow",
            metadata={"because": f"values: x, y, z and a strength of return, {width} float32 a point"},
        )
        if not self._holds():
            self.block("it begins like a plain lidar sweep, and its other values are none")

    def _holds(self) -> bool:
        """Say whether the values of the whole file are those of a sweep."""
        np = self._np
        good = total = 0
        for rows in self._rows():
            near = np.isfinite(rows["x"]) & (np.abs(rows["x"]) < 500) & (np.abs(rows["y"]) < 500)  # noqa: PLR2004 -- metres
            near &= (np.abs(rows["z"]) < 200) & (rows["intensity"] >= 0)  # noqa: PLR2004 -- metres
            good += int(near.sum())
            total += len(rows)
        return total > 0 and good * 50 >= total * 49

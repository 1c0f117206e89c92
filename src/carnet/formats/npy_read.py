"""Reads NumPy arrays (`.npy`, format versions 1 to 3): rows in blocks, as columns of a table.

The header is a Python literal (numpy/lib/format.py says how); it is evaluated as a literal and nothing else. An
array of objects is a pickle: opening it would run what its maker wrote, so it is blocked.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from carnet.formats.array_columns import MOST_COLUMNS, columns_of, packed
from carnet.formats.reader import Message, OutsideText, Reader, Stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

NPY = "npy"
MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 65_536
_BLOCK = 4 * 1024 * 1024
_MOST_ROWS = 65_536
_MOST_DIMENSIONS = 32
_FEW = 16


class NpyReader(Reader):
    """One array."""

    format = NPY

    def __init__(self, source: BinaryIO, length: int) -> None:
        super().__init__()
        import numpy as np
        import pyarrow as pa

        del pa
        self._np = np
        self._source = source
        self._length = length
        self._start = 0
        self._shape: tuple[int, ...] = ()
        self._by_column = False
        self._dtype: Any = None
        self._stream = Stream("array", "table", encoding="arrow")
        try:
            self._header()
        except (ValueError, TypeError, SyntaxError, KeyError, MemoryError, RecursionError, OverflowError):
            self.block("the header of the NumPy array is not whole")

    def _header(self) -> None:
        self._source.seek(0)
        head = self._source.read(12)
        size, at = (2, 8) if head[6:7] == b"\x01" else (4, 8)
        if head[6:7] not in {b"\x01", b"\x02", b"\x03"}:
            self.block("the NumPy array is of a version that carnet does not know")
            return
        length = int.from_bytes(head[at : at + size], "little")
        if length > _LONGEST_HEADER:
            raise ValueError
        self._source.seek(at + size)
        text = self._source.read(length)
        if len(text) != length:
            raise ValueError
        form = ast.literal_eval(text.decode("utf-8" if head[6:7] == b"\x03" else "latin-1").strip())
        shape = form["shape"]
        if not isinstance(shape, tuple) or len(shape) > _MOST_DIMENSIONS:
            raise ValueError
        if not all(isinstance(one, int) and 0 <= one < 2**48 for one in shape):
            raise ValueError
        self._dtype = self._np.lib.format.descr_to_dtype(form["descr"])
        if self._dtype.hasobject:
            self.block("the NumPy array holds pickled objects: opening them would run what their maker wrote")
        elif not self._dtype.itemsize or not math.prod(shape):
            self.block("the NumPy array holds no value")
        self._by_column = form["fortran_order"] is True and len(shape) > 1
        self._start, self._shape = at + size + length, shape
        if not self._blocked:
            self._arrange()

    def _arrange(self) -> None:
        """Settle what a row is: a series of pictures or grids has none that would be a column."""
        shape = self._shape
        wanted = math.prod(shape) * self._dtype.itemsize
        there = self._length - self._start
        if there < wanted:
            self.lose("the NumPy array ends early")
        elif there > wanted:
            self.lose("there are bytes after the end of the NumPy array")
        if self._by_column and len(shape) > 2:  # noqa: PLR2004 -- columns have two dimensions
            self._by_column = False
            shape = shape[::-1]
        if len(shape) > 2:  # noqa: PLR2004 -- as above
            few = shape[-1] <= _FEW and self._dtype.kind == "f"
            shape = (math.prod(shape[:-1]), shape[-1]) if few else (math.prod(shape),)
            if not few:
                self._stream = Stream("array", "data")
        elif len(shape) == 2 and shape[1] > MOST_COLUMNS:  # noqa: PLR2004 -- as above
            self._by_column = False
            shape = (math.prod(shape),)
            self._stream = Stream("array", "data")
        self._shape = shape or (1,)

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The one array."""
        return () if self._blocked else (self._stream,)

    def outside(self) -> tuple[OutsideText, ...]:
        """Names of fields are looked at as columns; nothing else lies outside."""
        return ()

    def messages(self) -> Iterator[Message]:
        """Give blocks of rows."""
        if not self._blocked:
            width = self._dtype.itemsize * math.prod(self._shape[1:])
            rows = max(1, min(_MOST_ROWS, _BLOCK // width))
            there = self._length - self._start
            total = min(self._shape[0], there // (self._dtype.itemsize if self._by_column else width))
            if width > _BLOCK * 16 or not total:
                self.block("the rows of the NumPy array are larger than carnet opens, or none is whole")
                total = 0
            for number, at in enumerate(range(0, total, rows)):
                block = self._rows(at, min(rows, total - at), width)
                if self._stream.kind == "data":
                    yield Message(self._stream, 0, 0, block.tobytes(), number)
                else:
                    yield Message(self._stream, 0, 0, packed(columns_of(block)), number)
        self._complete = True

    def _rows(self, at: int, count: int, width: int) -> NDArray[Any]:
        np = self._np
        if not self._by_column:
            self._source.seek(self._start + at * width)
            data = self._source.read(count * width)
            rows: NDArray[Any] = np.frombuffer(data, self._dtype).reshape(count, *self._shape[1:])
            return rows
        block: NDArray[Any] = np.zeros((count, self._shape[1]), self._dtype)
        for column in range(self._shape[1]):
            size = self._dtype.itemsize
            self._source.seek(self._start + (column * self._shape[0] + at) * size)
            data = self._source.read(count * size)
            whole = len(data) // size
            block[:whole, column] = np.frombuffer(data[: whole * size], self._dtype)
        return block

"""Records of a text or log, many at once: an object and a JSON text for each would cost more than what is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from carnet.formats.reader import Stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from carnet.formats.can_columns import Frames


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that follow one another and have the same columns; at least one.

    Attributes:
        stream: the stream.
        columns: the cells of each column by its name, all of one length.
        typed: whether a cell that is a number with a point stands for the number, as in a table; in lines it is text.
    """

    stream: Stream
    columns: Mapping[str, Sequence[str]]
    typed: bool

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))


@dataclass(frozen=True, slots=True)
class Documents:
    """JSON documents, or parts of one, as they were decoded.

    Attributes:
        stream: the stream.
        values: the documents, one or more.
    """

    stream: Stream
    values: Sequence[Any]

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class BusFrames:
    """Classic frames of one bus that follow one another; at least one."""

    stream: Stream
    frames: Frames

    @classmethod
    def of(cls, stream: Stream, frames: Frames, number: int) -> BusFrames:
        """Take the frames of one bus, by its number, out of those of a log, in their order."""
        rows = (frames.bus == number).nonzero()[0]
        if len(rows) == len(frames):
            return cls(stream, frames)
        part = {
            name: getattr(frames, name)[rows]
            for name in ("time_ns", "bus", "id", "extended", "length", "data")
        }
        return cls(stream, replace(frames, **part))

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def log_time_ns(self) -> NDArray[Any]:
        """Their times."""
        return self.frames.time_ns


def number_in(cell: str) -> float | None:
    """Give the number that a cell is, else None."""
    try:
        return float(cell)
    except ValueError:
        return None


def value_of(cell: str) -> float | str:
    """Give what a table's cell stands for: a number with a point, else its text.

    Digits alone may be a telephone: whole numbers stay texts, so that recognisers read them.
    """
    if "." not in cell:
        return cell
    number = number_in(cell)
    return cell if number is None else number

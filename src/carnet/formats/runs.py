"""Many messages of one stream at once: where each payload lies in one buffer, and their times as columns.

A recording of small messages holds millions of them: an object for each costs more than what is in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from carnet.formats.reader import Message, Stream

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Run:
    """Messages of one stream, in file order.

    Attributes:
        stream: the stream.
        data: the buffer in which the payloads lie.
        starts: N, where each payload begins.
        ends: N, where each ends.
        log_time_ns: N, uint64, as a message's.
        publish_time_ns: likewise.
        sequence: N, uint32, as a message's.
    """

    stream: Stream
    data: bytes | memoryview[int]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    log_time_ns: NDArray[np.uint64]
    publish_time_ns: NDArray[np.uint64]
    sequence: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.starts)

    def payload(self, row: int) -> bytes:
        """Give one payload."""
        return bytes(self.data[int(self.starts[row]) : int(self.ends[row])])

    def message(self, row: int) -> Message:
        """Give one message."""
        times = int(self.log_time_ns[row]), int(self.publish_time_ns[row])
        return Message(self.stream, *times, self.payload(row), int(self.sequence[row]))

    def messages(self) -> Iterator[Message]:
        """Give them one by one."""
        for row in range(len(self)):
            yield self.message(row)

    def only(self, rows: NDArray[Any]) -> Run:
        """Give some of them: by number or by mask."""
        columns = (self.log_time_ns, self.publish_time_ns, self.sequence)
        return Run(
            self.stream, self.data, self.starts[rows], self.ends[rows], *(one[rows] for one in columns)
        )

    def gathered(self, rows: NDArray[np.intp], offset: int, width: int) -> NDArray[np.uint8]:
        """Give the same piece of some payloads.

        Args:
            rows: M numbers of messages, each of which is long enough.
            offset: where the piece begins in a payload.
            width: its bytes.

        Returns:
            M x width, uint8.
        """
        import numpy as np

        if not width:
            return np.zeros((len(rows), 0), np.uint8)
        data = self.data
        pieces = b"".join([data[at : at + width] for at in (self.starts[rows] + offset).tolist()])
        return np.frombuffer(pieces, np.uint8).reshape(len(rows), width)


def runs_of(
    streams: dict[int, Stream], data: bytes | memoryview[int], starts: Sequence[int], ends: Sequence[int]
) -> Iterator[Run]:
    """Part messages by their channel.

    Args:
        streams: by number.
        data: the buffer.
        starts: where each message record's content begins: number (uint16), sequence (uint32), log and publish
            time (uint64), payload; little-endian, as in MCAP.
        ends: where each ends, 22 bytes or more behind.
    """
    import numpy as np

    form = np.dtype([("number", "<u2"), ("sequence", "<u4"), ("log", "<u8"), ("publish", "<u8")])
    heads = np.frombuffer(b"".join([data[at : at + form.itemsize] for at in starts]), form)
    begins = np.array(starts, np.int64) + form.itemsize
    stops = np.array(ends, np.int64)
    numbers = heads["number"]
    order = np.argsort(numbers, kind="stable")
    edges = np.flatnonzero(np.diff(numbers[order])) + 1
    for rows in np.split(order, edges):
        some = heads[rows]
        yield Run(
            streams[int(some["number"][0])],
            data,
            begins[rows],
            stops[rows],
            *(np.ascontiguousarray(some[name]) for name in ("log", "publish", "sequence")),
        )

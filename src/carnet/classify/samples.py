"""Values of fields, kept until there are enough to look at; what is a position by them is followed from there on.

Samples are let go when they were looked at, and new ones begin: what stands still at first may move later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from carnet.classify.pairs import MOST_SAMPLES, SAMPLED, pairs_by_value, raw_ranges, track_of
from carnet.classify.track import Track
from carnet.recognise.names import is_accuracy

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Samples:
    """The numbers of a stream's fields."""

    def __init__(self, make_track: Callable[[], Track], named: Callable[[], set[str]]) -> None:
        """Begin without numbers.

        Args:
            make_track: makes the track of a pair.
            named: gives the paths that are a position by their names; they are not looked at.
        """
        self._make_track, self._named = make_track, named
        self._numbers: dict[str, list[float]] = {}
        self._followed: dict[tuple[str, str], tuple[float, float, Track]] = {}
        self._taken: set[str] = set()
        self._looks = 0
        self._cut = False
        self.ranges: set[str] = set()
        """Fields that hold ranges to satellites."""

    def pairs(self) -> Iterator[tuple[str, str, Track]]:
        """Give the pairs that were found so far: paths of latitude and longitude, and their track."""
        yield from ((*pair, track) for pair, (_, _, track) in self._followed.items())

    def take(self, lines: Mapping[str, Sequence[float]]) -> None:
        """Take the numbers of one message by field."""
        for (a, b), (first, second, track) in self._followed.items():
            for latitude, longitude in zip(lines.get(a, ()), lines.get(b, ()), strict=False):
                track.add(latitude / first, longitude / second)
        full = False
        for path, line in lines.items():
            if line and path not in self._taken:
                sample = self._numbers.setdefault(path, [])
                sample += line
                full = full or len(sample) >= MOST_SAMPLES
        if full:
            self.look()

    def take_rows(self, lines: Mapping[str, Sequence[float | None]], rows: int) -> None:
        """Take many rows by column; what is found is what `take` would find in one after the other."""
        for some in self._parts(rows):
            parts = {path: line[some] for path, line in lines.items()}
            for (a, b), (first, second, track) in self._followed.items():
                for latitude, longitude in zip(parts.get(a, ()), parts.get(b, ()), strict=False):
                    if latitude is not None and longitude is not None:
                        track.add(latitude / first, longitude / second)
            fresh = {}
            for path, line in parts.items():
                at = next((at for at, one in enumerate(line) if one is not None), None)
                if at is not None and path not in self._taken and path not in self._numbers:
                    fresh[path] = at
            # In the order in which rows, one after the other, would have brought them.
            self._numbers.update({path: [] for path in sorted(fresh, key=lambda one: fresh[one])})
            for path, line in parts.items():
                if path in self._numbers:
                    self._numbers[path] += [one for one in line if one is not None]

    def take_columns(self, lines: Mapping[str, NDArray[Any]], times: NDArray[Any]) -> None:
        """Take many messages by column: numbers of one length, and the time of each in ns."""
        for some in self._parts(len(times)):
            for (a, b), (first, second, track) in self._followed.items():
                if a in lines and b in lines:
                    track.add_many(lines[a][some] / first, lines[b][some] / second, times[some])
            for path, line in lines.items():
                if path not in self._taken:
                    self._numbers.setdefault(path, []).extend(line[some].tolist())

    def room(self, path: str) -> int:
        """Give how many numbers of a field may still be kept; who asks lets go what is beyond."""
        return max(0, MOST_SAMPLES - len(self._numbers.get(path, ())))

    def keep(self, path: str, numbers: Sequence[float]) -> None:
        """Take numbers of a field of which only the first are looked at, as many as there is room for."""
        line = self._numbers.setdefault(path, [])
        line += numbers
        self._cut = self._cut or len(line) >= MOST_SAMPLES

    def _parts(self, rows: int) -> Iterator[slice]:
        """Cut rows where the samples are full, and look at them there."""
        at = 0
        while at < rows:
            count = MOST_SAMPLES - max(map(len, self._numbers.values()), default=0)
            yield slice(at, at + count)
            at += count
            if any(len(line) >= MOST_SAMPLES for line in self._numbers.values()):
                self.look()

    def look(self) -> None:
        """Find what is a position by its values alone, among fields that nothing else explains; begin new samples."""
        named = self._named()
        held, self._numbers = self._numbers, {}
        rest = {path: line for path, line in held.items() if path not in named and not is_accuracy(path)}
        for latitude, longitude, first, second in pairs_by_value(rest):
            track = track_of(rest[latitude], rest[longitude], first, second, self._make_track)
            if self._looks or self._cut:
                # It may have stood still in the samples that were let go, or go on in what was.
                track.only_part(SAMPLED)
            if track.points:
                self._followed[latitude, longitude] = first, second, track
                self._taken |= {latitude, longitude}
        self._looks += 1
        self.ranges.update(raw_ranges(rest))

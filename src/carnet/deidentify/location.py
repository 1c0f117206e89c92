"""Places in one recording: which intervals must not be seen, and what the positions that stay become.

Works in two passes like everything else here: `learn` every message, `finish`, then ask. A hidden interval takes
every stream along. Positions that stay are generalised for a stretch of time at once (`hold_s`), and all else that
leads to a place goes: raw ranges and poses are positions, and a stream of them that cannot be rewritten is dropped.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from carnet.deidentify.cells import to_h3, to_squares
from carnet.deidentify.laplace import epsilon_of, remembered_noise
from carnet.deidentify.location_order import Keys, LocationOrder
from carnet.deidentify.position_streams import Place, PositionStream
from carnet.deidentify.trip_ends import Interval, hidden_intervals, hidden_square, trip_ends
from carnet.errors import RedactionError
from carnet.formats.reader import Message, Stream
from carnet.model.ids import DataClass
from carnet.model.vocabulary import covers
from carnet.recognise.areas import in_area
from carnet.recognise.gcj02 import Positions, to_gcj02

if TYPE_CHECKING:
    from numpy.typing import NDArray

DATUM = "carnet.datum"
"""Key of a stream's metadata that says to which datum its positions were shifted."""
_STEP_NS = 100_000_000
# What is left beside a generalised position and leads back to a finer one, or might.
_FINER = ("driving", "image", "ranging", "perception", "map", "traffic", "audio", "unknown")


class LocationPlan:
    """What one order does to the places of one recording.

    Args:
        order: what shall become of places.
        keys: the caller's keys; the subject's is needed for trip ends and for noise.
        day: the day on which sensitive places are asked whether they still apply.

    Raises:
        RedactionError: a key that the order needs is missing.
    """

    def __init__(self, order: LocationOrder, keys: Keys, day: date) -> None:
        self.order = order
        self._key = keys.for_subject() if order.trip_ends_m is not None or order.noise_m is not None else b""
        self._areas = [one for one in order.places if one.applies(day)]
        self._streams: dict[int, PositionStream] = {}
        self._fixes: list[tuple[int, float, float]] = []
        self._last: dict[int, int] = {}
        self._intervals: tuple[Interval, ...] = ()
        self._starts: list[int] = []
        self._held: dict[int, Place | None] = {}
        self._origin = 0
        self._ends = 0
        self._dropped_streams: set[int] = set()
        self._rewritten_streams: set[int] = set()
        self._classes: dict[int, tuple[DataClass, ...]] = {}
        self.rewritten = 0

    def learn(self, message: Message) -> None:
        """Take note of one message of any stream."""
        stream = message.stream
        if stream.kind != "messages":
            return
        known = self._streams.get(stream.number)
        if known is None:
            known = self._streams[stream.number] = PositionStream(stream)
        # Ten fixes a second say where a vehicle was; a receiver that sends more says no more.
        at = message.log_time_ns
        if not known.readable or abs(at - self._last.get(stream.number, at - _STEP_NS)) < _STEP_NS:
            return
        for latitude, longitude in known.read(message.data):
            self._last[stream.number] = at
            self._fixes.append((at, latitude, longitude))

    def finish(self, streams: Mapping[Stream, tuple[DataClass, ...]], gone: Iterable[int]) -> None:
        """Draw the conclusions, once every message has been learned.

        Args:
            streams: every stream with its classes.
            gone: numbers of the streams that are dropped anyway.

        Raises:
            RedactionError: intervals are to be hidden and no position says when, or a stream was shifted before.
        """
        self._fixes.sort()
        t = np.array([one[0] for one in self._fixes], dtype=np.int64)
        y = np.array([one[1] for one in self._fixes], dtype=np.float64)
        x = np.array([one[2] for one in self._fixes], dtype=np.float64)
        if self.order.hides:
            if not len(t):
                raise RedactionError(
                    "nothing in the recording says where it was made, so no place of it can be hidden",
                    where="location",
                    remedy="set trim_head_s and trim_tail_s instead, or leave the recording out",
                )
            self._intervals = hidden_intervals(t, self._hidden(t, y, x))
            self._starts = [first for first, _ in self._intervals]
        gone = set(gone)
        for stream, classes in streams.items():
            if stream.number in gone:
                continue
            self._classes[stream.number] = classes
            if self._is_rewritten(stream):
                self._rewritten_streams.add(stream.number)
                self._choose(stream)
        if self.order.generalises and len(t):
            visible = np.array([not self.hides(int(one)) for one in t], dtype=bool)
            self._hold(t[visible], y[visible], x[visible])

    def _choose(self, stream: Stream) -> None:
        if self.order.datum and stream.metadata.get(DATUM) == self.order.datum:
            raise RedactionError(
                f"positions of a stream are {self.order.datum} already",
                where="location.datum",
                remedy="leave datum out of the order",
            )
        known = self._streams.get(stream.number)
        # A stream of messages without one has nothing to rewrite and nothing to tell.
        if stream.kind != "messages" or (known is not None and not known.readable):
            self._dropped_streams.add(stream.number)
            del self._classes[stream.number]

    def _hidden(
        self, t: NDArray[np.int64], y: NDArray[np.float64], x: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        hidden = np.zeros(len(t), dtype=bool)
        for area in self._areas:
            hidden |= in_area(area, y, x)
        if self.order.trip_ends_m is not None:
            ends = trip_ends(t, y, x, self.order.stop_s)
            squares = {hidden_square(*place, self._key, *self.order.trip_ends_m) for place in ends}
            self._ends = len(squares)
            for square in squares:
                hidden |= square.holds(y, x)
        return hidden

    def _hold(self, t: NDArray[np.int64], y: NDArray[np.float64], x: NDArray[np.float64]) -> None:
        """Give each stretch of time the place of its first visible fix, generalised."""
        if not len(t):
            return
        self._origin = int(t[0])
        stretches, first = np.unique(self._stretch(t), return_index=True)
        places = self._coarse(y[first], x[first])
        self._held = dict(zip(stretches.tolist(), places, strict=True))

    def _stretch(self, t: NDArray[np.int64]) -> NDArray[np.int64]:
        made: NDArray[np.int64] = (t - self._origin) // max(1, round(self.order.hold_s * 1e9))
        return made

    def _coarse(self, y: NDArray[np.float64], x: NDArray[np.float64]) -> list[Place]:
        order = self.order
        if order.cell_m is not None:
            y, x = to_squares(y, x, order.cell_m)
        elif order.h3_resolution is not None:
            y, x = to_h3(y, x, order.h3_resolution)
        elif order.noise_m is not None:
            y, x = remembered_noise(y, x, epsilon_of(order.noise_m), self._key, order.place_m)
        if order.datum is not None:
            made = to_gcj02(Positions(y, x))
            y, x = made.latitude, made.longitude
        return list(zip(y.tolist(), x.tolist(), strict=True))

    def hides(self, time_ns: int) -> bool:
        """Say whether nothing may be seen at a moment."""
        at = bisect.bisect_right(self._starts, time_ns) - 1
        return at >= 0 and time_ns <= self._intervals[at][1]

    @property
    def dropped(self) -> frozenset[int]:
        """Numbers of the streams that go whole, because their positions cannot be rewritten."""
        return frozenset(self._dropped_streams)

    def metadata(self, stream: Stream) -> dict[str, str]:
        """Give what a stream's metadata has to say besides its own."""
        changed = self.order.datum is not None and self._is_rewritten(stream)
        return {DATUM: str(self.order.datum)} if changed else {}

    def _is_rewritten(self, stream: Stream) -> bool:
        if not self.order.rewrites or stream.number not in self._classes:
            return False
        return stream.number in self._last or any(_is_position(one) for one in self._classes[stream.number])

    def rewrite(self, message: Message) -> bytes | None:
        """Give a message with its positions as ordered; None for one that has to go."""
        known = self._streams.get(message.stream.number)
        if known is None or not self._is_rewritten(message.stream):
            return message.data
        if self.order.generalises:
            stretch = int(self._stretch(np.array([message.log_time_ns]))[0])
            held = self._held.get(stretch)
            made = known.rewrite(message.data, lambda _: held, blank=True)
        else:
            made = known.rewrite(message.data, lambda place: self._coarse(*_arrays(place))[0], blank=False)
        self.rewritten += made is not None
        return made

    def finer(self) -> tuple[str, ...]:
        """Name the classes of streams that stay and may lead to a finer place than the generalised one."""
        left = {
            one
            for number, classes in self._classes.items()
            # A rewritten message has nothing left in it besides the place.
            if number not in self._rewritten_streams
            for one in classes
        }
        return tuple(sorted(one for one in left if any(covers(DataClass(root), one) for root in _FINER)))

    def summary(self) -> dict[str, Any]:
        """Say what was done, without any place: for the report.

        `horizontal_accuracy_m` is given only where the square cells are all that is left to tell the place:
        dynamics draw the track's shape, and pictures show it.
        """
        form: dict[str, Any] = {"fixes": len(self._fixes), "hidden_intervals": len(self._intervals)}
        if self.order.trip_ends_m is not None:
            form |= {"trip_ends": self._ends, "trip_ends_m": list(self.order.trip_ends_m)}
        if self.order.places:
            form |= {
                "sensitive_places": len(self._areas),
                "expired_places": len(self.order.places) - len(self._areas),
            }
        if self.order.rewrites:
            form["rewritten_messages"] = self.rewritten
        if self.order.generalises:
            how = ("cell_m", "h3_resolution", "noise_m")
            form["generalised"] = {
                name: getattr(self.order, name) for name in how if getattr(self.order, name) is not None
            }
            form["generalised"]["hold_s"] = self.order.hold_s
            finer = self.finer()
            form["finer_from"] = list(finer)
            form["horizontal_accuracy_m"] = None if finer else self.order.cell_m
        if self.order.datum is not None:
            form["datum"] = self.order.datum
        return form


def _arrays(place: Place) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array([place[0]]), np.array([place[1]])


def _is_position(data: DataClass) -> bool:
    return covers(DataClass("location"), data) and data != "location.aggregate"

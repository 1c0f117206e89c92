"""What a bus tells without a database, since a standard or a known receiver fixes its meaning.

SAE J1939-71: PGN 65260 vehicle identification, 65267 vehicle position, 65131 driver's identification, 64965 and
65259 serial numbers. NMEA 2000: PGN 129025 and 129029 position, 129038 and 129039 positions of other ships, 126996
product information. Receivers of CSS Electronics (CANmod.gps, CANedge 3): time and place on two neighbouring
identifiers; they are believed where the time that they send is the time of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from carnet.classify.pairs import SAMPLED
from carnet.classify.track import Track
from carnet.formats.can import CanFrame
from carnet.formats.can_transport import J1939, MANAGEMENT, TRANSFER, FastPacket, group_of
from carnet.model.factsheet import Certainty, FieldClass
from carnet.model.ids import DataClass
from carnet.recognise.text import find_vins, recognise

if TYPE_CHECKING:
    from carnet.formats.can_columns import Frames

POSITION = DataClass("location.position")
VIN = DataClass("vehicle_id.vin")
_VEHICLE, _PLACE, _DRIVER, _ECU, _COMPONENT = 65260, 65267, 65131, 64965, 65259
_RAPID, _FIX, _SHIP, _BOAT, _PRODUCT = 129025, 129029, 129038, 129039, 126996
_FAST = frozenset({_FIX, _SHIP, _BOAT, _PRODUCT})
# What a classic frame can mean something in: the others need more bytes than eight.
_MEANT = (_PLACE, _RAPID, *sorted(_FAST), MANAGEMENT, TRANSFER)
_TO_ALL = 240
_LETTERS_OF_VIN = 17
_MOST_TRACKS = 64
_MOST_POINTS = 1_000_000
# A place that leaps by more than this from one message to the next, most of the time, is none.
_LARGEST_STEP = 0.05
_FEWEST = 3
_DAY_NS = 86_400 * 10**9
_EPOCH_MS = 1_577_840_400_000
_KNOWN_TIME_NS = 10**18
_NONE_32, _NONE_31, _NONE_63 = 0xFFFFFFFF, 0x7FFFFFFF, (1 << 63) - 1


class _Line:
    """Positions of one kind and sender, and whether they go on as a place does."""

    def __init__(self, track: Track) -> None:
        self.track = track
        self.good = self.bad = 0
        self._last: tuple[float, float] | None = None

    def add(self, latitude: float, longitude: float) -> None:
        if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):  # noqa: PLR2004 -- degrees
            self.bad += 1
            return
        if self._last is not None:
            step = max(abs(latitude - self._last[0]), abs(longitude - self._last[1]))
            if step > _LARGEST_STEP:
                self.bad += 1
                self._last = (latitude, longitude)
                return
        self.good += 1
        self._last = (latitude, longitude)
        if self.track.points < _MOST_POINTS:
            self.track.add(latitude, longitude)
        else:
            self.track.only_part(SAMPLED)

    @property
    def is_one(self) -> bool:
        return self.track.points > 0 and self.good > 4 * self.bad


class KnownMessages:
    """Collects what frames say by standards alone."""

    def __init__(self, make_track: Callable[[], Track] = Track) -> None:
        self._make_track = make_track
        self._j1939 = J1939()
        self._fast = FastPacket()
        self._lines: dict[tuple[str, int], _Line] = {}
        self._found: set[tuple[str, DataClass, str]] = set()
        self._receivers: set[int] = set()

    def add(self, frame: CanFrame) -> None:
        """Take one frame."""
        if not frame.extended:
            self._receiver(frame)
            return
        if group_of(frame.id)[0] in _FAST:
            whole = self._fast.add(frame)
            if whole is not None:
                self._group(group_of(frame.id)[0], frame.id & 0xFF, whole)
            return
        message = self._j1939.add(frame)
        if message is not None:
            self._group(*message)

    def add_frames(self, frames: Frames) -> None:
        """Take many classic frames: those that can mean something here one by one."""
        import numpy as np

        from carnet.classify.canruns import frames_at

        group = frames.id >> 8 & 0x3FF00
        group = np.where((frames.id >> 16 & 0xFF) < _TO_ALL, group, group | frames.id >> 8 & 0xFF)
        chosen = frames.extended & np.isin(group, _MEANT)
        first = frames.data[:, 0] & 1 == 1
        sends_time = ~frames.extended & first & (frames.length == 6) & (frames.time_ns > _KNOWN_TIME_NS)  # noqa: PLR2004 -- as in `_receiver`
        if sends_time.any():
            places = np.unique(frames.id[sends_time] + 1)
            chosen |= sends_time | (~frames.extended & np.isin(frames.id, places))
        if self._receivers:
            chosen |= ~frames.extended & np.isin(frames.id, np.array(sorted(self._receivers), np.int64))
        for frame in frames_at(frames, np.flatnonzero(chosen)):
            self.add(frame)

    def _place(self, rule: str, sender: int, latitude: float, longitude: float) -> None:
        line = self._lines.get((rule, sender))
        if line is None:
            if len(self._lines) >= _MOST_TRACKS:
                next(iter(self._lines.values())).track.only_part(SAMPLED)
                return
            line = self._lines[rule, sender] = _Line(self._make_track())
        line.add(latitude, longitude)

    def _group(self, group: int, sender: int, data: bytes) -> None:
        if group == _PLACE and len(data) >= 8:  # noqa: PLR2004 -- two numbers of four bytes
            raw = int.from_bytes(data[:4], "little"), int.from_bytes(data[4:8], "little")
            if _NONE_32 not in raw:
                self._place("j1939: PGN 65267", sender, raw[0] * 1e-7 - 210, raw[1] * 1e-7 - 210)
        elif group == _RAPID and len(data) >= 8:  # noqa: PLR2004 -- two numbers of four bytes
            self._signed("nmea 2000: PGN 129025", sender, data[:4], data[4:8])
        elif group == _FIX and len(data) >= 23:  # noqa: PLR2004 -- up to the longitude
            self._signed("nmea 2000: PGN 129029", sender, data[7:15], data[15:23])
        elif group in {_SHIP, _BOAT} and len(data) >= 13:  # noqa: PLR2004 -- up to the latitude
            # Each message may be of another ship: they are no line.
            rule = f"nmea 2000: PGN {group}, positions of ships"
            self._signed(rule, int.from_bytes(data[1:5], "little"), data[9:13], data[5:9])
        elif len(data) > 8:  # noqa: PLR2004 -- what needed several frames
            self._text(group, data)

    def _signed(self, rule: str, sender: int, latitude: bytes, longitude: bytes) -> None:
        """Take two signed numbers of 1e-7 degrees in four bytes, or of 1e-16 in eight."""
        raw = (
            int.from_bytes(latitude, "little", signed=True),
            int.from_bytes(longitude, "little", signed=True),
        )
        wide = len(latitude) > 4  # noqa: PLR2004 -- bytes
        if (_NONE_63 if wide else _NONE_31) not in raw:
            scale = 1e-16 if wide else 1e-7
            self._place(rule, sender, raw[0] * scale, raw[1] * scale)

    def _text(self, group: int, data: bytes) -> None:
        text = data.decode("latin-1")
        filled = data.strip(b"\xff\x00 *")
        if group == _VEHICLE:
            # The standard ends the number with an asterisk; some send it without its check digit right.
            token = text.partition("*")[0].strip("\x00\xff ")
            if find_vins(f"vin {token}") or (len(token) == _LETTERS_OF_VIN and token.isalnum()):
                self._found.add((f"PGN {group}", VIN, f"j1939: PGN {_VEHICLE}"))
        elif group == _DRIVER and filled:
            self._found.add((f"PGN {group}", DataClass("identity.government"), f"j1939: PGN {group}"))
        elif group in {_ECU, _COMPONENT, _PRODUCT} and filled:
            self._found.add((f"PGN {group}", DataClass("vehicle_id.device"), f"standard: PGN {group}"))
        for hit in recognise(text):
            self._found.add((f"PGN {group}", hit.data, f"j1939: {hit.rule}"))

    def _receiver(self, frame: CanFrame) -> None:
        """Look for the receivers of CSS Electronics: time in six bytes, and the place on the next identifier."""
        data = frame.data
        if len(data) == 6 and data[0] & 1 and frame.time_ns > _KNOWN_TIME_NS:  # noqa: PLR2004 -- as above; a valid time
            sent = (int.from_bytes(data[1:6], "little") + _EPOCH_MS) * 10**6
            if abs(sent - frame.time_ns) < _DAY_NS:
                self._receivers.add(frame.id + 1)
        elif len(data) == 8 and data[0] & 1 and frame.id in self._receivers:  # noqa: PLR2004 -- as above
            bits = int.from_bytes(data, "little")
            latitude, longitude = bits >> 1 & 0xFFFFFFF, bits >> 29 & 0x1FFFFFFF
            rule = "can: a logger's receiver, its time is that of the log"
            self._place(rule, frame.id, latitude * 1e-6 - 90, longitude * 1e-6 - 180)

    def tracks(self) -> tuple[Track, ...]:
        """Give the lines of positions that are believed; the others never were positions."""
        for line in self._lines.values():
            if not line.is_one and line.track.passage is not None:
                line.track.passage.forget()
        return tuple(line.track for line in self._lines.values() if line.is_one)

    def fields(self) -> Iterator[FieldClass]:
        """Give what was found, as fields of the bus."""
        seen: dict[str, int] = {}
        for (rule, _), line in self._lines.items():
            if line.is_one:
                seen[rule] = seen.get(rule, 0) + line.track.points
        for rule, points in sorted(seen.items()):
            certainty = Certainty.CERTAIN if points >= _FEWEST else Certainty.LIKELY
            yield FieldClass("*", POSITION, certainty, (rule, f"values: {points} positions"))
        for path, data, rule in sorted(self._found):
            yield FieldClass(path, data, Certainty.CERTAIN, (rule,))

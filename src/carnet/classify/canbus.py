"""CAN buses: signals named by a database, vehicle numbers found in data, positions decoded.

A bus without a database is class `unknown`: nobody can say what its frames mean, so nobody may pass them on.
A VIN is found three ways: by signals of the database that are named after it, in ISO-TP answers (UDS
ReadDataByIdentifier F190 of ISO 14229-1, OBD service 09 of SAE J1979), and without any database as characters in
multiplexed frames or in frames of neighbouring identifiers, believed only with its check digit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from carnet.classify.canplaces import KnownMessages
from carnet.classify.pairs import SAMPLED
from carnet.classify.track import Track
from carnet.errors import UnreadableError
from carnet.formats.can import CanFrame, frame_of_message
from carnet.formats.can_transport import IsoTp
from carnet.formats.runs import Run
from carnet.model.factsheet import Certainty, FactValue, FieldClass
from carnet.model.ids import DataClass
from carnet.recognise.names import NameClass, class_of_name, class_of_unit, is_frame_word, words
from carnet.recognise.text import find_vins, recognise, vin_check_digit_holds

if TYPE_CHECKING:
    from carnet.formats.can_columns import Frames
    from carnet.formats.records import BusFrames

UNKNOWN = DataClass("unknown")
VIN = DataClass("vehicle_id.vin")
POSITION = DataClass("location.position")
TRAJECTORY = DataClass("location.trajectory")
_MOST_PAYLOADS = 64
_MOST_POSITIONS = 200_000
_VIN_LENGTH = 17
# UDS read and write (ISO 14229-1), OBD service 09 (SAE J1979), KWP 2000 (ISO 14230-3).
_ANSWERS = (b"\x62\xf1\x90", b"\x2e\xf1\x90", b"\x49\x02", b"\x5a\x90")
_RUN = re.compile(rb"[A-HJ-NPR-Z0-9]+")
_LATITUDE, _LONGITUDE = re.compile(r" lat(itude\w*)? "), re.compile(r" (lon|lng|longitude\w*) ")


def _key(frame_id: int, extended: bool) -> tuple[int, bool]:  # noqa: FBT001 -- a key of a table
    return frame_id, extended


class CanBus:
    """Collects the frames of one bus and says what they are."""

    def __init__(self, databases: tuple[Any, ...], make_track: Callable[[], Track] = Track) -> None:
        self._databases = databases
        self._make_track = make_track
        self.count = 0
        self._payloads: dict[tuple[int, bool], dict[bytes, None]] = {}
        self._full: set[int] = set()
        self._masks: dict[tuple[int, bool], bytes | None] = {}
        self._positions: dict[tuple[int, bool], list[bytes]] = {}
        self._isotp = (IsoTp(), IsoTp(skip=1))
        self._known = KnownMessages(make_track)
        self._errors = 0
        self._texts: set[tuple[DataClass, str]] = set()
        self._by_id: list[dict[tuple[int, bool], Any]] = []
        self._with_position: set[tuple[int, bool]] = set()
        for database in databases:
            table = {_key(one.frame_id, one.is_extended_frame): one for one in database.messages}
            self._by_id.append(table)
            self._with_position |= {key for key, one in table.items() if _pair_of(one) is not None}

    def add(self, frame: CanFrame) -> None:
        """Take one frame."""
        self.count += 1
        if frame.error:
            self._errors += 1
            return
        key = _key(frame.id, frame.extended)
        kept = self._payloads.setdefault(key, {})
        if len(kept) < _MOST_PAYLOADS:
            kept[self._told(key, frame.data)] = None
        if key in self._with_position:
            line = self._positions.setdefault(key, [])
            if len(line) < _MOST_POSITIONS:
                line.append(frame.data)
        self._known.add(frame)
        for protocol in self._isotp:
            whole = protocol.add(frame)
            if whole is not None and len(whole) >= _VIN_LENGTH:
                self._answer(whole)

    def add_run(self, run: Run | BusFrames) -> int:
        """Take many messages; what is found is what `add` would find in one after the other.

        Returns:
            How many are no frames.
        """
        from carnet.formats.can_runs import frames_of_run

        if not isinstance(run, Run):
            self._add_frames(run.frames)
            return 0
        found = frames_of_run(run)
        if found is not None:
            self._add_frames(found)
            return 0
        bad = 0
        for message in run.messages():
            try:
                frame = frame_of_message(message)
            except UnreadableError:
                frame = None
            if frame is None:
                bad += 1
            else:
                self.add(frame)
        return bad

    def _add_frames(self, frames: Frames) -> None:
        from carnet.classify.canruns import changed, frames_at, keys_of, of_long_messages

        self.count += len(frames)
        keys = keys_of(frames)
        for frame in frames_at(frames, changed(keys, frames, self._full)):
            key = _key(frame.id, frame.extended)
            kept = self._payloads.setdefault(key, {})
            if len(kept) < _MOST_PAYLOADS:
                kept[self._told(key, frame.data)] = None
            else:
                self._full.add(key[0] << 1 | key[1])
        for key in self._with_position:
            rows = (keys == (key[0] << 1 | key[1])).nonzero()[0]
            if len(rows):
                line = self._positions.setdefault(key, [])
                line += [one.data for one in frames_at(frames, rows[: _MOST_POSITIONS - len(line)])]
        self._known.add_frames(frames)
        for protocol in self._isotp:
            rows = of_long_messages(keys, frames, protocol.skip, protocol.waiting, protocol.room)
            for frame in frames_at(frames, rows):
                whole = protocol.add(frame)
                if whole is not None and len(whole) >= _VIN_LENGTH:
                    self._answer(whole)

    def _told(self, key: tuple[int, bool], data: bytes) -> bytes:
        """Give a payload as it is kept: where a database names a VIN in it, that alone, and what selects its parts.

        A counter beside it would make every frame another one, and what comes late would not be looked at.
        """
        if key not in self._masks:
            parts = {mask for table in self._by_id if key in table and (mask := _mask_of(table[key]))}
            # Two databases that both name one may place it differently: then all of it is kept.
            self._masks[key] = parts.pop() if len(parts) == 1 else None
        mask = self._masks[key]
        if mask is None:
            return data
        return bytes(one & two for one, two in zip(data, mask, strict=False)) + data[len(mask) :]

    def _answer(self, whole: bytes) -> None:
        for start in _ANSWERS:
            if whole.startswith(start):
                token = (
                    re.sub(rb"^[\x00-\x1f]+", b"", whole[len(start) :])
                    .rstrip(b"\x00 ")
                    .decode("ascii", "replace")
                )
                if find_vins(f"vin {token}"):
                    self._texts.add((VIN, f"iso-tp: answer {start.hex()}"))
                return
        for hit in recognise(whole.decode("ascii", "replace")):
            self._texts.add((hit.data, f"iso-tp: {hit.rule}"))

    def finish(self) -> tuple[tuple[FieldClass, ...], tuple[DataClass, ...], dict[str, FactValue]]:
        """Give fields, classes and facts of the bus."""
        table = max(self._by_id, key=lambda one: len(one.keys() & self._payloads.keys()), default={})
        fields: list[FieldClass] = []
        facts: dict[str, FactValue] = {}
        classes: set[DataClass] = set()
        if self._errors:
            rule = f"can: {self._errors} error frames"
            fields.append(FieldClass("*", DataClass("diagnostics.fault"), Certainty.CERTAIN, (rule,)))
        if not self._payloads:
            pass
        elif not table.keys() & self._payloads.keys():
            why = "can: no database" if not self._databases else "can: no database explains this bus"
            fields.append(FieldClass("*", UNKNOWN, Certainty.CERTAIN, (why,)))
        else:
            foreign = self._payloads.keys() - table.keys()
            for key in sorted(self._payloads.keys() & table.keys()):
                fields += self._signals(table[key], self._payloads[key])
            if foreign:
                why = f"can: {len(foreign)} identifiers are not in the database"
                fields.append(FieldClass("*", UNKNOWN, Certainty.CERTAIN, (why,)))
        self._tracks(table, facts, classes)
        fields += self._known.fields()
        for vin, rule in self._undescribed_vins():
            del vin
            self._texts.add((VIN, rule))
        fields += [FieldClass("*", data, Certainty.CERTAIN, (rule,)) for data, rule in sorted(self._texts)]
        classes |= {one.data for one in fields}
        if TRAJECTORY in classes:
            classes.discard(POSITION)
        return tuple(fields), tuple(sorted(classes)), facts

    def _signals(self, message: Any, payloads: dict[bytes, None]) -> Iterator[FieldClass]:
        for signal in message.signals:
            if is_frame_word(signal.name):
                continue
            found = _class_of_signal(message, signal)
            path = f"{message.name}.{signal.name}"
            if any(recognise(text) for text in (message.name, signal.name)):
                path = f"{message.frame_id:#x}"
            if found is None:
                yield FieldClass(path, UNKNOWN, Certainty.POSSIBLE, ("signal: no rule knows its name",))
            elif found.data == VIN:
                # A database may name a number that the data no longer holds.
                values = list(_values(message, signal, payloads))
                if any(data.strip(b"\x00\xff") for data in values):
                    yield FieldClass(path, VIN, Certainty.CERTAIN, (found.rule, "values: not zero"))
                elif not signal.is_multiplexer and (not values or len(payloads) >= _MOST_PAYLOADS):
                    # A control unit that starts sends zeros first: what was not looked at may hold the number.
                    why = "signal: not every value of it was looked at"
                    yield FieldClass(path, VIN, Certainty.LIKELY, (found.rule, why))
            else:
                yield FieldClass(path, found.data, found.certainty, (found.rule,))

    def _tracks(
        self, table: dict[tuple[int, bool], Any], facts: dict[str, FactValue], classes: set[DataClass]
    ) -> None:
        best = max(self._known.tracks(), key=lambda one: one.points, default=Track())
        for key, line in self._positions.items():
            pair = _pair_of(table[key]) if key in table else None
            if pair is None:
                continue
            track = self._make_track()
            if len(line) >= _MOST_POSITIONS:
                track.only_part(SAMPLED)
            for data in line:
                values = _decode(table[key], data)
                latitude, longitude = values.get(pair[0]), values.get(pair[1])
                if isinstance(latitude, int | float) and isinstance(longitude, int | float):
                    track.add(float(latitude), float(longitude))
            if track.points > best.points:
                best = track
        if best.points:
            facts.update(best.facts())
            classes.add(TRAJECTORY if best.is_trajectory else POSITION)

    def _undescribed_vins(self) -> Iterator[tuple[str, str]]:
        """Look for a VIN by its characters alone: within one identifier, and over neighbouring ones."""
        for payloads in self._payloads.values():
            if 1 < len(payloads) <= _MOST_PAYLOADS:
                parts = [one[1:].strip(b"\x00\xff ") for one in sorted(payloads)]
                yield from _vins_in(b"".join(parts), "values: characters of a multiplexed frame")
        keys = sorted(self._payloads)
        for at in range(len(keys) - 2):
            three = keys[at : at + 3]
            if [one[0] - three[0][0] for one in three] != [0, 1, 2]:
                continue
            heads = [_RUN.match(next(iter(self._payloads[key]))) for key in three]
            joined = b"".join(one.group() for one in heads if one is not None)
            if all(heads):
                yield from _vins_in(joined[: _VIN_LENGTH + 1], "values: characters of neighbouring frames")


def _vins_in(data: bytes, rule: str) -> Iterator[tuple[str, str]]:
    for at in range(min(2, len(data) - _VIN_LENGTH + 1)):
        token = data[at : at + _VIN_LENGTH].decode("ascii", "replace")
        letters = sum(sign.isalpha() for sign in token)
        if vin_check_digit_holds(token) and letters > 1 and token == token.upper() and token.isalnum():
            yield token, rule
            return


def _class_of_signal(message: Any, signal: Any) -> NameClass | None:
    vin = class_of_name(message.name, of="message")
    if vin is not None and vin.data == VIN:
        return vin
    comment = signal.comment if isinstance(signal.comment, str) else ""
    return (
        class_of_name(signal.name, of="signal")
        or class_of_unit(signal.unit)
        or class_of_name(message.name, of="message")
        or class_of_name(comment, of="comment")
    )


def _pair_of(message: Any) -> tuple[str, str] | None:
    """Give the names of a message's latitude and longitude signals."""
    latitude = longitude = None
    for signal in message.signals:
        text = words(signal.name)
        if _LATITUDE.search(text):
            latitude = latitude or signal.name
        elif _LONGITUDE.search(text):
            longitude = longitude or signal.name
    return (latitude, longitude) if latitude and longitude else None


def _decode(message: Any, data: bytes) -> dict[str, Any]:
    import cantools

    try:
        values = message.decode(data, decode_choices=False, allow_truncated=True)
    except (cantools.database.DecodeError, ValueError, KeyError, IndexError, OverflowError):
        return {}
    return dict(values) if isinstance(values, dict) else {}


def _mask_of(message: Any) -> bytes | None:
    """Give the bits of the signals that are named after a VIN, and of multiplexers; None where no signal is."""
    named = [
        one
        for one in message.signals
        if not is_frame_word(one.name) and (found := _class_of_signal(message, one)) and found.data == VIN
    ]
    if not named:
        return None
    mask = bytearray(message.length)
    for signal in (*named, *(one for one in message.signals if one.is_multiplexer)):
        at = signal.start
        for _ in range(signal.length):
            if at // 8 < len(mask):
                mask[at // 8] |= 1 << at % 8
            # Big-endian signals go down within a byte, then on to the next one's highest bit.
            at += 1 if signal.byte_order == "little_endian" else -1 if at % 8 else 15
    return bytes(mask)


def _values(message: Any, signal: Any, payloads: dict[bytes, None]) -> Iterator[bytes]:
    """Give a signal's raw values as bytes, over the distinct payloads of its message."""
    import cantools

    for data in payloads:
        try:
            values = message.decode(data, decode_choices=False, scaling=False, allow_truncated=True)
        except (cantools.database.DecodeError, ValueError, KeyError, IndexError, OverflowError):
            continue
        value = values.get(signal.name)
        if isinstance(value, int) and not signal.is_multiplexer:
            size = (signal.length + 7) // 8
            yield (value & ((1 << signal.length) - 1)).to_bytes(size, "big")

"""Positions in messages: read, and written over so that nothing beside them tells the place again.

Three ways in which recordings carry them: fields called latitude and longitude in ROS messages (NavSatFix, GPSFix,
GeoPoint and makers' own types; whole numbers are 1e-7 degrees), the same in JSON, and NMEA 0183 sentences in text.
A message whose position is rewritten keeps its time, its frame's name and its length of lists; every other number
in it becomes NaN or zero and every other text empty: speed, course, altitude and satellites in view lead back.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from carnet.errors import UnreadableError
from carnet.formats.cdr import Codec, codec, value_at
from carnet.formats.reader import Stream
from carnet.recognise.names import words

Place = tuple[float, float]
"""Latitude and longitude in degrees."""

_LATITUDE = frozenset({" latitude ", " lat ", " latitude deg ", " lat deg "})
_LONGITUDE = frozenset({" longitude ", " lon ", " lng ", " longitude deg ", " lon deg ", " lng deg "})
_FRAME = re.compile(r"(?:^|.*\.)(?:header\..*|stamp(?:\..*)?|(?:n?sec|nanosec|seq)|(?:child_)?frame_id)$")
_TIME_KEY = re.compile(r" (?:time|timestamp|stamp|n?secs?|nanosecs?|nsecs?|seq|frame id) $")
_ISO_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ][\d:.,]{5,18}(?:Z|[+-]\d{2}:?\d{2})?")
_SCALE = 1e7
_MOST_LATITUDE, _MOST_LONGITUDE = 90.0, 180.0
_DEEPEST = 12
_NMEA = re.compile(
    r"\$(?P<talker>[A-Z]{2})(?P<kind>GGA|RMC|GLL|GNS),(?P<rest>[^*\r\n$]*)(?:\*[0-9A-Fa-f]{2})?"
)
_ANY_NMEA = re.compile(r"\$[A-Z]{2}[A-Z]{3},[^\r\n$]*")
# Fields of each sentence after its name: where the latitude begins, and which others stay (time, date, fix, mode).
_SENTENCES = {"GGA": (1, {0, 5}), "RMC": (2, {0, 1, 8, 11}), "GLL": (0, {4, 5, 6}), "GNS": (1, {0, 5})}


def is_frame(path: str) -> bool:
    """Say whether a field is part of a message's frame: its stamp, its number, the name of its axes."""
    return _FRAME.match(path) is not None


def is_place(latitude: float, longitude: float) -> bool:
    """Say whether two numbers can be a fix: finite, in range, and not the zeros that receivers send without one."""
    return (
        abs(latitude) <= _MOST_LATITUDE
        and abs(longitude) <= _MOST_LONGITUDE
        and not (latitude == 0 and longitude == 0)
    )


class PositionStream:
    """Reads and rewrites the positions of one stream.

    Attributes:
        readable: whether messages of the stream can be searched for positions at all.
    """

    def __init__(self, stream: Stream) -> None:
        self._codec: Codec | None = None
        self._pairs: tuple[tuple[str, str, float], ...] = ()
        self._texts: tuple[str, ...] = ()
        self._json = stream.encoding == "json"
        if stream.encoding in {"cdr", "ros1"} and stream.schema_encoding in {"ros2msg", "ros1msg"}:
            try:
                self._codec = codec(stream.schema or "", stream.schema_text, stream.encoding)
            except UnreadableError:
                return
            self._pairs = tuple(_pairs(self._codec))
            self._texts = tuple(
                one.path
                for one in self._codec.fields
                if one.base == "string" and not one.array and not is_frame(one.path)
            )

    @property
    def readable(self) -> bool:
        """Whether a message can hold a position that this class reads."""
        return self._json or bool(self._pairs or self._texts)

    def read(self, data: bytes) -> tuple[Place, ...]:
        """Give every place in a message; nothing for a message that does not have its type's shape."""
        if self._json:
            try:
                return tuple(_places_of_json(json.loads(data)))
            except (ValueError, RecursionError):
                return ()
        if self._codec is None or not self.readable:
            return ()
        try:
            message = self._codec.decode(data)
        except UnreadableError:
            return ()
        found = []
        for first, second, scale in self._pairs:
            try:
                place = (
                    float(value_at(message, first)) / scale,
                    float(value_at(message, second)) / scale,
                )
            except (AttributeError, TypeError):
                continue
            if is_place(*place):
                found.append(place)
        for path in self._texts:
            found.extend(places_of_nmea(str(_text_at(message, path))))
        return tuple(found)

    def rewrite(self, data: bytes, change: Callable[[Place], Place | None], *, blank: bool) -> bytes | None:
        """Give a message with other positions.

        Args:
            data: the message.
            change: gives the new place for an old one, or None where nothing may be said of it.
            blank: also empty every other value; set it whenever positions become coarser.

        Returns:
            The new message; None where it holds no position or cannot be rewritten, so that it has to go.
        """
        if self._json:
            return _rewrite_json(data, change, blank=blank)
        if self._codec is None or not self.readable:
            return None
        try:
            message = self._codec.decode(data)
            return self._rewritten(message, change, blank=blank)
        except (UnreadableError, AttributeError, TypeError):
            return None

    def _rewritten(
        self, message: Any, change: Callable[[Place], Place | None], *, blank: bool
    ) -> bytes | None:
        if self._codec is None:
            return None
        places: list[tuple[str, Any]] = []
        for first, second, scale in self._pairs:
            place = (float(value_at(message, first)) / scale, float(value_at(message, second)) / scale)
            made = change(place) if is_place(*place) else None
            for path, value in zip((first, second), made or (math.nan, math.nan), strict=True):
                # Whole numbers have no NaN: zero and zero is what receivers send without a fix.
                fixed = 0 if math.isnan(value) else round(value * scale)
                places.append((path, value if scale == 1.0 else fixed))
        texts = [(path, rewrite_nmea(str(_text_at(message, path)), change)) for path in self._texts]
        if not places and not any(made for _, made in texts):
            return None
        if blank:
            for one in self._codec.fields:
                if not is_frame(one.path):
                    _empty(message, one.path)
        for path, value in (*places, *texts):
            _put(message, path, value)
        return self._codec.encode(message)


def _pairs(made: Codec) -> Iterator[tuple[str, str, float]]:
    """Give paths of latitude and longitude that stand beside each other, and what divides them to degrees."""
    plain = [one for one in made.fields if not one.array]
    for one in plain:
        head, _, leaf = one.path.rpartition(".")
        if words(leaf) not in _LATITUDE:
            continue
        for other in plain:
            other_head, _, other_leaf = other.path.rpartition(".")
            if other_head == head and words(other_leaf) in _LONGITUDE:
                yield one.path, other.path, 1.0 if one.base.startswith("float") else _SCALE
                break


def _text_at(message: Any, path: str) -> Any:
    try:
        return value_at(message, path)
    except AttributeError:
        return ""


def _put(message: Any, path: str, value: Any) -> None:
    head, _, leaf = path.rpartition(".")
    holder = value_at(message, head) if head else message
    # Generated message classes are frozen in some versions of the library.
    object.__setattr__(holder, leaf, value)


def _empty(message: Any, path: str) -> None:
    """Empty one field, whatever type it has; what lies within a list of messages empties the list."""
    holder = message
    *heads, leaf = path.split(".")
    for head in heads:
        inner = getattr(holder, head)
        if isinstance(inner, list):
            object.__setattr__(holder, head, [])
            return
        holder = inner
    value = getattr(holder, leaf)
    made: Any
    if isinstance(value, bool):
        made = False
    elif isinstance(value, float):
        made = math.nan
    elif isinstance(value, int):
        made = 0
    elif isinstance(value, str):
        made = ""
    elif isinstance(value, list):
        made = ["" for _ in value]
    else:
        made = value.copy()
        made.fill(math.nan if made.dtype.kind == "f" else 0)
    object.__setattr__(holder, leaf, made)


def _pair_in(node: dict[str, Any]) -> tuple[str, str] | None:
    def named(forms: frozenset[str]) -> str | None:
        for key, value in node.items():
            plain = isinstance(value, int | float) and not isinstance(value, bool)
            if plain and words(key) in forms:
                return key
        return None

    latitude, longitude = named(_LATITUDE), named(_LONGITUDE)
    return None if latitude is None or longitude is None else (latitude, longitude)


def _walk(node: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    if depth > _DEEPEST:
        return
    if isinstance(node, dict):
        yield node
        for inner in node.values():
            yield from _walk(inner, depth + 1)
    elif isinstance(node, list):
        for inner in node:
            yield from _walk(inner, depth + 1)


def _place_in(node: dict[str, Any], pair: tuple[str, str]) -> tuple[Place, float]:
    """Give a node's place in degrees, and what its numbers were divided by."""
    raw = node[pair[0]], node[pair[1]]
    scale = _SCALE if all(isinstance(one, int) and abs(one) > _MOST_LONGITUDE for one in raw) else 1.0
    try:
        return (float(raw[0]) / scale, float(raw[1]) / scale), scale
    except OverflowError:
        return (math.nan, math.nan), scale


def _places_of_json(document: Any) -> Iterator[Place]:
    for node in _walk(document):
        pair = _pair_in(node)
        if pair is not None:
            place, _ = _place_in(node, pair)
            if is_place(*place):
                yield place
        for value in node.values():
            if isinstance(value, str):
                yield from places_of_nmea(value)


def _rewrite_json(data: bytes, change: Callable[[Place], Place | None], *, blank: bool) -> bytes | None:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    new: list[tuple[dict[str, Any], str, Any]] = []
    for node in _walk(document):
        pair = _pair_in(node)
        if pair is not None:
            place, scale = _place_in(node, pair)
            made = change(place) if is_place(*place) else None
            for key, value in zip(pair, made or (None, None), strict=True):
                scaled = value if value is None or scale == 1.0 else round(value * scale)
                new.append((node, key, scaled))
        for key, value in node.items():
            if isinstance(value, str) and _ANY_NMEA.search(value):
                new.append((node, key, rewrite_nmea(value, change)))
    if not new:
        return None
    if blank:
        _blank_json(document)
    for node, key, value in new:
        node[key] = value
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _blank_json(node: Any, depth: int = 0) -> None:
    """Empty every value that is neither a time nor a frame's name; what lies too deep goes whole."""
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        if isinstance(key, str) and _is_time(words(key), value):
            continue
        if isinstance(value, dict | list):
            if depth >= _DEEPEST:
                node[key] = None
            else:
                _blank_json(value, depth + 1)
        else:
            node[key] = "" if isinstance(value, str) else None


def _is_time(key: str, value: Any) -> bool:
    if _TIME_KEY.search(key) is None:
        return False
    if isinstance(value, str):
        return key.endswith(" frame id ") or _ISO_TIME.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def _degrees(number: str, hemisphere: str) -> float:
    """Give degrees of NMEA's ddmm.mmmm or dddmm.mmmm; NaN for anything else."""
    point = number.find(".")
    whole = number if point < 0 else number[:point]
    try:
        value = int(whole[:-2]) + float(number[len(whole) - 2 :]) / 60
    except ValueError:
        return math.nan
    return -value if hemisphere in {"S", "W"} else value


def _nmea_number(value: float, digits: int, letters: str) -> tuple[str, str]:
    # Whole ten-thousandths of a minute, so that 59.99999 never becomes 60.
    tenths = round(abs(value) * 600_000)
    degrees, rest = divmod(tenths, 600_000)
    return f"{degrees:0{digits}d}{rest / 10_000:07.4f}", letters[0] if value >= 0 else letters[1]


def places_of_nmea(text: str) -> Iterator[Place]:
    """Give every place in NMEA sentences of a text."""
    for match in _NMEA.finditer(text):
        fields = match["rest"].split(",")
        at, _ = _SENTENCES[match["kind"]]
        if len(fields) > at + 3:
            place = _degrees(fields[at], fields[at + 1]), _degrees(fields[at + 2], fields[at + 3])
            if is_place(*place):
                yield place


def rewrite_nmea(text: str, change: Callable[[Place], Place | None]) -> str:
    """Give the sentences of a text that carry positions, each with another; all that stands beside them goes."""
    lines = []
    for match in _NMEA.finditer(text):
        fields = match["rest"].split(",")
        at, kept = _SENTENCES[match["kind"]]
        if len(fields) <= at + 3:
            continue
        place = _degrees(fields[at], fields[at + 1]), _degrees(fields[at + 2], fields[at + 3])
        made = change(place) if is_place(*place) else None
        new = [field if number in kept else "" for number, field in enumerate(fields)]
        if made is not None:
            new[at : at + 2] = _nmea_number(made[0], 2, "NS")
            new[at + 2 : at + 4] = _nmea_number(made[1], 3, "EW")
        body = f"{match['talker']}{match['kind']},{','.join(new)}"
        total = 0
        for sign in body.encode("ascii", "replace"):
            total ^= sign
        lines.append(f"${body}*{total:02X}")
    return "\r\n".join(lines)

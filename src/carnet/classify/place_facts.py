"""Puts on a file's sheet what its positions say of sensitive places: for its streams, and for places beside them.

A stream with positions is told by its own. One of cameras, lidar or what software saw is told by the positions of
the same file at its time. Where both speak of one stream, the stricter holds. Nothing is said of streams that show
no ground. `None of them` is never said of a file that was read partly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from carnet.classify.places import PlaceWatch
from carnet.classify.schemas import plain_type
from carnet.formats.reader import OutsideText, Reader, Stream
from carnet.model.factsheet import FactValue, ReadState, StreamFacts

_SHOWS = ("image.exterior", "image.depth", "ranging.lidar", "perception", "traffic")
_TRAJECTORY = "location.trajectory"
# Positions of others, of the ground, or of where somebody wants to go: no way of the vehicle.
_NOT_OURS = ("location.destination", "perception", "traffic", "map")
_NAMES = ("sensitive_places", "military_area")
_PARTLY = "the file was not read wholly"
_IN_TEXT = "positions stand in its texts as well"
_NO_POSITION = "its positions are of a kind that is not followed"
# WGS 84 by their definition: sensor_msgs/NavSatFix and GPX 1.1. Receivers can be set to others.
_WGS84 = ("NavSatFix", "carnet/GPX")


def datum_known(stream: Stream) -> bool:
    """Say whether the type of a stream's messages fixes that its degrees are WGS-84."""
    return plain_type(stream.schema).endswith(_WGS84)


def place_outside(watch: PlaceWatch, texts: Iterable[OutsideText]) -> Mapping[OutsideText, int]:
    """Take the places that lie outside payloads; gives the number under which each is known."""
    numbers: dict[OutsideText, int] = {}
    for at, one in enumerate(texts, start=1):
        if one.place is not None:
            numbers[one] = -at
            track = watch.track(-at)
            track.add(*one.place)
            if one.part is not None:
                track.only_part(one.part)
    return numbers


def tell_streams(
    watch: PlaceWatch,
    reader: Reader,
    streams: Sequence[tuple[Stream, int, int]],
    facts: Sequence[StreamFacts],
) -> None:
    """Add to each stream's facts what its positions, or those beside it, say.

    Args:
        watch: what the positions met.
        reader: the file, read to its end.
        streams: each stream with its first and last time in ns.
        facts: their facts, in the same order; added to.
    """
    watch.finish()
    vehicles = frozenset(
        stream.number
        for (stream, _, _), one in zip(streams, facts, strict=True)
        if _TRAJECTORY in one.data and not any(each.startswith(_NOT_OURS) for each in one.data)
    )
    for (stream, first, last), one in zip(streams, facts, strict=True):
        told = watch.own(stream.number)
        if told is not None and any(
            each.data.startswith("location.") and each.because[0].startswith("text:") for each in one.fields
        ):
            told = _without_none(told, _IN_TEXT)
        if any(each.startswith(_SHOWS) for each in one.data):
            seen = watch.seen_from(stream.number)
            if seen is None:
                still = stream.kind == "picture"
                seen = watch.seen_beside(first, last, still=still, vehicles=vehicles)
            told = seen if told is None else _stricter(told, seen)
        elif told is None and any(each.startswith("location.") for each in one.data):
            told = watch.unknown(_NO_POSITION)
        if told is not None:
            one.facts.update(told if reader.state is ReadState.READ else _without_none(told, _PARTLY))


def tell_outside(
    watch: PlaceWatch, reader: Reader, numbers: Mapping[OutsideText, int]
) -> Mapping[OutsideText, tuple[tuple[str, FactValue], ...]]:
    """Give the facts of places outside payloads, and of thumbnails in a picture that has a place."""
    made: dict[OutsideText, tuple[tuple[str, FactValue], ...]] = {}
    for one, number in numbers.items():
        told = watch.own(number)
        if told is not None:
            made[one] = tuple(sorted(told.items()))
    stills = {one.number for one in reader.streams if one.kind == "picture"}
    if numbers and len(stills) == len(reader.streams) == 1:
        seen = watch.seen_beside(0, 0, still=True, vehicles=frozenset())
        made |= {one: tuple(sorted(seen.items())) for one in reader.outside() if one.kind == "picture"}
    return made


def _without_none(told: Mapping[str, FactValue], why: str) -> dict[str, FactValue]:
    """Give facts without what says that there was nothing."""
    made = {name: value for name, value in told.items() if not (name in _NAMES and value is False)}
    if "sensitive_places" not in made:
        made.setdefault("places_unknown", why)
    return made


def _stricter(one: Mapping[str, FactValue], other: Mapping[str, FactValue]) -> dict[str, FactValue]:
    made = {**other, **one}
    for name in _NAMES:
        values = one.get(name), other.get(name)
        if True in values:
            made[name] = True
        elif None in values:
            made.pop(name, None)
    touched = {each for told in (one, other) for each in _texts(told.get("places_touched"))}
    if touched:
        made["places_touched"] = tuple(sorted(touched))
    if "sensitive_places" in made:
        made.pop("places_unknown", None)
    return made


def _texts(value: FactValue | None) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()

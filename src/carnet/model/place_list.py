"""A list of sensitive places, as an officer declares and signs it: what counts, where, and from when until when.

What counts is what the law names: military administration zones, units of the national defence science and
industry, Party and government bodies from county level up, and other important sensitive areas (Several Provisions
on Automotive Data Security, trial, 2021, art. 3 item 1; automotive data export guidelines of 2026, part 2, which
name the first three). A list says for which kinds and for which ground it is complete: outside of that nobody has
said anything, and nothing follows from its silence.

The list is secret itself. Errors name entries and fields, never a coordinate.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from carnet.errors import InputError
from carnet.model.area import Area
from carnet.model.canonical import digest_of
from carnet.model.countries import COUNTRIES
from carnet.model.ids import Country, Digest
from carnet.model.yaml12 import Document, read_yaml

KINDS: Mapping[str, str] = {
    "military": "military administration zone",
    "defence_industry": "unit of the national defence science and industry",
    "party_government": "Party or government body from county level up",
    "other": "other important sensitive area, named by an authority",
}
"""What a place can be: the first three are those that the guidelines of 2026 name."""

ASKED = ("military", "defence_industry", "party_government")
"""The kinds that a list has to be complete for before `none of them` is said."""

DATUMS = ("WGS-84", "GCJ-02")
WHOLE_REGION = "region"
USUAL_SEEN_M = 500.0
_FARTHEST_SEEN_M = 5_000.0
_MOST_PLACES = 50_000
_MOST_COVERS = 1_000
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_AUTHOR = re.compile(r"\w[\w .()-]{0,39}")
_LIST_KEYS = frozenset(
    {"sensitive_places", "id", "author", "region", "datum", "covers", "complete_for"}
    | {"from", "until", "seen_within_m", "places"}
)
_PLACE_KEYS = frozenset({"id", "kind", "corners", "radius_m", "from", "until", "source"})
_COVER_KEYS = frozenset({"corners", "radius_m"})
_LONGEST = 500
_LARGEST = 10**9


@dataclass(frozen=True, slots=True)
class SensitivePlace:
    """One entry of a list.

    Attributes:
        id: its name within the list, which says nothing about where it is; reports show it.
        kind: a key of `KINDS`.
        area: a circle or a polygon in degrees of the list's datum; its `until` is the entry's last day.
        since: the first day on which it counts; None for the list's first day.
    """

    id: str
    kind: str
    area: Area
    since: date | None = None

    def counts(self, day: date) -> bool:
        """Say whether it counts on a day."""
        return self.area.applies(day) and (self.since is None or day >= self.since)


@dataclass(frozen=True, slots=True)
class PlaceList:
    """A list of sensitive places.

    Attributes:
        id: its name.
        author: who answers for it, as initials or a role.
        region: the country that it speaks of.
        datum: what its degrees refer to.
        covers: the ground on which it is complete; empty for the whole region.
        complete_for: the kinds of which it names every place on that ground.
        since: the first day on which it holds.
        until: the last.
        seen_within_m: from how far a camera or a lidar may show a place, in metres beyond its edge.
        places: the entries.
        digest: of the whole document.
    """

    id: str
    author: str
    region: Country
    datum: str
    covers: tuple[Area, ...]
    complete_for: tuple[str, ...]
    since: date
    until: date
    seen_within_m: float
    places: tuple[SensitivePlace, ...]
    digest: Digest

    @property
    def mark(self) -> str:
        """Name and start of the digest: what a fact sheet says of the list that it was made with."""
        return f"{self.id}@{self.digest.removeprefix('sha256:')[:16]}"

    def holds(self, day: date) -> bool:
        """Say whether the list is in force on a day."""
        return self.since <= day <= self.until


def read_place_list(text: str, source: str) -> tuple[PlaceList, dict[str, Any]]:
    """Read a list (YAML 1.2 or JSON, `sensitive_places: v1`); gives it and the form that is signed.

    Raises:
        InputError: an entry or a field is missing, unknown or of another form.
        UnreadableError: the text is no YAML.
    """
    document = read_yaml(text, source)
    return _list(document), document.value


def place_list_of(form: Any, source: str) -> PlaceList:
    """Read the form that was signed; raises `InputError` as `read_place_list`."""
    return _list(Document(form, source))


def _list(document: Document) -> PlaceList:
    form = document.value
    if not isinstance(form, dict) or form.get("sensitive_places") != "v1":
        raise InputError(
            "a list of sensitive places begins with `sensitive_places: v1`",
            where=document.where(""),
            remedy="see docs/how-to/sensitive-places.md",
        )
    _known(form, _LIST_KEYS, "", document)
    name = _text(form, "id", _NAME, "small letters, digits and hyphens, at most 40", "", document)
    author = _text(form, "author", _AUTHOR, "initials or a role, at most 40 signs", "", document)
    region = form.get("region")
    if not isinstance(region, str) or region not in COUNTRIES:
        raise _wrong("region", "an ISO 3166-1 alpha-2 code such as CN", "", document)
    datum = form.get("datum")
    if datum not in DATUMS:
        raise _wrong("datum", "WGS-84 or GCJ-02: maps of mainland China are shifted", "", document)
    since, until = _day(form, "from", "", document), _day(form, "until", "", document)
    if since is None or until is None or until < since:
        raise _wrong(
            "until", "the last day, and `from` the first: a list without an end is none", "", document
        )
    complete = form.get("complete_for")
    if not isinstance(complete, list) or not all(_is_kind(one) for one in complete):
        raise _wrong(
            "complete_for",
            f"a list out of {', '.join(KINDS)}; [] where it is complete for none",
            "",
            document,
        )
    seen = form.get("seen_within_m", USUAL_SEEN_M)
    if not _is_number(seen) or not 0 <= seen <= _FARTHEST_SEEN_M:
        raise _wrong("seen_within_m", f"metres, from 0 to {_FARTHEST_SEEN_M:.0f}", "", document)
    return PlaceList(
        name,
        author,
        Country(region),
        datum,
        _covers(form.get("covers"), document),
        tuple(dict.fromkeys(complete)),
        since,
        until,
        float(seen),
        _places(form.get("places"), document),
        digest_of(form),
    )


def _covers(value: Any, document: Document) -> tuple[Area, ...]:
    if value == WHOLE_REGION:
        return ()
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_COVERS:
        raise _wrong(
            "covers", f"`{WHOLE_REGION}`, or a list of areas in which the list is complete", "", document
        )
    made = []
    for at, one in enumerate(value):
        path = f"covers[{at}]"
        if not isinstance(one, dict):
            raise _wrong("covers", "areas, each with corners", path, document)
        _known(one, _COVER_KEYS, path, document)
        made.append(_area(one, path, document))
    return tuple(made)


def _places(value: Any, document: Document) -> tuple[SensitivePlace, ...]:
    if not isinstance(value, list) or len(value) > _MOST_PLACES:
        raise _wrong("places", f"a list of at most {_MOST_PLACES:,} places", "", document)
    made: dict[str, SensitivePlace] = {}
    for at, one in enumerate(value):
        path = f"places[{at}]"
        if not isinstance(one, dict):
            raise _wrong("places", "entries, each with id, kind and corners", path, document)
        _known(one, _PLACE_KEYS, path, document)
        name = _text(one, "id", _NAME, "small letters, digits and hyphens, at most 40", path, document)
        if name in made:
            raise _wrong("id", "a name that no other entry has", path, document)
        if not _is_kind(one.get("kind")):
            raise _wrong("kind", f"one of {', '.join(KINDS)}", path, document)
        source = one.get("source")
        if not isinstance(source, str) or not source.strip() or len(source) > _LONGEST:
            raise _wrong("source", "how you know, in words", path, document)
        since = _day(one, "from", path, document)
        area = _area(
            {key: one[key] for key in _COVER_KEYS | {"until"} if one.get(key) is not None}, path, document
        )
        if since is not None and area.until is not None and area.until < since:
            raise _wrong("until", "a day that is not before `from`", path, document)
        made[name] = SensitivePlace(name, one["kind"], area, since)
    return tuple(made.values())


def _area(form: dict[str, Any], path: str, document: Document) -> Area:
    radius = form.get("radius_m")
    if radius is not None and not _is_number(radius):
        raise _wrong("radius_m", "metres", path, document)
    corners = form.get("corners")
    if not isinstance(corners, list) or not all(
        isinstance(one, list) and len(one) == 2 and all(map(_is_number, one))  # noqa: PLR2004 -- latitude and longitude
        for one in corners
    ):
        raise _wrong("corners", "pairs of latitude and longitude in degrees, in this order", path, document)
    try:
        return Area.from_json(form)
    except InputError as error:
        raise InputError(error.what, where=document.where(path), remedy=error.remedy) from error


def _known(form: Mapping[str, Any], keys: frozenset[str], path: str, document: Document) -> None:
    strange = sorted(str(one)[:40] for one in set(form) - keys)
    if strange:
        raise InputError(
            f"there is no field {strange[0]} here",
            where=document.where(path),
            remedy=f"it has {', '.join(sorted(keys))}",
        )


def _text(
    form: Mapping[str, Any], key: str, shape: re.Pattern[str], asked: str, path: str, document: Document
) -> str:
    value = form.get(key)
    if not isinstance(value, str) or shape.fullmatch(value) is None:
        raise _wrong(key, asked, path, document)
    return value


def _day(form: Mapping[str, Any], key: str, path: str, document: Document) -> date | None:
    value = form.get(key)
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise _wrong(key, "a day, as in 2027-01-31", path, document) from error


def _is_kind(value: Any) -> bool:
    return isinstance(value, str) and value in KINDS


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and (abs(value) <= _LARGEST if isinstance(value, int) else math.isfinite(value))
    )


def _wrong(key: str, asked: str, path: str, document: Document) -> InputError:
    place = f"{path}.{key}" if path else key
    return InputError(
        f"`{key}` is missing or not of its form", where=document.where(place), remedy=f"it is {asked}"
    )

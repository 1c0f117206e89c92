"""What shall become of places: the part of an order that speaks of location, and the keys that it needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from carnet.errors import InputError, RedactionError
from carnet.model.area import Area

KEY_BYTES = 32
USUAL_HOLD_S = 60.0
USUAL_STOP_S = 300.0
USUAL_PLACE_M = 500.0
_KEYS = {
    "trip_ends_m",
    "stop_s",
    "places",
    "cell_m",
    "h3_resolution",
    "noise_m",
    "place_m",
    "hold_s",
    "datum",
}


@dataclass(frozen=True, slots=True)
class Keys:
    """Secret bytes for one job, given by the caller; nothing here is read from or written to disk.

    Attributes:
        subject: fixes what is drawn for the places of one subject, 32 bytes or more. It stays the same for as
            long as data of the subject goes out, whoever the recipient is: several squares about one home
            narrow it down.
        scope: makes pseudonyms for one recipient, purpose and period (`tokens.ScopeKey.derive`), 32 bytes.
    """

    subject: bytes | None = None
    scope: bytes | None = None

    def __post_init__(self) -> None:
        """Refuse short keys; raises `RedactionError`."""
        for one in (self.subject, self.scope):
            if one is not None and len(one) < KEY_BYTES:
                raise RedactionError("a key has 32 bytes or more", where="keys")

    def for_subject(self) -> bytes:
        """Give the subject's key; raises `RedactionError` when the caller gave none."""
        return _need(self.subject, "subject")

    def for_scope(self, use: str) -> bytes:
        """Give the key of the scope for one use; raises `RedactionError` when the caller gave none."""
        raw = _need(self.scope, "scope")
        return HKDF(hashes.SHA256(), KEY_BYTES, None, f"carnet v1 redact {use}".encode()).derive(raw)


def _need(key: bytes | None, which: str) -> bytes:
    if key is None:
        raise RedactionError(
            f"the order needs a {which} key, and none was given",
            where="keys",
            remedy="give the same key for the same subject each time"
            if which == "subject"
            else "give the key of the recipient, purpose and period",
        )
    return key


@dataclass(frozen=True, slots=True)
class LocationOrder:
    """What shall become of places in a recording that keeps some of them.

    Attributes:
        trip_ends_m: least and most distance by which trip ends are hidden, as `trip_ends.hidden_square` has it.
        stop_s: how long a stay or a gap ends a trip, in seconds.
        places: sensitive places in which nothing may be seen until their day.
        cell_m: side of the square cells to which positions are generalised, in metres.
        h3_resolution: the H3 resolution to which they are generalised instead.
        noise_m: mean distance by which places are moved instead, the same for each place of a subject.
        place_m: side of what counts as one place for the noise, in metres.
        hold_s: how long one generalised position is given before the next, in seconds: where a vehicle crosses
            from one cell into the next, the moment of the crossing tells the place exactly.
        datum: `GCJ-02` where positions that stay shall be shifted; they are taken for WGS-84.
    """

    trip_ends_m: tuple[float, float] | None = None
    stop_s: float = USUAL_STOP_S
    places: tuple[Area, ...] = ()
    cell_m: float | None = None
    h3_resolution: int | None = None
    noise_m: float | None = None
    place_m: float = USUAL_PLACE_M
    hold_s: float = USUAL_HOLD_S
    datum: str | None = None

    def __post_init__(self) -> None:
        """Refuse what nobody could carry out; raises `RedactionError`."""
        if sum(one is not None for one in (self.cell_m, self.h3_resolution, self.noise_m)) > 1:
            raise RedactionError(
                "positions are generalised in one way only",
                where="location",
                remedy="choose one of cell_m, h3_resolution and noise_m",
            )
        for name in ("cell_m", "noise_m", "stop_s", "place_m", "hold_s"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise RedactionError("a distance or a time is a number above 0", where=f"location.{name}")
        if self.datum not in {None, "GCJ-02"}:
            raise RedactionError(
                "positions can be shifted to GCJ-02 alone", where="location.datum", remedy="say GCJ-02"
            )
        if self.trip_ends_m is not None:
            least, most = self.trip_ends_m
            if not (math.isfinite(most) and 0 <= least < most):
                raise RedactionError(
                    "trip ends are hidden by a least and a greater most distance in metres",
                    where="location.trip_ends_m",
                )

    @property
    def generalises(self) -> bool:
        """Whether positions that stay are made coarser."""
        return any(one is not None for one in (self.cell_m, self.h3_resolution, self.noise_m))

    @property
    def rewrites(self) -> bool:
        """Whether positions that stay are changed at all."""
        return self.generalises or self.datum is not None

    @property
    def hides(self) -> bool:
        """Whether intervals are taken out because of where the vehicle was."""
        return self.trip_ends_m is not None or bool(self.places)

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form: what is not ordered is left out."""
        form: dict[str, Any] = {}
        if self.trip_ends_m is not None:
            form |= {"trip_ends_m": list(self.trip_ends_m), "stop_s": self.stop_s}
        if self.places:
            form["places"] = [one.to_json() for one in self.places]
        for name in ("cell_m", "h3_resolution", "noise_m"):
            if getattr(self, name) is not None:
                form |= {name: getattr(self, name), "hold_s": self.hold_s}
        if self.noise_m is not None:
            form["place_m"] = self.place_m
        if self.datum is not None:
            form["datum"] = self.datum
        return form

    @classmethod
    def from_json(cls, form: dict[str, Any]) -> LocationOrder:
        """Read the JSON form; raises `RedactionError` for an unknown field or a wrong type."""
        if not isinstance(form, dict):
            raise RedactionError("what shall become of places is a mapping", where="location")
        strange = sorted(set(form) - _KEYS)
        if strange:
            raise RedactionError(f"location has no field {', '.join(strange)}", where="location")

        def number(name: str) -> float | None:
            return None if form.get(name) is None else float(form[name])

        try:
            ends = form.get("trip_ends_m")
            least_most = None if ends is None else (float(ends[0]), float(ends[1]))
            if ends is not None and len(ends) != 2:  # noqa: PLR2004 -- least and most
                raise ValueError("two distances")
            resolution = form.get("h3_resolution")
            made = cls(
                least_most,
                float(form.get("stop_s", USUAL_STOP_S)),
                tuple(_area(one) for one in form.get("places", ())),
                number("cell_m"),
                None if resolution is None else int(resolution),
                number("noise_m"),
                float(form.get("place_m", USUAL_PLACE_M)),
                float(form.get("hold_s", USUAL_HOLD_S)),
                form.get("datum"),
            )
        except (TypeError, ValueError, IndexError, KeyError) as error:
            raise RedactionError("a field of location has the wrong type", where="location") from error
        return made


def _area(form: Any) -> Area:
    try:
        return Area.from_json(dict(form))
    except InputError as error:
        raise RedactionError(error.what, where=error.where, remedy=error.remedy) from error

"""A place that must not be seen, as an order or an officer's list names it: a circle or a polygon, until a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from carnet.errors import InputError

_MOST_LATITUDE, _MOST_LONGITUDE = 90.0, 180.0
_FEWEST_CORNERS = 3
_MOST_CORNERS = 10_000
_LARGEST_RADIUS_M = 100_000.0

Corner = tuple[float, float]
"""Latitude and longitude in degrees."""


@dataclass(frozen=True, slots=True)
class Area:
    """A place that must not be seen: a circle, or a polygon.

    Attributes:
        corners: one centre for a circle, else the polygon's corners in order; latitude and longitude in degrees.
        radius_m: the circle's radius in metres; None for a polygon.
        until: the last day on which the place is to be hidden; None for always.
    """

    corners: tuple[Corner, ...]
    radius_m: float | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        """Refuse what is no area; raises `InputError`."""
        count = len(self.corners)
        if self.radius_m is None:
            whole = _FEWEST_CORNERS <= count <= _MOST_CORNERS
        else:
            whole = count == 1 and 0 < self.radius_m <= _LARGEST_RADIUS_M
        for y, x in self.corners:
            whole = whole and abs(y) <= _MOST_LATITUDE and abs(x) <= _MOST_LONGITUDE
        west = self.corners[0][1] if self.corners else 0.0
        runs = [(x - west + _MOST_LONGITUDE) % 360.0 for _, x in self.corners] or [0.0]
        # Wider, nobody could say which side of it is meant.
        whole = whole and max(runs) - min(runs) < _MOST_LONGITUDE
        if not whole:
            raise InputError(
                "a place is a centre with a radius of up to 100 km, or a polygon of three corners or more, "
                "narrower than half the world",
                where="places",
                remedy="give latitude and longitude in degrees, in this order",
            )

    def applies(self, day: date) -> bool:
        """Say whether the place is still to be hidden on a day."""
        return self.until is None or day <= self.until

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        form: dict[str, Any] = {"corners": [list(one) for one in self.corners]}
        if self.radius_m is not None:
            form["radius_m"] = self.radius_m
        if self.until is not None:
            form["until"] = self.until.isoformat()
        return form

    @classmethod
    def from_json(cls, form: dict[str, Any]) -> Area:
        """Read the JSON form; raises `InputError` for an unknown field, a wrong type or no area."""
        strange = sorted(set(form) - {"corners", "radius_m", "until"})
        if strange:
            raise InputError(f"a place has no field {', '.join(strange)}", where="places")
        try:
            corners = tuple((float(y), float(x)) for y, x in form["corners"])
            radius = None if form.get("radius_m") is None else float(form["radius_m"])
            until = None if form.get("until") is None else date.fromisoformat(form["until"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("a field of a place has the wrong type", where="places") from error
        return cls(corners, radius, until)

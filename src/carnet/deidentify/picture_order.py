"""What is special about the pictures of an order: whole persons, and lenses that are not flat."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from carnet.errors import RedactionError

NARROWEST_DEG, WIDEST_DEG = 60.0, 240.0


@dataclass(frozen=True, slots=True)
class PictureOrder:
    """How pictures are looked at.

    Attributes:
        whole_persons: persons are masked from head to foot, beside their faces; no bound is given for them.
        fisheye_fov_deg: the angle that a picture's width spans, of an equidistant fisheye lens; None for a flat one.
    """

    whole_persons: bool = False
    fisheye_fov_deg: float | None = None

    def __post_init__(self) -> None:
        """Refuse an angle that no such lens has; raises `RedactionError`."""
        angle = self.fisheye_fov_deg
        if angle is not None and not (math.isfinite(angle) and NARROWEST_DEG <= angle <= WIDEST_DEG):
            raise RedactionError(
                "a fisheye lens has no such angle",
                where="pictures.fisheye_fov_deg",
                remedy=f"give the degrees that a picture's width spans, {NARROWEST_DEG:g} to {WIDEST_DEG:g}",
            )

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form: what differs from what is usual."""
        form: dict[str, Any] = {"whole_persons": True} if self.whole_persons else {}
        if self.fisheye_fov_deg is not None:
            form["fisheye_fov_deg"] = self.fisheye_fov_deg
        return form

    @classmethod
    def from_json(cls, form: Any) -> PictureOrder:
        """Read the JSON form; raises `RedactionError`."""
        if not isinstance(form, dict) or set(form) - {"whole_persons", "fisheye_fov_deg"}:
            raise RedactionError(
                "what is special about pictures is whole_persons and fisheye_fov_deg", where="pictures"
            )
        whole, angle = form.get("whole_persons", False), form.get("fisheye_fov_deg")
        number = isinstance(angle, int | float) and not isinstance(angle, bool)
        if not isinstance(whole, bool) or not (angle is None or number):
            raise RedactionError("a field has the wrong type", where="pictures")
        return cls(whole, None if angle is None else float(angle))

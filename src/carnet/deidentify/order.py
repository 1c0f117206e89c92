"""What shall be taken out, how far, and what came of it: the order and the report, as values."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

from carnet.deidentify.location_order import LocationOrder
from carnet.deidentify.picture_order import PictureOrder
from carnet.errors import RedactionError
from carnet.model.factsheet import Tool
from carnet.model.ids import DataClass

PARTS = (
    "faces",
    "plates",
    "vin",
    "precise_location",
    "trip_ends",
    "names",
    "device_ids",
    "sensitive_places",
)
"""The parts that an order may name: those of `removed` in the movement document that this room can take out."""
REPLACEABLE = ("vin", "plates", "names", "device_ids")
"""The parts that can be exchanged for tokens instead: `replaced` in the movement document, never `removed`."""

Setting = Literal["release", "fast"]
_KEYS = {
    "remove",
    "drop",
    "trim_head_s",
    "trim_tail_s",
    "setting",
    "keep_audio",
    "replace",
    "location",
    "pictures",
}


@dataclass(frozen=True, slots=True)
class RedactionOrder:
    """What shall be taken out of a recording.

    Attributes:
        remove: parts out of `PARTS`.
        drop: classes of the vocabulary whose streams are taken out whole, each with everything under it.
        trim_head_s: seconds from the recording's start in which every stream is taken out.
        trim_tail_s: the same before its end.
        setting: `release` looks hardest, `fast` is for a look inside the region.
        keep_audio: reserved for recordings whose sound may stay; nothing here can clean sound, so it is
            refused when it is set.
        replace: parts out of `REPLACEABLE` that are exchanged for tokens of a scope: joinable, so not removed.
        location: what shall become of places that are not taken out whole.
        pictures: whole persons, and lenses that are not flat.
    """

    remove: frozenset[str] = frozenset()
    drop: tuple[DataClass, ...] = ()
    trim_head_s: float = 0.0
    trim_tail_s: float = 0.0
    setting: Setting = "release"
    keep_audio: bool = False
    replace: frozenset[str] = frozenset()
    location: LocationOrder | None = None
    pictures: PictureOrder = field(default_factory=PictureOrder)

    def __post_init__(self) -> None:
        """Refuse what nobody could carry out; raises `RedactionError`."""
        strange = sorted(self.remove - set(PARTS))
        if strange:
            raise RedactionError(
                f"cannot take out {', '.join(strange)}",
                where="remove",
                remedy=f"choose from {', '.join(PARTS)}",
            )
        if self.setting not in {"release", "fast"}:
            raise RedactionError("no such setting", where="setting", remedy="choose release or fast")
        for name, seconds in (("trim_head_s", self.trim_head_s), ("trim_tail_s", self.trim_tail_s)):
            if not (math.isfinite(seconds) and seconds >= 0):
                raise RedactionError("a time to trim is a number of seconds from 0", where=name)
        place = self.location or LocationOrder()
        trimmed = self.trims or place.trip_ends_m is not None
        if "trip_ends" in self.remove and not trimmed and "precise_location" not in self.remove:
            raise RedactionError(
                "trip ends are taken out by trimming, and neither distances nor seconds are given",
                where="remove",
                remedy="set location.trip_ends_m, or trim_head_s and trim_tail_s, or remove precise_location",
            )
        self._check_together(place)
        if self.pictures.whole_persons and "faces" not in self.remove:
            raise RedactionError(
                "whole persons are masked where faces are, and faces are not among the parts to remove",
                where="remove",
            )
        if self.keep_audio:
            raise RedactionError(
                "sound cannot be cleaned of voices yet, so it is not kept",
                where="keep_audio",
                remedy="leave it out",
            )

    def _check_together(self, place: LocationOrder) -> None:
        """Refuse parts that do not go together; raises `RedactionError`."""
        for part, given, name in (
            ("trip_ends", place.trip_ends_m is not None, "trip_ends_m"),
            ("sensitive_places", bool(place.places), "places"),
        ):
            if given and part not in self.remove:
                raise RedactionError(
                    f"location.{name} is given, and {part} is not among the parts to remove", where="remove"
                )
        if "sensitive_places" in self.remove and not place.places:
            raise RedactionError(
                "sensitive places are to go, and none is named",
                where="location.places",
                remedy="name each by its corners, or by its centre and radius_m",
            )
        if place.rewrites and "precise_location" in self.remove:
            raise RedactionError(
                "positions are either removed or rewritten",
                where="location",
                remedy="leave precise_location out of the parts to remove, or cell_m and its like out of location",
            )
        strange = sorted(self.replace - set(REPLACEABLE))
        both = sorted(self.replace & self.remove)
        if strange or both:
            raise RedactionError(
                f"cannot exchange {', '.join(strange)}"
                if strange
                else f"{', '.join(both)} cannot be both removed and replaced",
                where="replace",
                remedy=f"choose from {', '.join(REPLACEABLE)}",
            )

    @property
    def trims(self) -> bool:
        """Whether an interval is cut off."""
        return self.trim_head_s > 0 or self.trim_tail_s > 0

    @property
    def touches_vin(self) -> bool:
        """Whether vehicle identification numbers are searched for, to be removed or replaced."""
        return "vin" in self.remove or "vin" in self.replace

    @property
    def looks_at_pictures(self) -> bool:
        """Whether pictures have to be searched."""
        return bool(self.remove & {"faces", "plates"})

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        form: dict[str, Any] = {
            "remove": sorted(self.remove),
            "drop": list(self.drop),
            "trim_head_s": self.trim_head_s,
            "trim_tail_s": self.trim_tail_s,
            "setting": self.setting,
            "keep_audio": self.keep_audio,
        }
        if self.replace:
            form["replace"] = sorted(self.replace)
        if self.location is not None:
            form["location"] = self.location.to_json()
        if self.pictures != PictureOrder():
            form["pictures"] = self.pictures.to_json()
        return form

    @classmethod
    def from_json(cls, form: dict[str, Any]) -> RedactionOrder:
        """Read the JSON form; raises `RedactionError` for an unknown field, part or setting."""
        strange = sorted(set(form) - _KEYS)
        if strange:
            raise RedactionError(f"an order has no field {', '.join(strange)}", where="order")
        try:
            return cls(
                frozenset(str(one) for one in form.get("remove", ())),
                tuple(DataClass(str(one)) for one in form.get("drop", ())),
                float(form.get("trim_head_s", 0.0)),
                float(form.get("trim_tail_s", 0.0)),
                form.get("setting", "release"),
                form.get("keep_audio", False) is not False,
                frozenset(str(one) for one in form.get("replace", ())),
                None if form.get("location") is None else LocationOrder.from_json(form["location"]),
                PictureOrder.from_json(form.get("pictures", {})),
            )
        except (TypeError, ValueError) as error:
            raise RedactionError("a field of the order has the wrong type", where="order") from error


@dataclass(frozen=True, slots=True)
class Region:
    """One place that was masked.

    Attributes:
        frame: number of the frame within its stream of the new file, from 0.
        box: x, y, w, h in pixels from the top left, as found; the mask is larger by `masks.GROWN`.
        by: `detector`, or `track` when it was carried over from a neighbouring frame.
    """

    frame: int
    stream: str
    label: str
    box: tuple[float, float, float, float]
    score: float
    by: str = "detector"

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "frame": self.frame,
            "stream": self.stream,
            "label": self.label,
            "box": [float(one) for one in self.box],
            "score": float(self.score),
            "by": self.by,
        }

    @classmethod
    def from_json(cls, form: dict[str, Any]) -> Region:
        """Read the JSON form; raises `ValueError` or `TypeError` where a number cannot be one."""
        x, y, w, h = (float(one) for one in form["box"])
        score = float(form["score"])
        if not all(map(math.isfinite, (x, y, w, h, score))) or w < 0 or h < 0:
            raise ValueError("a region has no box")
        return cls(
            _count(form["frame"]), str(form["stream"]), str(form["label"]), (x, y, w, h), score, form["by"]
        )


@dataclass(frozen=True, slots=True)
class StreamChange:
    """What became of one stream's messages: how many are the same byte for byte, changed, and gone."""

    name: str
    schema: str | None
    identical: int
    changed: int
    gone: int

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "name": self.name,
            "schema": self.schema,
            "identical": self.identical,
            "changed": self.changed,
            "gone": self.gone,
        }

    @classmethod
    def from_json(cls, form: dict[str, Any]) -> StreamChange:
        """Read the JSON form."""
        return cls(form["name"], form["schema"], form["identical"], form["changed"], form["gone"])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a format's redactor did with one file.

    Attributes:
        frames: pictures and video frames looked at; `changed` of them were altered, `unreadable` blanked.
        removed_streams: streams taken out whole.
        vin_places: where a vehicle identification number stood, in words without its value.
        dropped: counts of what was left out: `messages`, `trimmed_messages`, `metadata`, `attachments`, …
        truncated: what the source had lost already, or None when it was whole.
        replaced: parts of which something was exchanged for a token or a pseudonym.
        location: what became of places, as `location.LocationPlan.summary` says it; None when nothing was ordered.
        texts: how many values of each class were written over or exchanged in texts.
        streams: what became of each stream's messages, where the format has messages.
        span_ns: times of the first and the last message of the new file.
    """

    frames: int = 0
    changed: int = 0
    unreadable: int = 0
    regions: tuple[Region, ...] = ()
    removed_streams: tuple[str, ...] = ()
    vin_places: tuple[str, ...] = ()
    dropped: dict[str, int] = field(default_factory=dict)
    truncated: str | None = None
    replaced: tuple[str, ...] = ()
    location: dict[str, Any] | None = None
    texts: dict[str, int] = field(default_factory=dict)
    streams: tuple[StreamChange, ...] = ()
    span_ns: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class RedactionReport:
    """An item of `redact --json`, with what else the dossier needs to know."""

    name: str
    out: str
    in_sha256: str
    out_sha256: str
    setting: str
    tools: tuple[Tool, ...]
    removed: tuple[str, ...]
    trimmed: dict[str, float]
    outcome: Outcome

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form of the command contract, and more fields after its own."""
        done = self.outcome
        return {
            "in": self.name,
            "out": self.out,
            "in_sha256": self.in_sha256,
            "out_sha256": self.out_sha256,
            "frames": done.frames,
            "changed": done.changed,
            "unreadable": done.unreadable,
            "setting": self.setting,
            "tools": [one.to_json() for one in self.tools],
            "regions": [one.to_json() for one in done.regions],
            "removed": list(self.removed),
            "removed_streams": list(done.removed_streams),
            "trimmed": dict(self.trimmed),
            "vin_places": list(done.vin_places),
            "dropped": dict(done.dropped),
            "truncated": done.truncated,
            "replaced": list(done.replaced),
            "location": done.location,
            "texts": dict(done.texts),
            "streams": [one.to_json() for one in done.streams],
            "span_ns": None if done.span_ns is None else list(done.span_ns),
        }

    @classmethod
    def from_json(cls, form: dict[str, Any]) -> RedactionReport:
        """Read the JSON form; raises `ValueError`, `TypeError` or `KeyError` where it is none."""
        return cls(
            form["in"],
            form["out"],
            form["in_sha256"],
            form["out_sha256"],
            form["setting"],
            tuple(Tool.from_json(one) for one in form["tools"]),
            tuple(form["removed"]),
            dict(form["trimmed"]),
            Outcome(
                _count(form["frames"]),
                _count(form["changed"]),
                _count(form["unreadable"]),
                tuple(Region.from_json(one) for one in form["regions"]),
                tuple(form["removed_streams"]),
                tuple(form["vin_places"]),
                dict(form["dropped"]),
                form["truncated"],
                # Reports that 0.1's first nodes stored lack these.
                tuple(form.get("replaced", ())),
                form.get("location"),
                dict(form.get("texts", {})),
                tuple(StreamChange.from_json(one) for one in form.get("streams", ())),
                _span(form.get("span_ns")),
            ),
        )


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("a count is a whole number from 0")
    return value


def _span(form: Any) -> tuple[int, int] | None:
    if form is None:
        return None
    first, last = form
    return int(first), int(last)

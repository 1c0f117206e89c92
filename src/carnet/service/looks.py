"""Looks at files in workers, and what of their answers may be told."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

from carnet.errors import CarnetError
from carnet.model.factsheet import FactSheet, ReadState
from carnet.model.ids import Country
from carnet.service.place_signing import Places
from carnet.service.workers import run_worker

AT_ONCE = 2
"""Files of a recording that are redacted at the same time, each in a worker of its own."""


def threads_each() -> int:
    """How many threads a worker's detectors may use, so that all workers together fill the processor once."""
    return max(1, (os.cpu_count() or 1) // AT_ONCE)


def describe_source(
    source: BinaryIO,
    name: str,
    companions: Mapping[str, bytes],
    *,
    detect: bool = True,
    places: Places | None = None,
) -> FactSheet:
    """Describe a file in a worker. A worker that dies gives a sheet that is blocked, with the reason."""
    parameters: dict[str, Any] = {"name": name, "companions": encoded(companions), "detect": detect}
    if places is not None:
        parameters |= places.parameters()
    try:
        return FactSheet.from_json(run_worker("describe", source, parameters).result)
    except CarnetError as error:
        source.seek(0, 2)
        return FactSheet(None, source.tell(), ReadState.BLOCKED, error.what)


def check_source(source: BinaryIO, name: str, report: Mapping[str, Any]) -> dict[str, Any]:
    """Look at a redacted file with the different detectors, in a worker."""
    found: dict[str, Any] = run_worker(
        "check", source, {"name": name, "report": dict(report), "threads": threads_each()}
    ).result
    return found


def reader_of(data: bytes) -> Callable[[int], bytes]:
    """Give `read(size)` over some bytes."""
    return io.BytesIO(data).read


def countries(sheets: Sequence[FactSheet]) -> set[Country]:
    """Give the countries in which tracks of these files lie."""
    found: set[Country] = set()
    for sheet in sheets:
        for stream in sheet.streams:
            places = stream.facts.get("countries", ())
            if isinstance(places, tuple):
                found.update(Country(one) for one in places)
    return found


def encoded(companions: Mapping[str, bytes]) -> dict[str, str]:
    """Give companions as JSON carries them."""
    return {name: base64.b64encode(data).decode("ascii") for name, data in companions.items()}


def looks_at_pictures(order: Mapping[str, Any]) -> bool:
    """Whether an order takes people or plates out of pictures."""
    return bool({"faces", "plates"} & set(order.get("remove", ())))


def dropped_whole(sheet: FactSheet, order: Mapping[str, Any]) -> str:
    """Give the classes of a file all of whose streams the order drops; empty when something of it stays."""
    drop = tuple(str(one) for one in order.get("drop", ()))
    classes = sorted({data for stream in sheet.streams for data in stream.data})
    inside = [one for one in classes if any(one == prefix or one.startswith(f"{prefix}.") for prefix in drop)]
    return f"taken out whole: {', '.join(inside)}" if classes and inside == classes else ""


def summary_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """What may be told of a redaction: counts and tools, no names, no boxes, no digest of the original."""
    kept = (
        "frames",
        "changed",
        "unreadable",
        "setting",
        "tools",
        "removed_streams",
        "trimmed",
        "dropped",
        "truncated",
    )
    regions: dict[str, int] = {}
    for one in report["regions"]:
        regions[one["label"]] = regions.get(one["label"], 0) + 1
    told = {name: report[name] for name in kept if name in report}
    return told | {"masked": regions, "vin_places": len(report["vin_places"])}


def residual_of(checks: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The largest residual of all files, for each kind that every check with pictures measured."""
    residual: dict[str, int] = {}
    for name in ("faces_px_max", "plates_px_max"):
        looked = [one for one in checks if one.get("frames", 0) > 0]
        values = [one.get(name) for one in looked]
        if looked and all(isinstance(value, int) for value in values):
            residual[name] = max(int(value or 0) for value in values)
    return residual

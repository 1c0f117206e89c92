"""What `carnet scan` prints: the document, and the report for people."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from carnet.model.factsheet import FactSheet, ReadState
from carnet.service.scan_sample import Sampled
from carnet.service.sizes import size_text

_NARROW = 60

# What a class means to somebody who has to answer for it; the longest path that covers a class speaks.
MEANINGS: dict[str, str] = {
    "identity": "says who somebody is",
    "vehicle_id.vin": "names one car, and through it its owner",
    "vehicle_id": "names one car or one device",
    "biometric": "a body's own marks: sensitive in China and special in Europe",
    "image.exterior": "people and number plates outside the car; from certain sizes on, important data in China",
    "image.cabin": "people inside the car: always personal, sensitive in China",
    "image": "pictures",
    "audio": "sound: voices can be told apart",
    "ranging": "what lidar, radar and ultrasound saw",
    "perception": "what software made of the sensors",
    "location.trajectory": "a line of places: leads home; sensitive in China",
    "location": "where somebody was: always personal, sensitive in China",
    "driving": "how the car moved; personal where it leads to somebody",
    "energy": "battery and charging",
    "map": "the ground itself; in China survey data, and important where it shows sensitive places",
    "software": "what runs in the car, and how it was trained",
    "body": "doors, seats, lights, climate",
    "diagnostics": "faults and logs",
    "design": "how the car is built",
    "text": "free text that may hold anything",
    "unknown": "not understood: handled as the strictest, and not passed on",
}


def document(items: list[tuple[Path, FactSheet]], sampled: Sampled | None = None) -> dict[str, Any]:
    """Give what `--json` prints (`scan: v1`); with what a sample says, where one was asked for."""
    states = Counter(sheet.state for _, sheet in items)
    classes = Counter(one for _, sheet in items for one in sheet.data)
    return {
        "scan": "v1",
        "items": [{"path": _printable(path), **sheet.to_json()} for path, sheet in items],
        "summary": {
            **{state.value: states[state] for state in ReadState},
            "data": dict(sorted(classes.items())),
            **({} if sampled is None else {"sample": sampled.to_json()}),
        },
    }


def _clean(text: str) -> str:
    """Keep what came from outside from writing to the terminal as anything but letters."""
    return "".join(one if one.isprintable() else "?" for one in text)


def _printable(path: Path) -> str:
    """Give a path as text that every output can carry, whatever bytes its name has."""
    return os.fsencode(path).decode("utf-8", "replace")


def _facts(facts: Mapping[str, Any]) -> str:
    parts = []
    for what in ("faces", "plates"):
        if f"{what}_px_max" in facts:
            parts.append(f"{what} up to {facts[f'{what}_px_max']} px")
        elif facts.get(f"contains_{what}") is False:
            parts.append(f"no {what} found")
    if "km" in facts:
        one = facts["points"] == 1
        parts.append("1 point" if one else f"{facts['points']} points, {facts['km']} km")
    if "countries" in facts:
        parts.append("in " + ", ".join(facts["countries"]))
    if "places_lists" in facts:
        parts.append(places_said(facts))
    return "; ".join(parts)


def places_said(facts: Mapping[str, Any]) -> str:
    """Say in a few words what facts tell of sensitive places."""
    until = f"until {facts['places_until']}"
    if facts.get("sensitive_places"):
        return f"sensitive places: {', '.join(facts['places_touched'])}, {until}"
    if facts.get("sensitive_places") is False:
        return f"no sensitive place, {until}"
    return f"sensitive places not known: {facts['places_unknown']}"


def report(items: list[tuple[Path, FactSheet]], region: str | None, sampled: Sampled | None = None) -> str:
    """Give what is printed for people; a region says what was recorded elsewhere."""
    states = Counter(sheet.state for _, sheet in items)
    counts = ", ".join(f"{states[state]} {state.value}" for state in ReadState)
    lines = [f"{len(items)} {'file' if len(items) == 1 else 'files'}: {counts}"]
    for path, sheet in items:
        what = f"{sheet.format or 'no known format'}, {size_text(sheet.bytes)}, {sheet.state.value}"
        lines += ["", f"{_clean(_printable(path))}  {what}"]
        if sheet.sha256:
            lines.append(f"  sha256 {sheet.sha256}")
        if sheet.reason:
            lines.append(f"  {_clean(sheet.reason)}")
        rows = [
            (
                _clean(one.name),
                str(one.count),
                ", ".join(one.data) or "nothing that law names",
                _facts(one.facts),
            )
            for one in sheet.streams
        ]
        widths = [min(_NARROW, max((len(row[column]) for row in rows), default=0)) for column in range(2)]
        for name, count, data, facts in rows:
            lines.append(
                f"  {name:<{widths[0]}}  {count:>{widths[1]}}  {data}{f' ({facts})' if facts else ''}"
            )
        lines += [f"  outside, {_clean(one.where)}: {one.data} ({one.because[0]})" for one in sheet.outside]
    classes = Counter(one for _, sheet in items for one in sheet.data)
    if classes:
        lines += ["", "In law:"]
        width = max(map(len, classes))
        lines += [
            f"  {one:<{width}}  {count} {'file' if count == 1 else 'files'}: {_meaning(one)}"
            for one, count in sorted(classes.items())
        ]
    if sampled is not None:
        lines += ["", *sampled.sentences()]
    if region is not None:
        lines += _elsewhere(items, region)
    if states[ReadState.BLOCKED]:
        lines += ["", "What is blocked is kept and not passed on: nobody knows what it holds."]
    return "\n".join(lines) + "\n"


def _elsewhere(items: list[tuple[Path, FactSheet]], region: str) -> list[str]:
    countries: Counter[str] = Counter()
    for _, sheet in items:
        found = {one for stream in sheet.streams for one in _countries(stream.facts)}
        countries.update(found)
    if not countries:
        return ["", f"No track says where it was recorded; whether {region} is the origin is yours to say."]
    said = ", ".join(
        f"{one} ({count} {'file' if count == 1 else 'files'})" for one, count in sorted(countries.items())
    )
    lines = ["", f"Tracks lie in: {said}."]
    if set(countries) - {region}:
        lines.append(
            f"What was recorded outside {region} has another country of origin: its law has a say as well."
        )
    return lines


def _countries(facts: Mapping[str, Any]) -> tuple[str, ...]:
    value = facts.get("countries", ())
    return tuple(value) if isinstance(value, tuple | list) else ()


def _meaning(data: str) -> str:
    while data not in MEANINGS and "." in data:
        data = data.rpartition(".")[0]
    return MEANINGS.get(data, "vehicle data")

"""`carnet law clock`: by when is each notice due, counted from the moment of awareness?"""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from carnet.errors import InputError
from carnet.law.clocks import (
    EVENTS,
    HOLIDAYS,
    SAME_HOUR,
    Clock,
    Due,
    clocks_of,
    due_of,
    moment,
    sorted_dues,
    zone_named,
)
from carnet.law.held import HeldOrder
from carnet.law.lawbook import Order, load_lawbook
from carnet.law.orders import orders_named


def _moments(
    pairs: Iterable[str], clocks: Iterable[Clock], zones: Iterable[ZoneInfo]
) -> Mapping[str, datetime]:
    clocks, zones = tuple(clocks), tuple(zones)
    known = {one.id for one in clocks} | {one.starts for one in clocks if one.starts_says is not None}
    out: dict[str, datetime] = {}
    for pair in pairs:
        name, mark, text = pair.partition("=")
        if not mark or name not in known:
            near = difflib.get_close_matches(name, known, n=3)
            hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(sorted(known))}"
            raise InputError("no notice here runs from this moment", where=f"--moment {name}", remedy=hint)
        out[name] = moment(text, zones, f"--moment {name}")
    return out


def clock(
    *,
    orders: list[str],
    aware: str,
    event: str | None,
    moments: list[str],
    zone: str | None,
    as_json: bool,
    lawbook: Path | None,
) -> None:
    """Count and print."""
    if event is not None and event not in EVENTS:
        near = difflib.get_close_matches(event, EVENTS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"one of: {', '.join(EVENTS)}"
        raise InputError(f"the event {event!r} is not known", where="--event", remedy=hint)
    book = load_lawbook(lawbook, kept=True)
    wanted = orders_named(book, orders)
    chosen = zone_named(zone, "--zone") if zone is not None else None
    zones = {one.code: chosen or zone_named(one.time_zone, one.folder) for one in wanted}
    held = {one.code: clocks_of(book, one) for one in wanted}
    start = moment(aware, zones.values(), "--aware")
    every = [one for clocks in held.values() for one in clocks]
    stated = _moments(moments, every, zones.values())
    found = [
        due
        for code, clocks in held.items()
        for due in due_of(clocks, start, zones[code], stated)
        if event is None or due.clock.event == event
    ]
    dues = sorted_dues(found)
    if as_json:
        form = {
            "clock": "v1",
            "aware": start.isoformat(),
            "event": event,
            "orders": [str(one.code) for one in wanted],
            "notices": [_mapping(one) for one in dues],
            "lawbook": book.digest,
        }
        sys.stdout.write(json.dumps(form, ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write(_page(wanted, dues, start, event))


def _mapping(one: Due) -> dict[str, Any]:
    told = one.clock
    return {
        "id": told.id,
        "order": str(told.order),
        "event": told.event,
        "trigger": told.trigger,
        "stage": told.stage,
        "who": told.who,
        "to": told.to,
        "with": list(told.contents),
        "words": told.words,
        "limit": {told.limit.unit: told.limit.number} if told.limit else None,
        "compare": told.compare,
        "about": told.about,
        "expected": {told.expected.unit: told.expected.number} if told.expected else None,
        "starts": told.starts,
        "waits_for": one.waits_for,
        "presumed_start": one.presumed,
        "due": one.due.isoformat() if one.due else None,
        "due_utc": one.due.astimezone(UTC).isoformat() if one.due else None,
        "zone": one.zone,
        "counted": one.counted,
        "in_force": one.in_force,
        "in_force_from": told.first.isoformat() if told.first else None,
        "cite": told.cite,
        "certainty": told.certainty,
        "note": told.note,
    }


def _when(one: Due) -> str:
    if not one.in_force:
        told = one.clock
        if told.first is not None and (told.last is None or told.last >= told.first):
            return f"not owed on that day (law from {told.first.isoformat()})"
        return "not owed on that day"
    if one.due is not None:
        about = "about " if one.clock.about else ""
        return f"{about}{one.due:%a %Y-%m-%d %H:%M} UTC{one.due.isoformat()[-6:]} ({one.zone})"
    if one.waits_for is not None:
        return f"counted from: {one.waits_for}"
    return "no number in the law"


def _page(
    orders: tuple[Order | HeldOrder, ...], dues: tuple[Due, ...], start: datetime, event: str | None
) -> str:
    what = f", {event}" if event else ""
    out = [
        f"Aware {start:%a %Y-%m-%d %H:%M} UTC{what}: {len(dues)} {'notice' if len(dues) == 1 else 'notices'}."
    ]
    for one in dues:
        told = one.clock
        who = told.who or "whoever the law binds (not named in the source held)"
        out += [
            "",
            f"{_when(one)}",
            f"  {told.order} {told.stage}: {who} to {told.to}",
            f"  the law: {told.words}",
            f"  where: {told.trigger}",
        ]
        if told.contents:
            out.append(f"  with: {'; '.join(told.contents)}")
        if one.presumed:
            out.append(
                f"  runs from {told.starts}, here from its deadline; state its own moment with "
                f"--moment {told.starts}=TIME"
            )
        elif one.waits_for is not None and one.in_force:
            out.append(f"  state it with --moment {told.starts}=TIME")
        if told.expected is not None:
            out.append(f"  expected by the authority, no limit of the law: {told.expected.words()}")
        if told.note is not None:
            out.append(f"  note: {told.note}")
        out.append(f"  {told.cite} [{told.certainty}] {told.id}")
    silent = [str(one.code) for one in orders if not any(due.clock.order == one.code for due in dues)]
    units = {one.clock.limit.unit for one in dues if one.due is not None and one.clock.limit is not None}
    if "business_days" in units:
        out += ["", f"Business days: {HOLIDAYS}."]
    if units - {"hours"}:
        out += ["", f"Days, months and years: {SAME_HOUR}."]
    if silent:
        out += ["", f"No notice of its own is held for: {', '.join(silent)}"]
    return "\n".join([*out, ""])

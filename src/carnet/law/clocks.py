"""Clocks of incidents: from the moment of awareness to the moment by which each notice is due.

`clocks.yaml` of an order holds the notices that its law asks for. What the law gives as a number is counted; what
it leaves open ("without undue delay") stays in its own words and gets no number. Pure: no clock of its own.

How periods are counted here, where the source held does not say it otherwise:

* hours are hours that pass, over every change to and from summer time;
* days, months and years end at the same time of day in the zone of the order. Where the law counts whole days, the
  last moment is the end of that day: what is given is the earlier one;
* business days leave out Saturdays and Sundays alone. Public holidays, and weekends on other days, are not held;
* a period that runs from another notice runs from that notice's own deadline until its moment is stated.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from carnet.errors import InputError
from carnet.law.held import HeldOrder
from carnet.law.lawbook import Lawbook, Order
from carnet.law.reading import Node
from carnet.law.rules import Instrument, cite_of
from carnet.model.ids import LegalOrder

CLOCKS = "clocks.yaml"
EVENTS = (
    "data_breach",
    "security_incident",
    "vulnerability",
    "crash",
    "ai_incident",
    "transfer_violation",
    "cyber_monitoring",
)
STAGES = ("assessment", "early_warning", "initial", "supplement", "final", "subject", "periodic")
UNITS = ("hours", "days", "business_days", "months", "years")
COMPARES = ("not_later_than", "at_least_every")
AWARENESS = "awareness"
_SATURDAY = 5
HOLIDAYS = "Saturdays and Sundays are left out; public holidays, and weekends on other days, are not held"
SAME_HOUR = (
    "counted to the same time of day; where the law counts whole days, the end of that day is the last moment"
)


@dataclass(frozen=True, slots=True)
class Limit:
    """A period of the law: a number of one of `UNITS`."""

    number: int
    unit: str

    def words(self) -> str:
        """Say it: `3 business days`, `1 month`."""
        unit = self.unit.replace("_", " ")
        return f"{self.number} {unit if self.number != 1 else unit[:-1]}"


@dataclass(frozen=True, slots=True)
class Clock:
    """A notice that the law asks for after an event.

    Attributes:
        limit: none where the law has no number.
        starts: `awareness`, the id of the notice it runs from, or the name of another moment.
        starts_says: that other moment in words.
        about: the law gives the number as an approximation.
        expected: a number that is not the law's: what its authority expects.
        first, last: the days on which an event must lie for the duty to exist; none where not held.
    """

    id: str
    order: LegalOrder
    event: str
    trigger: str
    who: str | None
    to: str
    contents: tuple[str, ...]
    stage: str
    words: str
    limit: Limit | None
    compare: str | None
    starts: str
    starts_says: str | None
    about: bool
    expected: Limit | None
    first: date | None
    last: date | None
    cite: str
    certainty: str
    note: str | None
    place: str


@dataclass(frozen=True, slots=True)
class Due:
    """When one notice is due.

    Attributes:
        due: the last moment, in the zone of the order; none where it has no number, or waits for a moment.
        waits_for: the moment that has to be stated before it can be counted.
        presumed: it runs from the deadline of another notice, whose own moment was not stated.
        in_force: whether the duty exists on the day of the event.
        counted: how the period was counted, where that is not plain.
    """

    clock: Clock
    zone: str
    due: datetime | None
    waits_for: str | None
    presumed: bool
    in_force: bool
    counted: str | None


def _limit(node: Node) -> Limit:
    node.keys((), UNITS)
    pairs = list(node.items())
    if len(pairs) != 1:
        raise node.error("a period has exactly one unit", "write it as {hours: 72}")
    unit, value = pairs[0]
    if isinstance(value.value, bool) or not isinstance(value.value, int) or value.value < 1:
        raise value.error("a period is a whole number above zero", "write it as {hours: 72}")
    return Limit(value.value, unit)


def _clock(node: Node, order: Order | HeldOrder, instruments: Mapping[str, Instrument]) -> Clock:
    node.keys(
        ("id", "event", "trigger", "to", "with", "stage", "words", "source", "certainty"),
        (
            "who",
            "limit",
            "compare",
            "starts",
            "starts_says",
            "about",
            "expected",
            "in_force",
            "note",
        ),
    )
    name = node["id"].text()
    if not name.startswith(f"{order.folder}/clock/"):
        raise node["id"].error(f"{name!r} is no clock of this order", f"write it as {order.folder}/clock/x")
    if ("limit" in node) != ("compare" in node):
        raise node.error(
            "a number and its word of comparison go together", "give limit and compare, or neither"
        )
    source = node["source"]
    cite = cite_of(source, instruments)[2]
    first = instruments[source["instrument"].text()].in_force_from
    last: date | None = None
    if "in_force" in node:
        node["in_force"].keys((), ("from", "until"))
        first = node["in_force"]["from"].day() if "from" in node["in_force"] else first
        last = node["in_force"]["until"].day() if "until" in node["in_force"] else None
    return Clock(
        id=name,
        order=order.code,
        event=node["event"].word(EVENTS, "the event"),
        trigger=node["trigger"].text(),
        who=node["who"].text() if "who" in node else None,
        to=node["to"].text(),
        contents=node["with"].words(),
        stage=node["stage"].word(STAGES, "the stage"),
        words=node["words"].text(),
        limit=_limit(node["limit"]) if "limit" in node else None,
        compare=node["compare"].word(COMPARES, "the comparison") if "compare" in node else None,
        starts=node["starts"].text() if "starts" in node else AWARENESS,
        starts_says=node["starts_says"].text() if "starts_says" in node else None,
        about=node["about"].flag() if "about" in node else False,
        expected=_limit(node["expected"]) if "expected" in node else None,
        first=first,
        last=last,
        cite=cite,
        certainty=node["certainty"].certainty(),
        note=node["note"].text() if "note" in node else None,
        place=node.doc.where(node.path),
    )


def read_clocks(text: str, source: str, order: Order | HeldOrder) -> tuple[Clock, ...]:
    """Read the text of an order's `clocks.yaml`.

    Raises:
        LawbookError: an unknown key, a clock without source, twice, or that starts from nothing; with file, line.
    """
    top = Node.of_text(text, source)
    top.keys(("clocks",))
    out: dict[str, Clock] = {}
    for node in top["clocks"].each():
        one = _clock(node, order, order.instruments)
        if one.id in out:
            raise node.error(f"the clock {one.id} is there twice", "rename one of them")
        if "/" in one.starts and one.starts not in out:
            raise node["starts"].error(
                f"{one.id} runs from {one.starts}, which does not stand above it",
                "put the notice it runs from first",
            )
        if "/" not in one.starts and (one.starts == AWARENESS) != (one.starts_says is None):
            raise node.error(
                "a moment other than awareness needs words, and awareness has none",
                "add starts_says, or drop it",
            )
        out[one.id] = one
    return tuple(out.values())


def clocks_of(lawbook: Lawbook, order: Order | HeldOrder) -> tuple[Clock, ...]:
    """Give an order's clocks, or nothing where its law is held without any; read when they are asked for.

    Raises:
        LawbookError: what they may not say, with file and line.
    """
    path = f"{order.folder}/{CLOCKS}"
    return read_clocks(lawbook.texts[path], f"lawbook/{path}", order) if path in lawbook.texts else ()


def zone_named(name: str, where: str) -> ZoneInfo:
    """Give a time zone by its name.

    Raises:
        InputError: no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(
            f"{name!r} is no time zone", where=where, remedy="write it as Europe/Berlin"
        ) from None


def moment(text: str, zones: Iterable[ZoneInfo], where: str) -> datetime:
    """Read a moment; one without offset is local time, if all the zones take it for the same moment.

    Raises:
        InputError: no time, a local time that does not exist or happens twice, or that the zones read differently.
    """
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            "this is no moment", where=where, remedy="write it as 2026-11-22T10:00+01:00"
        ) from None
    if len(text.strip()) <= len("2026-11-22"):
        raise InputError(
            "a day alone is no moment", where=where, remedy="add the time of day: 2026-11-22T10:00+01:00"
        )
    if not date.min.year < read.year < date.max.year:  # the first and the last have no neighbour to count in
        raise InputError("no period is counted from that year", where=where, remedy="check the year")
    if read.tzinfo is not None:
        return read.astimezone(UTC)
    found: set[datetime] = set()
    for zone in zones:
        early = read.replace(tzinfo=zone, fold=0)
        late = read.replace(tzinfo=zone, fold=1)
        if early.utcoffset() != late.utcoffset():
            what = "does not exist" if _gap(early) else "happens twice"
            raise InputError(
                f"this time {what} in {zone.key}: the clocks are changed then",
                where=where,
                remedy="write its offset, as in 2026-11-22T10:00+01:00",
            )
        found.add(early.astimezone(UTC))
    if len(found) != 1:
        raise InputError(
            "a time without offset is a different moment in each of these orders",
            where=where,
            remedy="write its offset, as in 2026-11-22T10:00+01:00, or name one --zone",
        )
    return found.pop()


def _gap(local: datetime) -> bool:
    back = local.astimezone(UTC).astimezone(local.tzinfo)
    return back.replace(tzinfo=None, fold=0) != local.replace(tzinfo=None, fold=0)


def _local(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Give a local time on a day; of two readings of a changed clock the earlier."""
    both = [datetime.combine(day, at.replace(fold=fold), zone).astimezone(UTC) for fold in (0, 1)]
    return min(both)


def _months_on(day: date, months: int) -> date:
    whole = day.month - 1 + months
    year, month = day.year + whole // 12, whole % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def end_of(limit: Limit, start: datetime, zone: ZoneInfo) -> datetime:
    """Count a period from a moment; gives the last moment, in the zone.

    Raises:
        InputError: the period ends after the last year that can be written.
    """
    try:
        if limit.unit == "hours":
            return (start.astimezone(UTC) + timedelta(hours=limit.number)).astimezone(zone)
        local = start.astimezone(zone)
        day = local.date()
        match limit.unit:
            case "days":
                day += timedelta(days=limit.number)
            case "months":
                day = _months_on(day, limit.number)
            case "years":
                day = _months_on(day, 12 * limit.number)
            case _:
                left = limit.number
                while left:
                    day += timedelta(days=1)
                    left -= day.weekday() < _SATURDAY
        return _local(day, local.time(), zone).astimezone(zone)
    except (OverflowError, ValueError):
        raise InputError("the period ends after the year 9999", remedy="give an earlier moment") from None


def due_of(
    clocks: Iterable[Clock],
    aware: datetime,
    zone: ZoneInfo,
    moments: Mapping[str, datetime] | None = None,
) -> tuple[Due, ...]:
    """Count every clock of one order.

    Args:
        clocks: in the order of the file, so that a notice stands before what runs from it.
        aware: the moment of awareness, with its offset.
        zone: of the order; deadlines are given and days are counted in it.
        moments: other moments by name, or by the id of the notice that was given then.
    """
    if aware.tzinfo is None:
        raise InputError("the moment of awareness has no offset", remedy="write 2026-11-22T10:00+01:00")
    stated = moments or {}
    day = aware.astimezone(zone).date()
    ends: dict[str, Due] = {}
    for one in clocks:
        in_force = (one.first is None or one.first <= day) and (one.last is None or day <= one.last)
        start: datetime | None = aware
        presumed = False
        if one.starts != AWARENESS:
            start = stated.get(one.starts)
            if start is None and one.starts in ends:
                start, presumed = ends[one.starts].due, True
        waits = None
        if one.limit is not None and start is None:
            before = ends.get(one.starts)
            waits = one.starts_says or (
                f"the moment of {one.starts}" if before is None else f"the moment of {before.clock.id}"
            )
        due = end_of(one.limit, start, zone) if one.limit is not None and start is not None else None
        ends[one.id] = Due(
            one, zone.key, due, waits, presumed and due is not None, in_force, _counted(one.limit)
        )
    return tuple(ends.values())


def _counted(limit: Limit | None) -> str | None:
    if limit is None or limit.unit == "hours":
        return None
    return f"{HOLIDAYS}; {SAME_HOUR}" if limit.unit == "business_days" else SAME_HOUR


def sorted_dues(dues: Iterable[Due]) -> tuple[Due, ...]:
    """Sort: what has no number first, then by deadline, then what waits, then what is not in force."""

    def key(one: Due) -> tuple[int, datetime, str]:
        never = datetime.max.replace(tzinfo=UTC)
        if not one.in_force:
            return 3, one.due or never, one.clock.id
        if one.due is not None:
            return 1, one.due, one.clock.id
        return (2 if one.waits_for else 0), never, one.clock.id

    return tuple(sorted(dues, key=key))

"""The law part of `make bench`: decisions, full explanation, ten thousand more rules, loading, bulk, plan.

Run by `scripts/bench.py`, or alone: `python scripts/bench_law.py`. `bench_rules.py` puts the same rules before peers.
"""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from carnet.bulk import Named, decide_many, row_movement
from carnet.decide import decide
from carnet.law.full import explain_fully
from carnet.law.lawbook import Lawbook, load_lawbook
from carnet.law.reading import Node
from carnet.law.rules import Rule
from carnet.model.movement import Movement, parse_movement
from carnet.plan import plan

DAY = date(2026, 11, 21)
MORE_RULES = 10_000
BULK_ROWS, COMPARED = 1_000_000, 20_000
HALF, UNKNOWN = 0.5, 0.3
_LIFTED = 1_000_000_000


def document(number: int) -> dict[str, Any]:
    """Give a movement of four contents, three legal orders and two unknown facts; counts, pixels, days vary."""
    chance = random.Random(number)  # noqa: S311 - no secret, a repeatable draw
    clear = {"regional_economy_days": 0, "public_security_enforcement": False}
    return {
        "movement": "v1",
        "date": (DAY + timedelta(days=chance.randrange(30))).isoformat(),
        "origin": "CN",
        "held_in": "CN",
        "destination": "DE",
        "mode": "transfer",
        "exporter": {
            "established_in": "CN",
            "critical_infrastructure": False,
            "free_trade_zone": None,
            "roles": ["manufacturer"],
            "facts": {"persons_processed": 5_000_000},
        },
        "recipient": {"established_in": "DE", "located_in": "DE", "relation": "affiliate"},
        "activity": "driving_automation",
        "basis": ["consent"],
        "agreement": "none",
        "safeguards": [],
        "year_to_date": {"persons": chance.randrange(1000, 60_000), "persons_sensitive": 0},
        "history": [],
        "contents": [
            {
                "name": "camera",
                "data": "image.exterior",
                "about": ["CN", "GB"],
                "persons": chance.randrange(300, 2000),
                "vehicles": chance.randrange(2, 90),
                "removed": ["plates"],
                "facts": {
                    "sensitive_geography": False,
                    "faces_px_max": chance.randrange(32),
                    "hours": chance.randrange(1, 90),
                    "images": chance.randrange(100, 9000),
                    **clear,
                },
            },
            {
                "name": "lidar",
                "data": "ranging.lidar",
                "persons": 0,
                "vehicles": 12,
                "facts": {
                    "sensitive_places": False,
                    "sensitive_geography": False,
                    "hours": chance.randrange(1, 90),
                    **clear,
                },
            },
            {
                "name": "track",
                "data": "location.trajectory",
                "persons": chance.randrange(2, 90),
                "facts": {"sensitive_places": False},
            },
            {
                "name": "orders",
                "data": "customer.order",
                "persons": chance.randrange(300, 9000),
                "vehicles": 0,
            },
        ],
    }


Times = tuple[list[float], list[float]]
"""Microseconds by the clock and of the core; other work on the machine lengthens the first."""


def quantiles(times: Times) -> str:
    """Give the middle and the last hundredth."""
    wall, core = map(sorted, times)
    last = int(len(wall) * 0.99)
    middle = len(wall) // 2
    return f"p50 {wall[middle]:.0f}, p99 {wall[last]:.0f} us (core {core[middle]:.0f}, {core[last]:.0f})"


def timed(work: Callable[[Movement], Any], movements: list[Movement]) -> Times:
    """Time one call for each movement."""
    wall: list[float] = []
    core: list[float] = []
    for movement in movements:
        used, begun = time.thread_time_ns(), time.perf_counter_ns()
        work(movement)
        ended, spent = time.perf_counter_ns(), time.thread_time_ns()
        wall.append((ended - begun) / 1e3)
        core.append((spent - used) / 1e3)
    return wall, core


def enlarged(book: Lawbook, more: int) -> Lawbook:
    """Add copies of the real rules with other ids and values: other zones, other counts."""
    orders = {}
    share = more // len(book.orders) + 1
    for code, order in book.orders.items():
        rules = [rule for rule in order.rules if rule.in_force(DAY) and rule.exception_to is None]
        copies = [_copy(rules[number % len(rules)], number) for number in range(share)]
        orders[code] = replace(order, rules=(*order.rules, *copies), _live={}, _turns=[])
    return replace(book, orders=orders)


def _copy(rule: Rule, number: int) -> Rule:
    """Give the rule of another zone: as the real one, for exporters in that zone, or beyond another count."""
    zone = {"fact": "exporter.free_trade_zone", "is": f"CN-X{number}"}
    count = {"fact": "persons_processed", "at_least": _LIFTED + number}
    doc = rule.when.doc if rule.when is not None else Node.of_text("x: y", "copy").doc
    parts = [zone if number % 2 else count]
    if rule.when is not None:
        parts.append(rule.when.value)
    return replace(rule, id=f"{rule.id}_{number}", when=Node(doc, "", {"all": parts}))


def forget(book: Lawbook) -> None:
    """Forget every answer."""
    book.kinds.clear()
    book.known.clear()
    for order in book.orders.values():
        order.on(DAY).kept.pop("memory", None)


def other_kind(movement: Movement, number: int) -> Movement:
    """Give a movement that no other one is alike: other names of its parties and contents."""
    return replace(
        movement,
        recipient=replace(movement.recipient, name=f"Reader {number}"),
        contents=tuple(replace(one, name=f"{one.name}_{number}") for one in movement.contents),
    )


def bench_law(line: Callable[[str, str], None]) -> None:
    """Measure, and print line by line."""
    for what, how in (
        ("loading the lawbook, new process, median of 5 (bar 300 ms)", ""),
        ("the same, kept by an earlier process, median of 5 (bar 30 ms)", "kept=True"),
    ):
        load = (
            "import time; from carnet.law.lawbook import load_lawbook as load; begun = time.perf_counter(); "
            f"load({how}); print(time.perf_counter() - begun)"
        )
        loads = sorted(float(subprocess.check_output([sys.executable, "-c", load])) for _ in range(5))
        line(what, f"{loads[2] * 1e3:.0f} ms")
    book = load_lawbook()
    movements = [parse_movement(document(number), source="bench") for number in range(4000)]
    first = decide(movements[0], book)
    candidates = sum(len(one.candidates) for one in explain_fully(movements[0], book))
    orders = ", ".join(entry.code for entry in first.jurisdictions)
    line("orders; unknown facts; candidate rules", f"{orders}; {len(first.missing)}; {candidates}")
    gc.collect()
    gc.freeze()
    # First, while the process holds what a user's holds: ten thousand rules more would be walked by the collector.
    forget(book)
    _bulk(book, line)
    for name, one in (("the lawbook", book), (f"and {MORE_RULES:,} rules more", enlarged(book, MORE_RULES))):
        _decisions(name, one, movements, line)
        full = timed(lambda asked: explain_fully(asked, one), movements[:500])  # noqa: B023 - used at once
        line(f"full explanation, {name} (bar p99 2 ms)", quantiles(full))
    plans = sorted(timed(lambda asked: plan(asked, book), movements[:20])[0])
    line("plan for 4 contents, slowest of 20 (bar 200 ms)", f"{plans[-1] / 1e3:.0f} ms")


def _decisions(name: str, book: Lawbook, movements: list[Movement], line: Callable[[str, str], None]) -> None:
    """Time decisions from the dearest to the cheapest: nothing known, a new kind, new numbers, the same again."""

    def work(asked: Movement) -> Any:
        return decide(asked, book)

    def anew(asked: Movement) -> None:
        forget(book)
        decide(asked, book)

    line(f"decide with reasons, {name}, nothing remembered", quantiles(timed(anew, movements[:200])))
    forget(book)
    kinds = [other_kind(movement, number) for number, movement in enumerate(movements[:500])]
    line(f"decide with reasons, {name}, each of a new kind", quantiles(timed(work, kinds)))
    forget(book)
    for number in range(3):
        work(movements[number])
    before = len(book.known)
    times = timed(work, movements[3:])
    line(f"decide with reasons, {name}, other numbers (bar p99 300 us)", quantiles(times))
    line("of those judged anew, the others by an answer to their like", str(len(book.known) - before))
    line(f"decide with reasons, {name}, asked before", quantiles(timed(work, movements)))


def many_rows(rows: int, seed: int) -> tuple[Movement, dict[str, Any]]:
    """Draw contents that would go in one movement: classes, counts and facts, a third of them unknown."""
    import numpy as np

    chance = np.random.default_rng(seed)
    frame = replace(parse_movement(document(seed), source="bench"), totals=None)
    classes = (
        "image.exterior",
        "ranging.lidar",
        "location.trajectory",
        "customer.order",
        "driving.behaviour",
    )

    def flag() -> Any:
        return np.ma.MaskedArray(chance.random(rows) < HALF, chance.random(rows) < UNKNOWN)

    def number(high: int) -> Any:
        found = chance.integers(0, high, rows).astype(np.float64)
        found[chance.random(rows) < UNKNOWN] = np.nan
        return found

    return frame, {
        "data": Named(classes, chance.integers(0, len(classes), rows)),
        "persons": number(2_000_000),
        "vehicles": number(200_000),
        "sensitive_places": flag(),
        "sensitive_geography": flag(),
        "hours": number(5_000),
        "images": number(100_000),
    }


def differing(frame: Movement, columns: dict[str, Any], book: Lawbook, rows: Iterable[int]) -> int:
    """Count the rows that many at once answer otherwise than the judge asked each alone."""
    answers = decide_many(frame, columns, book)
    return sum(
        _said(answers[row]) != _said(decide(row_movement(frame, columns, row, book), book, explain=False))
        for row in rows
    )


def _bulk(book: Lawbook, line: Callable[[str, str], None]) -> None:
    frame, columns = many_rows(BULK_ROWS, 1)
    for run in ("nothing remembered", "again"):
        begun = time.perf_counter()
        answers = decide_many(frame, columns, book)
        rate = BULK_ROWS / (time.perf_counter() - begun)
        kinds = len(answers.decisions)
        line(f"bulk, {BULK_ROWS:,} rows, {run} (bar 500,000/s)", f"{rate:,.0f} rows/s, {kinds:,} kinds")
    rows = random.Random(1).sample(range(BULK_ROWS), COMPARED)  # noqa: S311 - no secret, a repeatable draw
    other = differing(frame, columns, book, rows)
    line(f"rows of {COMPARED:,} compared with the judge that differ", str(other))


def _said(decision: Any) -> Any:
    return (
        decision.verdict,
        decision.routes,
        decision.routes_open,
        [(one.code, one.verdict, one.routes, one.prerequisites) for one in decision.jurisdictions],
        [one.determinations for one in decision.contents],
    )


if __name__ == "__main__":
    bench_law(lambda what, value: print(f"  {what:<64} {value}", flush=True))

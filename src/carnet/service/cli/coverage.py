"""`carnet law coverage`: which entries of the fact base became rules, and which did not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from carnet.law.clocks import CLOCKS, read_clocks
from carnet.law.coverage import OUTCOMES, Entry, beyond, count, outcomes_of, read_coverage, reason_of
from carnet.law.fines import EXPOSURE, read_fines
from carnet.law.held import HeldOrder
from carnet.law.lawbook import COVERAGE, Order, default_folder, load_lawbook
from carnet.law.orders import every_order, orders_named


def entries_of(folder: Path, order: Order | HeldOrder) -> tuple[Entry, ...]:
    """Read what an order's `coverage.yaml` says, or nothing where there is none."""
    place = folder / order.folder

    def text_of(name: str) -> str | None:
        path = place / name
        return path.read_text(encoding="utf-8") if path.is_file() else None

    text, clocks, fines = text_of(COVERAGE), text_of(CLOCKS), text_of(EXPOSURE)
    if text is None:
        return ()
    source = f"lawbook/{order.folder}"
    data = {
        "routes": frozenset(one.id for one in order.routes) if isinstance(order, HeldOrder) else frozenset(),
        "clocks": frozenset(
            one.id for one in (read_clocks(clocks, f"{source}/{CLOCKS}", order) if clocks else ())
        ),
        "exposure": frozenset(
            one.id for one in (read_fines(fines, f"{source}/{EXPOSURE}", order) if fines else ())
        ),
    }
    return read_coverage(text, f"{source}/{COVERAGE}", order, data)


def coverage(*, orders: list[str], reasons: bool, as_json: bool, lawbook: Path | None) -> None:
    """Print the table, and with `reasons` what is not modelled."""
    book = load_lawbook(lawbook)
    folder = lawbook or default_folder()
    every = every_order(book)
    asked = {str(one.code) for one in orders_named(book, orders)} & {name.upper() for name in orders}
    wanted = [one for one in every if not orders or str(one.code) in asked]
    read = [(order, entries_of(folder, order)) for order in wanted if not order.fictional]
    if as_json:
        form = {
            str(order.code): {
                **count(entries, order),
                "rules": len(order.rules),
                "decides": not isinstance(order, HeldOrder),
                "reasons": {
                    one.path: reason_of(one)
                    for one in entries
                    if outcomes_of(one, order) == ("not modelled",)
                },
                "beyond": list(beyond(entries, order)),
            }
            for order, entries in read
        }
        sys.stdout.write(json.dumps({"coverage": "v1", "orders": form}, ensure_ascii=False, indent=2) + "\n")
        return
    heads = ("entries", *OUTCOMES)
    out = [f"{'order':<7}{'rules':>6}" + "".join(f"{name:>14}" for name in heads)]
    for order, entries in read:
        counts = count(entries, order)
        numbers = "".join(f"{counts[name]:>14}" for name in heads)
        out.append(f"{order.code:<7}{len(order.rules):>6}{numbers}")
    silent = ", ".join(str(one.code) for one, _ in read if isinstance(one, HeldOrder))
    if silent:
        out += ["", f"No rule of these decides (routes, clocks and fines are held as data): {silent}"]
    if reasons:
        for order, entries in read:
            out += ["", f"{order.code}: not modelled"]
            out += [
                f"  {one.path}: {reason_of(one)}"
                for one in entries
                if outcomes_of(one, order) == ("not modelled",)
            ]
            if entries and beyond(entries, order):
                out.append(f"  rules that no entry names: {', '.join(beyond(entries, order))}")
    sys.stdout.write("\n".join([*out, ""]))

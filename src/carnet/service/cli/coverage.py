"""`carnet law coverage`: which entries of the fact base became rules, and which did not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from carnet.law.clocks import CLOCKS, read_clocks
from carnet.law.coverage import DATA, OUTCOMES, Entry, beyond, count, outcomes_of, read_coverage, reason_of
from carnet.law.fines import EXPOSURE, read_fines
from carnet.law.held import INDEX, HeldOrder, read_held
from carnet.law.lawbook import COVERAGE, Order, default_folder, load_lawbook
from carnet.law.orders import every_order, orders_named
from carnet.law.reading import Node


def entries_of(folder: Path, order: Order | HeldOrder) -> tuple[Entry, ...]:
    """Read what an order's `coverage.yaml` says, or nothing where there is none.

    The account of an order speaks for those that lie within it too.
    """
    path = folder / order.folder / COVERAGE
    if not path.is_file():
        return ()
    data: dict[str, frozenset[str]] = dict.fromkeys(DATA, frozenset())
    for one in (order, *_inside(folder, order)):
        clocks, fines = folder / one.folder / CLOCKS, folder / one.folder / EXPOSURE
        if isinstance(one, HeldOrder):
            data["routes"] |= {route.id for route in one.routes}
        if clocks.is_file():
            read = read_clocks(clocks.read_text(encoding="utf-8"), f"lawbook/{one.folder}/{CLOCKS}", one)
            data["clocks"] |= {clock.id for clock in read}
        if fines.is_file():
            told = read_fines(fines.read_text(encoding="utf-8"), f"lawbook/{one.folder}/{EXPOSURE}", one)
            data["exposure"] |= {fine.id for fine in told}
    source = f"lawbook/{order.folder}/{COVERAGE}"
    return read_coverage(path.read_text(encoding="utf-8"), source, order, data)


def _inside(folder: Path, order: Order | HeldOrder) -> tuple[HeldOrder, ...]:
    """Give the orders that lie within another."""
    out: list[HeldOrder] = []
    for path in sorted(folder.glob(f"*/{INDEX}")):
        index = Node.of_text(path.read_text(encoding="utf-8"), str(path))
        if "within" in index and index["within"].value == str(order.code):
            texts = {
                f"{path.parent.name}/{one.name}": one.read_text(encoding="utf-8")
                for one in path.parent.glob("*.yaml")
            }
            out.append(read_held(index, path.parent.name, texts))
    return tuple(out)


def _elsewhere(order: Order | HeldOrder) -> bool:
    return isinstance(order, HeldOrder) and order.within is not None


def coverage(*, orders: list[str], reasons: bool, as_json: bool, lawbook: Path | None) -> None:
    """Print the table, and with `reasons` what is not modelled."""
    book = load_lawbook(lawbook, kept=True)
    folder = lawbook or default_folder()
    every = every_order(book)
    asked = {str(one.code) for one in orders_named(book, orders)} & {name.upper() for name in orders}
    wanted = [one for one in every if not orders or str(one.code) in asked]
    read = [
        (order, entries_of(folder, order))
        for order in wanted
        if not order.fictional and not _elsewhere(order)
    ]
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

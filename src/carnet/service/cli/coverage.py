"""`carnet law coverage`: which entries of the fact base became rules, and which did not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from carnet.errors import InputError
from carnet.law.coverage import OUTCOMES, Entry, beyond, count, outcomes_of, read_coverage, reason_of
from carnet.law.lawbook import COVERAGE, Order, default_folder, load_lawbook


def entries_of(folder: Path, order: Order) -> tuple[Entry, ...]:
    """Read what an order's `coverage.yaml` says, or nothing where there is none."""
    path = folder / order.folder / COVERAGE
    if not path.is_file():
        return ()
    return read_coverage(path.read_text(encoding="utf-8"), f"lawbook/{order.folder}/{COVERAGE}", order)


def coverage(*, orders: list[str], reasons: bool, as_json: bool, lawbook: Path | None) -> None:
    """Print the table, and with `reasons` what is not modelled."""
    book = load_lawbook(lawbook)
    folder = lawbook or default_folder()
    unknown = set(orders) - {str(code) for code in book.orders}
    if unknown:
        raise InputError(f"the lawbook holds no order {min(unknown)}", remedy="see lawbook/")
    wanted = [one for one in book.orders.values() if not orders or str(one.code) in orders]
    read = [(order, entries_of(folder, order)) for order in wanted if not order.fictional]
    if as_json:
        form = {
            str(order.code): {
                **count(entries, order),
                "rules": len(order.rules),
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

"""All legal orders by their code, those that decide and those that are held as data alone."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from carnet.errors import InputError, LawbookError
from carnet.law.clocks import clocks_of
from carnet.law.fines import fines_of
from carnet.law.held import HeldOrder
from carnet.law.lawbook import Lawbook, Order


def every_order(lawbook: Lawbook) -> tuple[Order | HeldOrder, ...]:
    """Give every order, those that decide first."""
    return (*lawbook.orders.values(), *lawbook.held.values())


def orders_named(lawbook: Lawbook, names: Iterable[str]) -> tuple[Order | HeldOrder, ...]:
    """Give orders by code, each with the order it lies within before it, none twice.

    Raises:
        InputError: an order that the lawbook does not hold, with the nearest ones.
    """
    every: dict[str, Order | HeldOrder] = {str(code): one for code, one in lawbook.orders.items()}
    every |= {str(code): one for code, one in lawbook.held.items()}
    out: dict[str, Order | HeldOrder] = {}
    for name in names:
        code = name.upper()
        if code not in every:
            near = difflib.get_close_matches(code, every, n=3, cutoff=0.3)
            hint = f"did you mean {', '.join(near)}? " if near else ""
            known = ", ".join(sorted(str(one) for one in every))
            raise InputError(f"the lawbook holds no order {name!r}", remedy=f"{hint}held: {known}")
        order = every[code]
        if isinstance(order, HeldOrder) and order.within is not None:
            out.setdefault(str(order.within), every[str(order.within)])
        out.setdefault(code, order)
    return tuple(out.values())


def read_data(lawbook: Lawbook) -> int:
    """Read everything that is otherwise read when it is asked for; gives the number of clocks, fines and routes.

    Raises:
        LawbookError: the first thing that is not in order, with file and line.
    """
    seen: set[str] = set()
    for order in every_order(lawbook):
        seen |= {one.id for one in clocks_of(lawbook, order)}
        seen |= {one.id for one in fines_of(lawbook, order)}
        if isinstance(order, HeldOrder):
            if not order.instruments:
                raise LawbookError(f"{order.code} names no text of law", remedy="add one to instruments.yaml")
            seen |= set(order.parameters) | {one.id for one in order.routes}
    return len(seen)

"""A clock, a fine or a route as a page for lawyers."""

from __future__ import annotations

from collections.abc import Iterator

from carnet.law.clocks import AWARENESS, Clock, clocks_of
from carnet.law.fines import BASES, RULES, Fine, fines_of
from carnet.law.held import HeldOrder, Told
from carnet.law.lawbook import Lawbook
from carnet.law.orders import every_order
from carnet.law.rules import Parameter


def data_of(lawbook: Lawbook) -> Iterator[Clock | Fine | Told | Parameter]:
    """Give every clock, fine and route of every order, and the parameters of orders that decide nothing."""
    for order in every_order(lawbook):
        yield from clocks_of(lawbook, order)
        yield from fines_of(lawbook, order)
        if isinstance(order, HeldOrder):
            yield from order.routes
            yield from order.parameters.values()


def data_page(one: Clock | Fine | Told) -> str:
    """Give the page of a clock, a fine or a route."""
    if isinstance(one, Clock):
        lines = _clock(one)
    elif isinstance(one, Fine):
        lines = _fine(one)
    else:
        lines = [f"{one.kind.replace('_', ' ')}: {one.name}", "", "IT SAYS", f"  {one.says}"]
        lines += ["", "No rule of this order decides: this is held as data."]
    out = [f"{one.cite}", one.id, *lines, "", "THE SOURCE", f"  {one.cite}. Certainty: {one.certainty}."]
    if one.note is not None:
        out.append(f"  {one.note}")
    return "\n".join([*out, ""])


def _clock(one: Clock) -> list[str]:
    who = one.who or "whoever the law binds (not named in the source held)"
    out = [f"{one.stage} notice after: {one.event.replace('_', ' ')}", "", "WHERE", f"  {one.trigger}"]
    out += ["", "WHO TELLS WHOM", f"  {who} to {one.to}"]
    out += ["", "WITH", *(f"  {content}" for content in one.contents)] if one.contents else []
    out += ["", "BY WHEN", f"  {one.words}"]
    if one.limit is not None:
        start = "awareness" if one.starts == AWARENESS else one.starts_says or one.starts
        about = "about " if one.about else ""
        out.append(f"  counted: {about}{one.limit.words()} from {start}")
    if one.expected is not None:
        out.append(f"  expected by the authority: {one.expected.words()}")
    if one.first is not None:
        until = f" to {one.last.isoformat()}" if one.last else ""
        out.append(f"  law from {one.first.isoformat()}{until}")
    return out


def _fine(one: Fine) -> list[str]:
    out = [f"fine for: {one.conduct}", "", "THE CEILING", f"  {RULES[one.rule]}"]
    if one.fixed is not None:
        out.append(f"  {one.fixed.words()}")
    if one.percent is not None and one.basis is not None:
        above = f", where it is above {one.only_above.words()}" if one.only_above else ""
        out.append(f"  {one.percent.normalize():f} % of {BASES[one.basis][1]}{above}")
    if one.times is not None:
        out.append(f"  {one.times.normalize():f} times the {one.times_of}")
    if one.unit is not None:
        out.append(f"  {one.least_units:,} to {one.most_units:,} {one.unit}")
    if one.floor is not None:
        out.append(f"  not below {one.floor.words()}")
    if one.persons is not None:
        out.append(f"  from {one.persons:,} persons affected, among other grounds")
    if one.first is not None:
        out.append(f"  law from {one.first.isoformat()}")
    return out

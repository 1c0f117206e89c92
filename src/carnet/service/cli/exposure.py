"""`carnet law exposure`: what can each fine come to at most, for the numbers that are stated?"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from carnet.errors import InputError
from carnet.law.exposure import (
    AT_LEAST,
    AT_MOST,
    EXACT,
    NOT_SET,
    OPEN,
    Exposed,
    Stated,
    exposed,
)
from carnet.law.fines import BASES, RULES, Money, currency_of, decimal_of, fines_of
from carnet.law.lawbook import load_lawbook
from carnet.law.orders import orders_named


def rates_of(pairs: Iterable[str]) -> dict[tuple[str, str], Decimal]:
    """Read `EUR/USD=1.08`: one euro costs 1.08 dollars.

    Raises:
        InputError: another form, a rate that is not above zero, one pair stated twice.
    """
    out: dict[tuple[str, str], Decimal] = {}
    for pair in pairs:
        names, mark, text = pair.partition("=")
        one, slash, other = names.partition("/")
        if not mark or not slash:
            raise InputError("this is no rate", where=f"--rate {pair}", remedy="write it as EUR/USD=1.08")
        key = (currency_of(one, "--rate"), currency_of(other, "--rate"))
        rate = decimal_of(text, "--rate")
        if rate == 0 or key[0] == key[1]:
            raise InputError(
                "a rate is above zero, between two currencies",
                where=f"--rate {pair}",
                remedy="write it as EUR/USD=1.08",
            )
        if key in out or key[::-1] in out:
            raise InputError("the rate is stated twice", where=f"--rate {pair}", remedy="drop one of them")
        out[key] = rate
    return out


def units_of(pairs: Iterable[str]) -> dict[str, Money]:
    """Read `UMA=117.31:MXN`: what one unit is worth.

    Raises:
        InputError: another form.
    """
    out: dict[str, Money] = {}
    for pair in pairs:
        name, mark, text = pair.partition("=")
        amount, colon, currency = text.partition(":")
        if not mark or not colon or not name:
            raise InputError("this is no unit", where=f"--unit {pair}", remedy="write it as UMA=117.31:MXN")
        out[name] = Money(decimal_of(amount, "--unit"), currency_of(currency, "--unit"))
    return out


def domestic_of(pairs: Iterable[str], codes: Iterable[str]) -> dict[str, Decimal]:
    """Read `BR=1e8`: the turnover in a country, by legal order.

    Raises:
        InputError: another form, an order that is not asked for.
    """
    known = set(codes)
    out: dict[str, Decimal] = {}
    for pair in pairs:
        name, mark, text = pair.partition("=")
        code = name.strip().upper()
        if not mark or code not in known:
            raise InputError(
                "this names no order that is asked for",
                where=f"--turnover-domestic {pair}",
                remedy=f"write it as {min(known)}=1e8",
            )
        out[code] = decimal_of(text, "--turnover-domestic")
    return out


def exposure(
    *,
    orders: list[str],
    currency: str | None,
    turnover: dict[str, str | None],
    domestic: list[str],
    multiples: dict[str, str | None],
    counts: dict[str, int | None],
    no_turnover: bool,
    rates: list[str],
    units: list[str],
    day: date,
    as_json: bool,
    lawbook: Path | None,
) -> None:
    """Count and print."""
    book = load_lawbook(lawbook, kept=True)
    wanted = orders_named(book, orders)
    stated = Stated(
        currency=currency_of(currency, "--currency") if currency is not None else None,
        turnover={
            name: decimal_of(text, f"--turnover-{name}")
            for name, text in turnover.items()
            if text is not None
        },
        domestic=domestic_of(domestic, [str(one.code) for one in wanted]),
        no_turnover=no_turnover,
        multiples={
            name: decimal_of(text, f"--{name}") for name, text in multiples.items() if text is not None
        },
        violations=counts["violations"],
        vehicles=counts["vehicles"],
        affected=counts["affected"],
        rates=rates_of(rates),
        units=units_of(units),
    )
    found = [one for order in wanted for one in exposed(fines_of(book, order), stated, day)]
    if as_json:
        form = {
            "exposure": "v1",
            "day": day.isoformat(),
            "orders": [str(one.code) for one in wanted],
            "fines": [_mapping(one) for one in found],
            "lawbook": book.digest,
        }
        sys.stdout.write(json.dumps(form, ensure_ascii=False, indent=2) + "\n")
        return
    noun = "fine" if len(found) == 1 else "fines"
    out = [f"{len(found)} {noun}, as of {day.isoformat()}. A ceiling is what may be imposed at most."]
    for one in found:
        out += ["", *_lines(one)]
    silent = [str(one.code) for one in wanted if not any(item.fine.order == one.code for item in found)]
    if silent:
        out += ["", f"No fine of its own is held for: {', '.join(silent)}"]
    sys.stdout.write("\n".join([*out, ""]))


def _amount(money: Money) -> dict[str, str]:
    return {"amount": f"{money.amount:f}", "currency": money.currency}


def _mapping(one: Exposed) -> dict[str, Any]:
    fine = one.fine
    return {
        "id": fine.id,
        "order": str(fine.order),
        "conduct": fine.conduct,
        "rule": fine.rule,
        "turnover": BASES[fine.basis][1] if fine.basis else None,
        "parts": [
            {
                "name": part.name,
                "words": part.words,
                "money": _amount(part.money) if part.money else None,
                "needs": part.needs,
            }
            for part in one.parts
        ],
        "ceiling": {"kind": one.ceiling.kind, "money": [_amount(money) for money in one.ceiling.money]},
        "persons_at_least": fine.persons,
        "reached_by_persons": one.reached,
        "in_force": one.in_force,
        "in_force_from": fine.first.isoformat() if fine.first else None,
        "cite": fine.cite,
        "certainty": fine.certainty,
        "note": fine.note,
    }


def _ceiling(one: Exposed) -> str:
    money = " | ".join(amount.words() for amount in one.ceiling.money)
    match one.ceiling.kind:
        case kind if kind == EXACT:
            return money
        case kind if kind == AT_LEAST:
            return f"at least {money}; a part is unknown"
        case kind if kind == AT_MOST:
            return f"at most {money}; a part is unknown, or in another currency"
        case kind if kind == OPEN:
            return f"{RULES[one.fine.rule]} {money}; state --rate to compare"
        case kind if kind == NOT_SET:
            return "no amount is set"
        case _:
            return "unknown"


def _lines(one: Exposed) -> list[str]:
    fine = one.fine
    out = [f"{fine.order}  {_ceiling(one)}", f"  for: {fine.conduct}"]
    if fine.rule != "fixed_only":
        out.append(f"  rule: {RULES[fine.rule]}")
        for part in one.parts:
            known = part.money.words() if part.money else f"unknown; state {part.needs}"
            out.append(f"    {part.words}" + ("" if known == part.words else f": {known}"))
    if not one.in_force and fine.first is not None:
        out.append(f"  not in force on that day (law from {fine.first.isoformat()})")
    if fine.persons is not None:
        said = "reached" if one.reached else "not reached by what is stated; other grounds may lead to it"
        out.append(f"  from {fine.persons:,} persons affected: {said}")
    if fine.note is not None:
        out.append(f"  note: {fine.note}")
    out.append(f"  {fine.cite} [{fine.certainty}] {fine.id}")
    return out

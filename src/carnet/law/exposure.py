"""Fines: the ceiling that each rule of each law sets, for the turnover and the numbers that are stated.

Money is decimal. No currency is ever converted unless a
rate is stated: where the percentage lies in one currency and the fixed amount in another, both stand side by side.
What is not stated stays unknown, and a ceiling that hangs on it is said as far as it is known: at least this, or at
most that. A ceiling is what may be imposed at most, not what will be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from carnet.errors import InputError
from carnet.law.fines import BASES, CENT, PRECISION, Fine, Money

EXACT, AT_LEAST, AT_MOST, OPEN, UNKNOWN, NOT_SET = (
    "exact",
    "at_least",
    "at_most",
    "not_comparable",
    "unknown",
    "not_set",
)


@dataclass(frozen=True, slots=True)
class Stated:
    """What somebody states about a company and a breach; whatever is absent is unknown.

    Attributes:
        turnover: by `worldwide`, `own`, `related` or `period`.
        domestic: turnover in the country, by legal order.
        rates: what one unit of the first currency costs in the second.
        units: the value of one unit, by its name.
    """

    currency: str | None = None
    turnover: Mapping[str, Decimal] = field(default_factory=dict)
    domestic: Mapping[str, Decimal] = field(default_factory=dict)
    no_turnover: bool = False
    multiples: Mapping[str, Decimal] = field(default_factory=dict)
    violations: int | None = None
    vehicles: int | None = None
    affected: int | None = None
    rates: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)
    units: Mapping[str, Money] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """One limb of a fine: in words, in money where it can be counted, and what it needs where it cannot."""

    name: str
    words: str
    money: Money | None
    needs: str | None = None


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What a fine can come to at most.

    Attributes:
        kind: `exact`; `at_least` or `at_most` where a part is unknown; `not_comparable` where the parts lie in
            different currencies and no rate is stated; `unknown`; `not_set`.
        money: the amount, or several side by side.
    """

    kind: str
    money: tuple[Money, ...] = ()


@dataclass(frozen=True, slots=True)
class Exposed:
    """One fine, with its parts and its ceiling, and whether the stated number of persons reaches it."""

    fine: Fine
    parts: tuple[Part, ...]
    ceiling: Ceiling
    reached: bool | None
    in_force: bool


def converted(money: Money, currency: str, rates: Mapping[tuple[str, str], Decimal]) -> Money | None:
    """Give money in a currency at a stated rate, rounded to the hundredth, or nothing without a rate."""
    if money.currency == currency:
        return money
    with localcontext(PRECISION):
        if (money.currency, currency) in rates:
            amount = money.amount * rates[money.currency, currency]
        elif (currency, money.currency) in rates:
            amount = money.amount / rates[currency, money.currency]
        else:
            return None
        return Money(amount.quantize(CENT, ROUND_HALF_EVEN), currency)


def _turnover(fine: Fine, stated: Stated) -> tuple[Money | None, str]:
    option = BASES[fine.basis or ""][0]
    if option == "domestic":
        amount, needs = stated.domestic.get(str(fine.order)), f"--turnover-domestic {fine.order}=AMOUNT"
    else:
        amount, needs = stated.turnover.get(option), f"--turnover-{option}"
    if amount is None and stated.no_turnover:
        amount = Decimal(0)
    if amount is None:
        return None, needs
    return Money(amount, stated.currency or (fine.fixed.currency if fine.fixed else "")), needs


def _percent_part(fine: Fine, stated: Stated) -> Part | None:
    if fine.percent is None:
        return None
    words = f"{fine.percent.normalize():f} % of {BASES[fine.basis or ''][1]}"
    turnover, needs = _turnover(fine, stated)
    if fine.only_above is not None:
        words += f", where it is above {fine.only_above.words()}"
    if turnover is None:
        return Part("percent", words, None, needs)
    money = Money(
        PRECISION.divide(PRECISION.multiply(turnover.amount, fine.percent), Decimal(100)), turnover.currency
    )
    if fine.only_above is not None:
        there = converted(turnover, fine.only_above.currency, stated.rates)
        if there is None:
            return Part("percent", words, None, f"--rate {turnover.currency}/{fine.only_above.currency}=RATE")
        if there.amount <= fine.only_above.amount:
            money = Money(Decimal(0), turnover.currency)
    return Part("percent", words, money)


def _multiple_part(fine: Fine, stated: Stated) -> Part | None:
    if fine.times is None or fine.times_of is None:
        return None
    words = f"{fine.times.normalize():f} times the {fine.times_of}"
    base = stated.multiples.get(fine.times_of)
    if base is None:
        return Part("multiple", words, None, f"--{fine.times_of}")
    amount = PRECISION.multiply(base, fine.times)
    return Part("multiple", words, Money(amount, stated.currency or ""))


def _unit_part(fine: Fine, stated: Stated) -> Part | None:
    if fine.unit is None or fine.most_units is None:
        return None
    words = f"{fine.least_units:,} to {fine.most_units:,} {fine.unit}"
    value = stated.units.get(fine.unit)
    if value is None:
        return Part("units", words, None, f"--unit {fine.unit}=AMOUNT:{fine.unit_currency or 'CURRENCY'}")
    return Part(
        "units", words, Money(PRECISION.multiply(value.amount, Decimal(fine.most_units)), value.currency)
    )


def _counted_part(fine: Fine, count: int | None, each: str) -> Part:
    fixed = fine.fixed or Money(Decimal(0), "")
    words = f"{fixed.words()} for each {each}"
    if count is None:
        return Part("each", words, None, f"--{each}s")
    return Part("each", words, Money(PRECISION.multiply(fixed.amount, Decimal(count)), fixed.currency))


def parts_of(fine: Fine, stated: Stated) -> tuple[Part, ...]:
    """Give the limbs of a fine, counted as far as they can be."""
    if fine.rule == "per_violation":
        return (_counted_part(fine, stated.violations, "violation"),)
    if fine.rule == "per_vehicle":
        return (_counted_part(fine, stated.vehicles, "vehicle"),)
    fixed = Part("fixed", fine.fixed.words(), fine.fixed) if fine.fixed else None
    floor = Part("floor", f"not below {fine.floor.words()}", fine.floor) if fine.floor else None
    every = (
        fixed,
        _percent_part(fine, stated),
        _multiple_part(fine, stated),
        _unit_part(fine, stated),
        floor,
    )
    return tuple(one for one in every if one is not None)


def _chosen(parts: Iterable[Part], stated: Stated, *, highest: bool) -> Ceiling:
    parts = tuple(parts)
    known = [one.money for one in parts if one.money is not None]
    bound = EXACT if len(known) == len(parts) else (AT_LEAST if highest else AT_MOST)
    if not known:
        return Ceiling(UNKNOWN)
    # The fixed part stands first: its currency is the law's.
    there = [converted(one, known[0].currency, stated.rates) for one in known]
    same = [one for one in there if one is not None]
    if len(same) < len(there):
        positive = [one for one in known if one.amount > 0]
        if len(positive) == 1 and highest:
            return Ceiling(bound, (positive[0],))
        return Ceiling(OPEN, tuple(known))
    pick = max if highest else min
    return Ceiling(bound, (pick(same, key=lambda one: one.amount),))


def _clamped(by: Mapping[str, Part], stated: Stated) -> Ceiling:
    cap, floor, share = by["fixed"].money, by["floor"].money, by["percent"].money
    if cap is None or floor is None:
        return Ceiling(UNKNOWN)
    if share is None:
        return Ceiling(AT_MOST, (cap,))
    there = converted(share, cap.currency, stated.rates)
    low = converted(floor, cap.currency, stated.rates)
    if there is None or low is None:
        return Ceiling(AT_MOST, (cap,))
    return Ceiling(EXACT, (Money(min(max(there.amount, low.amount), cap.amount), cap.currency),))


def ceiling_of(fine: Fine, parts: tuple[Part, ...], stated: Stated) -> Ceiling:
    """Apply a fine's rule to its limbs."""
    by = {one.name: one for one in parts}
    match fine.rule:
        case "not_set":
            return Ceiling(NOT_SET)
        case "tiered":
            return Ceiling(UNKNOWN)
        case "higher_of" | "highest_of_three":
            return _chosen(parts, stated, highest=True)
        case "lower_of":
            return _chosen(parts, stated, highest=False)
        case "pct_with_floor_and_cap":
            return _clamped(by, stated)
        case "pct_or_fixed_if_no_turnover":
            one = by["fixed"] if stated.no_turnover else by["percent"]
            return Ceiling(EXACT, (one.money,)) if one.money is not None else Ceiling(UNKNOWN)
        case _:
            [only] = parts
            return Ceiling(EXACT, (only.money,)) if only.money is not None else Ceiling(UNKNOWN)


def check_stated(stated: Stated) -> None:
    """Refuse amounts without currency, and numbers below zero.

    Raises:
        InputError: with the option.
    """
    amounts = [*stated.turnover.values(), *stated.domestic.values(), *stated.multiples.values()]
    if amounts and stated.currency is None:
        raise InputError(
            "an amount has no currency", where="--currency", remedy="say which, as in --currency EUR"
        )
    if any(one < 0 for one in amounts):
        raise InputError("an amount lies below zero", remedy="give amounts from zero up")
    for name in ("violations", "vehicles", "affected"):
        count = getattr(stated, name)
        if count is not None and count < 0:
            raise InputError(
                "a number lies below zero", where=f"--{name}", remedy="give a number from zero up"
            )
    if stated.no_turnover and (stated.turnover or stated.domestic):
        raise InputError(
            "a turnover is stated, and that there is none", where="--no-turnover", remedy="drop one of them"
        )


def exposed(fines: Iterable[Fine], stated: Stated, day: date) -> tuple[Exposed, ...]:
    """Count every fine for what is stated, as of a day.

    Raises:
        InputError: an amount without currency, a number below zero.
    """
    check_stated(stated)
    out: list[Exposed] = []
    for fine in fines:
        parts = parts_of(fine, stated)
        reached = None
        if fine.persons is not None and stated.affected is not None and stated.affected >= fine.persons:
            reached = True
        out.append(
            Exposed(
                fine,
                parts,
                ceiling_of(fine, parts, stated),
                reached,
                fine.first is None or fine.first <= day,
            )
        )
    return tuple(out)

"""Fines: what each law threatens, as it says it: limbs, rule, whose turnover.

`exposure.yaml` of an order holds them. `carnet.law.exposure` counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

from carnet.errors import InputError
from carnet.law.held import HeldOrder
from carnet.law.lawbook import Lawbook, Order
from carnet.law.reading import Node
from carnet.law.rules import Instrument, cite_of
from carnet.model.ids import LegalOrder

EXPOSURE = "exposure.yaml"
RULES: Mapping[str, str] = {
    "higher_of": "the higher of",
    "lower_of": "the lower of",
    "highest_of_three": "the highest of",
    "fixed_only": "a fixed amount",
    "pct_only": "a percentage",
    "pct_with_floor_and_cap": "a percentage, not below a floor, not above a cap",
    "pct_or_fixed_if_no_turnover": "a percentage; a fixed amount where turnover cannot be established",
    "per_violation": "an amount for each violation",
    "per_vehicle": "an amount for each vehicle",
    "unit_based": "units of a value that is set every year",
    "tiered": "a formula of the statute; what is shown are its ceilings",
    "not_set": "no amount is set",
}
BASES: Mapping[str, tuple[str, str]] = {
    "worldwide_undertaking_prior_year": (
        "worldwide",
        "worldwide turnover of the undertaking in the year before",
    ),
    "worldwide_prior_year": ("worldwide", "worldwide turnover in the year before"),
    "group_domestic_prior_year": ("domestic", "turnover of the group in the country in the year before"),
    "domestic_annual": ("domestic", "annual turnover in the country"),
    "own_prior_year": ("own", "the company's own turnover in the year before"),
    "prior_year_revenue": ("own", "revenue of the year before; whose and where, the words held leave open"),
    "annual_revenue": ("own", "annual revenue; whose and where, the words held leave open"),
    "annual_turnover": ("own", "annual turnover; whose and where, the words held leave open"),
    "own_total_less_unrelated": ("related", "total turnover less what is unrelated to the breach"),
    "adjusted_turnover_breach_period": ("period", "adjusted turnover during the period of the breach"),
}
"""Whose turnover a law means: the option that states it, and the law's measure in words."""
MULTIPLES = ("transaction", "gain", "benefit")
PRECISION = Context(prec=60)
CENT = Decimal("0.01")
_LARGEST = Decimal(10) ** 30


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in one currency."""

    amount: Decimal
    currency: str

    def words(self) -> str:
        """Say it with thousands apart: `EUR 40,000,000`."""
        rounded = self.amount.quantize(CENT, ROUND_HALF_EVEN, PRECISION)
        whole = rounded == rounded.to_integral_value()
        return f"{self.currency} {rounded:,.0f}" if whole else f"{self.currency} {rounded:,.2f}"


@dataclass(frozen=True, slots=True)
class Fine:
    """What a law threatens for some conduct.

    Attributes:
        percent, basis: a share of a turnover, in percent.
        only_above: the percentage applies only where that turnover is above this.
        times, times_of: a multiple of a transaction, a gain or a benefit.
        unit, least_units, most_units, unit_currency: units of a value that somebody sets every year.
        floor: below which a percentage does not fall.
        persons: the number of persons affected from which this fine can be the one, among other grounds.
    """

    id: str
    order: LegalOrder
    conduct: str
    rule: str
    fixed: Money | None
    percent: Decimal | None
    basis: str | None
    only_above: Money | None
    times: Decimal | None
    times_of: str | None
    unit: str | None
    least_units: int | None
    most_units: int | None
    unit_currency: str | None
    floor: Money | None
    persons: int | None
    first: date | None
    cite: str
    certainty: str
    note: str | None
    place: str


def decimal_of(text: str, where: str) -> Decimal:
    """Read an amount: finite, not below zero.

    Raises:
        InputError: with what to write.
    """
    try:
        value = Decimal(text.strip().replace("_", ""))
    except InvalidOperation:
        raise InputError("this is no amount", where=where, remedy="write it as 1000000 or 1e6") from None
    if not value.is_finite() or value < 0 or value > _LARGEST:
        raise InputError(
            "an amount is a number from zero to 10^30", where=where, remedy="write it as 1000000 or 1e6"
        )
    return value


def currency_of(text: str, where: str) -> str:
    """Read a currency: three letters of ISO 4217.

    Raises:
        InputError: it is none.
    """
    code = text.strip().upper()
    if len(code) != 3 or not code.isascii() or not code.isalpha():  # noqa: PLR2004 - ISO 4217 has three letters
        raise InputError(f"{text!r} is no currency", where=where, remedy="write it as EUR")
    return code


def _number(node: Node) -> Decimal:
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise node.error("a number from zero up is wanted here", "write it as 20000000 or 1.4")
    return Decimal(str(value))


def _count(node: Node) -> int:
    value = _number(node)
    if value != value.to_integral_value():
        raise node.error("a whole number is wanted here", "write it as 100")
    return int(value)


def _money(node: Node) -> Money:
    node.keys(("amount", "currency"))
    try:
        currency = currency_of(node["currency"].text(), "currency")
    except InputError as error:
        raise node["currency"].error(error.what, error.remedy or "") from None
    return Money(_number(node["amount"]), currency)


_NEEDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "higher_of": (("fixed",), ("percent", "multiple")),
    "lower_of": (("fixed", "percent"), ()),
    "highest_of_three": (("fixed", "percent", "multiple"), ()),
    "fixed_only": (("fixed",), ()),
    "pct_only": (("percent",), ()),
    "pct_with_floor_and_cap": (("fixed", "percent", "floor"), ()),
    "pct_or_fixed_if_no_turnover": (("fixed", "percent"), ()),
    "per_violation": (("fixed",), ()),
    "per_vehicle": (("fixed",), ()),
    "unit_based": (("units",), ()),
    "tiered": ((), ("fixed", "percent")),
    "not_set": ((), ()),
}
"""The limbs that each rule needs, and those that it may have."""


def _fine(node: Node, order: Order | HeldOrder, instruments: Mapping[str, Instrument]) -> Fine:
    limbs = ("fixed", "percent", "multiple", "floor", "units")
    node.keys(
        ("id", "conduct", "rule", "source", "certainty"), (*limbs, "persons_at_least", "in_force", "note")
    )
    name = node["id"].text()
    if not name.startswith(f"{order.folder}/fine/"):
        raise node["id"].error(f"{name!r} is no fine of this order", f"write it as {order.folder}/fine/x")
    rule = node["rule"].word(frozenset(RULES), "the rule")
    need, may = _NEEDS[rule]
    for limb in limbs:
        if limb in need and limb not in node:
            raise node.error(f"{rule} needs {limb}", f"add {limb}")
        if limb in node and limb not in need and limb not in may:
            raise node[limb].error(f"{rule} has no {limb}", f"drop {limb}, or name another rule")
    if rule == "higher_of" and not ("percent" in node or "multiple" in node):
        raise node.error(
            "the higher of one thing is that thing", "add percent or multiple, or say fixed_only"
        )
    percent, multiple, units = node.get("percent"), node.get("multiple"), node.get("units")
    if percent is not None:
        percent.keys(("value", "of"), ("only_above",))
    if multiple is not None:
        multiple.keys(("value", "of"))
    if units is not None:
        units.keys(("unit", "least", "most"), ("currency",))
    cite = cite_of(node["source"], instruments)[2]
    first = instruments[node["source"]["instrument"].text()].in_force_from
    if "in_force" in node:
        node["in_force"].keys(("from",))
        first = node["in_force"]["from"].day()
    return Fine(
        id=name,
        order=order.code,
        conduct=node["conduct"].text(),
        rule=rule,
        fixed=_money(node["fixed"]) if "fixed" in node else None,
        percent=_number(percent["value"]) if percent else None,
        basis=percent["of"].word(frozenset(BASES), "the turnover") if percent else None,
        only_above=_money(percent["only_above"]) if percent and "only_above" in percent else None,
        times=_number(multiple["value"]) if multiple else None,
        times_of=multiple["of"].word(MULTIPLES, "what is multiplied") if multiple else None,
        unit=units["unit"].text() if units else None,
        least_units=_count(units["least"]) if units else None,
        most_units=_count(units["most"]) if units else None,
        unit_currency=units["currency"].text() if units and "currency" in units else None,
        floor=_money(node["floor"]) if "floor" in node else None,
        persons=_count(node["persons_at_least"]) if "persons_at_least" in node else None,
        first=first,
        cite=cite,
        certainty=node["certainty"].certainty(),
        note=node["note"].text() if "note" in node else None,
        place=node.doc.where(node.path),
    )


def read_fines(text: str, source: str, order: Order | HeldOrder) -> tuple[Fine, ...]:
    """Read the text of an order's `exposure.yaml`.

    Raises:
        LawbookError: an unknown key, a fine without source, twice, or with limbs its rule has not; with file, line.
    """
    top = Node.of_text(text, source)
    top.keys(("exposure",))
    out: dict[str, Fine] = {}
    for node in top["exposure"].each():
        one = _fine(node, order, order.instruments)
        if one.id in out:
            raise node.error(f"the fine {one.id} is there twice", "rename one of them")
        out[one.id] = one
    return tuple(out.values())


def fines_of(lawbook: Lawbook, order: Order | HeldOrder) -> tuple[Fine, ...]:
    """Give an order's fines, or nothing where its law is held without any; read when they are asked for.

    Raises:
        LawbookError: what they may not say, with file and line.
    """
    path = f"{order.folder}/{EXPOSURE}"
    return read_fines(lawbook.texts[path], f"lawbook/{path}", order) if path in lawbook.texts else ()

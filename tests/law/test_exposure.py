"""Ceilings of fines: each rule at its turning point, no currency ever guessed, unknown stays unknown."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.errors import InputError
from carnet.law.exposure import (
    AT_LEAST,
    AT_MOST,
    EXACT,
    NOT_SET,
    OPEN,
    UNKNOWN,
    Ceiling,
    Stated,
    converted,
    exposed,
)
from carnet.law.fines import Money, currency_of, decimal_of, fines_of, read_fines
from carnet.law.lawbook import load_lawbook
from carnet.service.cli import main

BOOK = load_lawbook()
DAY = date(2026, 11, 22)
AMOUNTS = st.decimals(0, 10**13, places=2)


def order(code: str):
    return BOOK.orders.get(code) or BOOK.held[code]


def fine(name: str):
    code = name.split("/", maxsplit=1)[0].upper()
    return next(one for one in fines_of(BOOK, order(code)) if one.id == name)


def ceiling(name: str, **stated: object) -> Ceiling:
    if "turnover" in stated or "domestic" in stated or "multiples" in stated:
        stated.setdefault("currency", fine(name).fixed.currency if fine(name).fixed else "EUR")
    [one] = exposed([fine(name)], Stated(**stated), DAY)  # type: ignore[arg-type]  # keywords of the test
    return one.ceiling


def money(amount: str, currency: str) -> tuple[Money, ...]:
    return (Money(Decimal(amount), currency),)


@pytest.mark.parametrize(
    ("turnover", "amount"),
    [
        ("499999999.99", "20000000"),
        ("500000000", "20000000.00"),
        ("500000000.50", "20000000.02"),
        ("0", "20000000"),
    ],
)
def test_the_higher_of_two_turns_where_they_meet(turnover: str, amount: str):
    found = ceiling("eu/fine/gdpr_upper", turnover={"worldwide": Decimal(turnover)})
    assert found == Ceiling(EXACT, money(amount, "EUR"))


def test_the_higher_of_two_with_one_unknown_is_a_floor():
    assert ceiling("eu/fine/gdpr_upper") == Ceiling(AT_LEAST, money("20000000", "EUR"))
    own = ceiling("eu/fine/gdpr_upper", turnover={"own": Decimal(10**12)})
    assert own == Ceiling(AT_LEAST, money("20000000", "EUR"))


@pytest.mark.parametrize(
    ("turnover", "amount"),
    [("2499999999", "49999999.98"), ("2500000000", "50000000"), ("2500000001", "50000000"), ("0", "0")],
)
def test_the_lower_of_two_turns_where_they_meet(turnover: str, amount: str):
    found = ceiling("br/fine/br_fine", domestic={"BR": Decimal(turnover)})
    assert found == Ceiling(EXACT, money(amount, "BRL"))
    assert ceiling("br/fine/br_fine") == Ceiling(AT_MOST, money("50000000", "BRL"))


def test_the_highest_of_three():
    name = "au/fine/au_serious"
    known = {"turnover": {"period": Decimal(100000000)}, "multiples": {"benefit": Decimal(20000000)}}
    assert ceiling(name, **known) == Ceiling(EXACT, money("60000000", "AUD"))
    known["turnover"] = {"period": Decimal(200000001)}
    assert ceiling(name, **known) == Ceiling(EXACT, money("60000000.30", "AUD"))
    known["multiples"] = {"benefit": Decimal(1)}
    known["turnover"] = {"period": Decimal(1)}
    assert ceiling(name, **known) == Ceiling(EXACT, money("50000000", "AUD"))
    assert ceiling(name, turnover={"period": Decimal(10**9)}) == Ceiling(AT_LEAST, money("300000000", "AUD"))


@pytest.mark.parametrize(
    ("turnover", "amount"),
    [
        ("0", "20000000"),
        ("666666666", "20000000"),
        ("666666700", "20000001"),
        ("16666666600", "499999998"),
        ("16666666700", "500000000"),
        ("99999999999", "500000000"),
    ],
)
def test_a_percentage_between_floor_and_cap(turnover: str, amount: str):
    found = ceiling("ru/fine/ru_leak_repeat", turnover={"own": Decimal(turnover)})
    assert found == Ceiling(EXACT, money(amount, "RUB"))
    assert ceiling("ru/fine/ru_leak_repeat") == Ceiling(AT_MOST, money("500000000", "RUB"))


def test_a_fixed_amount_only_where_there_is_no_turnover():
    name = "kr/fine/kr_standard"
    assert ceiling(name) == Ceiling(UNKNOWN)
    assert ceiling(name, no_turnover=True) == Ceiling(EXACT, money("2000000000", "KRW"))
    assert ceiling(name, turnover={"related": Decimal(1000000000)}) == Ceiling(
        EXACT, money("30000000", "KRW")
    )


@pytest.mark.parametrize(("count", "amount"), [(0, "0"), (1, "30000"), (7, "210000")])
def test_an_amount_for_each(count: int, amount: str):
    assert ceiling("eu/fine/wvta_vehicle", vehicles=count) == Ceiling(EXACT, money(amount, "EUR"))
    assert ceiling("eu/fine/wvta_vehicle") == Ceiling(UNKNOWN)
    violations = ceiling("us/fine/va_violation", violations=count)
    assert violations == Ceiling(EXACT, money(str(7500 * count), "USD"))


def test_units_need_their_value():
    assert ceiling("mx/fine/mx_general") == Ceiling(UNKNOWN)
    value = {"UMA": Money(Decimal("117.31"), "MXN")}
    assert ceiling("mx/fine/mx_general", units=value) == Ceiling(EXACT, money("37539200", "MXN"))
    assert ceiling("kz/fine/kz_admin", units=value) == Ceiling(UNKNOWN)


def test_what_is_fixed_tiered_or_not_set():
    assert ceiling("de/fine/de_tdddg") == Ceiling(EXACT, money("300000", "EUR"))
    assert ceiling("il/fine/il_admin", turnover={"own": Decimal(10**9)}) == Ceiling(UNKNOWN)
    assert ceiling("ae/fine/ae_tbd") == Ceiling(NOT_SET)
    assert ceiling("id/fine/id_admin") == Ceiling(UNKNOWN)
    found = ceiling("id/fine/id_admin", turnover={"own": Decimal(1000000)}, currency="IDR")
    assert found == Ceiling(EXACT, money("20000", "IDR"))


@pytest.mark.parametrize(
    ("turnover", "amount"), [("10000000", "1000000"), ("10000000.01", "1000000.001"), ("9999999", "1000000")]
)
def test_a_percentage_that_applies_only_above(turnover: str, amount: str):
    found = ceiling("sg/fine/sg_fine", domestic={"SG": Decimal(turnover)})
    assert found == Ceiling(EXACT, money(amount, "SGD"))


def test_a_percentage_whose_threshold_lies_in_another_currency_is_open():
    [one] = exposed([fine("sg/fine/sg_fine")], Stated(currency="EUR", domestic={"SG": Decimal(10**9)}), DAY)
    assert one.ceiling == Ceiling(AT_LEAST, money("1000000", "SGD"))
    assert [part.needs for part in one.parts] == [None, "--rate EUR/SGD=RATE"]


def test_no_currency_is_converted_without_a_rate():
    name = "br/fine/br_fine"
    stated = {"domestic": {"BR": Decimal(10**9)}, "currency": "EUR"}
    assert ceiling(name, **stated) == Ceiling(OPEN, money("50000000", "BRL") + money("20000000", "EUR"))
    rates = {("EUR", "BRL"): Decimal(6)}
    assert ceiling(name, **stated, rates=rates) == Ceiling(EXACT, money("50000000", "BRL"))
    assert ceiling(name, **stated, rates={("EUR", "BRL"): Decimal(2)}) == Ceiling(
        EXACT, money("40000000.00", "BRL")
    )
    assert ceiling(name, **stated, rates={("BRL", "EUR"): Decimal("0.5")}) == Ceiling(
        EXACT, money("40000000.00", "BRL")
    )
    russian = ceiling("ru/fine/ru_leak_repeat", turnover={"own": Decimal(1)}, currency="EUR")
    assert russian == Ceiling(AT_MOST, money("500000000", "RUB"))


def test_two_limbs_of_a_transaction():
    name = "us/fine/doj_civil"
    assert ceiling(name) == Ceiling(AT_LEAST, money("377700", "USD"))
    for value, amount in (("188850", "377700"), ("188850.01", "377700.02"), ("1", "377700")):
        found = ceiling(name, multiples={"transaction": Decimal(value)})
        assert found == Ceiling(EXACT, money(amount, "USD"))


@pytest.mark.parametrize(("affected", "reached"), [(9_999_999, None), (10_000_000, True), (None, None)])
def test_the_number_of_persons_can_reach_a_fine(affected: int | None, reached: object):
    [one] = exposed([fine("kr/fine/kr_aggravated")], Stated(affected=affected), DAY)
    assert one.reached is reached


@pytest.mark.parametrize(("day", "law"), [("2026-09-10", []), ("2026-09-11", ["kr/fine/kr_aggravated"])])
def test_a_fine_has_its_first_day(day: str, law: list[str]):
    found = exposed([fine("kr/fine/kr_aggravated")], Stated(), date.fromisoformat(day))
    assert [one.fine.id for one in found if one.in_force] == law


@given(AMOUNTS, AMOUNTS)
def test_a_higher_turnover_never_lowers_a_ceiling(one: Decimal, other: Decimal):
    low, high = sorted((one, other))
    for name, key in (
        ("eu/fine/gdpr_upper", "worldwide"),
        ("ru/fine/ru_leak_repeat", "own"),
        ("cn/fine/pen2", "own"),
        ("kr/fine/kr_standard", "related"),
    ):
        ends = [ceiling(name, turnover={key: amount}).money[0].amount for amount in (low, high)]
        assert ends[0] <= ends[1]


@given(AMOUNTS)
def test_a_known_part_lies_within_what_was_said_while_it_was_unknown(turnover: Decimal):
    upper = ceiling("eu/fine/gdpr_upper", turnover={"worldwide": turnover}).money[0].amount
    assert upper >= ceiling("eu/fine/gdpr_upper").money[0].amount
    lower = ceiling("br/fine/br_fine", domestic={"BR": turnover}).money[0].amount
    assert lower <= ceiling("br/fine/br_fine").money[0].amount


@given(AMOUNTS)
def test_percentages_are_exact(turnover: Decimal):
    [one] = exposed(
        [fine("eu/fine/nis2_important")], Stated(currency="EUR", turnover={"worldwide": turnover}), DAY
    )
    assert one.parts[1].money == Money(turnover * Decimal("0.014"), "EUR")


@given(AMOUNTS, st.decimals("0.0001", 100000, places=4))
def test_a_rate_and_its_way_back(amount: Decimal, rate: Decimal):
    rates = {("EUR", "USD"): rate}
    there = converted(Money(amount, "EUR"), "USD", rates)
    assert there is not None
    assert abs(there.amount - amount * rate) <= Decimal("0.005")
    back = converted(Money(amount, "USD"), "EUR", rates)
    assert back is not None
    assert abs(back.amount * rate - amount) <= Decimal("0.0051") * max(rate, 1)
    assert converted(Money(amount, "EUR"), "JPY", rates) is None


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "much", "", "1e31", "1,5"])
def test_a_careless_amount_is_refused(text: str):
    with pytest.raises(InputError):
        decimal_of(text, "--turnover")


def test_amounts_as_people_write_them():
    assert decimal_of("1e9", "x") == decimal_of("1_000_000_000", "x") == 10**9
    assert currency_of("eur", "x") == "EUR"
    with pytest.raises(InputError):
        currency_of("EURO", "x")


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        (Stated(turnover={"worldwide": Decimal(1)}), "no currency"),
        (Stated(currency="EUR", turnover={"worldwide": Decimal(-1)}), "below zero"),
        (Stated(vehicles=-1), "below zero"),
        (Stated(currency="EUR", turnover={"own": Decimal(1)}, no_turnover=True), "that there is none"),
    ],
)
def test_what_contradicts_itself_is_refused(stated: Stated, says: str):
    with pytest.raises(InputError, match=says):
        exposed([fine("eu/fine/gdpr_upper")], stated, DAY)


def test_money_in_words():
    assert Money(Decimal("20000000.00"), "EUR").words() == "EUR 20,000,000"
    assert Money(Decimal("0.125"), "EUR").words() == "EUR 0.12"


def test_every_rule_of_the_fact_base_is_used():
    used = {one.rule for code in (*BOOK.orders, *BOOK.held) for one in fines_of(BOOK, order(code))}
    assert used == {
        "higher_of",
        "lower_of",
        "highest_of_three",
        "fixed_only",
        "pct_only",
        "pct_with_floor_and_cap",
        "pct_or_fixed_if_no_turnover",
        "per_violation",
        "per_vehicle",
        "unit_based",
        "tiered",
        "not_set",
    }


def test_the_higher_of_one_thing_is_refused():
    text = BOOK.texts["de/exposure.yaml"].replace("fixed_only", "higher_of")
    with pytest.raises(InputError, match="one thing"):
        read_fines(text, "here", BOOK.held["DE"])


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(["law", "exposure", *words])
    told = capsys.readouterr()
    return int(caught.value.code or 0), told.out, told.err


def test_the_command_shows_parts_and_ceiling(capsys):
    code, out, _ = run(capsys, "DE", "--turnover", "1e9", "--currency", "EUR", "--on", "2026-11-22")
    assert code == 0
    assert "EU  EUR 40,000,000" in out
    assert "4 % of worldwide turnover of the undertaking in the year before: EUR 40,000,000" in out
    assert "not in force on that day (law from 2027-12-11)" in out
    assert "EUR 30,000 for each vehicle: unknown; state --vehicles" in out
    assert "TDDDG, s 28(1) no 13, (2) [official] de/fine/de_tdddg" in out


def test_the_command_gives_a_document(capsys):
    code, out, _ = run(
        capsys,
        *("BR", "MX", "KR", "FR", "--json", "--on", "2026-11-22", "--currency", "eur"),
        *("--turnover-domestic", "BR=1e9", "--rate", "EUR/BRL=6.2", "--unit", "UMA=117.31:MXN"),
    )
    form = json.loads(out)
    assert code == 0
    by = {one["id"]: one for one in form["fines"]}
    assert by["br/fine/br_fine"]["ceiling"] == {
        "kind": "exact",
        "money": [{"amount": "50000000", "currency": "BRL"}],
    }
    assert by["kr/fine/kr_standard"]["ceiling"] == {"kind": "unknown", "money": []}
    assert by["mx/fine/mx_general"]["ceiling"]["money"][0]["currency"] == "MXN"
    assert form["orders"] == ["BR", "MX", "KR", "EU", "FR"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("EX",), "did you mean"),
        (("EU", "--turnover", "-1", "--currency", "EUR"), "--turnover-worldwide"),
        (("EU", "--turnover", "1e9"), "--currency"),
        (("EU", "--turnover", "1e9", "--currency", "EURO"), "no currency"),
        (("BR", "--turnover-domestic", "SG=1", "--currency", "EUR"), "BR=1e8"),
        (("EU", "--rate", "EUR=1"), "EUR/USD=1.08"),
        (("EU", "--rate", "EUR/USD=0"), "above zero"),
        (("EU", "--rate", "EUR/USD=1.1", "--rate", "USD/EUR=0.9"), "twice"),
        (("MX", "--unit", "UMA=117"), "UMA=117.31:MXN"),
        (("EU", "--vehicles", "-1"), "--vehicles"),
        (("EU", "--on", "soon"), "no day"),
    ],
)
def test_bad_input_is_refused(capsys, words: tuple[str, ...], says: str):
    code, out, err = run(capsys, *words)
    assert code == 2
    assert out == ""
    assert says in err

"""Clocks: exact over every change of the clocks, and silent where the law has no number."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.errors import InputError
from carnet.law.clocks import UNITS, Limit, clocks_of, due_of, end_of, moment, sorted_dues, zone_named
from carnet.law.lawbook import load_lawbook
from carnet.service.cli import main

BOOK = load_lawbook()
BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]
MOMENTS = st.datetimes(
    min_value=datetime.fromisoformat("1990-01-01"),
    max_value=datetime.fromisoformat("2090-01-01"),
    timezones=st.just(UTC),
)


def order(code: str):
    return BOOK.orders.get(code) or BOOK.held[code]


def dues(code: str, aware: str, zone: str = "Europe/Berlin", **moments: datetime):
    found = due_of(clocks_of(BOOK, order(code)), datetime.fromisoformat(aware), ZoneInfo(zone), moments)
    return {one.clock.id.split("/")[-1]: one for one in found}


@given(MOMENTS, st.integers(1, 2000), st.sampled_from(ZONES))
def test_hours_are_hours_that_pass(start: datetime, hours: int, zone: str):
    end = end_of(Limit(hours, "hours"), start, ZoneInfo(zone))
    assert end.astimezone(UTC) - start == timedelta(hours=hours)


@given(MOMENTS, st.integers(1, 400), st.sampled_from(ZONES))
def test_days_end_at_the_same_time_of_day_or_where_it_is_skipped_an_hour_before(
    start: datetime, days: int, zone: str
):
    where = ZoneInfo(zone)
    local = start.astimezone(where)
    end = end_of(Limit(days, "days"), start, where)
    wanted = local.replace(tzinfo=None, fold=0) + timedelta(days=days)
    away = wanted - end.replace(tzinfo=None, fold=0)
    assert timedelta(0) <= away <= timedelta(hours=24)
    if away:
        gone = wanted.replace(tzinfo=where)
        back = gone.astimezone(UTC).astimezone(where)
        assert back.replace(tzinfo=None) != wanted


@given(MOMENTS, st.integers(1, 60), st.sampled_from(ZONES))
def test_business_days_are_counted_one_by_one(start: datetime, number: int, zone: str):
    where = ZoneInfo(zone)
    first = start.astimezone(where).date()
    last = end_of(Limit(number, "business_days"), start, where).date()
    between = [first + timedelta(days=n) for n in range(1, (last - first).days + 1)]
    if zone != "Pacific/Apia":  # which left out a whole day in 2011
        assert sum(day.isoweekday() <= 5 for day in between) == number
        assert last.isoweekday() <= 5


@given(MOMENTS, st.sampled_from(UNITS), st.integers(1, 40), st.sampled_from(ZONES))
def test_a_longer_period_never_ends_earlier(start: datetime, unit: str, number: int, zone: str):
    where = ZoneInfo(zone)
    short, long = (end_of(Limit(n, unit), start, where) for n in (number, number + 1))
    # Samoa left out a whole day in 2011; a period that ends on it ends a day earlier.
    assert start < short < long or (zone == "Pacific/Apia" and start <= short <= long)


@given(MOMENTS, st.integers(1, 50))
def test_months_end_on_the_same_day_or_the_last(start: datetime, months: int):
    end = end_of(Limit(months, "months"), start, ZoneInfo("UTC"))
    assert (end.year * 12 + end.month) - (start.year * 12 + start.month) == months
    assert end.day == start.day or (end + timedelta(days=1)).day == 1
    assert end.day <= start.day


def test_72_hours_over_the_end_of_summer_time():
    one = dues("EU", "2026-10-24T10:00+02:00")["gdpr_33"]
    assert one.due is not None
    assert one.due.isoformat() == "2026-10-27T09:00:00+01:00"
    spring = dues("EU", "2026-03-28T10:00+01:00")["gdpr_33"].due
    assert spring is not None
    assert spring.isoformat() == "2026-03-31T11:00:00+02:00"


def test_a_day_keeps_its_time_over_the_end_of_summer_time():
    start = datetime(2026, 10, 24, 10, tzinfo=BERLIN)
    assert end_of(Limit(3, "days"), start, BERLIN).isoformat() == "2026-10-27T10:00:00+01:00"


@pytest.mark.parametrize(
    ("start", "day"),
    [
        ("2026-03-28T02:30:00+01:00", "2026-03-29T01:30:00+01:00"),  # 02:30 does not exist on the 29th
        ("2026-10-24T02:30:00+02:00", "2026-10-25T02:30:00+02:00"),  # happens twice: the earlier
    ],
)
def test_a_time_that_is_changed_ends_earlier(start: str, day: str):
    assert end_of(Limit(1, "days"), datetime.fromisoformat(start), BERLIN).isoformat() == day


@pytest.mark.parametrize(
    ("start", "number", "end"),
    [
        ("2026-11-20T10:00", 3, "2026-11-25"),  # a Friday
        ("2026-11-21T10:00", 3, "2026-11-25"),  # a Saturday
        ("2026-11-22T10:00", 3, "2026-11-25"),  # a Sunday
        ("2026-11-23T10:00", 3, "2026-11-26"),  # a Monday
        ("2026-11-23T10:00", 5, "2026-11-30"),
    ],
)
def test_business_days_by_hand(start: str, number: int, end: str):
    found = end_of(
        Limit(number, "business_days"), datetime.fromisoformat(start).replace(tzinfo=BERLIN), BERLIN
    )
    assert found.date() == date.fromisoformat(end)


def test_a_month_of_a_short_month():
    for start, end in (
        ("2027-01-31", "2027-02-28"),
        ("2028-01-31", "2028-02-29"),
        ("2026-11-30", "2026-12-30"),
    ):
        at = datetime.fromisoformat(f"{start}T12:00+00:00")
        assert end_of(Limit(1, "months"), at, ZoneInfo("UTC")).date() == date.fromisoformat(end)
    leap = datetime(2028, 2, 29, 12, tzinfo=UTC)
    assert end_of(Limit(1, "years"), leap, ZoneInfo("UTC")).date() == date(2029, 2, 28)


def test_what_has_no_number_has_no_deadline():
    one = dues("EU", "2026-11-22T10:00+01:00")["gdpr_34"]
    assert (one.due, one.waits_for, one.clock.limit) == (None, None, None)
    assert one.clock.words == "without undue delay"
    assert dues("IL", "2026-11-22T10:00+01:00")["il_severe"].due is None
    zealand = dues("NZ", "2026-11-22T10:00+01:00")["nz_notify"]
    assert zealand.due is None
    assert zealand.clock.expected == Limit(72, "hours")


def test_a_notice_that_runs_from_another():
    presumed = dues("EU", "2026-11-22T10:00+01:00")["nis2_final"]
    assert presumed.presumed
    assert presumed.due == datetime(2026, 12, 25, 10, tzinfo=BERLIN)
    given_then = dues(
        "EU", "2026-11-22T10:00+01:00", **{"eu/clock/nis2_notice": datetime(2026, 11, 23, 9, tzinfo=BERLIN)}
    )["nis2_final"]
    assert not given_then.presumed
    assert given_then.due == datetime(2026, 12, 23, 9, tzinfo=BERLIN)


def test_a_moment_that_is_not_stated_is_waited_for():
    waiting = dues("US", "2026-11-22T10:00+01:00", "America/New_York")["sec_8k"]
    assert waiting.due is None
    assert waiting.waits_for == "the issuer has decided that the incident is material"
    stated = dues(
        "US",
        "2026-11-22T10:00+01:00",
        "America/New_York",
        materiality_decision=datetime(2026, 11, 25, 15, tzinfo=UTC),
    )["sec_8k"]
    assert stated.due is not None
    assert stated.due.date() == date(2026, 12, 1)


@pytest.mark.parametrize(("day", "owed"), [("2027-05-13", ()), ("2027-05-14", ("in_board_72",))])
def test_a_duty_exists_from_its_first_day(day: str, owed: tuple[str, ...]):
    found = dues("IN", f"{day}T12:00+05:30", "Asia/Kolkata")
    assert tuple(name for name, one in found.items() if one.in_force and name == "in_board_72") == owed
    assert found["in_cert"].in_force


def test_the_day_is_that_of_the_order():
    late = dues("IN", "2027-05-13T20:00+00:00", "Asia/Kolkata")  # the 14th in India
    assert late["in_board_72"].in_force


def test_the_order_of_notices():
    found = sorted_dues(dues("EU", "2026-11-22T10:00+01:00").values())
    rank = [3 if not one.in_force else 1 if one.due else 2 if one.waits_for else 0 for one in found]
    assert rank == sorted(rank)
    counted = [one.due for one in found if one.due is not None and one.in_force]
    assert counted == sorted(counted)


def test_a_naive_start_is_refused():
    with pytest.raises(InputError, match="offset"):
        due_of((), datetime(2026, 11, 22, 10), BERLIN)  # noqa: DTZ001 - the naive time is what is tested


@pytest.mark.parametrize(
    ("text", "zones", "says"),
    [
        ("soon", ["UTC"], "no moment"),
        ("2026-11-22", ["UTC"], "a day alone"),
        ("2026-13-22T10:00", ["UTC"], "no moment"),
        ("2026-11-22T10:00", ["Europe/Berlin", "Asia/Tokyo"], "different moment"),
        ("2026-03-29T02:30", ["Europe/Berlin"], "does not exist"),
        ("2026-10-25T02:30", ["Europe/Berlin"], "happens twice"),
        ("9999-12-31T23:59+00:00", ["Europe/Berlin"], "that year"),
        ("0001-01-01T00:00+14:00", ["Europe/Berlin"], "that year"),
    ],
)
def test_a_careless_moment_is_refused(text: str, zones: list[str], says: str):
    with pytest.raises(InputError) as caught:
        moment(text, [ZoneInfo(one) for one in zones], "--aware")
    assert says in caught.value.what
    assert caught.value.remedy


def test_a_local_time_that_all_zones_share_is_taken():
    zones = [ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Brussels")]
    assert moment("2026-11-22T10:00", zones, "here") == datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert moment("2026-11-22T10:00Z", zones, "here") == datetime(2026, 11, 22, 10, tzinfo=UTC)


def test_a_period_beyond_all_years_is_refused():
    with pytest.raises(InputError, match="9999"):
        end_of(Limit(1, "years"), datetime(9999, 6, 1, tzinfo=UTC), ZoneInfo("UTC"))
    with pytest.raises(InputError, match="no time zone"):
        zone_named("Europe/Berlim", "--zone")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(["law", "clock", *words])
    told = capsys.readouterr()
    return int(caught.value.code or 0), told.out, told.err


def test_the_command_gives_every_notice_with_its_citation(capsys):
    code, out, _ = run(
        capsys, "eu", "DE", "BR", "--aware", "2026-11-22T10:00+01:00", "--event", "data_breach"
    )
    assert code == 0
    assert "Wed 2026-11-25 10:00 UTC+01:00 (Europe/Brussels)" in out
    assert "GDPR, Art 33(1),(3) [official] eu/clock/gdpr_33" in out
    assert "public holidays" in out
    assert "No notice of its own is held for: DE" in out
    code, out, _ = run(capsys, "EU", "BR", "--aware", "2026-11-22T10:00+01:00", "--json")
    form = json.loads(out)
    assert code == 0
    assert form["aware"] == "2026-11-22T09:00:00+00:00"
    by = {one["id"]: one for one in form["notices"]}
    assert by["br/clock/br_3bd"]["due"] == "2026-11-25T06:00:00-03:00"
    assert by["br/clock/br_3bd"]["limit"] == {"business_days": 3}
    assert by["eu/clock/gdpr_34"]["due"] is None
    assert form["lawbook"] == BOOK.digest


def test_one_zone_for_all(capsys):
    code, out, _ = run(capsys, "EU", "CN", "--aware", "2026-11-22T10:00", "--zone", "Asia/Tokyo", "--json")
    assert code == 0
    assert {one["zone"] for one in json.loads(out)["notices"]} == {"Asia/Tokyo"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("EX", "--aware", "2026-11-22T10:00Z"), "did you mean"),
        (("EU", "--aware", "2026-11-22T10:00Z", "--event", "databreach"), "did you mean data_breach"),
        (("EU", "--aware", "2026-11-22T10:00Z", "--moment", "fix=2026-11-22T10:00Z"), "fix_available"),
        (("EU", "--aware", "2026-11-22T10:00Z", "--moment", "fix_available=soon"), "no moment"),
        (("EU", "CN", "--aware", "2026-11-22T10:00"), "different moment"),
        (("EU", "--aware", "2026-11-22T10:00Z", "--zone", "Mars/Base"), "no time zone"),
    ],
)
def test_bad_input_is_refused(capsys, words: tuple[str, ...], says: str):
    code, out, err = run(capsys, *words)
    assert code == 2
    assert out == ""
    assert says in err
    assert "what to do" in err

"""Orders of which texts, routes, clocks and fines are held and no rule decides: the judge never sees them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from carnet.decide import decide
from carnet.errors import InputError, LawbookError
from carnet.law.clocks import clocks_of
from carnet.law.coverage import outcomes_of
from carnet.law.fines import fines_of
from carnet.law.held import HeldOrder
from carnet.law.lawbook import Lawbook, default_folder, lawbook_from_texts, load_lawbook
from carnet.law.orders import every_order, orders_named, read_data
from carnet.model.decision import Verdict
from carnet.model.movement import parse_movement
from carnet.service.cli.coverage import entries_of

BOOK = load_lawbook()
HELD = sorted(BOOK.held)
MARKS = {"primary": "official", "secondary": "secondary", "background": "background"}
CHINAS = {"final-text": "official", "secondary-summary": "secondary"}


@pytest.fixture(scope="module")
def world(shared: Path):
    text = (shared / "regulations" / "world.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["jurisdictions"]


@pytest.fixture(scope="module")
def china(shared: Path):
    return yaml.safe_load((shared / "regulations" / "cn.yaml").read_text(encoding="utf-8"))


def small(*folders: str) -> dict[str, str]:
    """Give the texts of the fictional order and of some others."""
    wanted = {"xa", *folders}
    return {
        path: text for path, text in BOOK.texts.items() if "/" not in path or path.split("/")[0] in wanted
    }


@pytest.fixture(scope="module")
def bare() -> Lawbook:
    """The lawbook without the orders that decide nothing."""
    away = {order.folder for order in BOOK.held.values()}
    return lawbook_from_texts(
        {path: text for path, text in BOOK.texts.items() if path.split("/")[0] not in away}
    )


def movement(origin: str, destination: str, data: str = "location.trajectory"):
    return parse_movement(
        {
            "movement": "v1",
            "date": "2026-11-22",
            "origin": origin,
            "destination": destination,
            "exporter": {"established_in": origin},
            "recipient": {"established_in": destination},
            "activity": "driving_automation",
            "purpose": "development",
            "contents": [{"name": "track", "data": data, "persons": 10}],
        },
        source="here",
    )


def test_twenty_orders_decide_nothing():
    assert len(HELD) == 20
    assert not set(BOOK.held) & set(BOOK.orders)
    for order in BOOK.held.values():
        assert order.because
        assert order.instruments


@pytest.mark.parametrize("code", HELD)
def test_a_held_order_answers_like_one_that_is_not_held(code: str, bare: Lawbook):
    for pair in ((code, "XB"), ("XB", code), (code, "CN")):
        for data in ("location.trajectory", "body"):
            one = decide(movement(*pair, data), BOOK)
            other = decide(movement(*pair, data), bare)
            assert {**one.to_mapping(), "law": None} == {**other.to_mapping(), "law": None}
            assert one.verdict is not Verdict.PERMITTED or data == "body"
            assert (code in one.not_modelled) or BOOK.held[code].within == "EU"


def test_germany_and_france_are_decided_by_the_union():
    for code in ("DE", "FR"):
        assert BOOK.held[code].within == "EU"
        decision = decide(movement(code, "US"), BOOK)
        assert "EU" in {entry.code for entry in decision.jurisdictions}
        assert code not in decision.not_modelled
    assert [str(one.code) for one in orders_named(BOOK, ["de", "FR"])] == ["EU", "DE", "FR"]


def test_an_unknown_order_is_refused_with_its_neighbours():
    with pytest.raises(InputError) as caught:
        orders_named(BOOK, ["CNN"])
    assert "CN" in (caught.value.remedy or "")


def test_clocks_and_fines_are_part_of_the_digest():
    texts = small("br")
    for path in ("br/clocks.yaml", "br/exposure.yaml", "br/routes.yaml"):
        changed = {**texts, path: texts[path] + "# x\n"}
        assert lawbook_from_texts(changed).digest != lawbook_from_texts(texts).digest
    assert read_data(BOOK) > 200


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("br/index.yaml", "because", "becuase", "did you mean because"),
        ("br/index.yaml", "modelled: false", "modelled: true", "the key 'modelled' is not known"),
        ("de/index.yaml", "within: EU", "within: EX", "does not hold"),
        ("br/clocks.yaml", "limit:", "limits:", "did you mean limit"),
        ("br/clocks.yaml", "{business_days: 3}", "{business_days: 3.5}", "whole number"),
        ("br/clocks.yaml", "{business_days: 3}", "{hours: 3, days: 1}", "exactly one unit"),
        ("br/clocks.yaml", "{business_days: 3}", "{weeks: 3}", "weeks"),
        ("br/clocks.yaml", "  compare: not_later_than\n", "", "go together"),
        ("br/clocks.yaml", "instrument: lgpd", "instrument: lgdp", "did you mean lgpd"),
        ("br/clocks.yaml", "br/clock/br_supplement", "br/clock/br_3bd", "twice"),
        ("br/clocks.yaml", "br/clock/br_supplement", "ru/clock/br_supplement", "no clock of this order"),
        ("my/clocks.yaml", "starts: my/clock/my_72", "starts: my/clock/my_7", "stand above"),
        ("my/clocks.yaml", "starts: my/clock/my_72", "starts: fixed", "needs words"),
        ("br/clocks.yaml", "event: data_breach", "event: databreach", "did you mean data_breach"),
        ("br/exposure.yaml", "rule: lower_of", "rule: lowest_of", "did you mean lower_of"),
        ("br/exposure.yaml", "rule: lower_of", "rule: fixed_only", "has no percent"),
        ("br/exposure.yaml", "rule: lower_of", "rule: highest_of_three", "needs multiple"),
        ("br/exposure.yaml", "amount: 50000000", "amount: -1", "from zero up"),
        ("br/exposure.yaml", "currency: BRL", "currency: R$", "is no currency"),
        ("br/exposure.yaml", "of: group_domestic", "of: group", "the turnover"),
        ("br/exposure.yaml", "br/fine/br_fine", "br/br_fine", "no fine of this order"),
        ("br/routes.yaml", "kind: route", "kind: road", "one of: duty_on_every_route"),
        ("br/routes.yaml", "br/route/scc", "br/route/bcr", "twice"),
        ("br/parameters.yaml", "value: 15", "valve: 15", "did you mean value"),
    ],
)
def test_careless_data_are_refused_with_their_place(file: str, old: str, new: str, says: str):
    texts = small(file.split("/", maxsplit=1)[0])
    assert old in texts[file]
    with pytest.raises(LawbookError) as caught:
        read_data(lawbook_from_texts({**texts, file: texts[file].replace(old, new)}))
    assert says in f"{caught.value.what} {caught.value.remedy}"
    assert file in (caught.value.where or "")


def test_rules_beside_an_index_that_knows_of_none_are_refused():
    with pytest.raises(LawbookError, match="has rules"):
        lawbook_from_texts({**small("br"), "br/rules/x.yaml": "rules: []\n"})


def test_one_order_has_one_folder():
    one = small("br")
    twice = {path.replace("br/", "bs/"): text for path, text in one.items()}
    with pytest.raises(LawbookError, match="twice"):
        lawbook_from_texts({**one, **twice})


def test_every_order_of_the_fact_base_is_here(world):
    codes = {code.upper() for code in world}
    assert codes <= {str(order.code) for order in every_order(BOOK)}


HOURS = {"hours": 1, "days": 24, "business_days": 24, "months": 720, "years": 8760}
SPLIT = {"au_ndb": ("au_assessment",)}
"""Where one entry of the fact base holds two periods under a name that only one of them keeps."""
PROXIES = {"il/clock/il_severe"}
"""A number of the fact base that it calls a planning proxy for "immediately": no number of the law."""


def test_every_clock_of_the_fact_base_is_held_with_its_number(world, china):
    base = {
        (code, one["id"]): (one["deadline_hours"], MARKS[one["confidence"]])
        for code, held in world.items()
        for one in held.get("breach_clocks", [])
    }
    base |= {
        ("cn", one["id"].lower()): (
            (one["deadline_minutes"] or 0) / 60 or None,
            CHINAS[one["confidence"]],
        )
        for one in china["incident_clocks"]
    }
    assert len(base) > 50
    orders = {order.folder: order for order in every_order(BOOK)}
    for (code, name), (hours, mark) in base.items():
        every = {one.id.split("/")[-1]: one for one in clocks_of(BOOK, orders[code])}
        mine = [every[one] for one in (name, *SPLIT.get(name, ())) if one in every]
        mine = mine or [one for key, one in every.items() if key.startswith(f"{name}_")]
        assert mine, name
        numbers = {
            limit.number * HOURS[limit.unit]
            for one in mine
            for limit in (one.limit, one.expected)
            if limit is not None
        }
        assert hours is None or hours in numbers or f"{code}/clock/{name}" in PROXIES, name
        assert mark in {one.certainty for one in mine}


def test_every_fine_of_the_fact_base_is_held_with_its_numbers(world, china):
    orders = {order.folder: order for order in every_order(BOOK)}
    for code, held in world.items():
        for one in held.get("penalties", []):
            [fine] = [fine for fine in fines_of(BOOK, orders[code]) if fine.id == f"{code}/fine/{one['id']}"]
            assert fine.rule == one["rule"]
            assert fine.certainty == MARKS[one["confidence"]]
            assert fine.conduct == " ".join(one["conduct"].split())
            if one["fixed_cap"] is None:
                assert fine.fixed is None
            else:
                assert fine.fixed is not None
                assert (fine.fixed.amount, fine.fixed.currency) == (one["fixed_cap"], one["currency"])
            percent = one["turnover_pct"]
            assert (fine.percent is None) == (percent is None)
            assert percent is None or float(fine.percent or 0) == percent
            assert (fine.most_units, fine.least_units) == (one.get("units_max"), one.get("units_min"))
            times = {one[key] for key in one if key.startswith("multiplier_of_")}
            assert ({float(fine.times)} if fine.times is not None else set()) == times
            assert (float(fine.floor.amount) if fine.floor else None) == one.get("floor")
    for one in china["penalties"]:
        [fine] = [fine for fine in fines_of(BOOK, orders["cn"]) if fine.id == f"cn/fine/{one['id'].lower()}"]
        assert (int(fine.fixed.amount) if fine.fixed else None) == one.get("max_fine_cny")
        assert (float(fine.percent) if fine.percent else None) == one.get("max_turnover_percent")
        assert fine.certainty == CHINAS[one["confidence"]]


@pytest.mark.parametrize("code", [code for code in HELD if BOOK.held[code].within is None])
def test_no_entry_on_a_held_order_is_left_out(code: str, world):
    order = BOOK.held[code]
    told = {one.path for one in entries_of(default_folder(), order)}
    for section, entries in world[order.folder].items():
        if section in {"name", "regulator", "inherits"}:
            continue
        if isinstance(entries, list):
            names = {
                f"{section}.{one['id']}" if "id" in one else f"{section}[{number}]"
                for number, one in enumerate(entries)
            }
            assert names <= told
        else:
            assert section in told


def test_the_account_of_the_union_speaks_for_its_members():
    entries = {one.path: one for one in entries_of(default_folder(), BOOK.orders["EU"])}
    assert entries["de.penalties.de_tdddg"].data == ("de/fine/de_tdddg",)
    assert outcomes_of(entries["de.penalties.de_tdddg"], BOOK.orders["EU"]) == ("parameter",)


def test_routes_are_the_fact_bases(world):
    for order in BOOK.held.values():
        base = {one["id"]: one for one in world[order.folder].get("transfer_mechanisms", [])}
        mine = {one.id.split("/")[-1]: one for one in order.routes if "/route/" in one.id}
        assert set(mine) == set(base)
        for name, one in base.items():
            assert mine[name].certainty == MARKS[one["confidence"]]
            assert mine[name].kind == one.get("kind", "route")


def test_a_parameter_of_a_held_order_has_its_day():
    order = BOOK.held["VN"]
    assert isinstance(order, HeldOrder)
    value = order.parameters["vn/dossier_days"]
    assert value.on(date(2025, 12, 31)) is None
    found = value.on(date(2026, 1, 1))
    assert found is not None
    assert found.value == 60

"""A company's own rules: an order beside the law, which can only tighten what the law says."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carnet.decide import decide
from carnet.errors import LawbookError
from carnet.law.casebook import read_cases
from carnet.law.lawbook import default_folder, lawbook_from_texts, load_lawbook
from carnet.model.decision import DETERMINATIONS, STRICTNESS
from carnet.model.movement import Movement, parse_movement

INDEX = """index: v1
code: ZZ
name: Example Motors, own rules
time_zone: Europe/Berlin
law_from: 2020-01-01
countries: []
reach: {{any: [{{fact: origin, is: CN}}, {{not: {{fact: origin, is: CN}}}}]}}
default: {{says: The company asks for nothing., source: {{instrument: policy, article: whole}}, certainty: official}}
{more}"""
INSTRUMENTS = "policy: {short: Policy, title: Data policy of Example Motors, certainty: official}\n"
RULE = """rules:
- id: company/policy/one
  title: A rule
  source: {{instrument: policy, article: "1"}}
  certainty: official
  in_force: {{from: 2020-01-01}}
{classes}{when}  effect: {effect}
  says: The company asks for it.
{duties}"""
EFFECTS = [
    "{prohibits: true}",
    "{requires: {need: leave, routes: [licence]}}",
    "{requires: {need: paper, routes: [standard_contract, scc]}}",
    "{prerequisite: {what: geodata_approval}}",
    "{determines: important}",
    "{determines: personal}",
    "{notes: true}",
    "{satisfies: {need: chapter_v, by: scc}}",
    "{offers: {need: contract, routes: [bcr]}}",
    "{owes: true}",
]
CLASSES = ["", '  classes: ["*"]\n', "  classes: [image]\n", "  classes: [location, driving.dynamics]\n"]
WHEN = [
    "",
    "  when: {fact: destination, is: DE}\n",
    "  when: {fact: persons, at_least: 1}\n",
    "  when: {not: {fact: recipient.relation, is: affiliate}}\n",
    "  when: {fact: vehicles, exceeds: 10}\n",
    "  when: {fact: sensitive_places, is: true}\n",
]
DUTY = "  duties:\n  - {what: ask the works council, who: exporter, when: before}\n"


def company(rule: str = "", more: str = "") -> dict[str, str]:
    texts = {
        "company/index.yaml": INDEX.format(more=more),
        "company/instruments.yaml": INSTRUMENTS,
        "company/parameters.yaml": "{}\n",
    }
    return texts | ({"company/rules/own.yaml": rule} if rule else {})


@lru_cache(maxsize=1)
def movements() -> tuple[Movement, ...]:
    paths = sorted(default_folder().glob("*/cases/*.yaml"))
    return tuple(c.movement for p in paths for c in read_cases(p.read_text(encoding="utf-8"), str(p)))


@lru_cache(maxsize=64)
def with_rule(classes: str, when: str, effect: str):
    if "persons" in when and not classes:
        classes = CLASSES[1]
    if ("vehicles" in when or "sensitive_places" in when) and not classes:
        classes = CLASSES[1]
    about_content = effect.startswith("{determines")
    if about_content and not classes:
        classes = CLASSES[1]
    if effect.startswith(("{requires", "{satisfies", "{offers")):
        classes = ""
        when = WHEN[1] if "persons" in when or "vehicles" in when or "sensitive" in when else when
    duties = DUTY if effect == "{owes: true}" else ""
    rule = RULE.format(classes=classes, when=when, effect=effect, duties=duties)
    book = load_lawbook()
    shared = {name: book.texts[name] for name in ("facts.yaml", "vocabulary.yaml")}
    # Alone: reading every order again for each rule takes long.
    own = lawbook_from_texts({**shared, **company(rule)})
    return replace(book, orders={**book.orders, **own.orders})


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(CLASSES),
    st.sampled_from(WHEN),
    st.sampled_from(EFFECTS),
    st.integers(min_value=0, max_value=10_000),
)
def test_a_company_rule_never_loosens_what_the_law_says(classes, when, effect, number):
    movement = movements()[number % len(movements())]
    plain = decide(movement, load_lawbook())
    tighter = decide(movement, with_rule(classes, when, effect))
    assert STRICTNESS.index(tighter.verdict) >= STRICTNESS.index(plain.verdict)
    for entry in plain.jurisdictions:
        assert tighter.entry(entry.code) == entry
    assert {one.id for one in plain.duties} <= {one.id for one in tighter.duties}
    assert tighter.not_modelled == plain.not_modelled
    for before, after in zip(plain.contents, tighter.contents, strict=True):
        if before.determination == "undecided":
            assert after.determination in {"undecided", "important"}
        else:
            ranks = [*DETERMINATIONS]
            same_or_stricter = ranks.index(after.determination) <= ranks.index(before.determination)
            assert after.determination == "undecided" or same_or_stricter


def elsewhere() -> Movement:
    """A movement between two countries whose law nobody holds."""
    return parse_movement(
        {
            "movement": "v1",
            "date": "2026-08-01",
            "origin": "FJ",
            "destination": "PG",
            "exporter": {"established_in": "FJ"},
            "recipient": {"established_in": "PG", "relation": "controller"},
            "activity": "research_design",
            "contents": [{"name": "item", "data": "driving.dynamics", "persons": 0}],
        },
        source="test",
    )


def test_where_no_law_answers_a_company_cannot_permit():
    plain = decide(elsewhere(), load_lawbook())
    own = decide(elsewhere(), lawbook_from_texts({**load_lawbook().texts, **company()}))
    assert own.entry("ZZ") is not None
    assert (plain.verdict, own.verdict) == ("undecided", "undecided")
    assert own.contents[0].determination == "undecided"
    assert own.missing


def test_the_digest_tells_that_company_rules_are_there(tmp_path: Path):
    for path, text in company().items():
        place = tmp_path / Path(path).relative_to("company")
        place.parent.mkdir(exist_ok=True)
        place.write_text(text, "utf-8")
    assert load_lawbook(None, tmp_path).digest != load_lawbook().digest
    assert load_lawbook(None, tmp_path).orders["ZZ"].overlay
    with pytest.raises(LawbookError, match="no such folder"):
        load_lawbook(None, tmp_path / "nothing")


@pytest.mark.parametrize(
    ("effect", "more"),
    [
        ("{permits: true}", ""),
        ("{exempts: {from: [personal], as: EX1}}", "  classes: ['*']\n"),
        ("{relies_on: EX5}", ""),
        ("{exceptional: derogation}", ""),
    ],
)
def test_a_company_rule_that_would_permit_is_refused(effect, more):
    rule = RULE.format(classes=more, when="", effect=effect, duties="")
    with pytest.raises(LawbookError, match="may only tighten") as caught:
        lawbook_from_texts({**load_lawbook().texts, **company(rule)})
    assert "company/rules/own.yaml, line 2" in caught.value.where


@pytest.mark.parametrize(("was", "now"), [("code: ZZ", "code: DE"), ("countries: []", "countries: [FJ]")])
def test_a_company_that_claims_a_country_is_refused(was, now):
    texts = company()
    texts["company/index.yaml"] = texts["company/index.yaml"].replace(was, now)
    with pytest.raises(LawbookError, match="country"):
        lawbook_from_texts({**load_lawbook().texts, **texts})

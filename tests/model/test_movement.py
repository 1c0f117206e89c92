"""The movement document: inverse forms, agreement with the published schema, refusals with place."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.errors import MovementError, UnreadableError
from carnet.model import movement as m
from carnet.model.countries import COUNTRIES
from carnet.model.movement import NO_ZONE, parse_movement

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs" / "reference" / "movement.schema.json").read_text(encoding="utf-8"))
VALID = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker(["date"]))

text = st.text("abcdefghijklmnopqrstuvwxyzäé 文", min_size=1, max_size=8)
days = st.dates(date(2000, 1, 1), date(2040, 1, 1)).map(str)
countries = st.sampled_from(sorted(COUNTRIES))
counts = st.integers(0, 10**9)
facts = st.dictionaries(
    st.sampled_from(
        ["hours", "sensitive_places", "ota_safety_functions", "note", "recall_lower_bound.faces"]
    ),
    st.booleans() | counts | st.floats(0, 1e6) | text | st.lists(text, max_size=2),
    max_size=3,
)
extensions = st.dictionaries(text.map(lambda t: f"x-{t}"), st.booleans() | text, max_size=1)


def mapping(need, **may):
    return st.builds(
        lambda base, more: {**base, **more}, st.fixed_dictionaries(need, optional=may), extensions
    )


def some(names):
    return st.lists(st.sampled_from(names), max_size=3, unique=True)


exporter = mapping(
    {"established_in": countries},
    id=text,
    name=text,
    roles=some(m.ROLES),
    critical_infrastructure=st.booleans(),
    free_trade_zone=st.none() | text,
    relation=st.just("data_subject"),
    facts=facts,
)
recipient = mapping(
    {"established_in": countries},
    id=text,
    name=text,
    located_in=countries,
    relation=st.sampled_from(m.RELATIONS),
    owned_from=st.lists(countries, max_size=2),
    certified_under=st.lists(text, max_size=2),
    facts=facts,
)
safeguard = mapping(
    {"kind": st.sampled_from(m.SAFEGUARDS)},
    passed=days,
    until=days,
    reference=text,
    outcome=st.sampled_from(m.OUTCOMES),
    covers=mapping({}, recipient=text, purpose=text, data=st.lists(text, max_size=2)),
    authority=text,
    subject=text,
)
content = mapping(
    {"name": text, "data": st.sampled_from(["image.exterior", "location", "unknown"])},
    about=st.lists(countries, max_size=2),
    persons=counts,
    persons_new_this_year=counts,
    vehicles=counts,
    removed=some(m.PARTS),
    replaced=some(m.PARTS),
    made_by=mapping({}, established_in=countries, owned_from=st.lists(countries, max_size=2)),
    facts=facts,
)
history = mapping(
    {"from": days, "to": days, "measure": st.sampled_from(m.MEASURES), "value": counts | st.floats(0, 1e6)},
    recipient=text,
)
documents = mapping(
    {
        "movement": st.just("v1"),
        "origin": countries,
        "destination": countries,
        "exporter": exporter,
        "recipient": recipient,
        "activity": st.sampled_from(m.ACTIVITIES),
        "contents": st.lists(content, min_size=1, max_size=3, unique_by=lambda c: c["name"]),
    },
    title=text,
    date=days,
    held_in=countries,
    mode=st.sampled_from(m.MODES),
    purpose=text,
    agreement=st.sampled_from(m.AGREEMENTS),
    basis=some(m.BASES),
    safeguards=st.lists(safeguard, max_size=2),
    year_to_date=mapping({}, persons=counts, persons_sensitive=counts),
    totals=mapping({}, persons=counts, persons_sensitive=counts, devices=counts),
    history=st.lists(history, max_size=2),
    facts=facts,
)


@given(documents)
@settings(max_examples=150)
def test_reading_and_writing_are_inverse(document):
    first = parse_movement(document, source="t")
    written = first.to_mapping()
    assert parse_movement(written, source="t") == first
    assert parse_movement(json.dumps(written), source="t") == first
    assert VALID.is_valid(written)


def _places(value, path=()):
    yield path
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _places(one, (*path, key))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _places(one, (*path, number))


def _changed(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _changed(value[path[0]], path[1:], new)
    return copy


@given(documents, st.data())
@settings(max_examples=250)
def test_one_wrong_value_is_refused_here_where_the_schema_refuses_it(document, data):
    places = [
        p for p in _places(document) if p and not any(str(k) == "facts" or str(k).startswith("x-") for k in p)
    ]
    path = data.draw(st.sampled_from(places))
    wrong = data.draw(st.sampled_from(["ZZ", -1, 1.5, True, None, [], {}, "2026-13-01", {"stranger": 1}]))
    changed = _changed(document, path, wrong)
    names = (
        [c.get("name") for c in changed["contents"] if isinstance(c, dict)]
        if isinstance(changed["contents"], list)
        else []
    )
    if len(names) != len({str(n) for n in names}) or path[-1] == "subject":
        return  # two contents of one name, and `subject: null`, are told apart only here
    if VALID.is_valid(changed):
        parse_movement(changed, source="t")
        return
    with pytest.raises(MovementError) as caught:
        parse_movement(changed, source="t")
    assert caught.value.where
    assert caught.value.remedy


def test_the_example_of_the_contract_is_read(shared):
    import re

    page = (shared / "design" / "movement.md").read_text(encoding="utf-8")
    found = re.search(r"```yaml\n(movement: v1.*?)```", page, re.DOTALL)
    assert found is not None
    movement = parse_movement(found.group(1), source="movement.md")
    assert movement.exporter.free_trade_zone == NO_ZONE
    assert movement.contents[0].removed == ("faces", "plates")


def test_the_committed_schema_is_the_published_one(shared):
    published = json.loads((shared / "design" / "movement.schema.json").read_text(encoding="utf-8"))
    assert published == SCHEMA


DOCUMENT = """\
movement: v1
origin: CN
destination: DE
exporter: {established_in: CN}
recipient: {established_in: DE}
activity: other
contents:
- name: a
  data: image.exterior
  persons: 3
"""


@pytest.mark.parametrize(
    ("old", "new", "says", "where"),
    [
        ("persons: 3", "person: 3", "the field 'person' is not known", "line 10, contents[0].person"),
        ("persons: 3", "persons: -1", "below zero", "line 10, contents[0].persons"),
        ("persons: 3", "persons: 1" + "0" * 400, "too large", "line 10, contents[0].persons"),
        ("persons: 3", "facts: {hours: 1" + "0" * 400 + "}", "too large", "contents[0].facts.hours"),
        ("activity: other", 'title: "\\e[31mred"\nactivity: other', "control character", "line 6, title"),
        ("persons: 3", "persons: many", "a whole number is wanted", "line 10"),
        ("origin: CN", "origin: China", "the country 'China' is not known", "line 2, origin"),
        ("activity: other", "activity: otherr", "the activity 'otherr' is not known", "line 6, activity"),
        ("movement: v1", "movement: v2", "the version 'v2' is not known", "line 1, movement"),
        ("data: image.exterior", "data: Image Exterior", "no class of data", "line 9, contents[0].data"),
        ("activity: other", "date: 2026-02-30\nactivity: other", "no day", "line 6, date"),
        (
            "recipient: {established_in: DE}",
            "recipient: {}",
            "'established_in' is missing",
            "line 5, recipient",
        ),
        (
            "- name: a",
            "- name: a\n  data: text\n- name: a",
            "two contents have this name",
            "contents[1].name",
        ),
    ],
)
def test_a_refusal_says_what_where_and_what_to_do(old, new, says, where):
    with pytest.raises(MovementError) as caught:
        parse_movement(DOCUMENT.replace(old, new), source="m.yaml")
    assert says in caught.value.what
    assert where in (caught.value.where or "")
    assert caught.value.remedy


def test_absent_is_unknown_and_null_zone_is_no_zone():
    movement = parse_movement(DOCUMENT, source="t", today=date(2026, 8, 1))
    assert movement.exporter.critical_infrastructure is None
    assert movement.exporter.free_trade_zone is None
    assert movement.safeguards is None
    assert movement.date == date(2026, 8, 1)
    told = parse_movement(
        DOCUMENT.replace("{established_in: CN}", "{established_in: CN, free_trade_zone: null}"), source="t"
    )
    assert told.exporter.free_trade_zone == NO_ZONE
    assert told.to_mapping()["exporter"]["free_trade_zone"] is None


@pytest.mark.parametrize("raw", ["", "[]", "just text", "{", "movement: v1\nmovement: v1\n"])
def test_what_is_no_movement_is_refused(raw):
    with pytest.raises((MovementError, UnreadableError)):
        parse_movement(raw, source="t")

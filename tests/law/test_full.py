"""The full explanation: all candidates, each with what it asks, what was found, and whether that is so."""

from __future__ import annotations

import json

import pytest

from carnet.decide import decide
from carnet.law import full
from carnet.law.full import explain_fully
from carnet.law.lawbook import load_lawbook
from carnet.model.movement import parse_movement

BOOK = load_lawbook()
FORM = {
    "movement": "v1",
    "date": "2026-11-21",
    "origin": "CN",
    "destination": "DE",
    "exporter": {"established_in": "CN", "critical_infrastructure": False, "free_trade_zone": None},
    "recipient": {"established_in": "DE", "relation": "affiliate"},
    "activity": "driving_automation",
    "contents": [
        {"name": "camera", "data": "image.exterior", "persons": 40, "facts": {"sensitive_places": False}},
        {"name": "orders", "data": "customer.order", "persons": 7},
    ],
}
MOVEMENT = parse_movement(FORM, source="t")


def test_every_rule_that_speaks_of_the_movement_or_a_class_is_there_with_every_comparison():
    found = {one.code: one for one in explain_fully(MOVEMENT, BOOK)}
    assert set(found) == {entry.code for entry in decide(MOVEMENT, BOOK).jurisdictions}
    law = BOOK.orders["CN"].on(MOVEMENT.date)
    expected = {(live.rule.id, None) for live in law.about_all}
    for content in MOVEMENT.contents:
        expected |= {(live.rule.id, content.name) for live in law.content[content.data]}
    listed = found["CN"].candidates
    assert {(one.rule, one.content) for one in listed} == expected
    leaves = {live.rule.id: len(live.when.leaves()) for live in law.every}
    assert all(len(one.conditions) == leaves[one.rule] for one in listed)
    json.dumps([one.to_mapping() for one in found.values()], allow_nan=False)


def test_a_comparison_says_its_value_and_its_truth():
    cn = next(one for one in explain_fully(MOVEMENT, BOOK) if one.code == "CN")
    rule = next(one for one in cn.candidates if one.rule == "cn/guide_2026/g3" and one.content == "camera")
    assert rule.truth is False
    assert [one.to_mapping() for one in rule.conditions] == [
        {"fact": "sensitive_places", "is": True, "used": False, "truth": False}
    ]
    other = next(one for one in cn.candidates if one.rule == "cn/guide_2026/g4" and one.content == "camera")
    assert other.truth is None
    assert [(one.used, one.truth) for one in other.conditions] == [(None, None)]


def test_what_speaks_is_true_and_what_is_silent_is_not():
    decision = decide(MOVEMENT, BOOK)
    spoken = {
        (finding.rule, finding.content)
        for one in (*decision.jurisdictions, *decision.contents)
        for finding in one.findings
        if finding.outcome not in {"undecided", "excepted"} and not finding.rule.endswith("/default")
    }
    truths = {(c.rule, c.content): c.truth for one in explain_fully(MOVEMENT, BOOK) for c in one.candidates}
    assert spoken
    assert all(truths[key] is True for key in spoken)


def test_what_too_many_rules_leave_out_is_counted(monkeypatch: pytest.MonkeyPatch):
    all_of_them = {one.code: len(one.candidates) for one in explain_fully(MOVEMENT, BOOK)}
    monkeypatch.setattr(full, "LISTED", 3)
    for one in explain_fully(MOVEMENT, BOOK):
        assert len(one.candidates) + one.out_by_guard == all_of_them[one.code]
        assert one.out_by_guard > 0 or one.code == "XA"

"""Cedar as an independent oracle: somebody else's engine says of every rule what ours says, where all is known."""

import random
from datetime import date, timedelta

import pytest

from carnet.law.cedar import attribute, context_value, policies, request
from carnet.law.conditions import Always, Leaf
from carnet.law.lawbook import load_lawbook

cedarpy = pytest.importorskip("cedarpy", reason="the independent oracle is left out")
DAYS = (date(2022, 6, 1), date(2024, 6, 1), date(2026, 11, 22))
DRAWN, KEPT = 20_000, 5


class Known:
    """Answers what a condition asks from a table in which nothing is unknown."""

    def __init__(self, values):
        self.values = values

    def member(self, _, fact, operator, operand):  # noqa: ARG002 - one face for all who are asked
        return self.values[fact]

    def number(self, _, fact, over):
        value = self.values[fact if over is None else (fact, over)]
        return (value, value)

    def derived(self, fact):
        return self.values[fact], None


def candidates(leaves):
    """The values worth trying for a fact: at, below and above every number, every word, and another one."""
    out = {}
    for leaf in leaves:
        key = leaf.fact if leaf.over is None else (leaf.fact, leaf.over)
        found = out.setdefault(key, (leaf, []))[1]
        value = leaf.value
        if leaf.derived or value is True or value is False:
            found += [True, False]
        elif leaf.numeric:
            found += [value, value - 1, value + 1, 0]
        elif leaf.operator in {"before", "on_or_after"}:
            day = date.fromisoformat(value)
            found += [(day + timedelta(days=n)).isoformat() for n in (-1, 0, 1)]
        elif leaf.operator in {"includes", "includes_any"}:
            members = sorted(value) if leaf.operator == "includes_any" else [value]
            found += [frozenset(), frozenset(members), frozenset(members[:1]), frozenset({"other"})]
        else:
            found += [*(sorted(value) if leaf.operator == "is_one_of" else [value]), "other"]
    return out


def conditions_of(live):
    return (live.when, *(one for _, one in live.exceptions))


@pytest.mark.parametrize("day", DAYS, ids=str)
@pytest.mark.parametrize("code", ["CN", "EU", "US", "GB", "CH", "JP", "KR", "XA"])
def test_cedar_says_of_every_rule_what_we_say(code, day):
    law = load_lawbook().orders[code].on(day)
    if not law.every:
        pytest.skip(f"the lawbook holds no rule of {code} on {day}: there is nothing to compare")
    chance = random.Random(f"{code} {day}")
    asked, ours, one_sided = [], [], []
    for live in law.every:
        table = candidates([leaf for one in conditions_of(live) for leaf in one.leaves()])
        seen = {True: 0, False: 0}
        for _ in range(DRAWN):
            values = {key: chance.choice(found) for key, (_, found) in table.items()}
            known = Known(values)
            truth = live.when.test(known, 0) and not any(one.test(known, 0) for _, one in live.exceptions)
            assert truth is not None
            if seen[truth] < KEPT:
                seen[truth] += 1
                context = {
                    attribute(leaf): context_value(leaf, values[key]) for key, (leaf, _) in table.items()
                }
                asked.append(request(live.rule.id, context))
                ours.append((live.rule.id, truth))
            if min(seen.values()) == KEPT:
                break
        # A list that is empty on this day names nothing: a rule that asks for it cannot hold yet.
        empty = any(leaf.value == frozenset() for one in conditions_of(live) for leaf in one.leaves())
        if 0 in seen.values() and not isinstance(live.when, Always) and not empty:
            one_sided.append(live.rule.id)
    answers = cedarpy.is_authorized_batch(asked, policies(law.every), [])
    wrong = {
        rule
        for (rule, truth), answer in zip(ours, answers, strict=True)
        if answer.allowed is not truth or answer.diagnostics.errors
    }
    assert sorted(wrong) == []
    assert one_sided == [], "these were not seen both to hold and not to hold"


def test_a_number_with_more_decimals_than_the_scale_is_refused():
    with pytest.raises(ValueError, match="decimals"):
        context_value(Leaf("horizontal_accuracy_m", "at_most", 1, numeric=True), 0.00001)

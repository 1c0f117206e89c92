"""The rules of three legal orders before Cedar, Rego and Casbin, and before our own closures, in one run.

Every engine gets the same rules and the same facts, all of them known, and says of each rule whether it holds.
`python scripts/bench_rules.py` alone, or as part of `make bench`; the peers live in `.venv-bench`.
"""

from __future__ import annotations

import json
import random
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from carnet.law.cedar import attribute, context_value, policies
from carnet.law.compiled import LiveRule
from carnet.law.conditions import All, Always, AnyOf, Condition, Leaf, Not, Stated, Term
from carnet.law.lawbook import load_lawbook

DAY = date(2026, 11, 22)
ORDERS = ("CN", "EU", "GB")
MOVEMENTS = 200
PEERS = Path(__file__).resolve().parent.parent / ".venv-bench" / "bin" / "python"
_REGO = {"at_least": ">=", "exceeds": ">", "at_most": "<=", "fewer_than": "<", "is": "=="}
_REGO |= {"on_or_after": ">=", "before": "<"}


def conditions_of(live: LiveRule) -> tuple[Condition, ...]:
    """Give a rule's condition and those of its exceptions."""
    return (live.when, *(one for _, one in live.exceptions))


def values_of(leaf: Leaf) -> list[Any]:
    """Give values worth trying: on both sides of every comparison."""
    value = leaf.value
    if leaf.derived or isinstance(value, bool):
        return [True, False]
    if leaf.numeric:
        return [value, value - 1, value + 1]
    if leaf.operator in {"before", "on_or_after"}:
        day = date.fromisoformat(value)
        return [(day + timedelta(days=n)).isoformat() for n in (-1, 0)]
    if leaf.operator in {"includes", "includes_any"}:
        members = sorted(value) if leaf.operator == "includes_any" else [value]
        return [frozenset(), frozenset(members), frozenset(members[:1])]
    return [*(sorted(value) if leaf.operator == "is_one_of" else [value]), "other"]


class Rego:
    """Writes conditions as Rego: one numbered rule for each part."""

    def __init__(self) -> None:
        self.lines = ["package law", "import rego.v1"]
        self.count = 0

    def part(self, condition: Condition) -> str:
        """Write a condition and give the name of its rule."""
        match condition:
            case Stated(part) | Term(_, part):
                return self.part(part)
            case Not(part):
                bodies = [f"not {self.part(part)}"]
            case All(parts):
                bodies = ["; ".join(self.part(one) for one in parts)]
            case AnyOf(parts):
                bodies = [self.part(one) for one in parts]
            case Always():
                bodies = ["true"]
            case Leaf():
                bodies = [self.leaf(condition)]
            case _:
                raise TypeError(type(condition).__name__)
        self.count += 1
        name = f"n{self.count}"
        self.lines += [f"{name} if {{ {body} }}" for body in bodies]
        return name

    def leaf(self, leaf: Leaf) -> str:
        """Write one comparison."""
        fact = f"input[{json.dumps(attribute(leaf))}]"
        if leaf.derived:
            return f"{fact} == true"
        if leaf.operator == "is_one_of":
            return f"{fact} in {_array(leaf.value)}"
        if leaf.operator == "includes":
            return f"{json.dumps(leaf.value)} in {fact}"
        if leaf.operator == "includes_any":
            return f"some x in {fact}; x in {_array(leaf.value)}"
        return f"{fact} {_REGO[leaf.operator]} {json.dumps(_plain(leaf))}"

    def rule(self, live: LiveRule) -> None:
        """Write a rule."""
        parts = [self.part(live.when), *(f"not {self.part(one)}" for _, one in live.exceptions)]
        self.lines.append(f"holds contains {json.dumps(live.rule.id)} if {{ {'; '.join(parts)} }}")


def _plain(leaf: Leaf) -> Any:
    number = leaf.numeric or leaf.operator in {"before", "on_or_after"}
    return context_value(leaf, leaf.value) if number else leaf.value


def _array(members: Any) -> str:
    return "[" + ", ".join(json.dumps(one) for one in sorted(members)) + "]"


def casbin(condition: Condition, names: dict[str, str]) -> str:
    """Write a condition as an expression of Casbin's matcher language."""
    match condition:
        case Stated(part) | Term(_, part):
            return casbin(part, names)
        case Not(part):
            return f"!({casbin(part, names)})"
        case All(parts):
            return " && ".join(f"({casbin(one, names)})" for one in parts)
        case AnyOf(parts):
            return " || ".join(f"({casbin(one, names)})" for one in parts)
        case Always():
            return "1 == 1"
        case Leaf():
            fact = f"r.ctx.{names[attribute(condition)]}"
            if condition.derived:
                return f"{fact} == True"
            if condition.operator == "is_one_of":
                return " || ".join(f"{fact} == '{one}'" for one in sorted(condition.value)) or "1 == 2"
            if condition.operator == "includes":
                return f"'{condition.value}' in {fact}"
            if condition.operator == "includes_any":
                return " || ".join(f"'{one}' in {fact}" for one in sorted(condition.value)) or "1 == 2"
            return f"{fact} {_REGO[condition.operator]} {_plain(condition)!r}"
        case _:
            raise TypeError(type(condition).__name__)


class Known:
    """What our closures read, with nothing unknown."""

    def __init__(self, values: dict[Any, Any]) -> None:
        self.values = values
        self.views = [
            {
                k: (v, v) if isinstance(v, int | float) and not isinstance(v, bool) else v
                for k, v in values.items()
            }
        ]
        self.shared: dict[Any, Any] = {}

    def number(self, _: int, fact: str, over: tuple[str, ...] | None) -> tuple[float, float]:
        """Give a number as bounds."""
        value = self.values[fact if over is None else (fact, over)]
        return (value, value)

    def found(self, fact: str) -> bool:
        """Give what other rules found."""
        return bool(self.values[fact])


def bench_rules(line: Callable[[str, str], None]) -> None:
    """Measure ours and the peers, and print line by line."""
    book = load_lawbook()
    by_order = [book.orders[code].on(DAY).every for code in ORDERS]  # type: ignore[index] # codes as text
    live = [one for rules in by_order for one in rules]
    leaves = {}
    for one in live:
        for condition in conditions_of(one):
            for leaf in condition.leaves():
                leaves.setdefault(attribute(leaf), (leaf, set()))[1].update(values_of(leaf))
    names = {name: f"f{number}" for number, name in enumerate(leaves)}
    chance = random.Random(1)  # noqa: S311 - a benchmark's choice, no secret
    movements, ours = [], []
    for _ in range(MOVEMENTS):
        picked = {name: chance.choice(sorted(found, key=str)) for name, (_, found) in leaves.items()}
        by_key = {
            (leaf.fact if leaf.over is None else (leaf.fact, leaf.over)): picked[name]
            for name, (leaf, _) in leaves.items()
        }
        # Each order has terms of its own, so each is asked with a memory of its own.
        asked = [(rules, Known(by_key)) for rules in by_order]
        begun = time.perf_counter_ns()
        truths = {
            one.rule.id: one.test(known, 0) is True
            and not any(excepted.test(known, 0) for _, excepted in one.exceptions)
            for rules, known in asked
            for one in rules
        }
        ours.append((time.perf_counter_ns() - begun) / 1e3)
        context = {name: context_value(leaf, picked[name]) for name, (leaf, _) in leaves.items()}
        movements.append({"context": context, "ours": truths})
    rego = Rego()
    for one in live:
        rego.rule(one)
    form = {
        "rules": {
            one.rule.id: sorted({attribute(leaf) for c in conditions_of(one) for leaf in c.leaves()})
            for one in live
        },
        "names": list(leaves),
        "cedar": policies(live),
        "rego": "\n".join(rego.lines) + "\n",
        "casbin": {
            one.rule.id: " && ".join(
                [f"({casbin(one.when, names)})", *(f"!({casbin(c, names)})" for _, c in one.exceptions)]
            )
            for one in live
        },
        "movements": movements,
    }
    line(f"{len(live)} rules of {', '.join(ORDERS)}, all facts known: ours, truths alone", _figures(ours))
    if not PEERS.is_file():
        line("peers", "not installed: scripts/set-up-bench makes .venv-bench")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rules.json"
        path.write_text(json.dumps(form), "utf-8")
        peer = Path(__file__).with_name("bench_rules_peer.py")
        done = subprocess.run([PEERS, peer, path], capture_output=True, text=True, check=True)
    for name, found in json.loads(done.stdout).items():
        if "failed" in found:
            line(f"the same: {name}", f"failed: {found['failed']}")
        else:
            line(
                f"the same: {name}",
                f"{_figures(found['us'])}; answers that differ from ours: {found['differ']}",
            )


def _figures(times: list[float]) -> str:
    times = sorted(times)
    return f"p50 {times[len(times) // 2]:,.0f} us, p99 {times[int(len(times) * 0.99)]:,.0f} us"


if __name__ == "__main__":
    bench_rules(lambda what, value: print(f"  {what:<72} {value}", flush=True))

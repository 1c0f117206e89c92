"""Peers of the law engine on the same rules: run in the environment of the peers, with one JSON file.

`python bench_rules_peer.py FILE` times, for each movement of the file, how long a peer takes to say of every rule
whether it holds. That is less than deciding: no completion of unknown facts, no needs and routes, no reasons.
Each peer has parsed its policies before the clock starts. Prints JSON: by peer, microseconds for each movement,
and how many of its answers differ from ours.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Answers = dict[str, bool]


def by_cedar(form: dict[str, Any]) -> Callable[[dict[str, Any]], Answers]:
    """Ask Cedar for all rules at once."""
    import cedarpy

    parsed = cedarpy.PolicySet.from_str(form["cedar"])
    rules = form["rules"]

    def ask(context: dict[str, Any]) -> Answers:
        requests = [
            {
                "principal": 'Movement::"one"',
                "action": f"Action::{json.dumps(rule)}",
                "resource": 'Lawbook::"one"',
                "context": {name: context[name] for name in names},
            }
            for rule, names in rules.items()
        ]
        found = cedarpy.is_authorized_batch(requests, parsed, [])
        return {rule: one.allowed for rule, one in zip(rules, found, strict=True)}

    return ask


def by_rego(form: dict[str, Any]) -> Callable[[dict[str, Any]], Answers]:
    """Ask Rego for the set of rules that hold."""
    from regopy import Input, Interpreter

    building = Interpreter()
    building.add_module("law", form["rego"])
    bundle = building.build("data.law.holds")
    rego = Interpreter()

    def ask(context: dict[str, Any]) -> Answers:
        rego.set_input(Input(context))
        output = rego.query_bundle(bundle)
        holds = set(json.loads(str(output))["expressions"][0])
        return {rule: rule in holds for rule in form["rules"]}

    return ask


def by_casbin(form: dict[str, Any]) -> Callable[[dict[str, Any]], Answers]:
    """Ask Casbin once for each rule; its matcher evaluates the rule's expression over the facts."""
    import casbin
    from casbin.model import Model

    model = Model()
    model.load_model_from_text(
        "[request_definition]\nr = ctx, act\n[policy_definition]\np = rule, act\n"
        "[policy_effect]\ne = some(where (p.eft == allow))\n"
        "[matchers]\nm = r.act == p.act && eval(p.rule)\n"
    )
    enforcers = {}
    for rule, expression in form["casbin"].items():
        one = Model()
        one.load_model_from_text(model.to_text())
        enforcer = casbin.Enforcer(one)
        enforcer.add_policy(expression, rule)
        enforcers[rule] = enforcer

    class Context:
        """What an expression reads: attributes by number."""

    def ask(context: dict[str, Any]) -> Answers:
        facts = Context()
        for number, name in enumerate(form["names"]):
            setattr(facts, f"f{number}", context[name])
        return {rule: enforcer.enforce(facts, rule) for rule, enforcer in enforcers.items()}

    return ask


def main() -> None:
    """Time every peer and print the figures."""
    form = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    out: dict[str, Any] = {}
    for name, make in (("cedarpy", by_cedar), ("regopy", by_rego), ("pycasbin", by_casbin)):
        try:
            ask = make(form)
            ask(form["movements"][0]["context"])
            times: list[float] = []
            differ = 0
            for one in form["movements"]:
                begun = time.perf_counter_ns()
                found = ask(one["context"])
                times.append((time.perf_counter_ns() - begun) / 1e3)
                differ += sum(found[rule] is not truth for rule, truth in one["ours"].items())
            out[name] = {"us": sorted(times), "differ": differ}
        except Exception as error:  # noqa: BLE001 - a peer that fails is told, and the others go on
            out[name] = {"failed": f"{type(error).__name__}: {error}"[:300]}
    print(json.dumps(out))


if __name__ == "__main__":
    main()

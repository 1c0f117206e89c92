"""`carnet plan`: the least that must be taken out, or done, so that a movement may go."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from carnet.law.lawbook import load_lawbook
from carnet.model.decision import Duty
from carnet.plan import BEFORE, Option, Plan, plan
from carnet.service.cli.decide import listed, read_movement

CONSENT = (
    "that of the persons would change what {} asks for; nobody can promise it, and nothing here counts on it"
)
MANY = 2
"""From so many options on, what all of them owe afterwards is said once."""

app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


@app.command()
def main(
    movement: Annotated[
        str, typer.Argument(help="A movement document (YAML or JSON), or - for standard input.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as one JSON document.")] = False,
    day: Annotated[str | None, typer.Option("--date", help="Plan under the law of this day.")] = None,
    lawbook: Annotated[
        Path | None, typer.Option(help="A lawbook's folder instead of the one shipped.")
    ] = None,
    company: Annotated[
        Path | None, typer.Option(help="A folder with a company's own rules, which may only tighten.")
    ] = None,
) -> None:
    """Name a few ways to let a movement go, each with what is lost, what is owed and by when.

    Never a way that slices one purpose to stay under a threshold.

    Example: carnet plan movement.yaml
    """
    found = plan(read_movement(movement, day), load_lawbook(lawbook, company, kept=True))
    if as_json:
        sys.stdout.write(json.dumps(found.to_mapping(), ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write(page(found))


def page(found: Plan) -> str:
    """Give the plan as an officer reads it."""
    out = [f"As it is: {found.now.verdict.value}."]
    shared = _shared(found.options)
    for number, option in enumerate(found.options, start=1):
        out += ["", *_option(number, option, shared)]
    if shared:
        out += ["", "Whichever way:", *map(_duty, shared)]
    if not found.options:
        out += ["", "There is no way: nothing that can be taken out or done opens one."]
    if not found.exact:
        out += [
            "",
            f"Not every set was tried, only small ones: {found.why}.",
        ]
    return "\n".join([*out, ""])


def _shared(options: tuple[Option, ...]) -> tuple[Duty, ...]:
    """Give what is owed afterwards in every way, where there are several."""
    if len(options) < MANY:
        return ()
    first, *others = [[duty for duty in option.then.duties if duty.when == "after"] for option in options]
    return tuple(duty for duty in first if all(duty in other for other in others))


def _option(number: int, option: Option, shared: tuple[Duty, ...]) -> list[str]:
    lost = "; ".join(one.words() for one in option.chosen) or "take nothing out"
    out = [f"{number}. {lost}", f"   then: {option.verdict.value}"]
    out += [f"   what stays: {one.keeps}" for one in option.coarser]
    if option.prerequisites:
        out.append(f"   first obtain: {listed(option.prerequisites, ', then ')}")
    if option.decision.routes:
        out.append(f"   route: {listed(option.decision.routes)}")
    if option.do:
        steps = ", then ".join(f"{listed((one.name,))} ({', '.join(one.orders)})" for one in option.do)
        out += [f"   do, {BEFORE}: {steps}", f"   once done: {option.then.verdict.value}"]
    out += [_duty(duty) for duty in option.duties]
    later = [duty for duty in option.then.duties if duty not in option.duties and duty not in shared]
    out += [_duty(duty) for duty in later]
    out += [f"   consent: {CONSENT.format(one.order)}" for one in option.consents]
    out += [f"   declare: {one.fact} ({one.meaning}; {one.supplied_by})" for one in option.declare]
    out += [f"   confirm by measurement: {one.fact} = {json.dumps(one.value)}" for one in option.confirm]
    return out


def _duty(duty: Duty) -> str:
    by = f"; when: {duty.by}" if duty.by else ""
    return f"   {duty.when}: {duty.what}{by} ({duty.cite})"

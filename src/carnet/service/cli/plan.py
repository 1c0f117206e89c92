"""`carnet plan`: the least that must be taken out, or done, so that a movement may go."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from carnet.law.lawbook import load_lawbook
from carnet.plan import Option, Plan, plan
from carnet.service.cli.decide import listed, read_movement

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
    """Name a few ways to let a movement go, each with what is lost and what is still owed.

    Never a way that slices one purpose to stay under a threshold.

    Example: carnet plan movement.yaml
    """
    found = plan(read_movement(movement, day), load_lawbook(lawbook, company))
    if as_json:
        sys.stdout.write(json.dumps(found.to_mapping(), ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write(page(found))


def page(found: Plan) -> str:
    """Give the plan as an officer reads it."""
    out = [f"As it is: {found.now.verdict.value}."]
    for number, option in enumerate(found.options, start=1):
        out += ["", *_option(number, option)]
    if not found.options:
        out += ["", "There is no way: nothing that can be taken out or done opens one."]
    if not found.exact:
        out += [
            "",
            f"Not every set was tried, only small ones: {found.why}.",
        ]
    return "\n".join([*out, ""])


def _option(number: int, option: Option) -> list[str]:
    lost = "; ".join(one.words() for one in option.remove) or "take nothing out"
    out = [f"{number}. {lost}", f"   then: {option.verdict.value}"]
    if option.prerequisites:
        out.append(f"   first obtain: {listed(option.prerequisites, ', then ')}")
    if option.decision.routes:
        out.append(f"   route: {listed(option.decision.routes)}")
    out += [f"   before: {duty.what} ({duty.cite})" for duty in option.duties]
    out += [f"   declare: {one.fact} ({one.meaning}; {one.supplied_by})" for one in option.declare]
    out += [f"   confirm by measurement: {one.fact} = {json.dumps(one.value)}" for one in option.confirm]
    return out

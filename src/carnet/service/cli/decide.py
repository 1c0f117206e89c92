"""`carnet decide`: may this movement go? With findings, articles and duties."""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from carnet.decide import decide
from carnet.errors import (
    EXIT_CONDITIONAL,
    EXIT_DONE,
    EXIT_PROHIBITED,
    EXIT_UNDECIDED,
    InputError,
    UnreadableError,
)
from carnet.law.full import FullExplanation, explain_fully
from carnet.law.lawbook import load_lawbook
from carnet.model.decision import Decision, Entry, Finding, Verdict
from carnet.model.movement import Movement, parse_movement

app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


class Explanation(StrEnum):
    """How much is explained."""

    SHORT = "short"
    FULL = "full"


EXIT = {
    Verdict.PERMITTED: EXIT_DONE,
    Verdict.CONDITIONAL: EXIT_CONDITIONAL,
    Verdict.PROHIBITED: EXIT_PROHIBITED,
    Verdict.UNDECIDED: EXIT_UNDECIDED,
}
_SAYS = {
    Verdict.PERMITTED: "PERMITTED: no route stands open; it may go once every duty marked `before` has evidence.",
    Verdict.CONDITIONAL: "CONDITIONAL: it may go once what is named below is completed.",
    Verdict.PROHIBITED: "PROHIBITED: no route exists for it as it is.",
    Verdict.UNDECIDED: "UNDECIDED: it may not go; the answers that remain possible differ.",
}


def read_movement(path: str, day: str | None) -> Movement:
    """Read a movement from a path, or from standard input for `-`; today stands where it gives no date."""
    source = "standard input" if path == "-" else path
    try:
        raw = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise UnreadableError(
            f"the movement cannot be read: {error.strerror}",
            where=source,
            remedy="name a file, or - for input",
        ) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableError(
            "the movement is not UTF-8 text", where=source, remedy="save it as UTF-8"
        ) from None
    today = datetime.now(UTC).astimezone().date()
    movement = parse_movement(text, source=source, today=today)
    if day is None:
        return movement
    from dataclasses import replace

    try:
        return replace(movement, date=date.fromisoformat(day))
    except ValueError:
        raise InputError("the date is no day", where="--date", remedy="write it as 2026-08-01") from None


@app.command()
def main(
    movement: Annotated[
        str, typer.Argument(help="A movement document (YAML or JSON), or - for standard input.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the decision as one JSON document.")] = False,
    day: Annotated[str | None, typer.Option("--date", help="Judge under the law of this day.")] = None,
    lawbook: Annotated[
        Path | None, typer.Option(help="A lawbook's folder instead of the one shipped.")
    ] = None,
    company: Annotated[
        Path | None, typer.Option(help="A folder with a company's own rules, which may only tighten.")
    ] = None,
    explain: Annotated[
        Explanation,
        typer.Option(help="short: what the rules that speak say. full: every condition of every candidate."),
    ] = Explanation.SHORT,
) -> None:
    """Say whether a movement may go, by which route, with which duties, citing the article.

    Exit: 0 permitted, 3 conditional, 4 prohibited, 5 undecided, 2 unreadable.

    Example: carnet decide movement.yaml --json
    """
    asked = read_movement(movement, day)
    book = load_lawbook(lawbook, company, kept=True)
    decision = decide(asked, book)
    full = explain_fully(asked, book) if explain is Explanation.FULL else ()
    if as_json:
        form = decision.to_mapping()
        if full:
            form["x-full"] = [one.to_mapping() for one in full]
        sys.stdout.write(json.dumps(form, ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write(page(asked, decision) + "".join(map(full_page, full)))
    raise typer.Exit(EXIT[decision.verdict])


_TRUTH = {True: "true", False: "false", None: "unknown"}


def full_page(full: FullExplanation) -> str:
    """Give the full explanation of one legal order as an officer reads it."""
    out = [f"{full.code}: EVERY CANDIDATE RULE"]
    for one in full.candidates:
        about = f" for {one.content}" if one.content else ""
        out.append(f"  {one.rule} ({one.effect}){about}: {_TRUTH[one.truth]}")
        out += [f"    {_condition(asked.to_mapping())}" for asked in one.conditions]
        for rule, conditions in one.exceptions:
            out.append(f"    unless {rule}")
            out += [f"      {_condition(asked.to_mapping())}" for asked in conditions]
    if full.out_by_guard:
        out.append(f"  and {full.out_by_guard} rules that need something that is known to be otherwise")
    return "\n".join((*out, "", ""))


def _condition(form: dict[str, Any]) -> str:
    operator = list(form)[1]
    operand = form.get("parameter") or json.dumps(form[operator], ensure_ascii=False)
    used = "unknown" if form["used"] is None else json.dumps(form["used"], ensure_ascii=False)
    return f"[{_TRUTH[form['truth']]}] {form['fact']} {operator} {operand}; it is {used}"


def listed(names: tuple[str, ...], between: str = " or ") -> str:
    """Name routes for a person."""
    return between.join(name.replace("_", " ") for name in names)


def page(movement: Movement, decision: Decision) -> str:
    """Give the decision as an officer reads it."""
    out: list[str] = []
    if movement.title:
        out.append(movement.title)
    out += [
        f"{movement.origin} to {movement.destination}, under the law of {decision.day.isoformat()}",
        "",
        _SAYS[decision.verdict],
    ]
    for entry in decision.jurisdictions:
        out += ["", *_entry(entry)]
    out += ["", "WHAT THE CONTENTS ARE"]
    for content in decision.contents:
        by_order = "; ".join(f"{o}: {', '.join(found)}" for o, found in content.determinations.items())
        out.append(f"  {content.name}: {by_order}")
        out += [f"    - {_finding(one)}" for one in content.findings if one.outcome != "requires"]
    if decision.missing:
        out += ["", "MISSING, and it would change the answer"]
        out += [f"  {one.fact}: {one.meaning} (supplied by: {one.supplied_by})" for one in decision.missing]
    if decision.assumed:
        out += ["", "ASSUMED, to be confirmed"]
        out += [f"  {one.fact} = {json.dumps(one.value)}: {one.reason}" for one in decision.assumed]
    if decision.not_modelled:
        places = ", ".join(decision.not_modelled)
        out += ["", f"NOT HELD: the law of {places} has a say too, and this lawbook does not hold it."]
    out += ["", f"Weakest source: {decision.certainty}. Lawbook {decision.lawbook}", ""]
    return "\n".join(out)


def _finding(one: Finding) -> str:
    return f"[{one.outcome}] {one.words} ({one.cite}; {one.certainty})"


def _entry(entry: Entry) -> list[str]:
    out = [f"{entry.code}: {entry.verdict.value}"]
    if entry.note:
        out.append(f"  {entry.note}")
    if entry.prerequisites:
        out.append(f"  first: {listed(entry.prerequisites, ', then ')}")
    if entry.routes:
        more = " (which of them hangs on a missing fact)" if entry.routes_open else ""
        out.append(f"  route: {listed(entry.routes)}{more}")
    if entry.completed:
        out.append(f"  completed: {listed((entry.completed,))}")
    if entry.exemption:
        out.append(f"  relies on exemption {entry.exemption}")
    if entry.exceptional_routes:
        out.append(f"  for the single case only: {listed(entry.exceptional_routes)}")
    out += [f"  - {_finding(one)}" for one in entry.findings]
    for duty in entry.duties:
        by = f", {duty.by}" if duty.by else ""
        out.append(f"  {duty.when}: {duty.who}: {duty.what}{by} ({duty.cite})")
    return out

"""`carnet law`: read, check and test the lawbook."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from carnet.decide import decide
from carnet.errors import EXIT_CHECK_FAILED, CarnetError, InputError, LawbookError, UnreadableError
from carnet.law.casebook import (
    FAILED,
    NOT_MODELLED,
    PREFERRED,
    Case,
    CaseResult,
    Score,
    failed_to_decide,
    judge_case,
    read_cases,
)
from carnet.law.checks import check_cases
from carnet.law.consistency import check_texts
from carnet.law.lawbook import Lawbook, default_folder, load_lawbook
from carnet.law.orders import read_data
from carnet.law.pages import parameter_page
from carnet.law.rules import Parameter

app = typer.Typer(pretty_exceptions_enable=False, add_completion=False, no_args_is_help=True)

LawbookOption = Annotated[Path | None, typer.Option(help="A lawbook's folder instead of the one shipped.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def _day(text: str | None) -> date:
    if text is None:
        return datetime.now().astimezone().date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError("the date is no day", where="--on", remedy="write it as 2026-08-01") from None


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="A rule, parameter, clock, fine or route: cn/guide_2026/g7.")
    ],
    on: Annotated[str | None, typer.Option("--on", help="As of this day.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a rule's page to this file, as HTML.")] = None,
    pdf: Annotated[Path | None, typer.Option(help="Write a rule's page to this file, as PDF.")] = None,
    lang: Annotated[
        str | None, typer.Option(help="en, zh or both. Text is English unless said, HTML and PDF are both.")
    ] = None,
    lawbook: LawbookOption = None,
) -> None:
    """Show a rule, a parameter, a clock, a fine or a route as a page for lawyers.

    Example: carnet law show cn/guide_2026/g7 --html g7.html
    """
    book = load_lawbook(lawbook, kept=True)
    rule, parameter = book.rule(name), book.parameter(name)
    if rule is not None or html is not None or pdf is not None:
        from carnet.service.cli.rule_page import text_of, write_page

        if rule is None:
            raise InputError(f"{name} is no rule", remedy="leave --html and --pdf out")
        if html is None and pdf is None:
            sys.stdout.write(text_of(book, rule, _day(on), lang or "en", lawbook))
        else:
            write_page(book, rule, _day(on), html=html, pdf=pdf, language=lang or "both", folder=lawbook)
    elif parameter is not None:
        sys.stdout.write(parameter_page(parameter))
    else:
        import difflib

        from carnet.law.data_pages import data_of, data_page

        data = {one.id: one for one in data_of(book)}
        if name in data:
            found = data[name]
            page = parameter_page(found) if isinstance(found, Parameter) else data_page(found)
            sys.stdout.write(page)
            return
        known = [*data, *(r.id for o in book.orders.values() for r in o.rules)]
        known += [p for o in book.orders.values() for p in o.parameters]
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else "see the rules under lawbook/"
        raise InputError(f"the lawbook has nothing named {name!r}", remedy=hint)


def case_files(paths: list[Path]) -> list[Path]:
    """Give every case file among files and folders."""
    out: list[Path] = []
    for path in paths:
        if path.is_dir():
            out += sorted(path.rglob("*.yaml"))
        elif path.is_file():
            out.append(path)
        else:
            raise UnreadableError(
                "there is no such file or folder", where=str(path), remedy="name case files"
            )
    if not out:
        raise UnreadableError("there is no case file", remedy="name files, or a folder that holds some")
    return out


def read_all(paths: list[Path]) -> list[Case]:
    """Read the cases of files and folders."""
    cases: list[Case] = []
    for path in case_files(paths):
        try:
            cases += read_cases(path.read_text(encoding="utf-8"), str(path))
        except UnicodeDecodeError:
            raise LawbookError(
                "the file is not UTF-8 text", where=str(path), remedy="save it as UTF-8"
            ) from None
    return cases


def run_cases(cases: list[Case], book: Lawbook) -> Score:
    """Decide and score cases."""
    results: list[CaseResult] = []
    modelled = frozenset(str(code) for code in book.orders)
    for case in cases:
        if not set(case.jurisdictions) <= modelled:
            results.append(CaseResult(case, NOT_MODELLED))
            continue
        try:
            results.append(judge_case(case, decide(case.movement, book), modelled))
        except CarnetError as error:
            results.append(failed_to_decide(case, error))
    return Score(tuple(results))


@app.command("test")
def score_cases(
    cases: Annotated[list[Path], typer.Argument(help="Case files, or folders of them.")],
    as_json: JsonOption = False,
    lawbook: LawbookOption = None,
) -> None:
    """Run cases in the form of the casebook and print the score.

    Exit 6 when a case of a modelled order is neither preferred nor accepted.

    Example: carnet law test casebook/
    """
    score = run_cases(read_all(cases), load_lawbook(lawbook))
    if as_json:
        sys.stdout.write(json.dumps(score.to_mapping(), ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write(_score_page(score))
    if not score.passed:
        raise typer.Exit(EXIT_CHECK_FAILED)


def _score_page(score: Score) -> str:
    out: list[str] = []
    out += [
        f"{one.outcome}: {one.case.id} ({one.case.certainty}): {'; '.join(one.reasons)}"
        for one in score.results
        if one.outcome not in {PREFERRED, NOT_MODELLED}
    ]
    for by in ("order", "origin", "certainty", "kind"):
        table = score.table(by)
        out += ["", f"{by:<14}{'preferred':>10}{'accepted':>10}{'failed':>10}{'not modelled':>14}"]
        for name, row in table.items():
            numbers = "".join(f"{n:>{w}}" for n, w in zip(row.values(), (10, 10, 10, 14), strict=True))
            out.append(f"{name:<14}{numbers}")
    mine = [one for one in score.results if one.outcome != NOT_MODELLED]
    good = sum(one.outcome == PREFERRED for one in mine)
    bad = sum(one.outcome == FAILED for one in mine)
    out += ["", f"{len(mine)} cases of modelled orders: {good} preferred, {bad} failed."]
    return "\n".join([*out, ""])


@app.command()
def check(as_json: JsonOption = False, lawbook: LawbookOption = None) -> None:
    """Check the lawbook: it loads, every rule has its cases, and every own case comes out as it says.

    Example: carnet law check
    """
    book = load_lawbook(lawbook)
    folder = lawbook or default_folder()
    paths = sorted(folder.glob("*/cases/*.yaml"))
    cases = read_all(paths) if paths else []
    score = run_cases(cases, book)
    problems: list[dict[str, Any]] = [
        one.to_mapping() for one in (*check_texts(book), *check_cases(book, cases))
    ]
    problems += [
        {"rule": one.case.id, "place": one.case.place, "what": "; ".join(one.reasons)}
        for one in score.results
        if one.outcome != PREFERRED
    ]
    rules = sum(len(order.rules) for order in book.orders.values())
    data = read_data(book)
    if as_json:
        form = {
            "check": "v1",
            "rules": rules,
            "data": data,
            "cases": len(cases),
            "lawbook": book.digest,
            "problems": problems,
        }
        sys.stdout.write(json.dumps(form, ensure_ascii=False, indent=2) + "\n")
    else:
        out = [f"{one['place']}: {one['rule']}: {one['what']}" for one in problems]
        out.append(
            f"{rules} rules, {data} clocks, fines and routes, {len(cases)} own cases, {len(problems)} problems. "
            f"Lawbook {book.digest}"
        )
        sys.stdout.write("\n".join([*out, ""]))
    if problems:
        raise typer.Exit(EXIT_CHECK_FAILED)


@app.command()
def diff(
    old: Annotated[
        str, typer.Argument(help="A lawbook's folder, a day, or an instrument: cn/guide_2025_draft.")
    ],
    new: Annotated[str, typer.Argument(help="What it is compared with.")],
    cases: Annotated[
        list[Path] | None, typer.Option(help="Case files or folders: which answers are others? Repeatable.")
    ] = None,
    movements: Annotated[
        list[Path] | None, typer.Option(help="Movement documents: which answers are others? Repeatable.")
    ] = None,
    as_json: JsonOption = False,
    lawbook: LawbookOption = None,
) -> None:
    """Compare two lawbooks, two days, or two editions of a text: in law, not in lines.

    Example: carnet law diff 2026-02-02 2026-02-03 --cases casebook/
    """
    from carnet.service.cli.diff import diff as print_difference

    print_difference(old, new, cases=cases or [], movements=movements or [], lawbook=lawbook, as_json=as_json)


@app.command()
def confirm(
    name: Annotated[str, typer.Argument(metavar="ID", help="The rule or parameter that was compared.")],
    by: Annotated[str, typer.Option(help="Who compared it.")],
    text: Annotated[Path, typer.Option(help="The official document; its digest is recorded, not its words.")],
    lawbook: Annotated[Path, typer.Option(help="The lawbook's folder, which is written to.")],
    start: Annotated[
        str | None,
        typer.Option("--from", help="Of a parameter: the first day of the value (default: the last)."),
    ] = None,
) -> None:
    """Record that a rule or a value was compared with the official text: it counts as official from then on.

    Example: carnet law confirm cn/face_px --by "Chen Yu" --text guidelines.pdf --lawbook lawbook
    """
    from carnet.service.cli.confirm import confirm as write_confirmation

    write_confirmation(name, by=by, text=text, start=start, lawbook=lawbook)


@app.command()
def coverage(
    order: Annotated[list[str] | None, typer.Option(help="Only this legal order; repeatable.")] = None,
    reasons: Annotated[bool, typer.Option("--reasons", help="Name what is not modelled, and why.")] = False,
    as_json: JsonOption = False,
    lawbook: LawbookOption = None,
) -> None:
    """Say which entries of the fact base became rules, what these can reach, and what is not modelled.

    Example: carnet law coverage --order CN --reasons
    """
    from carnet.service.cli.coverage import coverage as show_coverage

    show_coverage(orders=order or [], reasons=reasons, as_json=as_json, lawbook=lawbook)


@app.command("mutants")
def law_mutants(
    cases: Annotated[list[Path] | None, typer.Argument(help="More case files, or folders of them.")] = None,
    order: Annotated[list[str] | None, typer.Option(help="Only this legal order; repeatable.")] = None,
    least: Annotated[float, typer.Option(help="Exit 6 below this share of killed mutants.")] = 0.0,
    every: Annotated[
        bool, typer.Option("--every", help="Name survivors of classes and effects too.")
    ] = False,
    as_json: JsonOption = False,
    lawbook: LawbookOption = None,
) -> None:
    """Change every threshold, comparison, date and condition once, and see whether a case notices.

    Example: carnet law mutants casebook/ --order CN
    """
    from carnet.service.cli.mutants import mutants

    mutants(cases or [], orders=order or [], lawbook=lawbook, as_json=as_json, least=least, show=every)


OrdersArgument = Annotated[
    list[str], typer.Argument(metavar="ORDER...", help="Legal orders: EU DE CN US ...")
]


@app.command("clock")
def law_clock(
    orders: OrdersArgument,
    aware: Annotated[str, typer.Option(help="Moment of awareness, as 2026-11-22T10:00+01:00.")],
    event: Annotated[
        str | None, typer.Option(help="Only notices after this: data_breach, security_incident, crash, ...")
    ] = None,
    moment: Annotated[
        list[str] | None,
        typer.Option(help="Another moment that a period runs from: NAME=TIME; repeatable."),
    ] = None,
    zone: Annotated[str | None, typer.Option(help="One time zone for all, as Europe/Berlin.")] = None,
    as_json: JsonOption = False,
    lawbook: LawbookOption = None,
) -> None:
    """Count by when each notice of an incident is due, from the moment of awareness.

    Example: carnet law clock EU CN --aware 2026-11-22T10:00+01:00 --event data_breach
    """
    from carnet.service.cli.clock import clock

    clock(
        orders=orders,
        aware=aware,
        event=event,
        moments=moment or [],
        zone=zone,
        as_json=as_json,
        lawbook=lawbook,
    )


@app.command("exposure")
def law_exposure(
    orders: OrdersArgument,
    currency: Annotated[str | None, typer.Option(help="Of all amounts that are stated, as EUR.")] = None,
    worldwide: Annotated[
        str | None,
        typer.Option("--turnover-worldwide", "--turnover", help="Worldwide, group, year before."),
    ] = None,
    domestic: Annotated[
        list[str] | None,
        typer.Option("--turnover-domestic", help="In one country: ORDER=AMOUNT; repeatable."),
    ] = None,
    own: Annotated[
        str | None, typer.Option("--turnover-own", help="Of the company itself, year before.")
    ] = None,
    related: Annotated[
        str | None, typer.Option("--turnover-related", help="Total less what is unrelated to the breach.")
    ] = None,
    period: Annotated[
        str | None, typer.Option("--turnover-period", help="During the period of the breach.")
    ] = None,
    no_turnover: Annotated[bool, typer.Option("--no-turnover", help="There is none to establish.")] = False,
    transaction: Annotated[str | None, typer.Option(help="Value of the transaction.")] = None,
    gain: Annotated[str | None, typer.Option(help="Illicit gain.")] = None,
    benefit: Annotated[str | None, typer.Option(help="Benefit from the breach.")] = None,
    violations: Annotated[int | None, typer.Option(help="Number of violations.")] = None,
    vehicles: Annotated[int | None, typer.Option(help="Number of vehicles.")] = None,
    affected: Annotated[int | None, typer.Option(help="Number of persons affected.")] = None,
    rate: Annotated[list[str] | None, typer.Option(help="EUR/USD=1.08: one euro; repeatable.")] = None,
    unit: Annotated[
        list[str] | None, typer.Option(help="UMA=117.31:MXN: a unit's value; repeatable.")
    ] = None,
    on: Annotated[str | None, typer.Option("--on", help="As of this day.")] = None,
    as_json: JsonOption = False,
    lawbook: LawbookOption = None,
) -> None:
    """Count what each fine can come to at most; what is not stated stays unknown.

    Example: carnet law exposure EU BR --turnover 1e9 --currency EUR
    """
    from carnet.service.cli.exposure import exposure

    exposure(
        orders=orders,
        currency=currency,
        turnover={"worldwide": worldwide, "own": own, "related": related, "period": period},
        domestic=domestic or [],
        multiples={"transaction": transaction, "gain": gain, "benefit": benefit},
        counts={"violations": violations, "vehicles": vehicles, "affected": affected},
        no_turnover=no_turnover,
        rates=rate or [],
        units=unit or [],
        day=_day(on),
        as_json=as_json,
        lawbook=lawbook,
    )

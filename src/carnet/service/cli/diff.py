"""`carnet law diff`: two lawbooks, two days, or two editions of a text, compared in law."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from carnet.decide import decide
from carnet.errors import CarnetError, InputError
from carnet.law.difference import (
    ADDED,
    ENDED,
    Change,
    answer_of,
    between_books,
    between_days,
    between_editions,
    read_editions,
)
from carnet.law.lawbook import EDITIONS, Lawbook, default_folder, load_lawbook
from carnet.model.movement import Movement
from carnet.service.cli.decide import read_movement
from carnet.service.cli.law import read_all

_INSTRUMENT = re.compile(r"[a-z]{2}/[a-z0-9_]+")
Answer = Callable[[Movement], dict[str, Any]]


def diff(
    old: str, new: str, *, cases: list[Path], movements: list[Path], lawbook: Path | None, as_json: bool
) -> None:
    """Compare and print."""
    if _INSTRUMENT.fullmatch(old) and _INSTRUMENT.fullmatch(new) and not Path(old).is_dir():
        _editions(old, new, lawbook, as_json=as_json)
        return
    first, second = _day(old), _day(new)
    if first is not None and second is not None:
        book = load_lawbook(lawbook)
        changes = between_days(book, first, second)
        before, after = _on(book, first), _on(book, second)
    elif first is None and second is None:
        books = load_lawbook(Path(old)), load_lawbook(Path(new))
        changes = between_books(*books)
        before, after = _under(books[0]), _under(books[1])
    else:
        raise InputError(
            "a day is compared with a day, and a lawbook with a lawbook",
            remedy="name two folders, two days, or two instruments such as cn/guide_2025_draft cn/guide_2026",
        )
    subjects = [(f"case {one.id}", one.movement) for one in (read_all(cases) if cases else [])]
    subjects += [(f"movement {path}", read_movement(str(path), None)) for path in movements]
    answers = list(_answers(subjects, before, after))
    if as_json:
        form = {
            "diff": "v1",
            "changes": [one.to_mapping() for one in changes],
            "answers": [{"of": name, "was": was, "is": now} for name, was, now in answers],
            "asked": len(subjects),
        }
        sys.stdout.write(json.dumps(form, ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write(_page(changes, answers, len(subjects)))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _under(book: Lawbook) -> Answer:
    return lambda movement: _answer(movement, book)


def _on(book: Lawbook, day: date) -> Answer:
    return lambda movement: _answer(replace(movement, date=day), book)


def _answer(movement: Movement, book: Lawbook) -> dict[str, Any]:
    try:
        return answer_of(decide(movement, book, explain=False))
    except CarnetError as error:
        return {"verdict": "refused", "orders": {}, "contents": {}, "error": error.what}


def _answers(
    subjects: Iterable[tuple[str, Movement]], before: Answer, after: Answer
) -> Iterable[tuple[str, dict[str, Any], dict[str, Any]]]:
    for name, movement in subjects:
        was, now = before(movement), after(movement)
        if was != now:
            yield name, was, now


def _page(changes: tuple[Change, ...], answers: list[Any], asked: int) -> str:
    out: list[str] = []
    for order in dict.fromkeys(one.order for one in changes):
        out += ["", order]
        for one in (change for change in changes if change.order == order):
            cite = f" ({one.cite})" if one.cite else ""
            out.append(f"  {one.kind} {one.id} {one.what}{cite}")
            for part, was, now in one.parts:
                out += [f"    {part}", *_lines("was", was), *_lines("is", now)]
    counts = {what: sum(one.what == what for one in changes) for what in (ADDED, ENDED, "changed")}
    out += ["", ", ".join(f"{number} {what}" for what, number in counts.items()) + "."]
    if asked:
        out.append(f"{len(answers)} of {asked} answers are others.")
    for name, was, now in answers:
        out += [f"  {name}", *(f"    {line}" for line in _otherwise(was, now))]
    return "\n".join([*out, ""]).lstrip("\n")


def _lines(head: str, text: str) -> list[str]:
    lines = text.splitlines() or ["nothing"]
    return [f"      {head}: {lines[0]}", *(f"        {line}" for line in lines[1:])]


def _otherwise(was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    out: list[str] = []
    if was["verdict"] != now["verdict"]:
        out.append(f"verdict: {was['verdict']}, now {now['verdict']}")
    for code in sorted({*was["orders"], *now["orders"]}):
        before, after = was["orders"].get(code), now["orders"].get(code)
        if before is None or after is None:
            out.append(f"{code}: {'has no say any more' if after is None else 'has a say now'}")
            continue
        out += [
            f"{code} {part}: {_listed(before[part])}, now {_listed(after[part])}"
            for part in ("verdict", "routes", "prerequisites")
            if before[part] != after[part]
        ]
        come = [one for one in after["duties"] if one not in before["duties"]]
        gone = [one for one in before["duties"] if one not in after["duties"]]
        out += [f"{code} duties: {_listed(come)} come"] if come else []
        out += [f"{code} duties: {_listed(gone)} go"] if gone else []
    for name in now["contents"]:
        before, after = was["contents"].get(name, {}), now["contents"][name]
        out += [
            f"{name} in {code}: {_listed(before.get(code, []))}, now {_listed(after.get(code, []))}"
            for code in sorted({*before, *after})
            if before.get(code) != after.get(code)
        ]
    return out


def _listed(value: Any) -> str:
    return value if isinstance(value, str) else " and ".join(value) or "nothing"


def _editions(old: str, new: str, lawbook: Path | None, *, as_json: bool) -> None:
    (folder, first), (other, second) = old.split("/", 1), new.split("/", 1)
    book = load_lawbook(lawbook)
    order = next((one for one in book.orders.values() if one.folder == folder), None)
    path = (lawbook or default_folder()) / folder / EDITIONS
    if order is None or folder != other or not {first, second} <= set(order.instruments):
        known = ", ".join(sorted(order.instruments)) if order is not None else ", ".join(book.orders)
        raise InputError(
            f"{old} and {new} are no two instruments of one legal order", remedy=f"known here: {known}"
        )
    if not path.is_file():
        raise InputError(
            f"the lawbook holds no editions of {order.name}",
            remedy=f"write them into lawbook/{folder}/{EDITIONS}",
        )
    items = read_editions(path.read_text(encoding="utf-8"), f"lawbook/{folder}/{EDITIONS}", order)
    found = between_editions(items, first, second)
    if as_json:
        form = [
            {
                "item": item.item,
                "stands": how,
                "rule": item.rule,
                **{
                    name: {"says": said.says, "certainty": said.certainty, "source": said.source}
                    for name, said in item.editions.items()
                    if name in {first, second}
                },
            }
            for how, item in found
        ]
        sys.stdout.write(json.dumps({"editions": "v1", "items": form}, ensure_ascii=False, indent=2) + "\n")
        return
    out = [f"{order.instruments[name].short}: {order.instruments[name].title}" for name in (first, second)]
    for how in sorted({one for one, _ in found}, key=lambda one: (one != "changed", one)):
        mine = [item for one, item in found if one == how]
        out += ["", f"{how} ({len(mine)})"]
        for item in mine:
            out.append(f"  {item.item}" + (f" [{item.rule}]" if item.rule else " [no rule]"))
            out += [
                f"    {order.instruments[name].short}: {said.says} ({said.certainty}; {said.source})"
                for name, said in item.editions.items()
                if name in {first, second}
            ]
    sys.stdout.write("\n".join([*out, ""]))

"""`carnet law confirm`: record that a rule or a value was compared with the official text."""

from __future__ import annotations

import hashlib
import sys
from datetime import date, datetime
from pathlib import Path

import yaml

from carnet.errors import InputError, UnreadableError
from carnet.law.confirmed import CONFIRMED, Confirmation, definition_of, entry, read_confirmations
from carnet.law.lawbook import load_lawbook
from carnet.law.reading import Node

_NOTHING = f"sha256:{hashlib.sha256().hexdigest()}"
_HEAD = (
    "# Comparisons with the official text, written by carnet law confirm. One entry for each rule or value.\n"
)


def confirm(name: str, *, by: str, text: Path, start: str | None, lawbook: Path) -> None:
    """Write the comparison into the order's `confirmed.yaml` and say what it changes."""
    if not by.strip():
        raise InputError("nobody is named", where="--by", remedy="say who compared it")
    book = load_lawbook(lawbook)
    order = next((one for one in book.orders.values() if name.startswith(f"{one.folder}/")), None)
    rule, parameter = book.rule(name), book.parameter(name)
    if order is None or (rule is None and parameter is None):
        raise InputError(f"the lawbook has nothing named {name!r}", remedy="see carnet law show")
    try:
        with text.open("rb") as file:
            digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise UnreadableError(
            f"the official text cannot be read: {type(error).__name__}",
            where=str(text),
            remedy="name the document that you compared it with",
        ) from error
    if digest == _NOTHING:
        raise UnreadableError(
            "the official text is empty",
            where=str(text),
            remedy="name the document that you compared it with",
        )
    day: date | None = None
    if parameter is not None:
        days = [one.start for one in parameter.values]
        day = _day(start, days)
        of = definition_of(parameter.values[days.index(day)], parameter)
    elif rule is not None:
        if start is not None:
            raise InputError("a rule is compared as a whole", where="--from", remedy="leave --from out")
        of = definition_of(rule)
    today = datetime.now().astimezone().date()
    made = Confirmation(name, day, by.strip(), today, digest, of, "")
    path = lawbook / order.folder / CONFIRMED
    kept: list[Confirmation] = []
    if path.is_file():
        kept = list(read_confirmations(Node.of_text(path.read_text(encoding="utf-8"), str(path))))
    kept = [one for one in kept if (one.id, one.start) != (made.id, made.start)]
    form = {"confirmed": [entry(one) for one in (*kept, made)]}
    temporary = path.with_name(path.name + ".partial")
    temporary.write_text(_HEAD + yaml.safe_dump(form, allow_unicode=True, sort_keys=False), "utf-8")
    temporary.replace(path)
    after = load_lawbook(lawbook)
    sys.stdout.write(
        f"{name}{f' from {day.isoformat()}' if day else ''}: compared with the official text by {made.by}; "
        f"it is official now.\nThe lawbook is {after.digest}: nodes decide under it once it is adopted.\n"
    )


def _day(start: str | None, days: list[date]) -> date:
    if start is None:
        return days[-1]
    try:
        day = date.fromisoformat(start)
    except ValueError:
        day = None
    if day not in days:
        known = ", ".join(one.isoformat() for one in days)
        raise InputError(
            "the parameter has no value from that day", where="--from", remedy=f"one of: {known}"
        )
    return day

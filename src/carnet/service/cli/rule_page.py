"""`carnet law show --html`: a rule's page as a file."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

from carnet.errors import InputError, UnreadableError
from carnet.law.lawbook import Lawbook, default_folder
from carnet.law.rules import Rule
from carnet.law.sheet import Sheet, sheet_of
from carnet.law.words import Words, read_words
from carnet.service.pages.labels import LANGUAGES
from carnet.service.pages.rule_cases import Shown, cases_of
from carnet.service.pages.rule_html import rule_html


def words_of(book: Lawbook, folder: Path | None) -> Words:
    """Read the words of a lawbook; those shipped with carnet where it brings none of its own."""
    own = folder or default_folder()
    place = own if (own / "words.yaml").is_file() else default_folder()
    return read_words(place, book.register)


def page_of(
    book: Lawbook, rule: Rule, day: date, folder: Path | None
) -> tuple[Sheet, tuple[tuple[Shown, ...], int], Words]:
    """Give all that a page about a rule says."""
    from carnet.service.cli.law import read_all

    words = words_of(book, folder)
    sheet = sheet_of(book, rule, day, words)
    files = sorted(((folder or default_folder()) / sheet.order.folder / "cases").glob("*.yaml"))
    cases = read_all(files) if files else []
    return sheet, cases_of(book, sheet.order, rule, cases, words), words


def write_page(
    book: Lawbook,
    rule: Rule,
    day: date,
    *,
    html: Path,
    language: str,
    folder: Path | None,
) -> None:
    """Write the page to a file, and say so."""
    if language not in LANGUAGES:
        raise InputError(
            f"the language {language!r} is not known", where="--lang", remedy="one of: en, zh, both"
        )
    sheet, cases, words = page_of(book, rule, day, folder)
    _write(html, rule_html(sheet, cases, words, language).encode())


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UnreadableError(
            f"the page cannot be written: {type(error).__name__}",
            where=str(path),
            remedy="name a file in a folder that is there",
        ) from error
    sys.stdout.write(f"{path}: {len(content):,} bytes\n")

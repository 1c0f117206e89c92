"""`carnet law show --html` and `--pdf`: a rule's page as a file."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

from carnet.errors import InputError, UnreadableError
from carnet.law.lawbook import Lawbook, default_folder
from carnet.law.pages import rule_page
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


def _known(language: str) -> str:
    if language not in LANGUAGES:
        raise InputError(
            f"the language {language!r} is not known", where="--lang", remedy="one of: en, zh, both"
        )
    return language


def text_of(book: Lawbook, rule: Rule, day: date, language: str, folder: Path | None) -> str:
    """Give a rule's page as text."""
    return rule_page(sheet_of(book, rule, day, words_of(book, folder)), _known(language))


def write_page(
    book: Lawbook,
    rule: Rule,
    day: date,
    *,
    html: Path | None,
    pdf: Path | None,
    language: str,
    folder: Path | None,
) -> None:
    """Write the page to the files that are named, and say so."""
    _known(language)
    sheet, cases, words = page_of(book, rule, day, folder)
    if html is not None:
        _write(html, rule_html(sheet, cases, words, language).encode())
    if pdf is not None:
        from carnet.service.pages.rule_pdf import rule_pdf

        _write(pdf, rule_pdf(sheet, cases, words, language))


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

"""The report of a scan, as a page that an officer can file (`carnet scan --html`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath

from carnet.errors import UnreadableError
from carnet.law.lawbook import Lawbook, load_lawbook
from carnet.model.factsheet import FactSheet
from carnet.model.ids import Country, LegalOrder
from carnet.service.pages.scan_html import scan_html
from carnet.service.pages.scan_page import Scanned, ScanPage
from carnet.service.redaction_names import CleanNames
from carnet.service.scan_law import RegionLaw
from carnet.service.scan_sample import Sampled


def scan_page(
    items: Sequence[tuple[str, FactSheet]],
    *,
    region: str | None,
    vehicles: int | None,
    began: datetime,
    ended: datetime,
    hashed: bool,
    meanings: Mapping[str, str],
    sampled: Sampled | None = None,
) -> ScanPage:
    """Put together what the page says.

    Args:
        items: each file's name, as it came, and its fact sheet.
        region: ISO 3166-1 code of the place where the files were recorded and lie, where somebody said it.
        vehicles: how many vehicles they come from, where somebody said it.
        began: when the scan began (UTC).
        ended: when it ended.
        hashed: whether digests were taken.
        meanings: of classes of data, in words.
        sampled: what a sample says, where only a sample was looked into.
    """
    book = load_lawbook(kept=True)
    law = RegionLaw(Country(region), book, ended.date(), vehicles) if region else None
    if law is not None and not law.held:
        law = None
    names = CleanNames()
    words = {one.name: one.meaning for one in book.register.facts.values()} | dict(meanings)
    return ScanPage(
        [
            Scanned(
                names.path(PurePosixPath(name)).as_posix(),
                sheet,
                None if law is None else law.standing(sheet),
            )
            for name, sheet in items
        ],
        None if law is None else (str(law.region), _country(book, law.region)),
        () if law is None else law.tests(sheet for _, sheet in items),
        words,
        str(book.digest),
        began,
        ended,
        hashed,
        () if sampled is None else tuple(sampled.sentences()),
    )


def _country(book: Lawbook, region: Country) -> str:
    """Give a country's name, or its code where the lawbook has no word for it."""
    order = book.orders.get(LegalOrder(region))
    return order.name if order is not None else str(region)


def write_page(path: Path, shown: ScanPage) -> None:
    """Write the page; it appears whole. Raises `UnreadableError` where it cannot be written."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(scan_html(shown), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise UnreadableError(
            f"the report cannot be written: {error.strerror}", where=path.name, remedy="name another place"
        ) from error

"""What a scan report is made of, and how its numbers and days are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from carnet.model.factsheet import FactSheet
from carnet.service.scan_law import Standing, Tested


@dataclass(frozen=True, slots=True)
class Scanned:
    """One file: the name to show, what was found in it, and what that is in law (None: nobody asked)."""

    name: str
    sheet: FactSheet
    standing: Standing | None


@dataclass(frozen=True, slots=True)
class ScanPage:
    """What the page is made of.

    Attributes:
        items: the files.
        region: code and name of the region, where the caller said it and the lawbook holds its law.
        tests: of important data, over all files.
        meanings: what classes of data mean, and what facts mean, in words.
        lawbook: its digest.
        began: when the scan began; `ended` likewise.
        hashed: whether the files' digests were taken.
        sampled: what a sample says, in sentences, where only a sample was looked into.
    """

    items: Sequence[Scanned]
    region: tuple[str, str] | None
    tests: Sequence[Tested]
    meanings: Mapping[str, str]
    lawbook: str
    began: datetime
    ended: datetime
    hashed: bool
    sampled: Sequence[str] = ()

    @property
    def day(self) -> date:
        """The day whose law is shown."""
        return self.ended.date()


def day_text(day: date) -> str:
    """Write a day as 22 November 2026."""
    return f"{day.day} {day:%B} {day.year}"


def many(count: int, one: str) -> str:
    """Write a number of things in English."""
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"

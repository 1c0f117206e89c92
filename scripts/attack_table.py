"""How an attack's result is printed: numerator, denominator, share, and exact bounds."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from carnet.model.shares import lower_bound


@dataclass(frozen=True)
class Row:
    """One result.

    Attributes:
        what: the attack, in words.
        hits: how often it came through.
        of: of how many.
        most: the bar: the share may be at most this; None where there is none.
        note: what else to know.
        least: the bar from below, for what must work.
    """

    what: str
    hits: int
    of: int
    most: float | None = None
    note: str = ""
    least: float | None = None

    @property
    def passes(self) -> bool:
        """Whether the share keeps its bars."""
        share = self.hits / self.of if self.of else 1.0
        return (self.most is None or share <= self.most) and (self.least is None or share >= self.least)

    def __str__(self) -> str:
        low, high = lower_bound(self.hits, self.of), 1 - lower_bound(self.of - self.hits, self.of)
        bar = "" if self.most is None else f"  at most {self.most:.2%}"
        bar += "" if self.least is None else f"  at least {self.least:.2%}"
        verdict = "" if not bar else (": kept" if self.passes else ": MISSED")
        return (
            f"{self.what}\n    {self.hits} of {self.of} = {self.hits / max(1, self.of):.2%} "
            f"({low:.2%} to {high:.2%}){bar}{verdict}{'; ' + self.note if self.note else ''}"
        )


def show(rows: list[Row]) -> bool:
    """Print rows; say whether every bar was kept."""
    for row in rows:
        sys.stdout.write(f"{row}\n")
    return all(row.passes for row in rows)

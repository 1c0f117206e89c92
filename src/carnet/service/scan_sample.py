"""A stated sample of a scan: in which files people are looked for, and what that says of all files.

Files are chosen by a hash of their names, so that the same files are chosen the next time and nobody chooses them.
Of the others nothing is said: unknown stays unknown. The share of all streams that hold something lies, with 95 %,
within the bounds of Clopper and Pearson (*Biometrika* 26, 1934): by chance of the hash, not of what was recorded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from carnet.model.factsheet import FactSheet
from carnet.model.shares import interval

_PICTURES = frozenset({"picture", "pictures", "video"})
_LOOKED_FOR = ("faces", "plates", "persons", "voice")


def is_chosen(name: str, percent: int) -> bool:
    """Say whether a file is in a sample of so many of a hundred."""
    # A name may hold halves of surrogate pairs, which stand for bytes that are no text.
    head = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8]
    return int.from_bytes(head) % 100 < percent


@dataclass(frozen=True, slots=True)
class Share:
    """Of how many streams that could show something how many were looked at, and how many do."""

    what: str
    of: int
    looked: int
    shown: int

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most of all streams that show it."""
        return interval(self.shown, self.looked) if self.looked < self.of else (self.shown / self.of,) * 2

    def sentence(self) -> str:
        """Say it."""
        low, high = self.bounds
        return (
            f"{self.what}: in {self.shown:,} of {self.looked:,} streams looked at, so in {low:.1%} to {high:.1%} "
            f"of {self.of:,}"
        )


@dataclass(frozen=True, slots=True)
class Sampled:
    """What a sample says of everything that was scanned."""

    percent: int
    shares: tuple[Share, ...]

    @classmethod
    def of_sheets(cls, percent: int, sheets: Iterable[FactSheet]) -> Sampled:
        """Count what was looked at."""
        of, looked, shown = (dict.fromkeys(_LOOKED_FOR, 0) for _ in range(3))
        for stream in (one for sheet in sheets for one in sheet.streams):
            for what in _LOOKED_FOR:
                if stream.kind != "audio" if what == "voice" else stream.kind not in _PICTURES:
                    continue
                said = any(why.startswith("contents: ") for one in stream.fields for why in one.because)
                unseen = any(why.startswith("contents: not") for one in stream.fields for why in one.because)
                of[what] += 1
                looked[what] += said and not unseen
                shown[what] += stream.facts.get(f"contains_{what}") is True
        return cls(
            percent, tuple(Share(one, of[one], looked[one], shown[one]) for one in _LOOKED_FOR if of[one])
        )

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "percent": self.percent,
            **{
                one.what: {"of": one.of, "looked_at": one.looked, "in": one.shown, "share": list(one.bounds)}
                for one in self.shares
            },
        }

    def sentences(self) -> list[str]:
        """Say it for people."""
        if not self.shares:
            return []
        head = f"Looked into {self.percent} of 100 files, chosen by a hash of their names; the others are unknown."
        return [head, *(one.sentence() for one in self.shares)]

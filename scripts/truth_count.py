"""Counting for the truth scripts: hits by label and size with a 95 % interval, masked share, bars."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from carnet.deidentify.find import Finding
from carnet.deidentify.masks import bounds
from carnet.model.shares import interval

ENOUGH = {"face": 0.7, "plate": 0.8}
"""Share of a box that has to lie under masks."""

SIZES = (8, 12, 16, 24, 32, 48, 96)
GROWN_TRUTH = 0.15

XYWH = Sequence[float]


def said(hits: int, of: int) -> str:
    """Give a share with its numerator, denominator and interval, in words."""
    if not of:
        return "none tried"
    low, high = interval(hits, of)
    return f"{hits}/{of} = {hits / of:.4f} [{low:.4f}, {high:.4f}]"


def size_class(height: float) -> str:
    """Name the class of a height in pixels."""
    below = [one for one in SIZES if one <= height]
    above = [one for one in SIZES if one > height]
    if not above:
        return f">={SIZES[-1]}"
    return f"{below[-1] if below else 0}-{above[0]}"


def masked(findings: Iterable[Finding], width: int, height: int) -> NDArray[np.bool_]:
    """Give where a frame is masked, as the product masks it."""
    where = np.zeros((height, width), dtype=np.bool_)
    for one in findings:
        area = bounds(one.box, width, height)
        if area is not None:
            left, top, right, bottom = area
            where[top:bottom, left:right] = True
    return where


def share_under(where: NDArray[np.bool_], box: XYWH) -> float:
    """Give the share of a box (x, y, w, h; the part inside the picture) that is masked."""
    x, y, w, h = box
    height, width = where.shape
    left, top = max(0, round(x)), max(0, round(y))
    right, bottom = min(width, max(left + 1, round(x + w))), min(height, max(top + 1, round(y + h)))
    part = where[top:bottom, left:right]
    return float(part.mean()) if part.size else 1.0


@dataclass(slots=True)
class Tally:
    """Hits of tries, by label and size class, and masked shares outside the truth."""

    counts: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    outside: list[float] = field(default_factory=list)

    def add(
        self, where: NDArray[np.bool_], boxes: Iterable[tuple[str, XYWH]]
    ) -> list[tuple[str, XYWH, bool]]:
        """Judge one frame; gives each box with whether it is masked."""
        judged = []
        truth = np.zeros_like(where)
        height, width = where.shape
        for label, box in boxes:
            hit = share_under(where, box) >= ENOUGH[label]
            count = self.counts[label, size_class(box[3])]
            count[0] += hit
            count[1] += 1
            judged.append((label, box, hit))
            x, y, w, h = box
            left, top = max(0, int(x - GROWN_TRUTH * w)), max(0, int(y - GROWN_TRUTH * h))
            right, bottom = int(x + w + GROWN_TRUTH * w) + 1, int(y + h + GROWN_TRUTH * h) + 1
            truth[top : min(height, bottom), left : min(width, right)] = True
        self.outside.append(float((where & ~truth).mean()))
        return judged

    def total(self, label: str, least: float = 0) -> tuple[int, int]:
        """Give hits and tries of one label from a height on (a limit of the size classes)."""
        wanted = [
            count
            for (one, size), count in self.counts.items()
            if one == label and float(size.removeprefix(">=").split("-")[0]) >= least
        ]
        return sum(one[0] for one in wanted), sum(one[1] for one in wanted)

    def tell(
        self, title: str, bars: dict[tuple[str, int], float], share_bars: tuple[float, float] | None
    ) -> bool:
        """Print everything; gives whether every bar holds."""
        print(f"\n{title}")
        held = True
        order = ["0-8", *(size_class(one) for one in SIZES)]
        for label in sorted({one for one, _ in self.counts}):
            for size in order:
                if (label, size) in self.counts:
                    print(f"  {label:<6} {size:>7} px  {said(*self.counts[label, size])}")
        for (label, least), bar in bars.items():
            hits, of = self.total(label, least)
            if not of:
                continue
            good = hits >= bar * of
            held &= good
            print(f"  {label:<6} >= {least:>4} px  {said(hits, of)}  bar {bar:g}: {_word(good)}")
        if self.outside:
            mean, high = float(np.mean(self.outside)), float(np.percentile(self.outside, 95))
            line = f"  masked outside truth grown by {GROWN_TRUTH:.0%}: mean {mean:.2%}, 95th percentile {high:.2%}"
            line += f" of {len(self.outside)} pictures"
            if share_bars:
                good = mean <= share_bars[0] and high <= share_bars[1]
                held &= good
                line += f"  bars {share_bars[0]:.0%}, {share_bars[1]:.0%}: {_word(good)}"
            print(line, flush=True)
        return held


def _word(good: bool) -> str:  # noqa: FBT001 - one word for one fact
    return "held" if good else "NOT HELD"

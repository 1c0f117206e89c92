"""The two plots of a scan report: size by day, and shapes of tracks without place or scale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from carnet.service.sizes import size_text

_WIDE, _HIGH, _GROUND = 352, 138, 112
_MOST_BARS, _MOST_LINES = 31, 6
_NAMES = 12
"""So many names of bars have room; of more bars, seven are."""


def sizes_by_day(sizes: Mapping[date, int]) -> str:
    """Draw a bar for each day (or each month, or year, where there are many) on which something was recorded."""
    if not sizes:
        return '<figure><p class="empty">No stream tells the day on which it was recorded.</p></figure>'
    first, last = min(sizes), max(sizes)
    days = (last - first).days + 1
    if days <= _MOST_BARS:
        bars = [
            (str(one.day), sizes.get(one, 0)) for one in (first + timedelta(days=at) for at in range(days))
        ]
        unit = (
            f"day, {first:%B %Y}"
            if (first.year, first.month) == (last.year, last.month)
            else (f"day, {first:%B %Y} to {last:%B %Y}")
        )
    elif _month(last) - _month(first) < _MOST_BARS:
        by_month = Counter(dict.fromkeys(range(_month(first), _month(last) + 1), 0))
        for day, size in sizes.items():
            by_month[_month(day)] += size
        bars = [(str(at % 12 + 1), size) for at, size in by_month.items()]
        unit = f"month, {first:%B %Y} to {last:%B %Y}"
    else:
        # Few enough to be bars: times before 2000 tell no day (`spans_of`), and later ones than 2262 fit no clock.
        by_year = Counter(dict.fromkeys(range(first.year, last.year + 1), 0))
        for day, size in sizes.items():
            by_year[day.year] += size
        bars = [(str(year), size) for year, size in by_year.items()]
        unit = "year"
    most = max(size for _, size in bars) or 1
    step = (_WIDE - 16) / len(bars)
    drawn = []
    for at, (name, size) in enumerate(bars):
        high = round(90 * size / most)
        if size:
            drawn.append(
                f'<rect class="fill" x="{8 + at * step:.1f}" y="{_GROUND - high}" '
                f'width="{max(2.0, min(28.0, step * 0.66)):.1f}" height="{max(1, high)}"/>'
            )
        if len(bars) <= _NAMES or at % -(-len(bars) // 7) == 0:
            drawn.append(
                f'<text class="lbl2" x="{8 + at * step + min(14.0, step * 0.33):.1f}" y="130" '
                f'text-anchor="middle">{name}</text>'
            )
    amount = size_text(most)
    label = f"Size recorded by {unit}; the highest bar is {amount}"
    return (
        f'<figure><svg class="plot" viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{label}" focusable="false">'
        f'<path class="hair" d="M0 22H{_WIDE}M0 67H{_WIDE}"/><path class="ax" d="M0 {_GROUND}H{_WIDE}"/>'
        f'{"".join(drawn)}<text class="lbl2" x="{_WIDE}" y="14" text-anchor="end">{amount}</text></svg>'
        f'<figcaption class="small quiet">When: size by {unit}</figcaption></figure>'
    )


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def sketches(lines: Sequence[str], tracks: int) -> str:
    """Draw shapes of tracks side by side, each in a box of its own, north up."""
    if not lines:
        said = "No track of two kilometres or more." if tracks else "No track of places was found."
        return f'<figure><p class="empty">{said}</p></figure>'
    shown = lines[:_MOST_LINES]
    side = min(_WIDE / len(shown), 116.0)
    drawn = []
    for at, line in enumerate(shown):
        scale = (side - 16) / 100
        drawn.append(
            f'<g transform="translate({at * side + 8:.1f} 8) scale({scale:.3f})">'
            f'<polyline class="line" vector-effect="non-scaling-stroke" points="{line}"/></g>'
        )
    return (
        f'<figure><svg class="plot" viewBox="0 0 {_WIDE} {_HIGH}" role="img" focusable="false" '
        f'aria-label="Shapes of {len(shown)} tracks, without place, scale or ends">{"".join(drawn)}</svg>'
        f'<figcaption class="small quiet">Where: shapes of {len(shown)} of {tracks} tracks, no map behind them, each '
        "in its own scale; the ends are left out on purpose</figcaption></figure>"
    )

"""What a count says of a share: bounds of Clopper and Pearson, *Biometrika* 26 (1934)."""

from __future__ import annotations

import math


def lower_bound(hits: int, of: int, confidence: float = 0.95) -> float:
    """Give Clopper and Pearson's one-sided lower bound of a share; 0 where nothing was tried.

    Raises:
        ValueError: there are more hits than tries, or fewer than none.
    """
    if not 0 <= hits <= of:
        raise ValueError("hits lie between 0 and the number tried")
    if hits == 0:
        return 0.0
    if hits == of:
        return float((1 - confidence) ** (1 / of))
    low, high = 0.0, hits / of
    for _ in range(60):
        middle = (low + high) / 2
        if _at_least(hits, of, middle) < 1 - confidence:
            low = middle
        else:
            high = middle
    return low


def _at_least(hits: int, of: int, share: float) -> float:
    """Give the chance of at least `hits` successes."""
    if share <= 0:
        return 0.0
    logs = [
        math.lgamma(of + 1)
        - math.lgamma(one + 1)
        - math.lgamma(of - one + 1)
        + one * math.log(share)
        + (of - one) * math.log1p(-share)
        for one in range(hits, of + 1)
    ]
    return math.fsum(math.exp(one) for one in logs)


def interval(hits: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """Give Clopper and Pearson's two-sided interval of a share; 0 to 1 where nothing was tried."""
    if not of:
        return 0.0, 1.0
    one_sided = (1 + confidence) / 2
    return lower_bound(hits, of, one_sided), 1 - lower_bound(of - hits, of, one_sided)

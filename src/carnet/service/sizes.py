"""Numbers of bytes as people read them."""

from __future__ import annotations

_PREFIX = 1000


def size_text(length: float) -> str:
    """Write a number of bytes with a decimal prefix: 512 B, 4.6 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if length < _PREFIX:
            return f"{length:.0f} {unit}" if unit == "B" else f"{length:.1f} {unit}"
        length /= _PREFIX
    return f"{length:.1f} TB"

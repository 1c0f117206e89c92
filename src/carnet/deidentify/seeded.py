"""Chance that remembers: numbers fixed by a secret key and by what they are for.

Fresh noise averages out: twenty days of it find a home again. So whatever is drawn for a subject's place is
drawn from HMAC-SHA-256 under the subject's key, and is the same on every day, in every recording, on every node
that has the key. The key is the caller's; nothing is stored.
"""

from __future__ import annotations

import hmac

_PIECE = 8
_SCALE = 1 << (8 * _PIECE)


def uniform(key: bytes, use: str, *numbers: int) -> tuple[float, float, float, float]:
    """Give four numbers, uniform over 0 < u < 1, for one use and place.

    Args:
        key: the subject's key: the same bytes give the same numbers.
        use: what they are for; other uses get independent numbers.
        numbers: which place, as row and column of a grid.
    """
    if len(key) < 32:  # noqa: PLR2004 -- as long as the digest
        raise ValueError("a subject's key has 32 bytes or more")
    content = b"\x00".join((use.encode(), *(str(one).encode() for one in numbers)))
    digest = hmac.digest(key, content, "sha256")
    a, b, c, d = (
        (int.from_bytes(digest[at : at + _PIECE], "big") + 0.5) / _SCALE
        for at in range(0, len(digest), _PIECE)
    )
    return a, b, c, d

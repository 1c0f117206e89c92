"""One byte form for one value: canonical JSON, for digests, signatures and the dossier.

Keys sorted by code point, no white space, UTF-8 without escapes beyond what JSON demands, no floats that are
not finite. It is RFC 8785 for the values we use: integers within 2**53, strings, booleans, null, and floats
written by `repr`, which Python and ECMAScript agree on for the magnitudes that occur here.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from carnet.model.ids import Digest


def canonical_json(value: Any) -> bytes:
    """Give the canonical bytes of a JSON value; raises `ValueError` for one that has no such form."""
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode("utf-8")


def sha256_of(data: bytes) -> Digest:
    """Give the digest of some bytes."""
    return Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")


def digest_of(value: Any) -> Digest:
    """Give the digest of a value's canonical bytes."""
    return sha256_of(canonical_json(value))

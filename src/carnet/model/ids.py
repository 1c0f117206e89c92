"""Identifiers that must never be swapped for one another."""

from __future__ import annotations

import re
import secrets
from typing import NewType

RecordingId = NewType("RecordingId", str)
"""`rec-` and 26 characters of base 32: made by the node, says nothing about vehicle or time."""

RequestId = NewType("RequestId", str)
"""`req-` and 26 characters of base 32."""

PersonId = NewType("PersonId", str)
"""A local account: the name by which a node knows somebody who signs."""

KeyId = NewType("KeyId", str)
"""`ed25519:` and the SHA-256 of the public key in DER (SubjectPublicKeyInfo), in hexadecimal."""

Digest = NewType("Digest", str)
"""`sha256:` and 64 hexadecimal digits."""

Country = NewType("Country", str)
"""ISO 3166-1 alpha-2, or XA to XC for fictional law."""

LegalOrder = NewType("LegalOrder", str)
"""The code of a body of law: a country, or EU for the European Economic Area."""

DataClass = NewType("DataClass", str)
"""A path of the vocabulary, such as `image.exterior`."""

RuleId = NewType("RuleId", str)
ParameterId = NewType("ParameterId", str)
FactName = NewType("FactName", str)

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def _random(prefix: str) -> str:
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(26))


def new_recording_id() -> RecordingId:
    """Give a fresh recording id: 130 random bits."""
    return RecordingId(_random("rec-"))


def new_request_id() -> RequestId:
    """Give a fresh request id: 130 random bits."""
    return RequestId(_random("req-"))


def digest(hexadecimal: str) -> Digest:
    """Make a `Digest` of 64 hexadecimal digits; raises `ValueError` for anything else."""
    text = f"sha256:{hexadecimal}"
    if _DIGEST.fullmatch(text) is None:
        raise ValueError("a digest has 64 lower-case hexadecimal digits")
    return Digest(text)

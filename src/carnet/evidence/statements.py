"""What we sign: in-toto Statements (v1), one predicate type for each thing that can happen.

A statement names its subjects by digest. For bytes that stay in the region the digest is the vault's address,
which is keyed and so confirms no guess; for bytes that have left it is their SHA-256, which the receiver has
anyway. Predicates hold no personal data: they say which, who, when and under which decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from carnet.model.canonical import canonical_json

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"


class Kind(StrEnum):
    """The predicate types. The value's ending is its version."""

    NODE_MADE = "urn:carnet:node-made:v1"
    PERSON_REGISTERED = "urn:carnet:person-registered:v1"
    PAIRED = "urn:carnet:paired:v1"
    LAWBOOK_ADOPTED = "urn:carnet:lawbook-adopted:v1"
    DECLARED = "urn:carnet:declared:v1"
    PLACES = "urn:carnet:sensitive-places:v1"
    INGESTED = "urn:carnet:ingested:v1"
    DESCRIBED = "urn:carnet:described:v1"
    REDACTED = "urn:carnet:redacted:v1"
    ERASED = "urn:carnet:erased:v1"
    REQUESTED = "urn:carnet:requested:v1"
    DECIDED = "urn:carnet:decided:v1"
    APPROVED = "urn:carnet:approved:v1"
    REFUSED = "urn:carnet:refused:v1"
    STOPPED = "urn:carnet:stopped:v1"
    PAUSED = "urn:carnet:paused:v1"
    RESUMED = "urn:carnet:resumed:v1"
    RELEASING = "urn:carnet:releasing:v1"
    PERMIT = "urn:carnet:permit:v1"
    RECEIVED = "urn:carnet:received:v1"
    RELEASED = "urn:carnet:released:v1"
    READ = "urn:carnet:read:v1"
    DOSSIER = "urn:carnet:dossier:v1"


@dataclass(frozen=True, slots=True)
class Subject:
    """Something a statement speaks of: a name and 64 hexadecimal digits of SHA-256 or of a keyed address."""

    name: str
    sha256: str


def utc_text(moment: datetime) -> str:
    """Give a moment as ISO 8601 in UTC, to the millisecond; raises `ValueError` for a naive time."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_utc(text: str) -> datetime:
    """Read what `utc_text` gave."""
    return datetime.fromisoformat(text)


def statement(
    kind: Kind, subjects: Sequence[Subject], predicate: Mapping[str, Any], *, actor: str, at: datetime
) -> dict[str, Any]:
    """Make a statement. `actor` and `time` stand in every predicate."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": one.name, "digest": {"sha256": one.sha256}} for one in subjects],
        "predicateType": kind.value,
        "predicate": {**predicate, "actor": actor, "time": utc_text(at)},
    }


def statement_bytes(value: Mapping[str, Any]) -> bytes:
    """Give the canonical bytes of a statement, which are what is signed."""
    return canonical_json(value)

"""The dossier: one canonical file with everything an outsider needs to check one movement without us.

It is canonical JSON and nothing else: no white space, no second spelling, no field that nothing covers. The
`seal` is the node's signature over the digest of all the rest. So a changed byte either breaks the form or
the seal, and what the seal covers is then checked against itself in `evidence.verify`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from carnet.errors import DossierError
from carnet.evidence.signing import Signer, seal_envelope
from carnet.evidence.statements import Kind, Subject, statement, statement_bytes
from carnet.model.canonical import canonical_json, digest_of

VERSION = "v1"
PARTS = frozenset(
    {
        "carnet_dossier", "algorithms", "made", "node", "receiver", "people", "request", "approved", "released",
        "derivation", "lawbook", "declarations", "approval", "permit", "receipt", "ledger", "seal",
    }
)  # fmt: skip


def seal_dossier(parts: Mapping[str, Any], *, name: str, signer: Signer, at: datetime) -> bytes:
    """Give the bytes of a dossier: the parts and the seal over them.

    Args:
        parts: everything of `PARTS` but the seal.
        name: the node's name.
        signer: the node's key.
        at: the aware time now.
    """
    subject = Subject("dossier", digest_of(parts).removeprefix("sha256:"))
    said = statement(Kind.DOSSIER, [subject], {"request": parts["request"]["id"]}, actor=name, at=at)
    seal = seal_envelope(statement_bytes(said), signer)
    return canonical_json({**parts, "seal": seal.to_json()})


def read_dossier(data: bytes) -> dict[str, Any]:
    """Give a dossier's parts; raises `DossierError` unless the bytes are its one form, with no slack."""
    try:
        form = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DossierError("it is no JSON: damaged, or not a dossier", remedy="ask for it again") from error
    if not isinstance(form, dict) or form.get("carnet_dossier") != VERSION:
        raise DossierError(f"it is no dossier of version {VERSION}", remedy="use the release that made it")
    if odd := sorted(set(form) ^ PARTS):
        raise DossierError(f"a part is missing or unknown: {odd[0]}", remedy="ask for it again")
    try:
        same = canonical_json(form) == data
    except (ValueError, RecursionError):
        same = False
    if not same:
        raise DossierError("it is not in its one canonical form", remedy="ask for it again")
    return form

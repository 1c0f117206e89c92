"""The offline check of a dossier, with the real judge: all that an outsider needs, and none of the extras."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from carnet.decide import decide
from carnet.evidence.signing import PublicKey
from carnet.evidence.verify import StepResult, verify_dossier
from carnet.law.lawbook import lawbook_from_texts
from carnet.model.movement import parse_movement
from carnet.transfer.permit import open_permit


def judge_again(movement: Mapping[str, Any], texts: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """Decide a movement from a lawbook's texts alone: what the dossier's check repeats."""
    lawbook = lawbook_from_texts(texts)
    decision = decide(parse_movement(movement, source="dossier"), lawbook)
    form: dict[str, Any] = json.loads(json.dumps(decision.to_mapping()))
    return form, lawbook.digest


def check_dossier(
    data: bytes, *, node: PublicKey | None = None, receiver: PublicKey | None = None
) -> list[StepResult]:
    """Check a dossier offline; the keys come from hand-over cards, where there are any."""
    return verify_dossier(
        data,
        judge=judge_again,
        check_permit=lambda form, key: open_permit(form, key, now=None).predicate,
        trusted_node=node,
        trusted_receiver=receiver,
    )

"""What travels opens for the receiver alone, and a card is what its node signed."""

from __future__ import annotations

import io
import random
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.errors import PeerError, RefusedError, TamperedError
from carnet.evidence.signing import Signer
from carnet.transfer.gate import Cleared
from carnet.transfer.pairing import Card, new_certificate, read_card
from carnet.transfer.sealing import (
    OpenedObject,
    new_content_key,
    open_content_key,
    seal_object,
    sealed_length,
)
from carnet.vault.segments import SEGMENT

RECEIVER = X25519PrivateKey.generate()
SIGNER = Signer.generate()


def test_a_content_key_opens_for_its_receiver_and_its_release_alone():
    _, sealed = new_content_key("req-a", RECEIVER.public_key())
    open_content_key("req-a", sealed, RECEIVER)
    for release, blob, key in (
        ("req-b", sealed, RECEIVER),
        ("req-a", sealed, X25519PrivateKey.generate()),
        ("req-a", sealed[:-1] + bytes([sealed[-1] ^ 1]), RECEIVER),
        ("req-a", b"", RECEIVER),
    ):
        with pytest.raises(TamperedError):
            open_content_key(release, blob, key)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT + 7]), st.integers(1, SEGMENT + 9)
)
def test_sealed_objects_open_as_they_were(size, piece):
    data = random.Random(size).randbytes(size)
    key, sealed = new_content_key("req-a", RECEIVER.public_key())
    out = io.BytesIO()
    salt, _, length, _ = seal_object(key, io.BytesIO(data), out.write)
    assert length == size
    assert len(out.getvalue()) == sealed_length(size)
    out.seek(0)
    opened = OpenedObject(open_content_key("req-a", sealed, RECEIVER), bytes.fromhex(salt), out, size)
    parts = []
    while part := opened.read(piece):
        parts.append(part)
    assert b"".join(parts) == data


def card() -> Card:
    _, certificate = new_certificate("shanghai", now=datetime(2026, 11, 21, tzinfo=UTC))
    return Card(
        "shanghai",
        "CN",
        {"established_in": "CN"},
        "https://127.0.0.1:7402",
        SIGNER.public,
        certificate,
        RECEIVER.public_key().public_bytes_raw(),
    )


def test_a_card_survives_being_handed_over():
    made = card()
    assert read_card(made.to_json(SIGNER)) == made
    assert len(made.fingerprint) == 64


@pytest.mark.parametrize(
    "field", ["name", "region", "operator", "url", "certificate", "sealing_key", "signing_key"]
)
def test_a_card_with_a_changed_field_is_refused(field):
    form = card().to_json(SIGNER)
    other = Signer.generate()
    form[field] = {
        "name": "peking",
        "region": "DE",
        "operator": {},
        "url": "https://127.0.0.1:1",
        "certificate": new_certificate("shanghai", now=datetime(2026, 11, 21, tzinfo=UTC))[1],
        "sealing_key": other.public.to_text(),
        "signing_key": other.public.to_text(),
    }[field]
    with pytest.raises(PeerError):
        read_card(form)


@pytest.mark.parametrize("form", [None, [], {}, {"carnet_card": "v1"}, "text"])
def test_what_is_no_card_is_refused(form):
    with pytest.raises(PeerError):
        read_card(form)


def test_nothing_but_a_door_clears_a_value():
    with pytest.raises(RefusedError, match="only a door"):
        Cleared("anything", object())

"""Keys, envelopes and checkpoints: what is signed cannot be exchanged, and there is one spelling."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.errors import KeyFileError, LedgerError, SignatureError
from carnet.evidence.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from carnet.evidence.signing import (
    Envelope,
    PublicKey,
    Signer,
    open_envelope,
    pre_authentication,
    seal_envelope,
    strict_base64,
)

SIGNER = Signer.generate()
TRUSTED = {SIGNER.key_id: SIGNER.public}


def test_pre_authentication_is_that_of_the_dsse_protocol():
    assert pre_authentication("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_an_envelope_opens_with_a_trusted_key_and_with_no_other():
    envelope = Envelope.from_json(seal_envelope(b'{"a":1}', SIGNER).to_json())
    assert open_envelope(envelope, TRUSTED) == {"a": 1}
    stranger = Signer.generate()
    with pytest.raises(SignatureError, match="not trusted"):
        open_envelope(envelope, {stranger.key_id: stranger.public})
    with pytest.raises(SignatureError):
        open_envelope(envelope, {})
    with pytest.raises(SignatureError, match="does not fit"):
        open_envelope(envelope, {SIGNER.key_id: stranger.public})


@given(st.integers(0, 6), st.integers(0, 7))
def test_any_changed_bit_of_the_payload_breaks_the_signature(index, bit):
    form = seal_envelope(b'{"a":1}', SIGNER).to_json()
    payload = bytearray(base64.b64decode(form["payload"]))
    payload[index] ^= 1 << bit
    form["payload"] = base64.b64encode(bytes(payload)).decode()
    with pytest.raises(SignatureError):
        open_envelope(Envelope.from_json(form), TRUSTED)


@pytest.mark.parametrize("text", ["QQ=", "QR==", "Q Q==", "QQ==\n", "!!!!", "QQ"])
def test_base64_has_one_spelling(text):
    with pytest.raises(ValueError, match="base64"):
        strict_base64(text)


@pytest.mark.parametrize(
    "form", [None, 3, {}, {"payloadType": "x"}, {"payloadType": "x", "payload": "", "signatures": []}]
)
def test_what_is_no_envelope_is_refused(form):
    with pytest.raises(SignatureError):
        Envelope.from_json(form)


def test_a_key_file_opens_with_its_passphrase_alone_and_only_while_private(tmp_path):
    path = tmp_path / "zhou.key"
    SIGNER.save(path, b"correct")
    assert Signer.load(path, b"correct").key_id == SIGNER.key_id
    for wrong in (b"wrong", None):
        with pytest.raises(KeyFileError, match="passphrase"):
            Signer.load(path, wrong)
    with pytest.raises(KeyFileError, match="already"):
        SIGNER.save(path)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="open to others"):
        Signer.load(path, b"correct")
    with pytest.raises(KeyFileError, match="cannot be read"):
        Signer.load(tmp_path / "none.key")


def test_a_public_key_survives_its_text_and_rubbish_is_refused():
    assert PublicKey.from_text(SIGNER.public.to_text()) == SIGNER.public
    for text in ("", "AAAA", "x" * 44):
        with pytest.raises(KeyFileError):
            PublicKey.from_text(text)


def test_a_checkpoint_opens_with_the_key_that_signed_and_in_its_one_form():
    made = Checkpoint("carnet/shanghai", 7, b"\x01" * 32, datetime(2026, 11, 21, 12, 0, tzinfo=UTC))
    note = sign_checkpoint(made, SIGNER)
    assert open_checkpoint(note, SIGNER.public) == made
    with pytest.raises(LedgerError, match="another key"):
        open_checkpoint(note, Signer.generate().public)
    for broken in (
        note.replace("\n7\n", "\n8\n"),
        note.replace("\n7\n", "\n07\n"),
        note + "\n",
        note[:-9],
        "",
        "\n\n",
    ):
        with pytest.raises((LedgerError, SignatureError)):
            open_checkpoint(broken, SIGNER.public)


def test_an_envelope_that_one_key_signed_twice_is_refused():
    form = seal_envelope(b'{"a":1}', SIGNER).to_json()
    form["signatures"] *= 2
    with pytest.raises(SignatureError, match="twice"):
        open_envelope(Envelope.from_json(form), TRUSTED)


def test_a_key_file_behind_a_link_is_judged_by_what_it_is(tmp_path):
    path, link = tmp_path / "li.key", tmp_path / "link.key"
    SIGNER.save(path)
    link.symlink_to(path)
    assert Signer.load(link).key_id == SIGNER.key_id
    path.chmod(0o604)
    with pytest.raises(KeyFileError, match="open to others"):
        Signer.load(link)
    with pytest.raises(KeyFileError, match="already"):
        SIGNER.save(link)


def test_a_payload_nested_without_end_is_no_statement():
    envelope = seal_envelope(b"[" * 200_000, SIGNER)
    with pytest.raises(SignatureError):
        open_envelope(envelope, TRUSTED)

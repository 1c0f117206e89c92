"""Tokens that stand for identifiers: joinable within one recipient, purpose and period, and nowhere else.

A scope's key is derived (HKDF-SHA-256, RFC 5869) from a root key that the caller gives and from a random seed of
the scope that the caller keeps. Nothing here reads or writes a file. Deleting the seed erases the scope: the root
alone gives that key to nobody again, so its tokens can no longer be made, joined to new ones, or opened.

`token` is HMAC-SHA-256 (RFC 2104): one way, short enough for a column. `seal` is AES-SIV (RFC 5297) without a
nonce: the same value gives the same text on purpose, and the scope's key opens it. Both are pseudonyms: they are
reported as replaced.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import MutableMapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from carnet.errors import RedactionError

SEED_BYTES = 32
_FEWEST_KEY_BYTES = 32
_TOKEN_BYTES = 15
_SIV_BYTES = 64
_TAG_BYTES = 16


@dataclass(frozen=True, slots=True)
class Scope:
    """Within what tokens may be joined.

    Attributes:
        recipient: who gets them, by register number.
        purpose: what for.
        period: for how long the same token is used, such as `2026-Q4`.
    """

    recipient: str
    purpose: str
    period: str

    def encoded(self) -> bytes:
        """Give bytes that no other scope has: each part with its length before it."""
        parts = [one.encode("utf-8") for one in (self.recipient, self.purpose, self.period)]
        return b"".join(len(one).to_bytes(4, "big") + one for one in parts)


def token_of(key: bytes, kind: str, value: str) -> str:
    """Give a value's token under a key: 24 characters of base 32, other ones for another kind."""
    content = b"\x00".join((kind.encode("utf-8"), value.encode("utf-8", "surrogateescape")))
    made = hmac.digest(key, content, "sha256")
    return base64.b32encode(made[:_TOKEN_BYTES]).decode("ascii").lower()


class ScopeKey:
    """The key of one scope, in use.

    Args:
        root: secret bytes of the caller, at least 32.
        seed: the scope's own random bytes, `SEED_BYTES` of them.

    Raises:
        ValueError: root or seed is too short.
    """

    def __init__(self, root: bytes, seed: bytes, scope: Scope) -> None:
        if len(root) < _FEWEST_KEY_BYTES or len(seed) != SEED_BYTES:
            raise ValueError("a root key has 32 bytes or more, a seed exactly 32")
        self._root, self._seed, self._scope = root, seed, scope.encoded()
        self._siv = AESSIV(self.derive("siv", _SIV_BYTES))

    def derive(self, use: str, length: int = 32) -> bytes:
        """Give the key for one use within the scope."""
        info = f"carnet v1 deidentify {use}\x00".encode() + self._scope
        return HKDF(hashes.SHA256(), length, self._seed, info).derive(self._root)

    def token(self, kind: str, value: str) -> str:
        """Give a value's token: 24 characters of base 32, the same for the same value and kind.

        Args:
            kind: what the value is, such as `vehicle_id.vin`: one number under two kinds gives two tokens.
            value: the identifier, in the spelling that counts as its own.
        """
        return token_of(self.derive("token"), kind, value)

    def seal(self, kind: str, value: str) -> str:
        """Give a value's reversible token: URL-safe base 64 without padding."""
        sealed = self._siv.encrypt(value.encode("utf-8"), [kind.encode("utf-8")])
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")

    def open(self, kind: str, token: str) -> str:
        """Undo `seal`.

        Raises:
            RedactionError: the token is not of this scope and kind, or it was changed.
        """
        try:
            sealed = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
            if len(sealed) < _TAG_BYTES:
                raise ValueError("too short")
            return self._siv.decrypt(sealed, [kind.encode("utf-8")]).decode("utf-8")
        except (InvalidTag, ValueError) as error:
            raise RedactionError(
                "the token is not of this scope and kind, or it was changed",
                where="token",
                remedy="open it under the recipient, purpose and period for which it was made",
            ) from error


class ScopeKeys:
    """Gives scopes their keys, and forgets them.

    Args:
        root: secret bytes of the caller, at least 32.
        seeds: where the caller keeps the seeds; an entry is added for a new scope and deleted by `erase`.
    """

    def __init__(self, root: bytes, seeds: MutableMapping[Scope, bytes]) -> None:
        self._root, self._seeds = root, seeds

    def open(self, scope: Scope) -> ScopeKey:
        """Give the key of a scope, with a fresh seed when it has none."""
        if scope not in self._seeds:
            self._seeds[scope] = secrets.token_bytes(SEED_BYTES)
        return ScopeKey(self._root, self._seeds[scope], scope)

    def erase(self, scope: Scope) -> None:
        """Forget a scope's seed, and with it every key of the scope; raises `RedactionError` if there is none."""
        if self._seeds.pop(scope, None) is None:
            raise RedactionError("there is no key of this scope", where="scope")

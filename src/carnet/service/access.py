"""Who is asking: requests to a node's control port are signed by a person's own key.

There are no passwords and no sessions. Each request carries the person, the time, a number used once, and an
Ed25519 signature over method, path, query, time, number and the SHA-256 of the body. For streams the body is
not covered; the step that completes a stream names its digests and is.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from carnet.errors import RefusedError, SignatureError
from carnet.evidence.signing import Signer, strict_base64
from carnet.evidence.statements import parse_utc, utc_text
from carnet.service.node import Person

STREAM = "stream"
_WINDOW = timedelta(seconds=120)
_REMEMBERED = 100_000
_LONGEST_NUMBER = 64


def _message(method: str, target: str, person: str, time: str, number: str, body: str) -> bytes:
    return f"carnet-request v1\n{method}\n{target}\n{person}\n{time}\n{number}\n{body}".encode()


def body_digest(body: bytes | None) -> str:
    """Give what a signature covers of a body: its SHA-256, or a word for a stream."""
    return STREAM if body is None else hashlib.sha256(body).hexdigest()


def signed_headers(
    method: str, target: str, body: bytes | None, *, person: str, signer: Signer, now: datetime
) -> dict[str, str]:
    """Give the headers of a signed request. `target` is path and query; `body` is None for a stream."""
    time, number = utc_text(now), secrets.token_hex(16)
    signature = signer.sign(_message(method, target, person, time, number, body_digest(body)))
    return {
        "carnet-person": person,
        "carnet-time": time,
        "carnet-number": number,
        "carnet-signature": base64.b64encode(signature).decode("ascii"),
    }


class Access:
    """Checks signed requests, each once."""

    def __init__(self, people: Callable[[str], Person], clock: Callable[[], datetime]) -> None:
        self._people = people
        self._clock = clock
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()
        # What was signed before this process knew which numbers were used could be a second use.
        self._began = parse_utc(utc_text(clock()))

    def check(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> Person:
        """Give who signed; raises `RefusedError` for nobody, an old time or a repeated number."""
        try:
            name, time = headers["carnet-person"], headers["carnet-time"]
            number, signature = headers["carnet-number"], strict_base64(headers["carnet-signature"])
            moment = parse_utc(time)
        except (KeyError, ValueError) as error:
            raise RefusedError("the request is not signed", remedy="give --person and --key") from error
        if moment.tzinfo is None or moment < self._began or abs(moment - self._clock()) > _WINDOW:
            raise RefusedError("the request was not signed now", remedy="set the clock, then try again")
        if len(number) > _LONGEST_NUMBER:
            raise RefusedError("the request is not signed", remedy="give --person and --key")
        person = self._people(name)
        message = _message(method, target, name, time, number, body_digest(body))
        try:
            person.key.check(signature, message)
        except SignatureError as error:
            raise RefusedError(
                "the request is not signed with this person's key", remedy="use her key"
            ) from error
        with self._lock:
            if number in self._seen:
                raise RefusedError("this request was made before", remedy="sign a new one")
            self._seen[number] = None
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        return person

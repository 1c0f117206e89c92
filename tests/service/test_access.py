"""Requests to a node: signed by a registered person, now, once, over what is really asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from carnet.errors import RefusedError
from carnet.evidence.signing import Signer
from carnet.service.access import Access, signed_headers
from carnet.service.node import Person
from carnet.transfer.request import Role

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SIGNER = Signer.generate()


def people(name):
    if name != "li":
        raise RefusedError("nobody of that name is registered here")
    return Person("li", Role.ENGINEER, SIGNER.public)


@pytest.fixture
def access():
    return Access(people, lambda: NOW)


def headers(method="POST", target="/v1/x?a=1", body=b"{}", person="li", signer=SIGNER, now=NOW):
    return signed_headers(method, target, body, person=person, signer=signer, now=now)


def test_a_signed_request_says_who_asks(access):
    assert access.check("POST", "/v1/x?a=1", headers(), b"{}").id == "li"


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", "/v1/x?a=1", b"{}"),
        ("POST", "/v1/x?a=2", b"{}"),
        ("POST", "/v1/x?a=1", b"{ }"),
        ("POST", "/v1/x?a=1", None),
    ],
)
def test_a_signature_for_something_else_is_refused(access, method, target, body):
    with pytest.raises(RefusedError, match="not signed with"):
        access.check(method, target, headers(), body)


def test_a_stranger_an_old_time_and_a_second_use_are_refused(access):
    with pytest.raises(RefusedError, match="nobody"):
        access.check("POST", "/v1/x?a=1", headers(person="eve"), b"{}")
    with pytest.raises(RefusedError, match="not signed with"):
        access.check("POST", "/v1/x?a=1", headers(signer=Signer.generate()), b"{}")
    for moment in (NOW - timedelta(minutes=3), NOW + timedelta(minutes=3)):
        with pytest.raises(RefusedError, match="not signed now"):
            access.check("POST", "/v1/x?a=1", headers(now=moment), b"{}")
    once = headers()
    access.check("POST", "/v1/x?a=1", once, b"{}")
    with pytest.raises(RefusedError, match="before"):
        access.check("POST", "/v1/x?a=1", once, b"{}")


@pytest.mark.parametrize("missing", ["carnet-person", "carnet-time", "carnet-number", "carnet-signature"])
def test_an_unsigned_request_is_refused(access, missing):
    form = headers()
    del form[missing]
    with pytest.raises(RefusedError, match="not signed"):
        access.check("POST", "/v1/x?a=1", form, b"{}")

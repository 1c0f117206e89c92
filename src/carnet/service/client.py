"""The command line's way to its own node: signed requests to the loopback port."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from carnet import errors
from carnet.errors import CarnetError, NodeError
from carnet.evidence.signing import Signer, seal_envelope
from carnet.evidence.statements import Kind, Subject, statement, statement_bytes
from carnet.model.canonical import canonical_json
from carnet.model.ids import PersonId, RequestId
from carnet.service.access import signed_headers
from carnet.service.node import now_utc, read_config
from carnet.transfer.gate import approval_predicate

_PIECE = 4 << 20
_TIMEOUT_S = 3600.0
_OK = 200


class Client:
    """A person's connection to the node of a folder."""

    def __init__(self, folder: Path, person: str, signer: Signer) -> None:
        config = read_config(folder)
        self.person = person
        self._signer = signer
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{config.control_port}", timeout=_TIMEOUT_S, trust_env=False
        )

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def call(self, method: str, target: str, form: Mapping[str, Any] | None = None) -> Any:
        """Make a request and give the answer's JSON; raises the `CarnetError` that the node raised."""
        return self._send(method, target, form).json()

    def raw(self, target: str) -> bytes:
        """Get bytes."""
        return self._send("GET", target, None).content

    def _send(self, method: str, target: str, form: Mapping[str, Any] | None) -> httpx.Response:
        body = b"" if form is None else canonical_json(form)
        headers = self._headers(method, target, body)
        if form is not None:
            headers["content-type"] = "application/json"
        try:
            answer = self._http.request(method, target, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise _unreachable() from error
        return _checked(answer)

    def _headers(self, method: str, target: str, body: bytes | None) -> dict[str, str]:
        return signed_headers(method, target, body, person=self.person, signer=self._signer, now=now_utc())

    def ingest(self, paths: list[Path], origin: str, vehicle: str | None = None) -> dict[str, Any]:
        """Send the files of one recording; gives its id and how many objects it has."""
        begun = self.call("POST", "/v1/recordings", {"origin": origin, "vehicle": vehicle})
        place = f"/v1/recordings/{begun['recording']}"
        contents = []
        for path in paths:
            headers = self._headers("PUT", f"{place}/objects", None)
            headers["carnet-name"] = base64.b64encode(path.name.encode("utf-8")).decode("ascii")
            headers["carnet-bytes"] = str(path.stat().st_size)
            try:
                answer = self._http.put(f"{place}/objects", content=_pieces(path), headers=headers)
            except httpx.HTTPError as error:
                raise _unreachable() from error
            contents.append(_checked(answer).json()["content"])
        done: dict[str, Any] = self.call("POST", f"{place}/finish", {"contents": contents})
        return done

    def approve(self, request: RequestId, seen: Mapping[str, Any]) -> dict[str, Any]:
        """Sign what was seen, with the person's own key, and hand it in."""
        predicate = approval_predicate(request, seen["movement"], seen["decision"])
        subject = Subject(request, predicate["movement"].removeprefix("sha256:"))
        form = self._sign(Kind.APPROVED, subject, predicate, now_utc())
        answer: dict[str, Any] = self.call("POST", f"/v1/requests/{request}/approve", form)
        return answer

    def declare(self, predicate: Mapping[str, Any]) -> dict[str, Any]:
        """Sign a declaration and hand it in; gives its id, and the movements that it paused."""
        form = self._sign(Kind.DECLARED, Subject("declaration", "0" * 64), predicate, now_utc())
        answer: dict[str, Any] = self.call("POST", "/v1/declarations", form)
        return answer

    def adopt_places(self, signed: Any) -> dict[str, Any]:
        """Hand a signed list of sensitive places in and declare it; gives its name, digest and last day."""
        kept: dict[str, Any] = self.call("POST", "/v1/places", {"list": signed})
        body = {"list": kept["list"], "digest": kept["digest"]}
        self.declare({"kind": "places", "body": body, "until": kept["until"]})
        return kept

    def _sign(
        self, kind: Kind, subject: Subject, predicate: Mapping[str, Any], at: datetime
    ) -> dict[str, Any]:
        said = statement(kind, [subject], predicate, actor=PersonId(self.person), at=at)
        return seal_envelope(statement_bytes(said), self._signer).to_json()


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while data := file.read(_PIECE):
            yield data


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.status_code == _OK:
        return answer
    try:
        form = json.loads(answer.content)
        kind = getattr(errors, str(form["error"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NodeError(
            f"the node answered with status {answer.status_code}", remedy="see its log"
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, CarnetError)):
        raise NodeError("the node answered with an unknown error", remedy="use the same release of carnet")
    raise kind(str(form["what"]), where=form.get("where"), remedy=form.get("remedy"))


def _unreachable() -> NodeError:
    return NodeError("the node does not answer", remedy="start it: carnet node serve")

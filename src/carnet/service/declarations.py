"""What an officer declares and signs with her own key, and what it does to movements.

Kinds: `facts` (about a class of data, or the movement as a whole), `safeguard` (an approval, contract or
assessment that is in force), `presumption` (something the law lets one presume, confirmed), `duty` (evidence
that something owed before an export was done), `lawbook` (the lawbook that this node decides under), `review`
(somebody looked at what the check still found in a redacted recording, and says what of it is really left),
`certificate` (of `carnet certify`, for a recording whose files it names: its bounds are facts of the pictures),
`places` (a list of sensitive places, by name and digest: the list itself is secret, and kept apart).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from difflib import get_close_matches
from typing import Any

from carnet.errors import InputError, RefusedError
from carnet.evidence.signing import Envelope, open_envelope
from carnet.evidence.statements import STATEMENT_TYPE, Kind, Subject, parse_utc, statement
from carnet.model.canonical import canonical_json, digest_of
from carnet.model.ids import Digest, RecordingId
from carnet.service.node import Node, Person
from carnet.service.place_lists import PlaceLists
from carnet.service.recordings import Recordings
from carnet.transfer.assemble import Declared
from carnet.transfer.request import Role

KINDS: dict[str, frozenset[str]] = {
    "facts": frozenset({"data", "facts", "persons", "recording"}),
    "safeguard": frozenset({"safeguard"}),
    "presumption": frozenset({"fact", "value"}),
    "duty": frozenset({"duty", "evidence"}),
    "lawbook": frozenset({"digest"}),
    "review": frozenset({"recording", "looked_at", "left"}),
    "certificate": frozenset({"recording", "certificate"}),
    "places": frozenset({"list", "digest"}),
}
_PICTURES = ("image.exterior", "image.cabin", "image.depth")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LEFT = {"faces_px_max", "plates_px_max"}
_DEFAULTS = frozenset({"held_in", "origin", "date", "mode"})
_OFFICER_CLOCK = timedelta(minutes=10)
"""How far the signer's clock may be from the node's."""


def declaration(kind: str, body: Mapping[str, Any], *, until: date | None = None) -> dict[str, Any]:
    """Give the predicate of a declaration, for an officer to sign; raises `InputError` for an unknown kind."""
    if kind not in KINDS:
        raise InputError(f"there is no declaration of kind {kind}", remedy=f"there are {', '.join(KINDS)}")
    if unknown := sorted(set(body) - KINDS[kind]):
        raise InputError(
            f"a {kind} declaration has no field {unknown[0]}", remedy=f"known: {', '.join(KINDS[kind])}"
        )
    _check_body(kind, body)
    return {"kind": kind, "body": dict(body), "until": None if until is None else until.isoformat()}


def _check_body(kind: str, body: Mapping[str, Any]) -> None:
    """Raise `InputError` unless every part is there and of its form: what is kept is read at every decision."""
    number = _whole_number
    good = {
        "facts": lambda: (
            _texts(body.get("data"))
            and isinstance(body.get("facts", {}), Mapping)
            and ("persons" not in body or number(body["persons"]))
            and isinstance(body.get("recording", ""), str)
        ),
        "safeguard": lambda: isinstance(body.get("safeguard"), Mapping) and "kind" in body["safeguard"],
        "presumption": lambda: isinstance(body.get("fact"), str) and "value" in body,
        "duty": lambda: isinstance(body.get("duty"), str) and bool(body.get("evidence")),
        "lawbook": lambda: _DIGEST.fullmatch(str(body.get("digest"))) is not None,
        "review": lambda: (
            isinstance(body.get("recording"), str)
            and number(body.get("looked_at"))
            and isinstance(body.get("left"), Mapping)
            and set(body["left"]) <= _LEFT
            and all(number(one) for one in body["left"].values())
        ),
        "certificate": lambda: isinstance(body.get("recording"), str) and _is_certificate(body),
        "places": lambda: (
            isinstance(body.get("list"), str) and _DIGEST.fullmatch(str(body.get("digest"))) is not None
        ),
    }
    if not good[kind]():
        raise InputError(
            f"a part of this {kind} declaration is missing or not of its form",
            remedy=f"it has {', '.join(sorted(KINDS[kind]))}",
        )


def _whole_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_certificate(body: Mapping[str, Any]) -> bool:
    form = body.get("certificate")
    if not isinstance(form, Mapping) or form.get("certificate") != "v1":
        return False
    batch, bounds = form.get("batch"), form.get("bounds")
    return (
        isinstance(batch, list)
        and all(isinstance(one, Mapping) and isinstance(one.get("out_sha256"), str) for one in batch)
        and isinstance(bounds, list)
        and all(isinstance(one, Mapping) and isinstance(one.get("fact"), str) for one in bounds)
        and all(one.get("value") is None or _is_share(one["value"]) for one in bounds)
    )


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _texts(value: object) -> bool:
    return (
        value is None
        or isinstance(value, str)
        or (isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value))
    )


class Declarations:
    """The declarations of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def keep(self, form: Any, person: Person) -> str:
        """Keep a signed declaration; gives its id.

        Raises:
            RefusedError: the person is no officer, or signed for somebody else or at another time.
            SignatureError: the signature is not hers.
        """
        if person.role is not Role.OFFICER:
            raise RefusedError(
                "only an officer declares", remedy="ask the officer who answers to the authorities"
            )
        envelope = Envelope.from_json(form)
        said = open_envelope(envelope, {person.key.key_id: person.key})
        now = self._node.clock()
        try:
            if said["_type"] != STATEMENT_TYPE or said["predicateType"] != Kind.DECLARED.value:
                raise ValueError("kind")
            predicate = said["predicate"]
            body = declaration(str(predicate["kind"]), dict(predicate["body"]), until=_day(predicate))
            late = abs(parse_utc(predicate["time"]) - now) > _OFFICER_CLOCK
            actor = predicate["actor"]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError("this is no declaration", remedy="make it with carnet node declare") from error
        if actor != person.id or late:
            raise RefusedError(
                "the declaration is somebody else's, or was not signed now", remedy="sign it again"
            )
        self._check_names(body["kind"], body["body"])
        if body["until"] is not None and body["until"] < now.date().isoformat():
            raise InputError("its last day has passed already", where="until", remedy="give a day to come")
        if body["kind"] == "review":
            self._check_review(body["body"]["recording"])
        if body["kind"] == "certificate":
            self._check_certificate(body["body"])
        if body["kind"] == "places":
            PlaceLists(self._node).check(body["body"], body["until"])
        identifier = digest_of(envelope.to_json())
        subject = Subject("declaration", identifier.removeprefix("sha256:"))
        kept = {"declaration": identifier, "kind": body["kind"], "until": body["until"]}
        with self._node.catalog.change(
            statement(Kind.DECLARED, [subject], kept, actor=person.id, at=now)
        ) as change:
            if change.execute("SELECT 1 FROM declarations WHERE id=?", (identifier,)).fetchone() is not None:
                raise InputError("this declaration is kept already", remedy="sign a new one")
            change.execute(
                "INSERT INTO declarations VALUES (?, ?, ?, ?, ?, ?)",
                (
                    identifier,
                    body["kind"],
                    canonical_json(body["body"]).decode(),
                    person.id,
                    body["until"],
                    canonical_json(envelope.to_json()).decode(),
                ),
            )
        return identifier

    def _check_names(self, kind: str, body: Mapping[str, Any]) -> None:
        """Refuse a class or fact that the lawbook does not know: kept, it would stop every later movement."""
        lawbook = self._node.lawbook
        if kind == "facts":
            data = body.get("data")
            classes = data if isinstance(data, list) else [data] if data else []
            facts = body.get("facts", {})
        elif kind == "certificate":
            classes, facts = [], {one["fact"]: None for one in body["certificate"]["bounds"]}
        elif kind == "presumption":
            # Defaults of the movement's form are presumed too; they are paths, not registered facts.
            classes, facts = (
                [],
                {} if "." in body["fact"] or body["fact"] in _DEFAULTS else {body["fact"]: None},
            )
        else:
            return
        for name, known, what in (
            *((one, one in lawbook.vocabulary, "class of data") for one in classes),
            *((one, one in lawbook.register, "fact") for one in facts),
        ):
            if not known:
                near = get_close_matches(str(name), [*lawbook.vocabulary.classes, *lawbook.register], 1)
                raise InputError(
                    f"the lawbook knows no {what} of the name {str(name)[:60]}",
                    where="declaration",
                    remedy=f"did you mean {near[0]}?"
                    if near
                    else "see lawbook/facts.yaml and vocabulary.yaml",
                )

    def _check_review(self, recording: str) -> None:
        """A review stands in the place of a check's findings; where nothing was checked it would be a guess."""
        if not Recordings(self._node).checked(RecordingId(recording)):
            raise InputError(
                "a review speaks of a recording whose pictures were redacted and checked",
                remedy="name the redacted recording",
            )

    def _check_certificate(self, body: Mapping[str, Any]) -> None:
        """A certificate speaks of the files that it names by digest, and of no others."""
        recordings = Recordings(self._node)
        recording = RecordingId(body["recording"])
        held = recordings.get(recording)
        named = {one["out_sha256"].removeprefix("sha256:") for one in body["certificate"]["batch"]}
        pictured = [
            one
            for one, sheet in zip(held.objects, recordings.sheets(recording), strict=True)
            if any(data.startswith("image") for data in sheet.data)
        ]
        if not pictured or any(one.content.removeprefix("sha256:") not in named for one in pictured):
            raise InputError(
                "the certificate is of other files than the pictures of this recording",
                where="certificate.batch",
                remedy="certify the redacted files that were ingested: carnet certify",
            )

    def _in_force(self, day: date, kind: str) -> list[Any]:
        rows = self._node.catalog.rows("SELECT * FROM declarations WHERE kind=? ORDER BY rowid", (kind,))
        return [one for one in rows if one["until"] is None or one["until"] >= day.isoformat()]

    def envelopes(self, day: date, before: int) -> list[dict[str, Any]]:
        """Give every declaration in force on a day that stood in the ledger before an entry, as signed.

        Args:
            day: the day of a release, which may be years ago.
            before: the number of the entry that holds its intent.
        """
        stood = {
            said["predicate"]["declaration"]
            for said in (one.statement() for one in self._node.catalog.entries(0, before))
            if said["predicateType"] == Kind.DECLARED.value
        }
        return [
            json.loads(one["envelope"])
            for kind in KINDS
            for one in self._in_force(day, kind)
            if one["id"] in stood
        ]

    def declared(self, day: date, recording: str) -> Declared:
        """Give what is declared for a recording's movement; a later declaration of a fact replaces an earlier."""
        safeguards = [json.loads(one["body"])["safeguard"] for one in self._in_force(day, "safeguard")]
        contents: dict[str, dict[str, Any]] = {}
        movement_facts: dict[str, Any] = {}
        for row in self._in_force(day, "facts"):
            body = json.loads(row["body"])
            if body.get("recording") not in {None, recording}:
                continue
            if body.get("data") is None:
                movement_facts.update(body.get("facts", {}))
                continue
            for data in body["data"] if isinstance(body["data"], list) else [body["data"]]:
                content = contents.setdefault(data, {"facts": {}})
                content["facts"].update(body.get("facts", {}))
                if "persons" in body:
                    content["persons"] = body["persons"]
        for row in self._in_force(day, "certificate"):
            body = json.loads(row["body"])
            if body["recording"] == recording:
                bounds = {one["fact"]: one["value"] for one in body["certificate"]["bounds"]}
                for data in _PICTURES:
                    facts = contents.setdefault(data, {"facts": {}})["facts"]
                    facts |= {name: value for name, value in bounds.items() if value is not None}
        marks = PlaceLists(self._node).marks(day)
        return Declared(tuple(safeguards), contents, movement_facts, marks)

    def confirmed(self, day: date) -> dict[str, Any]:
        """Give, by fact, the value that an officer stated last for what the law lets one presume."""
        bodies = [json.loads(one["body"]) for one in self._in_force(day, "presumption")]
        return {one["fact"]: one["value"] for one in bodies}

    def evidenced(self, day: date) -> frozenset[str]:
        """Give the duties for which there is evidence."""
        return frozenset(json.loads(one["body"])["duty"] for one in self._in_force(day, "duty"))

    def reviewed(self, day: date) -> dict[str, Mapping[str, Any]]:
        """Give, by recording, what a person found really left of what a check still found."""
        bodies = [json.loads(one["body"]) for one in self._in_force(day, "review")]
        return {one["recording"]: one["left"] for one in bodies}

    def adopted_lawbook(self, day: date) -> Digest | None:
        """Give the digest of the lawbook that an officer adopted last."""
        found = self._in_force(day, "lawbook")
        return Digest(json.loads(found[-1]["body"])["digest"]) if found else None


def _day(predicate: Mapping[str, Any]) -> date | None:
    text = predicate.get("until")
    return None if text is None else date.fromisoformat(str(text))

"""Lists of sensitive places: signed by an officer, opened only where somebody trusts her key.

A signed list is a DSSE envelope around a statement that holds the whole list. It is secret: it lies in one file that
the officer hands over. Reports know it by its name and digest alone, and errors name entries and fields.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from carnet.errors import InputError, SignatureError, UnreadableError
from carnet.evidence.signing import Envelope, PublicKey, Signer, open_envelope, seal_envelope
from carnet.evidence.statements import STATEMENT_TYPE, Kind, Subject, statement, statement_bytes
from carnet.model.canonical import canonical_json
from carnet.model.ids import KeyId
from carnet.model.place_list import PlaceList, place_list_of, read_place_list

LARGEST = 16_000_000
"""Bytes of a list, signed or not."""


@dataclass(frozen=True, slots=True)
class Places:
    """What a worker is told of sensitive places: the lists as they were signed, in JSON, and the day."""

    lists: tuple[str, ...]
    day: date

    def parameters(self) -> dict[str, Any]:
        """Give the parameters of the task `describe`."""
        return {"places": list(self.lists), "day": self.day.isoformat()} if self.lists else {}


NOT_SIGNED = "sign it: carnet places sign"


def read_list_file(path: Path) -> str:
    """Give the text of a list; raises `UnreadableError` for a file that is missing, too large or no UTF-8."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise UnreadableError(
            f"it cannot be opened: {error.strerror}", where=str(path), remedy="check the path"
        ) from error
    if len(data) > LARGEST:
        raise UnreadableError("it is too large", where=str(path), remedy="split the list by kind or ground")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableError("it is no UTF-8 text", where=str(path), remedy="save it as UTF-8") from error


def sign_list(text: str, source: str, person: str, signer: Signer, at: datetime) -> Envelope:
    """Sign a list as the officer who answers for it.

    Raises:
        InputError: the list is not of its form, has ended, or names another author.
    """
    made, form = read_place_list(text, source)
    if made.author != person:
        raise InputError(
            "the list names another author than who signs it",
            where=f"{source}, author",
            remedy="the author signs it, under the name that stands in it",
        )
    check_day(made, at.date(), source)
    subject = Subject(made.id, made.digest.removeprefix("sha256:"))
    said = statement(Kind.PLACES, [subject], {"list": form}, actor=person, at=at)
    return seal_envelope(statement_bytes(said), signer)


def open_list(text: str, source: str, trusted: Sequence[PublicKey], day: date) -> tuple[PlaceList, Any]:
    """Give a list that somebody trusted has signed, and that is in force, with the form that was signed.

    Args:
        text: the signed file.
        source: its name, for errors.
        trusted: keys of officers.
        day: the day on which it is asked.

    Raises:
        InputError: it is not signed, was changed, is signed with another key, is no list, or is not in force.
    """
    made, form = opened_list(_envelope(text, source), source, {one.key_id: one for one in trusted})
    check_day(made, day, source)
    return made, form


def _envelope(text: str, source: str) -> Envelope:
    try:
        return Envelope.from_json(json.loads(text))
    except (ValueError, RecursionError, SignatureError) as error:
        raise InputError("the list is not signed", where=source, remedy=NOT_SIGNED) from error


def places_of_files(files: Sequence[Path], trusted: Sequence[PublicKey], day: date) -> Places:
    """Open signed lists for a scan; raises `InputError` as `open_list`, or where two are of one name."""
    forms: dict[str, str] = {}
    for path in files:
        made, form = open_list(read_list_file(path), str(path), trusted, day)
        if made.id in forms:
            raise InputError(
                f"two lists have the name {made.id}", where=str(path), remedy="give the newer one alone"
            )
        forms[made.id] = canonical_json(form).decode("utf-8")
    return Places(tuple(forms.values()), day)


def opened_list(envelope: Envelope, source: str, trusted: Mapping[KeyId, PublicKey]) -> tuple[PlaceList, Any]:
    """Give the list in an envelope, and its form; raises `InputError` as `open_list`, whatever the day."""
    if not any(key in trusted for key, _ in envelope.signatures):
        raise InputError(
            "the list is signed with a key that is not trusted here",
            where=source,
            remedy="give the officer's public key: --officer-key, as carnet node key printed it",
        )
    try:
        said = open_envelope(envelope, trusted)
        if said["_type"] != STATEMENT_TYPE or said["predicateType"] != Kind.PLACES.value:
            raise InputError(
                "this is signed, and no list of sensitive places", where=source, remedy=NOT_SIGNED
            )
        form, actor = said["predicate"]["list"], said["predicate"]["actor"]
    except SignatureError as error:
        raise InputError(
            "the list was changed after it was signed", where=source, remedy="ask the officer for it again"
        ) from error
    except (KeyError, TypeError) as error:
        raise InputError(
            "this is signed, and no list of sensitive places", where=source, remedy=NOT_SIGNED
        ) from error
    made = place_list_of(form, source)
    if made.author != actor:
        raise InputError(
            "the list names another author than who signed it", where=source, remedy="the author signs it"
        )
    return made, form


def check_day(made: PlaceList, day: date, source: str) -> None:
    """Raise `InputError` unless a list is in force on a day."""
    if day > made.until:
        raise InputError(
            f"the list {made.id} ended on {made.until.isoformat()}",
            where=f"{source}, until",
            remedy="ask the officer for the one that follows it",
        )
    if day < made.since:
        raise InputError(
            f"the list {made.id} begins on {made.since.isoformat()}",
            where=f"{source}, from",
            remedy="use the one that holds today",
        )

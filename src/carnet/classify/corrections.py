"""What people say of data that the three looks do not name: rules for the like, with author, reason and day.

A correction names what it speaks of by what stays the same in every such file (type of message, column, signal),
never by a path on a disk, so that it holds for the next drive too. It cannot loosen what contents prove: where a
VIN with its check digit, a track, a picture or sound is there, the class stays and the sheet says that somebody
said otherwise. Without a field, column or signal it speaks of what is `unknown` alone. It opens no blocked file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from carnet.errors import InputError
from carnet.model.factsheet import Certainty, FactSheet, FieldClass, ReadState, StreamFacts
from carnet.model.ids import DataClass
from carnet.model.vocabulary import UNKNOWN_CLASS, Vocabulary, check_classes
from carnet.model.yaml12 import Document, read_yaml
from carnet.recognise.text import recognise

NOTHING = "nothing"
"""What stands for data where law has no name for it."""

_KEYS = frozenset({"match", "data", "author", "reason", "day"})
_MATCHES = ("name", "format", "digest", "topic", "schema", "field", "column", "signal")
_PARTS = {"field": {"messages", "records"}, "column": {"table", "records", "messages"}, "signal": {"can"}}
_AUTHOR = re.compile(r"\w[\w .()-]{0,39}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MOST = 10_000
_LONGEST = 500
_CONTENTS = (
    *("values:", "contents:", "text:", "can:", "iso-tp:", "j1939:", "nmea 2000:", "standard:"),
    *("statistics:", "metadata: geometry", "plugin:"),
)
# What the bytes themselves are, by the kind of the stream.
_KINDS = {"picture": "image", "pictures": "image", "video": "image", "audio": "audio"}
_TRAJECTORY, _POSITION = DataClass("location.trajectory"), DataClass("location.position")


@dataclass(frozen=True, slots=True)
class Correction:
    """One thing that a person says.

    Attributes:
        match: what it speaks of: of `name` (of the file; `*` stands for anything), `format`, `digest`, `topic`,
            `schema`, `field`, `column`, `signal`; all that are given have to fit.
        data: the classes; none for what law does not name.
        author: initials or a role, as they are shown.
        reason: why; it stays in the file.
        day: when it was said.
    """

    match: Mapping[str, str] = field(hash=False)
    data: tuple[DataClass, ...]
    author: str
    reason: str
    day: date

    @property
    def rule(self) -> str:
        """Give what stands on a sheet: who said it and when."""
        return f"correction:{self.author} {self.day.isoformat()}"

    @property
    def part(self) -> str | None:
        """Give the path of the field, column or signal that it speaks of; None for whole streams."""
        return next((self.match[one] for one in _PARTS if one in self.match), None)

    def speaks_of(self, sheet: FactSheet, name: str) -> bool:
        """Say whether it may speak of a file."""
        digest = f"sha256:{sheet.sha256}" if sheet.sha256 else None
        return (
            _fits(self.match.get("name"), name.rpartition("/")[2])
            and self.match.get("format", sheet.format) == sheet.format
            and self.match.get("digest", digest) == digest
        )

    def speaks_of_stream(self, stream: StreamFacts) -> bool:
        """Say whether it may speak of a stream of such a file; members of archives go by their own streams."""
        inner = stream.name.rpartition("!")[2]
        kinds = next((_PARTS[one] for one in _PARTS if one in self.match), None)
        return (
            (_fits(self.match.get("topic"), stream.name) or _fits(self.match.get("topic"), inner))
            and self.match.get("schema", stream.schema) == stream.schema
            and (kinds is None or stream.kind in kinds)
        )


@dataclass(slots=True)
class Outcome:
    """What became of corrections, over all sheets.

    Attributes:
        applied: how many streams each changed.
        contradicted: how many streams hold contents that say otherwise: there the class stayed.
    """

    applied: dict[Correction, int] = field(default_factory=dict)
    contradicted: dict[Correction, int] = field(default_factory=dict)


def read_corrections(text: str, source: str, vocabulary: Vocabulary, today: date) -> tuple[Correction, ...]:
    """Read a file of corrections (YAML 1.2, `corrections: v1` and a list `entries`).

    Args:
        text: the file.
        source: its name, for errors.
        vocabulary: the classes that law names.
        today: no correction is of a later day.

    Raises:
        InputError: an entry lacks its author, reason, day or what it speaks of, or names a class that is none.
        UnreadableError: the text is no YAML.
    """
    document = read_yaml(text, source)
    form = document.value
    if (
        not isinstance(form, dict)
        or form.get("corrections") != "v1"
        or set(form) != {"corrections", "entries"}
    ):
        raise InputError(
            "a file of corrections has `corrections: v1` and a list `entries`",
            where=source,
            remedy="begin with what carnet scan --template-corrections writes",
        )
    entries = form["entries"]
    if not isinstance(entries, list) or len(entries) > _MOST:
        raise InputError(
            f"`entries` is a list of at most {_MOST}",
            where=source,
            remedy="split the file by kind of recording",
        )
    return tuple(
        _entry(entries[at], f"entries[{at}]", document, vocabulary, today) for at in range(len(entries))
    )


def _entry(form: Any, path: str, document: Document, vocabulary: Vocabulary, today: date) -> Correction:
    where = document.where(path)
    if not isinstance(form, dict) or set(form) - _KEYS:
        raise InputError(
            "an entry has match, data, author, reason and day", where=where, remedy="take the rest out"
        )
    match, data = form.get("match"), form.get("data")
    if (
        not isinstance(match, dict)
        or not match
        or set(match) - set(_MATCHES)
        or not all(isinstance(one, str) and 0 < len(one) <= _LONGEST for one in match.values())
    ):
        raise InputError(
            "`match` says of what a correction speaks, in texts",
            where=where,
            remedy=f"it has {', '.join(_MATCHES)}",
        )
    if len(_PARTS.keys() & match) > 1 or ("field" in match and not {"topic", "schema"} & set(match)):
        raise InputError(
            "a field goes with its topic or its schema, and one entry has one field, column or signal",
            where=where,
            remedy="add the topic or the schema; write an entry for each",
        )
    if "digest" in match and _DIGEST.fullmatch(match["digest"]) is None:
        raise InputError(
            "a digest is sha256: and 64 letters", where=where, remedy="carnet scan --hash prints it"
        )
    classes: list[str] = [] if data == NOTHING else [data] if isinstance(data, str) else data  # type: ignore[assignment] # looked at in the next line
    if not isinstance(classes, list) or not all(isinstance(one, str) for one in classes):
        raise InputError("`data` is a class or a list of them", where=where, remedy=f"or {NOTHING}")
    if not classes and data != NOTHING:
        raise InputError(
            "`data` is empty", where=where, remedy=f"name a class, or {NOTHING}, or take the entry out"
        )
    check_classes(classes, vocabulary, where=where)
    author = form.get("author")
    if not isinstance(author, str) or _AUTHOR.fullmatch(author) is None or recognise(author):
        raise InputError(
            "`author` is missing, or no name that may stand on every sheet",
            where=where,
            remedy="give initials or a role, as in: data officer",
        )
    reason = form.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        raise InputError("`reason` is missing", where=where, remedy="say how you know; it stays in this file")
    try:
        day = date.fromisoformat(form.get("day"))  # type: ignore[arg-type] # refused as any other text that is no day
    except (TypeError, ValueError):
        day = None
    if day is None or day > today:
        raise InputError("`day` is no day up to today", where=where, remedy="write it as in 2026-11-22")
    return Correction(match, tuple(DataClass(one) for one in classes), author, reason, day)


def corrected(
    sheet: FactSheet, name: str, corrections: Iterable[Correction], outcome: Outcome | None = None
) -> FactSheet:
    """Give a sheet as people corrected it; a later entry speaks after an earlier one.

    Args:
        sheet: as described; a blocked one stays as it is.
        name: the file's name, for those that go by it.
        corrections: what people say.
        outcome: counts what became of them.
    """
    outcome = outcome or Outcome()
    if sheet.state is ReadState.BLOCKED:
        return sheet
    streams = list(sheet.streams)
    for one in corrections:
        if not one.speaks_of(sheet, name):
            continue
        for number, stream in enumerate(streams):
            if one.speaks_of_stream(stream):
                streams[number] = _stream(stream, one, outcome)
    return replace(sheet, streams=tuple(streams))


def _stream(stream: StreamFacts, said: Correction, outcome: Outcome) -> StreamFacts:
    part = said.part
    found = [
        one for one in stream.fields if (one.data == UNKNOWN_CLASS if part is None else one.path == part)
    ]
    if not found:
        return stream
    before = {one.data for one in stream.fields}
    fields: list[FieldClass] = []
    spoken: set[str] = set()
    against = False
    for one in stream.fields:
        if one not in found:
            fields.append(one)
            continue
        if _is_proven(stream, one) and one.data not in said.data and not _same_kind(stream, one, said):
            against = True
            fields.append(replace(one, because=(*one.because, f"contradicted: {said.rule}")))
            continue
        if one.path in spoken:
            continue
        spoken.add(one.path)
        # Every reason that was there stays: what contents proved must not be lost to a later entry.
        others = (rule for other in found if other.path == one.path for rule in other.because)
        because = tuple(dict.fromkeys((said.rule, *others)))
        fields += [FieldClass(one.path, data, Certainty.CERTAIN, because) for data in said.data]
        if not said.data:
            fields.append(FieldClass(one.path, DataClass(NOTHING), Certainty.CERTAIN, because))
    if spoken:
        outcome.applied[said] = outcome.applied.get(said, 0) + 1
    if against:
        outcome.contradicted[said] = outcome.contradicted.get(said, 0) + 1
    # What the stream is as a whole (its track) is contents, and stays.
    classes = {one.data for one in fields if one.data != NOTHING} | (set(stream.data) - before)
    if _TRAJECTORY in classes:
        classes.discard(_POSITION)
    return replace(stream, fields=tuple(fields), data=tuple(sorted(classes)))


def _is_proven(stream: StreamFacts, one: FieldClass) -> bool:
    """Say whether contents gave a class: no word takes it away."""
    kind = _KINDS.get(stream.kind)
    top = one.data.split(".")[0]
    return one.data != UNKNOWN_CLASS and (
        top == kind
        or (top == "location" and bool(stream.facts.get("points")))
        or any(rule.startswith(_CONTENTS) for rule in one.because)
    )


def _same_kind(stream: StreamFacts, one: FieldClass, said: Correction) -> bool:
    """Say whether a picture is said to be another picture, or sound another sound: inside or outside the car."""
    kind = _KINDS.get(stream.kind)
    return kind == one.data.split(".")[0] and any(data.startswith(f"{kind}.") for data in said.data)


def template(sheets: Iterable[FactSheet]) -> tuple[list[dict[str, Any]], int]:
    """Give what is `unknown`, the like together, as entries to fill in: the most frequent first.

    Gives the entries, each with `seen`, the number of streams; and how many unknown fields no entry can name,
    since their own name is withheld.
    """
    seen: dict[tuple[tuple[str, str], ...], int] = {}
    left = 0
    for sheet in sheets:
        for stream in sheet.streams:
            for one in stream.fields:
                if one.data != UNKNOWN_CLASS:
                    continue
                match = _match_of(sheet, stream, one.path)
                if any("withheld" in text for text in match.values()):
                    left += 1
                else:
                    key = tuple(match.items())
                    seen[key] = seen.get(key, 0) + 1
    ordered = sorted(seen, key=lambda key: (-seen[key], key))[:_MOST]
    entries = [
        {"seen": seen[key], "match": dict(key), "data": [], "author": "", "reason": "", "day": ""}
        for key in ordered
    ]
    return entries, left + len(seen) - len(ordered)


def _match_of(sheet: FactSheet, stream: StreamFacts, path: str) -> dict[str, str]:
    """Say by what the like of a field is known."""
    topic = stream.name.rpartition("!")[2]
    schema = {"schema": stream.schema} if stream.schema else {}
    if path.startswith("*"):
        return {"format": sheet.format or "", "topic": topic, **schema}
    if stream.kind == "can":
        return {"signal": path}
    if stream.kind == "table":
        return {"column": path, **schema}
    return {"topic": topic, **schema, "field": path}


def _fits(pattern: str | None, text: str) -> bool:
    """Say whether a text is of a pattern in which only `*` is more than itself: topics are full of brackets.

    Not by an expression: with some stars those take ages over a name that somebody else chose.
    """
    if pattern is None:
        return True
    first, *middle = pattern.split("*")
    if not middle:
        return text == pattern
    last = middle.pop()
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for one in middle:
        at = text.find(one, at, end)
        if at < 0:
            return False
        at += len(one)
    return True

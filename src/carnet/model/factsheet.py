"""What is claimed about one file of a recording: the fact sheet, as `carnet scan --json` prints it.

One sheet belongs to one file (object) of a recording. Its JSON form is the item of `scan: v1` in the
command contract without `path`; `to_json` and `from_json` are inverse.

`facts` of a stream use the registered names of the lawbook (`faces_px_max`, `plates_px_max`,
`contains_faces`, `contains_plates`, `images`, `hours`) and the descriptive ones `points`, `km`, `frames`,
`countries`, `start_ns`, `end_ns`, `contains_voice`, `voice_seconds`, `persons_px_max`, `faces_share`. An absent
name is unknown, never zero. Where a list of sensitive places was given, `sensitive_places` and `military_area`
stand there too, with `places_touched` (entries by name), `places_unknown` (why nobody can say), `places_lists` and
`places_until` (the last day on which the answer holds). No fact holds a coordinate, a VIN, a plate or any other
value that identifies somebody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from carnet.model.ids import DataClass, Digest

FactValue = bool | int | float | str | tuple[str, ...]


def _facts_to_json(facts: Mapping[str, FactValue]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in facts.items()}


def _facts_from_json(form: Mapping[str, Any]) -> dict[str, FactValue]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in form.items()}


class ReadState(StrEnum):
    """How far a file could be read."""

    READ = "read"
    PARTLY = "partly"
    BLOCKED = "blocked"


class Certainty(StrEnum):
    """How sure a classification is."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


@dataclass(frozen=True, slots=True)
class FieldClass:
    """One field of a stream, with the class of data that it holds and the rules that said so."""

    path: str
    data: DataClass
    certainty: Certainty
    because: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "path": self.path,
            "data": self.data,
            "certainty": str(self.certainty),
            "because": [{"rule": rule} for rule in self.because],
        }

    @classmethod
    def from_json(cls, form: dict[str, Any]) -> FieldClass:
        """Read the JSON form."""
        return cls(
            form["path"],
            DataClass(form["data"]),
            Certainty(form["certainty"]),
            tuple(one["rule"] for one in form["because"]),
        )


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """One topic, channel, signal group, camera or picture: its classes and its facts."""

    name: str
    kind: str
    schema: str | None
    count: int
    fields: tuple[FieldClass, ...] = ()
    data: tuple[DataClass, ...] = ()
    facts: dict[str, FactValue] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "name": self.name,
            "kind": self.kind,
            "schema": self.schema,
            "count": self.count,
            "fields": [one.to_json() for one in self.fields],
            "data": list(self.data),
            "facts": _facts_to_json(self.facts),
        }

    @classmethod
    def from_json(cls, form: dict[str, Any]) -> StreamFacts:
        """Read the JSON form."""
        return cls(
            form["name"],
            form["kind"],
            form["schema"],
            form["count"],
            tuple(FieldClass.from_json(one) for one in form["fields"]),
            tuple(DataClass(one) for one in form["data"]),
            _facts_from_json(form["facts"]),
        )


@dataclass(frozen=True, slots=True)
class Outside:
    """What lies outside payloads: in names, headers, comments, metadata, attachments."""

    where: str
    data: DataClass
    because: tuple[str, ...]
    facts: tuple[tuple[str, FactValue], ...] = ()
    """Facts by name, sorted; none for most."""

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form; `facts` stands there where there are some."""
        form: dict[str, Any] = {
            "where": self.where,
            "data": self.data,
            "because": [{"rule": rule} for rule in self.because],
        }
        return form | ({"facts": _facts_to_json(dict(self.facts))} if self.facts else {})

    @classmethod
    def from_json(cls, form: dict[str, Any]) -> Outside:
        """Read the JSON form."""
        facts = _facts_from_json(form.get("facts", {}))
        because = tuple(one["rule"] for one in form["because"])
        return cls(form["where"], DataClass(form["data"]), because, tuple(sorted(facts.items())))


@dataclass(frozen=True, slots=True)
class Tool:
    """A detector or recogniser that had a part in a result: name, version, weights' digest, threshold."""

    name: str
    version: str
    digest: Digest | None = None
    threshold: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "name": self.name,
            "version": self.version,
            "digest": self.digest,
            "threshold": self.threshold,
        }

    @classmethod
    def from_json(cls, form: dict[str, Any]) -> Tool:
        """Read the JSON form."""
        return cls(form["name"], form["version"], form["digest"], form["threshold"])


@dataclass(frozen=True, slots=True)
class FactSheet:
    """All that is claimed about one file at one moment."""

    format: str | None
    bytes: int
    state: ReadState
    reason: str | None = None
    sha256: str | None = None
    streams: tuple[StreamFacts, ...] = ()
    outside: tuple[Outside, ...] = ()
    tools: tuple[Tool, ...] = ()

    @property
    def data(self) -> tuple[DataClass, ...]:
        """Every class of data in the file, sorted."""
        classes = {one for stream in self.streams for one in stream.data}
        return tuple(sorted(classes | {one.data for one in self.outside}))

    def without_sketches(self) -> FactSheet:
        """Give the sheet without the shapes of tracks, which are for the eye of whoever asked for a report."""
        streams = tuple(
            replace(one, facts={name: fact for name, fact in one.facts.items() if name != "sketch"})
            if "sketch" in one.facts
            else one
            for one in self.streams
        )
        return replace(self, streams=streams)

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form: an item of `scan: v1` without its path."""
        return {
            "format": self.format,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "state": str(self.state),
            "reason": self.reason,
            "streams": [one.to_json() for one in self.streams],
            "outside": [one.to_json() for one in self.outside],
            "tools": [one.to_json() for one in self.tools],
        }

    @classmethod
    def from_json(cls, form: dict[str, Any]) -> FactSheet:
        """Read the JSON form."""
        return cls(
            form["format"],
            form["bytes"],
            ReadState(form["state"]),
            form["reason"],
            form["sha256"],
            tuple(StreamFacts.from_json(one) for one in form["streams"]),
            tuple(Outside.from_json(one) for one in form["outside"]),
            tuple(Tool.from_json(one) for one in form["tools"]),
        )

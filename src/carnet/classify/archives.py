"""The sheet of an archive: the sheets of its members in one, each stream and place named after its member.

`drive.zip` with `a/cam.mp4` in it has the stream `a/cam.mp4!track 1`; a compressed single file keeps the names of
what is in it. An archive is `read` when every member is, `blocked` when none could be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import BinaryIO

from carnet.errors import UnreadableError
from carnet.formats.archive_read import DEEPEST, SINGLE, ArchiveReader, Budget
from carnet.formats.sniff import length_of
from carnet.model.factsheet import FactSheet, Outside, ReadState, StreamFacts, Tool
from carnet.recognise.text import recognise

_MOST_REASONS = 20
_MOST_STREAMS = 20_000


@dataclass(frozen=True, slots=True)
class Nesting:
    """How deep in archives a file lies, and what may still come out of them."""

    depth: int
    budget: Budget


Describe = Callable[[BinaryIO, str, Mapping[str, bytes], Nesting], FactSheet]


def describe_archive(
    reader: ArchiveReader,
    length: int,
    describe: Describe,
    companions: Mapping[str, bytes],
    nesting: Nesting | None,
) -> FactSheet:
    """Make the sheet of an archive from those of its members; it has neither digest nor what its own name says.

    Args:
        reader: the archive.
        length: its bytes.
        describe: makes the sheet of one member, from its bytes, name, the files beside it, and the nesting.
        companions: files beside the archive, by name.
        nesting: where this archive lies in another.
    """
    nesting = nesting or Nesting(0, Budget(length))
    streams: list[StreamFacts] = []
    outside: dict[Outside, None] = {}
    tools: dict[Tool, None] = {}
    reasons: list[str] = []
    read = failed = 0
    if nesting.depth >= DEEPEST:
        reader.block("it is nested deeper in archives than carnet opens")
        return FactSheet(reader.format, length, ReadState.BLOCKED, reader.reason)
    beside = {**companions, **reader.databases()}
    for number, member in enumerate(reader.members(nesting.budget), start=1):
        shown = f"member {number} (name withheld)" if recognise(_spaced(member.name)) else member.name
        if not shown and reader.format not in SINGLE:
            shown = f"member {number} (without a name)"
        prefix = f"{shown}!" if shown else ""
        if member.file is not None and length_of(member.file) == 0 and member.reason is None:
            # No bytes are nothing that could be missed; the name may be.
            outside.update(_named(prefix, member.name))
            continue
        sheet = (
            describe(member.file, member.name, beside, Nesting(nesting.depth + 1, nesting.budget))
            if member.file is not None
            else FactSheet(None, 0, ReadState.BLOCKED, member.reason)
        )
        why = "; ".join(one for one in dict.fromkeys((member.reason, sheet.reason)) if one)
        if sheet.state is not ReadState.READ or member.reason:
            failed += 1
            reasons.append(f"{shown}: {why}" if shown else why)
        if sheet.state is not ReadState.BLOCKED:
            read += 1
        if member.file is None and member.name:
            outside.update(_named(prefix, member.name))
        streams += [replace(one, name=f"{prefix}{one.name}") for one in sheet.streams]
        outside.update({replace(one, where=f"{prefix}{one.where}"): None for one in sheet.outside})
        tools.update(dict.fromkeys(sheet.tools))
        if len(streams) > _MOST_STREAMS:
            reader.lose(
                "the archive has more streams than are listed, and the members behind were not opened"
            )
            break
    if nesting.budget.left < 0:
        reader.lose(UnreadableError("the archive expands beyond what carnet opens").what)
    if failed > len(reasons[:_MOST_REASONS]):
        reasons[_MOST_REASONS:] = [f"{failed - _MOST_REASONS} more members were not read wholly"]
    reason = "; ".join((*([reader.reason] if reader.reason else []), *reasons)) or None
    state = ReadState.PARTLY if reason else ReadState.READ
    if not read:
        state, streams = ReadState.BLOCKED, []
        reason = reason or "the archive holds no file with anything in it"
    return FactSheet(
        format=reader.format,
        bytes=length,
        state=state,
        reason=reason,
        streams=tuple(streams),
        outside=tuple(outside),
        tools=tuple(tools),
    )


def _named(prefix: str, name: str) -> dict[Outside, None]:
    """Give what the name of a member identifies."""
    hits = recognise(_spaced(name))
    return {Outside(f"{prefix}file name", hit.data, (hit.rule,)): None for hit in hits}


def _spaced(name: str) -> str:
    return name.replace("/", " ").replace("\\", " ")

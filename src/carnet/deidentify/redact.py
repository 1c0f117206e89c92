"""One file in, the same format out, without what the order names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from types import MappingProxyType
from typing import IO, BinaryIO, cast

from carnet.deidentify.mcap import McapRedactor, Progress, known_vins
from carnet.deidentify.order import Outcome, RedactionOrder, RedactionReport
from carnet.deidentify.plan import check_sheet
from carnet.errors import RedactionError, UnreadableError
from carnet.formats import open_recording
from carnet.formats.mcap_read import McapReader
from carnet.model.factsheet import FactSheet, ReadState

_BLOCK = 1 << 20
_MADE_NAME = re.compile(r"[^A-Za-z0-9._-]+")


class HashingSink:
    """A sink that remembers the digest of what went through it; it cannot seek."""

    def __init__(self, sink: IO[bytes]) -> None:
        self._sink = sink
        self._hash = hashlib.sha256()
        self.length = 0

    def write(self, data: bytes | memoryview) -> int:
        """Write all of some bytes."""
        view = memoryview(data)
        self._hash.update(view)
        while view:
            count = self._sink.write(view)
            # An unbuffered file may take less than it was given.
            view = view[len(view) if count is None else count :]
        size = memoryview(data).nbytes
        self.length += size
        return size

    def tell(self) -> int:
        """Give how many bytes were written."""
        return self.length

    def flush(self) -> None:
        """Pass it on."""
        self._sink.flush()

    def hexdigest(self) -> str:
        """Give the SHA-256 of everything written."""
        return self._hash.hexdigest()


def suggested_name(name: str, sheet: FactSheet | None = None) -> str:
    """Give a name for the redacted file that tells nothing about the vehicle.

    VINs become `X`; when the sheet finds anything else in the file's name, the stem is replaced altogether.
    """
    path = PurePath(name)
    suffix = _MADE_NAME.sub("", path.suffix.lower())
    stem = path.stem
    for vin in known_vins(stem.encode()):
        stem = re.sub(re.escape(vin.decode()), "vehicle", stem, flags=re.IGNORECASE)
    others = (
        {one.data for one in sheet.outside if one.where == "file name"} - {"vehicle_id.vin"}
        if sheet
        else set()
    )
    return f"{'recording' if others else stem}.redacted{suffix}"


def redact(
    source: BinaryIO,
    sink: BinaryIO,
    order: RedactionOrder,
    *,
    name: str,
    sheet: FactSheet,
    companions: Mapping[str, bytes] = MappingProxyType({}),
    progress: Progress | None = None,
    threads: int = 2,
) -> RedactionReport:
    """Redact one file.

    Args:
        source: the file, seekable.
        sink: where the new file goes, from front to back; unfinished when an error is raised.
        order: what shall be taken out.
        name: the file's own name; it may hold a VIN, and never appears in an error.
        sheet: what is in the file, by stream.
        companions: files beside it by name; databases (DBC) of its buses are used.
        progress: told how much is done of how much.
        threads: how many threads detectors may use.

    Returns:
        What was done, with digests of both files.

    Raises:
        RedactionError: a part cannot be taken out of this file, or the sheet is not this file's.
        UnreadableError: the file cannot be read.
        DetectorError: a detector's weights are not the ones on the list.
        MissingExtraError: an optional library is missing.
    """
    from carnet.deidentify.find import Finder

    before = _digest(source)
    reader = open_recording(source, name, companions=companions)
    if reader.format is None or reader.state is ReadState.BLOCKED:
        raise UnreadableError(reader.reason or "the file cannot be read", where="file")
    check_sheet(sheet, reader.format)
    finder = Finder(order, threads)
    out = HashingSink(sink)
    target = cast("IO[bytes]", out)
    outcome: Outcome
    if isinstance(reader, McapReader):
        outcome = McapRedactor(
            reader, order, sheet, finder, name=name, companions=companions, progress=progress
        ).redact(target)
    elif reader.format in {"jpeg", "png"}:
        from carnet.deidentify.picture import redact_picture

        source.seek(0)
        made, outcome = redact_picture(source.read(), order, finder)
        out.write(made)
    elif reader.format == "mp4":
        from carnet.deidentify.video import VideoRedactor

        outcome = VideoRedactor(source, order, sheet, finder, progress).redact(target)
    elif reader.format == "candump":
        from carnet.deidentify.candump import redact_candump

        outcome = redact_candump(reader, target, order, sheet, name=name, companions=companions)
    elif reader.format == "dbc":
        from carnet.deidentify.candump import redact_database

        source.seek(0)
        outcome = redact_database(source.read(), target, order, name=name)
    else:
        raise RedactionError(f"carnet does not redact {reader.format} yet", where="file")
    if "vin" in order.remove:
        # Names, headers and metadata are never taken over: what the sheet found there is gone.
        outside = {one.where for one in sheet.outside if one.data == "vehicle_id.vin"}
        outcome = replace(outcome, vin_places=tuple(sorted(outside | set(outcome.vin_places))))
    return RedactionReport(
        name,
        suggested_name(name, sheet),
        before,
        out.hexdigest(),
        order.setting,
        finder.tools,
        tuple(sorted(order.remove)),
        {"head_s": order.trim_head_s, "tail_s": order.trim_tail_s},
        outcome,
    )


def _digest(source: BinaryIO) -> str:
    source.seek(0)
    found = hashlib.sha256()
    while block := source.read(_BLOCK):
        found.update(block)
    source.seek(0)
    return found.hexdigest()

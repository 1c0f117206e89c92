"""One file in, the same format out, without what the order names."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import PurePath
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, BinaryIO, Literal, cast

from carnet.deidentify.location_order import Keys
from carnet.deidentify.mcap import CopyMaker, McapRedactor, Progress, known_vins
from carnet.deidentify.order import Outcome, RedactionOrder, RedactionReport
from carnet.deidentify.plan import check_sheet
from carnet.deidentify.text_messages import MessageTexts
from carnet.deidentify.vin_pseudonym import cover_of
from carnet.errors import RedactionError, UnreadableError
from carnet.formats import open_recording
from carnet.formats.mcap_read import McapReader
from carnet.formats.mkv_read import MkvReader
from carnet.formats.mp4_read import Mp4Reader
from carnet.formats.reader import Reader
from carnet.formats.rewritable import CanReread, CanRewrite
from carnet.formats.rosbag1_read import Bag1Reader
from carnet.formats.text_files import TextReader
from carnet.formats.writer import MessageCopy
from carnet.model.factsheet import FactSheet, ReadState

if TYPE_CHECKING:
    from carnet.deidentify.location import LocationPlan

_BLOCK = 1 << 20
_MADE_NAME = re.compile(r"[^A-Za-z0-9._-]+")


class HashingSink:
    """A sink that remembers the digest of what went through it; it cannot seek."""

    def __init__(self, sink: IO[bytes]) -> None:
        self._sink = sink
        self._hash = hashlib.sha256()
        self._rewritten = False
        self._start = 0
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
        """Give the SHA-256 of everything written; empty when it was written over and cannot be read again."""
        if not self._rewritten:
            return self._hash.hexdigest()
        self._sink.flush()
        if not self._sink.readable():
            return ""
        self._sink.seek(self._start)
        return _digest_on(self._sink)


class RewritingSink(HashingSink):
    """The same on a sink of which early parts can be written over."""

    def __init__(self, sink: IO[bytes]) -> None:
        super().__init__(sink)
        self._start = 0 if isinstance(sink, CanRewrite) else sink.tell()

    def rewrite(self, offset: int, data: bytes) -> None:
        """Write over what was written before."""
        self._rewritten = True
        if isinstance(self._sink, CanRewrite):
            self._sink.rewrite(offset, data)
        else:
            self._sink.seek(self._start + offset)
            self._sink.write(data)
            self._sink.seek(0, io.SEEK_END)


class RereadingSink(RewritingSink):
    """The same where what was written can be read."""

    def reread(self, offset: int, size: int) -> bytes:
        """Read a part that was written already."""
        if isinstance(self._sink, CanReread):
            return self._sink.reread(offset, size)
        self._sink.seek(self._start + offset)
        data = self._sink.read(size)
        self._sink.seek(0, io.SEEK_END)
        return data


def sink_on(sink: IO[bytes]) -> HashingSink:
    """Give the sink that fits what lies under it: a file can be written over, a pipe cannot."""
    if isinstance(sink, CanReread) or (sink.seekable() and sink.readable()):
        return RereadingSink(sink)
    return RewritingSink(sink) if isinstance(sink, CanRewrite) else HashingSink(sink)


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
    keys: Keys | None = None,
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
        keys: secret bytes for what is drawn for places and for pseudonyms; only some orders need them.

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
    cover = cover_of(order, keys or Keys())
    location = _location(order, keys or Keys(), reader.format)
    out = sink_on(sink)
    target = cast("IO[bytes]", out)
    outcome: Outcome
    make_copy = copy_maker(reader)
    if make_copy is not None:
        outcome = McapRedactor(
            reader,
            make_copy,
            order,
            sheet,
            finder,
            name=name,
            companions=companions,
            progress=progress,
            location=location,
            cover=cover,
            texts=MessageTexts(order, keys or Keys()),
        ).redact(target)
    elif reader.format in {"jpeg", "png"}:
        from carnet.deidentify.picture import redact_picture

        source.seek(0)
        made, outcome = redact_picture(source.read(), order, finder)
        out.write(made)
    elif isinstance(reader, Mp4Reader):
        from carnet.deidentify.video import VideoRedactor

        container: Literal["mp4", "matroska"] = "matroska" if isinstance(reader, MkvReader) else "mp4"
        outcome = VideoRedactor(source, order, sheet, finder, progress, container=container).redact(target)
        # FFmpeg reads a cut file to where it ends and says nothing.
        outcome = replace(outcome, truncated=outcome.truncated or reader.cut)
    elif reader.format == "candump":
        from carnet.deidentify.candump import redact_candump

        outcome = redact_candump(reader, target, order, sheet, name=name, companions=companions)
    elif reader.format == "dbc":
        from carnet.deidentify.candump import redact_database

        source.seek(0)
        outcome = redact_database(source.read(), target, order, name=name, cover=cover)
    elif isinstance(reader, TextReader):
        from carnet.deidentify.text_files import redact_text
        from carnet.deidentify.text_masks import TextMask

        outcome = redact_text(reader, source, target, order, TextMask(order, keys or Keys(), sheet))
    else:
        raise RedactionError(
            f"carnet does not redact {reader.format} yet", where="file", remedy="keep the file where it is"
        )
    if order.touches_vin:
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


def _location(order: RedactionOrder, keys: Keys, form: str) -> LocationPlan | None:
    """Give the plan of what becomes of places; None where nothing is ordered.

    Raises:
        RedactionError: intervals shall be hidden by place in a format that has no positions beside its content.
    """
    if order.location is None:
        return None
    if form not in {"mcap", "rosbag1", "rosbag2"}:
        if order.location.hides and not order.trims:
            raise RedactionError(
                f"nothing in this file ({form}) says where it was made, so no place of it can be hidden",
                where="location",
                remedy="leave it out, or put it into one recording with its positions",
            )
        return None
    from carnet.deidentify.location import LocationPlan

    return LocationPlan(order.location, keys, datetime.now(UTC).date())


def copy_maker(reader: Reader) -> CopyMaker | None:
    """Give what writes a recording of messages again in its own format; None for any other file."""
    if isinstance(reader, McapReader):

        def make(sink: IO[bytes], clean: Callable[[str], str]) -> MessageCopy:
            from carnet.formats.mcap_write import McapCopy

            head = reader.header
            return McapCopy(sink, clean(head.profile) if head else "")

        return make
    if reader.format == "rosbag2":
        from carnet.formats.rosbag2_read import Bag2Reader
        from carnet.formats.rosbag2_write import Bag2Copy

        assert isinstance(reader, Bag2Reader)  # noqa: S101 - for the type checker: no other reader has this format
        layout = reader.layout
        return lambda sink, _clean: Bag2Copy(sink, layout)
    if isinstance(reader, Bag1Reader):

        def make_bag(sink: IO[bytes], clean: Callable[[str], str]) -> MessageCopy:
            from carnet.formats.rosbag1_write import Bag1Copy

            del clean
            return Bag1Copy(sink, reader.compression)

        return make_bag
    return None


def _digest(source: BinaryIO) -> str:
    source.seek(0)
    found = _digest_on(source)
    source.seek(0)
    return found


def _digest_on(source: IO[bytes]) -> str:
    found = hashlib.sha256()
    while block := source.read(_BLOCK):
        found.update(block)
    return found.hexdigest()

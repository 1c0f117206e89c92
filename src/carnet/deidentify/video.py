"""An MP4 or Matroska file with H.264 or H.265: people and plates masked in every frame, times kept, all else gone.

A detector looks at every few frames and on both sides of each cut; `tracks` carries what it found through the
frames between. One thread decodes and looks, the other masks and encodes, so that both cores work; at most
four rounds of frames wait at a time. Masks are put into the planes as decoded, so that colours outside them
pass through no other colour space.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import IO, Any, BinaryIO, Literal

from carnet.deidentify.find import Finder, Finding
from carnet.deidentify.flow import Small, is_cut, small
from carnet.deidentify.masks import copy_masked
from carnet.deidentify.order import Outcome, RedactionOrder, Region
from carnet.deidentify.plan import is_dropped, stream_classes
from carnet.deidentify.tracks import Tracker
from carnet.errors import RedactionError, UnreadableError
from carnet.formats.mp4_write import Mp4Writer, planes_of
from carnet.formats.reader import Stream
from carnet.formats.video_stream import PIXEL_FORMATS
from carnet.model.factsheet import FactSheet

STREAM = "video"
EVERY = {"release": 6, "fast": 10}
"""A detector looks at every so many frames."""

_BLACK, _NO_COLOUR = 16, 128
_DEMUXER = {"mp4": "mov", "matroska": "matroska"}
_PATIENCE_S = 0.2


@dataclass(slots=True)
class _Seen:
    """A frame that was decoded, and looked at or not (`found` None); `frame` None for one that did not decode."""

    pts: int
    frame: Any
    small: Small | None
    found: tuple[Finding, ...] | None
    cut: bool


class VideoRedactor:
    """Redacts one video file by one order."""

    def __init__(
        self,
        source: BinaryIO,
        order: RedactionOrder,
        sheet: FactSheet,
        finder: Finder,
        progress: Callable[[int, int], None] | None = None,
        *,
        container: Literal["mp4", "matroska"] = "mp4",
    ) -> None:
        self._container: Literal["mp4", "matroska"] = container
        self._source, self._order, self._sheet, self._finder = source, order, sheet, finder.for_video()
        self._progress = progress
        self._every = EVERY[order.setting]
        self._tracker = Tracker()
        self._waiting: deque[_Seen] = deque()
        self._regions: list[Region] = []
        self._looks = self._seen = self._frames = self._changed = self._unreadable = 0
        self._truncated: str | None = None

    def redact(self, sink: IO[bytes]) -> Outcome:
        """Write the redacted video.

        Raises:
            RedactionError: the order trims, or this video cannot be masked as it is.
            UnreadableError: no frame can be decoded.
        """
        import av

        if self._order.trims:
            raise RedactionError(
                "the start and end of a video cannot be trimmed yet",
                where=STREAM,
                remedy="leave the video out of the recording, or trim nothing",
            )
        self._source.seek(0)
        try:
            with av.open(self._source, mode="r", format=_DEMUXER[self._container]) as container:
                track = self._track(container)
                dropped = {
                    f"{one.type}_tracks": sum(other.type == one.type for other in container.streams)
                    for one in container.streams
                    if one is not track
                }
                writer = Mp4Writer(track, self._order.setting, sink, self._container)
                self._pump(container, track, writer)
        except av.error.FFmpegError as error:
            raise UnreadableError("the video cannot be decoded", where=STREAM) from error
        if not self._frames:
            raise UnreadableError("no frame of the video decodes", where=STREAM)
        writer.finish()
        return Outcome(
            self._frames,
            self._changed,
            self._unreadable,
            tuple(self._regions),
            dropped=dropped,
            truncated=self._truncated,
        )

    def _track(self, container: Any) -> Any:
        tracks = [one for one in container.streams.video if one.codec_context.name in {"h264", "hevc"}]
        pictures = [one for one in container.streams.video if one not in tracks]
        if len(tracks) != 1 or pictures:
            raise RedactionError(
                "only a file with exactly one video track, in H.264 or H.265, can be redacted",
                where=STREAM,
                remedy="split the tracks into files of their own",
            )
        (track,) = tracks
        if is_dropped(self._order, stream_classes(self._sheet, Stream(STREAM, "video"))):
            raise RedactionError(
                "nothing would be left of the file", where=STREAM, remedy="leave it out of the recording"
            )
        if track.codec_context.pix_fmt not in PIXEL_FORMATS:
            raise RedactionError(
                "pixels of more than 8 bits, or without three planes, cannot be masked yet", where=STREAM
            )
        if track.codec_context.width % 2 or track.codec_context.height % 2:
            raise RedactionError("a video of odd width or height cannot be written again", where=STREAM)
        track.thread_type = "AUTO"
        return track

    def _pump(self, container: Any, track: Any, writer: Mp4Writer) -> None:
        looked: Queue[_Seen | BaseException | None] = Queue(maxsize=self._every)
        stop = Event()
        thread = Thread(target=self._look, args=(container, track, looked, stop), daemon=True)
        thread.start()
        try:
            while (seen := looked.get()) is not None:
                if isinstance(seen, BaseException):
                    raise seen
                self._take(writer, seen)
                if self._progress is not None:
                    self._progress(self._seen, max(track.frames, 1))
            self._write(writer, self._tracker.finish())
        finally:
            stop.set()
            # A thread that waits for room would wait for ever.
            while thread.is_alive():
                try:
                    looked.get(timeout=_PATIENCE_S)
                except Empty:
                    continue

    # The thread that decodes and looks ------------------------------------------------------------------------

    def _look(
        self, container: Any, track: Any, looked: Queue[_Seen | BaseException | None], stop: Event
    ) -> None:
        def give(what: _Seen | BaseException | None) -> bool:
            while not stop.is_set():
                try:
                    looked.put(what, timeout=_PATIENCE_S)
                except Full:
                    continue
                return True
            return False

        try:
            for seen in self._looked_at(container, track):
                if not give(seen):
                    return
            give(None)
        except BaseException as error:  # noqa: BLE001 - it is raised again where the caller waits
            give(error)

    def _looked_at(self, container: Any, track: Any) -> Iterator[_Seen]:
        """Give every frame with what the detector finds in every few of them, and on both sides of a cut."""
        held: _Seen | None = None
        last: Small | None = None
        since = self._every
        for pts, frame in self._decoded(container, track):
            seen = _Seen(pts, frame, last, None, cut=False)
            if frame is not None:
                self._check(frame, held)
                seen.small = small(planes_of(frame)[0])
                seen.cut = last is not None and is_cut(last, seen.small)
                since += 1
                last = seen.small
            if held is not None:
                if seen.cut and held.found is None:
                    held.found = self._find(held)
                yield held
            if frame is not None and (seen.cut or since >= self._every):
                seen.found = self._find(seen)
                since = 0
            held = seen
        if held is not None:
            if held.found is None:
                held.found = self._find(held)
            yield held

    def _find(self, seen: _Seen) -> tuple[Finding, ...] | None:
        if seen.frame is None:
            return None
        # Vehicles and persons every other time: where they miss a plate or face is masked for a round.
        self._looks += 1
        return self._finder.find(seen.frame.to_ndarray(format="bgr24"), quick=self._looks % 2 == 0)

    def _decoded(self, container: Any, track: Any) -> Iterator[tuple[int, Any]]:
        """Give time and picture of every frame in order; None for a picture that does not decode.

        A decoder gives frames in the order of their times: a packet whose time has gone by without a frame
        holds one that is lost.
        """
        import av

        open_times: set[int] = set()
        packets = decoded = 0
        last: int | None = None
        try:
            for packet in container.demux(track):
                if packet.size > 0 and not packet.is_discard:
                    packets += 1
                    if packet.pts is not None:
                        open_times.add(packet.pts)
                try:
                    frames = packet.decode()
                except av.error.InvalidDataError:
                    # Its time stays among the open ones.
                    continue
                for frame in frames:
                    if frame.pts is None:
                        raise RedactionError("a frame of the video has no time", where=STREAM)
                    for lost in sorted(one for one in open_times if one < frame.pts):
                        open_times.discard(lost)
                        if last is None or lost > last:
                            yield lost, None
                    open_times.discard(frame.pts)
                    decoded += 1
                    last = frame.pts
                    yield frame.pts, None if frame.is_corrupt else frame
        except av.error.FFmpegError:
            self._truncated = "the packets could not be read to the end"
        for lost in sorted(one for one in open_times if last is None or one > last):
            yield lost, None
        missing = track.frames - packets
        if missing > 0:
            self._truncated = self._truncated or f"{missing} frames are not in the file and are left out"

    def _check(self, frame: Any, before: _Seen | None) -> None:
        if frame.rotation:
            raise RedactionError(
                "the video is stored turned, and would be looked at lying on its side",
                where=STREAM,
                remedy="turn it upright first",
            )
        if before is not None and before.frame is not None:
            size = before.frame.width, before.frame.height
            if (frame.width, frame.height) != size:
                raise RedactionError("the pictures of the video change their size", where=STREAM)

    # The thread that masks and writes -------------------------------------------------------------------------

    def _take(self, writer: Mp4Writer, seen: _Seen) -> None:
        self._waiting.append(seen)
        index = self._seen
        self._seen += 1
        if seen.small is None:
            # Nothing has been decoded yet: there is nothing to carry.
            self._write(writer, [(index, ())])
            return
        self._write(writer, self._tracker.add(index, seen.small, seen.found, cut=seen.cut))

    def _write(self, writer: Mp4Writer, done: list[tuple[int, tuple[Finding, ...]]]) -> None:
        for index, found in done:
            seen = self._waiting.popleft()
            if seen.frame is None:
                writer.frame(writer.blank(seen.pts, (_BLACK, _NO_COLOUR, _NO_COLOUR)))
                self._unreadable += 1
                self._changed += 1
            else:
                writer.frame(_masked(seen.frame, found))
                self._regions.extend(one.region(index, STREAM) for one in found)
                self._changed += bool(found)
            self._frames += 1


def _masked(frame: Any, found: tuple[Finding, ...]) -> Any:
    """Give a masked copy of a frame with the old one's time and colours, and nothing else of it."""
    import av

    made = av.VideoFrame(frame.width, frame.height, frame.format.name)
    copy_masked(
        planes_of(made),
        planes_of(frame),
        PIXEL_FORMATS[frame.format.name],
        [one.box for one in found],
        (frame.width, frame.height),
    )
    made.pts, made.time_base = frame.pts, frame.time_base
    made.color_range, made.colorspace = frame.color_range, frame.colorspace
    return made

"""An MP4 with H.264 or H.265 video: every frame looked at and masked, times kept, everything beside it gone.

Masks are put into the planes as decoded, so that colours outside them pass through no other colour space.
Each frame waits until the frames after it have been looked at: a face that the detector misses for one or two
frames is masked where its neighbours saw it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from carnet.deidentify.find import Finder, Finding, carried
from carnet.deidentify.masks import mask_planes
from carnet.deidentify.order import Outcome, RedactionOrder, Region
from carnet.deidentify.plan import is_dropped, stream_classes
from carnet.errors import RedactionError, UnreadableError
from carnet.formats.mp4_write import PIXEL_FORMATS, Mp4Writer, planes_of, put_planes
from carnet.formats.reader import Stream
from carnet.model.factsheet import FactSheet

STREAM = "video"
_REACH = {"release": 2, "fast": 1}
_BLACK, _NO_COLOUR = 16, 128


@dataclass(slots=True)
class _Waiting:
    """A frame between looking and writing."""

    index: int
    frame: Any
    planes: list[NDArray[np.uint8]]
    findings: tuple[Finding, ...]
    broken: bool


class VideoRedactor:
    """Redacts one MP4 by one order."""

    def __init__(
        self,
        source: BinaryIO,
        order: RedactionOrder,
        sheet: FactSheet,
        finder: Finder,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._source, self._order, self._sheet, self._finder = source, order, sheet, finder
        self._progress = progress
        self._queue: deque[_Waiting] = deque()
        self._reach = _REACH[order.setting]
        self._regions: list[Region] = []
        self._seen = self._frames = self._changed = self._unreadable = 0
        self._truncated: str | None = None

    def redact(self, sink: IO[bytes]) -> Outcome:
        """Write the redacted MP4.

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
            with av.open(self._source, mode="r", format="mov") as container:
                track = self._track(container)
                dropped = {
                    f"{one.type}_tracks": sum(other.type == one.type for other in container.streams)
                    for one in container.streams
                    if one is not track
                }
                writer = Mp4Writer(track, self._order.setting)
                self._pump(container, track, writer)
        except av.error.FFmpegError as error:
            raise UnreadableError("the video cannot be decoded", where=STREAM) from error
        if not self._frames:
            raise UnreadableError("no frame of the video decodes", where=STREAM)
        writer.finish(sink)
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
        for frame in self._decoded(container, track):
            self._look(frame)
            self._emit(writer, last=False)
            if self._progress is not None:
                self._progress(self._seen, max(track.frames, 1))
        self._emit(writer, last=True)

    def _decoded(self, container: Any, track: Any) -> Iterator[Any]:
        """Give every frame that decodes; what does not is counted as unreadable, and is in no output."""
        import av

        packets = decoded = 0
        try:
            for packet in container.demux(track):
                packets += packet.size > 0
                try:
                    frames = packet.decode()
                except av.error.InvalidDataError:
                    # Its pictures come out as nothing: they are counted below.
                    continue
                for frame in frames:
                    decoded += 1
                    yield frame
        except av.error.FFmpegError:
            self._truncated = "the packets could not be read to the end"
        missing = max(track.frames, packets) - decoded
        if missing > 0:
            self._unreadable += missing
            self._truncated = self._truncated or f"{missing} frames could not be decoded and are left out"

    def _look(self, frame: Any) -> None:
        if frame.rotation:
            raise RedactionError(
                "the video is stored turned, and would be looked at lying on its side",
                where=STREAM,
                remedy="turn it upright first",
            )
        if (frame.width, frame.height) != self._size(frame):
            raise RedactionError("the pictures of the video change their size", where=STREAM)
        broken = bool(frame.is_corrupt)
        found = () if broken else self._finder.find(frame.to_ndarray(format="bgr24"))
        self._queue.append(_Waiting(self._seen, frame, planes_of(frame), found, broken))
        self._seen += 1

    def _size(self, frame: Any) -> tuple[int, int]:
        if not self._queue:
            return frame.width, frame.height
        return self._queue[-1].frame.width, self._queue[-1].frame.height

    def _emit(self, writer: Mp4Writer, *, last: bool) -> None:
        """Write the frames whose neighbours are all known."""
        while self._queue:
            at = self._frames - self._queue[0].index
            if not last and len(self._queue) - at <= self._reach:
                return
            if at >= len(self._queue):
                self._queue.clear()
                return
            waiting = self._queue[at]
            beside = [
                one
                for other in self._queue
                if other is not waiting and abs(other.index - waiting.index) <= self._reach
                for one in other.findings
            ]
            self._write(writer, waiting, carried(waiting.findings, beside))
            while self._queue and self._queue[0].index < self._frames - self._reach:
                self._queue.popleft()

    def _write(self, writer: Mp4Writer, waiting: _Waiting, found: tuple[Finding, ...]) -> None:
        frame, planes = waiting.frame, waiting.planes
        if waiting.broken:
            for plane, value in zip(planes, (_BLACK, _NO_COLOUR, _NO_COLOUR), strict=True):
                plane[...] = value
            self._unreadable += 1
        else:
            across, down = PIXEL_FORMATS[frame.format.name]
            sizes = ((1, 1), (across, down), (across, down))
            mask_planes(
                ((plane, *size) for plane, size in zip(planes, sizes, strict=True)),
                (one.box for one in found),
                frame.width,
                frame.height,
            )
            self._regions.extend(one.region(waiting.index, STREAM) for one in found)
        self._changed += bool(found or waiting.broken)
        writer.frame(_fresh(frame, planes))
        self._frames += 1


def _fresh(frame: Any, planes: list[NDArray[np.uint8]]) -> Any:
    """Give a frame with these planes and the old one's time and colours, and nothing else of it."""
    import av

    made = av.VideoFrame(frame.width, frame.height, frame.format.name)
    put_planes(made, planes)
    made.pts, made.time_base = frame.pts, frame.time_base
    made.color_range, made.colorspace = frame.color_range, frame.colorspace
    return made

"""Writes MP4 with H.264 like another track: size, frame times, time base and colour description taken over.

The encoder is x264 by way of FFmpeg (PyAV). The container's index is written last and its start is written
over: in place where the sink allows it, else in memory. Matroska is written the same way. Nothing of the
source's metadata, other tracks or user data is taken over.
"""

from __future__ import annotations

from fractions import Fraction
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from carnet.errors import UnreadableError
from carnet.formats.rewritable import RewritableFile
from carnet.formats.video_stream import PIXEL_FORMATS

_QUALITY = {"release": ("20", "veryfast"), "fast": ("23", "ultrafast")}


def planes_of(frame: Any) -> list[NDArray[np.uint8]]:
    """Give views of a frame's three planes, each H x W; writing into one changes the frame."""
    made = []
    for plane in frame.planes:
        rows: NDArray[np.uint8] = np.frombuffer(plane, dtype=np.uint8).reshape(plane.height, plane.line_size)
        made.append(rows[:, : plane.width])
    return made


class Mp4Writer:
    """One H.264 track in an MP4 or a Matroska file."""

    def __init__(self, like: Any, setting: str, sink: IO[bytes], container: str = "mp4") -> None:
        """Open it.

        Args:
            like: PyAV's video track that it stands for.
            setting: `release` keeps more of the picture, `fast` takes less time.
            sink: where the file goes.
            container: `mp4` or `matroska`.

        Raises:
            UnreadableError: pixels that this encoder does not write as they are.
        """
        import av

        context = like.codec_context
        if context.pix_fmt not in PIXEL_FORMATS:
            raise UnreadableError("pixels of this kind cannot be written as they are", where="video")
        self._file = RewritableFile(sink)
        base = self._base = like.time_base
        # The muxer would choose a finer clock of its own.
        options = {"video_track_timescale": str(base.denominator)} if base.numerator == 1 else {}
        if base.numerator == 1:
            # The edit list counts in units of the whole film: in milliseconds, a late start would move.
            options["movie_timescale"] = str(base.denominator)
        if container == "matroska":
            # Without it a random number and the library's name would stand in the file.
            options = {"fflags": "+bitexact"}
        self._container: Any = av.open(self._file, mode="w", format=container, options=options)
        rate = like.average_rate or like.guessed_rate or Fraction(25)
        track: Any = self._container.add_stream("libx264", rate=rate)
        track.width, track.height = context.width, context.height
        track.pix_fmt = context.pix_fmt
        track.time_base = like.time_base
        track.codec_context.time_base = like.time_base
        track.codec_context.framerate = rate
        for name in ("color_range", "color_primaries", "color_trc", "colorspace"):
            setattr(track.codec_context, name, getattr(context, name))
        if context.sample_aspect_ratio:
            track.codec_context.sample_aspect_ratio = context.sample_aspect_ratio
        quality, preset = _QUALITY[setting]
        # No frame is shown before it is decoded, so that the first time stays what it was.
        track.options = {"crf": quality, "preset": preset, "bf": "0"}
        self._track = track

    def blank(self, pts: int, values: tuple[int, int, int]) -> Any:
        """Make a frame of one colour at a time in the track's own units.

        Args:
            pts: the time, in units of the time base of the track it stands for.
            values: of the three planes.
        """
        import av

        context = self._track.codec_context
        made = av.VideoFrame(context.width, context.height, context.pix_fmt)
        for plane, value in zip(planes_of(made), values, strict=True):
            plane[...] = value
        made.pts, made.time_base = pts, self._base
        return made

    def frame(self, frame: Any) -> None:
        """Write a frame; its `pts` and `time_base` are its time."""
        for packet in self._track.encode(frame):
            self._container.mux(packet)

    def finish(self) -> None:
        """Write what is left, the index, and what the start says of it."""
        for packet in self._track.encode(None):
            self._container.mux(packet)
        self._container.close()
        self._file.finish()

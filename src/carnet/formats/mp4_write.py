"""Writes MP4 with H.264 like another track: size, frame times, time base and colour description taken over.

The encoder is x264 by way of FFmpeg (PyAV). The container is made in memory, since its index is written last
and points back; nothing of the source's metadata, other tracks or user data is taken over.
"""

from __future__ import annotations

import io
from fractions import Fraction
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from carnet.errors import UnreadableError

# Planes of the pixel formats that x264 writes with 8 bits: how much smaller chroma is, across and down.
PIXEL_FORMATS = {
    "yuv420p": (2, 2),
    "yuvj420p": (2, 2),
    "yuv422p": (2, 1),
    "yuvj422p": (2, 1),
    "yuv444p": (1, 1),
    "yuvj444p": (1, 1),
}
_QUALITY = {"release": ("20", "veryfast"), "fast": ("23", "ultrafast")}


def planes_of(frame: Any) -> list[NDArray[np.uint8]]:
    """Give copies of a frame's three planes, each H x W."""
    made = []
    for plane in frame.planes:
        rows = np.frombuffer(plane, dtype=np.uint8).reshape(plane.height, plane.line_size)
        made.append(rows[:, : plane.width].copy())
    return made


def put_planes(frame: Any, planes: list[NDArray[np.uint8]]) -> None:
    """Write planes into a frame."""
    for plane, pixels in zip(frame.planes, planes, strict=True):
        rows = np.zeros((plane.height, plane.line_size), dtype=np.uint8)
        rows[:, : plane.width] = pixels
        plane.update(rows.tobytes())


class Mp4Writer:
    """One H.264 track in an MP4."""

    def __init__(self, like: Any, setting: str) -> None:
        """Open it.

        Args:
            like: PyAV's video track that it stands for.
            setting: `release` keeps more of the picture, `fast` takes less time.

        Raises:
            UnreadableError: pixels that this encoder does not write as they are.
        """
        import av

        context = like.codec_context
        if context.pix_fmt not in PIXEL_FORMATS:
            raise UnreadableError("pixels of this kind cannot be written as they are", where="video")
        self._memory = io.BytesIO()
        base = like.time_base
        # The muxer would choose a finer clock of its own.
        options = {"video_track_timescale": str(base.denominator)} if base.numerator == 1 else {}
        self._container: Any = av.open(self._memory, mode="w", format="mp4", options=options)
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

    def frame(self, frame: Any) -> None:
        """Write a frame; its `pts` and `time_base` are its time."""
        for packet in self._track.encode(frame):
            self._container.mux(packet)

    def finish(self, sink: IO[bytes]) -> None:
        """Write what is left, and copy the file to its sink."""
        for packet in self._track.encode(None):
            self._container.mux(packet)
        self._container.close()
        self._memory.seek(0)
        while block := self._memory.read(1 << 20):
            sink.write(block)

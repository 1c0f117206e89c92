"""Reads sound files: WAV and RF64, FLAC, Ogg, MP3, ADTS; one track, whose packets FFmpeg (PyAV) gives.

Of WAV the chunks are walked here as well (Multimedia Programming Interface and Data Specifications 1.0; EBU Tech 3306
for RF64): recorders write places, devices and names into chunks of their own, which FFmpeg skips in silence.
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

from carnet.formats.mp4_read import Mp4Reader
from carnet.formats.reader import LONGEST, OutsideText

WAV, FLAC, OGG, MP3, AAC = "wav", "flac", "ogg", "mp3", "aac"
_KNOWN = frozenset({b"fmt ", b"fact", b"data", b"ds64", b"JUNK", b"junk", b"PAD ", b"LIST", b"id3 ", b"ID3 "})
_PADDING = frozenset({b"JUNK", b"junk", b"PAD "})
_OPEN_LENGTHS = frozenset({0, 0xFFFFFFFF})
_MOST_CHUNKS = 10_000
_HEADER = 12
# Layer 3 of MPEG-1 and 2 (ISO/IEC 11172-3, 13818-3): kbit/s by index, without `free` and `bad`.
_RATES = {
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MPEG_1, _LAYER_3 = 3, 1
_HERTZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def is_wav(head: bytes) -> bool:
    """Take RIFF and RF64 files that hold waves."""
    return head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE"


def is_adts(head: bytes) -> bool:
    """Take AAC in ADTS frames (ISO/IEC 13818-7, 6.2): two frames that follow one another."""
    length = _adts_length(head, 0)
    return length > 0 and _adts_length(head, length) > 0


def _adts_length(data: bytes, at: int) -> int:
    if len(data) < at + 7 or data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0 or data[at + 2] >> 2 & 15 > 12:  # noqa: PLR2004 -- ADTS header
        return 0
    return (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5


def is_mp3(head: bytes) -> bool:
    """Take MP3 by its ID3 tag, or by two frames of layer 3 that follow one another."""
    if head.startswith(b"ID3") and len(head) > 4 and head[3] < 0xFF and head[4] < 0xFF:  # noqa: PLR2004 -- ID3v2
        return True
    length = _mp3_length(head, 0)
    return length > 0 and _mp3_length(head, length) > 0


def _mp3_length(data: bytes, at: int) -> int:
    if len(data) < at + 4 or data[at] != 0xFF or data[at + 1] & 0xE0 != 0xE0:  # noqa: PLR2004 -- 11 bits of sync
        return 0
    version, layer = data[at + 1] >> 3 & 3, data[at + 1] >> 1 & 3
    rate, hertz = data[at + 2] >> 4, data[at + 2] >> 2 & 3
    if version == 1 or layer != _LAYER_3 or not 0 < rate < 15 or hertz == 3:  # noqa: PLR2004 -- reserved, free and bad
        return 0
    first = version == _MPEG_1
    bits = _RATES[first][rate - 1] * 1000
    return (144 if first else 72) * bits // _HERTZ[version][hertz] + (data[at + 2] >> 1 & 1)


class SoundReader(Mp4Reader):
    """A sound file."""

    _called = "sound file"
    _wide: int | None = None
    """Bytes of samples where 32 bits do not hold them (chunk `ds64`)."""

    def __init__(self, source: BinaryIO, form: str, length: int) -> None:
        self.format = form
        super().__init__(source, length)

    def _open(self) -> Any:
        self._source.seek(0)
        return self._av.open(self._source, mode="r", format=self.format, metadata_errors="replace")

    def _walk(self, at: int, end: int, depth: int) -> None:
        """Walk the chunks of a WAV file; the other formats have none."""
        del depth
        if self.format != WAV:
            return
        at = _HEADER
        for _ in range(_MOST_CHUNKS):
            self._source.seek(at)
            head = self._source.read(8)
            if len(head) < 8:  # noqa: PLR2004 -- name and length
                if head.strip(b"\x00"):
                    self.lose("there are bytes after the last chunk")
                return
            kind, size = struct.unpack("<4sI", head)
            if kind == b"data" and size in _OPEN_LENGTHS:
                if self._wide is None:
                    if end > at + 8:
                        self.lose("the sound file was not closed: a length is missing")
                    return
                size = self._wide
            if at + 8 + size > end:
                self._lose_end("the file ends within a chunk: it is cut")
                size = max(0, end - at - 8)
            self._chunk(kind, at + 8, size)
            at += 8 + size + (size & 1)
            if at >= end:
                return
        self.lose("the sound file has more chunks than are looked at")

    def _chunk(self, kind: bytes, at: int, size: int) -> None:
        self._source.seek(at)
        if kind == b"ds64":
            data = self._source.read(16)
            if len(data) == 16:  # noqa: PLR2004 -- length of the file, length of the samples
                (self._wide,) = struct.unpack_from("<Q", data, 8)
            return
        if kind in _KNOWN and kind not in _PADDING:
            return
        data = self._source.read(min(size, LONGEST))
        if data.strip(b"\x00"):
            where = "padding that is not empty" if kind in _PADDING else "chunk of another kind"
            self._outside.append(
                OutsideText(where, kind.decode("latin-1"), data, "bytes", whole=size <= LONGEST)
            )

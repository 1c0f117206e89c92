"""Reads MP4 with H.264 or H.265: tracks, packets and frames, and what the container says beside them.

Packets and frames come from FFmpeg (PyAV); the boxes (ISO/IEC 14496-12) are walked here as well, since cameras
hide places, times and serial numbers in user data and in boxes of their own, which FFmpeg skips in silence.
Times are ns since the start of the track.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from carnet.formats.exif import exif_outside
from carnet.formats.meta_items import MetaItem, items_of
from carnet.formats.reader import LONGEST, Message, OutsideText, Reader, Stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

VIDEO_CODECS = frozenset({"h264", "hevc"})
SOUND_RATE = 16_000
"""Samples a second of what `sound` gives."""
_SHORTER_S = 0.25

_CONTAINERS = frozenset(
    {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"udta", b"mvex", b"moof", b"traf"}
)
_KNOWN = frozenset(
    b"ftyp styp mdat wide mvhd tkhd mdhd hdlr vmhd smhd nmhd gmhd dref elst stsd stts stss ctts stsc stsz stco "
    b"co64 sgpd sbgp sdtp mehd trex mfhd tfhd tfdt trun sidx mfra tfra mfro cslg stps iods pasp colr".split()
)
_EMPTY_KINDS = frozenset({b"free", b"skip"})
_POSITION = re.compile(rb"[+-]\d{1,3}(?:\.\d+)?[+-]\d{1,3}(?:\.\d+)?")
# ISO 6709, annex H: two digits of latitude and three of longitude are degrees; more are minutes as well.
_DEGREES = re.compile(rb"([+-]\d{2}(?:\.\d{1,12})?)([+-]\d{3}(?:\.\d{1,12})?)(?![\d.])")
_DEEPEST = 8
_DULL = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder", "language", "vendor_id"})
_DULL_VALUES = frozenset(
    {"", "und", "VideoHandler", "SoundHandler", "[0][0][0][0]", "core media video", "eng"}
)


class Mp4Reader(Reader):
    """An MP4 file; `cut` says why when it ends before its end."""

    format = "mp4"
    _called = "video container"

    def __init__(self, source: BinaryIO, length: int) -> None:
        super().__init__()
        import av

        self.cut: str | None = None
        self._av = av
        self._source = source
        self._length = length
        self._outside: list[OutsideText] = []
        self._streams: tuple[Stream, ...] = ()
        self._walk(0, length, 0)
        source.seek(0)
        try:
            with self._open() as container:
                self._describe(container)
        except self._failures as error:
            del error
            self.block(f"the {self._called} cannot be opened: its index is missing or damaged")

    @property
    def _failures(self) -> tuple[type[Exception], ...]:
        return (self._av.error.FFmpegError, ValueError, IndexError, EOFError)

    def _open(self) -> Any:
        self._source.seek(0)
        return self._av.open(self._source, mode="r", format="mov", metadata_errors="replace")

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The tracks."""
        return self._streams

    def outside(self) -> tuple[OutsideText, ...]:
        """Give container and track metadata, places, boxes that no standard explains."""
        return tuple(self._outside)

    @property
    def first_video(self) -> int | None:
        """The number of the track that `frames` decodes."""
        return next((one.number for one in self._streams if one.kind == "video"), None)

    def _describe(self, container: Any) -> None:
        tracks: list[Stream] = []
        for track in container.streams:
            codec = track.codec_context.name if track.codec_context is not None else track.type
            kind = track.type if track.type in {"video", "audio"} else "data"
            name = kind if not any(one.kind == kind for one in tracks) else f"{kind} {track.index}"
            tracks.append(Stream(name, kind, codec, encoding=codec, number=track.index))
            self._metadata(f"metadata of track {track.index}", track.metadata)
            if kind == "video" and codec not in VIDEO_CODECS:
                self.lose("a video track is neither H.264 nor H.265: it was not looked at")
            if kind == "data":
                self.lose("a track is neither video nor sound: it was not read")
        self._metadata("metadata of the container", container.metadata)
        self._streams = tuple(tracks)
        if not tracks:
            self.block(f"the {self._called} holds no track")

    def _metadata(self, where: str, table: Any) -> None:
        for key, value in table.items():
            if key in _DULL or value in _DULL_VALUES:
                continue
            text = value.encode()[:LONGEST]
            found = _POSITION.match(text) is not None
            self._outside.append(
                OutsideText(where, key, text, "position" if found else "text", place=_place(text))
            )

    def _walk(self, at: int, end: int, depth: int) -> None:
        while at + 8 <= end:
            self._source.seek(at)
            head = self._source.read(16)
            size, kind = struct.unpack_from(">I4s", head)
            start = at + 8
            if size == 1 and len(head) == 16:  # noqa: PLR2004 -- a 64-bit size follows
                (size,) = struct.unpack_from(">Q", head, 8)
                start = at + 16
            elif size == 0 and depth == 0:
                size = end - at
            if size < start - at:
                self.lose("a box of the container has an impossible length: the rest was not looked at")
                return
            if at + size > end:
                self._lose_end("the file ends within a box: it is cut")
                size = end - at
            self._box(kind, start, at + size, depth)
            at += size
        if at < end and depth == 0:
            self.lose("there are bytes after the last box")

    def _lose_end(self, why: str) -> None:
        self.lose(why)
        self.cut = why

    def _box(self, kind: bytes, start: int, end: int, depth: int) -> None:
        if kind in _CONTAINERS and depth < _DEEPEST:
            self._walk(start, end, depth + 1)
            return
        if kind in _KNOWN or end <= start:
            return
        self._source.seek(start)
        data = self._source.read(min(end - start, LONGEST))
        label = kind.decode("latin-1")
        if kind == b"meta":
            self._items(data)
            # FFmpeg gives the texts of `meta`; what else it holds (pictures) is looked for here.
            if b"\xff\xd8\xff" in data or b"\x89PNG" in data:
                self._outside.append(OutsideText("cover picture", label, data, "picture"))
            return
        if kind in {b"\xa9xyz", b"loci"}:
            place = _place(data) if kind != b"loci" else _loci(data)
            self._outside.append(OutsideText("location atom", label, data, "position", place=place))
        elif kind[:1] == b"\xa9":
            self._outside.append(OutsideText("user data", label, data))
        elif data.strip(b"\x00"):
            where = "padding that is not empty" if kind in _EMPTY_KINDS else "box of another kind"
            self._outside.append(OutsideText(where, label, data, "bytes", whole=end - start <= LONGEST))

    def _items(self, meta: bytes) -> None:
        """Look at the items of a `meta` box: EXIF and XMP beside the pictures of HEIF."""
        try:
            items, own = items_of(meta)
        except ValueError:
            self.lose("the list of items could not be read: EXIF may be among them")
            return
        for item in items:
            if item.kind == "Exif":
                data = self._item(item, own)
                # ISO/IEC 23008-12, A.2.1: how many bytes lie before the TIFF header, then these bytes.
                skipped = 4 + int.from_bytes(data[:4], "big")
                outside, whole = exif_outside(data[skipped:])
                self._outside += outside
                if not whole:
                    self._outside.append(OutsideText("EXIF", "", data, "bytes"))
                    self.lose("the EXIF block could not be read wholly")
            elif item.kind == "mime":
                self._outside.append(OutsideText("XMP", item.media_type, self._item(item, own)))
            elif item.kind == "uri ":
                self._outside.append(OutsideText("item", item.media_type, self._item(item, own), "bytes"))

    def _item(self, item: MetaItem, own: bytes) -> bytes:
        """Give the first `LONGEST` bytes of an item."""
        made = b""
        for offset, length in item.pieces:
            room = min(length or LONGEST, LONGEST - len(made))
            if item.own:
                made += own[offset : offset + room]
            elif offset < self._length:
                self._source.seek(offset)
                made += self._source.read(room)
        return made

    def messages(self) -> Iterator[Message]:
        """Give every packet in file order; times are the packet's presentation time."""
        if self._blocked:
            return
        by_number = {one.number: one for one in self._streams}
        count = 0
        try:
            with self._open() as container:
                for packet in container.demux():
                    if packet.size == 0 or packet.stream.index not in by_number:
                        continue
                    count += 1
                    if packet.is_corrupt:
                        self.lose("a packet is marked as damaged")
                    time_ns = _ns(packet.pts, packet.time_base)
                    yield Message(by_number[packet.stream.index], time_ns, time_ns, bytes(packet), count)
        except self._failures:
            self.lose("the packets could not be read to the end")
        if not count:
            self.block(f"the {self._called} holds no packet")

    def frames(self) -> Iterator[tuple[int, int, Callable[[], NDArray[Any]]]]:
        """Decode the first video track: index, time in ns, and what gives the picture (H x W x 3 BGR).

        Turning a frame into a picture costs as much as decoding it: who wants few asks for few. What does not
        decode is noted in `reason`; a generator that ends early has lost frames.
        """
        if self._blocked:
            return
        index = 0
        expected = 0
        try:
            with self._open() as container:
                if not container.streams.video:
                    return
                track = container.streams.video[0]
                if track.codec_context is None or track.codec_context.name not in VIDEO_CODECS:
                    return
                track.thread_type = "AUTO"
                expected = track.frames
                for frame in container.decode(track):
                    if frame.is_corrupt:
                        self.lose("a frame is damaged")
                    yield index, _ns(frame.pts, frame.time_base), partial(frame.to_ndarray, format="bgr24")
                    index += 1
        except self._failures:
            self.lose("the frames could not be decoded to the end")
        if expected and index != expected:
            self.lose(f"the container says {expected} frames, {index} were decoded")
        if not index:
            self.block("no frame of the video decodes")

    def sound(self, number: int) -> Iterator[NDArray[Any]]:
        """Decode a sound track: pieces of mono samples, float32 in -1 to 1, 16 kHz, whatever the track has.

        What does not decode is noted in `reason`.

        Args:
            number: of the stream.
        """
        if self._blocked:
            return
        samples = 0
        said: float | None = None
        try:
            with self._open() as container:
                track = container.streams[number]
                said = float(track.duration * track.time_base) if track.duration and track.time_base else None
                if track.codec_context is not None:
                    resampler = self._av.AudioResampler(format="flt", layout="mono", rate=SOUND_RATE)
                    for frame in container.decode(track):
                        if frame.is_corrupt:
                            self.lose("a piece of sound is damaged")
                        for made in resampler.resample(frame):
                            samples += made.samples
                            yield made.to_ndarray()[0]
                    for made in resampler.resample(None):
                        samples += made.samples
                        yield made.to_ndarray()[0]
        except self._failures:
            self.lose("a sound track could not be decoded to the end")
        if not samples:
            self.lose("a sound track does not decode: it was not listened to")
        elif said is not None and samples / SOUND_RATE < said - _SHORTER_S:
            # Decoders pass over what is damaged without a word.
            self.lose("a sound track says that it is longer than what decodes")


def _ns(stamp: int | None, base: Fraction | None) -> int:
    return int(Fraction(stamp) * base * 10**9) if stamp is not None and base is not None else 0


def _loci(data: bytes) -> tuple[float, float] | None:
    """Give the place of a location information box (3GPP TS 26.244, 8.6): longitude first, in 65536ths of a degree.

    Version and flags, language, a name that ends in zeros (two where it is UTF-16), a role, then the numbers.
    """
    wide = data[6:8] in {b"\xfe\xff", b"\xff\xfe"}
    end = 6
    while data[end : end + 1 + wide] not in {b"\x00" * (1 + wide), b""}:
        end += 1 + wide
    at = end + 1 + wide + 1
    if len(data) < at + 8:
        return None
    longitude, latitude = struct.unpack_from(">2i", data, at)
    place = latitude / 65536, longitude / 65536
    return place if abs(place[0]) <= 90 and abs(place[1]) <= 180 else None  # noqa: PLR2004 -- degrees


def _place(data: bytes) -> tuple[float, float] | None:
    """Give the place that ISO 6709 writes in decimal degrees; None for its other forms."""
    found = _DEGREES.search(data)
    return None if found is None else (float(found[1]), float(found[2]))

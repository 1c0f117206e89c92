"""Reads Matroska with H.264 or H.265: what MP4's reader gives, and what lies between the elements.

Matroska is EBML (RFC 8794, RFC 9559): elements of an id, a length and content. FFmpeg gives tracks, tags,
chapters and attachments; the elements of the segment are walked here as well, for a cut file says nothing to
FFmpeg, and padding and unknown elements are skipped by it in silence.
"""

from __future__ import annotations

from typing import Any

from carnet.formats.mp4_read import Mp4Reader
from carnet.formats.reader import LONGEST, OutsideText

_EBML, _SEGMENT, _VOID, _CRC = 0x1A45DFA3, 0x18538067, 0xEC, 0xBF
_CLUSTER, _ATTACHMENTS = 0x1F43B675, 0x1941A469
_KNOWN = {0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1254C367, 0x1043A770, _CLUSTER, _CRC}
_MOST_ELEMENTS = 1_000_000
_LONGEST_ID = 4


def number_at(data: bytes, at: int, *, marker: bool) -> tuple[int, int, bool]:
    """Read a number of variable length: value, bytes, and whether it says `unknown`; zero bytes when cut."""
    if at >= len(data) or data[at] == 0:
        return 0, 0, False
    size = 9 - data[at].bit_length()
    if at + size > len(data):
        return 0, 0, False
    value = int.from_bytes(data[at : at + size], "big")
    bare = value & ((1 << 7 * size) - 1)
    return (value if marker else bare), size, bare == (1 << 7 * size) - 1


class MkvReader(Mp4Reader):
    """A Matroska file."""

    format = "mkv"

    def _open(self) -> Any:
        self._source.seek(0)
        return self._av.open(self._source, mode="r", format="matroska", metadata_errors="replace")

    def _describe(self, container: Any) -> None:
        super()._describe(container)
        for chapter in container.chapters():
            self._metadata("chapter", chapter.get("metadata", {}))

    def _walk(self, at: int, end: int, depth: int) -> None:
        """Walk the top of the file and the elements of its segment."""
        for _ in range(_MOST_ELEMENTS):
            if at >= end:
                return
            self._source.seek(at)
            head = self._source.read(12)
            kind, id_size, _ = number_at(head, 0, marker=True)
            size, length_size, unknown = number_at(head, id_size, marker=False)
            if not id_size or not length_size or id_size > _LONGEST_ID:
                self._lose_end("the file ends within an element, or is damaged there: it is cut")
                return
            start = at + id_size + length_size
            if unknown:
                # A stream that was never closed: its clusters follow, with or without lengths of their own.
                size = end - start
                self.lose("the file was not closed: a length is missing")
            if start + size > end:
                self._lose_end("the file ends within an element: it is cut")
                size = end - start
            if kind == _SEGMENT and depth == 0:
                self._walk(start, start + size, 1)
            elif kind != _EBML:
                self._element(kind, start, start + size)
            at = start + size

    def _element(self, kind: int, start: int, end: int) -> None:
        if kind in _KNOWN or end <= start:
            return
        self._source.seek(start)
        data = self._source.read(min(end - start, LONGEST))
        if kind == _ATTACHMENTS:
            self._outside.append(OutsideText("attachment", "", data, "bytes", whole=end - start <= LONGEST))
        elif kind == _VOID:
            if data.strip(b"\x00"):
                self._outside.append(OutsideText("padding that is not empty", "Void", data, "bytes"))
        else:
            self._outside.append(OutsideText("element of another kind", f"{kind:#x}", data, "bytes"))

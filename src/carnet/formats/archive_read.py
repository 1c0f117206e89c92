"""Opens archives member by member: zip, tar, and single streams of gzip, bzip2, xz and Zstandard.

Nothing is unpacked to a place of its own: a member of a tar is a window on the archive, any other is copied to a
temporary file without a name, one at a time, and what all of them may come to is bounded by the archive's own
length. Zip after PKWARE's APPNOTE 6.3 (by its central directory; bytes that belong to no member are told), tar
after POSIX.1-2017 (pax) with GNU's long names, gzip after RFC 1952.
"""

from __future__ import annotations

import bz2
import io
import lzma
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, Protocol, cast

from carnet.errors import UnreadableError
from carnet.formats.can_databases import database_form
from carnet.formats.reader import LONGEST, Message, OutsideText, Reader, Stream
from carnet.formats.tar_entries import TarEntry, tar_entries

ZIP, TAR, GZIP, BZIP2, XZ, ZSTD = "zip", "tar", "gzip", "bzip2", "xz", "zstd"
ARCHIVES = (ZIP, TAR, GZIP, BZIP2, XZ, ZSTD)
SINGLE = (GZIP, BZIP2, XZ, ZSTD)
DEEPEST = 3
MOST_MEMBERS = 10_000
LARGEST_DATABASE = 16 * 1024 * 1024
_PIECE, _HEAD = 1 << 20, 4096
# A worker may write nothing: what is longer than this cannot be looked at there, unless it lies there unpacked.
_IN_MEMORY = 256 * 1024 * 1024
# Logs of a bus that sleeps shrink a hundredfold; a bomb a thousandfold and more.
_FREE, _RATIO, _MOST = 64 * 1024 * 1024, 200, 64 * 1024**3
_LARGEST_DIRECTORY = 16 * 1024 * 1024
_END_RECORD, _LONGEST_COMMENT, _LONGEST_DESCRIPTOR = 22, 65_535, 24
_ENCRYPTED = 0x1
# Sizes, times, users, names once more, alignment, the mark of Java (APPNOTE 4.5.2 and 4.6; Info-ZIP's `extrafld`).
_OWN_EXTRA = frozenset(
    {0x0001, 0x000A, 0x5455, 0x5855, 0x7855, 0x7875, 0x7075, 0x6375, 0xCAFE, 0xD935, 0x9901}
)
# Not LZMA, whose window in a zip is as large as the file says.
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2})
_STEP, _MOST_WINDOW = 512, 256 * 1024 * 1024
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    OverflowError,
    struct.error,
    LookupError,
)


class Budget:
    """How many bytes may still come out of an archive and all archives in it."""

    def __init__(self, length: int) -> None:
        self.left = min(_MOST, max(_FREE, length * _RATIO))

    def take(self, count: int) -> None:
        """Use some; raises `UnreadableError` when there are no more."""
        self.left -= count
        if self.left < 0:
            raise UnreadableError("the archive expands beyond what carnet opens")


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: its name, its bytes unless they cannot be opened, and why not."""

    name: str
    file: BinaryIO | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a directory says of a member; `open` gives its bytes in order."""

    name: str
    size: int
    open: Callable[[], IO[bytes]] | None
    reason: str | None = None
    seekable: bool = False


class ArchiveReader(Reader):
    """An archive; `messages` gives the names of its members, `members` their bytes."""

    def __init__(self, source: BinaryIO, form: str, length: int) -> None:
        super().__init__()
        self.format = form
        self._source = source
        self._length = length
        self._outside: list[OutsideText] = []
        self._stream = Stream("members", "data", form)

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The one stream of names."""
        return (self._stream,)

    def messages(self) -> Iterator[Message]:
        """Give the name of every file in it."""
        count = 0
        for entry in self._guarded():
            count += 1
            yield Message(self._stream, 0, 0, entry.name.encode("utf-8", "replace"))
        if not count:
            self.block(self.reason or "the archive holds no file")
        self._complete = True

    def outside(self) -> tuple[OutsideText, ...]:
        """Give comments and names that lie beside the members, as far as the archive was read."""
        return tuple(self._outside)

    def databases(self) -> dict[str, bytes]:
        """Give the databases of buses that lie in a zip or tar, by name."""
        found: dict[str, bytes] = {}
        if self.format in SINGLE:
            return found
        left = 4 * LARGEST_DATABASE
        for entry in self._guarded():
            if entry.open is None or entry.size > min(LARGEST_DATABASE, left):
                continue
            with suppress(*_DAMAGE), entry.open() as stream:
                head = stream.read(_HEAD)
                if database_form(head) is not None:
                    data = head + stream.read(LARGEST_DATABASE)
                    left -= len(data)
                    found[entry.name] = data
        return found

    def members(self, budget: Budget) -> Iterator[Member]:
        """Give every file in it, one at a time: the one before is closed when the next is asked for."""
        for entry in self._guarded():
            if entry.open is None:
                yield Member(entry.name, None, entry.reason)
                continue
            damage = None
            try:
                opened = entry.open()
                if entry.seekable:
                    budget.take(entry.size)
                    copy = cast("BinaryIO", opened)
                else:
                    with opened:
                        copy, damage = _copied(opened, budget)
            except UnreadableError as error:
                yield Member(entry.name, None, error.what)
                if budget.left < 0:
                    return
                continue
            except _DAMAGE:
                yield Member(entry.name, None, "it is cut or damaged")
                continue
            with copy:
                yield Member(entry.name, copy, damage or entry.reason)

    def _guarded(self) -> Iterator[_Entry]:
        """Give the entries, and remember what stops the reading of them."""
        self._outside.clear()
        self._source.seek(0)
        try:
            for count, entry in enumerate(self._entries()):
                if count >= MOST_MEMBERS:
                    self.lose(
                        f"the archive has more than {MOST_MEMBERS} members, and the others were not opened"
                    )
                    return
                yield entry
        except UnreadableError as error:
            self.lose(error.what)
        except _DAMAGE:
            self.lose("the archive is cut or damaged: what stands behind that place was not read")

    def _entries(self) -> Iterator[_Entry]:
        if self.format == ZIP:
            yield from self._zip()
        elif self.format == TAR:
            yield from self._tar()
        else:
            yield self._single()

    def _tar(self) -> Iterator[_Entry]:
        for one in tar_entries(self._source, self._length, self.lose):
            if isinstance(one, TarEntry):
                start, size, reason = one.start, one.size, one.reason or _leading_out(one.name)
                yield _Entry(
                    one.name,
                    size,
                    None if one.reason else lambda start=start, size=size: _window(self._source, start, size),  # type: ignore[misc] # the defaults bind this round's values
                    reason,
                    seekable=True,
                )
            else:
                self._outside.append(one)

    def _zip(self) -> Iterator[_Entry]:
        size = _directory_bytes(self._source, self._length)
        if size > _LARGEST_DIRECTORY:
            raise UnreadableError("the directory of the zip is larger than carnet reads")
        with zipfile.ZipFile(self._source) as archive:
            if archive.comment:
                self._outside.append(OutsideText("archive comment", "", archive.comment))
            self._behind_zip()
            infos = archive.infolist()
            self._between([(one.header_offset, one.compress_size) for one in infos], archive.start_dir)
            for info in infos:
                if info.comment:
                    self._outside.append(OutsideText("member comment", "", info.comment[:LONGEST]))
                self._extra(info.extra)
                if info.filename.endswith("/"):
                    self._outside.append(OutsideText("folder", info.filename.replace("/", " "), b""))
                    continue
                reason = None
                if info.flag_bits & _ENCRYPTED:
                    reason = "it is encrypted"
                elif info.compress_type not in _METHODS:
                    reason = "it is compressed in a way that carnet does not open"
                stored = info.compress_type == zipfile.ZIP_STORED and info.compress_size == info.file_size
                way = self._stored if stored else archive.open
                yield _Entry(
                    info.filename,
                    info.file_size,
                    None if reason else lambda info=info, way=way: way(info),  # type: ignore[misc] # as above
                    reason or _leading_out(info.filename),
                    seekable=stored,
                )

    def _stored(self, info: zipfile.ZipInfo) -> IO[bytes]:
        """Give a member that lies there unpacked as a window on the archive, once its checksum holds."""
        self._source.seek(info.header_offset)
        head = self._source.read(30)
        if head[:4] != b"PK\x03\x04":
            raise EOFError
        start = info.header_offset + 30 + sum(struct.unpack_from("<HH", head, 26))
        self._source.seek(start)
        total, left = 0, info.file_size
        while left and (piece := self._source.read(min(left, _PIECE))):
            total, left = zlib.crc32(piece, total), left - len(piece)
        if left or total != info.CRC:
            raise EOFError
        return _window(self._source, start, info.file_size)

    def _extra(self, data: bytes) -> None:
        """Tell what stands in the extra fields of a member, beyond those that the format itself needs."""
        at = 0
        while at + 4 <= len(data):
            number, size = struct.unpack_from("<HH", data, at)
            if number not in _OWN_EXTRA and data[at + 4 : at + 4 + size].strip(b"\x00"):
                self._outside.append(OutsideText("extra field", "", data[at + 4 : at + 4 + size], "bytes"))
            at += 4 + size
        if data[at:].strip(b"\x00"):
            self._outside.append(OutsideText("extra field", "", data[at:], "bytes"))

    def _behind_zip(self) -> None:
        """Tell of bytes behind the end record and its comment: no directory names them."""
        start = max(0, self._length - _END_RECORD - _LONGEST_COMMENT)
        self._source.seek(start)
        tail = self._source.read(self._length - start)
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or at + _END_RECORD > len(tail):
            return
        (comment,) = struct.unpack_from("<H", tail, at + 20)
        behind = tail[at + _END_RECORD + comment :]
        if behind.strip(b"\x00"):
            self._outside.append(OutsideText("bytes behind the end", "", behind, "bytes"))
            self.lose("there are bytes behind the end of the zip")

    def _between(self, members: list[tuple[int, int]], end: int) -> None:
        """Tell of bytes that belong to no member: an archive's reader shows them to nobody."""
        at = 0
        for offset, size in [*sorted(members), (end, 0)]:
            if offset > at:
                self._source.seek(at)
                gap = self._source.read(min(offset - at, _PIECE)).lstrip(b"\x00")
                if len(gap) > (_LONGEST_DESCRIPTOR if at else 0):
                    self._outside.append(OutsideText("bytes between members", "", gap, "bytes"))
                    self.lose("there are bytes that belong to no member of the zip")
            self._source.seek(offset)
            head = self._source.read(30)
            name, extra = struct.unpack_from("<HH", head, 26) if len(head) == 30 else (0, 0)  # noqa: PLR2004 -- the local header
            if head[:4] == b"PK\x03\x04":
                self._extra(self._source.read(name + extra)[name:])
            at = max(at, offset + 30 + name + extra + size)

    def _single(self) -> _Entry:
        source = self._source
        if self.format == GZIP:
            for where, text in _gzip_texts(source.read(64 * 1024)):
                self._outside.append(OutsideText(where, "", text))
            source.seek(0)
        opener: dict[str, Callable[[], Any]] = {
            # 31: with the header and the checksum of gzip.
            GZIP: lambda: unpacked(source, lambda: zlib.decompressobj(31)),
            BZIP2: lambda: unpacked(source, bz2.BZ2Decompressor),
            XZ: lambda: unpacked(source, _xz_frame),
            ZSTD: lambda: unpacked(source, _zstd_frame()),
        }
        return _Entry("", 0, opener[str(self.format)])


class _Frame(Protocol):
    """What unpacks one frame or stream of a format that puts several behind each other."""

    @property
    def eof(self) -> bool:
        """Whether the frame is whole."""

    @property
    def unused_data(self) -> bytes:
        """What was given and lies behind it."""

    def decompress(self, data: bytes, /) -> bytes:
        """Unpack some bytes."""


def _xz_frame() -> _Frame:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MOST_WINDOW)


def _zstd_frame() -> Callable[[], _Frame]:
    import zstandard

    unpacker = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW)

    class Frame:
        """A frame, with Python's own errors."""

        def __init__(self) -> None:
            self._object = unpacker.decompressobj()

        eof = property(lambda self: self._object.eof)
        unused_data = property(lambda self: self._object.unused_data)

        def decompress(self, data: bytes, /) -> bytes:
            try:
                return bytes(self._object.decompress(data))
            except zstandard.ZstdError as error:
                raise EOFError from error

    return cast("Callable[[], _Frame]", Frame)


class _Unpacked(io.RawIOBase):
    """A stream of frames; fed in small steps, since a few bytes may unpack to many."""

    def __init__(self, source: BinaryIO, make: Callable[[], _Frame]) -> None:
        self._source, self._make, self._frame, self._rest = source, make, make(), b""

    def read(self, size: int = -1) -> bytes:
        """Give the next bytes, as many as come; none at the end."""
        del size
        while True:
            given = self._rest or self._source.read(_STEP)
            self._rest = b""
            if not given:
                if not self._frame.eof:
                    raise EOFError
                return b""
            if self._frame.eof:
                # Zeros may pad what stands between streams of xz.
                if not given.strip(b"\x00"):
                    continue
                self._frame = self._make()
            data = self._frame.decompress(given)
            if self._frame.eof:
                self._rest = self._frame.unused_data
            if data:
                return data


def unpacked(source: BinaryIO, make: Callable[[], _Frame]) -> IO[bytes]:
    """Give the stream of what frames hold; a cut one raises `EOFError` behind what was whole."""
    source.seek(0)
    return cast("IO[bytes]", _Unpacked(source, make))


def _copied(stream: IO[bytes], budget: Budget) -> tuple[BinaryIO, str | None]:
    """Copy a stream to a temporary file without a name; what was whole before a cut stays, with the reason."""
    reason = None
    copy = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 -- closed by who asked for the member
    try:
        while piece := stream.read(_PIECE):
            budget.take(len(piece))
            _keep(copy, piece)
    except _DAMAGE:
        if not copy.tell():
            copy.close()
            raise
        reason = "it is cut or damaged"
    except BaseException:
        copy.close()
        raise
    copy.seek(0)
    return cast("BinaryIO", copy), reason


def _keep(copy: IO[bytes], piece: bytes) -> None:
    try:
        copy.write(piece)
    except OSError as error:
        raise UnreadableError("there is no room to keep it while it is looked at") from error


def _leading_out(name: str) -> str | None:
    plain = name.replace("\\", "/")
    if plain.startswith("/") or plain[1:2] == ":" or ".." in plain.split("/"):
        return "its name leads out of the archive"
    return None


class _Window(io.RawIOBase):
    """A part of the source as a file of its own; closing it closes nothing else."""

    def __init__(self, source: BinaryIO, start: int, size: int) -> None:
        self._source, self._start, self._size, self._at = source, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = max(0, min(len(buffer), self._size - self._at))
        self._source.seek(self._start + self._at)
        data = self._source.read(wanted)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _window(source: BinaryIO, start: int, size: int) -> IO[bytes]:
    return io.BufferedReader(_Window(source, start, size))


def _directory_bytes(source: BinaryIO, length: int) -> int:
    """Give the size of a zip's central directory, from its end record or that of zip64."""
    start = max(0, length - _END_RECORD - _LONGEST_COMMENT - 20)
    source.seek(start)
    tail = source.read(length - start)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END_RECORD > len(tail):
        raise UnreadableError("the zip ends before its directory")
    size = int(struct.unpack_from("<I", tail, at + 12)[0])
    if at >= 20 and tail[at - 20 : at - 16] == b"PK\x06\x07":  # noqa: PLR2004 -- the locator of zip64
        (offset,) = struct.unpack_from("<Q", tail, at - 12)
        if offset + 56 <= length:
            source.seek(offset)
            record = source.read(56)
            if record[:4] == b"PK\x06\x06":
                size = int(struct.unpack_from("<Q", record, 40)[0])
    source.seek(0)
    return size


def _gzip_texts(head: bytes) -> Iterator[tuple[str, bytes]]:
    """Give the name and comment that a gzip header keeps, and what programs put there for themselves."""
    if len(head) < 10:  # noqa: PLR2004 -- the fixed part
        return
    flags, at = head[3], 10
    if flags & 4:
        size = int.from_bytes(head[at : at + 2], "little")
        # Blocked gzip (SAM specification, 4.1) keeps the length of the block there.
        if head[at + 2 : at + 6] != b"BC\x02\x00":
            yield "extra field", head[at + 2 : at + 2 + size]
        at += 2 + size
    for bit, where in ((8, "original file name"), (16, "comment")):
        if flags & bit:
            end = head.find(b"\x00", at)
            if end < 0:
                return
            yield where, head[at:end]
            at = end + 1

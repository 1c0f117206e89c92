"""The entries of a tar, header by header: POSIX.1-2017 ustar and pax, and GNU's long names.

Our own walk, because lengths of extended headers are held against a limit before they are read, and because an
archive that goes on behind a broken header, or behind its end, says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from carnet.errors import UnreadableError
from carnet.formats.reader import OutsideText

_BLOCK = 512
_LONGEST_EXTENDED = 1024 * 1024
_PIECE = 1 << 20
_FILES, _FOLDERS, _LINKS, _DEVICES = b"\x0007", b"5", b"12", b"346"
# Keys of pax that the tar's own workings need; others are texts that somebody put there.
_OWN = frozenset(
    {"path", "size", "linkpath", "mtime", "atime", "ctime", "uid", "gid", "charset", "hdrcharset"}
)


@dataclass(frozen=True, slots=True)
class TarEntry:
    """One file: its name, where its bytes lie, how many they are, and why it cannot be opened."""

    name: str
    start: int
    size: int
    reason: str | None = None


def is_tar(head: bytes) -> bool:
    """Say whether first bytes are a tar header: its checksum is right."""
    return len(head) >= _BLOCK and any(head[:100]) and _sum_holds(head[:_BLOCK])


def _sum_holds(block: bytes) -> bool:
    said = block[148:156].strip(b" \x00")
    try:
        return int(said, 8) == sum(block) - sum(block[148:156]) + 8 * 32
    except ValueError:
        return False


def _number(field: bytes) -> int:
    if field[0] & 0x80:
        return int.from_bytes(field, "big") & ((1 << 8 * len(field) - 1) - 1)
    try:
        return int(field.strip(b" \x00") or b"0", 8)
    except ValueError as error:
        raise UnreadableError("a header of the tar is impossible") from error


def _text(field: bytes) -> str:
    return field.split(b"\x00", 1)[0].decode("utf-8", "replace")


def _pax(data: bytes) -> dict[str, str]:
    found, at = {}, 0
    while at < len(data) and data[at : at + 1] != b"\x00":
        space = data.find(b" ", at)
        try:
            length = int(data[at:space])
        except ValueError:
            break
        if space < 0 or length <= 0 or at + length > len(data):
            break
        key, _, value = data[space + 1 : at + length - 1].partition(b"=")
        found[key.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        at += length
    return found


def tar_entries(
    source: BinaryIO, length: int, lose: Callable[[str], None]
) -> Iterator[TarEntry | OutsideText]:
    """Give every file of a tar, and the texts that its extended headers keep.

    Names of owners, folders, links and empty files come as names of texts without a byte.

    Raises:
        UnreadableError: a header is impossible; what stands behind it is not read.
    """
    at, said, everywhere = 0, dict[str, str](), dict[str, str]()
    owners: set[str] = set()
    while at + _BLOCK <= length:
        source.seek(at)
        block = source.read(_BLOCK)
        if not any(block):
            break
        if not _sum_holds(block):
            raise UnreadableError("a header of the tar is damaged: what stands behind it was not read")
        kind, start = block[156:157], at + _BLOCK
        size = _number(block[124:136])
        if kind in b"xgLK":
            if size > _LONGEST_EXTENDED or start + size > length:
                raise UnreadableError("an extended header of the tar is longer than carnet reads")
            data = source.read(size)
            if kind in b"xg":
                fresh = _pax(data)
                (everywhere if kind == b"g" else said).update(fresh)
                for key, value in fresh.items():
                    if key not in _OWN:
                        yield OutsideText("extended header", key, value.encode("utf-8", "replace"))
            elif kind == b"L":
                said["path"] = _text(data)
            at = start + _rounded(size)
            continue
        prefix = _text(block[345:500]) if block[257:263] == b"ustar\x00" else ""
        own = _text(block[:100])
        name = said.get("path", f"{prefix}/{own}" if prefix else own)
        if said.get("size", "").isdecimal():
            size = int(said["size"])
        for owner in {_text(block[265:297]), _text(block[297:329])} - owners:
            owners.add(owner)
            yield OutsideText("owner", owner, b"")
        sparse = kind == b"S" or any(key.startswith("GNU.sparse") for key in (*said, *everywhere))
        said = {}
        if kind in _FOLDERS or kind in _LINKS or kind in _DEVICES:
            # They have no bytes, whatever the header says.
            if kind in _LINKS and _text(block[157:257]):
                yield OutsideText("link", "", _text(block[157:257]).encode("utf-8", "replace"))
            size = 0
            yield OutsideText("entry", name.replace("/", " "), b"")
        elif sparse:
            yield TarEntry(name, start, size, "it is kept as a sparse file, which carnet does not open")
        elif start + size > length:
            lose("the tar is cut within a member")
            yield TarEntry(name, start, length - start)
            return
        elif size:
            known = kind in _FILES
            yield TarEntry(name, start, size, None if known else "it is of a kind that carnet does not know")
        else:
            yield OutsideText("entry", name.replace("/", " "), b"")
        at = start + _rounded(size)
    else:
        lose("the tar has no end: it may be cut")
    _behind(source, at, lose)


def _rounded(size: int) -> int:
    return (size + _BLOCK - 1) // _BLOCK * _BLOCK


def _behind(source: BinaryIO, at: int, lose: Callable[[str], None]) -> None:
    source.seek(at)
    while piece := source.read(_PIECE):
        if any(piece):
            lose("there are bytes behind the end of the tar")
            return

"""The blocks of an ASAM MDF 4 file: found by following every link from the header, read in bounded pieces.

After the public description of ASAM MDF 4.1 and 4.2: a block is its name (`##XX`), a length, a number of links
and the links, then its own fields; every number is little-endian. Nothing is believed: a block must lie inside
the file, is visited once, and what no link leads to is counted, since a reader that overlooks a data block
would otherwise say that there is nothing.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, cast

PIECE = 1 << 20
HEADER = 24
"""Bytes before a block's links."""
FIRST = 64
"""Where the header block lies; before it is the identification."""

_MOST_BLOCKS = 1_000_000
_MOST_LINKS = 2_000_000
_LONGEST_FIELDS = 256 << 10
_MOST_FIELDS = 128 << 20
_LONGEST_BLOCK = 1 << 20
_LARGEST_DEFLATED = 64 << 20
_DATA = frozenset({b"DT", b"DV", b"DI", b"SD", b"RD", b"RV", b"RI", b"DZ"})
_DESCRIPTIONS = frozenset(
    {
        b"HD",
        b"FH",
        b"CH",
        b"EV",
        b"DG",
        b"CG",
        b"CN",
        b"CC",
        b"CA",
        b"SI",
        b"SR",
        b"TX",
        b"MD",
        b"DL",
        b"HL",
        b"LD",
    }
)
# `dz_zip_type` of ASAM MDF 4.1 (deflate), and of 4.3 (Zstandard, LZ4): each plain, then with its bytes transposed.
_DEFLATE, _ZSTD, _LZ4 = 0, 2, 4
_MOST_WINDOW = 128 << 20


@dataclass(frozen=True, slots=True)
class Block:
    """One block: name without `##`, place, length with header and links, links, and where its fields begin."""

    kind: bytes
    at: int
    length: int
    links: tuple[int, ...]
    fields: bytes = b""

    @property
    def body_at(self) -> int:
        """Where the bytes behind the links begin."""
        return self.at + HEADER + 8 * len(self.links)

    @property
    def body_length(self) -> int:
        """How many bytes lie behind the links."""
        return self.length - HEADER - 8 * len(self.links)

    def link(self, number: int) -> int:
        """Give a link by its number; 0 where the block has fewer."""
        return self.links[number] if number < len(self.links) else 0


@dataclass
class Blocks:
    """Every block that links lead to.

    Attributes:
        source: the file.
        length: its bytes.
        unfinished: flags of what the writer did not finish (MDF 4.1, 5.5.2): bit 0 counts of records, bit 2 the
            length of the last data block, bit 4 the last link of a list.
        found: blocks by place.
        lost: what went wrong, in sentences.
        orphans: texts that no link leads to.
        given: places of data blocks that were given since this was emptied.
    """

    source: BinaryIO
    length: int
    unfinished: int = 0
    found: dict[int, Block] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    orphans: list[Block] = field(default_factory=list)
    given: set[int] = field(default_factory=set)

    def lose(self, what: str) -> None:
        """Remember what went wrong; the same sentence once."""
        if what not in self.lost:
            self.lost.append(what)

    def read(self, at: int, size: int) -> bytes:
        """Give bytes of the file."""
        self.source.seek(at)
        return self.source.read(size)

    def walk(self) -> None:
        """Follow every link from the header."""
        waiting = [FIRST]
        links = held = 0
        while waiting:
            at = waiting.pop()
            if at in self.found:
                continue
            if len(self.found) >= _MOST_BLOCKS or links > _MOST_LINKS or held > _MOST_FIELDS:
                self.lose("it has more blocks than carnet follows")
                return
            block = self._block(at)
            if block is None:
                continue
            self.found[at] = block
            links += len(block.links)
            # Blocks may overlap, so what is kept of them can be more than the file.
            held += len(block.fields)
            waiting.extend(one for one in block.links if one and one not in self.found)

    def _block(self, at: int) -> Block | None:
        header = self.read(at, HEADER) if FIRST <= at <= self.length - HEADER else b""
        if len(header) < HEADER or not header.startswith(b"##"):
            self.lose("a link leads to no block")
            return None
        kind = header[2:4]
        length, count = struct.unpack_from("<QQ", header, 8)
        if kind in {b"DT", b"RD"} and self.unfinished and at + length > self.length - HEADER:
            length = max(length, self.length - at)
        if kind in {b"DT", b"RD"} and self.unfinished & 0b1100 and length <= HEADER:
            length = self.length - at
        if length < HEADER or length > self.length - at:
            self.lose("a block is cut, or longer than the file")
            if kind not in _DATA:
                return None
            # What is there of the last data block is still data.
            length = self.length - at
        if HEADER + 8 * count > length or 8 * count > _LONGEST_BLOCK:
            self.lose("a block has more links than bytes")
            return None
        # Attributes may hold long texts or files: those are read when they are asked for.
        small = kind not in _DATA | {b"TX", b"MD", b"AT"}
        size = HEADER + 8 * count + (min(length - HEADER - 8 * count, _LONGEST_FIELDS) if small else 0)
        data = self.read(at, max(size, HEADER))
        if len(data) < HEADER + 8 * count:
            self.lose("a block is cut, or longer than the file")
            return None
        links = struct.unpack_from(f"<{count}Q", data, HEADER)
        return Block(kind, at, length, self._own(kind, at, links), data[HEADER + 8 * count :])

    def _own(self, kind: bytes, at: int, links: tuple[int, ...]) -> tuple[int, ...]:
        """Leave out the link of a list that its writer had not finished."""
        if kind == b"DL" and self.unfinished & 0b10000 and links and links[0] >= self.length:
            return (0, *links[1:])
        del at
        return links

    def get(self, at: int, *kinds: bytes) -> Block | None:
        """Give the block at a place if it is one of these kinds."""
        block = self.found.get(at)
        return block if block is not None and block.kind in kinds else None

    def chain(self, at: int, kind: bytes) -> Iterator[Block]:
        """Give the blocks of a list that goes on by the first link."""
        seen: set[int] = set()
        while at and at not in seen:
            seen.add(at)
            block = self.get(at, kind)
            if block is None:
                return
            yield block
            at = block.link(0)

    def text(self, at: int, most: int = PIECE) -> str:
        """Give the start of a `TX` or `MD` block's text (UTF-8, ended by zero); empty where there is none."""
        block = self.get(at, b"TX", b"MD")
        return "" if block is None else self.text_in(block, most)

    def text_in(self, block: Block, most: int = PIECE) -> str:
        """Give the text of a block."""
        if block.body_length > most >= PIECE:
            self.lose("a text is longer than carnet looks through")
        data = self.read(block.body_at, min(block.body_length, most))
        return data.partition(b"\0")[0].decode("utf-8", "replace")

    def unreached(self) -> int:
        """Count bytes that are not zero and belong to no block that a link leads to.

        Writers that change a comment leave the old block behind: descriptions and texts that stand where a block
        may stand are kept in `orphans`, to be looked through; records that nothing leads to are counted.
        """
        total = 0
        end = FIRST
        for at in sorted(self.found):
            block = self.found[at]
            if at > end:
                total += self._between(end, at)
            end = max(end, at + block.length)
        return total + self._between(end, self.length)

    def _between(self, start: int, stop: int) -> int:
        at = -(-start // 8) * 8
        while at + HEADER <= stop and len(self.orphans) < _MOST_BLOCKS:
            head = self.read(at, HEADER)
            length, links = struct.unpack_from("<QQ", head, 8) if len(head) == HEADER else (0, 0)
            kind = head[2:4]
            known = head.startswith(b"##") and kind in _DESCRIPTIONS
            if not known or not HEADER + 8 * links <= length <= stop - at:
                break
            if kind in {b"TX", b"MD"}:
                self.orphans.append(Block(kind, at, length, (0,) * links))
            start = at + length
            at = -(-start // 8) * 8
        return self._filled(start, stop)

    def _filled(self, start: int, stop: int) -> int:
        # Blocks begin at multiples of eight: up to seven bytes between them are padding, whatever they hold.
        if stop - start < 8:  # noqa: PLR2004 -- as the comment says
            return 0
        count = 0
        while start < stop:
            data = self.read(start, min(PIECE, stop - start))
            if not data:
                break
            count += len(data) - data.count(0)
            start += len(data)
        return count

    def data(self, at: int) -> Iterator[bytes]:
        """Give the bytes of a data link in pieces: of one block, of a list, deflated or not.

        A block that lists or groups name twice is given once and said to be lost: it may be a bomb.
        """
        for block in self._data_blocks(at):
            if block.at in self.given:
                self.lose("a data block is listed twice")
                continue
            self.given.add(block.at)
            if block.kind == b"DZ":
                yield from self._inflated(block)
            else:
                start, stop = block.body_at, block.at + block.length
                while start < stop:
                    piece = self.read(start, min(PIECE, stop - start))
                    if not piece:
                        self.lose("a data block is cut")
                        break
                    yield piece
                    start += len(piece)

    def _data_blocks(self, at: int) -> Iterator[Block]:
        head = self.get(at, b"HL")
        if head is not None:
            at = head.link(0)
        block = self.found.get(at)
        if block is None:
            return
        if block.kind in _DATA:
            yield block
            return
        if block.kind not in {b"DL", b"LD"}:
            self.lose(f"data lie in a block of kind {block.kind.decode('ascii', 'replace')!r}")
            return
        for one in self.chain(at, block.kind):
            # A `DL` lists data blocks and nothing else; an `LD` may list blocks of invalidation bits after them.
            count = len(one.links) - 1
            if one.kind == b"LD" and len(one.fields) >= 8 and one.fields[3] & 0x80:  # noqa: PLR2004 -- flag, count
                count //= 2
                self.lose("validity is kept apart from the values, which carnet does not read")
            for link in one.links[1 : 1 + count]:
                found = self.found.get(link)
                if found is None or found.kind not in _DATA:
                    self.lose("a list of data names a block that is none")
                else:
                    yield found

    def _inflated(self, block: Block) -> Iterator[bytes]:
        head = self.read(block.body_at, 24)
        if len(head) < 24:  # noqa: PLR2004 -- the fields of a `DZ`
            self.lose("a compressed block is cut")
            return
        form, parameter, plain, packed = struct.unpack_from("<2xBxIQQ", head)
        if form > _LZ4 + 1 or packed > block.body_length - 24:
            self.lose("a compressed block is cut, or compressed in a way that carnet does not read")
            return
        if not form & 1:
            yield from self._stream(block.body_at + 24, packed, plain, form)
            return
        if plain > _LARGEST_DEFLATED or not parameter:
            self.lose("a transposed block is larger than carnet reads")
            return
        data = b"".join(self._stream(block.body_at + 24, packed, plain, form - 1))
        if len(data) == plain:
            rows = plain // parameter
            square = rows * parameter
            columns = memoryview(data)[:square]
            turned = bytearray(square)
            for column in range(parameter if rows else 0):
                turned[column::parameter] = columns[column * rows : (column + 1) * rows]
            yield bytes(turned) + data[square:]

    def _stream(self, start: int, packed: int, plain: int, form: int) -> Iterator[bytes]:
        """Unpack in pieces, never more than was announced."""
        import lz4.frame
        import zstandard

        source = _Part(self, start, start + packed)
        left = plain
        try:
            if form == _DEFLATE:
                unpack: Callable[[int], bytes] = _Inflating(source).read
            elif form == _ZSTD:
                unpack = (
                    zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW)
                    .stream_reader(cast("BinaryIO", source))
                    .read
                )
            else:
                unpack = lz4.frame.LZ4FrameFile(cast("BinaryIO", source), mode="rb").read
            while left and (out := unpack(min(PIECE, left))):
                left -= len(out)
                yield out
            # What ends there has a checksum behind it, which is only compared when more is asked for.
            unpack(1)
        except (zlib.error, zstandard.ZstdError, RuntimeError, EOFError, MemoryError):
            self.lose("a compressed block does not inflate")
            return
        if left:
            self.lose("a compressed block holds less than it announces")


class _Part(io.RawIOBase):
    """A part of the file, read once from its start to its end."""

    def __init__(self, blocks: Blocks, start: int, stop: int) -> None:
        self._blocks, self._at, self._stop = blocks, start, stop

    def readable(self) -> bool:
        """It can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Give the next bytes, at most a piece."""
        wanted = min(PIECE if size < 0 else size, PIECE, self._stop - self._at)
        data = self._blocks.read(self._at, wanted) if wanted > 0 else b""
        self._at += len(data)
        return data


class _Inflating:
    """A deflated stream, as a file."""

    def __init__(self, source: _Part) -> None:
        self._source, self._machine = source, zlib.decompressobj()

    def read(self, size: int) -> bytes:
        """Give at most so many bytes; none at the end, or where the stream is cut."""
        while not self._machine.eof:
            given = self._machine.unconsumed_tail or self._source.read()
            out = self._machine.decompress(given, size)
            if out or not given:
                return out
        return b""

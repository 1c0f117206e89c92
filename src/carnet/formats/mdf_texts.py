"""What lies outside the records of an MDF file: comments, history, events, names, attachments.

Comments are XML whose leaves have names of their own (`<e name="subject">...`, `<user_name>...`): each leaf is
given under its name, so that a name can say what a value is, and whatever is left of the text once.
"""

from __future__ import annotations

import html
import re
import struct
import zlib
from collections.abc import Iterable, Iterator

from carnet.formats.mdf_blocks import PIECE, Block, Blocks
from carnet.formats.reader import LONGEST, OutsideText
from carnet.formats.sniff import is_text

_LEAF = re.compile(r"<([A-Za-z][\w:.-]{0,60})(\s[^<>]{0,300})?>([^<>]*)</\1\s*>")
_NAMED = re.compile(r"""\sname\s*=\s*["']([^"'<>]*)["']""")
_TAG = re.compile(r"<[^<>]*>")
_MOST = 32 << 20
# Numbers of neighbouring texts must not look like a pair.
_BETWEEN = b"\n|\n"
_MOST_PLACES = 2000
_MOST_ATTACHMENTS = 64
# Kind of block, number of the link, what it is: MDF 4.1, chapter 5.
_PLACES: dict[bytes, dict[int, str]] = {
    b"HD": {5: "header comment"},
    b"FH": {1: "file history"},
    b"CH": {2: "hierarchy", 3: "hierarchy"},
    b"EV": {3: "event", 4: "event"},
    b"DG": {3: "comment of a group"},
    b"CG": {2: "name of a group", 5: "comment of a group"},
    b"CN": {2: "channel name", 6: "unit", 7: "comment of a channel"},
    b"SI": {0: "source", 1: "source", 2: "source"},
    b"AT": {2: "attachment", 3: "attachment"},
}
_CONVERSION = "conversion table"
_FIXED = struct.Struct("<HHI16sQQ")
_EMBEDDED, _COMPRESSED = 1, 2


def outside_texts(blocks: Blocks) -> tuple[OutsideText, ...]:
    """Give every text that a link leads to, each once, and every attachment."""
    places: dict[int, str] = {}
    for block in blocks.found.values():
        known = _PLACES.get(block.kind, {})
        for number, link in enumerate(block.links):
            inside = blocks.found.get(link)
            if inside is not None and inside.kind in {b"TX", b"MD"}:
                where = known.get(number, _CONVERSION if block.kind == b"CC" else "text")
                places.setdefault(link, where)
    # What a writer replaced may still be there: nothing leads to it, and everybody who opens the file has it.
    texts = [(places[at], blocks.found[at]) for at in sorted(places)]
    texts += [("replaced text", block) for block in blocks.orphans]
    # Thousands of channels have a name and a comment each: texts of one place are given together.
    lines: dict[tuple[str, str, str], dict[bytes, None]] = {}
    room = _MOST
    for where, block in texts:
        text = blocks.text_in(block)
        room -= len(text)
        if room < 0:
            blocks.lose("it has more texts than carnet looks through")
            break
        plain = OutsideText(where, "", text.encode("utf-8", "replace"))
        for one in _leaves(where, text) if block.kind == b"MD" else (plain,):
            if one.data.strip():
                name = one.name if len(lines) < _MOST_PLACES else ""
                lines.setdefault((where, name, one.kind), {})[one.data] = None
    out = [
        OutsideText(where, name, part, kind)
        for (where, name, kind), held in lines.items()
        for part in _joined(held)
    ]
    attachments = [block for block in blocks.found.values() if block.kind == b"AT"]
    if len(attachments) > _MOST_ATTACHMENTS:
        blocks.lose("it has more attachments than carnet looks through")
    out += [_attachment(blocks, block) for block in attachments[:_MOST_ATTACHMENTS]]
    return tuple(out)


def _joined(held: Iterable[bytes]) -> Iterator[bytes]:
    """Give texts one a line, in parts of at most `PIECE` bytes and one text."""
    part: list[bytes] = []
    size = 0
    for one in held:
        part.append(one)
        size += len(one) + 1
        if size >= PIECE:
            yield _BETWEEN.join(part)
            part, size = [], 0
    if part:
        yield _BETWEEN.join(part)


def _leaves(where: str, text: str) -> Iterator[OutsideText]:
    for found in _LEAF.finditer(text):
        tag, attributes, value = found.groups()
        own = _NAMED.search(attributes or "")
        name = own.group(1) if own else tag
        plain = html.unescape(value).strip()
        if plain:
            # `TX` is what the standard calls the comment itself.
            kind = "text" if name == "TX" else "field"
            yield OutsideText(where, "" if name == "TX" else name, plain.encode("utf-8", "replace"), kind)
    rest = html.unescape(_TAG.sub(" ", _LEAF.sub(" ", text)))
    yield OutsideText(where, "", " ".join(rest.split()).encode("utf-8", "replace"))


def _attachment(blocks: Blocks, block: Block) -> OutsideText:
    """Give an attachment: its name, and its bytes where they lie in the file."""
    name = blocks.text(block.link(1), 1024)
    head = blocks.read(block.body_at, _FIXED.size)
    if len(head) < _FIXED.size or block.body_length < _FIXED.size:
        blocks.lose("an attachment is cut")
        return OutsideText("attachment", name, b"", "bytes", whole=False)
    flags, _, _, _, plain, held = _FIXED.unpack(head)
    held = min(held, block.body_length - _FIXED.size)
    if not flags & _EMBEDDED:
        return OutsideText("attachment kept elsewhere", name, b"")
    data = blocks.read(block.body_at + _FIXED.size, min(held, LONGEST))
    whole = held <= LONGEST
    if flags & _COMPRESSED:
        try:
            machine = zlib.decompressobj()
            data = machine.decompress(data, LONGEST)
        except zlib.error:
            blocks.lose("an attachment does not inflate")
            return OutsideText("attachment", name, b"", "bytes", whole=False)
        whole = whole and len(data) >= plain
    kind = "picture" if data.startswith((b"\xff\xd8\xff", b"\x89PNG")) else "bytes"
    return OutsideText("attachment", name, data, "text" if is_text(data[:4096]) else kind, whole=whole)

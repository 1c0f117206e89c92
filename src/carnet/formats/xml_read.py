"""Reads XML texts: one record an element, with its attributes and its text under the element's path.

The parser is expat with handlers of our own (XML 1.0, fifth edition): no entity is expanded and nothing outside
the file is asked for. A text that declares entities is blocked, since what it says depends on what they stand for.
Known vocabularies have a schema of their own (ASAM OpenDRIVE 1.4 to 1.8, ASAM OpenSCENARIO XML 1.x,
OpenStreetMap API 0.6, GPX 1.0 and 1.1); the fields of any other XML are classified by name and by value.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO
from xml.parsers import expat

from carnet.formats.reader import LONGEST, Message, OutsideText, Reader, Stream
from carnet.formats.xml_root import root_of

XML = "xml"
OPENDRIVE, OPENSCENARIO, OSM, GPX = "opendrive", "openscenario", "osm", "gpx"
# Root element -> (name of the format, schema of its records); other roots have readers of their own or none.
VOCABULARIES: dict[str, tuple[str, str]] = {
    "OpenDRIVE": (OPENDRIVE, "carnet/OpenDRIVE"),
    "OpenSCENARIO": (OPENSCENARIO, "carnet/OpenSCENARIO"),
    "gpx": (GPX, "carnet/GPX"),
    "osm": (OSM, "carnet/OSM"),
    "osmChange": (OSM, "carnet/OSM"),
}
# Where a line of places ends: the receiver was off, or another track begins.
_BREAKS = frozenset({"trk.trkseg", "rte"})
_BLOCK = 1 << 16
# Comments before the root element may be long; the vocabulary is known behind them.
_PROLOGUE = 1 << 20
_DEEPEST = 100
_LONGEST_TEXT = 16 * 1024 * 1024
_MOST_OUTSIDE = 1000
_DECLARED = re.compile(
    rb"\A(?:\xef\xbb\xbf)?<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']"
)
# Expat knows these itself; others are decoded before it sees them.
_NATIVE = frozenset({"utf-8", "utf-16", "us-ascii", "ascii", "iso-8859-1"})
_DECIMAL = re.compile(r"\s*[+-]?\d{1,15}\.\d{1,20}(?:[eE][+-]?\d{1,3})?\s*")


class _RefusedError(Exception):
    """The text is well formed and still not read."""


class _Parse:
    """Feeds blocks to expat and keeps what came out of them until it is fetched."""

    def __init__(self, breaks: frozenset[str]) -> None:
        self._breaks = breaks
        self.records: list[dict[str, Any]] = []
        self.outside: list[OutsideText] = []
        self.outside_cut = False
        self._path: list[str] = []
        self._text: list[list[str]] = []
        self._attributes: list[dict[str, Any]] = []
        self._held = 0
        self._in_type = False

    def parser(self, encoding: str | None) -> Any:
        parser = expat.ParserCreate(encoding)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.CommentHandler = lambda text: self._put("comment", text)
        parser.ProcessingInstructionHandler = lambda name, text: self._put("instruction", f"{name} {text}")
        parser.EntityDeclHandler = self._entity
        return parser

    def _entity(self, *_: Any) -> None:
        raise _RefusedError("the XML declares entities: what it says depends on what they stand for")

    def _put(self, where: str, text: str) -> None:
        if len(self.outside) >= _MOST_OUTSIDE:
            self.outside_cut = True
            return
        data = text.encode("utf-8", "replace")
        self.outside.append(OutsideText(where, "", data[:LONGEST], whole=len(data) <= LONGEST))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if not self._text:
            # The root's own name stands before every path: it is left out.
            pass
        elif len(self._path) >= _DEEPEST:
            raise _RefusedError("the XML is nested deeper than carnet reads")
        else:
            self._path.append(local)
        self._text.append([])
        self._attributes.append(
            {
                key.rpartition(":")[2]: _typed(value)
                for key, value in attributes.items()
                if key != "xmlns" and not key.startswith("xmlns:")
            }
        )

    def _characters(self, text: str) -> None:
        if not self._text or text.isspace():
            return
        self._held += len(text)
        if self._held > _LONGEST_TEXT:
            raise _RefusedError("the text of an XML element is longer than carnet reads")
        self._text[-1].append(text)

    def _end(self, _: str) -> None:
        whole = "".join(self._text.pop())
        self._held -= len(whole)
        text = whole.strip()
        said: dict[str, Any] = self._attributes.pop()
        path = ".".join(self._path) or "root"
        if text:
            # An element with text alone is a field of its own.
            said = {**said, "text": text} if said else {}
        if said or text:
            self.records.append({path: said or _typed(text)})
        elif path in self._breaks:
            self.records.append({})
        if self._path:
            self._path.pop()


def _typed(text: str) -> Any:
    return float(text) if _DECIMAL.fullmatch(text) else text


class XmlReader(Reader):
    """An XML text; `format` is the vocabulary's name, or `xml`."""

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source
        self._outside: tuple[OutsideText, ...] = ()
        self.format = XML
        self._stream = Stream("elements", "records", None, encoding="json")
        source.seek(0)
        self._name(root_of(source.read(_PROLOGUE)))

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The one stream of elements."""
        return (self._stream,)

    def outside(self) -> tuple[OutsideText, ...]:
        """Give comments and processing instructions, as far as the text was read."""
        self._read_all()
        return self._outside

    def messages(self) -> Iterator[Message]:
        """Give every element that says something, as JSON: its path, and its attributes and text under it."""
        parse, count = _Parse(_BREAKS if self.format == GPX else frozenset()), 0
        try:
            for _ in self._fed(parse):
                for record in parse.records:
                    count += bool(record)
                    yield self._message(record)
                parse.records.clear()
        except _RefusedError as error:
            self.block(str(error))
        except (expat.ExpatError, UnicodeError, ValueError):
            for record in parse.records:
                count += bool(record)
                yield self._message(record)
            self.lose("the XML is cut or not well formed: what stands behind that place was not read")
        if parse.outside_cut:
            self.lose("the XML has more comments than are looked through")
        self._outside = tuple(parse.outside)
        if not count:
            self.block("the XML holds neither attribute nor text")
        self._complete = True

    def _message(self, record: dict[str, Any]) -> Message:
        """Give a record as a message; an empty one, of no row, says that a line of places ends."""
        data = json.dumps(record, ensure_ascii=False).encode("utf-8", "replace")
        return Message(self._stream, 0, 0, data, rows=int(bool(record)))

    def _name(self, root: str | None) -> None:
        if root in VOCABULARIES:
            self.format, schema = VOCABULARIES[root]
            self._stream = Stream("elements", "records", schema, encoding="json")

    def _fed(self, parse: _Parse) -> Iterator[None]:
        """Feed the text block by block."""
        self._source.seek(0)
        block = self._source.read(_BLOCK)
        declared = _DECLARED.match(block)
        name = declared[1].decode("ascii").lower() if declared else "utf-8"
        decoder = None
        if name not in _NATIVE:
            try:
                decoder = codecs.getincrementaldecoder(name)()
            except LookupError as error:
                raise _RefusedError("the XML is in an encoding that carnet does not read") from error
        parser, fed = parse.parser("utf-8" if decoder else None), 0
        while block:
            given = decoder.decode(block).encode("utf-8", "replace") if decoder else block
            parser.Parse(given, False)
            fed += len(given)
            if fed - parser.CurrentByteIndex > _LONGEST_TEXT:
                raise _RefusedError("a tag or comment of the XML is longer than carnet reads")
            yield
            block = self._source.read(_BLOCK)
        if decoder:
            parser.Parse(decoder.decode(b"", final=True).encode("utf-8", "replace"), False)
        parser.Parse(b"", True)
        yield

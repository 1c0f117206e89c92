"""CAN databases: DBC, KCD (Kayak), SYM (PEAK) and ARXML (AUTOSAR), told by what they are, loaded by cantools.

A database that does not load leaves its bus unknown: the error says where in the file, and never quotes it.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from carnet.errors import UnreadableError
from carnet.formats.reader import Message, OutsideText, Reader, Stream
from carnet.formats.xml_root import root_of

DBC, KCD, SYM, ARXML = "dbc", "kcd", "sym", "arxml"
SUFFIXES = frozenset({".dbc", ".kcd", ".sym", ".arxml"})
"""How the files of databases are called, where nobody renamed them."""

LARGEST = 64 * 1024 * 1024
_HEAD_BYTES = 4096
_DBC = re.compile(rb"(?m)^(VERSION[ \t]+\"|NS_[ \t]*:|BS_[ \t]*:|BU_[ \t]*:|BO_ \d+ )")
_SYM = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?://[^\r\n]*\s+)*FormatVersion\s*=\s*\d+\.\d+")
_ROOTS = {"NetworkDefinition": KCD, "AUTOSAR": ARXML}
_DECLARED = re.compile(r"<!(DOCTYPE|ENTITY)")
_PLACE = re.compile(r"line (\d+)|(?:id|ID) (0x[0-9a-fA-F]{1,8})\b")
_MOST_TEXTS = 2000


def database_form(head: bytes) -> str | None:
    """Say of a file's first bytes which kind of CAN database they begin, else None."""
    if b"\0" in head:
        return None
    if _SYM.match(head):
        return SYM
    return _ROOTS.get(root_of(head) or "") or (DBC if len(_DBC.findall(head)) > 1 else None)


def _text_of(data: bytes, form: str) -> str:
    # The tools write DBC and SYM in cp1252; XML is UTF-8 unless it says otherwise, and its reader hears that.
    if form in {DBC, SYM}:
        return data.decode("cp1252", "replace").removeprefix("\u00ef\u00bb\u00bf")
    return data.decode("utf-8-sig", "replace")


def load_database(data: bytes) -> Any:
    """Load a database (cantools' `Database`).

    Raises:
        UnreadableError: the database does not load; the reason names the place in it.
    """
    import cantools

    # Its warnings quote the file's own names, which came from outside and must not reach a log.
    logging.getLogger("cantools").setLevel(logging.CRITICAL)
    form = database_form(data[:_HEAD_BYTES]) or DBC
    text = _text_of(data, form)
    if form in {KCD, ARXML} and _DECLARED.search(text):
        raise UnreadableError(
            "the CAN database declares entities, which carnet does not expand",
            remedy="write what they stand for; until then its bus counts as unknown",
        )
    try:
        database: Any = cantools.database.load_string(text, database_format=form, strict=False)
    # A parser of files that anybody may write fails in any way; ours is one.
    except (MemoryError, ImportError):
        raise
    except Exception as error:
        found = _PLACE.search(str(error))
        line = getattr(error, "lineno", None)
        where = (f"line {found[1]}" if found[1] else f"frame {found[2]}") if found else None
        raise UnreadableError(
            "the CAN database does not load",
            where=where or (f"line {line}" if isinstance(line, int) else None),
            remedy="repair the database; until then its bus counts as unknown",
        ) from error
    described = [*database.messages, *(signal for one in database.messages for signal in one.signals)]
    if not all(isinstance(one.name, str) for one in described):
        raise UnreadableError(
            "the CAN database does not load: a message or signal has no name",
            remedy="repair the database; until then its bus counts as unknown",
        )
    return database


class DatabaseReader(Reader):
    """A database as a file of its own: one stream that lists its messages; its comments lie outside."""

    def __init__(self, source: BinaryIO, form: str) -> None:
        super().__init__()
        self.format = form
        self._names: tuple[str, ...] = ()
        self._comments: tuple[OutsideText, ...] = ()
        source.seek(0)
        data = source.read(LARGEST + 1)
        if len(data) > LARGEST:
            self.block("the CAN database is larger than carnet reads")
            data = b""
        self._stream = Stream("messages", "database", form, _text_of(data, form), form, form)
        if self._blocked:
            return
        try:
            database = load_database(data)
        except UnreadableError as error:
            self.block(f"{error.what}{f' ({error.where})' if error.where else ''}")
            return
        self._names = tuple(one.name for one in database.messages)
        self._comments = tuple(dict.fromkeys(_comments(database, self._stream.schema_text, form)))
        if not self._names:
            self.block("the CAN database describes no message")

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The one stream, unless the file is blocked."""
        return (self._stream,) if self._names else ()

    def messages(self) -> Iterator[Message]:
        """Give the name of each described message."""
        for number, name in enumerate(self._names):
            yield Message(self._stream, 0, 0, name.encode("utf-8", "replace"), number)

    def outside(self) -> tuple[OutsideText, ...]:
        """Give the comments and attribute values."""
        return self._comments


def _comments(database: Any, text: str, form: str) -> Iterator[OutsideText]:
    if form == DBC:
        lines = re.findall(r"(?ms)^(?:CM_|BA_) .*?;\s*$", text)
    elif form == SYM:
        lines = re.findall(r"//([^\r\n]+)", text)
    else:
        lines = re.findall(r"(?s)<!--(.{1,4000}?)-->", text)
        described = (one for message in database.messages for one in (message, *message.signals))
        lines += [one.comment for one in described if isinstance(one.comment, str)]
    for line in lines[:_MOST_TEXTS]:
        yield OutsideText("comment", "", line.encode("utf-8", "replace"))
    if len(lines) > _MOST_TEXTS:
        rest = "\n".join(lines[_MOST_TEXTS:]).encode("utf-8", "replace")
        yield OutsideText("comment", "", rest)


def open_arxml(source: BinaryIO) -> Reader:
    """Open an AUTOSAR description: as a database where it describes a CAN bus, else as any XML text."""
    reader = DatabaseReader(source, ARXML)
    if reader.streams:
        return reader
    from carnet.formats.xml_read import XmlReader

    source.seek(0, io.SEEK_SET)
    return XmlReader(source)

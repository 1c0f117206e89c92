"""Below the rooms: readers and writers of vehicle file formats, one file a format, behind one interface.

A file is taken for what its bytes are, never for its name. Whatever no reader takes is `blocked` with the
reason: nothing is ever `read` and empty.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import BinaryIO

from carnet.errors import missing_extra
from carnet.formats.reader import BlockedReader, Message, OutsideText, Reader, Stream
from carnet.formats.sniff import foreign_name, format_of, head_of, is_plain_text, length_of

__all__ = ["BlockedReader", "Message", "OutsideText", "Reader", "Stream", "open_recording"]

# Which extra brings a library that is not in `carnet[recordings]`.
_EXTRAS = {"cv2": "vision", "pyarrow": "tables"}


def open_recording(
    source: BinaryIO,
    name: str,
    *,
    companions: Mapping[str, bytes] = MappingProxyType({}),
    plugins: Sequence[str] = (),
) -> Reader:
    """Open one file of a recording by what its bytes are.

    Args:
        source: a seekable binary file; the reader keeps it and never closes it.
        name: the file's name; only names for messages come from it, never the format.
        companions: files that lie beside it by name, such as the DBC of a bus.
        plugins: names of foreign readers that are asked about what no reader of carnet takes; they run here,
            so only a worker names any.

    Raises:
        MissingExtraError: a library of `carnet[recordings]` is not installed.
    """
    length = length_of(source)
    if length == 0:
        return BlockedReader("the file is empty")
    head = head_of(source)
    found = format_of(head)
    if found is not None:
        given = {"name": name, "form": found.name, "length": length, "companions": companions}
        module, _, of = found.reader.partition(":")
        try:
            make = getattr(importlib.import_module(f"carnet.formats.{module}"), of)
            reader: Reader = make(source, *(given[one] for one in found.wants))
        except ImportError as error:
            raise missing_extra(
                error,
                f"reading {found.name} needs the library {error.name}",
                remedy=f"pip install 'carnet[{_EXTRAS.get(error.name or '', 'recordings')}]'",
            ) from error
        return reader
    if plugins:
        from carnet.formats.plugins import open_with

        foreign = open_with(plugins, source, name, head)
        if foreign is not None:
            return foreign
        source.seek(0)
    if is_plain_text(head):
        from carnet.formats.text_files import TextReader

        return TextReader(source)
    return BlockedReader(f"carnet does not read this: it is {foreign_name(head)}")

"""Below the rooms: readers and writers of vehicle file formats, one file a format, behind one interface.

A file is taken for what its bytes are, never for its name. Whatever no reader takes is `blocked` with the
reason: nothing is ever `read` and empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import BinaryIO

from carnet.errors import MissingExtraError
from carnet.formats.reader import BlockedReader, Message, OutsideText, Reader, Stream
from carnet.formats.sniff import (
    CANDUMP,
    DBC,
    JPEG,
    MCAP,
    MKV,
    MP4,
    PNG,
    ROSBAG1,
    SQLITE,
    foreign_name,
    head_of,
    is_plain_text,
    known_format,
    length_of,
)

__all__ = ["BlockedReader", "Message", "OutsideText", "Reader", "Stream", "open_recording"]


def open_recording(
    source: BinaryIO,
    name: str,
    *,
    companions: Mapping[str, bytes] = MappingProxyType({}),
) -> Reader:
    """Open one file of a recording by what its bytes are.

    Args:
        source: a seekable binary file; the reader keeps it and never closes it.
        name: the file's name; only names for messages come from it, never the format.
        companions: files that lie beside it by name, such as the DBC of a bus.

    Raises:
        MissingExtraError: a library of `carnet[recordings]` is not installed.
    """
    length = length_of(source)
    if length == 0:
        return BlockedReader("the file is empty")
    head = head_of(source)
    form = known_format(head)
    try:
        if form == MCAP:
            from carnet.formats.mcap_read import McapReader

            return McapReader(source)
        if form == ROSBAG1:
            from carnet.formats.rosbag1_read import Bag1Reader

            return Bag1Reader(source)
        if form == SQLITE:
            from carnet.formats.rosbag2_read import Bag2Reader

            return Bag2Reader(source)
        if form in {JPEG, PNG}:
            from carnet.formats.picture import PictureReader

            return PictureReader(source, form, length)
        if form == MP4:
            from carnet.formats.mp4_read import Mp4Reader

            return Mp4Reader(source, length)
        if form == MKV:
            from carnet.formats.mkv_read import MkvReader

            return MkvReader(source, length)
        if form == CANDUMP:
            from carnet.formats.can import CandumpReader

            return CandumpReader(source)
        if form == DBC:
            from carnet.formats.can import DatabaseReader

            return DatabaseReader(source, name)
    except ImportError as error:
        raise MissingExtraError(
            f"reading {form} needs the library {error.name}",
            remedy=f"pip install 'carnet[{'vision' if error.name == 'cv2' else 'recordings'}]'",
        ) from error
    if is_plain_text(head):
        from carnet.formats.text_files import TextReader

        return TextReader(source)
    del companions
    return BlockedReader(f"carnet does not read this: it is {foreign_name(head)}")

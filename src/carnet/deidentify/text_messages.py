"""Texts in messages: JSON keeps its structure, the strings of binary encodings keep their length.

VINs are not this file's: they are known by their number everywhere in a recording, see `vin.scrub`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from carnet.deidentify.location_order import Keys
from carnet.deidentify.order import RedactionOrder
from carnet.deidentify.position_streams import is_frame
from carnet.deidentify.text_files import masked_json
from carnet.deidentify.text_masks import TextMask
from carnet.errors import UnreadableError
from carnet.formats.cdr import codec
from carnet.formats.reader import Stream

# A header's stamp and frame name stand within these first bytes of a message.
_HEADER_BYTES = 256


class MessageTexts:
    """Masks the texts of messages and names by one order; raises `RedactionError` as `TextMask` does."""

    def __init__(self, order: RedactionOrder, keys: Keys) -> None:
        vin = frozenset({"vin"})
        self._mask = TextMask(replace(order, remove=order.remove - vin, replace=order.replace - vin), keys)
        self._reach: dict[int, int | None] = {}

    @property
    def counts(self) -> Counter[str]:
        """How many values of each class were written over."""
        return self._mask.counts

    def name(self, text: str) -> str:
        """Give a topic's name, or a piece of metadata, with what identifies written over."""
        return self._mask.text(text) if self._mask.wants_anything else text

    def message(self, stream: Stream, data: bytes) -> bytes:
        """Give a message with what identifies in its texts written over; the same object when nothing was."""
        if not self._mask.wants_anything:
            return data
        if stream.encoding == "json":
            try:
                text = data.decode()
                made = masked_json(text, self._mask)
            except (UnreadableError, UnicodeDecodeError):
                return self._mask.binary(data)
            return data if made == text else made.encode()
        if stream.number not in self._reach:
            self._reach[stream.number] = _reach_of(stream)
        return self._mask.binary(data) if self._reach[stream.number] is None else self.header(data)

    def header(self, data: bytes) -> bytes:
        """Give a message, such as a picture, with what identifies in its first bytes written over."""
        if not self._mask.wants_anything:
            return data
        head = data[:_HEADER_BYTES]
        made = self._mask.binary(head)
        return data if made == head else made + data[_HEADER_BYTES:]


def _reach_of(stream: Stream) -> int | None:
    """Say how many first bytes of a message can hold text; None where all can."""
    if stream.encoding not in {"cdr", "ros1"}:
        return None
    try:
        fields = codec(stream.schema or "", stream.schema_text, stream.encoding).fields
    except UnreadableError:
        return None
    texts = [one for one in fields if one.base in {"string", "wstring"}]
    return _HEADER_BYTES if all(is_frame(one.path) for one in texts) else None

"""The third look, at texts: those of all fields of a stream together, because one look at many is fast."""

from __future__ import annotations

from carnet.recognise.text import Hit, is_plain_number, recognise_each

_PIECE = 256 * 1024
_MOST_REMEMBERED = 1_000_000


class FieldTexts:
    """Takes the texts of a stream's fields, and says what stands in them. Each text of a field is looked at once."""

    def __init__(self) -> None:
        self._seen: dict[str, set[int]] = {}
        self._remembered = 0
        self._held: dict[str, list[str]] = {}
        self._length = 0
        self._hits: dict[str, dict[Hit, None]] = {}

    def add(self, field: str, text: str) -> None:
        """Take a text of a field."""
        seen = self._seen.setdefault(field, set())
        mark = hash(text)
        if mark in seen:
            return
        # What is not remembered is looked at again when it comes again: slower, never missed.
        if self._remembered < _MOST_REMEMBERED:
            seen.add(mark)
            self._remembered += 1
        if not text or is_plain_number(text):
            return
        self._held.setdefault(field, []).append(text)
        self._length += len(text)
        if self._length > _PIECE:
            self._look()

    def hits(self, field: str) -> tuple[Hit, ...]:
        """Give what was found in the texts of a field so far."""
        self._look()
        return tuple(self._hits.get(field, ()))

    def _look(self) -> None:
        held, self._held, self._length = self._held, {}, 0
        # Most texts hold nothing: only where all of them together hold something is asked which field it was.
        if len(held) > 1 and not recognise_each(text for some in held.values() for text in some):
            return
        for field, some in held.items():
            self._hits.setdefault(field, {}).update(dict.fromkeys(recognise_each(some)))

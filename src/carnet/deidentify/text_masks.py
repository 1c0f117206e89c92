"""What is written over in texts: by recognisers, and by the name of the field in which a value stands.

What an order removes becomes `X`, one for each character; what it replaces becomes a pseudonym of the scope: a VIN
another VIN, anything else a token with its kind before it. The rest of a text stays as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from carnet.deidentify.location_order import Keys
from carnet.deidentify.order import RedactionOrder
from carnet.deidentify.tokens import token_of
from carnet.deidentify.vin import find_vins, scrub
from carnet.deidentify.vin_pseudonym import cover_of
from carnet.model.factsheet import FactSheet
from carnet.model.ids import DataClass
from carnet.model.vocabulary import covers
from carnet.recognise.names import class_of_name
from carnet.recognise.text import spans

COVER = "X"
# Fewer zero bytes than these, times eight, are no text in UTF-16; longer messages are no texts.
_FEW_WIDE = 40
_LONGEST_WIDE = 64 * 1024
_OF_PART: dict[str, tuple[str, ...]] = {
    "vin": ("vehicle_id.vin",),
    "plates": ("vehicle_id.plate",),
    "names": ("identity",),
    "device_ids": ("vehicle_id.device",),
    "precise_location": ("location",),
}
_HARMLESS = "location.aggregate"


class TextMask:
    """Masks texts by one order.

    Args:
        order: what shall go, and what shall be exchanged.
        keys: the caller's keys; the scope's is needed where something is exchanged.
        sheet: what a scan found in the file's fields; a field's name alone is asked where it is None.

    Attributes:
        counts: how many values of each class were written over.

    Raises:
        RedactionError: a key that the order needs is missing.
    """

    def __init__(self, order: RedactionOrder, keys: Keys, sheet: FactSheet | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self._replaced = {one: part for part in order.replace for one in _OF_PART[part]}
        self._removed = [*order.drop, *(one for part in order.remove for one in _OF_PART.get(part, ()))]
        self._cover = cover_of(order, keys)
        self._key = keys.for_scope("token") if self._replaced else b""
        self._by_path: dict[str, set[DataClass]] = {}
        self._classes: dict[tuple[str, ...], frozenset[DataClass]] = {}
        for stream in sheet.streams if sheet else ():
            for one in stream.fields:
                # What a recogniser found in some value is found again there; it says nothing of the others.
                if all(rule.startswith("text:") for rule in one.because):
                    continue
                self._by_path.setdefault(_plain(one.path.split(".")), set()).add(one.data)

    @property
    def wants_anything(self) -> bool:
        """Whether any text could be changed."""
        return bool(self._removed or self._replaced)

    def _wanted(self, data: str) -> bool:
        if data == _HARMLESS:
            return False
        return any(covers(one, data) for one in (*self._removed, *self._replaced))

    def classes_of(self, path: Sequence[str]) -> frozenset[DataClass]:
        """Give the wanted classes of a field by its path: by the scan's sheet, and by its name."""
        key = tuple(path)
        if key not in self._classes:
            found = {
                data
                for known, classes in self._by_path.items()
                if f".{_plain(path)}".endswith(f".{known}")
                for data in classes
            }
            named = class_of_name(path[-1], of="field") if path else None
            if named is not None:
                found.add(named.data)
            self._classes[key] = frozenset(one for one in found if self._wanted(one))
        return self._classes[key]

    def text(self, text: str, path: Sequence[str] = ()) -> str:
        """Give a text with what identifies written over.

        Args:
            text: the value.
            path: the names of the fields that lead to it: `["driver", "phone"]`.
        """
        by_field = self.classes_of(path)
        if by_field and text.strip():
            data = min(by_field, key=lambda one: (one not in self._replaced, one))
            return self._instead(data, text)
        # The field's name stands before the value, as words beside a value do.
        before = f"{path[-1]}: " if path else ""
        found = sorted(
            (max(0, one.start - len(before)), one.end - len(before), one.data)
            for one in spans(before + text)
            if one.end > len(before) and self._wanted(one.data)
        )
        made, at = [], 0
        for start, end, data in _merged(found):
            made += [text[at:start], self._instead(data, text[start:end])]
            at = end
        return "".join((*made, text[at:])) if made else text

    def takes_number(self, spelt: str, path: Sequence[str]) -> bool:
        """Say whether a number has to go: by its field, or because its digits are somebody's."""
        if self.classes_of(path):
            self.counts.update(self.classes_of(path))
            return True
        before = f"{path[-1]}: " if path else ""
        found = {
            one.data for one in spans(before + spelt) if one.end > len(before) and self._wanted(one.data)
        }
        self.counts.update(found)
        return bool(found)

    def binary(self, data: bytes) -> bytes:
        """Write over what identifies in bytes with texts in them, at the same length; exchanged parts are removed."""
        text = data.decode("utf-8", "surrogateescape")
        found = sorted((one.start, one.end, one.data) for one in spans(text) if self._wanted(one.data))
        made = data
        if found:
            pieces, at = [], 0
            for start, end, kind in _merged(found):
                self.counts[kind] += 1
                pieces += [_bytes(text[at:start]), COVER.encode() * len(_bytes(text[start:end]))]
                at = end
            made = b"".join((*pieces, _bytes(text[at:])))
        return self._wide(made) if _FEW_WIDE < made.count(0) * 8 > len(made) else made

    def _wide(self, data: bytes) -> bytes:
        """The same for texts in UTF-16, at even and odd places, in either order of bytes."""
        made = bytearray(data)
        for start in (0, 1):
            for order in ("little", "big"):
                units = [
                    int.from_bytes(data[at : at + 2], order)
                    for at in range(start, min(len(data), _LONGEST_WIDE) - 1, 2)
                ]
                text = "".join(map(chr, units))
                for one in spans(text):
                    if self._wanted(one.data):
                        self.counts[one.data] += 1
                        cover = COVER.encode("utf-16-le" if order == "little" else "utf-16-be")
                        made[start + 2 * one.start : start + 2 * one.end] = cover * (one.end - one.start)
        return bytes(made)

    def _instead(self, data: DataClass, value: str) -> str:
        self.counts[data] += 1
        if not any(covers(one, data) for one in self._replaced):
            return COVER * len(value)
        if data == "vehicle_id.vin":
            raw = value.encode()
            return (
                scrub(raw, find_vins(raw), cover=self._cover).decode()
                if find_vins(raw)
                else COVER * len(value)
            )
        return f"{data.rpartition('.')[2]}-{token_of(self._key, data, value)}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _plain(path: Sequence[str]) -> str:
    """Give a path without the numbers of list elements."""
    return ".".join(one for one in path if not one.isdigit())


def _merged(found: Iterable[tuple[int, int, DataClass]]) -> list[tuple[int, int, DataClass]]:
    """Join spans that overlap; the class of the first counts."""
    merged: list[tuple[int, int, DataClass]] = []
    for start, end, data in found:
        if merged and start < merged[-1][1]:
            first, last, kind = merged[-1]
            merged[-1] = (first, max(last, end), kind)
        elif end > start:
            merged.append((start, end, data))
    return merged

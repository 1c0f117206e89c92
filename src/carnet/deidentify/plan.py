"""What an order means for each stream of one file, by the classes that the fact sheet gives it."""

from __future__ import annotations

from carnet.deidentify.order import RedactionOrder
from carnet.errors import RedactionError
from carnet.formats.reader import Stream
from carnet.model.factsheet import FactSheet, ReadState
from carnet.model.ids import DataClass
from carnet.model.vocabulary import covers

# A part that lives in a stream as a whole cannot be cut out of its values: the stream goes.
_WHOLE_STREAMS: dict[str, tuple[str, ...]] = {
    "precise_location": ("location",),
    "names": ("identity",),
    "device_ids": ("vehicle_id.device",),
}
_HARMLESS = ("location.aggregate",)


def stream_classes(sheet: FactSheet, stream: Stream) -> tuple[DataClass, ...]:
    """Give every class that a sheet finds in a stream, its fields included.

    Raises:
        RedactionError: the sheet does not know the stream, so nobody knows what is in it.
    """
    # A sheet withholds a name that identifies somebody.
    found = [one for one in sheet.streams if one.name in {stream.name, stream.withheld_name}]
    if not found:
        raise RedactionError(
            "the fact sheet does not describe a stream of this file",
            where="fact sheet",
            remedy="scan the file again and redact it by that sheet",
        )
    classes = {one for described in found for one in described.data}
    return tuple(sorted(classes | {field.data for described in found for field in described.fields}))


def is_dropped(order: RedactionOrder, classes: tuple[DataClass, ...], *, rewritable: bool = False) -> bool:
    """Say whether a stream of these classes is taken out whole.

    Args:
        order: what is wanted.
        classes: what is in the stream.
        rewritable: whether positions in it can be made coarser; where they cannot, and shall be, it goes.
    """
    wanted = [*order.drop, *(one for part in order.remove for one in _WHOLE_STREAMS.get(part, ()))]
    if order.location is not None and order.location.rewrites and not rewritable:
        wanted.append(DataClass("location"))
    return any(
        covers(general, special) and not (general not in order.drop and special in _HARMLESS)
        for general in wanted
        for special in classes
    )


def check_sheet(sheet: FactSheet, form: str) -> None:
    """Refuse a sheet that does not belong to a file of this format, or says that it could not be read."""
    if sheet.state is ReadState.BLOCKED:
        raise RedactionError(
            "the file is blocked: what is in it is not known",
            where="fact sheet",
            remedy=sheet.reason,
        )
    if sheet.format != form:
        raise RedactionError(
            f"the fact sheet describes {sheet.format or 'an unknown format'}, the file is {form}",
            where="fact sheet",
            remedy="scan the file again and redact it by that sheet",
        )

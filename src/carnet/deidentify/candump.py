"""A candump log, and the database beside it: frames keep line, order, id, length and time."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from typing import IO

from carnet.deidentify.can_vin import CanVins
from carnet.deidentify.mcap import databases_of, known_vins
from carnet.deidentify.order import Outcome, RedactionOrder
from carnet.deidentify.plan import is_dropped, stream_classes
from carnet.deidentify.vin import Cover, covered, scrub, scrub_text
from carnet.errors import RedactionError, UnreadableError
from carnet.formats.can import frame_of_message
from carnet.formats.can_write import replace_line_payload
from carnet.formats.reader import Message, Reader
from carnet.model.factsheet import FactSheet


def redact_candump(
    reader: Reader,
    sink: IO[bytes],
    order: RedactionOrder,
    sheet: FactSheet,
    *,
    name: str,
    companions: Mapping[str, bytes],
) -> Outcome:
    """Redact a log, line by line; lines that are no frames are left out and counted.

    Raises:
        RedactionError: nothing would be left.
        UnreadableError: a database beside it does not load.
    """
    can = CanVins(databases_of(companions, order), known_vins(name.encode()))
    places: Counter[str] = Counter({"file name": 1} if can.known else {})
    first = last = None
    for number, message in enumerate(reader.messages()):
        first = message.log_time_ns if first is None else min(first, message.log_time_ns)
        last = message.log_time_ns if last is None else max(last, message.log_time_ns)
        can.learn(number, message.stream.name, *_frame(message))
    can.finish()
    if first is None or last is None:
        raise UnreadableError("the log holds no frame", where="log")
    head, tail = first + round(order.trim_head_s * 1e9), last - round(order.trim_tail_s * 1e9)
    gone = {one.name: is_dropped(order, stream_classes(sheet, one)) for one in reader.streams}
    dropped: Counter[str] = Counter()
    written = 0
    numbers = itertools.count()
    for message in reader.messages():
        number = next(numbers)
        if gone[message.stream.name] or not head <= message.log_time_ns <= tail:
            dropped["messages" if gone[message.stream.name] else "trimmed_messages"] += 1
            continue
        line = message.data
        if order.touches_vin:
            can_id, payload = _frame(message)
            made = can.suppress(number, message.stream.name, can_id, payload)
            if made is not payload:
                places[f"{scrub_text(message.stream.name, can.known)} id {can_id}"] += 1
                line = replace_line_payload(line, made)
        sink.write(line + b"\n")
        written += 1
    if not written:
        raise RedactionError(
            "nothing would be left of the file", remedy="trim less, or leave the file out of the recording"
        )
    dropped["lines_without_frame"] = len(reader.outside())
    return Outcome(
        removed_streams=tuple(sorted(bus for bus, out in gone.items() if out)),
        vin_places=tuple(sorted(places)) if order.touches_vin else (),
        dropped={key: count for key, count in dropped.items() if count},
        truncated=reader.reason,
    )


def _frame(message: Message) -> tuple[int, bytes]:
    frame = frame_of_message(message)
    if frame is None:
        raise UnreadableError("a line is no CAN frame", where="log")
    return frame.id, frame.data


def redact_database(
    data: bytes, sink: IO[bytes], order: RedactionOrder, *, name: str, cover: Cover = covered
) -> Outcome:
    """Pass a CAN database on, with `X` or a pseudonym written over VINs in its comments and names.

    Raises:
        RedactionError: names or device numbers are to go; a database's comments cannot be searched for them.
    """
    if order.remove & {"names", "device_ids"}:
        raise RedactionError(
            "a CAN database's comments cannot be searched for names and device numbers",
            where="database",
            remedy="leave the database out of the recording",
        )
    known = known_vins(name.encode(), data)
    made = scrub(data, known, cover=cover) if order.touches_vin else data
    sink.write(made)
    return Outcome(
        vin_places=("database text",) if made != data else (), replaced=tuple(order.replace & {"vin"})
    )

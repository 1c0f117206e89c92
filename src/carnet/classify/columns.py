"""Streams whose messages are runs of records: each channel named in law by its name, unit, comment and values.

Only channels that tell something are decoded for every record: latitude and longitude, and texts. Of the
others the first records are enough to see whether two of them move like a position.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from carnet.classify.messages import MessageStream
from carnet.classify.pairs import SAMPLED
from carnet.classify.track import Track
from carnet.formats.mdf_layout import MASTER, VARIABLE, VIRTUAL, VIRTUAL_MASTER, Channel, layout_of
from carnet.formats.reader import Message, Stream
from carnet.model.factsheet import Certainty, FactValue, FieldClass
from carnet.model.ids import DataClass
from carnet.recognise.names import class_of_name, class_of_unit, words

UNKNOWN = DataClass("unknown")
_MOST_CHANNELS = 2000
_MOST_POINTS = 1_000_000
_FEWEST_LETTERS = 8
_LATITUDE, _LONGITUDE = re.compile(r" lat(itude\w*)? "), re.compile(r" (lon|lng|longitude\w*) ")


class ColumnStream(MessageStream):
    """Collects the runs of one stream and says what its channels are."""

    def __init__(self, stream: Stream, make_track: Callable[[], Track] = Track) -> None:
        super().__init__(stream, make_track)
        self.note = None
        self._layout = layout_of(stream.schema_data)
        masters = {MASTER, VIRTUAL_MASTER}
        # The clock of a group is not one of its quantities; one that counts metres or angles is. Values of
        # variable length are a stream of their own.
        own = [
            one
            for one in self._layout.channels
            if one.role != VARIABLE and (one.role not in masters or one.sync not in {1, 4})
        ]
        self._channels: dict[str, Channel] = {}
        for one in own[:_MOST_CHANNELS]:
            self._channels.setdefault(one.name, one)
        self._left_out = len(own) - len(own[:_MOST_CHANNELS])
        self._paths = list(self._channels)
        self._pair_channels()

    @property
    def readable(self) -> bool:
        """Whether payloads can be opened: always."""
        return True

    def _pair_channels(self) -> None:
        numbers = [name for name, one in self._channels.items() if one.is_number]
        longitudes = [name for name in numbers if _LONGITUDE.search(words(name))]
        for name in numbers:
            if not _LATITUDE.search(words(name)) or not longitudes:
                continue
            bare = _LATITUDE.sub(" ", words(name), count=1)
            alike = [one for one in longitudes if _LONGITUDE.sub(" ", words(one), count=1) == bare]
            self._pairs.append((name, (alike or longitudes)[0], self._make_track()))

    def add(self, message: Message) -> None:
        """Take one run of records."""
        layout = self._layout
        rows = layout.rows(message.data)
        first, self.count = self.count, self.count + len(rows)
        if not len(rows):
            self.bad += 1
            return
        for latitude, longitude, track in self._pairs:
            if track.points > _MOST_POINTS:
                track.only_part(SAMPLED)
                continue
            a = layout.numbers(self._channels[latitude], rows, first)
            b = layout.numbers(self._channels[longitude], rows, first)
            fine = np.isfinite(a) & np.isfinite(b)
            for one, other in zip(a[fine].tolist(), b[fine].tolist(), strict=True):
                track.add(one, other)
        for name, channel in self._channels.items():
            if channel.is_bytes:
                for text in layout.texts(channel, rows):
                    # Fewer letters are chance, and tell nothing.
                    if max(map(len, text.split()), default=0) >= _FEWEST_LETTERS:
                        self._text(name, text)
            elif channel.is_text:
                for text in layout.texts(channel, rows):
                    self._text(name, text)
            elif channel.is_number and channel.role != VIRTUAL and self._samples is not None:
                room = self._samples.room(name)
                if room > 0:
                    values = layout.numbers(channel, rows[:room], first)
                    self._samples.keep(name, values[np.isfinite(values)].tolist())

    def finish(self) -> tuple[tuple[FieldClass, ...], tuple[DataClass, ...], dict[str, FactValue]]:
        """Give fields, classes and facts of the stream."""
        fields, classes, facts = super().finish()
        if self._left_out:
            why = f"stream: {self._left_out} of its channels were not looked at"
            fields = (*fields, FieldClass("*", UNKNOWN, Certainty.CERTAIN, (why,)))
            classes = tuple(sorted({*classes, UNKNOWN}))
        return fields, classes, facts

    def _field(self, path: str, track: Track | None) -> FieldClass:
        found = super()._field(path, track)
        if found.data != UNKNOWN:
            return found
        channel = self._channels[path]
        named = class_of_unit(channel.unit) or class_of_name(channel.comment[:400], of="comment")
        return FieldClass(found.path, named.data, named.certainty, (named.rule,)) if named else found

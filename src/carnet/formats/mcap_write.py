"""Writes an MCAP like another one: the same schemas, channels, times and order, everything else made anew.

Chunks (zstd), summary, indexes, statistics and CRCs are those of the reference library; the header keeps its
profile. Metadata records and attachments are not taken over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from carnet import __version__
from carnet.formats.reader import Message, Stream
from carnet.formats.writer import MessageCopy


class McapCopy(MessageCopy):
    """A writer that takes over what it needs from a reader's streams as messages come."""

    def __init__(self, sink: IO[bytes], profile: str) -> None:
        from mcap.writer import CompressionType, Writer

        self._writer: Any = Writer(
            sink, compression=CompressionType.ZSTD, enable_crcs=True, enable_data_crcs=True
        )
        self._writer.start(profile=profile, library=f"carnet {__version__}")
        self._schemas: dict[tuple[str, str, bytes], int] = {}
        self._channels: dict[int, int] = {}
        self.written = 0

    def channel(self, stream: Stream, topic: str, metadata: Mapping[str, str]) -> None:
        """Take a stream over under a topic; nothing happens when that was done before."""
        if stream.number in self._channels:
            return
        schema = 0
        if stream.schema is not None:
            key = (stream.schema, stream.schema_encoding, stream.schema_data)
            if key not in self._schemas:
                self._schemas[key] = self._writer.register_schema(*key)
            schema = self._schemas[key]
        self._channels[stream.number] = self._writer.register_channel(
            topic, stream.encoding, schema, dict(metadata)
        )

    def message(self, message: Message, data: bytes) -> None:
        """Write a message of a channel that was taken over, with other bytes or its own."""
        self._writer.add_message(
            self._channels[message.stream.number],
            message.log_time_ns,
            data,
            message.publish_time_ns,
            message.sequence,
        )
        self.written += 1

    def finish(self) -> None:
        """Write the summary and the footer."""
        self._writer.finish()

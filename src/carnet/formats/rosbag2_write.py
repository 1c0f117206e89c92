"""Writes the SQLite storage of ROS 2 bags like another one: the same tables, topics, QoS, types and times.

The database goes to its place page by page; memory holds SQLite's page cache and no more, where the sink can be
written over and read back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO

import apsw

from carnet.errors import RedactionError
from carnet.formats.reader import Message, Stream
from carnet.formats.rewritable import PagedSink
from carnet.formats.rosbag2_read import ASSUMED, Layout
from carnet.formats.sqlite_files import Writing
from carnet.formats.writer import MessageCopy

_BATCH = 4096


class Bag2Copy(MessageCopy):
    """A `.db3` file."""

    def __init__(self, sink: IO[bytes], layout: Layout) -> None:
        self._layout = layout
        self._pages = PagedSink(sink)
        self._writing = Writing(self._pages)
        self._database = self._writing.connection
        self._numbers: dict[int, int] = {}
        self._types: set[str] = set()
        self._tables()
        self._database.execute("BEGIN")

    def _tables(self) -> None:
        layout, run = self._layout, self._database.execute
        columns = "id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, serialization_format TEXT NOT NULL"
        if layout.qos:
            columns += ", offered_qos_profiles TEXT NOT NULL"
        if layout.hash:
            columns += ", type_description_hash TEXT NOT NULL"
        if layout.schema is not None:
            run("CREATE TABLE schema(schema_version INTEGER PRIMARY KEY, ros_distro TEXT NOT NULL)")
            run("INSERT INTO schema VALUES (?, ?)", layout.schema)
        if layout.metadata:
            run(
                "CREATE TABLE metadata(id INTEGER PRIMARY KEY, metadata_version INTEGER NOT NULL, "
                "metadata TEXT NOT NULL)"
            )
        run(f"CREATE TABLE topics({columns})")
        if layout.definitions:
            run(
                "CREATE TABLE message_definitions(id INTEGER PRIMARY KEY, topic_type TEXT NOT NULL, "
                "encoding TEXT NOT NULL, encoded_message_definition TEXT NOT NULL, "
                "type_description_hash TEXT NOT NULL)"
            )
        run(
            "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL, "
            "timestamp INTEGER NOT NULL, data BLOB NOT NULL)"
        )
        run("CREATE INDEX timestamp_idx ON messages (timestamp ASC)")

    def channel(self, stream: Stream, topic: str, metadata: Mapping[str, str]) -> None:
        """Take a topic over under a name."""
        if stream.number in self._numbers:
            return
        number = self._numbers[stream.number] = len(self._numbers) + 1
        layout, schema = self._layout, stream.schema or ""
        digest = metadata.get("type_description_hash", "")
        row: list[int | str] = [number, topic, schema, stream.encoding]
        row += [metadata.get("offered_qos_profiles", "")] if layout.qos else []
        row += [digest] if layout.hash else []
        marks = ", ".join("?" * len(row))
        self._database.execute(f"INSERT INTO topics VALUES ({marks})", row)  # noqa: S608 - question marks alone
        if layout.definitions and schema not in self._types and ASSUMED not in metadata:
            self._types.add(schema)
            self._database.execute(
                "INSERT INTO message_definitions(topic_type, encoding, encoded_message_definition, "
                "type_description_hash) VALUES (?, ?, ?, ?)",
                (schema, stream.schema_encoding, stream.schema_text, digest),
            )

    def message(self, message: Message, data: bytes) -> None:
        """Write a message of a topic that was taken over."""
        try:
            self._database.execute(
                "INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)",
                (self._numbers[message.stream.number], message.log_time_ns, data),
            )
            self.written += 1
            if self.written % _BATCH == 0:
                self._database.execute("COMMIT")
                self._database.execute("BEGIN")
        except apsw.TooBigError as error:
            raise RedactionError("a message is too long for the database", where="message") from error

    def finish(self) -> None:
        """Write the rest of the database."""
        self._database.execute("COMMIT")
        self._writing.close()
        self._pages.finish()

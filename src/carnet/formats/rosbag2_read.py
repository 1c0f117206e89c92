"""Reads the SQLite storage of ROS 2 bags (`.db3`), message by message in the order of their numbers.

Tables are those of rosbag2_storage_sqlite3: `topics`, `messages`, and from schema version 4 on
`message_definitions`. Older files hold no definitions; for types of ROS 2's own packages those of the newest
distribution that the type store knows are used, and the stream says so, any other type is not opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, BinaryIO

import apsw

from carnet.formats.reader import LONGEST, Message, OutsideText, Reader, Stream
from carnet.formats.rosbag1_read import IMAGE_TYPES
from carnet.formats.sqlite_files import reading

_TABLES = {"topics", "messages", "message_definitions", "schema", "metadata"}
_OWN_TABLES = {"sqlite_sequence", "sqlite_stat1", "android_metadata"}
ASSUMED = "definition assumed"


@dataclass(frozen=True, slots=True)
class Layout:
    """Which of the format's later parts a file has: what a copy has as well."""

    qos: bool
    hash: bool
    definitions: bool
    schema: tuple[int, str] | None
    metadata: bool


@cache
def _known_definition(name: str) -> str:
    from rosbags.typesys import Stores, TypesysError, get_typestore

    try:
        text, _ = get_typestore(Stores.LATEST).generate_msgdef(name, ros_version=2)
    except (TypesysError, KeyError, ValueError):
        return ""
    return str(text)


class Bag2Reader(Reader):
    """A `.db3` file of a ROS 2 bag."""

    format = "rosbag2"

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source
        self._streams: dict[int, Stream] = {}
        self._outside: list[OutsideText] = []
        self.layout = Layout(qos=True, hash=False, definitions=False, schema=None, metadata=False)
        try:
            with reading(source) as database:
                self._describe(database)
        except (apsw.Error, UnicodeDecodeError, ValueError, TypeError) as error:
            del error
            self.block("the SQLite database does not open: it is damaged, encrypted, or cut")

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Every topic, in order of its number."""
        return tuple(self._streams[number] for number in sorted(self._streams))

    def outside(self) -> tuple[OutsideText, ...]:
        """The metadata table, and tables that the format does not know."""
        return tuple(self._outside)

    def _describe(self, database: apsw.Connection) -> None:
        tables = {
            str(name)
            for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")
        }
        if not {"topics", "messages"} <= tables:
            self.block("an SQLite database, and not one of a ROS 2 bag")
            return
        for name in sorted(tables - _TABLES - _OWN_TABLES):
            self._outside.append(OutsideText("table of another kind", name, b"", "bytes", whole=False))
        columns = {str(row[1]) for row in database.execute("PRAGMA table_info(topics)")}
        definitions = self._definitions(database) if "message_definitions" in tables else {}
        schema = None
        if "schema" in tables:
            found = database.execute("SELECT schema_version, ros_distro FROM schema LIMIT 1").fetchone()
            schema = (int(found[0]), str(found[1])) if found else None
        self.layout = Layout(
            "offered_qos_profiles" in columns,
            "type_description_hash" in columns,
            "message_definitions" in tables,
            schema,
            "metadata" in tables,
        )
        if self.layout.metadata:
            for (text,) in database.execute("SELECT metadata FROM metadata LIMIT 16"):
                self._outside.append(OutsideText("metadata table", "", str(text).encode()[:LONGEST]))
        wanted = ["id", "name", "type", "serialization_format"]
        wanted += [one for one in ("offered_qos_profiles", "type_description_hash") if one in columns]
        for row in database.execute(f"SELECT {', '.join(wanted)} FROM topics ORDER BY id"):  # noqa: S608 - names of ours
            self._topic(dict(zip(wanted, row, strict=True)), definitions)
        if not self._streams:
            self.block("the bag holds no topic")

    @staticmethod
    def _definitions(database: apsw.Connection) -> dict[str, tuple[str, str]]:
        rows = database.execute(
            "SELECT topic_type, encoding, encoded_message_definition FROM message_definitions ORDER BY id"
        )
        return {str(name): (str(encoding), str(text)) for name, encoding, text in rows}

    def _topic(self, row: dict[str, Any], definitions: dict[str, tuple[str, str]]) -> None:
        number, schema = int(row["id"]), str(row["type"])
        encoding, text = definitions.get(schema, ("", ""))
        metadata = {
            name: str(row[name])
            for name in ("offered_qos_profiles", "type_description_hash")
            if row.get(name)
        }
        if not text:
            encoding, text = "ros2msg", _known_definition(schema)
            if text:
                metadata[ASSUMED] = "latest"
        kind = "messages"
        if schema.replace("/msg/", "/", 1) in IMAGE_TYPES:
            kind = "pictures"
        elif schema == "can_msgs/msg/Frame":
            kind = "can"
        self._streams[number] = Stream(
            name=str(row["name"]),
            kind=kind,
            schema=schema,
            schema_text=text,
            schema_encoding=encoding,
            encoding=str(row["serialization_format"]),
            number=number,
            metadata=metadata,
            schema_data=text.encode(),
        )

    def messages(self) -> Iterator[Message]:
        """Give every message in the order of its number; both times are the recorder's."""
        if self._blocked:
            return
        count = 0
        strange = 0
        try:
            with reading(self._source) as database:
                rows = database.execute("SELECT id, topic_id, timestamp, data FROM messages ORDER BY id")
                for number, topic, time_ns, data in rows:
                    stream = self._streams.get(topic) if isinstance(topic, int) else None
                    right = isinstance(time_ns, int) and 0 <= time_ns < 1 << 63 and isinstance(data, bytes)
                    right = right and isinstance(number, int)
                    if stream is None or not right:
                        strange += 1
                        continue
                    count += 1
                    yield Message(stream, time_ns, time_ns, data, number & 0xFFFFFFFF)
        except (apsw.Error, UnicodeDecodeError):
            self.lose("the database could not be read to its end: it is damaged or cut")
        if strange:
            self.lose(f"{strange} rows are not messages of a topic: they were not read")
        if not count:
            self.lose("the file holds no message")
        self._complete = True

"""The node database: a change of state and its ledger entry commit in one transaction, or neither does.

There is no other way to write than `change`, and it takes the statement that will stand in the ledger; so
what happened cannot go unrecorded by forgetting. Doors wait for `seal`, which makes a signed checkpoint
durable. SQLite in WAL mode with synchronous=FULL: a commit that returned is on disk.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from carnet.catalog.schema import ALGORITHMS, FORMAT, TABLES
from carnet.errors import CatalogError, ClockError, LedgerError
from carnet.evidence import merkle
from carnet.evidence.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from carnet.evidence.signing import Signer, seal_envelope
from carnet.evidence.statements import parse_utc, statement_bytes
from carnet.model.canonical import canonical_json

_TOLERANCE = timedelta(seconds=2)
"""How far the clock may step back (a time server's correction) before nothing is recorded any more."""

_BUSY_S = 10.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A ledger entry: its number and the bytes that were hashed, which are a DSSE envelope in canonical JSON."""

    number: int
    data: bytes

    def envelope(self) -> dict[str, Any]:
        """Give the envelope."""
        form: dict[str, Any] = json.loads(self.data)
        return form

    def statement(self) -> dict[str, Any]:
        """Give the statement inside, as this node wrote it."""
        from carnet.evidence.signing import Envelope

        return Envelope.from_json(self.envelope()).statement()


class Change:
    """An open transaction: what may be written before its ledger entry is."""

    def __init__(self, connection: sqlite3.Connection, number: int) -> None:
        self._connection = connection
        self.number = number
        """The number that this change's ledger entry will have."""

    def execute(self, sql: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Write state."""
        return self._connection.execute(sql, values)


class Catalog:
    """One node's database. Safe to use from several threads; one writes at a time."""

    def __init__(
        self, path: Path, *, origin: str, signer: Signer, clock: Callable[[], datetime], create: bool = False
    ) -> None:
        """Open a database, or make one.

        Args:
            path: the file.
            origin: the ledger's name in its checkpoints, such as `carnet/shanghai`.
            signer: the node's key: signs every entry and checkpoint.
            clock: gives the aware time now.
            create: make a new one; refused when one is there.

        Raises:
            CatalogError: missing, there already, damaged, or of a later release.
        """
        if create == path.exists():
            raise CatalogError(
                "a node database is there already" if create else "there is no node database",
                where=path.name,
                remedy="choose another folder" if create else "make a node first: carnet node init",
            )
        self.path = path
        self._origin = origin
        self._signer = signer
        self._clock = clock
        self._lock = threading.RLock()
        try:
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            self._connection.row_factory = sqlite3.Row
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
                self._connection.execute(f"PRAGMA {pragma}")
            if create:
                path.chmod(0o600)
                self._connection.executescript(f"BEGIN; {TABLES} COMMIT;")
                self._connection.execute("INSERT INTO meta VALUES ('format', ?)", (FORMAT,))
                self._connection.execute("INSERT INTO meta VALUES ('algorithms', ?)", (ALGORITHMS,))
            # Reading has a connection of its own that cannot write: `change` is the only way.
            self._reader = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=ro",
                uri=True,
                timeout=_BUSY_S,
                isolation_level=None,
                check_same_thread=False,
            )
            self._reader.row_factory = sqlite3.Row
            found = self._reader.execute("SELECT value FROM meta WHERE name='format'").fetchone()
        except sqlite3.Error as error:
            raise _translated(error, path.name) from error
        if found is None or found["value"] != FORMAT:
            raise CatalogError(
                f"the database is not of format {FORMAT}",
                where=path.name,
                remedy="use the release of carnet that wrote it, or upgrade",
            )

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._reader.close()
            self._connection.close()

    # Reading -----------------------------------------------------------------------------------------------

    def rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
        """Read."""
        with self._lock:
            try:
                return self._reader.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise _translated(error, self.path.name) from error

    def row(self, sql: str, values: tuple[Any, ...] = ()) -> sqlite3.Row | None:
        """Read one row, or none."""
        found = self.rows(sql, values)
        return found[0] if found else None

    # Writing -----------------------------------------------------------------------------------------------

    @contextmanager
    def change(self, statement: Mapping[str, Any] | Callable[[int], Mapping[str, Any]]) -> Iterator[Change]:
        """Open a transaction whose ledger entry is this statement; commits both at the end, or neither.

        Args:
            statement: the statement, or a function that makes it from the entry's number; called at the end.

        Raises:
            ClockError: the clock stands before the last entry's time.
            CatalogError: the database cannot be written; nothing changed.
        """
        with self._lock:
            self._begin()
            try:
                number = self._size()
                change = Change(self._connection, number)
                yield change
                self._append(number, statement(number) if callable(statement) else statement)
                self._connection.execute("COMMIT")
            except BaseException as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise _translated(error, self.path.name) from error
                raise

    def record(self, statement: Mapping[str, Any]) -> int:
        """Append an entry that changes no state, such as a reading; gives its number."""
        with self.change(statement) as change:
            return change.number

    def _begin(self) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise _translated(error, self.path.name) from error

    def _append(self, number: int, statement: Mapping[str, Any]) -> None:
        self._check_clock(parse_utc(statement["predicate"]["time"]))
        entry = canonical_json(seal_envelope(statement_bytes(statement), self._signer).to_json())
        leaf = merkle.leaf_hash(entry)
        self._connection.execute(
            "INSERT INTO ledger VALUES (?, ?, ?, ?)", (number, leaf, entry, statement["predicate"]["time"])
        )
        for level, position, value in merkle.completed_nodes(number, leaf, self._node):
            self._connection.execute("INSERT INTO ledger_nodes VALUES (?, ?, ?)", (level, position, value))

    def _check_clock(self, now: datetime) -> None:
        last = self._connection.execute("SELECT time FROM ledger ORDER BY number DESC LIMIT 1").fetchone()
        if last is not None and now < parse_utc(last["time"]) - _TOLERANCE:
            raise ClockError(
                "the clock stands before the ledger's last entry; nothing was recorded and nothing done",
                remedy="set the clock (time server), then try again",
            )

    @contextmanager
    def _saying_why(self) -> Iterator[None]:
        """Say what an error of the database means for the person who reads it."""
        try:
            yield
        except sqlite3.Error as error:
            raise _translated(error, self.path.name) from error

    def _size(self) -> int:
        count: int = self._connection.execute("SELECT coalesce(max(number) + 1, 0) FROM ledger").fetchone()[0]
        return count

    def _node(self, level: int, position: int) -> bytes:
        found = self._connection.execute(
            "SELECT hash FROM ledger_nodes WHERE level=? AND position=?", (level, position)
        ).fetchone()
        if found is None:
            raise LedgerError("a node of the Merkle tree is missing", remedy="restore the node database")
        value: bytes = found["hash"]
        return value

    # Ledger ------------------------------------------------------------------------------------------------

    def seal(self) -> str:
        """Make a signed checkpoint over all entries durable and give the note. Doors wait for this."""
        with self._lock, self._saying_why():
            size = self._size()
            if (held := self.row("SELECT note FROM checkpoints WHERE size=?", (size,))) is not None:
                note: str = held["note"]
                return note
            now = self._clock()
            self._check_clock(now)
            checkpoint = Checkpoint(self._origin, size, merkle.root(size, self._node), now)
            note = sign_checkpoint(checkpoint, self._signer)
            # Another process may have sealed the same entries just now: its note is as good.
            self._connection.execute("INSERT OR IGNORE INTO checkpoints VALUES (?, ?)", (size, note))
            kept: str = self._connection.execute(
                "SELECT note FROM checkpoints WHERE size=?", (size,)
            ).fetchone()["note"]
            return kept

    def entries(self, start: int = 0, end: int | None = None) -> list[Entry]:
        """Give entries from `start` up to but without `end`."""
        last = -1 if end is None else end
        found = self.rows(
            "SELECT number, entry FROM ledger WHERE number >= ? AND (? < 0 OR number < ?) ORDER BY number",
            (start, last, last),
        )
        return [Entry(one["number"], one["entry"]) for one in found]

    def inclusion(self, number: int, size: int) -> list[bytes]:
        """Give the inclusion proof of an entry in the tree of so many entries."""
        with self._lock, self._saying_why():
            return merkle.inclusion_proof(number, size, self._node)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Give the proof that the ledger of `old` entries is a prefix of that of `new`."""
        with self._lock, self._saying_why():
            return merkle.consistency_proof(old, new, self._node)

    def verify(self) -> int:
        """Hash the whole ledger anew and hold it against every checkpoint; gives the number of entries.

        Raises:
            LedgerError: an entry, a node or a checkpoint is not what it was.
        """
        nodes: dict[tuple[int, int], bytes] = {}
        checkpoints = {
            one["size"]: one["note"] for one in self.rows("SELECT * FROM checkpoints ORDER BY size")
        }
        number = 0
        for entry in self.entries():
            if entry.number != number:
                raise LedgerError(f"entry {number} is missing", remedy="restore the node database")
            leaf = merkle.leaf_hash(entry.data)
            for level, position, value in merkle.completed_nodes(number, leaf, lambda a, b: nodes[a, b]):
                nodes[level, position] = value
            number += 1
            if number in checkpoints:
                self._check_note(checkpoints[number], number, nodes)
        beyond = [size for size in checkpoints if size > number]
        if beyond:
            raise LedgerError(
                f"a checkpoint covers {beyond[0]} entries and the ledger has {number}: entries were taken out",
                remedy="restore the node database; nothing may be released before",
            )
        return number

    def _check_note(self, note: str, size: int, nodes: Mapping[tuple[int, int], bytes]) -> None:
        checkpoint = open_checkpoint(note, self._signer.public)
        if (
            checkpoint.size != size
            or checkpoint.root != merkle.root(size, lambda a, b: nodes[a, b])
            or checkpoint.origin != self._origin
        ):
            raise LedgerError(
                f"the ledger's first {size} entries are not those that were signed",
                remedy="restore the node database; nothing may be released before",
            )


def _translated(error: sqlite3.Error, name: str) -> CatalogError:
    """Say what a database error means for the person who reads it, without its values."""
    text = str(error)
    if "full" in text or "disk I/O error" in text:
        return CatalogError(
            "the disk is full, or does not take it; nothing changed",
            where=name,
            remedy="free space, then try again",
        )
    if "locked" in text or "busy" in text:
        return CatalogError("another process holds the database", where=name, remedy="stop the other process")
    if "readonly" in text or "unable to open" in text:
        return CatalogError("the database cannot be written", where=name, remedy="check its permissions")
    if "malformed" in text or "not a database" in text:
        return CatalogError("the database is damaged", where=name, remedy="restore it from a copy")
    return CatalogError(
        f"the database refused: {type(error).__name__}", where=name, remedy="see the ledger check"
    )

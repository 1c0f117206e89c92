"""State and ledger commit together; the ledger is true afterwards, or the check says where it is not."""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime, timedelta

import pytest

from carnet.catalog.database import Catalog
from carnet.errors import CarnetError, CatalogError, ClockError, LedgerError
from carnet.evidence import merkle
from carnet.evidence.checkpoint import open_checkpoint
from carnet.evidence.signing import Envelope, Signer, open_envelope
from carnet.evidence.statements import Kind, Subject, statement

SIGNER = Signer.generate()
START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def catalog(tmp_path, clock):
    made = Catalog(tmp_path / "c.sqlite", origin="carnet/test", signer=SIGNER, clock=clock, create=True)
    yield made
    made.close()


def said(what: str, at: datetime = START):
    return statement(Kind.READ, [Subject(what, "0" * 64)], {"what": what}, actor="li", at=at)


def reopen(catalog, clock):
    catalog.close()
    return Catalog(catalog.path, origin="carnet/test", signer=SIGNER, clock=clock)


def test_a_change_and_its_entry_commit_together(catalog, clock):
    with catalog.change(said("pair")) as change:
        change.execute("INSERT INTO peers VALUES ('x', '{}', 'now')")
    again = reopen(catalog, clock)
    assert again.row("SELECT name FROM peers")["name"] == "x"
    entry = again.entries()[0]
    opened = open_envelope(Envelope.from_json(entry.envelope()), {SIGNER.key_id: SIGNER.public})
    assert opened["predicate"]["what"] == "pair"
    again.close()


def test_a_failure_inside_leaves_neither(catalog):
    with pytest.raises(RuntimeError), catalog.change(said("x")) as change:
        change.execute("INSERT INTO peers VALUES ('x', '{}', 'now')")
        raise RuntimeError
    assert catalog.rows("SELECT * FROM peers") == []
    assert catalog.entries() == []
    with pytest.raises(CatalogError), catalog.change(said("x")) as change:
        change.execute("INSERT INTO nowhere VALUES (1)")
    assert catalog.entries() == []


def test_there_is_no_way_to_write_state_without_an_entry(catalog):
    writers = [name for name in dir(catalog) if not name.startswith("_") and callable(getattr(catalog, name))]
    assert set(writers) == {
        "change",
        "close",
        "consistency",
        "entries",
        "inclusion",
        "record",
        "row",
        "rows",
        "seal",
        "verify",
    }
    with pytest.raises(CatalogError):
        catalog.rows("INSERT INTO peers VALUES ('x', '{}', 'now')")
    assert catalog.rows("SELECT * FROM peers") == []


def test_checkpoints_cover_what_was_appended_and_prove_it(catalog):
    for n in range(9):
        catalog.record(said(f"e{n}"))
    checkpoint = open_checkpoint(catalog.seal(), SIGNER.public)
    assert checkpoint.size == 9
    assert catalog.seal() == catalog.seal()
    for entry in catalog.entries():
        proof = catalog.inclusion(entry.number, 9)
        merkle.check_inclusion(merkle.leaf_hash(entry.data), entry.number, 9, proof, checkpoint.root)
    first = open_checkpoint(catalog.seal(), SIGNER.public)
    catalog.record(said("later"))
    later = open_checkpoint(catalog.seal(), SIGNER.public)
    merkle.check_consistency(9, 10, first.root, later.root, catalog.consistency(9, 10))
    assert catalog.verify() == 10


def test_the_ledger_refuses_to_be_changed_and_the_check_finds_it_when_it_was(catalog):
    for n in range(5):
        catalog.record(said(f"e{n}"))
    catalog.seal()
    raw = sqlite3.connect(catalog.path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute("UPDATE ledger SET entry = x'00' WHERE number = 2")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute("DELETE FROM ledger")
    raw.executescript("DROP TRIGGER ledger_keeps; DROP TRIGGER ledger_stays;")
    entry = raw.execute("SELECT entry FROM ledger WHERE number = 2").fetchone()[0]
    raw.execute("UPDATE ledger SET entry = ? WHERE number = 2", (entry.replace(b"A", b"B", 1),))
    raw.commit()
    with pytest.raises(LedgerError, match="not those that were signed"):
        catalog.verify()
    raw.execute("UPDATE ledger SET entry = ? WHERE number = 2", (entry,))
    raw.commit()
    assert catalog.verify() == 5
    raw.execute("DELETE FROM ledger WHERE number = 4")
    raw.commit()
    raw.close()
    with pytest.raises(LedgerError, match="taken out"):
        catalog.verify()


def test_a_clock_that_went_back_stops_everything_and_changes_nothing(catalog):
    catalog.record(said("now"))
    catalog.record(said("a little back is a correction", START - timedelta(seconds=1)))
    with (
        pytest.raises(ClockError, match="before"),
        catalog.change(said("x", START - timedelta(hours=1))) as change,
    ):
        change.execute("INSERT INTO peers VALUES ('x', '{}', 'now')")
    assert catalog.rows("SELECT * FROM peers") == []
    assert len(catalog.entries()) == 2


def test_a_database_that_cannot_be_written_says_so_and_nothing_changes(catalog):
    catalog.record(said("one"))
    raw = sqlite3.connect(catalog.path, isolation_level=None)
    raw.execute("BEGIN IMMEDIATE")
    catalog._connection.execute("PRAGMA busy_timeout=50")
    with pytest.raises(CatalogError, match="another process"):
        catalog.record(said("two"))
    raw.execute("ROLLBACK")
    raw.close()
    catalog._connection.execute("PRAGMA query_only=ON")
    with pytest.raises(CatalogError, match="cannot be written"):
        catalog.record(said("two"))
    with pytest.raises(CatalogError):
        catalog.seal()
    assert len(catalog.entries()) == 1


def test_a_missing_a_second_and_a_foreign_database_are_refused(catalog, clock, tmp_path):
    with pytest.raises(CatalogError, match="no node database"):
        Catalog(tmp_path / "none", origin="o", signer=SIGNER, clock=clock)
    with pytest.raises(CatalogError, match="already"):
        Catalog(catalog.path, origin="o", signer=SIGNER, clock=clock, create=True)
    rubbish = tmp_path / "rubbish"
    rubbish.write_bytes(b"not a database at all" * 100)
    with pytest.raises(CatalogError, match="damaged"):
        Catalog(rubbish, origin="o", signer=SIGNER, clock=clock)
    later = tmp_path / "later"
    made = Catalog(later, origin="o", signer=SIGNER, clock=clock, create=True)
    made._connection.execute("UPDATE meta SET value='carnet-node v9' WHERE name='format'")
    made.close()
    with pytest.raises(CatalogError, match="format"):
        Catalog(later, origin="o", signer=SIGNER, clock=clock)


def test_a_checkpoint_is_not_signed_by_a_clock_that_went_back(catalog, clock):
    catalog.record(said("one"))
    clock.now = START - timedelta(minutes=1)
    with pytest.raises(ClockError):
        catalog.seal()
    assert catalog.rows("SELECT * FROM checkpoints") == []
    clock.now = START
    assert open_checkpoint(catalog.seal(), SIGNER.public).size == 1


def test_two_processes_on_one_database_write_one_ledger(catalog, clock):
    """Two connections, as the node and a command beside it have: entries in one order, none lost, none twice."""
    other = Catalog(catalog.path, origin="carnet/test", signer=SIGNER, clock=clock)
    failures: list[CarnetError] = []

    def work(one: Catalog, name: str) -> None:
        try:
            for n in range(25):
                one.record(said(f"{name}-{n}"))
                one.seal()
        except CarnetError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=pair) for pair in ((catalog, "a"), (other, "b"))]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert failures == []
    assert catalog.verify() == other.verify() == 50
    other.close()


def test_a_database_that_another_holds_says_so_and_changes_nothing(catalog, clock, monkeypatch):
    monkeypatch.setattr("carnet.catalog.database._BUSY_S", 0.1)
    held = reopen(catalog, clock)
    blocker = sqlite3.connect(held.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    for act in (lambda: held.record(said("one")), held.seal):
        with pytest.raises(CatalogError, match="another process holds"):
            act()
    blocker.execute("ROLLBACK")
    blocker.close()
    assert held.record(said("one")) == 0
    held.close()

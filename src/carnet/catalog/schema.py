"""The node database's tables, by version. Every change of a stored format is a new step, never an edit.

Nothing here identifies a person: names of files, sheets with texts from outside and declarations of facts
about places are sealed before they come here, or lie as objects in the vault.
"""

from __future__ import annotations

FORMAT = "carnet-node v1"
ALGORITHMS = (
    "SHA-256 Ed25519 DSSE in-toto-v1 RFC6962 AES-256-GCM AES-256-KW HKDF-SHA-256 HMAC-SHA-256 HPKE-X25519"
)

TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE people (
    id TEXT PRIMARY KEY, role TEXT NOT NULL, public_key TEXT NOT NULL, registered TEXT NOT NULL
);
CREATE TABLE peers (
    name TEXT PRIMARY KEY, card TEXT NOT NULL, paired TEXT NOT NULL
);
CREATE TABLE vehicles (token TEXT PRIMARY KEY, wrapped_key BLOB NOT NULL);
CREATE TABLE recordings (
    id TEXT PRIMARY KEY, origin TEXT NOT NULL, received TEXT NOT NULL,
    vehicle TEXT NOT NULL REFERENCES vehicles(token),
    wrapped_key BLOB, derived_from TEXT REFERENCES recordings(id), derivation TEXT, came_by TEXT
);
CREATE TABLE objects (
    recording TEXT NOT NULL REFERENCES recordings(id), number INTEGER NOT NULL,
    address TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL, sealed_name BLOB NOT NULL, sealed_content BLOB NOT NULL,
    sheet_address TEXT, sheet_bytes INTEGER, PRIMARY KEY (recording, number)
);
CREATE TABLE declarations (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL, officer TEXT NOT NULL REFERENCES people(id),
    until TEXT, envelope TEXT NOT NULL
);
CREATE TABLE requests (
    id TEXT PRIMARY KEY, recording TEXT NOT NULL REFERENCES recordings(id), state TEXT NOT NULL,
    requested_by TEXT NOT NULL REFERENCES people(id), body TEXT NOT NULL, movement TEXT NOT NULL,
    decision TEXT NOT NULL, approved_by TEXT REFERENCES people(id), approval TEXT,
    released_movement TEXT, released_decision TEXT, permit TEXT, receipt TEXT, changed TEXT NOT NULL
);
CREATE TABLE arrivals (release TEXT PRIMARY KEY, recording TEXT, receipt TEXT NOT NULL);
CREATE TABLE ledger (number INTEGER PRIMARY KEY, leaf BLOB NOT NULL, entry BLOB NOT NULL, time TEXT NOT NULL);
CREATE TABLE ledger_nodes (
    level INTEGER NOT NULL, position INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, position)
);
CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, note TEXT NOT NULL);
CREATE TRIGGER ledger_keeps BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_stays BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""

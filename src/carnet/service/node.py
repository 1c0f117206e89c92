"""Wiring: a node from its folder. The only place that chooses implementations.

A node is a folder and, beside it and never inside it, a folder of keys:

    shanghai/           node.json  catalog.sqlite  vault/  inbox/  outbox/
    shanghai.keys/      region.key  signing.key  tls.key  tls.pem  sealing.key
                        courier/    courier.json  tls.key  tls.pem     (all that the courier may see)
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from carnet.catalog.database import Catalog
from carnet.errors import InputError, NodeError, PeerError, RefusedError
from carnet.evidence.signing import PublicKey, Signer, read_private_file, write_private_file
from carnet.evidence.statements import Kind, Subject, statement, utc_text
from carnet.law.lawbook import Lawbook, load_lawbook
from carnet.model.canonical import canonical_json
from carnet.model.countries import COUNTRIES
from carnet.model.ids import Country, PersonId
from carnet.transfer.courier import write_whole
from carnet.transfer.gate import Gate
from carnet.transfer.pairing import Card, new_certificate, read_card, sealing_key_bytes
from carnet.transfer.receiving import Receiver
from carnet.transfer.request import Role
from carnet.vault.keys import RegionKey
from carnet.vault.store import Vault

_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")
_PERSON = re.compile(r"[a-z][a-z0-9._-]{0,40}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_LAST_PORT = 65535
_PARTY = frozenset(
    {
        "id", "name", "established_in", "roles", "critical_infrastructure", "free_trade_zone", "facts",
        "located_in", "relation", "owned_from", "certified_under",
    }
)  # fmt: skip
_CONFIG = {"carnet_node", "name", "region", "operator", "control_port", "transfer_port", "keys", "lawbook"}


def now_utc() -> datetime:
    """The time now."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """A node's settings, as `node.json` holds them."""

    name: str
    region: Country
    operator: Mapping[str, Any]
    """The legal person that runs the node, in the form of a movement's `exporter`."""
    control_port: int
    transfer_port: int
    keys: Path
    lawbook: Path | None = None
    """A lawbook folder, or None for the one that ships with carnet."""
    company: Path | None = None
    """A folder with the company's own rules, which may only tighten; None for none."""

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        return {
            "carnet_node": "v1",
            "name": self.name,
            "region": self.region,
            "operator": dict(self.operator),
            "control_port": self.control_port,
            "transfer_port": self.transfer_port,
            "keys": str(self.keys),
            "lawbook": None if self.lawbook is None else str(self.lawbook),
            **({} if self.company is None else {"company": str(self.company)}),
        }


def read_config(folder: Path) -> NodeConfig:
    """Read a node's settings; raises `NodeError` for a missing, unknown or wrong one."""
    path = folder / "node.json"
    try:
        form = json.loads(path.read_bytes())
        if set(form) - {"company"} != _CONFIG or form["carnet_node"] != "v1":
            unknown = sorted((set(form) - {"company"}) ^ _CONFIG)
            raise NodeError(f"unknown or missing setting {unknown}", where=str(path), remedy="see node init")
        return NodeConfig(
            str(form["name"]),
            Country(form["region"]),
            dict(form["operator"]),
            int(form["control_port"]),
            int(form["transfer_port"]),
            Path(form["keys"]),
            None if form["lawbook"] is None else Path(form["lawbook"]),
            Path(form["company"]) if "company" in form else None,
        )
    except OSError as error:
        raise NodeError(
            "this folder holds no node", where=str(folder), remedy="make one: carnet node init"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise NodeError("the settings cannot be read", where=str(path), remedy="restore node.json") from error


def make_node(folder: Path, config: NodeConfig, *, clock: Callable[[], datetime] = now_utc) -> None:
    """Make a node: folder, keys, database with its first ledger entry.

    Raises:
        NodeError: a name, region or port is not right, or something is there already.
    """
    if not _NAME.fullmatch(config.name) or not _COUNTRY.fullmatch(config.region):
        raise NodeError(
            "a node has a name of small letters, digits and hyphens, and a region of two capital letters",
            remedy="for example: --name shanghai --region CN",
        )
    if config.region not in COUNTRIES:
        raise NodeError("there is no such country", where="region", remedy="ISO 3166-1 alpha-2, such as CN")
    for port in (config.control_port, config.transfer_port):
        if not 0 < port <= _LAST_PORT:
            raise NodeError("a port lies between 1 and 65535", where=str(port), remedy="choose another")
    if strange := sorted(set(config.operator) - _PARTY):
        raise NodeError(
            f"an operator has no field {strange[0]}",
            where="operator",
            remedy=f"known: {', '.join(sorted(_PARTY))}",
        )
    if config.keys.resolve().is_relative_to(folder.resolve()):
        raise NodeError("the keys may not lie inside the node's folder", remedy="choose a folder beside it")
    if folder.exists() and any(folder.iterdir()):
        raise NodeError("the folder is not empty", where=str(folder), remedy="choose another")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    RegionKey.create(config.keys / "region.key")
    signer = Signer.generate()
    signer.save(config.keys / "signing.key")
    sealing = X25519PrivateKey.generate()
    write_private_file(config.keys / "sealing.key", base64.b64encode(sealing_key_bytes(sealing)))
    tls_key, certificate = new_certificate(config.name, now=clock())
    for place in (config.keys, config.keys / "courier"):
        write_private_file(place / "tls.key", tls_key)
        write_private_file(place / "tls.pem", certificate.encode("ascii"))
    catalog = Catalog(
        folder / "catalog.sqlite", origin=f"carnet/{config.name}", signer=signer, clock=clock, create=True
    )
    try:
        said = statement(
            Kind.NODE_MADE,
            [Subject(config.name, signer.key_id.removeprefix("ed25519:"))],
            {"region": config.region},
            actor=config.name,
            at=clock(),
        )
        catalog.record(said)
        catalog.seal()
    finally:
        catalog.close()
    write_whole(folder / "node.json", json.dumps(config.to_json(), indent=1).encode())


@dataclass(frozen=True, slots=True)
class Person:
    """A local account: somebody who signs with a key of their own."""

    id: PersonId
    role: Role
    key: PublicKey


class Node:
    """A node in use: its keys, database, vault, door and receiver."""

    def __init__(self, folder: Path, *, clock: Callable[[], datetime] = now_utc) -> None:
        self.folder = folder.resolve()
        self.config = read_config(self.folder)
        self.clock = clock
        keys = self.config.keys
        self.region_key = RegionKey.load(keys / "region.key", node_folder=self.folder)
        self.signer = Signer.load(keys / "signing.key")
        self.catalog = Catalog(
            self.folder / "catalog.sqlite",
            origin=f"carnet/{self.config.name}",
            signer=self.signer,
            clock=clock,
        )
        self.vault = Vault(self.folder / "vault", self.region_key)
        self.outbox = self.folder / "outbox"
        self.outbox.mkdir(exist_ok=True, mode=0o700)
        raw = base64.b64decode(read_private_file(keys / "sealing.key"))
        self._sealing_key = X25519PrivateKey.from_private_bytes(raw)
        self.card = self._own_card()
        self.gate = Gate(
            name=self.config.name,
            catalog=self.catalog,
            signer=self.signer,
            own=self.card,
            outbox=self.outbox,
            clock=clock,
        )
        self.receiver = Receiver(
            inbox=self.folder / "inbox",
            catalog=self.catalog,
            vault=self.vault,
            region=self.region_key,
            signer=self.signer,
            sealing_key=self._sealing_key,
            own=self.card,
            peers=self.peers,
            clock=clock,
        )

    def close(self) -> None:
        """Close the database."""
        self.catalog.close()

    @cached_property
    def lawbook(self) -> Lawbook:
        """The lawbook that is wired; whether it is adopted is the ledger's to say."""
        return load_lawbook(self.config.lawbook, self.config.company)

    def keep_lawbook(self) -> None:
        """Keep the texts of the lawbook that is wired: a dossier needs them when another has taken its place."""
        path = self._lawbook_file(self.lawbook.digest)
        if not path.is_file():
            path.parent.mkdir(exist_ok=True, mode=0o700)
            write_whole(path, canonical_json(dict(self.lawbook.texts)))

    def lawbook_texts(self, digest: str) -> dict[str, str]:
        """Give the texts of a lawbook under which something was released; raises `NodeError` if they are gone."""
        if digest == self.lawbook.digest:
            return dict(self.lawbook.texts)
        try:
            texts: dict[str, str] = json.loads(self._lawbook_file(digest).read_bytes())
        except (OSError, ValueError) as error:
            raise NodeError(
                "the lawbook under which this was released is not here any more",
                where=digest,
                remedy="restore the folder `lawbooks` of the node",
            ) from error
        return texts

    def _lawbook_file(self, digest: str) -> Path:
        return self.folder / "lawbooks" / f"{digest.removeprefix('sha256:')}.json"

    def _own_card(self) -> Card:
        public: X25519PublicKey = self._sealing_key.public_key()
        return Card(
            self.config.name,
            self.config.region,
            dict(self.config.operator),
            f"https://127.0.0.1:{self.config.transfer_port}",
            self.signer.public,
            (self.config.keys / "tls.pem").read_text("ascii"),
            public.public_bytes_raw(),
        )

    # Peers -------------------------------------------------------------------------------------------------

    def peers(self) -> dict[str, Card]:
        """Give the paired nodes, by name."""
        rows = self.catalog.rows("SELECT card FROM peers")
        return {card.name: card for card in (read_card(json.loads(one["card"])) for one in rows)}

    def pair(self, form: Any) -> Card:
        """Learn another node's card; raises `PeerError` when it is not right, or a name is taken."""
        card = read_card(form)
        held = self.peers().get(card.name)
        if card.name == self.config.name or card.signing_key == self.signer.public:
            raise PeerError("this is this node's own card", remedy="import the other node's")
        if held is not None and held.signing_key != card.signing_key:
            raise PeerError(
                "a node of that name is paired with another key", remedy="ask the other operator first"
            )
        others = [one for one in self.peers().values() if one.name != card.name]
        if any(card.signing_key == one.signing_key or card.fingerprint == one.fingerprint for one in others):
            raise PeerError("this node is paired already, under another name", remedy="use that name")
        subject = Subject(card.name, card.signing_key.key_id.removeprefix("ed25519:"))
        said = statement(
            Kind.PAIRED, [subject], {"region": card.region}, actor=self.config.name, at=self.clock()
        )
        with self.catalog.change(said) as change:
            change.execute(
                "INSERT OR REPLACE INTO peers VALUES (?, ?, ?)",
                (card.name, json.dumps(form), said["predicate"]["time"]),
            )
        self.write_courier_settings()
        return card

    def write_courier_settings(self) -> None:
        """Write what the courier may know: outbox, our public key, the cards of paired nodes."""
        cards = [json.loads(one["card"]) for one in self.catalog.rows("SELECT card FROM peers")]
        form = {"outbox": str(self.outbox), "signing_key": self.signer.public.to_text(), "peers": cards}
        write_whole(self.config.keys / "courier" / "courier.json", json.dumps(form).encode())

    # People ------------------------------------------------------------------------------------------------

    def register(self, person: str, role: str, public_key: str) -> Person:
        """Register somebody who signs; raises `InputError` when the name is not right or taken."""
        if not _PERSON.fullmatch(person):
            raise InputError(
                "a person's name here is small letters, digits, dot or hyphen", remedy="for example: zhou"
            )
        try:
            made = Person(PersonId(person), Role(role), PublicKey.from_text(public_key))
        except ValueError as error:
            roles = ", ".join(one.value for one in Role)
            raise InputError(f"there is no such role; there are {roles}", remedy="choose one") from error
        if self.catalog.row("SELECT id FROM people WHERE id=?", (person,)) is not None:
            raise InputError("somebody of that name is registered", remedy="choose another name")
        self._check_own_key(made)
        said = statement(
            Kind.PERSON_REGISTERED,
            [Subject(person, made.key.key_id.removeprefix("ed25519:"))],
            {"role": made.role.value},
            actor=self.config.name,
            at=self.clock(),
        )
        with self.catalog.change(said) as change:
            change.execute(
                "INSERT INTO people VALUES (?, ?, ?, ?)",
                (person, made.role.value, public_key, utc_text(self.clock())),
            )
        return made

    def _check_own_key(self, made: Person) -> None:
        """Raise unless the key is this person's alone: four eyes mean two people, not two names."""
        held = {PublicKey.from_text(one["public_key"]) for one in self.catalog.rows("SELECT * FROM people")}
        nodes = {card.signing_key for card in self.peers().values()} | {self.signer.public}
        if made.key in held | nodes:
            raise InputError(
                "this key is somebody else's already", remedy="each person makes a key: carnet node person"
            )

    def person(self, person: str) -> Person:
        """Give a registered person; raises `RefusedError` when nobody of that name is."""
        row = self.catalog.row("SELECT * FROM people WHERE id=?", (person,))
        if row is None:
            raise RefusedError("nobody of that name is registered here", remedy="carnet node person")
        return Person(PersonId(row["id"]), Role(row["role"]), PublicKey.from_text(row["public_key"]))

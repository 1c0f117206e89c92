"""A stage for tests: two paired nodes with people, and a small recording that the law lets go.

Real parts: nodes, keys, database, courier, mutual TLS. The recording is a CAN log of speeds, made with the
sample's own database; an officer declares that it is about nobody, so that no detector is needed.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from carnet.evidence.signing import Signer, seal_envelope
from carnet.evidence.statements import Kind, Subject, statement, statement_bytes
from carnet.model.ids import Country, RecordingId, RequestId
from carnet.service.api import Desk
from carnet.service.declarations import declaration
from carnet.service.node import Node, NodeConfig, make_node
from carnet.transfer.assemble import Undertaking
from carnet.transfer.courier import Courier
from carnet.transfer.gate import approval_predicate

ROOT = Path(__file__).resolve().parents[2]
DATABASE = ROOT / "samples" / "shanghai_drive" / "vehicle.dbc"
UNDERTAKING = Undertaking("frankfurt", "research_design", "brake tuning")
EXPORTER = {
    "id": "uscc:1",
    "name": "Maker (CN)",
    "established_in": "CN",
    "roles": ["manufacturer"],
    "critical_infrastructure": False,
    "free_trade_zone": None,
}
RECIPIENT = {
    "id": "lei:1",
    "name": "Maker (DE)",
    "established_in": "DE",
    "relation": "affiliate",
    "owned_from": ["DE"],
}
ABOUT_NOBODY = {
    "data": "driving.dynamics",
    "persons": 0,
    "facts": {"national_project": False, "export_controlled_technology": False},
}


def speeds(count: int = 400) -> bytes:
    """A candump log of speed frames, as `candump -L` writes it."""
    import cantools

    message = cantools.database.load_file(DATABASE).get_message_by_name("SPEED")
    lines = []
    for n in range(count):
        data = message.encode(
            {"ENCODER": n % 200, "SPEED": 30 + n % 50, "CHECKSUM": 0}, strict=False, padding=True
        )
        lines.append(f"({1780000000 + n / 50:.6f}) can0 {message.frame_id:03X}#{data.hex().upper()}\n")
    return "".join(lines).encode()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Stage:
    """Two nodes in a folder, paired; people of the sender with keys in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.people = {name: Signer.generate() for name in ("li", "zhou", "wang")}
        for name, region, operator in (("shanghai", "CN", EXPORTER), ("frankfurt", "DE", RECIPIENT)):
            config = NodeConfig(
                name, Country(region), operator, free_port(), free_port(), (folder / f"{name}.keys").resolve()
            )
            make_node(folder / name, config)
        cards = {}
        for name in ("shanghai", "frankfurt"):
            node = Node(folder / name)
            cards[name] = node.card.to_json(node.signer)
            node.close()
        for name, other in (("shanghai", "frankfurt"), ("frankfurt", "shanghai")):
            node = Node(folder / name)
            node.pair(cards[other])
            node.close()
        node = Node(folder / "shanghai")
        for name, role in (("li", "engineer"), ("zhou", "approver"), ("wang", "officer")):
            node.register(name, role, self.people[name].public.to_text())
        node.close()

    def copy(self, folder: Path) -> Stage:
        """This stage as it is now, in another folder: tests change the copy."""
        other = Stage.__new__(Stage)
        other.folder, other.people = folder, self.people
        shutil.copytree(self.folder, folder)
        for name in ("shanghai", "frankfurt"):
            settings = folder / name / "node.json"
            config = json.loads(settings.read_bytes()) | {"keys": str((folder / f"{name}.keys").resolve())}
            settings.write_text(json.dumps(config), "utf-8")
        return other

    def desk(self, name: str = "shanghai") -> Desk:
        return Desk(Node(self.folder / name))

    def sign(
        self, who: str, kind: Kind, subject: Subject, predicate: dict[str, Any], desk: Desk
    ) -> dict[str, Any]:
        said = statement(kind, [subject], predicate, actor=who, at=desk.node.clock())
        return seal_envelope(statement_bytes(said), self.people[who]).to_json()

    def declare(self, desk: Desk, kind: str, body: dict[str, Any]) -> None:
        form = self.sign(
            "wang", Kind.DECLARED, Subject("declaration", "0" * 64), declaration(kind, body), desk
        )
        desk.declarations.keep(form, desk.node.person("wang"))

    def ingest(self, desk: Desk, files: dict[str, bytes] | None = None) -> RecordingId:
        import io

        recordings = desk.recordings
        upload = recordings.begin(Country("CN"))
        for name, data in (files or {"speeds.log": speeds(), "vehicle.dbc": DATABASE.read_bytes()}).items():
            recordings.add(upload, name, io.BytesIO(data).read, len(data))
        return recordings.finish(upload, "li").id

    def described(self, desk: Desk) -> RecordingId:
        """Ingest and describe; the database stays behind, as in any release."""
        raw = self.ingest(desk)
        desk.recordings.describe(raw, "li")
        order = {"remove": ["vin", "device_ids"], "drop": ["design"]}
        made, _ = desk.recordings.redact(raw, order, "li")
        return made.id

    def approved(self, desk: Desk, recording: RecordingId) -> RequestId:
        """Declare what is needed, request and approve."""
        self.declare(desk, "lawbook", {"digest": desk.node.lawbook.digest})
        self.declare(desk, "facts", ABOUT_NOBODY)
        _, decision = desk.movements.decide(recording, UNDERTAKING)
        assert decision.verdict.value == "permitted", decision.to_mapping()
        for one in decision.assumed:
            self.declare(desk, "presumption", {"fact": one.fact, "value": one.value})
        for duty in decision.duties:
            if duty.when == "before":
                self.declare(desk, "duty", {"duty": duty.id, "evidence": "test"})
        request = desk.movements.request(recording, UNDERTAKING, desk.node.person("li"))
        self.approve(desk, request)
        return request

    def approve(self, desk: Desk, request: RequestId, who: str = "zhou") -> None:
        shown = desk.movements.show(request)
        predicate = approval_predicate(request, shown["movement"], shown["decision"])
        subject = Subject(request, predicate["movement"].removeprefix("sha256:"))
        form = self.sign(who, Kind.APPROVED, subject, dict(predicate), desk)
        desk.movements.approve(request, form, desk.node.person(who))

    def receiver(self, name: str = "frankfurt") -> subprocess.Popen[bytes]:
        """Run a node, frankfurt if not said otherwise, as a process of its own; ready when this returns."""
        log = self.folder / f"{name}.log"
        process = subprocess.Popen(
            [sys.executable, "-m", "carnet", "node", "serve", str(self.folder / name)],
            stdout=log.open("wb"),
            stderr=subprocess.STDOUT,
        )
        until = time.monotonic() + 30
        while b"listens" not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.02)
        return process

    def courier(self, desk: Desk) -> Courier:
        desk.node.write_courier_settings()
        return Courier(desk.node.config.keys / "courier", clock=desk.node.clock)


def deliver(desk: Desk, courier: Courier) -> None:
    """Carry what waits, and settle."""
    for release in courier.waiting():
        courier.carry(release)
    desk.movements.settle()


def arrivals(folder: Path) -> list[dict[str, Any]]:
    """What frankfurt has received."""
    node = Node(folder / "frankfurt")
    try:
        return [json.loads(one["receipt"]) for one in node.catalog.rows("SELECT receipt FROM arrivals")]
    finally:
        node.close()

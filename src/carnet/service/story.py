"""The stage of the demonstration: two nodes, their people, and the words in which decisions are told.

Every sentence is written from what the nodes answered: with another drive, other names, regions or keys other
sentences come out. The story follows the law, also where it leads elsewhere than one would like.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carnet.errors import NodeError
from carnet.evidence.signing import Signer
from carnet.model.ids import Country
from carnet.service.client import Client
from carnet.service.node import Node, NodeConfig, make_node

_START_S = 30.0
_RECEIPT_S = 60.0
_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays: two nodes, and the people of the sending one."""

    sender: str = "shanghai"
    sender_region: str = "CN"
    receiver: str = "frankfurt"
    receiver_region: str = "DE"
    engineer: str = "li"
    approver: str = "zhou"
    officer: str = "wang"


@dataclass(frozen=True, slots=True)
class Script:
    """What is moved and why, and what the officer is ready to declare."""

    recording: Path
    truth: Path | None
    activity: str
    purpose: str
    exporter: Mapping[str, Any]
    recipient: Mapping[str, Any]
    known: tuple[Mapping[str, Any], ...]
    """What the officer declares before anybody asks."""
    declarations: tuple[Mapping[str, Any], ...]
    """What she declares when she is asked."""
    drop: tuple[str, ...]
    """Classes whose streams and files are taken out whole."""
    trim_s: float


class Story:
    """Tells the main job while doing it."""

    def __init__(self, folder: Path, cast: Cast, script: Script) -> None:
        self.folder = folder
        self.cast = cast
        self.script = script
        self._step = 0
        self._begun = time.monotonic()

    # Telling -----------------------------------------------------------------------------------------------

    def heading(self, text: str) -> None:
        """Tell that a step begins."""
        self._step += 1
        seconds = time.monotonic() - self._begun
        sys.stdout.write(f"\n{self._step}. {text}  [{seconds:.0f} s]\n")
        sys.stdout.flush()

    def tell(self, text: str, mark: str = "  ") -> None:
        """Tell a sentence."""
        lines = textwrap.wrap(text, _WIDTH - 5, break_long_words=False) or [""]
        for n, line in enumerate(lines):
            sys.stdout.write(f"   {mark if n == 0 else '  '} {line}\n")
        sys.stdout.flush()

    # Setting up --------------------------------------------------------------------------------------------

    def make(self) -> None:
        """Make both nodes and their people, and pair them by hand-over files."""
        c = self.cast
        ports = _free_ports(4)
        sides = (
            (c.sender, c.sender_region, self.script.exporter, ports[:2]),
            (c.receiver, c.receiver_region, self.script.recipient, ports[2:]),
        )
        for name, region, operator, (control, transfer) in sides:
            config = NodeConfig(
                name,
                Country(region),
                dict(operator),
                control,
                transfer,
                (self.folder / f"{name}.keys").resolve(),
            )
            make_node(self.folder / name, config)
            self.tell(
                f"node {name}: region {region}, ports {control} (people) and {transfer} (nodes), own keys"
            )
        for name, other in ((c.sender, c.receiver), (c.receiver, c.sender)):
            with opened(self.folder / name) as node:
                card = node.card.to_json(node.signer)
                (self.folder / f"{name}.card.json").write_text(json.dumps(card, indent=1), "utf-8")
            self.tell(f"{name} hands over its card to {other}: signing key, TLS certificate, sealing key")
        for name, other in ((c.sender, c.receiver), (c.receiver, c.sender)):
            with opened(self.folder / name) as node:
                node.pair(json.loads((self.folder / f"{other}.card.json").read_bytes()))
        self.passphrases = {who: secrets.token_urlsafe(12) for who in (c.engineer, c.approver, c.officer)}
        with opened(self.folder / c.sender) as node:
            for who, role in ((c.engineer, "engineer"), (c.approver, "approver"), (c.officer, "officer")):
                signer = Signer.generate()
                signer.save(self.key_of(who), self.passphrases[who].encode())
                node.register(who, role, signer.public.to_text())
        self.tell(
            f"people of {c.sender}: {c.engineer} asks, {c.approver} approves, {c.officer} answers to the "
            "authorities; each has a key under a passphrase of their own"
        )

    def key_of(self, who: str) -> Path:
        """Where a person's key lies."""
        return self.folder / "people" / f"{who}.key"

    @contextlib.contextmanager
    def as_person(self, who: str) -> Iterator[Client]:
        """Be a person for a while."""
        signer = Signer.load(self.key_of(who), self.passphrases[who].encode())
        client = Client(self.folder / self.cast.sender, who, signer)
        try:
            yield client
        finally:
            client.close()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run both nodes as processes of their own."""
        processes = []
        try:
            for name in (self.cast.sender, self.cast.receiver):
                log = (self.folder / f"{name}.log").open("wb")
                process = subprocess.Popen(
                    [sys.executable, "-m", "carnet", "node", "serve", str(self.folder / name)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
                processes.append(process)
            for name, process in zip((self.cast.sender, self.cast.receiver), processes, strict=True):
                _wait_until_it_listens(self.folder / f"{name}.log", process)
                self.tell(f"{name} runs as process {process.pid}, with a courier process beside it")
            yield
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for process in processes:
                try:
                    process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    process.kill()

    # The law -----------------------------------------------------------------------------------------------

    def undertaking(self, recording: str) -> dict[str, Any]:
        """What is asked for a recording."""
        return {
            "recording": recording,
            "receiver": self.cast.receiver,
            "activity": self.script.activity,
            "purpose": self.script.purpose,
        }

    def decision(self, client: Client, recording: str, what: str) -> dict[str, Any]:
        """Ask the law and tell what it says."""
        answer = client.call("POST", "/v1/decide", self.undertaking(recording))
        decision: dict[str, Any] = answer["decision"]
        contents = ", ".join(
            one["data"] + (f" without {', '.join(one['removed'])}" if one.get("removed") else "")
            for one in answer["movement"]["contents"]
        )
        self.tell(f"{what}: {contents}", "->")
        tell_decision(decision, self.tell)
        return decision


def tell_decision(decision: Mapping[str, Any], tell: Any) -> None:
    """Tell a decision as its reader wants it: verdict, route, why, what is presumed and what is missing."""
    needs = []
    for entry in decision["jurisdictions"]:
        if entry["prerequisites"]:
            needs.append(f"{entry['code']} wants {' and '.join(entry['prerequisites'])} first")
        if entry["verdict"] == "conditional" and entry["routes"]:
            needs.append(f"{entry['code']} wants {' or '.join(entry['routes'])}")
    done = [f"{e['code']}: {e['completed']} completed" for e in decision["jurisdictions"] if e["completed"]]
    says = "; ".join([*needs, *done])
    tell(f"verdict: {decision['verdict'].upper()}{': ' + says if says else ''}", "=>")
    seen = set()
    for finding in _findings(decision):
        open_still = finding["outcome"] == "undecided" and decision["verdict"] != "undecided"
        if open_still or finding["outcome"] == "notes" or finding["words"] in seen:
            continue
        seen.add(finding["words"])
        tell(f"{finding['words']} [{finding['rule']}; {finding['cite']}; {finding['certainty']}]", " -")
    if decision["assumed"]:
        tell(
            "presumed: " + ", ".join(f"{a['fact']} = {json.dumps(a['value'])}" for a in decision["assumed"]),
            " -",
        )
    if decision["missing"]:
        tell("nobody has said: " + ", ".join(one["fact"] for one in decision["missing"]), " -")
    if decision.get("x-not_modelled"):
        tell("this lawbook does not hold the law of " + ", ".join(decision["x-not_modelled"]), " -")
    tell(f"weakest source: {decision['certainty']}; lawbook {decision['law']['lawbook'][:19]}…", " -")


def _findings(decision: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for content in decision["contents"]:
        yield from content["findings"]
    for entry in decision["jurisdictions"]:
        yield from entry["findings"]


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Node]:
    """Open a node's folder for a while."""
    node = Node(folder)
    try:
        yield node
    finally:
        node.close()


def _free_ports(count: int) -> list[int]:
    """Find ports that are free now on the loopback interface."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in held]
    finally:
        for one in held:
            one.close()


def _wait_until_it_listens(log: Path, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_S
    while b"listens" not in log.read_bytes():
        if process.poll() is not None or time.monotonic() > until:
            raise NodeError("a node did not start", where=str(log), remedy="read its log")
        time.sleep(0.05)

"""Between the nodes: only the certificates on the cards, only TLS 1.3, and nonsense ends nobody."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from stage import RECIPIENT, Stage, deliver, free_port

from carnet.errors import PeerError
from carnet.model.ids import Country
from carnet.service.node import Node, NodeConfig, make_node, now_utc, read_config
from carnet.transfer.courier import REFUSED, Courier, peer_context

pytest.importorskip("cantools", reason="the extra 'recordings' is not installed: the wire is left out")
httpx = pytest.importorskip("httpx", reason="the extra 'node' is not installed: the wire is left out")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A stage with a release in the outbox."""
    stage = Stage(tmp_path_factory.mktemp("kept") / "stage")
    desk = stage.desk()
    request = stage.approved(desk, stage.described(desk))
    desk.movements.release(request, desk.node.person("li"))
    desk.node.close()
    return stage, request


@pytest.fixture
def play(kept, tmp_path):
    original, request = kept
    stage = original.copy(tmp_path / "stage")
    desk = stage.desk()
    yield stage, desk, request
    desk.node.close()


def stopped(process) -> None:
    process.terminate()
    process.wait(timeout=20)


@pytest.fixture
def frankfurt(play):
    """Frankfurt, running: the address of its transfer port."""
    stage, desk, _ = play
    process = stage.receiver()
    yield desk.node.peers()["frankfurt"]
    stopped(process)
    assert "Traceback" not in (stage.folder / "frankfurt.log").read_text()


def another_node(stage: Stage, port: int) -> NodeConfig:
    config = NodeConfig(
        "tokyo", Country("JP"), dict(RECIPIENT), free_port(), port, (stage.folder / "tokyo.keys").resolve()
    )
    make_node(stage.folder / "tokyo", config)
    return config


def asks(card, certificate: Path, key: Path, **changes: object) -> int:
    context = peer_context(card, certificate, key)
    for name, value in changes.items():
        setattr(context, name, value)
    with httpx.Client(base_url=card.url, verify=context, trust_env=False, timeout=10) as client:
        return client.get("/v1/releases/req-" + "a" * 26).status_code


def test_the_paired_node_is_answered(play, frankfurt):
    keys = play[1].node.config.keys
    assert asks(frankfurt, keys / "tls.pem", keys / "tls.key") == 404


def test_a_third_nodes_certificate_is_refused(play, frankfurt):
    keys = another_node(play[0], free_port()).keys
    with pytest.raises(httpx.TransportError):
        asks(frankfurt, keys / "tls.pem", keys / "tls.key")


def test_no_certificate_is_refused(frankfurt):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=frankfurt.certificate)
    with (
        httpx.Client(base_url=frankfurt.url, verify=context, trust_env=False) as client,
        pytest.raises(httpx.TransportError),
    ):
        client.get("/v1/releases/req-" + "a" * 26)


def test_a_certificate_that_a_paired_node_issued_to_another_is_refused(play, frankfurt, tmp_path):
    """Its own certificate is self-signed, so TLS alone would take whatever that key signs."""
    keys = play[1].node.config.keys
    issuer_key = serialization.load_pem_private_key((keys / "tls.key").read_bytes(), None)
    issuer = x509.load_pem_x509_certificate((keys / "tls.pem").read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    now = now_utc()
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "carnet shanghai")]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    pem, own = tmp_path / "leaf.pem", tmp_path / "leaf.key"
    pem.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    own.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    try:
        status = asks(frankfurt, pem, own)
    except httpx.TransportError:
        return
    assert status in {403, 500}


def test_an_older_tls_is_refused_by_the_receiver(play, frankfurt):
    keys = play[1].node.config.keys
    with pytest.raises(httpx.TransportError):
        asks(
            frankfurt,
            keys / "tls.pem",
            keys / "tls.key",
            minimum_version=ssl.TLSVersion.TLSv1_2,
            maximum_version=ssl.TLSVersion.TLSv1_2,
        )


def test_an_older_tls_is_refused_by_the_courier(play):
    stage, desk, _ = play
    keys = stage.folder / "frankfurt.keys"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "tls.pem", keys / "tls.key")
    own = desk.node.config.keys
    for latest, wanted in ((ssl.TLSVersion.TLSv1_3, True), (ssl.TLSVersion.TLSv1_2, False)):
        context.maximum_version = latest
        with socket.create_server(("127.0.0.1", 0)) as listener:
            done: list[bool] = []

            def answer(listener=listener, done=done) -> None:
                connection, _ = listener.accept()
                try:
                    with context.wrap_socket(connection, server_side=True):
                        done.append(True)
                except (ssl.SSLError, OSError):
                    done.append(False)

            thread = threading.Thread(target=answer)
            thread.start()
            client = peer_context(desk.node.peers()["frankfurt"], own / "tls.pem", own / "tls.key")
            try:
                with (
                    socket.create_connection(listener.getsockname()) as plain,
                    client.wrap_socket(plain, server_hostname="x"),
                ):
                    took = True
            except ssl.SSLError:
                took = False
            thread.join(timeout=10)
            assert (took, done) == (wanted, [wanted])


def test_the_courier_gives_nothing_to_another_node_at_the_receivers_address(play):
    stage, desk, request = play
    another_node(stage, read_config(stage.folder / "frankfurt").transfer_port)
    process = stage.receiver("tokyo")
    try:
        with pytest.raises(PeerError, match="cannot be reached"):
            deliver(desk, stage.courier(desk))
    finally:
        stopped(process)
    assert desk.movements.show(request)["state"] == "releasing"
    assert not (stage.folder / "tokyo" / "inbox").exists()


@pytest.mark.parametrize("permit", [b"", b"\xff", b"[]", b"{}", b"3", b"[" * 100_000])
def test_rubbish_in_the_outbox_is_refused_and_ends_nobody(play, permit):
    stage, desk, _ = play
    folder = desk.node.outbox / ("req-" + "a" * 26)
    folder.mkdir()
    (folder / "permit.json").write_bytes(permit)
    stage.courier(desk).carry(folder)
    assert (folder / REFUSED).is_file()


def test_what_the_gate_still_prepares_is_nobodys_to_carry(play):
    """A permit lies in the folder a moment before the folder gets its name; the name may change at any moment."""
    stage, desk, request = play
    courier = stage.courier(desk)
    assert [one.name for one in courier.waiting()] == [request]
    whole = desk.node.outbox / request
    whole.replace(desk.node.outbox / f".preparing-{request}")
    assert courier.waiting() == []


def test_a_courier_that_dies_is_followed_by_another(play):
    stage, _, _ = play
    process = stage.receiver()

    def couriers() -> list[int]:
        found = Path("/proc").glob(f"{process.pid}/task/*/children")
        return [int(one) for path in found for one in path.read_text().split()]

    try:
        (first,) = couriers()
        os.kill(first, signal.SIGKILL)
        until = time.monotonic() + 30
        while couriers() in ([], [first]) and time.monotonic() < until:
            time.sleep(0.05)
        (second,) = couriers()
        assert second != first
    finally:
        stopped(process)
    assert not Path(f"/proc/{second}").exists()


def test_a_release_that_was_touched_in_the_outbox_stays(play):
    stage, desk, request = play
    folder = desk.node.outbox / request
    sealed = folder / "0.sealed"
    sealed.write_bytes(sealed.read_bytes()[:-1] + b"x")
    stage.courier(desk).carry(folder)
    assert "not what the permit names" in json.loads((folder / REFUSED).read_bytes())["why"]


def test_a_permit_that_has_expired_stays(play):
    _, desk, request = play
    courier = Courier(desk.node.config.keys / "courier", clock=lambda: now_utc() + dt.timedelta(days=2))
    courier.carry(desk.node.outbox / request)
    assert "expired" in json.loads((desk.node.outbox / request / REFUSED).read_bytes())["why"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense",
        b"[]",
        b'{"segments": 3}',
        b'{"segments": {"0": "x"}}',
        b'{"segments": {"0": -5}}',
        b"{}",
    ],
)
def test_a_receiver_that_answers_nonsense_is_tried_again(play, monkeypatch, answer):
    """The courier's own code against answers of a transport; no receipt comes of it, and no crash."""
    stage, desk, request = play
    courier = stage.courier(desk)
    real = httpx.Client

    def client(**settings):
        settings.pop("verify")
        transport = httpx.MockTransport(lambda _: httpx.Response(200, content=answer))
        return real(**settings, transport=transport)

    monkeypatch.setattr("carnet.transfer.courier.httpx.Client", client)
    with pytest.raises(PeerError, match=r"answered with something else|cannot be reached"):
        courier.carry(desk.node.outbox / request)
    assert sorted(one.suffix for one in (desk.node.outbox / request).iterdir()) == [".json", ".sealed"]


@pytest.mark.parametrize("receipt", [b"", b"[]", b"{}", b'{"payloadType":"x","payload":"","signatures":[]}'])
def test_a_receipt_that_is_none_settles_nothing_and_says_so(play, receipt):
    _, desk, request = play
    (desk.node.outbox / request / "receipt.json").write_bytes(receipt)
    with pytest.raises(PeerError, match="a receipt is not right"):
        desk.movements.settle()
    assert desk.movements.show(request)["state"] == "releasing"


def test_a_node_is_served_once(play):
    """The second has other ports, so that only the folder's lock can stop it."""
    stage, desk, _ = play
    first = stage.receiver("frankfurt")
    try:
        settings = stage.folder / "frankfurt" / "node.json"
        config = replace(
            read_config(stage.folder / "frankfurt"), control_port=free_port(), transfer_port=free_port()
        )
        settings.write_text(json.dumps(config.to_json()), "utf-8")
        second = subprocess.run(
            [sys.executable, "-m", "carnet", "node", "serve", str(stage.folder / "frankfurt")],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode == 2
        assert "another process serves this node" in second.stderr
    finally:
        stopped(first)
    del desk


def test_the_courier_gets_nothing_of_our_environment(play, monkeypatch):
    stage, _, _ = play
    monkeypatch.setenv("CARNET_PASSPHRASE", "secret")
    process = stage.receiver()
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert children
        for one in children:
            environment = Path(f"/proc/{one}/environ").read_bytes()
            assert b"carnet.transfer.courier" in Path(f"/proc/{one}/cmdline").read_bytes()
            assert b"PATH=" in environment
            assert b"CARNET_PASSPHRASE" not in environment
    finally:
        stopped(process)


def test_a_certificate_without_its_card_is_told_nothing_of_a_release(play):
    stage, _, _ = play
    node = Node(stage.folder / "frankfurt")
    with pytest.raises(PeerError, match="on no card"):
        node.receiver.sender("0" * 64)
    node.close()


def test_a_node_is_paired_under_one_name(play):
    stage, desk, _ = play
    frankfurt = Node(stage.folder / "frankfurt")
    form = replace(frankfurt.card, name="frankfurt-two").to_json(frankfurt.signer)
    frankfurt.close()
    with pytest.raises(PeerError, match="under another name"):
        desk.node.pair(form)
    own = replace(desk.node.card, name="shanghai-two").to_json(desk.node.signer)
    with pytest.raises(PeerError, match="own card"):
        desk.node.pair(own)
    assert list(desk.node.peers()) == ["frankfurt"]

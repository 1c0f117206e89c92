"""The receiving side, with a release that a real gate made: what is kept, what is refused, and only once."""

from __future__ import annotations

import json
import threading
from collections import Counter
from datetime import timedelta

import pytest
from stage import Stage, free_port

from carnet.errors import CarnetError, PeerError, RefusedError, SignatureError
from carnet.evidence.signing import Envelope, seal_envelope
from carnet.evidence.statements import Kind, statement_bytes
from carnet.model.canonical import digest_of
from carnet.model.ids import Country
from carnet.service.node import Node, NodeConfig, make_node
from carnet.service.recordings import Recordings
from carnet.transfer.permit import open_permit
from carnet.transfer.receiving import check_receipt
from carnet.transfer.sealing import SEALED_SEGMENT

pytest.importorskip(
    "cantools", reason="the extra 'recordings' is not installed: the receiving side is left out"
)
NAME = "LCARNET0000000017.log"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A stage whose gate has handed a release over; its first file is longer than one segment."""
    from stage import DATABASE, speeds

    stage = Stage(tmp_path_factory.mktemp("kept") / "stage")
    desk = stage.desk()
    raw = stage.ingest(desk, {NAME: speeds(40_000), "vehicle.dbc": DATABASE.read_bytes()})
    desk.recordings.describe(raw, "li")
    order = {"remove": ["vin", "device_ids"], "drop": ["design"]}
    made, _ = desk.recordings.redact(raw, order, "li")
    request = stage.approved(desk, made.id)
    desk.movements.release(request, desk.node.person("li"))
    desk.node.close()
    config = NodeConfig(
        "tokyo",
        Country("JP"),
        {"established_in": "JP"},
        free_port(),
        free_port(),
        stage.folder / "tokyo.keys",
    )
    make_node(stage.folder / "tokyo", config)
    tokyo, frankfurt = Node(stage.folder / "tokyo"), Node(stage.folder / "frankfurt")
    frankfurt.pair(tokyo.card.to_json(tokyo.signer))
    tokyo.close()
    frankfurt.close()
    return stage, request


class Arriving:
    """A release on its way into frankfurt."""

    def __init__(self, stage: Stage, release: str) -> None:
        self.release = release
        self.node = Node(stage.folder / "frankfurt")
        self.receiver = self.node.receiver
        self.sender, self.other = self.node.peers()["shanghai"], self.node.peers()["tokyo"]
        folder = stage.folder / "shanghai" / "outbox" / release
        self.form = json.loads((folder / "permit.json").read_bytes())
        self.permit = open_permit(self.form, self.sender.signing_key, now=None)
        self.sealed = [(folder / f"{one.number}.sealed").read_bytes() for one in self.permit.objects]
        self.signer = stage.desk().node.signer

    def segments(self, number: int) -> list[bytes]:
        data = self.sealed[number]
        return [data[at : at + SEALED_SEGMENT] for at in range(0, len(data), SEALED_SEGMENT)]

    def send(self) -> None:
        self.receiver.accept_permit(self.release, self.form, self.sender)
        for number in range(len(self.sealed)):
            for index, data in enumerate(self.segments(number)):
                self.receiver.keep_segment(self.release, number, index, data, self.sender)

    def signed_anew(self, **changes: object) -> dict:
        """The permit with changed fields, signed by the sender's own node key."""
        said = Envelope.from_json(self.form).statement()
        said["predicate"] |= changes
        return seal_envelope(statement_bytes(said), self.signer).to_json()

    def kept(self) -> tuple[int, int, int]:
        """Recordings, files in the vault, and entries of arrivals in the ledger."""
        files = [one for one in (self.node.folder / "vault").rglob("*") if one.is_file()]
        said = [one.statement()["predicateType"] for one in self.node.catalog.entries()]
        return len(Recordings(self.node).all()), len(files), said.count(Kind.RECEIVED.value)


@pytest.fixture
def arriving(kept, tmp_path):
    stage, release = kept
    made = Arriving(stage.copy(tmp_path / "stage"), release)
    yield made
    made.node.close()


def test_what_was_sent_is_kept_once_with_its_name_and_the_receipt_is_the_same_whenever_asked(arriving):
    arriving.send()
    first = arriving.receiver.complete(arriving.release, arriving.sender)
    check_receipt(first, arriving.permit, arriving.node.card)
    assert arriving.receiver.complete(arriving.release, arriving.sender) == first
    assert arriving.receiver.state(arriving.release, arriving.sender).segments == {
        str(n): len(arriving.segments(n)) for n in range(len(arriving.sealed))
    }
    recordings = Recordings(arriving.node)
    (recording,) = recordings.all()
    assert arriving.kept() == (1, len(arriving.sealed), 1)
    assert list((arriving.node.folder / "inbox").iterdir()) == []
    for one, wanted in zip(recording.objects, arriving.permit.objects, strict=True):
        assert one.content == f"sha256:{wanted.content}"
    arriving.send()  # all over again, after a lost answer
    assert arriving.receiver.complete(arriving.release, arriving.sender) == first
    assert arriving.kept() == (1, len(arriving.sealed), 1)


def test_the_permit_shows_no_file_name(arriving):
    payload = Envelope.from_json(arriving.form).payload
    assert b".log" not in payload
    assert NAME.encode() not in payload


def test_another_paired_node_can_neither_send_nor_ask_for_what_is_not_its_own(arriving):
    with pytest.raises(SignatureError):
        arriving.receiver.accept_permit(arriving.release, arriving.form, arriving.other)
    arriving.send()
    for ask in (arriving.receiver.complete, arriving.receiver.state):
        with pytest.raises(CarnetError):
            ask(arriving.release, arriving.other)
    with pytest.raises(CarnetError):
        arriving.receiver.keep_segment(arriving.release, 0, 0, arriving.segments(0)[0], arriving.other)
    arriving.receiver.complete(arriving.release, arriving.sender)
    for ask in (arriving.receiver.complete, arriving.receiver.state):
        with pytest.raises(RefusedError):
            ask(arriving.release, arriving.other)


@pytest.mark.parametrize(
    "changes",
    [
        {"to": {"name": "tokyo", "region": "JP", "key": "k", "certificate": "c"}},
        {"verdict": "conditional"},
        {"release": "req-" + "a" * 26},
        {"movement": "sha256:" + "0" * 64},
        {"lawbook": "sha256:" + "0" * 64},
        {"expires": "2020-01-01T00:00:00.000Z"},
        {"objects": [{"number": 1, "bytes": 1, "content": "0" * 64, "salt": "0" * 64, "sealed": "0" * 64}]},
        {"objects": [{"number": 0, "bytes": -1, "content": "0" * 64, "salt": "0" * 64, "sealed": "0" * 64}]},
        {"objects": [{"number": 0, "bytes": 1, "content": "0" * 64, "salt": "zz", "sealed": "0" * 64}]},
        {"objects": 3},
        {"intent": {}},
        {"intent": []},
    ],
)
def test_a_permit_that_its_own_sender_made_wrong_is_refused(arriving, changes):
    with pytest.raises(CarnetError):
        arriving.receiver.accept_permit(arriving.release, arriving.signed_anew(**changes), arriving.sender)
    assert arriving.receiver.state(arriving.release, arriving.sender) is None


def test_a_permit_for_a_key_that_is_not_ours_is_refused(arriving):
    to = dict(arriving.permit.predicate["to"])
    for change in ({"key": "ed25519:" + "0" * 64}, {"certificate": "0" * 64}):
        with pytest.raises(RefusedError, match="not ours"):
            arriving.receiver.accept_permit(
                arriving.release, arriving.signed_anew(to=to | change), arriving.sender
            )


@pytest.mark.parametrize("release", ["..", "../x", "req-a", "", "req-" + "A" * 26, "req-" + "a" * 26 + "\n"])
def test_an_id_that_is_none_leads_nowhere(arriving, release):
    with pytest.raises(RefusedError):
        arriving.receiver.accept_permit(release, arriving.form, arriving.sender)
    with pytest.raises(RefusedError):
        arriving.receiver.keep_segment(release, 0, 0, b"", arriving.sender)


def test_segments_come_in_order_and_of_their_length(arriving):
    arriving.receiver.accept_permit(arriving.release, arriving.form, arriving.sender)
    first, *rest = arriving.segments(0)
    assert rest, "the file is one segment only: this test needs a longer one"
    send = arriving.receiver.keep_segment
    for number, index, data in (
        (0, 1, rest[0]), (0, 0, first + b"x"), (0, 0, first[:-1]), (0, 0, b""), (7, 0, first), (0, 99, b""),
        (0, 0, b"x" * (SEALED_SEGMENT + 1)),
    ):  # fmt: skip
        with pytest.raises(RefusedError):
            send(arriving.release, number, index, data, arriving.sender)
    assert arriving.receiver.state(arriving.release, arriving.sender).segments["0"] == 0
    for _ in range(3):
        assert send(arriving.release, 0, 0, first, arriving.sender).segments["0"] == 1


def test_a_segment_that_a_crash_cut_is_sent_again(arriving):
    arriving.send()
    part = arriving.node.folder / "inbox" / arriving.release / "0.part"
    with part.open("r+b") as file:
        file.truncate(len(arriving.sealed[0]) - 5)
    whole = len(arriving.segments(0)) - 1
    assert arriving.receiver.state(arriving.release, arriving.sender).segments["0"] == whole
    with pytest.raises(PeerError, match="not arrived whole"):
        arriving.receiver.complete(arriving.release, arriving.sender)
    last = arriving.segments(0)[whole]
    arriving.receiver.keep_segment(arriving.release, 0, whole, last, arriving.sender)
    arriving.receiver.complete(arriving.release, arriving.sender)
    assert arriving.kept()[0] == 1


def test_bytes_that_a_bad_disk_changed_are_asked_for_again_and_not_kept(arriving):
    """A part whose length is right and whose bytes are not: zeros after a power cut."""
    arriving.send()
    part = arriving.node.folder / "inbox" / arriving.release / "0.part"
    part.write_bytes(bytes(len(arriving.sealed[0])))
    with pytest.raises(PeerError, match="send it again"):
        arriving.receiver.complete(arriving.release, arriving.sender)
    assert arriving.kept() == (0, 0, 0)
    assert arriving.receiver.state(arriving.release, arriving.sender).segments["0"] == 0
    arriving.send()
    arriving.receiver.complete(arriving.release, arriving.sender)
    assert arriving.kept()[0] == 1


def test_another_permit_of_the_same_sender_begins_anew(arriving):
    arriving.send()
    again = arriving.signed_anew(expires="2999-01-01T00:00:00.000Z")
    assert set(
        arriving.receiver.accept_permit(arriving.release, again, arriving.sender).segments.values()
    ) == {0}


def test_two_who_complete_at_once_get_one_receipt(arriving):
    arriving.send()
    together, receipts, errors = threading.Barrier(4), [], []

    def ask() -> None:
        together.wait()
        try:
            receipts.append(digest_of(arriving.receiver.complete(arriving.release, arriving.sender)))
        except CarnetError as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert errors == []
    assert list(Counter(receipts).values()) == [4]
    assert arriving.kept() == (1, len(arriving.sealed), 1)


def test_a_ledger_that_cannot_be_written_keeps_nothing(arriving, monkeypatch):
    arriving.send()
    early = arriving.node.clock() - timedelta(days=2)
    monkeypatch.setattr(arriving.receiver, "_clock", lambda: early)
    with pytest.raises(CarnetError):
        arriving.receiver.complete(arriving.release, arriving.sender)
    assert arriving.kept() == (0, 0, 0)
    monkeypatch.undo()
    arriving.receiver.complete(arriving.release, arriving.sender)
    assert arriving.kept()[0] == 1


def test_what_a_crash_left_in_the_inbox_of_a_release_that_is_done_is_swept(arriving):
    arriving.send()
    arriving.receiver.complete(arriving.release, arriving.sender)
    left = arriving.node.folder / "inbox" / arriving.release
    left.mkdir()
    (left / "0.part").write_bytes(b"x")
    other = left.with_name("req-" + "a" * 26)
    other.mkdir()
    arriving.receiver.sweep()
    assert not left.exists()
    assert other.exists()

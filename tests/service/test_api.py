"""The control interface, asked over real HTTP by people who sign, people who do not, and clients that die."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time

import pytest
from stage import UNDERTAKING, Stage, free_port, speeds

from carnet.evidence.signing import Signer
from carnet.evidence.statements import Kind
from carnet.service.access import signed_headers
from carnet.service.api import make_api
from carnet.service.node import now_utc

pytest.importorskip("cantools", reason="the extra 'recordings' is not installed: the interface is left out")
httpx = pytest.importorskip("httpx", reason="the extra 'node' is not installed: the interface is left out")
uvicorn = pytest.importorskip(
    "uvicorn", reason="the extra 'node' is not installed: the interface is left out"
)
VIN = "LCARNET0000000017"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return Stage(tmp_path_factory.mktemp("kept") / "stage")


class Asked:
    """A node's interface that listens, and people who ask it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.desk = stage.desk()
        self.port = free_port()
        config = uvicorn.Config(make_api(self.desk), port=self.port, log_level="warning", access_log=False)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        until = time.monotonic() + 20
        while not self.server.started:
            assert time.monotonic() < until
            time.sleep(0.01)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=30)

    def close(self) -> None:
        self.http.close()
        self.server.should_exit = True
        self.thread.join(timeout=20)
        self.desk.node.close()

    def headers(self, method, target, body, person="li", signer=None):
        return signed_headers(
            method, target, body, person=person, signer=signer or self.stage.people[person], now=now_utc()
        )

    def ask(self, method, target, form=None, *, body=None, person="li", signer=None, **more):
        data = body if body is not None else b"" if form is None else json.dumps(form).encode()
        headers = self.headers(method, target, data, person, signer) | {"content-type": "application/json"}
        return self.http.request(method, target, content=data, headers=headers | more)

    def put(self, recording, data, name="speeds.log", person="li", **more):
        target = f"/v1/recordings/{recording}/objects"
        headers = self.headers("PUT", target, None, person)
        headers["carnet-name"] = base64.b64encode(name if isinstance(name, bytes) else name.encode()).decode()
        headers["carnet-bytes"] = str(len(data))
        return self.http.put(target, content=data, headers=headers | more)

    def begin(self) -> str:
        return self.ask("POST", "/v1/recordings", {"origin": "CN"}).json()["recording"]

    def stored(self) -> list[str]:
        return [one.name for one in (self.desk.node.folder / "vault").rglob("*") if one.is_file()]


@pytest.fixture
def asked(kept, tmp_path):
    made = Asked(kept.copy(tmp_path / "stage"))
    yield made
    made.close()


def our_form(answer, *statuses):
    assert answer.status_code in statuses, answer.text
    form = answer.json()
    assert set(form) == {"error", "code", "what", "where", "remedy"}, form
    assert "Traceback" not in answer.text
    assert VIN not in answer.text
    return form


def test_a_recording_is_taken_in_and_read_and_every_reading_stands_in_the_ledger(asked):
    recording = asked.begin()
    content = asked.put(recording, speeds()).json()["content"]
    done = asked.ask("POST", f"/v1/recordings/{recording}/finish", {"contents": [content]})
    assert done.json() == {"recording": recording, "objects": 1}
    asked.ask("POST", f"/v1/recordings/{recording}/describe")
    asked.stage.declare(asked.desk, "lawbook", {"digest": asked.desk.node.lawbook.digest})
    before = len(asked.desk.node.catalog.entries())
    paths = (
        "/v1/node",
        "/v1/standing",
        "/v1/recordings",
        f"/v1/recordings/{recording}/sheets",
        "/v1/requests",
    )
    for path in paths:
        assert asked.ask("GET", path).status_code == 200
    for path in ("/v1/decide", "/v1/plan"):
        assert asked.ask("POST", path, {"recording": recording} | UNDERTAKING.to_json()).status_code == 200
    entries = [one.statement() for one in asked.desk.node.catalog.entries()[before:]]
    assert [one["predicateType"] for one in entries] == [Kind.READ.value] * (len(paths) + 2)
    assert {one["predicate"]["actor"] for one in entries} == {"li"}
    assert all(set(one["subject"][0]["digest"]["sha256"]) != {"0"} for one in entries)
    assert len(asked.desk.uploads) == 0


@pytest.mark.parametrize(
    "path", ["/v1/node", "/v1/recordings", "/v1/requests", "/docs", "/redoc", "/openapi.json", "/v1/nothing"]
)
def test_nobody_gets_anything_unsigned(asked, path):
    our_form(asked.http.get(path), 403, 404)


@pytest.mark.parametrize(
    ("person", "method", "path"),
    [
        ("zhou", "POST", "/v1/recordings"),
        ("zhou", "POST", "/v1/recordings/rec-a/redact"),
        ("zhou", "POST", "/v1/requests"),
        ("li", "POST", "/v1/recordings/rec-a/erase"),
        ("li", "POST", "/v1/declarations"),
    ],
)
def test_a_role_does_its_own_work_and_no_other(asked, person, method, path):
    our_form(asked.ask(method, path, {"origin": "CN"} | UNDERTAKING.to_json(), person=person), 403)


def test_a_strangers_key_is_refused(asked):
    our_form(asked.ask("GET", "/v1/node", signer=Signer.generate()), 403)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/recordings", b"[1]"),
        ("/v1/recordings", b'{"origin": "CN"'),
        ("/v1/recordings", b"\xff\xfe"),
        ("/v1/recordings", b"[" * 200_000),
        ("/v1/recordings", b"{}"),
        ("/v1/recordings", b'{"origin": 3}'),
        ("/v1/recordings", b'{"origin": "CN", "vehicle": ["LCARNET0000000017"]}'),
        ("/v1/decide", b'"LCARNET0000000017"'),
        ("/v1/decide", b'{"recording": {}, "receiver": "frankfurt"}'),
        (
            "/v1/decide",
            b'{"recording": "LCARNET0000000017", "receiver": "x", "activity": "a", "purpose": "p"}',
        ),
        ("/v1/decide", b'{"recording": "x", "receiver": "x", "activity": "a", "purpose": "p", "basis": 5}'),
        ("/v1/requests", b'{"recording": "rec-aaaaaaaaaaaaaaaaaaaaaaaaaa", "activity": "a"}'),
        ("/v1/requests/req-x/approve", b"{}"),
        ("/v1/requests/req-x/release", b""),
        ("/v1/requests/req-x/dance", b""),
        ("/v1/recordings/rec-x/redact", b'{"remove": 7}'),
        ("/v1/recordings/rec-x/redact", b'{"remove": ["everything"]}'),
        ("/v1/recordings/rec-x/redact", b'{"remove": ["faces"]}'),
        ("/v1/recordings/rec-x/describe", b""),
        ("/v1/recordings/rec-x/finish", b'{"contents": []}'),
        ("/v1/declarations", b"{}"),
        ("/v1/declarations", b'{"payloadType": 1, "payload": 2, "signatures": 3}'),
    ],
)
def test_a_body_of_the_wrong_form_is_a_clear_refusal(asked, capfd, path, body):
    for person in ("li", "wang", "zhou"):
        our_form(asked.ask("POST", path, body=body, person=person), 400, 403, 404, 409)
    log = capfd.readouterr()
    assert "Traceback" not in log.out + log.err
    assert VIN not in log.out + log.err


def test_a_signed_approval_or_declaration_of_another_form_is_a_clear_refusal(asked):
    from carnet.evidence.signing import seal_envelope

    for said in (
        b"{}",
        b"[]",
        b'{"predicate": []}',
        b"\xff",
        b'{"predicateType": 3, "predicate": {"time": 1}}',
    ):
        form = seal_envelope(said, asked.stage.people["wang"]).to_json()
        our_form(asked.ask("POST", "/v1/declarations", form, person="wang"), 400, 403, 409)


def test_what_is_no_id_does_not_come_into_the_ledger(asked):
    before = len(asked.desk.node.catalog.entries())
    for path in (
        f"/v1/recordings/{VIN}/sheets",
        f"/v1/requests/{VIN}",
        f"/v1/requests/{VIN}/dossier",
    ):
        our_form(asked.ask("GET", path), 400)
    assert len(asked.desk.node.catalog.entries()) == before


def test_a_body_beyond_the_limit_is_not_read(asked):
    big = b'{"origin": "' + b"x" * (9 << 20) + b'"}'
    our_form(asked.ask("POST", "/v1/recordings", body=big), 400)
    headers = asked.headers("POST", "/v1/recordings", big) | {"content-type": "application/json"}
    pieces = (big[at : at + 65536] for at in range(0, len(big), 65536))
    our_form(asked.http.post("/v1/recordings", content=pieces, headers=headers), 400)


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "a\\b", "..", ".", "", "a\nb", "x" * 256, "a\0", b"\xff\xfe"]
)
def test_a_name_that_is_no_name_of_a_file_is_refused(asked, name):
    our_form(asked.put(asked.begin(), b"x", name=name), 400)
    assert asked.stored() == []


@pytest.mark.parametrize("length", ["-1", "x", "1e9", "9" * 40, "999999999999999999"])
def test_a_length_that_is_none_or_cannot_be_kept_is_refused(asked, length):
    headers = {"carnet-bytes": length}
    our_form(asked.put(asked.begin(), b"x", **headers), 400, 500)
    assert asked.stored() == []


def test_what_did_not_arrive_as_announced_is_not_kept(asked):
    our_form(asked.put(asked.begin(), b"abc", **{"carnet-bytes": "4"}), 400)
    our_form(asked.put(asked.begin(), b""), 400)
    recording = asked.begin()
    asked.put(recording, b"abc")
    our_form(asked.ask("POST", f"/v1/recordings/{recording}/finish", {"contents": ["sha256:0"]}), 400)
    our_form(asked.ask("POST", f"/v1/recordings/{recording}/finish", {"contents": []}), 400)
    assert asked.stored() == []
    assert len(asked.desk.uploads) == 0


def test_an_upload_is_its_persons_alone(asked):
    recording = asked.begin()
    our_form(asked.put(recording, b"abc", person="wang"), 400)
    assert asked.put(recording, b"abc").status_code == 200


def test_a_client_that_dies_in_the_middle_leaves_nothing(asked, capfd):
    recording = asked.begin()
    assert asked.put(recording, speeds()).status_code == 200
    target = f"/v1/recordings/{recording}/objects"
    headers = asked.headers("PUT", target, None) | {"carnet-name": base64.b64encode(b"b.log").decode()}
    lines = [f"PUT {target} HTTP/1.1", "host: x", f"content-length: {8 << 20}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection(("127.0.0.1", asked.port)) as one:
        one.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + bytes(3 << 20))
    until = time.monotonic() + 20
    while asked.stored() or len(asked.desk.uploads):
        assert time.monotonic() < until, asked.stored()
        time.sleep(0.05)
    assert asked.desk.recordings.all() == []
    our_form(asked.put(recording, b"x"), 400)
    assert "Traceback" not in "".join(capfd.readouterr())


def test_uploads_that_nobody_goes_on_with_are_given_up(asked, monkeypatch):
    from datetime import timedelta

    recording = asked.begin()
    asked.put(recording, b"abc")
    assert len(asked.stored()) == 1
    monkeypatch.setattr(asked.desk.uploads, "_clock", lambda: now_utc() + timedelta(hours=2))
    asked.begin()
    assert asked.stored() == []
    for _ in range(63):
        asked.begin()
    our_form(asked.ask("POST", "/v1/recordings", {"origin": "CN"}), 403)


def test_a_fault_of_ours_shows_its_place_and_no_value(asked, monkeypatch, capfd):
    def fail(*_):
        raise RuntimeError(VIN)

    monkeypatch.setattr(asked.desk.movements, "decide", fail)
    form = our_form(
        asked.ask("POST", "/v1/decide", {"recording": "rec-" + "a" * 26} | UNDERTAKING.to_json()), 500
    )
    assert form["what"] == "a fault of ours: RuntimeError"
    log = "".join(capfd.readouterr())
    assert "RuntimeError in" in log
    assert VIN not in log
    assert "Traceback" not in log


def test_a_request_signed_before_the_node_began_is_refused(asked):
    from datetime import timedelta

    signed = signed_headers(
        "GET",
        "/v1/node",
        b"",
        person="li",
        signer=asked.stage.people["li"],
        now=now_utc() - timedelta(seconds=60),
    )
    our_form(asked.http.get("/v1/node", headers=signed), 403)

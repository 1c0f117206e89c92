"""The node's control interface: FastAPI on a loopback port, every request signed, every reading recorded.

It answers people inside the region. What it gives of recordings is the fact sheet and the inventory, never
bytes. Streams of an ingest are raw Starlette routes.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Body, Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from carnet import __version__
from carnet.errors import EXIT_CHECK_FAILED, EXIT_INPUT, EXIT_REFUSED, CarnetError, InputError, RefusedError
from carnet.evidence.signing import strict_base64
from carnet.evidence.statements import Kind, Subject, statement
from carnet.model.ids import Country, RecordingId, RequestId
from carnet.service.access import Access
from carnet.service.declarations import Declarations
from carnet.service.dossiers import export_dossier
from carnet.service.movements import Movements
from carnet.service.node import Node, Person
from carnet.service.recordings import Recordings
from carnet.service.uploads import Upload
from carnet.transfer.assemble import Undertaking
from carnet.transfer.request import Role, Step

_STATUS = {EXIT_INPUT: 400, EXIT_REFUSED: 403, EXIT_CHECK_FAILED: 409}
_SETTLE_S = 0.1
_LARGEST_BODY = 8 << 20

Form = Annotated[dict[str, Any], Body()]


async def _who(request: Request) -> Person:
    """Give who signed the request; its body was read whole and is covered by the signature."""
    if int(request.headers.get("content-length", "0")) > _LARGEST_BODY:
        raise InputError("the body is too large", remedy="recordings go through carnet ingest")
    body = await request.body()
    access: Access = request.app.state.desk.access
    return access.check(request.method, _target(request), request.headers, body)


Signed = Annotated[Person, Depends(_who)]


class Desk:
    """The jobs of one node, as the interface calls them."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.recordings = Recordings(node)
        self.declarations = Declarations(node)
        self.movements = Movements(node, self.recordings, self.declarations)
        self.access = Access(node.person, node.clock)
        self.uploads: dict[str, Upload] = {}

    def read(self, person: Person, what: str, subject: str) -> None:
        """Record a reading."""
        said = statement(
            Kind.READ, [Subject(subject, "0" * 64)], {"what": what}, actor=person.id, at=self.node.clock()
        )
        self.node.catalog.record(said)

    def start(self) -> None:
        """Take up what a crash left: settle receipts, sweep bytes that nothing names, resume hand-overs."""
        self.movements.settle()
        self.recordings.sweep()
        self.node.receiver.sweep()
        self.movements.sweep_outbox()
        try:
            self.movements.resume()
        except CarnetError as error:
            # What cannot be taken up stays where it is, with its intent in the ledger and nothing sent.
            print(f"carnet: a release waits: {error}", flush=True)  # noqa: T201 - the node's log


def error_answer(request: Request, error: Exception) -> JSONResponse:
    """Give a public error as JSON; anything else becomes a line that shows no value."""
    del request
    if isinstance(error, CarnetError):
        form = {
            "error": type(error).__name__,
            "code": error.code,
            "what": error.what,
            "where": error.where,
            "remedy": error.remedy,
        }
        return JSONResponse(form, _STATUS.get(error.exit_code, 500))
    form = {
        "error": "CarnetError",
        "code": "CAR-0000",
        "what": type(error).__name__,
        "where": None,
        "remedy": None,
    }
    return JSONResponse(form, 500)


def make_api(desk: Desk) -> FastAPI:
    """Make the control interface of a node."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        stop = threading.Event()
        settling = threading.Thread(target=_settle_until, args=(desk, stop), daemon=True)
        settling.start()
        yield
        stop.set()
        settling.join(timeout=5)

    api = FastAPI(title="carnet node", version=__version__, lifespan=lifespan)
    api.add_exception_handler(CarnetError, error_answer)
    api.add_exception_handler(Exception, error_answer)

    api.state.desk = desk

    @api.get("/v1/node")
    def about(person: Signed) -> dict[str, Any]:
        desk.read(person, "node", desk.node.config.name)
        lawbook = desk.node.lawbook.digest
        adopted = desk.declarations.adopted_lawbook(desk.movements.today())
        return {
            "name": desk.node.config.name,
            "region": desk.node.config.region,
            "version": __version__,
            "lawbook": lawbook,
            "adopted": adopted,
            "peers": sorted(desk.node.peers()),
            "checkpoint": desk.node.catalog.seal(),
        }

    @api.post("/v1/declarations")
    def declare(person: Signed, form: Form) -> dict[str, Any]:
        return {"declaration": desk.declarations.keep(form, person)}

    _recording_routes(api, desk)
    _movement_routes(api, desk)
    return api


def _recording_routes(api: FastAPI, desk: Desk) -> None:
    @api.post("/v1/recordings")
    def begin(person: Signed, form: Form) -> dict[str, Any]:
        _engineer(person)
        upload = desk.recordings.begin(Country(str(form["origin"])), form.get("vehicle"))
        desk.uploads[upload.id] = upload
        return {"recording": upload.id}

    @api.put("/v1/recordings/{recording}/objects")
    async def add(recording: str, request: Request) -> dict[str, Any]:
        _engineer(desk.access.check("PUT", _target(request), request.headers, None))
        upload = desk.uploads.get(recording)
        if upload is None:
            raise InputError("no such upload is open", remedy="begin again: carnet ingest")
        name = _sent_name(request)
        expected = int(request.headers.get("carnet-bytes", "-1"))
        feed = _StreamFeed()
        kept = run_in_threadpool(
            desk.recordings.add, upload, name, feed.read, None if expected < 0 else expected
        )
        written = await _both(feed, request, kept)
        return {"bytes": written.bytes, "content": written.content}

    @api.post("/v1/recordings/{recording}/finish")
    def finish(recording: str, person: Signed, form: Form) -> dict[str, Any]:
        _engineer(person)
        upload = desk.uploads.pop(recording, None)
        if upload is None:
            raise InputError("no such upload is open", remedy="begin again: carnet ingest")
        if form.get("contents") != [one.content for _, one in upload.items]:
            desk.recordings.give_up(upload)
            raise InputError("what arrived is not what was sent; nothing was kept", remedy="ingest it again")
        kept = desk.recordings.finish(upload, person.id)
        return {"recording": kept.id, "objects": len(kept.objects)}

    @api.post("/v1/recordings/{recording}/describe")
    def describe(recording: str, person: Signed) -> dict[str, Any]:
        _engineer(person)
        sheets = desk.recordings.describe(RecordingId(recording), person.id)
        return {"sheets": [one.to_json() for one in sheets]}

    @api.get("/v1/recordings")
    def inventory(person: Signed) -> dict[str, Any]:
        desk.read(person, "inventory", desk.node.config.name)
        return {"recordings": [_line(desk, one.id) for one in desk.recordings.all()]}

    @api.get("/v1/recordings/{recording}/sheets")
    def sheets(recording: str, person: Signed) -> dict[str, Any]:
        desk.read(person, "sheets", recording)
        return {"sheets": [one.to_json() for one in desk.recordings.sheets(RecordingId(recording))]}

    @api.post("/v1/recordings/{recording}/redact")
    def redact(recording: str, person: Signed, form: Form) -> dict[str, Any]:
        _engineer(person)
        made, reports = desk.recordings.redact(RecordingId(recording), form, person.id)
        row = desk.node.catalog.row("SELECT derivation FROM recordings WHERE id=?", (made.id,))
        derivation = {} if row is None else json.loads(row["derivation"])
        return {"recording": made.id, "derivation": derivation, "reports": reports}

    @api.post("/v1/recordings/{recording}/erase")
    def erase(recording: str, person: Signed) -> dict[str, Any]:
        if person.role is not Role.OFFICER:
            raise RefusedError("only an officer erases", remedy="ask her")
        desk.recordings.erase(RecordingId(recording), person.id)
        return {"erased": recording}


def _movement_routes(api: FastAPI, desk: Desk) -> None:
    @api.post("/v1/decide")
    def decide(person: Signed, form: Form) -> dict[str, Any]:
        recording, undertaking = _asked(form)
        desk.read(person, "decision", recording)
        movement, decision = desk.movements.decide(recording, undertaking)
        return {"movement": movement, "decision": decision.to_mapping()}

    @api.post("/v1/plan")
    def plan(person: Signed, form: Form) -> dict[str, Any]:
        recording, undertaking = _asked(form)
        desk.read(person, "plan", recording)
        options: dict[str, Any] = desk.movements.plan(recording, undertaking).to_mapping()
        return options

    @api.post("/v1/requests")
    def request(person: Signed, form: Form) -> dict[str, Any]:
        _engineer(person)
        recording, undertaking = _asked(form)
        return desk.movements.show(desk.movements.request(recording, undertaking, person))

    @api.get("/v1/requests/{identifier}")
    def show(identifier: str, person: Signed) -> dict[str, Any]:
        desk.read(person, "request", identifier)
        return desk.movements.show(RequestId(identifier))

    @api.get("/v1/requests")
    def every(person: Signed) -> dict[str, Any]:
        desk.read(person, "requests", desk.node.config.name)
        rows = desk.node.catalog.rows(
            "SELECT id, state, recording, requested_by FROM requests ORDER BY changed"
        )
        return {"requests": [dict(one) for one in rows]}

    @api.post("/v1/requests/{identifier}/approve")
    def approve(identifier: str, person: Signed, form: Form) -> dict[str, Any]:
        desk.movements.approve(RequestId(identifier), form, person)
        return desk.movements.show(RequestId(identifier))

    @api.post("/v1/requests/{identifier}/{step}")
    def take(identifier: str, step: str, person: Signed) -> dict[str, Any]:
        if step == Step.RELEASE.value:
            desk.movements.release(RequestId(identifier), person)
        elif step in {Step.REFUSE.value, Step.STOP.value}:
            desk.movements.end(RequestId(identifier), Step(step), person)
        else:
            raise InputError("there is no such step", remedy="approve, refuse, stop or release")
        return desk.movements.show(RequestId(identifier))

    @api.get("/v1/requests/{identifier}/dossier")
    def dossier(identifier: str, person: Signed) -> Response:
        desk.read(person, "dossier", identifier)
        data = export_dossier(desk.node, desk.movements, desk.declarations, RequestId(identifier))
        return Response(data, media_type="application/json")


def _asked(form: dict[str, Any]) -> tuple[RecordingId, Undertaking]:
    rest = dict(form)
    recording = RecordingId(str(rest.pop("recording", "")))
    return recording, Undertaking.from_json(rest)


def _engineer(person: Person) -> None:
    if person.role not in {Role.ENGINEER, Role.OFFICER}:
        raise RefusedError(f"the role {person.role.value} may not do this", remedy="ask an engineer")


def _line(desk: Desk, recording: RecordingId) -> dict[str, Any]:
    found = desk.recordings.get(recording)
    try:
        sheets = desk.recordings.sheets(recording)
    except RefusedError:  # not described yet
        sheets = ()
    return {
        "recording": recording,
        "origin": found.origin,
        "received": found.received.isoformat(),
        "bytes": sum(one.bytes for one in found.objects),
        "objects": len(found.objects),
        "derived_from": found.derived_from,
        "described": bool(sheets),
        "data": sorted({data for sheet in sheets for data in sheet.data}),
        "blocked": [one.reason for one in sheets if one.state.value == "blocked"],
    }


def _target(request: Request) -> str:
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")


def _sent_name(request: Request) -> str:
    try:
        return strict_base64(request.headers.get("carnet-name", "")).decode("utf-8")
    except ValueError as error:
        raise InputError("the file's name is not base64 of UTF-8", remedy="use carnet ingest") from error


def _settle_until(desk: Desk, stop: threading.Event) -> None:
    while not stop.wait(_SETTLE_S):
        try:
            desk.movements.settle()
        except CarnetError as error:
            print(f"carnet: a receipt waits: {error}", flush=True)  # noqa: T201 - the node's log
            stop.wait(5)


class _StreamFeed:
    """Bytes of a request's body, from the event loop to the thread that seals; bounded."""

    def __init__(self) -> None:
        self._queue: queue.Queue[bytes | None] = queue.Queue(64)
        self._held = memoryview(b"")
        self._ended = False
        self.broken = False

    def put(self, data: bytes | None) -> None:
        self._queue.put(data, timeout=60)

    def read(self, size: int) -> bytes:
        while not self._held and not self._ended:
            one = self._queue.get()
            if one is None:
                self._ended = True
                if self.broken:
                    raise InputError("the stream broke off; nothing was kept", remedy="ingest it again")
            else:
                self._held = memoryview(one)
        piece, self._held = bytes(self._held[:size]), self._held[size:]
        return piece


async def _both(feed: _StreamFeed, request: Request, kept: Any) -> Any:
    """Feed the body while the other thread seals it."""
    import asyncio

    sealing = asyncio.ensure_future(kept)
    try:
        async for chunk in request.stream():
            if sealing.done():
                break
            if chunk:
                await run_in_threadpool(feed.put, bytes(chunk))
    except BaseException:
        feed.broken = True
        raise
    finally:
        if not sealing.done():
            await run_in_threadpool(feed.put, None)
    return await sealing

"""The node's control interface: FastAPI on a loopback port, every request signed, every reading recorded.

It answers people inside the region. What it gives of recordings is the fact sheet and the inventory, never
bytes. Streams of an ingest are raw Starlette routes.
"""

from __future__ import annotations

import asyncio
import json
import queue
import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Body, Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from carnet import __version__
from carnet.deidentify.order import RedactionOrder
from carnet.errors import CarnetError, InputError, RefusedError
from carnet.evidence.signing import strict_base64
from carnet.evidence.statements import Kind, Subject, statement
from carnet.model.canonical import sha256_of
from carnet.model.ids import Country, RecordingId, RequestId
from carnet.service.access import Access
from carnet.service.arriving import Uploads
from carnet.service.declarations import Declarations
from carnet.service.dossiers import export_dossier
from carnet.service.guard import Guard, error_answer, place_of
from carnet.service.movements import Movements
from carnet.service.node import Node, Person
from carnet.service.place_lists import PlaceLists
from carnet.service.recordings import Recordings
from carnet.service.standing import Standing
from carnet.transfer.assemble import Undertaking
from carnet.transfer.request import Role, Step

_SETTLE_S = 0.1
_LARGEST_BODY = 8 << 20
_LONGEST_NUMBER = 18
_IDENTIFIER = re.compile(r"(rec|req)-[a-z2-7]{26}")

Form = Annotated[dict[str, Any], Body()]


async def _who(request: Request) -> Person:
    """Give who signed the request; its body was read whole and is covered by the signature."""
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
        self.standing = Standing(node, self.movements)
        self.access = Access(node.person, node.clock)
        self.uploads = Uploads(self.recordings, node.clock)

    def read(self, person: Person, what: str, subject: str) -> None:
        """Record a reading. The subject's digest is that of its name, for a reading has no bytes of its own.

        Raises:
            InputError: the subject is no id of ours: the ledger keeps no texts from outside.
        """
        if subject != self.node.config.name and not _IDENTIFIER.fullmatch(subject):
            raise InputError("this is no id", remedy="carnet inventory and carnet movement list show them")
        named = Subject(subject, sha256_of(subject.encode()).removeprefix("sha256:"))
        said = statement(Kind.READ, [named], {"what": what}, actor=person.id, at=self.node.clock())
        self.node.catalog.record(said)

    def adopted(self) -> bool:
        """Whether the lawbook that is wired is the one that the officer adopted."""
        return self.declarations.adopted_lawbook(self.movements.today()) == self.node.lawbook.digest

    def start(self) -> None:
        """Take up what a crash left: settle receipts, sweep bytes that nothing names, resume hand-overs."""
        self.movements.settle()
        if self.adopted():
            self.standing.pause(self.node.config.name)
        self.recordings.sweep()
        self.node.receiver.sweep()
        self.movements.sweep_outbox()
        try:
            self.movements.resume()
        except CarnetError as error:
            # What cannot be taken up stays where it is, with its intent in the ledger and nothing sent.
            print(f"carnet: a release waits: {error}", flush=True)  # noqa: T201 - the node's log


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

    # No pages about the interface: they would answer unsigned requests, and load scripts from elsewhere.
    api = FastAPI(
        title="carnet node",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    for kind in (CarnetError, HTTPException, RequestValidationError):
        api.add_exception_handler(kind, error_answer)
    api.add_middleware(Guard, limit=_LARGEST_BODY, streams=_streams)

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
        kept = desk.declarations.keep(form, person)
        # Another lawbook may be adopted by it: what stands under the old one waits where its answer is another.
        paused = desk.standing.pause(person.id) if desk.adopted() else ()
        return {"declaration": kept, "paused": [one.to_mapping() for one in paused]}

    @api.post("/v1/places")
    def keep_places(person: Signed, form: Form) -> dict[str, Any]:
        kept = PlaceLists(desk.node).keep(form.get("list"), person)
        return {"list": kept.id, "digest": kept.digest, "until": kept.until.isoformat()}

    @api.get("/v1/standing")
    def standing(person: Signed) -> dict[str, Any]:
        desk.read(person, "standing", desk.node.config.name)
        return {"changes": [one.to_mapping() for one in desk.standing.changes()]}

    _recording_routes(api, desk)
    _movement_routes(api, desk)
    return api


def _recording_routes(api: FastAPI, desk: Desk) -> None:
    @api.post("/v1/recordings")
    def begin(person: Signed, form: Form) -> dict[str, Any]:
        _engineer(person)
        vehicle = form.get("vehicle")
        if not isinstance(form.get("origin"), str) or not (vehicle is None or isinstance(vehicle, str)):
            raise InputError("say origin, and vehicle if it is known", remedy="use carnet ingest")
        upload = desk.recordings.begin(Country(form["origin"]), vehicle)
        desk.uploads.keep(upload, person.id)
        return {"recording": upload.id}

    @api.put("/v1/recordings/{recording}/objects")
    async def add(recording: str, request: Request) -> dict[str, Any]:
        person = desk.access.check("PUT", _target(request), request.headers, None)
        _engineer(person)
        with desk.uploads.using(recording, person.id) as upload:
            name, expected = _sent_name(request), _sent_bytes(request)
            feed = _StreamFeed()
            kept = run_in_threadpool(desk.recordings.add, upload, name, feed.read, expected)
            written = await _both(feed, request, kept)
        return {"bytes": written.bytes, "content": written.content}

    @api.post("/v1/recordings/{recording}/finish")
    def finish(recording: str, person: Signed, form: Form) -> dict[str, Any]:
        _engineer(person)
        with desk.uploads.using(recording, person.id) as upload:
            if form.get("contents") != [one.content for _, one in upload.items]:
                raise InputError(
                    "what arrived is not what was sent; nothing was kept", remedy="ingest it again"
                )
            kept = desk.recordings.finish(upload, person.id)
            desk.uploads.forget(recording)
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
        order = _order(form)
        made, reports = desk.recordings.redact(RecordingId(recording), order, person.id)
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
        elif step == Step.AGAIN.value:
            desk.standing.again(RequestId(identifier), person)
        elif step in {Step.REFUSE.value, Step.STOP.value}:
            desk.movements.end(RequestId(identifier), Step(step), person)
        else:
            raise InputError("there is no such step", remedy="approve, refuse, stop, again or release")
        return desk.movements.show(RequestId(identifier))

    @api.get("/v1/requests/{identifier}/dossier")
    def dossier(identifier: str, person: Signed) -> Response:
        desk.read(person, "dossier", identifier)
        data = export_dossier(desk.node, desk.movements, desk.declarations, RequestId(identifier))
        return Response(data, media_type="application/json")


def _asked(form: dict[str, Any]) -> tuple[RecordingId, Undertaking]:
    rest = dict(form)
    recording = RecordingId(str(rest.pop("recording", "")))
    try:
        return recording, Undertaking.from_json(rest)
    except TypeError as error:
        raise InputError("a part of the undertaking is not of its form", remedy="see the how-to") from error


def _order(form: dict[str, Any]) -> dict[str, Any]:
    """Give a redaction order back when it is one."""
    try:
        RedactionOrder.from_json(dict(form))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise InputError("this is no redaction order", remedy="use carnet redact") from error
    return form


def _streams(method: str, path: str) -> bool:
    return method == "PUT" and path.endswith("/objects")


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


def _sent_bytes(request: Request) -> int | None:
    text = request.headers.get("carnet-bytes")
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > _LONGEST_NUMBER:
        raise InputError("the announced length is no number of bytes", remedy="use carnet ingest")
    return int(text)


def _settle_until(desk: Desk, stop: threading.Event) -> None:
    while not stop.wait(_SETTLE_S):
        try:
            desk.movements.settle()
        except CarnetError as error:
            print(f"carnet: a receipt waits: {error}", flush=True)  # noqa: T201 - the node's log
            stop.wait(5)
        except Exception as error:  # noqa: BLE001 - this thread must not end: receipts would never be settled
            print(f"carnet: a receipt waits: {place_of(error)}", flush=True)  # noqa: T201 - the node's log
            stop.wait(5)


class _StreamFeed:
    """Bytes of a request's body, from the event loop to the thread that seals; bounded."""

    def __init__(self) -> None:
        self._queue: queue.Queue[bytes | None] = queue.Queue(64)
        self._held = memoryview(b"")
        self._ended = False
        self._stopped = threading.Event()
        self.broken = False

    def put(self, data: bytes | None) -> None:
        """Wait until there is room, or nobody reads any more."""
        while not self._stopped.is_set():
            try:
                self._queue.put(data, timeout=0.2)
            except queue.Full:
                continue
            return

    def stop(self) -> None:
        """Say that nobody reads any more."""
        self._stopped.set()

    def read(self, size: int) -> bytes:
        while not self._held and not self._ended:
            one = self._queue.get()
            if one is None:
                self._ended = True
            else:
                self._held = memoryview(one)
        if self.broken:
            raise InputError("the stream broke off; nothing was kept", remedy="ingest it again")
        piece, self._held = bytes(self._held[:size]), self._held[size:]
        return piece


async def _both(feed: _StreamFeed, request: Request, kept: Any) -> Any:
    """Feed the body while the other thread seals it; both have ended when this returns or raises."""
    sealing = asyncio.ensure_future(kept)
    sealing.add_done_callback(lambda _: feed.stop())
    try:
        async for chunk in request.stream():
            if sealing.done():
                break
            if chunk:
                await run_in_threadpool(feed.put, bytes(chunk))
    except ClientDisconnect:
        feed.broken = True
    except BaseException:
        feed.broken = True
        await _ended(feed, sealing)
        raise
    await run_in_threadpool(feed.put, None)
    return await sealing


async def _ended(feed: _StreamFeed, sealing: asyncio.Future[Any]) -> None:
    """Let the thread that seals end and undo what it wrote; what it raises is not the news."""
    await run_in_threadpool(feed.put, None)
    await asyncio.wait([sealing])
    if not sealing.cancelled():
        sealing.exception()

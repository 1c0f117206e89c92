"""A node's processes: the node itself with its two listeners, and the courier beside it.

The node listens on a loopback port for its people (signed requests) and on the transfer port for paired nodes
(TLS 1.3, client certificate required, only the certificates on paired cards are trusted). It opens no
connection at all: an audit hook refuses, and the courier is a process of its own that holds no vault key.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from carnet.errors import CarnetError, InputError, NodeError
from carnet.service.api import Desk, make_api
from carnet.service.guard import Guard, error_answer
from carnet.service.isolation import hide_memory, refuse_connections
from carnet.service.node import Node
from carnet.transfer.pairing import Card
from carnet.transfer.receiving import Receiver
from carnet.transfer.sealing import SEALED_SEGMENT

_PEER = "carnet.peer"
_COURIER_LOOK_S = 1.0
_LARGEST_PERMIT = 4 << 20


class PeerProtocol(H11Protocol):
    """HTTP over TLS that tells the application whose certificate is at the other end."""

    def connection_made(self, transport: Any) -> None:
        """Put the certificate's fingerprint where the application finds it."""
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        certificate = tls.getpeercert(binary_form=True) if tls is not None else None
        fingerprint = hashlib.sha256(certificate).hexdigest() if certificate else ""
        inner = self.app

        async def with_peer(scope: Any, receive: Any, send: Any) -> None:
            scope[_PEER] = fingerprint
            await inner(scope, receive, send)

        self.app = with_peer


def transfer_routes(receiver: Receiver) -> Starlette:
    """The receiving side's routes: state, permit, segments, completion."""

    def peer(request: Request) -> Card:
        return receiver.sender(str(request.scope.get(_PEER, "")))

    async def state(request: Request) -> JSONResponse:
        sender = peer(request)
        arrival = await run_in_threadpool(receiver.state, request.path_params["release"], sender)
        if arrival is None:
            return JSONResponse({"segments": {}}, 404)
        return JSONResponse({"segments": dict(arrival.segments)})

    async def permit(request: Request) -> JSONResponse:
        sender = peer(request)
        body = await _body(request, _LARGEST_PERMIT)
        try:
            form = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise InputError("the permit is no JSON", remedy="use the same release of carnet") from error
        arrival = await run_in_threadpool(
            receiver.accept_permit, request.path_params["release"], form, sender
        )
        return JSONResponse({"segments": dict(arrival.segments)})

    async def segment(request: Request) -> JSONResponse:
        sender = peer(request)
        body = await _body(request, SEALED_SEGMENT)
        path = request.path_params
        arrival = await run_in_threadpool(
            receiver.keep_segment, path["release"], path["number"], path["index"], body, sender
        )
        return JSONResponse({"segments": dict(arrival.segments)})

    async def complete(request: Request) -> JSONResponse:
        sender = peer(request)
        return JSONResponse(
            await run_in_threadpool(receiver.complete, request.path_params["release"], sender)
        )

    place = "/v1/releases/{release}"
    return Starlette(
        routes=[
            Route(place, state, methods=["GET"]),
            Route(f"{place}/permit", permit, methods=["PUT"]),
            Route(f"{place}/objects/{{number:int}}/segments/{{index:int}}", segment, methods=["PUT"]),
            Route(f"{place}/complete", complete, methods=["POST"]),
        ],
        exception_handlers={CarnetError: error_answer, HTTPException: error_answer},
        middleware=[Middleware(Guard, limit=_LARGEST_PERMIT, streams=lambda *_: False)],
    )


async def _body(request: Request, limit: int) -> bytes:
    """Read a body up to a limit; raises `InputError` beyond it."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise InputError("a body beyond the limit", remedy="use the same release of carnet")
    return bytes(data)


def _tls_config(app: Starlette, node: Node, authorities: Path) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=PeerProtocol,
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        ssl_certfile=node.config.keys / "tls.pem",
        ssl_keyfile=node.config.keys / "tls.key",
        ssl_ca_certs=str(authorities),
        ssl_cert_reqs=ssl.CERT_REQUIRED,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
    )
    config.load()
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_3
    return config


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()  # from here on nobody is turned away: who comes before the server runs waits
    except OSError as error:
        listener.close()
        raise NodeError(f"port {port} is taken", remedy="choose another in node.json") from error
    return listener


def serve(folder: Path, *, courier: bool = True) -> None:
    """Run a node until it is told to stop.

    Raises:
        NodeError: the folder is no node, or a port is taken.
    """
    node = Node(folder)
    with _alone(node.folder):
        _serve(node, courier=courier)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a node's folder for this process; raises `NodeError` when another one serves it."""
    with (folder / "serving.lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise NodeError(
                "another process serves this node", where=str(folder), remedy="stop that one first"
            ) from error
        yield


def _serve(node: Node, *, courier: bool) -> None:
    desk = Desk(node)
    hide_memory()
    refuse_connections(allow_processes=True)
    control, transfer = _listen(node.config.control_port), _listen(node.config.transfer_port)
    desk.start()
    node.write_courier_settings()
    with (
        _carrying(node) if courier else nullcontext(),
        tempfile.NamedTemporaryFile("w", suffix=".pem", dir=node.config.keys) as authorities,
    ):
        cards = list(node.peers().values())
        authorities.write("".join(card.certificate for card in cards) or node.card.certificate)
        authorities.flush()
        servers = [
            uvicorn.Server(
                uvicorn.Config(make_api(desk), log_level="warning", access_log=False, server_header=False)
            ),
            uvicorn.Server(_tls_config(transfer_routes(node.receiver), node, Path(authorities.name))),
        ]
        try:
            asyncio.run(_run(servers, [control, transfer], node.config.name))
        finally:
            node.close()


async def _run(servers: list[uvicorn.Server], listeners: list[socket.socket], name: str) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop)
    tasks: list[Awaitable[None]] = [
        _without_signals(server, listener) for server, listener in zip(servers, listeners, strict=True)
    ]
    sys.stdout.write(f"carnet node {name} listens\n")
    sys.stdout.flush()
    await asyncio.gather(*tasks)


async def _without_signals(server: uvicorn.Server, listener: socket.socket) -> None:
    """Serve without the server's own signal handling: two servers share this process."""
    await server._serve([listener])  # noqa: SLF001 - `serve` differs only by taking the signals


@contextmanager
def _carrying(node: Node) -> Iterator[None]:
    """Keep a courier running beside the node: one that dies is followed by another, and the log says so."""
    ended = threading.Event()
    first = _start_courier(node)

    def keep(process: subprocess.Popen[bytes]) -> None:
        while not ended.wait(_COURIER_LOOK_S):
            if process.poll() is not None:
                print(f"carnet: the courier ended with {process.returncode}; another starts", flush=True)  # noqa: T201 - the node's log
                process = _start_courier(node)
        process.terminate()
        process.wait(timeout=10)

    keeper = threading.Thread(target=keep, args=(first,), name="courier's keeper")
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()


def _start_courier(node: Node) -> subprocess.Popen[bytes]:
    """Start the courier as a process of its own, with nothing but its own folder's name."""
    command = [sys.executable, "-P", "-m", "carnet.transfer.courier", str(node.config.keys / "courier")]
    environment = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment)

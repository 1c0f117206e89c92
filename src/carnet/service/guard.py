"""What stands before every route: a limit on bodies, and no error that shows a value or a stack to anyone."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from carnet.errors import EXIT_CHECK_FAILED, EXIT_INPUT, EXIT_REFUSED, CarnetError, InputError

_STATUS = {EXIT_INPUT: 400, EXIT_REFUSED: 403, EXIT_CHECK_FAILED: 409}
_WHAT = {404: "there is nothing at this address", 405: "this address does not take this method"}

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def error_answer(request: Request | None, error: Exception) -> JSONResponse:
    """Give any error in the one form of ours: a public error as it is, anything else without its words."""
    del request
    status = None
    if isinstance(error, HTTPException):
        status = error.status_code
        error = InputError(
            _WHAT.get(status, "the request is not right"), remedy="use the same release of carnet"
        )
    elif isinstance(error, RequestValidationError):
        error = InputError("the body is no JSON object of the wanted form", remedy="use the command line")
    if isinstance(error, CarnetError):
        form = {
            "error": type(error).__name__,
            "code": error.code,
            "what": error.what,
            "where": error.where,
            "remedy": error.remedy,
        }
        return JSONResponse(form, status or _STATUS.get(error.exit_code, 500))
    form = {
        "error": "CarnetError",
        "code": "CAR-0000",
        "what": f"a fault of ours: {type(error).__name__}",
        "where": None,
        "remedy": "see the node's log, and report it",
    }
    return JSONResponse(form, 500)


def place_of(error: BaseException) -> str:
    """Say where an error came from: its kind and our innermost line, and none of its words."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [one for one in frames if "carnet" in Path(one.filename).parts] or frames
    place = f" in {ours[-1].name}, line {ours[-1].lineno}" if ours else ""
    return f"{type(error).__name__}{place}"


class Guard:
    """ASGI: refuses bodies beyond a limit, and ends every error here, so that no server prints it."""

    def __init__(self, app: Any, *, limit: int, streams: Callable[[str, str], bool]) -> None:
        """Stand before an application.

        Args:
            app: the application.
            limit: bytes that a body may have.
            streams: whether (method, path) takes a body without limit.
        """
        self._app = app
        self._limit = limit
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection's request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def sending(message: MutableMapping[str, Any]) -> None:
            nonlocal begun
            begun = True
            await send(message)

        limited = receive if self._streams(scope["method"], scope["path"]) else self._limited(receive)
        try:
            await self._app(scope, limited, sending)
        except Exception as error:  # noqa: BLE001 - the last place before a server would print it with its values
            if not isinstance(error, CarnetError):
                print(f"carnet: {scope['method']}: {place_of(error)}", flush=True)  # noqa: T201 - the node's log
            if not begun:
                await error_answer(None, error)(scope, receive, send)

    def _limited(self, receive: Receive) -> Receive:
        seen = 0

        async def counting() -> MutableMapping[str, Any]:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                raise InputError("the body is too large", remedy="recordings go through carnet ingest")
            return message

        return counting

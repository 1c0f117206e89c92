"""`carnet review`: a person looks at a sample of a redaction, by keyboard."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from carnet.errors import InputError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_SECRET_BYTES = 18


@app.command()
def review(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="The file or folder that was redacted.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="What carnet redact made of it.")],
    *,
    out: Annotated[
        Path, typer.Option("--output", "-o", help="The review; one that was begun goes on.")
    ] = Path("review.json"),
    reviewer: Annotated[str, typer.Option(help="Who looks.", envvar="CARNET_PERSON")] = "",
    frames: Annotated[int, typer.Option(help="How many frames to draw.")] = 300,
    manifest: Annotated[
        Path | None, typer.Option(help="The redaction's manifest; AFTER.manifest.json when not given.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Local port; 0: a free one.")] = 0,
) -> None:
    """Serve a page on this machine that shows frames before and after, and writes down what you say of them.

    Example: carnet review drive.mcap clean.mcap --reviewer "Lin Wei"
    """
    import uvicorn

    from carnet.service.reviewing import make_app, open_session

    if not out.parent.is_dir():
        raise InputError("there is no such folder", where=str(out.parent), remedy="make it first")
    session = open_session(before, after, out, reviewer=reviewer, frames=frames, manifest=manifest)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    config = uvicorn.Config(
        make_app(session, secret),
        host="127.0.0.1",
        port=port,
        log_level="error",
        access_log=False,
        server_header=False,
        lifespan="off",
    )

    class Server(uvicorn.Server):
        """A server that says where it listens."""

        async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override] # of sockets
            await super().startup(sockets)  # type: ignore[arg-type] # as above
            if self.servers:
                place = self.servers[0].sockets[0].getsockname()[1]
                sys.stdout.write(
                    f"{len(session.frames)} frames, {len(session.answers)} with an answer. Open this page; "
                    f"end with Ctrl-C.\nhttp://127.0.0.1:{place}/{secret}/\n"
                )
                sys.stdout.flush()

    Server(config).run()
    left = len(session.frames) - len(session.answers)
    sys.stdout.write(f"{out}: {len(session.answers)} answers, {left} frames left\n")

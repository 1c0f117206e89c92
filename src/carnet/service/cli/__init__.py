"""The command line: a table of commands, each loaded only when it is called.

A command is a module of this package with `app`, a `typer.Typer`. Only this table is read for
`carnet --help`, so that the help stands in well under 0.3 s whatever a command needs. Exit codes are those
of `docs/reference/commands.md`; every `CarnetError` becomes its message on standard error and its exit code.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

from carnet import __version__
from carnet.errors import EXIT_INPUT, EXIT_OURS, CarnetError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: dict[str, str] = {
    "scan": "What is in these files, in law.",
    "decide": "May this movement go? With findings, articles and duties.",
    "plan": "The least that must be taken out, or done, so that it may go.",
    "redact": "The same file format out, without the people.",
    "certify": "How much a redaction masked, measured in three ways.",
    "review": "Look at a sample of a redaction, by keyboard.",
    "places": "Check, sign and adopt a list of sensitive places.",
    "law": "Read, check and test the lawbook.",
    "node": "Make, pair and run a node.",
    "ingest": "Hash and seal a recording into a node's vault.",
    "inventory": "What a node holds, by legal class.",
    "movement": "Request, approve and release a movement.",
    "dossier": "Export a movement's dossier, or verify one offline.",
    "ledger": "Check a node's ledger against its checkpoint.",
    "demo": "Two nodes, one drive, one movement from request to verified dossier.",
}

EXTRAS: dict[str, str] = {
    **dict.fromkeys(("av", "cantools", "mcap", "rosbags", "simplejpeg"), "recordings"),
    **dict.fromkeys(("cv2", "openvino"), "vision"),
    **dict.fromkeys(("fastapi", "httpx", "starlette", "uvicorn"), "node"),
    "numpy": "recordings,vision",
    "pyarrow": "tables",
    "reportlab": "print",
}
"""Which extra brings which library: a command that misses one says so, wherever it was imported."""

_HEAD = """Usage: carnet COMMAND [OPTIONS] [ARGUMENTS]

Keep vehicle data in its country; let across the border what the law of both
sides allows, with proof.

Commands:
"""
_TAIL = """
Options:
  --version   Show the version.
  -h, --help  Show this message; `carnet COMMAND --help` for one command.

Example: carnet decide movement.yaml --json
"""


def _help() -> str:
    width = max(map(len, COMMANDS))
    return _HEAD + "".join(f"  {name:<{width}}  {text}\n" for name, text in COMMANDS.items()) + _TAIL


def _run(name: str, arguments: Sequence[str]) -> None:
    import typer.main

    module = importlib.import_module(f"carnet.service.cli.{name}")
    # Not `app()`: that would install a traceback printer, and tracebacks must not show values.
    try:
        typer.main.get_command(module.app).main(args=list(arguments), prog_name=f"carnet {name}")
    finally:
        sys.stdout.flush()  # a full disk behind it is told here, and not by the interpreter's end


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with the exit code of the contract."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in {"-h", "--help"}:
        sys.stdout.write(_help())
        sys.exit(0)
    if words[0] == "--version":
        sys.stdout.write(f"carnet {__version__}\n")
        sys.exit(0)
    name, rest = words[0], words[1:]
    if name not in COMMANDS:
        sys.stderr.write(f"carnet has no command of that name. It has: {', '.join(COMMANDS)}.\n")
        sys.exit(EXIT_INPUT)
    try:
        try:
            _run(name, rest)
        except ModuleNotFoundError as error:
            extra = EXTRAS.get((error.name or "").partition(".")[0])
            if extra is None:
                raise
            raise MissingExtraError(
                f"this command needs the library {error.name}", remedy=f"pip install 'carnet[{extra}]'"
            ) from error
    except CarnetError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stdout = None  # nobody reads it any more, and the interpreter must not flush it
        sys.exit(EXIT_OURS)
    except OSError as error:
        place = f" {error.filename}:" if error.filename else ""
        sys.stderr.write(f"CAR-1002{place} {error.strerror or 'it cannot be read or written'}\n")
        sys.exit(EXIT_INPUT)

"""`carnet ledger`: check a node's ledger against its checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from carnet.service.cli.session import AsJson, print_json, say

app = typer.Typer(
    help="Check a node's ledger against its checkpoints.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def ledger() -> None:
    """Check a node's ledger against its checkpoints."""


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="The node's folder.")], as_json: AsJson = False
) -> None:
    """Hash the whole ledger anew; exit 6 when it is not what was signed. Example: carnet ledger verify shanghai"""
    from carnet.service.node import Node

    node = Node(folder)
    try:
        entries = node.catalog.verify()
        note = node.catalog.seal()
    finally:
        node.close()
    if as_json:
        print_json({"ledger": "v1", "entries": entries, "checkpoint": note})
    else:
        say(f"{entries} entries are what their checkpoints say")

"""`carnet ingest`: hash and seal a recording into a node's vault, and describe it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from carnet.errors import InputError
from carnet.service.cli.session import (
    AsJson,
    KeyFile,
    NodeFolder,
    PersonName,
    open_client,
    print_json,
    say,
    walk_files,
)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="The files of one recording, or one folder of them.")],
    node: NodeFolder,
    person: PersonName,
    key: KeyFile,
    origin: Annotated[str, typer.Option(help="Country where it was recorded, such as CN.")],
    vehicle: Annotated[
        str | None, typer.Option(help="Any stable label of the vehicle; kept as a keyed token.")
    ] = None,
    describe: Annotated[bool, typer.Option(help="Classify it right away.")] = True,
    as_json: AsJson = False,
) -> None:
    """Hash and seal a recording into a node's vault. Example: carnet ingest drive/ --origin CN --node shanghai …"""
    files = files_of(paths)
    with open_client(node, person, key) as client:
        kept = client.ingest(files, origin, vehicle)
        sheets = client.call("POST", f"/v1/recordings/{kept['recording']}/describe") if describe else None
    if as_json:
        print_json({**kept, **(sheets or {})})
        return
    say(f"{kept['recording']}: {kept['objects']} files sealed" + ("" if sheets is None else " and described"))


def files_of(paths: list[Path]) -> list[Path]:
    """Give the files of a recording; raises `InputError` for a missing path or an empty folder."""
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise InputError("there is no such file", where=str(path), remedy="check the path")
        files += walk_files(path) if path.is_dir() else [path]
    for one in files:
        if not one.is_file():
            raise InputError("it is no regular file", where=str(one), remedy="leave it out")
    if not files:
        raise InputError("there are no files in it", where=str(paths[0]), remedy="check the path")
    return files

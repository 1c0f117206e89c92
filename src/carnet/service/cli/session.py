"""Options that the commands with a node share: which node, who is asking, with which key."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carnet.errors import InputError, MissingExtraError
from carnet.evidence.signing import Signer

if TYPE_CHECKING:
    from carnet.service.client import Client

NodeFolder = Annotated[Path, typer.Option("--node", envvar="CARNET_NODE", help="The node's folder.")]
PersonName = Annotated[
    str, typer.Option("--person", envvar="CARNET_PERSON", help="Who you are at this node.")
]
KeyFile = Annotated[Path, typer.Option("--key", envvar="CARNET_KEY", help="Your private key file.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def passphrase() -> bytes | None:
    """Give the passphrase of a key: from CARNET_PASSPHRASE, or asked for on a terminal; empty is none."""
    text = os.environ.get("CARNET_PASSPHRASE")
    if text is None and sys.stdin.isatty():
        import getpass

        text = getpass.getpass("Passphrase of your key (empty for none): ")
    return text.encode("utf-8") if text else None


@contextmanager
def open_client(node: Path, person: str, key: Path) -> Iterator[Client]:
    """Open a signed connection to the node; raises `MissingExtraError` without the node's extra."""
    try:
        from carnet.service.client import Client
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "a node needs the extra 'node'", remedy="pip install 'carnet[recordings,vision,node]'"
        ) from error
    client = Client(node, person, Signer.load(key, passphrase()))
    try:
        yield client
    finally:
        client.close()


def print_json(value: Any) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def say(text: str) -> None:
    """Print a line for a person."""
    sys.stdout.write(text + "\n")


def read_form(path: Path) -> Any:
    """Read a YAML or JSON file; `-` is standard input. Raises `InputError` for anything else."""
    import yaml

    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
        return yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(
            "the file cannot be read as YAML or JSON", where=str(path), remedy="see --help"
        ) from error


def walk_files(folder: Path) -> list[Path]:
    """Give every file below a folder, links too, sorted; raises `InputError` for a folder that cannot be opened.

    A folder left out without a word would be data that nobody answered for.
    """

    def refuse(error: OSError) -> None:
        raise InputError(
            f"a folder cannot be opened: {error.strerror}",
            where=str(error.filename),
            remedy="give the right to read it, or leave it out by name",
        ) from error

    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=refuse):
        here = Path(place)
        found += [here / name for name in names]
        # A link to a folder stands among the folders, and is not walked.
        found += [here / name for name in folders if (here / name).is_symlink()]
    # By their parts, as paths are compared, which are kept for the next who asks.
    return sorted(found, key=lambda one: one.parts)

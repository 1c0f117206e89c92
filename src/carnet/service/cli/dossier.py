"""`carnet dossier`: export a movement's dossier, or verify one offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from carnet.errors import DossierError, UnreadableError
from carnet.evidence.signing import PublicKey
from carnet.service.cli.session import (
    AsJson,
    KeyFile,
    NodeFolder,
    PersonName,
    open_client,
    print_json,
    read_form,
    say,
)

app = typer.Typer(
    help="Export a movement's dossier, or verify one offline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def export(
    identifier: Annotated[str, typer.Argument(help="The request's id.")],
    output: Annotated[Path, typer.Option(help="The file to write.")],
    node: NodeFolder,
    person: PersonName,
    key: KeyFile,
) -> None:
    """Write the dossier of a released movement. Example: carnet dossier export req-… --output movement.dossier …"""
    from carnet.transfer.courier import write_whole

    with open_client(node, person, key) as client:
        data = client.raw(f"/v1/requests/{identifier}/dossier")
    write_whole(output, data)
    say(f"{output}: {len(data):,} bytes")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="The dossier.")],
    card: Annotated[Path | None, typer.Option(help="The sending node's hand-over card.")] = None,
    receiver_card: Annotated[Path | None, typer.Option(help="The receiving node's card.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a dossier offline, in numbered steps; exit 6 when one fails.

    Example: carnet dossier verify movement.dossier --card shanghai.card.json
    """
    from carnet.service.offline import check_dossier

    try:
        data = file.read_bytes()
    except OSError as error:
        raise UnreadableError(
            "the dossier cannot be read", where=str(file), remedy="check the path"
        ) from error
    results = check_dossier(data, node=_key(card), receiver=_key(receiver_card))
    if as_json:
        steps = [{"step": r.number, "name": r.name, "passed": r.passed, "says": r.says} for r in results]
        print_json({"verify": "v1", "passed": all(r.passed for r in results), "steps": steps})
    else:
        for r in results:
            say(f"{r.number:>3}  {'ok    ' if r.passed else 'FAILED'}  {r.name:<13} {r.says}")
    failed = next((r for r in results if not r.passed), None)
    if failed is not None:
        raise DossierError(
            f"step {failed.number} ({failed.name}) fails: {failed.says}",
            remedy="do not rely on it; ask the node for the dossier again and compare",
        )


def _key(path: Path | None) -> PublicKey | None:
    if path is None:
        return None
    from carnet.transfer.pairing import read_card

    return read_card(read_form(path)).signing_key

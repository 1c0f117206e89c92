"""`carnet places`: check, sign and adopt a list of sensitive places. No coordinate of it is ever printed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from carnet.errors import InputError
from carnet.evidence.signing import Signer
from carnet.model.canonical import canonical_json
from carnet.model.place_list import KINDS, PlaceList, read_place_list
from carnet.service.cli.session import (
    KeyFile,
    NodeFolder,
    PersonName,
    open_client,
    passphrase,
    read_form,
    say,
)
from carnet.service.place_signing import read_list_file, sign_list

app = typer.Typer(
    help="Check, sign and adopt a list of sensitive places.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ListFile = Annotated[Path, typer.Argument(metavar="LIST", help="YAML or JSON: sensitive_places v1.")]


@app.command()
def check(file: ListFile) -> None:
    """Say whether a list is of its form, and what it names. Example: carnet places check places.yaml"""
    made, _ = read_place_list(read_list_file(file), str(file))
    say(_about(made))


@app.command()
def sign(
    file: ListFile,
    person: PersonName,
    key: KeyFile,
    output: Annotated[Path, typer.Option(help="The signed file to write; it must not be there yet.")],
) -> None:
    """Sign a list as the officer who answers for it. Example: carnet places sign places.yaml --output places.signed

    The signed file holds the whole list: keep it as secret as the list.
    """
    source = str(file)
    text = read_list_file(file)
    made, _ = read_place_list(text, source)
    envelope = sign_list(text, source, person, Signer.load(key, passphrase()), datetime.now(UTC))
    try:
        with output.open("xb") as written:
            output.chmod(0o600)
            written.write(canonical_json(envelope.to_json()))
    except OSError as error:
        raise InputError(
            f"the signed list cannot be written: {error.strerror}",
            where="--output",
            remedy="name a file that is not there yet",
        ) from error
    say(_about(made))


@app.command()
def adopt(
    file: Annotated[Path, typer.Argument(metavar="SIGNED", help="What `carnet places sign` wrote.")],
    node: NodeFolder,
    person: PersonName,
    key: KeyFile,
) -> None:
    """Hand a signed list in at a node and declare it, as its officer. Example: carnet places adopt places.signed

    From then on it is used for every recording that is described; what was described before is to be described again.
    """
    with open_client(node, person, key) as client:
        kept = client.adopt_places(read_form(file))
    say(
        f"adopted: {kept['list']}, until {kept['until']}; describe recordings again: carnet inventory --again"
    )


def _about(made: PlaceList) -> str:
    counts = Counter(one.kind for one in made.places)
    named = ", ".join(f"{counts[one]} {one}" for one in KINDS if counts[one]) or "no place"
    ground = "the whole region" if not made.covers else f"{len(made.covers)} areas"
    complete = ", ".join(made.complete_for) or "no kind"
    return (
        f"{made.mark}: {named}; region {made.region}, {made.datum}, from {made.since} until {made.until}\n"
        f"  complete for {complete}, in {ground}; cameras show them from {made.seen_within_m:.0f} m"
    )

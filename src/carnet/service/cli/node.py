"""`carnet node`: make, pair and run a node; its people and what its officer declares."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from carnet.errors import CatalogError, InputError
from carnet.evidence.signing import Signer
from carnet.model.ids import Country
from carnet.service.cli.session import (
    AsJson,
    KeyFile,
    NodeFolder,
    PersonName,
    open_client,
    passphrase,
    print_json,
    read_form,
    say,
)

app = typer.Typer(
    help="Make, pair and run a node.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Folder = Annotated[Path, typer.Argument(help="The node's folder.")]


@app.command()
def init(
    folder: Folder,
    region: Annotated[str, typer.Option(help="Country whose data stay here, such as CN.")],
    name: Annotated[str, typer.Option(help="The node's name, such as shanghai.")],
    operator: Annotated[
        Path | None, typer.Option(help="YAML: the legal person that runs it, as a movement's exporter.")
    ] = None,
    keys: Annotated[Path | None, typer.Option(help="Folder of its keys (default: FOLDER.keys).")] = None,
    control_port: Annotated[int, typer.Option(help="Loopback port for its people.")] = 7401,
    transfer_port: Annotated[int, typer.Option(help="Port for paired nodes (mutual TLS).")] = 7402,
    lawbook: Annotated[Path | None, typer.Option(help="Another lawbook folder.")] = None,
    company: Annotated[
        Path | None, typer.Option(help="A folder with the company's own rules, which may only tighten.")
    ] = None,
) -> None:
    """Make a node. Example: carnet node init shanghai --region CN --name shanghai"""
    from carnet.service.node import NodeConfig, make_node

    place = (keys or folder.with_name(folder.name + ".keys")).resolve()
    form: dict[str, Any] = {"established_in": region} if operator is None else dict(read_form(operator))
    config = NodeConfig(name, Country(region), form, control_port, transfer_port, place, lawbook, company)
    make_node(folder, config)
    say(f"node {name} (region {region}) is in {folder}; its keys are in {place}: keep them apart from it")


@app.command()
def key(path: Annotated[Path, typer.Argument(help="Where to write your private key.")]) -> None:
    """Make a signing key for a person and print its public part.

    Its passphrase comes from CARNET_PASSPHRASE or is asked for. Example: carnet node key ~/zhou.key
    """
    signer = Signer.generate()
    signer.save(path, passphrase())
    say(signer.public.to_text())


@app.command()
def person(
    folder: Folder,
    name: Annotated[str, typer.Argument(help="The person's name at this node.")],
    role: Annotated[str, typer.Option(help="engineer, approver, officer or auditor.")],
    public_key: Annotated[str, typer.Option(help="What `carnet node key` printed.")],
) -> None:
    """Register somebody who signs. Example: carnet node person shanghai zhou --role approver --public-key …"""
    from carnet.service.node import Node

    node = Node(folder)
    try:
        made = node.register(name, role, public_key)
    finally:
        node.close()
    say(f"{made.id} is registered as {made.role.value}")


@app.command()
def card(folder: Folder, output: Annotated[Path, typer.Option(help="The hand-over file to write.")]) -> None:
    """Write this node's hand-over card. Example: carnet node card shanghai --output shanghai.card.json"""
    from carnet.service.node import Node

    node = Node(folder)
    try:
        output.write_text(json.dumps(node.card.to_json(node.signer), indent=1), "utf-8")
        say(f"fingerprint {node.card.fingerprint}")
    finally:
        node.close()


@app.command()
def pair(folder: Folder, other: Annotated[Path, typer.Argument(help="The other node's card.")]) -> None:
    """Learn another node's card; compare the fingerprint by telephone. The node takes it up when it starts.

    Example: carnet node pair shanghai frankfurt.card.json
    """
    from carnet.service.node import Node

    node = Node(folder)
    try:
        paired = node.pair(read_form(other))
    finally:
        node.close()
    say(f"paired with {paired.name} (region {paired.region}); fingerprint {paired.fingerprint}")


@app.command()
def serve(folder: Folder) -> None:
    """Run a node and its courier until stopped. Example: carnet node serve shanghai"""
    from carnet.service.serve import serve as run

    run(folder)


@app.command()
def declare(
    file: Annotated[Path, typer.Argument(help="YAML: kind, body, until; or a list of such.")],
    node: NodeFolder,
    person: PersonName,
    key: KeyFile,
) -> None:
    """Sign a declaration as the officer and hand it in. Example: carnet node declare facts.yaml --node shanghai …"""
    from carnet.service.declarations import declaration

    forms = read_form(file)
    with open_client(node, person, key) as client:
        for form in forms if isinstance(forms, list) else [forms]:
            if not isinstance(form, dict) or set(form) - {"kind", "body", "until"}:
                raise InputError(
                    "a declaration has kind, body and until", where=str(file), remedy="see the how-to"
                )
            until = form.get("until")
            try:
                day = date.fromisoformat(str(until)) if until is not None else None
            except ValueError as error:
                raise InputError(
                    "until is no day", where=str(file), remedy="write it as 2027-01-31"
                ) from error
            made = declaration(str(form.get("kind")), dict(form.get("body") or {}), until=day)
            say(f"declared: {made['kind']}  {client.declare(made)['declaration']}")


@app.command()
def adopt(
    node: NodeFolder,
    person: PersonName,
    key: KeyFile,
    check: Annotated[
        bool, typer.Option("--check", help="Only say which standing movements would get another answer.")
    ] = False,
) -> None:
    """Adopt, as the officer, the lawbook that this node has. Example: carnet node adopt --node shanghai …

    Standing movements whose answer is another under it are paused until they are decided again.
    """
    from carnet.service.declarations import declaration

    with open_client(node, person, key) as client:
        digest = client.call("GET", "/v1/node")["lawbook"]
        changes = (
            client.call("GET", "/v1/standing")["changes"]
            if check
            else client.declare(declaration("lawbook", {"digest": digest}))["paused"]
        )
    if not check:
        say(f"adopted the lawbook {digest}")
    elif not changes:
        say("no standing movement gets another answer")
    for one in changes:
        was, now = one["was"]["verdict"], one["now"]["verdict"]
        what = f"{was}, now {now}" if was != now else f"{was} as before, and something else is asked for"
        say(f"{one['request']}: {what}" + ("" if check else "; paused: carnet movement again"))


@app.command()
def show(node: NodeFolder, person: PersonName, key: KeyFile, as_json: AsJson = False) -> None:
    """Show a running node. Example: carnet node show --node shanghai --person li --key li.key"""
    with open_client(node, person, key) as client:
        about = client.call("GET", "/v1/node")
    if as_json:
        print_json(about)
        return
    adopted = "adopted" if about["adopted"] == about["lawbook"] else "NOT adopted"
    say(f"node {about['name']}, region {about['region']}, carnet {about['version']}")
    say(f"lawbook {about['lawbook']} ({adopted}); paired with {', '.join(about['peers']) or 'nobody'}")


@app.command()
def upgrade(
    folder: Folder, check: Annotated[bool, typer.Option("--check", help="Only say whether it opens.")] = False
) -> None:
    """Say whether this release opens the node's stored formats. Example: carnet node upgrade shanghai --check"""
    from carnet.catalog.schema import FORMAT
    from carnet.service.node import Node

    node = Node(folder)
    try:
        entries = node.catalog.verify()
    finally:
        node.close()
    if not check:
        raise CatalogError("there is only one format so far: nothing to upgrade", remedy="use --check")
    say(f"format {FORMAT}: this release opens it; {entries} ledger entries check out")

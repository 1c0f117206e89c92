"""`carnet movement`: request, show, approve, release, stop; and what the law says before anybody asks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from carnet.errors import PeerError
from carnet.model.ids import RequestId
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
    help="Request, approve and release a movement.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Identifier = Annotated[str, typer.Argument(help="The request's id.")]
Recording = Annotated[str, typer.Argument(help="The recording's id.")]
Receiver = Annotated[str, typer.Option("--to", help="Name of the paired node that is to receive it.")]
Activity = Annotated[str, typer.Option(help="Activity, in the words of the movement document.")]
Purpose = Annotated[str, typer.Option(help="What it is for.")]


def _summary(shown: dict[str, Any]) -> None:
    decision = shown["decision"]
    say(f"{shown['request']}: {shown['state']}; asked by {shown['requested_by']}")
    if shown["approved_by"]:
        say(f"approved by {shown['approved_by']}")
    say(f"the law says: {decision['verdict']} {' or '.join(decision['routes'])}".rstrip())
    if shown["refused"]:
        say(f"not delivered: refused by the {shown['refused']['by']}: {shown['refused']['why']}")


@app.command()
def decide(
    recording: Recording,
    to: Receiver,
    activity: Activity,
    purpose: Purpose,
    node: NodeFolder,
    person: PersonName,
    key: KeyFile,
) -> None:
    """Print movement and decision for a recording, from the catalog. Example: carnet movement decide rec-… --to …"""
    form = {"recording": recording, "receiver": to, "activity": activity, "purpose": purpose}
    with open_client(node, person, key) as client:
        print_json(client.call("POST", "/v1/decide", form))


@app.command()
def plan(
    recording: Recording,
    to: Receiver,
    activity: Activity,
    purpose: Purpose,
    node: NodeFolder,
    person: PersonName,
    key: KeyFile,
) -> None:
    """Print the least that must be taken out, or done. Example: carnet movement plan rec-… --to frankfurt …"""
    form = {"recording": recording, "receiver": to, "activity": activity, "purpose": purpose}
    with open_client(node, person, key) as client:
        print_json(client.call("POST", "/v1/plan", form))


@app.command()
def redact(
    recording: Recording,
    order: Annotated[Path, typer.Argument(help="YAML: what to take out (remove, drop, trim_head_s …).")],
    node: NodeFolder,
    person: PersonName,
    key: KeyFile,
) -> None:
    """Make a new recording without what the order takes out. Example: carnet movement redact rec-… order.yaml …"""
    with open_client(node, person, key) as client:
        made = client.call("POST", f"/v1/recordings/{recording}/redact", read_form(order))
    say(made["recording"])


@app.command()
def request(
    recording: Recording,
    to: Receiver,
    activity: Activity,
    purpose: Purpose,
    node: NodeFolder,
    person: PersonName,
    key: KeyFile,
    title: Annotated[str, typer.Option(help="A title for people.")] = "",
    as_json: AsJson = False,
) -> None:
    """Ask for a movement. Example: carnet movement request rec-… --to frankfurt --activity driving_automation …"""
    form = {
        "recording": recording,
        "receiver": to,
        "activity": activity,
        "purpose": purpose,
        "title": title,
    }
    with open_client(node, person, key) as client:
        shown = client.call("POST", "/v1/requests", form)
    print_json(shown) if as_json else _summary(shown)


@app.command()
def show(
    node: NodeFolder,
    person: PersonName,
    key: KeyFile,
    identifier: Annotated[str | None, typer.Argument(help="The request's id; without it, all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a request, or list all. Example: carnet movement show req-… --node shanghai …"""
    with open_client(node, person, key) as client:
        if identifier is None:
            found = client.call("GET", "/v1/requests")
            if as_json:
                print_json(found)
            for one in [] if as_json else found["requests"]:
                say(f"{one['id']}  {one['state']:<10}  {one['recording']}  {one['requested_by']}")
            return
        shown = client.call("GET", f"/v1/requests/{identifier}")
    print_json(shown) if as_json else _summary(shown)


@app.command()
def approve(identifier: Identifier, node: NodeFolder, person: PersonName, key: KeyFile) -> None:
    """Approve a request, with your own key. Example: carnet movement approve req-… --person zhou --key zhou.key"""
    with open_client(node, person, key) as client:
        seen = client.call("GET", f"/v1/requests/{identifier}")
        _summary(client.approve(RequestId(identifier), seen))


@app.command()
def refuse(identifier: Identifier, node: NodeFolder, person: PersonName, key: KeyFile) -> None:
    """Refuse a request. Example: carnet movement refuse req-… --person zhou --key zhou.key"""
    _take(identifier, "refuse", node, person, key)


@app.command()
def stop(identifier: Identifier, node: NodeFolder, person: PersonName, key: KeyFile) -> None:
    """Stop a request that has not been released. Example: carnet movement stop req-… --person li --key li.key"""
    _take(identifier, "stop", node, person, key)


@app.command()
def again(identifier: Identifier, node: NodeFolder, person: PersonName, key: KeyFile) -> None:
    """Decide a movement again that a change of law paused. Example: carnet movement again req-… --person li …"""
    _take(identifier, "again", node, person, key)


@app.command()
def release(
    identifier: Identifier,
    node: NodeFolder,
    person: PersonName,
    key: KeyFile,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the receipt.")] = 60.0,
) -> None:
    """Let an approved movement go, through the gate. Example: carnet movement release req-… --node shanghai …"""
    with open_client(node, person, key) as client:
        shown = client.call("POST", f"/v1/requests/{identifier}/release")
        until = time.monotonic() + wait
        while shown["state"] == "releasing" and not shown["refused"] and time.monotonic() < until:
            time.sleep(0.2)
            shown = client.call("GET", f"/v1/requests/{identifier}")
    _summary(shown)
    if shown["state"] != "released":
        raise PeerError(
            "the receiver has not signed yet",
            remedy="nothing is lost: the courier goes on trying; look again with carnet movement show",
        )


def _take(identifier: str, step: str, node: Path, person: str, key: Path) -> None:
    with open_client(node, person, key) as client:
        _summary(client.call("POST", f"/v1/requests/{identifier}/{step}"))

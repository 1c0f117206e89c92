"""`carnet inventory`: what a node holds, by legal class."""

from __future__ import annotations

from typing import Annotated

import typer

from carnet.service.cli.session import AsJson, KeyFile, NodeFolder, PersonName, open_client, print_json, say

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def inventory(
    node: NodeFolder,
    person: PersonName,
    key: KeyFile,
    as_json: AsJson = False,
    again: Annotated[
        bool, typer.Option("--again", help="First describe every recording again, as after adopting a list.")
    ] = False,
) -> None:
    """List what a node holds. Example: carnet inventory --node shanghai --person li --key li.key"""
    with open_client(node, person, key) as client:
        if again:
            for one in client.call("GET", "/v1/recordings")["recordings"]:
                client.call("POST", f"/v1/recordings/{one['recording']}/describe")
        found = client.call("GET", "/v1/recordings")
    if as_json:
        print_json(found)
        return
    for one in found["recordings"]:
        derived = f"  from {one['derived_from']}" if one["derived_from"] else ""
        say(
            f"{one['recording']}  {one['origin']}  {one['bytes']:>14,} bytes  {one['objects']} files{derived}"
        )
        say(f"    {', '.join(one['data']) or ('nothing found' if one['described'] else 'not described yet')}")
        for reason in one["blocked"]:
            say(f"    blocked: {reason}")
    if not found["recordings"]:
        say("nothing yet: carnet ingest")

"""`carnet demo`: two nodes, one drive, one movement from request to verified dossier."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from carnet.errors import InputError, MissingExtraError
from carnet.service.cli.session import read_form

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_SCRIPT = Path("samples/demo.yaml")
_MARK = "carnet-demo"


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where everything is put; replaced if a demo made it.")] = Path(
        ".demo"
    ),
    script: Annotated[
        Path, typer.Option(help="Who moves what, why, and what the officer declares.")
    ] = _SCRIPT,
    recording: Annotated[Path | None, typer.Option(help="Another file or folder than the script's.")] = None,
    sender: Annotated[str, typer.Option(help="Sending node, as NAME:REGION.")] = "shanghai:CN",
    receiver: Annotated[str, typer.Option(help="Receiving node, as NAME:REGION.")] = "frankfurt:DE",
) -> None:
    """Show the main job, end to end, with real nodes. Example: carnet demo --folder /tmp/demo"""
    try:
        from carnet.service.demo import tell_drive
        from carnet.service.story import Cast, Script, Story
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "the demonstration needs every extra", remedy="pip install 'carnet[all]'"
        ) from error
    if not script.is_file():
        raise InputError(
            "the demonstration's script is not there",
            where=str(script),
            remedy="run it from the folder of the source, or name a script",
        )
    form = read_form(script)
    if folder.exists():
        if not (folder / _MARK).is_file():
            raise InputError("the folder was not made by a demo", where=str(folder), remedy="choose another")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _MARK).write_text("made by carnet demo; may be removed\n", "utf-8")
    (sender_name, sender_region), (receiver_name, receiver_region) = _node(sender), _node(receiver)
    cast = Cast(sender_name, sender_region, receiver_name, receiver_region)
    form["exporter"] = _seated(form["exporter"], sender_name, sender_region)
    form["recipient"] = _seated(form["recipient"], receiver_name, receiver_region)
    tell_drive(Story(folder.resolve(), cast, Script(**_script(form, script.parent, recording))))


def _node(text: str) -> tuple[str, str]:
    name, separator, region = text.partition(":")
    if not separator:
        raise InputError("a node is written NAME:REGION", where=text, remedy="for example shanghai:CN")
    return name, region


def _seated(party: dict[str, Any], node: str, region: str) -> dict[str, Any]:
    """Give a party of the script; where its node sits in another country, so does the party, under another name."""
    if party.get("established_in") == region:
        return party
    moved: dict[str, Any] = {
        "id": f"test:{node}",
        "name": f"Example Motors ({node})",
        "established_in": region,
    }
    if "owned_from" in party:
        moved["owned_from"] = [region]
    return party | moved


def _script(form: Any, beside: Path, recording: Path | None) -> dict[str, Any]:
    known = {"recording", "truth", "exporter", "recipient", "activity", "purpose", "trim_s"}
    known |= {"declarations", "known", "drop"}
    if not isinstance(form, dict) or set(form) - known or known - {"truth"} - set(form):
        raise InputError(
            "the script has an unknown or a missing field", remedy=f"it has {', '.join(sorted(known))}"
        )
    own = recording is None
    return {
        **form,
        "recording": beside / form["recording"] if recording is None else recording,
        "truth": beside / form["truth"] if own and form.get("truth") else None,
        "known": tuple(form["known"]),
        "declarations": tuple(form["declarations"]),
        "drop": tuple(form["drop"]),
        "trim_s": float(form["trim_s"]),
    }

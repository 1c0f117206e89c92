"""What `carnet scan` refuses before it looks at anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from carnet.errors import InputError, UnreadableError


def check_outputs(html: Path | None, template: Path | None) -> None:
    """Refuse, before hours of looking, what could not be written after them.

    Raises:
        InputError: the template is there already.
        UnreadableError: there is no folder for a file that is to be written.
    """
    for where, file in (("--html", html), ("--template-corrections", template)):
        if file is not None and not file.absolute().parent.is_dir():
            raise UnreadableError("there is no folder to write it to", where=where, remedy="make it first")
    if template is not None and template.exists():
        raise InputError(
            "the template cannot be written: it is there already",
            where="--template-corrections",
            remedy="name a file that is not there yet",
        )


def check_keys(context: typer.Context, places: Sequence[Path] | None) -> None:
    """Refuse an officer's key without the list that it signed: it would look as if places had been looked for.

    A key in the environment may wait for the scan that names a list.

    Raises:
        InputError: the key stands on the command line, and no list.
    """
    source = context.get_parameter_source("officer_key")
    if not places and source is not None and source.name == "COMMANDLINE":
        raise InputError(
            "a key is given and no list that it signed",
            where="--officer-key",
            remedy="name the list: --places",
        )

"""`carnet redact`: the same file format out, without the people."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from carnet.errors import InputError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_QUIET_SECONDS = 2.0
_BEAT = 0.2
_WARM = 10.0


class _Progress:
    """One line on a terminal, from the third second on."""

    def __init__(self, *, quiet: bool) -> None:
        self._shows = sys.stderr.isatty() and not quiet
        self._begun = self._last = time.monotonic()
        self._drawn = False

    def __call__(self, done: int, total: int, files: int = 0, of: int = 1) -> None:
        now = time.monotonic()
        if not self._shows or now - self._begun < _QUIET_SECONDS or now - self._last < _BEAT:
            return
        self._last, self._drawn = now, True
        text = f"redacting… {100 * done // max(total, 1):3d} %"
        if of > 1:
            text += f", {files} of {of} files"
        spent = now - self._begun
        if done and spent > _WARM:
            left = round(spent * (total - done) / done)
            text += f", about {left // 60} min {left % 60:02d} s left"
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()

    def end(self) -> None:
        """Clear the line."""
        if self._drawn:
            sys.stderr.write("\r\033[K")
            self._drawn = False


def _words(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _places(path: Path) -> dict[str, Any]:
    """Read what shall become of places; raises `InputError`."""
    try:
        form = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(
            "the file cannot be read as JSON", where=path.name, remedy='write, say, {"cell_m": 1000}'
        ) from error
    if not isinstance(form, dict):
        raise InputError("what shall become of places is a mapping", where=path.name)
    return form


def _keys(path: Path) -> dict[str, str]:
    """Read the key file, or make it and say so."""
    from carnet.service.redaction_keys import redaction_keys

    found, new = redaction_keys(path)
    if new:
        sys.stderr.write(
            f"{path.name} is new. Keep it, and keep it secret, for as long as data of these subjects goes out.\n"
        )
    return found


@app.command()
def redact(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="A recording, picture or video, or a folder of them.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The new file, or the new folder.")],
    *,
    remove: Annotated[
        str,
        typer.Option(
            help="What to take out: faces, plates, vin, precise_location, trip_ends, names, device_ids."
        ),
    ] = "faces,plates,vin",
    drop: Annotated[str, typer.Option(help="Classes of data whose streams go whole, such as location.")] = "",
    trim_head: Annotated[float, typer.Option(help="Seconds to cut off at the start, of every stream.")] = 0.0,
    trim_tail: Annotated[float, typer.Option(help="Seconds to cut off at the end, of every stream.")] = 0.0,
    setting: Annotated[str, typer.Option(help="release (recall first) or fast.")] = "release",
    whole_persons: Annotated[
        bool, typer.Option("--whole-persons", help="Mask persons from head to foot, beside their faces.")
    ] = False,
    fisheye: Annotated[
        float | None,
        typer.Option(metavar="DEGREES", help="Pictures are of a fisheye lens: the angle across one."),
    ] = None,
    replace: Annotated[
        str,
        typer.Option(help="What to exchange for tokens: vin, plates, names, device_ids. Needs --keys."),
    ] = "",
    location: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What shall become of places, as JSON: trip ends, cells, noise."),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The key file for places and tokens; made when there is none."),
    ] = None,
    preview: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write a contact sheet (HTML) of masked samples there, and nothing at OUT."
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, help="Files at the same time, each in a process of its own; 0: one a core.")
    ] = 0,
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Leave files out that cannot be redacted, and say which.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with an unfinished folder; whole files are not done again."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file at OUT, or start an unfinished folder anew.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")] = False,
) -> None:
    """Take the people out of a recording or a folder; the formats stay. What was done stands in OUT.manifest.json.

    Example: carnet redact drive.mcap clean.mcap --remove faces,plates,vin,precise_location
    """
    from carnet.service import redaction

    if setting not in {"release", "fast"}:
        raise InputError("no such setting", where="--setting", remedy="choose release or fast")
    places = None if location is None else _places(location)
    pictures = {"whole_persons": whole_persons, "fisheye_fov_deg": fisheye}
    order = redaction.order_of(
        _words(remove), _words(drop), trim_head, trim_tail, setting, _words(replace), places, pictures
    )
    given = None if keys is None else _keys(keys)
    tell = _Progress(quiet=quiet)
    if preview is not None:
        from carnet.service.contact_sheet import make_contact_sheet

        try:
            shown = make_contact_sheet(source, preview, order, workers=workers or None, progress=tell)
        finally:
            tell.end()
        if as_json:
            sys.stdout.write(json.dumps({"preview": "v1", **shown}, ensure_ascii=False, indent=1) + "\n")
        elif not quiet:
            sys.stdout.write(
                f"{preview}: {shown['samples']} samples of {shown['files']} files, {shown['masks']} masks\n"
            )
        return
    try:
        done = redaction.redact(
            source,
            out,
            _words(remove),
            drop=_words(drop),
            trim_head_s=trim_head,
            trim_tail_s=trim_tail,
            setting="fast" if setting == "fast" else "release",
            workers=workers or None,
            leave_out=leave_out,
            resume=resume,
            force=force,
            progress=tell,
            replace=_words(replace),
            location=places,
            keys=given,
            pictures=pictures,
        )
    finally:
        tell.end()
    if as_json:
        form: dict[str, Any] = {"redact": "v1", "items": list(done.items)}
        if done.left_out:
            form["left_out"] = [{"in": name, "reason": why} for name, why in done.left_out]
        sys.stdout.write(json.dumps(form, ensure_ascii=False, indent=1) + "\n")
    elif not quiet:
        for item in done.items:
            sys.stdout.write(redaction.item_summary(item) + "\n")
        for name, why in done.left_out:
            sys.stdout.write(f"{name}: left out, {why}\n")
        if done.resumed:
            sys.stdout.write(f"{done.resumed} files were whole from before\n")

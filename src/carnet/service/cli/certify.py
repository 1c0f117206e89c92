"""`carnet certify`: how much of what had to be masked is masked, with a bound."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from carnet.errors import InputError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_QUIET_SECONDS = 2.0
_WHO = {"planted": "planted", "second_detector": "second detector", "person": "person"}


@app.command()
def certify(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="The file or folder that was redacted.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="What carnet redact made of it.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The certificate; AFTER.certificate.json when not given."),
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="The redaction's manifest; AFTER.manifest.json when not given.")
    ] = None,
    review: Annotated[
        Path | None, typer.Option(help="What a person said of the sample, from carnet review.")
    ] = None,
    frames: Annotated[int, typer.Option(help="Frames that the second detector looks at.")] = 300,
    planted: Annotated[int, typer.Option(min=0, max=100_000, help="Faces, and plates, to plant.")] = 600,
    as_json: Annotated[bool, typer.Option("--json", help="Print the certificate as JSON.")] = False,
) -> None:
    """Measure a redaction in three ways, and give the lowest bound of the three.

    Example: carnet certify drive.mcap clean.mcap --review review.json
    """
    from carnet.service.certifying import CERTIFICATE, make_certificate

    place = out or after.with_name(after.name + CERTIFICATE)
    if not place.parent.is_dir():
        raise InputError("there is no such folder", where=str(place.parent), remedy="make it first")
    began = time.monotonic()
    shows = sys.stderr.isatty()

    def tell(done: int, total: int) -> None:
        if shows and time.monotonic() - began > _QUIET_SECONDS:
            sys.stderr.write(f"\r\033[Klooking… {100 * done // max(total, 1):3d} %")
            sys.stderr.flush()

    try:
        made = make_certificate(
            before,
            after,
            manifest=manifest,
            frames=frames,
            planted=planted,
            review=review,
            progress=tell,
        )
    finally:
        if shows:
            sys.stderr.write("\r\033[K")
    text = json.dumps(made, ensure_ascii=False, indent=1) + "\n"
    partial = place.with_name(place.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, place)  # noqa: PTH105 - as one step
    finally:
        partial.unlink(missing_ok=True)
    sys.stdout.write(text if as_json else _page(made, place))


def _page(made: dict[str, Any], place: Path) -> str:
    share = made["masked_share"]
    of = f"{len(made['batch'])} files, {made['frames']} frames, setting {made['setting']}"
    masked = f"masked on average {share['mean']:.1%} of a frame, 95 % of frames at most {share['p95']:.1%}"
    head = f"{'':<8}{'looked at by':<18}{'size, px':<10}{'looked at':>10}{'missed':>8}  bound (95 %)"
    out = [f"{of}; {masked}", "", head]
    for one in made["recall"]:
        bound = one["lower_bound_95"]
        said = f"{bound:.4f}" if bound is not None else "none"
        out.append(
            f"{one['label']:<8}{_WHO[one['method']]:<18}{one['size']:<10}{one['looked_at']:>10}"
            f"{one['missed']:>8}  {said}"
        )
    out.append("")
    for one in made["bounds"]:
        value = "no bound" if one["value"] is None else f"{one['value']:.4f}"
        out.append(f"{one['fact']}: {value} ({one['why']})")
    out += [f"note: {one}" for one in made["notes"]]
    return "\n".join([*out, f"certificate: {place}", ""])

"""A contact sheet before anything is redacted: masked samples on one page, and what could not be opened.

Only masked pictures are on it. It is still a page of pictures of the road: it belongs into the region it was
made in, and its first line says so.
"""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from carnet.errors import CarnetError, InputError, UnreadableError
from carnet.service.cli.session import walk_files
from carnet.service.redaction_crew import Crew, cores, sync_folder
from carnet.service.redaction_names import CleanNames

if TYPE_CHECKING:
    from carnet.deidentify.order import RedactionOrder

MOST_FILES = 24
MOST_SAMPLES = 48

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Contact sheet before redaction</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem; color: #1a1a1a; background: #fff; }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1.5rem; }}
figure {{ margin: 0; }} img {{ width: 100%; height: auto; display: block; }}
figcaption {{ font-size: .85rem; overflow-wrap: anywhere; }}
@media (prefers-color-scheme: dark) {{ body {{ color: #eee; background: #111; }} }}
</style>
<h1>Contact sheet before redaction</h1>
<p>Masked samples: nothing has been written yet, and nobody has measured how many faces and plates were missed.
Pictures of a road stay data of the region they were taken in: keep this page there.</p>
<p>Takes out: {removed}. Setting: {setting}. {samples} samples of {files} files, {masks} masks.</p>
<main>
{figures}
</main>
{blocked}
</html>
"""


def make_contact_sheet(
    source: Path,
    sheet: Path,
    order: RedactionOrder,
    *,
    workers: int | None = None,
    progress: Callable[[int, int, int, int], None] | None = None,
) -> dict[str, Any]:
    """Write a contact sheet of a file or folder.

    Args:
        source: the file or folder that would be redacted.
        sheet: the HTML file; it appears whole or not at all.
        order: what would be taken out.
        workers: processes at the same time; one a core when not given.
        progress: told (files done, of how many, files done, of how many).

    Returns:
        `samples`, `masks`, `files`, and `unread`: how many files gave none.

    Raises:
        UnreadableError: there is no such file, or not one sample.
        InputError: something lies at `sheet` already.
    """
    if not source.exists():
        raise UnreadableError("there is no such file or folder", where=str(source), remedy="check the path")
    if sheet.exists():
        raise InputError("a file lies there already", where=str(sheet), remedy="name another one")
    if source.is_dir():
        paths = [one for one in walk_files(source) if one.is_file() and not one.is_symlink()]
        root = source
    else:
        paths, root = [source], source.parent
    if not paths:
        raise UnreadableError("the folder holds no file", where=str(source))
    chosen = paths[:: -(-len(paths) // MOST_FILES)]
    each = max(2, MOST_SAMPLES // len(chosen))
    names = CleanNames()
    crew = Crew(min(workers or cores(), len(chosen)))
    done: list[int] = []

    def look(path: Path) -> tuple[str, list[dict[str, Any]], str | None]:
        shown = names.path(PurePosixPath(path.relative_to(root).as_posix())).as_posix()
        try:
            parameters = {"name": path.name, "order": order.to_json(), "count": each}
            found = crew.run("samples", path, parameters, _nowhere)
        except (CarnetError, OSError) as error:
            return shown, [], error.what if isinstance(error, CarnetError) else "it cannot be opened"
        finally:
            done.append(1)
            if progress is not None:
                progress(len(done), len(chosen), len(done), len(chosen))
        return shown, found, None

    try:
        with ThreadPoolExecutor(crew.size) as pool:
            looked = list(pool.map(look, chosen))
    finally:
        crew.close()
    samples = [(name, one) for name, found, _ in looked for one in found]
    if not samples:
        raise UnreadableError(
            "not one picture could be shown", where="preview", remedy="scan it to see what is in it"
        )
    masks = sum(len(one["labels"]) for _, one in samples)
    result = {
        "samples": len(samples),
        "masks": masks,
        "files": len({name for name, _ in samples}),
        "unread": sum(why is not None for _, _, why in looked),
    }
    page = _PAGE.format(
        removed=html.escape(", ".join(sorted(order.remove)) or "nothing"),
        setting=order.setting,
        figures="\n".join(_figure(name, one) for name, one in samples),
        blocked=_blocked([(name, why) for name, _, why in looked if why is not None]),
        samples=result["samples"],
        files=result["files"],
        masks=masks,
    )
    partial = sheet.with_name(sheet.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(sheet)
        sync_folder(sheet.parent)
    finally:
        partial.unlink(missing_ok=True)
    return result


def _nowhere(data: bytes) -> None:
    """Take bytes that a task of samples has no reason to write."""
    del data


def _figure(name: str, sample: dict[str, Any]) -> str:
    # The bytes came through the pipe as base64; decoding and coding them again makes sure that they are.
    picture = base64.b64encode(base64.b64decode(sample["picture"], validate=True)).decode("ascii")
    labels = sample["labels"]
    said = ", ".join(f"{labels.count(one)} {one}" for one in sorted(set(labels))) or "no mask"
    text = html.escape(f"{name}, {sample['stream']}, frame {sample['index']}: {said}")
    return (
        f'<figure><img alt="{text}" src="data:image/jpeg;base64,{picture}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _blocked(files: list[tuple[str, str]]) -> str:
    if not files:
        return ""
    rows = "\n".join(f"<li>{html.escape(name)}: {html.escape(why)}</li>" for name, why in files)
    return f"<h2>Not shown</h2>\n<ul>\n{rows}\n</ul>"

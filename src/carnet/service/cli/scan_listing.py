"""What `carnet scan --listing` prints."""

from __future__ import annotations

import json
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from carnet.errors import InputError, MissingExtraError
from carnet.service.sizes import size_text

_QUIET_SECONDS = 2.0
_MOST_LINES = 40


def scan_listing(files: list[Path], inventory: Path | None, *, as_json: bool) -> None:
    """Look at listings by name and print what they say.

    Raises:
        MissingExtraError: pyarrow is not installed.
        UnreadableError: a listing is missing, or none.
    """
    if find_spec("pyarrow") is None:
        raise MissingExtraError("reading a listing needs pyarrow", remedy="pip install 'carnet[tables]'")
    from carnet.service.listing import document_of, read_listings, rows_of, write_inventory

    if inventory is not None and not inventory.parent.is_dir():
        raise InputError("there is no such folder", where=str(inventory.parent), remedy="make it first")
    began = time.monotonic()

    def told(objects: int) -> None:
        if sys.stderr.isatty() and time.monotonic() - began > _QUIET_SECONDS:
            sys.stderr.write(f"\r{objects:,} objects looked at by name")

    listing = read_listings(files, told=told)
    rows = rows_of(listing)
    document = document_of(listing, rows)
    if inventory is not None:
        write_inventory(inventory, rows)
    if sys.stderr.isatty() and time.monotonic() - began > _QUIET_SECONDS:
        sys.stderr.write("\r\x1b[K")
    if as_json:
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
        return
    sys.stdout.write(_report(document["listing"], [(one.key, one.objects) for one in rows], inventory))


def _clean(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text)


def _report(told: dict[str, Any], kinds: list[tuple[str, int]], inventory: Path | None) -> str:
    lines = [
        f"{told['objects']:,} objects, {size_text(told['bytes'])}, {told['kinds']} kinds; looked at by name only"
    ]
    lines += [f"  {one}" for one in told["lost"]]
    if told["lines_that_do_not_parse"]:
        lines.append(f"  {told['lines_that_do_not_parse']:,} lines do not parse and are not counted")
    titles = {
        "in_names": "In the names themselves:",
        "data": "What the names say of the contents (possible, nothing was opened):",
        "formats": "By extension:",
        "prefixes": "By prefix:",
    }
    for name, title in titles.items():
        tally = sorted(told[name].items(), key=lambda one: -one[1]["bytes"])
        if not tally:
            continue
        lines += ["", title]
        width = max(len(_clean(key)) for key, _ in tally[:_MOST_LINES])
        lines += [
            f"  {_clean(key):<{width}}  {one['objects']:>13,}  {size_text(one['bytes']):>9}"
            for key, one in tally[:_MOST_LINES]
        ]
        if len(tally) > _MOST_LINES:
            lines.append(f"  and {len(tally) - _MOST_LINES} more")
    lines += ["", "Kinds of key:"]
    lines += [f"  {count:>13,}  {_clean(key)}" for key, count in kinds[:_MOST_LINES]]
    if len(kinds) > _MOST_LINES:
        lines.append(f"  and {len(kinds) - _MOST_LINES} more")
    if inventory is not None:
        lines += ["", f"The inventory is in {_clean(str(inventory))}."]
    return "\n".join(lines) + "\n"

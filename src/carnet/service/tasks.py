"""What workers do, each as a function of (source, sink, parameters, progress) -> JSON."""

from __future__ import annotations

import base64
import ctypes
import errno
import hashlib
import io
import json
import os
import socket
import struct
import time
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from carnet.errors import UnreadableError, is_out_of_memory
from carnet.model.factsheet import FactSheet
from carnet.model.place_list import PlaceList, place_list_of
from carnet.service.scan_sample import is_chosen

Progress = Callable[[int, int], None]


def _companions(parameters: Mapping[str, Any]) -> dict[str, bytes]:
    return {name: base64.b64decode(data) for name, data in parameters.get("companions", {}).items()}


def describe(source: BinaryIO, sink: BinaryIO, parameters: Mapping[str, Any], progress: Progress) -> Any:
    """Make a fact sheet.

    Parameters: `name`, `companions`; `detect`, `look` (in so many of a hundred files), `hash_content`, `sketch`,
    `threads`, `plugins` with the `classes` that they may find, `places` (lists, checked, each as its JSON text) with
    `day`.
    """
    from carnet.classify.describe import describe as look

    del sink, progress
    name = str(parameters["name"])
    sheet = look(
        source,
        name=name,
        companions=_companions(parameters),
        detect=bool(parameters.get("detect", True)) and is_chosen(name, int(parameters.get("look", 100))),
        hash_content=bool(parameters.get("hash_content", False)),
        sketch=bool(parameters.get("sketch", False)),
        plugins=tuple(str(one) for one in parameters.get("plugins", ())),
        threads=int(parameters.get("threads", 2)),
        classes=frozenset(str(one) for one in parameters.get("classes", ())),
        places=tuple(_place_list(str(one)) for one in parameters.get("places", ())),
        day=date.fromisoformat(parameters["day"]) if parameters.get("places") else None,
    )
    return sheet.to_json()


@lru_cache(maxsize=16)
def _place_list(text: str) -> PlaceList:
    """Read a list once for all files that a worker looks at."""
    return place_list_of(json.loads(text), "places")


def describe_many(
    source: BinaryIO, sink: BinaryIO, parameters: Mapping[str, Any], progress: Progress
) -> list[Any]:
    """Make the fact sheets of small files that lie one behind the other in the source.

    Parameters: `parts`, name and length of each; the others as for `describe`, for all of them.

    Returns:
        A sheet each, or None for one that no sheet could be made of: it is for `describe`, which says why.
    """
    sheets: list[Any] = []
    for name, length in parameters["parts"]:
        data = io.BytesIO(source.read(int(length)))
        try:
            sheets.append(describe(data, sink, {**parameters, "name": name}, progress))
        except Exception as error:  # a hostile file may raise anything, and stops no other
            if is_out_of_memory(error):
                # Libraries may be loaded in part: the others are for a worker that has them whole.
                raise
            sheets.append(None)
    return sheets


def redact(source: BinaryIO, sink: BinaryIO, parameters: Mapping[str, Any], progress: Progress) -> Any:
    """Redact a file. Parameters: `name`, `order`, `companions`, `threads`, `sheet`, else one is made first, `keys`.

    Gives the report.
    """
    from carnet.classify.describe import describe as look
    from carnet.deidentify.location_order import Keys
    from carnet.deidentify.order import RedactionOrder
    from carnet.deidentify.redact import redact as take_out

    name, companions = str(parameters["name"]), _companions(parameters)
    order = RedactionOrder.from_json(dict(parameters["order"]))
    if "sheet" in parameters:
        sheet = FactSheet.from_json(parameters["sheet"])
    else:
        sheet = look(source, name=name, companions=companions, detect=False)
    report = take_out(
        source,
        sink,
        order,
        name=name,
        sheet=sheet,
        companions=companions,
        progress=progress,
        threads=int(parameters.get("threads", 2)),
        keys=Keys(**{part: base64.b64decode(key) for part, key in parameters.get("keys", {}).items()}),
    )
    return report.to_json()


def layout(source: BinaryIO, sink: BinaryIO, parameters: Mapping[str, Any], progress: Progress) -> Any:
    """Redact a file of a data set by its place in the layout. Parameters: `task`, `parts`, and those of `redact`.

    The source is the file and, one after the other, the tables beside it: `parts` has their names and lengths.
    """
    from carnet.deidentify.drive_tables import without_places_in_oxts, without_places_in_table
    from carnet.deidentify.order import Outcome, RedactionOrder, RedactionReport

    task, name = dict(parameters["task"]), str(parameters["name"])
    order = RedactionOrder.from_json(dict(parameters["order"]))
    (_, size), *others = ((str(one), int(length)) for one, length in parameters["parts"])
    data = source.read(size)
    digest = hashlib.sha256(data).hexdigest()
    if task["layout"] == "nuscenes":
        tables = {one: source.read(length) for one, length in others}
        prefixes = {str(old): str(new) for old, new in task["prefixes"].items()}
        made = without_places_in_table(str(task["table"]), data, tables, prefixes)
        # What else identifies in it goes as in any text.
        return redact(io.BytesIO(made), sink, parameters, progress) | {"in_sha256": digest}
    if task["layout"] == "oxts":
        made = without_places_in_oxts(data)
    else:
        each = int(task["bytes_a_point"])
        if not data or (each and len(data) % each):
            raise UnreadableError("a point cloud is not as wide as its layout says", where="points")
        made = data
    sink.write(made)
    outcome = Outcome(dropped={"places": 1} if made != data else {})
    trimmed = {"head_s": order.trim_head_s, "tail_s": order.trim_tail_s}
    out = hashlib.sha256(made).hexdigest()
    removed = tuple(sorted(order.remove))
    return RedactionReport(name, name, digest, out, order.setting, (), removed, trimmed, outcome).to_json()


def samples(source: BinaryIO, sink: BinaryIO, parameters: Mapping[str, Any], progress: Progress) -> Any:
    """Give masked samples of a file. Parameters: `name`, `order`, `count`, `threads`."""
    from carnet.deidentify.order import RedactionOrder
    from carnet.deidentify.samples import samples_of
    from carnet.recognise.text import recognise

    del sink, progress
    found = samples_of(
        source,
        RedactionOrder.from_json(dict(parameters["order"])),
        name=str(parameters["name"]),
        count=int(parameters["count"]),
        threads=int(parameters.get("threads", 2)),
    )
    return [
        {
            "stream": "stream" if recognise(one.stream) else one.stream,
            "index": one.index,
            "labels": list(one.labels),
            "picture": base64.b64encode(one.picture).decode("ascii"),
        }
        for one in found
    ]


def check(source: BinaryIO, sink: BinaryIO, parameters: Mapping[str, Any], progress: Progress) -> Any:
    """Look at a redacted file with the different detectors. Parameters: `name`, `report` of the redaction."""
    from carnet.deidentify.assurance import check as look_again
    from carnet.deidentify.order import RedactionReport

    del sink
    report = RedactionReport.from_json(parameters["report"])
    threads = int(parameters.get("threads", 2))
    name = str(parameters["name"])
    return look_again(source, name=name, report=report, progress=progress, threads=threads).to_json()


def probe(
    source: BinaryIO, sink: BinaryIO, parameters: Mapping[str, Any], progress: Progress
) -> dict[str, Any]:
    """Try what a worker may not do and say what happened: the isolation's own test."""
    port, file = int(parameters["port"]), Path(str(parameters["file"]))
    tried: dict[str, Any] = {
        "read": len(source.read()),
        "native_connect": _native_connect(port),
        "interfaces": [name for _, name in socket.if_nameindex() if name != "lo"],
        "environment": sorted(os.environ),
    }
    attempts: dict[str, Callable[[], object]] = {
        "connect": lambda: socket.create_connection(("127.0.0.1", port), 1),
        "read_file": file.read_bytes,
        "write_file": lambda: file.with_suffix(".new").write_bytes(b"x"),
        "start_process": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    }
    for name, attempt in attempts.items():
        try:
            attempt()
            tried[name] = "done"
        except OSError as error:
            tried[name] = type(error).__name__
    if parameters.get("hog"):
        bytearray(int(parameters["hog"]))
    if parameters.get("crash"):
        os.abort()
    time.sleep(float(parameters.get("sleep", 0)))
    sink.write(b"out")
    progress(1, 1)
    return tried


def _native_connect(port: int) -> str:
    """Connect as native code would, past every hook of Python: only the kernel can refuse this."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    address = struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, socket.inet_aton("127.0.0.1"))
    outcome = libc.connect(handle, address, len(address))
    return "done" if outcome == 0 else errno.errorcode.get(ctypes.get_errno(), "refused")

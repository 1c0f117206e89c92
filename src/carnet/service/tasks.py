"""What workers do, each as a function of (source, sink, parameters, progress) -> JSON."""

from __future__ import annotations

import base64
import ctypes
import errno
import os
import socket
import struct
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from carnet.model.factsheet import FactSheet

Progress = Callable[[int, int], None]


def _companions(parameters: Mapping[str, Any]) -> dict[str, bytes]:
    return {name: base64.b64decode(data) for name, data in parameters.get("companions", {}).items()}


def describe(source: BinaryIO, sink: BinaryIO, parameters: Mapping[str, Any], progress: Progress) -> Any:
    """Make the fact sheet of a file. Parameters: `name`, `companions`, and `detect`, `hash_content` if not usual."""
    from carnet.classify.describe import describe as look

    del sink, progress
    sheet = look(
        source,
        name=str(parameters["name"]),
        companions=_companions(parameters),
        detect=bool(parameters.get("detect", True)),
        hash_content=bool(parameters.get("hash_content", False)),
    )
    return sheet.to_json()


def redact(source: BinaryIO, sink: BinaryIO, parameters: Mapping[str, Any], progress: Progress) -> Any:
    """Redact a file. Parameters: `name`, `sheet`, `order`, `companions`, `threads`. Gives the report."""
    from carnet.deidentify.order import RedactionOrder
    from carnet.deidentify.redact import redact as take_out

    report = take_out(
        source,
        sink,
        RedactionOrder.from_json(dict(parameters["order"])),
        name=str(parameters["name"]),
        sheet=FactSheet.from_json(parameters["sheet"]),
        companions=_companions(parameters),
        progress=progress,
        threads=int(parameters.get("threads", 2)),
    )
    return report.to_json()


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

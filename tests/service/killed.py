"""Run a job in this process and die by SIGKILL at a chosen call or return of one of our functions.

    python killed.py FOLDER JOB ARGUMENT MODULE FUNCTION EVENT NUMBER

Nothing in the product knows of this: the interpreter's own profiling hook tells when the point is reached.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from stage import DATABASE, deliver, speeds

from carnet.model.ids import Country, RequestId
from carnet.service.api import Desk
from carnet.service.node import Node
from carnet.transfer.courier import Courier


def die_at(module: str, function: str, event: str, number: int) -> None:
    seen = 0

    def hook(frame, happened, _):
        nonlocal seen
        code = frame.f_code
        if happened == event and code.co_qualname == function and code.co_filename.endswith(module):
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(hook)


def main() -> None:
    folder, job, argument, module, function, event, number = sys.argv[1:]
    desk = Desk(Node(Path(folder) / "shanghai"))
    person = desk.node.person("li")
    die_at(module, function, event, int(number))
    if job == "ingest":
        upload = desk.recordings.begin(Country("CN"))
        for name, data in {"speeds.log": speeds(), "vehicle.dbc": DATABASE.read_bytes()}.items():
            desk.recordings.add(upload, name, io.BytesIO(data).read, len(data))
        desk.recordings.finish(upload, "li")
    else:
        desk.movements.release(RequestId(argument), person)
        desk.node.write_courier_settings()
        deliver(desk, Courier(desk.node.config.keys / "courier", clock=desk.node.clock))


main()

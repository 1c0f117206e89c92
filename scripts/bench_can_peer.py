"""python-can and asammdf on the same log; run by `bench_can.py` in the environment of the peers."""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Read so many frames with each, and print a line for each."""
    log, dbc, many = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    import can

    begun = time.perf_counter()
    frames = list(itertools.islice(can.CanutilsLogReader(str(log)), many))
    rate = len(frames) / (time.perf_counter() - begun)
    print(f"python-can {can.__version__}, candump log read\t{rate / 1e6:.2f} million frames/s")
    import asammdf
    import numpy as np
    from asammdf import MDF, Signal
    from asammdf.blocks.v4_constants import BUS_TYPE_CAN  # noqa: F401 - the version that has bus logging

    width = 8
    data = np.zeros((len(frames), width), np.uint8)
    for row, one in enumerate(frames):
        data[row, : len(one.data)] = np.frombuffer(bytes(one.data), np.uint8)
    columns = [
        np.ones(len(frames), "<u1"),
        np.array([one.arbitration_id for one in frames], "<u4"),
        np.array([one.is_extended_id for one in frames], "<u1"),
        np.array([len(one.data) for one in frames], "<u1"),
        np.array([len(one.data) for one in frames], "<u1"),
        data,
    ]
    names = ["BusChannel", "ID", "IDE", "DLC", "DataLength", "DataBytes"]
    form = [
        (f"CAN_DataFrame.{name}", one.dtype, one.shape[1:]) for name, one in zip(names, columns, strict=True)
    ]
    samples = np.rec.fromarrays(columns, dtype=form)
    times = np.array([one.timestamp for one in frames])
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "frames.mf4"
        with MDF(version="4.10") as made:
            made.append(
                Signal(samples, times - times[0], name="CAN_DataFrame", source=None), common_timebase=True
            )
            made.groups[0].channel_group.flags |= 2
            made.save(place, overwrite=True)
        with MDF(place) as opened:
            begun = time.perf_counter()
            opened.extract_bus_logging({"CAN": [(dbc, 0)]})
            rate = len(frames) / (time.perf_counter() - begun)
    print(f"asammdf {asammdf.__version__}, signals of a bus log extracted\t{rate / 1e6:.2f} million frames/s")


if __name__ == "__main__":
    main()

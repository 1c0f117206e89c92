"""The worker's share of a listing: a block of it in, kinds of keys out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

from carnet.service.tasks import Progress


def keys(source: BinaryIO, sink: BinaryIO, parameters: Mapping[str, Any], progress: Progress) -> Any:
    """Judge a block of a listing. Parameters: `shape`, `first`, and `part` where the listing is columnar.

    Gives `kinds` (key, found, count, bytes, largest) and `bad`, lines that did not parse.
    """
    from carnet.classify.keys import kinds_of_keys
    from carnet.formats.listing_read import Shape, group_batches, rows_of
    from carnet.formats.sniff import length_of

    del sink, progress
    shape = Shape(**parameters["shape"])
    if "part" in parameters:
        blocks = group_batches(source, shape, int(parameters["part"]))
    else:
        # With its length said, the block comes through the pipe at once.
        blocks = iter([rows_of(source.read(length_of(source)), shape, first=bool(parameters["first"]))])
    kinds: list[Any] = []
    bad = 0
    for rows in blocks:
        bad += rows.bad
        kinds += [
            [one.key, one.found, one.count, one.bytes, one.largest]
            for one in kinds_of_keys(rows.keys, rows.sizes)
        ]
    return {"kinds": kinds, "bad": bad}

"""The inventory of a bucket as Parquet: a row an object, with its sheet."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from carnet.errors import CarnetError, UnreadableError
from carnet.model.factsheet import FactSheet
from carnet.service.lake import Looked

_SIGN = {b"carnet": b"lake v1"}


def write_inventory(path: Path, rows: list[Looked], address: str) -> None:
    """Write the inventory; it appears whole or not at all."""
    texts = pa.list_(pa.string())
    table = pa.table(
        {
            "id": pa.array([one.id for one in rows], pa.string()),
            "shard": pa.array([one.shard for one in rows], pa.string()),
            "key": pa.array([one.key for one in rows], pa.string()),
            "bytes": pa.array([one.size for one in rows], pa.int64()),
            "etag": pa.array([one.etag for one in rows], pa.string()),
            "last_modified": pa.array([one.modified for one in rows], pa.string()),
            "whole": pa.array([one.whole for one in rows], pa.bool_()),
            "format": pa.array([one.sheet.format for one in rows], pa.string()),
            "state": pa.array([one.sheet.state.value for one in rows], pa.string()),
            "reason": pa.array([one.sheet.reason for one in rows], pa.string()),
            "data": pa.array([[str(data) for data in one.sheet.data] for one in rows], texts),
            "sheet": pa.array(
                [json.dumps(one.sheet.without_sketches().to_json(), ensure_ascii=False) for one in rows],
                pa.string(),
            ),
        }
    ).replace_schema_metadata(_SIGN | {b"bucket": address.encode()})
    partial = path.with_name(path.name + ".partial")
    pq.write_table(table, partial, compression="zstd")
    partial.replace(path)


def read_inventory(path: Path) -> list[Looked]:
    """Read an earlier inventory.

    Raises:
        UnreadableError: it is missing, damaged, or something else.
    """
    remedy = "name the file that --inventory wrote for a bucket"
    try:
        table = pq.read_table(path)
        if (table.schema.metadata or {}).get(b"carnet") != _SIGN[b"carnet"]:
            raise UnreadableError("this is no inventory of a bucket", where=str(path), remedy=remedy)
        return [
            Looked(
                id=row["id"],
                size=row["bytes"],
                etag=row["etag"],
                modified=row["last_modified"],
                shard=row["shard"],
                key=row["key"],
                whole=row["whole"],
                sheet=FactSheet.from_json(json.loads(row["sheet"])),
            )
            for row in table.to_pylist()
        ]
    except UnreadableError:
        raise
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError, CarnetError) as error:
        raise UnreadableError("the inventory does not read", where=str(path), remedy=remedy) from error

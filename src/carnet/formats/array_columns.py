"""Arrays as columns: what a table look needs of NumPy arrays, point clouds and the like, packed as Arrow batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_COLUMNS = 512
_MOST_ELEMENTS = 32


def columns_of(array: NDArray[Any], name: str = "value") -> list[tuple[str, NDArray[Any]]]:
    """Give an array's columns: fields by name, those of fields with a dot, elements and columns by number.

    Args:
        array: one row for each element of its first dimension; plain or structured.
        name: what the only column of an array with one dimension is called.
    """
    return [
        (path.removeprefix(f"{name}.") if path != name else path, line)
        for path, line in _columns(array, name, top=True)
    ][:MOST_COLUMNS]


def _columns(array: NDArray[Any], path: str, *, top: bool = False) -> list[tuple[str, NDArray[Any]]]:
    names = array.dtype.names
    if names:
        return [one for inner in names for one in _columns(array[inner], f"{path}.{inner}")]
    if array.ndim > 1:
        flat = array.reshape(len(array), -1)
        if flat.shape[1] > (MOST_COLUMNS if top else _MOST_ELEMENTS):
            return []
        return [
            one
            for at in range(flat.shape[1])
            for one in _columns(flat[:, at], f"{path}.{f'column {at + 1}' if top else at}")
        ]
    if array.dtype.kind == "c":
        return [(f"{path}.real", array.real), (f"{path}.imag", array.imag)]
    return [(path, array)]


def packed(columns: Sequence[tuple[str, NDArray[Any]]]) -> bytes:
    """Give columns of one length as an Arrow IPC stream of one batch; what Arrow does not take is left out."""
    import numpy as np
    import pyarrow as pa

    arrays, names = [], []
    for name, line in columns:
        plain = np.ascontiguousarray(line)
        if plain.dtype.kind == "f" and plain.dtype.itemsize not in {4, 8}:
            plain = plain.astype(np.float64)
        try:
            if plain.dtype.kind == "V":
                values: Any = pa.array([bytes(one) for one in plain], pa.binary())
            elif plain.dtype.kind in "SU":
                values = pa.array([_bytes_of(one) for one in plain.tolist()], pa.binary())
            else:
                values = pa.array(plain.astype(plain.dtype.newbyteorder("=")))
        except (pa.ArrowException, ValueError, TypeError):
            continue
        arrays.append(values)
        names.append(name.encode("utf-8", "replace").decode())
    batch = pa.record_batch(arrays, names=names)
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(memoryview(out.getvalue()))


def _bytes_of(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "replace")

"""The Merkle tree of RFC 6962, section 2: hashing, inclusion and consistency proofs, and their checks.

Leaves are hashed with prefix 0x00 and nodes with 0x01, so that neither can pass for the other. The tree is
given as a function from (level, position) to the hash of a *complete* subtree of 2**level leaves, which a
store keeps; a proof then needs O(log n) look-ups.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from carnet.errors import LedgerError

Nodes = Callable[[int, int], bytes]
"""(level, position) -> hash of the complete subtree over 2**level leaves, the first being position * 2**level."""

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Hash a leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def completed_nodes(index: int, leaf: bytes, nodes: Nodes) -> list[tuple[int, int, bytes]]:
    """Give the complete subtrees that leaf `index` finishes, lowest first: (level, position, hash)."""
    made = [(0, index, leaf)]
    level, position, value = 0, index, leaf
    while position % 2 == 1:
        value = node_hash(nodes(level, position - 1), value)
        level, position = level + 1, position // 2
        made.append((level, position, value))
    return made


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def _range_root(start: int, end: int, nodes: Nodes) -> bytes:
    size = end - start
    if size & (size - 1) == 0 and start % size == 0:
        level = size.bit_length() - 1
        return nodes(level, start >> level)
    middle = start + _split(size)
    return node_hash(_range_root(start, middle, nodes), _range_root(middle, end, nodes))


def root(size: int, nodes: Nodes) -> bytes:
    """Give the root of the first `size` leaves."""
    return EMPTY_ROOT if size == 0 else _range_root(0, size, nodes)


def inclusion_proof(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """Give the audit path of leaf `index` in the tree of `size` leaves (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        raise LedgerError("no such entry in a tree of this size")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_root(middle, end, nodes))
            end = middle
        else:
            path.append(_range_root(start, middle, nodes))
            start = middle
    return path[::-1]


def consistency_proof(old: int, new: int, nodes: Nodes) -> list[bytes]:
    """Give the proof that the tree of `old` leaves is a prefix of that of `new` (RFC 6962, 2.1.2)."""
    if not 0 < old <= new:
        raise LedgerError("no proof between these sizes")
    proof: list[bytes] = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_range_root(middle, end, nodes))
            end = middle
        else:
            proof.append(_range_root(start, middle, nodes))
            start, whole = middle, False
    if not whole:
        proof.append(_range_root(start, end, nodes))
    return proof[::-1]


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> None:
    """Raise `LedgerError` unless the proof leads from the leaf to the root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        raise LedgerError("the entry's number is outside the tree")
    node, last, value = index, size - 1, leaf
    for step in proof:
        if last == 0:
            raise LedgerError("the inclusion proof is too long")
        if node % 2 == 1 or node == last:
            value = node_hash(step, value)
            while node % 2 == 0 and node != 0:
                node, last = node >> 1, last >> 1
        else:
            value = node_hash(value, step)
        node, last = node >> 1, last >> 1
    if last != 0 or value != expected:
        raise LedgerError("the inclusion proof does not lead to the checkpoint's root")


def check_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Raise `LedgerError` unless the older tree is a prefix of the newer (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= new:
        raise LedgerError("no consistency between these sizes")
    if old == new:
        if proof or old_root != new_root:
            raise LedgerError("two different trees of one size")
        return
    steps = list(proof)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        raise LedgerError("the consistency proof is empty")
    node, last = old - 1, new - 1
    while node % 2 == 1:
        node, last = node >> 1, last >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise LedgerError("the consistency proof is too long")
        if node % 2 == 1 or node == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while node % 2 == 0 and node != 0:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, step)
        node, last = node >> 1, last >> 1
    if last != 0 or first != old_root or second != new_root:
        raise LedgerError("the newer log does not contain the older one: entries were changed or taken out")

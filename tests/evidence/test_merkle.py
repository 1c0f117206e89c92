"""The log of RFC 6962: known roots, and proofs for every size and entry."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.errors import LedgerError
from carnet.evidence import merkle

# The seven test leaves and roots of the reference implementation of Certificate Transparency.
LEAVES = [b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"\x40\x41\x42\x43", bytes(range(0x50, 0x58))]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
]


def tree(entries: list[bytes]) -> dict[tuple[int, int], bytes]:
    nodes: dict[tuple[int, int], bytes] = {}
    for index, entry in enumerate(entries):
        leaf = merkle.leaf_hash(entry)
        for level, position, value in merkle.completed_nodes(index, leaf, lambda a, b: nodes[a, b]):
            nodes[level, position] = value
    return nodes


def look(nodes):
    return lambda level, position: nodes[level, position]


def test_roots_are_those_of_certificate_transparency():
    for size, expected in enumerate(ROOTS, start=1):
        assert merkle.root(size, look(tree(LEAVES[:size]))).hex() == expected
    assert merkle.root(0, look({})) == hashlib.sha256(b"").digest()


def test_every_entry_of_every_size_proves_its_inclusion_and_no_other():
    entries = [bytes([n]) for n in range(20)]
    for size in range(1, 21):
        nodes = tree(entries[:size])
        root = merkle.root(size, look(nodes))
        for index in range(size):
            proof = merkle.inclusion_proof(index, size, look(nodes))
            merkle.check_inclusion(merkle.leaf_hash(entries[index]), index, size, proof, root)
            with pytest.raises(LedgerError):
                merkle.check_inclusion(merkle.leaf_hash(b"other"), index, size, proof, root)
            if size > 1:
                with pytest.raises(LedgerError):
                    merkle.check_inclusion(
                        merkle.leaf_hash(entries[index]), (index + 1) % size, size, proof, root
                    )


def test_every_older_tree_is_proven_a_prefix_of_every_newer():
    entries = [bytes([n]) for n in range(17)]
    for new in range(1, 18):
        nodes = tree(entries[:new])
        new_root = merkle.root(new, look(nodes))
        for old in range(1, new + 1):
            old_root = merkle.root(old, look(tree(entries[:old])))
            proof = merkle.consistency_proof(old, new, look(nodes))
            merkle.check_consistency(old, new, old_root, new_root, proof)


@given(st.lists(st.binary(max_size=8), min_size=2, max_size=40), st.data())
def test_a_changed_entry_breaks_consistency(entries, data):
    old = data.draw(st.integers(1, len(entries) - 1))
    changed = data.draw(st.integers(0, old - 1))
    other = [*entries]
    other[changed] = other[changed] + b"!"
    nodes = tree(other)
    proof = merkle.consistency_proof(old, len(entries), look(nodes))
    old_root = merkle.root(old, look(tree(entries[:old])))
    new_root = merkle.root(len(entries), look(nodes))
    with pytest.raises(LedgerError):
        merkle.check_consistency(old, len(entries), old_root, new_root, proof)

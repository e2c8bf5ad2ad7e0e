"""A log's Merkle tree, as RFC 6962 section 2.1 defines it. Pure.

A leaf's hash is SHA-256(0x00 | leaf), a node's is SHA-256(0x01 | left | right). The tree over n leaves splits at the
largest power of two below n, so it is a row of complete subtrees, one for each bit of n: their roots, largest first,
are the frontier. It is all that an append needs: for n = 6 it is [root of leaves 0-3, root of leaves 4-5].

An inclusion proof shows that a leaf is under a root, a consistency proof that a tree only grew. Proofs are verified as
in RFC 9162 sections 2.1.3.2 and 2.1.4.2. What this does not decide is which root to believe: that is `checkpoint`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = [
    "EMPTY",
    "Tree",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "root_of",
    "verify_consistency",
    "verify_inclusion",
]

_EMPTY_ROOT = hashlib.sha256().digest()


def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Tree:
    """What is kept of a tree while it grows: the number of leaves, and the frontier."""

    size: int
    frontier: tuple[bytes, ...]

    def extended(self, hashes: Iterable[bytes]) -> Tree:
        """The tree with these leaves' hashes behind the ones it has."""
        size, frontier = self.size, list(self.frontier)
        for found in hashes:
            subtree, carry = found, size
            while carry & 1:
                subtree, carry = node_hash(frontier.pop(), subtree), carry >> 1
            frontier.append(subtree)
            size += 1
        return Tree(size, tuple(frontier))

    @property
    def root(self) -> bytes:
        if not self.frontier:
            return _EMPTY_ROOT
        *rest, root = self.frontier
        for left in reversed(rest):
            root = node_hash(left, root)
        return root


EMPTY = Tree(0, ())


def root_of(hashes: Iterable[bytes]) -> bytes:
    return EMPTY.extended(hashes).root


def inclusion_proof(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The path from the leaf at `index` to the root, lowest first (PATH in RFC 6962)."""
    if len(hashes) == 1:
        return []
    half = _split(len(hashes))
    if index < half:
        return [*inclusion_proof(hashes[:half], index), root_of(hashes[half:])]
    return [*inclusion_proof(hashes[half:], index - half), root_of(hashes[:half])]


def verify_inclusion(proof: Sequence[bytes], *, index: int, size: int, leaf: bytes, root: bytes) -> bool:
    """Whether the leaf with hash `leaf` is at `index` under `root` of a tree with `size` leaves."""
    if not 0 <= index < size:
        return False
    node, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and found == root


def consistency_proof(hashes: Sequence[bytes], size: int) -> list[bytes]:
    """That the tree over all of `hashes` begins with the tree over its first `size` (PROOF in RFC 6962)."""
    return _subproof(hashes, size, whole=True) if 0 < size < len(hashes) else []


def _subproof(hashes: Sequence[bytes], size: int, *, whole: bool) -> list[bytes]:
    if size == len(hashes):
        return [] if whole else [root_of(hashes)]
    half = _split(len(hashes))
    if size <= half:
        return [*_subproof(hashes[:half], size, whole=whole), root_of(hashes[half:])]
    return [*_subproof(hashes[half:], size - half, whole=False), root_of(hashes[:half])]


def verify_consistency(proof: Sequence[bytes], *, old_size: int, size: int, old_root: bytes, root: bytes) -> bool:
    """Whether a tree of `size` leaves under `root` extends the one of `old_size` under `old_root`."""
    if old_size == size:
        return not proof and old_root == root
    if not 0 < old_size < size:
        return old_size == 0 and not proof
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    node, last = old_size - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    if not path:
        return False
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and old == old_root and new == root


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1

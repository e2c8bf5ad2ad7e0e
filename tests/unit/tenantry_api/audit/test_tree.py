"""The tree against RFC 6962's own examples (section 2.1.3) and known answers."""

from __future__ import annotations

import hashlib

import pytest

from tenantry_api.audit.tree import (
    EMPTY,
    Tree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

A, B, C, D, E, F, G = (leaf_hash(letter.encode()) for letter in "abcdefg")
LEAVES = [A, B, C, D, E, F, G]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert EMPTY.root == hashlib.sha256().digest()


def test_a_leaf_and_a_node_of_the_same_bytes_differ() -> None:
    assert leaf_hash(A + B) != node_hash(A, B)


def test_a_tree_splits_at_the_largest_power_of_two_below_its_size() -> None:
    left, right = node_hash(node_hash(A, B), node_hash(C, D)), node_hash(E, F)

    assert root_of(LEAVES[:6]) == node_hash(left, right)
    assert EMPTY.extended(LEAVES[:6]) == Tree(6, (left, right))


@pytest.mark.parametrize(
    ("index", "proof"),
    [
        (0, [B, node_hash(C, D), node_hash(node_hash(E, F), G)]),
        (3, [C, node_hash(A, B), node_hash(node_hash(E, F), G)]),
        (4, [F, G, node_hash(node_hash(A, B), node_hash(C, D))]),
        (6, [node_hash(E, F), node_hash(node_hash(A, B), node_hash(C, D))]),
    ],
)
def test_inclusion_proofs_are_those_of_the_rfc(index: int, proof: list[bytes]) -> None:
    assert inclusion_proof(LEAVES, index) == proof
    assert verify_inclusion(proof, index=index, size=7, leaf=LEAVES[index], root=root_of(LEAVES))


@pytest.mark.parametrize(
    ("size", "proof"),
    [
        (3, [C, D, node_hash(A, B), node_hash(node_hash(E, F), G)]),
        (4, [node_hash(node_hash(E, F), G)]),
        (6, [node_hash(E, F), G, node_hash(node_hash(A, B), node_hash(C, D))]),
    ],
)
def test_consistency_proofs_are_those_of_the_rfc(size: int, proof: list[bytes]) -> None:
    assert consistency_proof(LEAVES, size) == proof
    assert verify_consistency(proof, old_size=size, size=7, old_root=root_of(LEAVES[:size]), root=root_of(LEAVES))


def test_a_smaller_tree_is_no_extension() -> None:
    assert not verify_consistency([], old_size=7, size=3, old_root=root_of(LEAVES), root=root_of(LEAVES[:3]))


def test_every_tree_extends_the_empty_one() -> None:
    assert verify_consistency([], old_size=0, size=7, old_root=EMPTY.root, root=root_of(LEAVES))


def test_an_index_outside_of_the_tree_is_not_included() -> None:
    assert not verify_inclusion([], index=1, size=1, leaf=A, root=A)

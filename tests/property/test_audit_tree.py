"""The tree agrees with an independent implementation, and no proof holds for what it does not prove."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from tenantry_api.audit.tree import (
    EMPTY,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

leaves = st.lists(st.binary(max_size=40), min_size=1, max_size=70)


def _oracle(contents: list[bytes]) -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for content in contents:
        tree.append_entry(content)
    return tree


@given(leaves, st.data())
def test_roots_are_the_oracles_however_the_leaves_arrive(contents: list[bytes], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(contents)))
    hashes = [leaf_hash(content) for content in contents]

    assert EMPTY.extended(hashes[:cut]).extended(hashes[cut:]).root == _oracle(contents).get_root()


@given(leaves, st.data())
def test_inclusion_proofs_are_the_oracles(contents: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(contents) - 1))
    hashes = [leaf_hash(content) for content in contents]
    expected = [bytes.fromhex(found) for found in _oracle(contents).prove_inclusion(index + 1).serialize()["path"]]

    assert [hashes[index], *inclusion_proof(hashes, index)] == expected


@given(leaves, st.data())
def test_an_inclusion_proof_holds_for_its_leaf_and_place_alone(contents: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(contents) - 1))
    other = data.draw(st.integers(0, len(contents) - 1))
    hashes = [leaf_hash(content) for content in contents]
    proof, size, root = inclusion_proof(hashes, index), len(hashes), root_of(hashes)

    assert verify_inclusion(proof, index=index, size=size, leaf=hashes[index], root=root)
    assert not verify_inclusion(proof, index=index, size=size, leaf=leaf_hash(b"another"), root=root)
    assert not verify_inclusion([*proof, root], index=index, size=size, leaf=hashes[index], root=root)
    if hashes[other] != hashes[index]:
        assert not verify_inclusion(proof, index=index, size=size, leaf=hashes[other], root=root)


@given(leaves, st.data())
def test_a_consistency_proof_holds_for_a_prefix_alone(contents: list[bytes], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(contents)))
    hashes = [leaf_hash(content) for content in contents]
    forked = [leaf_hash(b"forked"), *hashes[1:cut]]
    proof, size, root = consistency_proof(hashes, cut), len(hashes), root_of(hashes)

    assert verify_consistency(proof, old_size=cut, size=size, old_root=root_of(hashes[:cut]), root=root)
    if contents[0] != b"forked":
        assert not verify_consistency(proof, old_size=cut, size=size, old_root=root_of(forked), root=root)

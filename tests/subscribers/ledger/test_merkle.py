"""The trees of RFC 9162: known heads, known proofs, and every small tree by brute force."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.ledger import merkle

# The eight leaves used by the reference implementations of Certificate Transparency, and their published heads.
CT_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_HEADS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
SIZES = range(1, 34)


def tree(size: int) -> list[bytes]:
    return [merkle.leaf_hash(str(number).encode()) for number in range(size)]


def recursive_root(leaves: list[bytes]) -> bytes:
    """The definition in RFC 9162, 2.1.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return merkle.node_hash(recursive_root(leaves[:middle]), recursive_root(leaves[middle:]))


def test_the_empty_tree_is_the_hash_of_nothing() -> None:
    assert merkle.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(("size", "head"), list(enumerate(CT_HEADS, start=1)))
def test_published_heads(size: int, head: str) -> None:
    assert merkle.root([merkle.leaf_hash(leaf) for leaf in CT_LEAVES[:size]]).hex() == head


@pytest.mark.parametrize("size", SIZES)
def test_level_by_level_is_the_recursive_definition(size: int) -> None:
    assert merkle.root(tree(size)) == recursive_root(tree(size))


def test_a_leaf_is_never_a_node() -> None:
    left, right = tree(2)
    assert merkle.leaf_hash(left + right) != merkle.node_hash(left, right)


@pytest.mark.parametrize("size", SIZES)
def test_every_inclusion_proof_verifies_and_at_no_other_place(size: int) -> None:
    leaves, head = tree(size), merkle.root(tree(size))
    for position in range(size):
        proof = merkle.inclusion_proof(leaves, position)
        assert merkle.verify_inclusion(leaves[position], position, size, proof, head)
        for other in range(size):
            if other != position:
                assert not merkle.verify_inclusion(leaves[position], other, size, proof, head)


@given(st.data())
def test_a_changed_inclusion_proof_fails(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 40))
    position = data.draw(st.integers(0, size - 1))
    leaves, head = tree(size), merkle.root(tree(size))
    proof = merkle.inclusion_proof(leaves, position)
    step = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, 255))
    broken = bytearray(proof[step])
    broken[bit // 8] ^= 1 << bit % 8
    assert not merkle.verify_inclusion(
        leaves[position], position, size, [*proof[:step], bytes(broken), *proof[step + 1 :]], head
    )
    assert not merkle.verify_inclusion(leaves[position], position, size, proof[:-1], head)
    assert not merkle.verify_inclusion(leaves[position], position, size, [*proof, head], head)


@pytest.mark.parametrize(("position", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_no_inclusion_outside_the_tree(position: int, size: int) -> None:
    assert not merkle.verify_inclusion(b"x" * 32, position, size, [], b"x" * 32)
    with pytest.raises(merkle.ProofError):
        merkle.inclusion_proof(tree(size), position)


@pytest.mark.parametrize("size", SIZES)
def test_every_consistency_proof_verifies(size: int) -> None:
    leaves = tree(size)
    for old_size in range(1, size + 1):
        proof = merkle.consistency_proof(leaves, old_size)
        old_head, new_head = merkle.root(leaves[:old_size]), merkle.root(leaves)
        assert merkle.verify_consistency(old_size, size, old_head, new_head, proof)
        assert not merkle.verify_consistency(old_size, size, merkle.leaf_hash(b"?"), new_head, proof)
        assert not merkle.verify_consistency(old_size, size, old_head, merkle.leaf_hash(b"?"), proof)
        assert not merkle.verify_consistency(old_size, size, old_head, new_head, [*proof, new_head])


@given(st.data())
def test_a_rewritten_past_has_no_consistency_proof(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 40))
    old_size = data.draw(st.integers(1, size - 1))
    changed = data.draw(st.integers(0, old_size - 1))
    leaves = tree(size)
    rewritten = [*leaves[:changed], merkle.leaf_hash(b"changed"), *leaves[changed + 1 :]]
    proof = merkle.consistency_proof(rewritten, old_size)
    assert not merkle.verify_consistency(
        old_size, size, merkle.root(leaves[:old_size]), merkle.root(rewritten), proof
    )


@pytest.mark.parametrize("old_size", [0, 4])
def test_no_consistency_with_a_tree_that_never_was(old_size: int) -> None:
    assert not merkle.verify_consistency(old_size, 3, b"x" * 32, b"x" * 32, [])
    with pytest.raises(merkle.ProofError):
        merkle.consistency_proof(tree(3), old_size)


@given(
    st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), min_size=1)))
)
def test_some_leaves_and_their_siblings_give_the_head(case: tuple[int, set[int]]) -> None:
    size, chosen = case
    leaves = tree(size)
    others = merkle.siblings(leaves, sorted(chosen))
    known = {position: leaves[position] for position in chosen}
    assert merkle.root_from(size, known, others) == merkle.root(leaves)
    if len(chosen) == 1:
        assert sorted(others) == sorted(merkle.inclusion_proof(leaves, min(chosen)))
    if len(chosen) == size:
        assert others == []


@pytest.mark.parametrize("others", [[], [b"x" * 32] * 3])
def test_too_few_or_too_many_siblings_are_refused(others: list[bytes]) -> None:
    leaves = tree(4)
    assert len(merkle.siblings(leaves, [0])) == 2
    with pytest.raises(merkle.ProofError):
        merkle.root_from(4, {0: leaves[0]}, others)


@pytest.mark.parametrize("positions", [[], [4], [-1]])
def test_siblings_need_positions_in_the_tree(positions: list[int]) -> None:
    with pytest.raises(merkle.ProofError):
        merkle.siblings(tree(4), positions)
    with pytest.raises(merkle.ProofError):
        merkle.root_from(4, dict.fromkeys(positions, b"x" * 32), [])

"""Merkle trees as in RFC 9162, section 2.1 (Certificate Transparency 2.0), over SHA-256.

Every hash is 32 raw bytes. Leaves and inner nodes are hashed apart (prefixes 0x00 and 0x01), so that no inner
node can be passed off as a leaf. Positions count from 0. All functions are pure.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

LEAF_PREFIX = b"\x00"
NODE_PREFIX = b"\x01"
HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()


class ProofError(ValueError):
    """A proof asked for, or given, that does not fit its tree."""


def leaf_hash(data: bytes) -> bytes:
    """Hash one leaf's canonical bytes (RFC 9162, 2.1.1)."""
    return sha256(LEAF_PREFIX + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two children into their parent (RFC 9162, 2.1.1)."""
    return sha256(NODE_PREFIX + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the tree head of these leaf hashes.

    Pairing level by level and lifting an odd last node unchanged gives exactly the RFC's split at the largest
    power of two, without recursion.
    """
    if not leaves:
        return EMPTY_ROOT
    level = list(leaves)
    while len(level) > 1:
        level = _next_level(level)
    return level[0]


def split(hashes: bytes) -> list[bytes]:
    """Return the hashes of a row of them; raise ValueError where the last is cut short."""
    if len(hashes) % HASH_SIZE:
        raise ValueError("a hash is cut short")
    return [hashes[start : start + HASH_SIZE] for start in range(0, len(hashes), HASH_SIZE)]


def inclusion_proof(leaves: Sequence[bytes], position: int) -> list[bytes]:
    """Return the audit path of one leaf, from the bottom up (RFC 9162, 2.1.3.1)."""
    if not 0 <= position < len(leaves):
        message = f"position {position} is outside a tree of {len(leaves)} leaves"
        raise ProofError(message)
    path: list[bytes] = []
    level = list(leaves)
    while len(level) > 1:
        sibling = position ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level = _next_level(level)
        position >>= 1
    return path


def verify_inclusion(leaf: bytes, position: int, size: int, proof: Sequence[bytes], head: bytes) -> bool:
    """Tell whether `leaf` stands at `position` in the tree of that size and head (RFC 9162, 2.1.3.2)."""
    if not 0 <= position < size:
        return False
    node, last, current = position, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            current = node_hash(step, current)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            current = node_hash(current, step)
        node, last = node >> 1, last >> 1
    return last == 0 and current == head


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """Return the proof that the first `old_size` leaves are a prefix of all of them (RFC 9162, 2.1.4.1)."""
    if not 0 < old_size <= len(leaves):
        message = f"no tree of {old_size} leaves precedes one of {len(leaves)}"
        raise ProofError(message)
    return _sub_proof(leaves, old_size, whole=True)


def verify_consistency(
    old_size: int, new_size: int, old_head: bytes, new_head: bytes, proof: Sequence[bytes]
) -> bool:
    """Tell whether the tree of `new_size` leaves extends the one of `old_size` (RFC 9162, 2.1.4.2)."""
    if not 0 < old_size <= new_size:
        return False
    if old_size == new_size:
        return not proof and old_head == new_head
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_head)
    if not path:
        return False
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, step)
        node, last = node >> 1, last >> 1
    return last == 0 and old == old_head and new == new_head


def siblings(leaves: Sequence[bytes], positions: Sequence[int]) -> list[bytes]:
    """Return what is missing to recompute the head from some leaves: a hash per subtree without any of them.

    `positions` is sorted and without repetition. The hashes stand from left to right. All leaves need none;
    one leaf needs its audit path, in another order.
    """
    if not positions or positions[0] < 0 or positions[-1] >= len(leaves):
        message = "the positions do not lie in the tree"
        raise ProofError(message)
    if len(positions) == len(leaves):
        return []
    return list(_missing(leaves, positions, 0, len(leaves)))


def root_from(size: int, known: Mapping[int, bytes], others: Sequence[bytes]) -> bytes:
    """Recompute a head from some leaves and the `siblings` of the rest, or raise `ProofError`."""
    positions = sorted(known)
    if not positions or positions[0] < 0 or positions[-1] >= size:
        message = "the positions do not lie in the tree"
        raise ProofError(message)
    if len(positions) == size and not others:
        return root([known[position] for position in positions])
    rest = iter(others)
    head = _combine(positions, known, rest, 0, size)
    if next(rest, None) is not None:
        message = "the proof holds more hashes than the tree has room for"
        raise ProofError(message)
    return head


def _next_level(level: list[bytes]) -> list[bytes]:
    lifted = [sha256(NODE_PREFIX + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
    if len(level) & 1:
        lifted.append(level[-1])
    return lifted


def _split(size: int) -> int:
    """Return the largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1


def _sub_proof(leaves: Sequence[bytes], old_size: int, *, whole: bool) -> list[bytes]:
    if old_size == len(leaves):
        return [] if whole else [root(leaves)]
    middle = _split(len(leaves))
    if old_size <= middle:
        return [*_sub_proof(leaves[:middle], old_size, whole=whole), root(leaves[middle:])]
    return [*_sub_proof(leaves[middle:], old_size - middle, whole=False), root(leaves[:middle])]


def _missing(leaves: Sequence[bytes], positions: Sequence[int], low: int, high: int) -> Iterator[bytes]:
    inside = bisect_left(positions, high) - bisect_left(positions, low)
    if not inside:
        yield root(leaves[low:high])
    elif inside < high - low:
        middle = low + _split(high - low)
        yield from _missing(leaves, positions, low, middle)
        yield from _missing(leaves, positions, middle, high)


def _combine(
    positions: Sequence[int], known: Mapping[int, bytes], others: Iterator[bytes], low: int, high: int
) -> bytes:
    first, after = bisect_left(positions, low), bisect_left(positions, high)
    if first == after:
        given = next(others, None)
        if given is None:
            message = "the proof holds too few hashes"
            raise ProofError(message)
        return given
    if after - first == high - low:
        return root([known[position] for position in positions[first:after]])
    middle = low + _split(high - low)
    left = _combine(positions, known, others, low, middle)
    return node_hash(left, _combine(positions, known, others, middle, high))

"""Proving single records: from the record's own texts to a signed block, and from there to a signed checkpoint. Pure.

The way is: leaf hash (`encoding.leaf`) -> audit path -> root of the block (RFC 9162, 2.1.3) -> the block's signed
bytes (`Block.payload`) -> the hash that the next block names -> ... -> the hash that the checkpoint names.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from . import checkpoints, keys, merkle, rows
from .blocks import Block, head_of, link_faults


@dataclass(frozen=True, slots=True)
class Inclusion:
    """One record's place in its block; `faults` say in words what does not hold."""

    leaf: bytes
    position: int
    path: list[bytes]
    block: Block
    faults: list[str]


@dataclass(frozen=True, slots=True)
class Chain:
    """The blocks from the first that is proven to the checkpoint's; `faults` say in words what does not hold."""

    length: int
    faults: list[str]


def include(
    row: rows.Row, block: Block, leaves: Sequence[bytes], public_keys: Mapping[str, bytes]
) -> Inclusion:
    """Prove a record in its block and check every step; `public_keys` by id."""
    position = row.id - block.first_id
    leaf, path = row.leaf(), merkle.inclusion_proof(leaves, position)
    faults = []
    if not merkle.verify_inclusion(leaf, position, block.count, path, block.root):
        faults.append("its texts do not lead to the root of the block")
    if not row.is_erased and not row.keeps_its_commitment():
        faults.append("the personal data beside it are not those that it was sealed with")
    public_key = public_keys.get(block.key_id)
    if public_key is None or not keys.verify(public_key, block.signature, block.payload()):
        faults.append("its block is not signed by a key of the ledger")
    return Inclusion(leaf, position, path, block, faults)


def follow(
    blocks: Iterable[Block], checkpoint: checkpoints.Checkpoint, public_keys: Mapping[str, bytes]
) -> Chain:
    """Check that these blocks, ascending and without a gap, end in the block that the signed checkpoint names."""
    faults: list[str] = []
    before: Block | None = None
    length = 0
    for block in blocks:
        if before is not None:
            faults += link_faults(block, head_of(before))
        before, length = block, length + 1
    if before is None or (before.number, before.hash.hex()) != (checkpoint.block, checkpoint.block_hash):
        faults.append("the blocks do not lead to the checkpoint")
    if not checkpoint.is_signed(public_keys):
        faults.append("the checkpoint is not signed by a key of the ledger")
    return Chain(length, faults)

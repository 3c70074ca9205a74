"""Blocks: signed seals (Ed25519) over the records that one transaction wrote, each naming the one before."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from . import encoding, merkle

MAGIC: Final = b"mailplatform-block-1\n"
GENESIS: Final = b"\x00" * merkle.HASH_SIZE


@dataclass(frozen=True, slots=True)
class Block:
    """A seal over the records `first_id` to `last_id`; hashes are 32 raw bytes, the signature 64."""

    number: int
    first_id: int
    last_id: int
    count: int
    root: bytes
    previous_hash: bytes
    key_id: str
    sealed_at: dt.datetime
    signature: bytes = b""

    def payload(self) -> bytes:
        """Return the bytes that are signed and hashed: a `name=value` line per field but the signature."""
        lines = (
            f"number={self.number}", f"first_id={self.first_id}", f"last_id={self.last_id}",
            f"count={self.count}", f"root={self.root.hex()}", f"previous_hash={self.previous_hash.hex()}",
            f"key_id={self.key_id}", f"sealed_at={encoding.format_time(self.sealed_at)}",
        )  # fmt: skip
        return MAGIC + "\n".join(lines).encode()

    @property
    def hash(self) -> bytes:
        """The block's hash, which the next block names."""
        return sha256(self.payload()).digest()


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of the newest block; the next one builds on it."""

    number: int = 0
    last_id: int = 0
    block_hash: bytes = GENESIS


def seal(
    leaves: Sequence[bytes],
    head: Head,
    *,
    key_id: str,
    sign: Callable[[bytes], bytes],
    sealed_at: dt.datetime,
) -> Block:
    """Seal the leaves that follow `head` into the next block."""
    if not leaves:
        raise ValueError("a block seals at least one record")
    block = Block(
        number=head.number + 1,
        first_id=head.last_id + 1,
        last_id=head.last_id + len(leaves),
        count=len(leaves),
        root=merkle.root(leaves),
        previous_hash=head.block_hash,
        key_id=key_id,
        sealed_at=sealed_at,
    )
    return replace(block, signature=sign(block.payload()))


def link_faults(block: Block, head: Head) -> list[str]:
    """Say, in words, where a block does not continue `head`; nothing for a block that does."""
    faults: list[str] = []
    if block.number != head.number + 1:
        faults.append(f"block {head.number + 1} is missing: block {block.number} follows block {head.number}")
    if block.first_id != head.last_id + 1:
        faults.append(f"block {block.number} begins at record {block.first_id} instead of {head.last_id + 1}")
    if block.count != block.last_id - block.first_id + 1:
        faults.append(
            f"block {block.number} counts {block.count} records from {block.first_id} to {block.last_id}"
        )
    if block.previous_hash != head.block_hash:
        faults.append(f"block {block.number} does not name the hash of the block before it")
    return faults


def head_of(block: Block) -> Head:
    """Return the head that a block makes."""
    return Head(number=block.number, last_id=block.last_id, block_hash=block.hash)

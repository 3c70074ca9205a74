"""A block seals what one transaction wrote, and continues the one before."""

import datetime as dt
from dataclasses import replace

import pytest

from subscribers.ledger import blocks, keys, merkle

NOW = dt.datetime(2026, 1, 31, 9, 30, tzinfo=dt.UTC)
SIGNER = keys.generate()


def leaves(count: int) -> list[bytes]:
    return [merkle.leaf_hash(str(number).encode()) for number in range(count)]


def seal(count: int, head: blocks.Head) -> blocks.Block:
    return blocks.seal(leaves(count), head, key_id=SIGNER.key_id, sign=SIGNER.sign, sealed_at=NOW)


def test_the_first_block_starts_at_one_and_names_nothing_before_it() -> None:
    block = seal(3, blocks.Head())
    assert (block.number, block.first_id, block.last_id, block.count) == (1, 1, 3, 3)
    assert block.previous_hash == blocks.GENESIS
    assert block.root == merkle.root(leaves(3))
    assert keys.verify(SIGNER.public_key, block.signature, block.payload())


def test_the_next_block_continues_it() -> None:
    first = seal(3, blocks.Head())
    second = seal(1, blocks.head_of(first))
    assert (second.number, second.first_id, second.last_id) == (2, 4, 4)
    assert second.previous_hash == first.hash
    assert blocks.link_faults(second, blocks.head_of(first)) == []


def test_an_empty_block_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one record"):
        seal(0, blocks.Head())


@pytest.mark.parametrize(
    "change",
    [
        {"number": 2}, {"first_id": 2}, {"last_id": 4}, {"count": 4}, {"root": bytes(32)},
        {"previous_hash": b"\x01" * 32}, {"key_id": "other"}, {"sealed_at": NOW + dt.timedelta(microseconds=1)},
    ],
)  # fmt: skip
def test_every_field_is_signed_and_hashed(change: dict[str, object]) -> None:
    block = seal(3, blocks.Head())
    changed = replace(block, **change)  # type: ignore[arg-type]
    assert changed.hash != block.hash
    assert not keys.verify(SIGNER.public_key, changed.signature, changed.payload())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"number": 3}, "block 2 is missing: block 3 follows block 1"),
        ({"first_id": 5}, "block 2 begins at record 5 instead of 4"),
        ({"count": 9}, "block 2 counts 9 records from 4 to 5"),
        ({"previous_hash": bytes(32)}, "block 2 does not name the hash of the block before it"),
    ],
)
def test_a_broken_link_is_said_in_words(change: dict[str, object], words: str) -> None:
    head = blocks.head_of(seal(3, blocks.Head()))
    assert words in blocks.link_faults(replace(seal(2, head), **change), head)  # type: ignore[arg-type]

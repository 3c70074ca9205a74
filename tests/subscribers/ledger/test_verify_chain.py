"""The live ledger's check, on a ledger in memory: what was changed, removed, added or cut is named."""

from dataclasses import replace
from typing import Any

import pytest

from subscribers.ledger import keys, merkle
from subscribers.ledger.report import Kind, Report
from subscribers.ledger.verify_chain import Sealed


def named(report: Report) -> list[tuple[Kind, int]]:
    return [(problem.kind, problem.record_id) for problem in report.problems if problem.record_id is not None]


def change(ledger: Any, number: int, **fields: str) -> None:
    row = ledger.rows[number - 1]
    ledger.rows[number - 1] = row._replace(record=row.record._replace(**fields))


def test_an_empty_ledger_is_whole(ledger: Any) -> None:
    assert ledger.verify().lines() == ["0 records (0 erased) in 0 blocks: every seal holds."]


def test_a_whole_ledger_is_whole(ledger: Any) -> None:
    ledger.fill(1, 5, 2)
    report = ledger.verify()
    assert (report.ok, report.records, report.blocks, report.head) == (True, 8, 3, "block 3, record 8")


def test_a_rotated_ledger_is_whole(ledger: Any) -> None:
    ledger.fill(1)
    ledger.rotate()
    ledger.fill(2)
    assert ledger.verify().ok


@pytest.mark.parametrize("number", [1, 3, 8])
def test_a_changed_record_is_named(ledger: Any, number: int) -> None:
    ledger.fill(1, 5, 2)
    change(ledger, number, act="refused")
    assert named(ledger.verify()) == [(Kind.CHANGED, number)]


def test_a_record_changed_with_its_leaf_hash_is_noticed(ledger: Any) -> None:
    ledger.fill(1, 4)
    change(ledger, 3, act="refused")
    sealed = ledger.sealed[1]
    forged = b"".join(row.leaf() for row in ledger.rows[1:5])
    ledger.sealed[1] = Sealed(sealed.block, sealed.stored_hash, forged)
    texts = ledger.verify().lines()
    assert "one or more of records 2 to 5 were changed" in texts


def test_a_single_record_changed_with_its_leaf_hash_is_named(ledger: Any) -> None:
    ledger.fill(1, 4)
    change(ledger, 1, act="refused")
    ledger.sealed[0] = replace(ledger.sealed[0], leaves=ledger.rows[0].leaf())
    assert named(ledger.verify()) == [(Kind.CHANGED, 1)]


@pytest.mark.parametrize("number", [1, 3, 8])
def test_a_removed_record_is_named(ledger: Any, number: int) -> None:
    ledger.fill(1, 5, 2)
    del ledger.rows[number - 1]
    assert named(ledger.verify()) == [(Kind.REMOVED, number)]


def test_a_record_removed_with_its_block_is_named(ledger: Any) -> None:
    ledger.fill(1, 2, 1)
    del ledger.rows[1:3]
    del ledger.sealed[1]
    report = ledger.verify()
    assert named(report) == [(Kind.REMOVED, 2), (Kind.REMOVED, 3)]
    assert "block 2 is missing: block 3 follows block 1" in report.lines()


def test_a_tail_cut_with_its_blocks_is_named_by_the_checkpoint(ledger: Any) -> None:
    ledger.fill(4, 2, 1)
    del ledger.rows[4:]
    del ledger.sealed[1:]
    report = ledger.verify()
    assert named(report) == [(Kind.CUT, 5), (Kind.CUT, 6), (Kind.CUT, 7)]


def test_an_added_record_is_named(ledger: Any) -> None:
    ledger.fill(2)
    ledger.rows.append(ledger.rows[0]._replace(record=ledger.rows[0].record._replace(id="3")))
    assert named(ledger.verify()) == [(Kind.ADDED, 3)]


def test_a_block_sealed_with_a_foreign_key_is_noticed(ledger: Any) -> None:
    ledger.fill(1)
    ledger.signer = keys.generate()
    ledger.fill(1)
    assert any("not signed by a key of the ledger" in line for line in ledger.verify().lines())


def test_a_key_without_the_signature_of_the_one_before_is_noticed(ledger: Any) -> None:
    ledger.fill(1)
    stranger = keys.generate()
    ledger.public_keys.append(keys.PublicKey(stranger.key_id, stranger.public_key))
    assert any("was brought in without" in line for line in ledger.verify().lines())


def test_a_rewritten_history_contradicts_the_checkpoint(ledger: Any) -> None:
    ledger.fill(1, 1)
    rewritten = [row._replace(act="withdrawn") for row in (entry.record for entry in ledger.rows)]
    old = list(ledger.rows)
    ledger.sealed.clear()
    ledger.rows.clear()
    for row, record in zip(old, rewritten, strict=True):
        ledger.write(row._replace(record=record), checkpoint=False)
    assert any(
        "is not the block that the checkpoint of that number names" in line
        for line in ledger.verify().lines()
    )


def test_missing_checkpoints_are_noticed(ledger: Any) -> None:
    ledger.fill(1)
    ledger.store.path.unlink()
    assert [problem.kind for problem in ledger.verify().problems] == [Kind.CHECKPOINT]


def test_changed_personal_data_is_named(ledger: Any) -> None:
    ledger.fill(2)
    ledger.rows[1] = ledger.rows[1]._replace(email="else@example.test")
    assert ledger.verify().lines()[0] == "the personal data of record 2 was changed"


def test_personal_data_gone_without_an_erasure_is_named(ledger: Any) -> None:
    ledger.fill(2)
    ledger.rows[1] = ledger.rows[1]._replace(email="", ip="", evidence="", salt="")
    assert named(ledger.verify()) == [(Kind.CHANGED, 2)]


def test_an_erasure_leaves_the_ledger_whole(ledger: Any) -> None:
    ledger.fill(2)
    first = ledger.rows[0]
    ledger.rows[0] = first._replace(email="", ip="", evidence="", salt="")
    ledger.write(ledger.rows[0]._replace(record=first.record._replace(id="3", act="erased")))
    report = ledger.verify()
    assert (report.ok, report.erased) == (True, 2)


def test_a_changed_block_hash_is_noticed(ledger: Any) -> None:
    ledger.fill(1)
    ledger.sealed[0] = replace(ledger.sealed[0], stored_hash=merkle.EMPTY_ROOT)
    assert any("stored under another hash" in line for line in ledger.verify().lines())

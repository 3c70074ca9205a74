"""Checkpoints are appended, signed and chained; what was done to the file shows."""

import json
import threading
from pathlib import Path

import pytest

from subscribers.ledger import checkpoints, keys
from subscribers.ledger.checkpoints import Checkpoint, CheckpointFile

SIGNER = keys.generate()
TRUSTED = {SIGNER.key_id: SIGNER.public_key}


def point(block: int) -> Checkpoint:
    return Checkpoint(block, 10 * block, f"{block:064x}", "2026-01-31T09:30:00.000000Z", "")


@pytest.fixture
def store(tmp_path: Path) -> CheckpointFile:
    return CheckpointFile(tmp_path / "made" / "ledger.jsonl")


def fill(store: CheckpointFile, *blocks: int) -> None:
    for block in blocks:
        store.append(point(block), SIGNER)


def faults(store: CheckpointFile) -> list[str]:
    return checkpoints.audit(store.lines(), TRUSTED).faults


def edit(store: CheckpointFile, number: int, line: bytes | None) -> None:
    lines = store.path.read_bytes().splitlines(keepends=True)
    lines[number : number + 1] = [line] if line is not None else []
    store.path.write_bytes(b"".join(lines))


def test_a_store_without_a_file_is_empty(store: CheckpointFile) -> None:
    assert checkpoints.newest(store.lines()) is None
    assert list(store.tail()) == []
    assert faults(store) == []


def test_what_is_appended_is_read_back(store: CheckpointFile) -> None:
    fill(store, 1, 2, 3)
    found = checkpoints.audit(store.lines(), TRUSTED)
    assert found.faults == []
    assert found.newest is not None
    assert (found.newest.block, found.newest.last_id) == (3, 30)
    assert found.hashes == {block: f"{block:064x}" for block in (1, 2, 3)}
    assert store.path.stat().st_mode & 0o777 == 0o600


def test_the_newest_is_the_highest_whatever_the_order(store: CheckpointFile) -> None:
    fill(store, 1, 3, 2)
    newest = checkpoints.newest(store.lines())
    assert newest is not None
    assert newest.block == 3
    assert faults(store) == []


def test_many_writers_make_one_chain(store: CheckpointFile) -> None:
    threads = [
        threading.Thread(target=fill, args=(store, *range(start, start + 10))) for start in (1, 11, 21, 31)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(store.lines())) == 40
    assert faults(store) == []


def test_a_changed_line_is_noticed(store: CheckpointFile) -> None:
    fill(store, 1, 2)
    line = json.loads(store.path.read_bytes().splitlines()[0])
    edit(store, 0, json.dumps({**line, "last_id": 11}, separators=(",", ":")).encode() + b"\n")
    assert faults(store) == [
        "checkpoint line 1 (block 1) is not signed by a key of the ledger",
        "checkpoint line 2 (block 2) does not follow the line before it",
    ]


def test_a_removed_line_is_noticed(store: CheckpointFile) -> None:
    fill(store, 1, 2, 3)
    edit(store, 1, None)
    assert faults(store) == ["checkpoint line 2 (block 3) does not follow the line before it"]


@pytest.mark.parametrize("line", [b"nonsense\n", b"[]\n", b"{}\n", b'{"block":"x"}\n', b"\xff\n", b"null\n"])
def test_a_line_that_cannot_be_read_is_noticed(store: CheckpointFile, line: bytes) -> None:
    fill(store, 1, 2)
    edit(store, 0, line)
    assert faults(store)[0] == "checkpoint line 1 cannot be read"


def test_two_hashes_for_one_block_are_noticed(store: CheckpointFile) -> None:
    fill(store, 1)
    store.append(Checkpoint(1, 10, "ff" * 32, "2026-01-31T09:30:00.000000Z", ""), SIGNER)
    assert faults(store) == ["checkpoint line 2 (block 1) names another hash than an earlier line"]


def test_a_foreign_signature_is_noticed(store: CheckpointFile) -> None:
    store.append(point(1), keys.generate())
    found = checkpoints.audit(store.lines(), TRUSTED)
    assert found.newest is None
    assert found.faults == ["checkpoint line 1 (block 1) is not signed by a key of the ledger"]


def test_a_line_torn_by_a_power_cut_is_taken_off_by_the_next_write(store: CheckpointFile) -> None:
    fill(store, 1)
    with store.path.open("ab") as file:
        file.write(b'{"block":2,"last')
    assert faults(store) == ["checkpoint line 2 cannot be read"]
    fill(store, 2)
    assert faults(store) == []


def test_the_tail_of_a_long_file_is_whole_lines(store: CheckpointFile) -> None:
    fill(store, *range(1, 60))
    tail = list(store.tail())
    assert 5 < len(tail) < 59
    newest = checkpoints.newest(tail)
    assert newest is not None
    assert newest.block == 59

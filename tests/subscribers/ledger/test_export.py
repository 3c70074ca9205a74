"""What stands in an export."""

import json
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from subscribers.ledger import export, keys, merkle, rows


def test_the_manifest_says_what_is_in_it_and_is_signed(ledger: Any, tmp_path: Path) -> None:
    ledger.fill(3, 2)
    path = ledger.export(tmp_path / "x.zip", "json", lambda number: number != 2)
    with zipfile.ZipFile(path) as found:
        assert set(found.namelist()) == {
            "register.json", export.BLOCKS, export.NOTICES, export.MANIFEST, export.SIGNATURE, export.PUBLIC_KEY,
            export.README,
        }  # fmt: skip
        raw = found.read(export.MANIFEST)
        signature = bytes.fromhex(found.read(export.SIGNATURE).decode())
        readme = found.read(export.README).decode()
        rows = json.loads(found.read("register.json"))
    manifest = json.loads(raw)
    assert keys.verify(ledger.signer.public_key, signature, export.MANIFEST_MAGIC + raw)
    assert (manifest["count"], manifest["ids"], manifest["blocks"]) == (4, "1,3-5", 2)
    assert manifest["filters"] == {"purpose": "marketing_email"}
    assert manifest["head"]["last_id"] == 5
    assert [row["id"] for row in rows] == ["1", "3", "4", "5"]
    assert rows[0]["evidence"] == {"order": "A-1"}
    assert "verify_register" in readme


def test_a_proof_holds_nothing_of_the_rows_left_out(ledger: Any, tmp_path: Path) -> None:
    ledger.fill(8)
    path = ledger.export(tmp_path / "x.zip", "csv", lambda number: number == 5)
    with zipfile.ZipFile(path) as found:
        line = json.loads(found.read(export.BLOCKS))
        text = b"".join(found.read(name) for name in found.namelist())
    assert (line["ids"], len(line["leaves"]), len(line["others"])) == ("5", 64, 3 * 64)
    assert b"person5@" in text
    assert b"person6@" not in text


def test_a_whole_block_needs_no_other_hashes(ledger: Any) -> None:
    ledger.fill(5)
    sealed = ledger.sealed[0]
    proof = export.proof_line(sealed.block, range(1, 6), sealed.leaves)
    assert (proof["ids"], proof["leaves"], proof["others"]) == ("1-5", sealed.leaves.hex(), "")
    with pytest.raises(merkle.ProofError):
        export.proof_line(sealed.block, [], sealed.leaves)


def test_a_long_register_is_never_held_in_memory(ledger: Any, tmp_path: Path) -> None:
    size, blocks = 400, 100
    ledger.fill(size)
    sealed, lines = ledger.sealed[0], [rows.csv_line(row) for row in ledger.rows]
    tracemalloc.start()
    try:
        with (tmp_path / "x.zip").open("wb") as file, export.Writer(file, "csv") as writer:
            for start in range(0, size * blocks, size):
                block = replace(sealed.block, first_id=start + 1, last_id=start + size)
                writer.add(block, sealed.leaves, [line._replace(id=start + line.id) for line in lines])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000 < size * blocks * len(lines[0].text)


def test_the_same_ledger_gives_the_same_files(ledger: Any, tmp_path: Path) -> None:
    ledger.fill(3)
    one, two = (ledger.export(tmp_path / name).read_bytes() for name in ("a.zip", "b.zip"))
    assert one == two

"""A small ledger in memory, built with the product's own functions."""

import datetime as dt
import io
import json
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from subscribers.ledger import blocks, checkpoints, encoding, export, keys
from subscribers.ledger.report import Report
from subscribers.ledger.rows import Row, csv_line, personal_text
from subscribers.ledger.verify_chain import Sealed, verify_ledger

START = dt.datetime(2026, 1, 31, 9, 30, tzinfo=dt.UTC)
WORDING = {"version": 1, "language": "en", "purpose": "marketing_email", "text": "Yes, send me news."}


def notice() -> export.Notice:
    return export.Notice(hash=encoding.notice_hash(**WORDING), **WORDING)  # type: ignore[arg-type]


def make_row(
    number: int, *, email: str | None = None, evidence: str = '{"order":"A-1"}', act: str = "granted"
) -> Row:
    """One record of person `number`, complete with salt and commitment."""
    salt = bytes([number % 256]) * 32
    address = f"person{number}@example.test" if email is None else email
    personal = personal_text(address, "192.0.2.0", evidence)
    record = encoding.Record(
        id=str(number), schema_version="1", subject=str(uuid.UUID(int=number)), purpose="marketing_email", act=act,
        lawful_basis="consent", method="form", notice_hash=notice().hash, notice_version="1", language="en",
        form="footer", page="https://example.test/", source="=cmd()", actor="person", confirms="0",
        occurred_at=encoding.format_time(START), recorded_at=encoding.format_time(START),
        commitment=encoding.commitment(salt, personal).hex(),
    )  # fmt: skip
    return Row(record, address, "192.0.2.0", evidence, salt.hex())


@dataclass
class MemoryLedger:
    signer: keys.Signer
    store: checkpoints.CheckpointFile
    public_keys: list[keys.PublicKey]
    sealed: list[Sealed] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    @property
    def head(self) -> blocks.Head:
        return blocks.head_of(self.sealed[-1].block) if self.sealed else blocks.Head()

    def write(self, *new: Row, checkpoint: bool = True) -> None:
        leaves = [row.leaf() for row in new]
        block = blocks.seal(
            leaves, self.head, key_id=self.signer.key_id, sign=self.signer.sign, sealed_at=START
        )
        self.sealed.append(Sealed(block, block.hash, b"".join(leaves)))
        self.rows.extend(new)
        if checkpoint:
            self.store.append(checkpoints.of(block, encoding.format_time(START)), self.signer)

    def fill(self, *sizes: int) -> None:
        """One block per size."""
        for size in sizes:
            self.write(*(make_row(len(self.rows) + place) for place in range(1, size + 1)))

    def rotate(self) -> None:
        new = keys.generate()
        self.public_keys.append(keys.succeed(self.signer, new))
        self.signer = new

    def verify(self) -> Report:
        return verify_ledger(
            blocks=self.sealed,
            rows=self.rows,
            public_keys=self.public_keys,
            notices=[notice()],
            audit=checkpoints.audit(
                self.store.lines(), {key.key_id: key.public_key for key in self.public_keys}
            ),
        )

    def export(
        self, path: Path, form: export.Format = "csv", chosen: Callable[[int], bool] | None = None
    ) -> Path:
        with path.open("wb") as file, export.Writer(file, form) as writer:
            for sealed in self.sealed:
                own = self.rows[sealed.block.first_id - 1 : sealed.block.last_id]
                picked = [row for row in own if chosen is None or chosen(row.id)]
                if picked:
                    writer.add(sealed.block, sealed.leaves, [csv_line(row) for row in picked])
            writer.finish(
                head=self.head,
                filters={} if chosen is None else {"purpose": "marketing_email"},
                public_keys=self.public_keys,
                notices=[notice()],
                signer=self.signer,
                created_at=START,
            )
        return path


@pytest.fixture
def ledger(tmp_path: Path) -> MemoryLedger:
    signer = keys.generate()
    store = checkpoints.CheckpointFile(tmp_path / "checkpoints" / "ledger.jsonl")
    return MemoryLedger(signer, store, [keys.PublicKey(signer.key_id, signer.public_key)])


@pytest.fixture
def rewrite() -> Callable[[Path, str, Callable[[bytes], bytes]], None]:
    """Change one file inside a zip, as somebody would behind our back."""

    def change(path: Path, name: str, edit: Callable[[bytes], bytes]) -> None:
        with zipfile.ZipFile(path) as old:
            files = {entry: old.read(entry) for entry in old.namelist()}
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as new:
            for entry, data in files.items():
                new.writestr(entry, edit(data) if entry == name else data)
        path.write_bytes(buffer.getvalue())

    return change


@pytest.fixture
def resign(
    ledger: MemoryLedger,
) -> Callable[[Path, Callable[[dict[str, object]], None], keys.Signer | None], None]:
    """Change the manifest of a zip and sign it again: what only the holder of a key can do."""

    def change(
        path: Path, edit: Callable[[dict[str, object]], None], signer: keys.Signer | None = None
    ) -> None:
        with zipfile.ZipFile(path) as old:
            files = {entry: old.read(entry) for entry in old.namelist()}
        manifest = json.loads(files[export.MANIFEST])
        edit(manifest)
        raw = json.dumps(manifest).encode()
        files[export.MANIFEST] = raw
        files[export.SIGNATURE] = (signer or ledger.signer).sign(export.MANIFEST_MAGIC + raw).hex().encode()
        with zipfile.ZipFile(path, "w") as new:
            for entry, data in files.items():
                new.writestr(entry, data)

    return change

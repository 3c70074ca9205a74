"""Checking a register export offline, with the public key alone."""

import json
import zipfile
from contextlib import closing
from hashlib import sha256
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final

from . import encoding, export, keys, merkle, ranges, rows
from .blocks import Block, Head, head_of, link_faults
from .report import Kind, Report

UNREADABLE: Final = (OSError, KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile, EOFError)


def verify_export(path: Path, public_key: bytes | None = None) -> Report:
    """Check an export and name every row that was changed, removed, added or cut off.

    `public_key` is the 32-byte key that the reader trusts; without it the one inside the export is used, and
    the report says that this proves less.
    """
    report = Report()
    try:
        with closing(export.Bundle(path)) as bundle:
            _Check(bundle, report).run(public_key)
    except FileNotFoundError as error:
        report.add(Kind.FILE, f"{Path(error.filename or path).name} is missing")
    except UNREADABLE as error:
        report.add(Kind.FILE, f"{path.name} is not a register export, or is broken: {error}")
    return report


class _Check:
    """One verification; `leaves` are the hashes that signed blocks prove, 32 bytes per exported record."""

    def __init__(self, bundle: export.Bundle, report: Report) -> None:
        self.bundle = bundle
        self.report = report
        self.manifest: dict[str, Any] = {}
        self.proven = ranges.Ranges()
        self.leaves = bytearray()
        self.notices: set[str] = set()

    def run(self, public_key: bytes | None) -> None:
        raw = self.bundle.read(export.MANIFEST)
        self.manifest = json.loads(raw)
        if self.manifest.get("format") != export.FORMAT_NAME or self.manifest.get("version") != 1:
            raise ValueError("the manifest is of another format or version")
        trusted = self._trust(raw, public_key)
        head = self.manifest["head"]
        self.report.head = f"block {head['block']}, record {head['last_id']}"
        self._check_files()
        self._read_notices()
        self._read_blocks(trusted)
        self._check_rows()

    def _trust(self, raw: bytes, public_key: bytes | None) -> dict[str, bytes]:
        """Check the manifest's signature; return the keys that may have signed blocks."""
        listed = [_key(fields) for fields in self.manifest["keys"]]
        if public_key is None:
            public_key = keys.parse_public_key(self.bundle.read(export.PUBLIC_KEY).decode())
            self.report.notes.append(
                f"Checked with the key inside the export, {keys.key_id(public_key)}: compare it with the one "
                "on your register page, or give yours with --public-key."
            )
        reached = keys.trusted(public_key, listed)
        signer = reached.get(str(self.manifest["key_id"]))
        signature = bytes.fromhex(self.bundle.read(export.SIGNATURE).decode().strip())
        if signer is None:
            self.report.add(Kind.KEY, "the export is signed by a key that yours does not lead to")
        elif not keys.verify(signer, signature, export.MANIFEST_MAGIC + raw):
            self.report.add(Kind.FILE, "the manifest was changed: its signature is wrong")
        else:  # the signed manifest vouches for the keys before its own
            reached |= {
                key.key_id: key.public_key for key in listed if keys.key_id(key.public_key) == key.key_id
            }
        return reached

    def _check_files(self) -> None:
        for name, expected in self.manifest["files"].items():
            digest = sha256()
            with self.bundle.open(name) as file:
                while chunk := file.read(export.CHUNK):
                    digest.update(chunk)
            if digest.hexdigest() != expected:
                self.report.add(Kind.FILE, f"{name} is not the file that was signed")

    def _read_notices(self) -> None:
        for fields in json.loads(self.bundle.read(export.NOTICES)):
            name = str(fields.pop("hash"))
            if encoding.notice_hash(**fields) != name:
                words = f"the wording {fields['purpose']} version {fields['version']} ({fields['language']})"
                self.report.add(Kind.CHANGED, f"{words} was changed")
            self.notices.add(name)

    def _read_blocks(self, trusted: dict[str, bytes]) -> None:
        whole = not self.manifest["filters"]
        head = Head()
        with self.bundle.open(export.BLOCKS) as file:
            for number, line in enumerate(file, start=1):
                try:
                    block = self._read_block(json.loads(line), trusted)
                except UNREADABLE as error:
                    self.report.add(Kind.FILE, f"line {number} of {export.BLOCKS} cannot be read: {error}")
                    continue
                if whole:
                    for fault in link_faults(block, head):
                        self.report.add(Kind.SEAL, fault)
                head = head_of(block)
        signed = self.manifest["head"]
        if whole and (head.number, head.last_id, head.block_hash.hex()) != (
            signed["block"], signed["last_id"], signed["block_hash"],
        ):  # fmt: skip
            self.report.add(
                Kind.CUT,
                f"the blocks end at record {head.last_id}, not at the signed head: {self.report.head}",
            )

    def _read_block(self, fields: dict[str, Any], trusted: dict[str, bytes]) -> Block:
        block = _block(fields)
        chosen = ranges.parse(fields["ids"], limit=block.count + 1)
        own = bytes.fromhex(fields["leaves"])
        leaves, others = merkle.split(own), merkle.split(bytes.fromhex(fields["others"]))
        if len(leaves) != chosen.count:
            raise ValueError(f"{len(leaves)} hashes for {chosen.count} records")
        name = f"block {block.number} (records {block.first_id} to {block.last_id})"
        self.report.blocks += 1
        public_key = trusted.get(block.key_id)
        if public_key is None or not keys.verify(public_key, block.signature, block.payload()):
            self.report.add(Kind.SEAL, f"{name}: its seal is not signed by a key of the ledger")
        elif _root(block, chosen, leaves, others) != block.root:
            self.report.add(Kind.SEAL, f"{name}: its proof does not lead to the sealed root")
        for first, last in chosen.spans():
            self.proven.add_span(first, last)
        self.leaves += own
        return block

    def _check_rows(self) -> None:
        form = self.manifest["form"]
        expected = ranges.parse(self.manifest["ids"])
        erased = ranges.parse(self.manifest["erased"])
        seen = bytearray(self.proven.count)
        extra: set[int] = set()
        with (
            self.bundle.open(rows.FORMS[form].name) as raw,
            TextIOWrapper(raw, "utf-8-sig", newline="") as text,
        ):
            for line, row in rows.READERS[form](text):
                self.report.records += 1
                if isinstance(row, rows.RowError):
                    self.report.add(Kind.CHANGED, f"line {line} of the register cannot be read: {row}")
                    continue
                place = self.proven.place(row.id)
                if place is None or seen[place] or row.id in extra:
                    extra.add(row.id)
                    self.report.add(Kind.ADDED, f"record {row.id} was added (line {line})", row.id)
                    continue
                seen[place] = 1
                self._check_row(row, bytes(self.leaves[32 * place : 32 * place + 32]), erased)
        self._name_missing(expected, seen, extra)

    def _check_row(self, row: rows.Row, leaf: bytes, erased: ranges.Ranges) -> None:
        if row.leaf() != leaf:
            self.report.add(Kind.CHANGED, f"record {row.id} was changed", row.id)
        elif row.is_erased:
            self.report.erased += 1
            if row.id not in erased:
                self.report.add(Kind.CHANGED, f"the personal data of record {row.id} was taken out", row.id)
        elif not row.keeps_its_commitment():
            self.report.add(Kind.CHANGED, f"the personal data of record {row.id} was changed", row.id)
        if row.record.notice_hash and row.record.notice_hash not in self.notices:
            self.report.add(
                Kind.CHANGED, f"record {row.id} names a wording that is not in the export", row.id
            )

    def _name_missing(self, expected: ranges.Ranges, seen: bytearray, extra: set[int]) -> None:
        """Name what proofs or manifest hold and the rows lack; an unbroken end of it was cut off the tail."""
        if all(seen) and str(expected) == str(self.proven):
            return
        missing = {number for place, number in enumerate(self.proven) if not seen[place]}
        missing |= {number for number in expected if number not in self.proven and number not in extra}
        tail = set()
        if max(expected.last, self.proven.last) in missing:
            for number in sorted({*expected, *self.proven}, reverse=True):
                if number not in missing:
                    break
                tail.add(number)
        for number in sorted(missing):
            if number in tail:
                self.report.add(Kind.CUT, f"record {number} was cut from the tail", number)
            else:
                self.report.add(Kind.REMOVED, f"record {number} was removed", number)


def _root(block: Block, chosen: ranges.Ranges, leaves: list[bytes], others: list[bytes]) -> bytes:
    known = {number - block.first_id: leaf for number, leaf in zip(chosen, leaves, strict=True)}
    return merkle.root_from(block.count, known, others)


def _key(fields: dict[str, str]) -> keys.PublicKey:
    return keys.PublicKey(
        fields["key_id"],
        bytes.fromhex(fields["public_key"]),
        fields["signed_by"],
        bytes.fromhex(fields["signature"]),
    )


def _block(fields: dict[str, Any]) -> Block:
    return Block(
        number=int(fields["number"]),
        first_id=int(fields["first_id"]),
        last_id=int(fields["last_id"]),
        count=int(fields["count"]),
        root=bytes.fromhex(fields["root"]),
        previous_hash=bytes.fromhex(fields["previous_hash"]),
        key_id=str(fields["key_id"]),
        sealed_at=encoding.parse_time(fields["sealed_at"]),
        signature=bytes.fromhex(fields["signature"]),
    )

"""Writing a register export: a zip that proves itself with nothing but a public key.

    register.csv | register.json   the rows
    blocks.jsonl                   per sealed block: the seal, the leaf hashes of the rows exported from it, and
                                   the Merkle hashes that stand for the rows left out
    notices.json                   the exact wordings that the rows name
    manifest.json, manifest.sig    filters, which records, SHA-256 of each file, head of the ledger, keys; signed
    public-key.pem, README.txt

Memory stays flat: rows go straight into the zip, proofs by way of a temporary file.
"""

import datetime as dt
import json
import tempfile
import zipfile
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final, Literal, Self

import orjson

from . import encoding, keys, merkle, ranges, rows
from .blocks import Block, Head

Format = Literal["csv", "json"]
FORMAT_NAME: Final = "mailplatform-register"
MANIFEST_MAGIC: Final = b"mailplatform-manifest-1\n"
BLOCKS, NOTICES, MANIFEST, SIGNATURE, PUBLIC_KEY, README = (
    "blocks.jsonl", "notices.json", "manifest.json", "manifest.sig", "public-key.pem", "README.txt",
)  # fmt: skip
CHUNK: Final = 1 << 16
PIECE: Final = 1 << 20
EPOCH: Final = (1980, 1, 1, 0, 0, 0)

README_TEXT: Final = """\
Consent register, exported {created_at}
{count} records; head of the ledger: block {block}, record {last_id}
Signed with key {key_id}

Each row is sealed in a signed block. To check this file, on any machine, without a database:

    python manage.py verify_register THIS-FILE.zip --public-key public-key.pem

Take the public key from the register page or from your own records rather than from this archive: a forger
could have replaced the one in here. The command names every row that was changed, removed, added or cut off.
Cells that a spreadsheet would run as formulas begin with an apostrophe, which is not part of the value.
"""


@dataclass(frozen=True, slots=True)
class Notice:
    """A wording that records name."""

    hash: str
    purpose: str
    language: str
    version: int
    text: str


def proof_line(block: Block, ids: Sequence[int], leaves: bytes) -> dict[str, Any]:
    """Return what proves the chosen records of a block: its seal, their leaves, hashes for the rest.

    `leaves` are the hashes of all its records, joined.
    """
    own, others = leaves, b""
    if len(ids) < block.count:
        hashes, positions = merkle.split(leaves), [number - block.first_id for number in ids]
        others = b"".join(merkle.siblings(hashes, positions))
        own = b"".join([hashes[position] for position in positions])
    chosen = ranges.Ranges()
    chosen.add_all(ids)
    return {
        "number": block.number,
        "first_id": block.first_id,
        "last_id": block.last_id,
        "count": block.count,
        "root": block.root.hex(),
        "previous_hash": block.previous_hash.hex(),
        "key_id": block.key_id,
        "sealed_at": encoding.format_time(block.sealed_at),
        "signature": block.signature.hex(),
        "ids": str(chosen),
        "leaves": own.hex(),
        "others": others.hex(),
    }


class Writer:
    """Writes one export into a binary file; use as a context manager, then call `finish`.

    Rows go straight into the zip; a thread deflates and hashes them, which needs no lock of the interpreter, while
    the next ones are read. Only what proves them waits in a temporary file.
    """

    def __init__(self, target: IO[bytes], form: Format) -> None:
        # Half of a row is hashes, which nothing makes shorter: more effort costs much and gains little.
        self._zip = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        self._form = rows.FORMS[form]()
        self._form_name = form
        self._entry = self._zip.open(_entry(self._form.name), "w", force_zip64=True)
        self._digest = sha256()
        self._thread = ThreadPoolExecutor(1)
        self._under_way: deque[Future[None]] = deque()
        self._text = [self._form.head()]
        self._size = 0
        self._blocks_file = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._ids = ranges.Ranges()
        self._erased = ranges.Ranges()
        self._blocks = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        self._blocks_file.close()
        self._entry.close()
        self._zip.close()

    def add(self, block: Block, leaves: bytes, chosen: Sequence[rows.Line]) -> None:
        """Add the chosen rows of one block, in ascending order; blocks come in ascending order too.

        `leaves` are the hashes of all the block's records, joined.
        """
        ids = [line.id for line in chosen]
        proof = proof_line(block, ids, leaves)
        self._blocks_file.write(orjson.dumps(proof, option=orjson.OPT_APPEND_NEWLINE))
        self._blocks += 1
        self._ids.add_all(ids)
        self._erased.add_all([line.id for line in chosen if line.is_erased])
        self._write(self._form.body(chosen))

    def _write(self, text: bytes) -> None:
        """Gather small pieces; let the thread fall behind by two large ones at the most, so that memory stays flat."""
        self._text.append(text)
        self._size += len(text)
        if self._size >= PIECE:
            self._hand_over()

    def _hand_over(self) -> None:
        while len(self._under_way) > 1:
            self._under_way.popleft().result()
        self._under_way.append(self._thread.submit(self._deflate, b"".join(self._text)))
        self._text, self._size = [], 0

    def _deflate(self, text: bytes) -> None:
        self._digest.update(text)
        self._entry.write(text)

    def _close_rows(self) -> str:
        """Write the end of the rows; return their SHA-256 in hex."""
        self._write(self._form.tail())
        self._hand_over()
        while self._under_way:
            self._under_way.popleft().result()
        self._entry.close()
        return self._digest.hexdigest()

    def finish(
        self,
        *,
        head: Head,
        filters: Mapping[str, str],
        public_keys: Iterable[keys.PublicKey],
        notices: Iterable[Notice],
        signer: keys.Signer,
        created_at: dt.datetime,
    ) -> int:
        """Write manifest, signature and the rest; return how many rows were exported."""
        wordings = json.dumps([asdict(notice) for notice in notices], ensure_ascii=False, indent=1).encode()
        files = {
            self._form.name: self._close_rows(),
            BLOCKS: self._store(BLOCKS, self._blocks_file),
            NOTICES: sha256(wordings).hexdigest(),
        }
        manifest = {
            "format": FORMAT_NAME,
            "version": 1,
            "created_at": encoding.format_time(created_at),
            "form": self._form_name,
            "filters": dict(filters),
            "count": self._ids.count,
            "ids": str(self._ids),
            "erased": str(self._erased),
            "blocks": self._blocks,
            "files": files,
            "head": {"block": head.number, "last_id": head.last_id, "block_hash": head.block_hash.hex()},
            "keys": [_key_fields(key) for key in public_keys],
            "key_id": signer.key_id,
        }
        raw = json.dumps(manifest, ensure_ascii=False, indent=1).encode()
        self._put(NOTICES, wordings)
        self._put(MANIFEST, raw)
        self._put(SIGNATURE, signer.sign(MANIFEST_MAGIC + raw).hex().encode() + b"\n")
        self._put(PUBLIC_KEY, keys.public_pem(signer.public_key).encode())
        words = README_TEXT.format(
            created_at=manifest["created_at"], count=self._ids.count, block=head.number, last_id=head.last_id,
            key_id=signer.key_id,
        )  # fmt: skip
        self._put(README, words.encode())
        return self._ids.count

    def _store(self, name: str, source: IO[bytes]) -> str:
        """Copy a temporary file into the zip and return its SHA-256 in hex."""
        source.seek(0)
        digest = sha256()
        with self._zip.open(_entry(name), "w", force_zip64=True) as target:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                target.write(chunk)
        return digest.hexdigest()

    def _put(self, name: str, data: bytes) -> None:
        self._zip.writestr(_entry(name), data)


class Bundle:
    """An export as it lies on the disk: the zip, or a folder into which it was unpacked."""

    def __init__(self, path: Path) -> None:
        """Open a zip, a folder, or the folder of a file that is no zip; raise OSError or BadZipFile."""
        if path.is_file() and not zipfile.is_zipfile(path):
            path = path.parent
        self._folder = path if path.is_dir() else None
        self._zip = None if self._folder else zipfile.ZipFile(path)

    def names(self) -> set[str]:
        """Return the names of the files in it."""
        if self._zip:
            return set(self._zip.namelist())
        assert self._folder is not None
        return {file.name for file in self._folder.iterdir()}

    def open(self, name: str) -> IO[bytes]:
        """Open one file; raise KeyError or OSError where it is missing."""
        if self._zip:
            return self._zip.open(name)
        assert self._folder is not None
        return (self._folder / name).open("rb")

    def read(self, name: str) -> bytes:
        """Return one small file."""
        with self.open(name) as file:
            return file.read()

    def close(self) -> None:
        """Close the zip."""
        if self._zip:
            self._zip.close()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


def _key_fields(key: keys.PublicKey) -> dict[str, str]:
    return {
        "key_id": key.key_id,
        "public_key": key.public_key.hex(),
        "signed_by": key.signed_by,
        "signature": key.signature.hex(),
    }

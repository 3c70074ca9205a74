"""Checkpoints: signed heads of the ledger, kept outside the database.

Whoever can rewrite the whole database cannot rewrite these, so a tail that was cut off shows.
`CheckpointFile` is an append-only file of JSON lines, each naming the hash of the line before it; other
stores (an S3 bucket with Object Lock) need only the methods of `CheckpointStore`.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

from . import keys
from .blocks import Block

MAGIC: Final = b"mailplatform-checkpoint-1\n"
TAIL_BYTES: Final = 8192


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The ledger as it stood after one block; hashes and signature in lower-case hex."""

    block: int
    last_id: int
    block_hash: str
    sealed_at: str
    key_id: str
    previous: str = ""
    signature: str = ""

    def payload(self) -> bytes:
        """Return the canonical bytes that are signed."""
        lines = (
            f"block={self.block}", f"last_id={self.last_id}", f"block_hash={self.block_hash}",
            f"sealed_at={self.sealed_at}", f"key_id={self.key_id}", f"previous={self.previous}",
        )  # fmt: skip
        return MAGIC + "\n".join(lines).encode()

    def line(self) -> bytes:
        """Return the JSON line that stands in the store."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(fields, separators=(",", ":")).encode() + b"\n"

    def is_signed(self, public_keys: Mapping[str, bytes]) -> bool:
        """Tell whether one of these keys (by id) signed it."""
        public_key = public_keys.get(self.key_id)
        return public_key is not None and keys.verify(public_key, _unhex(self.signature), self.payload())


class CheckpointStore(Protocol):
    """Where checkpoints are kept; nothing is ever changed or taken out."""

    def append(self, checkpoint: Checkpoint, signer: keys.Signer) -> Checkpoint:
        """Sign and add one checkpoint durably; return it as it was written."""
        ...

    def lines(self) -> Iterator[bytes]:
        """Yield all lines as written, oldest first."""
        ...

    def tail(self) -> Iterator[bytes]:
        """Yield at least the last line, without reading all."""
        ...


def of(block: Block, sealed_at: str) -> Checkpoint:
    """Return the unsigned checkpoint of a block."""
    return Checkpoint(block.number, block.last_id, block.hash.hex(), sealed_at, block.key_id)


class CheckpointFile:
    """An append-only file of JSON lines; several processes may append at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, checkpoint: Checkpoint, signer: keys.Signer) -> Checkpoint:
        """Sign and add one line under a file lock, and wait until it is on the disk."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            last = _last_line(file.fileno())
            if last and not last.endswith(b"\n"):  # torn by a power cut, so never acknowledged
                os.ftruncate(file.fileno(), os.fstat(file.fileno()).st_size - len(last))
                last = _last_line(file.fileno())
            chained = replace(checkpoint, key_id=signer.key_id, previous=_line_hash(last))
            signed = replace(chained, signature=signer.sign(chained.payload()).hex())
            os.write(file.fileno(), signed.line())
            os.fsync(file.fileno())
        return signed

    def lines(self) -> Iterator[bytes]:
        """Yield all lines, oldest first; a file that is not there yet holds none."""
        if self.path.exists():
            with self.path.open("rb") as file:
                yield from file

    def tail(self) -> Iterator[bytes]:
        """Yield the last few lines only."""
        if self.path.exists():
            with self.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                lines = os.pread(file.fileno(), TAIL_BYTES, max(0, size - TAIL_BYTES)).splitlines(
                    keepends=True
                )
            yield from lines[1:] if size > TAIL_BYTES else lines


@dataclass(slots=True)
class Audit:
    """What a store holds: the signed hash per block number, the newest, and what is wrong, in words."""

    hashes: dict[int, str] = field(default_factory=dict)
    newest: Checkpoint | None = None
    faults: list[str] = field(default_factory=list)


def audit(lines: Iterable[bytes], public_keys: Mapping[str, bytes]) -> Audit:
    """Read a whole store, checking each line's signature and that it names the line before it."""
    found = Audit()
    before = ""
    for number, line in enumerate(lines, start=1):
        checkpoint = parse(line)
        if checkpoint is None:
            found.faults.append(f"checkpoint line {number} cannot be read")
        else:
            _take(found, checkpoint, number, before, public_keys)
        before = _line_hash(line)
    return found


def newest(lines: Iterable[bytes]) -> Checkpoint | None:
    """Return the one of the highest block, whatever the order of writing, without checking any."""
    readable = (checkpoint for checkpoint in map(parse, lines) if checkpoint is not None)
    return max(readable, key=lambda checkpoint: checkpoint.block, default=None)


def _take(
    found: Audit, checkpoint: Checkpoint, number: int, before: str, public_keys: Mapping[str, bytes]
) -> None:
    name = f"checkpoint line {number} (block {checkpoint.block})"
    if checkpoint.previous != before:
        found.faults.append(f"{name} does not follow the line before it")
    if not checkpoint.is_signed(public_keys):
        found.faults.append(f"{name} is not signed by a key of the ledger")
        return
    if found.hashes.setdefault(checkpoint.block, checkpoint.block_hash) != checkpoint.block_hash:
        found.faults.append(f"{name} names another hash than an earlier line")
    if found.newest is None or checkpoint.block > found.newest.block:
        found.newest = checkpoint


def parse(line: bytes) -> Checkpoint | None:
    """Read one line, unchecked; None for what is no checkpoint."""
    try:
        checkpoint = Checkpoint(**json.loads(line))
    except (ValueError, TypeError):
        return None
    kinds = {name: int if name in {"block", "last_id"} else str for name in Checkpoint.__slots__}
    return (
        checkpoint
        if all(isinstance(getattr(checkpoint, name), kind) for name, kind in kinds.items())
        else None
    )


def _last_line(handle: int) -> bytes:
    size = os.fstat(handle).st_size
    tail = os.pread(handle, TAIL_BYTES, max(0, size - TAIL_BYTES))
    lines = tail.splitlines(keepends=True)
    return lines[-1] if lines else b""


def _line_hash(line: bytes) -> str:
    return sha256(line.rstrip(b"\n")).hexdigest() if line.strip() else ""


def _unhex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except (ValueError, TypeError):
        return b""

"""Writing to the consent ledger: one lock, gapless ids, one sealed block, a checkpoint after the commit.

Only `subscribers.services` write here. The lock is taken last, after every row lock (see
`consent.record_many`).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.db import connection, transaction

from mailplatform.core import clock

from ..ledger import blocks, checkpoints, encoding, keys
from ..models import SigningKey

LEDGER_LOCK = 7301
log = structlog.get_logger(__name__)

RECORD_COPY = (
    "COPY subscribers_consentrecord (id, schema_version, subject, purpose, act, lawful_basis, method,"
    " notice_hash, notice_version, language, form, page, source, actor, confirms, occurred_at, recorded_at,"
    " commitment) FROM STDIN"
)
PERSONAL_COPY = (
    "COPY subscribers_consentpersonal (record_id, subscriber_id, email, email_key, ip, evidence, salt)"
    " FROM STDIN"
)
BLOCK_INSERT = """
    INSERT INTO subscribers_consentblock (number, first_id, last_id, count, root, leaves, previous_hash,
        block_hash, key_id, signature, sealed_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
HEAD = "SELECT number, last_id, block_hash FROM subscribers_consentblock ORDER BY number DESC LIMIT 1"


class LedgerKeyError(RuntimeError):
    """The private key at hand is not the one whose public half the ledger ends with."""


class Personal(NamedTuple):
    """The erasable data beside one record; `evidence` is canonical JSON."""

    subscriber_id: int
    email: str
    email_key: bytes
    ip: str
    evidence: str
    salt: bytes


Maker = Callable[[int], tuple[encoding.Record, Personal | None]]


def append(makers: Sequence[Maker]) -> range:
    """Write records under the ledger's lock, sealed in one block; return their ids.

    Each maker is given its record's id and returns the record and the personal data beside it. Must run
    inside a transaction; the lock is held until it ends.
    """
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LEDGER_LOCK])
        head = read_head(cursor)
        signer = load_signer()
        made = [make(number) for number, make in enumerate(makers, start=head.last_id + 1)]
        leaves = [encoding.leaf(record) for record, _ in made]
        block = blocks.seal(leaves, head, key_id=signer.key_id, sign=signer.sign, sealed_at=now)
        with cursor.copy(RECORD_COPY) as copy:
            for record, _ in made:
                copy.write_row((*record[:-1], bytes.fromhex(record.commitment)))
        with cursor.copy(PERSONAL_COPY) as copy:
            for record, personal in made:
                if personal is not None:
                    copy.write_row((record.id, *personal))
        cursor.execute(
            BLOCK_INSERT,
            [block.number, block.first_id, block.last_id, block.count, block.root, b"".join(leaves),
             block.previous_hash, block.hash, block.key_id, block.signature, now],
        )  # fmt: skip
    point = checkpoints.of(block, encoding.format_time(now))
    # Robust: the act is committed and must not look failed; the register page shows a checkpoint that lags.
    transaction.on_commit(lambda: _write_checkpoint(point, signer), robust=True)
    return range(block.first_id, block.last_id + 1)


def read_head(cursor: Any) -> blocks.Head:
    """Return the head of the ledger."""
    cursor.execute(HEAD)
    row = cursor.fetchone()
    return blocks.Head(row[0], row[1], bytes(row[2])) if row else blocks.Head()


def checkpoint_store() -> checkpoints.CheckpointFile:
    """Return the store of the settings."""
    return checkpoints.CheckpointFile(Path(settings.LEDGER_CHECKPOINT_FILE))


def load_signer() -> keys.Signer:
    """Return the private key, made on first use; it must be the ledger's newest."""
    path = Path(settings.LEDGER_KEY_FILE)
    current = newest_key()
    signer = keys.load_or_create(path) if current is None else keys.load(path)
    if current is None:
        SigningKey.objects.create(key_id=signer.key_id, public_key=signer.public_key)
    elif current.key_id != signer.key_id:
        following = _finish_rotation(path, current.key_id)
        if following is None:
            raise LedgerKeyError(
                f"{path} holds key {signer.key_id}, but the ledger is signed with {current.key_id}"
            )
        return following
    return signer


def newest_key() -> SigningKey | None:
    """Return the key that no other one succeeded."""
    return SigningKey.objects.exclude(key_id__in=SigningKey.objects.values("previous_key_id")).first()


@transaction.atomic
def rotate_key() -> SigningKey:
    """Make a new key, endorsed by the old one, and put it in the place of the old one's file.

    The new private key lies beside the old one until the public half is committed, so a crash between the two
    steps loses neither: the next writer finishes the change.
    """
    path = Path(settings.LEDGER_KEY_FILE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LEDGER_LOCK])
    old, new = load_signer(), keys.generate()
    keys.save(_waiting(path), new)
    public = keys.succeed(old, new)
    stored = SigningKey.objects.create(
        key_id=public.key_id,
        public_key=public.public_key,
        previous_key_id=public.signed_by,
        endorsement=public.signature,
    )
    transaction.on_commit(lambda: _finish_rotation(path, new.key_id))
    return stored


def _waiting(path: Path) -> Path:
    return path.with_name(f"{path.name}.next")


def _finish_rotation(path: Path, key_id: str) -> keys.Signer | None:
    waiting = _waiting(path)
    if not waiting.exists():
        signer = keys.load(path)
        return signer if signer.key_id == key_id else None
    signer = keys.load(waiting)
    if signer.key_id != key_id:
        return None
    waiting.replace(path)
    return signer


def _write_checkpoint(point: checkpoints.Checkpoint, signer: keys.Signer) -> None:
    try:
        checkpoint_store().append(point, signer)
    except OSError:
        log.exception("ledger_checkpoint_failed", block=point.block)
        raise

"""Writing to the consent ledger: one lock, gapless ids, one sealed block, a checkpoint after the commit.

Only `subscribers.services` write here. The lock is taken last, after every row lock (see
`consent.record_many`).
"""

import datetime as dt
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction

from mailplatform.core import clock

from ..ledger import blocks, checkpoints, encoding, keys, merkle, sql, writing
from ..models import ConsentBlock, SigningKey

LEDGER_LOCK = 7301
log = structlog.get_logger(__name__)

RECORD_COPY = f"COPY subscribers_consentrecord ({', '.join(writing.RECORDS)}) FROM STDIN"
PERSONAL_COPY = f"COPY subscribers_consentpersonal ({', '.join(writing.PERSONAL)}) FROM STDIN"
LINES_AT_ONCE = 2_000
BLOCK_INSERT = """
    INSERT INTO subscribers_consentblock (number, first_id, last_id, count, root, leaves, previous_hash,
        block_hash, key_id, signature, sealed_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
# Records waiting to be sealed in this transaction, `position` from 0; see `append_waiting`.
ACTS = "ledger_acts"
WAITING_TABLE = f"""
CREATE TEMP TABLE IF NOT EXISTS {ACTS} (
    position bigint, subscriber_id bigint, subject uuid, purpose text, act text, lawful_basis text,
    source text, occurred_at text, notice_hash text, notice_version integer, email text, email_key bytea,
    evidence text, ip text DEFAULT '', confirms bigint DEFAULT 0
) ON COMMIT DELETE ROWS
"""
EMPTY_WAITING_TABLE = "DELETE FROM ledger_acts"
_PERSONAL_JSON = f"""'{{"email":' || {sql.json_text("w.email")} || ',"evidence":' || w.evidence
    || CASE WHEN w.ip <> '' THEN ',"ip":' || {sql.json_text("w.ip")} ELSE '' END || '}}'"""
_LEAF_FIELDS = {
    **{name: name for name in ("purpose", "act", "lawful_basis", "notice_hash", "source", "occurred_at")},
    **{name: f"{name}::text" for name in ("id", "subject", "notice_version", "confirms")},
    "commitment": "encode(commitment, 'hex')",
}
# What most records of many have in common is taken from the first: these pieces of their leaves are packed once.
_USUAL = ("purpose", "act", "lawful_basis", "notice_hash", "notice_version", "source", "confirms")
_FIRST = f"SELECT {', '.join(_USUAL)} FROM {ACTS} LIMIT 1"  # noqa: S608 - made of our own fragments
_IS_USUAL = " AND ".join(f"{name} = %({name})s" for name in _USUAL)
_WAITING = f"""
WITH chance AS MATERIALIZED (
    SELECT {sql.SEED} AS seed
), numbered AS MATERIALIZED (
    SELECT w.*, %(first)s + w.position AS id, s.salt,
        {sql.commitment("s.salt", _PERSONAL_JSON)} AS commitment
    FROM {ACTS} w CROSS JOIN LATERAL (SELECT {sql.salt("(SELECT seed FROM chance)", "w.position")} AS salt OFFSET 0) s
), records AS (
    INSERT INTO subscribers_consentrecord (id, schema_version, subject, purpose, act, lawful_basis, method, notice_hash,
        notice_version, language, form, page, source, actor, confirms, occurred_at, recorded_at, commitment)
    SELECT id, {writing.SCHEMA_VERSION}, subject, purpose, act, lawful_basis, %(method)s, notice_hash, notice_version,
        %(language)s, '', '', source, %(actor)s, confirms, occurred_at::timestamptz, %(recorded_at)s::timestamptz,
        commitment
    FROM numbered
), personal AS (
    INSERT INTO subscribers_consentpersonal (record_id, subscriber_id, email, email_key, ip, evidence, salt)
    SELECT id, subscriber_id, email, email_key, ip, evidence::jsonb, salt FROM numbered
)
SELECT string_agg("""  # noqa: S608 - made of our own fragments; every value is a parameter
HEAD = "SELECT number, last_id, block_hash FROM subscribers_consentblock ORDER BY number DESC LIMIT 1"


class LedgerKeyError(RuntimeError):
    """The private key at hand is not the one whose public half the ledger ends with."""


def append(drafts: Sequence[writing.Draft], *, recorded_at: dt.datetime) -> range:
    """Write records under the ledger's lock, sealed in one block; return their ids.

    Must run inside a transaction; the lock is held until it ends.
    """
    recorded, salts = encoding.format_time(recorded_at), os.urandom(writing.SALT_SIZE * len(drafts))
    with connection.cursor() as cursor:
        head, signer = _begin(cursor)
        made = writing.write(drafts, first_id=head.last_id + 1, recorded_at=recorded, salts=salts)
        _copy(cursor, RECORD_COPY, made.records)
        _copy(cursor, PERSONAL_COPY, made.personal)
        return _seal(cursor, b"".join(made.leaves), head, signer)


def append_waiting(*, method: str, language: str, actor: str, recorded_at: dt.datetime) -> range:
    """Write what waits in the temporary table `ACTS`, sealed in one block; return the ids.

    For many records at once: Postgres hashes them where it writes them, and only the leaves come back. All share
    method, language and actor; `occurred_at` and `evidence` of the table are in canonical form. Else as `append`.
    """
    shared = {
        "method": method,
        "language": language,
        "actor": actor,
        "recorded_at": encoding.format_time(recorded_at),
    }
    with connection.cursor() as cursor:
        cursor.execute(_FIRST)
        usual = dict(zip(_USUAL, cursor.fetchone(), strict=True))
        leaf = _leaf({**shared, "schema_version": writing.SCHEMA_VERSION, "form": "", "page": ""}, usual)
        head, signer = _begin(cursor)
        cursor.execute(
            f"{_WAITING}{leaf}, ''::bytea ORDER BY id) FROM numbered",
            {**shared, **usual, "first": head.last_id + 1},
        )
        return _seal(cursor, bytes(cursor.fetchone()[0]), head, signer)


def _leaf(known: dict[str, str], usual: dict[str, Any]) -> str:
    """The expression of a leaf's hash: short where a record is a usual one."""
    rest = {name: text for name, text in _LEAF_FIELDS.items() if name not in usual}
    shorter = sql.leaf(rest, {**known, **{name: str(value) for name, value in usual.items()}})
    return f"CASE WHEN {_IS_USUAL} THEN {shorter} ELSE {sql.leaf(_LEAF_FIELDS, known)} END"


def _begin(cursor: Any) -> tuple[blocks.Head, keys.Signer]:
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LEDGER_LOCK])
    return read_head(cursor), load_signer()


def _seal(cursor: Any, leaves: bytes, head: blocks.Head, signer: keys.Signer) -> range:
    now = clock.now()
    block = blocks.seal(merkle.split(leaves), head, key_id=signer.key_id, sign=signer.sign, sealed_at=now)
    cursor.execute(
        BLOCK_INSERT,
        [block.number, block.first_id, block.last_id, block.count, block.root, leaves,
         block.previous_hash, block.hash, block.key_id, block.signature, now],
    )  # fmt: skip
    point = checkpoints.of(block, encoding.format_time(now))
    # Robust: the act is committed and must not look failed; the register page shows a checkpoint that lags.
    transaction.on_commit(lambda: _write_checkpoint(point, signer), robust=True)
    return range(block.first_id, block.last_id + 1)


def _copy(cursor: Any, statement: str, lines: Sequence[str]) -> None:
    with cursor.copy(statement) as copy:
        for start in range(0, len(lines), LINES_AT_ONCE):
            copy.write("".join(lines[start : start + LINES_AT_ONCE]))


def read_head(cursor: Any) -> blocks.Head:
    """Return the head of the ledger."""
    cursor.execute(HEAD)
    row = cursor.fetchone()
    return blocks.Head(row[0], row[1], bytes(row[2])) if row else blocks.Head()


def checkpoint_store() -> checkpoints.CheckpointFile:
    """Return the store of the settings."""
    return checkpoints.CheckpointFile(Path(settings.LEDGER_CHECKPOINT_FILE))


def begin_checkpoints_anew() -> Path | None:
    """After a restore: set the checkpoint file aside and begin another with the head of the ledger.

    The old one names blocks that the ledger does not hold any more, and new blocks get their numbers. Returns where it
    is now; None where there was none. Raises KeyFileError and LedgerKeyError; then nothing was changed.
    """
    store = checkpoint_store()
    head = ConsentBlock.objects.order_by("-number").defer("leaves").first()
    signer = load_signer() if head else None
    aside = None
    if store.path.exists():
        aside = store.path.with_name(f"{store.path.name}.until-{clock.now():%Y%m%dT%H%M%S}")
        store.path.rename(aside)
    if head and signer:
        now = encoding.format_time(clock.now())
        point = checkpoints.Checkpoint(
            head.number, head.last_id, bytes(head.block_hash).hex(), now, signer.key_id
        )
        store.append(point, signer)
    return aside


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

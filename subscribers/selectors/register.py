"""Reading the consent register: filtered pages, and the whole ledger for verification."""

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet

from ..ledger import blocks, checkpoints, encoding, export, keys, merkle, rows, sql
from ..ledger.report import Report
from ..ledger.verify_chain import Sealed, verify_ledger
from ..models import (
    Act,
    ConsentBlock,
    ConsentNotice,
    ConsentPersonal,
    ConsentRecord,
    LawfulBasis,
    Purpose,
    SigningKey,
    StorageCopy,
    StorageCopyKind,
)
from . import storage_copies

# Lines of CSV, made by Postgres of the texts that were hashed: `rows.csv_line` says the same of what `to_row` returns,
# and a test holds the two together. Only texts can begin as a formula does; evidence comes as `rows.copied_line` wants
# it. A year before 1000 has no zeros in front, as `encoding.format_time` writes it.
_TIME = """to_char({} AT TIME ZONE 'UTC', 'FMYYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
_TEXTS = {
    "id": "r.id::text",
    "schema_version": "r.schema_version::text",
    "subject": "r.subject::text",
    "notice_version": "r.notice_version::text",
    "confirms": "r.confirms::text",
    "occurred_at": _TIME.format("r.occurred_at"),
    "recorded_at": _TIME.format("r.recorded_at"),
    "commitment": "encode(r.commitment, 'hex')",
}
_CELLS = ", ".join(
    [
        *(_TEXTS.get(name) or sql.guarded(f"r.{name}") for name in encoding.Record._fields),
        *(sql.guarded(f"coalesce(p.{name}, '')") for name in ("email", "ip")),
        "coalesce(encode(p.salt, 'hex'), '')",
        f"'{rows.COPY_MARK}'",
        "coalesce(nullif(p.evidence, '{}')::text, '')",
    ]
)
# What stands for NULL is never met, so that an empty text is an empty cell, without quotes.
_COPY = f"""
    COPY (SELECT {_CELLS} FROM ({{chosen}}) c JOIN subscribers_consentrecord r ON r.id = c.id
    LEFT JOIN subscribers_consentpersonal p ON p.record_id = r.id ORDER BY r.id) TO STDOUT (FORMAT csv, NULL E'\\x01')
"""  # noqa: S608 - made of constants; the chosen ids are a query of the ORM
LAST_ID = 2**63 - 1
PAGE_SIZE = 50
SHORT = dt.timedelta(days=31)
CHUNK = 2_000
BLOCKS_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What part of the register is asked for; empty means all. Days count in UTC, both inclusive."""

    since: dt.date | None = None
    until: dt.date | None = None
    purpose: str = ""
    act: str = ""
    lawful_basis: str = ""
    source: str = ""
    # UUIDs with commas between: one person, and whoever was merged into them.
    subject: str = ""

    @property
    def is_short(self) -> bool:
        """Whether the time has two ends and is short: it is read as a whole, not found by going back from the newest.

        Postgres would go through all that is newer, by the index of the ids; an order that has no index prevents it.
        """
        return bool(self.since and self.until and self.until - self.since <= SHORT)

    def described(self) -> dict[str, str]:
        """Return the filters that are set, as they stand in a manifest and in the audit log."""
        texts = {name: str(getattr(self, name) or "") for name in self.__slots__}
        return {name: text for name, text in texts.items() if text}


@dataclass(frozen=True, slots=True)
class RegisterPage:
    """Some records, newest first, with the personal data beside them where it is still there."""

    records: list[tuple[ConsentRecord, ConsentPersonal | None]]
    newer: int | None
    older: int | None


@dataclass(frozen=True, slots=True)
class LedgerState:
    """How the ledger stands: its head, the newest checkpoint and its copy, its public key, what its guards lack."""

    head: ConsentBlock | None
    checkpoint: checkpoints.Checkpoint | None
    key: SigningKey | None
    pem: str
    warnings: list[str]
    copy: StorageCopy | None = None


def filtered(filters: Filters) -> QuerySet[ConsentRecord]:
    """Return the records that match, in no order."""
    found = ConsentRecord.objects.all()
    if filters.since:
        found = found.filter(recorded_at__gte=_midnight(filters.since))
    if filters.until and filters.until < dt.date.max:
        found = found.filter(recorded_at__lt=_midnight(filters.until + dt.timedelta(days=1)))
    for name in ("purpose", "act", "lawful_basis"):
        if getattr(filters, name):
            found = found.filter(**{name: getattr(filters, name)})
    if filters.source:
        found = found.filter(source__icontains=filters.source)
    if filters.subject:
        found = found.filter(subject__in=filters.subject.split(","))
    return found


def page(filters: Filters, *, before: int | None = None, after: int | None = None) -> RegisterPage:
    """Return one page: the newest, the one `before` a record's id (older), or the one `after` it (newer)."""
    found, order = filtered(filters), F("id") + 0 if filters.is_short else F("id")
    if after is not None:
        newer_first = list(found.filter(id__gt=after).order_by(order.asc())[: PAGE_SIZE + 1])
        more, records = len(newer_first) > PAGE_SIZE, newer_first[:PAGE_SIZE][::-1]
        return _page(records, has_newer=more, has_older=True)
    if before is not None:
        found = found.filter(id__lt=before)
    records = list(found.order_by(order.desc())[: PAGE_SIZE + 1])
    return _page(records[:PAGE_SIZE], has_newer=before is not None, has_older=len(records) > PAGE_SIZE)


def history(subject: uuid.UUID) -> list[tuple[ConsentRecord, ConsentNotice | None]]:
    """Return all that one person was asked and did, newest first, with the wordings shown."""
    records = list(ConsentRecord.objects.filter(subject=subject).order_by("-id"))
    wordings = ConsentNotice.objects.in_bulk([record.notice_hash for record in records if record.notice_hash])
    return [(record, wordings.get(record.notice_hash)) for record in records]


def state() -> LedgerState:
    """Return how the ledger stands, with a warning for each guard that is missing."""
    head = ConsentBlock.objects.order_by("-number").defer("leaves").first()
    key = SigningKey.objects.exclude(key_id__in=SigningKey.objects.values("previous_key_id")).first()
    newest = newest_checkpoint()
    warnings = role_warnings()
    if head and (newest is None or newest.block < head.number):
        warnings.append(
            "The newest checkpoint lags behind the ledger: its file outside the database was not written."
        )
    copy = storage_copies.of(StorageCopyKind.CHECKPOINTS)
    warnings += storage_copies.warnings(copy)
    pem = keys.public_pem(bytes(key.public_key)) if key else ""
    return LedgerState(head, newest, key, pem, warnings, copy)


def newest_checkpoint() -> checkpoints.Checkpoint | None:
    """Return the newest signed head outside the database, unchecked."""
    return checkpoints.newest(_checkpoint_lines(tail_only=True))


def role_warnings() -> list[str]:
    """Say what the application's database role may do that it should not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.rolsuper, pg_has_role(current_user, c.relowner, 'USAGE'),"
            " has_table_privilege(c.oid, 'UPDATE') OR has_table_privilege(c.oid, 'DELETE')"
            " OR has_table_privilege(c.oid, 'TRUNCATE')"
            " FROM pg_roles r, pg_class c WHERE r.rolname = current_user"
            " AND c.oid = 'subscribers_consentrecord'::regclass"
        )
        superuser, owner, may_change = cursor.fetchone()
    if superuser:
        return ["The application's database role is a superuser: it could rewrite its own ledger."]
    if owner:
        return ["The application's database role owns the ledger: it could rewrite it."]
    if may_change:
        return [
            "The application's database role may change the ledger: run setup_database to take that away."
        ]
    return []


def verify() -> Report:
    """Check the whole ledger against its seals and its checkpoints; memory stays flat.

    Checkpoints are read first and the ledger in one snapshot after them: it may only have grown in between.
    """
    audit = checkpoints.audit(_checkpoint_lines(), {key.key_id: key.public_key for key in public_keys()})
    report = verify_against(audit)
    storage_copies.compare_checkpoints(report, audit)
    return report


def verify_restored() -> tuple[Report, int | None]:
    """Check a ledger that was put back to an earlier time: up to its end it must be what the checkpoints say.

    Returns the report, and how many records they know of beyond its end; None where there are no checkpoints.
    """
    head = ConsentBlock.objects.order_by("-number").defer("leaves").first()
    end = head.number if head else 0
    lines = list(_checkpoint_lines())
    points = [checkpoints.parse(line) for line in lines]
    ours = [number for number, point in enumerate(points, start=1) if point and point.block <= end]
    known = {key.key_id: key.public_key for key in public_keys()}
    # Lines of later blocks may be signed by a key that this ledger does not know any more.
    audit = checkpoints.audit(lines[: ours[-1] if ours else 0], known)
    audit.hashes = {block: hash_ for block, hash_ in audit.hashes.items() if block <= end}
    audit.newest = checkpoints.newest(lines[number - 1] for number in ours)
    newest = checkpoints.newest(lines)
    lost = None if newest is None else max(0, newest.last_id - (head.last_id if head else 0))
    return verify_against(audit), lost


def verify_against(audit: checkpoints.Audit) -> Report:
    """Check the whole ledger, in one snapshot, against its seals and what checkpoints say."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if is_outermost:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return verify_ledger(
            blocks=_sealed(), rows=_rows(), public_keys=public_keys(), notices=notices(), audit=audit
        )


def public_keys() -> list[keys.PublicKey]:
    """Return the whole chain of public keys, oldest first."""
    return [
        keys.PublicKey(key.key_id, bytes(key.public_key), key.previous_key_id, bytes(key.endorsement or b""))
        for key in SigningKey.objects.order_by("created_at", "key_id")
    ]


def notices() -> list[export.Notice]:
    """Return every wording that was ever shown."""
    return [
        export.Notice(notice.hash, notice.purpose, notice.language, notice.version, notice.text)
        for notice in ConsentNotice.objects.order_by("purpose", "language", "version")
    ]


def to_row(record: ConsentRecord, personal: ConsentPersonal | None) -> rows.Row:
    """Return a record as its canonical texts, with the personal data that its commitment binds."""
    canonical = encoding.Record(
        id=str(record.id),
        schema_version=str(record.schema_version),
        subject=str(record.subject),
        purpose=record.purpose,
        act=record.act,
        lawful_basis=record.lawful_basis,
        method=record.method,
        notice_hash=record.notice_hash,
        notice_version=str(record.notice_version),
        language=record.language,
        form=record.form,
        page=record.page,
        source=record.source,
        actor=record.actor,
        confirms=str(record.confirms),
        occurred_at=encoding.format_time(record.occurred_at),
        recorded_at=encoding.format_time(record.recorded_at),
        commitment=bytes(record.commitment).hex(),
    )
    if personal is None:
        return rows.Row(canonical)
    evidence = encoding.canonical_json(personal.evidence) if personal.evidence else ""
    return rows.Row(canonical, personal.email, personal.ip, evidence, bytes(personal.salt).hex())


def to_block(block: ConsentBlock) -> blocks.Block:
    """Return a stored block as the ledger's rules know it."""
    return blocks.Block(
        number=block.number,
        first_id=block.first_id,
        last_id=block.last_id,
        count=block.count,
        root=bytes(block.root),
        previous_hash=bytes(block.previous_hash),
        key_id=block.key_id,
        sealed_at=block.sealed_at,
        signature=bytes(block.signature),
    )


def leaves_of(block: ConsentBlock) -> list[bytes]:
    """Return the leaf hashes of a stored block, in the order of its records."""
    return merkle.split(bytes(block.leaves))


def lines_after(filters: Filters, *, after: int, limit: int, until: int = LAST_ID) -> list[rows.Line]:
    """Return the lines of the matching records whose ids lie above `after` and not above `until`, ascending."""
    chosen = filtered(filters).filter(id__gt=after, id__lte=until).order_by("id").values("id")[:limit]
    query, params = chosen.query.sql_with_params()
    with connection.cursor() as cursor, cursor.copy(_COPY.replace("{chosen}", query), params) as found:
        return [rows.copied_line(bytes(raw)) for raw in found]


def with_personal(records: Sequence[ConsentRecord]) -> list[tuple[ConsentRecord, ConsentPersonal | None]]:
    """Pair records with the personal data beside them, in one query."""
    beside = ConsentPersonal.objects.in_bulk([record.id for record in records])
    return [(record, beside.get(record.id)) for record in records]


def choices() -> dict[str, list[tuple[str, str]]]:
    """Return what the filters may be."""
    kinds: dict[str, Any] = {"purpose": Purpose, "act": Act, "lawful_basis": LawfulBasis}
    return {name: kind.choices for name, kind in kinds.items()}


def _page(records: list[ConsentRecord], *, has_newer: bool, has_older: bool) -> RegisterPage:
    newer = records[0].id if records and has_newer else None
    older = records[-1].id if records and has_older else None
    return RegisterPage(with_personal(records), newer, older)


def _sealed() -> Iterator[Sealed]:
    last = 0
    while chunk := list(ConsentBlock.objects.filter(number__gt=last).order_by("number")[:BLOCKS_AT_ONCE]):
        for block in chunk:
            yield Sealed(to_block(block), bytes(block.block_hash), bytes(block.leaves))
        last = chunk[-1].number


def _rows() -> Iterator[rows.Row]:
    last = 0
    while chunk := lines_after(Filters(), after=last, limit=CHUNK):
        yield from rows.parse(chunk)
        last = chunk[-1].id


def _checkpoint_lines(*, tail_only: bool = False) -> Iterator[bytes]:
    store = checkpoints.CheckpointFile(Path(settings.LEDGER_CHECKPOINT_FILE))
    return store.tail() if tail_only else store.lines()


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)

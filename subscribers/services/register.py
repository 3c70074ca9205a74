"""Exporting the consent register: any part of it, in a file that proves itself, noted in the audit log."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import IO

from django.db import connection

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock

from ..ledger import blocks, export, rows
from ..ledger.report import Report
from ..models import ConsentBlock, Subscriber
from ..selectors import proofs, register
from . import sealing

BLOCKS_AT_ONCE = 100
ROWS_AT_ONCE = 10_000
# Records that lie far apart are looked up one by one, neighbours by the blocks between the first and the last.
FAR_APART = 4
FIND_BLOCKS = """
    SELECT b.number, b.last_id FROM unnest(%s::bigint[]) AS r (id) CROSS JOIN LATERAL (
        SELECT number, last_id FROM subscribers_consentblock WHERE last_id >= r.id ORDER BY last_id LIMIT 1) b
"""
BLOCKS_BETWEEN = """
    SELECT number, last_id FROM subscribers_consentblock WHERE number BETWEEN
        (SELECT number FROM subscribers_consentblock WHERE last_id >= %s ORDER BY last_id LIMIT 1) AND
        (SELECT number FROM subscribers_consentblock WHERE last_id >= %s ORDER BY last_id LIMIT 1)
"""


def export_register(
    *, filters: register.Filters, form: export.Format, target: IO[bytes], actor: User | None
) -> int:
    """Write the zip of an export into a binary file and an entry into the audit log; return how many records.

    Everything up to the head at the start is in it; what is recorded meanwhile is not. Memory stays flat.
    """
    signer = sealing.load_signer()
    with connection.cursor() as cursor:
        head = sealing.read_head(cursor)
    with export.Writer(target, form) as writer:
        for batch in _batches(_by_block(filters, head)):
            stored = ConsentBlock.objects.in_bulk([number for number, _ in batch])
            for number, records in batch:
                block = stored[number]
                writer.add(register.to_block(block), bytes(block.leaves), records)
        count = writer.finish(
            head=head,
            filters=filters.described(),
            public_keys=register.public_keys(),
            notices=register.notices(),
            signer=signer,
            created_at=clock.now(),
        )
    audit.record(
        actor=actor,
        action="register.exported",
        detail={"filters": filters.described(), "form": form, "records": count, "head": head.number},
    )
    return count


def verify_register(*, actor: User | None) -> Report:
    """Check the whole live ledger; that somebody did, and what came out, is written down."""
    report = register.verify()
    audit.record(
        actor=actor,
        action="register.verified",
        detail={"records": report.records, "blocks": report.blocks, "faults": report.count},
    )
    return report


def prove_person(*, person: Subscriber, actor: User | None) -> proofs.PersonProof:
    """Return all that the ledger says of one person, proven; that somebody looked is written down."""
    found = proofs.of(person)
    head = found.checkpoint.block if found.checkpoint else 0
    audit.record(
        actor=actor, action="register.proved", obj=person,
        detail={"records": len(found.records), "checkpoint": head, "faults": len(found.faults)},
    )  # fmt: skip
    return found


def _batches(
    groups: Iterator[tuple[int, list[rows.Line]]],
) -> Iterator[list[tuple[int, list[rows.Line]]]]:
    """Gather blocks whose seals are read together: few where they hold many rows, so that memory stays flat."""
    batch: list[tuple[int, list[rows.Line]]] = []
    count = 0
    for number, found in groups:
        batch.append((number, found))
        count += len(found)
        if len(batch) >= BLOCKS_AT_ONCE or count >= ROWS_AT_ONCE:
            yield batch
            batch, count = [], 0
    if batch:
        yield batch


def _by_block(filters: register.Filters, head: blocks.Head) -> Iterator[tuple[int, list[rows.Line]]]:
    """Yield (block, its matching rows), ascending; a block's rows may come from several chunks."""
    number, found = 0, list[rows.Line]()
    for chunk in _chunks(filters, head):
        start, ids = 0, [line.id for line in chunk]
        for own, last_id in _blocks_of(ids):
            end = bisect_right(ids, last_id, start)
            if start == end:
                continue
            if own != number and found:
                yield number, found
                found = []
            number = own
            found += chunk[start:end]
            start = end
    if found:
        yield number, found


def _chunks(filters: register.Filters, head: blocks.Head) -> Iterator[list[rows.Line]]:
    last = 0
    while chunk := register.lines_after(filters, after=last, until=head.last_id, limit=ROWS_AT_ONCE):
        yield chunk
        last = chunk[-1].id


def _blocks_of(ids: list[int]) -> list[tuple[int, int]]:
    """Return (block, its last record) of the blocks that seal these records, ascending; others may be among them."""
    first, last = ids[0], ids[-1]
    with connection.cursor() as cursor:
        if last - first < FAR_APART * len(ids):
            cursor.execute(BLOCKS_BETWEEN, [first, last])
        else:
            cursor.execute(FIND_BLOCKS, [ids])
        return sorted(set(cursor.fetchall()))

"""Exporting the consent register: any part of it, in a file that proves itself, noted in the audit log."""

from collections.abc import Iterator
from itertools import islice
from typing import IO

from django.db import connection

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock

from ..ledger import blocks, export
from ..ledger.report import Report
from ..models import ConsentBlock, ConsentRecord, Subscriber
from ..selectors import proofs, register
from . import sealing

BLOCKS_AT_ONCE = 100
FIND_BLOCKS = """
    SELECT r.id, b.number FROM unnest(%s::bigint[]) AS r (id) CROSS JOIN LATERAL (
        SELECT number FROM subscribers_consentblock WHERE last_id >= r.id ORDER BY last_id LIMIT 1) b
    ORDER BY r.id
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
        groups = _by_block(filters, head)
        while batch := list(islice(groups, BLOCKS_AT_ONCE)):
            stored = ConsentBlock.objects.in_bulk([number for number, _ in batch])
            for number, records in batch:
                leaves = register.leaves_of(stored[number])
                chosen = [register.to_row(*pair) for pair in register.with_personal(records)]
                writer.add(register.to_block(stored[number]), leaves, chosen)
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


def _by_block(filters: register.Filters, head: blocks.Head) -> Iterator[tuple[int, list[ConsentRecord]]]:
    """Yield (block, its matching records), ascending; a block's records may come in several chunks."""
    number, records = 0, list[ConsentRecord]()
    for chunk in _chunks(filters, head):
        with connection.cursor() as cursor:
            cursor.execute(FIND_BLOCKS, [[record.id for record in chunk]])
            numbers = [row[1] for row in cursor.fetchall()]
        for record, own in zip(chunk, numbers, strict=True):
            if own != number and records:
                yield number, records
                records = []
            number = own
            records.append(record)
    if records:
        yield number, records


def _chunks(filters: register.Filters, head: blocks.Head) -> Iterator[list[ConsentRecord]]:
    last = 0
    found = register.filtered(filters).filter(id__lte=head.last_id).order_by("id")
    while chunk := list(found.filter(id__gt=last)[: register.CHUNK]):
        yield chunk
        last = chunk[-1].id

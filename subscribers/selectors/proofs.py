"""All that the ledger says of one person, each record with its proof: what the printable page shows."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.db import connection

from ..ledger import checkpoints, keys, proof, rows
from ..models import ConsentBlock, ConsentNotice, ConsentRecord, Subscriber
from . import merging, register

# Beyond so many blocks the page would take long: then the command line says it.
LONGEST_WALK: Final = 50_000
_BLOCK_OF: Final = """
    SELECT r.id, (SELECT number FROM subscribers_consentblock WHERE last_id >= r.id ORDER BY last_id LIMIT 1)
    FROM unnest(%s::bigint[]) AS r (id)
"""


@dataclass(frozen=True, slots=True)
class Proven:
    """One record with the words shown, the personal data beside it, and its place in the ledger."""

    record: ConsentRecord
    row: rows.Row
    notice: ConsentNotice | None
    inclusion: proof.Inclusion


@dataclass(frozen=True, slots=True)
class PersonProof:
    """The records of one person, oldest first. `chain` is None where there are too many blocks to walk here."""

    subjects: list[uuid.UUID]
    records: list[Proven]
    checkpoint: checkpoints.Checkpoint | None
    chain: proof.Chain | None
    keys: list[keys.PublicKey]

    @property
    def faults(self) -> list[str]:
        """What does not hold, in words; nothing where all is as it was written."""
        found = [
            f"Record {each.record.pk}: {fault}." for each in self.records for fault in each.inclusion.faults
        ]
        return found + [
            f"{fault[:1].upper()}{fault[1:]}." for fault in (self.chain.faults if self.chain else [])
        ]

    @property
    def later(self) -> list[int]:
        """The records that were sealed after the newest checkpoint."""
        reached = self.checkpoint.last_id if self.checkpoint else 0
        return [each.record.pk for each in self.records if each.record.pk > reached]


def of(person: Subscriber) -> PersonProof:
    """Return every record of a person and of whoever was merged into them, proven and checked."""
    subjects = [person.public_id, *(each.old_subject for each in merging.former(person.pk))]
    records = list(ConsentRecord.objects.filter(subject__in=subjects).order_by("id"))
    known = register.public_keys()
    # Oldest first: each key is endorsed by the one before it.
    trusted = keys.trusted(known[0], known) if known else {}
    notices = ConsentNotice.objects.in_bulk({record.notice_hash for record in records if record.notice_hash})
    blocks = _blocks_of([record.pk for record in records])
    proven = []
    for record, personal in register.with_personal(records):
        row, stored = register.to_row(record, personal), blocks[record.pk]
        inclusion = proof.include(row, register.to_block(stored), register.leaves_of(stored), trusted)
        proven.append(Proven(record, row, notices.get(record.notice_hash), inclusion))
    newest = register.newest_checkpoint()
    return PersonProof(subjects, proven, newest, _chain(proven, newest, trusted), known)


def _blocks_of(ids: list[int]) -> dict[int, ConsentBlock]:
    with connection.cursor() as cursor:
        cursor.execute(_BLOCK_OF, [ids])
        numbers = dict(cursor.fetchall())
    stored = ConsentBlock.objects.in_bulk(set(numbers.values()))
    return {record: stored[number] for record, number in numbers.items()}


def _chain(
    records: list[Proven], checkpoint: checkpoints.Checkpoint | None, trusted: dict[str, bytes]
) -> proof.Chain | None:
    covered = [each.inclusion.block.number for each in records]
    covered = [number for number in covered if checkpoint is not None and number <= checkpoint.block]
    if checkpoint is None or not covered or checkpoint.block - min(covered) >= LONGEST_WALK:
        return None
    stored = ConsentBlock.objects.filter(number__range=(min(covered), checkpoint.block)).order_by("number")
    walked: Iterator[ConsentBlock] = stored.defer("leaves").iterator(chunk_size=2_000)
    return proof.follow(map(register.to_block, walked), checkpoint, trusted)

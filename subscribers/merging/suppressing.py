"""Files of people who must get no mail: addresses, or their keyed hashes, into suppressions.

Read twice, block by block: once for the dry run, once to write. A block is one transaction and does no harm twice, so
a run that was killed goes on after its last whole block. Such an import is not taken back as a whole: meanwhile a
complaint may have arrived that rests on the same suppression.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import structlog
from django.db import connection, transaction
from django.db.models import F

from mailplatform.core import clock, keys

from ..importing.addresses import AddressRefusedError, normalise_email
from ..importing.cells import as_text
from ..importing.records import Record
from ..models import ImportJob, ImportState, Subscriber, Suppression, SuppressionReason
from ..services import suppression
from ..services.suppression import KeyRow
from .refusals import Refusals
from .staging import opened

log = structlog.get_logger(__name__)
BLOCK: Final = 5_000
REASONS: Final = frozenset(SuppressionReason.values) - {SuppressionReason.MERGED.value}
HASH: Final = re.compile(r"[0-9a-f]{64}")
SAMPLE_REFUSED: Final = 20


class _Reader:
    """Rows of one file as `(record, key and reason)`, or the record and why it is refused."""

    def __init__(self, job: ImportJob) -> None:
        self._job = job
        options = job.options
        self._column: int = options["column"]
        self._reason_column: int = options.get("reason_column", -1)
        self._reason: str = options["reason"]
        self._source = f"import {job.pk}"

    def blocks(self) -> Iterator[list[tuple[Record, KeyRow | str]]]:
        with opened(self._job) as table:
            while block := [(record, self._row(record)) for record in islice(table.records, BLOCK)]:
                yield block

    def _row(self, record: Record) -> KeyRow | str:
        if record.problem:
            return record.problem
        cells = [as_text(cell).strip() for cell in record.cells]
        text = cells[self._column] if self._column < len(cells) else ""
        reason = cells[self._reason_column].lower() if 0 <= self._reason_column < len(cells) else ""
        if reason and reason not in REASONS:
            return f"“{reason[:40]}” is none of the reasons {', '.join(sorted(REASONS))}"
        try:
            key = key_of(text)
        except AddressRefusedError as error:
            return str(error)
        return KeyRow(
            key, reason or self._reason, self._source, self._job.options.get("detail", ""), clock.now()
        )


def key_of(text: str) -> bytes:
    """Return the keyed hash of an address, or the one that the text is. Raises AddressRefusedError."""
    found = text.strip().lower()
    return bytes.fromhex(found) if HASH.fullmatch(found) else keys.email_key(normalise_email(text))


def check(job: ImportJob) -> None:
    """Dry run: how many addresses are new, known and refused. Ends in state ready."""
    refusals = Refusals(job)
    refusals.forget()
    total, found, seen = 0, Counter[str](), set[tuple[bytes, str]]()
    reasons: Counter[str] = Counter()
    for block in _Reader(job).blocks():
        total += len(block)
        for record, row in block:
            if isinstance(row, str):
                refusals.add(record, row)
                reasons[row] += 1
        refusals.store()
        rows = [row for _, row in block if isinstance(row, KeyRow)]
        fresh = {(row.email_key, row.reason) for row in rows} - seen
        seen |= fresh
        found.update(_compared(fresh, repeated=len(rows) - len(fresh)))
    preview: dict[str, Any] = {
        "new": found["new"],
        "same": found["same"],
        "people": found["people"],
        "refused": sum(reasons.values()),
        "reasons": [list(pair) for pair in reasons.most_common(SAMPLE_REFUSED)],
        "sample": [],
        "changes": [],
    }
    ImportJob.objects.filter(pk=job.pk, state=ImportState.CHECKING).update(
        state=ImportState.READY, preview=preview, rows_total=total, rows_refused=preview["refused"]
    )


def _compared(fresh: set[tuple[bytes, str]], *, repeated: int) -> dict[str, int]:
    wanted = [key for key, _ in fresh]
    live = Suppression.objects.filter(email_key__in=wanted, lifted_at=None).values_list("email_key", "reason")
    known = len(fresh & {(bytes(key), reason) for key, reason in live})
    people = Subscriber.objects.filter(email_key__in=wanted).count()
    return {"new": len(fresh) - known, "same": known + repeated, "people": people}


def run(job: ImportJob) -> None:
    """Suppress everybody in the file, from the first block that is not done. Ends in state done."""
    done = job.rows_done
    place = 0
    for block in _Reader(job).blocks():
        place += len(block)
        if place <= done:
            continue
        rows = [row for _, row in block if isinstance(row, KeyRow)]
        with transaction.atomic(), connection.cursor() as cursor:
            made = suppression.suppress_keys(cursor, rows)
            ImportJob.objects.filter(pk=job.pk).update(
                rows_done=place,
                rows_new=F("rows_new") + min(made, len(rows)),
                rows_unchanged=F("rows_unchanged") + max(0, len(rows) - made),
            )
    ImportJob.objects.filter(pk=job.pk, state=ImportState.RUNNING).update(
        state=ImportState.DONE, finished_at=clock.now(), rows_done=place, rows_total=place
    )
    log.info("import_suppressed", job=job.pk, rows=place)

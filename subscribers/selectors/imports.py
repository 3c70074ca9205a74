"""Reading imports: how they stand, and which rows were refused."""

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from mailplatform.core import clock

from ..models import ImportJob, ImportState, ImportTrace, RefusedRow, Subscriber

SAMPLE = 10
UNDO_FOR = dt.timedelta(hours=24)
WORKING = (ImportState.CHECKING, ImportState.RUNNING, ImportState.UNDOING)
_STEPS = {
    ImportState.UPLOADED: 2,
    ImportState.CHECKING: 3,
    ImportState.READY: 3,
    ImportState.FAILED: 3,
    ImportState.CANCELLED: 3,
    ImportState.RUNNING: 4,
    ImportState.DONE: 5,
    ImportState.UNDOING: 5,
    ImportState.UNDONE: 5,
}


def recent(limit: int = 100) -> QuerySet[ImportJob]:
    """Return the newest imports."""
    return ImportJob.objects.select_related("mailing_list", "created_by").defer("preview")[:limit]


def access_import(public_id: UUID) -> ImportJob:
    """Return an import; ImportJob.DoesNotExist when there is none."""
    return ImportJob.objects.select_related("mailing_list", "created_by").get(public_id=public_id)


def followed(job: ImportJob) -> ImportJob | None:
    """Return the import whose refused rows this file holds, mended."""
    return ImportJob.objects.filter(pk=job.mapping.get("follows") or 0).first()


def is_open(job: ImportJob) -> bool:
    """Return whether its mapping can still be changed."""
    return job.state in {ImportState.UPLOADED, ImportState.READY, ImportState.FAILED}


def is_working(job: ImportJob) -> bool:
    """Return whether a worker is, or will be, at it."""
    return job.state in WORKING


def unfinished() -> list[ImportJob]:
    """Return the imports that a worker should be at."""
    return list(ImportJob.objects.filter(state__in=WORKING))


def undo_until(job: ImportJob) -> dt.datetime | None:
    """Return until when an import that wrote something can be taken back; None where it cannot (any more)."""
    if job.state not in {ImportState.DONE, ImportState.FAILED} or not job.made or not job.finished_at:
        return None
    until = job.finished_at + UNDO_FOR
    return until if clock.now() < until else None


class Kept(NamedTuple):
    """Somebody whom an undo left as they are, and why; `person` is None where they were erased since."""

    person: Subscriber | None
    reason: str


def kept(job: ImportJob, limit: int = 50) -> list[Kept]:
    """Return the first of those whom an undo left as they are."""
    rows = list(
        ImportTrace.objects.filter(job=job)
        .exclude(outcome="")
        .order_by("pk")
        .values_list("subscriber_id", "outcome")[:limit]
    )
    people = Subscriber.objects.in_bulk([number for number, _ in rows])
    return [Kept(people.get(number), reason) for number, reason in rows]


def step(job: ImportJob) -> int:
    """Return the step of the wizard that an import is at."""
    return _STEPS[ImportState(job.state)]


def refused_sample(job: ImportJob) -> list[RefusedRow]:
    """Return some refused rows, in the order of the file."""
    return list(RefusedRow.objects.filter(job=job).order_by("line")[:SAMPLE])


def refused_rows(job: ImportJob) -> Iterator[tuple[int, str, list[str]]]:
    """Stream the refused rows: line, reason, original cells."""
    rows = RefusedRow.objects.filter(job=job).order_by("line").values_list("line", "reason", "row")
    yield from rows.iterator(chunk_size=2_000)

"""Reading imports: how they stand, and which rows were refused."""

from collections.abc import Iterator
from uuid import UUID

from django.db.models import QuerySet

from ..models import ImportJob, ImportState, RefusedRow

SAMPLE = 10
_STEPS = {
    ImportState.UPLOADED: 2,
    ImportState.CHECKING: 3,
    ImportState.READY: 3,
    ImportState.FAILED: 3,
    ImportState.CANCELLED: 3,
    ImportState.RUNNING: 4,
    ImportState.DONE: 5,
}


def recent(limit: int = 100) -> QuerySet[ImportJob]:
    """Return the newest imports."""
    return ImportJob.objects.select_related("mailing_list", "created_by").defer("preview")[:limit]


def access_import(public_id: UUID) -> ImportJob:
    """Return an import; ImportJob.DoesNotExist when there is none."""
    return ImportJob.objects.select_related("mailing_list", "created_by").get(public_id=public_id)


def is_open(job: ImportJob) -> bool:
    """Return whether its mapping can still be changed."""
    return job.state in {ImportState.UPLOADED, ImportState.READY, ImportState.FAILED}


def is_working(job: ImportJob) -> bool:
    """Return whether a worker is, or will be, at it."""
    return job.state in {ImportState.CHECKING, ImportState.RUNNING}


def unfinished() -> list[ImportJob]:
    """Return the imports that a worker should be at."""
    return list(ImportJob.objects.filter(state__in=(ImportState.CHECKING, ImportState.RUNNING)))


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

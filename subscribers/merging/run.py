"""The two passes of an import over its file: the dry run, and the import itself, which may be taken up again."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import structlog
from django.db import connection, transaction

from mailplatform.core import clock

from ..importing.errors import FileRefusedError
from ..models import ImportJob, ImportState, RefusedRow
from ..services import fields, segments
from . import sorting
from .merge import CHUNK, Merge
from .staging import Staging, staged

log = structlog.get_logger(__name__)
SAMPLE_ROWS = 10
SAMPLE_REFUSED = 20
# One worker per import: a task that was delivered twice must not stage and merge beside the first.
_LOCK_CLASS = 7320


@contextmanager
def alone_with(job: ImportJob) -> Iterator[bool]:
    """Hold the lock of this job for the session; yield False where another worker has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCK_CLASS, job.pk])
        got = bool(cursor.fetchone()[0])
    try:
        yield got
    finally:
        if got:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK_CLASS, job.pk])


def check_job(*, job_id: int) -> None:
    """Dry run: read the whole file, compare it with the people we know, change nothing but the job.

    Ends in state ready, or in failed with the reason in words. Does nothing unless the job is being checked.
    """
    job = ImportJob.objects.filter(pk=job_id, state=ImportState.CHECKING).first()
    if job is None:
        return
    with _answering(job), alone_with(job) as mine:
        if mine and _is_still(job, ImportState.CHECKING):
            with staged(job) as staging:
                _note_findings(job, staging)


def _note_findings(job: ImportJob, staging: Staging) -> None:
    update = job.options.get("existing", "update") == "update"
    list_id = job.mailing_list_id or 0
    counts = sorting.sort_rows(after=0, upto=staging.total, list_id=list_id, update=update)
    sample = _sample()
    staging.store_set_aside()
    preview = {
        "new": counts.new,
        "changed": counts.changed,
        "same": counts.same,
        "without_basis": counts.without_basis,
        "refused": RefusedRow.objects.filter(job=job).count(),
        "reasons": _reasons(job),
        "sample": sample,
        "warnings": staging.warnings,
        "choices": {key: list(seen) for key, seen in staging.choices.items()},
    }
    ImportJob.objects.filter(pk=job.pk, state=ImportState.CHECKING).update(
        state=ImportState.READY, preview=preview, rows_total=staging.total, rows_refused=preview["refused"]
    )


def _sample() -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT line, email, name, fields, kind, basis, consent_at::date::text FROM import_staging"
            " WHERE reason IS NULL ORDER BY seq LIMIT %s",
            [SAMPLE_ROWS],
        )
        names = ("line", "email", "name", "fields", "kind", "basis", "consent_at")
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in rows:
        row["fields"] = " · ".join(
            f"{key}: {_text(value)}" for key, value in json.loads(row["fields"]).items()
        )
    return rows


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _reasons(job: ImportJob) -> list[list[Any]]:
    """Return the reasons of the refused rows with their counts, the most frequent first."""
    counter: Counter[str] = Counter()
    for reason in RefusedRow.objects.filter(job=job).values_list("reason", flat=True).iterator():
        kind = (
            "the same address stands in an earlier line" if reason.startswith("the same address") else reason
        )
        counter[kind] += 1
    return [list(pair) for pair in counter.most_common(SAMPLE_REFUSED)]


def run_job(*, job_id: int) -> None:
    """Import: read the file again and merge it in chunks, each one transaction.

    A run that was killed goes on after its last whole chunk. Ends in state done, or failed with the reason.
    """
    job = ImportJob.objects.filter(pk=job_id, state=ImportState.RUNNING).first()
    if job is None:
        return
    with _answering(job), alone_with(job) as mine:
        if mine and _is_still(job, ImportState.RUNNING):
            with staged(job) as staging:
                _merge(job, staging)
            forget_file(job)


def _is_still(job: ImportJob, state: ImportState) -> bool:
    """Read the job again under its lock: another worker may have ended it since."""
    job.refresh_from_db()
    return job.state == state


def forget_file(job: ImportJob) -> None:
    """Remove the file of an import that is over, and the rows shown of it: an erasure could not reach them.

    What was in it stays provable by its SHA-256.
    """
    job.refresh_from_db()
    job.mapping, job.preview = {**job.mapping, "sample": []}, {**job.preview, "sample": []}
    job.save(update_fields=["mapping", "preview", "updated_at"])
    transaction.on_commit(partial(job.file.storage.delete, str(job.file.name)), robust=True)


def _merge(job: ImportJob, staging: Staging) -> None:
    _make_fields(job, staging)
    fields.ensure_tags(names=sorted(staging.tags))
    ImportJob.objects.filter(pk=job.pk).update(rows_total=staging.total)
    merge = Merge(job)
    for after in range(job.rows_done, staging.total, CHUNK):
        merge.run_chunk(after, min(after + CHUNK, staging.total))
    staging.store_set_aside()
    for key in job.options.get("create_segments", []):
        segments.ensure_for_field(key=key, values=list(staging.choices.get(key, ())))
    ImportJob.objects.filter(pk=job.pk, state=ImportState.RUNNING).update(
        state=ImportState.DONE,
        finished_at=clock.now(),
        rows_done=staging.total,
        rows_refused=RefusedRow.objects.filter(job=job).count(),
    )
    log.info("import_done", job=job.pk, rows=staging.total)


def _make_fields(job: ImportJob, staging: Staging) -> None:
    for column in job.mapping["columns"]:
        key = column["target"].removeprefix("field:") if column["target"].startswith("field:") else ""
        if key:
            fields.ensure_field(
                key=key,
                label=_label(column["name"]),
                field_type=column["type"],
                choices=staging.choices.get(key, ()),
            )
        elif column["target"] in {"first_name", "last_name"}:
            fields.ensure_field(
                key=column["target"], label=column["target"].replace("_", " ").capitalize(), field_type="text"
            )


def _label(name: str) -> str:
    """Return a column's name as a label: ``first_order`` → ``First order``; what has capitals stays as it is."""
    return name if name != name.lower() else name.replace("_", " ").strip().capitalize()


@contextmanager
def _answering(job: ImportJob) -> Iterator[None]:
    """Turn what stops an import into its state and words; what nobody foresaw is raised on for the log."""
    try:
        yield
    except (FileRefusedError, fields.FieldError) as error:
        _fail(job, str(error))
    except FileNotFoundError:
        _fail(job, "The uploaded file is gone. Upload it again.")
    except Exception:
        _fail(job, "Something went wrong on our side. Nothing of the current part was imported; try again.")
        raise


def _fail(job: ImportJob, message: str) -> None:
    ImportJob.objects.filter(pk=job.pk, state__in=(ImportState.CHECKING, ImportState.RUNNING)).update(
        state=ImportState.FAILED, error=message[:500], finished_at=clock.now()
    )

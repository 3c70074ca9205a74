"""The two passes of an import over its file: the dry run, and the import itself, which may be taken up again."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from django.db import connection, transaction

from mailplatform.aws.storage import STORAGE_ERRORS
from mailplatform.core import clock

from ..importing.columns import MAX_CHOICE_VALUES
from ..importing.errors import FileRefusedError
from ..models import ImportJob, ImportKind, ImportState, RefusedRow
from ..services import fields, segments
from . import lanes, order_merge, order_table, order_undo, policy, sorting, suppressing, undo
from . import table as staging_table
from .merge import CHUNK, Merge
from .refusals import reasons_of
from .staging import Staging

log = structlog.get_logger(__name__)
SAMPLE_ROWS = 10
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
        if not mine or not _is_still(job, ImportState.CHECKING):
            return
        {
            ImportKind.PEOPLE: _check_people,
            ImportKind.ORDERS: order_merge.check,
            ImportKind.SUPPRESSION: suppressing.check,
        }[ImportKind(job.kind)](job)


def _check_people(job: ImportJob) -> None:
    staging = Staging(job)
    staging.fill()
    _note_findings(job, staging)


def _note_findings(job: ImportJob, staging: Staging) -> None:
    params = {
        "job": job.pk,
        "policy": job.options.get("existing", policy.OVERWRITE),
        "list": job.mailing_list_id or 0,
    }
    counts, sample, changes = sorting.Counts(), list[dict[str, Any]](), list[dict[str, Any]]()
    for after in range(0, staging.total, CHUNK):
        with transaction.atomic(), connection.cursor() as cursor:
            part = {**params, "after": after, "upto": after + CHUNK}
            counts += sorting.compare(cursor, part)
            if len(sample) < SAMPLE_ROWS:
                sample += sorting.sample(cursor, part, SAMPLE_ROWS - len(sample))
            if len(changes) < SAMPLE_ROWS:
                changes += sorting.differences(cursor, part, SAMPLE_ROWS - len(changes))
    staging.store_set_aside()
    preview = {
        "new": counts.new,
        "changed": counts.changed,
        "same": counts.same,
        "without_basis": counts.without_basis,
        "refused": RefusedRow.objects.filter(job=job).count(),
        "reasons": reasons_of(job),
        "sample": _readable(sample),
        "changes": changes,
        "warnings": staging.warnings,
        "hints": staging.hints.found(),
        "choices": _choices(job),
        "staged": staging_table.count(job.pk),
    }
    ImportJob.objects.filter(pk=job.pk, state=ImportState.CHECKING).update(
        state=ImportState.READY, preview=preview, rows_total=staging.total, rows_refused=preview["refused"]
    )


def _choices(job: ImportJob) -> dict[str, list[str]]:
    """The values found for the custom fields of the mapping that hold one or several of a set of values."""
    keys = [
        column["target"].removeprefix("field:")
        for column in job.mapping["columns"]
        if column["target"].startswith("field:") and column["type"] in {"choice", "list"}
    ]
    return staging_table.choices(job.pk, keys, MAX_CHOICE_VALUES)


def _readable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for row in rows:
        row["fields"] = " · ".join(
            f"{key}: {_text(value)}" for key, value in json.loads(row["fields"]).items()
        )
    return rows


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def run_job(*, job_id: int) -> None:
    """Import: read the file again and merge it in chunks, each one transaction.

    A run that was killed goes on after its last whole chunk. Ends in state done, or failed with the reason.
    """
    job = ImportJob.objects.filter(pk=job_id, state=ImportState.RUNNING).first()
    if job is None:
        return
    with _answering(job), alone_with(job) as mine:
        if mine and _is_still(job, ImportState.RUNNING):
            {
                ImportKind.PEOPLE: _merge_people,
                ImportKind.ORDERS: order_merge.run,
                ImportKind.SUPPRESSION: suppressing.run,
            }[ImportKind(job.kind)](job)
            forget_file(job)


def undo_job(*, job_id: int) -> None:
    """Take an import back, chunk by chunk; a run that was killed goes on after its last whole chunk."""
    job = ImportJob.objects.filter(pk=job_id, state=ImportState.UNDOING).first()
    if job is None:
        return
    with alone_with(job) as mine:
        if mine and _is_still(job, ImportState.UNDOING):
            (order_undo if job.kind == ImportKind.ORDERS else undo).undo_chunks(job)
            forget_file(job)


def _staged_again(job: ImportJob) -> Staging:
    """The rows of the dry run; read from the file once more where a crash of Postgres emptied their table."""
    staging = Staging(job)
    if staging_table.count(job.pk) == job.preview.get("staged"):
        staging.total = job.rows_total
    else:
        log.warning("import_staged_again", job=job.pk)
        staging.fill()
    return staging


def _is_still(job: ImportJob, state: ImportState) -> bool:
    """Read the job again under its lock: another worker may have ended it since."""
    job.refresh_from_db()
    return job.state == state


def forget_file(job: ImportJob) -> None:
    """Remove the file of an import that is over, and the rows shown of it: an erasure could not reach them.

    What was in it stays provable by its SHA-256.
    """
    job.refresh_from_db()
    job.mapping, job.preview = {**job.mapping, "sample": []}, {**job.preview, "sample": [], "changes": []}
    job.save(update_fields=["mapping", "preview", "updated_at"])
    staging_table.clear(job.pk)
    order_table.clear(job.pk)
    storage, name = job.file.storage, str(job.file.name)
    transaction.on_commit(lambda: storage.delete(name), robust=True)


def _merge_people(job: ImportJob) -> None:
    staging = _staged_again(job)
    choices = _choices(job) if staging.was_filled else job.preview["choices"]
    _make_fields(job, choices)
    fields.ensure_tags(names=staging_table.tags(job.pk))
    ImportJob.objects.filter(pk=job.pk).update(rows_total=staging.total)
    merge = Merge(job, CHUNK)
    starts = range(job.rows_done, staging.total, CHUNK)
    chunks = [(after, min(after + CHUNK, staging.total)) for after in starts]
    if len(chunks) > 1 and not connection.in_atomic_block:
        lanes.merge_all(chunks, merge.run_chunk)
    else:
        for after, upto in chunks:
            merge.run_chunk(after, upto)
    staging.store_set_aside()
    for key in job.options.get("create_segments", []):
        segments.ensure_for_field(key=key, values=choices.get(key, []))
    ImportJob.objects.filter(pk=job.pk, state=ImportState.RUNNING).update(
        state=ImportState.DONE,
        finished_at=clock.now(),
        rows_done=staging.total,
        rows_refused=RefusedRow.objects.filter(job=job).count(),
    )
    log.info("import_done", job=job.pk, rows=staging.total)


def _make_fields(job: ImportJob, choices: dict[str, list[str]]) -> None:
    for column in job.mapping["columns"]:
        key = column["target"].removeprefix("field:") if column["target"].startswith("field:") else ""
        if key:
            fields.ensure_field(
                key=key,
                label=_label(column["name"]),
                field_type=column["type"],
                choices=choices.get(key, ()),
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
    except STORAGE_ERRORS:
        log.exception("import_storage_failed", job=job.pk)
        _fail(job, "The storage did not give the file. Try again.")
    except Exception:
        _fail(job, "Something went wrong on our side. Nothing of the current part was imported; try again.")
        raise


def _fail(job: ImportJob, message: str) -> None:
    ImportJob.objects.filter(pk=job.pk, state__in=(ImportState.CHECKING, ImportState.RUNNING)).update(
        state=ImportState.FAILED, error=message[:500], finished_at=clock.now()
    )

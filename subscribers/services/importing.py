"""Imports of people from files: upload → map and declare → dry run → import.

The file is kept in the configured storage. The work itself is in `subscribers.merging`; it runs in a worker
(`start_check`, `start_import`) or, for commands and tests, right here (`check`, `commit`).
"""

import datetime as dt
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock

from .. import tasks
from ..importing import columns as mapping
from ..importing import exports
from ..importing.cells import Cell
from ..importing.columns import Column
from ..importing.containers import NO_ROOM
from ..importing.errors import FileRefusedError
from ..importing.expanding import json_columns
from ..importing.reading import open_table
from ..importing.records import Table
from ..merging import policy, run, suppressing
from ..merging.staging import byte_stream
from ..merging.statement import Statement, StatementError, check_statement
from ..models import CustomField, ImportJob, ImportKind, ImportState, ImportTrace, MailingList, RefusedRow
from ..selectors import imports as selector

MAX_FILE = 1_000_000_000  # bytes
KEEP_WAITING = dt.timedelta(days=7)
KEEP_REFUSED = dt.timedelta(days=30)
STORAGE_FOLDERS = ("subscribers/", "suppression/")
SAMPLE_ROWS = 10
GUESS_ROWS = 500
_BLOCK = 1 << 20
_OPEN_STATES = (ImportState.UPLOADED, ImportState.READY, ImportState.FAILED)

_TASKS = {
    ImportState.CHECKING: tasks.check_import,
    ImportState.RUNNING: tasks.run_import,
    ImportState.UNDOING: tasks.undo_import,
}

# What a caller may catch: the file as a whole, the mapping, the declaration.
__all__ = [
    "FileRefusedError",
    "ImportStateError",
    "Statement",
    "StatementError",
    "cancel",
    "check",
    "commit",
    "create_from_storage",
    "create_job",
    "declare",
    "declare_suppression",
    "forget_old",
    "reread",
    "resume_unfinished",
    "start_check",
    "start_import",
    "start_undo",
    "undo",
]


class ImportStateError(Exception):
    """The import is not in the state that this step needs; somebody was faster, or it is over."""


def create_job(
    *,
    file: File[Any],
    file_name: str = "",
    actor: User | None = None,
    mailing_list: MailingList | None = None,
    encoding: str = "",
    delimiter: str = "",
    kind: str = ImportKind.PEOPLE,
) -> ImportJob:
    """Store an uploaded file as a new import with a proposed mapping.

    ``file`` is read twice, in blocks. Raises FileRefusedError, and then stores nothing, for what is no table.
    """
    name = (file_name or file.name or "file").rsplit("/", 1)[-1][-200:]
    if file.size > MAX_FILE:
        message = f"The file is larger than {MAX_FILE // 1_000_000:,} MB. Split it."
        raise FileRefusedError("too_large", message)
    proposal, file_format = _propose(file, encoding, delimiter, kind=kind)
    file.seek(0)
    digest = hashlib.sha256()
    for block in iter(partial(file.read, _BLOCK), b""):
        digest.update(block)
    file.seek(0)
    job = ImportJob(
        kind=kind,
        file_name=name,
        file_sha256=digest.digest(),
        file_format=file_format,
        mapping=proposal,
        mailing_list=mailing_list,
        created_by=actor,
    )
    with transaction.atomic():
        try:
            job.file.save(f"{job.public_id}.{file_format}", file, save=False)
        except OSError as error:
            raise FileRefusedError("storage", NO_ROOM) from error
        job.save()
        audit.record(actor=actor, action="import.uploaded", obj=job, detail={"size": file.size})
    return job


def reread(*, job: ImportJob, encoding: str, delimiter: str, sheet: str = "") -> ImportJob:
    """Read the stored file again with another encoding, delimiter or sheet and propose the mapping anew."""
    with job.file.storage.open(str(job.file.name), "rb") as file:
        proposal, file_format = _propose(file, encoding, delimiter, sheet, kind=job.kind)
    changed = ImportJob.objects.filter(pk=job.pk, state__in=_OPEN_STATES).update(
        mapping=proposal, file_format=file_format, state=ImportState.UPLOADED, error="", options={}
    )
    if not changed:
        raise ImportStateError
    job.refresh_from_db()
    return job


def _propose(
    file: File[Any], encoding: str, delimiter: str, sheet: str = "", *, kind: str = ImportKind.PEOPLE
) -> tuple[dict[str, object], str]:
    stream = byte_stream(file)
    reading: dict[str, Any] = {
        "encoding": encoding,
        "delimiter": delimiter,
        "sheet": sheet,
        "may_lack_header": kind == ImportKind.SUPPRESSION,
    }
    with open_table(stream, **reading) as (table, dialect):
        rows = _first_rows(table)
        expansion = json_columns(table.columns, rows)
    if expansion:
        with open_table(stream, **reading, expansion=expansion) as (table, _):
            rows = _first_rows(table)
    known = dict(CustomField.objects.values_list("key", "type"))
    columns = mapping.match_columns(table.columns, rows, known)
    before = _of_these_refused_rows(table.columns)
    keys = [mapping.field_key(name) for name in table.columns]
    proposal: dict[str, object] = {
        "columns": mapping.to_json(_as_before(columns, before) if before else columns),
        "encoding": dialect.encoding,
        "delimiter": dialect.delimiter,
        "sample": rows[:SAMPLE_ROWS],
        "sheet": dialect.sheet,
        "sheets": dialect.sheets,
        "expansion": expansion,
        "product": exports.product_of(keys),
        "leavers": exports.is_about_leavers(keys),
        "follows": before.pk if before else 0,
    }
    return proposal, dialect.container or dialect.format


def _first_rows(table: Table) -> list[list[Cell]]:
    return [record.cells for record in islice(table.records, GUESS_ROWS) if not record.problem]


def _of_these_refused_rows(names: Sequence[str]) -> ImportJob | None:
    """Return the import whose file of refused rows this is, by its columns; its mapping is proposed again."""
    added = mapping.REFUSED_COLUMNS
    if not set(added) <= set(names):
        return None
    own = [name for name in names if name not in added]
    recent = ImportJob.objects.filter(state=ImportState.DONE, kind=ImportKind.PEOPLE).order_by(
        "-finished_at"
    )[:50]
    return next((job for job in recent if own == _names(job)[: len(own)]), None)


def _names(job: ImportJob) -> list[str]:
    return [column["name"] for column in job.mapping["columns"]]


def _as_before(columns: list[Column], job: ImportJob) -> list[Column]:
    stored = {column.name: column for column in mapping.from_json(job.mapping["columns"])}
    return [stored.get(column.name, column) for column in columns]


def declare(
    *,
    job: ImportJob,
    columns: Sequence[Column],
    statement: Statement,
    mailing_list: MailingList | None = None,
    create_segments: Sequence[str] = (),
    existing: str = policy.OVERWRITE,
    actor: User | None = None,
) -> ImportJob:
    """Fix what the columns mean and on what basis the people may be written to; the dry run comes next.

    ``existing`` is what becomes of the data of people we know, see `merging.policy`.
    ``create_segments`` are keys of choice fields that get one segment per value. Raises MappingError or
    StatementError with words for the person, ImportStateError when the import is running or over.
    """
    mapping.check_mapping(columns)
    targets = {column.target for column in columns}
    check_statement(statement, targets, now=clock.now())
    keys = {column.field_key for column in columns if column.type == "choice"}
    if existing not in policy.POLICIES:
        raise ValueError(existing)
    options = {
        "statement": statement.to_json(),
        "existing": existing,
        "create_segments": [key for key in create_segments if key in keys],
    }
    with transaction.atomic():
        changed = ImportJob.objects.filter(pk=job.pk, state__in=_OPEN_STATES).update(
            mapping={**job.mapping, "columns": mapping.to_json(columns)},
            options=options,
            mailing_list=mailing_list,
            state=ImportState.CHECKING,
            error="",
        )
        if not changed:
            raise ImportStateError
        audit.record(actor=actor, action="import.declared", obj=job, detail={"basis": statement.basis})
    job.refresh_from_db()
    return job


def declare_suppression(
    *,
    job: ImportJob,
    column: int,
    reason: str,
    reason_column: int | None = None,
    detail: str = "",
    actor: User | None = None,
) -> ImportJob:
    """Fix which column holds the addresses (or keyed hashes) of people who must get no mail, and why.

    ``reason_column`` (None for none) wins for its row. Raises MappingError, or ImportStateError.
    """
    width = len(job.mapping["columns"])
    chosen = -1 if reason_column is None else reason_column
    if not 0 <= column < width or not -1 <= chosen < width:
        raise mapping.MappingError("Choose the column that holds the addresses.")
    if reason not in suppressing.REASONS:
        raise mapping.MappingError("Say why these people must get no mail.")
    options = {"column": column, "reason": reason, "reason_column": chosen, "detail": detail[:500]}
    with transaction.atomic():
        changed = ImportJob.objects.filter(
            pk=job.pk, kind=ImportKind.SUPPRESSION, state__in=_OPEN_STATES
        ).update(options=options, state=ImportState.CHECKING, error="")
        if not changed:
            raise ImportStateError
        audit.record(actor=actor, action="import.declared", obj=job, detail={"suppress": reason})
    job.refresh_from_db()
    return job


def create_from_storage(*, key: str, actor: User | None = None, kind: str = ImportKind.PEOPLE) -> ImportJob:
    """Make an import of a file that lies in the storage already, named by its key. Raises FileRefusedError.

    Only keys under `STORAGE_FOLDERS` are read: the storage also holds what other people uploaded.
    """
    name = key.strip().removeprefix("/")
    is_plain = not any(part in {"", ".", ".."} for part in name.split("/")) and "\\" not in name
    if not is_plain or not name.startswith(STORAGE_FOLDERS):
        folders = " or ".join(STORAGE_FOLDERS)
        raise FileRefusedError(
            "bad_key", f"Name a file under {folders}, such as subscribers/subscribers.json."
        )
    try:
        with default_storage.open(name, "rb") as file:
            return create_job(file=file, file_name=name, actor=actor, kind=kind)
    except FileNotFoundError:
        message = f"There is no file {name} in the storage."
        raise FileRefusedError("no_such_file", message) from None
    except OSError as error:
        raise FileRefusedError("storage", f"The storage did not give the file {name}.") from error


def start_check(*, job: ImportJob) -> None:
    """Queue the dry run of a declared import; if the broker is away, beat queues it later."""
    transaction.on_commit(partial(tasks.check_import.delay, job_id=job.pk), robust=True)


def check(*, job: ImportJob) -> ImportJob:
    """Do the dry run of a declared import now; its findings are in ``job.preview``."""
    run.check_job(job_id=job.pk)
    job.refresh_from_db()
    return job


def start_import(*, job: ImportJob, actor: User | None = None) -> None:
    """Queue the import of a checked file. Raises ImportStateError when it is not ready, or started already."""
    with transaction.atomic():
        _set_running(job, actor)
        transaction.on_commit(partial(tasks.run_import.delay, job_id=job.pk), robust=True)


def commit(*, job: ImportJob, actor: User | None = None) -> ImportJob:
    """Import a checked file now. Raises ImportStateError when it is not ready, or started already."""
    with transaction.atomic():
        _set_running(job, actor)
    run.run_job(job_id=job.pk)
    job.refresh_from_db()
    return job


def _set_running(job: ImportJob, actor: User | None) -> None:
    started = ImportJob.objects.filter(pk=job.pk, state=ImportState.READY).update(
        state=ImportState.RUNNING,
        started_at=clock.now(),
        finished_at=None,
        rows_done=0,
        rows_new=0,
        rows_changed=0,
        rows_unchanged=0,
    )
    if not started:
        raise ImportStateError
    audit.record(actor=actor, action="import.started", obj=job, detail={"rows": job.rows_total})


def start_undo(*, job: ImportJob, actor: User | None = None) -> None:
    """Queue taking an import back. Raises ImportStateError when it is too late, or somebody was faster."""
    with transaction.atomic():
        _set_undoing(job, actor)
        transaction.on_commit(partial(tasks.undo_import.delay, job_id=job.pk), robust=True)


def undo(*, job: ImportJob, actor: User | None = None) -> ImportJob:
    """Take an import back now; `merging.undo` says what that means. Raises as `start_undo`."""
    with transaction.atomic():
        _set_undoing(job, actor)
    run.undo_job(job_id=job.pk)
    job.refresh_from_db()
    return job


def _set_undoing(job: ImportJob, actor: User | None) -> None:
    locked = ImportJob.objects.select_for_update().get(pk=job.pk)
    if selector.undo_until(locked) is None:
        raise ImportStateError
    ImportJob.objects.filter(pk=job.pk).update(state=ImportState.UNDOING, undo={"chunks": 0}, error="")
    audit.record(actor=actor, action="import.undo_started", obj=job)


def resume_unfinished() -> int:
    """Queue the work of every import that is being checked, running or taken back, after a worker or the broker died.

    A worker that is at an import holds its lock, so the second one does nothing. Returns how many were queued.
    """
    jobs = selector.unfinished()
    for job in jobs:
        _TASKS[ImportState(job.state)].delay(job_id=job.pk)
    return len(jobs)


def cancel(*, job: ImportJob, actor: User | None = None) -> None:
    """Give an import up before it started, and remove its file. Raises ImportStateError when it is too late."""
    with transaction.atomic():
        changed = ImportJob.objects.filter(pk=job.pk, state__in=_OPEN_STATES).update(
            state=ImportState.CANCELLED, finished_at=clock.now()
        )
        if not changed:
            raise ImportStateError
        audit.record(actor=actor, action="import.cancelled", obj=job)
        RefusedRow.objects.filter(job=job).delete()
        run.forget_file(job)


def forget_old() -> int:
    """Give up imports that nobody went on with, and drop the refused rows of old ones; return how many.

    A file of people whom we may not even write to is not kept because somebody closed a window.
    """
    now = clock.now()
    waiting = ImportJob.objects.filter(state__in=_OPEN_STATES, updated_at__lt=now - KEEP_WAITING)
    given_up = 0
    for job in waiting:
        with suppress(ImportStateError):
            cancel(job=job)
            given_up += 1
    RefusedRow.objects.filter(job__finished_at__lt=now - KEEP_REFUSED).delete()
    _forget_traces(now)
    return given_up


def _forget_traces(now: dt.datetime) -> None:
    """Former values are kept for the time of the undo alone; the names of whom it left, as long as refused rows."""
    settled = ImportJob.objects.exclude(state__in=selector.WORKING)
    over = settled.exclude(state=ImportState.UNDONE).filter(finished_at__lt=now - selector.UNDO_FOR)
    ImportTrace.objects.filter(job__in=over).delete()
    over.exclude(made=[]).update(made=[])
    old = settled.filter(finished_at__lt=now - KEEP_REFUSED)
    ImportTrace.objects.filter(job__in=old).delete()

"""Dry run, import and undo: started in a worker (`start_…`) or done right here, and taken up again after a crash."""

from django.db import transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock

from ... import tasks
from ...merging import run
from ...models import ImportJob, ImportState
from ...selectors import imports as selector
from .errors import ImportStateError

_TASKS = {
    ImportState.CHECKING: tasks.check_import,
    ImportState.RUNNING: tasks.run_import,
    ImportState.UNDOING: tasks.undo_import,
}


def start_check(*, job: ImportJob) -> None:
    """Queue the dry run of a declared import; if the broker is away, beat queues it later."""
    # No `partial`: Django names what failed by `__qualname__`, which that has not.
    transaction.on_commit(lambda: tasks.check_import.delay(job_id=job.pk), robust=True)


def check(*, job: ImportJob) -> ImportJob:
    """Do the dry run of a declared import now; its findings are in ``job.preview``."""
    run.check_job(job_id=job.pk)
    job.refresh_from_db()
    return job


def start_import(*, job: ImportJob, actor: User | None = None) -> None:
    """Queue the import of a checked file. Raises ImportStateError when it is not ready, or started already."""
    with transaction.atomic():
        _set_running(job, actor)
        transaction.on_commit(lambda: tasks.run_import.delay(job_id=job.pk), robust=True)


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
        transaction.on_commit(lambda: tasks.undo_import.delay(job_id=job.pk), robust=True)


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

"""Queued work of the app: ids in, one call each. Delivered twice, each does nothing the second time."""

from typing import Any

from celery import shared_task

from . import bulk
from .merging import run


@shared_task(name="subscribers.check_import")
def check_import(*, job_id: int, **_: Any) -> None:
    """Dry run of an import."""
    run.check_job(job_id=job_id)


@shared_task(name="subscribers.run_import")
def run_import(*, job_id: int, **_: Any) -> None:
    """Import a file."""
    run.run_job(job_id=job_id)


@shared_task(name="subscribers.undo_import")
def undo_import(*, job_id: int, **_: Any) -> None:
    """Take an import back."""
    run.undo_job(job_id=job_id)


@shared_task(name="subscribers.run_bulk")
def run_bulk(*, job_id: int, **_: Any) -> None:
    """Do one act over many people."""
    bulk.run(job_id=job_id)

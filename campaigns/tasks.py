"""Queued work of campaigns: tools of the services. Messages carry the id of a run and nothing else."""

from typing import Any

from celery import shared_task

from .sending import drain, prepare


@shared_task(name="campaigns.prepare_run", ignore_result=True)
def prepare_run(*, run_id: int, **_: Any) -> None:
    """Get a launched run ready, then let it be drained."""
    if prepare.prepare(run_id):
        drain_run.delay(run_id=run_id)


@shared_task(name="campaigns.drain_run", ignore_result=True)
def drain_run(*, run_id: int, **_: Any) -> None:
    """Send a slice of a run for a few minutes, then hand over to the next."""
    if drain.drain(run_id):
        drain_run.delay(run_id=run_id)

"""Queued work of campaigns: tools of the services. Messages carry the id of a run or a campaign and nothing else."""

from typing import Any, Final

import structlog
from celery import Task, shared_task
from kombu.exceptions import OperationalError

from . import outside
from .models import Campaign
from .selectors import sending as selectors
from .sending import drain, prepare, timing

log = structlog.get_logger(__name__)

# A message that no worker took for so long is dropped: beat has sent another one, or nobody needs it any more.
EXPIRES_S: Final = max(30.0, timing.DRAIN_S / 2)


class Reissued(Task):  # type: ignore[type-arg]  # celery's own class is generic only for its type checker
    """A task whose need stands in Postgres: where the broker is away, beat sends it later."""

    abstract = True

    def apply_async(self, *args: Any, **kwargs: Any) -> Any:
        """Enqueue; a broker that is away is logged, not raised."""
        try:
            return super().apply_async(*args, **kwargs)
        except (OperationalError, OSError) as error:
            log.warning("tasks.not_enqueued", task=self.name, error=str(error))
            return None


@shared_task(name="campaigns.prepare_run", base=Reissued, ignore_result=True)
def prepare_run(*, run_id: int, **_: Any) -> None:
    """Get a launched run ready, then let it be drained."""
    if prepare.prepare(run_id):
        enqueue_drains()


@shared_task(name="campaigns.drain_run", base=Reissued, ignore_result=True, expires=EXPIRES_S)
def drain_run(*, run_id: int, **_: Any) -> None:
    """Send a slice of a run for a few minutes, then hand over to the next."""
    if drain.drain(run_id):
        enqueue_drains()


@shared_task(name="campaigns.look_outside", base=Reissued, ignore_result=True, expires=outside.LOOKS_S)
def look_outside(*, campaign_id: int, **_: Any) -> None:
    """Look whether a campaign's links answer, while somebody reviews it."""
    campaign = Campaign.objects.select_related("template", "sender").filter(pk=campaign_id).first()
    if campaign is not None:
        outside.look(campaign)


def enqueue_drains() -> None:
    """Queue as many drains as are missing, first for the runs that have none at all."""
    at_work = selectors.runs_at_work()
    for run in at_work:
        for _ in range(run.missing):
            drain_run.delay(run_id=run.run_id)

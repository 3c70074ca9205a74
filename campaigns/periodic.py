"""What beat does for campaigns: takes up what was left, starts what is due. Each may run twice at once."""

from typing import Any

import structlog
from celery import shared_task

from mailplatform.aws import errors, session

from . import tasks
from .selectors import sending as selectors
from .sending import quota, recover
from .services import hosted_mails, recurring, runs, starting, telling, template_keeping, thinning, welcoming

log = structlog.get_logger(__name__)


@shared_task(name="campaigns.reissue", ignore_result=True)
def reissue(**_: Any) -> None:
    """Send the runs on that nobody works on: a worker died, a message was lost, Redis was emptied."""
    for run_id in selectors.runs_to_prepare():
        tasks.prepare_run.delay(run_id=run_id)
    tasks.enqueue_drains()


@shared_task(name="campaigns.recover", ignore_result=True)
def recover_leases(**_: Any) -> None:
    """Take over calls and batches whose worker did not come back."""
    found = recover.recover()
    if found.calls or found.batches:
        log.warning("sending.recovered", calls=found.calls, people=found.people, batches=found.batches)


@shared_task(name="campaigns.start_due", ignore_result=True)
def start_due(**_: Any) -> None:
    """Launch scheduled campaigns, and go on with those that waited for the daily quota."""
    starting.start_due()
    runs.resume_after_quota()


@shared_task(name="campaigns.repeat", ignore_result=True)
def repeat_due(**_: Any) -> None:
    """Make the copies of campaigns that repeat; they start as all scheduled campaigns do."""
    recurring.make_due()


@shared_task(name="campaigns.tell_owners", ignore_result=True)
def tell_owners(**_: Any) -> None:
    """Write to owners whose campaign is finished, paused or failed, and to colleagues who are asked to approve."""
    telling.tell_owners()


@shared_task(name="campaigns.refresh_account", ignore_result=True)
def refresh_account(**_: Any) -> None:
    """Keep the account's rate and quota fresh for the pages, also when nothing is sent."""
    try:
        quota.refresh()
    except (errors.AccountUnreadableError, session.AwsConfigurationError) as error:
        log.warning("sending.account_unreadable", error=str(error))


@shared_task(name="campaigns.keep_versions", ignore_result=True)
def keep_versions(**_: Any) -> None:
    """Copy published templates to the storage."""
    template_keeping.keep_versions()


@shared_task(name="campaigns.thin_ledger", ignore_result=True)
def thin_ledger(**_: Any) -> None:
    """Let go of the calls and batches of runs that ended long ago; deliveries stay."""
    thinning.thin_ledger()


@shared_task(
    name="campaigns.send_owed_mails", base=tasks.Reissued, ignore_result=True, expires=tasks.EXPIRES_S
)
def send_owed_mails(**_: Any) -> None:
    """Send the mails that readers asked for on hosted pages; also started by the page, so that nobody waits."""
    hosted_mails.send_due()


@shared_task(name="campaigns.greet_newcomers", ignore_result=True)
def greet_newcomers(**_: Any) -> None:
    """Send the welcome mail to whoever confirmed a sign-up."""
    welcoming.greet_newcomers()

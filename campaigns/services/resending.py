"""Try those once more who failed: a run of its own, with the same content, for exactly these people."""

from django.db import transaction
from django.db.models import Max

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock

from .. import tasks
from ..models import Campaign, CampaignState, Run, RunPurpose, RunState
from ..selectors import failed, restores
from ..sending import states


class StillSending(Exception):
    """The run, or another run of its campaign, is not over: whoever failed may not be all."""


class SendingLocked(Exception):
    """The database was restored, and nobody unlocked sending yet."""


class NobodyFailed(Exception):
    """There is nobody to try again."""


class AlreadyRetried(Exception):
    """Those who failed were given another try before; `run` is that try. A second click ends here."""

    def __init__(self, run: Run) -> None:
        self.run = run
        super().__init__("Those who failed are being tried again already.")


class NumberChanged(Exception):
    """Since the person looked, the number of those who failed has changed."""


@transaction.atomic
def retry_failed(*, run_id: int, actor: User | None, confirmed_count: int | None = None) -> Run:
    """Launch another run for the failed people of a run that is over; returns it, preparing.

    Content, sender and tracking are those of the first; whether each may be mailed is asked again, and whether an event
    told meanwhile that they have the mail. Raises SendingLocked, StillSending, NobodyFailed, AlreadyRetried,
    NumberChanged; nothing is changed then.
    """
    if restores.is_locked():
        raise SendingLocked(restores.LOCKED)
    campaign = Campaign.objects.select_for_update(of=("self",)).get(runs__pk=run_id)
    source = Run.objects.get(pk=run_id)
    before = failed.retry_of(source)
    if before is not None:
        raise AlreadyRetried(before)
    if source.state != RunState.SENT or campaign.runs.filter(state__in=states.UNFINISHED).exists():
        raise StillSending("This can be done once the campaign has been sent.")
    found = failed.count(run_id)
    if not found.people:
        raise NobodyFailed("Nobody failed in this campaign.")
    if confirmed_count is not None and confirmed_count != found.people:
        raise NumberChanged(
            f"You confirmed {confirmed_count:,} people, but {found.people:,} failed. Please look again."
        )
    run = _create(source, actor)
    Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.PREPARING, updated_at=clock.now())
    detail = {"run": run.pk, "source": source.pk, "people": found.people, "doubtful": found.doubtful}
    audit.record(actor=actor, action="campaign.failed_retried", obj=campaign, detail=detail)
    transaction.on_commit(lambda: tasks.prepare_run.delay(run_id=run.pk))
    return run


def _create(source: Run, actor: User | None) -> Run:
    newest = Run.objects.filter(campaign=source.campaign_id).aggregate(number=Max("number"))["number"] or 0
    return Run.objects.create(
        campaign_id=source.campaign_id,
        number=newest + 1,
        purpose=RunPurpose.FAILED,
        source_run=source,
        template_version_id=source.template_version_id,
        frozen=source.frozen,
        launched_by=actor,
        launched_at=clock.now(),
    )

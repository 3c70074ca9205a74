"""Launch, pause, resume, cancel: what people (and the safety stop) do with a run."""

import datetime as dt
from typing import Any, Final

import structlog
from django.db import transaction
from django.db.models import Max

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit, installation
from mailplatform.aws import errors, session
from mailplatform.core import clock
from subscribers.selectors import audience

from .. import tasks
from ..models import Campaign, CampaignKind, CampaignState, PauseReason, Run, RunState, TemplateVersion
from ..rendering import Level
from ..sending import quota, states
from . import preflight, publishing

log = structlog.get_logger(__name__)

# A server restored from an old backup must not send what was due long ago.
LATEST_START: Final = dt.timedelta(hours=24)
_LAUNCHABLE: Final = frozenset({CampaignState.DRAFT.value, CampaignState.SCHEDULED.value})


class AlreadyLaunched(Exception):
    """The campaign is launched, or was: a second launch would mail people twice."""


class NobodyToSend(Exception):
    """Nobody in the audience may be mailed."""


class NotReady(Exception):
    """Something blocks the launch; `items` says what and where to mend it."""

    def __init__(self, items: list[preflight.Item]) -> None:
        self.items = items
        super().__init__(" ".join(item.message for item in items))


class AudienceChanged(Exception):
    """Since the person looked, the number of people who get the mail has changed."""

    def __init__(self, confirmed: int, eligible: int) -> None:
        self.confirmed, self.eligible = confirmed, eligible
        super().__init__(
            f"You confirmed {confirmed:,} people, but {eligible:,} would get the mail now. Please look again."
        )


class NotDue(Exception):
    """The campaign does not wait for a start any more, or not yet."""


class NotPossible(Exception):
    """The run is in a state in which this cannot be done."""


def launch(
    *,
    campaign: Campaign,
    actor: User | None,
    confirmed_count: int | None = None,
    only_if_due: bool = False,
) -> Run:
    """Freeze what is sent and prepare it. `confirmed_count` is what the person saw.

    With `only_if_due` the campaign must still be scheduled, for a time that has come: somebody may have taken it
    back, or moved it, since it was found. Raises AlreadyLaunched, NobodyToSend, NotReady, AudienceChanged, NotDue;
    nothing is changed then.
    """
    with transaction.atomic():
        locked = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
        if locked.state not in _LAUNCHABLE:
            raise AlreadyLaunched(f"“{locked.name}” is already {locked.get_state_display().lower()}.")
        if only_if_due and not _is_due(locked):
            raise NotDue(f"“{locked.name}” was taken back or moved.")
        _check(locked, confirmed_count)
        version = publishing.version_for_campaign(campaign=locked, actor=actor)
        run = _create_run(locked, version, actor)
        Campaign.objects.filter(pk=locked.pk).update(
            state=CampaignState.PREPARING, scheduled_at=None, updated_at=clock.now()
        )
        audit.record(actor=actor, action="campaign.launched", obj=locked, detail={"run": run.pk})
        transaction.on_commit(lambda: tasks.prepare_run.delay(run_id=run.pk))
    campaign.refresh_from_db()
    return run


def pause_run(*, run_id: int, by: str, reason: str, actor: User | None = None) -> bool:
    """Stop the next cut; what is in flight is recorded. `by` is a PauseReason. False if not sending."""
    with transaction.atomic():
        paused = states.pause(run_id, by=PauseReason(by), reason=reason)
        if paused:
            _audit(run_id, actor, "campaign.paused", {"by": by, "reason": reason})
    return paused


def resume_run(*, run_id: int, actor: User | None = None) -> None:
    """Go on where the run stopped. Raises NotPossible when it is not paused."""
    with transaction.atomic():
        if not states.resume(run_id):
            raise NotPossible("Only a paused campaign can be resumed.")
        _audit(run_id, actor, "campaign.resumed", {})
        transaction.on_commit(lambda: tasks.drain_run.delay(run_id=run_id))


def cancel_run(*, run_id: int, actor: User | None = None) -> None:
    """Stop for good: everybody not yet mailed becomes `skipped`. Raises NotPossible when it is over already."""
    with transaction.atomic():
        before = Run.objects.filter(pk=run_id).values_list("audience", flat=True).first()
        if not states.cancel(run_id):
            raise NotPossible("This campaign is over already.")
        _audit(run_id, actor, "campaign.cancelled", {"audience": before})


def start_due() -> list[int]:
    """Launch the campaigns whose time has come; returns the ids of their runs. For beat."""
    now = clock.now()
    due = Campaign.objects.filter(state=CampaignState.SCHEDULED, scheduled_at__lte=now, archived_at=None)
    return [run.pk for campaign in due.order_by("scheduled_at", "pk") if (run := _start(campaign, now))]


def resume_after_quota() -> list[int]:
    """Let runs go on that waited for the daily quota, once the account has room again. For beat."""
    waiting = Run.objects.filter(
        state=RunState.PAUSED, paused_by=PauseReason.QUOTA, not_before__lte=clock.now()
    )
    found = list(waiting.values_list("pk", flat=True))
    if not found:
        return []
    try:
        room = quota.room(quota.refresh())
    except (errors.AccountUnreadableError, session.AwsConfigurationError) as error:
        log.warning("sending.account_unreadable", error=str(error))
        return []
    if room is not None and room < 1:
        return []
    for run_id in found:
        resume_run(run_id=run_id)
    return found


def _start(campaign: Campaign, now: dt.datetime) -> Run | None:
    assert campaign.scheduled_at is not None
    if now - campaign.scheduled_at > LATEST_START:
        _give_up(campaign, "It was due more than 24 hours ago; please schedule it again.")
        return None
    try:
        return launch(campaign=campaign, actor=None, only_if_due=True)
    except (AlreadyLaunched, NotDue):
        return None
    except (NobodyToSend, NotReady, publishing.NoTemplate, publishing.NotPublishable) as error:
        _give_up(campaign, str(error))
        return None


def _is_due(campaign: Campaign) -> bool:
    is_waiting = campaign.state == CampaignState.SCHEDULED and campaign.archived_at is None
    return is_waiting and campaign.scheduled_at is not None and campaign.scheduled_at <= clock.now()


def _give_up(campaign: Campaign, reason: str) -> None:
    """Back to the draft, to be mended; `steps_done["not_started"]` tells the page why."""
    steps = {name: value for name, value in campaign.steps_done.items() if name != "grace"}
    with transaction.atomic():
        moved = Campaign.objects.filter(pk=campaign.pk, state=CampaignState.SCHEDULED).update(
            state=CampaignState.DRAFT,
            scheduled_at=None,
            steps_done={**steps, "not_started": reason},
            updated_at=clock.now(),
        )
        if moved:
            audit.record(actor=None, action="campaign.not_started", obj=campaign, detail={"reason": reason})


def _check(campaign: Campaign, confirmed_count: int | None) -> None:
    try:
        found = preflight.check(campaign)
    except audience.SegmentBrokenError as error:
        item = preflight.Item(Level.BLOCKING, "segment_broken", str(error), preflight.TO)
        raise NotReady([item]) from error
    # A scheduled campaign starts when its time is past.
    blocking = [item for item in found.blocking if item.code != "time_past"]
    if any(item.code == "nobody" for item in blocking):
        raise NobodyToSend("Nobody in this audience may be mailed.")
    if blocking:
        raise NotReady(blocking)
    if confirmed_count is not None and confirmed_count != found.audience.eligible:
        raise AudienceChanged(confirmed_count, found.audience.eligible)


def _create_run(campaign: Campaign, version: TemplateVersion, actor: User | None) -> Run:
    newest = campaign.runs.aggregate(number=Max("number"))["number"] or 0
    return Run.objects.create(
        campaign=campaign,
        number=newest + 1,
        template_version=version,
        frozen=_frozen(campaign),
        launched_by=actor,
        launched_at=clock.now(),
    )


def _frozen(campaign: Campaign) -> dict[str, Any]:
    """Everything that the workers need and nobody may change afterwards."""
    site = installation.get()
    sender = campaign.sender
    assert sender is not None
    template = campaign.template
    assert template is not None
    # Mails that are no marketing are never tracked.
    marketing = campaign.kind == CampaignKind.MARKETING
    segments = list(campaign.segments.values_list("pk", flat=True))
    return {
        "kind": campaign.kind,
        "sender": {"name": sender.name, "address": sender.address, "reply_to": sender.reply_to},
        "subject": campaign.subject or template.subject,
        "preheader": campaign.preheader or template.preheader,
        "variables": publishing.campaign_variables(campaign),
        "track_opens": marketing and campaign.track_opens,
        "track_clicks": marketing and campaign.track_clicks,
        "list_ids": list(campaign.lists.values_list("pk", flat=True)),
        "segment_ids": segments,
        "excluded_list_ids": list(campaign.excluded_lists.values_list("pk", flat=True)),
        "excluded_segment_ids": list(campaign.excluded_segments.values_list("pk", flat=True)),
        "segment_chosen": bool(segments),
        "company": site.company,
        "postal_address": site.postal_address,
        "public_url": installation.public_url(site),
        "rate_limit": campaign.rate_limit,
    }


def _audit(run_id: int, actor: User | None, action: str, detail: dict[str, Any]) -> None:
    campaign = Campaign.objects.get(runs__pk=run_id)
    audit.record(actor=actor, action=action, obj=campaign, detail={"run": run_id, **detail})

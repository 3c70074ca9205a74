"""Launch, pause, resume, cancel: what people (and the safety stop) do with a run.

What beat starts by itself is in `services.starting`.
"""

from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import structlog
from django.db import transaction
from django.db.models import Max

from mailplatform.accounts import vault
from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit, installation
from mailplatform.aws import errors, session
from mailplatform.core import clock
from subscribers.selectors import audience

from .. import own_links, tasks, utm
from ..models import Campaign, CampaignState, PauseReason, Run, RunState, TemplateVersion
from ..rendering import Level
from ..selectors import attachments, restores
from ..selectors import campaigns as selectors
from ..sending import quota, states
from . import checklist, preflight, publishing

log = structlog.get_logger(__name__)

_LAUNCHABLE: Final = frozenset({CampaignState.DRAFT.value, CampaignState.SCHEDULED.value})


class AlreadyLaunched(Exception):
    """The campaign is launched, or was: a second launch would mail people twice."""


class NobodyToSend(Exception):
    """Nobody in the audience may be mailed."""


class NotReady(Exception):
    """Something blocks the launch; `items` says what and where to mend it."""

    def __init__(self, items: list[checklist.Item]) -> None:
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
        if only_if_due and not selectors.is_due(locked, selectors.trusted_now()):
            raise NotDue(f"“{locked.name}” was taken back or moved.")
        _check(locked, actor, confirmed_count)
        versions = publishing.versions_for_campaign(campaign=locked, actor=actor)
        run = _create_run(locked, versions, actor)
        Campaign.objects.filter(pk=locked.pk).update(
            state=CampaignState.PREPARING,
            scheduled_at=None,
            local_start_at=None,
            missed_at=None,
            updated_at=clock.now(),
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


def resume_run(*, run_id: int, actor: User | None = None, only_by: PauseReason | None = None) -> None:
    """Go on where the run stopped. Raises NotPossible when it is not paused, or not by `only_by` where that is named.

    Nor may it go on while a restored database is locked, or does not know who of the run got the mail since its backup.
    """
    with transaction.atomic():
        if restores.is_locked():
            raise NotPossible(restores.LOCKED)
        if people := restores.in_doubt(run_id):
            raise NotPossible(
                f"The database was restored, and {people:,} people may have got this mail after its backup. "
                "Decide about the unresolved people first."
            )
        if not states.resume(run_id, only_by=only_by):
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
    except (errors.AccountUnreadableError, session.AwsConfigurationError, vault.SecretUnreadable) as error:
        log.warning("sending.account_unreadable", error=str(error))
        return []
    if room is not None and room < 1:
        return []
    return [run_id for run_id in found if _resumes(run_id)]


def _resumes(run_id: int) -> bool:
    """While Amazon was asked, a person may have resumed the run, and somebody else paused it: that pause stands."""
    try:
        resume_run(run_id=run_id, only_by=PauseReason.QUOTA)
    except NotPossible as error:
        log.info("sending.not_resumed", run=run_id, error=str(error))
        return False
    return True


def _check(campaign: Campaign, actor: User | None, confirmed_count: int | None) -> None:
    try:
        found = preflight.check(campaign, actor=actor)
    except audience.SegmentBrokenError as error:
        item = checklist.Item(Level.BLOCKING, "segment_broken", str(error), checklist.TO)
        raise NotReady([item]) from error
    # A scheduled campaign starts when its time is past.
    blocking = [item for item in found.blocking if item.code != "time_past"]
    if any(item.code == "nobody" for item in blocking):
        raise NobodyToSend("Nobody in this audience may be mailed.")
    if blocking:
        raise NotReady(blocking)
    if confirmed_count is not None and confirmed_count != found.audience.eligible:
        raise AudienceChanged(confirmed_count, found.audience.eligible)


def _create_run(campaign: Campaign, versions: dict[str, TemplateVersion], actor: User | None) -> Run:
    newest = campaign.runs.aggregate(number=Max("number"))["number"] or 0
    return Run.objects.create(
        campaign=campaign,
        number=newest + 1,
        template_version=versions[""],
        frozen=frozen_content(campaign)
        | {"versions": {language: version.pk for language, version in versions.items()}}
        | _links(campaign, versions)
        | _local_time(campaign),
        launched_by=actor,
        launched_at=clock.now(),
        due_at=selectors.due_at(campaign) if campaign.state == CampaignState.SCHEDULED else None,
    )


def _links(campaign: Campaign, versions: dict[str, TemplateVersion]) -> dict[str, Any]:
    """The parameters of links, and with them the campaign's values that are addresses of links."""
    parameters = publishing.link_parameters(campaign)
    if not parameters:
        return {}
    values = utm.tag_variables(
        publishing.campaign_variables(campaign),
        parameters,
        parts=[
            part
            for version in versions.values()
            for part in (own_links.without_own_links(version.html), version.text)
        ],
        own_host=urlsplit(installation.public_url()).hostname or "",
    )
    return {"utm": parameters, "variables": values}


def _local_time(campaign: Campaign) -> dict[str, str]:
    """The wall time at which each person gets it in their own zone; nothing where all get it at once."""
    if not selectors.is_local(campaign) or campaign.scheduled_at is None:
        return {}
    wall = campaign.scheduled_at.astimezone(ZoneInfo(campaign.schedule_zone)).replace(tzinfo=None)
    return {"local_at": wall.isoformat(), "local_zone": installation.get().time_zone}


def frozen_content(campaign: Campaign) -> dict[str, Any]:
    """Everything that the workers need and nobody may change afterwards."""
    site = installation.get()
    sender = campaign.sender
    assert sender is not None
    template = campaign.template
    assert template is not None
    segments = list(campaign.segments.values_list("pk", flat=True))
    return {
        "kind": campaign.kind,
        "sender": {"name": sender.name, "address": sender.address, "reply_to": sender.reply_to},
        "subject": campaign.subject or template.subject,
        "preheader": campaign.preheader or template.preheader,
        "variables": publishing.campaign_variables(campaign),
        "track_opens": publishing.tracks_opens(campaign),
        "track_clicks": publishing.tracks_clicks(campaign),
        "carrier": site.tracking_carrier,
        "list_ids": list(campaign.lists.values_list("pk", flat=True)),
        "segment_ids": segments,
        "excluded_list_ids": list(campaign.excluded_lists.values_list("pk", flat=True)),
        "excluded_segment_ids": list(campaign.excluded_segments.values_list("pk", flat=True)),
        "segment_chosen": bool(segments),
        "company": site.company,
        "postal_address": site.postal_address,
        "public_url": installation.public_url(site),
        "rate_limit": campaign.rate_limit,
        **({"attachments": found} if (found := attachments.frozen(campaign)) else {}),
    }


def _audit(run_id: int, actor: User | None, action: str, detail: dict[str, Any]) -> None:
    campaign = Campaign.objects.get(runs__pk=run_id)
    audit.record(actor=actor, action=action, obj=campaign, detail={"run": run_id, **detail})

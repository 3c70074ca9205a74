"""Send now with a moment to undo, send at a chosen time, and take either back. Beat does the launching."""

import datetime as dt
from typing import Final

from django.db import transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock

from ..models import Campaign, CampaignState
from . import preflight
from .runs import AlreadyLaunched, AudienceChanged, NobodyToSend, NotReady

# Within this time after "Send" nothing leaves, and Undo takes everything back.
GRACE: Final = dt.timedelta(seconds=10)


class NotScheduled(Exception):
    """The campaign does not wait for a time: it was never scheduled, or it has started already."""


class NoTimeChosen(Exception):
    """No time was chosen in the step Schedule."""


@transaction.atomic
def send_now(*, campaign: Campaign, actor: User | None, confirmed_count: int) -> Campaign:
    """Start after the moment of grace. `confirmed_count` is the number that the person saw and confirmed.

    Raises `AlreadyLaunched`, `NobodyToSend`, `NotReady`, `AudienceChanged`.
    """
    locked = _lock_draft(campaign)
    _confirm(locked, confirmed_count, ignore_time=True)
    return _schedule(locked, clock.now() + GRACE, actor, in_grace=True)


@transaction.atomic
def schedule(*, campaign: Campaign, actor: User | None, confirmed_count: int) -> Campaign:
    """Start at the time chosen in the step Schedule. Raises as `send_now`, and `NoTimeChosen`."""
    locked = _lock_draft(campaign)
    if locked.scheduled_at is None:
        raise NoTimeChosen("Choose a time first.")
    _confirm(locked, confirmed_count, ignore_time=False)
    return _schedule(locked, locked.scheduled_at, actor, in_grace=False)


@transaction.atomic
def unschedule(*, campaign: Campaign, actor: User | None) -> Campaign:
    """Back to the draft: nothing has left. Raises `NotScheduled` when it has started already."""
    locked = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
    if locked.state != CampaignState.SCHEDULED:
        raise NotScheduled("This campaign has started already. Pause or cancel it instead.")
    locked.state = CampaignState.DRAFT
    if is_in_grace(locked):
        locked.scheduled_at = None
    locked.steps_done = {k: v for k, v in locked.steps_done.items() if k != "grace"}
    locked.save()
    audit.record(actor=actor, action="campaign.unscheduled", obj=locked)
    return locked


def is_in_grace(campaign: Campaign) -> bool:
    """Whether the campaign waits only for the moment of grace after "Send"."""
    return bool(campaign.steps_done.get("grace"))


def _lock_draft(campaign: Campaign) -> Campaign:
    locked = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
    if locked.state != CampaignState.DRAFT:
        raise AlreadyLaunched(f"“{locked.name}” is already {locked.get_state_display().lower()}.")
    return locked


def _confirm(campaign: Campaign, confirmed_count: int, *, ignore_time: bool) -> None:
    found = preflight.check(campaign)
    blocking = [i for i in found.blocking if not (ignore_time and i.code == "time_past")]
    if any(item.code == "nobody" for item in blocking):
        raise NobodyToSend("Nobody in this audience may be mailed.")
    if blocking:
        raise NotReady(blocking)
    if confirmed_count != found.audience.eligible:
        raise AudienceChanged(confirmed_count, found.audience.eligible)


def _schedule(campaign: Campaign, at: dt.datetime, actor: User | None, *, in_grace: bool) -> Campaign:
    campaign.state = CampaignState.SCHEDULED
    campaign.scheduled_at = at
    campaign.steps_done = {**campaign.steps_done, "schedule": True, "grace": in_grace}
    campaign.save()
    detail = {"at": at.isoformat(), "by_button": in_grace}
    audit.record(actor=actor, action="campaign.scheduled", obj=campaign, detail=detail)
    return campaign

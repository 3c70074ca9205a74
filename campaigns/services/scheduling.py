"""Send now with a moment to undo, send at a chosen time, and take either back. Beat does the launching."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit, installation
from mailplatform.core import clock

from ..models import Campaign, CampaignState
from ..selectors import campaigns as selectors
from ..sending import zones
from . import preflight, sending_settings
from .runs import AlreadyLaunched, AudienceChanged, NobodyToSend, NotReady


class NotScheduled(Exception):
    """The campaign does not wait for a time: it was never scheduled, or it has started already."""


class NoTimeChosen(Exception):
    """No time was chosen in the step Schedule."""


@transaction.atomic
def send_now(*, campaign: Campaign, actor: User | None, confirmed_count: int) -> Campaign:
    """Start after the moment of grace, in which nothing leaves and Undo takes everything back.

    A scheduled campaign that missed its time may be started so, too. `confirmed_count` is the number that the
    person saw and confirmed. Raises `AlreadyLaunched`, `NobodyToSend`, `NotReady`, `AudienceChanged`.
    """
    locked = _lock(campaign, or_missed=True)
    _confirm(locked, actor, confirmed_count, ignore_time=True)
    grace = dt.timedelta(seconds=sending_settings.get().grace_seconds)
    return _schedule(locked, clock.now() + grace, actor, in_grace=True)


@transaction.atomic
def schedule(*, campaign: Campaign, actor: User | None, confirmed_count: int) -> Campaign:
    """Start at the time chosen in the step Schedule. Raises as `send_now`, and `NoTimeChosen`."""
    locked = _lock(campaign)
    if locked.scheduled_at is None:
        raise NoTimeChosen("Choose a time first.")
    _confirm(locked, actor, confirmed_count, ignore_time=False)
    return _schedule(locked, locked.scheduled_at, actor, in_grace=False)


@transaction.atomic
def unschedule(*, campaign: Campaign, actor: User | None) -> Campaign:
    """Back to the draft: nothing has left. Raises `NotScheduled` when it has started already."""
    locked = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
    if locked.state != CampaignState.SCHEDULED:
        raise NotScheduled("This campaign has started already. Pause or cancel it instead.")
    locked.state = CampaignState.DRAFT
    if selectors.is_in_grace(locked) or locked.missed_at:
        locked.scheduled_at = None
    locked.local_start_at = locked.missed_at = None
    locked.steps_done = _without(locked.steps_done, "grace", "missed")
    locked.save()
    audit.record(actor=actor, action="campaign.unscheduled", obj=locked)
    return locked


def first_local_start(campaign: Campaign) -> dt.datetime:
    """When the first time zone of the campaign's people reaches its chosen wall time; never before now.

    Raises `SegmentBrokenError`.
    """
    assert campaign.scheduled_at is not None
    wall = campaign.scheduled_at.astimezone(ZoneInfo(campaign.schedule_zone)).replace(tzinfo=None)
    own = installation.get().time_zone
    found = {zones.instant(wall, zone, fallback=own) for zone in selectors.zones_of_audience(campaign)}
    return max(clock.now(), min(found, default=campaign.scheduled_at))


def _lock(campaign: Campaign, *, or_missed: bool = False) -> Campaign:
    locked = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
    has_missed = locked.state == CampaignState.SCHEDULED and locked.missed_at is not None
    if locked.state != CampaignState.DRAFT and not (or_missed and has_missed):
        raise AlreadyLaunched(f"“{locked.name}” is already {locked.get_state_display().lower()}.")
    return locked


def _confirm(campaign: Campaign, actor: User | None, confirmed_count: int, *, ignore_time: bool) -> None:
    found = preflight.check(campaign, actor=actor)
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
    campaign.missed_at = None
    steps = _without(campaign.steps_done, "missed", "not_started")
    campaign.steps_done = {**steps, "schedule": True, "grace": in_grace}
    campaign.local_start_at = first_local_start(campaign) if selectors.is_local(campaign) else None
    campaign.save()
    detail = {"at": at.isoformat(), "by_button": in_grace}
    audit.record(actor=actor, action="campaign.scheduled", obj=campaign, detail=detail)
    return campaign


def _without(steps: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in steps.items() if name not in names}

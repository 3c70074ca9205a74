"""Send now with a moment to undo, send at a chosen time, and take either back. Beat does the launching."""

import datetime as dt
from typing import Any

from django.db import transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit, installation
from mailplatform.core import clock

from ..models import Campaign, CampaignState
from ..selectors import campaigns as selectors
from ..sending import zones
from . import preflight, sending_settings
from .checklist import Preflight
from .runs import AlreadyLaunched, AudienceChanged, NobodyToSend, NotReady


class NotScheduled(Exception):
    """The campaign does not wait for a time: it was never scheduled, or it has started already."""


class NoTimeChosen(Exception):
    """No time was chosen in the step Schedule."""


class HoursPast(Exception):
    """For some people the chosen hour is past where they are, and nobody said that they get it at once."""

    def __init__(self, people: int) -> None:
        """`people` would get it at once."""
        self.people = people
        whose = "1 person" if people == 1 else f"{people:,} people"
        super().__init__(
            f"For {whose} this hour is past where they are. Confirm that they get it at once, or choose another time."
        )


@transaction.atomic
def send_now(*, campaign: Campaign, actor: User | None, confirmed_count: int) -> Campaign:
    """Start after the moment of grace, in which nothing leaves and Undo takes everything back.

    A scheduled campaign that missed its time may be started so, too. `confirmed_count` is the number that the
    person saw and confirmed. Raises `AlreadyLaunched`, `NobodyToSend`, `NotReady`, `AudienceChanged`.
    """
    locked = _lock(campaign, or_missed=True)
    _confirm(locked, actor, confirmed_count, ignore_time=True)
    return _schedule(locked, _end_of_grace(), actor, in_grace=True)


@transaction.atomic
def schedule(
    *, campaign: Campaign, actor: User | None, confirmed_count: int, confirmed_past: int = 0
) -> Campaign:
    """Start at the time chosen in the step Schedule.

    By local time, `confirmed_past` is of how many people somebody said that they get it at once, because the hour is
    past where they are. Raises as `send_now`, `NoTimeChosen`, and `HoursPast` where it is past for more.
    """
    locked = _lock(campaign)
    if locked.scheduled_at is None:
        raise NoTimeChosen("Choose a time first.")
    found = _confirm(locked, actor, confirmed_count, ignore_time=False)
    if found.hours_past > confirmed_past:
        raise HoursPast(found.hours_past)
    return _schedule(locked, locked.scheduled_at, actor, in_grace=False, at_once=found.hours_past > 0)


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
    """When the first time zone of the campaign's people in which the chosen hour is still to come reaches it.

    Never before the end of the moment of grace. Raises `SegmentBrokenError`.
    """
    wall, own, now = selectors.wall_time(campaign), installation.get().time_zone, clock.now()
    found = {zones.instant(wall, zone, fallback=own) for zone in selectors.zones_of_audience(campaign)}
    return max(_end_of_grace(), min((at for at in found if at > now), default=now))


def _end_of_grace() -> dt.datetime:
    return clock.now() + dt.timedelta(seconds=sending_settings.get().grace_seconds)


def _lock(campaign: Campaign, *, or_missed: bool = False) -> Campaign:
    locked = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
    has_missed = locked.state == CampaignState.SCHEDULED and locked.missed_at is not None
    if locked.state != CampaignState.DRAFT and not (or_missed and has_missed):
        raise AlreadyLaunched(f"“{locked.name}” is already {locked.get_state_display().lower()}.")
    return locked


def _confirm(campaign: Campaign, actor: User | None, confirmed_count: int, *, ignore_time: bool) -> Preflight:
    found = preflight.check(campaign, actor=actor)
    blocking = [i for i in found.blocking if not (ignore_time and i.code == "time_past")]
    if any(item.code == "nobody" for item in blocking):
        raise NobodyToSend("Nobody in this audience may be mailed.")
    if blocking:
        raise NotReady(blocking)
    if confirmed_count != found.audience.eligible:
        raise AudienceChanged(confirmed_count, found.audience.eligible)
    return found


def _schedule(
    campaign: Campaign, at: dt.datetime, actor: User | None, *, in_grace: bool, at_once: bool = False
) -> Campaign:
    """By local time and `at_once`, it starts as soon as it may: some get it although their hour is past."""
    campaign.state = CampaignState.SCHEDULED
    campaign.scheduled_at = at
    campaign.missed_at = None
    steps = _without(campaign.steps_done, "missed", "not_started")
    campaign.steps_done = {**steps, "schedule": True, "grace": in_grace}
    campaign.local_start_at = None
    if selectors.is_local(campaign):
        campaign.local_start_at = _end_of_grace() if at_once else first_local_start(campaign)
    campaign.save()
    detail = {"at": at.isoformat(), "by_button": in_grace}
    audit.record(actor=actor, action="campaign.scheduled", obj=campaign, detail=detail)
    return campaign


def _without(steps: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in steps.items() if name not in names}

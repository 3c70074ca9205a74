"""A campaign that something outside starts: its copy goes out, as each copy of one that repeats does."""

import datetime as dt

from django.db import transaction
from django.utils.formats import date_format

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit, installation

from ..models import Campaign, CampaignState
from ..selectors import approvals, restores
from . import approval, campaigns, sending_settings


class NotStarted(Exception):
    """The campaign was not started; the message says why."""


@transaction.atomic
def start_copy(
    *, campaign: Campaign, due: dt.datetime, now: dt.datetime, actor: User | None = None
) -> Campaign:
    """Schedule a copy of a draft for `due`; the scheduler starts it with all checks of a launch.

    Raises NotStarted where a person would have to be asked first.
    """
    if reason := _reason_not_to(campaign, late=now - due):
        raise NotStarted(reason)
    copy = campaigns.duplicate(campaign=campaign, actor=actor)
    zone = installation.get().time_zone
    copy.name = f"{campaign.name[:100]}, {date_format(due, 'j M Y')}"
    copy.owner, copy.in_archive, copy.local_time = campaign.owner, campaign.in_archive, False
    copy.state, copy.scheduled_at, copy.schedule_zone = CampaignState.SCHEDULED, due, zone
    copy.steps_done = {"schedule": True}
    copy.save()
    approval.hand_on(source=campaign, copy=copy)
    detail = {"at": due.isoformat(), "triggered": str(campaign.public_id)}
    audit.record(actor=actor, action="campaign.scheduled", obj=copy, detail=detail)
    return copy


def _reason_not_to(campaign: Campaign, *, late: dt.timedelta) -> str:
    if restores.is_locked():
        return restores.LOCKED
    settings = sending_settings.get()
    if campaign.archived_at or campaign.state != CampaignState.DRAFT:
        return f"“{campaign.name}” is not a draft: only copies of a draft are started by a schedule."
    if late > dt.timedelta(minutes=settings.late_start_minutes):
        return f"It is {int(late.total_seconds() // 60):,} minutes late, more than Sending settings allow."
    if settings.approval_needed and approvals.approved_by(campaign) is None:
        return f"“{campaign.name}” is not approved."
    return ""

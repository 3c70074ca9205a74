"""What beat starts by itself: campaigns whose time has come, each once, and none that is too late without asking."""

import datetime as dt
from typing import Any

import structlog
from django.db import transaction

from mailplatform.accounts.services import audit
from mailplatform.core import clock

from ..models import Campaign, CampaignState, Run
from ..selectors import campaigns as selectors
from ..selectors import restores
from ..sending import ticks
from . import publishing, runs, sending_settings

log = structlog.get_logger(__name__)


def start_due() -> list[int]:
    """Launch the campaigns whose time has come; returns the ids of their runs.

    One that is late by more than the installation allows, or that was perhaps sent before the database was
    restored from a backup, waits visibly for a person instead. While a restored database is locked, nothing starts.
    May run twice at once.
    """
    if restores.is_locked():
        return []
    now = selectors.trusted_now()
    gap = ticks.look(now)
    found = [_start(campaign, now, gap) for campaign in selectors.due_campaigns(now)]
    ticks.note(now)
    return [run.pk for run in found if run]


def _start(campaign: Campaign, now: dt.datetime, gap: ticks.Gap) -> Run | None:
    due_at = selectors.due_at(campaign)
    assert due_at is not None
    limit = dt.timedelta(minutes=sending_settings.get().late_start_minutes)
    if gap.may_be_sent(due_at) or now - due_at > limit:
        _ask(campaign, now, gap, due_at)
        return None
    try:
        return runs.launch(campaign=campaign, actor=None, only_if_due=True)
    except (runs.AlreadyLaunched, runs.NotDue):
        return None
    except (runs.NobodyToSend, runs.NotReady, publishing.NoTemplate, publishing.NotPublishable) as error:
        _give_up(campaign, str(error))
        return None


def _ask(campaign: Campaign, now: dt.datetime, gap: ticks.Gap, due_at: dt.datetime) -> None:
    """Let the campaign wait for a person; `steps_done["missed"]` tells the page what is known."""
    known: dict[str, Any] = {
        "due_at": due_at.isoformat(),
        "down_since": gap.since.isoformat() if gap.since else "",
        "restored": gap.may_be_sent(due_at),
    }
    with transaction.atomic():
        waiting = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
        if not selectors.is_due(waiting, now):
            return
        waiting.missed_at = now
        waiting.steps_done = {**waiting.steps_done, "missed": known}
        waiting.save(update_fields=["missed_at", "steps_done", "updated_at"])
        audit.record(actor=None, action="campaign.missed", obj=campaign, detail=known)
    log.warning("schedule.missed", campaign=campaign.pk, **known)


def _give_up(campaign: Campaign, reason: str) -> None:
    """Back to the draft, to be mended; `steps_done["not_started"]` tells the page why."""
    steps = {name: value for name, value in campaign.steps_done.items() if name != "grace"}
    with transaction.atomic():
        moved = Campaign.objects.filter(pk=campaign.pk, state=CampaignState.SCHEDULED).update(
            state=CampaignState.DRAFT,
            scheduled_at=None,
            local_start_at=None,
            steps_done={**steps, "not_started": reason},
            updated_at=clock.now(),
        )
        if moved:
            audit.record(actor=None, action="campaign.not_started", obj=campaign, detail={"reason": reason})
